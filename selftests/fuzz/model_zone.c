// SPDX-License-Identifier: MIT
/*
 * The oracle's zones: contents, extents and where they go, and when objects end
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- contents -------------------------------------------------------------- */

const unsigned char *m_data(const struct m_zone *z, uint64_t page)
{
	static const unsigned char zeros[M_PAGE];

	return z->data[page] ?: zeros;
}

unsigned char *m_data_to_write(struct m_zone *z, uint64_t page)
{
	if (!z->data[page])
		z->data[page] = calloc(1, M_PAGE);
	if (!z->data[page])
		abort();
	return z->data[page];
}

uint64_t m_charged(void)
{
	uint64_t nr = 0;
	int i;

	for (i = 0; i < M_ZONES; i++)
		nr += w.zone[i].used ? w.zone[i].nr_filled : 0;
	return nr;
}

bool m_may_fill(void)
{
	return !w.max_pages || m_charged() < w.max_pages;
}

/* A view that is not uffd's touches a page: it is there from now on. */
void m_fill(struct m_zone *z, uint64_t page)
{
	if (z->filled[page])
		return;
	z->filled[page] = true;
	z->resident[page] = true;
	z->nr_filled++;
	if (z->event >= 0 && z->nr_filled == z->high_water)
		w.event[z->event].count++;
}

/* ---- extents --------------------------------------------------------------- */

struct m_extent *m_extent_at(struct m_zone *z, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < z->nr_ext; i++) {
		if (page >= z->ext[i].first &&
		    page - z->ext[i].first < z->ext[i].nr)
			return &z->ext[i];
	}
	return NULL;
}

uint64_t m_retired_pages(const struct m_zone *z)
{
	uint64_t nr = 0;
	unsigned int i;

	for (i = 0; i < z->nr_ext; i++)
		nr += z->ext[i].retired ? z->ext[i].nr : 0;
	return nr;
}

/* Resident pages that wait for a grace period. */
uint64_t m_held(const struct m_cache *c)
{
	uint64_t nr = 0, page;
	unsigned int i, k;

	for (i = 0; i < M_ZONES; i++) {
		const struct m_zone *z = &w.zone[i];

		if (!z->used || &w.cache[z->cache] != c)
			continue;
		for (k = 0; k < z->nr_ext; k++) {
			for (page = 0; z->ext[k].retired && page < z->ext[k].nr; page++)
				nr += z->filled[z->ext[k].first + page];
		}
	}
	return nr;
}

/* The hole from @page on: where it ends. @page itself, if it is none. */
static uint64_t m_hole_end(const struct m_zone *z, uint64_t page, bool patient)
{
	uint64_t end = z->nr;
	unsigned int i;

	for (i = 0; i < z->nr_ext; i++) {
		if (patient && z->ext[i].retired)
			continue;
		if (page >= z->ext[i].first &&
		    page - z->ext[i].first < z->ext[i].nr)
			return page;
		if (z->ext[i].first > page && z->ext[i].first < end)
			end = z->ext[i].first;
	}
	return end;
}

static uint64_t m_distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

/* Is a place at @first, in a hole with @room pages, better than the best so far? */
static bool m_better(const struct m_want *want, uint64_t first, uint64_t room,
		     uint64_t best, uint64_t best_room)
{
	if (best == M_NOBODY)
		return true;
	if (want->flags & CODECACHE_EXTENT_F_LOW)
		return false;	/* they come in ascending order */
	if (want->flags & CODECACHE_EXTENT_F_HIGH)
		return true;
	if (want->flags & CODECACHE_EXTENT_F_NEAR)
		return m_distance(first, want->hint) <
		       m_distance(best, want->hint);
	return room < best_room;
}

/* Try every place of every hole. */
bool m_place(const struct m_zone *z, const struct m_want *want, uint64_t *first)
{
	uint64_t at, end, start, best = M_NOBODY, best_room = 0;

	for (start = want->min; start < want->end; start = end) {
		end = m_hole_end(z, start, want->patient);
		if (end == start) {
			end++;
			continue;
		}
		if (end > want->end)
			end = want->end;
		for (at = start; at + want->nr <= end; at++) {
			if (at % want->align ||
			    !m_better(want, at, end - start, best, best_room))
				continue;
			best = at;
			best_room = end - start;
		}
	}
	*first = best;
	return best != M_NOBODY;
}

/* ---- ends ------------------------------------------------------------------ */

void m_zone_drop(struct m_zone *z)
{
	unsigned int i;

	for (i = 0; i < M_PAGES; i++)
		free(z->data[i]);
	memset(z, 0, sizeof(*z));
}

void m_view_drop(struct m_view *v)
{
	if (v->log.made)
		cc_log_close(&v->log.log);
	memset(v, 0, sizeof(*v));
}

static bool m_zone_in_use(unsigned int zone)
{
	const struct m_zone *z = &w.zone[zone];
	unsigned int i;

	for (i = 0; i < M_VIEWS; i++) {
		if (w.view[i].used && w.view[i].zone == (int)zone)
			return true;
	}
	return z->fd >= 0 || m_retired_pages(z);
}

static bool m_cache_in_use(unsigned int cache)
{
	unsigned int i;

	for (i = 0; i < M_ZONES; i++) {
		if (w.zone[i].used && w.zone[i].cache == (int)cache)
			return true;
	}
	return w.cache[cache].fd >= 0;
}

void m_collect(void)
{
	unsigned int i;

	for (i = 0; i < M_VIEWS; i++) {
		if (w.view[i].used && w.view[i].fd < 0 && !w.view[i].map)
			m_view_drop(&w.view[i]);
	}
	for (i = 0; i < M_ZONES; i++) {
		if (w.zone[i].used && !m_zone_in_use(i))
			m_zone_drop(&w.zone[i]);
	}
	for (i = 0; i < M_CACHES; i++) {
		if (w.cache[i].used && !m_cache_in_use(i))
			memset(&w.cache[i], 0, sizeof(w.cache[i]));
	}
}
