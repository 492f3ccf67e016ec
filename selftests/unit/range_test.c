// SPDX-License-Identifier: MIT
/*
 * kmod/range.c against models that are obvious
 */
#include <linux/slab.h>
#include <linux/types.h>

#include "random.h"
#include "range.h"

#include "kselftest_harness.h"

typedef unsigned __int128 u128;

/* ---- protections --------------------------------------------------------------- */

static int model_prot(u32 prot, u32 allowed)
{
	if (prot > 7)
		return -EINVAL;
	return allowed >> prot & 1 ? 0 : -EOPNOTSUPP;
}

TEST(prot_check_agrees_with_its_model_for_every_set)
{
	u32 prot, allowed, bit;

	for (allowed = 0; allowed < 256; allowed++) {
		for (prot = 0; prot < 64; prot++)
			ASSERT_EQ(model_prot(prot, allowed),
				  codecache_prot_check(prot, allowed));
		for (bit = 3; bit < 32; bit++)
			ASSERT_EQ(-EINVAL,
				  codecache_prot_check(1U << bit, allowed));
	}
}

/* ---- windows --------------------------------------------------------------------- */

static int model_window(u64 first, u64 nr, u64 nr_pages)
{
	u128 end = (u128)first + nr;

	if (!nr)
		return -EINVAL;
	if (end >> 64)
		return -EOVERFLOW;
	return end <= nr_pages ? 0 : -ERANGE;
}

TEST(window_check_agrees_with_its_model_at_the_edges)
{
	static const u64 edges[] = { 0, 1, 2, 511, 512, 513, 1ULL << 31,
				     U32_MAX, 1ULL << 32, 1ULL << 52,
				     (1ULL << 63) - 1, 1ULL << 63,
				     U64_MAX - 1, U64_MAX };
	const unsigned int nr = sizeof(edges) / sizeof(edges[0]);
	unsigned int i, k, l;

	for (i = 0; i < nr; i++)
		for (k = 0; k < nr; k++)
			for (l = 0; l < nr; l++)
				ASSERT_EQ(model_window(edges[i], edges[k],
						       edges[l]),
					  codecache_window_check(edges[i],
								 edges[k],
								 edges[l]));
}

TEST(window_check_agrees_with_its_model_at_random)
{
	unsigned int i;

	for (i = 0; i < 1000000; i++) {
		u64 nr_pages = 1 + random_below(5000);
		u64 first = random_edgy(nr_pages), nr = random_edgy(nr_pages);

		ASSERT_EQ(model_window(first, nr, nr_pages),
			  codecache_window_check(first, nr, nr_pages));
	}
}

/* ---- ranges ----------------------------------------------------------------------- */

static int model_range(const struct codecache_prot_range *r, u64 nr_pages,
		       u32 allowed)
{
	int err = r->flags ? -EOPNOTSUPP : model_prot(r->prot, allowed);

	return err ?: model_window(r->first_page, r->nr_pages, nr_pages);
}

static struct codecache_prot_range random_range(u64 nr_pages)
{
	return (struct codecache_prot_range){
		.first_page = random_edgy(nr_pages),
		.nr_pages = random_edgy(nr_pages),
		.prot = random_below(4) ? random_below(8) : random_u64(),
		.flags = random_below(8) ? 0 : random_u64(),
	};
}

TEST(range_check_and_range_ok_agree_with_the_model)
{
	unsigned int i, good = 0;

	for (i = 0; i < 1000000; i++) {
		u64 nr_pages = 1 + random_below(random_below(2) ? 100 : U32_MAX);
		struct codecache_prot_range r = random_range(nr_pages);
		u32 allowed = random_below(256);
		int want = model_range(&r, nr_pages, allowed);

		ASSERT_EQ(want, codecache_range_check(&r, nr_pages, allowed));
		ASSERT_EQ(!want, codecache_range_ok(&r, nr_pages, allowed));
		good += !want;
	}
	EXPECT_LT(10000, good);
}

/* ---- sorting ----------------------------------------------------------------------- */

enum { SORT_MAX = 64 };

static bool overlaps(const struct codecache_prot_range *a,
		     const struct codecache_prot_range *b)
{
	return a->first_page < b->first_page + b->nr_pages &&
	       b->first_page < a->first_page + a->nr_pages;
}

/* Does the one with this index overlap one that comes before it? */
static bool overlaps_an_earlier(const struct codecache_prot_range *v, u64 index)
{
	u64 i;

	for (i = 0; i < index; i++) {
		if (overlaps(&v[i], &v[index]))
			return true;
	}
	return false;
}

static bool any_overlaps(const struct codecache_prot_range *v, u64 nr)
{
	u64 i;

	for (i = 0; i < nr; i++) {
		if (overlaps_an_earlier(v, i))
			return true;
	}
	return false;
}

/* Ranges within nr_pages; with @grid they are in cells of their own. */
static void random_vector(struct codecache_prot_range *v, u64 nr, u64 nr_pages,
			  bool grid)
{
	u64 i, k, cell = nr_pages / nr;

	for (i = 0; i < nr; i++) {
		u64 size = 1 + random_below(grid ? cell : 5);
		u64 room = grid ? cell : nr_pages;

		if (size > room)
			size = room;
		v[i] = (struct codecache_prot_range){
			.first_page = (grid ? i * cell : 0) +
				      random_below(room - size + 1),
			.nr_pages = size,
			.prot = random_below(8),
		};
	}
	/* Some are in order already. */
	for (i = random_below(4) ? nr - 1 : 0; i; i--) {
		struct codecache_prot_range swap = v[i];

		k = random_below(i + 1);
		v[i] = v[k];
		v[k] = swap;
	}
}

/* Every range of @v is in @sorted, once. */
static bool same_ranges(const struct codecache_prot_range *v,
			const struct codecache_prot_range *sorted, u64 nr)
{
	bool used[SORT_MAX] = { false };
	u64 i, k;

	for (i = 0; i < nr; i++) {
		for (k = 0; k < nr; k++) {
			if (!used[k] && !memcmp(&v[i], &sorted[k], sizeof(*v)))
				break;
		}
		if (k == nr)
			return false;
		used[k] = true;
	}
	return true;
}

static bool ascends(const struct codecache_prot_range *v, u64 nr)
{
	u64 i;

	for (i = 1; i < nr; i++) {
		if (v[i - 1].first_page + v[i - 1].nr_pages > v[i].first_page)
			return false;
	}
	return true;
}

/* Do they cover the same pages, and do no two of @merged touch? */
static bool merged_well(const struct codecache_prot_range *v, u64 nr,
			const struct codecache_prot_range *merged, u64 n)
{
	u64 i, k, end;

	for (i = 0, k = 0; i < n; i++) {
		end = merged[i].first_page + merged[i].nr_pages;
		if (i && merged[i - 1].first_page + merged[i - 1].nr_pages ==
			 merged[i].first_page)
			return false;
		if (k == nr || v[k].first_page != merged[i].first_page)
			return false;
		while (k + 1 < nr && v[k + 1].first_page ==
				     v[k].first_page + v[k].nr_pages)
			k++;
		if (v[k].first_page + v[k].nr_pages != end)
			return false;
		k++;
	}
	return k == nr;
}

TEST(merging_joins_what_touches_and_nothing_else)
{
	struct codecache_prot_range v[SORT_MAX], merged[SORT_MAX];
	u64 nr, n, bad, shorter = 0;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		nr = 1 + random_below(SORT_MAX);
		random_vector(v, nr, nr * (1 + random_below(3)), true);
		ASSERT_EQ(0, codecache_ranges_sort(v, nr, &bad));
		memcpy(merged, v, sizeof(v));
		n = codecache_ranges_merge(merged, nr);
		ASSERT_TRUE(merged_well(v, nr, merged, n));
		shorter += n < nr;
	}
	EXPECT_LT(10000, shorter);
	EXPECT_EQ(0, codecache_ranges_merge(v, 0));
}

/* A length has 32 bits. */
TEST(merging_does_not_overflow)
{
	struct codecache_prot_range v[2] = {
		{ .first_page = 0, .nr_pages = U32_MAX },
		{ .first_page = U32_MAX, .nr_pages = 1 },
	};

	EXPECT_EQ(2, codecache_ranges_merge(v, 2));
	v[0].nr_pages--;
	v[1].first_page--;
	EXPECT_EQ(1, codecache_ranges_merge(v, 2));
	EXPECT_EQ(U32_MAX, v[0].nr_pages);
}

TEST(sorting_finds_every_overlap_and_loses_nothing)
{
	struct codecache_prot_range v[SORT_MAX], sorted[SORT_MAX];
	unsigned int i, found = 0;

	for (i = 0; i < 100000; i++) {
		u64 nr = 1 + random_below(SORT_MAX), bad = CODECACHE_NO_INDEX;
		bool grid = random_below(2);
		u64 nr_pages = grid ? nr + random_below(U32_MAX - nr) :
				      1 + random_below(600);
		int err;

		random_vector(v, nr, nr_pages, grid);
		memcpy(sorted, v, sizeof(v));
		err = codecache_ranges_sort(sorted, nr, &bad);
		ASSERT_EQ(any_overlaps(v, nr) ? -EINVAL : 0, err);
		if (err) {
			ASSERT_LT(bad, nr);
			ASSERT_TRUE(overlaps_an_earlier(v, bad));
			found++;
			continue;
		}
		ASSERT_EQ(CODECACHE_NO_INDEX, bad);
		ASSERT_TRUE(ascends(sorted, nr));
		ASSERT_TRUE(same_ranges(v, sorted, nr));
	}
	EXPECT_LT(10000, found);
	EXPECT_GT(90000, found);
}

/* Long vectors are sorted in another way, and as short ones are without memory for it. */
TEST(sorting_does_the_same_without_memory)
{
	struct codecache_prot_range v[SORT_MAX], sorted[2][SORT_MAX];
	u64 nr, bad[2];
	unsigned int i, k;
	int err[2];

	for (i = 0; i < 20000; i++) {
		nr = 1 + random_below(SORT_MAX);
		random_vector(v, nr, random_below(2) ? nr << random_below(26) : U32_MAX,
			      random_below(8));
		for (k = 0; k < 2; k++) {
			memcpy(sorted[k], v, sizeof(v));
			bad[k] = CODECACHE_NO_INDEX;
			shim_fail_after = k ? (long)random_below(2) : -1;
			err[k] = codecache_ranges_sort(sorted[k], nr, &bad[k]);
		}
		shim_fail_after = -1;
		ASSERT_EQ(0, shim_nr_live);
		ASSERT_EQ(err[0], err[1]);
		if (!err[0])
			ASSERT_EQ(0, memcmp(sorted[0], sorted[1], nr * sizeof(*v)));
	}
}

TEST(sorting_bears_the_highest_pages_and_indices)
{
	struct codecache_prot_range v[3] = {
		{ U32_MAX - 1, 1, 1, 0 }, { 0, U32_MAX - 2, 3, 0 },
		{ U32_MAX - 2, 1, 0, 0 },
	};
	u64 i, nr = 1 << 20, bad = CODECACHE_NO_INDEX;
	struct codecache_prot_range *many = calloc(nr, sizeof(*many));

	ASSERT_EQ(0, codecache_ranges_sort(v, 3, &bad));
	EXPECT_EQ(0, v[0].first_page);
	EXPECT_EQ(U32_MAX - 2, v[1].first_page);
	EXPECT_EQ(U32_MAX - 1, v[2].first_page);
	ASSERT_NE(NULL, many);
	for (i = 0; i < nr; i++)
		many[i] = (struct codecache_prot_range){ 4 * (nr - i), 4, 1, 0 };
	ASSERT_EQ(0, codecache_ranges_sort(many, nr, &bad));
	ASSERT_TRUE(ascends(many, nr));
	many[0].nr_pages++;
	EXPECT_EQ(-EINVAL, codecache_ranges_sort(many, nr, &bad));
	EXPECT_EQ(1, bad);
	free(many);
}

/* ---- bitmaps ------------------------------------------------------------------------- */

enum { BITS = 1000, RUNS = 16 };

static void random_bits(unsigned long *bitmap)
{
	unsigned int i, dense = random_below(5);

	for (i = 0; i < (BITS + 63) / 64; i++) {
		bitmap[i] = random_u64();
		if (dense == 0)
			bitmap[i] &= random_u64() & random_u64();
		else if (dense == 1)
			bitmap[i] |= random_u64() | random_u64();
		else if (dense == 2)
			bitmap[i] = random_below(2) ? ~0UL : 0;
		else if (dense == 3)
			bitmap[i] = 0;
	}
}

static bool bit_is_set(const unsigned long *bitmap, u64 i)
{
	return bitmap[i / 64] >> i % 64 & 1;
}

/* Takes a bitmap apart, chunk by chunk; -1 when the runs are not as promised. */
static int check_runs(const unsigned long *bitmap, u64 nr_bits, u64 max_runs)
{
	struct codecache_prot_range runs[RUNS];
	u64 first_page = random_below(1ULL << 40), bit = 0, at = 0, n, i, k;
	u32 prot = random_below(8);

	do {
		n = codecache_bitmap_runs(bitmap, &bit, nr_bits, first_page,
					  prot, runs, max_runs);
		if (n > max_runs)
			return -1;
		for (i = 0; i < n; i++) {
			u64 from = runs[i].first_page - first_page;

			if (runs[i].prot != prot || runs[i].flags ||
			    !runs[i].nr_pages)
				return -1;
			for (; at < from; at++) {
				if (bit_is_set(bitmap, at))
					return -1;
			}
			for (k = 0; k < runs[i].nr_pages; k++, at++) {
				if (at >= nr_bits || !bit_is_set(bitmap, at))
					return -1;
			}
			/* A run is as long as can be. */
			if (at < nr_bits && bit_is_set(bitmap, at))
				return -1;
		}
	} while (n);
	for (; at < nr_bits; at++) {
		if (bit_is_set(bitmap, at))
			return -1;
	}
	return 0;
}

TEST(bitmap_runs_are_the_set_bits_at_any_chunk_size)
{
	unsigned long bitmap[(BITS + 63) / 64];
	unsigned int i;

	for (i = 0; i < 30000; i++) {
		random_bits(bitmap);
		ASSERT_EQ(0, check_runs(bitmap, random_below(BITS + 1),
					1 + random_below(RUNS)));
	}
}

TEST(bitmap_runs_end_where_the_bitmap_ends)
{
	struct codecache_prot_range run;
	unsigned long ones[2] = { ~0UL, ~0UL };
	u64 bit, nr;

	for (nr = 1; nr <= 128; nr++) {
		bit = 0;
		ASSERT_EQ(1, codecache_bitmap_runs(ones, &bit, nr, 7, 1, &run,
						   1));
		EXPECT_EQ(7, run.first_page);
		EXPECT_EQ(nr, run.nr_pages);
		EXPECT_EQ(0, codecache_bitmap_runs(ones, &bit, nr, 7, 1, &run,
						   1));
		EXPECT_EQ(nr, bit);
	}
	bit = 0;
	EXPECT_EQ(0, codecache_bitmap_runs(ones, &bit, 0, 0, 1, &run, 1));
}

TEST_HARNESS_MAIN
