// SPDX-License-Identifier: MIT
/*
 * Running a workload: with a collector behind a barrier, and without
 *
 * The same rounds, with the collector first, then with malloc() and free(): all
 * checksums must agree. What the other barriers come to is compared with the same
 * run without a collector as long as they do the same rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc_priv.h"
#include "measure.h"
#include "remember.h"
#include "run.h"

#define MIN_COLLECTIONS	3
#define MORE_NS		60000000000ULL	/* for so many, if it was not time enough */
#define LIVE_NS		200000000ULL	/* between two states of the live line */
#define VMAS_NS		100000000ULL	/* between two counts of mappings */

/* All mutators of one run. */
struct crew {
	const struct workload *workload;
	const char *barrier;
	struct gc *gc;
	struct work *work;
	pthread_t thread[MAX_MUTATORS];
	unsigned int nr;
	atomic_uint left;	/* mutators that are at work */
	bool realtime;
	unsigned int vmas;	/* the most that were seen */
	uint64_t ns;
};

struct job {
	struct crew *crew;
	struct work *work;
};

bool work_more(struct work *w)
{
	uint64_t done = atomic_load_explicit(&w->rounds, memory_order_relaxed);

	if (w->round_limit ? done >= w->round_limit :
	    now_ns() >= w->deadline_ns + (stat_read(w->collections) < MIN_COLLECTIONS ? MORE_NS : 0))
		return false;
	atomic_store_explicit(&w->rounds, done + 1, memory_order_relaxed);
	if (w->rest_ns) {
		gc_rest(&w->m, w->rest_ns);
		w->step_ns = 0;		/* that is no part of a step */
		w->ticks_left = 0;
	}
	return true;
}

void work_fail(struct work *w, const char *what)
{
	if (w->failures++ < 5)
		printf("gc: mutator %u, round %llu: %s\n", w->id,
		       (unsigned long long)atomic_load_explicit(&w->rounds, memory_order_relaxed),
		       what);
}

void work_step(struct work *w)
{
	uint64_t now = now_ns();

	if (w->step_ns)
		samples_add(&w->steps, now - w->step_ns);
	w->step_ns = now;
	w->ticks_left = WORK_STEP - 1;
}

static void *crew_thread(void *arg)
{
	struct job *job = arg;
	struct crew *crew = job->crew;
	struct sched_param param = { .sched_priority = 1 };
	struct work *w = job->work;

	free(job);
	if (crew->realtime && pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		gc_die("mutators cannot run at real-time priority");
	gc_enter(crew->gc, &w->m);
	crew->workload->run(w);
	gc_leave(&w->m);
	/* Pairs with the acquire in crew_wait(); its results are read after join. */
	atomic_fetch_sub_explicit(&crew->left, 1, memory_order_release);
	return NULL;
}

static void crew_start(struct crew *crew)
{
	unsigned int i;
	struct job *job;

	atomic_store_explicit(&crew->left, crew->nr, memory_order_relaxed);
	for (i = 0; i < crew->nr; i++) {
		job = malloc(sizeof(*job));
		if (!job)
			gc_die("no memory for threads");
		*job = (struct job){ crew, &crew->work[i] };
		if (pthread_create(&crew->thread[i], NULL, crew_thread, job))
			gc_die("no threads");
	}
}

static uint64_t crew_rounds(const struct crew *crew)
{
	uint64_t rounds = 0;
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		rounds += atomic_load_explicit(&crew->work[i].rounds, memory_order_relaxed);
	return rounds;
}

/* Wait for the mutators; with a collector, show how they get on. */
static void crew_wait(struct crew *crew)
{
	uint64_t start = now_ns(), shown = start, counted = 0, now;
	unsigned int i, vmas;

	/* Pairs with the release in crew_thread(). */
	while (atomic_load_explicit(&crew->left, memory_order_acquire)) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		now = now_ns();
		if (now - counted > VMAS_NS) {
			vmas = measure_vmas();
			if (vmas > crew->vmas)
				crew->vmas = vmas;
			counted = now;
		}
		if (crew->gc && now - shown > LIVE_NS) {
			report_live(crew->workload->name, crew->gc, crew_rounds(crew), start);
			shown = now;
		}
	}
	for (i = 0; i < crew->nr; i++)
		pthread_join(crew->thread[i], NULL);
	crew->ns = now_ns() - start;
}

static void crew_prepare(struct crew *crew, const struct options *o)
{
	struct work *w;
	unsigned int i;

	crew->nr = o->mutators;
	crew->realtime = o->realtime;
	crew->work = calloc(crew->nr, sizeof(*crew->work));
	if (!crew->work)
		gc_die("no memory for threads");
	for (i = 0; i < crew->nr; i++) {
		w = &crew->work[i];
		w->id = i;
		w->nr = crew->nr;
		w->seed = o->seed;
		w->random = work_hash(o->seed * MAX_MUTATORS + i);
		if (!(o->seconds > 0))
			w->round_limit = o->rounds ? o->rounds :
				crew->workload->rounds * o->percent / 100 + 1;
		w->deadline_ns = now_ns() + (uint64_t)(o->seconds * 1e9);
		w->rest_ns = o->rest_us * 1000;
		w->collections = crew->gc ? &crew->gc->stats.collections : NULL;
	}
}

/* What the mutators have measured goes into @out. */
static void crew_collect(const struct crew *crew, struct outcome *out)
{
	const struct work *w;
	unsigned int i;

	out->run_ns = crew->ns;
	out->vmas = crew->vmas;
	for (i = 0; i < crew->nr; i++) {
		w = &crew->work[i];
		out->rounds += w->rounds;
		out->allocated += w->m.bytes;
		out->mutator_ns += w->m.cpu_ns;
		out->healed += w->m.healed;
		out->touched += w->m.touched;
		samples_merge(&out->pauses[PAUSE_STEP], &w->steps);
	}
}

/* The same work without a collector. */
static void run_reference(const struct crew *with, const struct options *o,
			  struct reference *ref)
{
	struct crew crew = { .workload = with->workload };
	uint64_t faults = measure_faults();
	unsigned int i;

	*ref = (struct reference){ .done = true };
	crew_prepare(&crew, o);
	for (i = 0; i < crew.nr; i++)
		crew.work[i].round_limit = with->work[i].rounds;
	crew_start(&crew);
	crew_wait(&crew);
	for (i = 0; i < crew.nr; i++) {
		ref->rounds[i] = crew.work[i].rounds;
		ref->checksum[i] = crew.work[i].checksum;
		ref->objects[i] = crew.work[i].m.objects;
		ref->failures += crew.work[i].failures;
	}
	ref->out.workload = crew.workload->name;
	ref->out.barrier = "malloc, free";
	ref->out.mutators = crew.nr;
	ref->out.generational = o->config.generational;
	ref->out.ok = !ref->failures;
	ref->out.faults = measure_faults() - faults;
	crew_collect(&crew, &ref->out);
	free(crew.work);
}

static bool run_same_rounds(const struct crew *crew, const struct reference *ref)
{
	unsigned int i;

	for (i = 0; i < crew->nr && ref->done; i++)
		if (ref->rounds[i] != crew->work[i].rounds)
			return false;
	return ref->done;
}

static void run_compare(const struct crew *crew, const struct reference *ref,
			struct outcome *out)
{
	const struct work *w;
	unsigned int i;

	if (ref->failures)
		out->ok = false;
	for (i = 0; i < crew->nr; i++) {
		w = &crew->work[i];
		if (!w->failures && w->checksum == ref->checksum[i] &&
		    w->m.objects == ref->objects[i])
			continue;
		printf("gc: %s: mutator %u: %llu failures; checksum %#llx, %#llx without a collector\n",
		       out->workload, i, (unsigned long long)w->failures,
		       (unsigned long long)w->checksum, (unsigned long long)ref->checksum[i]);
		out->ok = false;
	}
}

/* A heap with its collector; NULL, and why, if this barrier cannot be had here. */
static struct gc *run_heap(const char *barrier, const struct options *o, struct outcome *out)
{
	struct gc_config config = o->config;
	struct gc *gc = calloc(1, sizeof(*gc));
	int err;

	if (!gc)
		gc_die("out of memory");
	config.barrier = barrier;
	err = gc_create(gc, &config);
	if (!err)
		return gc;
	if (!gc->barrier.absent)
		gc_die("%s: %s: %s", barrier, gc->barrier.failed, strerror(-err));
	out->skipped = gc->barrier.failed;
	free(gc);
	return NULL;
}

/* After the mutators: the collector goes, with all memory. */
static void run_finish(struct crew *crew, struct outcome *out)
{
	struct gc *gc = crew->gc;
	uint64_t made;
	int err = gc_destroy(gc);

	if (err)
		printf("gc: memory was left behind\n");
	/* Without the module others may use shared memory at the same time. */
	out->ok = !err || !gc->barrier.ops->protects;
	report_collect(out, gc);
	made = atomic_load(&gc->barrier.protects);
	if (gc->barrier.ops->protects && gc->protects != made) {
		printf("gc: the module has counted %llu calls of PROTECT, not %llu\n",
		       (unsigned long long)gc->protects, (unsigned long long)made);
		out->ok = false;
	}
	made = atomic_load(&gc->barrier.calls[BARRIER_QUERY]);
	if (gc->queries != made) {
		printf("gc: the module has counted %llu calls of QUERY, not %llu\n",
		       (unsigned long long)gc->queries, (unsigned long long)made);
		out->ok = false;
	}
	if (out->faults_found || !out->collections)
		out->ok = false;
	if (!out->collections)
		printf("gc: %s: no collection: give it more rounds or less heap\n", out->workload);
	free(gc);
}

/* With the collector, from the first round to the last. */
static void run_collected(struct crew *crew, const struct options *o, struct outcome *out)
{
	uint64_t faults = measure_faults(), shootdowns = measure_shootdowns();
	struct mutator m;

	crew_prepare(crew, o);
	if (crew->workload->setup) {
		gc_enter(crew->gc, &m);
		crew->workload->setup(&m, crew->nr);
		gc_leave(&m);
	}
	crew_start(crew);
	crew_wait(crew);
	report_live_end();
	crew_collect(crew, out);
	out->faults = measure_faults() - faults;
	out->shootdowns = measure_shootdowns() - shootdowns;
	out->shootdowns_known = shootdowns != UINT64_MAX;
	run_finish(crew, out);
}

void run_workload(const struct workload_code *code, const char *barrier,
		  const struct options *o, struct reference *ref, struct outcome *out)
{
	struct crew crew = { .workload = code->plain };

	*out = (struct outcome){ .workload = code->plain->name, .barrier = barrier };
	out->mutators = o->mutators;
	out->generational = o->config.generational;
	out->skipped = code->plain->prepare ? code->plain->prepare() : NULL;
	if (!out->skipped)
		crew.gc = run_heap(barrier, o, out);
	if (out->skipped)
		return;
	if (crew.gc->barrier.ops->soft)
		crew.workload = code->soft;
	else if (o->config.generational && crew.gc->barrier.ops->remember->cards)
		crew.workload = code->cards;
	run_collected(&crew, o, out);
	crew.gc = NULL;
	crew.workload = code->plain;
	if (!run_same_rounds(&crew, ref))
		run_reference(&crew, o, ref);
	run_compare(&crew, ref, out);
	free(crew.work);
	report_line(out);
}
