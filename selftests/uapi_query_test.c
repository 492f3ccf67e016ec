// SPDX-License-Identifier: MIT
/*
 * QUERY's and VIEW_UNMAP's arguments: which values their members take, and what
 * becomes of bits when the answer cannot be written
 */
#include "cc_test.h"

#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 64, ROOM = 70 };

#define DATA	CODECACHE_VIEW_DATA
#define D	CC_DIRTY
#define Y	CC_YOUNG
#define BOTH	(CC_DIRTY | CC_YOUNG)
#define BITMAP	CODECACHE_QUERY_F_BITMAP
#define PROTECT	CODECACHE_QUERY_F_PROTECT

/* A data view, all of it written; and an array that is long enough for it. */
FIXTURE(query)
{
	struct cc_mem mem;
	int view;
	unsigned char *p;
	struct codecache_page_range *r;
	struct codecache_view_query_args args;
};

FIXTURE_SETUP(query)
{
	unsigned int page;

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	for (page = 0; page < PAGES; page++)
		ASSERT_EQ(0, cc_store(self->p + page * cc_page_size(), page));
	self->r = mmap(NULL, 2 * cc_page_size(), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->r);
	self->args = (struct codecache_view_query_args){
		.addr = (uintptr_t)self->r, .count = ROOM,
		.find = D, .clear = D,
	};
}

FIXTURE_TEARDOWN(query)
{
	munmap(self->r, 2 * cc_page_size());
	cc_mem_close(&self->mem);
}

#define SELF	FIXTURE_DATA(query) *self

static int query(SELF)
{
	return cc_query_call(self->view, &self->args);
}

static long long nr_with(SELF, uint32_t find)
{
	return cc_query(self->view, 0, PAGES, find, 0, NULL);
}

/* All is as FIXTURE_SETUP has left it. */
static bool nothing_changed(SELF)
{
	return nr_with(self, D) == PAGES && nr_with(self, Y) == PAGES &&
	       cc_pages_with(self->mem.cache, self->mem.zone, self->view,
			     CC_RW) == PAGES;
}

TEST_F_TIMEOUT(query, info_tells_what_there_is, CC_TIMEOUT)
{
	const uint64_t features = CODECACHE_FEAT_QUERY | CODECACHE_FEAT_POPULATE;
	struct codecache_info_args info = { .size = sizeof(info) };

	ASSERT_EQ(0, cc_ioctl(self->mem.cache, CODECACHE_IOC_INFO, &info));
	EXPECT_EQ(features, info.out_features & features);
	EXPECT_LE(1024, info.out_max_query_ranges);
	EXPECT_LE(4096, info.out_max_query_pages);
	EXPECT_LT(0, info.out_fault_around_pages);
	EXPECT_EQ(1, __builtin_popcountll(info.out_fault_around_pages));
}

/* ---- members --------------------------------------------------------------------- */

TEST_F_TIMEOUT(query, knows_three_flags, CC_TIMEOUT)
{
	unsigned int bit;

	for (bit = 3; bit < 32; bit++) {
		self->args.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
	self->args.flags = CODECACHE_QUERY_F_FAST_YOUNG;
	EXPECT_EQ(0, query(self));
	EXPECT_EQ(PAGES, self->args.out_nr_pages);
}

TEST_F_TIMEOUT(query, reserved_must_be_zero, CC_TIMEOUT)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		self->args.reserved = 1U << bit;
		EXPECT_EQ(-EINVAL, query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, finds_what_can_be_known, CC_TIMEOUT)
{
	uint32_t find;
	unsigned int bit;

	self->args.clear = 0;
	for (find = 0; find < 16; find++) {
		self->args.find = find;
		EXPECT_EQ(find && find < 8 ? 0 : -EINVAL, query(self))
			TH_LOG("find %u", find);
	}
	for (bit = 3; bit < 32; bit++) {
		self->args.find = 1U << bit;
		EXPECT_EQ(-EINVAL, query(self));
		self->args.find = D | 1U << bit;
		EXPECT_EQ(-EINVAL, query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, clears_what_it_finds, CC_TIMEOUT)
{
	uint32_t find, clear;

	for (find = 1; find < 8; find++) {
		for (clear = 0; clear < 32; clear++) {
			self->args.find = find;
			self->args.clear = clear;
			if (!(clear & ~find))
				continue;
			EXPECT_EQ(-EINVAL, query(self))
				TH_LOG("find %u, clear %u", find, clear);
		}
		self->args.clear = CC_UNSURE;
		EXPECT_EQ(-EINVAL, query(self));
		self->args.clear = 1U << 31 | find;
		EXPECT_EQ(-EINVAL, query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, a_bitmap_says_one_thing, CC_TIMEOUT)
{
	uint32_t find;

	self->args.flags = BITMAP;
	self->args.clear = 0;
	for (find = 1; find < 8; find++) {
		self->args.find = find;
		EXPECT_EQ(__builtin_popcount(find) == 1 ? 0 : -EINVAL,
			  query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, address_and_count_come_together, CC_TIMEOUT)
{
	uint32_t flags;

	for (flags = 0; flags <= BITMAP; flags++) {
		self->args.flags = flags;
		self->args.addr = 0;
		self->args.count = 1;
		EXPECT_EQ(-EINVAL, query(self));
		self->args.addr = (uintptr_t)self->r;
		self->args.count = 0;
		EXPECT_EQ(-EINVAL, query(self));
	}
	EXPECT_TRUE(nothing_changed(self));
	self->args.addr = 0;
	for (flags = 0; flags <= BITMAP; flags++) {
		self->args.flags = flags;
		self->args.clear = 0;
		EXPECT_EQ(0, query(self));
		EXPECT_EQ(PAGES, self->args.out_nr_pages);
		EXPECT_EQ(0, self->args.out_count);
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, window_lies_within_the_view, CC_TIMEOUT)
{
	static const struct {
		uint64_t first, nr;
		int err;
	} windows[] = {
		{ 0, 1, 0 }, { 0, PAGES, 0 }, { 0, 0, 0 }, { 5, 0, 0 },
		{ PAGES - 1, 0, 0 }, { PAGES - 1, 1, 0 }, { 3, 7, 0 },
		{ 0, PAGES + 1, -ERANGE }, { 1, PAGES, -ERANGE },
		{ PAGES, 0, -ERANGE }, { PAGES, 1, -ERANGE },
		{ PAGES + 1, 0, -ERANGE }, { 1ULL << 32, 1, -ERANGE },
		{ 1ULL << 52, 1, -ERANGE }, { 0, 1ULL << 52, -ERANGE },
		{ 0, ~0ULL, -ERANGE }, { ~0ULL, 0, -ERANGE },
		{ ~0ULL - 1, 1, -ERANGE }, { ~0ULL, 1, -EOVERFLOW },
		{ 1, ~0ULL, -EOVERFLOW }, { ~0ULL, ~0ULL, -EOVERFLOW },
		{ 1ULL << 63, 1ULL << 63, -EOVERFLOW },
	};
	unsigned int i, form;

	for (i = 0; i < 2 * ARRAY_LEN(windows); i++) {
		form = i / ARRAY_LEN(windows);
		self->args.flags = form ? BITMAP : 0;
		self->args.clear = 0;
		self->args.first_page = windows[i % ARRAY_LEN(windows)].first;
		self->args.nr_pages = windows[i % ARRAY_LEN(windows)].nr;
		EXPECT_EQ(windows[i % ARRAY_LEN(windows)].err, query(self))
			TH_LOG("window %u", i);
	}
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, takes_away_what_the_kind_has, CC_TIMEOUT)
{
	static const struct {
		uint32_t prot;
		int err;
	} prots[] = {
		{ CC_RW, -EINVAL }, { CODECACHE_PROT_WRITE, -EOPNOTSUPP },
		{ CODECACHE_PROT_EXEC, -EOPNOTSUPP }, { CC_RX, -EOPNOTSUPP },
		{ 7, -EOPNOTSUPP }, { 8, -EINVAL }, { 0x10001, -EINVAL },
		{ ~0U, -EINVAL }, { CC_R, 0 }, { CC_NONE, 0 },
	};
	unsigned int i;

	self->args.clear = 0;
	for (i = 0; i < ARRAY_LEN(prots); i++) {
		if (!prots[i].err)
			EXPECT_TRUE(nothing_changed(self));
		self->args.flags = PROTECT;
		self->args.prot = prots[i].prot;
		EXPECT_EQ(prots[i].err, query(self))
			TH_LOG("protection %#x", prots[i].prot);
		EXPECT_EQ(!prots[i].err, self->args.out_seq &&
			  self->args.out_seq != CC_UNWRITTEN);
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	}
	/* Without the flag there is no protection to be given. */
	self->args.flags = 0;
	for (i = 1; i < 32; i++) {
		self->args.prot = i;
		EXPECT_EQ(-EINVAL, query(self));
	}
}

TEST_F_TIMEOUT(query, exec_views_lose_all_or_nothing, CC_TIMEOUT)
{
	struct codecache_view_query_args args = {
		.flags = PROTECT, .find = Y, .prot = CC_R,
	};
	struct cc_mem code;
	int x;

	ASSERT_EQ(0, cc_mem_code(&code, 8));
	x = code.fd[CODECACHE_VIEW_EXEC];
	EXPECT_EQ(-EOPNOTSUPP, cc_query_call(x, &args));
	args.prot = CC_RX;
	EXPECT_EQ(-EINVAL, cc_query_call(x, &args));
	args.prot = CC_RW;
	EXPECT_EQ(-EOPNOTSUPP, cc_query_call(x, &args));
	args.prot = CC_NONE;
	EXPECT_EQ(0, cc_query_call(x, &args));
	args.find = D;
	EXPECT_EQ(-EOPNOTSUPP, cc_query_call(x, &args));
	cc_mem_close(&code);
}

/* As much as one likes may be asked for: one call does what it can. */
TEST_F_TIMEOUT(query, arrays_may_be_longer_than_it_fills, CC_TIMEOUT)
{
	static const uint64_t counts[] = { 1U << 20, 1ULL << 32, 1ULL << 40 };
	unsigned int i;

	self->args.clear = 0;
	for (i = 0; i < 2 * ARRAY_LEN(counts); i++) {
		self->args.flags = i % 2 ? BITMAP : 0;
		self->args.count = counts[i / 2];
		EXPECT_EQ(0, query(self))
			TH_LOG("count %#llx", (unsigned long long)counts[i / 2]);
		EXPECT_EQ(PAGES, self->args.out_nr_pages);
		EXPECT_EQ(PAGES, self->args.out_next_page);
	}
}

TEST_F_TIMEOUT(query, results_may_lie_at_any_address, CC_TIMEOUT)
{
	struct codecache_page_range r;
	unsigned int i;

	for (i = 1; i < 16; i++) {
		self->args.addr = (uintptr_t)self->r + i;
		self->args.clear = 0;
		ASSERT_EQ(0, query(self));
		memcpy(&r, (char *)self->r + i, sizeof(r));
		EXPECT_EQ(PAGES, r.nr_pages);
	}
}

/* ---- results that cannot be written ----------------------------------------------- */

/* EFAULT; and then the bits are where they were. */
#define EXPECT_KEPT(self)						\
	do {								\
		EXPECT_EQ(-EFAULT, query(self));			\
		EXPECT_EQ(PAGES, nr_with(self, D));			\
		EXPECT_EQ(PAGES, nr_with(self, Y));			\
	} while (0)

TEST_F_TIMEOUT(query, results_that_cannot_be_written_lose_nothing, CC_TIMEOUT)
{
	size_t size = cc_page_size();
	uint64_t bad[] = { 8, ~0ULL - 63, ~0ULL << 47,
			   (uintptr_t)self->r + size };
	unsigned int i, form;

	for (form = 0; form < 2; form++) {
		self->args.flags = form ? BITMAP : 0;
		/* read-only, then no memory at all */
		ASSERT_EQ(0, mprotect((char *)self->r + size, size, PROT_READ));
		for (i = 0; i < ARRAY_LEN(bad); i++) {
			self->args.addr = bad[i];
			EXPECT_KEPT(self);
		}
		ASSERT_EQ(0, mprotect((char *)self->r + size, size, PROT_NONE));
		EXPECT_KEPT(self);
	}
	EXPECT_TRUE(nothing_changed(self));
	self->args.flags = 0;
	self->args.addr = (uintptr_t)self->r;
	EXPECT_EQ(0, query(self));
	EXPECT_EQ(PAGES, self->args.out_nr_pages);
	EXPECT_EQ(0, nr_with(self, D));
}

/*
 * The first ranges can be written, the others cannot: the call fails, or it has
 * stopped before those.
 */
TEST_F_TIMEOUT(query, half_an_answer_loses_nothing, CC_TIMEOUT)
{
	size_t size = cc_page_size();
	char *end = (char *)self->r + size;
	unsigned int room, page, told, wrong = 0;

	ASSERT_EQ(0, mprotect(end, size, PROT_NONE));
	for (room = 0; room < PAGES / 2; room += 3) {
		ASSERT_EQ(0, cc_query_reset(self->view, PAGES));
		for (page = 0; page < PAGES; page += 2)
			self->p[page * size] = 1;
		self->args.addr = (uintptr_t)end - room * sizeof(*self->r) - 3;
		told = 0;
		if (query(self) == 0)
			told = self->args.out_nr_pages;
		else
			ASSERT_EQ(EFAULT, errno);
		ASSERT_GE(room, told);
		for (page = 0; page < PAGES; page += 2)
			wrong += cc_query(self->view, page, 1, D, D, NULL) !=
				 (page / 2 >= told);
		EXPECT_EQ(0, wrong);
	}
}

TEST_F_TIMEOUT(query, a_structure_that_cannot_be_written_loses_nothing,
	       CC_TIMEOUT)
{
	struct codecache_view_query_args *args = (void *)self->r;

	*args = self->args;
	args->size = sizeof(*args);
	args->addr = args->count = 0;
	ASSERT_EQ(0, mprotect(args, cc_page_size(), PROT_READ));
	EXPECT_EQ(-EFAULT, cc_ioctl(self->view, CODECACHE_IOC_VIEW_QUERY,
				    args));
	EXPECT_TRUE(nothing_changed(self));
}

/*
 * The answer is a store by the kernel. If its page was dirty it is found now, and
 * perhaps once more; else by the next call.
 */
TEST_F_TIMEOUT(query, the_answer_may_lie_in_the_view_itself, CC_TIMEOUT)
{
	struct codecache_view_query_args *args = (void *)self->p;
	struct codecache_page_range *r = (void *)(self->p + cc_page_size());
	unsigned int dirty;

	for (dirty = 0; dirty < 2; dirty++) {
		ASSERT_EQ(0, dirty ? cc_store(r, 1) :
				     cc_query_reset(self->view, PAGES));
		*args = self->args;
		args->size = sizeof(*args);
		args->addr = (uintptr_t)r;
		args->find = args->clear = BOTH;
		ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_QUERY,
				      args));
		EXPECT_EQ(1, args->out_count);
		EXPECT_EQ(1 + dirty, args->out_nr_pages);
		EXPECT_EQ(0, r[0].first_page);
		EXPECT_EQ(1 + dirty, r[0].nr_pages);
		EXPECT_EQ(BOTH, r[0].state);
		if (dirty)
			continue;
		EXPECT_EQ(2, nr_with(self, D));
		EXPECT_EQ(1, cc_query(self->view, 1, 1, D, 0, NULL));
	}
	EXPECT_EQ(1, cc_query(self->view, 0, 1, D, 0, NULL));
}

TEST_F_TIMEOUT(query, the_answer_needs_the_right_to_be_written, CC_TIMEOUT)
{
	static const uint32_t prots[] = { CC_R, CC_NONE };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(prots); i++) {
		ASSERT_EQ(0, cc_protect_run(self->view, 7, 1, prots[i]));
		self->args.addr = (uintptr_t)self->p + 7 * cc_page_size();
		EXPECT_KEPT(self);
		ASSERT_EQ(0, cc_protect_run(self->view, 7, 1, CC_RW));
		EXPECT_TRUE(nothing_changed(self));
	}
}

/* It would take away the right to write its answer: refused beforehand. */
TEST_F_TIMEOUT(query, the_answer_may_not_lie_where_rights_are_taken_away,
	       CC_TIMEOUT)
{
	self->args.flags = PROTECT;
	self->args.prot = CC_R;
	self->args.addr = (uintptr_t)self->p + 7 * cc_page_size();
	EXPECT_KEPT(self);
	EXPECT_EQ(0, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_R));
	EXPECT_TRUE(nothing_changed(self));
}

/* ---- VIEW_UNMAP -------------------------------------------------------------------- */

TEST_F_TIMEOUT(query, an_address_that_cannot_be_told_unmaps_nothing, CC_TIMEOUT)
{
	struct codecache_view_unmap_args *args = (void *)self->r;

	args->size = sizeof(*args);
	ASSERT_EQ(0, mprotect(args, cc_page_size(), PROT_READ));
	EXPECT_EQ(-EFAULT, cc_ioctl(self->view, CODECACHE_IOC_VIEW_UNMAP,
				    args));
	EXPECT_EQ(0, cc_store(self->p, 1));
	EXPECT_TRUE(nothing_changed(self));
}

TEST_F_TIMEOUT(query, view_unmap_tells_where_the_view_was, CC_TIMEOUT)
{
	void *addr;

	ASSERT_EQ(0, cc_unmap(self->view, &addr));
	EXPECT_EQ(self->p, addr);
	self->mem.map[DATA] = NULL;
	EXPECT_EQ(-EINVAL, cc_unmap(self->view, &addr));
	EXPECT_EQ(PAGES, nr_with(self, D));
}

TEST_HARNESS_MAIN
