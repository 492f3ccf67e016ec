// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NR_PAGES 64

static struct codecache_view *view;
static volatile char *filler;

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* Wait for one thread that wants a page, fill the page, and let it go on. */
static void *monitor(void *unused)
{
	struct codecache_event event;
	uint64_t nr_woken;
	size_t nr;

	check(codecache_view_read_events(view, &event, 1, &nr));
	printf("page %llu is wanted\n", (unsigned long long)event.page);
	filler[event.page * codecache_page_size()] = 42;
	check(codecache_view_resolve(view, event.page, 1, CODECACHE_PROT_READ |
				     CODECACHE_PROT_WRITE, 0, &nr_woken));
	printf("%llu thread was woken\n", (unsigned long long)nr_woken);
	return unused;
}

int main(void)
{
	const struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_NONE,
		.trap_mode = CODECACHE_TRAP_BLOCK,
	};
	struct codecache_cache *cache;
	struct codecache_view *fill;
	struct codecache_zone *zone;
	const volatile char *memory;
	pthread_t thread;
	int value;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    NR_PAGES * codecache_page_size(), &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &fill));
	check(codecache_view_map(fill, NULL, 0));
	filler = codecache_view_addr(fill);
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, &options,
				    &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);
	check(-pthread_create(&thread, NULL, monitor, NULL));

	/* This thread sleeps here until the other one has answered. */
	value = memory[5 * codecache_page_size()];
	check(-pthread_join(thread, NULL));
	printf("page 5 holds %d\n", value);

	codecache_view_destroy(view);
	codecache_view_destroy(fill);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return value == 42 ? 0 : EXIT_FAILURE;
}
