// SPDX-License-Identifier: MIT
/* What the demo prints: the progress line, the table, and the lines for machines. */
#include <stdio.h>
#include <unistd.h>

#include "gc_priv.h"
#include "report.h"

static const char *const pause_names[] = { "flip", "trap", "memory" };

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

void report_progress(const char *workload, struct gc *gc, uint64_t rounds, uint64_t start_ns)
{
	const struct gc_stats *s = &gc->stats;

	printf("%s%-8s %5.1f s  %6llu rounds  %4llu collections  %7.1f MiB copied  %6llu traps  %5.1f MiB live  %7.1f MiB given back%s",
	       isatty(STDOUT_FILENO) ? "\r" : "", workload,
	       (double)(now_ns() - start_ns) / 1e9, (unsigned long long)rounds,
	       (unsigned long long)stat_read(&s->collections),
	       mib(stat_read(&s->bytes_copied)), (unsigned long long)stat_read(&s->traps),
	       mib(stat_read(&s->live)), mib(stat_read(&s->given_back)),
	       isatty(STDOUT_FILENO) ? "" : "\n");
	fflush(stdout);
}

void report_progress_end(void)
{
	if (isatty(STDOUT_FILENO))
		printf("\n");
}

static void report_pauses(struct outcome *o, unsigned int i, struct samples *s)
{
	o->pauses[i] = s->nr;
	o->pause[i][0] = samples_percentile(s, 50);
	o->pause[i][1] = samples_percentile(s, 99);
	o->pause[i][2] = samples_percentile(s, 100);
	samples_free(s);
}

void report_collect(struct outcome *o, struct gc *gc)
{
	const struct gc_stats *s = &gc->stats;

	o->barrier = gc->barrier.ops->name;
	o->collections = stat_read(&s->collections);
	o->copied = stat_read(&s->bytes_copied);
	o->traps = stat_read(&s->traps);
	o->pages_trapped = stat_read(&s->pages_trapped);
	o->pages_background = stat_read(&s->pages_background);
	o->revocations = stat_read(&s->revocations);
	o->padding = stat_read(&s->padding);
	o->deferrals = stat_read(&s->deferrals);
	o->given_back = stat_read(&s->given_back);
	o->given_back_seen = stat_read(&s->given_back_seen);
	o->walks = stat_read(&s->walks);
	o->faults_found = stat_read(&s->faults_found);
	report_pauses(o, 0, &gc->flip);
	report_pauses(o, 1, &gc->trap);
	report_pauses(o, 2, &gc->stall);
}

static void report_row(const struct outcome *o)
{
	if (o->skipped) {
		printf("%-9s skipped: %s\n", o->workload, o->skipped);
		return;
	}
	printf("%-9s %8u %11llu %9.1f %7llu %8llu %10.1f %10.1f  %s\n", o->workload,
	       o->mutators, (unsigned long long)o->collections, mib(o->copied),
	       (unsigned long long)o->traps, (unsigned long long)o->revocations,
	       mib(o->given_back), mib(o->given_back_seen), o->ok ? "OK" : "FAILED");
}

static void report_pause_rows(const struct outcome *o)
{
	unsigned int i;

	for (i = 0; i < 3 && !o->skipped; i++)
		printf("%-9s %-7s %8llu %10.1f %10.1f %10.1f\n", i ? "" : o->workload,
		       pause_names[i], (unsigned long long)o->pauses[i],
		       (double)o->pause[i][0] / 1e3, (double)o->pause[i][1] / 1e3,
		       (double)o->pause[i][2] / 1e3);
}

static void report_machine(const struct outcome *o)
{
	unsigned int i;

	if (o->skipped) {
		printf("#DEMO gc workload=%s result=skipped\n", o->workload);
		return;
	}
	printf("#DEMO gc workload=%s barrier=%s mutators=%u rounds=%llu allocated=%llu collections=%llu copied=%llu",
	       o->workload, o->barrier, o->mutators, (unsigned long long)o->rounds,
	       (unsigned long long)o->allocated, (unsigned long long)o->collections,
	       (unsigned long long)o->copied);
	printf(" traps=%llu pages_trapped=%llu pages_background=%llu protect_calls=%llu padding=%llu deferrals=%llu",
	       (unsigned long long)o->traps, (unsigned long long)o->pages_trapped,
	       (unsigned long long)o->pages_background, (unsigned long long)o->revocations,
	       (unsigned long long)o->padding, (unsigned long long)o->deferrals);
	for (i = 0; i < 3; i++)
		printf(" %s_pauses=%llu %s_us=%.1f/%.1f/%.1f", pause_names[i],
		       (unsigned long long)o->pauses[i], pause_names[i],
		       (double)o->pause[i][0] / 1e3, (double)o->pause[i][1] / 1e3,
		       (double)o->pause[i][2] / 1e3);
	printf(" given_back=%llu given_back_seen=%llu heap_walks=%llu heap_faults=%llu run_ms=%.0f malloc_ms=%.0f result=%s\n",
	       (unsigned long long)o->given_back, (unsigned long long)o->given_back_seen,
	       (unsigned long long)o->walks, (unsigned long long)o->faults_found,
	       (double)o->run_ns / 1e6, (double)o->reference_ns / 1e6, o->ok ? "ok" : "failed");
}

void report_table(const struct outcome *o, unsigned int nr)
{
	unsigned int i;

	printf("\nworkload  mutators collections    copied   traps  PROTECT given back Shmem fell  verified\n"
	       "                                      MiB            calls        MiB        MiB\n");
	for (i = 0; i < nr; i++)
		report_row(&o[i]);
	printf("\npauses, microseconds of wall clock; under emulation, for comparison only\n"
	       "workload  of        number     median       99 %%    longest\n");
	for (i = 0; i < nr; i++)
		report_pause_rows(&o[i]);
	printf("(flip: stop, roots, go on. trap: at most; it cannot have begun before.\n"
	       " memory: an allocation that had to wait for a collection to end.)\n\n"
	       "workload    rounds  allocated MiB  with collector s  with malloc and free s\n");
	for (i = 0; i < nr; i++)
		if (!o[i].skipped)
			printf("%-9s %8llu %14.1f %17.2f %23.2f\n", o[i].workload,
			       (unsigned long long)o[i].rounds, mib(o[i].allocated),
			       (double)o[i].run_ns / 1e9, (double)o[i].reference_ns / 1e9);
	printf("\n");
	for (i = 0; i < nr; i++)
		report_machine(&o[i]);
	fflush(stdout);
}
