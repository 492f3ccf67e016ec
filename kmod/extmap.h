/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CODECACHE_EXTMAP_H
#define CODECACHE_EXTMAP_H

#include <linux/rbtree.h>
#include <linux/types.h>

/* Holes that CODECACHE_FIT_BEST tries in vain, smallest first, before it gives up. */
#define CODECACHE_BEST_TRIES	64

/**
 * enum codecache_area_state - what the pages of an area are
 * @CODECACHE_AREA_HOLE: free
 * @CODECACHE_AREA_LIVE: an extent
 * @CODECACHE_AREA_RETIRED: an extent that its owner has given back, and that
 *	somebody may still be running in
 */
enum codecache_area_state {
	CODECACHE_AREA_HOLE,
	CODECACHE_AREA_LIVE,
	CODECACHE_AREA_RETIRED,
};

/**
 * struct codecache_area - a run of pages: one extent, or one hole
 * @by_start: in map->by_start
 * @by_size: holes only: in map->by_size
 * @first: first page
 * @nr: pages, at least 1
 * @max_hole: pages of the longest hole in the subtree of @by_start, or 0
 * @state: what the pages are
 *
 * All of it under the lock of the map's owner. An extent keeps its area, where
 * it is, until codecache_extmap_free().
 */
struct codecache_area {
	struct rb_node by_start;
	struct rb_node by_size;
	unsigned long first;
	unsigned long nr;
	unsigned long max_hole;
	enum codecache_area_state state;
};

/**
 * struct codecache_extmap - which pages of a zone are which extent
 * @by_start: all areas by first page, augmented with max_hole
 * @by_size: holes by length, and by first page where that is the same
 * @nr_pages: pages, at most 2^32
 * @nr_live: live extents
 * @live_pages: pages in them
 * @retired_pages: pages in retired extents
 *
 * Areas leave no gap, and no two holes touch. The owner locks: a reader
 * excludes writers.
 */
struct codecache_extmap {
	struct rb_root by_start;
	struct rb_root by_size;
	unsigned long nr_pages;
	unsigned long nr_live;
	u64 live_pages;
	u64 retired_pages;
};

/**
 * enum codecache_extent_fit - which of the places where an extent fits
 * @CODECACHE_FIT_BEST: the start of the shortest hole, of those the lowest; of
 *	a hole that the window cuts, the part in the window counts as the hole.
 *	After CODECACHE_BEST_TRIES holes that are long enough and do not do,
 *	because of alignment or window, as CODECACHE_FIT_LOW
 * @CODECACHE_FIT_LOW: the lowest
 * @CODECACHE_FIT_HIGH: the highest
 * @CODECACHE_FIT_NEAR: whose first page is nearest to the hint, of two the lower
 */
enum codecache_extent_fit {
	CODECACHE_FIT_BEST,
	CODECACHE_FIT_LOW,
	CODECACHE_FIT_HIGH,
	CODECACHE_FIT_NEAR,
};

/**
 * struct codecache_extent_want - what an extent shall be like
 * @nr: pages, at least 1
 * @align: power of two that divides the first page
 * @min: first page of the window in which all of the extent shall lie
 * @last: last page of it; may be beyond the map
 * @hint: page, for CODECACHE_FIT_NEAR; need not lie in the window
 * @fit: where, if there is a choice
 */
struct codecache_extent_want {
	unsigned long nr;
	unsigned long align;
	unsigned long min;
	unsigned long last;
	unsigned long hint;
	enum codecache_extent_fit fit;
};

static inline unsigned long
codecache_area_last(const struct codecache_area *area)
{
	return area->first + area->nr - 1;
}

/* Pages of a hole; an extent has none. */
static inline unsigned long
codecache_area_hole(const struct codecache_area *area)
{
	return area->state == CODECACHE_AREA_HOLE ? area->nr : 0;
}

static inline struct codecache_area *codecache_area_of(struct rb_node *by_start)
{
	return rb_entry_safe(by_start, struct codecache_area, by_start);
}

int codecache_extmap_init(struct codecache_extmap *map, unsigned long nr_pages);
void codecache_extmap_destroy(struct codecache_extmap *map);
struct codecache_area *codecache_extmap_find(const struct codecache_extmap *map,
					     unsigned long page);
struct codecache_area *codecache_extmap_next(const struct codecache_extmap *map,
					     unsigned long page);
int codecache_extmap_alloc(struct codecache_extmap *map,
			   const struct codecache_extent_want *want,
			   unsigned long *first);
void codecache_extmap_retire(struct codecache_extmap *map,
			     struct codecache_area *area);
void codecache_extmap_free(struct codecache_extmap *map,
			   struct codecache_area *area);

/* extfit.c */
struct codecache_area *
codecache_extmap_place(const struct codecache_extmap *map,
		       const struct codecache_extent_want *want,
		       unsigned long *first);
bool codecache_extmap_may_fit(const struct codecache_extmap *map,
			      const struct codecache_extent_want *want);

#endif /* CODECACHE_EXTMAP_H */
