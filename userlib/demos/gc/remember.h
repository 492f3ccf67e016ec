/* SPDX-License-Identifier: MIT */
/*
 * Remembered sets: which parts of old space may refer to young objects
 *
 * With --generational a barrier is not what keeps mutators off a page but what tells,
 * at a young collection, where old space was written since the last one. Each has
 * a struct barrier_ops for the memory of old space, without revoke, grant and traps,
 * whose member remember leads here.
 */
#ifndef GC_REMEMBER_H
#define GC_REMEMBER_H

#include "barrier.h"

/**
 * struct remember_ops - a kind of remembered set
 * @unit: bytes that are remembered or not, a power of two; 0: a page
 * @cards: the mutators' code keeps the set (cards.h)
 * @take: set bit n of @bitmap if unit n may have been written since the last call, for
 *	the first @nr units, clear the other bits, and remember nothing any more. The
 *	world stands still.
 * @nursery: where the nursery is to be mapped; NULL: anywhere
 * @trap: a thread wrote to a page that it may not write to; called in its signal handler
 * @queries: calls of QUERY that the module has counted; NULL: it is not used
 */
struct remember_ops {
	size_t unit;
	bool cards;
	int (*take)(struct barrier *b, struct space_map *map, size_t nr, uint64_t *bitmap);
	void *(*nursery)(struct barrier *b);
	void (*trap)(struct barrier *b, void *page);
	uint64_t (*queries)(struct barrier *b);
};

static inline void remember_set(uint64_t *bitmap, size_t unit)
{
	bitmap[unit / 64] |= 1ULL << unit % 64;
}

static inline bool remember_is_set(const uint64_t *bitmap, size_t unit)
{
	return bitmap[unit / 64] >> unit % 64 & 1;
}

#endif /* GC_REMEMBER_H */
