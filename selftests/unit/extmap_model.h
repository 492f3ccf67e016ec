/* SPDX-License-Identifier: MIT */
/*
 * What an extent map should be: a byte for each page, and searches that try every
 * page; and what a map must be like in itself
 */
#ifndef UNIT_EXTMAP_MODEL_H
#define UNIT_EXTMAP_MODEL_H

#include "extmap.h"

enum { MODEL_PAGES = 4096 };

#define MODEL_NOWHERE	(~0UL)

struct extmap_model {
	unsigned long nr_pages;
	u8 state[MODEL_PAGES];
	bool begins[MODEL_PAGES];	/* first page of an extent */
	/* Of each search: free pages from this page on. */
	unsigned long room[MODEL_PAGES + 1];
	/* How often the best fit has become the lowest. */
	unsigned long gave_up;
};

void model_init(struct extmap_model *model, unsigned long nr_pages);
unsigned long model_place(struct extmap_model *model,
			  const struct codecache_extent_want *want);
bool model_may_fit(struct extmap_model *model,
		   const struct codecache_extent_want *want);
int model_rest(const struct extmap_model *model, unsigned long first,
	       unsigned long nr);
void model_take(struct extmap_model *model, unsigned long first,
		unsigned long nr);
void model_set(struct extmap_model *model, unsigned long first, u8 state);
unsigned long model_start(const struct extmap_model *model, unsigned long page);
unsigned long model_end(const struct extmap_model *model, unsigned long first);
unsigned long model_next_live(const struct extmap_model *model,
			      unsigned long page);

/* What is wrong, or "". The map's pages are the model's times 2^@shift. */
const char *model_differs(const struct extmap_model *model,
			  const struct codecache_extmap *map,
			  unsigned int shift);
const char *extmap_flaw(const struct codecache_extmap *map);

#endif /* UNIT_EXTMAP_MODEL_H */
