// SPDX-License-Identifier: MIT
/*
 * gc: a concurrent copying collector behind one of several barriers, or a generational
 * one with one of several remembered sets, measured and checked
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
#define PARAMETERS	"/sys/module/codecache/parameters/"
#define SKIP_FLUSH	PARAMETERS "test_skip_flush"
#define SKIP_QUERY_FLUSH	PARAMETERS "test_skip_query_flush"

extern const struct workload workload_lists, workload_lists_soft, workload_lists_cards;
extern const struct workload workload_trees, workload_trees_soft, workload_trees_cards;
extern const struct workload workload_kallsyms, workload_kallsyms_soft, workload_kallsyms_cards;
extern const struct workload workload_json, workload_json_soft, workload_json_cards;

const struct workload_code workloads[] = {
	{ &workload_lists, &workload_lists_soft, &workload_lists_cards },
	{ &workload_trees, &workload_trees_soft, &workload_trees_cards },
	{ &workload_kallsyms, &workload_kallsyms_soft, &workload_kallsyms_cards },
	{ &workload_json, &workload_json_soft, &workload_json_cards },
	{ NULL, NULL, NULL },
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
	const struct barrier_ops *const *list = barrier_list(o->config.generational);
	struct reference *ref = calloc(1, sizeof(*ref));
	struct outcome *out;
	unsigned int i;

	if (!ref)
		gc_die("out of memory");
	printf("%s: %s\n", code->plain->name, code->plain->what);
	for (i = 0; list[i]; i++) {
		if (!options_wants(o->barrier, list[i]->name))
			continue;
		out = &all->out[all->nr++];
		run_workload(code, list[i]->name, o, ref, out);
		all->done += !out->skipped;
		all->ok = all->ok && (out->skipped || out->ok);
		if (out->skipped)
			printf("  %s is skipped: %s\n", list[i]->name, out->skipped);
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
static bool main_skip_flush(const char *parameter, bool skip)
{
	int fd = open(parameter, O_WRONLY | O_CLOEXEC);
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
	const struct barrier_ops *const *list = barrier_list(o->config.generational);
	const char *flush = NULL;
	unsigned int i, done = 0;
	int code, worst = 0;

	if (o->config.sabotage == GC_SABOTAGE_FLUSH)
		flush = o->config.generational ? SKIP_QUERY_FLUSH : SKIP_FLUSH;
	if (flush && !main_skip_flush(flush, true)) {
		printf("gc: this module cannot be told not to flush\n");
		return EXIT_SKIP;
	}
	for (i = 0; list[i]; i++) {
		if (!options_wants(o->barrier, list[i]->name) ||
		    (list[i]->soft && o->config.sabotage == GC_SABOTAGE_CROSS))
			continue;
		code = main_sabotage_one(o, list[i]->name);
		done += code != EXIT_SKIP;
		if (code != EXIT_SKIP && code > worst)
			worst = code;
	}
	if (flush)
		main_skip_flush(flush, false);
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
		return o.config.generational ? take_costs(&o) : flip_costs(&o);
	return o.config.sabotage == GC_SABOTAGE_NONE ? main_all(&o) : main_sabotaged(&o);
}
