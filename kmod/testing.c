// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache: parameters of a test build, see testing.h
 *
 * Locking: none; plain flags, read where they act.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/module.h>

#include "testing.h"

bool codecache_test_skip_flush;
module_param_named(test_skip_flush, codecache_test_skip_flush, bool, 0644);
MODULE_PARM_DESC(test_skip_flush, "PROTECT does not flush the TLB");

bool codecache_test_skip_pending;
module_param_named(test_skip_pending, codecache_test_skip_pending, bool, 0644);
MODULE_PARM_DESC(test_skip_pending, "PROTECT does not announce its flush");

bool codecache_test_fault_unlocked;
module_param_named(test_fault_unlocked, codecache_test_fault_unlocked, bool,
		   0644);
MODULE_PARM_DESC(test_fault_unlocked, "faults do not lock PROTECT out");

bool codecache_test_skip_query_flush;
module_param_named(test_skip_query_flush, codecache_test_skip_query_flush, bool,
		   0644);
MODULE_PARM_DESC(test_skip_query_flush, "QUERY does not flush the TLB");

bool codecache_test_force_notifiers;
module_param_named(test_force_notifiers, codecache_test_force_notifiers, bool,
		   0644);
MODULE_PARM_DESC(test_force_notifiers, "behave as if a secondary MMU watched");

bool codecache_test_skip_rcu;
module_param_named(test_skip_rcu, codecache_test_skip_rcu, bool, 0644);
MODULE_PARM_DESC(test_skip_rcu, "grace periods wait for no RCU grace period");

bool codecache_test_skip_readers;
module_param_named(test_skip_readers, codecache_test_skip_readers, bool, 0644);
MODULE_PARM_DESC(test_skip_readers, "grace periods wait for no reader");

bool codecache_test_skip_retire_sweep;
module_param_named(test_skip_retire_sweep, codecache_test_skip_retire_sweep,
		   bool, 0644);
MODULE_PARM_DESC(test_skip_retire_sweep,
		 "RETIRE and SEAL leave entries that can be written");

bool codecache_test_skip_reclaim_sweep;
module_param_named(test_skip_reclaim_sweep, codecache_test_skip_reclaim_sweep,
		   bool, 0644);
MODULE_PARM_DESC(test_skip_reclaim_sweep,
		 "pages are freed that are mapped, but for writing");

static unsigned int codecache_test_pause_at;
module_param_named(test_pause_at, codecache_test_pause_at, uint, 0644);
MODULE_PARM_DESC(test_pause_at, "where to pause: bits, see testing.h");

static unsigned int codecache_test_pause_us;
module_param_named(test_pause_us, codecache_test_pause_us, uint, 0644);
MODULE_PARM_DESC(test_pause_us, "for how many microseconds, up to 100000");

unsigned int codecache_test_fault_delay_us;
module_param_named(test_fault_delay_us, codecache_test_fault_delay_us, uint,
		   0644);
MODULE_PARM_DESC(test_fault_delay_us,
		 "microseconds between a fault's check and its insertion, up to 1000");

void codecache_test_delay(void)
{
	unsigned int us = READ_ONCE(codecache_test_fault_delay_us);

	if (us)
		udelay(min(us, 1000U));
}

/* At each of the places one may sleep. */
void codecache_test_pause(enum codecache_test_place place)
{
	unsigned int us = min(READ_ONCE(codecache_test_pause_us), 100000U);

	if (!us || !(READ_ONCE(codecache_test_pause_at) & 1U << place))
		return;
	if (us > 1000)
		usleep_range(us, us + 100);
	else
		udelay(us);
}

/* What INT3 and a breakpoint of most other machines are not: never valid code. */
#define CODECACHE_TEST_POISON	0xcc

void codecache_test_poison_page(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	memset(kaddr, CODECACHE_TEST_POISON, PAGE_SIZE);
	kunmap_local(kaddr);
}
