// SPDX-License-Identifier: MIT
/*
 * The remembered set cards: a table that the mutators' code keeps
 *
 * So that finding a card takes no more than a shift, all that a reference can be stored
 * to lies in one range of addresses, the arena: old space, its successor, and
 * the nursery, whose cards nobody looks at. Old space has a single view, a memfd
 * so that memory is counted as that of the others is.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cards.h"
#include "remember.h"

#define PIECES	3U	/* two for old space and its successor, one for the nursery */
#define NURSERY	2U

uint8_t *cards_table;

/* There is one heap at a time. */
static struct {
	uint8_t *start;
	uint8_t *cards;		/* the first card of the arena */
	size_t piece;		/* bytes */
	bool used[NURSERY];
} arena;

static void cards_close(struct barrier *b)
{
	(void)b;
	if (!arena.start)
		return;
	munmap(arena.start, PIECES * arena.piece);
	munmap(arena.cards, PIECES * arena.piece >> CARD_SHIFT);
	memset(&arena, 0, sizeof(arena));
}

static void *cards_reserve(size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int cards_arena(struct barrier *b, size_t bytes)
{
	b->failed = "no addresses for old space and its cards";
	arena.piece = (bytes + b->page - 1) & ~(b->page - 1);
	arena.start = cards_reserve(PIECES * arena.piece, PROT_NONE);
	if (!arena.start)
		return -ENOMEM;
	arena.cards = cards_reserve(PIECES * arena.piece >> CARD_SHIFT, PROT_READ | PROT_WRITE);
	if (!arena.cards) {
		munmap(arena.start, PIECES * arena.piece);
		arena.start = NULL;
		return -ENOMEM;
	}
	cards_table = (uint8_t *)((uintptr_t)arena.cards - ((uintptr_t)arena.start >> CARD_SHIFT));
	return 0;
}

/* The only mapping of a memfd moves to its place; it is not mapped a second time. */
static int cards_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	unsigned int i = arena.used[0];
	uint8_t *place;
	int err = arena.start ? 0 : cards_arena(b, bytes);

	if (!err)
		err = memfd_map_once(b, map, bytes);
	if (err)
		return err;
	place = mremap(map->mutator, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
		       arena.start + i * arena.piece);
	if (place == MAP_FAILED) {
		err = -errno;
		memfd_unmap(b, map);
		return err;
	}
	map->mutator = place;
	map->collector = place;
	arena.used[i] = true;
	return 0;
}

/* Addresses in the arena stay reserved. */
static void cards_unmap(struct barrier *b, struct space_map *map)
{
	unsigned int i = map->mutator != arena.start;

	memset(arena.cards + (i * arena.piece >> CARD_SHIFT), 0, arena.piece >> CARD_SHIFT);
	arena.used[i] = false;
	memfd_unmap(b, map);
	mmap(arena.start + i * arena.piece, arena.piece, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static void *cards_nursery(struct barrier *b)
{
	(void)b;
	return arena.start + NURSERY * arena.piece;
}

/* Eight cards at a time, as nearly all are clean. */
static int cards_take(struct barrier *b, struct space_map *map, size_t nr, uint64_t *bitmap)
{
	uint8_t *card = &cards_table[(uintptr_t)map->mutator >> CARD_SHIFT];
	uint64_t eight;
	size_t i, j;

	(void)b;
	memset(bitmap, 0, (nr + 63) / 64 * sizeof(*bitmap));
	for (i = 0; i < nr; i += sizeof(eight)) {
		memcpy(&eight, card + i, sizeof(eight));
		if (!eight)
			continue;
		for (j = i; j < i + sizeof(eight) && j < nr; j++)
			if (card[j])
				remember_set(bitmap, j);
		memset(card + i, 0, sizeof(eight));
	}
	return 0;
}

static const struct remember_ops remember_cards_ops = {
	.unit = 1UL << CARD_SHIFT,
	.cards = true,
	.take = cards_take,
	.nursery = cards_nursery,
};

const struct barrier_ops remember_cards = {
	.name = "cards",
	.kernel_waits = true,	/* it never has to */
	.open = memfd_open,
	.close = cards_close,
	.map = cards_map,
	.unmap = cards_unmap,
	.resident = memfd_resident,
	.remember = &remember_cards_ops,
};
