// SPDX-License-Identifier: MIT
/*
 * jit: a code cache with a limit, run and recompiled at the same time, verified
 *
 * For each engine: compilers publish a number of units while runners run them; then
 * everything is retired, and what was counted has to add up.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "options.h"
#include "report.h"
#include "trap.h"

#define EXIT_SKIP	77
#define PROGRESS_NS	10000000000ULL
#define HANG_SECONDS	100	/* for a run with a sabotage */

static const struct engine_ops *const engines[] = {
	&engine_codecache, &engine_flush, &engine_munmap,
};

#define NR_ENGINES	(sizeof(engines) / sizeof(engines[0]))

/* One engine at work. */
struct run {
	struct engine engine;
	struct world world;
	struct outcome *out;
};

/* Something to look at, where it takes long. */
static void run_progress(struct run *r, uint64_t *next)
{
	if (now_ns() < *next)
		return;
	*next += PROGRESS_NS;
	printf("%s: %llu of %llu units\n", r->engine.ops->name,
	       (unsigned long long)atomic_load_explicit(&r->out->tally.published,
							memory_order_relaxed),
	       (unsigned long long)r->world.options->publish);
}

static void run_sample(struct run *r)
{
	uint64_t pages = r->engine.ops->resident(&r->engine);

	if (pages > r->out->peak_pages)
		r->out->peak_pages = pages;
}

static void run_work(struct run *r)
{
	uint64_t shootdowns = report_shootdowns(), progress = now_ns() + PROGRESS_NS;

	world_start(&r->world);
	while (!world_over(&r->world)) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		run_sample(r);
		run_progress(r, &progress);
	}
	world_end(&r->world);
	r->out->shootdowns = shootdowns == UNKNOWN ? UNKNOWN :
			     report_shootdowns() - shootdowns;
	report_world(r->out, &r->world);
	r->out->over = true;
}

/* What is not as it should be when no code was wrong? NULL: nothing. */
static const char *run_complaint(const struct outcome *out, const struct options *o)
{
	bool flush = out->ops->flush;

	if (out->published != o->publish || !out->runs)
		return "it did not come to its end";
	if (out->peak_pages > out->max_pages)
		return "more pages than the limit";
	if (!flush && out->left_pages)
		return "pages were not returned";
	if (!flush && out->returned_pages != out->placed_pages)
		return "pages returned are not those that were handed out";
	if (out->retired != out->published)
		return "units were lost";
	return NULL;
}

static void run_judge(struct outcome *out, const struct options *o)
{
	uint64_t errors = tally_errors(&out->tally);

	if (o->sabotage != SABOTAGE_NONE) {
		out->ok = errors != 0;
		return;
	}
	out->complaint = errors ? "code was wrong" : run_complaint(out, o);
	out->ok = !out->complaint;
}

/* Returns false if the engine cannot be had. */
static bool run_open(struct run *r, const struct options *o, const struct engine_ops *ops)
{
	struct engine *e = &r->engine;
	int err;

	e->max_pages = o->max_pages;
	e->keep = o->sabotage != SABOTAGE_NONE;
	e->table = &r->world.table;
	err = engine_open(e, ops);
	if (err && !e->absent)
		die("%s: %s: %s", ops->name, e->failed, strerror(-err));
	if (err) {
		r->out->skipped = e->failed;
		return false;
	}
	r->world.options = o;
	r->world.engine = e;
	r->world.tally = &r->out->tally;
	if (table_init(&r->world.table, o->sets, o->seed))
		die("no memory for %u sets of filters", o->sets);
	return true;
}

static void run_engine(struct outcome *out, const struct options *o,
		       const struct engine_ops *ops)
{
	struct run *r = aligned_alloc(64, (sizeof(*r) + 63) / 64 * 64);

	if (!r)
		die("out of memory");
	memset(r, 0, sizeof(*r));
	r->out = out;
	if (run_open(r, o, ops)) {
		run_work(r);
		table_destroy(&r->world.table);
		engine_close(&r->engine);
		world_free(&r->world);
	}
	free(r);
}

/*
 * Wrong code can do anything: a run with a sabotage gets a process of its own, and
 * ends with the first error that is noticed. Its death is one, but not for want of
 * errors, by SIGALRM.
 */
static void run_apart(struct outcome *out, const struct options *o,
		      const struct engine_ops *ops)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		alarm(HANG_SECONDS);
		run_engine(out, o, ops);
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(child, &status, 0) != child)
		;
	if (!status)
		return;
	printf("%s: the process died\n", ops->name);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM)
		engine_count(&out->tally.wrong[WRONG_TRAP], 1);
}

static int run_all(const struct options *o, struct outcome *out)
{
	unsigned int nr = 0, skipped = 0, i;
	bool ok = true;

	for (i = 0; i < NR_ENGINES; i++) {
		if (!options_engine(o, engines[i]->name))
			continue;
		out[nr].ops = engines[i];
		printf("%s: %s\n", engines[i]->name, engines[i]->what);
		if (o->sabotage == SABOTAGE_NONE)
			run_engine(&out[nr], o, engines[i]);
		else
			run_apart(&out[nr], o, engines[i]);
		run_judge(&out[nr], o);
		skipped += out[nr].skipped != NULL;
		ok = ok && (out[nr].skipped || out[nr].ok);
		nr++;
	}
	if (!nr) {
		fprintf(stderr, "jit: no engine for this; see --help\n");
		return 2;
	}
	report_table(out, nr);
	if (o->sabotage != SABOTAGE_NONE && skipped < nr)
		printf("jit: the sabotage was %s\n",
		       ok ? "noticed, as it must be" : "NOT noticed");
	if (!ok)
		return 1;
	return skipped ? EXIT_SKIP : 0;
}

/* The code of all sets, one after the other. */
static int run_dump(const struct options *o)
{
	struct code code = { .start = malloc(UNIT_MAX_BYTES), .max = UNIT_MAX_BYTES };
	FILE *f = fopen(o->dump, "wb");
	struct table table;
	unsigned int i;
	bool ok = f;

	if (!code.start || table_init(&table, o->sets, o->seed))
		die("out of memory");
	for (i = 0; ok && i < table.nr; i++) {
		struct unit *unit;

		code.length = 0;
		unit = unit_compile(o->backend, &table.slot[i].rules, i + 1, &code);
		ok = unit && fwrite(code.start, code.length, 1, f) == 1;
		free(unit);
	}
	if (!f || fclose(f) || !ok)
		die("%s cannot be written", o->dump);
	table_destroy(&table);
	free(code.start);
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes = NR_ENGINES * sizeof(struct outcome);
	struct outcome *out;
	struct options o;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options_parse(&o, argc, argv);
	if (o.dump)
		return run_dump(&o);
	/* Shared, for run_apart(). */
	out = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (out == MAP_FAILED)
		die("out of memory");
	trap_install();
	printf("%u runners, %u compilers, %u sets of filters, %s code, at most %llu pages of it\n",
	       o.runners, o.compilers, o.sets, o.backend->name,
	       (unsigned long long)o.max_pages);
	return run_all(&o, out);
}
