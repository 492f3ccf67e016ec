// SPDX-License-Identifier: MIT
/*
 * What it costs to know which pages were written: QUERY against PAGEMAP_SCAN,
 * soft-dirty bits and mprotect() with SIGSEGV
 *
 * Usage: dirty_bench [PAGES]
 *
 * A cycle is: some pages are stored to, evenly spread, each once; then it is asked which
 * ones, and the next cycle begins with none. The question and the stores are counted
 * apart, in instructions for all pages together: what one saves the other may cost.
 * Tables for 1,000 and 10,000 pages, or for PAGES, up to 1,000,000.
 *
 * mprotect() knows its pages before it is asked: the handler has noted them. To ask is to
 * protect all of them again. It is left out where it would make more mappings than a
 * process may have.
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <codecache.h>

#include "measure.h"
#include "peers.h"

#define MAX_PAGES	1000000
#define ROUNDS		3
#define SOFT_DIRTY	0x80000000000000ULL	/* bit 55 */
#define MAX_MAPPINGS	32768

static const unsigned int percents[] = { 0, 1, 10, 50, 100 };
static const char *const columns[] = { "0 %", "1 %", "10 %", "50 %", "100 %" };
#define NR_RATES (sizeof(percents) / sizeof(percents[0]))

static size_t nr_pages;
static struct codecache_view *view;
static struct peer peer, scanned;
static struct codecache_page_range ranges[MAX_PAGES];
static uint64_t words[MAX_PAGES];
static struct peer_range found[MAX_PAGES];
static size_t nr_noted;
static char *map;

/* ---- ways to ask: how many pages were written ------------------------------ */

static size_t by_ranges(void)
{
	size_t nr, i, sum = 0;
	uint64_t cursor = 0;

	measure_check("QUERY", codecache_view_query(view, &cursor, nr_pages,
						    CODECACHE_PAGE_DIRTY,
						    CODECACHE_PAGE_DIRTY, ranges,
						    MAX_PAGES, &nr));
	for (i = 0; i < nr; i++)
		sum += ranges[i].nr_pages;
	return sum;
}

static size_t by_bitmap(void)
{
	uint64_t nr;

	measure_check("QUERY", codecache_view_query_bitmap(view, 0, words, nr_pages,
							   CODECACHE_PAGE_DIRTY,
							   CODECACHE_PAGE_DIRTY, &nr));
	return nr;
}

static size_t by_scan(void)
{
	size_t nr = peer_scan(&scanned, 0, nr_pages, found, MAX_PAGES), i, sum = 0;

	for (i = 0; i < nr; i++)
		sum += (found[i].end - found[i].start) / peer_page_size;
	return sum;
}

static size_t by_soft_dirty(void)
{
	size_t i, sum = 0;

	peer_soft_read(&peer, 0, nr_pages, words);
	peer_soft_clear();
	for (i = 0; i < nr_pages; i++)
		sum += !!(words[i] & SOFT_DIRTY);
	return sum;
}

static size_t by_mprotect(void)
{
	size_t sum = nr_noted;

	if (mprotect(peer.map, nr_pages * peer_page_size, PROT_READ))
		measure_die("mprotect", errno);
	nr_noted = 0;
	return sum;
}

static void on_trap(int sig, siginfo_t *info, void *unused)
{
	uintptr_t page = (uintptr_t)info->si_addr & -peer_page_size;

	(void)sig;
	(void)unused;
	if (mprotect((void *)page, peer_page_size, PROT_READ | PROT_WRITE))
		measure_die("mprotect", errno);
	words[nr_noted++] = page;
}

static bool always(void) { return true; }
static bool has_view(void) { return view; }
static bool has_soft_dirty(void) { return peer_has_soft_dirty(&peer); }

static bool has_scan(void)
{
	return scanned.uffd >= 0;
}

static const struct way {
	const char *name;
	size_t (*ask)(void);
	bool (*works)(void);
	const struct peer *peer;
} ways[] = {
	{ "codecache, ranges", by_ranges, has_view, NULL },
	{ "codecache, bitmap", by_bitmap, has_view, NULL },
	{ "PAGEMAP_SCAN", by_scan, has_scan, &scanned },
	{ "soft-dirty, pagemap", by_soft_dirty, has_soft_dirty, &peer },
	/* The last one: it leaves what it maps in pieces. */
	{ "mprotect, SIGSEGV", by_mprotect, always, &peer },
};

#define NR_WAYS	(sizeof(ways) / sizeof(ways[0]))

/* ---- measuring ----------------------------------------------------------- */

static struct cost asking[NR_WAYS][NR_RATES];
static struct cost storing[NR_WAYS][NR_RATES];

/* Every so-manieth page, in order; how many. */
static size_t store_some(unsigned int percent)
{
	size_t i, n = nr_pages * percent / 100;

	for (i = 0; i < n; i++)
		*(volatile char *)(map + i * 100 / percent * peer_page_size) = 1;
	return n;
}

static void cycle(const struct way *way, unsigned int rate, struct cost *ask,
		  struct cost *store)
{
	uint64_t start = measure_now(), stored, asked;
	size_t n = store_some(percents[rate]), nr;

	stored = measure_now();
	nr = way->ask();
	asked = measure_now();
	if (nr != n)
		measure_die("pages are missing, or too many", 0);
	cost_add(store, stored - start);
	cost_add(ask, asked - stored);
}

static void measure(const struct way *way, struct cost *ask, struct cost *store)
{
	unsigned int i, k;

	map = way->peer ? way->peer->map : codecache_view_addr(view);
	store_some(100);
	way->ask();
	for (i = 0; i < NR_RATES; i++) {
		if (way->ask == by_mprotect &&
		    nr_pages * percents[i] / 100 > MAX_MAPPINGS)
			continue;
		for (k = 0; k < ROUNDS; k++)
			cycle(way, i, &ask[i], &store[i]);
	}
}

static void map_view(void)
{
	struct codecache_cache *cache;
	struct codecache_zone *zone;

	view = NULL;
	if (!measure_open(&cache))
		return;
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
						    nr_pages * codecache_page_size(),
						    &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	codecache_zone_destroy(zone);
	codecache_close(cache);
}

static void setup(void)
{
	map_view();
	peer_map(&peer, nr_pages);
	peer_map_again(&scanned, &peer);
	peer_uffd(&scanned, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
}

static void print(const char *what, const char *title, struct cost cells[][NR_RATES])
{
	char name[32], head[96];
	const struct table table = { name, head, columns, NR_RATES };
	unsigned int i;

	snprintf(name, sizeof(name), "%s-%zu", what, nr_pages);
	snprintf(head, sizeof(head), "%s, of %zu pages that share", title, nr_pages);
	table_head(&table);
	for (i = 0; i < NR_WAYS; i++) {
		if (cells[i][0].min <= cells[i][0].max)
			table_line(&table, ways[i].name, cells[i], NULL);
	}
}

static void bench(size_t pages)
{
	unsigned int i, k;

	nr_pages = pages;
	setup();
	for (i = 0; i < NR_WAYS; i++) {
		for (k = 0; k < NR_RATES; k++)
			asking[i][k] = storing[i][k] = COST_UNKNOWN;
		/* What is not asked about costs soft-dirty bits, and memory. */
		if (ways[i].ask == by_scan && view)
			codecache_view_destroy(view);
		if (ways[i].ask == by_soft_dirty)
			peer_unmap(&scanned);
		if (ways[i].works())
			measure(&ways[i], asking[i], storing[i]);
	}
	peer_unmap(&peer);
	print("ask", "Instructions to know which were written, and forget", asking);
	print("store", "Instructions to store to them before", storing);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	size_t pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

	measure_init("dirty_bench");
	if (argc > 2 || pages < 100 || pages > MAX_PAGES)
		measure_die("usage: dirty_bench [PAGES]", EINVAL);
	sigaction(SIGSEGV, &act, NULL);
	measure_calibrate();
	bench(pages);
	if (argc == 1)
		bench(10000);
	return 0;
}
