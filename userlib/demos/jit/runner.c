// SPDX-License-Identifier: MIT
/* Runners: look a unit up, run it, judge what it did. */
#include <stdio.h>
#include <time.h>

#include "die.h"
#include "mix.h"
#include "trap.h"
#include "world.h"

#define RUNS		16U	/* calls in a section */
#define LINGER_EVERY	64U	/* sections */
#define SHOWN		3U	/* errors that are told one by one */

static const char *const wrong_names[NR_WRONG] = {
	[WRONG_IDENTITY] = "ran somebody else's code",
	[WRONG_VALUE] = "computed something else than the interpreter",
	[WRONG_TRAP] = "got a signal",
};

/* With the sabotage the engine is told nothing of this thread. */
static bool runner_honest(const struct runner *r)
{
	return r->world->options->sabotage != SABOTAGE_EARLY;
}

static void runner_enter(struct runner *r)
{
	struct engine *e = r->world->engine;

	if (runner_honest(r))
		e->ops->enter(e, &r->guard);
}

static void runner_leave(struct runner *r)
{
	struct engine *e = r->world->engine;

	if (!runner_honest(r))
		return;
	e->ops->leave(e, &r->guard);
	if (e->ops->safepoint)
		e->ops->safepoint(e, &r->guard);
}

static void runner_error(struct runner *r, enum wrong what, const struct unit *unit,
			 unsigned int filter)
{
	struct tally *tally = r->world->tally;
	uint64_t before = tally_errors(tally);

	engine_count(&tally->wrong[what], 1);
	if (before < SHOWN)
		printf("%s: filter %u of unit %llu %s\n", r->world->engine->ops->name, filter,
		       (unsigned long long)unit->serial, wrong_names[what]);
}

static void runner_run(struct runner *r, const struct unit *unit)
{
	unsigned int i, filter;
	enum wrong what;

	for (i = 0; i < RUNS; i++) {
		filter = mix_below(&r->state, unit->rules->nr_filters);
		what = unit_run(unit, filter, &r->record, &r->scratch);
		if (what)
			runner_error(r, what, unit, filter);
		r->runs++;
	}
}

static void runner_miss(struct runner *r, struct slot *slot)
{
	uint64_t params[NR_PARAMS];
	unsigned int i, filter;

	atomic_store_explicit(&slot->wanted, true, memory_order_relaxed);
	rules_params(0, params);
	for (i = 0; i < RUNS; i++) {
		filter = mix_below(&r->state, slot->rules.nr_filters);
		r->sink += ast_eval(slot->rules.filter[filter], params, &r->record);
		r->interpreted++;
	}
}

static void runner_section(struct runner *r)
{
	struct slot *slot = table_pick(&r->world->table, &r->state);
	unsigned int linger_us = r->world->options->linger_us;
	struct unit *unit;

	rules_record(&r->state, &r->record);
	runner_enter(r);
	unit = slot_look(slot);
	if (linger_us && ++r->sections % LINGER_EVERY == 0)
		nanosleep(&(struct timespec){ .tv_sec = linger_us / 1000000,
					      .tv_nsec = linger_us % 1000000 * 1000 }, NULL);
	if (unit)
		runner_run(r, unit);
	else
		runner_miss(r, slot);
	runner_leave(r);
}

void *runner_thread(void *arg)
{
	struct runner *r = arg;
	struct engine *e = r->world->engine;

	trap_thread_begin();
	if (runner_honest(r) && e->ops->attach(e, &r->guard))
		die("%s: a runner cannot be registered", e->ops->name);
	while (!atomic_load_explicit(&r->world->quit, memory_order_relaxed))
		runner_section(r);
	if (runner_honest(r))
		e->ops->detach(e, &r->guard);
	trap_thread_end();
	return NULL;
}
