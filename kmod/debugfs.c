// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache in debugfs: what lives, and what it has done
 *
 *	codecache/totals
 *	codecache/cache-ID/stats
 *	codecache/cache-ID/readers
 *	codecache/cache-ID/grace
 *	codecache/cache-ID/zone-ID/stats
 *	codecache/cache-ID/zone-ID/view-ID/stats
 *	codecache/cache-ID/zone-ID/view-ID/protections
 *
 * Concepts: for people; programs take STATS. Failing to make an entry is not an
 *           error, as is debugfs' custom.
 * Locking:  see stats.c; protections takes view->lock shared.
 * Lifetime: an object removes its folder before it goes, and debugfs waits there
 *           for readers; so no lock that a reader takes is held then.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "codecache_priv.h"

static struct dentry *codecache_debugfs_root;

static int codecache_totals_show(struct seq_file *m, void *unused)
{
	struct codecache_stats_args stats;
	u64 nr_caches;

	codecache_total_stats(&stats, &nr_caches);
	seq_printf(m, "caches:\t%llu\n", nr_caches);
	codecache_stats_show(m, &stats);
	seq_printf(m, "charged_pages:\t%llu\n", codecache_system_pages());
	seq_printf(m, "charged_objects:\t%llu\n", codecache_system_objects());
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_totals);

static int codecache_cache_stats_show(struct seq_file *m, void *unused)
{
	struct codecache_stats_args stats;

	codecache_cache_stats(m->private, &stats);
	codecache_stats_show(m, &stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_cache_stats);

static int codecache_cache_readers_show(struct seq_file *m, void *unused)
{
	codecache_readers_show(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_cache_readers);

static int codecache_cache_grace_show(struct seq_file *m, void *unused)
{
	codecache_grace_show(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_cache_grace);

static int codecache_zone_stats_show(struct seq_file *m, void *unused)
{
	struct codecache_stats_args stats;

	codecache_zone_stats(m->private, &stats);
	codecache_stats_show(m, &stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_zone_stats);

static int codecache_view_stats_show(struct seq_file *m, void *unused)
{
	struct codecache_stats_args stats;

	codecache_view_stats(m->private, &stats);
	codecache_stats_show(m, &stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_view_stats);

/* Every @step'th count: of all values with a protection, or a trap mode. */
static u64 codecache_sum(const u64 *counts, unsigned int step)
{
	unsigned int i, nr = step == 1 ? 8 : CODECACHE_PROTMAP_VALUES / step;
	u64 sum = 0;

	for (i = 0; i < nr; i++)
		sum += counts[i * step];
	return sum;
}

static int codecache_protections_show(struct seq_file *m, void *unused)
{
	struct codecache_view *view = m->private;
	static const char * const modes[] = { "signal", "log", "block" };
	u64 counts[CODECACHE_PROTMAP_VALUES];
	unsigned int prot, mode;

	down_read(view->lock);
	codecache_protmap_count(&view->prots, counts);
	up_read(view->lock);
	for (prot = 0; prot <= CODECACHE_PROT_ALL; prot++) {
		if (!(codecache_kind(view->kind)->prots &
		      CODECACHE_PROT_BIT(prot)))
			continue;
		seq_printf(m, "%c%c%c:\t%llu\n",
			   prot & CODECACHE_PROT_READ ? 'r' : '-',
			   prot & CODECACHE_PROT_WRITE ? 'w' : '-',
			   prot & CODECACHE_PROT_EXEC ? 'x' : '-',
			   codecache_sum(counts + prot, 8));
	}
	for (mode = 0; mode < ARRAY_SIZE(modes); mode++)
		seq_printf(m, "%s:\t%llu\n", modes[mode],
			   codecache_sum(counts + codecache_value_make(0, mode),
					 1));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(codecache_protections);

static struct dentry *codecache_debugfs_dir(const char *noun, u64 id,
					    struct dentry *parent)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%llu", noun, id);
	return debugfs_create_dir(name, parent);
}

/**
 * codecache_debugfs_add_cache - a folder for a cache
 * @cache: new, not yet known to others
 *
 * Context: process; sleeps.
 */
void codecache_debugfs_add_cache(struct codecache_cache *cache)
{
	cache->dir = codecache_debugfs_dir("cache", cache->id,
					   codecache_debugfs_root);
	debugfs_create_file("stats", 0444, cache->dir, cache,
			    &codecache_cache_stats_fops);
	debugfs_create_file("readers", 0444, cache->dir, cache,
			    &codecache_cache_readers_fops);
	debugfs_create_file("grace", 0444, cache->dir, cache,
			    &codecache_cache_grace_fops);
}

/**
 * codecache_debugfs_add_zone - a folder for a zone, in its cache's
 * @zone: new
 *
 * Context: process; sleeps.
 */
void codecache_debugfs_add_zone(struct codecache_zone *zone)
{
	zone->dir = codecache_debugfs_dir("zone", zone->id, zone->cache->dir);
	debugfs_create_file("stats", 0444, zone->dir, zone,
			    &codecache_zone_stats_fops);
}

/**
 * codecache_debugfs_add_view - a folder for a view, in its zone's
 * @view: new, complete
 *
 * Context: process; sleeps.
 */
void codecache_debugfs_add_view(struct codecache_view *view)
{
	view->dir = codecache_debugfs_dir("view", view->id, view->zone->dir);
	debugfs_create_file("stats", 0444, view->dir, view,
			    &codecache_view_stats_fops);
	/* What a uffd view has mapped is userfaultfd's to know. */
	if (view->kind != CODECACHE_VIEW_UFFD)
		debugfs_create_file("protections", 0444, view->dir, view,
				    &codecache_protections_fops);
}

/**
 * codecache_debugfs_init - the root folder
 *
 * Context: process, once.
 */
void codecache_debugfs_init(void)
{
	codecache_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("totals", 0444, codecache_debugfs_root, NULL,
			    &codecache_totals_fops);
}

/**
 * codecache_debugfs_exit - undo codecache_debugfs_init()
 *
 * Context: process, once; no object is left.
 */
void codecache_debugfs_exit(void)
{
	debugfs_remove_recursive(codecache_debugfs_root);
}
