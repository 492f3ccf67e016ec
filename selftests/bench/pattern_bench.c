// SPDX-License-Identifier: MIT
/*
 * What a page costs when protections change, by how the pages lie: PROTECT against
 * loops of mprotect(), pkey_mprotect() and UFFDIO_WRITEPROTECT, and PAGEMAP_SCAN
 *
 * Usage: pattern_bench [N]
 *
 * N pages (4096 unless said, 262144 at the most) of a mapping are resident and dirty. They
 * are made read-only, then inaccessible, then writable again: PROTECT takes all in one
 * call, the peers a run of adjacent pages in a call. Patterns: every other page; runs of
 * 8 with gaps of 8; half of the pages in random order; adjacent ones. Tells also how
 * many mappings more there are, and what the kernel's memory grows by, while the pages
 * are read-only.
 *
 * PAGEMAP_SCAN, where there is one, write-protects a range of pages that were
 * written, and so does the first step of the pattern that is a range. Protection keys
 * are changed by pkey_mprotect(): to change the rights of a key is quicker, but is for
 * one thread and for 15 sets of pages.
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"
#include "memory.h"
#include "peers.h"

#define MAX_PAGES	262144
#define SPAN_PAGES	(2 * MAX_PAGES)
#define RUN_PAGES	8
#define ROUNDS		3
/* More calls than this, and a loop takes too long; mappings are limited, too. */
#define MAX_SPLITS	16384
/* Each time all pages are made anew. */
#define MAX_WEIGHED	4096

/* What is done, in this order. */
enum step {
	TO_READ,
	TO_NONE,
	TO_WRITE,
	NR_STEPS,
};

static const char *const step_names[] = { "READ", "NONE", "READ|WRITE" };

/* The pages as runs, in the order in which they are to be protected. */
static struct run {
	unsigned int first;
	unsigned int nr;
} runs[MAX_PAGES];

static unsigned int nr_runs;
static struct codecache_prot_range ranges[NR_STEPS][MAX_PAGES];
static uint64_t bitmap[SPAN_PAGES / 64];
static unsigned int nr_bits;
static struct codecache_cache *cache;
static struct codecache_view *view;
static struct peer plain, watched, scanned;
static int pkeys[NR_STEPS];
static unsigned int most = 4096;

static const unsigned int counts[] = { 1, 64, 512, 4096, 32768, MAX_PAGES };
static const char *const columns[] = {
	"N = 1", "N = 64", "N = 512", "N = 4096", "N = 32768", "N = 262144",
};
#define NR_COUNTS (sizeof(counts) / sizeof(counts[0]))

/* ---- patterns ------------------------------------------------------------ */

static void add_run(unsigned int first, unsigned int nr)
{
	runs[nr_runs++] = (struct run){ first, nr };
}

static void every_other(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		add_run(2 * i, 1);
}

static void clusters(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i += RUN_PAGES)
		add_run(2 * i, n - i < RUN_PAGES ? n - i : RUN_PAGES);
}

/* N of 2N pages in random order, the same in each run. */
static void shuffled(unsigned int n)
{
	static unsigned int pages[SPAN_PAGES];
	unsigned long long seed = 1;
	unsigned int i, k, swap;

	for (i = 0; i < 2 * n; i++)
		pages[i] = i;
	for (i = 0; i < n; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		k = i + (seed >> 33) % (2 * n - i);
		swap = pages[i];
		pages[i] = pages[k];
		pages[k] = swap;
		add_run(pages[i], 1);
	}
}

static void adjacent(unsigned int n)
{
	add_run(0, n);
}

static const struct pattern {
	const char *name;
	const char *title;
	void (*fill)(unsigned int n);
} patterns[] = {
	{ "every-other", "every other page", every_other },
	{ "clustered", "runs of 8 pages, gaps of 8", clusters },
	{ "random", "random pages, in random order", shuffled },
	{ "contiguous", "adjacent pages", adjacent },
};

#define NR_PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

static void fill(const struct pattern *pattern, unsigned int n)
{
	static const uint16_t prots[] = {
		CODECACHE_PROT_READ, CODECACHE_PROT_NONE,
		CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
	};
	unsigned int i, k;

	nr_runs = nr_bits = 0;
	pattern->fill(n);
	memset(bitmap, 0, sizeof(bitmap));
	for (i = 0; i < nr_runs; i++) {
		for (k = 0; k < NR_STEPS; k++)
			ranges[k][i] = (struct codecache_prot_range){
				runs[i].first, runs[i].nr, prots[k], 0,
			};
		for (k = runs[i].first; k < runs[i].first + runs[i].nr; k++)
			bitmap[k / 64] |= 1ULL << k % 64;
		nr_bits = k > nr_bits ? k : nr_bits;
	}
}

/* ---- mappings ------------------------------------------------------------ */

static void open_view(void)
{
	struct codecache_zone *zone;

	view = NULL;
	if (!cache)
		return;
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
						    2UL * most * codecache_page_size(),
						    &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	codecache_zone_destroy(zone);
}

static void open_all(void)
{
	open_view();
	peer_map(&plain, 2UL * most);
	peer_map_again(&watched, &plain);
	peer_map_again(&scanned, &plain);
	peer_uffd(&watched, 0);
	peer_uffd(&scanned, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
}

static void close_all(void)
{
	if (view)
		codecache_view_destroy(view);
	peer_unmap(&scanned);
	peer_unmap(&watched);
	peer_unmap(&plain);
}

/* ---- methods ------------------------------------------------------------- */

static bool by_vector(enum step step)
{
	measure_check("PROTECT", codecache_view_protect(view, ranges[step], nr_runs, NULL));
	return true;
}

static bool by_bitmap(enum step step)
{
	measure_check("PROTECT",
		      codecache_view_protect_bitmap(view, 0, bitmap, nr_bits,
						    ranges[step][0].prot, NULL));
	return true;
}

static const int mmap_prots[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE };

static bool by_mprotect(enum step step)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++) {
		if (mprotect(plain.map + (size_t)runs[i].first * peer_page_size,
			     runs[i].nr * peer_page_size, mmap_prots[step]))
			measure_die("mprotect", errno);
	}
	return true;
}

static bool by_pkey(enum step step)
{
	unsigned int i;

	if (pkeys[TO_READ] < 0)
		return false;
	for (i = 0; i < nr_runs; i++) {
		if (pkey_mprotect(plain.map + (size_t)runs[i].first * peer_page_size,
				  runs[i].nr * peer_page_size, PROT_READ | PROT_WRITE,
				  pkeys[step]))
			measure_die("pkey_mprotect", errno);
	}
	return true;
}

static bool by_uffd(enum step step)
{
	unsigned int i;

	if (step == TO_NONE)
		return false;
	for (i = 0; i < nr_runs; i++)
		peer_protect(&watched, runs[i].first, runs[i].nr, step == TO_READ);
	return true;
}

static bool by_scan(enum step step)
{
	struct peer_range found[4];

	if (scanned.uffd < 0 || nr_runs > 1 || step != TO_READ)
		return false;
	if (peer_scan(&scanned, runs[0].first, runs[0].nr, found, 4) != 1)
		measure_die("PAGEMAP_SCAN", 0);
	return true;
}

/* @splits: makes a mapping of each run. */
static const struct method {
	const char *name;
	bool (*protect)(enum step step);
	const struct peer *peer;
	bool splits;
} methods[] = {
	{ "codecache, vector", by_vector, NULL, false },
	{ "codecache, bitmap", by_bitmap, NULL, false },
	{ "mprotect", by_mprotect, &plain, true },
	{ "pkey_mprotect", by_pkey, &plain, true },
	{ "UFFDIO_WRITEPROTECT", by_uffd, &watched, false },
	{ "PAGEMAP_SCAN", by_scan, &scanned, false },
};

#define NR_METHODS (sizeof(methods) / sizeof(methods[0]))

/* ---- measuring ----------------------------------------------------------- */

static struct cost costs[NR_STEPS][NR_METHODS][NR_COUNTS];
static struct cost mappings[NR_METHODS][NR_COUNTS];
static struct cost memory[NR_METHODS][NR_COUNTS];

static void dirty_all(const struct method *m)
{
	char *map = m->peer ? m->peer->map : codecache_view_addr(view);
	unsigned int i, k;

	for (i = 0; i < nr_runs; i++) {
		for (k = 0; k < runs[i].nr; k++)
			*(volatile char *)(map + (size_t)(runs[i].first + k) *
						 peer_page_size) = 1;
	}
}

static void measure_round(unsigned int method, unsigned int column)
{
	const struct method *m = &methods[method];
	enum step step;
	uint64_t start, took;

	dirty_all(m);
	for (step = TO_READ; step < NR_STEPS; step++) {
		start = measure_now();
		if (!m->protect(step))
			continue;
		took = measure_now() - start;
		cost_add(&costs[step][method][column], took);
	}
}

/* In mappings of its own, which nobody has split yet. */
static void weigh(unsigned int method, unsigned int column)
{
	const struct method *m = &methods[method];
	uint64_t before, maps;
	int64_t grown;
	const struct peer kept[] = { plain, watched, scanned };
	struct codecache_view *kept_view = view;

	open_all();
	dirty_all(m);
	maps = memory_mappings();
	/* Twice: the first time leaves slabs behind. */
	memory_kernel_bytes();
	before = memory_kernel_bytes();
	if (m->protect(TO_READ)) {
		grown = memory_kernel_bytes() - before;
		mappings[method][column].min = mappings[method][column].max =
			memory_mappings() - maps;
		memory[method][column].min = memory[method][column].max =
			grown > 0 ? grown : 0;
	}
	close_all();
	plain = kept[0];
	watched = kept[1];
	scanned = kept[2];
	view = kept_view;
}

static void measure_pattern(const struct pattern *pattern)
{
	enum step step;
	unsigned int i, k, r;

	for (k = 0; k < NR_COUNTS && counts[k] <= most; k++) {
		fill(pattern, counts[k]);
		for (i = 0; i < NR_METHODS; i++) {
			for (step = TO_READ; step < NR_STEPS; step++)
				costs[step][i][k] = COST_UNKNOWN;
			mappings[i][k] = memory[i][k] = COST_UNKNOWN;
			if (methods[i].splits && nr_runs > MAX_SPLITS)
				continue;
			if (!methods[i].peer && !cache)
				continue;
			for (r = 0; r < ROUNDS; r++)
				measure_round(i, k);
			if (counts[k] <= MAX_WEIGHED)
				weigh(i, k);
		}
	}
}

static void print(const char *what, const char *title, unsigned int nr,
		  struct cost cells[][NR_COUNTS], const unsigned int *per)
{
	const struct table table = { what, title, columns, nr };
	unsigned int i, k;

	table_head(&table);
	for (i = 0; i < NR_METHODS; i++) {
		for (k = 0; k < nr && cells[i][k].min > cells[i][k].max; k++)
			;
		if (k < nr)
			table_line(&table, methods[i].name, cells[i], per);
	}
}

static void print_pattern(const struct pattern *pattern)
{
	char what[64], title[128];
	unsigned int nr = 0;
	enum step step;

	while (nr < NR_COUNTS && counts[nr] <= most)
		nr++;
	for (step = TO_READ; step < NR_STEPS; step++) {
		snprintf(what, sizeof(what), "%s-%s", step_names[step], pattern->name);
		snprintf(title, sizeof(title), "Instructions a page to %s, %s",
			 step_names[step], pattern->title);
		print(what, title, nr, costs[step], counts);
	}
	snprintf(what, sizeof(what), "mappings-%s", pattern->name);
	print(what, "Mappings more meanwhile", nr, mappings, NULL);
	snprintf(what, sizeof(what), "memory-%s", pattern->name);
	print(what, "Bytes of kernel memory more meanwhile", nr, memory, NULL);
}

int main(int argc, char **argv)
{
	unsigned int i;

	measure_init("pattern_bench");
	if (argc > 1)
		most = atoi(argv[1]);
	if (argc > 2 || !most || most > MAX_PAGES)
		measure_die("usage: pattern_bench [N]", EINVAL);
	measure_open(&cache);
	pkeys[TO_READ] = pkey_alloc(0, PKEY_DISABLE_WRITE);
	pkeys[TO_NONE] = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	open_all();
	measure_calibrate();
	for (i = 0; i < NR_PATTERNS; i++) {
		measure_pattern(&patterns[i]);
		print_pattern(&patterns[i]);
	}
	return 0;
}
