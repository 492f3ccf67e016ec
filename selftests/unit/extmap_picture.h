/* SPDX-License-Identifier: MIT */
/*
 * Extents as tests like to ask for them, and maps from pictures
 */
#ifndef UNIT_EXTMAP_PICTURE_H
#define UNIT_EXTMAP_PICTURE_H

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "extmap.h"

static const enum codecache_extent_fit fits[] = {
	CODECACHE_FIT_BEST, CODECACHE_FIT_LOW, CODECACHE_FIT_HIGH,
	CODECACHE_FIT_NEAR,
};

enum { NR_FITS = sizeof(fits) / sizeof(fits[0]) };

typedef struct codecache_extent_want want_t;

static inline want_t want(enum codecache_extent_fit fit, unsigned long nr)
{
	return (want_t){ .nr = nr, .align = 1, .last = ~0UL, .fit = fit };
}

static inline want_t best(unsigned long nr)
{
	return want(CODECACHE_FIT_BEST, nr);
}

static inline want_t low(unsigned long nr)
{
	return want(CODECACHE_FIT_LOW, nr);
}

static inline want_t high(unsigned long nr)
{
	return want(CODECACHE_FIT_HIGH, nr);
}

static inline want_t near(unsigned long nr, unsigned long hint)
{
	want_t w = want(CODECACHE_FIT_NEAR, nr);

	w.hint = hint;
	return w;
}

static inline want_t aligned(want_t w, unsigned long align)
{
	w.align = align;
	return w;
}

static inline want_t within(want_t w, unsigned long min, unsigned long last)
{
	w.min = min;
	w.last = last;
	return w;
}

static inline long alloc(struct codecache_extmap *map, want_t w)
{
	unsigned long first;
	int err = codecache_extmap_alloc(map, &w, &first);

	return err ? err : (long)first;
}

/*
 * A map from a picture: a dot is a page of a hole, equal letters side by side
 * are an extent: large ones a live, small ones a retired one.
 */
static inline void paint(struct codecache_extmap *map, const char *picture)
{
	unsigned long nr, at, nr_pages = strlen(picture);

	if (codecache_extmap_init(map, nr_pages))
		abort();
	for (at = 0; at < nr_pages; at += nr) {
		nr = 1;
		while (picture[at + nr] == picture[at])
			nr++;
		if (picture[at] == '.')
			continue;
		if (alloc(map, within(low(nr), at, at + nr - 1)) != (long)at)
			abort();
		if (islower(picture[at]))
			codecache_extmap_retire(map,
						codecache_extmap_find(map, at));
	}
}

#endif /* UNIT_EXTMAP_PICTURE_H */
