// SPDX-License-Identifier: MIT
/*
 * Traps that are logged: the access is made, and the ring tells which it was;
 * what finds no room there is in the page's LOST mark instead
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 256, ENTRIES = 64, DATA = CODECACHE_VIEW_DATA };

#define W CODECACHE_PROT_WRITE
#define R CODECACHE_PROT_READ

/* A data view whose traps are logged, all RW, and its log. */
FIXTURE(log)
{
	struct cc_mem mem;
	int view;
	unsigned char *p;
	size_t page;
	struct cc_log log;
	struct codecache_log_entry e;
};

FIXTURE_SETUP(log)
{
	ASSERT_EQ(0, cc_mem_trap(&self->mem, DATA, PAGES, CC_RW,
				 CODECACHE_TRAP_LOG, 0));
	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	self->page = cc_page_size();
	ASSERT_EQ(0, cc_log_open(&self->log, self->view, ENTRIES, 0));
}

FIXTURE_TEARDOWN(log)
{
	cc_log_close(&self->log);
	cc_mem_close(&self->mem);
	EXPECT_TRUE(cc_nothing_left());
}

static long long pages_with(FIXTURE_DATA(log) *self, uint32_t prot)
{
	return cc_pages_with(self->mem.cache, self->mem.zone, self->view, prot);
}

static unsigned char *at(FIXTURE_DATA(log) *self, unsigned long page)
{
	return self->p + page * self->page;
}

/* The next entry is of @page and @access, and later than @seq. */
static bool logged(FIXTURE_DATA(log) *self, uint64_t page, uint32_t access,
		   uint64_t seq)
{
	struct codecache_log_entry *e = &self->e;

	return cc_log_next(&self->log, e) && cc_log_valid(&self->log, e) &&
	       e->page == page && e->access == access && e->seq > seq &&
	       e->tid == gettid();
}

static bool nothing_logged(FIXTURE_DATA(log) *self)
{
	return !cc_log_next(&self->log, &self->e);
}

/* ---- one page ----------------------------------------------------------- */

TEST_F_TIMEOUT(log, a_store_is_made_and_logged_once, CC_TIMEOUT)
{
	unsigned char *p = at(self, 5) + 77;
	uint64_t seq;
	int i;

	*p = 1;
	EXPECT_TRUE(nothing_logged(self));
	for (i = 0; i < 3; i++) {
		seq = cc_protect_trap(self->view, 5, 1, CC_R, 0);
		ASSERT_NE(0, seq);
		EXPECT_EQ(0, cc_load(p, NULL));
		EXPECT_TRUE(nothing_logged(self));
		EXPECT_EQ(0, cc_store(p, 10 + i));
		EXPECT_TRUE(logged(self, 5, W, seq));
		EXPECT_EQ(10 + i, *p);
		EXPECT_EQ(0, cc_store(p, 20));
		EXPECT_EQ(0, cc_store(p - 1, 20));
		EXPECT_TRUE(nothing_logged(self));
		EXPECT_EQ(PAGES, pages_with(self, CC_RW));
	}
	EXPECT_EQ(3, cc_log_head(&self->log));
	EXPECT_EQ(0, cc_log_lost(&self->log));
}

TEST_F_TIMEOUT(log, a_load_is_granted_no_more_than_reading, CC_TIMEOUT)
{
	uint64_t seq = cc_protect_trap(self->view, 7, 2, CC_NONE, 0);
	unsigned char value;

	EXPECT_EQ(0, cc_load(at(self, 7), &value));
	EXPECT_TRUE(logged(self, 7, R, seq));
	EXPECT_EQ(1, pages_with(self, CC_R));
	EXPECT_EQ(1, pages_with(self, CC_NONE));
	EXPECT_EQ(0, cc_load(at(self, 7) + 9, &value));
	EXPECT_TRUE(nothing_logged(self));
	seq = self->e.seq;
	EXPECT_EQ(0, cc_store(at(self, 7), 1));
	EXPECT_TRUE(logged(self, 7, W, seq));
	EXPECT_EQ(0, pages_with(self, CC_R));
	/* A store to a NONE page is one entry, not two. */
	seq = self->e.seq;
	EXPECT_EQ(0, cc_store(at(self, 8), 1));
	EXPECT_TRUE(logged(self, 8, W, seq));
	EXPECT_TRUE(nothing_logged(self));
	EXPECT_EQ(PAGES, pages_with(self, CC_RW));
}

TEST_F_TIMEOUT(log, pages_that_were_never_touched_are_logged, CC_TIMEOUT)
{
	uint64_t seq = cc_protect_trap(self->view, 0, PAGES, CC_NONE, 0);

	EXPECT_EQ(0, CC_STAT(self->view, resident_pages));
	EXPECT_EQ(0, cc_store(at(self, 200), 3));
	EXPECT_TRUE(logged(self, 200, W, seq));
	EXPECT_EQ(1, CC_STAT(self->view, resident_pages));
	EXPECT_EQ(PAGES - 1, pages_with(self, CC_NONE));
}

TEST_F_TIMEOUT(log, counters_tell_of_it, CC_TIMEOUT)
{
	cc_protect_trap(self->view, 0, 3, CC_NONE, 0);
	cc_load(at(self, 0), NULL);
	cc_load(at(self, 1), NULL);
	cc_store(at(self, 1), 1);
	EXPECT_EQ(3, CC_STAT(self->view, traps_logged));
	EXPECT_EQ(2, CC_STAT(self->view, traps_read));
	EXPECT_EQ(1, CC_STAT(self->view, traps_write));
	EXPECT_EQ(0, CC_STAT(self->view, traps_lost));
	EXPECT_EQ(0, CC_STAT(self->view, traps_blocked));
}

TEST_F_TIMEOUT(log, fetches_are_logged_in_exec_views, CC_TIMEOUT)
{
	struct codecache_log_entry e;
	struct cc_log log;
	struct cc_mem mem;
	uint64_t seq;
	int exec;

	ASSERT_EQ(0, cc_mem_code(&mem, 4));
	exec = mem.fd[CODECACHE_VIEW_EXEC];
	ASSERT_EQ(0, cc_log_open(&log, exec, 16, 0));
	cc_emit(mem.map[CODECACHE_VIEW_WRITE] + self->page, 42);
	seq = cc_protect_trap(exec, 1, 2, CC_NONE, CC_LOG);
	ASSERT_NE(0, seq);
	EXPECT_EQ(42, cc_run(mem.map[CODECACHE_VIEW_EXEC] + self->page));
	ASSERT_TRUE(cc_log_next(&log, &e));
	EXPECT_TRUE(cc_log_valid(&log, &e));
	EXPECT_EQ(1, e.page);
	EXPECT_EQ(CODECACHE_PROT_EXEC, e.access);
	EXPECT_LT(seq, e.seq);
	EXPECT_EQ(42, cc_run(mem.map[CODECACHE_VIEW_EXEC] + self->page));
	/* The least that allows a load is all that there is. */
	EXPECT_EQ(0, cc_load(mem.map[CODECACHE_VIEW_EXEC] + 2 * self->page,
			     NULL));
	ASSERT_TRUE(cc_log_next(&log, &e));
	EXPECT_EQ(R, e.access);
	EXPECT_FALSE(cc_log_next(&log, &e));
	EXPECT_EQ(4, cc_pages_with(mem.cache, mem.zone, exec, CC_RX));
	cc_log_close(&log);
	cc_mem_close(&mem);
}

TEST_F_TIMEOUT(log, what_the_kind_cannot_grant_is_a_signal, CC_TIMEOUT)
{
	ASSERT_NE(0, cc_protect_trap(self->view, 3, 1, CC_NONE, 0));
	EXPECT_EQ(SIGSEGV, cc_call(at(self, 3), NULL));
	EXPECT_EQ(SIGSEGV, cc_call(at(self, 4), NULL));
	EXPECT_FALSE(cc_log_next(&self->log, &self->e));
	EXPECT_EQ(0, CC_STAT(self->view, traps_logged));
#ifndef __aarch64__	/* whose kernel does not even ask: no VM_EXEC */
	EXPECT_EQ(2, CC_STAT(self->view, traps_exec));
#endif
	EXPECT_EQ(1, pages_with(self, CC_NONE));
}

/* ---- modes per range ---------------------------------------------------- */

TEST_F_TIMEOUT(log, a_range_may_have_a_mode_of_its_own, CC_TIMEOUT)
{
	uint64_t seq;

	ASSERT_NE(0, cc_protect_trap(self->view, 3, 1, CC_R, CC_SIGNAL));
	seq = cc_protect_trap(self->view, 4, 1, CC_R, CC_LOG);
	EXPECT_EQ(SIGSEGV, cc_store(at(self, 3), 1));
	EXPECT_EQ(at(self, 3), (unsigned char *)cc_trap.addr);
	EXPECT_EQ(0, cc_store(at(self, 4), 1));
	EXPECT_TRUE(logged(self, 4, W, seq));
	/* And goes back to the view's when nothing is said. */
	seq = cc_protect_trap(self->view, 3, 1, CC_R, 0);
	EXPECT_EQ(0, cc_store(at(self, 3), 1));
	EXPECT_TRUE(logged(self, 3, W, seq));
	EXPECT_TRUE(nothing_logged(self));
}

TEST_F_TIMEOUT(log, a_view_of_signals_logs_what_it_is_told_to, CC_TIMEOUT)
{
	struct codecache_log_entry e;
	struct cc_mem mem;
	struct cc_log log;
	unsigned char *p;
	uint64_t seq;

	ASSERT_EQ(0, cc_mem_data(&mem, 8));
	p = mem.map[DATA];
	ASSERT_EQ(0, cc_log_open(&log, mem.fd[DATA], 16, 0));
	ASSERT_NE(0, cc_protect_trap(mem.fd[DATA], 0, 8, CC_R, 0));
	seq = cc_protect_trap(mem.fd[DATA], 2, 2, CC_R, CC_LOG);
	EXPECT_EQ(SIGSEGV, cc_store(p + self->page, 1));
	EXPECT_EQ(0, cc_store(p + 2 * self->page, 1));
	EXPECT_EQ(0, cc_store(p + 3 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(p + 4 * self->page, 1));
	ASSERT_TRUE(cc_log_next(&log, &e));
	EXPECT_EQ(2, e.page);
	EXPECT_LT(seq, e.seq);
	ASSERT_TRUE(cc_log_next(&log, &e));
	EXPECT_EQ(3, e.page);
	EXPECT_FALSE(cc_log_next(&log, &e));
	/* The mode lies in wait while all is allowed; PROTECT takes it away. */
	ASSERT_NE(0, cc_protect_trap(mem.fd[DATA], 2, 1, CC_R, 0));
	EXPECT_EQ(SIGSEGV, cc_store(p + 2 * self->page, 1));
	cc_log_close(&log);
	cc_mem_close(&mem);
}

TEST_F_TIMEOUT(log, a_bitmap_sets_the_mode_too, CC_TIMEOUT)
{
	uint64_t bits = 0x5;
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)&bits,
		.count = 3,
		.first_page = 30,
		.prot = CC_R,
		.trap = CC_SIGNAL,
	};

	ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(SIGSEGV, cc_store(at(self, 30), 1));
	EXPECT_EQ(0, cc_store(at(self, 31), 1));
	EXPECT_EQ(SIGSEGV, cc_store(at(self, 32), 1));
	args.trap = CC_LOG;
	ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(0, cc_store(at(self, 30), 1));
	EXPECT_TRUE(logged(self, 30, W, args.out_seq));
	EXPECT_EQ(0, cc_store(at(self, 32), 1));
	EXPECT_TRUE(logged(self, 32, W, args.out_seq));
}

/* ---- the sequence ------------------------------------------------------- */

TEST_F_TIMEOUT(log, numbers_rise_over_calls_and_entries, CC_TIMEOUT)
{
	uint64_t seq, last = 0;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		seq = cc_protect_trap(self->view, i % 9, 1 + i % 3, CC_NONE, 0);
		ASSERT_LT(last, seq);
		ASSERT_EQ(0, cc_store(at(self, i % 9), i));
		ASSERT_TRUE(logged(self, i % 9, W, seq));
		last = self->e.seq;
	}
	EXPECT_EQ(200, cc_log_head(&self->log));
}

/* ---- the ring ----------------------------------------------------------- */

TEST_F_TIMEOUT(log, the_ring_cannot_be_written, CC_TIMEOUT)
{
	void *ring = (void *)self->log.ring;
	const int rw = PROT_READ | PROT_WRITE;

	EXPECT_EQ(SIGSEGV, cc_store(ring, 1));
	EXPECT_EQ(SIGSEGV, cc_store((char *)ring +
				    self->log.ring->entries_offset, 1));
	EXPECT_EQ(-1, mprotect(ring, self->log.ring_bytes, rw));
	EXPECT_EQ(-1, mprotect(ring, self->page, rw));
	EXPECT_EQ(SIGSEGV, cc_store(ring, 1));
	EXPECT_EQ(0, cc_store(self->log.tail, 0));
}

/* QUERY for LOST over the whole view; @lost gets a state per page. */
static long long query_lost(FIXTURE_DATA(log) *self, uint32_t clear,
			    uint16_t lost[PAGES])
{
	return cc_query(self->view, 0, PAGES, CC_LOST, clear, lost);
}

/* Each page was logged or is lost, never both; what is lost is then cleared. */
static bool all_accounted(FIXTURE_DATA(log) *self, unsigned int nr_logged)
{
	uint16_t lost[PAGES], again[PAGES];
	unsigned int i, n = 0;

	if (query_lost(self, 0, again) != PAGES - nr_logged ||
	    query_lost(self, CC_LOST, lost) != PAGES - nr_logged ||
	    query_lost(self, 0, again) != 0)
		return false;
	while (cc_log_next(&self->log, &self->e)) {
		if (!cc_log_valid(&self->log, &self->e) || lost[self->e.page])
			return false;
		lost[self->e.page] = CC_LOST;
		n++;
	}
	for (i = 0; i < PAGES; i++) {
		if (lost[i] != CC_LOST)
			return false;
	}
	return n == nr_logged;
}

TEST_F_TIMEOUT(log, what_finds_no_room_is_marked_lost, CC_TIMEOUT)
{
	unsigned int round, i;

	for (round = 1; round <= 3; round++) {
		ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(0, cc_store(at(self, i * 37 % PAGES), i));
		EXPECT_EQ(round * ENTRIES, cc_log_head(&self->log));
		EXPECT_EQ(round * (PAGES - ENTRIES), cc_log_lost(&self->log));
		EXPECT_EQ(round * (PAGES - ENTRIES),
			  CC_STAT(self->view, traps_lost));
		EXPECT_TRUE(all_accounted(self, ENTRIES));
	}
	EXPECT_EQ(PAGES, pages_with(self, CC_RW));
}

TEST_F_TIMEOUT(log, room_that_is_given_back_is_used, CC_TIMEOUT)
{
	unsigned int i;

	ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
	for (i = 0; i < ENTRIES; i++)
		cc_store(at(self, i), 1);
	EXPECT_EQ(0, cc_log_lost(&self->log));
	cc_store(at(self, i++), 1);
	EXPECT_EQ(1, cc_log_lost(&self->log));
	ASSERT_TRUE(logged(self, 0, W, 0));
	cc_store(at(self, i++), 1);
	cc_store(at(self, i++), 1);
	EXPECT_EQ(2, cc_log_lost(&self->log));
	EXPECT_EQ(ENTRIES + 1, cc_log_head(&self->log));
	/* In order: the new one comes last. */
	for (i = 1; i < ENTRIES; i++)
		ASSERT_TRUE(logged(self, i, W, 0));
	ASSERT_TRUE(logged(self, ENTRIES + 1, W, 0));
	EXPECT_TRUE(nothing_logged(self));
}

TEST_F_TIMEOUT(log, nonsense_in_the_tail_is_a_full_log, CC_TIMEOUT)
{
	static const uint64_t bad[] = { 1, 2, ENTRIES, 1ULL << 31, 1ULL << 32,
		1ULL << 63, ~0ULL, -1ULL - ENTRIES };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ASSERT_NE(0, cc_protect_trap(self->view, i, 1, CC_R, 0));
		atomic_store(self->log.tail, bad[i]);
		ASSERT_EQ(0, cc_store(at(self, i), 1));
		EXPECT_EQ(0, cc_log_head(&self->log));
		EXPECT_EQ(i + 1, cc_log_lost(&self->log));
		EXPECT_LE(0, cc_poll(self->log.fd, 0));
	}
	EXPECT_EQ(ARRAY_LEN(bad), cc_query(self->view, 0, PAGES, CC_LOST,
					   CC_LOST, NULL));
	/* With sense in it the log works again. */
	atomic_store(self->log.tail, 0);
	ASSERT_NE(0, cc_protect_trap(self->view, 0, 1, CC_R, 0));
	ASSERT_EQ(0, cc_store(at(self, 0), 1));
	EXPECT_TRUE(logged(self, 0, W, 0));
	/* Behind by more than there is: full as well. */
	for (i = 0; i < 2 * ENTRIES; i++) {
		cc_protect_trap(self->view, 0, 1, CC_R, 0);
		cc_store(at(self, 0), 1);
		ASSERT_TRUE(logged(self, 0, W, 0));
	}
	atomic_store(self->log.tail, 0);
	cc_protect_trap(self->view, 0, 1, CC_R, 0);
	cc_store(at(self, 0), 1);
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, CC_LOST, CC_LOST, NULL));
}

/* While somebody scribbles there, the ring never says what is not so. */
static void *scribble(void *arg)
{
	FIXTURE_DATA(log) *self = arg;
	unsigned int seed = 1;
	uint64_t i;

	for (i = 0; i < 300000; i++)
		atomic_store(self->log.tail, (uint64_t)rand_r(&seed) <<
			     (i % 33));
	return NULL;
}

TEST_F_TIMEOUT(log, scribbling_in_the_tail_harms_nobody_else, CC_TIMEOUT)
{
	unsigned int i, round;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, self));
	for (round = 0; round < 20; round++) {
		ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(0, cc_store(at(self, i), round));
		ASSERT_EQ((round + 1) * PAGES, cc_log_head(&self->log) +
			  cc_log_lost(&self->log));
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(20 * PAGES, CC_STAT(self->view, traps_logged));
}

TEST_F_TIMEOUT(log, a_view_without_a_log_marks_all_as_lost, CC_TIMEOUT)
{
	struct cc_mem mem;
	uint16_t lost[8];
	unsigned int i;

	ASSERT_EQ(0, cc_mem_trap(&mem, DATA, 8, CC_R, CODECACHE_TRAP_LOG, 0));
	for (i = 0; i < 8; i += 2)
		ASSERT_EQ(0, cc_store(mem.map[DATA] + i * self->page, 1));
	EXPECT_EQ(4, CC_STAT(mem.fd[DATA], traps_lost));
	ASSERT_EQ(4, cc_query(mem.fd[DATA], 0, 8, CC_LOST, CC_LOST, lost));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i % 2 ? 0 : CC_LOST, lost[i]);
	EXPECT_EQ(0, cc_query(mem.fd[DATA], 0, 8, CC_LOST, 0, lost));
	cc_mem_close(&mem);
}

/* ---- poll --------------------------------------------------------------- */

TEST_F_TIMEOUT(log, poll_tells_when_it_is_half_full, CC_TIMEOUT)
{
	unsigned int i;

	ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
	for (i = 0; i < ENTRIES / 2; i++) {
		EXPECT_EQ(0, cc_poll(self->log.fd, 0));
		cc_store(at(self, i), 1);
	}
	EXPECT_EQ(POLLIN, cc_poll(self->log.fd, 0) & POLLIN);
	ASSERT_TRUE(logged(self, 0, W, 0));
	EXPECT_EQ(0, cc_poll(self->log.fd, 0));
	cc_store(at(self, i), 1);
	EXPECT_EQ(POLLIN, cc_poll(self->log.fd, 0) & POLLIN);
}

static long poll_thread(void *unused, size_t fd)
{
	(void)unused;
	return cc_poll(fd, 2 * CC_PATIENCE_MS);
}

TEST_F_TIMEOUT(log, a_sleeping_poller_wakes_at_the_threshold, CC_TIMEOUT)
{
	struct cc_hit poller = { .how = CC_CALL, .call = poll_thread };
	struct cc_mem mem;
	struct cc_log log;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_trap(&mem, DATA, 8, CC_R, CODECACHE_TRAP_LOG, 0));
	ASSERT_EQ(0, cc_log_open(&log, mem.fd[DATA], 16, 3));
	poller.len = log.fd;
	ASSERT_EQ(0, cc_hit_start(&poller));
	for (i = 0; i < 2; i++) {
		cc_store(mem.map[DATA] + i * self->page, 1);
		EXPECT_TRUE(cc_hit_sleeps(&poller));
	}
	cc_store(mem.map[DATA] + 2 * self->page, 1);
	ASSERT_TRUE(cc_hit_ends(&poller));
	EXPECT_EQ(POLLIN, poller.result & POLLIN);
	cc_log_close(&log);
	cc_mem_close(&mem);
}

/* ---- life --------------------------------------------------------------- */

TEST_F_TIMEOUT(log, goes_on_while_its_descriptor_is_closed, CC_TIMEOUT)
{
	unsigned int i;

	ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
	cc_store(at(self, 0), 1);
	close(self->log.fd);
	for (i = 1; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(at(self, i), 1));
	EXPECT_TRUE(all_accounted(self, ENTRIES));
	self->log.fd = -1;
}

TEST_F_TIMEOUT(log, goes_on_when_it_is_mapped_nowhere, CC_TIMEOUT)
{
	struct cc_mem mem;
	struct cc_log log;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_trap(&mem, DATA, 64, CC_R, CODECACHE_TRAP_LOG, 0));
	ASSERT_EQ(0, cc_log_open(&log, mem.fd[DATA], 16, 0));
	cc_log_close(&log);
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, cc_store(mem.map[DATA] + i * self->page, 1));
	EXPECT_EQ(64, CC_STAT(mem.fd[DATA], traps_logged));
	EXPECT_EQ(48, cc_query(mem.fd[DATA], 0, 64, CC_LOST, CC_LOST, NULL));
	cc_mem_close(&mem);
}

TEST_F_TIMEOUT(log, the_ring_outlives_the_view, CC_TIMEOUT)
{
	struct codecache_log_entry e;
	struct cc_mem mem;
	struct cc_log log;

	ASSERT_EQ(0, cc_mem_trap(&mem, DATA, 8, CC_R, CODECACHE_TRAP_LOG, 0));
	ASSERT_EQ(0, cc_log_open(&log, mem.fd[DATA], 16, 0));
	ASSERT_EQ(0, cc_store(mem.map[DATA] + 3 * self->page, 1));
	cc_mem_close(&mem);
	EXPECT_LE(0, cc_poll(log.fd, 0));
	close(log.fd);
	ASSERT_TRUE(cc_log_next(&log, &e));
	EXPECT_EQ(3, e.page);
	EXPECT_FALSE(cc_log_next(&log, &e));
	cc_log_unmap(&log);
}

TEST_F_TIMEOUT(log, the_descriptor_outlives_the_view, CC_TIMEOUT)
{
	struct codecache_view_log_args args = {
		.size = sizeof(args),
		.nr_entries = 16,
	};
	struct cc_mem mem;
	void *ring;

	ASSERT_EQ(0, cc_mem_data(&mem, 8));
	ASSERT_EQ(0, cc_ioctl(mem.fd[DATA], CODECACHE_IOC_VIEW_LOG, &args));
	cc_mem_close(&mem);
	usleep(20000);
	ring = mmap(NULL, args.out_ring_bytes, PROT_READ, MAP_SHARED,
		    args.out_fd, self->page);
	if (ring != MAP_FAILED) {
		EXPECT_EQ(16, ((struct codecache_log_ring *)ring)->nr_entries);
		munmap(ring, args.out_ring_bytes);
	}
	EXPECT_LE(0, cc_poll(args.out_fd, 0));
	close(args.out_fd);
}

/* A child has ring and tail, but not the view's mapping. */
TEST_F_TIMEOUT(log, a_forked_child_may_be_its_reader, CC_TIMEOUT)
{
	pid_t parent = gettid(), pid;

	ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
	ASSERT_EQ(0, cc_store(at(self, 9), 1));
	pid = cc_fork();
	if (!pid) {
		bool good = cc_log_next(&self->log, &self->e) &&
			    self->e.page == 9 && self->e.tid == parent &&
			    nothing_logged(self);

		_exit(!good);
	}
	EXPECT_EQ(0, cc_wait(pid));
	/* What it took is taken. */
	EXPECT_EQ(1, atomic_load(self->log.tail));
	self->log.next = 1;
	ASSERT_EQ(0, cc_store(at(self, 10), 1));
	EXPECT_TRUE(logged(self, 10, W, 0));
}

TEST_F_TIMEOUT(log, entries_tell_threads_apart, CC_TIMEOUT)
{
	struct cc_hit hits[4];
	unsigned int i;

	ASSERT_NE(0, cc_protect_trap(self->view, 0, PAGES, CC_R, 0));
	for (i = 0; i < 4; i++) {
		hits[i] = (struct cc_hit){ .how = CC_STORE, .p = at(self, i) };
		ASSERT_EQ(0, cc_hit_start(&hits[i]));
		ASSERT_TRUE(cc_hit_ends(&hits[i]));
		EXPECT_EQ(0, hits[i].sig);
		ASSERT_TRUE(cc_log_next(&self->log, &self->e));
		EXPECT_EQ(i, self->e.page);
		EXPECT_EQ(atomic_load(&hits[i].tid), self->e.tid);
	}
}

TEST_F_TIMEOUT(log, a_mapping_of_the_ring_goes_whole, CC_TIMEOUT)
{
	int view = cc_view_trap(self->mem.zone, DATA, CC_RW, CODECACHE_TRAP_LOG, 0);
	struct cc_log log;

	ASSERT_EQ(0, cc_log_open(&log, view, 1024, 0));
	ASSERT_LT(self->page, log.ring_bytes);
	EXPECT_EQ(-1, munmap((void *)log.ring, self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, mprotect((void *)log.ring, self->page, PROT_NONE));
	EXPECT_EQ(1024, log.ring->nr_entries);
	cc_log_close(&log);
	close(view);
}

TEST_HARNESS_MAIN
