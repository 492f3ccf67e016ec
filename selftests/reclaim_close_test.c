// SPDX-License-Identifier: MIT
/*
 * Ends: descriptors, mappings and readers that go in every order while extents are
 * retired and reclaimed; readers that are registered and given up by guess
 */
#include "cc_extents.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 256, WRITE = CODECACHE_VIEW_WRITE, EXEC = CODECACHE_VIEW_EXEC };

static unsigned int dice(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

/* ---- everything goes ------------------------------------------------------------ */

/* One of these after the other, in any order. */
enum thing { CACHE, ZONE, WRITE_VIEW, EXEC_VIEW, WRITE_MAP, EXEC_MAP, SHARED,
	     NR_THINGS };

FIXTURE(end)
{
	struct cc_mem mem;
	struct cc_shared shared;
	pthread_t threads[2];
	atomic_bool stop;
	atomic_int error;
	atomic_ulong touches, retired;
};

FIXTURE_SETUP(end)
{
	ASSERT_TRUE(cc_nothing_left());
}

/* In the parent: then nothing of the test holds it. */
FIXTURE_TEARDOWN_PARENT(end)
{
	EXPECT_TRUE(cc_nothing_left());
}

static void *toucher_main(void *arg)
{
	FIXTURE_DATA(end) *self = arg;
	unsigned int seed = 1;

	while (!atomic_load(&self->stop)) {
		size_t at = dice(&seed, PAGES) * cc_page_size();

		cc_load(self->mem.map[dice(&seed, 2) ? EXEC : WRITE] + at, NULL);
		atomic_fetch_add(&self->touches, 1);
	}
	return NULL;
}

/* Until the zone is closed. */
static void *retirer_main(void *arg)
{
	FIXTURE_DATA(end) *self = arg;
	struct codecache_extent e[16];
	unsigned int i;
	int err;

	for (;;) {
		for (i = 0; i < ARRAY_LEN(e); i++)
			e[i] = (struct codecache_extent){ .nr_pages = 1 + i % 3 };
		err = cc_alloc(self->mem.zone, e, ARRAY_LEN(e), 0);
		if (err == -EAGAIN || err == -ENOSPC) {
			err = cc_retire_all(self->mem.zone, NULL);
			usleep(500);
		} else if (!err) {
			for (i = 0; i < ARRAY_LEN(e); i++)
				cc_store(self->mem.map[WRITE] + cc_page_size() *
					 e[i].first_page, i);
			err = cc_retire(self->mem.zone, e, ARRAY_LEN(e), NULL);
			atomic_fetch_add(&self->retired, ARRAY_LEN(e));
		}
		if (err == -EBADF)
			return NULL;
		if (err) {
			atomic_store(&self->error, err);
			return NULL;
		}
	}
}

static void part_with(FIXTURE_DATA(end) *self, enum thing thing)
{
	struct cc_mem *mem = &self->mem;
	size_t bytes = PAGES * cc_page_size();

	switch (thing) {
	case CACHE:
		close(mem->cache);
		break;
	case ZONE:
		close(mem->zone);
		break;
	case WRITE_VIEW:
		close(mem->fd[WRITE]);
		break;
	case EXEC_VIEW:
		close(mem->fd[EXEC]);
		break;
	case WRITE_MAP:
		munmap(mem->map[WRITE], bytes);
		break;
	case EXEC_MAP:
		munmap(mem->map[EXEC], bytes);
		break;
	default:
		cc_unshare(&self->shared);
	}
}

static void part_with_all(FIXTURE_DATA(end) *self, unsigned int *seed)
{
	bool gone[NR_THINGS] = { false };
	unsigned int left, i;

	for (left = NR_THINGS; left; left--) {
		do {
			i = dice(seed, NR_THINGS);
		} while (gone[i]);
		gone[i] = true;
		usleep(dice(seed, 1000));
		part_with(self, i);
	}
}

static int begin(FIXTURE_DATA(end) *self)
{
	int err = cc_mem_extents_code(&self->mem, PAGES);

	if (!err)
		err = cc_share(&self->shared, self->mem.cache);
	atomic_store(&self->stop, false);
	if (!err)
		err = -pthread_create(&self->threads[0], NULL, toucher_main,
				      self);
	if (!err)
		err = -pthread_create(&self->threads[1], NULL, retirer_main,
				      self);
	return err;
}

TEST_F_TIMEOUT(end, in_any_order_leaves_nothing, 2 * CC_TIMEOUT)
{
	unsigned int i, seed = 1, nr = 300 / cc_slow();
	struct ext_reader reader;

	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, begin(self));
		/* Inside, for good: what comes when nobody has the slots is no wait. */
		ASSERT_EQ(0, ext_register(&reader, self->mem.cache,
					  &self->shared));
		if (i % 2)
			ext_enter(&reader);
		usleep(dice(&seed, 3000));
		part_with_all(self, &seed);
		ASSERT_EQ(0, pthread_join(self->threads[1], NULL));
		atomic_store(&self->stop, true);
		ASSERT_EQ(0, pthread_join(self->threads[0], NULL));
		ASSERT_EQ(0, atomic_load(&self->error)) TH_LOG("round %u", i);
		if (i % 50 == 0)
			ASSERT_TRUE(cc_nothing_left()) TH_LOG("round %u", i);
	}
	TH_LOG("%lu retired, %lu touches", atomic_load(&self->retired),
	       atomic_load(&self->touches));
	EXPECT_LT(0, atomic_load(&self->retired));
	EXPECT_LT(0, atomic_load(&self->touches));
}

/* The same by the kernel: kill -9, at any time. */
TEST_F_TIMEOUT(end, by_kill_leaves_nothing, 2 * CC_TIMEOUT)
{
	unsigned int i, seed = 2, nr = 100 / cc_slow();
	struct ext_reader reader;
	pid_t pid;

	for (i = 0; i < nr; i++) {
		pid = cc_fork();
		if (!pid) {
			if (begin(self) ||
			    ext_register(&reader, self->mem.cache, &self->shared))
				_exit(1);
			ext_enter(&reader);
			for (;;)
				pause();
		}
		usleep(dice(&seed, 30000));
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
		if (i % 20 == 0)
			ASSERT_TRUE(cc_nothing_left()) TH_LOG("round %u", i);
	}
}

/* ---- slots by guess --------------------------------------------------------------- */

enum { THREADS = 2, SLOTS = 8 };

FIXTURE(slots)
{
	int cache;
	atomic_bool stop;
	atomic_int error;
	atomic_ulong registered, dropped;
};

FIXTURE_SETUP(slots)
{
	ASSERT_TRUE(cc_nothing_left());
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
}

FIXTURE_TEARDOWN(slots)
{
	close(self->cache);
	EXPECT_TRUE(cc_nothing_left());
}

static void *register_main(void *arg)
{
	FIXTURE_DATA(slots) *self = arg;
	int index;

	while (!atomic_load(&self->stop)) {
		index = cc_reader(self->cache);
		if (index < 0)
			atomic_store(&self->error, index);
		atomic_fetch_add(&self->registered, 1);
		/* Not faster than others can guess. */
		if (index >= SLOTS && !cc_reader_drop(self->cache, index))
			atomic_fetch_add(&self->dropped, 1);
	}
	return NULL;
}

static void *guess_main(void *arg)
{
	FIXTURE_DATA(slots) *self = arg;
	unsigned int i;
	int err;

	for (i = 0; !atomic_load(&self->stop); i++) {
		err = cc_reader_drop(self->cache, i % SLOTS);
		if (!err)
			atomic_fetch_add(&self->dropped, 1);
		else if (err != -ENOENT)
			atomic_store(&self->error, err);
	}
	return NULL;
}

TEST_F_TIMEOUT(slots, may_be_given_up_before_they_are_told, CC_TIMEOUT)
{
	pthread_t threads[2 * THREADS];
	struct codecache_stats_args stats;
	unsigned int i;

	for (i = 0; i < 2 * THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i % 2 ?
					    guess_main : register_main, self));
	usleep(2000000);
	atomic_store(&self->stop, true);
	for (i = 0; i < 2 * THREADS; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%lu registered, %lu given up", atomic_load(&self->registered),
	       atomic_load(&self->dropped));
	EXPECT_EQ(0, atomic_load(&self->error));
	EXPECT_LT(0, atomic_load(&self->dropped));
	ASSERT_EQ(0, cc_stats(self->cache, &stats));
	EXPECT_EQ(atomic_load(&self->registered) - atomic_load(&self->dropped),
		  stats.out_readers);
}

TEST_HARNESS_MAIN
