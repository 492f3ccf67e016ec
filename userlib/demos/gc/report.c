// SPDX-License-Identifier: MIT
/* What the demo prints: the live line, and the tables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gc_priv.h"
#include "report.h"
#include "tsv.h"
#include "work.h"

void report_live(const char *workload, struct gc *gc, uint64_t rounds, uint64_t start_ns)
{
	const struct gc_stats *s = &gc->stats;

	if (!isatty(STDOUT_FILENO))
		return;
	printf("\r  %-16s %-9s %5.1f s %6" PRIu64 " rounds %4" PRIu64 " collections %7.1f MiB copied %7" PRIu64 " traps %5.1f MiB live",
	       gc->barrier.ops->name, workload, report_seconds(now_ns() - start_ns), rounds,
	       stat_read(&s->collections), report_mib(stat_read(&s->bytes_copied)),
	       stat_read(&s->traps), report_mib(stat_read(&s->live)));
	fflush(stdout);
}

void report_live_end(void)
{
	if (isatty(STDOUT_FILENO))
		printf("\r%110s\r", "");
}

void report_collect(struct outcome *o, struct gc *gc)
{
	const struct gc_stats *s = &gc->stats;
	unsigned int i;

	o->collector_ns = gc->cpu_ns;
	o->collections = stat_read(&s->collections);
	o->copied = stat_read(&s->bytes_copied);
	o->traps = stat_read(&s->traps);
	o->pages_trapped = stat_read(&s->pages_trapped);
	o->pages_background = stat_read(&s->pages_background);
	o->shuts = stat_read(&s->shuts);
	o->padding = stat_read(&s->padding);
	o->deferrals = stat_read(&s->deferrals);
	o->given_back = stat_read(&s->given_back);
	o->given_back_seen = stat_read(&s->given_back_seen);
	o->walks = stat_read(&s->walks);
	o->faults_found = stat_read(&s->faults_found);
	o->full = stat_read(&s->full);
	o->remembered = stat_read(&s->remembered);
	o->remembered_bytes = stat_read(&s->remembered_bytes);
	for (i = 0; i < BARRIER_NR_CALLS; i++)
		o->calls[i] = atomic_load(&gc->barrier.calls[i]);
	if (gc->config.generational)
		o->traps = o->calls[BARRIER_GRANT];
	o->pauses[PAUSE_STOP] = gc->stop_pauses;
	o->pauses[PAUSE_FULL] = gc->full_pauses;
	o->pauses[PAUSE_TRAP] = gc->trap;
	o->pauses[PAUSE_MEMORY] = gc->stall;
}

void report_line(const struct outcome *o)
{
	printf("  %-16s %6.2f s %5" PRIu64 " collections %7.1f MiB copied %6.1f MiB given back %7" PRIu64 " traps  %s",
	       o->barrier, report_seconds(o->run_ns), o->collections, report_mib(o->copied),
	       report_mib(o->given_back), o->traps, o->ok ? "verified" : "FAILED");
	if (o->walks)
		printf(" (%" PRIu64 " heap walks)", o->walks);
	printf("\n");
}

uint64_t report_calls(const struct outcome *o)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < BARRIER_NR_CALLS; i++)
		sum += o->calls[i];
	return sum;
}

static void report_cost(const struct outcome *o)
{
	printf("%-9s %-16s %7.2f %8.2f %9.2f %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %7" PRIu64 " ",
	       o->workload, o->barrier, report_seconds(o->run_ns), report_seconds(o->mutator_ns),
	       report_seconds(o->collector_ns), o->traps, report_calls(o), o->calls[BARRIER_POLL],
	       o->faults);
	if (o->shootdowns_known)
		printf("%10" PRIu64, o->shootdowns);
	else
		printf("%10s", "-");
	printf(" %6u %6" PRIu64 " %8.1f\n", o->vmas, o->collections, report_mib(o->copied));
}

static void report_us(double ns)
{
	if (ns < 1e5)
		printf(" %7.1f", ns / 1e3);
	else
		printf(" %7.0f", ns / 1e3);
}

void report_pause(const struct samples *s)
{
	printf(" |");
	if (!s->nr) {
		printf("%8s%8s%8s%8s", "", "-", "", "");
		return;
	}
	report_us((double)samples_quantile(s, 0.5));
	report_us((double)samples_quantile(s, 0.99));
	report_us((double)samples_quantile(s, 0.999));
	report_us((double)s->max);
}

static void report_pauses(const struct outcome *o)
{
	printf("%-9s %-16s", o->workload, o->barrier);
	report_pause(&o->pauses[PAUSE_STOP]);
	report_pause(&o->pauses[PAUSE_TRAP]);
	report_pause(&o->pauses[PAUSE_STEP]);
	printf("\n");
}

static void report_legend(void)
{
	printf("(CPU: processor time; in a guest whose clock counts instructions, instructions / 1e9.\n"
	       " calls: system calls for the barrier; polls: of these, looks for traps. VMAs: the most seen.\n"
	       " stop: all mutators, a flip. trap: at most; a wait cannot have begun before.\n"
	       " step: %u small operations of a mutator with all that it waited for, exactly.)\n",
	       WORK_STEP);
}

static void report_concurrent(const struct outcome *o, unsigned int nr)
{
	unsigned int i;

	printf("\n%-9s %-16s %7s %8s %9s %8s %8s %8s %7s %10s %6s %6s %8s\n", "workload",
	       "barrier", "s", "mutators", "collector", "traps", "calls", "polls", "page",
	       "shootdowns", "VMAs", "coll-", "copied");
	printf("%-9s %-16s %7s %8s %9s %8s %8s %8s %7s %10s %6s %6s %8s\n", "", "", "", "CPU s",
	       "CPU s", "", "", "", "faults", "", "", "ections", "MiB");
	for (i = 0; i < nr; i++)
		if (!o[i].skipped)
			report_cost(&o[i]);
	printf("\npauses, us:%15s | stop: median, 99 %%, 99.9 %%, max | trap: likewise                 | step: likewise\n",
	       "");
	for (i = 0; i < nr; i++)
		if (!o[i].skipped)
			report_pauses(&o[i]);
	report_legend();
}

void report_tables(const struct outcome *o, unsigned int nr, bool tsv)
{
	unsigned int i;

	if (o->generational)
		report_young(o, nr);
	else
		report_concurrent(o, nr);
	for (i = 0; i < nr; i++)
		tsv_summary(&o[i]);
	for (i = 0; i < nr && tsv; i++)
		tsv_all(&o[i]);
	fflush(stdout);
}
