// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NR_PAGES 64

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* An extent, if need be once others that were retired are gone. */
static uint64_t allocate(struct codecache_cache *cache,
			 struct codecache_zone *zone, uint64_t nr_pages,
			 unsigned int *nr_waits)
{
	uint64_t first_page, cookie;
	int error;

	for (;;) {
		error = codecache_extent_alloc(zone, nr_pages, NULL,
					       &first_page, &cookie);
		if (error != -EAGAIN)
			break;
		check(codecache_grace_wait(cache, cookie, 0, 0));
		++*nr_waits;
	}
	check(error);
	return first_page;
}

int main(void)
{
	const struct codecache_extent_options high = {
		.size = sizeof(high),
		.flags = CODECACHE_EXTENT_F_HIGH,
		.align_pages = 16,
	};
	const size_t page_size = codecache_page_size();
	unsigned int nr_waits = 0;
	struct codecache_cache *cache;
	struct codecache_view *view;
	struct codecache_zone *zone;
	uint64_t a, b, c, cookie;
	volatile char *memory;
	int zeroed;

	check(codecache_open(&cache));
	check(codecache_zone_create_extents(cache, CODECACHE_ZONE_DATA,
					    NR_PAGES * page_size, &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);

	/* Two extents, which leave 4 pages between them. */
	a = allocate(cache, zone, 44, &nr_waits);
	check(codecache_extent_alloc(zone, 16, &high, &b, NULL));
	printf("extents at pages %" PRIu64 " and %" PRIu64 "\n", a, b);
	memory[a * page_size] = 1;

	/* Its pages can be had again once no reader can be using them. */
	check(codecache_extent_retire(zone, a, 44, &cookie));
	c = allocate(cache, zone, 40, &nr_waits);
	zeroed = !memory[c * page_size];
	printf("a third one at page %" PRIu64 "\n", c);

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return a == 0 && b == 48 && c == 0 && zeroed ? 0 : EXIT_FAILURE;
}
