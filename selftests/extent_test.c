// SPDX-License-Identifier: MIT
/*
 * EXTENT_ALLOC: where extents go, how many there can be, what is in them
 */
#include "cc_reclaim.h"

#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 256, MANY = 65536 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC
#define DATA	CODECACHE_VIEW_DATA

#define LOW	CODECACHE_EXTENT_F_LOW
#define HIGH	CODECACHE_EXTENT_F_HIGH
#define NEAR	CODECACHE_EXTENT_F_NEAR

/* A code zone with extents, and a reader that can hold up what is retired. */
FIXTURE(extent)
{
	struct cc_mem mem;
	struct cc_shared shared;
	int cache;
	int zone;
	int reader;
	size_t page;
	struct codecache_extent_alloc_args args;
};

FIXTURE_SETUP(extent)
{
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	self->cache = self->mem.cache;
	self->zone = self->mem.zone;
	self->page = cc_page_size();
	ASSERT_EQ(0, cc_share(&self->shared, self->cache));
	self->reader = cc_reader(self->cache);
	ASSERT_LE(0, self->reader);
}

FIXTURE_TEARDOWN(extent)
{
	cc_set_param("max_held_pages", ~0ULL);
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

/* One extent by self->args: its first page or -errno. */
static long long place(FIXTURE_DATA(extent) *self, uint32_t nr_pages)
{
	struct codecache_extent extent = { .nr_pages = nr_pages };
	int err;

	self->args.addr = (uintptr_t)&extent;
	self->args.count = 1;
	err = cc_alloc_call(self->zone, &self->args);
	return err ? err : (long long)extent.first_page;
}

static long long place_at(FIXTURE_DATA(extent) *self, uint32_t nr_pages,
			  uint32_t flags)
{
	self->args = (struct codecache_extent_alloc_args){ .flags = flags };
	return place(self, nr_pages);
}

static long long place_near(FIXTURE_DATA(extent) *self, uint32_t nr_pages,
			    uint64_t hint)
{
	self->args = (struct codecache_extent_alloc_args){
		.flags = NEAR,
		.hint_page = hint,
	};
	return place(self, nr_pages);
}

/* All of the zone is handed out, page by page, but for some holes. */
static int make_holes(FIXTURE_DATA(extent) *self,
		      const struct codecache_extent *holes, unsigned int nr)
{
	struct codecache_extent pages[PAGES];
	unsigned int i, k;
	uint64_t cookie = 0;
	int err;

	for (i = 0; i < PAGES; i++)
		pages[i] = (struct codecache_extent){ .nr_pages = 1 };
	err = cc_alloc(self->zone, pages, PAGES, LOW);
	for (i = 0; i < nr; i++) {
		for (k = 0; k < holes[i].nr_pages && !err; k++)
			err = cc_retire_run(self->zone, holes[i].first_page + k,
					    1, &cookie);
	}
	return err ?: cc_grace_wait(self->cache, cookie);
}

/* ---- places -------------------------------------------------------------------- */

TEST_F_TIMEOUT(extent, goes_to_the_smallest_hole_that_will_do, CC_TIMEOUT)
{
	static const struct codecache_extent holes[] = {
		{ 10, 8, 0 }, { 40, 3, 0 }, { 60, 5, 0 }, { 100, 3, 0 },
	};

	ASSERT_EQ(0, make_holes(self, holes, ARRAY_LEN(holes)));
	EXPECT_EQ(40, place_at(self, 3, 0));
	EXPECT_EQ(100, place_at(self, 3, 0));
	EXPECT_EQ(60, place_at(self, 4, 0));
	EXPECT_EQ(64, place_at(self, 1, 0));
	EXPECT_EQ(-ENOSPC, place_at(self, 9, 0));
	EXPECT_EQ(10, place_at(self, 1, 0));
	EXPECT_EQ(11, place_at(self, 7, 0));
	EXPECT_EQ(-ENOSPC, place_at(self, 1, 0));
	EXPECT_EQ(0, self->args.out_failed_index);
	EXPECT_EQ(0, self->args.out_cookie);
}

TEST_F_TIMEOUT(extent, goes_as_low_or_as_high_as_possible, CC_TIMEOUT)
{
	static const struct codecache_extent holes[] = {
		{ 10, 2, 0 }, { 20, 9, 0 }, { 100, 4, 0 }, { 200, 3, 0 },
	};

	ASSERT_EQ(0, make_holes(self, holes, ARRAY_LEN(holes)));
	EXPECT_EQ(20, place_at(self, 3, LOW));
	EXPECT_EQ(10, place_at(self, 1, LOW));
	EXPECT_EQ(202, place_at(self, 1, HIGH));
	EXPECT_EQ(101, place_at(self, 3, HIGH));
	EXPECT_EQ(200, place_at(self, 2, HIGH));
	EXPECT_EQ(25, place_at(self, 4, HIGH));
	EXPECT_EQ(11, place_at(self, 1, LOW));
	EXPECT_EQ(23, place_at(self, 2, LOW));
}

TEST_F_TIMEOUT(extent, goes_as_near_to_the_hint_as_possible, CC_TIMEOUT)
{
	static const struct codecache_extent holes[] = {
		{ 10, 4, 0 }, { 30, 4, 0 }, { 90, 10, 0 },
	};

	ASSERT_EQ(0, make_holes(self, holes, ARRAY_LEN(holes)));
	EXPECT_EQ(94, place_near(self, 2, 94));
	EXPECT_EQ(30, place_near(self, 2, 22));	/* 8 away; 12 is 10 away */
	EXPECT_EQ(13, place_near(self, 1, 20));	/* 7 away; 32 is 12 away */
	EXPECT_EQ(32, place_near(self, 2, 60));	/* 28 away; 90 is 30 away */
	EXPECT_EQ(90, place_near(self, 1, 60));
	EXPECT_EQ(98, place_near(self, 2, PAGES - 1));
	EXPECT_EQ(10, place_near(self, 1, 0));
	/* What it is near to may lie outside the window. */
	self->args = (struct codecache_extent_alloc_args){
		.flags = NEAR,
		.hint_page = 12,
		.min_page = 50,
		.max_page = 99,
	};
	EXPECT_EQ(91, place(self, 1));
}

TEST_F_TIMEOUT(extent, lies_within_its_window, CC_TIMEOUT)
{
	static const uint32_t places[] = { 0, LOW, HIGH, NEAR };
	unsigned int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_LEN(places); i++) {
			self->args = (struct codecache_extent_alloc_args){
				.flags = places[i],
				.min_page = 64 + 10 * i,
				.max_page = 64 + 10 * i + 10,
			};
			/* It is as long as the extent: there is one place. */
			EXPECT_EQ(round ? -ENOSPC : 64 + 10 * (int)i,
				  place(self, 10));
		}
	}
	for (i = 0; i < 64; i++) {
		self->args = (struct codecache_extent_alloc_args){
			.max_page = i + 1,
		};
		EXPECT_EQ(i, place(self, 1));
	}
	self->args = (struct codecache_extent_alloc_args){ .max_page = 104 };
	EXPECT_EQ(-ENOSPC, place(self, 1));
}

TEST_F_TIMEOUT(extent, is_aligned, CC_TIMEOUT)
{
	static const uint32_t places[] = { 0, LOW, HIGH, NEAR };
	unsigned int i, shift;
	long long first;

	for (i = 0; i < ARRAY_LEN(places); i++) {
		for (shift = 0; shift < 6; shift++) {
			self->args = (struct codecache_extent_alloc_args){
				.flags = places[i],
				.hint_page = places[i] == NEAR ? 77 : 0,
				.align_pages = 1U << shift,
			};
			first = place(self, 3);
			ASSERT_LE(0, first);
			EXPECT_EQ(0, first % (1LL << shift));
		}
	}
	/* No multiple of so much but 0, which is taken. */
	self->args = (struct codecache_extent_alloc_args){
		.align_pages = 1U << 31,
	};
	EXPECT_EQ(-ENOSPC, place(self, 1));
}

/* More holes that do not do than the best fit looks at, and one that does. */
TEST_F_TIMEOUT(extent, is_found_behind_many_holes_that_will_not_do, CC_TIMEOUT)
{
	struct codecache_extent holes[101];
	unsigned int i;

	for (i = 0; i < 100; i++)
		holes[i] = (struct codecache_extent){ 2 * i + 1, 1, 0 };
	holes[100] = (struct codecache_extent){ 240, 9, 0 };
	ASSERT_EQ(0, make_holes(self, holes, ARRAY_LEN(holes)));
	self->args = (struct codecache_extent_alloc_args){ .align_pages = 16 };
	EXPECT_EQ(240, place(self, 1));
	self->args.align_pages = 2;
	EXPECT_EQ(242, place(self, 1));
	EXPECT_EQ(1, place_at(self, 1, 0));
}

/* ---- many at a time -------------------------------------------------------------- */

TEST_F_TIMEOUT(extent, calls_hand_out_all_or_none, CC_TIMEOUT)
{
	struct codecache_extent e[4] = {
		{ .nr_pages = 100 }, { .nr_pages = 100 }, { .nr_pages = 57 },
		{ .nr_pages = 1 },
	};
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)e,
		.count = 4,
	};
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(-ENOSPC, cc_alloc_call(self->zone, &args));
		ASSERT_EQ(2, args.out_failed_index);
		ASSERT_EQ(0, CC_STAT(self->zone, live_extents));
		ASSERT_EQ(0, CC_STAT(self->zone, live_pages));
	}
	EXPECT_EQ(0, CC_STAT(self->zone, extents_allocated));
	e[2].nr_pages = 55;
	EXPECT_EQ(0, cc_alloc_call(self->zone, &args));
	EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
	EXPECT_EQ(0, args.out_cookie);
	EXPECT_EQ(4, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(PAGES, CC_STAT(self->zone, live_pages));
	EXPECT_EQ(4, CC_STAT(self->zone, extents_allocated));
}

TEST_F_TIMEOUT(extent, lengths_are_read_and_places_written, CC_TIMEOUT)
{
	struct codecache_extent e[3] = {
		{ ~0ULL, 5, 0 }, { 7, 1, 0 }, { 1ULL << 40, 2, 0 },
	};
	unsigned int i;

	ASSERT_EQ(0, cc_alloc(self->zone, e, 3, LOW));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, e[i].reserved);
	EXPECT_EQ(0, e[0].first_page);
	EXPECT_EQ(5, e[1].first_page);
	EXPECT_EQ(6, e[2].first_page);
	EXPECT_EQ(5, e[0].nr_pages);
	EXPECT_EQ(1, e[1].nr_pages);
	EXPECT_EQ(2, e[2].nr_pages);
}

TEST_F_TIMEOUT(extent, calls_take_as_many_as_info_tells, 3 * CC_TIMEOUT)
{
	struct codecache_extent *e = calloc(MANY + 1, sizeof(*e));
	struct codecache_info_args info = { .size = sizeof(info) };
	int zone = cc_extents(self->cache, CODECACHE_ZONE_DATA, 4 * MANY);
	uint64_t i, cookie;

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
	ASSERT_EQ(MANY, info.out_max_extents);
	ASSERT_LE(0, zone);
	for (i = 0; i <= MANY; i++)
		e[i].nr_pages = 1 + i % 3;
	EXPECT_EQ(-EINVAL, cc_alloc(zone, e, MANY + 1, 0));
	ASSERT_EQ(0, cc_alloc(zone, e, MANY, LOW));
	for (i = 1; i < MANY; i++)
		ASSERT_EQ(e[i - 1].first_page + e[i - 1].nr_pages,
			  e[i].first_page);
	EXPECT_EQ(MANY, CC_STAT(zone, live_extents));
	ASSERT_EQ(0, cc_retire(zone, e, MANY, &cookie));
	EXPECT_EQ(0, CC_STAT(zone, live_extents));
	ASSERT_EQ(0, cc_grace_wait(self->cache, cookie));
	EXPECT_EQ(0, CC_STAT(zone, retired_pages));
	/* The holes have become one. */
	EXPECT_EQ(0, cc_extent(zone, 4 * MANY));
	close(zone);
	free(e);
}

/* ---- no room --------------------------------------------------------------------- */

TEST_F_TIMEOUT(extent, no_room_now_differs_from_no_room, CC_TIMEOUT)
{
	uint64_t cookie, outer;

	EXPECT_EQ(0, place_at(self, PAGES, 0));
	EXPECT_EQ(-ENOSPC, place_at(self, 1, 0));
	EXPECT_EQ(0, self->args.out_failed_index);
	EXPECT_EQ(0, self->args.out_cookie);
	outer = cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->zone, 0, PAGES, &cookie));
	EXPECT_EQ(-EAGAIN, place_at(self, 1, 0));
	EXPECT_EQ(0, self->args.out_failed_index);
	EXPECT_EQ(cookie, self->args.out_cookie);
	EXPECT_EQ(0, cc_grace_poll(self->cache, self->args.out_cookie));
	EXPECT_EQ(-EAGAIN, place_at(self, PAGES, 0));
	cc_exit(&self->shared, self->reader, outer);
	EXPECT_EQ(0, cc_grace_wait(self->cache, self->args.out_cookie));
	EXPECT_EQ(0, place_at(self, PAGES, 0));
	EXPECT_EQ(0, self->args.out_cookie);
}

TEST_F_TIMEOUT(extent, what_is_retired_is_no_hole_yet, CC_TIMEOUT)
{
	uint64_t cookie, outer;

	EXPECT_EQ(0, place_at(self, 100, LOW));
	outer = cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->zone, 0, 100, &cookie));
	EXPECT_EQ(100, place_at(self, 10, LOW));
	EXPECT_EQ(110, place_near(self, 10, 50));
	/* Two extents would still be in between. */
	EXPECT_EQ(-ENOSPC, place_at(self, PAGES - 100, 0));
	EXPECT_EQ(0, self->args.out_cookie);
	cc_exit(&self->shared, self->reader, outer);
	ASSERT_EQ(0, cc_grace_wait(self->cache, cookie));
	EXPECT_EQ(50, place_near(self, 10, 50));
}

static int touch(FIXTURE_DATA(extent) *self, uint64_t first, uint64_t nr)
{
	int sig = 0;

	while (nr-- && !sig)
		sig = cc_store(self->mem.map[W] + first++ * self->page, 1);
	return sig;
}

TEST_F_TIMEOUT(extent, too_much_that_is_held_stops_allocation, CC_TIMEOUT)
{
	uint64_t cookie, last, outer;

	ASSERT_EQ(0, cc_set_param("max_held_pages", 4));
	EXPECT_EQ(0, place_at(self, 8, LOW));
	EXPECT_EQ(8, place_at(self, 4, LOW));
	ASSERT_EQ(0, touch(self, 0, 4));	/* the others do not count */
	ASSERT_EQ(0, touch(self, 8, 1));
	outer = cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->zone, 0, 8, &cookie));
	EXPECT_EQ(4, CC_STAT(self->cache, held_pages));
	EXPECT_EQ(12, place_at(self, 1, LOW));
	/* One more is too much; to retire works all the same. */
	ASSERT_EQ(0, cc_retire_run(self->zone, 8, 4, &last));
	EXPECT_EQ(5, CC_STAT(self->cache, held_pages));
	EXPECT_EQ(-EAGAIN, place_at(self, 1, LOW));
	EXPECT_EQ(CC_NO_INDEX, self->args.out_failed_index);
	EXPECT_EQ(last, self->args.out_cookie);
	EXPECT_EQ(0, cc_retire_run(self->zone, 12, 1, &last));
	/* A limit of none is none. */
	ASSERT_EQ(0, cc_set_param("max_held_pages", 0));
	EXPECT_EQ(12 + 1, place_at(self, 1, LOW));
	ASSERT_EQ(0, cc_set_param("max_held_pages", 4));
	EXPECT_EQ(-EAGAIN, place_at(self, 1, LOW));
	cc_exit(&self->shared, self->reader, outer);
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->args.out_cookie));
	EXPECT_EQ(0, place_at(self, 1, LOW));
}

/* ---- calls that fail ------------------------------------------------------------- */

TEST_F_TIMEOUT(extent, none_is_lost_when_its_place_cannot_be_told, CC_TIMEOUT)
{
	struct codecache_extent *e = mmap(NULL, self->page,
					  PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, e);
	for (i = 0; i < 4; i++)
		e[i].nr_pages = PAGES / 4;
	ASSERT_EQ(0, mprotect(e, self->page, PROT_READ));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(-EFAULT, cc_alloc(self->zone, e, 4, 0));
		EXPECT_EQ(0, CC_STAT(self->zone, live_extents));
	}
	EXPECT_EQ(0, CC_STAT(self->zone, extents_allocated));
	EXPECT_EQ(0, place_at(self, PAGES, 0));
	munmap(e, self->page);
}

TEST_F_TIMEOUT(extent, stays_when_its_cookie_cannot_be_told, CC_TIMEOUT)
{
	struct codecache_extent_retire_args *args;
	struct codecache_extent extent = { .nr_pages = 4 };

	ASSERT_EQ(0, cc_alloc(self->zone, &extent, 1, 0));
	args = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, args);
	args->size = sizeof(*args);
	args->addr = (uintptr_t)&extent;
	args->count = 1;
	ASSERT_EQ(0, mprotect(args, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, cc_ioctl(self->zone, CODECACHE_IOC_EXTENT_RETIRE,
				    args));
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(0, touch(self, extent.first_page, 4));
	EXPECT_EQ(0, cc_retire(self->zone, &extent, 1, NULL));
	munmap(args, self->page);
}

/* Arguments may lie in the zone itself, and in what is about to be retired. */
TEST_F_TIMEOUT(extent, arguments_may_lie_in_the_zone, CC_TIMEOUT)
{
	struct codecache_extent_retire_args *args;
	struct codecache_extent *e;
	uint64_t outer;

	EXPECT_EQ(0, place_at(self, 4, LOW));
	e = (void *)self->mem.map[W];
	e->nr_pages = 2;
	ASSERT_EQ(0, cc_alloc(self->zone, e, 1, LOW));
	EXPECT_EQ(4, e->first_page);
	args = (void *)(self->mem.map[W] + self->page);
	args->size = sizeof(*args);
	args->addr = (uintptr_t)e;
	args->count = 1;
	e->first_page = 0;
	e->nr_pages = 4;
	outer = cc_enter(&self->shared, self->reader);
	EXPECT_EQ(0, cc_ioctl(self->zone, CODECACHE_IOC_EXTENT_RETIRE, args));
	EXPECT_EQ(1, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(SIGSEGV, cc_store(args, 1));
	/* It was known before there was a cookie to tell. */
	EXPECT_EQ(0, args->out_cookie);
	cc_exit(&self->shared, self->reader, outer);
	EXPECT_TRUE(CC_STAT_BECOMES(self->zone, retired_pages, 0));
}

/* ---- what is in them --------------------------------------------------------------- */

static bool is_zero(const unsigned char *p, size_t size)
{
	return !p[0] && !memcmp(p, p + 1, size - 1);
}

TEST_F_TIMEOUT(extent, is_zero_whatever_was_there_before, CC_TIMEOUT)
{
	unsigned char *w = self->mem.map[W], *x = self->mem.map[X];
	unsigned int round, i;
	uint64_t cookie;

	for (round = 0; round < 12; round++) {
		EXPECT_EQ(0, place_at(self, 16, LOW));
		for (i = 0; i < 16; i++) {
			unsigned char *at = (i & 1 ? w : x) + i * self->page;

			ASSERT_EQ(0, cc_load(at, NULL));
			ASSERT_TRUE(is_zero(at, self->page));
			memset(w + i * self->page, 0xa5 + round, self->page);
		}
		ASSERT_EQ(0, cc_retire_run(self->zone, 0, 16, &cookie));
		ASSERT_EQ(0, cc_grace_wait(self->cache, cookie));
		EXPECT_EQ(0, CC_STAT(self->zone, resident_pages));
	}
}

TEST_F_TIMEOUT(extent, of_a_data_zone_works_the_same, CC_TIMEOUT)
{
	struct cc_mem data;
	uint64_t cookie;
	long long first;

	ASSERT_EQ(0, cc_mem_extents_data(&data, PAGES));
	EXPECT_EQ(-EOPNOTSUPP, cc_view(data.zone, CODECACHE_VIEW_UFFD));
	EXPECT_EQ(SIGSEGV, cc_load(data.map[DATA], NULL));
	first = cc_extent(data.zone, 3);
	ASSERT_EQ(0, first);
	EXPECT_EQ(0, cc_store(data.map[DATA] + 2 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(data.map[DATA] + 3 * self->page, 1));
	ASSERT_EQ(0, cc_retire_run(data.zone, 0, 3, &cookie));
	EXPECT_EQ(SIGSEGV, cc_store(data.map[DATA] + 2 * self->page, 1));
	ASSERT_EQ(0, cc_grace_wait(data.cache, cookie));
	EXPECT_EQ(SIGSEGV, cc_load(data.map[DATA] + 2 * self->page, NULL));
	cc_mem_close(&data);
}

/* ---- many threads -------------------------------------------------------------------- */

struct worker {
	FIXTURE_DATA(extent) *self;
	pthread_t thread;
	unsigned int id;
	unsigned int done;
	int err;
};

/* Fill an extent with marks of our own, and find them all; retire it. */
static int use_extent(FIXTURE_DATA(extent) *self, unsigned int mark,
		      uint32_t nr_pages)
{
	long long first = cc_extent(self->zone, nr_pages);
	unsigned int i, *at;

	if (first < 0)
		return first;
	for (i = 0; i < nr_pages; i++) {
		at = (void *)(self->mem.map[W] + (first + i) * self->page);
		if (*at)
			return -EEXIST;
		*at = mark;
	}
	sched_yield();
	for (i = 0; i < nr_pages; i++) {
		at = (void *)(self->mem.map[X] + (first + i) * self->page);
		if (*at != mark)
			return -EBADMSG;
	}
	return cc_retire_run(self->zone, first, nr_pages, NULL);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 1; worker->done < 200 && !worker->err; i++) {
		int err = use_extent(worker->self, worker->id << 16 | i,
				     1 + (worker->id + i) % 7);

		worker->done += !err;
		worker->err = err == -EAGAIN ? cc_quiesce(worker->self->cache) :
					       err;
	}
	return NULL;
}

TEST_F_TIMEOUT(extent, is_handed_out_to_one_thread_at_a_time, 2 * CC_TIMEOUT)
{
	struct worker workers[4];
	unsigned int i, done = 0;

	for (i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .self = self, .id = i + 1 };
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work,
					    &workers[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].err);
		done += workers[i].done;
	}
	EXPECT_EQ(800, done);
	EXPECT_EQ(0, cc_quiesce(self->cache));
	EXPECT_EQ(done, CC_STAT(self->zone, extents_retired));
	EXPECT_EQ(0, CC_STAT(self->zone, live_extents));
	EXPECT_EQ(0, CC_STAT(self->zone, retired_pages));
	EXPECT_EQ(0, CC_STAT(self->zone, resident_pages));
	EXPECT_EQ(0, place_at(self, PAGES, 0));
}

TEST_HARNESS_MAIN
