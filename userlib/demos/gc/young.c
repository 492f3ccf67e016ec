// SPDX-License-Identifier: MIT
/*
 * The generational collector: a nursery, and old space with a remembered set
 *
 * New objects are made in the nursery, large ones in old space at once. When the nursery
 * is full the world stops, whatever in it is live is copied to the end of old space, and
 * it is empty again. What is live is reached from roots, and from old objects
 * that mutators have made to refer to young ones. These are on pages (or cards) that
 * were written to since the last collection, for then nothing referred to the nursery,
 * which was empty. So only these are scanned: the *remembered set*, of which there
 * are several kinds, see remember.h.
 *
 * When old space might not have room for another nursery everything is collected, from
 * the roots, into its successor, which then takes its place.
 *
 * The world stands still from the beginning to the end: so nobody needs a barrier against
 * unscanned objects, and what is compared is how old-to-young references are
 * found. Objects in old space lie end to end, and the crossing map tells where one
 * begins that reaches into a page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gc_priv.h"
#include "remember.h"

#define LARGE_PART	4U	/* of the nursery: what is larger is old from the start */
#define TORTURE_FULL	4U	/* with torture every fourth collection is a full one */

static const struct remember_ops *young_ops(const struct gc *gc)
{
	return gc->barrier.ops->remember;
}

int young_create(struct gc *gc)
{
	size_t bytes = gc->config.nursery_bytes & ~(uint64_t)(gc->page - 1);
	void *place = young_ops(gc)->nursery ? young_ops(gc)->nursery(&gc->barrier) : NULL;
	void *p;

	gc->barrier.failed = "no memory for the nursery";
	p = mmap(place, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | (place ? MAP_FIXED : 0), -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	gc->nursery.map = (struct space_map){ .mutator = p, .collector = p, .bytes = bytes };
	gc->nursery.alloc_bottom = bytes;
	gc->nursery.mapped = true;
	gc->to->low = gc->to->map.bytes;
	gc->unit = young_ops(gc)->unit ? young_ops(gc)->unit : gc->page;
	gc->remembered = calloc(gc->to->map.bytes / gc->unit / 64 + 1, sizeof(uint64_t));
	return gc->remembered ? 0 : -ENOMEM;
}

void young_destroy(struct gc *gc)
{
	if (gc->nursery.mapped)
		munmap(gc->nursery.map.mutator, gc->nursery.map.bytes);
	gc->nursery.mapped = false;
	free(gc->remembered);
	gc->remembered = NULL;
}

bool young_is_large(const struct gc *gc, uint64_t bytes)
{
	return bytes > gc->nursery.map.bytes / LARGE_PART;
}

/* Bytes that a mutator can have in old space, so that a nursery full will still go in. */
static uint64_t young_room(const struct gc *gc)
{
	uint64_t taken = gc->to->copy_top + gc->nursery.map.bytes;

	return taken < gc->to->map.bytes ? gc->to->map.bytes - taken : 0;
}

/* Take room in old space for a large object. Called with gc->lock held. */
uint64_t young_carve_old(struct gc *gc, uint64_t bytes)
{
	uint64_t at = gc->to->copy_top;

	if (young_room(gc) < bytes) {
		gc->want_full = true;
		return GC_NO_ROOM;
	}
	space_cover(gc, gc->to, at, bytes);
	gc->to->copy_top += bytes;
	return at;
}

/* Where the collector sees an object that is to be copied; NULL if it stays. */
static struct obj *young_old_place(const struct gc *gc, const struct obj *ref, bool full)
{
	uint64_t offset = space_offset(&gc->nursery, ref);

	if (offset < gc->nursery.map.bytes)
		return space_at(&gc->nursery, offset);
	offset = full ? space_offset(gc->from, ref) : UINT64_MAX;
	return full && offset < gc->from->map.bytes ? space_at(gc->from, offset) : NULL;
}

/* The new address of an object, which is copied if need be. */
static struct obj *young_forward(struct gc *gc, struct obj *ref, bool full)
{
	struct obj *old = ref ? young_old_place(gc, ref, full) : NULL;

	if (!old)
		return ref;
	if ((uintptr_t)old % sizeof(uint64_t))
		gc_die("a reference leads to %p, where no object can be", (void *)ref);
	if (old->header & OBJ_IS_HEADER)
		return collector_copy(gc, old);
	return (struct obj *)(uintptr_t)old->header;
}

static void young_scan_object(struct gc *gc, uint64_t at, uint64_t start, uint64_t end,
			      bool full)
{
	struct obj *o = space_at(gc->to, at), *ref, *now;
	unsigned int i, stop;

	obj_refs_within(o, at, start, end, &i, &stop);
	for (; i < stop; i++) {
		ref = obj_get(o, i);
		now = young_forward(gc, ref, full);
		if (now != ref)		/* or else nothing is written */
			obj_set(o, i, now);
	}
}

/* Scan [start, end) of old space, where mutators have written. */
static void young_scan_written(struct gc *gc, uint64_t start, uint64_t end)
{
	uint64_t at = gc->to->cross[start / gc->page] * sizeof(uint64_t);

	stat_add(&gc->stats.remembered_bytes, end - start);
	if (gc->config.sabotage == GC_SABOTAGE_CROSS && at < start)
		at += obj_bytes(space_at(gc->to, at)->header);
	for (; at < end; at += obj_bytes(space_at(gc->to, at)->header))
		young_scan_object(gc, at, start, end, false);
}

/* Scan what is remembered, neighbours together, up to @top, where old space ended. */
static void young_scan_remembered(struct gc *gc, size_t nr, uint64_t top)
{
	size_t first, i;
	uint64_t end;

	for (i = 0; i < nr; i++) {
		if (!gc->remembered[i / 64]) {
			i |= 63;
			continue;
		}
		if (!remember_is_set(gc->remembered, i))
			continue;
		for (first = i; i < nr && remember_is_set(gc->remembered, i); i++)
			;
		stat_add(&gc->stats.remembered, i - first);
		end = i * gc->unit;
		young_scan_written(gc, first * gc->unit, end < top ? end : top);
	}
}

/* Sabotage: a random one of what is remembered is not. */
static void young_forget(struct gc *gc, size_t nr)
{
	size_t left = 0, i;

	for (i = 0; i < nr; i++)
		left += remember_is_set(gc->remembered, i);
	if (!left)
		return;
	gc->random = gc->random * 6364136223846793005ULL + 1442695040888963407ULL;
	left = (gc->random >> 33) % left + 1;
	for (i = 0; left; i++)
		left -= remember_is_set(gc->remembered, i);
	gc->remembered[(i - 1) / 64] &= ~(1ULL << (i - 1) % 64);
}

/* Take the remembered set of @space, up to its offset @top; returns how many bits it has. */
static size_t young_take(struct gc *gc, struct space *space, uint64_t top)
{
	size_t nr = (top + gc->unit - 1) / gc->unit;
	int err = nr ? young_ops(gc)->take(&gc->barrier, &space->map, nr, gc->remembered) : 0;

	if (err)
		gc_die("what was written to old space cannot be told: %s", strerror(-err));
	return nr;
}

/* Roots, and from @scan on the copies themselves; all allocation buffers are dropped. */
static void young_trace(struct gc *gc, uint64_t scan, bool full)
{
	struct space *to = gc->to;
	struct mutator *m;
	unsigned int i;

	for (i = 0; i < GC_MAX_GLOBALS; i++)
		gc->global[i] = young_forward(gc, gc->global[i], full);
	for (m = gc->mutators; m; m = m->next) {
		m->top = NULL;
		m->end = NULL;
		for (i = 0; i < m->nr_roots; i++)
			m->root[i] = young_forward(gc, m->root[i], full);
	}
	for (; scan < to->copy_top; scan += obj_bytes(space_at(to, scan)->header))
		young_scan_object(gc, scan, 0, UINT64_MAX, full);
}

static void young_collect_young(struct gc *gc)
{
	uint64_t top = gc->to->copy_top;
	size_t nr = young_take(gc, gc->to, top);

	if (gc->config.sabotage == GC_SABOTAGE_FORGET)
		young_forget(gc, nr);
	if (gc->config.verify)
		verify_remembered(gc);
	young_scan_remembered(gc, nr, top);
	young_trace(gc, top, false);
}

static void young_collect_full(struct gc *gc)
{
	struct space *to = gc->from;
	int err;

	if (to->mapped) {
		young_take(gc, to, to->map.bytes);	/* it was old space once */
	} else {
		err = space_create(gc, to);
		if (err)
			gc_die("%s: %s", gc->barrier.failed, strerror(-err));
	}
	gc->from = gc->to;
	gc->to = to;
	to->copy_top = 0;
	to->low = to->map.bytes;
	to->alloc_bottom = to->map.bytes;
	young_trace(gc, 0, true);
	stat_add(&gc->stats.full, 1);
}

/* With the world stopped, before a collection. */
static bool young_wants_full(struct gc *gc)
{
	return gc->want_full || young_room(gc) < gc->nursery.map.bytes ||
	       (gc->config.torture &&
		stat_read(&gc->stats.collections) % TORTURE_FULL == TORTURE_FULL - 1);
}

/* With the world still stopped: let mutators have the nursery again. */
static void young_finish(struct gc *gc, bool full)
{
	if (gc->to->copy_top + gc->nursery.map.bytes > gc->to->map.bytes)
		gc_die("the heap is full: %llu bytes are live; raise --heap",
		       (unsigned long long)gc->to->copy_top);
	pthread_mutex_lock(&gc->lock);
	gc->nursery.alloc_bottom = gc->nursery.map.bytes;
	gc->want_full = gc->want_full && !full;
	gc->room = full ? young_room(gc) : UINT64_MAX;	/* for large objects; or not known */
	gc->collecting = false;
	gc->cycles++;
	pthread_mutex_unlock(&gc->lock);
	stat_add(&gc->stats.collections, 1);
	atomic_store_explicit(&gc->stats.live, gc->to->copy_top, memory_order_relaxed);
}

void young_collect(struct gc *gc)
{
	unsigned int every = gc->config.give_back;
	uint64_t start = now_ns();
	bool full;

	world_stop(gc);
	full = young_wants_full(gc);
	if (full)
		young_collect_full(gc);
	else
		young_collect_young(gc);
	young_finish(gc, full);
	if (gc->config.verify)
		verify_heap_stopped(gc);
	world_resume(gc);
	samples_add(full ? &gc->full_pauses : &gc->stop_pauses, now_ns() - start);
	if (full && every && stat_read(&gc->stats.full) % every == 0)
		space_give_back(gc, gc->from);
}
