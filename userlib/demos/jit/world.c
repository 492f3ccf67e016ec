// SPDX-License-Identifier: MIT
/* The world: threads begin, and end. */
#include <stdlib.h>

#include "die.h"
#include "mix.h"
#include "world.h"

#define PATIENCE	10U

uint64_t tally_errors(struct tally *tally)
{
	uint64_t errors = 0;
	unsigned int i;

	for (i = WRONG_NOTHING + 1; i < NR_WRONG; i++)
		errors += atomic_load_explicit(&tally->wrong[i], memory_order_relaxed);
	return errors;
}

/* With a sabotage there is no hurry: it ends with the first error. */
static uint64_t world_target(const struct world *w)
{
	return w->options->publish * (w->options->sabotage == SABOTAGE_NONE ? 1 : PATIENCE);
}

bool world_over(struct world *w)
{
	if (w->options->sabotage != SABOTAGE_NONE && tally_errors(w->tally))
		return true;
	return atomic_load_explicit(&w->tally->published, memory_order_relaxed) >=
	       world_target(w);
}

uint64_t world_serial(struct world *w)
{
	uint64_t serial;

	if (world_over(w))
		return 0;
	serial = 1 + atomic_fetch_add_explicit(&w->serial, 1, memory_order_relaxed);
	return serial <= world_target(w) ? serial : 0;
}

/* Each thread has memory of its own, in lines of its own. */
static void *world_alloc(size_t nr, size_t bytes)
{
	void *p = aligned_alloc(64, (nr * bytes + 63) / 64 * 64);

	if (!p)
		die("no memory for threads");
	return p;
}

static void world_start_runner(struct world *w, unsigned int i)
{
	struct runner *r = &w->runner[i];

	*r = (struct runner){ .world = w, .state = mix(w->options->seed + 1000 + i) };
	if (pthread_create(&r->thread, NULL, runner_thread, r))
		die("no threads");
}

static void world_start_publisher(struct world *w, unsigned int i)
{
	struct publisher *p = &w->publisher[i];

	*p = (struct publisher){ .world = w, .state = mix(w->options->seed + 2000 + i) };
	p->code.start = malloc(UNIT_MAX_BYTES);
	p->code.max = UNIT_MAX_BYTES;
	if (!p->code.start)
		die("no memory for code");
	if (pthread_create(&p->thread, NULL, publisher_thread, p))
		die("no threads");
}

void world_start(struct world *w)
{
	const struct options *o = w->options;
	unsigned int i;

	pthread_mutex_init(&w->exclusive, NULL);
	w->runner = world_alloc(o->runners, sizeof(*w->runner));
	w->publisher = world_alloc(o->compilers, sizeof(*w->publisher));
	for (i = 0; i < o->runners; i++)
		world_start_runner(w, i);
	for (i = 0; i < o->compilers; i++)
		world_start_publisher(w, i);
}

/* The threads have ended: take everything out of the table. */
static void world_empty(struct world *w)
{
	struct publisher *p = &w->publisher[0];
	struct unit *unit;
	unsigned int i;

	for (i = 0; i < w->options->compilers; i++)
		publisher_retire(&w->publisher[i]);
	for (i = 0; i < w->table.nr; i++) {
		unit = slot_set(&w->table.slot[i], NULL);
		if (unit)
			p->batch[p->nr_batch++] = unit;
		if (p->nr_batch == w->options->batch)
			publisher_retire(p);
	}
	publisher_retire(p);
}

void world_end(struct world *w)
{
	const struct options *o = w->options;
	unsigned int i;

	for (i = 0; i < o->compilers; i++)
		pthread_join(w->publisher[i].thread, NULL);
	atomic_store_explicit(&w->quit, true, memory_order_relaxed);
	for (i = 0; i < o->runners; i++)
		pthread_join(w->runner[i].thread, NULL);
	world_empty(w);
	w->engine->ops->finish(w->engine);
}

void world_free(struct world *w)
{
	unsigned int i;

	for (i = 0; i < w->options->compilers; i++)
		free(w->publisher[i].code.start);
	free(w->publisher);
	free(w->runner);
	pthread_mutex_destroy(&w->exclusive);
}
