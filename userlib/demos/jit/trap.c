// SPDX-License-Identifier: MIT
/*
 * Calls into code that may not be there any more
 *
 * Code that was reclaimed traps (SIGSEGV), and code that was overwritten may do
 * anything. The signals that it can get lead back to where it was called from. The
 * handler has a stack of its own, in case that the stack pointer is lost.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "trap.h"

#define STACK_BYTES	65536U

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };

static _Thread_local sigjmp_buf trap_back;
static _Thread_local volatile sig_atomic_t trap_armed;
static _Thread_local void *trap_stack;

static void trap_handler(int sig)
{
	static const char what[] = "jit: a signal outside of compiled code\n";
	ssize_t n;

	if (trap_armed)
		siglongjmp(trap_back, sig);
	n = write(STDOUT_FILENO, what, sizeof(what) - 1);
	_exit(n < 0 ? 3 : 1);
}

void trap_install(void)
{
	struct sigaction act = { .sa_handler = trap_handler };
	unsigned int i;

	/* siglongjmp() restores no mask here: the signal must not be blocked. */
	act.sa_flags = SA_ONSTACK | SA_NODEFER;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &act, NULL))
			die("sigaction");
}

void trap_thread_begin(void)
{
	stack_t stack = { .ss_size = STACK_BYTES };

	trap_stack = malloc(STACK_BYTES);
	stack.ss_sp = trap_stack;
	if (!trap_stack || sigaltstack(&stack, NULL))
		die("no stack for signals");
}

void trap_thread_end(void)
{
	stack_t stack = { .ss_flags = SS_DISABLE };

	sigaltstack(&stack, NULL);
	free(trap_stack);
}

bool trap_call(const struct backend *backend, const uint8_t *start, size_t bytes,
	       size_t entry, const struct record *record, struct scratch *scratch,
	       struct verdict *verdict)
{
	if (sigsetjmp(trap_back, 0)) {
		trap_armed = 0;
		return false;
	}
	trap_armed = 1;
	atomic_signal_fence(memory_order_seq_cst);
	*verdict = backend->call(start, bytes, entry, record, scratch);
	atomic_signal_fence(memory_order_seq_cst);
	trap_armed = 0;
	return true;
}
