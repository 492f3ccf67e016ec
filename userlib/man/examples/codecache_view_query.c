// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <stdio.h>
#include <stdlib.h>

#define NR_PAGES 1024

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* Tell what was written since the last time; returns how many pages. */
static unsigned int tell_written(struct codecache_view *view)
{
	struct codecache_page_range ranges[16];
	unsigned int nr_pages = 0;
	uint64_t cursor = 0;
	size_t i, nr;

	while (cursor < NR_PAGES) {
		check(codecache_view_query(view, &cursor, NR_PAGES,
					   CODECACHE_PAGE_DIRTY,
					   CODECACHE_PAGE_DIRTY,
					   ranges, 16, &nr));
		for (i = 0; i < nr; i++) {
			printf("written: %u from page %llu on\n",
			       ranges[i].nr_pages,
			       (unsigned long long)ranges[i].first_page);
			nr_pages += ranges[i].nr_pages;
		}
	}
	return nr_pages;
}

int main(void)
{
	const size_t page_size = codecache_page_size();
	unsigned int first, second, third;
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_view *view;
	volatile char *memory;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    NR_PAGES * page_size, &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);

	memory[3 * page_size] = 1;
	memory[4 * page_size] = 1;
	memory[900 * page_size] = 1;
	first = tell_written(view);
	second = tell_written(view);

	/* Nothing traps for it: page 4 is writable all the time. */
	memory[4 * page_size] = 2;
	third = tell_written(view);
	printf("%u pages, then %u, then %u\n", first, second, third);

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return first == 3 && second == 0 && third == 1 ? 0 : EXIT_FAILURE;
}
