// SPDX-License-Identifier: MIT
/*
 * 32-bit processes: the same structures, the same calls, the same traps; built
 * with -m32. What any caller may do is in the uapi tests, which are built so too.
 */
#include "cc_reclaim.h"
#include "layout.h"

#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

_Static_assert(sizeof(void *) == 4, "wants -m32");

enum { PAGES = 600 };	/* more than one page table */

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC
#define DATA	CODECACHE_VIEW_DATA

/* A code zone and a data zone of a 32-bit process. */
FIXTURE(compat)
{
	struct cc_mem code;
	struct cc_mem data;
	size_t page;
	unsigned char *p;
};

FIXTURE_SETUP(compat)
{
	ASSERT_EQ(0, cc_mem_code(&self->code, PAGES));
	ASSERT_EQ(0, cc_mem_data(&self->data, PAGES));
	self->page = cc_page_size();
	self->p = self->data.map[DATA];
}

FIXTURE_TEARDOWN(compat)
{
	cc_mem_close(&self->code);
	cc_mem_close(&self->data);
}

TEST_F_TIMEOUT(compat, code_is_written_and_runs, CC_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		cc_emit(self->code.map[W] + i * self->page + i, i);
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ((int)i, cc_run(self->code.map[X] + i * self->page + i));
}

/* si_addr to the byte, also in the upper half of the address space. */
TEST_F_TIMEOUT(compat, traps_tell_the_exact_address, CC_TIMEOUT)
{
	unsigned char *high = (unsigned char *)0xe0000000, *at;
	unsigned int i, where;

	munmap(self->p, PAGES * self->page);
	for (where = 0; where < 2; where++) {
		self->p = mmap(where ? high : NULL, PAGES * self->page,
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | (where ? MAP_FIXED_NOREPLACE : 0),
			       self->data.fd[DATA], 0);
		ASSERT_NE(MAP_FAILED, self->p);
		ASSERT_EQ(0, cc_protect_run(self->data.fd[DATA], 0, PAGES,
					    CC_NONE));
		for (i = 0; i < PAGES; i += 37) {
			at = self->p + i * self->page + 7 * i % self->page;
			EXPECT_EQ(SIGSEGV, cc_load(at, NULL));
			EXPECT_EQ(at, cc_trap.addr);
			EXPECT_EQ(SIGSEGV, cc_store(at, 1));
			EXPECT_EQ(at, cc_trap.addr);
		}
		ASSERT_EQ(0, munmap(self->p, PAGES * self->page));
	}
	self->data.map[DATA] = NULL;
	ASSERT_EQ(0, cc_protect_run(self->code.fd[X], 0, PAGES, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_call(self->code.map[X] + 77, NULL));
	EXPECT_EQ(self->code.map[X] + 77, cc_trap.addr);
}

TEST_F_TIMEOUT(compat, vectors_and_bitmaps_protect, CC_TIMEOUT)
{
	struct codecache_prot_range v[PAGES / 2];
	uint64_t bits[(PAGES + 63) / 64] = { 0 };
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->p + i * self->page, i));
	for (i = 0; i < PAGES / 2; i++) {
		v[i] = (struct codecache_prot_range){ 2 * i, 1, CC_R, 0 };
		bits[(2 * i + 1) / 64] |= 1ULL << (2 * i + 1) % 64;
	}
	ASSERT_EQ(0, cc_protect(self->data.fd[DATA], v, PAGES / 2, NULL));
	ASSERT_EQ(0, cc_protect_bits(self->data.fd[DATA], bits, PAGES, 0,
				     CC_NONE, NULL));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(i % 2 ? SIGSEGV : 0,
			  cc_load(self->p + i * self->page, NULL));
		EXPECT_EQ(SIGSEGV, cc_store(self->p + i * self->page, 1));
	}
	EXPECT_EQ(PAGES / 2, cc_pages_with(self->data.cache, self->data.zone,
					   self->data.fd[DATA], CC_R));
}

/* The upper halves of 64-bit members count, also for who has no such pointers. */
TEST_F_TIMEOUT(compat, upper_halves_are_not_cut_off, CC_TIMEOUT)
{
	struct codecache_prot_range range = { .nr_pages = 1, .prot = CC_NONE };
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.addr = 1ULL << 32 | (uintptr_t)&range,
		.count = 1,
	};
	struct codecache_zone_create_args zone = {
		.size = sizeof(zone),
		.zone_class = CODECACHE_ZONE_DATA,
		.bytes = 1ULL << 63 | self->page,
	};
	uint64_t failed;

	EXPECT_EQ(-EFAULT, cc_ioctl(self->data.fd[DATA],
				    CODECACHE_IOC_VIEW_PROTECT, &args));
	args.addr = (uintptr_t)&range;
	args.count = 1ULL << 32 | 1;
	EXPECT_EQ(-EINVAL, cc_ioctl(self->data.fd[DATA],
				    CODECACHE_IOC_VIEW_PROTECT, &args));
	range.first_page = 1ULL << 32;
	EXPECT_EQ(-ERANGE, cc_protect(self->data.fd[DATA], &range, 1, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(-ERANGE, cc_ioctl(self->data.cache,
				    CODECACHE_IOC_ZONE_CREATE, &zone));
	EXPECT_EQ(0, cc_store(self->p, 1));
}

/* More than fits into the process, seen through a window. */
TEST_F_TIMEOUT(compat, zones_may_be_larger_than_the_process, CC_TIMEOUT)
{
	const uint64_t nr = (1ULL << 40) / self->page;
	struct codecache_stats_args stats;
	int zone, window;
	unsigned char *p;

	zone = cc_zone(self->data.cache, CODECACHE_ZONE_DATA, nr);
	ASSERT_LE(0, zone);
	ASSERT_EQ(0, cc_stats(zone, &stats));
	EXPECT_EQ(1ULL << 40, stats.out_bytes);
	window = cc_window(zone, DATA, nr - 4, 4);
	p = cc_map(window, DATA, 4);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, cc_store(p + 3 * self->page, 1));
	EXPECT_EQ(0, cc_protect_run(window, 3, 1, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_load(p + 3 * self->page, NULL));
	ASSERT_EQ(0, cc_stats(window, &stats));
	EXPECT_EQ(1, stats.out_resident_pages);
	EXPECT_EQ(1, stats.out_traps_read);
	munmap(p, 4 * self->page);
	close(window);
	close(zone);
}

TEST_F_TIMEOUT(compat, info_and_stats_are_those_of_the_kernel, CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	struct codecache_stats_args stats;

	ASSERT_EQ(0, cc_ioctl(self->data.cache, CODECACHE_IOC_INFO, &info));
	EXPECT_EQ(self->page, info.out_page_size);
	EXPECT_EQ(cc_param("max_zone_bytes"),
		  (long long)info.out_max_zone_bytes);
	EXPECT_LT(1ULL << 32, info.out_max_zone_bytes);
	ASSERT_EQ(0, cc_stats(self->code.fd[X], &stats));
	EXPECT_EQ(CODECACHE_OBJECT_VIEW, stats.out_object);
	EXPECT_EQ(X, stats.out_kind);
	EXPECT_EQ(PAGES * (uint64_t)self->page, stats.out_bytes);
}

/* Extents of a zone that the process could not map, run through a window. */
TEST_F_TIMEOUT(compat, extents_may_lie_beyond_4_gib, CC_TIMEOUT)
{
	const uint64_t nr = (1ULL << 42) / self->page, far = nr - 16;
	struct codecache_extent extent = { .nr_pages = 2 };
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)&extent,
		.count = 1,
		.min_page = far,
	};
	unsigned char *w, *x;
	int zone, view[2];
	uint64_t cookie;

	zone = cc_extents(self->code.cache, CODECACHE_ZONE_CODE, nr);
	ASSERT_LE(0, zone);
	ASSERT_EQ(0, cc_alloc_call(zone, &args));
	ASSERT_EQ(far, extent.first_page);
	view[0] = cc_window(zone, W, far, 16);
	view[1] = cc_window(zone, X, far, 16);
	w = cc_map(view[0], W, 16);
	x = cc_map(view[1], X, 16);
	ASSERT_NE(NULL, w);
	ASSERT_NE(NULL, x);
	cc_emit(w + self->page, 77);
	EXPECT_EQ(77, cc_run(x + self->page));
	EXPECT_EQ(SIGSEGV, cc_load(x + 2 * self->page, NULL));
	EXPECT_EQ(x + 2 * self->page, cc_trap.addr);
	ASSERT_EQ(0, cc_retire(zone, &extent, 1, &cookie));
	EXPECT_EQ(SIGSEGV, cc_store(w + self->page, 1));
	ASSERT_EQ(0, cc_grace_wait(self->code.cache, cookie));
	EXPECT_EQ(-1, cc_run(x + self->page));
	munmap(w, 16 * self->page);
	munmap(x, 16 * self->page);
	close(view[0]);
	close(view[1]);
	close(zone);
}

TEST_F_TIMEOUT(compat, upper_halves_of_extents_and_cookies_count, CC_TIMEOUT)
{
	int zone = cc_extents(self->code.cache, CODECACHE_ZONE_CODE, PAGES);
	struct codecache_extent extent = { .nr_pages = 1 };
	struct codecache_extent_alloc_args args = {
		.addr = 1ULL << 32 | (uintptr_t)&extent,
		.count = 1,
	};
	struct codecache_extent_retire_args retire = {
		.addr = 1ULL << 32 | (uintptr_t)&extent,
		.count = 1,
	};
	uint64_t cookie;

	EXPECT_EQ(-EFAULT, cc_alloc_call(zone, &args));
	args.addr = (uintptr_t)&extent;
	args.count = 1ULL << 32 | 1;
	EXPECT_EQ(-EINVAL, cc_alloc_call(zone, &args));
	args.count = 1;
	args.max_page = 1ULL << 32 | 1;
	EXPECT_EQ(-ERANGE, cc_alloc_call(zone, &args));
	args.max_page = 0;
	ASSERT_EQ(0, cc_alloc_call(zone, &args));
	EXPECT_EQ(-EFAULT, cc_retire_call(zone, &retire));
	EXPECT_EQ(-ENOENT, cc_retire_run(zone, 1ULL << 32 | extent.first_page, 1,
					 NULL));
	EXPECT_EQ(0, cc_retire(zone, &extent, 1, &cookie));
	EXPECT_EQ(-EINVAL, cc_grace_poll(self->code.cache, 1ULL << 32 | cookie));
	EXPECT_EQ(0, cc_grace_wait(self->code.cache, cookie));
	close(zone);
}

/* A reader of 32 bits is waited for like any other. */
TEST_F_TIMEOUT(compat, readers_delay_grace_periods, CC_TIMEOUT)
{
	struct cc_shared shared;
	uint64_t cookie, outer;
	int reader;

	ASSERT_EQ(0, cc_share(&shared, self->code.cache));
	reader = cc_reader(self->code.cache);
	ASSERT_LE(0, reader);
	outer = cc_enter(&shared, reader);
	ASSERT_EQ(0, cc_grace_start(self->code.cache, 0, &cookie));
	EXPECT_TRUE(cc_grace_holds(self->code.cache, cookie));
	EXPECT_GT(cookie, cc_completed(&shared));
	EXPECT_EQ(-EDEADLK, cc_grace_wait(self->code.cache, cookie));
	cc_exit(&shared, reader, outer);
	EXPECT_EQ(0, cc_grace_wait(self->code.cache, cookie));
	EXPECT_EQ(cookie, cc_completed(&shared));
	EXPECT_EQ(0, cc_reader_drop(self->code.cache, reader));
	cc_unshare(&shared);
}

TEST_HARNESS_MAIN
