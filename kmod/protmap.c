// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache protection map: the protection of each page of a view
 *
 * Concepts: two levels: a flat array of slots, and leaves where a slot's pages
 *           differ. Setting cannot fail halfway: codecache_protmap_prepare()
 *           makes every leaf that is needed, and changes no value by it; then
 *           codecache_protmap_set() only writes.
 * Locking:  the owner's (the view's invalidate_lock): exclusive for prepare and
 *           set, shared for get and count.
 * Lifetime: leaves go when their slot becomes uniform again, or with the map.
 *
 * Pure logic: selftests/unit compiles this very file in user space.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "protmap.h"

static unsigned long codecache_slot_make(u8 value)
{
	return (unsigned long)value << 1 | 1;
}

static unsigned long codecache_protmap_nr_slots(const struct codecache_protmap *map)
{
	return ((map->nr_pages - 1) >> CODECACHE_LEAF_SHIFT) + 1;
}

/* Pages of slot @i that exist: the last one may be cut short. */
static unsigned long codecache_slot_pages(const struct codecache_protmap *map,
					  unsigned long i)
{
	return min(CODECACHE_LEAF_PAGES,
		   map->nr_pages - (i << CODECACHE_LEAF_SHIFT));
}

/**
 * codecache_protmap_init - a map in which every page has @value
 * @map: to be set up
 * @nr_pages: pages, at least 1
 * @value: below CODECACHE_PROTMAP_VALUES
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int codecache_protmap_init(struct codecache_protmap *map,
			   unsigned long nr_pages, u8 value)
{
	unsigned long i;

	map->nr_pages = nr_pages;
	map->slots = kvmalloc_array(codecache_protmap_nr_slots(map),
				    sizeof(*map->slots), GFP_KERNEL_ACCOUNT);
	if (!map->slots)
		return -ENOMEM;
	for (i = 0; i < codecache_protmap_nr_slots(map); i++)
		map->slots[i] = codecache_slot_make(value);
	return 0;
}

/**
 * codecache_protmap_destroy - free all that a map holds
 * @map: the map; a zeroed one is fine too
 *
 * Context: process; may sleep.
 */
void codecache_protmap_destroy(struct codecache_protmap *map)
{
	unsigned long i;

	if (!map->slots)
		return;
	for (i = 0; i < codecache_protmap_nr_slots(map); i++) {
		if (!codecache_slot_uniform(map->slots[i]))
			kfree(codecache_slot_leaf(map->slots[i]));
	}
	kvfree(map->slots);
	map->slots = NULL;
}

/* Give slot @i a leaf, in which every page keeps its value. */
static int codecache_slot_split(struct codecache_protmap *map, unsigned long i)
{
	unsigned long slot = map->slots[i];
	u8 *leaf;

	if (!codecache_slot_uniform(slot))
		return 0;
	leaf = kmalloc(CODECACHE_LEAF_PAGES, GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return -ENOMEM;
	memset(leaf, codecache_slot_value(slot), CODECACHE_LEAF_PAGES);
	map->slots[i] = (unsigned long)leaf;
	return 0;
}

/**
 * codecache_protmap_prepare - make sure that a later set cannot fail
 * @map: the map
 * @first: first page
 * @nr: pages, at least 1; all exist
 *
 * Only the two ends of a range can cut a slot; those in between become uniform.
 *
 * Context: process; sleeps; the owner's lock held exclusively.
 * Return: 0 or -ENOMEM; no page's value changes either way.
 */
int codecache_protmap_prepare(struct codecache_protmap *map,
			      unsigned long first, unsigned long nr)
{
	unsigned long last = first + nr - 1;
	unsigned long i = first >> CODECACHE_LEAF_SHIFT;
	unsigned long j = last >> CODECACHE_LEAF_SHIFT;
	int err = 0;

	if (first & CODECACHE_LEAF_MASK ||
	    (i == j && nr < codecache_slot_pages(map, i)))
		err = codecache_slot_split(map, i);
	if (!err && i != j &&
	    (last & CODECACHE_LEAF_MASK) + 1 < codecache_slot_pages(map, j))
		err = codecache_slot_split(map, j);
	return err;
}

/**
 * codecache_protmap_set - give a range of pages one value
 * @map: the map
 * @first: first page
 * @nr: pages, at least 1; codecache_protmap_prepare() passed the same range
 * @value: below CODECACHE_PROTMAP_VALUES
 *
 * Context: any; the owner's lock held exclusively.
 */
void codecache_protmap_set(struct codecache_protmap *map, unsigned long first,
			   unsigned long nr, u8 value)
{
	while (nr) {
		unsigned long i = first >> CODECACHE_LEAF_SHIFT;
		unsigned long in = first & CODECACHE_LEAF_MASK;
		unsigned long pages = codecache_slot_pages(map, i);
		unsigned long n = min(nr, pages - in);
		unsigned long slot = map->slots[i];

		if (n == pages) {
			map->slots[i] = codecache_slot_make(value);
			if (!codecache_slot_uniform(slot))
				kfree(codecache_slot_leaf(slot));
		} else if (n == 1) {
			codecache_slot_leaf(slot)[in] = value;
		} else {
			memset(codecache_slot_leaf(slot) + in, value, n);
		}
		first += n;
		nr -= n;
	}
}

/**
 * codecache_protmap_count - how many pages have which value
 * @map: the map
 * @counts: pages, for each value
 *
 * Context: process; the owner's lock held, shared at least. Time grows with
 * slots and leaves.
 */
void codecache_protmap_count(const struct codecache_protmap *map,
			     u64 counts[CODECACHE_PROTMAP_VALUES])
{
	unsigned long i, k, pages;

	memset(counts, 0, CODECACHE_PROTMAP_VALUES * sizeof(*counts));
	for (i = 0; i < codecache_protmap_nr_slots(map); i++) {
		unsigned long slot = map->slots[i];

		pages = codecache_slot_pages(map, i);
		if (codecache_slot_uniform(slot)) {
			counts[codecache_slot_value(slot)] += pages;
			continue;
		}
		for (k = 0; k < pages; k++)
			counts[codecache_slot_leaf(slot)[k]]++;
	}
}
