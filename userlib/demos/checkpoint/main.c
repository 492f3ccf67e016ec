// SPDX-License-Identifier: MIT
/*
 * checkpoint: concurrent snapshots of a zone that is being changed, verified
 *
 * For each engine: mutators start, snapshots are taken while they go on, and every
 * one is read back from its file and checked, with the mutators held.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "report.h"
#include "snapshot.h"
#include "verify.h"

#define EXIT_SKIP	77
#define PATH_BYTES	4096

static const struct engine_ops *const engines[] = {
	&engine_block, &engine_signal, &engine_mprotect, &engine_fork,
};

#define NR_ENGINES	(sizeof(engines) / sizeof(engines[0]))

/* One engine at work. */
struct run {
	const struct options *options;
	struct engine engine;
	struct world world;
	struct verifier verifier;
	struct outcome *out;
};

/* Let the mutators do some transactions. */
static void run_wait(struct run *r)
{
	uint64_t until = world_last(&r->world) + r->options->transactions;

	while (world_last(&r->world) < until)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static bool run_verify(struct run *r, const struct shot *shot)
{
	bool ok;

	/* Or else there would be ever more transactions to replay. */
	world_stop(&r->world, true);
	ok = verify_file(&r->verifier, shot->path, shot->instant);
	world_resume(&r->world);
	return ok;
}

/* One snapshot; @base is the instant of the one before, and becomes this one's. */
static void run_round(struct run *r, unsigned int round, uint64_t *base)
{
	const struct options *o = r->options;
	bool first = round == 0 || (o->full_every && round % o->full_every == 0);
	struct shot shot = { .full = first || !r->engine.ops->deltas, .base = *base };
	char path[PATH_BYTES];
	bool verified;
	int err;

	snprintf(path, sizeof(path), "%s/checkpoint-%d-%s-%u", o->dir, (int)getpid(),
		 r->engine.ops->name, round);
	shot.path = path;
	run_wait(r);
	err = snapshot_take(&r->engine, &r->world, &shot);
	if (err && !o->keep)
		unlink(path);
	if (err)
		die("%s: no snapshot: %s", r->engine.ops->name, strerror(-err));
	*base = shot.instant;
	verified = run_verify(r, &shot);
	if (!o->keep)
		unlink(path);
	report_shot(r->out, &shot, verified);
	report_progress(r->out, round + 1, o->rounds, &shot, verified);
}

/* Returns false if the engine cannot be had. */
static bool run_open(struct run *r, const struct engine_ops *ops)
{
	const struct options *o = r->options;
	struct bank bank = {
		.seed = o->seed,
		.nr_pages = o->nr_pages,
		.page_size = (size_t)sysconf(_SC_PAGESIZE),
	};
	int err = engine_open(&r->engine, ops, bank.nr_pages, bank.page_size);

	if (err && !r->engine.absent)
		die("%s: %s: %s", ops->name, r->engine.failed, strerror(-err));
	if (err) {
		r->out->skipped = r->engine.failed;
		return false;
	}
	r->engine.copier.batch = o->batch;
	r->engine.copier.sabotage = o->sabotage;
	r->world.bank = bank;
	r->world.zone = r->engine.zone;
	r->world.nr_mutators = o->mutators;
	r->world.rest_us = o->rest_us;
	r->verifier.bank = bank;
	bank_fill(&bank, r->engine.zone);
	verify_begin(&r->verifier);
	return true;
}

static bool run_good(const struct outcome *out, bool sabotaged)
{
	unsigned int nr = 0, verified = 0, i;

	for (i = 0; i < NR_PHASES; i++) {
		nr += out->totals[i].nr;
		verified += out->totals[i].verified;
	}
	return sabotaged ? verified < nr : verified == nr;
}

static void run_engine(const struct options *o, const struct engine_ops *ops,
		       struct outcome *out)
{
	struct run *r = calloc(1, sizeof(*r));
	uint64_t base = 0;
	unsigned int i;

	if (!r)
		die("out of memory");
	r->options = o;
	r->out = out;
	out->ops = ops;
	printf("%s: %s\n", ops->name, ops->what);
	if (run_open(r, ops)) {
		world_start(&r->world);
		for (i = 0; i < o->rounds; i++)
			run_round(r, i, &base);
		report_progress_end();
		world_end(&r->world);
		report_world(out, &r->world);
		out->ok = run_good(out, o->sabotage != SABOTAGE_NONE);
		verify_end(&r->verifier);
		engine_close(&r->engine);
		free(r->world.mutators);
	}
	free(r);
}

/* With sabotage: is there something that it can spoil? */
static bool engine_wanted(const struct options *o, const struct engine_ops *ops)
{
	return options_engine(o, ops->name) &&
	       (o->sabotage != SABOTAGE_COPY || ops->traps) &&
	       (o->sabotage != SABOTAGE_QUERY || ops->deltas);
}

static int run_all(const struct options *o, struct outcome *out)
{
	unsigned int nr = 0, skipped = 0, i;
	bool ok = true;

	for (i = 0; i < NR_ENGINES; i++) {
		if (!engine_wanted(o, engines[i]))
			continue;
		run_engine(o, engines[i], &out[nr]);
		skipped += out[nr].skipped != NULL;
		ok = ok && (out[nr].skipped || out[nr].ok);
		nr++;
	}
	if (!nr) {
		fprintf(stderr, "checkpoint: no engine for this; see --help\n");
		return 2;
	}
	report_table(out, nr);
	if (o->sabotage != SABOTAGE_NONE && skipped < nr)
		printf("checkpoint: the sabotage was %s\n",
		       ok ? "noticed, as it must be" : "NOT noticed");
	if (!ok)
		return 1;
	return skipped ? EXIT_SKIP : 0;
}

int main(int argc, char **argv)
{
	struct outcome *out = calloc(NR_ENGINES, sizeof(*out));
	struct options o;
	int status;

	if (!out)
		die("out of memory");
	setvbuf(stdout, NULL, _IOLBF, 0);
	options_parse(&o, argc, argv);
	status = run_all(&o, out);
	free(out);
	return status;
}
