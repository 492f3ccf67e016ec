/* SPDX-License-Identifier: MIT */
/*
 * The world: mutators, and the safe point at which all of them can be stopped
 *
 * A mutator takes the next transaction number, locks the pages that this one
 * changes, changes them, and unlocks them. Its safe point lies between two
 * transactions. After some of them it rests there, as if it had to wait for work.
 * world_stop() returns when every mutator is at its safe point and kept there;
 * the numbers handed out so far are then 1 to T, all those transactions are done,
 * and none beyond T has begun. That is what an *instant* is: T.
 *
 * Nothing but a store to a forbidden page can hold a mutator up inside a
 * transaction, and who answers such a trap takes none of the locks here. So
 * world_stop() always comes to an end.
 */
#ifndef CHECKPOINT_WORLD_H
#define CHECKPOINT_WORLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bank.h"
#include "hist.h"

#define WORLD_MAX_MUTATORS	64U
#define WORLD_STRIPES		1024U
#define WORLD_BURST		32U	/* transactions between two rests */

/* What goes on; stalls are counted apart for each. */
enum phase {
	PHASE_BETWEEN,		/* no snapshot is being taken */
	PHASE_FULL,
	PHASE_DELTA,
	NR_PHASES,
};

struct world;

/** struct mutator - a thread; written by it alone, read when it has ended */
struct mutator {
	struct world *world;
	pthread_t thread;
	struct hist stop[NR_PHASES];	/* waits at the safe point, without rests */
	struct hist txn[NR_PHASES];	/* transactions, with such waits */
};

struct world {
	struct bank bank;
	void *zone;
	unsigned int nr_mutators;
	unsigned int rest_us;			/* after a burst; 0: never */
	struct mutator *mutators;
	pthread_mutex_t stripe[WORLD_STRIPES];	/* pages n, n + STRIPES, ... */
	_Atomic uint64_t last;			/* transaction number handed out */
	_Atomic int phase;
	atomic_bool stop;			/* set under @lock */
	atomic_bool quit;
	pthread_mutex_t lock;
	pthread_cond_t to_mutators;
	pthread_cond_t to_stopper;
	unsigned int running;			/* not at the safe point; under @lock */
	bool held;				/* under @lock: stops do not count */
};

/** Start the mutators on a zone that is filled. */
void world_start(struct world *w);
/** End them: no transaction is left half done. */
void world_end(struct world *w);
/**
 * Stop all mutators. @held: to check something, which is no stall of anybody's.
 * Returns the instant.
 */
uint64_t world_stop(struct world *w, bool held);
void world_resume(struct world *w);
/** The highest number handed out so far. */
uint64_t world_last(struct world *w);

/** Something cannot be as it is: say so, and leave at once with status 1. */
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* CHECKPOINT_WORLD_H */
