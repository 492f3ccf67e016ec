// SPDX-License-Identifier: MIT
/*
 * PROTECT's arguments: vectors and bitmaps are validated whole, then applied
 */
#include "cc_test.h"

#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 64 };

/* A data view, every page of it written once and now RW. */
FIXTURE(protect)
{
	struct cc_mem mem;
	int view;
	unsigned char *p;
};

FIXTURE_SETUP(protect)
{
	unsigned int page;

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[CODECACHE_VIEW_DATA];
	self->p = self->mem.map[CODECACHE_VIEW_DATA];
	for (page = 0; page < PAGES; page++)
		ASSERT_EQ(0, cc_store(self->p + page * cc_page_size(), page));
}

FIXTURE_TEARDOWN(protect)
{
	cc_mem_close(&self->mem);
}

/* What accesses may do to a page, found out by trying. */
static uint32_t probe(const unsigned char *p, unsigned int page)
{
	unsigned char *at = (unsigned char *)p + page * cc_page_size(), value;

	if (cc_load(at, &value))
		return CC_NONE;
	return cc_store(at, value) ? CC_R : CC_RW;
}

static long long pages_with(FIXTURE_DATA(protect) *self, uint32_t prot)
{
	return cc_pages_with(self->mem.cache, self->mem.zone, self->view, prot);
}

static bool all_is_rw(FIXTURE_DATA(protect) *self)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++) {
		if (probe(self->p, page) != CC_RW)
			return false;
	}
	return pages_with(self, CC_RW) == PAGES;
}

/* A valid vector of @nr ranges of one page, every second page. */
static void make_vector(struct codecache_prot_range *v, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		v[i] = (struct codecache_prot_range){
			.first_page = 2 * i,
			.nr_pages = 1,
			.prot = i & 1 ? CC_R : CC_NONE,
		};
	}
}

static const struct {
	struct codecache_prot_range range;
	int err;
} bad_ranges[] = {
	{ { 0, 1, CC_R, 8 }, -EOPNOTSUPP },
	{ { 0, 1, CC_R, 9 }, -EOPNOTSUPP },
	{ { 0, 1, CC_R, 0x8000 }, -EOPNOTSUPP },
	{ { 0, 1, CC_R, 3 }, -EINVAL },
	{ { 0, 1, CC_R, 5 }, -EINVAL },
	{ { 0, 1, CC_R, 6 }, -EINVAL },
	{ { 0, 1, CC_R, 7 }, -EINVAL },
	{ { 0, 1, 8, 0 }, -EINVAL },
	{ { 0, 1, 0x8001, 0 }, -EINVAL },
	{ { 0, 1, CODECACHE_PROT_WRITE, 0 }, -EOPNOTSUPP },
	{ { 0, 1, CODECACHE_PROT_EXEC, 0 }, -EOPNOTSUPP },
	{ { 0, 1, CC_RX, 0 }, -EOPNOTSUPP },
	{ { 0, 1, CC_RW | CODECACHE_PROT_EXEC, 0 }, -EOPNOTSUPP },
	{ { 1, 0, CC_R, 0 }, -EINVAL },
	{ { ~0ULL, 0, CC_R, 0 }, -EINVAL },
	{ { PAGES, 1, CC_R, 0 }, -ERANGE },
	{ { PAGES - 1, 2, CC_R, 0 }, -ERANGE },
	{ { 0, PAGES + 1, CC_R, 0 }, -ERANGE },
	{ { 0, ~0U, CC_R, 0 }, -ERANGE },
	{ { 1, ~0U, CC_R, 0 }, -ERANGE },
	{ { 1ULL << 31, 1U << 31, CC_R, 0 }, -ERANGE },
	{ { 1ULL << 32, 1, CC_R, 0 }, -ERANGE },
	{ { 1ULL << 52, 1, CC_R, 0 }, -ERANGE },
	{ { 1ULL << 63, 1, CC_R, 0 }, -ERANGE },
	{ { ~0ULL - 5, 5, CC_R, 0 }, -ERANGE },
	{ { ~0ULL - 5, 6, CC_R, 0 }, -EOVERFLOW },
	{ { ~0ULL, 1, CC_R, 0 }, -EOVERFLOW },
	{ { ~0ULL, ~0U, CC_R, 0 }, -EOVERFLOW },
};

TEST_F_TIMEOUT(protect, an_invalid_range_is_named_and_nothing_changes,
	       CC_TIMEOUT)
{
	/* Short vectors and long ones are kept in different memory. */
	static const unsigned int lengths[] = { 1, 4, 5, 9, PAGES / 2 };
	struct codecache_prot_range v[PAGES / 2];
	unsigned int i, k, n, step;
	uint64_t failed;

	for (n = 0; n < ARRAY_LEN(lengths); n++) {
		step = lengths[n] > 9 ? 5 : 1;
		for (k = 0; k < lengths[n]; k += step) {
			for (i = 0; i < ARRAY_LEN(bad_ranges); i++) {
				make_vector(v, lengths[n]);
				v[k] = bad_ranges[i].range;
				ASSERT_EQ(bad_ranges[i].err,
					  cc_protect(self->view, v, lengths[n],
						     &failed))
					TH_LOG("case %u", i);
				ASSERT_EQ(k, failed);
			}
		}
	}
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, the_first_of_several_invalid_ranges_is_named,
	       CC_TIMEOUT)
{
	struct codecache_prot_range v[8];
	uint64_t failed;

	make_vector(v, 8);
	v[3].nr_pages = 0;
	v[5].first_page = PAGES;
	EXPECT_EQ(-EINVAL, cc_protect(self->view, v, 8, &failed));
	EXPECT_EQ(3, failed);
	EXPECT_TRUE(all_is_rw(self));
}

/* Pairs that overlap, put among others at every two places. */
TEST_F_TIMEOUT(protect, overlap_is_refused_whole_in_any_order, CC_TIMEOUT)
{
	static const struct {
		uint64_t first[2], nr[2];
	} pairs[] = {
		{ { 40, 40 }, { 1, 1 } }, { { 40, 40 }, { 4, 1 } },
		{ { 40, 41 }, { 2, 1 } }, { { 40, 42 }, { 4, 1 } },
		{ { 40, 41 }, { 2, 2 } }, { { 41, 40 }, { 2, 2 } },
		{ { 63, 40 }, { 1, 24 } }, { { 40, 40 }, { 24, 24 } },
	};
	struct codecache_prot_range v[12];
	unsigned int i, k, l;
	uint64_t failed;

	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		for (k = 0; k < 12; k++) {
			for (l = 0; l < 12; l++) {
				if (k == l)
					continue;
				make_vector(v, 12);
				v[k].first_page = pairs[i].first[0];
				v[k].nr_pages = pairs[i].nr[0];
				v[l].first_page = pairs[i].first[1];
				v[l].nr_pages = pairs[i].nr[1];
				ASSERT_EQ(-EINVAL, cc_protect(self->view, v, 12,
							      &failed));
				ASSERT_TRUE(failed == k || failed == l)
					TH_LOG("%llu, not %u or %u",
					       (unsigned long long)failed, k, l);
			}
		}
	}
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, adjacent_ranges_do_not_overlap, CC_TIMEOUT)
{
	struct codecache_prot_range v[PAGES];
	unsigned int page;
	uint64_t failed;

	for (page = 0; page < PAGES; page++) {
		v[page] = (struct codecache_prot_range){
			.first_page = PAGES - 1 - page,
			.nr_pages = 1,
			.prot = page & 1 ? CC_R : CC_NONE,
		};
	}
	ASSERT_EQ(0, cc_protect(self->view, v, PAGES, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	for (page = 0; page < PAGES; page++)
		EXPECT_EQ(page & 1 ? CC_NONE : CC_R, probe(self->p, page));
}

TEST_F_TIMEOUT(protect, ranges_may_come_in_any_order, CC_TIMEOUT)
{
	struct codecache_prot_range v[PAGES / 2], swap;
	unsigned int round, i, k;
	uint64_t failed;

	srand(1);
	for (round = 0; round < 20; round++) {
		make_vector(v, ARRAY_LEN(v));
		for (i = ARRAY_LEN(v) - 1; i; i--) {
			k = rand() % (i + 1);
			swap = v[i];
			v[i] = v[k];
			v[k] = swap;
		}
		ASSERT_EQ(0, cc_protect(self->view, v, ARRAY_LEN(v), &failed));
		EXPECT_EQ(CC_NO_INDEX, failed);
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(i & 1 ? CC_RW : i & 2 ? CC_R : CC_NONE,
				  probe(self->p, i));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	}
}

TEST_F_TIMEOUT(protect, an_empty_set_does_nothing, CC_TIMEOUT)
{
	uint64_t failed;

	EXPECT_EQ(0, cc_protect(self->view, NULL, 0, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	EXPECT_EQ(0, cc_protect_bits(self->view, NULL, 0, 0, CC_NONE, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, members_of_the_other_form_must_be_zero, CC_TIMEOUT)
{
	struct codecache_prot_range range = { .nr_pages = 1 };
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.addr = (uintptr_t)&range,
		.count = 1,
	};

	args.first_page = 1;
	EXPECT_EQ(-EINVAL, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
				    &args));
	EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
	args.first_page = 0;
	args.prot = CC_R;
	EXPECT_EQ(-EINVAL, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
				    &args));
	args.prot = 0;
	args.trap = CODECACHE_RANGE_F_LOG;
	EXPECT_EQ(-EINVAL, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
				    &args));
	EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, a_bitmap_has_one_trap_mode, CC_TIMEOUT)
{
	static const uint64_t bits = 1;
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)&bits,
		.count = 1,
		.prot = CC_RW,
	};
	uint32_t trap;

	for (trap = 0; trap < 16; trap++) {
		int want = trap & 8 ? -EOPNOTSUPP :
			   __builtin_popcount(trap) > 1 ? -EINVAL : 0;

		args.trap = trap;
		EXPECT_EQ(want, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
					 &args))
			TH_LOG("trap %u", trap);
	}
	args.trap = 1U << 31;
	EXPECT_EQ(-EOPNOTSUPP, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
					&args));
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, a_set_that_cannot_be_read_changes_nothing, CC_TIMEOUT)
{
	size_t page = cc_page_size();
	struct codecache_prot_range *v;
	unsigned char *area;
	uint64_t failed;
	unsigned int i;

	area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, mprotect(area + page, page, PROT_NONE));
	/* The last of the ranges, the last word of the bits is out of reach. */
	for (i = 1; i < 20; i++) {
		v = (void *)(area + page - i * sizeof(*v));
		make_vector(v, i);
		EXPECT_EQ(-EFAULT, cc_protect(self->view, v, i + 1, &failed));
		EXPECT_EQ(CC_NO_INDEX, failed);
	}
	memset(area + page - 8, 0xff, 8);
	EXPECT_EQ(-EFAULT, cc_protect_bits(self->view,
					   (void *)(area + page - 8), 65, 0,
					   CC_NONE, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	EXPECT_EQ(-EFAULT, cc_protect(self->view, NULL, 1, NULL));
	/* The kernel's own memory, where there is such an address. */
	for (i = 1; i < 3; i++) {
		EXPECT_EQ(-EFAULT, cc_protect(self->view, (void *)-page, i, &failed));
		EXPECT_EQ(CC_NO_INDEX, failed);
	}
	EXPECT_EQ(-EFAULT, cc_protect_bits(self->view, (void *)-page, 64, 0,
					   CC_NONE, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	EXPECT_TRUE(all_is_rw(self));
	munmap(area, 2 * page);
}

TEST_F_TIMEOUT(protect, a_set_may_lie_at_any_address, CC_TIMEOUT)
{
	struct codecache_prot_range v[6];
	unsigned char buf[sizeof(v) + 8];
	const uint64_t bits = 1ULL << 63 | 1;
	unsigned int i;

	for (i = 1; i < 8; i++) {
		make_vector(v, 6);
		memcpy(buf + i, v, sizeof(v));
		ASSERT_EQ(0, cc_protect(self->view, (void *)(buf + i), 6, NULL));
		EXPECT_EQ(3, pages_with(self, CC_NONE));
		EXPECT_EQ(3, pages_with(self, CC_R));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
		memcpy(buf + i, &bits, sizeof(bits));
		ASSERT_EQ(0, cc_protect_bits(self->view, (void *)(buf + i), 64,
					     0, CC_R, NULL));
		EXPECT_EQ(2, pages_with(self, CC_R));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	}
}

/* Read whole before, answered before: it may take away what it lies in. */
TEST_F_TIMEOUT(protect, a_set_may_lie_in_the_view_that_it_protects, CC_TIMEOUT)
{
	struct codecache_prot_range *v = (void *)(self->p + 1000);
	struct codecache_view_protect_args *args = (void *)self->p;
	unsigned int i;

	*args = (struct codecache_view_protect_args){
		.size = sizeof(*args),
		.addr = (uintptr_t)v,
		.count = PAGES,
	};
	for (i = 0; i < PAGES; i++)
		v[i] = (struct codecache_prot_range){ i, 1, CC_NONE, 0 };
	ASSERT_EQ(0, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT, args));
	EXPECT_EQ(PAGES, pages_with(self, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_load(args, NULL));
	/* Now neither can be read, and nothing changes. */
	EXPECT_EQ(-EFAULT, cc_ioctl(self->view, CODECACHE_IOC_VIEW_PROTECT,
				    args));
	EXPECT_EQ(-EFAULT, cc_protect(self->view, v, 1, NULL));
	EXPECT_EQ(PAGES, pages_with(self, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	EXPECT_EQ(CC_NO_INDEX, args->out_failed_index);
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, counts_end_at_the_limits, 2 * CC_TIMEOUT)
{
	static const uint64_t huge[] = { 1ULL << 32, 1ULL << 58, 1ULL << 61,
					 1ULL << 63, ~0ULL };
	struct codecache_info_args info = { .size = sizeof(info) };
	struct codecache_prot_range *v;
	uint64_t failed, nr;
	unsigned int i;
	size_t bytes;

	ASSERT_EQ(0, cc_ioctl(self->mem.cache, CODECACHE_IOC_INFO, &info));
	nr = info.out_max_ranges;
	bytes = (nr + 1) * sizeof(*v);
	v = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, v);
	EXPECT_EQ(-EINVAL, cc_protect(self->view, v, nr + 1, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	/* As many as allowed are looked at: the last but one is at fault. */
	for (i = 0; i < nr - 2; i++)
		v[i] = (struct codecache_prot_range){ 0, 1, CC_R, 0 };
	EXPECT_EQ(-EINVAL, cc_protect(self->view, v, nr, &failed));
	EXPECT_EQ(nr - 2, failed);
	munmap(v, bytes);

	nr = info.out_max_bitmap_pages;
	bytes = (nr + 64) / 8;
	v = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, v);
	EXPECT_EQ(-EINVAL, cc_protect_bits(self->view, (void *)v, nr + 1, 0,
					   CC_R, &failed));
	EXPECT_EQ(CC_NO_INDEX, failed);
	EXPECT_EQ(0, cc_protect_bits(self->view, (void *)v, nr, 0, CC_R,
				     &failed));
	((unsigned char *)v)[nr / 8 - 1] = 0x80;
	EXPECT_EQ(-ERANGE, cc_protect_bits(self->view, (void *)v, nr, 0, CC_R,
					   &failed));
	EXPECT_EQ(nr - 1, failed);
	for (i = 0; i < ARRAY_LEN(huge); i++) {
		EXPECT_EQ(-EINVAL, cc_protect(self->view, v, huge[i], NULL));
		EXPECT_EQ(-EINVAL, cc_protect_bits(self->view, (void *)v,
						   huge[i], 0, CC_R, NULL));
	}
	munmap(v, bytes);
	EXPECT_TRUE(all_is_rw(self));
}

/* Full sets, on a view that is large enough for them. */
TEST_F_TIMEOUT(protect, sets_may_be_as_large_as_allowed, 2 * CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	uint64_t i, nr, bytes, *bits;
	struct codecache_prot_range *v;
	int zone, view;

	ASSERT_EQ(0, cc_ioctl(self->mem.cache, CODECACHE_IOC_INFO, &info));
	zone = cc_zone(self->mem.cache, CODECACHE_ZONE_DATA,
		       info.out_max_bitmap_pages);
	view = cc_view(zone, CODECACHE_VIEW_DATA);
	ASSERT_LE(0, view);
	nr = info.out_max_ranges;
	bytes = nr * sizeof(*v);
	v = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, v);
	for (i = 0; i < nr; i++)
		v[i] = (struct codecache_prot_range){ 2 * i, 1, CC_R, 0 };
	EXPECT_EQ(0, cc_protect(view, v, nr, NULL));
	EXPECT_EQ(nr, cc_pages_with(self->mem.cache, zone, view, CC_R));
	munmap(v, bytes);

	nr = info.out_max_bitmap_pages;
	bytes = nr / 8;
	bits = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, bits);
	memset(bits, 0xff, bytes);
	EXPECT_EQ(0, cc_protect_bits(view, bits, nr, 0, CC_NONE, NULL));
	EXPECT_EQ(nr, cc_pages_with(self->mem.cache, zone, view, CC_NONE));
	munmap(bits, bytes);
	close(view);
	close(zone);
}

/* ---- bitmaps ------------------------------------------------------------------ */

TEST_F_TIMEOUT(protect, a_bitmap_does_what_its_vector_does, CC_TIMEOUT)
{
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };
	struct codecache_prot_range v[PAGES];
	unsigned char *p;
	unsigned int round, i, n;
	int other;

	other = cc_view(self->mem.zone, CODECACHE_VIEW_DATA);
	p = cc_map(other, CODECACHE_VIEW_DATA, PAGES);
	ASSERT_NE(NULL, p);
	srand(2);
	for (round = 0; round < 60; round++) {
		uint64_t bits = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 10;
		uint32_t prot = prots[rand() % 3];

		if (round % 3 == 0)
			bits &= bits >> 1;
		for (i = n = 0; i < PAGES; i++) {
			if (bits >> i & 1)
				v[n++] = (struct codecache_prot_range){
					i, 1, prot, 0 };
		}
		ASSERT_EQ(0, cc_protect(self->view, v, n, NULL));
		ASSERT_EQ(0, cc_protect_bits(other, &bits, 64, 0, prot, NULL));
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(probe(self->p, i), probe(p, i));
		for (i = 0; i < ARRAY_LEN(prots); i++)
			ASSERT_EQ(pages_with(self, prots[i]),
				  cc_pages_with(self->mem.cache, self->mem.zone,
						other, prots[i]));
	}
	munmap(p, PAGES * cc_page_size());
	close(other);
}

TEST_F_TIMEOUT(protect, bits_beyond_the_count_are_ignored, CC_TIMEOUT)
{
	const uint64_t ones[] = { ~0ULL, ~0ULL };
	unsigned int i;

	ASSERT_EQ(0, cc_protect_bits(self->view, ones, 5, 10, CC_R, NULL));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i >= 10 && i < 15 ? CC_R : CC_RW, probe(self->p, i));
	/* Even where they would name pages that the view does not have. */
	ASSERT_EQ(0, cc_protect_bits(self->view, ones, 54, 10, CC_NONE, NULL));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i >= 10 ? CC_NONE : CC_RW, probe(self->p, i));
}

TEST_F_TIMEOUT(protect, an_invalid_bit_is_named_and_nothing_changes, CC_TIMEOUT)
{
	static const struct {
		uint64_t words[2], first, bad;
		int err;
		uint64_t count;
	} cases[] = {
		{ { ~0ULL, 1 }, 0, 64, -ERANGE, 128 },
		{ { ~0ULL, ~0ULL }, 0, 64, -ERANGE, 65 },
		{ { ~0ULL, ~0ULL }, 1, 63, -ERANGE, 64 },
		{ { ~0ULL, ~0ULL }, 60, 4, -ERANGE, 5 },
		{ { ~0ULL, ~0ULL }, ~0ULL - 64, 0, -EOVERFLOW, 65 },
		{ { ~0ULL, 0 }, 1, 63, -ERANGE, 128 },
		{ { 1, 1ULL << 63 }, 0, 127, -ERANGE, 128 },
		{ { 1 << 3, 0 }, PAGES, 3, -ERANGE, 128 },
		{ { 1 << 3, 0 }, PAGES - 3, 3, -ERANGE, 128 },
		{ { 1 << 3 | 1, 0 }, 1ULL << 40, 0, -ERANGE, 128 },
		{ { 1 << 3, 0 }, ~0ULL, 3, -EOVERFLOW, 128 },
		{ { 1, 0 }, ~0ULL, 0, -EOVERFLOW, 128 },
	};
	uint64_t failed;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		EXPECT_EQ(cases[i].err,
			  cc_protect_bits(self->view, cases[i].words,
					  cases[i].count,
					  cases[i].first, CC_NONE, &failed))
			TH_LOG("case %u", i);
		EXPECT_EQ(cases[i].bad, failed)
			TH_LOG("case %u", i);
	}
	/* No bit, no page: then it does not matter where it begins. */
	EXPECT_EQ(0, cc_protect_bits(self->view, (uint64_t[2]){ 0, 0 }, 128,
				     ~0ULL, CC_NONE, &failed));
	EXPECT_TRUE(all_is_rw(self));
}

TEST_F_TIMEOUT(protect, a_bitmap_has_one_valid_protection, CC_TIMEOUT)
{
	static const uint32_t invalid[] = { 8, 0x80000000, ~0U };
	const uint64_t ones = ~0ULL;
	uint64_t failed;
	uint32_t prot;
	unsigned int i;

	for (prot = 0; prot < 8; prot++) {
		if (prot == CC_NONE || prot == CC_R || prot == CC_RW)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, cc_protect_bits(self->view, &ones, 64, 0,
						       prot, &failed));
		EXPECT_EQ(CC_NO_INDEX, failed);
	}
	for (i = 0; i < ARRAY_LEN(invalid); i++) {
		EXPECT_EQ(-EINVAL, cc_protect_bits(self->view, &ones, 64, 0,
						   invalid[i], &failed));
		EXPECT_EQ(CC_NO_INDEX, failed);
	}
	EXPECT_TRUE(all_is_rw(self));
}

/* ---- which kind has which protections ----------------------------------------- */

TEST_F_TIMEOUT(protect, each_kind_has_its_protections, CC_TIMEOUT)
{
	static const uint32_t has[] = {	/* a bit for each value of prot */
		[CODECACHE_VIEW_WRITE] = 1 << CC_NONE | 1 << CC_R | 1 << CC_RW,
		[CODECACHE_VIEW_EXEC] = 1 << CC_NONE | 1 << CC_RX,
		[CODECACHE_VIEW_DATA] = 1 << CC_NONE | 1 << CC_R | 1 << CC_RW,
		[CODECACHE_VIEW_UFFD] = 1 << CC_NONE | 1 << CC_RW,
	};
	uint32_t kind, prot;

	for (kind = CODECACHE_VIEW_WRITE; kind <= CODECACHE_VIEW_UFFD; kind++) {
		int zone = cc_zone(self->mem.cache, cc_kind_class(kind), PAGES);
		int view = cc_view(zone, kind);

		ASSERT_LE(0, view);
		for (prot = 0; prot < 8; prot++) {
			EXPECT_EQ(has[kind] >> prot & 1 ? 0 : -EOPNOTSUPP,
				  cc_protect_run(view, 0, 1, prot))
				TH_LOG("kind %u, protection %u", kind, prot);
		}
		close(view);
		close(zone);
	}
}

/* ---- arguments that change while the kernel reads them -------------------------- */

enum { RACE_RANGES = 12 };

struct racer {
	volatile struct codecache_prot_range *v;
	volatile bool stop;
};

/* One range at a time becomes invalid in some way, and valid again. */
static void *spoil(void *arg)
{
	struct racer *racer = arg;
	unsigned int i;

	for (i = 0; !racer->stop; i++) {
		volatile struct codecache_prot_range *r =
			&racer->v[i % RACE_RANGES];
		uint64_t first = r->first_page;

		switch (i / RACE_RANGES % 5) {
		case 0:
			r->prot = 8;
			break;
		case 1:
			r->nr_pages = 0;
			break;
		case 2:
			r->first_page = ~0ULL;
			break;
		case 3:
			r->first_page = 0;	/* overlaps the first */
			break;
		case 4:
			r->flags = 1;
			break;
		}
		r->first_page = first;
		r->nr_pages = 1;
		r->flags = 0;
		r->prot = CC_R;
	}
	return NULL;
}

TEST_F_TIMEOUT(protect, a_vector_that_changes_meanwhile_is_applied_whole_or_not,
	       CC_TIMEOUT)
{
	struct codecache_prot_range v[RACE_RANGES];
	struct racer racer = { .v = v };
	unsigned int i, seen[2] = { 0 };
	pthread_t thread;

	make_vector(v, RACE_RANGES);
	for (i = 0; i < RACE_RANGES; i++)
		v[i].prot = CC_R;
	ASSERT_EQ(0, pthread_create(&thread, NULL, spoil, &racer));
	for (i = 0; i < 1500; i++) {
		int err = cc_protect(self->view, v, RACE_RANGES, NULL);
		long long readonly = pages_with(self, CC_R);

		seen[!err]++;
		ASSERT_EQ(err ? 0 : RACE_RANGES, readonly)
			TH_LOG("round %u: error %d", i, err);
		ASSERT_EQ(PAGES - readonly, pages_with(self, CC_RW));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	}
	racer.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%u succeeded, %u were refused", seen[1], seen[0]);
	EXPECT_LT(0, seen[1]);
	EXPECT_TRUE(all_is_rw(self));
}

TEST_HARNESS_MAIN
