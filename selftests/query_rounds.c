// SPDX-License-Identifier: MIT
/*
 * Rounds of accesses and QUERY
 *
 * A round: each page is written, read or left alone, at random, half of them by
 * this thread, half by another on a CPU of its own, whose TLB may still know the
 * page as dirty. When both are done the answer must be just that.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "query_rounds.h"

#define FIRST		300	/* within a page table */
#define MARGIN		1024	/* pages that nobody asks about, in all */
#define MAX_OUTSIDE	2
#define STORED		(CC_DIRTY | CC_YOUNG)
#define LOADED		CC_YOUNG

/* What a query gives, in memory that is shared with who asks for us. */
struct answer {
	atomic_ulong asked, answered;	/* rounds */
	struct codecache_view_query_args args;
	long long found;
	uint16_t state[];	/* of the window's pages */
};

static struct {
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	unsigned long nr_pages;
	uint16_t *want;		/* of the window's pages */
	struct answer *answer;
	pid_t remote;
	atomic_ulong go, ready;	/* the round that the helper may do, has done */
	atomic_bool stop;
	atomic_uchar written[MARGIN];	/* outside pages */
} world;

static cpu_set_t all_cpus;	/* where we may run otherwise */

static void pin(unsigned int cpu)
{
	cc_pin(cpu % sysconf(_SC_NPROCESSORS_ONLN));
}

/* Let others have the processor, if there are fewer than threads. */
static void relax(void)
{
	static __thread unsigned int n;

	cc_relax();
	if (++n % 64 == 0)
		sched_yield();
}

static volatile unsigned char *page_at(unsigned long page)
{
	return world.map + page * world.page;
}

/* Every second page of the window, from @from on. */
static void access_half(unsigned long from)
{
	unsigned long page;

	for (page = from; page < world.nr_pages; page += 2) {
		if (world.want[page] == STORED)
			(*page_at(FIRST + page))++;
		else if (world.want[page] == LOADED)
			(void)*page_at(FIRST + page);
	}
}

static void *helper_main(void *arg)
{
	unsigned long round, go;

	(void)arg;
	pin(1);
	for (round = 1;; round++) {
		do {
			relax();
			go = atomic_load(&world.go);
		} while (go < round && !atomic_load(&world.stop));
		if (go < round)
			return NULL;
		access_half(1);
		atomic_store(&world.ready, round);
	}
}

/* The pages before the window and after it. */
static unsigned long outside_page(unsigned long i)
{
	return i < FIRST ? i : world.nr_pages + i;
}

static void *outside_main(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	unsigned long i;

	pin(1 + seed);
	while (!atomic_load(&world.stop)) {
		/* Half of them, so that the others can be told from these. */
		i = rand_r(&seed) % MARGIN & ~1UL;
		(*page_at(outside_page(i)))++;
		atomic_store(&world.written[i], 1);
		relax();
	}
	return NULL;
}

/* ---- who asks ------------------------------------------------------------------ */

static void ask_now(void)
{
	struct answer *a = world.answer;

	a->found = cc_query_args(world.view, &a->args, a->state);
}

/* Another process, which has the descriptor and not the mapping. */
static pid_t remote_start(void)
{
	struct answer *a = world.answer;
	pid_t pid = cc_fork();
	unsigned long n = 0;

	if (pid)
		return pid;
	pin(2);
	for (;;) {
		while (atomic_load(&a->asked) == n)
			relax();
		n = atomic_load(&a->asked);
		ask_now();
		atomic_store(&a->answered, n);
	}
}

static void ask_remote(unsigned long round)
{
	atomic_store(&world.answer->asked, round);
	while (atomic_load(&world.answer->answered) != round)
		relax();
}

/* ---- set-up -------------------------------------------------------------------- */

static size_t answer_bytes(void)
{
	return sizeof(struct answer) + world.nr_pages * sizeof(uint16_t);
}

static int world_open(const struct query_rounds *rounds)
{
	unsigned long i;
	int err;

	memset(&world, 0, sizeof(world));
	world.nr_pages = rounds->nr_pages;
	world.page = cc_page_size();
	err = cc_mem_data(&world.mem, world.nr_pages + MARGIN);
	if (err)
		return err;
	world.view = world.mem.fd[CODECACHE_VIEW_DATA];
	world.map = world.mem.map[CODECACHE_VIEW_DATA];
	world.want = calloc(world.nr_pages, sizeof(*world.want));
	world.answer = mmap(NULL, answer_bytes(), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!world.want || world.answer == MAP_FAILED)
		return -ENOMEM;
	for (i = 0; i < world.nr_pages + MARGIN; i++)
		*page_at(i) = i;
	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	pin(0);
	err = cc_query_reset(world.view, world.nr_pages + MARGIN);
	if (!err && rounds->remote) {
		world.remote = remote_start();
		err = world.remote < 0 ? -errno : 0;
	}
	return err;
}

static void world_close(void)
{
	if (world.remote > 0) {
		kill(world.remote, SIGKILL);
		cc_wait(world.remote);
	}
	sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
	free(world.want);
	munmap(world.answer, answer_bytes());
	cc_mem_close(&world.mem);
}

/* ---- rounds -------------------------------------------------------------------- */

static void choose(const struct query_rounds *rounds, unsigned int *seed)
{
	unsigned long page;
	unsigned int n;

	for (page = 0; page < world.nr_pages; page++) {
		n = rand_r(seed) % 1000;
		if (n < rounds->stores)
			world.want[page] = STORED;
		else if (n < rounds->stores + rounds->loads)
			world.want[page] = LOADED;
		else
			world.want[page] = 0;
	}
	/* With a dirty page every query has a reason to flush. */
	if (rounds->stores)
		world.want[rand_r(seed) % world.nr_pages] = STORED;
}

static int protect(uint32_t prot)
{
	return cc_protect_run(world.view, FIRST, world.nr_pages, prot);
}

static int ask(struct query_rounds *rounds, unsigned long round)
{
	bool protects = rounds->flags & CODECACHE_QUERY_F_PROTECT;
	int err = rounds->squeeze ? protect(CC_NONE) : 0;

	if (err)
		return err;
	world.answer->args = (struct codecache_view_query_args){
		.flags = rounds->flags,
		.prot = protects ? CC_R : 0,
		.first_page = FIRST,
		.nr_pages = world.nr_pages,
		.find = rounds->find,
		.clear = rounds->find,
	};
	if (world.remote)
		ask_remote(round);
	else
		ask_now();
	if (world.answer->found < 0)
		return world.answer->found;
	rounds->found += world.answer->found;
	return rounds->squeeze || protects ? protect(CC_RW) : 0;
}

static void judge(struct query_rounds *rounds)
{
	const uint16_t *state = world.answer->state;
	unsigned long page;

	for (page = 0; page < world.nr_pages; page++) {
		uint16_t want = world.want[page] & rounds->find;

		if (want & ~state[page])
			rounds->missed++;
		if (state[page] & ~want)
			rounds->extra++;
	}
}

/* What is known of the pages that nobody has asked about. */
static int judge_outside(struct query_rounds *rounds)
{
	unsigned long i;

	for (i = 0; i < MARGIN; i++) {
		long long found = cc_query(world.view, outside_page(i), 1,
					   CC_DIRTY, 0, NULL);

		if (found < 0)
			return found;
		if (found < atomic_load(&world.written[i]))
			rounds->missed++;
		if (found > atomic_load(&world.written[i]))
			rounds->extra++;
	}
	return 0;
}

static int all_rounds(struct query_rounds *rounds)
{
	unsigned int seed = 1;
	unsigned long round;
	int err;

	for (round = 1; round <= rounds->nr; round++) {
		choose(rounds, &seed);
		atomic_store(&world.go, round);
		access_half(0);
		while (atomic_load(&world.ready) != round)
			relax();
		err = ask(rounds, round);
		if (err)
			return err;
		judge(rounds);
		rounds->done++;
	}
	return 0;
}

int query_rounds_exact(struct query_rounds *rounds)
{
	pthread_t threads[1 + MAX_OUTSIDE];
	unsigned int i, n = 0;
	int err;

	rounds->done = rounds->found = rounds->missed = rounds->extra = 0;
	if (rounds->outside > MAX_OUTSIDE)
		return -EINVAL;
	err = world_open(rounds);
	if (err)
		return err;
	err = -pthread_create(&threads[n++], NULL, helper_main, NULL);
	for (; n <= rounds->outside && !err; n++)
		err = -pthread_create(&threads[n], NULL, outside_main,
				      (void *)(uintptr_t)n);
	if (!err)
		err = all_rounds(rounds);
	atomic_store(&world.stop, true);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (!err)
		err = judge_outside(rounds);
	world_close();
	return err;
}
