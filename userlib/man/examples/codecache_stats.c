// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* What it costs to make every second of 128 pages read-only. */
int main(void)
{
	alignas(8) static const uint64_t bitmap[2] = {
		UINT64_C(0x5555555555555555), UINT64_C(0x5555555555555555),
	};
	struct codecache_stats_args stats;
	struct codecache_cache *cache;
	struct codecache_view *view;
	struct codecache_zone *zone;
	volatile char *memory;
	size_t i;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    128 * codecache_page_size(), &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);
	for (i = 0; i < 128; i++)
		memory[i * codecache_page_size()] = 1;

	check(codecache_view_protect_bitmap(view, 0, bitmap, 128,
					    CODECACHE_PROT_READ, NULL));
	check(codecache_view_stats(view, &stats));
	printf("%" PRIu64 " pages, %" PRIu64 " entries, %" PRIu64 " flush\n",
	       (uint64_t)stats.out_protect_pages,
	       (uint64_t)stats.out_protect_ptes,
	       (uint64_t)stats.out_protect_flushes);

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return 0;
}
