// SPDX-License-Identifier: MIT
/* Publishers: compile, publish, retire, evict. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "die.h"
#include "mix.h"
#include "world.h"

void publisher_retire(struct publisher *p)
{
	struct world *w = p->world;
	uint64_t pages = 0;
	unsigned int i;

	if (!p->nr_batch)
		return;
	for (i = 0; i < p->nr_batch; i++)
		pages += p->batch[i]->piece.nr_pages;
	atomic_fetch_sub_explicit(&w->live_pages, pages, memory_order_relaxed);
	p->retired += p->nr_batch;
	w->engine->ops->retire(w->engine, p->batch, p->nr_batch);
	p->nr_batch = 0;
}

static void publisher_replaced(struct publisher *p, struct unit *unit)
{
	p->batch[p->nr_batch++] = unit;
	if (p->nr_batch == p->world->options->batch)
		publisher_retire(p);
}

static void publisher_evict(struct publisher *p)
{
	struct world *w = p->world;

	publisher_retire(p);
	p->nr_batch = table_evict(&w->table, w->options->batch, p->batch, w->options->batch);
	p->evicted += p->nr_batch;
	/* Nothing there: another publisher has it, and is about to retire it. */
	if (!p->nr_batch)
		sched_yield();
	publisher_retire(p);
}

static void publisher_wait(struct publisher *p)
{
	struct engine *e = p->world->engine;
	uint64_t start;

	publisher_retire(p);
	start = now_ns();
	e->ops->wait(e);
	engine_count(&e->counts.waits, 1);
	engine_count(&e->counts.wait_ns, now_ns() - start);
}

static void publisher_flush(struct publisher *p)
{
	struct engine *e = p->world->engine;

	publisher_retire(p);
	e->ops->flush(e);
}

static void publisher_place(struct publisher *p, struct piece *piece)
{
	struct world *w = p->world;
	struct engine *e = w->engine;
	int err;

	while ((err = e->ops->place(e, &p->code, piece))) {
		if (err == -EAGAIN)
			publisher_wait(p);
		else if (err != -ENOSPC)
			die("%s: no room for code: %s", e->ops->name, strerror(-err));
		else if (e->ops->flush)
			publisher_flush(p);
		else
			publisher_evict(p);
	}
	atomic_fetch_add_explicit(&w->live_pages, piece->nr_pages, memory_order_relaxed);
	engine_count(&w->placed_pages, piece->nr_pages);
	engine_count(&w->placed_bytes, piece->bytes);
}

static void publisher_publish(struct publisher *p, struct slot *slot, uint64_t serial)
{
	struct world *w = p->world;
	struct engine *e = w->engine;
	struct unit *unit, *old;

	p->code.length = 0;
	unit = unit_compile(w->options->backend, &slot->rules, serial, &p->code);
	if (!unit)
		die("no memory for a unit");
	if (e->ops->flush)
		pthread_mutex_lock(&w->exclusive);
	publisher_place(p, &unit->piece);
	old = slot_set(slot, unit);
	if (old)
		publisher_replaced(p, old);
	if (e->ops->flush)
		pthread_mutex_unlock(&w->exclusive);
	engine_count(&w->tally->published, 1);
}

/* Is it time to sweep? What is retired needs a while to become room again. */
static bool publisher_scarce(struct world *w)
{
	return !w->engine->ops->flush &&
	       atomic_load_explicit(&w->live_pages, memory_order_relaxed) >
	       w->engine->max_pages - w->engine->max_pages / 4;
}

void *publisher_thread(void *arg)
{
	struct publisher *p = arg;
	struct world *w = p->world;
	struct slot *slot;
	uint64_t serial;

	while ((serial = world_serial(w))) {
		slot = serial % 2 ? table_wanted(&w->table) : NULL;
		if (!slot)
			slot = table_pick(&w->table, &p->state);
		publisher_publish(p, slot, serial);
		if (publisher_scarce(w))
			publisher_evict(p);
	}
	return NULL;
}
