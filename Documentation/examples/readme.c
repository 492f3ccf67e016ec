// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct codecache_prot_range odd[512];
	struct codecache_stats_args stats;
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_view *view;

	if (codecache_open(&cache) ||
	    codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				  1024 * codecache_page_size(), &zone) ||
	    codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view) ||
	    codecache_view_map(view, NULL, 0))
		return 1;
	memset(codecache_view_addr(view), 1, codecache_view_bytes(view));

	/* Every other page becomes read-only: one call, one TLB flush. */
	for (unsigned int i = 0; i < 512; i++)
		odd[i] = (struct codecache_prot_range){
			.first_page = 2 * i + 1,
			.nr_pages = 1,
			.prot = CODECACHE_PROT_READ,
		};
	if (codecache_view_protect(view, odd, 512, NULL) ||
	    codecache_view_stats(view, &stats))
		return 1;
	printf("%d entries changed, %d flush\n", (int)stats.out_protect_ptes,
	       (int)stats.out_protect_flushes);
	return 0;
}
