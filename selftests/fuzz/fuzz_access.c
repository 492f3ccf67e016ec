// SPDX-License-Identifier: MIT
/*
 * Accesses that may trap, and the second thread that makes those which may sleep
 */
#include "fuzz.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- accesses -------------------------------------------------------------- */

static __thread sigjmp_buf fz_escape;
static __thread struct fz_access *volatile fz_current;

static void fz_on_trap(int sig, siginfo_t *info, void *context)
{
	struct fz_access *access = fz_current;

	(void)context;
	if (!access) {		/* our own fault: let it come again and kill */
		signal(sig, SIG_DFL);
		return;
	}
	access->sig = sig;
	access->code = info->si_code;
	access->addr = info->si_addr;
	siglongjmp(fz_escape, 1);
}

static void fz_on_nothing(int sig)
{
	(void)sig;
}

/* Not deferred, so that the mask need not be saved and restored each time. */
void fz_access_init(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	struct sigaction act = {
		.sa_sigaction = fz_on_trap,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	unsigned int i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &act, NULL);
	signal(SIGUSR1, fz_on_nothing);
}

static uint32_t fz_fetch(const void *p)
{
	uint32_t (*fn)(void);

	memcpy(&fn, &p, sizeof(fn));
	return fn();
}

static void fz_access_try(struct fz_access *access)
{
	switch (access->how) {
	case FZ_LOAD:
		access->value = *(volatile unsigned char *)access->p;
		break;
	case FZ_STORE:
		*(volatile unsigned char *)access->p = access->value;
		break;
	case FZ_FETCH:
		access->value = fz_fetch(access->p);
		break;
	case FZ_SYS_READ:
		access->ret = pwrite(access->fd, access->p, access->len, 0);
		break;
	case FZ_SYS_WRITE:
		access->ret = pread(access->fd, access->p, access->len, 0);
		break;
	}
}

void fz_access_run(struct fz_access *access)
{
	access->sig = 0;
	access->ret = 0;
	fz_current = access;
	if (!sigsetjmp(fz_escape, 0)) {
		fz_access_try(access);
		if (access->ret < 0)
			access->ret = -errno;
	}
	fz_current = NULL;
}

/* ---- the second thread ------------------------------------------------------ */

static struct {
	pthread_t thread;
	bool runs;
	sem_t go, done;
	void (*fn)(void *arg);
	void *arg;
	pid_t tid;
} fz_second;

static void *fz_second_main(void *unused)
{
	(void)unused;
	fz_second.tid = gettid();
	sem_post(&fz_second.done);
	for (;;) {
		while (sem_wait(&fz_second.go))
			;
		if (!fz_second.fn)
			return NULL;
		fz_second.fn(fz_second.arg);
		sem_post(&fz_second.done);
	}
}

void fz_thread_renew(void)
{
	if (fz_second.runs) {
		fz_second.fn = NULL;
		sem_post(&fz_second.go);
		pthread_join(fz_second.thread, NULL);
	} else {
		sem_init(&fz_second.go, 0, 0);
		sem_init(&fz_second.done, 0, 0);
	}
	fz_second.runs = true;
	if (pthread_create(&fz_second.thread, NULL, fz_second_main, NULL))
		abort();
	while (sem_wait(&fz_second.done))
		;
}

pid_t fz_thread_tid(void)
{
	return fz_second.tid;
}

void fz_thread_begin(void (*fn)(void *arg), void *arg)
{
	fz_second.fn = fn;
	fz_second.arg = arg;
	sem_post(&fz_second.go);
}

bool fz_thread_done(int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (sem_timedwait(&fz_second.done, &until)) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

void fz_thread_signal(int sig)
{
	pthread_kill(fz_second.thread, sig);
}
