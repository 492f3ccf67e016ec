// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache extent map: which pages of a zone belong to which extent
 *
 * Concepts: areas cover all pages: extents, and holes, which are merged. Two
 *           trees: by first page, in which each subtree knows its longest hole,
 *           and holes by length. Allocating asks extfit.c for a place, and makes
 *           the areas that the rest of the hole needs before it changes anything.
 *           Freeing only merges, and cannot fail. (A maple tree knows its gaps as
 *           well, but not by length, and to erase from it may take memory.)
 * Locking:  the owner's, which may sleep: exclusive for changes, shared for
 *           looking.
 * Lifetime: an extent's area is where it is until the extent is freed. Then it is
 *           a hole's, which ends when a neighbour is freed, or with the map.
 *
 * Pure logic: selftests/unit compiles this very file in user space.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "extmap.h"

RB_DECLARE_CALLBACKS_MAX(static, codecache_area_augment, struct codecache_area,
			 by_start, unsigned long, max_hole, codecache_area_hole)

/* Call after each change of one area's hole, before the tree changes again. */
static void codecache_area_changed(struct codecache_area *area)
{
	codecache_area_augment.propagate(&area->by_start, NULL);
}

/* ---- the two trees --------------------------------------------------------- */

static bool codecache_area_shorter(struct rb_node *a, const struct rb_node *b)
{
	const struct codecache_area *x, *y;

	x = rb_entry(a, struct codecache_area, by_size);
	y = rb_entry(b, struct codecache_area, by_size);
	return x->nr < y->nr || (x->nr == y->nr && x->first < y->first);
}

static void codecache_extmap_link(struct codecache_extmap *map,
				  struct codecache_area *area)
{
	struct rb_node **link = &map->by_start.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = area->first < codecache_area_of(parent)->first ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&area->by_start, parent, link);
	area->max_hole = codecache_area_hole(area);
	codecache_area_augment.propagate(parent, NULL);
	rb_insert_augmented(&area->by_start, &map->by_start,
			    &codecache_area_augment);
}

/* Enter a hole that neither tree has. */
static void codecache_extmap_add_hole(struct codecache_extmap *map,
				      struct codecache_area *area,
				      unsigned long first, unsigned long nr)
{
	area->first = first;
	area->nr = nr;
	area->state = CODECACHE_AREA_HOLE;
	codecache_extmap_link(map, area);
	rb_add(&area->by_size, &map->by_size, codecache_area_shorter);
}

static struct codecache_area *codecache_area_alloc(void)
{
	return kmalloc(sizeof(struct codecache_area), GFP_KERNEL_ACCOUNT);
}

/**
 * codecache_extmap_init - a map that is one hole
 * @map: to be set up
 * @nr_pages: pages, 1 to 2^32
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int codecache_extmap_init(struct codecache_extmap *map, unsigned long nr_pages)
{
	struct codecache_area *area = codecache_area_alloc();

	*map = (struct codecache_extmap){ .nr_pages = nr_pages };
	if (!area)
		return -ENOMEM;
	codecache_extmap_add_hole(map, area, 0, nr_pages);
	return 0;
}

/**
 * codecache_extmap_destroy - free all that a map holds, extents included
 * @map: the map; a zeroed one is fine too
 *
 * Context: process; may sleep.
 */
void codecache_extmap_destroy(struct codecache_extmap *map)
{
	struct codecache_area *area, *next;

	rbtree_postorder_for_each_entry_safe(area, next, &map->by_start,
					     by_start) {
		kfree(area);
		cond_resched();
	}
	*map = (struct codecache_extmap){};
}

/* ---- looking ----------------------------------------------------------------- */

/**
 * codecache_extmap_find - the area that a page is in
 * @map: the map
 * @page: any number
 *
 * Context: any; the owner's lock held, shared at least. Takes log n.
 * Return: the area, of whichever state; NULL for a page that does not exist.
 */
struct codecache_area *codecache_extmap_find(const struct codecache_extmap *map,
					     unsigned long page)
{
	struct rb_node *node = map->by_start.rb_node;
	struct codecache_area *area;

	while (node) {
		area = codecache_area_of(node);
		if (page < area->first)
			node = node->rb_left;
		else if (page > codecache_area_last(area))
			node = node->rb_right;
		else
			return area;
	}
	return NULL;
}

/**
 * codecache_extmap_next - the first live extent that ends after a page
 * @map: the map
 * @page: any number
 *
 * Context: any; the owner's lock held, shared at least. Takes log n, and a step
 * for each hole and retired extent on the way.
 * Return: its area, or NULL.
 */
struct codecache_area *codecache_extmap_next(const struct codecache_extmap *map,
					     unsigned long page)
{
	struct codecache_area *area = codecache_extmap_find(map, page);

	while (area && area->state != CODECACHE_AREA_LIVE)
		area = codecache_area_of(rb_next(&area->by_start));
	return area;
}

/* ---- changing ------------------------------------------------------------------ */

/* Make an extent of a part of a hole; @rest: areas for what is before and after. */
static void codecache_extmap_carve(struct codecache_extmap *map,
				   struct codecache_area *area,
				   unsigned long first, unsigned long nr,
				   struct codecache_area *rest[2])
{
	unsigned long start = area->first, end = start + area->nr;

	rb_erase(&area->by_size, &map->by_size);
	area->first = first;
	area->nr = nr;
	area->state = CODECACHE_AREA_LIVE;
	codecache_area_changed(area);
	if (rest[0])
		codecache_extmap_add_hole(map, rest[0], start, first - start);
	if (rest[1])
		codecache_extmap_add_hole(map, rest[1], first + nr,
					  end - first - nr);
	map->nr_live++;
	map->live_pages += nr;
}

/**
 * codecache_extmap_alloc - make a live extent
 * @map: the map
 * @want: how long, and where
 * @first: its first page
 *
 * Context: process; sleeps; the owner's lock held exclusively. Takes log n, and as
 * much for each hole on the way that is long enough and yet does not do.
 * Return: 0; -ENOSPC if it fits nowhere; -ENOMEM. Nothing has changed then.
 */
int codecache_extmap_alloc(struct codecache_extmap *map,
			   const struct codecache_extent_want *want,
			   unsigned long *first)
{
	struct codecache_area *area, *rest[2] = { NULL, NULL };
	bool before, after;
	unsigned long page;

	area = codecache_extmap_place(map, want, &page);
	if (!area)
		return -ENOSPC;
	before = page > area->first;
	after = page + want->nr - 1 < codecache_area_last(area);
	if (before)
		rest[0] = codecache_area_alloc();
	if (after)
		rest[1] = codecache_area_alloc();
	if ((before && !rest[0]) || (after && !rest[1])) {
		kfree(rest[0]);
		kfree(rest[1]);
		return -ENOMEM;
	}
	codecache_extmap_carve(map, area, page, want->nr, rest);
	*first = page;
	return 0;
}

/**
 * codecache_extmap_retire - mark a live extent as retired
 * @map: the map
 * @area: a live extent of it
 *
 * Context: any; the owner's lock held exclusively.
 */
void codecache_extmap_retire(struct codecache_extmap *map,
			     struct codecache_area *area)
{
	area->state = CODECACHE_AREA_RETIRED;
	map->nr_live--;
	map->live_pages -= area->nr;
	map->retired_pages += area->nr;
}

/* Let a hole beside @area, if that is what @node is, become part of @area. */
static void codecache_extmap_absorb(struct codecache_extmap *map,
				    struct codecache_area *area,
				    struct rb_node *node)
{
	struct codecache_area *hole = codecache_area_of(node);

	if (!hole || hole->state != CODECACHE_AREA_HOLE)
		return;
	rb_erase(&hole->by_size, &map->by_size);
	rb_erase_augmented(&hole->by_start, &map->by_start,
			   &codecache_area_augment);
	area->first = min(area->first, hole->first);
	area->nr += hole->nr;
	kfree(hole);
}

/**
 * codecache_extmap_free - make an extent free
 * @map: the map
 * @area: a live or retired extent of it; no longer to be used
 *
 * Context: any; the owner's lock held exclusively. Never allocates.
 */
void codecache_extmap_free(struct codecache_extmap *map,
			   struct codecache_area *area)
{
	if (area->state == CODECACHE_AREA_LIVE) {
		map->nr_live--;
		map->live_pages -= area->nr;
	} else {
		map->retired_pages -= area->nr;
	}
	/* It counts as no hole until the tree is as it will be. */
	codecache_extmap_absorb(map, area, rb_prev(&area->by_start));
	codecache_extmap_absorb(map, area, rb_next(&area->by_start));
	area->state = CODECACHE_AREA_HOLE;
	codecache_area_changed(area);
	rb_add(&area->by_size, &map->by_size, codecache_area_shorter);
}
