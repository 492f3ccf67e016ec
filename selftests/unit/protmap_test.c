// SPDX-License-Identifier: MIT
/*
 * kmod/protmap.c against an array with a byte for each page, with every
 * allocation failing in its turn
 */
#include <linux/slab.h>

#include "protmap.h"
#include "random.h"

#include "kselftest_harness.h"

enum { MAX_PAGES = 5 * CODECACHE_LEAF_PAGES, MAX_RANGES = 300 };

/* A map, and what it should hold. */
FIXTURE(protmap)
{
	struct codecache_protmap map;
	u8 model[MAX_PAGES];
	struct codecache_prot_range v[MAX_RANGES];
};

FIXTURE_VARIANT(protmap)
{
	unsigned long nr_pages;
};

#define PAGES(nr) FIXTURE_VARIANT_ADD(protmap, of_##nr) { .nr_pages = (nr) }

PAGES(1);
PAGES(2);
PAGES(511);
PAGES(512);
PAGES(513);
PAGES(1025);
PAGES(2560);

FIXTURE_SETUP(protmap)
{
	ASSERT_EQ(0, codecache_protmap_init(&self->map, variant->nr_pages, 3));
	memset(self->model, 3, sizeof(self->model));
}

FIXTURE_TEARDOWN(protmap)
{
	codecache_protmap_destroy(&self->map);
	EXPECT_EQ(0, shim_nr_live);
}

static u64 random_length(u64 room)
{
	static const u64 lengths[] = { 1, 1, 1, 1, 2, 3, 7, 64, 510, 511, 512,
				       513, 1023, 1024, 2000, MAX_PAGES };
	u64 nr = lengths[random_below(sizeof(lengths) / sizeof(lengths[0]))];

	if (!random_below(4))
		nr = 1 + random_below(MAX_PAGES);
	return nr < room ? nr : room;
}

/* Ascending ranges without overlap: how many. */
static u64 random_ranges(FIXTURE_DATA(protmap) *self, u64 nr_pages)
{
	u64 at = 0, nr = 0, gap = 1 + random_below(1 + nr_pages / 4);
	bool single = random_below(3) == 0;

	while (nr < MAX_RANGES) {
		at += random_below(3) ? random_below(gap) : 0;
		/* Often where a leaf begins. */
		if (!random_below(8))
			at = (at + CODECACHE_LEAF_MASK) & ~CODECACHE_LEAF_MASK;
		if (at >= nr_pages)
			break;
		self->v[nr] = (struct codecache_prot_range){
			.first_page = at,
			.nr_pages = single ? 1 : random_length(nr_pages - at),
			.prot = random_below(CODECACHE_PROTMAP_VALUES),
		};
		at += self->v[nr++].nr_pages;
		if (!random_below(20))
			break;
	}
	return nr;
}

static u64 apply_to_model(FIXTURE_DATA(protmap) *self, u64 nr)
{
	u64 i, pages = 0;

	for (i = 0; i < nr; i++) {
		memset(self->model + self->v[i].first_page, self->v[i].prot,
		       self->v[i].nr_pages);
		pages += self->v[i].nr_pages;
	}
	return pages;
}

static bool holds_model(FIXTURE_DATA(protmap) *self)
{
	u64 counts[CODECACHE_PROTMAP_VALUES], want[CODECACHE_PROTMAP_VALUES];
	unsigned long i;

	memset(want, 0, sizeof(want));
	for (i = 0; i < self->map.nr_pages; i++) {
		if (codecache_protmap_get(&self->map, i) != self->model[i])
			return false;
		want[self->model[i]]++;
	}
	codecache_protmap_count(&self->map, counts);
	return !memcmp(counts, want, sizeof(want));
}

TEST_F_TIMEOUT(protmap, agrees_with_its_model, 300)
{
	u64 nr, done = 0;
	unsigned int i;

	/* 200,000 ranges for each size, over a million in all. */
	for (i = 0; done < 200000; i++) {
		nr = random_ranges(self, variant->nr_pages);
		ASSERT_EQ(0, codecache_protmap_prepare(&self->map, self->v, nr));
		if (i % 16 == 0)
			ASSERT_TRUE(holds_model(self));
		ASSERT_EQ(apply_to_model(self, nr),
			  codecache_protmap_apply(&self->map, self->v, nr));
		if (i % 4 == 0)
			ASSERT_TRUE(holds_model(self));
		done += nr ?: 1;
	}
	EXPECT_TRUE(holds_model(self));
}

/* What is ready needs no memory, and to be set does what is done in the general way. */
TEST_F_TIMEOUT(protmap, a_page_that_is_ready_is_only_set, 300)
{
	unsigned int i, ready = 0;
	u64 nr;

	for (i = 0; i < 20000; i++) {
		nr = random_ranges(self, variant->nr_pages);
		nr = nr > 1 && random_below(2) ? 1 : nr;
		if (nr == 1 && codecache_protmap_ready(&self->map, self->v)) {
			shim_fail_after = 0;
			ASSERT_EQ(0, codecache_protmap_prepare(&self->map, self->v, 1));
			shim_fail_after = -1;
			codecache_protmap_set(&self->map, self->v[0].first_page,
					      self->v[0].prot);
			ready++;
		} else {
			ASSERT_EQ(0, codecache_protmap_prepare(&self->map, self->v, nr));
			codecache_protmap_apply(&self->map, self->v, nr);
		}
		apply_to_model(self, nr);
		if (i % 4 == 0)
			ASSERT_TRUE(holds_model(self));
	}
	/* One page alone never has a leaf. */
	if (variant->nr_pages > 1)
		EXPECT_LT(100, ready);
	EXPECT_TRUE(holds_model(self));
}

/* Preparing fails at every allocation in turn, and changes no value by it. */
TEST_F_TIMEOUT(protmap, bears_that_an_allocation_fails, 300)
{
	unsigned int i, failed = 0;
	long after;
	int err;
	u64 nr;

	for (i = 0; i < 3000; i++) {
		nr = random_ranges(self, variant->nr_pages);
		for (after = 0;; after++) {
			shim_fail_after = after;
			err = codecache_protmap_prepare(&self->map, self->v,
							nr);
			shim_fail_after = -1;
			if (!err)
				break;
			ASSERT_EQ(-ENOMEM, err);
			ASSERT_TRUE(holds_model(self));
			failed++;
		}
		/* Once prepared, it needs nothing more. */
		shim_fail_after = 0;
		ASSERT_EQ(apply_to_model(self, nr),
			  codecache_protmap_apply(&self->map, self->v, nr));
		shim_fail_after = -1;
		ASSERT_TRUE(holds_model(self));
	}
	/* One page, or whole leaves alone, need none. */
	if (variant->nr_pages > 1)
		EXPECT_LT(0, failed);
}

TEST_F_TIMEOUT(protmap, gives_leaves_back_when_they_become_uniform, 300)
{
	unsigned int i;
	u64 nr;

	for (i = 0; i < 500; i++) {
		nr = random_ranges(self, variant->nr_pages);
		ASSERT_EQ(0, codecache_protmap_prepare(&self->map, self->v, nr));
		codecache_protmap_apply(&self->map, self->v, nr);
		self->v[0] = (struct codecache_prot_range){
			0, variant->nr_pages, i % 8, 0 };
		ASSERT_EQ(0, codecache_protmap_prepare(&self->map, self->v, 1));
		ASSERT_EQ(variant->nr_pages,
			  codecache_protmap_apply(&self->map, self->v, 1));
		/* The array of slots is all that is left. */
		ASSERT_EQ(1, shim_nr_live);
		apply_to_model(self, 1);
		ASSERT_TRUE(holds_model(self));
	}
}

TEST_F_TIMEOUT(protmap, needs_no_memory_for_whole_leaves, 300)
{
	const u64 nr_pages = variant->nr_pages;
	u64 at;

	shim_fail_after = 0;
	for (at = 0; at < nr_pages; at += CODECACHE_LEAF_PAGES) {
		u64 nr = nr_pages - at < CODECACHE_LEAF_PAGES ?
			 nr_pages - at : CODECACHE_LEAF_PAGES;

		self->v[0] = (struct codecache_prot_range){ at, nr, 1, 0 };
		EXPECT_EQ(0, codecache_protmap_prepare(&self->map, self->v, 1));
		EXPECT_EQ(nr, codecache_protmap_apply(&self->map, self->v, 1));
	}
	shim_fail_after = -1;
	memset(self->model, 1, sizeof(self->model));
	EXPECT_TRUE(holds_model(self));
}

TEST(a_map_that_cannot_be_made_leaves_nothing)
{
	struct codecache_protmap map = { 0 };

	codecache_protmap_destroy(&map);
	shim_fail_after = 0;
	EXPECT_EQ(-ENOMEM, codecache_protmap_init(&map, 5000, 0));
	shim_fail_after = -1;
	codecache_protmap_destroy(&map);
	EXPECT_EQ(0, shim_nr_live);
}

TEST(a_map_of_4_tib_takes_16_mib)
{
	const unsigned long nr_pages = 1UL << 30;
	struct codecache_prot_range v[] = {
		{ 0, 1, 1, 0 }, { 1 << 29, 1 << 20, 2, 0 },
		{ (1 << 30) - 1, 1, 3, 0 },
	};
	struct codecache_protmap map;
	u64 counts[CODECACHE_PROTMAP_VALUES];

	ASSERT_EQ(0, codecache_protmap_init(&map, nr_pages, 0));
	EXPECT_EQ(1, shim_nr_live);
	ASSERT_EQ(0, codecache_protmap_prepare(&map, v, 3));
	EXPECT_EQ(3, shim_nr_live);
	EXPECT_EQ(2 + (1 << 20), codecache_protmap_apply(&map, v, 3));
	EXPECT_EQ(1, codecache_protmap_get(&map, 0));
	EXPECT_EQ(0, codecache_protmap_get(&map, 1));
	EXPECT_EQ(2, codecache_protmap_get(&map, 1 << 29));
	EXPECT_EQ(3, codecache_protmap_get(&map, nr_pages - 1));
	codecache_protmap_count(&map, counts);
	EXPECT_EQ(nr_pages - 2 - (1 << 20), counts[0]);
	EXPECT_EQ(1 << 20, counts[2]);
	codecache_protmap_destroy(&map);
	EXPECT_EQ(0, shim_nr_live);
}

TEST_HARNESS_MAIN
