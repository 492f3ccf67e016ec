// SPDX-License-Identifier: MIT
/*
 * Grace periods and CPUs in nohz_full mode, which take part in none of RCU's while
 * they run user space: each is interrupted, once, and readers there are waited for
 *
 * Wants a kernel that was booted with nohz_full=1, or more CPUs.
 */
#include "cc_reclaim.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

enum { CPU = 1, PERIODS = 50 };

/* A thread that does nothing but run, on CPU 1, and a cache. */
FIXTURE(nohz)
{
	int cache;
	struct cc_shared shared;
	pthread_t thread;
	atomic_bool runs;
	atomic_bool stop;
	bool ready;
};

static void *run_in_user_mode(void *arg)
{
	FIXTURE_DATA(nohz) *self = arg;

	if (cc_pin(CPU))
		atomic_store(&self->runs, true);
	while (!atomic_load_explicit(&self->stop, memory_order_relaxed))
		;
	return NULL;
}

/* Is this CPU in the list that the kernel was given? */
static bool is_nohz_full(int cpu)
{
	char list[256], *at, *next;
	long from, to;

	if (cc_read_file("/sys/devices/system/cpu/nohz_full", list,
			 sizeof(list)) <= 0)
		return false;
	for (at = strtok_r(list, ",\n", &next); at;
	     at = strtok_r(NULL, ",\n", &next)) {
		int nr = sscanf(at, "%ld-%ld", &from, &to);

		if (nr >= 1 && cpu >= from && cpu <= (nr == 2 ? to : from))
			return true;
	}
	return false;
}

FIXTURE_SETUP(nohz)
{
	if (!is_nohz_full(CPU))
		SKIP(return, "CPU %d is not in nohz_full mode", CPU);
	ASSERT_TRUE(cc_pin(0));
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	ASSERT_EQ(0, cc_share(&self->shared, self->cache));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, run_in_user_mode, self));
	self->ready = true;
	while (!atomic_load(&self->runs))
		sched_yield();
}

FIXTURE_TEARDOWN(nohz)
{
	if (!self->ready)
		return;
	atomic_store(&self->stop, true);
	pthread_join(self->thread, NULL);
	cc_unshare(&self->shared);
	close(self->cache);
}

/* How often other CPUs have called a function on this one, by /proc/interrupts. */
static long long nr_calls(int cpu)
{
	static char text[65536];
	char *at;
	long long nr = -1;

	if (cc_read_file("/proc/interrupts", text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, "CAL:");
	if (!at)
		return -1;
	at += strlen("CAL:");
	while (cpu-- >= 0)
		nr = strtoll(at, &at, 10);
	return nr;
}

static int pass_periods(FIXTURE_DATA(nohz) *self, unsigned int nr, uint32_t flags)
{
	uint64_t cookie;
	int err = 0;

	while (nr-- && !err)
		err = cc_grace_start(self->cache, flags, &cookie) ?:
		      cc_grace_wait(self->cache, cookie);
	return err;
}

TEST_F_TIMEOUT(nohz, cpus_are_interrupted_by_each_grace_period, CC_TIMEOUT)
{
	long long before = nr_calls(CPU);

	if (!self->ready)
		return;
	ASSERT_LE(0, before);
	ASSERT_EQ(0, pass_periods(self, PERIODS, 0));
	EXPECT_LE(before + PERIODS, nr_calls(CPU));
	TH_LOG("%d grace periods, %lld calls", PERIODS, nr_calls(CPU) - before);
}

/* With a reader inside there are looks, again and again, but no more calls. */
TEST_F_TIMEOUT(nohz, cpus_are_interrupted_once, CC_TIMEOUT)
{
	struct cc_inside inside;
	uint64_t cookie;
	long long before;

	if (!self->ready)
		return;
	ASSERT_EQ(0, cc_inside_start(&inside, self->cache, &self->shared));
	before = nr_calls(CPU);
	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &cookie));
	EXPECT_TRUE(cc_grace_holds(self->cache, cookie));
	EXPECT_GT(before + PERIODS / 2, nr_calls(CPU));
	EXPECT_EQ(0, cc_inside_stop(&inside));
	EXPECT_EQ(0, cc_grace_wait(self->cache, cookie));
}

TEST_F_TIMEOUT(nohz, cpus_do_not_hold_up_urgent_grace_periods, CC_TIMEOUT)
{
	if (!self->ready)
		return;
	EXPECT_EQ(0, pass_periods(self, PERIODS, CODECACHE_GRACE_F_URGENT));
}

TEST_HARNESS_MAIN
