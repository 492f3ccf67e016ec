// SPDX-License-Identifier: MIT
/*
 * The barrier soft: Baker's read barrier, in the code of the mutators
 *
 * Workloads are compiled twice: with loads of references as they are, for the page
 * barriers, and with GC_SOFT defined, where each load looks whether the reference
 * leads to from-space. If it does, the mutator itself copies the object, unless
 * that was done, and stores the new address where it found the old one.
 *
 * So copies are made by several threads, one at a time, under gc->copying. A
 * forwarding address is stored with release order after the copy is complete, and
 * looked at without the lock first. A word that holds an old reference is replaced
 * by compare-and-swap: the mutator who owns the object may have stored another one
 * there meanwhile, which, as mutators have none to from-space, needs no forwarding.
 *
 * The end: when the scan has come to the end of the copies, no word in to-space leads
 * to from-space and all that is live has been copied. But a mutator may be between
 * its load and its look at the old header; so the world is stopped once more before
 * from-space goes. A page barrier needs no such stop.
 */
#include "gc_priv.h"
#include "soft.h"

struct soft_range soft_from;

/* Set while a collection goes on; written while the world stands still. */
static struct gc *soft_gc;

static struct obj *soft_forward(struct gc *gc, uint64_t ref)
{
	struct obj *old = (struct obj *)(uintptr_t)ref;
	/* Pairs with the release in collector_copy(). */
	uint64_t header = __atomic_load_n(&old->header, __ATOMIC_ACQUIRE);

	if (!(header & OBJ_IS_HEADER))
		return (struct obj *)(uintptr_t)header;
	pthread_mutex_lock(&gc->copying);
	header = __atomic_load_n(&old->header, __ATOMIC_RELAXED);
	if (header & OBJ_IS_HEADER)
		header = (uintptr_t)collector_copy(gc, old);
	pthread_mutex_unlock(&gc->copying);
	return (struct obj *)(uintptr_t)header;
}

struct obj *soft_heal(uint64_t *slot, uint64_t ref)
{
	struct obj *now = soft_forward(soft_gc, ref);

	gc_self->healed++;
	__atomic_compare_exchange_n(slot, &ref, (uint64_t)(uintptr_t)now, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return now;
}

void soft_begin(struct gc *gc)
{
	soft_gc = gc;
	if (gc->config.sabotage != GC_SABOTAGE_REVOKE)
		soft_from = (struct soft_range){ (uintptr_t)gc->from->map.mutator,
						 gc->from->map.bytes };
}

void soft_end(struct gc *gc)
{
	world_stop(gc);
	soft_from = (struct soft_range){ 0, 0 };
	world_resume(gc);
}

static void soft_scan_object(struct gc *gc, struct obj *o)
{
	uintptr_t start = (uintptr_t)gc->from->map.mutator;
	uint32_t i, nr = obj_nr_ptrs(o->header);
	uint64_t ref;

	for (i = 0; i < nr; i++) {
		ref = __atomic_load_n(&o->word[i], __ATOMIC_RELAXED);
		if (ref - start >= gc->from->map.bytes)
			continue;
		__atomic_compare_exchange_n(&o->word[i], &ref,
					    (uint64_t)(uintptr_t)soft_forward(gc, ref), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
}

/* Scan all copies, also those that mutators make meanwhile. */
void soft_scan_all(struct gc *gc)
{
	struct space *to = gc->to;
	uint64_t at = 0, top;

	for (;;) {
		pthread_mutex_lock(&gc->copying);
		top = to->copy_top;
		pthread_mutex_unlock(&gc->copying);
		if (at == top)
			return;
		for (; at < top; at += obj_bytes(space_at(to, at)->header))
			soft_scan_object(gc, space_at(to, at));
	}
}
