// SPDX-License-Identifier: MIT
/*
 * What it costs to make a zone, a view and its pages, against a memfd
 *
 * Steps, each counted in instructions: the zone, or the memfd; a view, or nothing;
 * to map it; to have N pages that may be used, by a first store to each or all in one
 * call; to unmap it, and to free everything. Of small and of large, sparse ones: what is
 * not used is to cost nothing. The last step includes what the kernel does after the
 * call that a program waits for, as long as the program goes on.
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"

#define ROUNDS		5
#define PAGES		512

/* Newer than the C library's headers, perhaps. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

enum step {
	MAKE,
	VIEW,
	MAP,
	PAGES_IN,
	UNMAP,
	FREE,
	NR_STEPS,
};

static const char *const steps[] = {
	"zone, memfd", "view", "map", "512 pages", "unmap", "free",
};

static struct codecache_cache *cache;
static struct codecache_zone *zone;
static struct codecache_view *view;
static size_t page_size, bytes;
static char *map;
static int fd;

static void touch(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		*(volatile char *)(map + i * page_size) = 1;
}

/* ---- codecache ----------------------------------------------------------- */

static void cc_make(void)
{
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA, bytes,
						    &zone));
}

static void cc_view(void)
{
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
}

static void cc_map(void)
{
	measure_check("map", codecache_view_map(view, NULL, 0));
	map = codecache_view_addr(view);
}

static void cc_populate(void)
{
	struct codecache_prot_range range = {
		0, PAGES, CODECACHE_PROT_READ | CODECACHE_PROT_WRITE, 0,
	};
	struct codecache_view_protect_args args = {
		.flags = CODECACHE_PROTECT_F_POPULATE,
		.addr = (uintptr_t)&range,
		.count = 1,
	};

	measure_check("populate", codecache_view_protect_args(view, &args));
	if (args.out_populated != PAGES)
		measure_die("pages are missing", 0);
}

static void cc_unmap(void)
{
	measure_check("unmap", codecache_view_unmap(view));
}

static void cc_free(void)
{
	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
}

/* ---- memfd --------------------------------------------------------------- */

static void fd_make(void)
{
	fd = memfd_create("create_bench", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, bytes))
		measure_die("memfd", errno);
}

static void fd_map(void)
{
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		measure_die("mmap", errno);
}

static void fd_populate(void)
{
	if (madvise(map, PAGES * page_size, MADV_POPULATE_WRITE))
		measure_die("MADV_POPULATE_WRITE", errno);
}

static void fd_unmap(void)
{
	if (munmap(map, bytes))
		measure_die("munmap", errno);
}

static void fd_free(void)
{
	close(fd);
}

static const struct way {
	const char *name;
	void (*steps[NR_STEPS])(void);
} ways[] = {
	{ "codecache, stores",
	  { cc_make, cc_view, cc_map, touch, cc_unmap, cc_free } },
	{ "codecache, populate",
	  { cc_make, cc_view, cc_map, cc_populate, cc_unmap, cc_free } },
	{ "memfd, stores", { fd_make, NULL, fd_map, touch, fd_unmap, fd_free } },
	{ "memfd, populate", { fd_make, NULL, fd_map, fd_populate, fd_unmap, fd_free } },
};

#define NR_WAYS	(sizeof(ways) / sizeof(ways[0]))

static void measure(const struct way *way, struct cost *costs)
{
	enum step step;
	uint64_t start;
	int i;

	for (i = 0; i <= ROUNDS; i++) {
		for (step = MAKE; step < NR_STEPS; step++) {
			/* The first round finds nothing as the others do. */
			if (i <= 1)
				costs[step] = COST_UNKNOWN;
			if (!way->steps[step])
				continue;
			start = measure_now();
			way->steps[step]();
			cost_add(&costs[step], measure_now() - start);
		}
	}
}

static void bench(const char *what, const char *title)
{
	const struct table table = { what, title, steps, NR_STEPS };
	struct cost costs[NR_STEPS];
	unsigned int i;

	table_head(&table);
	for (i = 0; i < NR_WAYS; i++) {
		if (ways[i].steps[VIEW] && !cache)
			continue;
		measure(&ways[i], costs);
		table_line(&table, ways[i].name, costs, NULL);
	}
}

int main(void)
{
	measure_init("create_bench");
	measure_open(&cache);
	page_size = codecache_page_size();
	measure_calibrate();
	bytes = 4UL << 20;
	bench("create-4M", "Instructions, 4 MiB");
	bytes = 64UL << 30;
	bench("create-64G", "Instructions, 64 GiB");
	return 0;
}
