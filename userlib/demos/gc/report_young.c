// SPDX-License-Identifier: MIT
/* The tables of a generational run. */
#include <inttypes.h>
#include <stdio.h>

#include "report.h"
#include "work.h"

static void young_cost(const struct outcome *o)
{
	printf("%-9s %-12s %7.2f %8.2f %9.2f %6" PRIu64 " %5" PRIu64 " %8.1f %10" PRIu64 " %8.1f %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %5u\n",
	       o->workload, o->barrier, report_seconds(o->run_ns),
	       report_seconds(o->mutator_ns), report_seconds(o->collector_ns),
	       o->collections - o->full, o->full, report_mib(o->copied), o->remembered,
	       report_mib(o->remembered_bytes), o->traps, report_calls(o), o->faults, o->vmas);
}

static void young_pauses(const struct outcome *o)
{
	printf("%-9s %-12s", o->workload, o->barrier);
	report_pause(&o->pauses[PAUSE_STOP]);
	report_pause(&o->pauses[PAUSE_FULL]);
	report_pause(&o->pauses[PAUSE_STEP]);
	printf("\n");
}

void report_young(const struct outcome *o, unsigned int nr)
{
	unsigned int i;

	printf("\n%-9s %-12s %7s %8s %9s %6s %5s %8s %10s %8s %7s %7s %7s %5s\n", "workload",
	       "remembered", "s", "mutators", "collector", "young", "full", "copied",
	       "remembered", "scanned", "write", "calls", "page", "VMAs");
	printf("%-9s %-12s %7s %8s %9s %6s %5s %8s %10s %8s %7s %7s %7s %5s\n", "", "by", "",
	       "CPU s", "CPU s", "coll.", "coll.", "MiB", "pages", "MiB", "traps", "", "faults", "");
	for (i = 0; i < nr; i++)
		if (!o[i].skipped)
			young_cost(&o[i]);
	printf("\npauses, us:%11s | young: median, 99 %%, 99.9 %%, max | full: likewise                 | step: likewise\n",
	       "");
	for (i = 0; i < nr; i++)
		if (!o[i].skipped)
			young_pauses(&o[i]);
	printf("(CPU: processor time; in a guest whose clock counts instructions, instructions / 1e9.\n"
	       " remembered: parts of old space that were written, pages, but cards of 512 bytes.\n"
	       " calls: system calls for the remembered set. young, full: all mutators stand still.\n"
	       " step: %u small operations of a mutator with all that it waited for, exactly.)\n",
	       WORK_STEP);
}
