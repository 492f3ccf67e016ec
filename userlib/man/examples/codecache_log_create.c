// SPDX-License-Identifier: MIT
#include <codecache.h>
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

/* Tell the writes that trapped since the last time; returns how many. */
static size_t drain(struct codecache_log_reader *reader)
{
	struct codecache_log_entry entries[16];
	size_t total = 0;
	size_t i, nr;

	while ((nr = codecache_log_drain(reader, entries, 16)) > 0) {
		for (i = 0; i < nr; i++)
			printf("first write to page %llu\n",
			       (unsigned long long)entries[i].page);
		total += nr;
	}
	return total;
}

int main(void)
{
	const struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_READ,
		.trap_mode = CODECACHE_TRAP_LOG,
	};
	const size_t page_size = codecache_page_size();
	struct codecache_log_reader reader;
	struct codecache_cache *cache;
	struct codecache_view *view;
	struct codecache_zone *zone;
	struct codecache_log *log;
	volatile char *memory;
	size_t first, second;
	uint64_t lost;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    NR_PAGES * page_size, &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, &options,
				    &view));
	check(codecache_log_create(view, 128, 0, &log));
	check(codecache_log_reader(log, &reader));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);

	memory[3 * page_size] = 1;
	memory[3 * page_size] = 2;	/* allowed by now */
	memory[7 * page_size] = 1;
	first = drain(&reader);

	/* Begin again with page 7. */
	check(codecache_view_protect_range(view, 7, 1, CODECACHE_PROT_READ));
	memory[3 * page_size] = 3;
	memory[7 * page_size] = 2;
	second = drain(&reader);
	lost = codecache_log_lost(log);
	printf("%zu writes, then %zu\n", first, second);

	codecache_view_destroy(view);
	codecache_log_destroy(log);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return first == 2 && second == 1 && !lost ? 0 : EXIT_FAILURE;
}
