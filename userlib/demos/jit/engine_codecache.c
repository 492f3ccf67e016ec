// SPDX-License-Identifier: MIT
/*
 * The engine codecache: extents of a code zone, readers, and retirement
 *
 * The zone has exactly as many pages as there may be. Code is written through a write
 * view and run through an exec view of the same pages; no mapping is ever made or
 * changed. A unit that is out of the table is retired: the kernel frees its pages,
 * and hands them out again, when every runner has left the section in which it may
 * have found it. Nobody waits for that but who needs the room (-EAGAIN).
 *
 * The structures that describe units are freed by the same means.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "die.h"
#include "engine.h"

#define FEATURES	(CODECACHE_FEAT_EXTENTS | CODECACHE_FEAT_GRACE)
#define FINISH_NS	5000000000ULL

struct zoner {
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_view *write;
	struct codecache_view *exec;
	_Atomic uint64_t cookie;	/* the latest after which to try again */
};

/* What is deferred has the unit; this is where the engine is found. One at a time. */
static struct engine *zoner_engine;

static int zoner_cache(struct engine *e, struct zoner *z)
{
	struct codecache_info_args info;
	int err = codecache_open(&z->cache);

	e->failed = "the codecache module is not there";
	e->absent = err == -ENOENT || err == -ENXIO || err == -ENODEV;
	if (err)
		return err;
	err = codecache_info(z->cache, &info);
	e->failed = "the codecache module has no extents or no grace periods";
	if (!err && (info.out_features & FEATURES) != FEATURES) {
		e->absent = true;
		err = -EOPNOTSUPP;
	}
	return err;
}

static int zoner_view(struct zoner *z, uint32_t kind, struct codecache_view **view)
{
	int err = codecache_view_create(z->zone, kind, NULL, view);

	return err ? err : codecache_view_map(*view, NULL, 0);
}

static void engine_codecache_close(struct engine *e)
{
	struct zoner *z = e->priv;

	codecache_view_destroy(z->exec);
	codecache_view_destroy(z->write);
	codecache_zone_destroy(z->zone);
	codecache_close(z->cache);
	free(z);
}

static int engine_codecache_open(struct engine *e)
{
	struct zoner *z = calloc(1, sizeof(*z));
	int err;

	if (!z)
		return -ENOMEM;
	e->priv = z;
	zoner_engine = e;
	err = zoner_cache(e, z);
	if (!err) {
		e->failed = "a zone or a view cannot be had";
		err = codecache_zone_create_extents(z->cache, CODECACHE_ZONE_CODE,
						    e->max_pages * e->page_size, &z->zone);
	}
	if (!err)
		err = zoner_view(z, CODECACHE_VIEW_WRITE, &z->write);
	if (!err)
		err = zoner_view(z, CODECACHE_VIEW_EXEC, &z->exec);
	if (err)
		engine_codecache_close(e);
	return err;
}

static int engine_codecache_attach(struct engine *e, struct guard *g)
{
	struct zoner *z = e->priv;

	return codecache_reader_register(z->cache, &g->reader);
}

static void engine_codecache_detach(struct engine *e, struct guard *g)
{
	(void)e;
	codecache_reader_unregister(g->reader);
}

static void engine_codecache_enter(struct engine *e, struct guard *g)
{
	(void)e;
	g->outer = codecache_reader_enter(g->reader);
}

static void engine_codecache_leave(struct engine *e, struct guard *g)
{
	(void)e;
	codecache_reader_exit(g->reader, g->outer);
}

static int engine_codecache_place(struct engine *e, const struct code *code,
				  struct piece *piece)
{
	uint64_t nr = engine_pages(e, code->length), first, cookie;
	struct zoner *z = e->priv;
	int err = codecache_extent_alloc(z->zone, nr, NULL, &first, &cookie);

	engine_count(&e->counts.calls, 1);
	if (err == -EAGAIN)
		atomic_store_explicit(&z->cookie, cookie, memory_order_relaxed);
	if (err)
		return err;
	memcpy((uint8_t *)codecache_view_addr(z->write) + first * e->page_size,
	       code->start, code->length);
	*piece = (struct piece){
		.exec = (uint8_t *)codecache_view_addr(z->exec) + first * e->page_size,
		.bytes = code->length,
		.first_page = first,
		.nr_pages = nr,
	};
	engine_sync_code(e, piece->exec, piece->bytes);
	return 0;
}

static void engine_codecache_wait(struct engine *e)
{
	struct zoner *z = e->priv;
	uint64_t cookie = atomic_load_explicit(&z->cookie, memory_order_relaxed);
	int err = codecache_grace_wait(z->cache, cookie, 0, 0);

	if (err && err != -EINTR)
		die("a grace period cannot be waited for: %s", codecache_strerror(err));
}

/* Its grace period began after the unit's code was retired. */
static void zoner_unit_done(struct codecache_defer_head *head)
{
	engine_unit_done(zoner_engine, (struct unit *)((char *)head -
						       offsetof(struct unit, defer)));
}

static void engine_codecache_retire(struct engine *e, struct unit **units, unsigned int nr)
{
	struct codecache_extent extents[ENGINE_MAX_BATCH] = { { 0 } };
	struct zoner *z = e->priv;
	unsigned int i;
	size_t done;
	int err;

	for (i = 0; i < nr; i++)
		extents[i] = (struct codecache_extent){
			.first_page = units[i]->piece.first_page,
			.nr_pages = (uint32_t)units[i]->piece.nr_pages,
		};
	err = codecache_extent_retire_batch(z->zone, extents, nr, NULL, NULL);
	for (i = 0; !err && i < nr; i++)
		err = codecache_defer_call(z->cache, &units[i]->defer, zoner_unit_done);
	if (!err)
		err = codecache_defer_drain(z->cache, 4 * ENGINE_MAX_BATCH, &done);
	if (err)
		die("units cannot be retired: %s", codecache_strerror(err));
	/* At most: the retirement; for descriptors, which periods are over, and a new one. */
	engine_count(&e->counts.calls, 3);
}

static uint64_t engine_codecache_resident(struct engine *e)
{
	struct codecache_stats_args stats;
	struct zoner *z = e->priv;

	return codecache_zone_stats(z->zone, &stats) ? 0 : stats.out_resident_pages;
}

static void engine_codecache_finish(struct engine *e)
{
	struct codecache_stats_args zone, cache;
	struct zoner *z = e->priv;
	uint64_t start = now_ns();
	int err;

	do {
		err = codecache_defer_barrier(z->cache);
	} while (err == -EINTR);
	if (err)
		die("what is deferred cannot be waited for: %s", codecache_strerror(err));
	while (engine_codecache_resident(e) && now_ns() - start < FINISH_NS)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	err = codecache_zone_stats(z->zone, &zone);
	if (!err)
		err = codecache_stats(z->cache, &cache);
	if (err)
		die("no statistics: %s", codecache_strerror(err));
	engine_count(&e->counts.returned, zone.out_reclaim_pages);
	engine_count(&e->counts.flushes, zone.out_retire_flushes + zone.out_reclaim_flushes);
	engine_count(&e->counts.barriers, cache.out_grace_periods);
}

const struct engine_ops engine_codecache = {
	.name = "codecache",
	.what = "extents of a code zone; readers; the kernel frees what was retired",
	.open = engine_codecache_open,
	.close = engine_codecache_close,
	.attach = engine_codecache_attach,
	.detach = engine_codecache_detach,
	.enter = engine_codecache_enter,
	.leave = engine_codecache_leave,
	.place = engine_codecache_place,
	.wait = engine_codecache_wait,
	.retire = engine_codecache_retire,
	.finish = engine_codecache_finish,
	.resident = engine_codecache_resident,
};
