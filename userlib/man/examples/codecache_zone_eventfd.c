// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NR_PAGES	64
#define EXTENT_PAGES	8

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

int main(void)
{
	const size_t page_size = codecache_page_size();
	struct codecache_extent oldest = { .nr_pages = EXTENT_PAGES };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t first_page, events, when = 0;
	struct codecache_cache *cache;
	struct codecache_view *view;
	struct codecache_zone *zone;
	volatile char *memory;
	unsigned int i, j;

	check(codecache_open(&cache));
	check(codecache_zone_create_extents(cache, CODECACHE_ZONE_DATA,
					    NR_PAGES * page_size, &zone));
	check(codecache_zone_eventfd(zone, fd, CODECACHE_ZONE_EVENT_PRESSURE |
				     CODECACHE_ZONE_EVENT_HIGH_WATER, 40));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);

	/* Fill extents until it is time to sweep. */
	for (i = 0; i < NR_PAGES / EXTENT_PAGES; i++) {
		check(codecache_extent_alloc(zone, EXTENT_PAGES, NULL,
					     &first_page, NULL));
		if (!i)
			oldest.first_page = first_page;
		for (j = 0; j < EXTENT_PAGES; j++)
			memory[(first_page + j) * page_size] = 1;
		if (read(fd, &events, sizeof(events)) == sizeof(events)) {
			when = (i + 1) * EXTENT_PAGES;
			break;
		}
	}
	printf("time to sweep at %" PRIu64 " pages\n", when);
	check(codecache_extent_retire_batch(zone, &oldest, 1, NULL, NULL));
	check(codecache_zone_eventfd(zone, -1, 0, 0));

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	close(fd);
	return when == 40 ? 0 : EXIT_FAILURE;
}
