// SPDX-License-Identifier: MIT
/* Copying the pages of a snapshot while mutators go on; see copy.h. */
#include <sched.h>
#include <string.h>

#include "copy.h"

#define WRONG_ONE_IN	8	/* with sabotage */

static bool copier_wrong(struct copier *c, enum sabotage what)
{
	return c->sabotage == what &&
	       atomic_fetch_add_explicit(&c->chances, 1, memory_order_relaxed) %
	       WRONG_ONE_IN == 0;
}

void copier_begin(struct copier *c, bool full)
{
	c->full = full;
	memset((void *)c->state, PAGE_IGNORED, c->nr_pages);
	atomic_store_explicit(&c->saved, 0, memory_order_relaxed);
	atomic_store_explicit(&c->traps, 0, memory_order_relaxed);
}

void copier_expect(struct copier *c, uint64_t first, uint64_t nr)
{
	uint64_t page;

	for (page = first; page < first + nr; page++)
		if (c->full || !copier_wrong(c, SABOTAGE_QUERY))
			atomic_store_explicit(&c->state[page], PAGE_PENDING,
					      memory_order_relaxed);
}

/* Copy a page if that is still to be done. Returns whether this call has done it. */
static bool copier_copy(struct copier *c, uint64_t page)
{
	unsigned char pending = PAGE_PENDING;
	size_t at = page * c->page_size;

	if (!atomic_compare_exchange_strong_explicit(&c->state[page], &pending, PAGE_BUSY,
						     memory_order_relaxed, memory_order_relaxed))
		return false;
	memcpy(c->image + at, c->zone + at, c->page_size);
	/* Pairs with the acquire in copier_wait(). */
	atomic_store_explicit(&c->state[page], PAGE_COPIED, memory_order_release);
	return true;
}

static unsigned char copier_wait(struct copier *c, uint64_t page)
{
	unsigned char state;

	/* Pairs with the release in copier_copy(). */
	while ((state = atomic_load_explicit(&c->state[page], memory_order_acquire)) ==
	       PAGE_BUSY)
		sched_yield();
	return state;
}

void copier_save(struct copier *c, uint64_t page)
{
	atomic_fetch_add_explicit(&c->traps, 1, memory_order_relaxed);
	if (copier_wrong(c, SABOTAGE_COPY))
		return;
	if (copier_copy(c, page))
		atomic_fetch_add_explicit(&c->saved, 1, memory_order_relaxed);
	else
		copier_wait(c, page);
}

/* Append a page to ascending ranges; returns how many there are then. */
static size_t ranges_append(struct codecache_prot_range *ranges, size_t nr, uint64_t page)
{
	if (nr && ranges[nr - 1].first_page + ranges[nr - 1].nr_pages == page) {
		ranges[nr - 1].nr_pages++;
		return nr;
	}
	ranges[nr] = (struct codecache_prot_range){
		.first_page = page,
		.nr_pages = 1,
		.prot = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
	};
	return nr + 1;
}

int copier_walk(struct copier *c, copier_allow allow, void *arg)
{
	struct codecache_prot_range ranges[COPY_MAX_BATCH];
	unsigned int copied = 0;
	uint64_t page;
	size_t nr = 0;
	int err = 0;

	for (page = 0; page < c->nr_pages && !err; page++) {
		if (!copier_copy(c, page))
			continue;
		nr = ranges_append(ranges, nr, page);
		if (++copied < c->batch)
			continue;
		err = allow(arg, ranges, nr);
		copied = 0;
		nr = 0;
	}
	return err || !nr ? err : allow(arg, ranges, nr);
}

size_t copier_ranges(struct copier *c, struct codecache_prot_range *ranges)
{
	uint64_t page;
	size_t nr = 0;

	for (page = 0; page < c->nr_pages; page++)
		if (copier_wait(c, page) == PAGE_COPIED)
			nr = ranges_append(ranges, nr, page);
	return nr;
}
