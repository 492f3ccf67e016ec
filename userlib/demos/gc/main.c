// SPDX-License-Identifier: MIT
/*
 * gc: a concurrent copying collector on page protections, at work and checked
 *
 * Each workload runs twice: with the collector, for a time or a number of rounds;
 * then without, the same rounds, with malloc() and free(). Checksums must agree.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gc_priv.h"
#include "options.h"
#include "report.h"
#include "work.h"

#define EXIT_SKIP	77
#define MIN_COLLECTIONS	3
#define MORE_NS		60000000000ULL	/* for so many, if it was not time enough */
#define SABOTAGE_SECONDS	120

static const struct workload *const workloads[] = {
	&workload_lists, &workload_trees, &workload_kallsyms,
};

#define NR_WORKLOADS	(sizeof(workloads) / sizeof(workloads[0]))

/* All mutators of one run. */
struct crew {
	const struct workload *workload;
	struct gc *gc;
	struct work *work;
	pthread_t thread[MAX_MUTATORS];
	unsigned int nr;
	atomic_uint left;	/* mutators that are at work */
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
	return true;
}

void work_fail(struct work *w, const char *what)
{
	if (w->failures++ < 5)
		printf("gc: mutator %u, round %llu: %s\n", w->id,
		       (unsigned long long)atomic_load_explicit(&w->rounds, memory_order_relaxed),
		       what);
}

/* A mutator is somewhere where no object is: in memory that was given back, say. */
static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	gc_die("a stray access to %p", info->si_addr);
}

static void *crew_thread(void *arg)
{
	struct job *job = arg;
	struct crew *crew = job->crew;
	struct work *w = job->work;

	free(job);
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
static void crew_wait(struct crew *crew, uint64_t start)
{
	uint64_t shown = start;
	unsigned int i;

	/* Pairs with the release in crew_thread(). */
	while (atomic_load_explicit(&crew->left, memory_order_acquire)) {
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		if (!crew->gc || now_ns() - shown < 1000000000)
			continue;
		shown += 1000000000;
		report_progress(crew->workload->name, crew->gc, crew_rounds(crew), start);
	}
	for (i = 0; i < crew->nr; i++)
		pthread_join(crew->thread[i], NULL);
}

static void crew_prepare(struct crew *crew, const struct options *o)
{
	unsigned int i;

	crew->nr = o->mutators;
	crew->work = calloc(crew->nr, sizeof(*crew->work));
	if (!crew->work)
		gc_die("no memory for threads");
	for (i = 0; i < crew->nr; i++) {
		crew->work[i].id = i;
		crew->work[i].nr = crew->nr;
		crew->work[i].seed = o->seed;
		crew->work[i].random = work_hash(o->seed * MAX_MUTATORS + i);
		crew->work[i].round_limit = o->rounds;
		crew->work[i].deadline_ns = now_ns() + (uint64_t)(o->seconds * 1e9);
		crew->work[i].collections = crew->gc ? &crew->gc->stats.collections : NULL;
	}
}

/* A heap with its collector; or else returns with what to exit. */
static int make_gc(struct gc **made, const struct options *o)
{
	struct gc *gc = calloc(1, sizeof(*gc));
	int err, status = 1;

	if (!gc)
		gc_die("out of memory");
	*made = gc;
	err = gc_create(gc, &o->config);
	if (!err)
		return 0;
	if (!gc->barrier.ops)
		status = 2;
	else if (gc->barrier.absent)
		status = EXIT_SKIP;
	printf("gc: %s: %s\n", gc->barrier.failed, strerror(-err));
	free(gc);
	return status;
}

/* With the collector. Returns 0, or with what to exit if it cannot be had. */
static int run_collected(struct crew *crew, const struct options *o, struct outcome *out)
{
	struct mutator m;
	uint64_t start;
	struct gc *gc;
	int err;

	err = make_gc(&gc, o);
	if (err)
		return err;
	crew->gc = gc;
	crew_prepare(crew, o);
	if (crew->workload->setup) {
		gc_enter(gc, &m);
		crew->workload->setup(&m, crew->nr);
		gc_leave(&m);
	}
	start = now_ns();
	crew_start(crew);
	crew_wait(crew, start);
	out->run_ns = now_ns() - start;
	err = gc_destroy(gc);
	report_progress(crew->workload->name, gc, crew_rounds(crew), start);
	report_progress_end();
	if (err)
		printf("gc: memory was left behind\n");
	/* Without the module others may use shared memory at the same time. */
	out->ok = !err || gc->revocations == UINT64_MAX;
	report_collect(out, gc);
	if (gc->revocations != UINT64_MAX && gc->revocations != out->revocations) {
		printf("gc: the module has counted %llu calls of PROTECT, not %llu\n",
		       (unsigned long long)gc->revocations, (unsigned long long)out->revocations);
		out->ok = false;
	}
	crew->gc = NULL;
	free(gc);
	return 0;
}

/* The same without, and compare. */
static void run_reference(struct crew *with, const struct options *o, struct outcome *out)
{
	struct crew crew = { .workload = with->workload };
	uint64_t start;
	unsigned int i;

	crew_prepare(&crew, o);
	for (i = 0; i < crew.nr; i++)
		crew.work[i].round_limit = atomic_load_explicit(&with->work[i].rounds, memory_order_relaxed);
	start = now_ns();
	crew_start(&crew);
	crew_wait(&crew, start);
	out->reference_ns = now_ns() - start;
	for (i = 0; i < crew.nr; i++) {
		struct work *a = &with->work[i], *b = &crew.work[i];

		out->rounds += b->round_limit;
		out->allocated += a->m.bytes;
		if (a->failures || b->failures || a->checksum != b->checksum ||
		    a->m.objects != b->m.objects) {
			printf("gc: %s: mutator %u: %llu failures; checksum %#llx, %#llx without a collector\n",
			       out->workload, i, (unsigned long long)(a->failures + b->failures),
			       (unsigned long long)a->checksum, (unsigned long long)b->checksum);
			out->ok = false;
		}
	}
	free(crew.work);
}

/* Returns 0, or with what to exit if there can be no collector. */
static int run_workload(const struct workload *w, const struct options *o, struct outcome *out)
{
	struct crew crew = { .workload = w };
	int err;

	out->workload = w->name;
	out->mutators = o->mutators;
	out->skipped = w->prepare ? w->prepare() : NULL;
	if (out->skipped)
		return 0;
	printf("%s: %s\n", w->name, w->what);
	err = run_collected(&crew, o, out);
	if (!err) {
		run_reference(&crew, o, out);
		if (out->faults_found || !out->collections)
			out->ok = false;
		if (!out->collections)
			printf("gc: %s: no collection: give it more time or less heap\n", w->name);
	}
	free(crew.work);
	if (w->finish)
		w->finish();
	return err;
}

/* Run the workloads that are wanted, one after the other; returns what to exit with. */
static int run_all(const struct options *o)
{
	struct outcome out[NR_WORKLOADS] = { 0 };
	unsigned int i, nr = 0, done = 0;
	bool ok = true;
	int err;

	for (i = 0; i < NR_WORKLOADS; i++) {
		if (strcmp(o->workload, "all") && strcmp(o->workload, workloads[i]->name))
			continue;
		err = run_workload(workloads[i], o, &out[nr]);
		if (err)
			return err;
		done += !out[nr].skipped;
		ok = ok && (out[nr].skipped || out[nr].ok);
		nr++;
	}
	if (!nr) {
		fprintf(stderr, "gc: no such workload; see --help\n");
		return 2;
	}
	report_table(out, nr);
	if (!ok)
		return 1;
	return done ? 0 : EXIT_SKIP;
}

/* In a child, which must not end well. */
static int run_sabotaged(const struct options *o)
{
	pid_t pid = fork();
	int status, code;

	if (!pid) {
		alarm(SABOTAGE_SECONDS);
		_exit(run_all(o));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		gc_die("no child process");
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	if (code == 2 || code == EXIT_SKIP)
		return code;
	printf("gc: the sabotage was %s\n", code ? "noticed, as it must be" : "NOT noticed");
	printf("#DEMO gc sabotage=%d result=%s\n", o->config.sabotage, code ? "ok" : "failed");
	return !code;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	struct options o;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options_parse(&o, argc, argv);
	sigaction(SIGSEGV, &act, NULL);
	return o.config.sabotage == GC_SABOTAGE_NONE ? run_all(&o) : run_sabotaged(&o);
}
