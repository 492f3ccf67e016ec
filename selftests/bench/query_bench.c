// SPDX-License-Identifier: MIT
/*
 * What dirty queries and traps cost, in guest instructions
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount
 * shift=0: a nanosecond is one). Each row is the minimum of several rounds, less
 * what a call of an empty function takes. Prints a table and, with tabs, lines
 * "#TSV ...".
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <codecache.h>

#define PAGES	4096
#define MAX_PAGES	16384
#define ROUNDS	15
#define SPARSE_BYTES	(64ULL << 30)
#define SPARSE_PARTS	8
#define RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_view *view;
static volatile unsigned char *map;
static volatile unsigned char *one;	/* in a page of the view */
static size_t page_size;
static uint64_t null_cost = UINT64_MAX;
static struct codecache_page_range found[MAX_PAGES];
static uint64_t bits[PAGES / 64];
static unsigned long window = PAGES;	/* pages that are dirtied and asked about */
static unsigned long stride = 1;	/* pages; parts of the window are so far apart */

static void check(const char *what, int err)
{
	if (!err)
		return;
	fprintf(stderr, "query_bench: %s: %s\n", what, codecache_strerror(err));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Faults on the view, as the module counts them. */
static unsigned long long faults(void)
{
	struct codecache_stats_args stats;

	check("stats", codecache_view_stats(view, &stats));
	return stats.out_faults_filled + stats.out_faults_upgraded +
	       stats.out_faults_spurious;
}

static void row(const char *name, uint64_t best)
{
	best -= best < null_cost ? best : null_cost;
	printf("%-52s %8llu\n#TSV\t%s\t%llu\n", name,
	       (unsigned long long)best, name, (unsigned long long)best);
}

/* Pages of the window: all in one piece, or in parts with holes between. */
static volatile unsigned char *page_at(unsigned long i)
{
	unsigned long part = PAGES / SPARSE_PARTS;

	if (stride > 1)
		i = i / part * stride + i % part;
	return map + i * page_size;
}

static void dirty_every(unsigned int step)
{
	unsigned long i;

	for (i = 0; i < window; i += step)
		*page_at(i) = 1;
}

/* The fewest instructions of one operation, each time after @prepare. */
static uint64_t fewest(void (*prepare)(void), void (*op)(void))
{
	uint64_t best = UINT64_MAX, start, took;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		prepare();
		start = now();
		op();
		took = now() - start;
		if (took < best)
			best = took;
	}
	return best;
}

static void measure(const char *name, void (*prepare)(void), void (*op)(void))
{
	row(name, fewest(prepare, op));
}

static void nothing(void) { }
static void dirty_tenth(void) { dirty_every(10); }

static void query_ranges(void)
{
	uint64_t cursor = 0, end = stride > 1 ? SPARSE_BYTES / page_size : window;
	size_t nr;

	check("query", codecache_view_query(view, &cursor, end,
					    CODECACHE_PAGE_DIRTY,
					    CODECACHE_PAGE_DIRTY, found,
					    MAX_PAGES, &nr));
}

static void query_bitmap(void)
{
	check("query", codecache_view_query_bitmap(view, 0, bits, PAGES,
						   CODECACHE_PAGE_DIRTY,
						   CODECACHE_PAGE_DIRTY, NULL));
}

static void store(void) { *one = 2; }

static void redirty(void)
{
	unsigned long long before;

	query_ranges();
	store();
	before = faults();
	measure("store that dirties a cleared page", query_ranges, store);
	printf("page faults meanwhile: %llu\n", faults() - before);
}

static void protect(unsigned int flags)
{
	struct codecache_prot_range r = { 5, 1, CODECACHE_PROT_READ, flags };

	check("protect", codecache_view_protect(view, &r, 1, NULL));
}

static void protect_plain(void) { protect(0); }
static void protect_log(void) { protect(CODECACHE_RANGE_F_LOG); }

static void widen(void)
{
	check("protect", codecache_view_protect_range(view, 5, 1, RW));
	store();
}

static void on_trap(int sig)
{
	(void)sig;
	codecache_view_protect_range(view, 5, 1, RW);
}

static void map_zone(struct codecache_cache *cache, uint64_t bytes)
{
	struct codecache_zone *zone;

	check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA, bytes,
					    &zone));
	check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL,
					    &view));
	check("map", codecache_view_map(view, NULL, 0));
	map = codecache_view_addr(view);
	one = map + 5 * page_size;
}

static void bench_queries(void)
{
	measure("QUERY get+clear, 4096 pages, none dirty", nothing, query_ranges);
	measure("QUERY get+clear, 4096 pages, 10 % dirty", dirty_tenth,
		query_ranges);
	measure("the same into a bitmap", dirty_tenth, query_bitmap);
	window = 512;
	measure("QUERY get+clear, 512 pages, none dirty", nothing, query_ranges);
	measure("QUERY get+clear, 512 pages, 10 % dirty", dirty_tenth,
		query_ranges);
	window = MAX_PAGES;
	dirty_every(1);
	query_ranges();
	measure("QUERY get+clear, 16384 pages, none dirty", nothing,
		query_ranges);
	measure("QUERY get+clear, 16384 pages, 10 % dirty", dirty_tenth,
		query_ranges);
	window = PAGES;
}

static void bench_traps(void)
{
	struct codecache_log_reader reader;
	struct codecache_log_entry entry;
	struct codecache_log *log;
	int i;

	check("log", codecache_log_create(view, 1024, 0, &log));
	check("reader", codecache_log_reader(log, &reader));
	measure("PROTECT one page READ", widen, protect_plain);
	measure("PROTECT one page RW", protect_plain, widen);
	measure("first write, logged", protect_log, store);
	measure("trap by signal, PROTECT RW, store", protect_plain, store);
	for (i = 0; codecache_log_next(&reader, &entry); i++)
		;
	if (i < ROUNDS) {
		fprintf(stderr, "query_bench: %d log entries\n", i);
		exit(1);
	}
}

/* As many pages as before, in parts that are 8 GiB apart. */
static void bench_sparse(struct codecache_cache *cache)
{
	map_zone(cache, SPARSE_BYTES);
	stride = SPARSE_BYTES / SPARSE_PARTS / page_size;
	dirty_every(1);
	query_ranges();
	measure("QUERY get+clear, 64 GiB with 4096 pages, none dirty", nothing,
		query_ranges);
	measure("QUERY get+clear, 64 GiB with 4096 pages, 10 % dirty",
		dirty_tenth, query_ranges);
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_trap };
	struct codecache_cache *cache;

	page_size = codecache_page_size();
	check("open", codecache_open(&cache));
	map_zone(cache, MAX_PAGES * page_size);
	sigaction(SIGSEGV, &act, NULL);
	dirty_every(1);
	null_cost = fewest(nothing, nothing);

	printf("Guest instructions\n");
	redirty();
	bench_queries();
	bench_traps();
	bench_sparse(cache);
	return 0;
}
