// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache numbers: what STATS, fdinfo and debugfs show
 *
 * Concepts: events are counted at the view alone, by one atomic each; a zone's
 *           numbers are the sum over its live views and what those that are
 *           gone have left behind, a cache's likewise over its zones, and the
 *           totals over the caches.
 * Locking:  codecache_caches_lock > cache->lock > zone->lock, so that an object
 *           is counted either as live or as gone; readers->lock on its own under
 *           the first. All sleep.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "codecache_priv.h"

/* Where each counter goes; the members are in the order of the enum. */
static u64 *codecache_stats_counters(struct codecache_stats_args *out)
{
	BUILD_BUG_ON(offsetofend(struct codecache_stats_args,
				 out_grace_stalls) -
		     offsetof(struct codecache_stats_args, out_faults_filled) !=
		     CODECACHE_NR_COUNTERS * sizeof(u64));
	return (u64 *)&out->out_faults_filled;
}

/**
 * codecache_counters_fold - add what one object counted to another's
 * @into: counters of the parent that are about objects gone
 * @from: counters of an object that goes
 *
 * Context: any; the parent's lock held, so that readers see it once.
 */
void codecache_counters_fold(struct codecache_counters *into,
			     struct codecache_counters *from)
{
	int i;

	for (i = 0; i < CODECACHE_NR_COUNTERS; i++)
		atomic64_add(atomic64_read(&from->v[i]), &into->v[i]);
}

static void codecache_stats_add(struct codecache_stats_args *out,
				const struct codecache_counters *c)
{
	u64 *v = codecache_stats_counters(out);
	int i;

	for (i = 0; i < CODECACHE_NR_COUNTERS; i++)
		v[i] += atomic64_read(&c->v[i]);
}

static void codecache_stats_start(struct codecache_stats_args *out, u32 object,
				  u32 kind, u64 id)
{
	memset(out, 0, sizeof(*out));
	out->out_object = object;
	out->out_kind = kind;
	out->out_id = id;
}

static void codecache_zone_sum(struct codecache_zone *zone,
			       struct codecache_stats_args *out)
{
	struct codecache_view *view;

	mutex_lock(&zone->lock);
	codecache_stats_add(out, &zone->gone);
	list_for_each_entry(view, &zone->views, node) {
		codecache_stats_add(out, &view->counters);
		out->out_nr_views++;
	}
	mutex_unlock(&zone->lock);
	/* On their own: any recent value will do. */
	out->out_live_extents += READ_ONCE(zone->extents.nr_live);
	out->out_live_pages += READ_ONCE(zone->extents.live_pages);
	out->out_retired_pages += READ_ONCE(zone->extents.retired_pages);
	out->out_bytes += (u64)zone->nr_pages << PAGE_SHIFT;
	out->out_resident_pages += codecache_zone_resident(zone);
}

static void codecache_cache_sum(struct codecache_cache *cache,
				struct codecache_stats_args *out)
{
	struct codecache_zone *zone;

	codecache_readers_stats(cache, out);
	out->out_held_pages += atomic64_read(&cache->grace.held_pages);
	mutex_lock(&cache->lock);
	codecache_stats_add(out, &cache->gone);
	list_for_each_entry(zone, &cache->zones, node) {
		codecache_zone_sum(zone, out);
		out->out_nr_zones++;
	}
	mutex_unlock(&cache->lock);
}

/**
 * codecache_view_stats - the numbers of a view
 * @view: the view
 * @out: filled
 *
 * Context: process; sleeps.
 */
void codecache_view_stats(struct codecache_view *view,
			  struct codecache_stats_args *out)
{
	codecache_stats_start(out, CODECACHE_OBJECT_VIEW, view->kind, view->id);
	out->out_bytes = (u64)view->nr_pages << PAGE_SHIFT;
	out->out_resident_pages = codecache_view_resident(view);
	codecache_stats_add(out, &view->counters);
}

/**
 * codecache_zone_stats - the numbers of a zone
 * @zone: the zone
 * @out: filled
 *
 * Context: process; sleeps.
 */
void codecache_zone_stats(struct codecache_zone *zone,
			  struct codecache_stats_args *out)
{
	codecache_stats_start(out, CODECACHE_OBJECT_ZONE, zone->class,
			      zone->id);
	codecache_zone_sum(zone, out);
}

/**
 * codecache_cache_stats - the numbers of a cache
 * @cache: the cache
 * @out: filled
 *
 * Context: process; sleeps.
 */
void codecache_cache_stats(struct codecache_cache *cache,
			   struct codecache_stats_args *out)
{
	codecache_stats_start(out, CODECACHE_OBJECT_CACHE, 0, cache->id);
	codecache_cache_sum(cache, out);
}

/**
 * codecache_total_stats - the numbers of the module
 * @out: filled
 * @nr_caches: live caches
 *
 * Context: process; sleeps.
 */
void codecache_total_stats(struct codecache_stats_args *out, u64 *nr_caches)
{
	struct codecache_cache *cache;

	codecache_stats_start(out, 0, 0, 0);
	*nr_caches = 0;
	mutex_lock(&codecache_caches_lock);
	codecache_stats_add(out, &codecache_gone);
	list_for_each_entry(cache, &codecache_caches, node) {
		codecache_cache_sum(cache, out);
		(*nr_caches)++;
	}
	mutex_unlock(&codecache_caches_lock);
}

/**
 * codecache_cache_stats_ioctl - CODECACHE_IOC_STATS on a cache
 * @call: the call
 *
 * Context: process; sleeps.
 * Return: 0.
 */
int codecache_cache_stats_ioctl(struct codecache_ioctl *call)
{
	codecache_cache_stats(call->file->private_data, call->args);
	return 0;
}

/**
 * codecache_zone_stats_ioctl - CODECACHE_IOC_STATS on a zone
 * @call: the call
 *
 * Context: process; sleeps.
 * Return: 0.
 */
int codecache_zone_stats_ioctl(struct codecache_ioctl *call)
{
	codecache_zone_stats(call->file->private_data, call->args);
	return 0;
}

/**
 * codecache_view_stats_ioctl - CODECACHE_IOC_STATS on a view
 * @call: the call
 *
 * Context: process; sleeps.
 * Return: 0.
 */
int codecache_view_stats_ioctl(struct codecache_ioctl *call)
{
	codecache_view_stats(call->file->private_data, call->args);
	return 0;
}

static const char *codecache_kind_name(const struct codecache_stats_args *s)
{
	static const char * const classes[] = { "", "code", "data" };
	static const char * const kinds[] = { "", "write", "exec", "data",
					      "uffd" };

	if (s->out_object == CODECACHE_OBJECT_ZONE)
		return classes[s->out_kind];
	return kinds[s->out_kind];
}

/* What views do not have. */
static void codecache_stats_show_reclaim(struct seq_file *m,
					 const struct codecache_stats_args *s)
{
	seq_printf(m, "extents_allocated:\t%llu\n", s->out_extents_allocated);
	seq_printf(m, "extents_retired:\t%llu\n", s->out_extents_retired);
	seq_printf(m, "retire_flushes:\t%llu\n", s->out_retire_flushes);
	seq_printf(m, "reclaim_passes:\t%llu\n", s->out_reclaim_passes);
	seq_printf(m, "reclaim_pages:\t%llu\n", s->out_reclaim_pages);
	seq_printf(m, "reclaim_flushes:\t%llu\n", s->out_reclaim_flushes);
	seq_printf(m, "live_extents:\t%llu\n", s->out_live_extents);
	seq_printf(m, "live_pages:\t%llu\n", s->out_live_pages);
	seq_printf(m, "retired_pages:\t%llu\n", s->out_retired_pages);
	if (s->out_object == CODECACHE_OBJECT_ZONE)
		return;
	seq_printf(m, "shrunk_pages:\t%llu\n", s->out_shrunk_pages);
	seq_printf(m, "held_pages:\t%llu\n", s->out_held_pages);
	seq_printf(m, "grace_periods:\t%llu\n", s->out_grace_periods);
	seq_printf(m, "grace_urgent:\t%llu\n", s->out_grace_urgent);
	seq_printf(m, "grace_stalls:\t%llu\n", s->out_grace_stalls);
	seq_printf(m, "readers:\t%llu\n", s->out_readers);
	seq_printf(m, "stalled_readers:\t%llu\n", s->out_stalled_readers);
	if (!s->out_stalled_readers)
		return;
	seq_printf(m, "stalled_tid:\t%llu\n", s->out_stalled_tid);
	seq_printf(m, "stalled_seconds:\t%llu\n", s->out_stalled_seconds);
}

/**
 * codecache_stats_show - print numbers, one "name:\tvalue" a line
 * @m: where
 * @s: what
 *
 * Context: process.
 */
void codecache_stats_show(struct seq_file *m,
			  const struct codecache_stats_args *s)
{
	static const char * const objects[] = { "total", "cache", "zone",
						"view" };

	seq_printf(m, "object:\t%s\n", objects[s->out_object]);
	if (s->out_object)
		seq_printf(m, "id:\t%llu\n", s->out_id);
	if (s->out_kind)
		seq_printf(m, "kind:\t%s\n", codecache_kind_name(s));
	if (s->out_object <= CODECACHE_OBJECT_CACHE)
		seq_printf(m, "zones:\t%llu\n", s->out_nr_zones);
	if (s->out_object <= CODECACHE_OBJECT_ZONE)
		seq_printf(m, "views:\t%llu\n", s->out_nr_views);
	seq_printf(m, "bytes:\t%llu\n", s->out_bytes);
	seq_printf(m, "resident_pages:\t%llu\n", s->out_resident_pages);
	seq_printf(m, "faults_filled:\t%llu\n", s->out_faults_filled);
	seq_printf(m, "faults_upgraded:\t%llu\n", s->out_faults_upgraded);
	seq_printf(m, "faults_spurious:\t%llu\n", s->out_faults_spurious);
	seq_printf(m, "faults_failed:\t%llu\n", s->out_faults_failed);
	seq_printf(m, "traps_read:\t%llu\n", s->out_traps_read);
	seq_printf(m, "traps_write:\t%llu\n", s->out_traps_write);
	seq_printf(m, "traps_exec:\t%llu\n", s->out_traps_exec);
	seq_printf(m, "protect_calls:\t%llu\n", s->out_protect_calls);
	seq_printf(m, "protect_pages:\t%llu\n", s->out_protect_pages);
	seq_printf(m, "protect_ptes:\t%llu\n", s->out_protect_ptes);
	seq_printf(m, "protect_flushes:\t%llu\n", s->out_protect_flushes);
	seq_printf(m, "traps_logged:\t%llu\n", s->out_traps_logged);
	seq_printf(m, "traps_lost:\t%llu\n", s->out_traps_lost);
	seq_printf(m, "traps_blocked:\t%llu\n", s->out_traps_blocked);
	seq_printf(m, "events_resolved:\t%llu\n", s->out_events_resolved);
	seq_printf(m, "query_calls:\t%llu\n", s->out_query_calls);
	seq_printf(m, "query_pages:\t%llu\n", s->out_query_pages);
	seq_printf(m, "query_flushes:\t%llu\n", s->out_query_flushes);
	seq_printf(m, "faults_around:\t%llu\n", s->out_faults_around);
	seq_printf(m, "populated:\t%llu\n", s->out_populated);
	if (s->out_object != CODECACHE_OBJECT_VIEW)
		codecache_stats_show_reclaim(m, s);
}
