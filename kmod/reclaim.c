// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache reclaim: taking retired extents out of views, and freeing them
 *
 * Concepts: a *sweep* visits every view of a zone and takes its entries for some
 *           extents away, with one flush for each view. RETIRE sweeps the views
 *           that can be written: they come back by faults, read-only. Reclaim, once
 *           the grace period is over, tags the pages as gone, sweeps all views, and
 *           frees them: one sweep for all that a zone has in the batch.
 * Guarantees, of a sweep over pages that are tagged:
 *  - when it returns no view has an entry that the tag forbids, and no CPU a
 *    translation; none can come;
 *  - no dirty or accessed bit is lost: they are in the marks.
 * Locking:  zone->sweep: one sweep at a time. Views are looked up under zone->lock
 *           and held by a reference while they are visited; the shrinker, which may
 *           not drop a last reference, holds zone->lock all the time instead, and
 *           only tries the other locks.
 * Lifetime: a struct codecache_retired holds its zone, and the zone its cache.
 *
 * Races:
 *  - Fault against tag: a fault that has found the page untagged inserts it with
 *    view->lock held shared; the sweep comes after the tag and takes that lock.
 *  - A view that is created meanwhile finds the tags.
 *  - A view that is destroyed has no mapping any more.
 *  - A process that is exiting runs no code; its entries go with its page tables.
 *  - A kill of who sweeps in RETIRE: what it leaves is done before the pages go.
 *  - The shrinker has freed the pages: the worker finds none, and does the rest.
 */
#include <linux/list_sort.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "codecache_priv.h"
#include "testing.h"
#include "trace.h"

/* Ranges that are cut to a view at a time, on the stack. */
#define CODECACHE_SWEEP_CHUNK	16

/* ---- one view ------------------------------------------------------------ */

/* The part of a zone's range that a view shows, in its own pages; false: none. */
static bool codecache_sweep_clip(const struct codecache_view *view,
				 const struct codecache_prot_range *r,
				 struct codecache_prot_range *to)
{
	u64 first = max_t(u64, r->first_page, view->first);
	u64 end = min_t(u64, r->first_page + r->nr_pages,
			view->first + view->nr_pages);

	if (first >= end)
		return false;
	*to = (struct codecache_prot_range){
		.first_page = first - view->first,
		.nr_pages = end - first,
		.prot = CODECACHE_PROT_NONE,
	};
	return true;
}

/* Cut them to what the view shows of its zone. */
static void codecache_sweep_parts(struct codecache_edit *edit,
				  const struct codecache_retired *retired)
{
	struct codecache_prot_range chunk[CODECACHE_SWEEP_CHUNK];
	unsigned int n = 0;
	u64 i;

	for (i = 0; i < retired->nr; i++) {
		if (codecache_sweep_clip(edit->view, &retired->ranges[i],
					 &chunk[n]))
			n++;
		if (n && (n == CODECACHE_SWEEP_CHUNK || i + 1 == retired->nr)) {
			codecache_pte_apply(edit, chunk, n);
			n = 0;
		}
	}
}

static void codecache_sweep_ranges(struct codecache_edit *edit,
				   const struct codecache_retired *retired)
{
	const struct codecache_view *view = edit->view;

	/* Most views show all of their zone: pages have the same numbers. */
	if (view->nr_pages == view->zone->nr_pages)
		codecache_pte_apply(edit, retired->ranges, retired->nr);
	else
		codecache_sweep_parts(edit, retired);
}

/* The next one of the same zone, or NULL. */
static struct codecache_retired *
codecache_retired_next(const struct codecache_sweep *sweep,
		       struct codecache_retired *retired)
{
	if (list_is_last(&retired->node, sweep->list))
		return NULL;
	retired = list_next_entry(retired, node);
	return retired->zone == sweep->zone ? retired : NULL;
}

/* Are the view's entries to be taken away? */
static bool codecache_sweep_takes(const struct codecache_sweep *sweep,
				  const struct codecache_view *view)
{
	return !sweep->writers ||
	       codecache_kind(view->kind)->full & CODECACHE_PROT_WRITE;
}

/* Is the module to be broken on purpose here? */
static bool codecache_sweep_skips(const struct codecache_sweep *sweep,
				  const struct codecache_view *view)
{
	if (sweep->writers)
		return codecache_test_skip_retire_sweep;
	/* Who stored to a page that has been freed could change anything. */
	return codecache_test_skip_reclaim_sweep &&
	       view->kind == CODECACHE_VIEW_EXEC;
}

/* Take the entries away; the view is locked. */
static void codecache_sweep_locked(struct codecache_sweep *sweep,
				   struct codecache_view *view,
				   struct codecache_target *target)
{
	struct codecache_edit edit = { .view = view, .vma = target->vma };
	struct codecache_retired *retired = sweep->from;

	lockdep_assert_held_write(view->lock);
	/* Not mapped; or UNMAP has taken all entries away already. */
	if (!target->mm || view->leaving)
		return;
	if (codecache_sweep_skips(sweep, view))
		return;
	codecache_pte_begin(&edit);
	for (; retired; retired = codecache_retired_next(sweep, retired))
		codecache_sweep_ranges(&edit, retired);
	codecache_pte_end(&edit);
	sweep->nr_flushes += edit.nr_flushes;
}

/* ---- all views of a zone ------------------------------------------------- */

/* A view that this sweep has not visited yet, with a reference, or NULL. */
static struct codecache_view *
codecache_sweep_next(struct codecache_sweep *sweep)
{
	struct codecache_zone *zone = sweep->zone;
	struct codecache_view *view, *found = NULL;

	lockdep_assert_held(&zone->sweep);
	mutex_lock(&zone->lock);
	while (!found && !list_empty(&zone->views)) {
		view = list_first_entry(&zone->views, struct codecache_view, node);
		if (view->sweep_seq == zone->sweep_seq)
			break;	/* they are at the end, all of them */
		/* Those that are left out, too: each is looked at once. */
		view->sweep_seq = zone->sweep_seq;
		list_move_tail(&view->node, &zone->views);
		if (codecache_sweep_takes(sweep, view) &&
		    kref_get_unless_zero(&view->ref))
			found = view;
	}
	mutex_unlock(&zone->lock);
	return found;
}

static int codecache_sweep_views(struct codecache_sweep *sweep)
{
	struct codecache_target target;
	struct codecache_view *view;
	int err = 0;

	while (!err && (view = codecache_sweep_next(sweep))) {
		err = codecache_view_lock(view, &target);
		if (!err) {
			codecache_sweep_locked(sweep, view, &target);
			codecache_view_unlock(view, &target);
		}
		codecache_test_pause(CODECACHE_TEST_SWEEP);
		codecache_view_put(view);
	}
	return err;
}

/**
 * codecache_sweep_run - take the entries of tagged pages out of views
 * @sweep: what, and of which views
 *
 * Context: process; sleeps; no lock of ours held but grace->check.
 * Return: 0 or -EINTR: a fatal signal came, some views have not been visited.
 */
int codecache_sweep_run(struct codecache_sweep *sweep)
{
	struct codecache_zone *zone = sweep->zone;
	int err;

	if (mutex_lock_killable(&zone->sweep))
		return -EINTR;
	mutex_lock(&zone->lock);
	zone->sweep_seq++;
	mutex_unlock(&zone->lock);
	err = codecache_sweep_views(sweep);
	mutex_unlock(&zone->sweep);
	return err;
}

/*
 * The same without waiting for a lock, and of all views, @writers or not; false:
 * not all could be visited.
 */
static bool codecache_sweep_try(struct codecache_sweep *sweep)
{
	struct codecache_zone *zone = sweep->zone;
	struct codecache_target target;
	struct codecache_view *view;
	bool all = true;

	if (!mutex_trylock(&zone->lock))
		return false;
	list_for_each_entry(view, &zone->views, node) {
		all = codecache_view_trylock(view, &target);
		if (!all)
			break;
		codecache_sweep_locked(sweep, view, &target);
		codecache_view_unlock_async(view, &target);
	}
	mutex_unlock(&zone->lock);
	return all;
}

/* ---- a batch ------------------------------------------------------------- */

static int codecache_retired_cmp(void *priv, const struct list_head *a,
				 const struct list_head *b)
{
	const struct codecache_zone *za, *zb;

	za = list_entry(a, struct codecache_retired, node)->zone;
	zb = list_entry(b, struct codecache_retired, node)->zone;
	return za > zb;
}

/* All of one zone; false: @try, and a lock could not be had. */
static bool codecache_reclaim_zone(struct codecache_sweep *sweep, bool try,
				   u64 *nr_freed)
{
	struct codecache_zone *zone = sweep->zone;
	struct codecache_retired *retired;
	u64 n, nr = 0;

	for (retired = sweep->from; retired;
	     retired = codecache_retired_next(sweep, retired))
		codecache_pages_tag(retired, CODECACHE_TAG_GONE);
	codecache_test_pause(CODECACHE_TEST_TAG);
	if (try ? !codecache_sweep_try(sweep) : codecache_sweep_run(sweep) != 0)
		return false;
	codecache_test_pause(CODECACHE_TEST_FREE);
	for (retired = sweep->from; retired;
	     retired = codecache_retired_next(sweep, retired)) {
		n = codecache_pages_free(retired);
		atomic64_sub(n, &zone->cache->grace.held_pages);
		nr += n;
	}
	codecache_count(&zone->gone, CODECACHE_NR_RECLAIM_PASSES, 1);
	codecache_count(&zone->gone, CODECACHE_NR_RECLAIM_PAGES, nr);
	codecache_count(&zone->gone, CODECACHE_NR_RECLAIM_FLUSHES,
			sweep->nr_flushes);
	trace_codecache_reclaim(zone->id, nr, sweep->nr_flushes, try);
	*nr_freed += nr;
	return true;
}

/**
 * codecache_reclaim_pages - take retired extents out of all views, and free them
 * @held: struct codecache_retired, whose grace period is over
 * @try: wait for no lock
 * @nr_freed: set to the pages that were freed
 *
 * May be called again for the same ones.
 *
 * Context: process; sleeps; grace->check held. With @try the shrinker.
 * Return: false if a lock could not be had for all of them.
 */
bool codecache_reclaim_pages(struct list_head *held, bool try, u64 *nr_freed)
{
	struct codecache_retired *retired;
	struct codecache_sweep sweep = { };
	bool all = true;

	*nr_freed = 0;
	list_sort(NULL, held, codecache_retired_cmp);
	list_for_each_entry(retired, held, node) {
		if (retired->zone == sweep.zone)
			continue;
		sweep = (struct codecache_sweep){
			.zone = retired->zone,
			.from = retired,
			.list = held,
		};
		all &= codecache_reclaim_zone(&sweep, try, nr_freed);
	}
	return all;
}

/* The extents are holes again. */
static void codecache_retired_release(struct codecache_retired *retired)
{
	struct codecache_zone *zone = retired->zone;
	u64 i;

	down_write(&zone->filling);
	for (i = 0; i < retired->nr_extents; i++)
		codecache_extmap_free(&zone->extents, retired->areas[i]);
	up_write(&zone->filling);
}

/**
 * codecache_reclaim_finish - make extents that are free holes, and forget them
 * @held: codecache_reclaim_pages() has returned true for them
 *
 * Context: process; sleeps; may destroy zones.
 */
void codecache_reclaim_finish(struct list_head *held)
{
	struct codecache_retired *retired, *next;
	struct codecache_zone *zone;

	list_for_each_entry_safe(retired, next, held, node) {
		zone = retired->zone;
		codecache_test_pause(CODECACHE_TEST_HOLE);
		codecache_retired_release(retired);
		list_del(&retired->node);
		kvfree(retired);
		codecache_zone_put(zone);
		cond_resched();
	}
}
