// SPDX-License-Identifier: MIT
/*
 * QUERY is exact: nothing is missed and nothing made up, whoever else writes,
 * protects, unmaps and asks at the same time
 */
#include <errno.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"
#include "query_rounds.h"

#define LONG	(4 * CC_TIMEOUT)
#define D	CC_DIRTY
#define Y	CC_YOUNG
#define BOTH	(CC_DIRTY | CC_YOUNG)

FIXTURE(exact)
{
	unsigned long unused;
};

FIXTURE_SETUP(exact)
{
	/* Every object of a round is its own. */
}

FIXTURE_TEARDOWN(exact)
{
}

#define NEED_TWO_CPUS							\
	do {								\
		if (sysconf(_SC_NPROCESSORS_ONLN) < 2)			\
			SKIP(return, "2 CPUs are needed");		\
	} while (0)

/* Run; every round made, something found in it. */
#define RUN(rounds)							\
	do {								\
		NEED_TWO_CPUS;						\
		ASSERT_EQ(0, query_rounds_exact(&(rounds)));		\
		TH_LOG("%lu rounds, %lu found, %lu missed, %lu extra",	\
		       (rounds).done, (rounds).found, (rounds).missed,	\
		       (rounds).extra);					\
		EXPECT_EQ((rounds).nr, (rounds).done);			\
		EXPECT_LT((rounds).nr, (rounds).found);			\
		EXPECT_EQ(0, (rounds).extra);				\
	} while (0)

#define RUN_EXACT(...)							\
	do {								\
		struct query_rounds rounds = { __VA_ARGS__ };		\
									\
		RUN(rounds);						\
		EXPECT_EQ(0, rounds.missed);				\
	} while (0)

/* ---- a known set in each round ----------------------------------------------------- */

TEST_F_TIMEOUT(exact, dirty_beside_other_writers, LONG)
{
	RUN_EXACT(.nr = 1000, .nr_pages = 4500, .find = D, .stores = 100,
		  .loads = 100, .outside = 2);
}

TEST_F_TIMEOUT(exact, dirty_when_nearly_all_or_nearly_none_is, LONG)
{
	RUN_EXACT(.nr = 100, .nr_pages = 4096, .find = D, .stores = 950,
		  .loads = 40, .outside = 1);
	RUN_EXACT(.nr = 200, .nr_pages = 4096, .find = D, .stores = 1,
		  .outside = 1);
}

TEST_F_TIMEOUT(exact, dirty_when_pages_are_taken_away_before, LONG)
{
	RUN_EXACT(.nr = 200, .nr_pages = 4096, .find = BOTH, .stores = 100,
		  .loads = 100, .outside = 1, .squeeze = true);
}

TEST_F_TIMEOUT(exact, dirty_when_pages_found_are_protected, LONG)
{
	RUN_EXACT(.nr = 200, .nr_pages = 4096, .find = D, .stores = 100,
		  .loads = 50, .outside = 1, .flags = CODECACHE_QUERY_F_PROTECT);
}

TEST_F_TIMEOUT(exact, dirty_and_young_when_another_process_asks, LONG)
{
	RUN_EXACT(.nr = 200, .nr_pages = 4096, .find = BOTH, .stores = 50,
		  .loads = 50, .outside = 1, .remote = true);
}

TEST_F_TIMEOUT(exact, young, LONG)
{
	RUN_EXACT(.nr = 300, .nr_pages = 4096, .find = Y, .loads = 100,
		  .outside = 1);
	RUN_EXACT(.nr = 300, .nr_pages = 4096, .find = Y, .loads = 50,
		  .stores = 50, .outside = 1);
}

TEST_F_TIMEOUT(exact, dirty_and_young_together, LONG)
{
	RUN_EXACT(.nr = 300, .nr_pages = 4096, .find = BOTH, .loads = 60,
		  .stores = 60, .outside = 1);
}

/* With a dirty page to clear there is a flush, whatever was asked for. */
TEST_F_TIMEOUT(exact, fast_young_beside_dirty, LONG)
{
	RUN_EXACT(.nr = 300, .nr_pages = 4096, .find = BOTH, .loads = 100,
		  .stores = 1, .flags = CODECACHE_QUERY_F_FAST_YOUNG);
}

/* It may miss, and how often is told; but it makes nothing up. */
TEST_F_TIMEOUT(exact, fast_young_makes_nothing_up, LONG)
{
	struct query_rounds rounds = {
		.nr = 300, .nr_pages = 4096, .find = Y, .loads = 100,
		.outside = 1, .flags = CODECACHE_QUERY_F_FAST_YOUNG,
	};

	RUN(rounds);
	TH_LOG("fast young: %lu of %lu accesses missed, %.1f %%", rounds.missed,
	       rounds.missed + rounds.found,
	       100. * rounds.missed / (rounds.missed + rounds.found));
}

/* ---- writers within ---------------------------------------------------------------- */

#define RUN_RACE(...)							\
	do {								\
		struct query_race race = { __VA_ARGS__ };		\
									\
		NEED_TWO_CPUS;						\
		ASSERT_EQ(0, query_race_run(&race));			\
		TH_LOG("%lu stores, %lu queries, %lu reports, %lu lost",\
		       race.stores, race.queries, race.reports,		\
		       race.lost);					\
		EXPECT_EQ(0, race.lost);				\
		EXPECT_EQ(race.munmaps, race.unsure > 0);		\
		EXPECT_LT(QUERY_RACE_STORES, race.stores);		\
		EXPECT_LT(10, race.queries);				\
		EXPECT_LT(100, race.reports);				\
	} while (0)

TEST_F_TIMEOUT(exact, no_store_is_lost, LONG)
{
	RUN_RACE(.phases = 300);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_on_few_pages, LONG)
{
	RUN_RACE(.nr_pages = 8, .writers = 3);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_between_two_who_ask, LONG)
{
	RUN_RACE(.collectors = 2);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_to_protect_read, LONG)
{
	RUN_RACE(.narrows = true, .narrow = CC_R);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_to_protect_none, LONG)
{
	RUN_RACE(.narrows = true, .narrow = CC_NONE);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_when_asking_protects, LONG)
{
	RUN_RACE(.flags = CODECACHE_QUERY_F_PROTECT);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_to_view_unmap, LONG)
{
	RUN_RACE(.unmap = true);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_to_munmap, LONG)
{
	RUN_RACE(.unmap = true, .munmaps = true);
}

TEST_F_TIMEOUT(exact, no_store_is_lost_to_all_of_these, LONG)
{
	RUN_RACE(.collectors = 2, .narrows = true, .narrow = CC_NONE,
		 .unmap = true, .flags = CODECACHE_QUERY_F_PROTECT);
}

TEST_HARNESS_MAIN
