/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache: faults that a test build can inject, to show that a test can fail
 *
 * With CODECACHE_TEST=1 on make's line these are module parameters (testing.c),
 * writable while the module is loaded; without it they are constants and the
 * compiler drops them. Nothing here belongs in a module that somebody uses.
 */
#ifndef CODECACHE_TESTING_H
#define CODECACHE_TESTING_H

#include <linux/types.h>

#ifdef CODECACHE_TEST
extern bool codecache_test_skip_flush;		/* PROTECT leaves its flush out */
extern bool codecache_test_skip_pending;	/* ... or does not announce it */
extern bool codecache_test_fault_unlocked;	/* faults take no invalidate_lock */
extern bool codecache_test_skip_query_flush;	/* QUERY leaves its flush out */
extern bool codecache_test_force_notifiers;	/* as if a secondary MMU watched */
extern bool codecache_test_skip_rcu;		/* no RCU grace period */
extern bool codecache_test_skip_readers;	/* readers are not waited for */
extern unsigned int codecache_test_fault_delay_us; /* between check and insert */

struct page;

void codecache_test_delay(void);
void codecache_test_poison_page(struct page *page);
#else
#define codecache_test_skip_flush	false
#define codecache_test_skip_pending	false
#define codecache_test_fault_unlocked	false
#define codecache_test_skip_query_flush	false
#define codecache_test_force_notifiers	false
#define codecache_test_skip_rcu		false
#define codecache_test_skip_readers	false

static inline void codecache_test_delay(void) { }
/* So that who still runs it is caught: INT3 on x86. */
#define codecache_test_poison_page(page)	((void)(page))
#endif

#endif /* CODECACHE_TESTING_H */
