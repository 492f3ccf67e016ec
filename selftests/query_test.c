// SPDX-License-Identifier: MIT
/*
 * QUERY: which pages were written or accessed, in what form the answer comes, and
 * what becomes of it when protections change
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"

enum { PAGES = 1100 };	/* three page tables */

#define DATA	CODECACHE_VIEW_DATA
#define D	CC_DIRTY
#define Y	CC_YOUNG
#define BOTH	(CC_DIRTY | CC_YOUNG)
#define ERROR	0xffff

/* A data view. What is known of each page goes to @state. */
FIXTURE(query)
{
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	uint16_t state[PAGES];
};

FIXTURE_SETUP(query)
{
	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[DATA];
	self->map = self->mem.map[DATA];
	self->page = cc_page_size();
}

FIXTURE_TEARDOWN(query)
{
	cc_mem_close(&self->mem);
}

#define SELF	FIXTURE_DATA(query) *self

static void store(SELF, unsigned long page)
{
	*(volatile unsigned char *)(self->map + page * self->page) = page;
}

static void load(SELF, unsigned long page)
{
	(void)*(volatile unsigned char *)(self->map + page * self->page);
}

static void store_all(SELF)
{
	unsigned long page;

	for (page = 0; page < PAGES; page++)
		store(self, page);
}

/* Every page mapped and writable, and nothing known of it. */
static int start_clean(SELF)
{
	store_all(self);
	return cc_query_reset(self->view, PAGES);
}

static uint16_t look(int view, uint64_t page, uint32_t find, uint32_t clear)
{
	uint16_t state;

	if (cc_query(view, page, 1, find, clear, &state) < 0)
		return ERROR;
	return state;
}

static uint16_t state_of(int view, uint64_t page)
{
	return look(view, page, BOTH, 0);
}

/* How many pages are anything but clean and old. */
static long long nr_known(int view)
{
	return cc_query(view, 0, PAGES, BOTH, 0, NULL);
}

/* Store to random pages, and to as many runs of pages. */
static unsigned long store_random(SELF, bool *model, unsigned int nr)
{
	unsigned long i, k, page, sum = 0;

	memset(model, 0, PAGES * sizeof(*model));
	for (i = 0; i < nr; i++) {
		page = rand() % PAGES;
		for (k = 0; k <= i % 2 * 9U && page + k < PAGES; k++) {
			store(self, page + k);
			model[page + k] = true;
		}
	}
	for (page = 0; page < PAGES; page++)
		sum += model[page];
	return sum;
}

static long long view_stat(int view, size_t offset)
{
	struct codecache_stats_args stats;

	if (cc_stats(view, &stats))
		return -1;
	return *(__u64 *)((char *)&stats + offset);
}

#define STAT(view, member) \
	view_stat(view, offsetof(struct codecache_stats_args, out_##member))

/* ---- what is dirty, what is young -------------------------------------------- */

TEST_F_TIMEOUT(query, a_new_view_knows_nothing, CC_TIMEOUT)
{
	int other = cc_view(self->mem.zone, DATA);

	EXPECT_EQ(0, nr_known(self->view));
	EXPECT_EQ(0, nr_known(other));	/* not mapped, too */
	EXPECT_EQ(0, cc_query(other, 0, PAGES, CC_LOST, CC_LOST, NULL));
	close(other);
}

TEST_F_TIMEOUT(query, stores_are_dirty_and_loads_are_young, CC_TIMEOUT)
{
	unsigned int mapped;

	for (mapped = 0; mapped < 2; mapped++) {
		store(self, 1);
		load(self, 3);
		EXPECT_EQ(BOTH, state_of(self->view, 1));
		EXPECT_EQ(Y, state_of(self->view, 3));
		EXPECT_EQ(0, look(self->view, 3, D, 0));
		EXPECT_EQ(2, nr_known(self->view));
		ASSERT_EQ(0, start_clean(self));
		EXPECT_EQ(0, nr_known(self->view));
	}
	/* A page that is dirty already can be loaded, and stays so. */
	store(self, 1);
	load(self, 1);
	EXPECT_EQ(BOTH, state_of(self->view, 1));
}

TEST_F_TIMEOUT(query, a_store_after_a_load_is_dirty, CC_TIMEOUT)
{
	load(self, 9);
	ASSERT_EQ(Y, look(self->view, 9, BOTH, BOTH));
	store(self, 9);
	EXPECT_EQ(BOTH, state_of(self->view, 9));
}

TEST_F_TIMEOUT(query, asking_alone_changes_nothing, CC_TIMEOUT)
{
	unsigned int i;

	store(self, 1);
	load(self, 2);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(BOTH, state_of(self->view, 1));
		EXPECT_EQ(Y, state_of(self->view, 2));
	}
	EXPECT_EQ(0, STAT(self->view, query_flushes));
}

TEST_F_TIMEOUT(query, clears_only_what_it_names, CC_TIMEOUT)
{
	store(self, 1);
	load(self, 2);
	EXPECT_EQ(BOTH, look(self->view, 1, BOTH, Y));
	EXPECT_EQ(D, state_of(self->view, 1));
	EXPECT_EQ(D, look(self->view, 1, D, D));
	EXPECT_EQ(0, state_of(self->view, 1));
	store(self, 1);
	EXPECT_EQ(D, look(self->view, 1, D, D));
	EXPECT_EQ(Y, state_of(self->view, 1));
	/* In pages that are found, and in no others. */
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, D, NULL));
	EXPECT_EQ(Y, state_of(self->view, 2));
}

TEST_F_TIMEOUT(query, clears_without_telling_where, CC_TIMEOUT)
{
	struct codecache_view_query_args args = { .find = BOTH, .clear = BOTH };
	unsigned long i;

	for (i = 0; i < PAGES; i += 7)
		store(self, i);
	ASSERT_EQ(0, cc_query_call(self->view, &args));
	EXPECT_EQ((PAGES + 6) / 7, args.out_nr_pages);
	EXPECT_EQ(0, args.out_count);
	EXPECT_EQ(PAGES, args.out_next_page);
	EXPECT_EQ(0, args.out_seq);
	EXPECT_EQ(0, nr_known(self->view));
}

TEST_F_TIMEOUT(query, every_store_after_a_clear_is_found, CC_TIMEOUT)
{
	bool model[PAGES];
	unsigned long round, page, n;

	srand(3);
	for (round = 0; round < 50; round++) {
		n = store_random(self, model, 40);
		ASSERT_EQ((long long)n, cc_query(self->view, 0, PAGES, D, D,
						 self->state));
		for (page = 0; page < PAGES; page++)
			ASSERT_EQ(model[page] ? D : 0, self->state[page]);
	}
}

TEST_F_TIMEOUT(query, views_know_of_their_own_stores_only, CC_TIMEOUT)
{
	int other = cc_view(self->mem.zone, DATA);
	unsigned char *map = cc_map(other, DATA, PAGES);

	ASSERT_NE(NULL, map);
	store(self, 1);
	EXPECT_EQ(0, nr_known(other));
	map[2 * self->page] = 1;
	EXPECT_EQ(1, nr_known(self->view));
	map[1 * self->page] = 1;
	EXPECT_EQ(BOTH, look(self->view, 1, BOTH, BOTH));
	EXPECT_EQ(0, nr_known(self->view));
	EXPECT_EQ(BOTH, state_of(other, 1));
	EXPECT_EQ(2, nr_known(other));
	munmap(map, PAGES * self->page);
	close(other);
}

TEST_F_TIMEOUT(query, kinds_have_what_can_be_known_of_them, CC_TIMEOUT)
{
	const uint32_t w = CODECACHE_VIEW_WRITE, x = CODECACHE_VIEW_EXEC;
	struct codecache_view_query_args args = { .find = Y };
	struct cc_mem code;
	int uffd;

	ASSERT_EQ(0, cc_mem_code(&code, 8));
	cc_emit(code.map[w] + 3 * self->page, 42);
	EXPECT_EQ(BOTH, state_of(code.fd[w], 3));
	EXPECT_EQ(0, cc_query(code.fd[x], 0, 8, Y, 0, NULL));
	EXPECT_EQ(42, cc_run(code.map[x] + 3 * self->page));
	EXPECT_EQ(Y, look(code.fd[x], 3, Y, Y));
	EXPECT_EQ(0, cc_query(code.fd[x], 0, 8, Y, 0, NULL));
	EXPECT_EQ(42, cc_run(code.map[x] + 3 * self->page));
	EXPECT_EQ(1, cc_query(code.fd[x], 0, 8, Y, 0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, cc_query(code.fd[x], 0, 8, D, 0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, cc_query(code.fd[x], 0, 8, BOTH, Y, NULL));
	cc_mem_close(&code);

	uffd = cc_view(self->mem.zone, CODECACHE_VIEW_UFFD);
	ASSERT_LE(0, uffd);
	EXPECT_EQ(-EOPNOTSUPP, cc_query_call(uffd, &args));
	args.find = D;
	EXPECT_EQ(-EOPNOTSUPP, cc_query_call(uffd, &args));
	close(uffd);
}

/* ---- the form of the answer -------------------------------------------------- */

TEST_F_TIMEOUT(query, neighbours_of_one_state_are_one_range, CC_TIMEOUT)
{
	static const struct codecache_page_range want[] = {
		{ 10, 10, D | Y, 0 }, { 21, 1, D | Y, 0 }, { 30, 1, D | Y, 0 },
		{ 31, 2, Y, 0 }, { 33, 1, D | Y, 0 }, { 511, 3, D | Y, 0 },
		{ 1022, 4, Y, 0 }, { 1099, 1, D | Y, 0 },
	};
	struct codecache_page_range r[ARRAY_LEN(want) + 1];
	struct codecache_view_query_args args = {
		.find = BOTH,
		.addr = (uintptr_t)r,
		.count = ARRAY_LEN(r),
	};
	unsigned long i, page;

	for (i = 0; i < ARRAY_LEN(want); i++) {
		for (page = 0; page < want[i].nr_pages; page++) {
			load(self, want[i].first_page + page);
			if (want[i].state & D)
				store(self, want[i].first_page + page);
		}
	}
	memset(r, 0x5a, sizeof(r));
	ASSERT_EQ(0, cc_query_call(self->view, &args));
	EXPECT_EQ(ARRAY_LEN(want), args.out_count);
	EXPECT_EQ(PAGES, args.out_next_page);
	EXPECT_EQ(23, args.out_nr_pages);
	EXPECT_EQ(0, memcmp(want, r, sizeof(want)));
	EXPECT_EQ(0x5a5a5a5a, r[ARRAY_LEN(want)].nr_pages);
	/* An array that is just long enough is as good. */
	args.count = ARRAY_LEN(want);
	ASSERT_EQ(0, cc_query_call(self->view, &args));
	EXPECT_EQ(ARRAY_LEN(want), args.out_count);
	EXPECT_EQ(23, args.out_nr_pages);
}

TEST_F_TIMEOUT(query, a_bitmap_says_what_ranges_say, CC_TIMEOUT)
{
	enum { FIRST = 37, NR = 1000, WORDS = (NR + 63) / 64 };
	uint64_t bits[WORDS + 1];
	struct codecache_view_query_args args = {
		.flags = CODECACHE_QUERY_F_BITMAP,
		.find = D,
		.addr = (uintptr_t)bits,
		.first_page = FIRST,
		.nr_pages = NR,
	};
	unsigned long i, round, n;
	bool model[PAGES];

	srand(4);
	for (round = 0; round < 20; round++) {
		args.count = round % 2 ? NR : 64 * WORDS;
		ASSERT_EQ(0, cc_query_reset(self->view, PAGES));
		store_random(self, model, 10 * round);
		memset(bits, 0xff, sizeof(bits));
		ASSERT_EQ(0, cc_query_call(self->view, &args));
		EXPECT_EQ(FIRST + NR, args.out_next_page);
		for (i = n = 0; i < NR; i++) {
			ASSERT_EQ(model[FIRST + i], bits[i / 64] >> i % 64 & 1);
			n += model[FIRST + i];
		}
		EXPECT_EQ(n, args.out_nr_pages);
		EXPECT_EQ(NR, args.out_count);
		EXPECT_EQ(0, bits[WORDS - 1] >> NR % 64);
		EXPECT_EQ(~0ULL, bits[WORDS]);
	}
}

/* As many calls as it takes find what one call would have found, once. */
TEST_F_TIMEOUT(query, small_arrays_lose_nothing, 2 * CC_TIMEOUT)
{
	static const unsigned int rooms[] = { 1, 2, 3, 7, 64 };
	struct codecache_view_query_args args = {
		.nr_pages = PAGES,
		.find = BOTH,
		.clear = BOTH,
	};
	unsigned long i, page, n;
	bool model[PAGES];

	srand(5);
	for (i = 0; i < ARRAY_LEN(rooms); i++) {
		ASSERT_EQ(0, start_clean(self));
		n = store_random(self, model, 60);
		args.count = rooms[i];
		ASSERT_EQ((long long)n, cc_query_args(self->view, &args,
						      self->state));
		for (page = 0; page < PAGES; page++)
			ASSERT_EQ(model[page] ? BOTH : 0, self->state[page]);
		EXPECT_EQ(0, nr_known(self->view));
	}
}

TEST_F_TIMEOUT(query, small_bitmaps_lose_nothing, CC_TIMEOUT)
{
	static const unsigned int rooms[] = { 1, 63, 64, 65, 500 };
	uint64_t bits[8];
	struct codecache_view_query_args args = {
		.flags = CODECACHE_QUERY_F_BITMAP,
		.find = D,
		.clear = D,
		.addr = (uintptr_t)bits,
	};
	unsigned long i, page, n, found;
	bool model[PAGES];

	srand(6);
	for (i = 0; i < ARRAY_LEN(rooms); i++) {
		n = store_random(self, model, 60);
		args.count = rooms[i];
		found = 0;
		for (page = 0; page < PAGES; page = args.out_next_page) {
			args.first_page = page;
			ASSERT_EQ(0, cc_query_call(self->view, &args));
			ASSERT_LT(page, args.out_next_page);
			ASSERT_EQ(args.out_count, args.out_next_page - page);
			found += args.out_nr_pages;
			for (; page < args.out_next_page; page++)
				ASSERT_EQ(model[page],
					  bits[(page - args.first_page) / 64] >>
					  (page - args.first_page) % 64 & 1);
		}
		EXPECT_EQ(n, found);
		EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, 0, NULL));
	}
}

TEST_F_TIMEOUT(query, what_a_full_array_leaves_out_is_as_it_was, CC_TIMEOUT)
{
	struct codecache_page_range r[2];
	struct codecache_view_query_args args = {
		.find = BOTH,
		.clear = BOTH,
		.addr = (uintptr_t)r,
		.count = 2,
	};
	unsigned long page;

	for (page = 0; page < PAGES; page += 100)
		store(self, page);
	ASSERT_EQ(0, cc_query_call(self->view, &args));
	EXPECT_EQ(2, args.out_count);
	EXPECT_LT(100, args.out_next_page);
	EXPECT_GE(200, args.out_next_page);
	for (page = 0; page < PAGES; page += 100)
		EXPECT_EQ(page < 200 ? 0 : BOTH, state_of(self->view, page));
}

TEST_F_TIMEOUT(query, looks_at_its_window_only, CC_TIMEOUT)
{
	static const struct {
		uint64_t first, nr;
	} windows[] = {
		{ 0, 1 }, { 5, 600 }, { 511, 1 }, { 511, 2 }, { 512, 512 },
		{ 1, PAGES - 2 }, { PAGES - 1, 1 }, { 1000, 0 }, { 0, 0 },
	};
	unsigned long i, page;

	for (i = 0; i < ARRAY_LEN(windows); i++) {
		struct codecache_view_query_args args = {
			.find = BOTH,
			.clear = BOTH,
			.first_page = windows[i].first,
			.nr_pages = windows[i].nr,
		};
		uint64_t nr = windows[i].nr ?: PAGES - windows[i].first;

		store_all(self);
		ASSERT_EQ(0, cc_query_call(self->view, &args));
		EXPECT_EQ(nr, args.out_nr_pages);
		EXPECT_EQ(windows[i].first + nr, args.out_next_page);
		ASSERT_EQ((long long)(PAGES - nr),
			  cc_query(self->view, 0, PAGES, BOTH, 0, self->state));
		for (page = 0; page < PAGES; page++)
			ASSERT_EQ(page - windows[i].first < nr ? 0 : BOTH,
				  self->state[page]);
	}
}

/* ---- protections --------------------------------------------------------------- */

struct change {
	uint32_t prots[3];
	unsigned int nr;
};

static const struct change changes[] = {
	{ { CC_R }, 1 },
	{ { CC_NONE }, 1 },
	{ { CC_R, CC_RW }, 2 },
	{ { CC_NONE, CC_RW }, 2 },
	{ { CC_NONE, CC_R }, 2 },
	{ { CC_R, CC_NONE, CC_RW }, 3 },
	{ { CC_NONE, CC_R, CC_RW }, 3 },
	{ { CC_NONE, CC_RW, CC_NONE }, 3 },
	{ { CC_RW }, 1 },
};

TEST_F_TIMEOUT(query, what_is_known_survives_protect, CC_TIMEOUT)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(changes); i++) {
		ASSERT_EQ(0, start_clean(self));
		store(self, 5);
		store(self, 600);
		load(self, 7);
		for (k = 0; k < changes[i].nr; k++)
			ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES,
						    changes[i].prots[k]));
		/* Once, and no page more: widening is no access. */
		ASSERT_EQ(3, cc_query(self->view, 0, PAGES, BOTH, BOTH,
				      self->state))
			TH_LOG("case %u", i);
		EXPECT_EQ(BOTH, self->state[5]);
		EXPECT_EQ(BOTH, self->state[600]);
		EXPECT_EQ(Y, self->state[7]);
		EXPECT_EQ(0, nr_known(self->view));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
		EXPECT_EQ(0, nr_known(self->view));
		store(self, 5);
		EXPECT_EQ(BOTH, state_of(self->view, 5));
		EXPECT_EQ(1, nr_known(self->view));
	}
}

TEST_F_TIMEOUT(query, a_forbidden_access_leaves_no_mark, CC_TIMEOUT)
{
	ASSERT_EQ(0, start_clean(self));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 10, CC_R));
	ASSERT_EQ(0, cc_protect_run(self->view, 10, 10, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 2 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 12 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_load(self->map + 13 * self->page, NULL));
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, 0, NULL));
	EXPECT_EQ(0, cc_query(self->view, 10, 10, Y, 0, NULL));
}

#define PROTECTS(p)	.flags = CODECACHE_QUERY_F_PROTECT, .prot = (p)

TEST_F_TIMEOUT(query, protects_what_it_finds_and_nothing_else, CC_TIMEOUT)
{
	struct codecache_view_query_args args = {
		.nr_pages = PAGES, .find = D, .clear = D, PROTECTS(CC_R),
	};
	uint64_t seq;

	ASSERT_EQ(0, start_clean(self));
	store(self, 1);
	store(self, 2);
	store(self, 4);
	ASSERT_EQ(0, cc_protect_run(self->view, 4, 1, CC_NONE));
	load(self, 5);
	store(self, 700);
	seq = cc_protect_seq(self->view, 900, 1, CC_R);
	EXPECT_EQ(4, cc_query_args(self->view, &args, self->state));
	EXPECT_EQ(D, self->state[1]);
	EXPECT_EQ(D, self->state[4]);
	EXPECT_LT(seq, args.out_seq);
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, 0, NULL));

	EXPECT_EQ(SIGSEGV, cc_store(self->map + 1 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 2 * self->page, 1));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 700 * self->page, 1));
	EXPECT_EQ(0, cc_load(self->map + 1 * self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_load(self->map + 4 * self->page, NULL));
	EXPECT_EQ(0, cc_store(self->map + 3 * self->page, 1));
	EXPECT_EQ(0, cc_store(self->map + 5 * self->page, 1));
	EXPECT_EQ(4, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_R));
	EXPECT_EQ(1, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_NONE));
}

TEST_F_TIMEOUT(query, protects_with_none_and_without_clearing, CC_TIMEOUT)
{
	struct codecache_view_query_args args = {
		.nr_pages = PAGES, .find = BOTH, PROTECTS(CC_NONE),
	};

	ASSERT_EQ(0, start_clean(self));
	store(self, 1);
	ASSERT_EQ(0, cc_protect_run(self->view, 1, 1, CC_R));
	load(self, 2);
	EXPECT_EQ(2, cc_query_args(self->view, &args, self->state));
	EXPECT_EQ(SIGSEGV, cc_load(self->map + 1 * self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_load(self->map + 2 * self->page, NULL));
	EXPECT_EQ(2, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_NONE));
	/* What was not cleared is still there. */
	EXPECT_EQ(BOTH, state_of(self->view, 1));
	EXPECT_EQ(Y, state_of(self->view, 2));
	EXPECT_EQ(2, nr_known(self->view));
}

/* Where the array ends, so does the protecting. */
TEST_F_TIMEOUT(query, protects_no_further_than_it_looks, CC_TIMEOUT)
{
	struct codecache_page_range r;
	struct codecache_view_query_args args = {
		.addr = (uintptr_t)&r, .count = 1, .find = D, .clear = D,
		PROTECTS(CC_R),
	};

	store(self, 3);
	store(self, 5);
	store(self, 800);
	ASSERT_EQ(0, cc_query_call(self->view, &args));
	EXPECT_EQ(1, args.out_nr_pages);
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 3 * self->page, 1));
	EXPECT_EQ(0, cc_store(self->map + 5 * self->page, 1));
	EXPECT_EQ(0, cc_store(self->map + 800 * self->page, 1));
}

TEST_F_TIMEOUT(query, protects_an_exec_view, CC_TIMEOUT)
{
	struct codecache_view_query_args args = {
		.nr_pages = 8, .find = Y, .clear = Y, PROTECTS(CC_NONE),
	};
	const uint32_t x = CODECACHE_VIEW_EXEC;
	struct cc_mem code;

	ASSERT_EQ(0, cc_mem_code(&code, 8));
	cc_emit(code.map[CODECACHE_VIEW_WRITE], 1);
	cc_emit(code.map[CODECACHE_VIEW_WRITE] + self->page, 2);
	EXPECT_EQ(1, cc_run(code.map[x]));
	EXPECT_EQ(1, cc_query_args(code.fd[x], &args, self->state));
	EXPECT_EQ(-1, cc_run(code.map[x]));
	EXPECT_EQ(2, cc_run(code.map[x] + self->page));
	cc_mem_close(&code);
}

/* ---- what it costs -------------------------------------------------------------- */

TEST_F_TIMEOUT(query, one_flush_for_a_call_that_cleared, CC_TIMEOUT)
{
	struct codecache_view_query_args fast = {
		.flags = CODECACHE_QUERY_F_FAST_YOUNG,
		.find = Y,
		.clear = Y,
		.nr_pages = PAGES,
	};

	ASSERT_EQ(0, start_clean(self));
	store_all(self);
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 3, CC_R));
	EXPECT_EQ(1, STAT(self->view, query_flushes));
	EXPECT_EQ(PAGES, cc_query(self->view, 0, PAGES, D, D, NULL));
	EXPECT_EQ(2, STAT(self->view, query_flushes));
	EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, D, NULL));
	EXPECT_EQ(2, STAT(self->view, query_flushes));
	EXPECT_EQ(PAGES, cc_query_args(self->view, &fast, NULL));
	EXPECT_EQ(2, STAT(self->view, query_flushes));
	load(self, 1);
	EXPECT_LE(0, cc_query(self->view, 0, PAGES, Y, 0, NULL));
	EXPECT_EQ(2, STAT(self->view, query_flushes));
	EXPECT_EQ(5, STAT(self->view, query_calls));
	EXPECT_LE(3 * PAGES, STAT(self->view, query_pages));
}

static long long faults_and_traps(int view)
{
	return STAT(view, faults_filled) + STAT(view, faults_upgraded) +
	       STAT(view, faults_spurious) + STAT(view, faults_failed) +
	       STAT(view, faults_around) + STAT(view, traps_read) +
	       STAT(view, traps_write) + STAT(view, traps_exec);
}

TEST_F_TIMEOUT(query, a_store_to_a_cleared_page_is_no_fault, CC_TIMEOUT)
{
	struct rusage before, after;
	long long faults;
	unsigned int round;

	ASSERT_EQ(0, start_clean(self));
	faults = faults_and_traps(self->view);
	for (round = 0; round < 20; round++) {
		getrusage(RUSAGE_THREAD, &after);	/* touch it, too */
		getrusage(RUSAGE_THREAD, &before);
		store_all(self);
		getrusage(RUSAGE_THREAD, &after);
		EXPECT_EQ(before.ru_minflt, after.ru_minflt);
		ASSERT_EQ(PAGES, cc_query(self->view, 0, PAGES, D, D, NULL));
		ASSERT_EQ(PAGES, cc_query(self->view, 0, PAGES, Y, Y, NULL));
	}
	EXPECT_EQ(faults, faults_and_traps(self->view));
}

TEST_HARNESS_MAIN
