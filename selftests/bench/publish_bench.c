// SPDX-License-Identifier: MIT
/*
 * What it costs to publish code: blocks of 200 bytes that are written, and can then
 * be run
 *
 * With two views the writer stores through one, and the block can be run through the
 * other: no call. Where pages are never writable and executable at a time, and there is
 * one mapping, mprotect() makes them writable and executable again: around each block,
 * or around a batch of them. A memory protection key lets one thread write to what
 * all can run, which is not W^X; it is here for comparison.
 *
 * Blocks lie one behind the other, in pages that are resident. The batched ones are in as
 * few pages as they fit into ("together") or each in a page of its own, every other
 * one ("scattered"): patches to code that is there already.
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

#define BLOCK_BYTES	200
#define MAX_BLOCKS	64
#define PAGES		(2 * MAX_BLOCKS)
#define ROUNDS		5

static size_t page_size;
static char block[BLOCK_BYTES];
static char *cc_write, *cc_exec;	/* two views of a zone */
static char *fd_write, *fd_exec;	/* two mappings of a memfd */
static char *flipped;			/* a mapping that is never both */
static char *keyed;			/* a mapping with a key */
static int key;

static char *block_at(char *map, unsigned int i, bool scattered)
{
	return map + i * (scattered ? 2 * page_size : BLOCK_BYTES);
}

/* Whole pages from the first block to the last one. */
static size_t bytes_of(unsigned int n, bool scattered)
{
	size_t bytes = scattered ? (2 * n - 1) * page_size : n * BLOCK_BYTES;

	return (bytes + page_size - 1) & -page_size;
}

static void copy(char *map, unsigned int n, bool scattered)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		memcpy(block_at(map, i, scattered), block, BLOCK_BYTES);
}

static void flip(char *at, size_t bytes, int prot)
{
	if (mprotect(at, bytes, prot))
		measure_die("mprotect", errno);
}

/* ---- ways ---------------------------------------------------------------- */

static void by_views(unsigned int n, bool scattered)
{
	copy(cc_write, n, scattered);
	codecache_sync_code(cc_exec, bytes_of(n, scattered));
}

static void by_mappings(unsigned int n, bool scattered)
{
	copy(fd_write, n, scattered);
}

static void by_flip_each(unsigned int n, bool scattered)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		char *at = block_at(flipped, i, scattered);
		char *start = (char *)((uintptr_t)at & -page_size);
		size_t bytes = ((uintptr_t)at + BLOCK_BYTES - (uintptr_t)start +
				page_size - 1) & -page_size;

		flip(start, bytes, PROT_READ | PROT_WRITE);
		memcpy(at, block, BLOCK_BYTES);
		flip(start, bytes, PROT_READ | PROT_EXEC);
	}
}

/* From the first page to the last one: what is between loses its right to run, too. */
static void by_flip_all(unsigned int n, bool scattered)
{
	size_t bytes = bytes_of(n, scattered);

	flip(flipped, bytes, PROT_READ | PROT_WRITE);
	copy(flipped, n, scattered);
	flip(flipped, bytes, PROT_READ | PROT_EXEC);
}

static void by_key(unsigned int n, bool scattered)
{
	pkey_set(key, 0);
	copy(keyed, n, scattered);
	pkey_set(key, PKEY_DISABLE_WRITE);
}

static const struct way {
	const char *name;
	void (*publish)(unsigned int n, bool scattered);
} ways[] = {
	{ "codecache, two views", by_views },
	{ "memfd, two mappings", by_mappings },
	{ "mprotect around each", by_flip_each },
	{ "mprotect around all", by_flip_all },
	{ "protection key (no W^X)", by_key },
};

#define NR_WAYS	(sizeof(ways) / sizeof(ways[0]))

/* ---- setting up ---------------------------------------------------------- */

static char *view_of(struct codecache_zone *zone, uint32_t kind)
{
	struct codecache_view *view;

	measure_check("view", codecache_view_create(zone, kind, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	return codecache_view_addr(view);
}

static void map_views(void)
{
	struct codecache_cache *cache;
	struct codecache_zone *zone;

	if (!measure_open(&cache))
		return;
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_CODE,
						    PAGES * page_size, &zone));
	cc_write = view_of(zone, CODECACHE_VIEW_WRITE);
	cc_exec = view_of(zone, CODECACHE_VIEW_EXEC);
	memset(cc_write, 1, PAGES * page_size);
}

static char *map_fd(int fd, int prot)
{
	char *map = mmap(NULL, PAGES * page_size, prot, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		measure_die("mmap", errno);
	return map;
}

static void setup(void)
{
	int fd = memfd_create("publish_bench", MFD_CLOEXEC);

	map_views();
	if (fd < 0 || ftruncate(fd, PAGES * page_size))
		measure_die("memfd", errno);
	fd_write = map_fd(fd, PROT_READ | PROT_WRITE);
	fd_exec = map_fd(fd, PROT_READ | PROT_EXEC);
	flipped = map_fd(fd, PROT_READ | PROT_WRITE);
	keyed = map_fd(fd, PROT_READ | PROT_WRITE | PROT_EXEC);
	memset(fd_write, 1, PAGES * page_size);
	memset(flipped, 1, PAGES * page_size);
	memset(keyed, 1, PAGES * page_size);
	flip(flipped, PAGES * page_size, PROT_READ | PROT_EXEC);
	key = pkey_alloc(0, 0);
	if (key >= 0 && pkey_mprotect(keyed, PAGES * page_size,
				      PROT_READ | PROT_WRITE | PROT_EXEC, key))
		measure_die("pkey_mprotect", errno);
}

/* ---- measuring ----------------------------------------------------------- */

static const unsigned int counts[] = { 1, 16, MAX_BLOCKS };
static const char *const columns[] = { "1 block", "16 blocks", "64 blocks" };
#define NR_COUNTS (sizeof(counts) / sizeof(counts[0]))

/* Here, that is: without a module, or without keys, some do not. */
static bool works(const struct way *way)
{
	return way->publish == by_views ? !!cc_write :
	       way->publish != by_key || key >= 0;
}

/* Can what was written be run? It is only read here. */
static void verify(const struct way *way, unsigned int n, bool scattered)
{
	char *exec = way->publish == by_views ? cc_exec :
		     way->publish == by_key ? keyed :
		     way->publish == by_mappings ? fd_exec : flipped;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (memcmp(block_at(exec, i, scattered), block, BLOCK_BYTES))
			measure_die("a block was not published", 0);
	}
}

static void bench(bool scattered)
{
	const struct table table = {
		scattered ? "publish-scattered" : "publish-together",
		scattered ? "Instructions a block, in every other page" :
			    "Instructions a block, one behind the other",
		columns, NR_COUNTS,
	};
	unsigned int i, k, r;

	table_head(&table);
	for (i = 0; i < NR_WAYS; i++) {
		struct cost costs[NR_COUNTS];

		if (!works(&ways[i]))
			continue;
		for (k = 0; k < NR_COUNTS; k++) {
			costs[k] = COST_UNKNOWN;
			for (r = 0; r < ROUNDS; r++) {
				uint64_t start;

				memset(block, ++*block, sizeof(block));
				start = measure_now();
				ways[i].publish(counts[k], scattered);
				cost_add(&costs[k], measure_now() - start);
				verify(&ways[i], counts[k], scattered);
			}
		}
		table_line(&table, ways[i].name, costs, counts);
	}
}

int main(void)
{
	measure_init("publish_bench");
	page_size = codecache_page_size();
	setup();
	measure_calibrate();
	bench(false);
	bench(true);
	return 0;
}
