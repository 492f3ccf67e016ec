// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache extent places: where a new extent goes
 *
 * Concepts: the tree by first page finds the next hole that is long enough, up or
 *           down from anywhere, in log n steps, since each subtree knows its
 *           longest hole. All but the best fit are walks from one such hole to
 *           the next, until the extent fits with its alignment. The best fit
 *           walks the tree of holes by length. The window clips holes: two at the
 *           most are cut by it, and those are looked at apart.
 * Locking:  the owner's, which may sleep, at least shared: a walk past holes that
 *           do not do gives way to others.
 * Lifetime: see extmap.c; nothing here changes the map.
 *
 * Pure logic: selftests/unit compiles this very file in user space.
 */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "extmap.h"

/* ---- holes ------------------------------------------------------------------- */

static struct rb_node *codecache_node_child(const struct rb_node *node,
					    bool right)
{
	return right ? node->rb_right : node->rb_left;
}

static bool codecache_node_has_hole(struct rb_node *node, unsigned long nr)
{
	return node && codecache_area_of(node)->max_hole >= nr;
}

/* The lowest, or else highest, hole of @nr pages in a subtree that has one. */
static struct codecache_area *codecache_node_end_hole(struct rb_node *node,
						      unsigned long nr,
						      bool lowest)
{
	struct rb_node *child;

	for (;;) {
		child = codecache_node_child(node, !lowest);
		if (!codecache_node_has_hole(child, nr)) {
			if (codecache_area_hole(codecache_area_of(node)) >= nr)
				return codecache_area_of(node);
			child = codecache_node_child(node, lowest);
		}
		node = child;
	}
}

/* The next hole of at least @nr pages above @area, or else below it. */
static struct codecache_area *codecache_area_next_hole(struct codecache_area *area,
						       unsigned long nr, bool up)
{
	struct rb_node *node = &area->by_start, *child;

	for (;;) {
		child = codecache_node_child(node, up);
		if (codecache_node_has_hole(child, nr))
			return codecache_node_end_hole(child, nr, up);
		do {
			child = node;
			node = rb_parent(child);
			if (!node)
				return NULL;
		} while (child == codecache_node_child(node, up));
		if (codecache_area_hole(codecache_area_of(node)) >= nr)
			return codecache_area_of(node);
	}
}

/* ---- places ------------------------------------------------------------------ */

/* Does it fit in pages @lo to @hi, and in the window: lowest, or else highest? */
static bool codecache_run_fits(unsigned long lo, unsigned long hi,
			       const struct codecache_extent_want *want,
			       bool lowest, unsigned long *first)
{
	lo = max(lo, want->min);
	hi = min(hi, want->last);
	if (lo > hi || hi - lo < want->nr - 1)
		return false;
	hi -= want->nr - 1;
	*first = lowest ? ALIGN(lo, want->align) : ALIGN_DOWN(hi, want->align);
	return *first >= lo && *first <= hi;
}

static bool codecache_area_fits(const struct codecache_area *area,
				const struct codecache_extent_want *want,
				bool lowest, unsigned long *first)
{
	return area->state == CODECACHE_AREA_HOLE &&
	       codecache_run_fits(area->first, codecache_area_last(area), want,
				  lowest, first);
}

static bool codecache_area_touches(const struct codecache_area *area,
				   const struct codecache_extent_want *want)
{
	return area->first <= want->last &&
	       codecache_area_last(area) >= want->min;
}

/* The hole with the lowest place, or else the highest; the window is not empty. */
static struct codecache_area *
codecache_extmap_scan(const struct codecache_extmap *map,
		      const struct codecache_extent_want *want, bool lowest,
		      unsigned long *first)
{
	struct codecache_area *area;

	area = codecache_extmap_find(map, lowest ? want->min : want->last);
	while (area && codecache_area_touches(area, want)) {
		if (codecache_area_fits(area, want, lowest, first))
			return area;
		area = codecache_area_next_hole(area, want->nr, lowest);
		cond_resched();
	}
	return NULL;
}

/*
 * The highest place up to the hint, unless there is one beyond it that is nearer.
 * A hint outside the window is as good as the window's end there.
 */
static struct codecache_area *
codecache_extmap_near(const struct codecache_extmap *map,
		      const struct codecache_extent_want *want,
		      unsigned long *first)
{
	unsigned long hint = clamp(want->hint, want->min, want->last);
	struct codecache_extent_want w = *want;
	struct codecache_area *below, *above;
	unsigned long other, far = want->last;

	w.last = min(want->last, hint + want->nr - 1);
	below = codecache_extmap_scan(map, &w, false, first);
	if (below && *first == hint)
		return below;
	/* Beyond, the first page has to be nearer than that, by a page at least. */
	if (below)
		far = hint + (hint - *first) - 1 + want->nr - 1;
	w.min = hint;
	w.last = min(want->last, far);
	above = codecache_extmap_scan(map, &w, true, &other);
	if (above)
		*first = other;
	return above ? above : below;
}

static bool codecache_area_is_cut(const struct codecache_area *area,
				  const struct codecache_extent_want *want)
{
	return area->first < want->min || codecache_area_last(area) > want->last;
}

/*
 * Of the two holes that the ends of the window may cut, the one whose part in
 * the window is shorter, among those that do; and how long that part is.
 */
static struct codecache_area *
codecache_extmap_best_cut(const struct codecache_extmap *map,
			  const struct codecache_extent_want *want,
			  unsigned long *part)
{
	struct codecache_area *area, *best = NULL;
	unsigned long nr, first;
	int i;

	for (i = 0; i < 2; i++) {
		area = codecache_extmap_find(map, i ? want->last : want->min);
		if (!codecache_area_is_cut(area, want) ||
		    !codecache_area_fits(area, want, true, &first))
			continue;
		nr = min(codecache_area_last(area), want->last) -
		     max(area->first, want->min) + 1;
		if (!best || nr < *part) {
			best = area;
			*part = nr;
		}
	}
	return best;
}

/* The first hole by length that has at least @nr pages. */
static struct rb_node *codecache_extmap_by_size(const struct codecache_extmap *map,
						unsigned long nr)
{
	struct rb_node *node = map->by_size.rb_node, *found = NULL;

	while (node) {
		if (rb_entry(node, struct codecache_area, by_size)->nr >= nr) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* A cut hole that does is longer than its part: the walk ends before it. */
static struct codecache_area *
codecache_extmap_best(const struct codecache_extmap *map,
		      const struct codecache_extent_want *want,
		      unsigned long *first)
{
	struct codecache_area *area, *cut;
	unsigned long part = 0, tries = 0;
	struct rb_node *node;

	cut = codecache_extmap_best_cut(map, want, &part);
	for (node = codecache_extmap_by_size(map, want->nr); node;
	     node = rb_next(node)) {
		area = rb_entry(node, struct codecache_area, by_size);
		if (cut && (area->nr > part ||
			    (area->nr == part && area->first > cut->first)))
			break;
		if (codecache_area_fits(area, want, true, first))
			return area;
		if (++tries == CODECACHE_BEST_TRIES)
			return codecache_extmap_scan(map, want, true, first);
	}
	if (cut)
		codecache_area_fits(cut, want, true, first);
	return cut;
}

/**
 * codecache_extmap_place - where an extent goes
 * @map: the map
 * @want: how long, and where
 * @first: its first page
 *
 * Context: process; may sleep; the owner's lock held, shared at least.
 * Return: the hole that it will be a part of; NULL if it fits nowhere.
 */
struct codecache_area *
codecache_extmap_place(const struct codecache_extmap *map,
		       const struct codecache_extent_want *want,
		       unsigned long *first)
{
	struct codecache_extent_want w = *want;

	w.last = min(w.last, map->nr_pages - 1);
	if (w.min > w.last ||
	    !codecache_node_has_hole(map->by_start.rb_node, w.nr))
		return NULL;
	switch (w.fit) {
	case CODECACHE_FIT_LOW:
		return codecache_extmap_scan(map, &w, true, first);
	case CODECACHE_FIT_HIGH:
		return codecache_extmap_scan(map, &w, false, first);
	case CODECACHE_FIT_NEAR:
		return codecache_extmap_near(map, &w, first);
	case CODECACHE_FIT_BEST:
		break;
	}
	return codecache_extmap_best(map, &w, first);
}

/**
 * codecache_extmap_may_fit - would there be a place if nothing were retired?
 * @map: the map
 * @want: the extent
 *
 * Tells a map that is full from one that waits for its readers.
 *
 * Context: process; sleeps; the owner's lock held, shared at least. Takes a step
 * for each area of the window, if anything is retired.
 * Return: whether the pages of retired extents and holes together, where they
 * touch, have a place for it.
 */
bool codecache_extmap_may_fit(const struct codecache_extmap *map,
			      const struct codecache_extent_want *want)
{
	struct codecache_area *area = codecache_extmap_find(map, want->min);
	unsigned long lo = want->min, first;

	if (!map->retired_pages)
		return codecache_extmap_place(map, want, &first);
	while (area && area->first <= want->last) {
		if (area->state == CODECACHE_AREA_LIVE)
			lo = area->first + area->nr;
		else if (codecache_run_fits(lo, codecache_area_last(area), want,
					    true, &first))
			return true;
		area = codecache_area_of(rb_next(&area->by_start));
		cond_resched();
	}
	return false;
}
