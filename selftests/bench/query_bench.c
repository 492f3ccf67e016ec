// SPDX-License-Identifier: MIT
/*
 * What dirty queries and traps cost, in guest instructions
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount
 * shift=0: a nanosecond is one). Each row is the minimum of several rounds.
 * Prints a table and, with tabs, lines "#TSV ...".
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <codecache.h>

#define PAGES	4096
#define ROUNDS	15
#define RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_view *view;
static volatile unsigned char *map;
static size_t page_size;
static uint64_t clock_cost;
static struct codecache_page_range found[PAGES];
static uint64_t bits[PAGES / 64];

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
	best -= best < clock_cost ? best : clock_cost;
	printf("%-44s %10llu\n#TSV\t%s\t%llu\n", name,
	       (unsigned long long)best, name, (unsigned long long)best);
}

static void dirty_every(unsigned int step)
{
	unsigned int i;

	for (i = 0; i < PAGES; i += step)
		map[i * page_size] = 1;
}

/* The cost of one operation, each time after @prepare. */
static void measure(const char *name, void (*prepare)(void), void (*op)(void))
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
	row(name, best);
}

static void nothing(void) { }
static void dirty_tenth(void) { dirty_every(10); }

static void query_ranges(void)
{
	uint64_t cursor = 0;
	size_t nr;

	check("query", codecache_view_query(view, &cursor, PAGES,
					    CODECACHE_PAGE_DIRTY,
					    CODECACHE_PAGE_DIRTY, found, PAGES,
					    &nr));
}

static void query_bitmap(void)
{
	check("query", codecache_view_query_bitmap(view, 0, bits, PAGES,
						   CODECACHE_PAGE_DIRTY,
						   CODECACHE_PAGE_DIRTY, NULL));
}

static void store(void) { map[5 * page_size] = 2; }

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

int main(void)
{
	struct sigaction act = { .sa_handler = on_trap };
	struct codecache_log_reader reader;
	struct codecache_log_entry entry;
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_log *log;
	uint64_t start;
	int i;

	page_size = codecache_page_size();
	check("open", codecache_open(&cache));
	check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
					    PAGES * page_size, &zone));
	check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL,
					    &view));
	check("map", codecache_view_map(view, NULL, 0));
	check("log", codecache_log_create(view, 1024, 0, &log));
	check("reader", codecache_log_reader(log, &reader));
	map = codecache_view_addr(view);
	sigaction(SIGSEGV, &act, NULL);
	dirty_every(1);
	clock_cost = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		start = now();
		start = now() - start;
		clock_cost = start < clock_cost ? start : clock_cost;
	}

	printf("Guest instructions\n");
	redirty();
	measure("QUERY get+clear, 4096 pages, none dirty", nothing, query_ranges);
	measure("QUERY get+clear, 4096 pages, 10 % dirty", dirty_tenth,
		query_ranges);
	measure("the same into a bitmap", dirty_tenth, query_bitmap);
	measure("PROTECT one page READ", widen, protect_plain);
	measure("PROTECT one page RW", protect_plain, widen);
	measure("first write, logged", protect_log, store);
	measure("trap by signal, PROTECT RW, store", protect_plain, store);
	for (i = 0; codecache_log_next(&reader, &entry); i++)
		;
	return i >= ROUNDS ? 0 : 1;
}
