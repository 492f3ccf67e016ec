// SPDX-License-Identifier: MIT
/*
 * kmod/extfit.c: where extents come to lie, in small pictures
 */
#include <linux/slab.h>

#include "extmap_model.h"
#include "extmap_picture.h"

#include "kselftest_harness.h"

/* Where in a picture an extent comes to lie, or -errno; -1: the map is damaged. */
static long lands(const char *picture, want_t w)
{
	struct codecache_extmap map;
	long first;

	paint(&map, picture);
	first = alloc(&map, w);
	if (*extmap_flaw(&map))
		first = -1;
	codecache_extmap_destroy(&map);
	return shim_nr_live ? -1 : first;
}

/* ---- policies ---------------------------------------------------------------- */

TEST(best_takes_the_shortest_hole_that_is_long_enough)
{
	const char *picture = "....AA..B.C...D......";

	EXPECT_EQ(9, lands(picture, best(1)));
	EXPECT_EQ(6, lands(picture, best(2)));
	EXPECT_EQ(11, lands(picture, best(3)));
	EXPECT_EQ(0, lands(picture, best(4)));
	EXPECT_EQ(15, lands(picture, best(5)));
	EXPECT_EQ(15, lands(picture, best(6)));
	EXPECT_EQ(-ENOSPC, lands(picture, best(7)));
}

TEST(best_takes_the_lowest_of_holes_as_short)
{
	EXPECT_EQ(4, lands("...A..BB..C..D..", best(2)));
	EXPECT_EQ(4, lands("...A..BB..C..D..", best(1)));
	EXPECT_EQ(8, lands("...A..BB..C..D..", within(best(2), 5, 15)));
}

TEST(best_passes_over_holes_that_do_not_do)
{
	/* Holes of 2 at 1, of 3 at 5, of 4 at 9, of 6 at 14. */
	const char *picture = "A..BB...C....D......";

	EXPECT_EQ(1, lands(picture, best(2)));
	EXPECT_EQ(6, lands(picture, aligned(best(2), 2)));
	EXPECT_EQ(16, lands(picture, aligned(best(2), 4)));
	EXPECT_EQ(16, lands(picture, aligned(best(1), 16)));
	EXPECT_EQ(-ENOSPC, lands(picture, aligned(best(1), 32)));
	EXPECT_EQ(9, lands(picture, within(best(2), 8, 18)));
}

TEST(best_counts_of_a_cut_hole_what_is_in_the_window)
{
	/* Holes of 8 at 0, of 4 at 9, of 8 at 14. */
	const char *picture = "........A....B........";

	EXPECT_EQ(9, lands(picture, best(2)));
	EXPECT_EQ(5, lands(picture, within(best(2), 5, 30)));
	EXPECT_EQ(5, lands(picture, within(best(2), 5, 16)));
	EXPECT_EQ(14, lands(picture, within(best(2), 4, 16)));
	EXPECT_EQ(9, lands(picture, within(best(2), 7, 14)));
	/* As long as a whole one: the lowest of them. */
	EXPECT_EQ(4, lands(picture, within(best(2), 4, 21)));
	EXPECT_EQ(9, lands(picture, within(best(2), 9, 17)));
	/* One hole that both ends cut. */
	EXPECT_EQ(3, lands(picture, within(best(2), 3, 4)));
	EXPECT_EQ(-ENOSPC, lands(picture, within(best(3), 3, 4)));
}

/*
 * Holes of 2 that no extent of 2 fits in by alignment; below them a long hole
 * that it fits in, above them a shorter one.
 */
static void best_among_bad(char *picture, unsigned int nr_bad, long *first,
			   long *shorter)
{
	unsigned int i;

	strcpy(picture, "......A");
	for (i = 0; i < nr_bad; i++)
		strcat(picture, i % 2 ? "..BB" : "..CC");
	*shorter = strlen(picture) + 1;
	strcat(picture, "D...E");
	*first = lands(picture, aligned(best(2), 2));
}

TEST(best_tries_a_number_of_holes_and_then_takes_the_lowest)
{
	char picture[5 * CODECACHE_BEST_TRIES];
	long first, shorter;

	best_among_bad(picture, CODECACHE_BEST_TRIES - 1, &first, &shorter);
	EXPECT_EQ(shorter, first);
	best_among_bad(picture, CODECACHE_BEST_TRIES, &first, &shorter);
	EXPECT_EQ(0, first);
}

TEST(low_and_high_take_the_ends)
{
	const char *picture = "A..BB...C....D.....E";

	EXPECT_EQ(1, lands(picture, low(1)));
	EXPECT_EQ(5, lands(picture, low(3)));
	EXPECT_EQ(14, lands(picture, low(5)));
	EXPECT_EQ(2, lands(picture, aligned(low(1), 2)));
	EXPECT_EQ(6, lands(picture, aligned(low(2), 2)));
	EXPECT_EQ(18, lands(picture, high(1)));
	EXPECT_EQ(14, lands(picture, high(5)));
	EXPECT_EQ(16, lands(picture, high(3)));
	EXPECT_EQ(16, lands(picture, aligned(high(1), 4)));
	EXPECT_EQ(16, lands(picture, aligned(high(3), 4)));
	EXPECT_EQ(-ENOSPC, lands(picture, aligned(high(4), 4)));
	EXPECT_EQ(-ENOSPC, lands(picture, low(6)));
	EXPECT_EQ(-ENOSPC, lands(picture, high(6)));
	EXPECT_EQ(-ENOSPC, lands("AABB", low(1)));
}

TEST(low_and_high_stay_in_the_window)
{
	const char *picture = "A..BB...C....D.....E";

	EXPECT_EQ(2, lands(picture, within(low(1), 2, 19)));
	EXPECT_EQ(5, lands(picture, within(low(2), 2, 19)));
	EXPECT_EQ(5, lands(picture, within(low(3), 5, 7)));
	EXPECT_EQ(-ENOSPC, lands(picture, within(low(3), 5, 6)));
	EXPECT_EQ(-ENOSPC, lands(picture, within(low(3), 6, 8)));
	EXPECT_EQ(9, lands(picture, within(low(3), 6, 11)));
	EXPECT_EQ(11, lands(picture, within(high(2), 0, 14)));
	EXPECT_EQ(14, lands(picture, within(high(2), 0, 15)));
	EXPECT_EQ(5, lands(picture, within(high(3), 5, 10)));
	EXPECT_EQ(-ENOSPC, lands(picture, within(high(1), 3, 4)));
}

TEST(near_takes_the_hint_or_what_is_nearest)
{
	const char *picture = "....AAAABBBB....";

	EXPECT_EQ(2, lands(picture, near(2, 2)));
	EXPECT_EQ(2, lands(picture, near(2, 3)));
	EXPECT_EQ(2, lands(picture, near(2, 6)));
	/* As far either way: the lower. */
	EXPECT_EQ(2, lands(picture, near(2, 7)));
	EXPECT_EQ(12, lands(picture, near(2, 8)));
	EXPECT_EQ(13, lands(picture, near(2, 13)));
	EXPECT_EQ(14, lands(picture, near(2, 15)));
	EXPECT_EQ(14, lands(picture, near(2, ~0UL)));
	EXPECT_EQ(0, lands(picture, near(4, 3)));
	EXPECT_EQ(0, lands(picture, aligned(near(2, 6), 4)));
	EXPECT_EQ(12, lands(picture, aligned(near(2, 7), 4)));
	EXPECT_EQ(12, lands(picture, aligned(near(2, 15), 4)));
	EXPECT_EQ(-ENOSPC, lands(picture, near(5, 7)));
}

TEST(near_stays_in_the_window_and_the_hint_need_not)
{
	const char *picture = "....AAAABBBB....";

	EXPECT_EQ(12, lands(picture, within(near(2, 2), 4, 15)));
	EXPECT_EQ(1, lands(picture, within(near(2, 15), 0, 2)));
	EXPECT_EQ(13, lands(picture, within(near(2, 0), 13, 15)));
	EXPECT_EQ(-ENOSPC, lands(picture, within(near(2, 2), 3, 12)));
	EXPECT_EQ(12, lands(picture, aligned(within(near(1, 2), 2, 15), 4)));
}

/* ---- edges ------------------------------------------------------------------- */

TEST(every_policy_takes_the_only_place_there_is)
{
	unsigned int i;

	for (i = 0; i < NR_FITS; i++) {
		EXPECT_EQ(0, lands(".", want(fits[i], 1)));
		EXPECT_EQ(0, lands("....", want(fits[i], 4)));
		EXPECT_EQ(0, lands(".AAA", want(fits[i], 1)));
		EXPECT_EQ(3, lands("AAA.", want(fits[i], 1)));
		EXPECT_EQ(2, lands("AA..BB", want(fits[i], 2)));
		EXPECT_EQ(0, lands("....", within(want(fits[i], 1), 0, 0)));
		EXPECT_EQ(3, lands("....", within(want(fits[i], 1), 3, ~0UL)));
		EXPECT_EQ(0, lands("....", aligned(want(fits[i], 4), 1UL << 63)));
	}
}

TEST(every_policy_refuses_what_cannot_be)
{
	unsigned int i;

	for (i = 0; i < NR_FITS; i++) {
		EXPECT_EQ(-ENOSPC, lands("....", want(fits[i], 5)));
		EXPECT_EQ(-ENOSPC, lands("....", want(fits[i], ~0UL)));
		EXPECT_EQ(-ENOSPC, lands("AAAA", want(fits[i], 1)));
		EXPECT_EQ(-ENOSPC, lands("aaaa", want(fits[i], 1)));
		EXPECT_EQ(-ENOSPC, lands("....", within(want(fits[i], 1), 4, ~0UL)));
		EXPECT_EQ(-ENOSPC, lands("....", within(want(fits[i], 1), 2, 1)));
		EXPECT_EQ(-ENOSPC, lands("....", within(want(fits[i], 2), 3, 9)));
		EXPECT_EQ(-ENOSPC, lands("A...", aligned(want(fits[i], 1), 1UL << 63)));
	}
}

TEST(a_map_of_16_tib_takes_one_area)
{
	const unsigned long nr_pages = 1UL << 32, half = 1UL << 31;
	struct codecache_extmap map;

	ASSERT_EQ(0, codecache_extmap_init(&map, nr_pages));
	EXPECT_EQ(1, shim_nr_live);
	EXPECT_EQ(0, alloc(&map, best(nr_pages)));
	EXPECT_EQ(nr_pages, map.live_pages);
	codecache_extmap_free(&map, codecache_extmap_find(&map, nr_pages - 1));
	EXPECT_EQ(-ENOSPC, alloc(&map, best(nr_pages + 1)));
	EXPECT_EQ(nr_pages - 1, alloc(&map, high(1)));
	EXPECT_EQ(half, alloc(&map, aligned(high(1), half)));
	EXPECT_EQ(half - 1, alloc(&map, near(1, half)));
	EXPECT_EQ(nr_pages - 2, alloc(&map, near(1, ~0UL)));
	EXPECT_EQ(nr_pages - 3, alloc(&map, within(low(1), nr_pages - 3, ~0UL)));
	EXPECT_EQ(half + 1, alloc(&map, within(best(9), half, nr_pages)));
	EXPECT_EQ(-ENOSPC, alloc(&map, aligned(low(half), half)));
	EXPECT_EQ(0, alloc(&map, low(half - 1)));
	EXPECT_STREQ("", extmap_flaw(&map));
	codecache_extmap_destroy(&map);
	EXPECT_EQ(0, shim_nr_live);
}

/* ---- places that retired extents have ---------------------------------------- */

static bool may_fit(const char *picture, want_t w)
{
	struct codecache_extmap map;
	bool may;

	paint(&map, picture);
	may = codecache_extmap_may_fit(&map, &w);
	codecache_extmap_destroy(&map);
	return may;
}

TEST(may_fit_tells_who_is_to_wait_from_who_is_not)
{
	const char *picture = "A.bcc.D..e";

	EXPECT_TRUE(may_fit(picture, low(2)));
	EXPECT_TRUE(may_fit(picture, low(5)));
	EXPECT_FALSE(may_fit(picture, low(6)));
	EXPECT_FALSE(may_fit(picture, low(~0UL)));
	EXPECT_TRUE(may_fit(picture, aligned(low(2), 4)));
	EXPECT_FALSE(may_fit(picture, aligned(low(3), 4)));
	EXPECT_TRUE(may_fit(picture, within(low(3), 7, ~0UL)));
	EXPECT_TRUE(may_fit(picture, within(low(3), 3, 5)));
	EXPECT_FALSE(may_fit(picture, within(low(4), 3, 8)));
	EXPECT_FALSE(may_fit(picture, within(low(1), 6, 6)));
	EXPECT_FALSE(may_fit(picture, within(low(1), 10, ~0UL)));
	EXPECT_FALSE(may_fit(picture, within(low(1), 3, 2)));
	/* Nothing retired: what fits now. */
	EXPECT_TRUE(may_fit("A..B", low(2)));
	EXPECT_FALSE(may_fit("A..B", low(3)));
}

TEST_HARNESS_MAIN
