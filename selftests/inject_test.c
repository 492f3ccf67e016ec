// SPDX-License-Identifier: MIT
/*
 * Can the tests of prot_race_test fail? A module that was built with
 * CODECACHE_TEST=1 is broken on purpose, through its parameters, and the same
 * rounds must notice; with widened windows alone they must not.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"
#include "prot_rounds.h"

#define LONG	(4 * CC_TIMEOUT)

FIXTURE(inject)
{
	bool test_build;
};

static void reset(void)
{
	cc_set_param("test_skip_flush", 0);
	cc_set_param("test_skip_pending", 0);
	cc_set_param("test_fault_unlocked", 0);
	cc_set_param("test_force_notifiers", 0);
	cc_set_param("test_fault_delay_us", 0);
}

FIXTURE_SETUP(inject)
{
	/* Not a skip: this program is for that build and no other. */
	ASSERT_EQ(0, access(CC_PARAMS "/test_skip_flush", W_OK))
		TH_LOG("the module is not a test build");
	reset();
}

FIXTURE_TEARDOWN(inject)
{
	reset();
}

#define NEED_CPUS(err, rounds)						\
	do {								\
		if ((err) == -ENOTSUP)					\
			SKIP(return, "%u CPUs are needed",		\
			     (rounds).spinners + 1);			\
	} while (0)

#define EXPECT_TOTAL(rounds)						\
	do {								\
		TH_LOG("%lu rounds, %lu stale, %lu missed",		\
		       (rounds).done, (rounds).stale, (rounds).missed);	\
		EXPECT_EQ((rounds).nr, (rounds).done);			\
		EXPECT_EQ(0, (rounds).stale);				\
		EXPECT_EQ(0, (rounds).missed);				\
	} while (0)

#define EXPECT_NOTICED(rounds)						\
	do {								\
		TH_LOG("%lu rounds, %lu stale, %lu missed",		\
		       (rounds).done, (rounds).stale, (rounds).missed);	\
		EXPECT_LT(0, (rounds).stale + (rounds).missed);		\
	} while (0)

TEST_F_TIMEOUT(inject, a_flush_left_out_is_noticed, LONG)
{
	struct rounds rounds = { .nr = 100, .prot = CC_R, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_skip_flush", 1));
	err = rounds_revoke(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_NOTICED(rounds);
}

TEST_F_TIMEOUT(inject, a_flush_not_announced_is_noticed, LONG)
{
	struct rounds rounds = { .nr = 100, .prot = CC_NONE, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_skip_pending", 1));
	err = rounds_revoke(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_NOTICED(rounds);
}

TEST_F_TIMEOUT(inject, a_fault_that_locks_nothing_is_noticed, LONG)
{
	struct rounds rounds = { .nr = 3000, .prot = CC_NONE, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_fault_unlocked", 1));
	ASSERT_EQ(0, cc_set_param("test_fault_delay_us", 30));
	err = rounds_first_fault(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_NOTICED(rounds);
}

TEST_F_TIMEOUT(inject, a_slow_fault_undoes_nothing, LONG)
{
	struct rounds rounds = { .nr = 3000, .prot = CC_NONE, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_fault_delay_us", 30));
	err = rounds_first_fault(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_TOTAL(rounds);
}

TEST_F_TIMEOUT(inject, a_slow_write_fault_undoes_nothing, LONG)
{
	struct rounds rounds = { .nr = 3000, .prot = CC_R, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_fault_delay_us", 30));
	err = rounds_flip(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_TOTAL(rounds);
}

TEST_F_TIMEOUT(inject, the_notifier_fallback_is_total, LONG)
{
	struct rounds rounds = { .nr = 3000, .prot = CC_R, .spinners = 1 };
	struct rounds none = { .nr = 3000, .prot = CC_NONE, .spinners = 1 };
	int err;

	ASSERT_EQ(0, cc_set_param("test_force_notifiers", 1));
	err = rounds_revoke(&rounds);
	NEED_CPUS(err, rounds);
	ASSERT_EQ(0, err);
	EXPECT_TOTAL(rounds);
	ASSERT_EQ(0, rounds_revoke(&none));
	EXPECT_TOTAL(none);
}

TEST_F_TIMEOUT(inject, the_notifier_fallback_flushes_once_a_run, LONG)
{
	/* Two runs: 2..5 and 7..7; page 9 only gains. */
	struct codecache_prot_range r[] = {
		{ .first_page = 2, .nr_pages = 2, .prot = CC_R },
		{ .first_page = 4, .nr_pages = 2, .prot = CC_NONE },
		{ .first_page = 7, .nr_pages = 1, .prot = CC_R },
		{ .first_page = 9, .nr_pages = 1, .prot = CC_RW },
	};
	struct codecache_stats_args stats;
	struct cc_mem mem;
	unsigned int i;
	unsigned char c;

	ASSERT_EQ(0, cc_set_param("test_force_notifiers", 1));
	ASSERT_EQ(0, cc_mem_data(&mem, 16));
	for (i = 0; i < 16; i++)
		mem.map[CODECACHE_VIEW_DATA][i * cc_page_size()] = i;
	ASSERT_EQ(0, cc_protect(mem.fd[CODECACHE_VIEW_DATA], r, 4, NULL));
	ASSERT_EQ(0, cc_stats(mem.fd[CODECACHE_VIEW_DATA], &stats));
	EXPECT_EQ(2, stats.out_protect_flushes);
	for (i = 0; i < 16; i++) {
		unsigned char *p = mem.map[CODECACHE_VIEW_DATA] +
				   i * cc_page_size();
		bool none = i == 4 || i == 5;

		EXPECT_EQ(none ? SIGSEGV : 0, cc_load(p, &c));
		if (!none)
			EXPECT_EQ(i, c);
		EXPECT_EQ((i >= 2 && i <= 5) || i == 7 ? SIGSEGV : 0,
			  cc_store(p, i));
	}
	cc_mem_close(&mem);
}

TEST_HARNESS_MAIN
