// SPDX-License-Identifier: MIT
/*
 * A model of kmod/extmap.c that is slow and easy to believe
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include <string.h>

#include "extmap_model.h"

void model_init(struct extmap_model *model, unsigned long nr_pages)
{
	memset(model, 0, sizeof(*model));
	model->nr_pages = nr_pages;
}

/* ---- areas ------------------------------------------------------------------- */

/* Where the hole or extent that begins with page @first ends. */
unsigned long model_end(const struct extmap_model *model, unsigned long first)
{
	unsigned long end = first + 1;

	while (end < model->nr_pages && !model->begins[end] &&
	       model->state[end] == model->state[first])
		end++;
	return end;
}

unsigned long model_start(const struct extmap_model *model, unsigned long page)
{
	while (page && !model->begins[page] &&
	       model->state[page - 1] == model->state[page])
		page--;
	return page;
}

unsigned long model_next_live(const struct extmap_model *model,
			      unsigned long page)
{
	while (page < model->nr_pages &&
	       model->state[page] != CODECACHE_AREA_LIVE)
		page++;
	return page < model->nr_pages ? model_start(model, page) : MODEL_NOWHERE;
}

/* How many holes an extent would leave of the one that it is made of. */
int model_rest(const struct extmap_model *model, unsigned long first,
	       unsigned long nr)
{
	unsigned long end = first + nr;

	return (first && model->state[first - 1] == CODECACHE_AREA_HOLE) +
	       (end < model->nr_pages &&
		model->state[end] == CODECACHE_AREA_HOLE);
}

void model_take(struct extmap_model *model, unsigned long first,
		unsigned long nr)
{
	memset(model->state + first, CODECACHE_AREA_LIVE, nr);
	model->begins[first] = true;
}

void model_set(struct extmap_model *model, unsigned long first, u8 state)
{
	unsigned long end = model_end(model, first);

	memset(model->state + first, state, end - first);
	model->begins[first] = state != CODECACHE_AREA_HOLE;
}

/* ---- searches ---------------------------------------------------------------- */

static void model_room(struct extmap_model *model, bool and_retired)
{
	unsigned long page = model->nr_pages;
	bool free;

	model->room[page] = 0;
	while (page--) {
		free = model->state[page] == CODECACHE_AREA_HOLE ||
		       (and_retired &&
			model->state[page] == CODECACHE_AREA_RETIRED);
		model->room[page] = free ? model->room[page + 1] + 1 : 0;
	}
}

static bool model_fits(const struct extmap_model *model,
		       const struct codecache_extent_want *want,
		       unsigned long first)
{
	return model->room[first] >= want->nr && first % want->align == 0 &&
	       first >= want->min && first + want->nr - 1 <= want->last;
}

static unsigned long model_lowest(const struct extmap_model *model,
				  const struct codecache_extent_want *want)
{
	unsigned long first;

	for (first = 0; first < model->nr_pages; first++)
		if (model_fits(model, want, first))
			return first;
	return MODEL_NOWHERE;
}

static unsigned long model_highest(const struct extmap_model *model,
				   const struct codecache_extent_want *want)
{
	unsigned long first = model->nr_pages;

	while (first--)
		if (model_fits(model, want, first))
			return first;
	return MODEL_NOWHERE;
}

static unsigned long model_nearest(const struct extmap_model *model,
				   const struct codecache_extent_want *want)
{
	unsigned long first, far, best = MODEL_NOWHERE, nearest = ~0UL;

	for (first = 0; first < model->nr_pages; first++) {
		far = first < want->hint ? want->hint - first :
					   first - want->hint;
		if (model_fits(model, want, first) && far < nearest) {
			nearest = far;
			best = first;
		}
	}
	return best;
}

/* Holes of at least @nr pages before one of @size pages at @start, by size. */
static unsigned long model_passed(const struct extmap_model *model,
				  unsigned long nr, unsigned long size,
				  unsigned long start)
{
	unsigned long page, room, passed = 0;

	for (page = 0; page < model->nr_pages; page += room ? room : 1) {
		room = model->room[page];
		if (room >= nr && (room < size || (room == size && page < start)))
			passed++;
	}
	return passed;
}

/* The lowest place in each hole, or part of one that lies in the window. */
static unsigned long model_best(struct extmap_model *model,
				const struct codecache_extent_want *want)
{
	unsigned long page, end, first, size, start = 0;
	unsigned long best = MODEL_NOWHERE, shortest = ~0UL;

	for (page = 0; page < model->nr_pages; page = end) {
		end = page + (model->room[page] ? model->room[page] : 1);
		for (first = page; first < end; first++)
			if (model_fits(model, want, first))
				break;
		if (first == end)
			continue;
		size = (end - 1 < want->last ? end - 1 : want->last) + 1 -
		       (page > want->min ? page : want->min);
		if (size < shortest) {
			shortest = size;
			start = page;
			best = first;
		}
	}
	if (best == MODEL_NOWHERE ||
	    model_passed(model, want->nr, shortest, start) <
		    CODECACHE_BEST_TRIES)
		return best;
	model->gave_up++;
	return model_lowest(model, want);
}

unsigned long model_place(struct extmap_model *model,
			  const struct codecache_extent_want *want)
{
	model_room(model, false);
	switch (want->fit) {
	case CODECACHE_FIT_LOW:
		return model_lowest(model, want);
	case CODECACHE_FIT_HIGH:
		return model_highest(model, want);
	case CODECACHE_FIT_NEAR:
		return model_nearest(model, want);
	default:
		return model_best(model, want);
	}
}

bool model_may_fit(struct extmap_model *model,
		   const struct codecache_extent_want *want)
{
	model_room(model, true);
	return model_lowest(model, want) != MODEL_NOWHERE;
}

/* ---- maps -------------------------------------------------------------------- */

static struct codecache_area *first_area(const struct codecache_extmap *map)
{
	return codecache_area_of(rb_first(&map->by_start));
}

static struct codecache_area *next_area(const struct codecache_area *area)
{
	return codecache_area_of(rb_next(&area->by_start));
}

const char *model_differs(const struct extmap_model *model,
			  const struct codecache_extmap *map,
			  unsigned int shift)
{
	const struct codecache_area *area = first_area(map);
	unsigned long page, end;

	for (page = 0; page < model->nr_pages; page = end) {
		end = model_end(model, page);
		if (!area)
			return "an area is missing";
		if (area->first != page << shift)
			return "an area begins elsewhere";
		if (area->nr != (end - page) << shift)
			return "an area has another length";
		if (area->state != model->state[page])
			return "an area is in another state";
		area = next_area(area);
	}
	return area ? "there are more areas" : "";
}

static unsigned long subtree_hole(const struct rb_node *node)
{
	return node ? codecache_area_of((struct rb_node *)node)->max_hole : 0;
}

static bool max_hole_is_right(const struct codecache_area *area)
{
	unsigned long nr = area->state == CODECACHE_AREA_HOLE ? area->nr : 0;

	nr = max(nr, subtree_hole(area->by_start.rb_left));
	return area->max_hole == max(nr, subtree_hole(area->by_start.rb_right));
}

/* The tree of @nr_holes holes by length, with @pages pages. */
static const char *sizes_flaw(const struct codecache_extmap *map,
			      unsigned long nr_holes, unsigned long pages)
{
	const struct codecache_area *area, *prev = NULL;
	struct rb_node *node;

	for (node = rb_first(&map->by_size); node; node = rb_next(node)) {
		area = rb_entry(node, struct codecache_area, by_size);
		if (area->state != CODECACHE_AREA_HOLE)
			return "an extent is among the holes";
		if (codecache_extmap_find(map, area->first) != area)
			return "a hole is in one tree only";
		if (prev && (area->nr < prev->nr || (area->nr == prev->nr &&
						     area->first <= prev->first)))
			return "holes are out of order";
		nr_holes--;
		pages -= area->nr;
		prev = area;
	}
	return nr_holes || pages ? "by_size has not all holes" : "";
}

const char *extmap_flaw(const struct codecache_extmap *map)
{
	unsigned long end = 0, nr[3] = { 0 };
	u64 pages[3] = { 0 };
	const struct codecache_area *area, *prev = NULL;

	for (area = first_area(map); area; area = next_area(area)) {
		if (area->first != end || !area->nr)
			return "areas leave a gap, or overlap";
		if (prev && prev->state == CODECACHE_AREA_HOLE &&
		    area->state == CODECACHE_AREA_HOLE)
			return "two holes touch";
		if (!max_hole_is_right(area))
			return "max_hole is wrong";
		nr[area->state]++;
		pages[area->state] += area->nr;
		end += area->nr;
		prev = area;
	}
	if (end != map->nr_pages)
		return "areas do not end with the last page";
	if (map->nr_live != nr[CODECACHE_AREA_LIVE] ||
	    map->live_pages != pages[CODECACHE_AREA_LIVE] ||
	    map->retired_pages != pages[CODECACHE_AREA_RETIRED])
		return "a counter is wrong";
	if (shim_nr_live != nr[0] + nr[1] + nr[2])
		return "areas are not what is allocated";
	return sizes_flaw(map, nr[CODECACHE_AREA_HOLE],
			  pages[CODECACHE_AREA_HOLE]);
}
