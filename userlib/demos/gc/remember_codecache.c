// SPDX-License-Identifier: MIT
/*
 * The remembered set codecache: the processor's dirty bits, by QUERY
 *
 * Mutators use old space through a data view of its zone in which everything is
 * allowed. Nothing traps, and their code has no barrier: the page tables of this
 * view know which pages were written. One QUERY finds them and clears their bits, in
 * one step. The collector writes promoted objects through the other view, so these do
 * not count. What the kernel writes for a system call does.
 */
#include <stdlib.h>

#include "remember.h"
#include "zone.h"

static int remember_codecache_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	return zone_map(b, map, bytes, CODECACHE_VIEW_DATA, NULL,
			calloc(1, sizeof(struct zone_space)));
}

static int remember_codecache_take(struct barrier *b, struct space_map *map, size_t nr,
				   uint64_t *bitmap)
{
	struct zone_space *s = map->priv;

	barrier_count(b, BARRIER_QUERY);
	return codecache_view_query_bitmap(s->mutator, 0, bitmap, nr, CODECACHE_PAGE_DIRTY,
					   CODECACHE_PAGE_DIRTY, NULL);
}

static uint64_t remember_codecache_queries(struct barrier *b)
{
	struct codecache_stats_args stats;

	return codecache_stats(b->cache, &stats) ? 0 : stats.out_query_calls;
}

static const struct remember_ops remember_codecache_ops = {
	.take = remember_codecache_take,
	.queries = remember_codecache_queries,
};

const struct barrier_ops remember_codecache = {
	.name = "codecache",
	.kernel_waits = true,	/* it never has to */
	.open = zone_open,
	.close = zone_close,
	.map = remember_codecache_map,
	.unmap = zone_unmap,
	.resident = zone_resident,
	.protects = zone_protects,
	.remember = &remember_codecache_ops,
};
