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

/*
 * Where a pause may widen the window of a race: bits of test_pause_at. What has been
 * done there, and what has not.
 */
enum codecache_test_place {
	CODECACHE_TEST_FILL,	/* a page may come; it has not been entered */
	CODECACHE_TEST_INSERT,	/* a page was found; it has not been mapped */
	CODECACHE_TEST_POKE,	/* a debugger may write; it has not */
	CODECACHE_TEST_MARK,	/* RETIRE has marked; it has not swept */
	CODECACHE_TEST_JOIN,	/* RETIRE has swept; nothing waits for readers yet */
	CODECACHE_TEST_LOOK,	/* readers have left; what they used is there */
	CODECACHE_TEST_TAG,	/* pages are tagged as gone; they are mapped */
	CODECACHE_TEST_SWEEP,	/* a view was swept; the next was not */
	CODECACHE_TEST_FREE,	/* no view has the pages; they are not free */
	CODECACHE_TEST_HOLE,	/* pages are free; their extent is not */
	CODECACHE_TEST_PUBLISH,	/* a view has been made; it is not in its zone's list */
	CODECACHE_TEST_REGISTER, /* a reader is registered; it has not been told */
	CODECACHE_TEST_SEAL,	/* SEAL has the digest; the zone is not sealed */
};

#ifdef CODECACHE_TEST
extern bool codecache_test_skip_flush;		/* PROTECT leaves its flush out */
extern bool codecache_test_skip_pending;	/* ... or does not announce it */
extern bool codecache_test_fault_unlocked;	/* faults take no invalidate_lock */
extern bool codecache_test_skip_query_flush;	/* QUERY leaves its flush out */
extern bool codecache_test_force_notifiers;	/* as if a secondary MMU watched */
extern bool codecache_test_skip_rcu;		/* no RCU grace period */
extern bool codecache_test_skip_readers;	/* readers are not waited for */
extern bool codecache_test_skip_retire_sweep;	/* RETIRE, SEAL take nothing away */
extern bool codecache_test_skip_reclaim_sweep;	/* pages go that exec views map */
extern unsigned int codecache_test_fault_delay_us; /* between check and insert */

struct page;

void codecache_test_delay(void);
void codecache_test_pause(enum codecache_test_place place);
void codecache_test_poison_page(struct page *page);
#else
#define codecache_test_skip_flush	false
#define codecache_test_skip_pending	false
#define codecache_test_fault_unlocked	false
#define codecache_test_skip_query_flush	false
#define codecache_test_force_notifiers	false
#define codecache_test_skip_rcu		false
#define codecache_test_skip_readers	false
#define codecache_test_skip_retire_sweep	false
#define codecache_test_skip_reclaim_sweep	false

static inline void codecache_test_delay(void) { }
static inline void codecache_test_pause(enum codecache_test_place place) { }
/* So that who still runs it is caught: INT3 on x86. */
#define codecache_test_poison_page(page)	((void)(page))
#endif

#endif /* CODECACHE_TESTING_H */
