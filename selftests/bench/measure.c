// SPDX-License-Identifier: MIT
/*
 * Counting guest instructions, see measure.h
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <codecache.h>

#include "measure.h"

#define CALIBRATE_TURNS	100000
#define CALIBRATE_TICKS	16
/* A tick takes longer than that, on any machine; a cache miss does not. */
#define TICK_MIN_NS	1000
/* Parts of a nanosecond, for what takes less than one: on a processor, not emulated. */
#define PARTS		1024
#define QUIET_NS	200000000ULL
#define BUSY_NS		200000ULL
#define PATIENCE_NS	20000000000ULL

static const char *program;
static uint64_t clock_cost;
static uint64_t turn_cost;	/* in PARTS */
static uint64_t tick_ns, tick_phase, tick_cost;
static const unsigned long long never;

void measure_init(const char *name)
{
	program = name;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void measure_die(const char *what, int err)
{
	fprintf(stderr, "%s: %s: %s\n", program, what,
		err ? strerror(abs(err)) : "not what was expected");
	exit(1);
}

void measure_check(const char *what, int err)
{
	if (err)
		measure_die(what, err);
}

bool measure_open(struct codecache_cache **cache)
{
	int err = codecache_open(cache);

	if (err == -ENOENT || err == -ENXIO) {
		printf("no module here: only what it is compared with\n");
		*cache = NULL;
		return false;
	}
	measure_check("open", err);
	return true;
}

/* ---- the clock ----------------------------------------------------------- */

uint64_t measure_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t measure_clock(void) { return clock_cost; }
uint64_t measure_tick_ns(void) { return tick_ns; }
uint64_t measure_tick_cost(void) { return tick_cost; }

void cost_add(struct cost *cost, uint64_t took)
{
	took -= took < clock_cost ? took : clock_cost;
	if (took < cost->min)
		cost->min = took;
	if (took > cost->max)
		cost->max = took;
}

static void weigh_clock(void)
{
	uint64_t start, took;
	int i;

	clock_cost = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		start = measure_now();
		took = measure_now() - start;
		if (took < clock_cost)
			clock_cost = took;
	}
}

/* ---- spinning ------------------------------------------------------------ */

/*
 * Until *@word is at least @target, or @limit turns have been made. One function for
 * all, so that each turn costs the same; the number is in memory, where others read
 * it while this goes on.
 */
static __attribute__((noinline)) void spin(const unsigned long long *word, uint64_t target,
					   uint64_t limit, uint64_t *turns)
{
	uint64_t n = __atomic_load_n(turns, __ATOMIC_RELAXED);

	while (n < limit && __atomic_load_n(word, __ATOMIC_ACQUIRE) < target)
		__atomic_store_n(turns, ++n, __ATOMIC_RELAXED);
}

static uint64_t spin_took(uint64_t limit)
{
	uint64_t best = UINT64_MAX, start, took, turns;
	int i;

	/* The least of several: no tick in it. */
	for (i = 0; i < 8; i++) {
		turns = 0;
		start = measure_now();
		spin(&never, 1, limit, &turns);
		took = measure_now() - start;
		if (took < best)
			best = took;
	}
	return best;
}

static void weigh_turn(void)
{
	uint64_t took = spin_took(2 * CALIBRATE_TURNS) - spin_took(CALIBRATE_TURNS);

	turn_cost = took * PARTS / CALIBRATE_TURNS;
	if (!turn_cost)
		measure_die("a turn of a loop costs nothing", 0);
}

/* ---- ticks --------------------------------------------------------------- */

/*
 * A kernel that has just booted has things to do, and another task's turn would be
 * taken for a tick: wait until this one alone has run for QUIET_NS. A machine that others
 * use may never be so quiet: its figures are worth less, and it is said.
 */
static void wait_for_quiet(void)
{
	uint64_t begin = measure_now(), since = begin, last = begin, t;

	while ((t = measure_now()) - since < QUIET_NS) {
		if (t - last > BUSY_NS)
			since = t;
		if (t - begin > PATIENCE_NS) {
			printf("WARNING: other tasks keep the CPU busy\n");
			return;
		}
		last = t;
	}
}

/*
 * Return when the kernel has just had a tick: the clock has jumped. A CPU on which there
 * are none (nohz_full) is not waited for.
 */
static uint64_t wait_for_tick(void)
{
	uint64_t last = measure_now(), begin = last, t;
	uint64_t jump = 8 * clock_cost > TICK_MIN_NS ? 8 * clock_cost : TICK_MIN_NS;

	while ((t = measure_now()) - last < jump && t - begin < 3 * tick_ns)
		last = t;
	/* It came right after this. */
	tick_phase = last;
	return t;
}

static void find_tick(void)
{
	struct timespec ts;

	/* This clock is set by ticks. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &ts))
		measure_die("CLOCK_MONOTONIC_COARSE", errno);
	tick_ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void weigh_tick(void)
{
	uint64_t start, turns, took, spun, rest;
	int i;

	tick_cost = UINT64_MAX;
	for (i = 0; i < 5; i++) {
		turns = 0;
		start = wait_for_tick();
		spin(&never, 1, CALIBRATE_TICKS * tick_ns * PARTS / turn_cost, &turns);
		took = measure_now() - start;
		spun = turns * turn_cost / PARTS;
		rest = took > spun ? took - spun : 0;
		if (rest / CALIBRATE_TICKS < tick_cost)
			tick_cost = rest / CALIBRATE_TICKS;
	}
}

void measure_calibrate(void)
{
	wait_for_quiet();
	weigh_clock();
	weigh_turn();
	find_tick();
	weigh_tick();
	printf("one reading of the clock costs %llu, a tick of the kernel %llu every %llu\n",
	       (unsigned long long)clock_cost, (unsigned long long)tick_cost,
	       (unsigned long long)tick_ns);
}

/* ---- a thread that spins --------------------------------------------------- */

static struct {
	pthread_t thread;
	uint64_t turns;
	unsigned long long stop;
} burner;

static void *burn(void *unused)
{
	const struct sched_param param = { 0 };

	/* Gives way to everything else. */
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		measure_die("SCHED_IDLE", errno);
	spin(&burner.stop, 1, UINT64_MAX, &burner.turns);
	return unused;
}

void measure_burn(bool on)
{
	if (on) {
		burner.stop = 0;
		measure_check("pthread_create",
			      pthread_create(&burner.thread, NULL, burn, NULL));
	} else {
		__atomic_store_n(&burner.stop, 1, __ATOMIC_RELAXED);
		pthread_join(burner.thread, NULL);
	}
}

/* ---- meters -------------------------------------------------------------- */

void meter_start(struct meter *meter)
{
	meter->start = wait_for_tick();
	meter->phase = tick_phase;
	meter->burnt = __atomic_load_n(&burner.turns, __ATOMIC_RELAXED);
	meter->turns = 0;
}

void meter_spin(struct meter *meter, const unsigned long long *word, uint64_t target)
{
	spin(word, target, UINT64_MAX, &meter->turns);
}

uint64_t meter_end(const struct meter *meter)
{
	uint64_t end = measure_now();
	uint64_t turns = meter->turns + __atomic_load_n(&burner.turns, __ATOMIC_RELAXED) -
			 meter->burnt;
	uint64_t ticks = (end - meter->phase) / tick_ns;
	uint64_t other = turns * turn_cost / PARTS + ticks * tick_cost;
	uint64_t took = end - meter->start;

	return took > other ? took - other : 0;
}

/* ---- tables -------------------------------------------------------------- */

void table_head(const struct table *table)
{
	unsigned int i;

	printf("\n%s\n%-*s", table->title, TABLE_NAME_WIDTH, "");
	for (i = 0; i < table->nr; i++)
		printf("  %20s", table->columns[i]);
	printf("\n");
}

/* The spread is what the worst round cost more than the best, in percent. */
static void print_cell(const struct cost *cost, unsigned int per)
{
	uint64_t min = (cost->min + per / 2) / per;

	if (cost->min > cost->max)
		printf("  %20s", "-");
	else
		printf("  %10llu (+%5.1f%%)", (unsigned long long)min,
		       cost->min ? 100.0 * (cost->max - cost->min) / cost->min : 0.0);
}

void table_line(const struct table *table, const char *name,
		const struct cost *cells, const unsigned int *per)
{
	unsigned int i, div;

	printf("%-*s", TABLE_NAME_WIDTH, name);
	for (i = 0; i < table->nr; i++)
		print_cell(&cells[i], per ? per[i] : 1);
	printf("\n");
	for (i = 0; i < table->nr; i++) {
		div = per ? per[i] : 1;
		if (cells[i].min > cells[i].max)
			continue;
		printf("#TSV\t%s\t%s\t%s\t%llu\t%llu\n", table->what, name,
		       table->columns[i],
		       (unsigned long long)(cells[i].min + div / 2) / div,
		       (unsigned long long)(cells[i].max + div / 2) / div);
	}
}
