// SPDX-License-Identifier: MIT
/*
 * PROTECT is total: what it forbids has stopped on every CPU when it returns,
 * against stale translations, racing faults, unmapping and exit
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"
#include "prot_rounds.h"

#define LONG	(4 * CC_TIMEOUT)

/* Run, and judge: every round made, no access after the return. */
#define RUN_ROUNDS(fn, ...)						\
	do {								\
		struct rounds rounds = { __VA_ARGS__ };			\
		int err = fn(&rounds);					\
									\
		if (err == -ENOTSUP)					\
			SKIP(return, "%u CPUs are needed",		\
			     rounds.spinners + 1);			\
		ASSERT_EQ(0, err);					\
		TH_LOG("%lu rounds, %lu stale, %lu missed", rounds.done,	\
		       rounds.stale, rounds.missed);			\
		EXPECT_EQ(rounds.nr, rounds.done);			\
		EXPECT_EQ(0, rounds.stale);				\
		EXPECT_EQ(0, rounds.missed);				\
	} while (0)

FIXTURE(race)
{
	unsigned long unused;
};

FIXTURE_SETUP(race)
{
	/* Every object of a round is its own. */
}

FIXTURE_TEARDOWN(race)
{
}

TEST_F_TIMEOUT(race, a_writer_stops_at_once_at_read, LONG)
{
	RUN_ROUNDS(rounds_revoke, .nr = 10000, .prot = CC_R, .spinners = 1);
}

TEST_F_TIMEOUT(race, a_writer_stops_at_once_at_none, LONG)
{
	RUN_ROUNDS(rounds_revoke, .nr = 10000, .prot = CC_NONE, .spinners = 1);
}

TEST_F_TIMEOUT(race, a_reader_stops_at_once_at_none, LONG)
{
	RUN_ROUNDS(rounds_revoke, .nr = 10000, .prot = CC_NONE, .spinners = 1,
		   .reads = true);
}

TEST_F_TIMEOUT(race, writers_on_all_cpus_stop_at_once, LONG)
{
	RUN_ROUNDS(rounds_revoke, .nr = 3000, .prot = CC_NONE, .spinners = 3);
}

TEST_F_TIMEOUT(race, another_process_protects_as_well, LONG)
{
	RUN_ROUNDS(rounds_revoke, .nr = 1000, .prot = CC_R, .spinners = 1,
		   .remote = true);
}

TEST_F_TIMEOUT(race, a_first_fault_cannot_undo_none, LONG)
{
	RUN_ROUNDS(rounds_first_fault, .nr = 3000, .prot = CC_NONE,
		   .spinners = 1);
}

TEST_F_TIMEOUT(race, a_first_fault_cannot_undo_read, LONG)
{
	RUN_ROUNDS(rounds_first_fault, .nr = 3000, .prot = CC_R, .spinners = 1);
}

TEST_F_TIMEOUT(race, a_write_fault_cannot_undo_read, LONG)
{
	RUN_ROUNDS(rounds_flip, .nr = 3000, .prot = CC_R, .spinners = 1);
}

TEST_F_TIMEOUT(race, a_write_fault_cannot_undo_none, LONG)
{
	RUN_ROUNDS(rounds_flip, .nr = 3000, .prot = CC_NONE, .spinners = 1);
}

/* ---- storms: PROTECT against map, unmap and exit ----------------------------- */

#define STORM_PAGES	1200
#define STORM_MS	4000

static struct storm {
	struct cc_mem mem;
	int view;
	atomic_bool stop;
	atomic_ulong protects, maps;
	atomic_int error;
} storm;

static void *storm_protect(void *seed)
{
	unsigned int s = (uintptr_t)seed;
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };

	while (!atomic_load(&storm.stop)) {
		unsigned int first = rand_r(&s) % STORM_PAGES;
		unsigned int nr = 1 + rand_r(&s) % (STORM_PAGES - first);
		int err = cc_protect_run(storm.view, first, nr,
					 prots[rand_r(&s) % 3]);

		if (err)
			atomic_store(&storm.error, err);
		atomic_fetch_add(&storm.protects, 1);
	}
	return NULL;
}

/* Whoever gets the one mapping uses it, and gives it back. */
static void *storm_map(void *seed)
{
	unsigned int s = (uintptr_t)seed;
	unsigned char *map;
	int i;

	while (!atomic_load(&storm.stop)) {
		map = cc_map(storm.view, CODECACHE_VIEW_DATA, STORM_PAGES);
		if (!map) {
			if (errno != EBUSY)
				atomic_store(&storm.error, -errno);
			continue;
		}
		for (i = 0; i < 50; i++)
			cc_store(map + rand_r(&s) % STORM_PAGES *
				 cc_page_size(), i);
		if (munmap(map, STORM_PAGES * cc_page_size()))
			atomic_store(&storm.error, -errno);
		atomic_fetch_add(&storm.maps, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, protect_against_map_and_unmap, LONG)
{
	pthread_t threads[4];
	unsigned int i;

	memset(&storm, 0, sizeof(storm));
	ASSERT_EQ(0, cc_mem_data(&storm.mem, STORM_PAGES));
	storm.view = storm.mem.fd[CODECACHE_VIEW_DATA];
	munmap(storm.mem.map[CODECACHE_VIEW_DATA],
	       STORM_PAGES * cc_page_size());
	storm.mem.map[CODECACHE_VIEW_DATA] = NULL;
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i % 2 ? storm_map : storm_protect,
					    (void *)(uintptr_t)(i + 1)));
	usleep(STORM_MS * 1000);
	atomic_store(&storm.stop, true);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%lu PROTECT calls, %lu mappings", storm.protects, storm.maps);
	EXPECT_EQ(0, atomic_load(&storm.error));
	EXPECT_LT(10, atomic_load(&storm.protects));
	EXPECT_LT(10, atomic_load(&storm.maps));
	cc_mem_close(&storm.mem);
}

/* A child maps the view and writes for as long as it lives. */
static pid_t victim(int view, int ready)
{
	pid_t pid = cc_fork();
	unsigned char *map;
	unsigned int i;

	if (pid)
		return pid;
	/* A PROTECT in flight may keep the last victim's memory for a moment. */
	do {
		map = cc_map(view, CODECACHE_VIEW_DATA, STORM_PAGES);
	} while (!map && errno == EBUSY);
	if (!map)
		_exit(1);
	for (i = 0; i < STORM_PAGES; i++)
		cc_store(map + i * cc_page_size(), 1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (i = 0;; i++)
		cc_store(map + i % STORM_PAGES * cc_page_size(), i);
}

TEST_F_TIMEOUT(race, protect_against_kill, LONG)
{
	const unsigned int rounds = 100;
	struct cc_mem mem;
	pthread_t thread;
	unsigned int i;
	int ready[2];
	char c;

	memset(&storm, 0, sizeof(storm));
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, cc_mem_data(&mem, STORM_PAGES));
	storm.view = mem.fd[CODECACHE_VIEW_DATA];
	munmap(mem.map[CODECACHE_VIEW_DATA], STORM_PAGES * cc_page_size());
	mem.map[CODECACHE_VIEW_DATA] = NULL;
	ASSERT_EQ(0, pthread_create(&thread, NULL, storm_protect,
				    (void *)1UL));
	for (i = 0; i < rounds; i++) {
		pid_t pid = victim(storm.view, ready[1]);

		ASSERT_LT(0, pid);
		ASSERT_EQ(1, poll(&(struct pollfd){ .fd = ready[0],
						    .events = POLLIN },
				  1, CC_PATIENCE_MS));
		ASSERT_EQ(1, read(ready[0], &c, 1));
		usleep(i * 37 % 3000);
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
	}
	atomic_store(&storm.stop, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, atomic_load(&storm.error));
	TH_LOG("%u children killed, %lu PROTECT calls", rounds, storm.protects);
	cc_mem_close(&mem);
	close(ready[0]);
	close(ready[1]);
}

TEST_HARNESS_MAIN
