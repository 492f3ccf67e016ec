// SPDX-License-Identifier: MIT
/*
 * TLB shootdowns against the number of CPUs that run the process: PROTECT and QUERY, and
 * what they are compared with
 *
 * Of 512 pages, every other one of a mapping that is resident and dirty, the protection
 * is taken, or it is asked which are dirty, while threads of the process spin on none to
 * three other CPUs. Counted are the interrupts to them. Wants four CPUs, and an emulator
 * that runs them at the same time (QEMU's thread=multi).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"
#include "peers.h"
#include "smp.h"

#define PAGES	512
#define SPAN	(2 * PAGES)
#define ROUNDS	3
#define RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_view *view;
static struct peer plain, watched, scanned;
static struct codecache_prot_range ranges[PAGES];

static void set_ranges(uint32_t prot)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		ranges[i] = (struct codecache_prot_range){ 2 * i, 1, prot, 0 };
	measure_check("PROTECT", codecache_view_protect(view, ranges, PAGES, NULL));
}

static void cc_protect(void) { set_ranges(CODECACHE_PROT_READ); }
static void cc_unprotect(void) { set_ranges(RW); }

static void cc_query(void)
{
	struct codecache_page_range found[PAGES];
	uint64_t cursor = 0;
	size_t nr;

	measure_check("QUERY", codecache_view_query(view, &cursor, SPAN,
						    CODECACHE_PAGE_DIRTY,
						    CODECACHE_PAGE_DIRTY, found, PAGES,
						    &nr));
	if (!nr)
		measure_die("nothing is dirty", 0);
}

static void mprotect_all(int prot)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		if (mprotect(plain.map + 2 * i * peer_page_size, peer_page_size, prot))
			measure_die("mprotect", errno);
	}
}

static void mprotect_read(void) { mprotect_all(PROT_READ); }
static void mprotect_write(void) { mprotect_all(PROT_READ | PROT_WRITE); }

static void uffd_all(bool protect)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		peer_protect(&watched, 2 * i, 1, protect);
}

static void uffd_protect(void) { uffd_all(true); }
static void uffd_unprotect(void) { uffd_all(false); }

static void scan(void)
{
	static struct peer_range found[PAGES];

	if (!peer_scan(&scanned, 0, SPAN, found, PAGES))
		measure_die("nothing was written", 0);
}

static void nothing(void) { }

/* @dirty: every so-manieth page is stored to before. */
static const struct row {
	const char *name;
	const struct peer *peer;
	unsigned int dirty;
	void (*op)(void);
	void (*undo)(void);
} rows[] = {
	{ "PROTECT, 512 ranges", NULL, 1, cc_protect, cc_unprotect },
	{ "mprotect, 512 calls", &plain, 1, mprotect_read, mprotect_write },
	{ "UFFDIO_WRITEPROTECT, 512 calls", &watched, 1, uffd_protect, uffd_unprotect },
	{ "QUERY, 512 dirty", NULL, 2, cc_query, nothing },
	{ "PAGEMAP_SCAN, 512 dirty", &scanned, 2, scan, nothing },
	{ "soft-dirty, clear", &plain, 2, peer_soft_clear, nothing },
};

static bool works(const struct row *row)
{
	if (!row->peer)
		return view;
	if (row->op == peer_soft_clear)
		return peer_has_soft_dirty(&plain);
	return row->peer != &scanned || scanned.uffd >= 0;
}

static void count(const struct row *row, struct cost *cost)
{
	char *map = row->peer ? row->peer->map : codecache_view_addr(view);
	uint64_t before;
	unsigned int i, k;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < SPAN; k += row->dirty)
			*(volatile char *)(map + k * codecache_page_size()) = 1;
		before = smp_shootdowns();
		row->op();
		cost_add(cost, smp_shootdowns() - before);
		row->undo();
	}
}

static void map_view(void)
{
	struct codecache_cache *cache;
	struct codecache_zone *zone;

	if (!measure_open(&cache))
		return;
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
						    SPAN * codecache_page_size(), &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
}

static void setup(void)
{
	map_view();
	peer_map(&plain, SPAN);
	peer_map_again(&watched, &plain);
	peer_map_again(&scanned, &plain);
	memset(plain.map, 1, SPAN * peer_page_size);
	peer_uffd(&watched, 0);
	peer_uffd(&scanned, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
}

int main(void)
{
	static const char *const columns[] = { "1 CPU", "2 CPUs", "3 CPUs", "4 CPUs" };
	struct table table = {
		"shootdowns-cpus", "TLB shootdown interrupts in one pass", columns, 4,
	};
	const long nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct cost cells[4];
	unsigned int i, k;

	measure_init("shootdown_bench");
	if (nr_cpus < table.nr)
		table.nr = nr_cpus;
	smp_pin(0);
	setup();
	table_head(&table);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!works(&rows[i]))
			continue;
		for (k = 0; k < table.nr; k++) {
			cells[k] = COST_UNKNOWN;
			smp_spin(k);
			count(&rows[i], &cells[k]);
			smp_stop();
		}
		table_line(&table, rows[i].name, cells, NULL);
	}
	return 0;
}
