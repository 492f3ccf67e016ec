/* SPDX-License-Identifier: MIT */
/*
 * The collector's insides
 *
 * Locking: gc->lock is the only lock of the page barriers (gc->copying is the soft
 * one's, see soft.c). It is held for bookkeeping only: never while the heap is touched, a
 * page granted, or a system call made that can wait for a mutator. Between a flip and the
 * end of its collection the collector waits for no lock that a mutator may hold while it
 * touches the heap. It does call malloc, which does not touch the heap with its lock held;
 * it does not print, for a mutator's printf() may read a string from the heap with
 * stdout's lock held. A generational collection (young.c) has the world stand still, and may.
 */
#ifndef GC_PRIV_H
#define GC_PRIV_H

#include <pthread.h>

#include "barrier.h"
#include "gc.h"
#include "samples.h"
#include "signals.h"

#define GC_NO_PAGE	SIZE_MAX
#define GC_NO_ROOM	UINT64_MAX
#define GC_WAITERS	64U	/* threads whose waits are told apart */
#define GC_TLAB_PAGES	8U	/* an allocation buffer */
#define GC_MAX_GROUP	64U	/* pages that are granted together */
#define GC_MAX_SHUT	64U	/* pages that torture has taken away */

/**
 * struct space - a semispace
 *
 *	0      copy_top       low         alloc_bottom            bytes
 *	|  copies  | room for  |  free ->  <- free  |  new objects  |
 *	|   grow ->| copies    |                    | <- grow       |
 *
 * Copies are grey: the mutators get a page of them when it is scanned. New
 * objects are black: the mutators have their pages from the start, and no
 * reference to from-space is ever in them.
 *
 * @map: its two views; present while @mapped
 * @copy_top: end of the copies, an offset; collector
 * @low: where new objects end: copy_top plus all that may still be copied; written
 *	by the collector under gc->lock
 * @alloc_bottom: start of the new objects; gc->lock
 * @cross: for each page of copies, the word where the object starts that lies
 *	over its first byte (the crossing map); collector
 * @done: for each page of copies, enum page_state; collector
 */
struct space {
	struct space_map map;
	bool mapped;
	uint64_t copy_top;
	uint64_t low;
	uint64_t alloc_bottom;
	uint32_t *cross;
	uint8_t *done;
};

/** enum page_state - how far the collector has got with a page of copies */
enum page_state {
	PAGE_GREY,		/* not scanned, or not all of it */
	PAGE_SCANNED,		/* in gc->pending */
	PAGE_OPEN,		/* granted */
	PAGE_SHUT,		/* taken away again, in gc->shut: torture */
};

/* Written by one thread, the collector's; read by any. */
struct gc_stats {
	_Atomic uint64_t collections;
	_Atomic uint64_t objects_copied;
	_Atomic uint64_t bytes_copied;
	_Atomic uint64_t pages_background;	/* scanned unasked */
	_Atomic uint64_t pages_trapped;		/* scanned because a mutator waited */
	_Atomic uint64_t traps;			/* events; several can be for one page */
	_Atomic uint64_t shuts;			/* pages taken away again */
	_Atomic uint64_t given_back;		/* bytes */
	_Atomic uint64_t given_back_seen;	/* bytes by which Shmem fell meanwhile */
	_Atomic uint64_t padding;		/* bytes left empty by pages closed early */
	_Atomic uint64_t deferrals;		/* traps that had to wait for a page to fill */
	_Atomic uint64_t walks;			/* of the whole heap, to verify it */
	_Atomic uint64_t faults_found;		/* by these walks, and in shut pages */
	_Atomic uint64_t live;			/* bytes, after the last collection */
	_Atomic uint64_t full;			/* collections of all of the heap: young.c */
	_Atomic uint64_t remembered;		/* pages or cards */
	_Atomic uint64_t remembered_bytes;	/* of old space that was scanned for them */
};

/* A page that torture has taken away, and what it held. */
struct shut {
	size_t page;
	uint64_t sum;
};

/* A thread that has trapped before. */
struct waiter {
	uint32_t thread;
	uint64_t woken_ns;	/* it did not wait just then */
};

/**
 * struct gc - a heap and its collector
 *
 * @stop: the world is to stand still; written under @lock, polled without
 * @requested, @collecting, @quit, @running, @cycles, @mutators: under @lock;
 *	@running is the number of mutators that are not parked
 * @to, @from: change only while the world stands still
 * @global: written by the collector while the world stands still
 * @room: what the last collection left for the request of a single mutator, if nobody
 *	else had wanted any; under @lock
 * @copying: held by who copies, with the soft barrier
 * @want_full: there is no room in old space; under @lock
 * @nursery: new objects, with --generational; its alloc_bottom is under @lock
 * @remembered: a bit for each @unit bytes of old space, which @to is then
 * All below @thread belongs to the collector; @stall is under @lock.
 */
struct gc {
	struct gc_config config;
	struct barrier barrier;
	size_t page;

	pthread_mutex_t lock;
	pthread_cond_t to_collector;
	pthread_cond_t to_mutators;
	atomic_bool stop;
	bool requested;
	bool collecting;
	bool quit;
	unsigned int running;
	uint64_t cycles;
	uint64_t room;
	struct mutator *mutators;
	struct samples stall;
	pthread_mutex_t copying;	/* soft.c; taken with no other lock held */

	struct space spaces[2];
	struct space *to;
	struct space *from;
	struct obj *global[GC_MAX_GLOBALS];
	struct space nursery;
	bool want_full;
	uint64_t *remembered;
	size_t unit;

	pthread_t thread;
	size_t background;		/* no page below it needs a scan */
	size_t deferred;		/* page that a mutator waits for, see collector.c */
	size_t partial_page;		/* scanned as far as partial_at */
	uint64_t partial_at;
	uint64_t padding_left;		/* this collection may leave so much empty */
	uint64_t queue_empty_ns;	/* when no trap was there, last */
	uint64_t deferred_ns[GC_WAITERS];	/* since when they wait for that page */
	unsigned int nr_deferred;
	struct waiter waiters[GC_WAITERS];
	size_t pending[GC_MAX_GROUP];	/* pages that are scanned, and to be granted */
	unsigned int nr_pending;
	struct shut shut[GC_MAX_SHUT];
	unsigned int nr_shut;
	uint64_t random;		/* for torture */
	struct samples stop_pauses;
	struct samples full_pauses;	/* those of full collections; young.c */
	struct samples trap;
	struct gc_stats stats;
	uint64_t cpu_ns;		/* the collector's, at the end */
	uint64_t protects;		/* at the end: as the module counts them */
	uint64_t queries;
};

/* heap.c */
int space_create(struct gc *gc, struct space *s);
void space_destroy(struct gc *gc, struct space *s);
void space_give_back(struct gc *gc, struct space *s);
void space_cover(struct gc *gc, struct space *s, uint64_t start, uint64_t bytes);
uint64_t space_used(const struct space *s);
uint64_t space_carve(struct space *s, uint64_t bytes);

static inline struct obj *space_at(const struct space *s, uint64_t offset)
{
	return (struct obj *)(s->map.collector + offset);
}

static inline struct obj *space_ref(const struct space *s, uint64_t offset)
{
	return (struct obj *)(s->map.mutator + offset);
}

/* The offset of a reference; beyond s->map.bytes if it does not lie in @s. */
static inline uint64_t space_offset(const struct space *s, const struct obj *ref)
{
	return (uintptr_t)ref - (uintptr_t)s->map.mutator;
}

/*
 * Which references of the object at offset @at lie in [start, end): those from *@first up
 * to *@stop, none if that is not more.
 */
static inline void obj_refs_within(const struct obj *o, uint64_t at, uint64_t start,
				   uint64_t end, unsigned int *first, unsigned int *stop)
{
	uint64_t refs = at + sizeof(*o);
	uint64_t last = refs + obj_nr_ptrs(o->header) * sizeof(uint64_t);
	uint64_t from = refs > start ? refs : start;

	if (last > end)
		last = end;
	*first = (unsigned int)((from - refs) / sizeof(uint64_t));
	*stop = last > refs ? (unsigned int)((last - refs) / sizeof(uint64_t)) : 0;
}

static inline void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer, and readers that want a number only: no order needed. */
	atomic_store_explicit(counter,
		atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t stat_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* world.c */
int gc_create(struct gc *gc, const struct gc_config *config);
int gc_destroy(struct gc *gc);
void world_stop(struct gc *gc);
void world_resume(struct gc *gc);
void gc_request_locked(struct gc *gc);

/* collector.c */
void *collector_thread(void *arg);
struct obj *collector_copy(struct gc *gc, struct obj *old);

/* grant.c */
void grant_page(struct gc *gc, size_t page);
void grant_now(struct gc *gc, size_t page);
void grant_pending(struct gc *gc);
void grant_shuffle(struct gc *gc);
void grant_wanted(struct gc *gc, size_t page);
void grant_shut(struct gc *gc);

/* young.c */
int young_create(struct gc *gc);
void young_destroy(struct gc *gc);
void young_collect(struct gc *gc);
bool young_is_large(const struct gc *gc, uint64_t bytes);
uint64_t young_carve_old(struct gc *gc, uint64_t bytes);

/* verify.c */
void verify_heap(struct gc *gc);
void verify_heap_stopped(struct gc *gc);
void verify_remembered(struct gc *gc);

#endif /* GC_PRIV_H */
