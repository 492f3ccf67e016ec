// SPDX-License-Identifier: MIT
/*
 * Readers that stay inside for long: they are named, and what they hold is bounded
 */
#include "cc_reclaim.h"

#include <sched.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 64, HELD = 4 };

#define DATA	CODECACHE_VIEW_DATA

/* A data zone with extents; who stays inside for a second stalls. */
FIXTURE(stall)
{
	struct cc_mem mem;
	struct cc_shared shared;
	long long saved;
	uint64_t cookie;
	struct cc_inside in;
};

FIXTURE_SETUP(stall)
{
	ASSERT_TRUE(cc_nothing_left());
	self->saved = cc_param("stall_seconds");
	ASSERT_EQ(10, self->saved);
	ASSERT_EQ(0, cc_set_param("stall_seconds", 1));
	ASSERT_EQ(0, cc_mem_extents_data(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
}

FIXTURE_TEARDOWN(stall)
{
	cc_set_param("stall_seconds", self->saved);
	cc_set_param("max_held_pages", ~0ULL);
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

/* Retire pages that have been used, with a thread inside. */
static int retire_with_reader(FIXTURE_DATA(stall) *self)
{
	long long first = cc_extent(self->mem.zone, HELD), i;
	int err = first < 0 ? first : 0;

	for (i = 0; i < HELD && !err; i++)
		err = cc_store(self->mem.map[DATA] +
			       (first + i) * cc_page_size(), 1);
	if (!err)
		err = cc_inside_start(&self->in, self->mem.cache, &self->shared);
	return err ?: cc_retire_run(self->mem.zone, first, HELD, &self->cookie);
}

static bool is_found(FIXTURE_DATA(stall) *self)
{
	return CC_STAT_BECOMES(self->mem.cache, stalled_readers, 1);
}

TEST_F_TIMEOUT(stall, is_told_by_stats, CC_TIMEOUT)
{
	const int cache = self->mem.cache;
	struct codecache_stats_args s;
	long long since = cc_now_ms();

	ASSERT_EQ(0, retire_with_reader(self));
	EXPECT_EQ(0, CC_STAT(cache, stalled_readers));
	EXPECT_EQ(0, CC_STAT(cache, stalled_tid));
	ASSERT_TRUE(is_found(self));
	EXPECT_LE(900, cc_now_ms() - since);
	ASSERT_EQ(0, cc_stats(cache, &s));
	EXPECT_EQ((uint64_t)atomic_load(&self->in.tid), s.out_stalled_tid);
	EXPECT_LE(1, s.out_stalled_seconds);
	EXPECT_GE((cc_now_ms() - since) / 1000 + 1,
		  (long long)s.out_stalled_seconds);
	EXPECT_EQ(1, s.out_grace_stalls);
	EXPECT_EQ(HELD, s.out_held_pages);
	/* Time goes on, but it is the same section. */
	EXPECT_TRUE(CC_STAT_BECOMES(cache, stalled_seconds,
				    s.out_stalled_seconds + 1));
	EXPECT_EQ(1, CC_STAT(cache, grace_stalls));
	EXPECT_EQ(1, CC_STAT(cache, stalled_readers));
	ASSERT_EQ(0, cc_inside_stop(&self->in));
	ASSERT_EQ(0, cc_grace_wait(cache, self->cookie));
	EXPECT_EQ(0, CC_STAT(cache, stalled_readers));
	EXPECT_EQ(0, CC_STAT(cache, stalled_tid));
	EXPECT_EQ(0, CC_STAT(cache, stalled_seconds));
	/* Another section is another one. */
	ASSERT_EQ(0, retire_with_reader(self));
	ASSERT_TRUE(is_found(self));
	EXPECT_EQ(2, CC_STAT(cache, grace_stalls));
	ASSERT_EQ(0, cc_inside_stop(&self->in));
}

TEST_F_TIMEOUT(stall, readers_that_come_later_do_not, CC_TIMEOUT)
{
	struct cc_inside late;

	ASSERT_EQ(0, retire_with_reader(self));
	ASSERT_EQ(0, cc_inside_start(&late, self->mem.cache, &self->shared));
	ASSERT_TRUE(is_found(self));
	usleep(1200000);
	EXPECT_EQ(1, CC_STAT(self->mem.cache, stalled_readers));
	EXPECT_EQ((long long)atomic_load(&self->in.tid),
		  CC_STAT(self->mem.cache, stalled_tid));
	ASSERT_EQ(0, cc_inside_stop(&late));
	ASSERT_EQ(0, cc_inside_stop(&self->in));
}

TEST_F_TIMEOUT(stall, is_told_by_debugfs_and_tracepoints, CC_TIMEOUT)
{
	static const char since[] = ", in the way for ";
	char dir[CC_PATH], path[CC_PATH + 16], words[64];
	static char text[1 << 16], *at;
	struct codecache_stats_args s;
	bool traced = cc_trace_start();
	int tid;

	ASSERT_EQ(0, retire_with_reader(self));
	ASSERT_TRUE(is_found(self));
	tid = atomic_load(&self->in.tid);
	ASSERT_EQ(0, cc_stats(self->mem.cache, &s));
	ASSERT_EQ(0, cc_debugfs_dir(dir, self->mem.cache, -1, -1));
	snprintf(path, sizeof(path), "%s/readers", dir);
	ASSERT_LT(0, cc_read_file(path, text, sizeof(text)));
	snprintf(words, sizeof(words), "tid %d stall_test", tid);
	EXPECT_NE(NULL, strstr(text, words));
	at = strstr(text, since);
	ASSERT_NE(NULL, at);
	EXPECT_LE(1000, atoi(at + strlen(since)));	/* ms */
	snprintf(path, sizeof(path), "%s/stats", dir);
	EXPECT_EQ(1, cc_value(path, "stalled_readers"));
	EXPECT_EQ(tid, cc_value(path, "stalled_tid"));
	EXPECT_LE(1, cc_value(path, "stalled_seconds"));
	EXPECT_EQ(1, cc_total("stalled_readers"));
	ASSERT_EQ(0, cc_inside_stop(&self->in));
	if (!traced)
		SKIP(return, "this kernel has no tracefs");
	ASSERT_LT(0, cc_trace_stop(text, sizeof(text)));
	snprintf(words, sizeof(words), "cache=%llu tid=%d ms=",
		 (unsigned long long)s.out_id, tid);
	EXPECT_TRUE(cc_traced(text, "codecache_reader_stall", words));
	snprintf(words, sizeof(words), " held_pages=%d", HELD);
	EXPECT_NE(NULL, strstr(text, words));
}

/* Memory that a stalled reader holds does not grow without end. */
TEST_F_TIMEOUT(stall, holds_no_more_than_is_allowed, CC_TIMEOUT)
{
	struct codecache_extent extent = { .nr_pages = HELD };
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)&extent,
		.count = 1,
	};
	int err, i, retired = 0;

	ASSERT_EQ(0, cc_set_param("max_held_pages", 5 * HELD));
	ASSERT_EQ(0, retire_with_reader(self));
	for (i = 0; i < PAGES; i++) {
		err = cc_alloc_call(self->mem.zone, &args);
		if (err)
			break;
		ASSERT_EQ(0, cc_populate(self->mem.fd[DATA], extent.first_page,
					 HELD, CC_RW) - HELD);
		ASSERT_EQ(0, cc_retire(self->mem.zone, &extent, 1, NULL));
		retired++;
	}
	EXPECT_EQ(-EAGAIN, err);
	EXPECT_EQ(5, retired);
	EXPECT_EQ(6 * HELD, CC_STAT(self->mem.cache, held_pages));
	ASSERT_TRUE(is_found(self));
	EXPECT_EQ(-EAGAIN, cc_alloc_call(self->mem.zone, &args));
	/* Who is refused knows whom to ask; once it has left all is well. */
	EXPECT_EQ((long long)atomic_load(&self->in.tid),
		  CC_STAT(self->mem.cache, stalled_tid));
	ASSERT_EQ(0, cc_inside_stop(&self->in));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, args.out_cookie));
	EXPECT_EQ(0, cc_alloc_call(self->mem.zone, &args));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, held_pages));
}

static int ask_from_another_namespace(int cache)
{
	struct codecache_stats_args s;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return 77;
	pid = fork();	/* cc_fork() looks for its parent, who is not there */
	if (!pid)
		_exit(cc_stats(cache, &s) || s.out_stalled_readers != 1 ||
		      s.out_stalled_tid);
	return cc_wait(pid);
}

/* The number of a thread means nothing where the thread cannot be seen. */
TEST_F_TIMEOUT(stall, is_not_named_in_other_pid_namespaces, CC_TIMEOUT)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, retire_with_reader(self));
	ASSERT_TRUE(is_found(self));
	pid = cc_fork();
	if (!pid)
		_exit(ask_from_another_namespace(self->mem.cache));
	status = cc_wait(pid);
	ASSERT_EQ(0, cc_inside_stop(&self->in));
	if (status == 77)
		SKIP(return, "this kernel has no PID namespaces");
	EXPECT_EQ(0, status);
}

/* One who dies while stalled is no trouble any more. */
TEST_F_TIMEOUT(stall, ends_when_the_thread_dies, CC_TIMEOUT)
{
	ASSERT_EQ(0, retire_with_reader(self));
	ASSERT_TRUE(is_found(self));
	self->in.index = -1;	/* it forgets to exit */
	ASSERT_EQ(0, cc_inside_stop(&self->in));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, stalled_readers));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, stalled_tid));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, held_pages));
}

TEST_HARNESS_MAIN
