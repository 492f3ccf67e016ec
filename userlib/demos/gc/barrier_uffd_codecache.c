// SPDX-License-Identifier: MIT
/*
 * The barrier uffd-codecache: a zone, a uffd view and a data view a semispace
 *
 * The mutators have the view of kind uffd, the collector that of kind data. All
 * pages of a semispace are revoked with one PROTECT(NONE): one call, one flush,
 * whatever its size, and no access by anybody once it has returned.
 */
#include <errno.h>
#include <stdlib.h>

#include "zone.h"

static int barrier_uffd_codecache_open(struct barrier *b)
{
	struct codecache_info_args info;
	int err = zone_open(b);

	if (err)
		return err;
	err = codecache_info(b->cache, &info);
	b->failed = "the codecache module has no views of kind uffd";
	if (!err && !(info.out_features & CODECACHE_FEAT_UFFD_VIEWS)) {
		b->absent = true;
		err = -EOPNOTSUPP;
	}
	if (!err)
		err = uffd_open(b);
	if (err)
		zone_close(b);
	return err;
}

static void barrier_uffd_codecache_close(struct barrier *b)
{
	uffd_close(b);
	zone_close(b);
}

/* Unmapping takes the range out of userfaultfd as well. */
static int barrier_uffd_codecache_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	int err = zone_map(b, map, bytes, CODECACHE_VIEW_UFFD, NULL,
			   calloc(1, sizeof(struct zone_space)));

	if (err)
		return err;
	err = uffd_register(b, map->mutator, bytes);
	if (err)
		zone_unmap(b, map);
	return err;
}

static int barrier_uffd_codecache_revoke(struct barrier *b, struct space_map *map,
					 struct page_run run)
{
	struct zone_space *s = map->priv;
	int err = codecache_view_protect_range(s->mutator, run.first, run.nr,
					       CODECACHE_PROT_NONE);

	barrier_count(b, BARRIER_REVOKE);
	if (!err)
		zone_protected(b);
	return err;
}

const struct barrier_ops barrier_uffd_codecache = {
	.name = "uffd-codecache",
	.kernel_waits = true,
	.open = barrier_uffd_codecache_open,
	.close = barrier_uffd_codecache_close,
	.map = barrier_uffd_codecache_map,
	.unmap = zone_unmap,
	.revoke = barrier_uffd_codecache_revoke,
	.grant = uffd_grant,
	.wake = uffd_wake,
	.next_trap = uffd_next_trap,
	.resident = zone_resident,
	.protects = zone_protects,
};
