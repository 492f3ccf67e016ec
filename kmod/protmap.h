/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CODECACHE_PROTMAP_H
#define CODECACHE_PROTMAP_H

#include <linux/compiler.h>
#include <linux/types.h>

#include <linux/codecache.h>

/* Pages that one leaf describes: as many as a page table on most machines. */
#define CODECACHE_LEAF_SHIFT	9
#define CODECACHE_LEAF_PAGES	512UL
#define CODECACHE_LEAF_MASK	(CODECACHE_LEAF_PAGES - 1)

/* Values that a page's byte can take: a protection and a trap mode. */
#define CODECACHE_PROTMAP_VALUES	32
#define CODECACHE_VALUE_PROT		7
#define CODECACHE_VALUE_MODE_SHIFT	3

static inline u8 codecache_value_make(u32 prot, u32 trap_mode)
{
	return prot | trap_mode << CODECACHE_VALUE_MODE_SHIFT;
}

static inline u32 codecache_value_prot(u32 value)
{
	return value & CODECACHE_VALUE_PROT;
}

static inline u32 codecache_value_mode(u32 value)
{
	return value >> CODECACHE_VALUE_MODE_SHIFT;
}

/**
 * struct codecache_protmap - a small number for each page of a sparse range
 * @nr_pages: pages
 * @slots: one word for each CODECACHE_LEAF_PAGES pages: either one value for
 *	all of them, shifted left with bit 0 set, or a pointer to a leaf of one
 *	byte a page
 *
 * A slot costs 8 bytes for 512 pages, a leaf 512 more: a view of 64 GiB starts
 * with 256 KiB. The owner locks: a reader excludes writers.
 */
struct codecache_protmap {
	unsigned long nr_pages;
	unsigned long *slots;
};

int codecache_protmap_init(struct codecache_protmap *map,
			   unsigned long nr_pages, u8 value);
void codecache_protmap_destroy(struct codecache_protmap *map);
int codecache_protmap_prepare(struct codecache_protmap *map,
			      const struct codecache_prot_range *ranges, u64 nr);
u64 codecache_protmap_apply(struct codecache_protmap *map,
			    const struct codecache_prot_range *ranges, u64 nr);
int codecache_protmap_split_slot(struct codecache_protmap *map,
				 unsigned long page);
void codecache_protmap_count(const struct codecache_protmap *map,
			     u64 counts[CODECACHE_PROTMAP_VALUES]);

static inline bool codecache_slot_uniform(unsigned long slot)
{
	return slot & 1;
}

static inline u8 codecache_slot_value(unsigned long slot)
{
	return slot >> 1;
}

static inline u8 *codecache_slot_leaf(unsigned long slot)
{
	return (u8 *)slot;
}

/**
 * codecache_protmap_get - the value of one page
 * @map: the map
 * @page: page below @map->nr_pages
 *
 * Context: any; the owner's lock held, shared at least.
 * Return: the value.
 */
static inline u8 codecache_protmap_get(const struct codecache_protmap *map,
				       unsigned long page)
{
	/* A log trap may be giving the slot a leaf, or widening a page. */
	unsigned long slot = READ_ONCE(map->slots[page >> CODECACHE_LEAF_SHIFT]);

	if (codecache_slot_uniform(slot))
		return codecache_slot_value(slot);
	return READ_ONCE(codecache_slot_leaf(slot)[page & CODECACHE_LEAF_MASK]);
}

/**
 * codecache_protmap_set - give one page a value
 * @map: the map
 * @page: page of a slot that has a leaf
 * @value: below CODECACHE_PROTMAP_VALUES
 *
 * Context: any; the owner's lock held exclusively, or shared and this is the
 * only one who changes values; readers see the old value or the new one.
 */
static inline void codecache_protmap_set(struct codecache_protmap *map,
					 unsigned long page, u8 value)
{
	unsigned long slot = READ_ONCE(map->slots[page >> CODECACHE_LEAF_SHIFT]);

	WRITE_ONCE(codecache_slot_leaf(slot)[page & CODECACHE_LEAF_MASK], value);
}

/**
 * codecache_protmap_ready - is a range one page, whose slot has a leaf?
 * @map: the map
 * @r: the range
 *
 * Then codecache_protmap_prepare() has nothing to do for it, and codecache_protmap_set()
 * is all that codecache_protmap_apply() does: trap handlers' calls are like that.
 *
 * Context: any; the owner's lock held exclusively.
 * Return: whether it is.
 */
static inline bool codecache_protmap_ready(const struct codecache_protmap *map,
					   const struct codecache_prot_range *r)
{
	return r->nr_pages == 1 &&
	       !codecache_slot_uniform(map->slots[r->first_page >>
						  CODECACHE_LEAF_SHIFT]);
}

#endif /* CODECACHE_PROTMAP_H */
