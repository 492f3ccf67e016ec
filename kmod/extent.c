// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache extents: EXTENT_ALLOC and EXTENT_RETIRE
 *
 * Concepts: which pages of a zone are handed out is in zone->extents (extmap.c). To
 *           hand out is to change that map; pages come by faults. To retire is to
 *           tag the pages (pages.c), to sweep the views that can be written
 *           (reclaim.c), and to wait for readers (grace.c).
 * Locking:  zone->filling: held for writing while the map changes, shared while
 *           a page is brought in, or written by a debugger. So a page comes to an
 *           extent or it does not; none comes to one that has been retired. User
 *           memory is touched without it: it could lie in a view.
 * Lifetime: a struct codecache_retired is made before anything changes, and from
 *           then on belongs to the grace period.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"
#include "testing.h"
#include "trace.h"

static unsigned long max_held_pages = ULONG_MAX;
module_param(max_held_pages, ulong, 0644);
MODULE_PARM_DESC(max_held_pages,
		 "retired pages that a cache holds before it hands out no more; 0 is no limit (default: an eighth of memory)");

/**
 * codecache_extent_max_held - how much memory of retired extents a cache may hold
 *
 * Context: any.
 * Return: pages; 0 is no limit.
 */
u64 codecache_extent_max_held(void)
{
	unsigned long max = READ_ONCE(max_held_pages);

	return max == ULONG_MAX ? totalram_pages() / 8 : max;
}

/**
 * codecache_extent_allows - is there something that an access could be allowed to?
 * @view: the view
 * @page: page of it
 * @access: CODECACHE_PROT_*
 *
 * Context: process; sleeps; view->lock held shared.
 * Return: false if nothing that is done about protections could allow it.
 */
bool codecache_extent_allows(struct codecache_view *view, unsigned long page,
			     u32 access)
{
	struct codecache_zone *zone = view->zone;
	struct codecache_area *area;
	bool allows;

	if (codecache_view_sealed(view))
		return false;
	if (!zone->has_extents)
		return true;
	down_read(&zone->filling);
	area = codecache_extmap_find(&zone->extents, view->first + page);
	allows = area->state == CODECACHE_AREA_LIVE ||
		 (area->state == CODECACHE_AREA_RETIRED &&
		  access != CODECACHE_PROT_WRITE &&
		  xa_load(&zone->pages, view->first + page));
	up_read(&zone->filling);
	return allows;
}

/* May extents come and go? */
static int codecache_extents_writable(const struct codecache_zone *zone)
{
	lockdep_assert_held(&zone->filling);
	if (zone->seal.closed)
		return -EPERM;
	return codecache_seal_working(zone->seal.seq) ? -EBUSY : 0;
}

static struct codecache_extent *
codecache_extents_load(u64 addr, u64 nr)
{
	struct codecache_extent *extents;
	size_t bytes = nr * sizeof(*extents);

	extents = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!extents)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(extents, u64_to_user_ptr(addr), bytes))
		return extents;
	kvfree(extents);
	return ERR_PTR(-EFAULT);
}

/* ---- ALLOC --------------------------------------------------------------- */

#define CODECACHE_EXTENT_F_PLACE \
	(CODECACHE_EXTENT_F_LOW | CODECACHE_EXTENT_F_HIGH | \
	 CODECACHE_EXTENT_F_NEAR)

static enum codecache_extent_fit codecache_extent_fit(u32 flags)
{
	switch (flags & CODECACHE_EXTENT_F_PLACE) {
	case CODECACHE_EXTENT_F_LOW:
		return CODECACHE_FIT_LOW;
	case CODECACHE_EXTENT_F_HIGH:
		return CODECACHE_FIT_HIGH;
	case CODECACHE_EXTENT_F_NEAR:
		return CODECACHE_FIT_NEAR;
	}
	return CODECACHE_FIT_BEST;
}

/* Validate what is common to all extents of the call, and put it into @want. */
static int codecache_alloc_check(const struct codecache_zone *zone,
				 const struct codecache_extent_alloc_args *args,
				 struct codecache_extent_want *want)
{
	u32 place = args->flags & CODECACHE_EXTENT_F_PLACE;
	u64 end = args->max_page ?: zone->nr_pages;

	if (!zone->has_extents)
		return -EOPNOTSUPP;
	if (args->reserved || args->count > CODECACHE_MAX_EXTENTS ||
	    place & (place - 1))
		return -EINVAL;
	if (args->align_pages && !is_power_of_2(args->align_pages))
		return -EINVAL;
	if (args->hint_page && place != CODECACHE_EXTENT_F_NEAR)
		return -EINVAL;
	if (end > zone->nr_pages || args->hint_page >= zone->nr_pages)
		return -ERANGE;
	if (args->min_page >= end)
		return -EINVAL;
	want->align = args->align_pages ?: 1;
	want->min = args->min_page;
	want->last = end - 1;
	want->hint = args->hint_page;
	want->fit = codecache_extent_fit(args->flags);
	return 0;
}

static int codecache_alloc_check_each(const struct codecache_zone *zone,
				      const struct codecache_extent *extents,
				      u64 nr, u64 *failed)
{
	u64 i;

	for (i = 0; i < nr; i++) {
		*failed = i;
		if (!extents[i].nr_pages || extents[i].reserved)
			return -EINVAL;
		if (extents[i].nr_pages > zone->nr_pages)
			return -ERANGE;
	}
	*failed = CODECACHE_NO_INDEX;
	return 0;
}

/* Take the first @nr back that were just handed out. */
static void codecache_alloc_undo_locked(struct codecache_zone *zone,
					const struct codecache_extent *extents,
					u64 nr)
	__must_hold(&zone->filling)
{
	struct codecache_area *area;
	u64 i;

	lockdep_assert_held_write(&zone->filling);
	for (i = 0; i < nr; i++) {
		area = codecache_extmap_find(&zone->extents,
					     extents[i].first_page);
		codecache_extmap_free(&zone->extents, area);
	}
}

static bool codecache_alloc_held_too_much(struct codecache_zone *zone)
{
	u64 max = codecache_extent_max_held();

	return max && (u64)atomic64_read(&zone->cache->grace.held_pages) > max;
}

static int codecache_alloc_locked(struct codecache_zone *zone,
				  struct codecache_extent_want *want,
				  struct codecache_extent *extents, u64 nr,
				  u64 *failed)
	__must_hold(&zone->filling)
{
	unsigned long first;
	u64 i;
	int err;

	err = codecache_extents_writable(zone);
	if (err)
		return err;
	if (codecache_alloc_held_too_much(zone))
		return -EAGAIN;
	for (i = 0; i < nr; i++) {
		want->nr = extents[i].nr_pages;
		err = codecache_extmap_alloc(&zone->extents, want, &first);
		if (err)
			goto undo;
		extents[i].first_page = first;
	}
	return 0;

undo:
	if (err == -ENOSPC) {
		*failed = i;
		/* What is retired will be free: would that do? */
		if (zone->extents.retired_pages &&
		    codecache_extmap_may_fit(&zone->extents, want))
			err = -EAGAIN;
	}
	codecache_alloc_undo_locked(zone, extents, i);
	return err;
}

/* Is it as it was handed out, and has nobody touched it? */
static bool codecache_alloc_untouched(struct codecache_zone *zone,
				      const struct codecache_extent *extent)
{
	unsigned long first = extent->first_page;
	struct codecache_area *area;

	area = codecache_extmap_find(&zone->extents, first);
	return area->state == CODECACHE_AREA_LIVE && area->first == first &&
	       area->nr == extent->nr_pages &&
	       !xa_find(&zone->pages, &first, codecache_area_last(area),
			XA_PRESENT);
}

/*
 * The results could not be written. Somebody may have guessed where the extents are,
 * and have used or retired one: that one is no longer ours to take back.
 */
static void codecache_alloc_undo(struct codecache_zone *zone,
				 const struct codecache_extent *extents, u64 nr)
{
	u64 i;

	down_write(&zone->filling);
	for (i = 0; i < nr; i++) {
		if (codecache_alloc_untouched(zone, &extents[i]))
			codecache_alloc_undo_locked(zone, &extents[i], 1);
	}
	up_write(&zone->filling);
}

static int codecache_alloc_run(struct codecache_zone *zone,
			       struct codecache_extent_alloc_args *args,
			       struct codecache_extent_want *want)
{
	struct codecache_extent *extents;
	u64 nr = args->count;
	int err;

	extents = codecache_extents_load(args->addr, nr);
	if (IS_ERR(extents))
		return PTR_ERR(extents);
	err = codecache_alloc_check_each(zone, extents, nr,
					 &args->out_failed_index);
	if (err)
		goto free_extents;
	err = -EINTR;
	if (down_write_killable(&zone->filling))
		goto free_extents;
	err = codecache_alloc_locked(zone, want, extents, nr,
				     &args->out_failed_index);
	up_write(&zone->filling);
	if (err == -EAGAIN)
		args->out_cookie = codecache_grace_latest(zone->cache);
	if (err)
		goto free_extents;
	if (copy_to_user(u64_to_user_ptr(args->addr), extents,
			 nr * sizeof(*extents))) {
		codecache_alloc_undo(zone, extents, nr);
		err = -EFAULT;
		goto free_extents;
	}
	codecache_count(&zone->gone, CODECACHE_NR_EXTENTS_ALLOCATED, nr);
	trace_codecache_extents(zone->id, nr, 0, 0);
free_extents:
	kvfree(extents);
	return err;
}

/**
 * codecache_extent_alloc - CODECACHE_IOC_EXTENT_ALLOC
 * @call: on a zone
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then no extent has been handed out.
 */
int codecache_extent_alloc(struct codecache_ioctl *call)
{
	struct codecache_extent_alloc_args *args = call->args;
	struct codecache_zone *zone = call->file->private_data;
	struct codecache_extent_want want = { };
	int err;

	args->out_failed_index = CODECACHE_NO_INDEX;
	args->out_cookie = 0;
	err = codecache_alloc_check(zone, args, &want);
	/* Before anything changes, so that EFAULT means that nothing has. */
	if (codecache_ioctl_copy_out(call))
		return err ? err : -EFAULT;
	if (!err && args->count)
		err = codecache_alloc_run(zone, args, &want);
	if (err)
		(void)codecache_ioctl_copy_out(call);
	return err;
}

/* ---- RETIRE -------------------------------------------------------------- */

static struct codecache_retired *codecache_retired_make(struct codecache_zone *zone,
							u64 nr)
{
	struct codecache_retired *retired;
	size_t size = size_add(struct_size(retired, ranges, nr),
			       array_size(nr, sizeof(*retired->areas)));

	retired = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!retired)
		return NULL;
	codecache_zone_get(zone);
	retired->zone = zone;
	retired->areas = (struct codecache_area **)&retired->ranges[nr];
	retired->nr_extents = nr;
	retired->nr = nr;
	return retired;
}

static void codecache_retired_drop(struct codecache_retired *retired)
{
	struct codecache_zone *zone = retired->zone;

	kvfree(retired);
	codecache_zone_put(zone);
}

/* The extents that the caller names. */
static struct codecache_retired *
codecache_retire_load(struct codecache_zone *zone,
		      struct codecache_extent_retire_args *args)
{
	struct codecache_extent *extents;
	struct codecache_retired *retired;
	u64 i;

	extents = codecache_extents_load(args->addr, args->count);
	if (IS_ERR(extents))
		return ERR_CAST(extents);
	retired = codecache_retired_make(zone, args->count);
	if (!retired) {
		kvfree(extents);
		return ERR_PTR(-ENOMEM);
	}
	for (i = 0; i < args->count; i++) {
		retired->ranges[i].first_page = extents[i].first_page;
		retired->ranges[i].nr_pages = extents[i].nr_pages;
		if (!extents[i].reserved)
			continue;
		args->out_failed_index = i;
		kvfree(extents);
		codecache_retired_drop(retired);
		return ERR_PTR(-EINVAL);
	}
	kvfree(extents);
	return retired;
}

/* Is each a live extent, and named once? Sorts the ranges, not the areas. */
static int codecache_retire_validate_locked(struct codecache_retired *retired,
					    u64 *failed)
	__must_hold(&retired->zone->filling)
{
	struct codecache_prot_range *r = retired->ranges;
	struct codecache_area *area;
	u64 i;

	for (i = 0; i < retired->nr; i++) {
		area = NULL;
		if (r[i].first_page < retired->zone->nr_pages)
			area = codecache_extmap_find(&retired->zone->extents,
						     r[i].first_page);
		if (!area || area->state != CODECACHE_AREA_LIVE ||
		    area->first != r[i].first_page ||
		    area->nr != r[i].nr_pages) {
			*failed = i;
			return -ENOENT;
		}
		retired->areas[i] = area;
	}
	return codecache_ranges_sort(r, retired->nr, failed);
}

/* From here on nothing can be stored to them by a new entry, and no page comes. */
static void codecache_retire_mark_locked(struct codecache_retired *retired)
	__must_hold(&retired->zone->filling)
{
	struct codecache_zone *zone = retired->zone;
	u64 i, resident;

	lockdep_assert_held_write(&zone->filling);
	for (i = 0; i < retired->nr_extents; i++) {
		retired->nr_pages += retired->areas[i]->nr;
		codecache_extmap_retire(&zone->extents, retired->areas[i]);
	}
	/* Pages come and go by runs, whatever extents they were. */
	retired->nr = codecache_ranges_merge(retired->ranges, retired->nr);
	resident = codecache_pages_tag(retired, CODECACHE_TAG_RETIRED);
	atomic64_add(resident, &zone->cache->grace.held_pages);
}

static int codecache_retire_mark(struct codecache_retired *retired,
				 u64 *failed)
{
	struct codecache_zone *zone = retired->zone;
	int err;

	if (down_write_killable(&zone->filling))
		return -EINTR;
	err = codecache_extents_writable(zone);
	if (!err)
		err = codecache_retire_validate_locked(retired, failed);
	if (!err)
		codecache_retire_mark_locked(retired);
	up_write(&zone->filling);
	return err;
}

/* All live extents, in order. */
static void codecache_retire_list_locked(struct codecache_retired *retired)
	__must_hold(&retired->zone->filling)
{
	struct codecache_extmap *map = &retired->zone->extents;
	struct codecache_area *area = codecache_extmap_next(map, 0);
	u64 i = 0;

	for (; area; area = codecache_extmap_next(map, area->first + area->nr)) {
		retired->ranges[i].first_page = area->first;
		retired->ranges[i].nr_pages = area->nr;
		retired->areas[i++] = area;
	}
	retired->nr_extents = i;
	retired->nr = i;
}

/* Every extent of the zone: NULL if there is none. */
static struct codecache_retired *
codecache_retire_all(struct codecache_zone *zone)
{
	struct codecache_retired *retired;
	unsigned long nr;
	bool busy;

	for (;;) {
		nr = READ_ONCE(zone->extents.nr_live);
		retired = codecache_retired_make(zone, nr);
		if (!retired)
			return ERR_PTR(-ENOMEM);
		if (down_write_killable(&zone->filling)) {
			codecache_retired_drop(retired);
			return ERR_PTR(-EINTR);
		}
		if (zone->extents.nr_live <= nr)
			break;
		/* More have been handed out meanwhile. */
		up_write(&zone->filling);
		codecache_retired_drop(retired);
	}
	busy = codecache_seal_working(zone->seal.seq);
	if (!busy) {
		codecache_retire_list_locked(retired);
		codecache_retire_mark_locked(retired);
	}
	up_write(&zone->filling);
	if (!busy && retired->nr)
		return retired;
	codecache_retired_drop(retired);
	return busy ? ERR_PTR(-EBUSY) : NULL;
}

static struct codecache_retired *
codecache_retire_named(struct codecache_zone *zone,
		       struct codecache_extent_retire_args *args)
{
	struct codecache_retired *retired;
	int err;

	if (!args->count)
		return NULL;
	retired = codecache_retire_load(zone, args);
	if (IS_ERR(retired))
		return retired;
	err = codecache_retire_mark(retired, &args->out_failed_index);
	if (!err)
		return retired;
	codecache_retired_drop(retired);
	return ERR_PTR(err);
}

/* Nothing can be undone any more. */
static void codecache_retire_commit(struct codecache_retired *retired,
				    struct codecache_extent_retire_args *args)
{
	struct codecache_zone *zone = retired->zone;
	u64 nr = retired->nr_extents, nr_pages = retired->nr_pages;
	LIST_HEAD(one);
	struct codecache_sweep sweep = {
		.zone = zone,
		.from = retired,
		.list = &one,
		.writers = true,
	};

	list_add(&retired->node, &one);
	codecache_test_pause(CODECACHE_TEST_MARK);
	/* If it is cut short by a kill, reclaim sweeps all views anyway. */
	(void)codecache_sweep_run(&sweep);
	list_del(&retired->node);
	codecache_test_pause(CODECACHE_TEST_JOIN);
	/* The zone is held by the caller's descriptor; @retired is not ours now. */
	args->out_cookie =
		codecache_grace_join(zone->cache, retired,
				     args->flags & CODECACHE_GRACE_F_URGENT);
	args->out_nr_pages = nr_pages;
	codecache_count(&zone->gone, CODECACHE_NR_EXTENTS_RETIRED, nr);
	codecache_count(&zone->gone, CODECACHE_NR_RETIRE_FLUSHES,
			sweep.nr_flushes);
	trace_codecache_extents(zone->id, nr, nr_pages, args->out_cookie);
}

static int codecache_retire_check(const struct codecache_zone *zone,
				  const struct codecache_extent_retire_args *args)
{
	if (!zone->has_extents)
		return -EOPNOTSUPP;
	if (args->count > CODECACHE_MAX_EXTENTS)
		return -EINVAL;
	if (args->flags & CODECACHE_RETIRE_F_ALL && (args->count || args->addr))
		return -EINVAL;
	return 0;
}

/**
 * codecache_extent_retire - CODECACHE_IOC_EXTENT_RETIRE
 * @call: on a zone
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then nothing has been retired.
 */
int codecache_extent_retire(struct codecache_ioctl *call)
{
	struct codecache_extent_retire_args *args = call->args;
	struct codecache_zone *zone = call->file->private_data;
	struct codecache_retired *retired = NULL;
	int err;

	args->out_failed_index = CODECACHE_NO_INDEX;
	args->out_cookie = 0;
	args->out_nr_pages = 0;
	err = codecache_retire_check(zone, args);
	/* Before anything changes, so that EFAULT means that nothing has. */
	if (codecache_ioctl_copy_out(call) && !err)
		err = -EFAULT;
	if (err)
		return err;
	if (args->flags & CODECACHE_RETIRE_F_ALL)
		retired = codecache_retire_all(zone);
	else
		retired = codecache_retire_named(zone, args);
	if (!IS_ERR_OR_NULL(retired))
		codecache_retire_commit(retired, args);
	/* The structure may lie in what has just become read-only. */
	(void)codecache_ioctl_copy_out(call);
	return PTR_ERR_OR_ZERO(retired);
}
