// SPDX-License-Identifier: MIT
/*
 * What comes at the same time as RETIRE and reclamation: stores, faults, other calls
 * on views, mappings and processes that come and go, shrinkers, and readers that
 * cannot be trusted
 */
#include <errno.h>
#include <unistd.h>

#include "cc_churn.h"
#include "cc_reclaim.h"
#include "kselftest_harness.h"
#include "reclaim_rounds.h"

#define LONG	(4 * CC_TIMEOUT)

/* ---- RETIRE has returned, so nothing is stored any more ------------------------ */

FIXTURE(retire)
{
	int unused;
};

FIXTURE_VARIANT(retire)
{
	struct retire_rounds rounds;
};

#define AGAINST(name, ...) FIXTURE_VARIANT_ADD(retire, name)		\
	{ .rounds = { __VA_ARGS__ } }

AGAINST(a_writer, .nr = 3000, .zone_class = CODECACHE_ZONE_CODE, .writers = 1);
AGAINST(writers, .nr = 1000, .zone_class = CODECACHE_ZONE_DATA, .writers = 2);
AGAINST(a_first_fault, .nr = 3000, .zone_class = CODECACHE_ZONE_DATA,
	.writers = 1, .first = true);
AGAINST(writers_of_another_process, .nr = 1000,
	.zone_class = CODECACHE_ZONE_CODE, .writers = 1, .remote = true);
AGAINST(system_calls, .nr = 3000, .zone_class = CODECACHE_ZONE_DATA,
	.writers = 1, .writer = RETIRE_SYSCALLS);
AGAINST(a_debugger, .nr = 1000, .zone_class = CODECACHE_ZONE_CODE,
	.writers = 1, .writer = RETIRE_POKES);

FIXTURE_SETUP(retire)
{
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(retire)
{
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(retire, is_the_end_of_stores_and_not_of_readers, LONG)
{
	struct retire_rounds rounds = variant->rounds;
	int err;

	rounds.nr /= cc_slow();
	err = retire_rounds_run(&rounds);
	if (err == -ENOTSUP)
		SKIP(return, "%u CPUs are needed", rounds.writers + 1);
	ASSERT_EQ(0, err);
	TH_LOG("%lu rounds in %lld ms, %lu stores; %lu stale, %lu missed, %lu lost",
	       rounds.done, rounds.ms, rounds.stores, rounds.stale,
	       rounds.missed, rounds.lost);
	EXPECT_EQ(rounds.nr, rounds.done);
	EXPECT_LT(0, rounds.stores);
	EXPECT_EQ(0, rounds.stale);
	EXPECT_EQ(0, rounds.missed);
	EXPECT_EQ(0, rounds.lost);
}

/* ---- whatever others do, owners do not notice ---------------------------------- */

FIXTURE(owners)
{
	int unused;
};

FIXTURE_VARIANT(owners)
{
	struct churn churn;
};

#define BESIDE(name, ...) FIXTURE_VARIANT_ADD(owners, name)		\
	{ .churn = { __VA_ARGS__ } }

BESIDE(faults, .rounds = 3000, .bystanders = CHURN_TOUCH | CHURN_STORE);
BESIDE(faults_in_data, .rounds = 1500, .zone_class = CODECACHE_ZONE_DATA,
       .bystanders = CHURN_TOUCH | CHURN_STORE | CHURN_SHRINK);
BESIDE(protect, .rounds = 500,
       .bystanders = CHURN_PROTECT | CHURN_TOUCH | CHURN_STORE);
BESIDE(mappings, .rounds = 500,
       .bystanders = CHURN_REMAP | CHURN_VIEWS | CHURN_TOUCH | CHURN_PROTECT);
BESIDE(processes, .rounds = 400,
       .bystanders = CHURN_FORK | CHURN_TOUCH | CHURN_SHRINK);
BESIDE(clocks, .rounds = 500,
       .bystanders = CHURN_CLOCK | CHURN_SHRINK | CHURN_STORE);
BESIDE(debuggers, .rounds = 200, .bystanders = CHURN_DEBUG | CHURN_TOUCH);
BESIDE(garbage_in_slots, .rounds = 200,
       .bystanders = CHURN_GARBAGE | CHURN_TOUCH | CHURN_SHRINK);
BESIDE(everybody, .rounds = 300,
       .bystanders = ~CHURN_GARBAGE & ((1U << CHURN_BITS) - 1));
BESIDE(everybody_in_little_room, .rounds = 300, .nr_pages = 64,
       .zone_class = CODECACHE_ZONE_DATA,
       .bystanders = ~CHURN_GARBAGE & ((1U << CHURN_BITS) - 1));

FIXTURE_SETUP(owners)
{
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(owners)
{
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(owners, notice_nothing, LONG)
{
	struct churn churn = variant->churn;
	unsigned int i;

	churn.rounds /= cc_slow();
	ASSERT_EQ(0, churn_run(&churn))
		TH_LOG("failed after %lu rounds", churn.done);
	TH_LOG("%lu rounds of %lu pages in %lld ms: %lu unclean, %lu foreign",
	       churn.done, churn.pages, churn.ms, churn.unclean,
	       churn.foreign);
	for (i = 0; i < CHURN_BITS; i++) {
		if (!(churn.bystanders >> i & 1))
			continue;
		TH_LOG("%9lu %s", churn.deeds[i], churn_names[i]);
		EXPECT_LT(0, churn.deeds[i]);
	}
	EXPECT_LE(churn.rounds, churn.done);
	EXPECT_EQ(0, churn.unclean);
	EXPECT_EQ(0, churn.foreign);
	EXPECT_EQ(0, churn.left);
}

int main(int argc, char **argv)
{
	/* What a child of a bystander execs. */
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	return test_harness_run(argc, argv);
}
