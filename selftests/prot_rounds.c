// SPDX-License-Identifier: MIT
/*
 * Rounds of PROTECT against threads that access the pages
 *
 * How an access after the return of PROTECT is seen: writers store a rising
 * number, which the protecting thread reads through a second view, that stays
 * open, once when PROTECT has returned and once when the writer has trapped; the
 * two must be the same. Readers count their loads in memory of their own: at
 * most the one that had been made already may be counted after the return.
 *
 * A spinner that traps says so and waits in its handler for the next round.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "prot_rounds.h"

#define MISSED_MS	(3000 * cc_slow())

/* One accessing thread; @n is what it wrote, or how often it has read. */
struct spinner {
	pthread_t thread;
	unsigned int cpu;
	volatile uint64_t *page;
	atomic_ulong n;
	atomic_ulong trapped;	/* the last round that stopped it */
	sigjmp_buf out;
	bool leave;		/* a trap ends the loop, instead of pausing it */
};

static struct {
	atomic_ulong go;	/* the round that runs; 0: stop */
	atomic_bool start;
	struct cc_mem mem;
	unsigned char *alias;	/* a second view, never protected */
	int alias_fd;
	bool reads;
	struct spinner spinner[ROUNDS_MAX_SPINNERS];
	struct sigaction old;
} world;

static __thread struct spinner *self;

static void relax(void)
{
	cc_relax();
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	unsigned long round = atomic_load(&world.go);

	(void)sig;
	(void)info;
	(void)context;
	if (!self)
		_exit(99);	/* nobody else has an excuse */
	/* Release: pairs with the acquire of await_trap(). */
	atomic_store_explicit(&self->trapped, round, memory_order_release);
	if (self->leave || !round)
		siglongjmp(self->out, 1);
	while (atomic_load(&world.go) == round)
		relax();
}

static void spin_write(struct spinner *s)
{
	unsigned long n = atomic_load(&s->n);

	for (;;) {
		*s->page = ++n;
		atomic_store_explicit(&s->n, n, memory_order_relaxed);
	}
}

static void spin_read(struct spinner *s)
{
	unsigned long n = atomic_load(&s->n);

	for (;;) {
		(void)*s->page;
		atomic_store_explicit(&s->n, ++n, memory_order_relaxed);
	}
}

static void *spinner_main(void *arg)
{
	struct spinner *s = arg;

	self = s;
	cc_pin(s->cpu);
	if (!sigsetjmp(s->out, 1)) {
		if (world.reads)
			spin_read(s);
		else
			spin_write(s);
	}
	return NULL;
}

/* ---- set-up --------------------------------------------------------------- */

static int world_open(struct rounds *rounds, uint64_t nr_pages)
{
	struct sigaction act = { .sa_sigaction = on_trap,
				 .sa_flags = SA_SIGINFO | SA_NODEFER };
	int err;

	if (sysconf(_SC_NPROCESSORS_ONLN) < (long)rounds->spinners + 1)
		return -ENOTSUP;
	memset(&world, 0, sizeof(world));
	world.reads = rounds->reads;
	err = cc_mem_data(&world.mem, nr_pages);
	if (err)
		return err;
	world.alias_fd = cc_view(world.mem.zone, CODECACHE_VIEW_DATA);
	if (world.alias_fd < 0)
		return world.alias_fd;
	world.alias = cc_map(world.alias_fd, CODECACHE_VIEW_DATA, nr_pages);
	if (!world.alias)
		return -errno;
	rounds->done = rounds->stale = rounds->missed = 0;
	sigaction(SIGSEGV, &act, &world.old);
	cc_pin(0);
	return 0;
}

static void world_close(void)
{
	uint64_t nr_pages = world.mem.nr_pages;

	sigaction(SIGSEGV, &world.old, NULL);
	munmap(world.alias, nr_pages * cc_page_size());
	close(world.alias_fd);
	cc_mem_close(&world.mem);
}

static volatile uint64_t *page_of(unsigned char *map, unsigned long page)
{
	return (volatile uint64_t *)(map + page * cc_page_size());
}

static int spinner_start(unsigned int i)
{
	struct spinner *s = &world.spinner[i];

	s->cpu = i + 1;
	s->page = page_of(world.mem.map[CODECACHE_VIEW_DATA], i);
	return -pthread_create(&s->thread, NULL, spinner_main, s);
}

static int protect(unsigned long first, unsigned long nr, uint32_t prot)
{
	return cc_protect_run(world.mem.fd[CODECACHE_VIEW_DATA], first, nr,
			      prot);
}

/* ---- a process that protects for us ---------------------------------------- */

struct remote {
	atomic_ulong asked, answered;
	unsigned long nr;
	uint32_t prot;
	int err;
};

static struct remote *remote_start(pid_t *pid)
{
	struct remote *r = mmap(NULL, cc_page_size(), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long n = 0;

	if (r == MAP_FAILED)
		return NULL;
	*pid = cc_fork();
	if (*pid)
		return r;
	for (;;) {
		while (atomic_load(&r->asked) == n)
			sched_yield();	/* the asker's CPU is ours, too */
		n = atomic_load(&r->asked);
		r->err = protect(0, r->nr, r->prot);
		atomic_store(&r->answered, n);
	}
}

static int remote_protect(struct remote *r, unsigned long nr, uint32_t prot)
{
	unsigned long n = atomic_load(&r->asked) + 1;

	r->nr = nr;
	r->prot = prot;
	atomic_store(&r->asked, n);
	while (atomic_load(&r->answered) != n)
		sched_yield();
	return r->err;
}

/* ---- rounds ---------------------------------------------------------------- */

/* False if a spinner goes on accessing for seconds. */
static bool await_trap(struct spinner *s, unsigned long round)
{
	long long since = cc_now_ms();
	unsigned long i;

	for (i = 1; atomic_load_explicit(&s->trapped, memory_order_acquire) !=
		    round; i++) {
		relax();
		if (i % 4096 == 0 && cc_now_ms() - since > MISSED_MS)
			return false;
	}
	return true;
}

static void await_progress(struct spinner *s)
{
	unsigned long n = atomic_load(&s->n);

	while (atomic_load(&s->n) == n)
		relax();
}

/* What can be seen of a spinner's accesses. */
static uint64_t observe(unsigned int i)
{
	return world.reads ? atomic_load(&world.spinner[i].n) :
			     *page_of(world.alias, i);
}

/* Compare what is to be seen now with what was when PROTECT had returned. */
static bool judge(struct rounds *rounds, const uint64_t *seen,
		  unsigned long round)
{
	unsigned int i;
	bool stale = false;

	for (i = 0; i < rounds->spinners; i++) {
		if (!await_trap(&world.spinner[i], round)) {
			rounds->missed++;
			return false;
		}
		if (observe(i) > seen[i] + (world.reads ? 1 : 0))
			stale = true;
	}
	rounds->stale += stale;
	rounds->done++;
	return true;
}

static void stop_spinners(struct rounds *rounds)
{
	unsigned int i;

	/* In the handler with go == 0 they leave; a missed one needs a push. */
	for (i = 0; i < rounds->spinners; i++)
		world.spinner[i].leave = true;
	atomic_store(&world.go, 0);
	/*
	 * A module that is broken on purpose has left translations of entries
	 * that are gone, which munmap() has no reason to flush: mend it, and let
	 * there be entries.
	 */
	cc_set_param("test_skip_flush", 0);
	cc_set_param("test_skip_pending", 0);
	protect(0, world.mem.nr_pages, CC_RW);
	munmap(world.mem.map[CODECACHE_VIEW_DATA],
	       world.mem.nr_pages * cc_page_size());
	world.mem.map[CODECACHE_VIEW_DATA] = NULL;
	for (i = 0; i < rounds->spinners; i++)
		pthread_join(world.spinner[i].thread, NULL);
}

static int revoke_rounds(struct rounds *rounds, struct remote *remote)
{
	uint64_t seen[ROUNDS_MAX_SPINNERS];
	unsigned int i, k = rounds->spinners;
	unsigned long round;
	int err = 0;

	for (round = 1; round <= rounds->nr && !err; round++) {
		atomic_store(&world.go, round);
		for (i = 0; i < k; i++)
			await_progress(&world.spinner[i]);
		err = remote ? remote_protect(remote, k, rounds->prot) :
			       protect(0, k, rounds->prot);
		for (i = 0; i < k; i++)
			seen[i] = observe(i);
		if (!err && !judge(rounds, seen, round))
			break;
		if (!err)
			err = protect(0, k, CC_RW);
	}
	return err;
}

int rounds_revoke(struct rounds *rounds)
{
	struct remote *remote = NULL;
	pid_t pid = 0;
	unsigned int i;
	int err;

	err = world_open(rounds, 16);
	if (err)
		return err;
	if (rounds->remote) {
		remote = remote_start(&pid);
		if (!remote)
			return -ENOMEM;
	}
	atomic_store(&world.go, 1);
	for (i = 0; i < rounds->spinners && !err; i++)
		err = spinner_start(i);
	if (!err)
		err = revoke_rounds(rounds, remote);
	stop_spinners(rounds);
	if (pid) {
		kill(pid, SIGKILL);
		cc_wait(pid);
		munmap(remote, cc_page_size());
	}
	world_close();
	return err;
}

/* ---- first faults ----------------------------------------------------------- */

static void *first_fault_main(void *arg)
{
	struct spinner *s = arg;
	static __thread unsigned long n;
	static __thread unsigned long round;

	self = s;
	s->leave = true;
	cc_pin(s->cpu);
	for (round = 1;; round++) {
		unsigned long go;

		do {
			relax();
			go = atomic_load(&world.go);
		} while (go && go < round);
		if (!go)
			return NULL;
		if (!sigsetjmp(s->out, 1)) {
			s->page = page_of(world.mem.map[CODECACHE_VIEW_DATA],
					  round);
			for (;;)
				*s->page = ++n;
		}
	}
}

/* A different time in each round, within the microseconds that a fault takes. */
static void dawdle(unsigned long round)
{
	unsigned long i;

	for (i = 0; i < round * 7 % 200; i++)
		relax();
}

int rounds_first_fault(struct rounds *rounds)
{
	struct spinner *s = &world.spinner[0];
	unsigned long round;
	uint64_t seen;
	int err;

	rounds->spinners = 1;
	err = world_open(rounds, rounds->nr + 2);
	if (err)
		return err;
	s->cpu = 1;
	atomic_store(&world.go, 1);	/* or it may see 0, and stop, before the first round */
	err = -pthread_create(&s->thread, NULL, first_fault_main, s);
	for (round = 1; !err && round <= rounds->nr; round++) {
		atomic_store(&world.go, round);
		dawdle(round);
		err = protect(round, 1, rounds->prot);
		seen = *page_of(world.alias, round);
		if (!await_trap(s, round)) {
			rounds->missed++;
			break;
		}
		if (*page_of(world.alias, round) != seen)
			rounds->stale++;
		rounds->done++;
	}
	stop_spinners(rounds);
	world_close();
	return err;
}

/* ---- flips ------------------------------------------------------------------ */

static void *flip_main(void *arg)
{
	struct spinner *s = arg;
	static __thread unsigned long n;

	self = s;
	s->leave = true;
	cc_pin(s->cpu);
	sigsetjmp(s->out, 1);	/* every trap comes back to here */
	while (atomic_load(&world.go))
		*s->page = ++n;
	return NULL;
}

int rounds_flip(struct rounds *rounds)
{
	struct spinner *s = &world.spinner[0];
	uint64_t seen;
	unsigned long i;
	int err;

	rounds->spinners = 1;
	err = world_open(rounds, 16);
	if (err)
		return err;
	s->cpu = 1;
	s->page = page_of(world.mem.map[CODECACHE_VIEW_DATA], 0);
	atomic_store(&world.go, 1);
	err = -pthread_create(&s->thread, NULL, flip_main, s);
	while (!err && rounds->done < rounds->nr) {
		err = protect(0, 1, CC_RW);
		dawdle(rounds->done);
		if (!err)
			err = protect(0, 1, rounds->prot);
		seen = *page_of(world.alias, 0);
		for (i = 0; i < 300; i++)
			relax();
		if (*page_of(world.alias, 0) != seen)
			rounds->stale++;
		rounds->done++;
	}
	atomic_store(&world.go, 0);
	pthread_join(s->thread, NULL);
	world_close();
	return err;
}
