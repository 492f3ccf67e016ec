// SPDX-License-Identifier: MIT
/*
 * QUERY's answers against a model: any window, any length of array or bitmap, and
 * memory for the answer that is not there, or not all of the time
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"

enum { PAGES = 1100 };	/* three page tables */

#define LONG	(4 * CC_TIMEOUT)
#define DATA	CODECACHE_VIEW_DATA
#define BITMAP	CODECACHE_QUERY_F_BITMAP
#define D	CC_DIRTY
#define Y	CC_YOUNG
#define BOTH	(CC_DIRTY | CC_YOUNG)

/* A data view; what must be known of each page is in @model. */
FIXTURE(answer)
{
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	uint16_t model[PAGES];
	uint16_t told[PAGES];
	struct codecache_page_range *r;	/* PAGES long, ends where a page does */
	size_t bytes;			/* of the mapping that it is in */
};

FIXTURE_SETUP(answer)
{
	unsigned long page;
	size_t need = PAGES * sizeof(*self->r);

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[DATA];
	self->map = self->mem.map[DATA];
	self->page = cc_page_size();
	self->bytes = (need + self->page - 1) & -self->page;
	self->r = mmap(NULL, self->bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->r);
	for (page = 0; page < PAGES; page++)
		self->map[page * self->page] = 1;
	ASSERT_EQ(0, cc_query_reset(self->view, PAGES));
}

FIXTURE_TEARDOWN(answer)
{
	munmap(self->r, self->bytes);
	cc_mem_close(&self->mem);
}

#define SELF	FIXTURE_DATA(answer) *self

static void store(SELF, unsigned long page)
{
	*(volatile unsigned char *)(self->map + page * self->page) = page;
	self->model[page] |= BOTH;
}

static void load(SELF, unsigned long page)
{
	(void)*(volatile unsigned char *)(self->map + page * self->page);
	self->model[page] |= Y;
}

/* A few runs of pages, long and short; now and then the entries go. */
static void access_random(SELF)
{
	unsigned long i, page, end;

	for (i = rand() % 40; i; i--) {
		page = rand() % PAGES;
		end = page + 1 + (rand() % 4 ? 0 : rand() % 140);
		for (; page < end && page < PAGES; page++) {
			if (i % 2)
				store(self, page);
			else
				load(self, page);
		}
	}
	if (rand() % 8)
		return;
	page = rand() % PAGES;
	cc_protect_run(self->view, page, 1 + rand() % (PAGES - page), CC_NONE);
	cc_protect_run(self->view, 0, PAGES, CC_RW);
}

static void access_every(SELF, unsigned long step)
{
	unsigned long page;

	for (page = 0; page < PAGES; page += step)
		store(self, page);
}

static void keep(SELF, const struct codecache_view_query_args *args)
{
	const uint64_t *bits = (void *)(uintptr_t)args->addr;
	const struct codecache_page_range *r = (void *)bits;
	uint64_t i, page;

	if (args->flags & BITMAP) {
		for (i = 0; i < args->out_count; i++)
			self->told[args->first_page + i] =
				bits[i / 64] >> i % 64 & 1 ? args->find : 0;
		return;
	}
	for (i = 0; i < args->out_count; i++) {
		for (page = 0; page < r[i].nr_pages; page++)
			self->told[r[i].first_page + page] = r[i].state;
	}
}

/*
 * Ask. The answer must be the model's, from the first page to where the call says
 * that it has got to. The model forgets what was cleared.
 */
static bool ask(SELF, struct codecache_view_query_args *args)
{
	uint64_t page, nr = 0;

	memset(self->told, 0, sizeof(self->told));
	if (cc_query_call(self->view, args) ||
	    args->out_next_page < args->first_page ||
	    args->out_next_page > args->first_page + args->nr_pages)
		return false;
	keep(self, args);
	for (page = 0; page < PAGES; page++) {
		bool asked = page >= args->first_page &&
			     page < args->out_next_page;
		uint16_t want = asked ? self->model[page] & args->find : 0;

		if (self->told[page] != want)
			return false;
		nr += want != 0;
		if (want)
			self->model[page] &= ~args->clear;
	}
	return nr == args->out_nr_pages;
}

/* What is known is what the model says, of all pages. */
static bool agrees(SELF)
{
	return cc_query(self->view, 0, PAGES, BOTH, 0, self->told) >= 0 &&
	       !memcmp(self->told, self->model, sizeof(self->model));
}

static struct codecache_view_query_args random_args(SELF)
{
	static const uint64_t rooms[] = {
		1, 2, 31, 32, 33, 63, 64, 65, 96, 128, 200, PAGES,
	};
	static const uint32_t finds[] = { D, Y, BOTH };
	struct codecache_view_query_args args = {
		.flags = rand() % 2 ? BITMAP : 0,
		.addr = (uintptr_t)self->r,
		.count = rooms[rand() % ARRAY_LEN(rooms)],
		.first_page = rand() % PAGES,
		.find = finds[rand() % (ARRAY_LEN(finds))],
	};

	args.nr_pages = 1 + rand() % (PAGES - args.first_page);
	if (args.flags & BITMAP && args.find == BOTH)
		args.find = D;
	args.clear = rand() % 4 ? args.find : args.find & rand() % 4;
	return args;
}

TEST_F_TIMEOUT(answer, any_question_is_answered_as_the_model_says, LONG)
{
	struct codecache_view_query_args args;
	unsigned int round;
	uint64_t end;

	srand(7);
	for (round = 0; round < 2000; round++) {
		access_random(self);
		args = random_args(self);
		end = args.first_page + args.nr_pages;
		ASSERT_TRUE(ask(self, &args)) {
			TH_LOG("round %u", round);
		}
		if (args.flags & BITMAP && end - args.first_page > args.count)
			end = args.first_page + args.count;
		/* It stops before the end only for want of room. */
		if (args.out_next_page != end)
			ASSERT_EQ(args.count, args.out_count);
		ASSERT_TRUE(agrees(self)) {
			TH_LOG("round %u", round);
		}
	}
}

/* Runs that cross words and page tables are still one range. */
TEST_F_TIMEOUT(answer, neighbours_are_one_range_in_each_way_to_ask, CC_TIMEOUT)
{
	static const struct codecache_page_range want[] = {
		{ 0, 1, 0, 0 }, { 2, 62, 0, 0 }, { 65, 1, 0, 0 },
		{ 127, 2, 0, 0 }, { 190, 200, 0, 0 }, { 511, 2, 0, 0 },
		{ 575, 1, 0, 0 }, { 577, 523, 0, 0 },
	};
	static const uint32_t finds[] = { D, Y, BOTH };
	struct codecache_view_query_args args = { .addr = (uintptr_t)self->r };
	unsigned long i, k, page;

	for (k = 0; k < ARRAY_LEN(finds); k++) {
		for (i = 0; i < ARRAY_LEN(want); i++) {
			for (page = 0; page < want[i].nr_pages; page++)
				store(self, want[i].first_page + page);
		}
		args.find = args.clear = finds[k];
		args.count = PAGES;
		args.nr_pages = PAGES;
		ASSERT_TRUE(ask(self, &args));
		ASSERT_EQ(ARRAY_LEN(want), args.out_count);
		for (i = 0; i < ARRAY_LEN(want); i++) {
			EXPECT_EQ(want[i].first_page, self->r[i].first_page);
			EXPECT_EQ(want[i].nr_pages, self->r[i].nr_pages);
			EXPECT_EQ(finds[k], self->r[i].state);
			EXPECT_EQ(0, self->r[i].prot);
		}
		ASSERT_TRUE(agrees(self));
	}
}

/* ---- memory for the answer -------------------------------------------------------- */

/* Pages that nobody has touched: each is brought in during the call. */
TEST_F_TIMEOUT(answer, memory_that_is_not_there_yet_is_brought_in, CC_TIMEOUT)
{
	static const uint32_t finds[] = { D, Y, BOTH };
	unsigned int k;

	for (k = 0; k < 2 * ARRAY_LEN(finds); k++) {
		struct codecache_view_query_args args = {
			.addr = (uintptr_t)self->r, .count = PAGES,
			.nr_pages = PAGES, .find = finds[k / 2],
			.clear = finds[k / 2], .flags = k % 2 ? BITMAP : 0,
		};

		if (args.flags & BITMAP && args.find == BOTH)
			continue;
		access_every(self, 2);
		ASSERT_EQ(0, madvise(self->r, self->bytes, MADV_DONTNEED));
		ASSERT_TRUE(ask(self, &args));
		EXPECT_EQ(PAGES, args.out_next_page);
		EXPECT_EQ(PAGES / 2, args.out_nr_pages);
		ASSERT_TRUE(agrees(self));
	}
}

/* Some lots of ranges can be written, the next one cannot. */
TEST_F_TIMEOUT(answer, memory_that_ends_loses_nothing, CC_TIMEOUT)
{
	static const unsigned int rooms[] = {
		0, 1, 2, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 250,
	};
	struct codecache_view_query_args args = {
		.count = PAGES, .nr_pages = PAGES, .find = D, .clear = D,
	};
	char *end = (char *)self->r + self->page;
	unsigned int i;
	int err;

	ASSERT_EQ(0, mprotect(end, self->bytes - self->page, PROT_NONE));
	for (i = 0; i < 2 * ARRAY_LEN(rooms); i++) {
		unsigned int room = rooms[i / 2];

		access_every(self, 2);
		args.addr = (uintptr_t)end - room * sizeof(*self->r) - i % 2;
		args.find = args.clear = i % 3 ? D : BOTH;
		err = cc_query_call(self->view, &args);
		if (!room) {
			EXPECT_EQ(-EFAULT, err);
		} else {
			ASSERT_EQ(0, err);
			EXPECT_GE(room, args.out_count);
			EXPECT_LT(0, args.out_count);
			ASSERT_TRUE(args.out_next_page < PAGES);
			for (unsigned long p = 0; p < args.out_next_page; p += 2)
				self->model[p] &= ~args.clear;
		}
		ASSERT_TRUE(agrees(self)) {
			TH_LOG("room for %u", room);
		}
	}
}

static atomic_bool toggling;

/* Memory that can be written half of the time. */
static void *toggle_main(void *arg)
{
	SELF = arg;

	while (atomic_load(&toggling)) {
		mprotect(self->r, self->bytes, PROT_READ);
		mprotect(self->r, self->bytes, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* The whole view, in as many calls as it takes. */
static bool ask_on(SELF, struct codecache_view_query_args *args,
		   unsigned long *failed)
{
	uint64_t page = 0, found = 0, want = 0, i;
	int err;

	memset(self->told, 0, sizeof(self->told));
	for (i = 0; i < PAGES; i++)
		want += (self->model[i] & args->find) != 0;
	while (page < PAGES) {
		args->first_page = page;
		args->nr_pages = PAGES - page;
		err = cc_query_call(self->view, args);
		*failed += err == -EFAULT;
		if (err == -EFAULT)
			continue;
		if (err)
			return false;
		keep(self, args);
		found += args->out_nr_pages;
		page = args->out_next_page;
	}
	for (i = 0; i < PAGES; i++) {
		if (self->told[i] != (self->model[i] & args->find))
			return false;
		if (self->told[i])
			self->model[i] &= ~args->clear;
	}
	return found == want;
}

TEST_F_TIMEOUT(answer, memory_that_comes_and_goes_loses_nothing, LONG)
{
	static const uint32_t finds[] = { D, BOTH, Y };
	unsigned long round, failed = 0;
	pthread_t thread;

	srand(8);
	atomic_store(&toggling, true);
	ASSERT_EQ(0, pthread_create(&thread, NULL, toggle_main, self));
	for (round = 0; round < 600; round++) {
		struct codecache_view_query_args args = {
			.addr = (uintptr_t)self->r,
			.count = round % 2 ? 100 : PAGES,
			.find = finds[round / 2 % 3],
		};

		if (round % 4 < 2 && args.find != BOTH)
			args.flags = BITMAP;
		args.clear = args.find;
		access_random(self);
		EXPECT_TRUE(ask_on(self, &args, &failed))
			TH_LOG("round %lu", round);
		EXPECT_TRUE(agrees(self))
			TH_LOG("round %lu", round);
	}
	atomic_store(&toggling, false);
	pthread_join(thread, NULL);
	TH_LOG("%lu calls failed", failed);
	EXPECT_LT(0, failed);
}

TEST_HARNESS_MAIN
