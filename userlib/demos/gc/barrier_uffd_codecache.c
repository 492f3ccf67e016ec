// SPDX-License-Identifier: MIT
/*
 * The barrier uffd-codecache: a zone, a uffd view and a data view a semispace
 *
 * The mutators have the view of kind uffd, the collector that of kind data. All
 * pages of a semispace are revoked with one PROTECT(NONE): one call, one flush,
 * whatever its size, and no access by anybody once it has returned. The memory
 * goes back to the system with the zone.
 */
#include <errno.h>
#include <stdlib.h>

#include <codecache.h>

#include "barrier.h"

struct semispace {
	struct codecache_zone *zone;
	struct codecache_view *mutator;
	struct codecache_view *collector;
};

static int barrier_uffd_codecache_open(struct barrier *b)
{
	struct codecache_info_args info;
	int err;

	err = codecache_open(&b->cache);
	if (err) {
		b->failed = "the codecache module is not there";
		b->absent = err == -ENOENT || err == -ENXIO || err == -ENODEV;
		return err;
	}
	err = codecache_info(b->cache, &info);
	b->failed = "the codecache module has no views of kind uffd";
	if (!err && !(info.out_features & CODECACHE_FEAT_UFFD_VIEWS)) {
		b->absent = true;
		err = -EOPNOTSUPP;
	}
	if (!err)
		err = uffd_open(b);
	if (err)
		codecache_close(b->cache);
	return err;
}

static void barrier_uffd_codecache_close(struct barrier *b)
{
	uffd_close(b);
	codecache_close(b->cache);
}

static void barrier_uffd_codecache_unmap(struct barrier *b, struct space_map *map)
{
	struct semispace *s = map->priv;

	(void)b;
	/* Unmapping takes the range out of userfaultfd as well. */
	codecache_view_destroy(s->mutator);
	codecache_view_destroy(s->collector);
	codecache_zone_destroy(s->zone);
	free(s);
	*map = (struct space_map){ 0 };
}

static int barrier_uffd_codecache_view(struct semispace *s, uint32_t kind,
				       struct codecache_view **view, uint8_t **addr)
{
	int err = codecache_view_create(s->zone, kind, NULL, view);

	if (!err)
		err = codecache_view_map(*view, NULL, 0);
	if (!err)
		*addr = codecache_view_addr(*view);
	return err;
}

static int barrier_uffd_codecache_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	struct semispace *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	map->priv = s;
	map->bytes = bytes;
	b->failed = "a zone cannot be had";
	err = codecache_zone_create(b->cache, CODECACHE_ZONE_DATA, bytes, &s->zone);
	if (!err) {
		b->failed = "a view of kind uffd cannot be had";
		err = barrier_uffd_codecache_view(s, CODECACHE_VIEW_UFFD, &s->mutator,
					     &map->mutator);
	}
	if (!err) {
		b->failed = "a view of kind data cannot be had";
		err = barrier_uffd_codecache_view(s, CODECACHE_VIEW_DATA, &s->collector,
					     &map->collector);
	}
	if (!err)
		err = uffd_register(b, map->mutator, bytes);
	if (err)
		barrier_uffd_codecache_unmap(b, map);
	return err;
}

static int barrier_uffd_codecache_revoke(struct barrier *b, struct space_map *map,
					 struct page_run run)
{
	struct semispace *s = map->priv;
	int err = codecache_view_protect_range(s->mutator, run.first, run.nr,
					       CODECACHE_PROT_NONE);

	barrier_count(b, BARRIER_REVOKE);
	if (!err)
		atomic_fetch_add_explicit(&b->protects, 1, memory_order_relaxed);
	return err;
}

static uint64_t barrier_uffd_codecache_resident(struct barrier *b, struct space_map *map)
{
	struct codecache_stats_args stats;
	struct semispace *s = map->priv;

	(void)b;
	if (codecache_zone_stats(s->zone, &stats))
		return 0;
	return stats.out_resident_pages * codecache_page_size();
}

static uint64_t barrier_uffd_codecache_protects(struct barrier *b)
{
	struct codecache_stats_args stats;

	return codecache_stats(b->cache, &stats) ? 0 : stats.out_protect_calls;
}

const struct barrier_ops barrier_uffd_codecache = {
	.name = "uffd-codecache",
	.kernel_waits = true,
	.open = barrier_uffd_codecache_open,
	.close = barrier_uffd_codecache_close,
	.map = barrier_uffd_codecache_map,
	.unmap = barrier_uffd_codecache_unmap,
	.revoke = barrier_uffd_codecache_revoke,
	.grant = uffd_grant,
	.wake = uffd_wake,
	.next_trap = uffd_next_trap,
	.resident = barrier_uffd_codecache_resident,
	.protects = barrier_uffd_codecache_protects,
};
