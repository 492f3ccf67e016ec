// SPDX-License-Identifier: MIT
/* The world: mutators and their safe point; see world.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("checkpoint: ", stdout);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

/*
 * At the safe point: rest, then wait while the world is stopped. *@start becomes
 * when this mutator wanted to go on. Returns whether it had to wait, and that counts.
 */
static bool world_park(struct world *w, unsigned int rest_us, uint64_t *start)
{
	struct timespec rest = {
		.tv_sec = rest_us / 1000000,
		.tv_nsec = rest_us % 1000000 * 1000,
	};
	bool waited = false, held = false;

	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_signal(&w->to_stopper);
	if (rest_us) {
		pthread_mutex_unlock(&w->lock);
		nanosleep(&rest, NULL);
		*start = now_ns();
		pthread_mutex_lock(&w->lock);
	}
	while (atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		waited = true;
		held = w->held;
		pthread_cond_wait(&w->to_mutators, &w->lock);
	}
	w->running++;
	pthread_mutex_unlock(&w->lock);
	if (held)
		*start = now_ns();
	return waited && !held;
}

uint64_t world_stop(struct world *w, bool held)
{
	pthread_mutex_lock(&w->lock);
	w->held = held;
	atomic_store_explicit(&w->stop, true, memory_order_relaxed);
	/* The lock orders all stores of the mutators before what follows. */
	while (w->running)
		pthread_cond_wait(&w->to_stopper, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return world_last(w);
}

void world_resume(struct world *w)
{
	pthread_mutex_lock(&w->lock);
	atomic_store_explicit(&w->stop, false, memory_order_relaxed);
	pthread_cond_broadcast(&w->to_mutators);
	pthread_mutex_unlock(&w->lock);
}

uint64_t world_last(struct world *w)
{
	return atomic_load_explicit(&w->last, memory_order_relaxed);
}

/* The stripes of a transaction, ascending and each once: nobody deadlocks. */
static unsigned int txn_stripes(const struct bank_txn *txn, unsigned int *stripe)
{
	unsigned int nr = 0, i, at;

	for (i = 0; i < txn->nr_legs; i++) {
		unsigned int s = txn->page[i] % WORLD_STRIPES;

		for (at = nr; at && stripe[at - 1] > s; at--)
			stripe[at] = stripe[at - 1];
		stripe[at] = s;
		nr++;
	}
	for (i = 1, at = 1; i < nr; i++)
		if (stripe[i] != stripe[at - 1])
			stripe[at++] = stripe[i];
	return at;
}

/*
 * One transaction. The number is taken here, after the safe point and before the
 * next: so none is unfinished when all mutators are stopped.
 */
static void mutator_transact(struct world *w)
{
	unsigned int stripe[BANK_MAX_LEGS], nr, i;
	struct bank_txn txn;

	bank_plan(&w->bank, 1 + atomic_fetch_add_explicit(&w->last, 1, memory_order_relaxed),
		  &txn);
	nr = txn_stripes(&txn, stripe);
	for (i = 0; i < nr; i++)
		pthread_mutex_lock(&w->stripe[stripe[i]]);
	for (i = 0; i < txn.nr_legs; i++)
		bank_leg(&w->bank, w->zone, &txn, i);
	while (nr--)
		pthread_mutex_unlock(&w->stripe[stripe[nr]]);
}

static void *mutator_thread(void *arg)
{
	struct mutator *m = arg;
	struct world *w = m->world;
	uint64_t start = now_ns(), end;
	unsigned int burst = 0;

	while (!atomic_load_explicit(&w->quit, memory_order_relaxed)) {
		int phase = atomic_load_explicit(&w->phase, memory_order_relaxed);
		bool rest = w->rest_us && ++burst % WORLD_BURST == 0;

		if (rest || atomic_load_explicit(&w->stop, memory_order_relaxed)) {
			bool counts = world_park(w, rest ? w->rest_us : 0, &start);

			/* Which snapshot it is was said before it stopped us. */
			phase = atomic_load_explicit(&w->phase, memory_order_relaxed);
			if (counts)
				hist_add(&m->stop[phase], now_ns() - start);
		}
		mutator_transact(w);
		end = now_ns();
		if (phase == PHASE_BETWEEN)
			phase = atomic_load_explicit(&w->phase, memory_order_relaxed);
		hist_add(&m->txn[phase], end - start);
		start = end;
	}
	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_signal(&w->to_stopper);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void world_start(struct world *w)
{
	unsigned int i;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->to_mutators, NULL);
	pthread_cond_init(&w->to_stopper, NULL);
	for (i = 0; i < WORLD_STRIPES; i++)
		pthread_mutex_init(&w->stripe[i], NULL);
	w->mutators = calloc(w->nr_mutators, sizeof(*w->mutators));
	if (!w->mutators)
		die("no memory for mutators");
	w->running = w->nr_mutators;
	for (i = 0; i < w->nr_mutators; i++) {
		w->mutators[i].world = w;
		if (pthread_create(&w->mutators[i].thread, NULL, mutator_thread,
				   &w->mutators[i]))
			die("no threads");
	}
}

void world_end(struct world *w)
{
	unsigned int i;

	atomic_store_explicit(&w->quit, true, memory_order_relaxed);
	for (i = 0; i < w->nr_mutators; i++)
		pthread_join(w->mutators[i].thread, NULL);
	for (i = 0; i < WORLD_STRIPES; i++)
		pthread_mutex_destroy(&w->stripe[i]);
	pthread_cond_destroy(&w->to_mutators);
	pthread_cond_destroy(&w->to_stopper);
	pthread_mutex_destroy(&w->lock);
}
