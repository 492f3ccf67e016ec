// SPDX-License-Identifier: MIT
/* The table of units, and the clock that finds cold ones. */
#include <errno.h>
#include <stdlib.h>

#include "mix.h"
#include "table.h"

/* Rounds of the clock's hand before it takes what it gets. */
#define MAX_ROUNDS	8U

int table_init(struct table *table, unsigned int nr, uint64_t seed)
{
	unsigned int i;

	*table = (struct table){ .slot = aligned_alloc(64, nr * sizeof(*table->slot)) };
	if (!table->slot)
		return -ENOMEM;
	pthread_mutex_init(&table->lock, NULL);
	for (i = 0; i < nr; i++) {
		struct slot *slot = &table->slot[i];

		atomic_init(&slot->unit, NULL);
		atomic_init(&slot->heat, 0);
		atomic_init(&slot->wanted, false);
		table->nr = i + 1;
		if (rules_init(&slot->rules, seed, i)) {
			slot->rules.nr_filters = 0;
			table_destroy(table);
			return -ENOMEM;
		}
	}
	return 0;
}

void table_destroy(struct table *table)
{
	while (table->nr)
		rules_free(&table->slot[--table->nr].rules);
	pthread_mutex_destroy(&table->lock);
	free(table->slot);
}

/* The product of evenly distributed numbers: low slots are the hot ones. */
struct slot *table_pick(struct table *table, uint64_t *state)
{
	uint64_t n = mix_next(state);

	n = (n & 0xffff) * (n >> 16 & 0xffff) * (n >> 32 & 0xffff) >> 32;
	return &table->slot[n * table->nr >> 16];
}

struct slot *table_wanted(struct table *table)
{
	unsigned int start = atomic_load_explicit(&table->next_wanted, memory_order_relaxed);
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		struct slot *slot = &table->slot[(start + i) % table->nr];

		if (atomic_load_explicit(&slot->wanted, memory_order_relaxed) &&
		    atomic_exchange_explicit(&slot->wanted, false, memory_order_relaxed)) {
			atomic_store_explicit(&table->next_wanted, start + i + 1,
					      memory_order_relaxed);
			return slot;
		}
	}
	return NULL;
}

/* Second chance: whoever was looked up since the hand was here cools down instead. */
static struct unit *table_hand(struct table *table, bool anything)
{
	struct slot *slot = &table->slot[table->hand];
	uint32_t heat = atomic_load_explicit(&slot->heat, memory_order_relaxed);

	table->hand = (table->hand + 1) % table->nr;
	if (!atomic_load_explicit(&slot->unit, memory_order_relaxed))
		return NULL;
	if (heat && !anything) {
		atomic_store_explicit(&slot->heat, heat / 4, memory_order_relaxed);
		return NULL;
	}
	return slot_set(slot, NULL);
}

unsigned int table_evict(struct table *table, uint64_t nr_pages, struct unit **units,
			 unsigned int max)
{
	unsigned int nr = 0, steps;
	uint64_t pages = 0;

	pthread_mutex_lock(&table->lock);
	for (steps = 0; steps < MAX_ROUNDS * table->nr && nr < max && pages < nr_pages; steps++) {
		struct unit *unit = table_hand(table, steps >= (MAX_ROUNDS - 1) * table->nr);

		if (unit) {
			units[nr++] = unit;
			pages += unit->piece.nr_pages;
		}
	}
	pthread_mutex_unlock(&table->lock);
	return nr;
}
