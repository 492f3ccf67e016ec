// SPDX-License-Identifier: MIT
/*
 * Runs of the oracle: each in a process of its own, so that one which crashes, or
 * never ends, can be replayed and made shorter like any other
 */
#include "fuzz_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

/* Then it is short enough. */
enum { RUN_MINIMIZE_MS = 120000 };

/* Seconds that an operation may take, less while what hangs is made shorter. */
static int run_patience;

struct run_record *run;

/* The limits, as they are to be when a run has ended, however it has. */
static const char *const run_params[] = { "user_max_pages", "max_held_pages" };
static long long run_limits[ARRAY_LEN(run_params)];

/* Interrupts waitpid(). */
static void run_tick(int sig)
{
	(void)sig;
}

void run_init(void)
{
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction tick = { .sa_handler = run_tick };
	unsigned int i;

	sigaction(SIGALRM, &tick, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	run_patience = CC_PATIENCE_MS / 1000 + 5;
	for (i = 0; i < ARRAY_LEN(run_params); i++)
		run_limits[i] = cc_param(run_params[i]);
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run == MAP_FAILED)
		abort();
}

void run_count(enum run_tally tally)
{
	run->tally[run->op[run->at].type][tally]++;
}

/* ---- in the child -------------------------------------------------------------- */

void m_fail(const char *what, int64_t want, int64_t got)
{
	snprintf(run->what, sizeof(run->what), "%s: expected %lld (%#llx), got %lld (%#llx)",
		 what, (long long)want, (long long)want, (long long)got,
		 (long long)got);
	run->failed = true;
	_exit(1);
}

static void run_begin(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fz_access_init();
	m_world_begin();
}

static void run_op(uint32_t i)
{
	run->at = i;
	run_count(RUN_MADE);
	m_settle_watched();
	run_types[run->op[i].type]->run(&run->op[i]);
}

/* ---- in the parent --------------------------------------------------------------- */

/* Wait for it to end; an operation that takes too long sleeps where it should not. */
static int run_wait(pid_t pid)
{
	uint32_t last = ~0U;
	int status = -1, ticks = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		ticks = last == run->at ? ticks + 1 : 0;
		last = run->at;
		if (ticks < run_patience)
			continue;
		snprintf(run->what, sizeof(run->what), "it does not come to an end");
		run->failed = true;
		kill(pid, SIGKILL);
	}
	return status;
}

/* It has ended well, and has left nothing behind. */
static bool run_ended(pid_t pid)
{
	int status = run_wait(pid);
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(run_params); i++)
		cc_set_param(run_params[i], run_limits[i]);
	if (!status && !cc_nothing_left())
		snprintf(run->what, sizeof(run->what), "something is left");
	else if (status && !run->failed)
		snprintf(run->what, sizeof(run->what), "ended with status %#x",
			 status);
	else if (!status)
		return true;
	run->failed = true;
	return false;
}

bool run_random(uint64_t seed, uint32_t nr)
{
	struct fz_rng r = { seed };
	pid_t pid;

	memset(run, 0, offsetof(struct run_record, tally));
	pid = fork();
	if (pid)
		return run_ended(pid);
	run_begin();
	while (run->nr < nr && run->nr < RUN_OPS) {
		fz_op_make(run_types, &r, &run->op[run->nr++]);
		run_op(run->nr - 1);
	}
	m_world_end();
	_exit(0);
}

bool run_again(void)
{
	uint32_t i;
	pid_t pid;

	run->failed = false;
	run->what[0] = 0;
	run->at = 0;
	pid = fork();
	if (pid)
		return run_ended(pid);
	run_begin();
	for (i = 0; i < run->nr; i++) {
		if (run->keep[i])
			run_op(i);
	}
	m_world_end();
	_exit(0);
}

/* ---- making it shorter -------------------------------------------------------------- */

/* The failure that is made shorter: without the numbers. */
static char run_why[RUN_WHAT];

static bool run_same_failure(void)
{
	return !run_again() && !strncmp(run->what, run_why, strlen(run_why));
}

/* Try without the operations from @from to @to; whether it still fails so. */
static bool run_without(uint32_t from, uint32_t to)
{
	bool was[RUN_OPS];
	uint32_t i, some = 0;

	memcpy(was, run->keep, sizeof(was));
	for (i = from; i < to; i++) {
		some += run->keep[i];
		run->keep[i] = false;
	}
	if (some && run_same_failure()) {
		/* What comes after the failure is not needed either. */
		for (i = run->at + 1; i < run->nr; i++)
			run->keep[i] = false;
		return true;
	}
	memcpy(run->keep, was, sizeof(was));
	return false;
}

/* Zeller's and Hildebrandt's delta debugging, without the complements. */
static void run_shorten(uint32_t chunk, long long until)
{
	uint32_t from, to;
	bool shorter;

	do {
		shorter = false;
		for (from = 0; from < run->nr; from = to) {
			to = from + chunk < run->nr ? from + chunk : run->nr;
			if (cc_now_ms() > until)
				return;
			shorter |= run_without(from, to);
		}
	} while (shorter && chunk == 1);
}

void run_minimize(void)
{
	long long until = cc_now_ms() + RUN_MINIMIZE_MS * cc_slow();
	int patience = run_patience;
	uint32_t i, chunk;

	run_patience = 3 * cc_slow();
	snprintf(run_why, sizeof(run_why), "%.*s", (int)strcspn(run->what, ":"),
		 run->what);
	for (i = 0; i < run->nr; i++)
		run->keep[i] = i <= run->at;
	for (chunk = run->nr; chunk; chunk /= 2)
		run_shorten(chunk, until);
	/* For what it says; what hangs on chance may need more than one try. */
	for (i = 0; i < 5 && run_again(); i++)
		;
	run_patience = patience;
}

void run_show(FILE *f)
{
	uint32_t i;

	for (i = 0; i < run->nr; i++) {
		if (!run->keep[i])
			continue;
		fz_op_print(f, run_types, &run->op[i]);
		putc('\n', f);
	}
	fputs("end\n", f);
}

bool run_load(FILE *f)
{
	char line[1024];

	memset(run, 0, offsetof(struct run_record, tally));
	memset(run->keep, 1, sizeof(run->keep));
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "end\n"))
			break;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (run->nr == RUN_OPS ||
		    !fz_op_parse(line, run_types, &run->op[run->nr++])) {
			fprintf(stderr, "# what is %s", line);
			return false;
		}
	}
	return run->nr;
}
