/* SPDX-License-Identifier: MIT */
/*
 * The collector as its mutators see it: objects, roots, allocation, safepoints
 *
 * A reference is the address of an object in the mutators' view of the heap, and
 * following one is a plain load: there is no read barrier in the code, the page
 * tables are the barrier. (Workloads are compiled a second time, with GC_SOFT
 * defined, for the barrier that is in the code: then ref_load() checks. And a third
 * time, with GC_CARDS, for the remembered set that is: ref_store() marks a card.) What a
 * mutator must do in return is to keep to four rules:
 *
 *  1. gc_alloc(), gc_poll() and gc_leave() are *safepoints*, and nothing else
 *     is. Objects move at safepoints only, so a reference in a C variable is good
 *     until the next one. What is to survive it must be in a root.
 *  2. A loop without allocation polls, or else it holds up everybody.
 *  3. While a mutator holds a lock it touches the heap only if the collector
 *     never wants that lock: an access can sleep until the collector has served
 *     it.
 *  4. References are loaded and stored with the functions below, and read(2) into
 *     the heap is gc_pread(): not every barrier can make the kernel wait.
 *
 * A mutator without a collector (gc_enter() with NULL) gets its objects from
 * calloc() and gives them back with gc_drop(), which does nothing otherwise. This
 * is the reference that the demo compares its results with.
 */
#ifndef GC_H
#define GC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GC_MAX_ROOTS	256
#define GC_MAX_GLOBALS	4

struct gc;

/**
 * struct obj - an object: a header, then references, then plain data
 * @header: bit 0 is 1; bits 1 to 31 the number of references; bits 32 to 63 the
 *	number of words with the header. In from-space, once the object has been
 *	copied: its new address, whose bit 0 is 0. Never changes in to-space.
 * @word: the references, each the address of an object or 0, then the data
 */
struct obj {
	uint64_t header;
	uint64_t word[];
};

#define OBJ_IS_HEADER	1ULL

static inline uint64_t obj_header(uint32_t nr_ptrs, uint64_t nr_words)
{
	return nr_words << 32 | (uint64_t)nr_ptrs << 1 | OBJ_IS_HEADER;
}

static inline uint32_t obj_nr_ptrs(uint64_t header)
{
	return (uint32_t)header >> 1;
}

static inline uint64_t obj_bytes(uint64_t header)
{
	return (header >> 32) * sizeof(uint64_t);
}

#if defined(GC_SOFT)
#define GC_CODE(name)	name ## _soft	/* what is compiled more than once has several names */
#include "soft.h"
#elif defined(GC_CARDS)
#define GC_CODE(name)	name ## _cards
#include "cards.h"
#else
#define GC_CODE(name)	name
#endif

/** Load a reference from a word of an object. */
static inline struct obj *ref_load(const uint64_t *slot)
{
	uint64_t ref = __atomic_load_n(slot, __ATOMIC_RELAXED);

#ifdef GC_SOFT
	if (__builtin_expect(ref - soft_from.start < soft_from.bytes, 0))
		return soft_heal((uint64_t *)(uintptr_t)slot, ref);
#endif
	return (struct obj *)(uintptr_t)ref;
}

static inline void ref_stored(uint64_t *slot)
{
#ifdef GC_CARDS
	cards_mark(slot);
#else
	(void)slot;
#endif
}

/** Store a reference, or NULL, to a word of an object. */
static inline void ref_store(uint64_t *slot, const struct obj *to)
{
	__atomic_store_n(slot, (uintptr_t)to, __ATOMIC_RELAXED);
	ref_stored(slot);
}

static inline struct obj *obj_get(const struct obj *o, unsigned int i)
{
	return ref_load(&o->word[i]);
}

static inline void obj_set(struct obj *o, unsigned int i, const struct obj *to)
{
	ref_store(&o->word[i], to);
}

/** The plain data of an object, behind its references. */
static inline uint64_t *obj_data(struct obj *o)
{
	return o->word + obj_nr_ptrs(o->header);
}

/** How references are passed between mutators: what was stored into *@to before is seen. */
static inline void obj_publish(struct obj *o, unsigned int i, const struct obj *to)
{
	/* Pairs with the acquire in obj_observe(). */
	__atomic_store_n(&o->word[i], (uintptr_t)to, __ATOMIC_RELEASE);
	ref_stored(&o->word[i]);
}

static inline struct obj *obj_observe(const struct obj *o, unsigned int i)
{
	struct obj *to = obj_get(o, i);

	/* Pairs with the release in obj_publish(). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return to;
}

enum gc_sabotage {
	GC_SABOTAGE_NONE,
	GC_SABOTAGE_REVOKE,	/* to-space is not revoked at the flip */
	GC_SABOTAGE_ORDER,	/* pages are granted first and scanned then */
	GC_SABOTAGE_CROSS,	/* what reaches into a page from the one before is not scanned */
	GC_SABOTAGE_FLUSH,	/* the module's PROTECT (or QUERY) does not flush the TLB */
	GC_SABOTAGE_FORGET,	/* a page that was written to is not remembered */
	GC_NR_SABOTAGES,
};

struct gc_config {
	const char *barrier;		/* or remembered set */
	bool generational;
	uint64_t heap_bytes;		/* of one semispace, or of old space */
	uint64_t nursery_bytes;
	unsigned int give_back;		/* after every so many collections; 0 never */
	unsigned int group;		/* pages that are granted together, at the most */
	uint64_t torture;		/* flip every so many allocations; 0 off */
	bool shuffle;			/* take random pages away again, and give them back */
	uint64_t padding;		/* bytes of pages closed early, a collection */
	bool verify;			/* walk the heap after each collection */
	unsigned int outrun;		/* let others go first so often after waiting for memory */
	enum gc_sabotage sabotage;
};

/**
 * struct mutator - a thread that uses the heap
 *
 * Written by its own thread, and by the collector while that thread is parked.
 */
struct mutator {
	struct gc *gc;			/* NULL: calloc() and free() */
	const atomic_bool *stop;	/* &gc->stop, or one that is never set */
	struct mutator *next;		/* gc->lock */
	uint8_t *top;			/* free part of the allocation buffer */
	uint8_t *end;
	uint64_t torture_left;
	uint64_t objects;		/* allocated, all in all */
	uint64_t bytes;
	uint64_t healed;		/* references that the soft barrier replaced */
	uint64_t touched;		/* calls of gc_pread() that had to try again */
	uint64_t cpu_ns;		/* processor time, at the end */
	unsigned int nr_roots;
	struct obj *root[GC_MAX_ROOTS];	/* precise: all that is live, and nothing else */
};

/** The calling thread's, or NULL. */
extern __thread struct mutator *gc_self;

/** Make the calling thread a mutator of @gc, or one without a collector. */
void gc_enter(struct gc *gc, struct mutator *m);
/** The end of that; its roots are gone. */
void gc_leave(struct mutator *m);

/** Allocate an object, zeroed. Never fails: without memory the program ends. Safepoint. */
struct obj *gc_alloc(struct mutator *m, uint32_t nr_ptrs, uint64_t nr_data);
/** Without a collector: free an object. With one: nothing. */
void gc_drop(struct mutator *m, struct obj *o);
/** The slow half of gc_poll(). */
void gc_park(struct mutator *m);

/** Let the collector stop this thread, if it wants to. Safepoint. */
static inline void gc_poll(struct mutator *m)
{
	/* A hint only: gc_park() looks again under the lock, which orders the rest. */
	if (atomic_load_explicit(m->stop, memory_order_relaxed))
		gc_park(m);
}

/** Add a root, and return its place: read it again after each safepoint. */
struct obj **gc_push(struct mutator *m, struct obj *o);

/** Remove the @nr newest roots. */
static inline void gc_pop(struct mutator *m, unsigned int nr)
{
	m->nr_roots -= nr;
}

/** A root that all mutators share, or NULL without a collector; the slot is theirs to guard. */
struct obj **gc_global(struct mutator *m, unsigned int i);

/** Sleep, while others may collect. Safepoint. */
void gc_rest(struct mutator *m, uint64_t ns);

/** pread(2) into an object; 0, or -1 and errno. Not a safepoint. */
int gc_pread(struct mutator *m, int fd, void *to, size_t bytes, off_t at);

/** Something cannot be as it is. Others may sleep on the heap: leave at once, with status 1. */
void gc_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif /* GC_H */
