// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	const struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_NONE,
		.first_page = 16,
		.nr_pages = 8,
	};
	const uint64_t bytes = 64 * codecache_page_size();
	struct codecache_cache *cache;
	struct codecache_view *view = NULL;
	struct codecache_zone *zone = NULL;
	int error;

	/* A window on 8 of 64 pages, where every access traps for now. */
	error = codecache_open(&cache);
	if (!error)
		error = codecache_zone_create(cache, CODECACHE_ZONE_DATA,
					      bytes, &zone);
	if (!error)
		error = codecache_view_create(zone, CODECACHE_VIEW_DATA,
					      &options, &view);
	if (error)
		fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	else
		printf("a view of %" PRIu64 " pages\n",
		       codecache_view_nr_pages(view));

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return error != 0;
}
