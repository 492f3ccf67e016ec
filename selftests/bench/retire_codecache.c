// SPDX-License-Identifier: MIT
/*
 * Code pages in extents of a codecache zone, see retire.h
 *
 * The extents of a batch are always the same, since the lowest holes are taken: the
 * pages between them stay with extents that are never retired.
 */
#include "retire.h"

static struct codecache_extent extents[SPAN_PAGES];

static const struct codecache_extent_options lowest = {
	.size = sizeof(lowest),
	.flags = CODECACHE_EXTENT_F_LOW,
};

static void fill_extents(unsigned int step, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		extents[i].first_page = i * step;
		extents[i].nr_pages = 1;
	}
}

static int cc_window(struct method *m, uint32_t kind, char **window)
{
	struct codecache_view *view;
	int err = codecache_view_create(m->zone, kind, NULL, &view);

	if (!err)
		err = codecache_view_map(view, NULL, 0);
	if (!err)
		*window = codecache_view_addr(view);
	return err;
}

/* All pages are handed out, and those that will be retired are taken back. */
int cc_setup(struct method *m)
{
	int err;

	err = codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE,
					    SPAN_PAGES * page_size, &m->zone);
	if (!err)
		err = cc_window(m, CODECACHE_VIEW_WRITE, &m->write);
	if (!err)
		err = cc_window(m, CODECACHE_VIEW_EXEC, &m->exec);
	fill_extents(1, SPAN_PAGES);
	if (!err)
		err = codecache_extent_alloc_batch(m->zone, extents, SPAN_PAGES,
						   &lowest, NULL, NULL);
	fill_extents(m->step, MAX_PAGES);
	if (!err)
		err = codecache_extent_retire_batch(m->zone, extents, MAX_PAGES, NULL,
						    &m->cookie);
	return err ? err : codecache_grace_wait(cache, m->cookie, 0, 0);
}

int cc_make(struct method *m, unsigned int n)
{
	return codecache_extent_alloc_batch(m->zone, extents, n, &lowest, NULL, NULL);
}

int cc_retire(struct method *m, unsigned int n)
{
	return codecache_extent_retire_batch(m->zone, extents, n, NULL, &m->cookie);
}

int cc_retire_each(struct method *m, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++)
		err = codecache_extent_retire_batch(m->zone, &extents[i], 1, NULL,
						    &m->cookie);
	return err;
}

int cc_make_whole(struct method *m, unsigned int n)
{
	extents[0].nr_pages = n;
	return codecache_extent_alloc_batch(m->zone, extents, 1, &lowest, NULL, NULL);
}

int cc_retire_whole(struct method *m, unsigned int n)
{
	int err = codecache_extent_retire_batch(m->zone, extents, 1, NULL, &m->cookie);

	(void)n;
	extents[0].nr_pages = 1;
	return err;
}
