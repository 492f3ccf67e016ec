// SPDX-License-Identifier: MIT
/*
 * kmod/extmap.c, with every allocation failing in its turn; and with kmod/extfit.c
 * a million operations against a model that has a byte for each page
 *
 * CODECACHE_SEED=N makes it another million.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "extmap_model.h"
#include "extmap_picture.h"
#include "random.h"

#include "kselftest_harness.h"

/* ---- looking ----------------------------------------------------------------- */

TEST(find_gives_the_area_of_any_page)
{
	const char *picture = ".AAbb..C";
	struct codecache_extmap map;
	struct codecache_area *area;
	unsigned long page;

	paint(&map, picture);
	for (page = 0; page < strlen(picture); page++) {
		area = codecache_extmap_find(&map, page);
		ASSERT_NE(NULL, area);
		EXPECT_LE(area->first, page);
		EXPECT_GT(area->first + area->nr, page);
		EXPECT_EQ(picture[page], picture[area->first]);
		EXPECT_EQ(picture[page] == '.' ? CODECACHE_AREA_HOLE :
			  islower(picture[page]) ? CODECACHE_AREA_RETIRED :
			  CODECACHE_AREA_LIVE, area->state);
	}
	EXPECT_EQ(NULL, codecache_extmap_find(&map, strlen(picture)));
	EXPECT_EQ(NULL, codecache_extmap_find(&map, ~0UL));
	codecache_extmap_destroy(&map);
}

TEST(next_gives_the_live_extent_that_ends_after_a_page)
{
	static const int firsts[] = { 1, 1, 1, 7, 7, 7, 7, 7, -1, -1, -1 };
	struct codecache_extmap map;
	struct codecache_area *area;
	unsigned int page;

	paint(&map, ".AAbb..C.");
	for (page = 0; page < sizeof(firsts) / sizeof(firsts[0]); page++) {
		area = codecache_extmap_next(&map, page);
		EXPECT_EQ(firsts[page], area ? (int)area->first : -1);
	}
	EXPECT_EQ(NULL, codecache_extmap_next(&map, ~0UL));
	codecache_extmap_destroy(&map);
}

/* ---- changing ---------------------------------------------------------------- */

/* Frees the extent that page 3 is in: how many areas are left, -1: damaged. */
static long areas_after_free(const char *picture)
{
	struct codecache_extmap map;
	long left;

	paint(&map, picture);
	shim_fail_after = 0;
	codecache_extmap_free(&map, codecache_extmap_find(&map, 3));
	shim_fail_after = -1;
	left = *extmap_flaw(&map) ? -1 : shim_nr_live;
	codecache_extmap_destroy(&map);
	return left;
}

TEST(freeing_merges_holes_and_needs_no_memory)
{
	EXPECT_EQ(1, areas_after_free("...A..."));
	EXPECT_EQ(1, areas_after_free("...a..."));
	EXPECT_EQ(1, areas_after_free("AAAAAAA"));
	EXPECT_EQ(2, areas_after_free("...ABBB"));
	EXPECT_EQ(2, areas_after_free("BBBA..."));
	EXPECT_EQ(3, areas_after_free("BBBACCC"));
	EXPECT_EQ(3, areas_after_free("bbbaccc"));
	EXPECT_EQ(4, areas_after_free(".BAAA.D"));
	EXPECT_EQ(5, areas_after_free(".B.A.C."));
}

TEST(counters_follow_an_extent)
{
	struct codecache_extmap map;
	struct codecache_area *area;

	ASSERT_EQ(0, codecache_extmap_init(&map, 100));
	ASSERT_EQ(0, alloc(&map, low(30)));
	ASSERT_EQ(30, alloc(&map, low(5)));
	EXPECT_EQ(2, map.nr_live);
	EXPECT_EQ(35, map.live_pages);
	EXPECT_EQ(0, map.retired_pages);
	area = codecache_extmap_find(&map, 29);
	codecache_extmap_retire(&map, area);
	EXPECT_EQ(area, codecache_extmap_find(&map, 0));
	EXPECT_EQ(CODECACHE_AREA_RETIRED, area->state);
	EXPECT_EQ(1, map.nr_live);
	EXPECT_EQ(5, map.live_pages);
	EXPECT_EQ(30, map.retired_pages);
	/* Not free yet. */
	EXPECT_EQ(35, alloc(&map, low(1)));
	codecache_extmap_free(&map, area);
	EXPECT_EQ(0, map.retired_pages);
	EXPECT_EQ(0, alloc(&map, low(30)));
	codecache_extmap_free(&map, codecache_extmap_find(&map, 32));
	EXPECT_EQ(2, map.nr_live);
	EXPECT_EQ(31, map.live_pages);
	EXPECT_STREQ("", extmap_flaw(&map));
	codecache_extmap_destroy(&map);
	EXPECT_EQ(0, map.nr_live);
	EXPECT_EQ(0, shim_nr_live);
}

TEST(a_map_that_cannot_be_made_leaves_nothing)
{
	struct codecache_extmap map = { 0 };

	codecache_extmap_destroy(&map);
	shim_fail_after = 0;
	EXPECT_EQ(-ENOMEM, codecache_extmap_init(&map, 5000));
	shim_fail_after = -1;
	codecache_extmap_destroy(&map);
	EXPECT_EQ(0, shim_nr_live);
}

/* How many allocations an extent takes; each of them fails in its turn. */
static int needs(const char *picture, want_t w)
{
	struct codecache_extmap map;
	unsigned long first = 77;
	long before, after;
	int err;

	paint(&map, picture);
	before = shim_nr_live;
	for (after = 0;; after++) {
		shim_fail_after = after;
		err = codecache_extmap_alloc(&map, &w, &first);
		shim_fail_after = -1;
		if (*extmap_flaw(&map))
			return -1;
		if (!err)
			break;
		if (err != -ENOMEM || shim_nr_live != before || first != 77)
			return -1;
	}
	codecache_extmap_destroy(&map);
	return shim_nr_live ? -1 : after;
}

TEST(alloc_bears_that_an_allocation_fails)
{
	EXPECT_EQ(0, needs("..A..", low(2)));
	EXPECT_EQ(0, needs("..A..", high(2)));
	EXPECT_EQ(1, needs("..A..", low(1)));
	EXPECT_EQ(1, needs("..A..", high(1)));
	EXPECT_EQ(2, needs("B...A", near(1, 2)));
	EXPECT_EQ(2, needs(".....", near(3, 1)));
}

/* ---- against the model ------------------------------------------------------- */

FIXTURE(fuzz)
{
	struct codecache_extmap map;
	struct extmap_model model;
	unsigned int alloc_percent;
	unsigned long nr_max;
	unsigned int done, no_space, no_memory;
};

FIXTURE_VARIANT(fuzz)
{
	unsigned long nr_pages;
	unsigned int shift;	/* a page of the model is 2^shift of the map's */
	unsigned int nr_ops;
};

#define MAP(name, pages, by, ops) \
	FIXTURE_VARIANT_ADD(fuzz, name) \
	{ .nr_pages = (pages), .shift = (by), .nr_ops = (ops) }

MAP(of_1, 1, 0, 20000);
MAP(of_2, 2, 0, 30000);
MAP(of_7, 7, 0, 150000);
MAP(of_64, 64, 0, 300000);
MAP(of_1000, 1000, 0, 200000);
MAP(of_4096, 4096, 0, 250000);
MAP(of_4294967296, 4096, 20, 100000);

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("CODECACHE_SEED");

	if (seed && strtoull(seed, NULL, 0))
		random_state = strtoull(seed, NULL, 0);
	TH_LOG("CODECACHE_SEED=%llu", (unsigned long long)random_state);
	model_init(&self->model, variant->nr_pages);
	ASSERT_EQ(0, codecache_extmap_init(&self->map,
					   variant->nr_pages << variant->shift));
}

FIXTURE_TEARDOWN(fuzz)
{
	codecache_extmap_destroy(&self->map);
	EXPECT_EQ(0, shim_nr_live);
}

/* Often near one end of the map, also beyond it. */
static unsigned long random_page(unsigned long nr_pages)
{
	switch (random_below(8)) {
	case 0:
		return random_below(3);
	case 1:
		return nr_pages - 1 + random_below(3);
	default:
		return random_below(nr_pages);
	}
}

static want_t random_want(FIXTURE_DATA(fuzz) *self)
{
	unsigned long nr_pages = self->model.nr_pages;
	want_t w = want(fits[random_below(NR_FITS)],
			1 + random_below(self->nr_max));

	if (!random_below(64))
		w.nr = random_page(nr_pages) + 1;
	if (!random_below(3))
		w.align = 1UL << random_below(random_below(4) ? 4 : 13);
	if (random_below(2))
		w.min = random_page(nr_pages);
	if (random_below(2))
		w.last = random_below(4) ? w.min + random_page(nr_pages) :
					   random_page(nr_pages);
	/* Often just as long as is needed. */
	if (!random_below(16))
		w.last = w.min + w.nr - 1;
	w.hint = random_page(nr_pages);
	return w;
}

static want_t scaled(want_t w, unsigned int shift)
{
	w.nr <<= shift;
	w.align <<= shift;
	w.min <<= shift;
	w.last = w.last == ~0UL ? w.last : ((w.last + 1) << shift) - 1;
	w.hint <<= shift;
	return w;
}

static const char *fuzz_alloc(FIXTURE_DATA(fuzz) *self, unsigned int shift)
{
	want_t w = random_want(self), to_map = scaled(w, shift);
	unsigned long page = model_place(&self->model, &w), first = 0;
	long fail_after = random_below(4) ? -1 : (long)random_below(3);
	int err, expect = 0;

	if (page == MODEL_NOWHERE)
		expect = -ENOSPC;
	else if (fail_after >= 0 &&
		 fail_after < model_rest(&self->model, page, w.nr))
		expect = -ENOMEM;
	if (codecache_extmap_may_fit(&self->map, &to_map) !=
	    model_may_fit(&self->model, &w))
		return "may_fit differs";
	shim_fail_after = fail_after;
	err = codecache_extmap_alloc(&self->map, &to_map, &first);
	shim_fail_after = -1;
	if (err != expect)
		return "alloc returns something else";
	self->done++;
	self->no_space += err == -ENOSPC;
	self->no_memory += err == -ENOMEM;
	if (err)
		return "";
	model_take(&self->model, page, w.nr);
	return first == page << shift ? "" : "an extent lies elsewhere";
}

/* A random extent's first page, of whichever state, or MODEL_NOWHERE. */
static unsigned long random_extent(const struct extmap_model *model)
{
	unsigned long first, page = random_below(model->nr_pages);

	first = model_start(model, page);
	if (model->state[first] == CODECACHE_AREA_HOLE)
		first = model_end(model, first);
	return first < model->nr_pages ? first : MODEL_NOWHERE;
}

static const char *fuzz_give_back(FIXTURE_DATA(fuzz) *self, unsigned int shift)
{
	unsigned long first = random_extent(&self->model);
	struct codecache_area *area;
	bool retire;

	if (first == MODEL_NOWHERE)
		return "";
	area = codecache_extmap_find(&self->map, first << shift);
	if (!area || area->first != first << shift)
		return "find gives something else";
	self->done++;
	retire = self->model.state[first] == CODECACHE_AREA_LIVE &&
		 random_below(4);
	shim_fail_after = 0;
	if (retire)
		codecache_extmap_retire(&self->map, area);
	else
		codecache_extmap_free(&self->map, area);
	shim_fail_after = -1;
	model_set(&self->model, first,
		  retire ? CODECACHE_AREA_RETIRED : CODECACHE_AREA_HOLE);
	return "";
}

/* Any page is found in the right area, and what comes after it is too. */
static const char *fuzz_look(FIXTURE_DATA(fuzz) *self, unsigned int shift)
{
	unsigned long page = random_page(self->model.nr_pages), first;
	struct codecache_area *area;

	area = codecache_extmap_find(&self->map, page << shift);
	if (page >= self->model.nr_pages)
		return area ? "find gives something" : "";
	first = model_start(&self->model, page) << shift;
	if (!area || area->first != first ||
	    area->state != self->model.state[page])
		return "find gives another";
	area = codecache_extmap_next(&self->map, page << shift);
	first = model_next_live(&self->model, page);
	if (first == MODEL_NOWHERE)
		return area ? "next gives something" : "";
	return area && area->first == first << shift ? "" :
						       "next gives another";
}

/* Now the map fills, now it empties, with long extents or short ones. */
static void fuzz_mood(FIXTURE_DATA(fuzz) *self)
{
	static const unsigned int percents[] = { 35, 55, 70, 90 };

	unsigned long nr_max = random_below(3) ? 6 : 60;

	self->alloc_percent = percents[random_below(4)];
	self->nr_max = 1 + random_below(min(nr_max, self->model.nr_pages));
}

static const char *fuzz_step(FIXTURE_DATA(fuzz) *self, unsigned int shift,
			     bool check)
{
	const char *flaw = random_below(100) < self->alloc_percent ?
		fuzz_alloc(self, shift) : fuzz_give_back(self, shift);

	if (!*flaw)
		flaw = fuzz_look(self, shift);
	if (!*flaw && check)
		flaw = extmap_flaw(&self->map);
	if (!*flaw && check)
		flaw = model_differs(&self->model, &self->map, shift);
	return flaw;
}

TEST_F_TIMEOUT(fuzz, agrees_with_the_model, 300)
{
	/* Every time where it is quick. */
	unsigned int i, often = variant->nr_pages < 100 ? 1 : 16;

	for (i = 0; self->done < variant->nr_ops; i++) {
		if (i % 2048 == 0)
			fuzz_mood(self);
		ASSERT_STREQ("", fuzz_step(self, variant->shift,
					   i % often == 0)) {
			TH_LOG("operation %u", i);
		}
	}
	/* All that can happen has happened. */
	EXPECT_LT(0, self->no_space);
	if (variant->nr_pages > 1)
		EXPECT_LT(0, self->no_memory);
	if (variant->nr_pages == MODEL_PAGES)
		EXPECT_LT(0, self->model.gave_up);
}

TEST_HARNESS_MAIN
