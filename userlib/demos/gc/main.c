// SPDX-License-Identifier: MIT
/*
 * gc: a concurrent copying collector behind one of several barriers, measured and
 * checked
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flip.h"
#include "gc.h"
#include "options.h"
#include "report.h"
#include "run.h"
#include "signals.h"

#define EXIT_SKIP	77
#define SABOTAGE_SECONDS	40
#define MAX_WORKLOADS	8U
#define SKIP_FLUSH	"/sys/module/codecache/parameters/test_skip_flush"

extern const struct workload workload_lists, workload_lists_soft;
extern const struct workload workload_trees, workload_trees_soft;
extern const struct workload workload_kallsyms, workload_kallsyms_soft;
extern const struct workload workload_json, workload_json_soft;

const struct workload_code workloads[] = {
	{ &workload_lists, &workload_lists_soft },
	{ &workload_trees, &workload_trees_soft },
	{ &workload_kallsyms, &workload_kallsyms_soft },
	{ &workload_json, &workload_json_soft },
	{ NULL, NULL },
};

/* All that was run: for each workload the barriers, and then no collector. */
struct results {
	struct outcome *out;
	unsigned int nr;
	unsigned int done;
	bool ok;
};

static void main_workload(const struct workload_code *code, const struct options *o,
			  struct results *all)
{
	struct reference *ref = calloc(1, sizeof(*ref));
	struct outcome *out;
	unsigned int i;

	if (!ref)
		gc_die("out of memory");
	printf("%s: %s\n", code->plain->name, code->plain->what);
	for (i = 0; barriers[i]; i++) {
		if (!options_wants(o->barrier, barriers[i]->name))
			continue;
		out = &all->out[all->nr++];
		run_workload(code, barriers[i]->name, o, ref, out);
		all->done += !out->skipped;
		all->ok = all->ok && (out->skipped || out->ok);
		if (out->skipped)
			printf("  %s is skipped: %s\n", barriers[i]->name, out->skipped);
	}
	if (ref->done)
		all->out[all->nr++] = ref->out;
	free(ref);
}

/* Run what is wanted; returns what to exit with. */
static int main_all(const struct options *o)
{
	struct results all = { .ok = true };
	unsigned int i;

	all.out = calloc(MAX_WORKLOADS * (BARRIER_MAX + 1), sizeof(*all.out));
	if (!all.out)
		gc_die("out of memory");
	for (i = 0; workloads[i].plain; i++)
		if (options_wants(o->workload, workloads[i].plain->name))
			main_workload(&workloads[i], o, &all);
	if (!all.nr) {
		fprintf(stderr, "gc: no such workload or barrier; see --help\n");
		return 2;
	}
	if (all.done && o->config.sabotage == GC_SABOTAGE_NONE)
		report_tables(all.out, all.nr, o->tsv);
	free(all.out);
	if (!all.ok)
		return 1;
	return all.done ? 0 : EXIT_SKIP;
}

/* A module that was built to be broken; returns whether this is one. */
static bool main_skip_flush(bool skip)
{
	int fd = open(SKIP_FLUSH, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, skip ? "1" : "0", 1) == 1;
	close(fd);
	return done;
}

/* Over and over, for some mistakes want luck to be noticed. */
static int main_sabotage_runs(const struct options *o)
{
	struct options one = *o;
	uint64_t end = now_ns() + SABOTAGE_SECONDS * 1000000000ULL;
	int code;

	alarm(2 * SABOTAGE_SECONDS);
	if (one.config.sabotage == GC_SABOTAGE_REVOKE)
		one.config.give_back = 0;	/* only what is used again is left open */
	do {
		code = main_all(&one);
		one.seed++;
	} while (!code && now_ns() < end);
	return code;
}

/* One barrier, in a child, which must not end well. Returns 0 if it did not. */
static int main_sabotage_one(const struct options *o, const char *barrier)
{
	struct options one = *o;
	int status, code;
	pid_t pid;

	one.barrier = barrier;
	pid = fork();
	if (!pid)
		_exit(main_sabotage_runs(&one));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		gc_die("no child process");
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	if (code == 2 || code == EXIT_SKIP)
		return code;
	printf("gc: %s: the sabotage was %s\n", barrier,
	       code ? "noticed, as it must be" : "NOT noticed");
	return !code;
}

/* Every barrier that is wanted, each in a process of its own. */
static int main_sabotaged(const struct options *o)
{
	bool flush = o->config.sabotage == GC_SABOTAGE_FLUSH;
	unsigned int i, done = 0;
	int code, worst = 0;

	if (flush && !main_skip_flush(true)) {
		printf("gc: this module cannot be told not to flush\n");
		return EXIT_SKIP;
	}
	for (i = 0; barriers[i]; i++) {
		if (!options_wants(o->barrier, barriers[i]->name) ||
		    (barriers[i]->soft && o->config.sabotage == GC_SABOTAGE_CROSS))
			continue;
		code = main_sabotage_one(o, barriers[i]->name);
		done += code != EXIT_SKIP;
		if (code != EXIT_SKIP && code > worst)
			worst = code;
	}
	if (flush)
		main_skip_flush(false);
	printf("#DEMO gc sabotage=%d barriers=%u result=%s\n", o->config.sabotage, done,
	       worst ? "failed" : "ok");
	return done ? worst : EXIT_SKIP;
}

int main(int argc, char **argv)
{
	struct options o;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options_parse(&o, argc, argv);
	signals_install();
	if (o.flip)
		return flip_costs(&o);
	return o.config.sabotage == GC_SABOTAGE_NONE ? main_all(&o) : main_sabotaged(&o);
}
