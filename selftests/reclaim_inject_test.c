// SPDX-License-Identifier: MIT
/*
 * Can the tests of reclamation fail? A module that was built with CODECACHE_TEST=1 is
 * broken on purpose, through its parameters, and the same rounds must notice; with
 * widened windows alone they must not.
 *
 * Not here: test_skip_rcu. What the RCU grace period is for takes a processor that holds
 * a store back for longer than RETIRE takes, which none does here. The model of the
 * protocol has that mutant.
 */
#include <errno.h>
#include <unistd.h>

#include "cc_churn.h"
#include "cc_reclaim.h"
#include "cc_torture.h"
#include "kselftest_harness.h"
#include "reclaim_rounds.h"

#define LONG	(4 * CC_TIMEOUT)
/* How long to wait for what must be noticed; and how long for what must not. */
#define NOTICE_MS	(30000 * cc_slow())
#define QUIET_MS	3000

FIXTURE(inject)
{
	int unused;
};

static void reset(void)
{
	cc_set_param("test_skip_readers", 0);
	cc_set_param("test_skip_retire_sweep", 0);
	cc_set_param("test_skip_reclaim_sweep", 0);
	cc_set_param("test_fault_unlocked", 0);
	cc_set_param("test_pause_at", 0);
	cc_set_param("test_pause_us", 0);
}

FIXTURE_SETUP(inject)
{
	/* Not a skip: this program is for that build and no other. */
	ASSERT_EQ(0, access(CC_PARAMS "/test_skip_readers", W_OK))
		TH_LOG("the module is not a test build");
	reset();
}

/* In the parent: the next test may not find the module broken. */
FIXTURE_TEARDOWN_PARENT(inject)
{
	reset();
	EXPECT_TRUE(cc_nothing_left());
}

/* At which steps to pause: bits, see kmod/testing.h; and for how long. */
static int pause_at(unsigned int places, unsigned int us)
{
	int err = cc_set_param("test_pause_at", places);

	return err ? err : cc_set_param("test_pause_us", us);
}

#define EVERYWHERE	0x1fffU
#define AT_INSERT	0x2U

/* ---- what must be noticed --------------------------------------------------------- */

#define TORTURE_UNTIL_WRONG						\
	{ .retire = ~0UL, .max_ms = NOTICE_MS, .until_wrong = true,	\
	  .makers = 1, .evictors = 1, .readers = 2, .batch = 64,		\
	  .zone_pages = 8192, .linger_ms = 100, .linger_every = 4 }

TEST_F_TIMEOUT(inject, readers_that_are_not_waited_for_are_noticed, LONG)
{
	struct torture t = TORTURE_UNTIL_WRONG;

	ASSERT_EQ(0, cc_set_param("test_skip_readers", 1));
	ASSERT_EQ(0, torture_run(&t));
	TH_LOG(TORTURE_FORMAT, TORTURE_ARGS(t));
	EXPECT_LT(0, t.wrong + t.traps);
}

TEST_F_TIMEOUT(inject, pages_that_go_while_they_are_mapped_are_noticed, LONG)
{
	struct torture t = TORTURE_UNTIL_WRONG;

	ASSERT_EQ(0, cc_set_param("test_skip_reclaim_sweep", 1));
	ASSERT_EQ(0, torture_run(&t));
	TH_LOG(TORTURE_FORMAT, TORTURE_ARGS(t));
	EXPECT_LT(0, t.wrong + t.traps);
}

/* A fault sleeps for longer than a grace period takes, and then maps what has gone. */
TEST_F_TIMEOUT(inject, a_fault_that_comes_too_late_is_noticed, LONG)
{
	/* Nobody stores where it does not belong, or it would be to others' memory. */
	struct churn churn = {
		.rounds = ~0UL, .max_ms = NOTICE_MS, .until_wrong = true,
		.nr_pages = 64, .bystanders = CHURN_TOUCH,
	};

	ASSERT_EQ(0, cc_set_param("test_fault_unlocked", 1));
	ASSERT_EQ(0, pause_at(AT_INSERT, 50000));
	ASSERT_EQ(0, churn_run(&churn));
	TH_LOG("%lu rounds in %lld ms, %lu unclean, %lu foreign", churn.done,
	       churn.ms, churn.unclean, churn.foreign);
	EXPECT_LT(0, churn.unclean + churn.foreign);
}

#define RUN_ROUNDS(rounds)						\
	do {								\
		int err_ = retire_rounds_run(&(rounds));			\
		if (err_ == -ENOTSUP)					\
			SKIP(return, "%u CPUs are needed",		\
			     (rounds).writers + 1);			\
		ASSERT_EQ(0, err_);					\
		TH_LOG("%lu rounds, %lu stores; %lu stale, %lu missed, %lu lost",\
		       (rounds).done, (rounds).stores, (rounds).stale,	\
		       (rounds).missed, (rounds).lost);			\
	} while (0)

TEST_F_TIMEOUT(inject, a_store_after_retire_is_noticed, LONG)
{
	struct retire_rounds rounds = {
		.nr = 100, .zone_class = CODECACHE_ZONE_CODE, .writers = 1,
	};

	ASSERT_EQ(0, cc_set_param("test_skip_retire_sweep", 1));
	RUN_ROUNDS(rounds);
	EXPECT_LT(0, rounds.stale + rounds.missed);
}

TEST_F_TIMEOUT(inject, a_fault_that_undoes_retire_is_noticed, LONG)
{
	struct retire_rounds rounds = {
		.nr = 3000, .zone_class = CODECACHE_ZONE_CODE, .writers = 1,
		.first = true,
	};

	ASSERT_EQ(0, cc_set_param("test_fault_unlocked", 1));
	ASSERT_EQ(0, pause_at(AT_INSERT, 100));
	RUN_ROUNDS(rounds);
	EXPECT_LT(0, rounds.stale + rounds.missed);
}

/* Who is inside and is not waited for finds the page gone. */
TEST_F_TIMEOUT(inject, a_page_that_a_reader_loses_is_noticed, LONG)
{
	struct retire_rounds rounds = {
		.nr = 3000, .zone_class = CODECACHE_ZONE_DATA, .writers = 1,
		.inside_us = 50000,
	};

	ASSERT_EQ(0, cc_set_param("test_skip_readers", 1));
	RUN_ROUNDS(rounds);
	EXPECT_LT(0, rounds.lost);
}

/* ---- what must not ------------------------------------------------------------------- */

FIXTURE(slow)
{
	int unused;
};

FIXTURE_VARIANT(slow)
{
	unsigned int places;
	unsigned int us;
};

FIXTURE_VARIANT_ADD(slow, everywhere) { .places = EVERYWHERE, .us = 50 };
FIXTURE_VARIANT_ADD(slow, here) { .places = 0x1555, .us = 1000 };
FIXTURE_VARIANT_ADD(slow, there) { .places = 0x0aaa, .us = 1000 };

FIXTURE_SETUP(slow)
{
	ASSERT_EQ(0, access(CC_PARAMS "/test_pause_at", W_OK))
		TH_LOG("the module is not a test build");
	reset();
	ASSERT_EQ(0, pause_at(variant->places, variant->us));
}

FIXTURE_TEARDOWN_PARENT(slow)
{
	reset();
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(slow, steps_lose_no_reader_its_code, LONG)
{
	struct torture t = TORTURE_UNTIL_WRONG;

	t.max_ms = QUIET_MS;
	ASSERT_EQ(0, torture_run(&t));
	TH_LOG(TORTURE_FORMAT, TORTURE_ARGS(t));
	EXPECT_LT(0, t.retired);
	EXPECT_EQ(0, t.wrong + t.traps + t.unclean + t.left);
}

TEST_F_TIMEOUT(slow, steps_go_unnoticed_by_owners, LONG)
{
	struct churn churn = {
		.rounds = ~0UL, .max_ms = QUIET_MS, .nr_pages = 128,
		.bystanders = ~CHURN_GARBAGE & ((1U << CHURN_BITS) - 1),
	};

	ASSERT_EQ(0, churn_run(&churn));
	TH_LOG("%lu rounds, %lu unclean, %lu foreign", churn.done,
	       churn.unclean, churn.foreign);
	EXPECT_LT(0, churn.done);
	EXPECT_EQ(0, churn.unclean + churn.foreign + churn.left);
}

TEST_F_TIMEOUT(slow, steps_let_no_store_through, LONG)
{
	unsigned long stores = 0;
	enum retire_writer w;

	for (w = RETIRE_STORES; w <= RETIRE_POKES; w++) {
		struct retire_rounds rounds = {
			.nr = 200 / cc_slow(), .writers = 1, .writer = w,
			.zone_class = CODECACHE_ZONE_CODE, .first = true,
		};

		RUN_ROUNDS(rounds);
		EXPECT_EQ(rounds.nr, rounds.done);
		EXPECT_EQ(0, rounds.stale + rounds.missed + rounds.lost);
		stores += rounds.stores;
	}
	/* Where everything is slow, one kind may never come before RETIRE. */
	EXPECT_LT(0, stores);
}

int main(int argc, char **argv)
{
	/* What a child of a bystander execs. */
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	return test_harness_run(argc, argv);
}
