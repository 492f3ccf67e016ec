// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache protection map: the protection of each page of a view
 *
 * Concepts: two levels: a flat array of slots, and leaves where a slot's pages
 *           differ. Setting cannot fail halfway: codecache_protmap_prepare()
 *           makes every leaf that is needed, and changes no value by it; then
 *           codecache_protmap_apply() only writes. Both take whole vectors, and
 *           are quick where page after page lies in the same leaf.
 * Locking:  the owner's (the view's invalidate_lock): exclusive for prepare and
 *           apply, shared for get and count.
 * Lifetime: leaves go when their slot becomes uniform again, or with the map.
 *
 * Pure logic: selftests/unit compiles this very file in user space.
 */
#include <linux/atomic.h>
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
	const unsigned long slot = codecache_slot_make(value);
	unsigned long i, nr;

	map->nr_pages = nr_pages;
	nr = codecache_protmap_nr_slots(map);
	map->slots = kvmalloc_array(nr, sizeof(*map->slots), GFP_KERNEL_ACCOUNT);
	if (!map->slots)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		map->slots[i] = slot;
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
	unsigned long i, nr = codecache_protmap_nr_slots(map);

	if (!map->slots)
		return;
	for (i = 0; i < nr; i++) {
		if (!codecache_slot_uniform(map->slots[i]))
			kfree(codecache_slot_leaf(map->slots[i]));
	}
	kvfree(map->slots);
	map->slots = NULL;
}

/*
 * Give slot @i a leaf, in which every page keeps its value. Also under the lock
 * held shared, by several at a time: whoever is first wins. A reader that finds
 * the leaf finds it filled: cmpxchg() orders, and pairs with the address
 * dependency in codecache_protmap_get().
 */
static int codecache_slot_split(struct codecache_protmap *map, unsigned long i)
{
	unsigned long slot = READ_ONCE(map->slots[i]);
	u8 *leaf;

	if (!codecache_slot_uniform(slot))
		return 0;
	leaf = kmalloc(CODECACHE_LEAF_PAGES, GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return -ENOMEM;
	memset(leaf, codecache_slot_value(slot), CODECACHE_LEAF_PAGES);
	if (cmpxchg(&map->slots[i], slot, (unsigned long)leaf) != slot)
		kfree(leaf);
	return 0;
}

/**
 * codecache_protmap_split_slot - make sure that a page's slot has a leaf
 * @map: the map
 * @page: page below @map->nr_pages
 *
 * Context: process; sleeps; the owner's lock held, shared at least.
 * Return: 0 or -ENOMEM; no page's value changes either way.
 */
int codecache_protmap_split_slot(struct codecache_protmap *map,
				 unsigned long page)
{
	return codecache_slot_split(map, page >> CODECACHE_LEAF_SHIFT);
}

/* Only the two ends of a range can cut a slot; those between become uniform. */
static noinline int codecache_protmap_split(struct codecache_protmap *map,
					    unsigned long first,
					    unsigned long nr)
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

/* Is this range one page, of a slot that is known to have a leaf? */
static bool codecache_range_in_leaf(const struct codecache_prot_range *r,
				    unsigned long slot)
{
	return r->nr_pages == 1 && r->first_page >> CODECACHE_LEAF_SHIFT == slot;
}

/**
 * codecache_protmap_prepare - make sure that a later apply cannot fail
 * @map: the map
 * @ranges: each of at least 1 page; all pages exist; no overlap
 * @nr: ranges
 *
 * Context: process; sleeps; the owner's lock held exclusively.
 * Return: 0 or -ENOMEM; no page's value changes either way.
 */
int codecache_protmap_prepare(struct codecache_protmap *map,
			      const struct codecache_prot_range *ranges, u64 nr)
{
	const struct codecache_prot_range *r = ranges, *end = ranges + nr;
	unsigned long i;
	int err;

	while (r < end) {
		i = r->first_page >> CODECACHE_LEAF_SHIFT;
		if (r->nr_pages > 1 || codecache_slot_uniform(map->slots[i])) {
			err = codecache_protmap_split(map, r->first_page,
						      r->nr_pages);
			if (err)
				return err;
		}
		r++;
		if (codecache_slot_uniform(map->slots[i]))
			continue;
		while (r < end && codecache_range_in_leaf(r, i))
			r++;
	}
	return 0;
}

static noinline void codecache_protmap_fill(struct codecache_protmap *map,
					    unsigned long first,
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
		} else {
			memset(codecache_slot_leaf(slot) + in, value, n);
		}
		first += n;
		nr -= n;
	}
}

/**
 * codecache_protmap_apply - give the pages of each range its protection
 * @map: the map
 * @ranges: codecache_protmap_prepare() passed the same vector
 * @nr: ranges
 *
 * Context: any; the owner's lock held exclusively.
 * Return: pages in the ranges.
 */
u64 codecache_protmap_apply(struct codecache_protmap *map,
			    const struct codecache_prot_range *ranges, u64 nr)
{
	const struct codecache_prot_range *r = ranges, *end = ranges + nr;
	unsigned long i, slot;
	u64 nr_pages = nr;
	u8 *leaf;

	while (r < end) {
		i = r->first_page >> CODECACHE_LEAF_SHIFT;
		slot = map->slots[i];
		if (r->nr_pages > 1 || codecache_slot_uniform(slot)) {
			codecache_protmap_fill(map, r->first_page, r->nr_pages,
					       r->prot);
			nr_pages += r->nr_pages - 1;
			r++;
			continue;
		}
		leaf = codecache_slot_leaf(slot);
		for (; r < end && codecache_range_in_leaf(r, i); r++)
			leaf[r->first_page & CODECACHE_LEAF_MASK] = r->prot;
	}
	return nr_pages;
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
