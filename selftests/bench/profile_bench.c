// SPDX-License-Identifier: MIT
/*
 * In which functions of the kernel an operation's instructions are
 *
 * Usage: profile_bench ROW    (retire_bench has its own, for RETIRE)
 *
 * The operation is done again and again, its preparation between; the kernel's clock
 * interrupts it once in so many instructions of the guest (QEMU -icount shift=0), and
 * where that was is counted. What runs with interrupts disabled is found at its end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <codecache.h>

#include "measure.h"
#include "profile.h"

#define PAGES		4096
/* Instructions that are looked at, in all: some 20,000 samples. */
#define TOTAL		200000000ULL
#define MAX_TURNS	40000
#define RW		(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE)

static struct codecache_view *view;
static struct codecache_log *note;
static struct codecache_log_reader reader;
static struct codecache_prot_range ranges[PAGES / 2];
static uint64_t bitmap[PAGES / 64];
static volatile char *map;
static size_t page_size;

static void dirty_all(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		map[i * page_size] = 1;
}

static void dirty_tenth(void)
{
	unsigned int i;

	for (i = 0; i < PAGES; i += 10)
		map[i * page_size] = 1;
}

static void one(uint32_t prot, uint32_t flags)
{
	struct codecache_prot_range range = { 5, 1, prot, flags };

	measure_check("PROTECT", codecache_view_protect(view, &range, 1, NULL));
}

static void one_read(void) { one(CODECACHE_PROT_READ, 0); }
static void one_write(void) { one(RW, 0); }
static void store(void) { map[5 * page_size] = 2; }

static void one_dirty(void)
{
	one_write();
	store();
}

static void one_logged(void)
{
	struct codecache_log_entry entry;

	while (codecache_log_next(&reader, &entry))
		;
	one(CODECACHE_PROT_READ, CODECACHE_RANGE_F_LOG);
}

static void many(uint32_t prot)
{
	unsigned int i;

	for (i = 0; i < PAGES / 2; i++)
		ranges[i] = (struct codecache_prot_range){ 2 * i, 1, prot, 0 };
	measure_check("PROTECT", codecache_view_protect(view, ranges, PAGES / 2, NULL));
}

/* In another order: an odd step goes through all. */
static void many_random(void)
{
	unsigned int i;

	for (i = 0; i < PAGES / 2; i++)
		ranges[i] = (struct codecache_prot_range){
			i * 1103 % (PAGES / 2) * 2, 1, CODECACHE_PROT_READ, 0,
		};
	measure_check("PROTECT", codecache_view_protect(view, ranges, PAGES / 2, NULL));
}

static void many_none(void) { many(CODECACHE_PROT_NONE); }
static void many_read(void) { many(CODECACHE_PROT_READ); }
static void many_write(void) { many(RW); }

static void many_dirty(void)
{
	many_write();
	dirty_all();
}

static void bitmap_read(void)
{
	measure_check("PROTECT",
		      codecache_view_protect_bitmap(view, 0, bitmap, PAGES,
						    CODECACHE_PROT_READ, NULL));
}

static void query(void)
{
	static struct codecache_page_range found[PAGES];
	uint64_t cursor = 0;
	size_t nr;

	measure_check("QUERY", codecache_view_query(view, &cursor, PAGES,
						    CODECACHE_PAGE_DIRTY,
						    CODECACHE_PAGE_DIRTY, found, PAGES,
						    &nr));
}

static const struct row {
	const char *name;
	void (*prepare)(void);
	void (*op)(void);
} rows[] = {
	{ "protect-read", one_dirty, one_read },
	{ "protect-write", one_read, one_write },
	{ "protect-2048-read", many_dirty, many_read },
	{ "protect-2048-write", many_read, many_write },
	{ "protect-2048-none", many_dirty, many_none },
	{ "protect-2048-from-none", many_none, many_write },
	{ "protect-2048-random", many_dirty, many_random },
	{ "protect-bitmap-read", many_dirty, bitmap_read },
	{ "log-trap", one_logged, store },
	{ "signal-trap", one_read, store },
	{ "query", dirty_tenth, query },
};

#define NR_ROWS	(sizeof(rows) / sizeof(rows[0]))

static void on_trap(int sig)
{
	(void)sig;
	one_write();
}

static void setup(void)
{
	struct sigaction act = { .sa_handler = on_trap };
	struct codecache_cache *cache;
	struct codecache_zone *zone;

	page_size = codecache_page_size();
	measure_check("open", codecache_open(&cache));
	measure_check("zone", codecache_zone_create(cache, CODECACHE_ZONE_DATA,
						    PAGES * page_size, &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	measure_check("log", codecache_log_create(view, 1024, 0, &note));
	measure_check("reader", codecache_log_reader(note, &reader));
	map = codecache_view_addr(view);
	memset(bitmap, 0x55, sizeof(bitmap));
	sigaction(SIGSEGV, &act, NULL);
	dirty_all();
	query();
}

/* How many instructions it takes. */
static uint64_t cost_of(const struct row *row)
{
	struct cost cost = COST_UNKNOWN;
	uint64_t start;
	int i;

	for (i = 0; i < 5; i++) {
		row->prepare();
		start = measure_now();
		row->op();
		cost_add(&cost, measure_now() - start);
	}
	return cost.min;
}

/*
 * Some turns of a loop, in user mode, where nothing is sampled: operations that all take
 * the same would meet the clock of the samples at few places again and again.
 */
static void drift(void)
{
	static uint32_t state = 1;
	volatile uint32_t turns;

	state = state * 1664525 + 1013904223;
	for (turns = state >> 20; turns; turns--)
		;
}

static void profile(const struct row *row)
{
	uint64_t cost = cost_of(row), turns = TOTAL / (cost + 1), i;

	if (turns > MAX_TURNS)
		turns = MAX_TURNS;
	profile_open();
	for (i = 0; i < turns; i++) {
		row->prepare();
		profile_switch(true);
		drift();
		row->op();
		profile_switch(false);
	}
	printf("%s: %llu instructions, %llu times\n", row->name, (unsigned long long)cost,
	       (unsigned long long)turns);
	profile_print();
}

int main(int argc, char **argv)
{
	unsigned int i;

	measure_init("profile_bench");
	for (i = 0; i < NR_ROWS; i++) {
		if (argc == 2 && !strcmp(argv[1], rows[i].name))
			break;
	}
	if (i == NR_ROWS) {
		fprintf(stderr, "usage: profile_bench ROW, one of:");
		for (i = 0; i < NR_ROWS; i++)
			fprintf(stderr, " %s", rows[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	setup();
	measure_calibrate();
	profile(&rows[i]);
	return 0;
}
