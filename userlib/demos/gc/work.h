/* SPDX-License-Identifier: MIT */
/*
 * Workloads: what the mutators do with the heap, and how it is checked
 *
 * A workload does the same, from its seed, with a collector and without. Each
 * mutator keeps a checksum of all that it reads from the heap, and counts what it
 * finds wrong there; both must be as in the run without.
 */
#ifndef GC_WORK_H
#define GC_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "gc.h"
#include "samples.h"

#define WORK_STEP	64U	/* ticks in a step */

/** struct work - the work of one mutator */
struct work {
	struct mutator m;
	unsigned int id;
	unsigned int nr;	/* mutators */
	uint64_t seed;
	uint64_t random;	/* state of work_random() */
	uint64_t checksum;
	_Atomic uint64_t rounds;	/* done; others read it for the progress line */
	uint64_t round_limit;	/* 0: until the deadline */
	uint64_t deadline_ns;
	uint64_t rest_ns;	/* before each round */
	const _Atomic uint64_t *collections;	/* with a deadline: until there were some */
	uint64_t failures;
	unsigned int ticks_left;	/* small operations to the end of the step */
	uint64_t step_ns;		/* when it began */
	struct samples steps;
};

/**
 * struct workload - a kind of work
 * @rounds: of each mutator, if neither rounds nor seconds are asked for
 * @prepare: before each run; NULL or why the workload cannot run here
 * @setup: before the mutators start, on a mutator of its own
 * @run: one mutator's work: rounds for as long as work_more() says
 */
struct workload {
	const char *name;
	const char *what;
	uint64_t rounds;
	const char *(*prepare)(void);
	void (*setup)(struct mutator *m, unsigned int nr);
	void (*run)(struct work *w);
};

/** struct workload_code - a workload, compiled three times */
struct workload_code {
	const struct workload *plain;	/* loads are loads, and stores are stores */
	const struct workload *soft;	/* for the barrier that is in the code */
	const struct workload *cards;	/* for the remembered set that is in the code */
};

/** All of them; one without code ends them. */
extern const struct workload_code workloads[];

/** Whether to do one more round; counts it. Safepoint. */
bool work_more(struct work *w);
/** Count and, the first few times, show that something is wrong. */
void work_fail(struct work *w, const char *what);

/** The end of a step: see how long it took. */
void work_step(struct work *w);

/**
 * A small operation: an element made, a node looked at. So many of them are a step,
 * whose time is what a mutator has of all pauses, whatever they come from.
 */
static inline void work_tick(struct work *w)
{
	if (!w->ticks_left--)
		work_step(w);
}

static inline uint64_t work_hash(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline uint64_t work_random(struct work *w, uint64_t below)
{
	w->random += 0x9e3779b97f4a7c15ULL;
	return work_hash(w->random) % below;
}

static inline void work_sum(struct work *w, uint64_t x)
{
	w->checksum = work_hash(w->checksum + x + 0x9e3779b97f4a7c15ULL);
}

static inline void work_check(struct work *w, bool ok, const char *what)
{
	if (!ok)
		work_fail(w, what);
}

#endif /* GC_WORK_H */
