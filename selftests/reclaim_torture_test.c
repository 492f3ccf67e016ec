// SPDX-License-Identifier: MIT
/*
 * No reader loses its code: code is written, run, taken out and retired at full speed
 * by threads on several CPUs, and in the end all of it is gone
 *
 * The first argument, if it is a number, says how many extents each test retires:
 * 1,000,000 unless said, divided by CODECACHE_SLOW.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cc_extents.h"
#include "cc_torture.h"
#include "kselftest_harness.h"

static unsigned long nr_retired = 1000000;

FIXTURE(torture)
{
	int unused;
};

FIXTURE_SETUP(torture)
{
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(torture)
{
	EXPECT_TRUE(cc_nothing_left());
}

FIXTURE_VARIANT(torture)
{
	unsigned int share;	/* of the number to be retired, in thousandths */
	struct torture torture;
};

/* All at once. */
FIXTURE_VARIANT_ADD(torture, full_speed)
{
	.share = 1000,
	.torture = { .makers = 2, .evictors = 1, .readers = 3, .batch = 1024 },
};

/* Room for little: pages are handed out again as soon as they are free. */
FIXTURE_VARIANT_ADD(torture, little_room)
{
	.share = 50,
	.torture = { .makers = 2, .evictors = 1, .readers = 3, .batch = 64,
		     .zone_pages = 4096 + 3 * 64 * 4, .linger_ms = 5 },
};

/* One extent a call: many grace periods, and many calls in each. */
FIXTURE_VARIANT_ADD(torture, one_by_one)
{
	.share = 2,
	.torture = { .makers = 2, .evictors = 1, .readers = 3, .batch = 1 },
};

TEST_F_TIMEOUT(torture, no_reader_loses_its_code, 8 * CC_TIMEOUT)
{
	struct torture t = variant->torture;

	t.retire = nr_retired * variant->share / 1000 / cc_slow();
	ASSERT_EQ(0, torture_run(&t));
	TH_LOG(TORTURE_FORMAT, TORTURE_ARGS(t));
	EXPECT_LE(t.retire, t.retired);
	EXPECT_LT(0, t.calls);
	EXPECT_EQ(0, t.wrong);
	EXPECT_EQ(0, t.traps);
	EXPECT_EQ(0, t.unclean);
	EXPECT_EQ(0, t.left);
}

int main(int argc, char **argv)
{
	if (argc > 1 && isdigit((unsigned char)argv[1][0])) {
		nr_retired = strtoul(argv[1], NULL, 10);
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	return test_harness_run(argc, argv);
}
