// SPDX-License-Identifier: MIT
/*
 * Pages that are mapped before they are asked for: PROTECT_F_POPULATE and
 * fault-around; and the numbers that PROTECT gives to what it does
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"

enum { PAGES = 1100 };

#define DATA	CODECACHE_VIEW_DATA
#define BOTH	(CC_DIRTY | CC_YOUNG)

FIXTURE(populate)
{
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	uint64_t window;	/* of fault-around, in pages */
};

/*
 * Map a view's pages with page @page at the start of a page table, as no window of
 * fault-around lies in two.
 */
static unsigned char *map_table_at(int view, unsigned long page)
{
	size_t table = cc_page_size() * cc_page_size() / sizeof(uint64_t);
	size_t bytes = PAGES * cc_page_size();
	unsigned char *all, *start, *map;

	all = mmap(NULL, bytes + 2 * table, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	start = all + 2 * table - (uintptr_t)all % table - page * cc_page_size();
	map = mmap(start, bytes, cc_kind_mmap(DATA), MAP_SHARED | MAP_FIXED, view, 0);
	munmap(all, start - all);
	munmap(start + bytes, all + 2 * table - start);
	return map == MAP_FAILED ? NULL : map;
}

FIXTURE_SETUP(populate)
{
	struct codecache_info_args info = { .size = sizeof(info) };

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[DATA];
	ASSERT_EQ(0, cc_unmap(self->view, NULL));
	self->map = self->mem.map[DATA] = map_table_at(self->view, 0);
	ASSERT_NE(NULL, self->map);
	self->page = cc_page_size();
	ASSERT_EQ(0, cc_ioctl(self->mem.cache, CODECACHE_IOC_INFO, &info));
	self->window = info.out_fault_around_pages;
}

FIXTURE_TEARDOWN(populate)
{
	cc_mem_close(&self->mem);
}

#define SELF	FIXTURE_DATA(populate) *self

static volatile unsigned char *at(SELF, unsigned long page)
{
	return self->map + page * self->page;
}

static struct codecache_stats_args stats_of(int fd)
{
	struct codecache_stats_args stats;

	if (cc_stats(fd, &stats))
		memset(&stats, 0xff, sizeof(stats));
	return stats;
}

static long long faults(int view)
{
	struct codecache_stats_args s = stats_of(view);

	return s.out_faults_filled + s.out_faults_upgraded +
	       s.out_faults_spurious + s.out_faults_failed;
}

/* Make pages resident, through a view of their own. */
static int make_resident(SELF, unsigned long first, unsigned long nr)
{
	int view = cc_view(self->mem.zone, DATA);
	unsigned char *map = cc_map(view, DATA, PAGES);
	unsigned long page;

	if (!map)
		return -1;
	for (page = first; page < first + nr; page++)
		map[page * self->page] = page;
	munmap(map, PAGES * self->page);
	close(view);
	return 0;
}

/* ---- POPULATE ----------------------------------------------------------------- */

TEST_F_TIMEOUT(populate, touching_populated_pages_is_no_fault, CC_TIMEOUT)
{
	struct rusage before, after;
	struct codecache_stats_args stats;
	unsigned long page;

	ASSERT_EQ(PAGES, cc_populate(self->view, 0, PAGES, CC_RW));
	stats = stats_of(self->view);
	EXPECT_EQ(PAGES, stats.out_populated);
	EXPECT_EQ(PAGES, stats.out_resident_pages);
	EXPECT_EQ(0, stats.out_faults_filled);
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, BOTH, 0, NULL));
	getrusage(RUSAGE_THREAD, &after);
	getrusage(RUSAGE_THREAD, &before);
	for (page = 0; page < PAGES; page++) {
		ASSERT_EQ(0, *at(self, page));
		*at(self, page) = page;
	}
	getrusage(RUSAGE_THREAD, &after);
	EXPECT_EQ(before.ru_minflt, after.ru_minflt);
	EXPECT_EQ(0, faults(self->view));
	EXPECT_EQ(PAGES, cc_query(self->view, 0, PAGES, CC_DIRTY, 0, NULL));
}

TEST_F_TIMEOUT(populate, gives_no_more_than_the_protection, CC_TIMEOUT)
{
	ASSERT_EQ(600, cc_populate(self->view, 100, 600, CC_R));
	EXPECT_EQ(0, cc_load(self->map + 100 * self->page, NULL));
	EXPECT_EQ(0, cc_load(self->map + 699 * self->page, NULL));
	EXPECT_EQ(0, faults(self->view));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 100 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 699 * self->page, 1));
	EXPECT_EQ(600, stats_of(self->view).out_resident_pages);
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, CC_DIRTY, 0, NULL));
}

TEST_F_TIMEOUT(populate, makes_nothing_of_none, CC_TIMEOUT)
{
	EXPECT_EQ(0, cc_populate(self->view, 0, PAGES, CC_NONE));
	EXPECT_EQ(0, stats_of(self->view).out_resident_pages);
	EXPECT_EQ(SIGSEGV, cc_load(self->map, NULL));
}

TEST_F_TIMEOUT(populate, each_range_by_itself, CC_TIMEOUT)
{
	struct codecache_prot_range r[] = {
		{ 0, 3, CC_RW, 0 }, { 10, 5, CC_NONE, 0 }, { 508, 8, CC_R, 0 },
		{ PAGES - 1, 1, CC_RW, 0 },
	};
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_PROTECT_F_POPULATE,
		.addr = (uintptr_t)r,
		.count = ARRAY_LEN(r),
	};

	ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(12, args.out_populated);
	EXPECT_LT(0, args.out_seq);
	EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
	EXPECT_EQ(12, stats_of(self->view).out_resident_pages);
	EXPECT_EQ(0, cc_load(self->map + 515 * self->page, NULL));
	EXPECT_EQ(0, faults(self->view));
	/* The page after the last one is not there. */
	EXPECT_EQ(0, cc_load(self->map + 516 * self->page, NULL));
	EXPECT_EQ(1, faults(self->view));
}

TEST_F_TIMEOUT(populate, what_a_bitmap_names, CC_TIMEOUT)
{
	uint64_t bits[2] = { 0x8000000000000005ULL, 0x3 };
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_PROTECT_F_POPULATE |
			 CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)bits,
		.count = 65,
		.first_page = 470,
		.prot = CC_RW,
	};

	ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(4, args.out_populated);
	EXPECT_EQ(4, stats_of(self->view).out_resident_pages);
	*at(self, 470) = 1;
	*at(self, 472) = 1;
	*at(self, 533) = 1;
	*at(self, 534) = 1;
	EXPECT_EQ(0, faults(self->view));
}

TEST_F_TIMEOUT(populate, keeps_what_is_known_of_mapped_pages, CC_TIMEOUT)
{
	uint16_t state[PAGES];

	*at(self, 3) = 1;
	(void)*at(self, 4);
	*at(self, 600) = 1;
	ASSERT_EQ(0, cc_protect_run(self->view, 600, 1, CC_NONE));
	ASSERT_LE(PAGES - 3, cc_populate(self->view, 0, PAGES, CC_RW));
	EXPECT_EQ(3, cc_query(self->view, 0, PAGES, BOTH, 0, state));
	EXPECT_EQ(BOTH, state[3]);
	EXPECT_EQ(CC_YOUNG, state[4]);
	EXPECT_EQ(BOTH, state[600]);
	/* There is nothing left to do. */
	EXPECT_EQ(0, cc_populate(self->view, 0, PAGES, CC_RW));
	EXPECT_EQ(3, cc_query(self->view, 0, PAGES, BOTH, 0, NULL));
	EXPECT_EQ(1, *at(self, 600));
}

TEST_F_TIMEOUT(populate, an_unmapped_view_gets_nothing, CC_TIMEOUT)
{
	int other = cc_view(self->mem.zone, DATA);

	EXPECT_EQ(0, cc_populate(other, 0, PAGES, CC_R));
	EXPECT_EQ(PAGES, cc_pages_with(self->mem.cache, self->mem.zone, other,
				       CC_R));
	EXPECT_EQ(0, stats_of(self->mem.zone).out_resident_pages);
	close(other);
}

TEST_F_TIMEOUT(populate, of_another_process_works, CC_TIMEOUT)
{
	pid_t pid = cc_fork();

	if (!pid)
		_exit(cc_populate(self->view, 0, 100, CC_RW) != 100);
	ASSERT_EQ(0, cc_wait(pid));
	*at(self, 99) = 1;
	EXPECT_EQ(0, faults(self->view));
}

TEST_F_TIMEOUT(populate, code_runs_without_a_fault, CC_TIMEOUT)
{
	struct cc_mem code;
	unsigned int i;
	int x;

	ASSERT_EQ(0, cc_mem_code(&code, 40));
	x = code.fd[CODECACHE_VIEW_EXEC];
	ASSERT_EQ(40, cc_populate(code.fd[CODECACHE_VIEW_WRITE], 0, 40, CC_RW));
	ASSERT_EQ(40, cc_populate(x, 0, 40, CC_RX));
	for (i = 0; i < 40; i++) {
		unsigned long offset = i * self->page;

		cc_emit(code.map[CODECACHE_VIEW_WRITE] + offset, i);
		EXPECT_EQ((int)i, cc_run(code.map[CODECACHE_VIEW_EXEC] +
					 offset));
	}
	EXPECT_EQ(0, faults(x));
	EXPECT_EQ(0, faults(code.fd[CODECACHE_VIEW_WRITE]));
	cc_mem_close(&code);
}

TEST_F_TIMEOUT(populate, uffd_views_refuse, CC_TIMEOUT)
{
	int view = cc_view(self->mem.zone, CODECACHE_VIEW_UFFD);

	EXPECT_EQ(-EOPNOTSUPP, cc_populate(view, 0, 1, CC_RW));
	EXPECT_EQ(0, cc_protect_seq(view, 0, 1, CC_RW));
	close(view);
}

/* A limit on pages, given back by the parent if the test dies. */
FIXTURE(limit)
{
	long long saved;
};

FIXTURE_SETUP(limit)
{
	self->saved = cc_param("user_max_pages");
	ASSERT_LE(0, self->saved);
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN_PARENT(limit)
{
	cc_set_param("user_max_pages", self->saved);
}

TEST_F_TIMEOUT(limit, stops_populating_without_an_error, CC_TIMEOUT)
{
	struct cc_mem mem;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	ASSERT_EQ(0, cc_set_param("user_max_pages", 77));
	EXPECT_EQ(77, cc_populate(mem.fd[DATA], 0, PAGES, CC_RW));
	EXPECT_EQ(77, stats_of(mem.fd[DATA]).out_resident_pages);
	for (i = 0; i < 77; i++)
		EXPECT_EQ(0, cc_store(mem.map[DATA] + i * cc_page_size(), 1));
	EXPECT_EQ(SIGBUS, cc_store(mem.map[DATA] + 77 * cc_page_size(), 1));
	/* The protections are there, whatever became of the pages. */
	EXPECT_EQ(0, cc_populate(mem.fd[DATA], 0, PAGES, CC_R));
	EXPECT_EQ(PAGES, cc_pages_with(mem.cache, mem.zone, mem.fd[DATA],
				       CC_R));
	ASSERT_EQ(0, cc_set_param("user_max_pages", self->saved));
	EXPECT_EQ(PAGES - 77, cc_populate(mem.fd[DATA], 0, PAGES, CC_R));
	cc_mem_close(&mem);
}

/* ---- fault-around ------------------------------------------------------------- */

TEST_F_TIMEOUT(populate, a_read_fault_maps_its_resident_neighbours, CC_TIMEOUT)
{
	uint64_t w = self->window, first = 3 * w, page;
	struct codecache_stats_args stats;

	if (w < 2 || 5 * w > PAGES)
		SKIP(return, "fault-around is of %llu pages",
		     (unsigned long long)w);
	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	(void)*at(self, first + w / 2);
	stats = stats_of(self->view);
	EXPECT_EQ(1, stats.out_faults_filled);
	EXPECT_EQ(w - 1, stats.out_faults_around);
	for (page = first; page < first + w; page++)
		EXPECT_EQ((unsigned char)page, *at(self, page));
	EXPECT_EQ(1, faults(self->view));
	/* Aligned: neither the page before nor the one after. */
	(void)*at(self, first - 1);
	EXPECT_EQ(2, faults(self->view));
	(void)*at(self, first + w);
	EXPECT_EQ(3, faults(self->view));
}

TEST_F_TIMEOUT(populate, neighbours_are_neither_dirty_nor_young, CC_TIMEOUT)
{
	uint64_t w = self->window;
	uint16_t state[PAGES];

	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	(void)*at(self, w + 1);
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, BOTH, 0, state));
	EXPECT_EQ(CC_YOUNG, state[w + 1]);
	/* And are as exact as any page. */
	*at(self, w) = 1;
	EXPECT_EQ(2, cc_query(self->view, 0, PAGES, BOTH, BOTH, state));
	EXPECT_EQ(BOTH, state[w]);
	*at(self, w) = 1;
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, CC_DIRTY, 0, state));
}

TEST_F_TIMEOUT(populate, neighbours_get_their_own_protection, CC_TIMEOUT)
{
	uint64_t w = self->window;

	if (w < 4)
		SKIP(return, "the window is too small");
	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	ASSERT_EQ(0, cc_protect_run(self->view, 1, 1, CC_NONE));
	/* Still to be mapped: unmapping takes all entries away. */
	ASSERT_EQ(0, cc_unmap(self->view, NULL));
	self->map = self->mem.map[DATA] = map_table_at(self->view, 0);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, cc_protect_run(self->view, 2, 1, CC_R));
	(void)*at(self, 0);
	EXPECT_EQ(SIGSEGV, cc_load(self->map + self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + self->page, 1));
	EXPECT_EQ(0, cc_load(self->map + 2 * self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 2 * self->page, 1));
	EXPECT_EQ(0, cc_store(self->map + 3 * self->page, 1));
}

TEST_F_TIMEOUT(populate, pages_that_do_not_exist_are_not_made, CC_TIMEOUT)
{
	ASSERT_EQ(0, make_resident(self, 3, 1));
	(void)*at(self, 0);
	EXPECT_EQ(2, stats_of(self->view).out_resident_pages);
	EXPECT_EQ(self->window > 3, stats_of(self->view).out_faults_around);
	(void)*at(self, 1);
	EXPECT_EQ(3, stats_of(self->view).out_resident_pages);
}

TEST_F_TIMEOUT(populate, a_write_fault_maps_one_page, CC_TIMEOUT)
{
	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	*at(self, 1) = 1;
	EXPECT_EQ(0, stats_of(self->view).out_faults_around);
	*at(self, 2) = 1;
	EXPECT_EQ(2, stats_of(self->view).out_faults_filled);
}

TEST_F_TIMEOUT(populate, a_window_ends_where_the_view_ends, CC_TIMEOUT)
{
	uint64_t w = self->window, page;
	unsigned char *p;
	int view;

	if (w < 4)
		SKIP(return, "the window is too small");
	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	view = cc_window(self->mem.zone, DATA, 1, w + 2);
	p = cc_map(view, DATA, w + 2);
	ASSERT_NE(NULL, p);
	(void)*(volatile unsigned char *)(p + (w + 1) * self->page);
	(void)*(volatile unsigned char *)p;
	for (page = 0; page < w + 2; page++)
		EXPECT_EQ((unsigned char)(page + 1), p[page * self->page]);
	EXPECT_GE(4, faults(view));
	munmap(p, (w + 2) * self->page);
	close(view);
}

TEST_F_TIMEOUT(populate, a_window_ends_where_a_page_table_ends, CC_TIMEOUT)
{
	uint64_t w = self->window, page;

	if (w < 4)
		SKIP(return, "the window is too small");
	ASSERT_EQ(0, cc_unmap(self->view, NULL));
	self->map = self->mem.map[DATA] = map_table_at(self->view, w + 2);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, make_resident(self, 0, PAGES));
	(void)*at(self, w);
	EXPECT_EQ(1, stats_of(self->view).out_faults_around);
	(void)*at(self, 2 * w - 1);
	EXPECT_EQ(w - 2, stats_of(self->view).out_faults_around);
	for (page = w; page < 2 * w; page++)
		EXPECT_EQ((unsigned char)page, *at(self, page));
	EXPECT_EQ(2, faults(self->view));
}

TEST_F_TIMEOUT(populate, a_fetch_maps_its_resident_neighbours, CC_TIMEOUT)
{
	uint64_t w = self->window, i;
	struct cc_mem code;
	int x;

	if (w < 4)
		SKIP(return, "the window is too small");
	ASSERT_EQ(0, cc_mem_code(&code, 4 * w));
	x = code.fd[CODECACHE_VIEW_EXEC];
	for (i = 0; i < 4 * w; i++)
		cc_emit(code.map[CODECACHE_VIEW_WRITE] + i * self->page, i);
	for (i = 0; i < 4 * w; i++)
		EXPECT_EQ((int)i, cc_run(code.map[CODECACHE_VIEW_EXEC] +
					 i * self->page));
	EXPECT_GE(8, faults(x));	/* 4 windows, 5 if they are not aligned */
	EXPECT_LE(4 * w - 8, stats_of(x).out_faults_around);
	cc_mem_close(&code);
}

/* ---- sequence ------------------------------------------------------------------ */

TEST_F_TIMEOUT(populate, protect_counts_from_one, CC_TIMEOUT)
{
	static const uint64_t one_bit = 1;
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)&one_bit,
		.prot = CC_R,
		.out_seq = CC_UNWRITTEN,
	};
	int other = cc_view(self->mem.zone, DATA);
	uint64_t seq;

	EXPECT_EQ(1, cc_protect_seq(self->view, 0, 1, CC_R));
	for (seq = 2; seq < 10; seq++)
		EXPECT_EQ(seq, cc_protect_seq(self->view, seq, seq, CC_NONE));
	/* What fails has no place; neither has what does nothing. */
	EXPECT_EQ(0, cc_protect_seq(self->view, 0, 0, CC_R));
	EXPECT_EQ(0, cc_protect_seq(self->view, PAGES, 1, CC_R));
	EXPECT_EQ(0, cc_protect_seq(self->view, 0, 1, CC_RX));
	EXPECT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(0, args.out_seq);
	args.count = 1;
	EXPECT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, &args));
	EXPECT_EQ(10, args.out_seq);
	/* Each view has its own. */
	EXPECT_EQ(1, cc_protect_seq(other, 0, 1, CC_R));
	EXPECT_EQ(11, cc_protect_seq(self->view, 0, 1, CC_RW));
	close(other);
}

enum { SEQ_THREADS = 4, SEQ_CALLS = 500 };

struct seq_thread {
	pthread_t thread;
	int view;
	uint64_t seq[SEQ_CALLS];
};

static void *take_numbers(void *arg)
{
	struct seq_thread *t = arg;
	unsigned int i;

	for (i = 0; i < SEQ_CALLS; i++)
		t->seq[i] = cc_protect_seq(t->view, i, 1 + i % 600, i % 2 ?
					   CC_R : CC_RW);
	return NULL;
}

TEST_F_TIMEOUT(populate, no_number_is_given_twice, CC_TIMEOUT)
{
	static struct seq_thread threads[SEQ_THREADS];
	static bool seen[SEQ_THREADS * SEQ_CALLS + 1];
	unsigned int i, k;

	for (i = 0; i < SEQ_THREADS; i++) {
		threads[i].view = self->view;
		ASSERT_EQ(0, pthread_create(&threads[i].thread, NULL,
					    take_numbers, &threads[i]));
	}
	for (i = 0; i < SEQ_THREADS; i++) {
		uint64_t last = 0;

		pthread_join(threads[i].thread, NULL);
		for (k = 0; k < SEQ_CALLS; k++) {
			uint64_t seq = threads[i].seq[k];

			ASSERT_LT(last, seq);
			ASSERT_GE(SEQ_THREADS * SEQ_CALLS, seq);
			ASSERT_FALSE(seen[seq]);
			seen[seq] = true;
			last = seq;
		}
	}
}

TEST_HARNESS_MAIN
