/* SPDX-License-Identifier: MIT */
/*
 * The world: one engine at work, with threads that run code and threads that make it
 *
 * A *runner* picks a set of filters, looks its unit up, and runs some of its filters on
 * a record, all of it inside one section of the engine's. If there is no unit it
 * interprets the filters, and leaves a wish. A *publisher* compiles what is wished for,
 * or compiles again what is there, with other parameters; puts the new unit in the
 * table; and has the engine retire the old one. When room becomes scarce it evicts what
 * is cold, or has the engine flush.
 */
#ifndef JIT_WORLD_H
#define JIT_WORLD_H

#include "engine.h"
#include "options.h"

#define WORLD_MAX_THREADS	64U

struct world;

/** struct runner - a thread; written by it alone, read when it has ended */
struct runner {
	struct world *world;
	pthread_t thread;
	struct guard guard;
	struct scratch scratch;
	struct record record;
	uint64_t state;			/* of its random numbers */
	uint64_t sections;
	uint64_t runs;			/* calls of compiled code */
	uint64_t interpreted;
	uint64_t sink;			/* what interpreting came to */
};

/** struct publisher - likewise */
struct publisher {
	struct world *world;
	pthread_t thread;
	struct code code;
	uint64_t state;
	struct unit *batch[ENGINE_MAX_BATCH];	/* out of the table, not retired yet */
	unsigned int nr_batch;
	uint64_t retired;
	uint64_t evicted;		/* of these; the others were replaced */
};

/** struct tally - what is seen while it goes on; may be shared with a parent */
struct tally {
	_Atomic uint64_t wrong[NR_WRONG];
	_Atomic uint64_t published;
};

struct world {
	const struct options *options;
	struct engine *engine;
	struct tally *tally;
	struct table table;
	pthread_mutex_t exclusive;	/* as struct engine_ops, @flush, wants it */
	_Atomic uint64_t serial;	/* of the last unit */
	_Atomic uint64_t live_pages;	/* placed, and not yet retired */
	_Atomic uint64_t placed_pages;	/* in all */
	_Atomic uint64_t placed_bytes;	/* of code */
	atomic_bool quit;
	struct runner *runner;
	struct publisher *publisher;
};

/** Calls that went wrong. */
uint64_t tally_errors(struct tally *tally);
/** Has everything been published, or with a sabotage an error been seen? */
bool world_over(struct world *w);
/** The number of the next unit, from 1 on; 0: there are to be no more. */
uint64_t world_serial(struct world *w);
/** Start all threads; the engine is open. */
void world_start(struct world *w);
/** Wait until it is over, end the threads, retire all that is left. */
void world_end(struct world *w);
void world_free(struct world *w);

void *runner_thread(void *arg);
void *publisher_thread(void *arg);
/** Have the engine retire the batch, if there is one. */
void publisher_retire(struct publisher *p);

#endif /* JIT_WORLD_H */
