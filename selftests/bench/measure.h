/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this folder measure with: guests whose clock counts
 * instructions (QEMU -icount shift=0: a nanosecond is one). On a machine they run, too,
 * and what they call instructions are nanoseconds.
 *
 * Work that goes on in the kernel while a program waits for it can be counted too: the
 * program spins, each turn of its loop costs the same, and what the clock has moved on
 * beyond that is the work; and ticks of the kernel, whose cost is known from a time in
 * which nothing else went on.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/* Call first; what failures are reported as. */
void measure_init(const char *program);
struct codecache_cache;

/*
 * Open a cache, which stays open. False, which is said: there is no module here; then the
 * rows of what codecache is compared with are all there is.
 */
bool measure_open(struct codecache_cache **cache);
/* Find out, and say, what measuring itself costs: before anything is counted. */
void measure_calibrate(void);

/* Fail with what is the reason: an errno, of either sign, or 0. */
void measure_die(const char *what, int err) __attribute__((noreturn));
void measure_check(const char *what, int err);

uint64_t measure_now(void);
/* What measure_now() adds to a difference. */
uint64_t measure_clock(void);
/* Nanoseconds between two ticks of the kernel, and what one costs. */
uint64_t measure_tick_ns(void);
uint64_t measure_tick_cost(void);

/*
 * While this is on, a thread spins whenever the caller's CPU has nothing else to do: for
 * calls that sleep, during which the clock would jump. Meters know its turns.
 */
void measure_burn(bool on);

/* The least and the most of several rounds. */
struct cost {
	uint64_t min;
	uint64_t max;
};

#define COST_UNKNOWN	((struct cost){ UINT64_MAX, 0 })

/* Take a round into account; @took includes reading the clock. */
void cost_add(struct cost *cost, uint64_t took);

/**
 * struct meter - instructions of everything but spinning and ticks
 * @start: when it began
 * @phase: of the tick before that
 * @burnt: turns of the thread that spins, until then
 * @turns: own turns since then
 */
struct meter {
	uint64_t start;
	uint64_t phase;
	uint64_t burnt;
	uint64_t turns;
};

/* Begins when a tick has just been, so that rounds are like each other. */
void meter_start(struct meter *meter);
/* Spin until *@word is at least @target. */
void meter_spin(struct meter *meter, const unsigned long long *word, uint64_t target);
uint64_t meter_end(const struct meter *meter);

/*
 * A table of @nr columns. Its cells are also printed one a line, with tabs: "#TSV what
 * name column min max", for programs.
 */
struct table {
	const char *what;
	const char *title;
	const char *const *columns;
	unsigned int nr;
};

#define TABLE_NAME_WIDTH	34

void table_head(const struct table *table);
/* Cells are divided by @per[column]; NULL: by 1. Unknown ones are left out. */
void table_line(const struct table *table, const char *name,
		const struct cost *cells, const unsigned int *per);

#endif /* BENCH_MEASURE_H */
