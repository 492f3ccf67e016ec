// SPDX-License-Identifier: MIT
/*
 * Semispaces in a zone of codecache with two views: what the barriers on the module
 * share
 *
 * The memory of a semispace goes back to the system with its zone.
 */
#include <errno.h>
#include <stdlib.h>

#include "zone.h"

int zone_open(struct barrier *b)
{
	int err = codecache_open(&b->cache);

	if (!err)
		return 0;
	b->failed = "the codecache module is not there";
	b->absent = err == -ENOENT || err == -ENXIO || err == -ENODEV;
	return err;
}

void zone_close(struct barrier *b)
{
	codecache_close(b->cache);
}

static int zone_view(struct zone_space *s, uint32_t kind,
		     const struct codecache_view_options *options,
		     struct codecache_view **view, uint8_t **addr)
{
	int err = codecache_view_create(s->zone, kind, options, view);

	if (!err)
		err = codecache_view_map(*view, NULL, 0);
	if (!err)
		*addr = codecache_view_addr(*view);
	return err;
}

int zone_map(struct barrier *b, struct space_map *map, size_t bytes, uint32_t kind,
	     const struct codecache_view_options *options, void *priv)
{
	struct zone_space *s = priv;
	int err;

	if (!s)
		return -ENOMEM;
	map->priv = s;
	map->bytes = bytes;
	b->failed = "a zone cannot be had";
	err = codecache_zone_create(b->cache, CODECACHE_ZONE_DATA, bytes, &s->zone);
	if (!err) {
		b->failed = "a view for the mutators cannot be had";
		err = zone_view(s, kind, options, &s->mutator, &map->mutator);
	}
	if (!err) {
		b->failed = "a data view for the collector cannot be had";
		err = zone_view(s, CODECACHE_VIEW_DATA, NULL, &s->collector, &map->collector);
	}
	if (err)
		zone_unmap(b, map);
	return err;
}

void zone_unmap(struct barrier *b, struct space_map *map)
{
	struct zone_space *s = map->priv;

	(void)b;
	codecache_view_destroy(s->mutator);
	codecache_view_destroy(s->collector);
	codecache_zone_destroy(s->zone);
	free(s);
	*map = (struct space_map){ 0 };
}

uint64_t zone_resident(struct barrier *b, struct space_map *map)
{
	struct codecache_stats_args stats;
	struct zone_space *s = map->priv;

	if (codecache_zone_stats(s->zone, &stats))
		return 0;
	return stats.out_resident_pages * b->page;
}

uint64_t zone_protects(struct barrier *b)
{
	struct codecache_stats_args stats;

	return codecache_stats(b->cache, &stats) ? 0 : stats.out_protect_calls;
}
