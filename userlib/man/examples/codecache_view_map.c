// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* A ring buffer without a seam: its pages appear twice, side by side. */
int main(void)
{
	const size_t bytes = 16 * codecache_page_size();
	struct codecache_view *lower, *upper;
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	char *ring;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA, bytes, &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &lower));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &upper));

	/* Reserve the addresses, then replace the reservation. */
	ring = mmap(NULL, 2 * bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		exit(EXIT_FAILURE);
	check(codecache_view_map(lower, ring, MAP_FIXED));
	check(codecache_view_map(upper, ring + bytes, MAP_FIXED));

	strcpy(ring + bytes - 4, "wrapped");
	printf("at the start of the ring: %s\n", ring);

	codecache_view_destroy(upper);
	codecache_view_destroy(lower);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return 0;
}
