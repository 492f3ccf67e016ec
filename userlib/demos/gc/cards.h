/* SPDX-License-Identifier: MIT */
/*
 * The remembered set cards: a write barrier in the code of the mutators
 *
 * Whoever stores a reference marks the card that it was stored to: a byte of a
 * table for every 512 bytes of the heap. As is usual it is not asked first whether
 * what is stored is young, or where it is stored old: that costs more than it saves.
 */
#ifndef GC_CARDS_H
#define GC_CARDS_H

#include <stdint.h>

#define CARD_SHIFT	9

/** Entry 0 would be that of address 0. Changes only while there are no mutators. */
extern uint8_t *cards_table;

static inline void cards_mark(const uint64_t *slot)
{
	/* Looked at when the world stands still, which orders it. */
	__atomic_store_n(&cards_table[(uintptr_t)slot >> CARD_SHIFT], 1, __ATOMIC_RELAXED);
}

#endif /* GC_CARDS_H */
