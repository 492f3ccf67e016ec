// SPDX-License-Identifier: MIT
/*
 * Snapshots by PROTECT, deltas by QUERY; and the engine signal
 *
 * Full: one PROTECT makes all pages read-only, with one flush. A QUERY then clears
 * all dirty bits; as the mutators are stopped, what is dirty from now on has been
 * stored to after the instant.
 *
 * Delta: a QUERY finds the pages that are dirty, that is stored to since the
 * instant before, clears that, and makes them read-only in the same step. The
 * other pages need no protection: they are now what they were in the last snapshot,
 * and are not copied at all; a store to one of them after the instant makes it
 * dirty, for the next delta. Two calls, get and clear, then PROTECT of what was
 * found, would be as consistent while the mutators are stopped; they would take
 * two passes and two flushes of the time that the mutators wait.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine_codecache.h"

#define FEATURES	(CODECACHE_FEAT_QUERY | CODECACHE_FEAT_TRAP_BLOCK)
#define FOUND		1024	/* ranges, for each call of QUERY */

static int zone_engine_cache(struct engine *e, struct zone_engine *z)
{
	struct codecache_info_args info;
	int err = codecache_open(&z->cache);

	e->failed = "the codecache module is not there";
	e->absent = err == -ENOENT || err == -ENXIO || err == -ENODEV;
	if (err)
		return err;
	err = codecache_info(z->cache, &info);
	e->failed = "the codecache module has no QUERY or no block traps";
	if (!err && (info.out_features & FEATURES) != FEATURES) {
		e->absent = true;
		err = -EOPNOTSUPP;
	}
	return err;
}

void zone_engine_close(struct engine *e)
{
	struct zone_engine *z = e->priv;

	codecache_view_destroy(z->view);
	codecache_zone_destroy(z->zone);
	codecache_close(z->cache);
	free(z);
}

int zone_engine_open(struct engine *e, uint32_t trap_mode)
{
	struct codecache_view_options options = {
		.size = sizeof(options),
		.trap_mode = trap_mode,
	};
	struct zone_engine *z = calloc(1, sizeof(*z));
	int err;

	if (!z)
		return -ENOMEM;
	e->priv = z;
	err = zone_engine_cache(e, z);
	if (!err) {
		e->failed = "a zone or a view cannot be had";
		err = codecache_zone_create(z->cache, CODECACHE_ZONE_DATA, e->bytes, &z->zone);
	}
	if (!err)
		err = codecache_view_create(z->zone, CODECACHE_VIEW_DATA, &options, &z->view);
	if (!err)
		err = codecache_view_map(z->view, NULL, 0);
	if (err)
		zone_engine_close(e);
	else
		e->zone = codecache_view_addr(z->view);
	return err;
}

static int zone_engine_full(struct engine *e, struct zone_engine *z)
{
	uint64_t cursor = 0, end = e->copier.nr_pages;
	size_t nr;
	int err;

	copier_expect(&e->copier, 0, end);
	err = codecache_view_protect_range(z->view, 0, end, CODECACHE_PROT_READ);
	while (!err && cursor < end)
		err = codecache_view_query(z->view, &cursor, end, CODECACHE_PAGE_DIRTY,
					   CODECACHE_PAGE_DIRTY, NULL, 0, &nr);
	return err;
}

static int zone_engine_delta(struct engine *e, struct zone_engine *z)
{
	uint64_t cursor = 0, end = e->copier.nr_pages;
	struct codecache_page_range found[FOUND];
	size_t nr, i;
	int err = 0;

	while (!err && cursor < end) {
		err = codecache_view_query_protect(z->view, &cursor, end,
						   CODECACHE_PAGE_DIRTY,
						   CODECACHE_PAGE_DIRTY,
						   CODECACHE_PROT_READ,
						   found, FOUND, &nr, NULL);
		for (i = 0; i < nr && !err; i++)
			copier_expect(&e->copier, found[i].first_page, found[i].nr_pages);
	}
	return err;
}

int zone_engine_arm(struct engine *e, struct shot *shot)
{
	struct zone_engine *z = e->priv;

	return shot->full ? zone_engine_full(e, z) : zone_engine_delta(e, z);
}

int zone_engine_allow(struct engine *e, struct codecache_prot_range *ranges, size_t nr)
{
	struct zone_engine *z = e->priv;

	return codecache_view_protect(z->view, ranges, nr, NULL);
}

static int engine_signal_open(struct engine *e)
{
	int err = zone_engine_open(e, CODECACHE_TRAP_SIGNAL);

	if (!err)
		segv_install(e);
	return err;
}

static void engine_signal_close(struct engine *e)
{
	segv_remove();
	zone_engine_close(e);
}

const struct engine_ops engine_signal = {
	.name = "signal",
	.what = "PROTECT; a mutator that traps copies the page in its SIGSEGV handler",
	.deltas = true,
	.traps = true,
	.open = engine_signal_open,
	.close = engine_signal_close,
	.arm = zone_engine_arm,
	.allow = zone_engine_allow,
};
