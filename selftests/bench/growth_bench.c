// SPDX-License-Identifier: MIT
/*
 * What grows with what: calls that touch the same few pages, while a zone is larger, or
 * while there are more zones, views, readers or extents
 *
 * Usage: growth_bench [sizes] [zones] [views] [readers] [sharing] [extents]    (all, unless said)
 *
 * None of it may cost more because of what it does not touch. A grace period looks at
 * every reader, and RETIRE goes through every view of its zone; those may grow with
 * their number, and no faster.
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <codecache.h>

#include "measure.h"

#define ROUNDS		5
#define PAGES		512	/* that are resident */
#define PROTECTED	64
#define MAX_MANY	10000

#define RW	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_cache *cache;
static const struct codecache_control *control;
static size_t page_size;

/* ---- tables: a row for each thing, a column for each size -------------------- */

#define MAX_ROWS	8
#define NR_COLUMNS	5

static struct cost cells[MAX_ROWS][NR_COLUMNS];
static const char *row_names[MAX_ROWS];

static void begin(void)
{
	unsigned int i, k;

	for (i = 0; i < MAX_ROWS; i++) {
		row_names[i] = NULL;
		for (k = 0; k < NR_COLUMNS; k++)
			cells[i][k] = COST_UNKNOWN;
	}
}

/* The cell of a row, which is known by its name. */
static struct cost *cell(const char *name, unsigned int column)
{
	unsigned int i;

	for (i = 0; row_names[i] && strcmp(row_names[i], name); i++)
		;
	row_names[i] = name;
	return &cells[i][column];
}

static void end(const char *what, const char *title, const char *const *columns)
{
	const struct table table = { what, title, columns, NR_COLUMNS };
	unsigned int i;

	table_head(&table);
	for (i = 0; i < MAX_ROWS && row_names[i]; i++)
		table_line(&table, row_names[i], cells[i], NULL);
}

/* ---- what is measured ------------------------------------------------------ */

/* A zone and a view of it. */
struct window {
	struct codecache_zone *zone;
	struct codecache_view *view;
};

static void open_window(struct window *w, uint64_t bytes)
{
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA, bytes,
						    &w->zone));
	measure_check("view", codecache_view_create(w->zone, CODECACHE_VIEW_DATA, NULL,
						    &w->view));
	measure_check("map", codecache_view_map(w->view, NULL, 0));
}

static void close_window(struct window *w)
{
	codecache_view_destroy(w->view);
	codecache_zone_destroy(w->zone);
}

/* Pages in the middle, where they are likely to be. */
static uint64_t first_page(const struct window *w)
{
	return codecache_view_nr_pages(w->view) / 2;
}

static void dirty(const struct window *w, unsigned int step)
{
	char *map = (char *)codecache_view_addr(w->view) + first_page(w) * page_size;
	unsigned int i;

	for (i = 0; i < PAGES; i += step)
		*(volatile char *)(map + i * page_size) = 1;
}

static void protect(const struct window *w, uint32_t prot, struct cost *cost)
{
	struct codecache_prot_range ranges[PROTECTED];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < PROTECTED; i++)
		ranges[i] = (struct codecache_prot_range){
			first_page(w) + 2 * i, 1, prot, 0,
		};
	start = measure_now();
	measure_check("PROTECT",
		      codecache_view_protect(w->view, ranges, PROTECTED, NULL));
	cost_add(cost, measure_now() - start);
}

/* How many runs of pages are dirty; none is then. */
static size_t query(const struct window *w)
{
	static struct codecache_page_range found[PAGES];
	uint64_t cursor = 0;
	size_t nr;

	measure_check("QUERY", codecache_view_query(w->view, &cursor, UINT64_MAX,
						    CODECACHE_PAGE_DIRTY,
						    CODECACHE_PAGE_DIRTY, found, PAGES,
						    &nr));
	return nr;
}

static void query_some(const struct window *w, struct cost *cost)
{
	uint64_t start;
	size_t nr;

	dirty(w, 8);
	start = measure_now();
	nr = query(w);
	cost_add(cost, measure_now() - start);
	if (nr != PAGES / 8)
		measure_die("dirty pages", 0);
}

/* Everything that pages of one window are asked for. */
static void use(const struct window *w, unsigned int column)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		dirty(w, 1);
		protect(w, CODECACHE_PROT_READ, cell("PROTECT 64 pages READ", column));
		protect(w, RW, cell("PROTECT 64 pages READ|WRITE", column));
		query(w);
		query_some(w, cell("QUERY, 64 of 512 pages dirty", column));
	}
}

/* ---- the size of a zone ------------------------------------------------------ */

static void bench_sizes(void)
{
	static const char *const columns[] = { "4", "64", "1024", "16384", "65536" };
	struct window w;
	unsigned int i, k;
	uint64_t start;

	begin();
	for (i = 0; i < NR_COLUMNS; i++) {
		for (k = 0; k < ROUNDS; k++) {
			start = measure_now();
			open_window(&w, strtoull(columns[i], NULL, 10) << 20);
			cost_add(cell("zone, view, map", i), measure_now() - start);
			dirty(&w, 1);
			start = measure_now();
			close_window(&w);
			cost_add(cell("close all", i), measure_now() - start);
		}
		open_window(&w, strtoull(columns[i], NULL, 10) << 20);
		use(&w, i);
		close_window(&w);
	}
	end("sizes", "Instructions, in a zone of so many MiB", columns);
}

/* ---- how many others there are ------------------------------------------------ */

static const char *const many[] = { "1", "10", "100", "1000", "10000" };

static unsigned int nr_of(unsigned int column)
{
	return atoi(many[column]);
}

static void bench_zones(void)
{
	static struct window windows[MAX_MANY];
	unsigned int i, nr = 0;
	struct cost *make;
	uint64_t start;

	begin();
	for (i = 0; i < NR_COLUMNS; i++) {
		while (nr < nr_of(i)) {
			/* Those that were made last tell. */
			make = cell("zone, view, map", i);
			if (nr < nr_of(i) - nr_of(i) / 2)
				*make = COST_UNKNOWN;
			start = measure_now();
			open_window(&windows[nr++], PAGES * 2 * page_size);
			cost_add(make, measure_now() - start);
		}
		use(&windows[nr / 2], i);
	}
	end("zones", "Instructions, with so many zones, a view of each", many);
	while (nr)
		close_window(&windows[--nr]);
}

static void bench_views(void)
{
	static struct codecache_view *others[MAX_MANY];
	unsigned int i, nr = 1;
	struct window w;
	uint64_t start;

	begin();
	open_window(&w, PAGES * 2 * page_size);
	for (i = 0; i < NR_COLUMNS; i++) {
		for (; nr < nr_of(i); nr++) {
			measure_check("view", codecache_view_create(w.zone, CODECACHE_VIEW_DATA,
								    NULL, &others[nr]));
			start = measure_now();
			measure_check("map", codecache_view_map(others[nr], NULL, 0));
			if (nr >= nr_of(i) / 2)
				cost_add(cell("map one more", i), measure_now() - start);
		}
		use(&w, i);
	}
	end("views", "Instructions, with so many views of the zone", many);
	while (--nr)
		codecache_view_destroy(others[nr]);
	close_window(&w);
}

/* ---- grace periods ------------------------------------------------------------ */

static void grace(struct cost *cost)
{
	struct meter meter;
	uint64_t cookie;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		meter_start(&meter);
		measure_check("start", codecache_grace_start(cache, 0, &cookie));
		meter_spin(&meter, &control->completed, cookie);
		cost_add(cost, meter_end(&meter));
	}
}

static void bench_readers(void)
{
	static struct codecache_reader *readers[MAX_MANY];
	unsigned int i, k, nr = 0;
	uint64_t start, outer;

	begin();
	for (i = 0; i < NR_COLUMNS; i++) {
		for (; nr < nr_of(i); nr++) {
			start = measure_now();
			measure_check("reader",
				      codecache_reader_register(cache, &readers[nr]));
			if (nr >= nr_of(i) / 2)
				cost_add(cell("register one more", i),
					 measure_now() - start);
		}
		for (k = 0; k < ROUNDS; k++) {
			start = measure_now();
			outer = codecache_reader_enter(readers[nr - 1]);
			codecache_reader_exit(readers[nr - 1], outer);
			cost_add(cell("enter and exit", i), measure_now() - start);
		}
		grace(cell("a grace period, all of it", i));
	}
	end("readers", "Instructions, with so many readers", many);
	while (nr)
		measure_check("unregister", codecache_reader_unregister(readers[--nr]));
}

static void retire(struct codecache_zone *zone, char *map, uint64_t page, struct cost *call,
		   struct cost *gone)
{
	struct meter meter;
	uint64_t cookie;

	*(volatile char *)(map + page * page_size) = 1;
	meter_start(&meter);
	measure_check("retire", codecache_extent_retire(zone, page, 1, &cookie));
	cost_add(call, meter_end(&meter));
	meter_spin(&meter, &control->completed, cookie);
	cost_add(gone, meter_end(&meter));
}

/* Views that have nothing of the page. */
static void bench_sharing(void)
{
	static struct codecache_view *others[MAX_MANY];
	struct codecache_zone *zone;
	struct codecache_view *view;
	unsigned int i, k, nr = 1;
	uint64_t page;

	begin();
	measure_check("zone", codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE,
							    PAGES * page_size, &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_WRITE, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	for (i = 0; i < NR_COLUMNS; i++) {
		for (; nr < nr_of(i); nr++) {
			measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_EXEC,
								    NULL, &others[nr]));
			measure_check("map", codecache_view_map(others[nr], NULL, 0));
		}
		for (k = 0; k < ROUNDS; k++) {
			measure_check("alloc", codecache_extent_alloc(zone, 1, NULL, &page,
								      NULL));
			retire(zone, codecache_view_addr(view), page,
			       cell("RETIRE, until it returns", i),
			       cell("RETIRE, until it is free", i));
		}
	}
	end("sharing", "Instructions, with so many views of the zone", many);
	while (--nr)
		codecache_view_destroy(others[nr]);
	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
}

static void bench_extents(void)
{
	struct codecache_zone *zone;
	struct codecache_view *view;
	unsigned int i, k, nr = 0;
	uint64_t page, start;

	begin();
	measure_check("zone", codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE,
							    4 * MAX_MANY * page_size, &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_WRITE, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	for (i = 0; i < NR_COLUMNS; i++) {
		for (; nr < nr_of(i); nr++)
			measure_check("alloc", codecache_extent_alloc(zone, 1, NULL, &page,
								      NULL));
		for (k = 0; k < ROUNDS; k++) {
			start = measure_now();
			measure_check("alloc", codecache_extent_alloc(zone, 1, NULL, &page,
								      NULL));
			cost_add(cell("EXTENT_ALLOC of one page", i), measure_now() - start);
			retire(zone, codecache_view_addr(view), page,
			       cell("RETIRE, until it returns", i),
			       cell("RETIRE, until it is free", i));
		}
	}
	end("extents", "Instructions, with so many extents in the zone", many);
	codecache_view_destroy(view);
	codecache_zone_destroy(zone);
}

static const struct bench {
	const char *name;
	void (*run)(void);
} benches[] = {
	{ "sizes", bench_sizes },
	{ "zones", bench_zones },
	{ "views", bench_views },
	{ "readers", bench_readers },
	{ "sharing", bench_sharing },
	{ "extents", bench_extents },
};

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
	}
	return argc == 1;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 2 * MAX_MANY + 1024, 2 * MAX_MANY + 1024 };
	unsigned int i;

	measure_init("growth_bench");
	if (setrlimit(RLIMIT_NOFILE, &files))
		measure_die("so many descriptors", errno);
	page_size = codecache_page_size();
	measure_check("open", codecache_open(&cache));
	measure_check("control", codecache_control_page(cache, &control));
	measure_calibrate();
	for (i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (wanted(benches[i].name, argc, argv))
			benches[i].run();
	}
	return 0;
}
