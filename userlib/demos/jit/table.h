/* SPDX-License-Identifier: MIT */
/*
 * The table: for each set of filters the unit that is its code now, if there is one
 *
 * Runners load the pointer without a lock. Who takes a unit out of the table, or
 * puts another one in its place, owns it from then on, and hands it to the engine,
 * since runners may still be in it.
 */
#ifndef JIT_TABLE_H
#define JIT_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "unit.h"

/** struct slot - what is about one set */
struct slot {
	_Alignas(64) _Atomic(struct unit *) unit;
	_Atomic uint32_t heat;		/* how often it was looked up; it cools down */
	atomic_bool wanted;		/* somebody missed it */
	struct rules rules;
};

struct table {
	unsigned int nr;
	struct slot *slot;
	_Atomic unsigned int next_wanted;	/* where to look on */
	pthread_mutex_t lock;			/* of the clock's hand */
	unsigned int hand;
};

/** Make @nr sets from @seed. Returns 0 or -ENOMEM. */
int table_init(struct table *table, unsigned int nr, uint64_t seed);
/** All units have been taken out. */
void table_destroy(struct table *table);

/** Some slot, some of them more often than others. */
struct slot *table_pick(struct table *table, uint64_t *state);
/** A slot that somebody has missed, or NULL. */
struct slot *table_wanted(struct table *table);

/** The unit to run, or NULL. It stays while the caller is inside its guard. */
static inline struct unit *slot_look(struct slot *slot)
{
	uint32_t heat = atomic_load_explicit(&slot->heat, memory_order_relaxed);

	/* Some counts get lost. It is a measure, not a number. */
	atomic_store_explicit(&slot->heat, heat + 1, memory_order_relaxed);
	/* Pairs with the release in slot_set(): the unit is seen as it was made. */
	return atomic_load_explicit(&slot->unit, memory_order_acquire);
}

/** Put a unit in, or NULL. Returns the one that was there, for the engine to retire. */
static inline struct unit *slot_set(struct slot *slot, struct unit *unit)
{
	/*
	 * Release: the unit and its code before the pointer to it; pairs with
	 * slot_look(). Acquire: the caller sees the old unit as it was made.
	 */
	return atomic_exchange_explicit(&slot->unit, unit, memory_order_acq_rel);
}

/**
 * Take cold units out, until they have @nr_pages pages or are @max. Returns how many.
 */
unsigned int table_evict(struct table *table, uint64_t nr_pages, struct unit **units,
			 unsigned int max);

#endif /* JIT_TABLE_H */
