// SPDX-License-Identifier: MIT
#include <codecache.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NR_PAGES 64

static struct codecache_view *view;
static volatile sig_atomic_t dirty[NR_PAGES];

static void check(int error)
{
	if (!error)
		return;
	fprintf(stderr, "codecache: %s\n", codecache_strerror(error));
	exit(EXIT_FAILURE);
}

/* Note the page that was written to, and let the write happen. */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	uint64_t page = codecache_view_page_of(view, info->si_addr);

	(void)context;
	if (page == UINT64_MAX ||
	    codecache_view_protect_range(view, page, 1, CODECACHE_PROT_READ |
							CODECACHE_PROT_WRITE))
		signal(sig, SIG_DFL);	/* not ours: die of it */
	else
		dirty[page] = 1;
}

int main(void)
{
	struct sigaction action = {
		.sa_sigaction = on_trap,
		.sa_flags = SA_SIGINFO,
	};
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	volatile char *memory;
	size_t i;

	check(codecache_open(&cache));
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    NR_PAGES * codecache_page_size(), &zone));
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	check(codecache_view_map(view, NULL, 0));
	memory = codecache_view_addr(view);

	sigaction(SIGSEGV, &action, NULL);
	check(codecache_view_protect_range(view, 0, NR_PAGES,
					   CODECACHE_PROT_READ));
	memory[3 * codecache_page_size()] = 1;
	memory[7 * codecache_page_size()] = 1;
	for (i = 0; i < NR_PAGES; i++)
		if (dirty[i])
			printf("page %zu was written to\n", i);

	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
	codecache_close(cache);
	return 0;
}
