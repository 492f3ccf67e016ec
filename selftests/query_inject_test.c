// SPDX-License-Identifier: MIT
/*
 * Can the tests of query_race_test fail? A module that was built with
 * CODECACHE_TEST=1 leaves out what makes QUERY exact, and the same rounds must
 * notice; with widened windows alone they must not.
 */
#include <errno.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"
#include "query_rounds.h"

#define LONG	(4 * CC_TIMEOUT)

FIXTURE(inject)
{
	unsigned long unused;
};

static void reset(void)
{
	cc_set_param("test_skip_query_flush", 0);
	cc_set_param("test_force_notifiers", 0);
	cc_set_param("test_fault_delay_us", 0);
}

FIXTURE_SETUP(inject)
{
	/* Not a skip: this program is for that build and no other. */
	ASSERT_EQ(0, access(CC_PARAMS "/test_skip_query_flush", W_OK))
		TH_LOG("the module is not a test build");
	reset();
}

/* In the parent: the next test may not find the module broken. */
FIXTURE_TEARDOWN_PARENT(inject)
{
	reset();
}

#define RUN(rounds)							\
	do {								\
		if (sysconf(_SC_NPROCESSORS_ONLN) < 2)			\
			SKIP(return, "2 CPUs are needed");		\
		ASSERT_EQ(0, query_rounds_exact(&(rounds)));		\
		TH_LOG("%lu rounds, %lu found, %lu missed, %lu extra",	\
		       (rounds).done, (rounds).found, (rounds).missed,	\
		       (rounds).extra);					\
		EXPECT_EQ((rounds).nr, (rounds).done);			\
		EXPECT_EQ(0, (rounds).extra);				\
	} while (0)

#define RUN_RACE(race)							\
	do {								\
		ASSERT_EQ(0, query_race_run(&(race)));			\
		TH_LOG("%lu stores, %lu queries, %lu reports, %lu lost",\
		       (race).stores, (race).queries, (race).reports,	\
		       (race).lost);					\
	} while (0)

TEST_F_TIMEOUT(inject, dirty_without_a_flush_is_noticed, LONG)
{
	struct query_rounds rounds = {
		.nr = 100, .nr_pages = 256, .find = CC_DIRTY, .stores = 500,
	};

	ASSERT_EQ(0, cc_set_param("test_skip_query_flush", 1));
	RUN(rounds);
	EXPECT_LT(0, rounds.missed);
}

TEST_F_TIMEOUT(inject, young_without_a_flush_is_noticed, LONG)
{
	struct query_rounds rounds = {
		.nr = 100, .nr_pages = 256, .find = CC_YOUNG, .loads = 500,
	};

	ASSERT_EQ(0, cc_set_param("test_skip_query_flush", 1));
	RUN(rounds);
	EXPECT_LT(0, rounds.missed);
}

TEST_F_TIMEOUT(inject, a_store_lost_without_a_flush_is_noticed, LONG)
{
	struct query_race race = {
		.nr_pages = 64,
	};

	ASSERT_EQ(0, cc_set_param("test_skip_query_flush", 1));
	RUN_RACE(race);
	EXPECT_LT(0, race.lost);
}

TEST_F_TIMEOUT(inject, slow_faults_lose_nothing, LONG)
{
	struct query_race race = {
		.nr_pages = 1024, .narrows = true, .narrow = CC_NONE,
		.flags = CODECACHE_QUERY_F_PROTECT,
	};

	ASSERT_EQ(0, cc_set_param("test_fault_delay_us", 30));
	RUN_RACE(race);
	EXPECT_EQ(0, race.lost);
}

TEST_F_TIMEOUT(inject, the_notifier_fallback_is_exact, LONG)
{
	struct query_rounds rounds = {
		.nr = 100, .nr_pages = 1200, .find = CC_DIRTY | CC_YOUNG,
		.stores = 50, .loads = 50, .outside = 1,
	};
	struct query_race race = {
		.nr_pages = 1024, .narrows = true, .narrow = CC_R,
		.flags = CODECACHE_QUERY_F_PROTECT,
	};

	ASSERT_EQ(0, cc_set_param("test_force_notifiers", 1));
	RUN(rounds);
	EXPECT_EQ(0, rounds.missed);
	RUN_RACE(race);
	EXPECT_EQ(0, race.lost);
}

TEST_HARNESS_MAIN
