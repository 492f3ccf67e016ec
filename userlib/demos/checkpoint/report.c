// SPDX-License-Identifier: MIT
/* What the demo prints: the progress line, the tables, and the lines for machines. */
#include <stdio.h>
#include <unistd.h>

#include "report.h"

static const char *const phase_names[NR_PHASES] = { "between", "full", "delta" };

static double us(uint64_t ns)
{
	return (double)ns / 1e3;
}

void report_shot(struct outcome *o, const struct shot *shot, bool verified)
{
	struct totals *t = &o->totals[shot->full ? PHASE_FULL : PHASE_DELTA];

	t->nr++;
	t->verified += verified;
	t->ns += shot->ns;
	t->pages += shot->pages;
	t->bytes += shot->bytes;
	t->saved += shot->saved;
	t->traps += shot->traps;
	t->faults += shot->faults;
	if (shot->arm_ns > t->arm_longest_ns)
		t->arm_longest_ns = shot->arm_ns;
}

void report_world(struct outcome *o, struct world *w)
{
	unsigned int i, phase;

	o->transactions = world_last(w);
	for (i = 0; i < w->nr_mutators; i++) {
		for (phase = 0; phase < NR_PHASES; phase++) {
			hist_merge(&o->stop[phase], &w->mutators[i].stop[phase]);
			hist_merge(&o->txn[phase], &w->mutators[i].txn[phase]);
		}
	}
}

void report_progress(const struct outcome *o, unsigned int round, unsigned int rounds,
		     const struct shot *shot, bool verified)
{
	bool tty = isatty(STDOUT_FILENO);

	printf("%s%-8s %2u of %u  %-5s  instant %8llu  %6llu pages  %5llu traps  %8.1f ms  %s%s",
	       tty ? "\r" : "", o->ops->name, round, rounds, shot->full ? "full" : "delta",
	       (unsigned long long)shot->instant, (unsigned long long)shot->pages,
	       (unsigned long long)shot->traps, (double)shot->ns / 1e6,
	       verified ? "verified" : "WRONG   ", tty ? "" : "\n");
	fflush(stdout);
}

void report_progress_end(void)
{
	if (isatty(STDOUT_FILENO))
		printf("\n");
}

/* Numbers are those of one snapshot, on average. */
static void report_row(const struct outcome *o, enum phase phase)
{
	const struct totals *t = &o->totals[phase];
	unsigned int nr = t->nr;

	if (nr)
		printf("%-9s %-6s %6u %10.1f %7llu %7llu %7llu %7llu %8.1f  %u of %u\n",
		       o->ops->name, phase_names[phase], nr, (double)t->ns / 1e6 / nr,
		       (unsigned long long)(t->pages / nr), (unsigned long long)(t->traps / nr),
		       (unsigned long long)(t->saved / nr), (unsigned long long)(t->faults / nr),
		       (double)t->bytes / (1 << 20) / nr, t->verified, nr);
}

static void report_stalls(const struct outcome *o, enum phase phase)
{
	const struct hist *stop = &o->stop[phase], *txn = &o->txn[phase];

	if (!txn->nr)
		return;
	printf("%-9s %-7s", o->ops->name, phase_names[phase]);
	if (phase == PHASE_BETWEEN)
		printf(" %10s %10s %10s", "", "", "");
	else
		printf(" %10.1f %10.1f %10.1f", us(o->totals[phase].arm_longest_ns),
		       us(hist_percentile(stop, 500)), us(stop->longest));
	printf(" %9.1f %10.1f %10.1f\n", us(hist_percentile(txn, 500)),
	       us(hist_percentile(txn, 999)), us(txn->longest));
}

static void report_machine_phase(const struct outcome *o, enum phase phase)
{
	const struct hist *stop = &o->stop[phase], *txn = &o->txn[phase];
	const struct totals *t = &o->totals[phase];

	if (!t->nr)
		return;
	printf("#DEMO checkpoint engine=%s kind=%s snapshots=%u verified=%u ms=%.1f pages=%llu traps=%llu saved=%llu faults=%llu bytes=%llu",
	       o->ops->name, phase_names[phase], t->nr, t->verified, (double)t->ns / 1e6,
	       (unsigned long long)t->pages, (unsigned long long)t->traps,
	       (unsigned long long)t->saved, (unsigned long long)t->faults,
	       (unsigned long long)t->bytes);
	printf(" arm_us=%.1f stop_us=%.1f/%.1f transaction_us=%.1f/%.1f/%.1f result=%s\n",
	       us(t->arm_longest_ns), us(hist_percentile(stop, 500)), us(stop->longest),
	       us(hist_percentile(txn, 500)), us(hist_percentile(txn, 999)), us(txn->longest),
	       o->ok ? "ok" : "failed");
}

static void report_machine(const struct outcome *o)
{
	if (o->skipped) {
		printf("#DEMO checkpoint engine=%s result=skipped\n", o->ops->name);
		return;
	}
	report_machine_phase(o, PHASE_FULL);
	report_machine_phase(o, PHASE_DELTA);
}

void report_table(const struct outcome *o, unsigned int nr)
{
	unsigned int i;

	printf("\nengine    kind   number    ms each   pages   traps  copied    page  written  verified\n"
	       "                                    copied         by them  faults      MiB\n");
	for (i = 0; i < nr; i++) {
		report_row(&o[i], PHASE_FULL);
		report_row(&o[i], PHASE_DELTA);
		if (o[i].skipped)
			printf("%-9s skipped: %s\n", o[i].ops->name, o[i].skipped);
	}
	printf("(Of one snapshot, on average. copied by them: before a store could change them.)\n"
	       "\nwhat mutators wait, microseconds of wall clock; under emulation, for comparison only\n"
	       "engine    during   the call  at the safe point      transaction\n"
	       "                    longest     median    longest    median     99.9 %%    longest\n");
	for (i = 0; i < nr; i++) {
		report_stalls(&o[i], PHASE_FULL);
		report_stalls(&o[i], PHASE_DELTA);
		report_stalls(&o[i], PHASE_BETWEEN);
	}
	printf("(the call: PROTECT, QUERY, mprotect or fork. transaction: with all that it waits\n"
	       " for: safe point, traps, copies, locks, and the CPU.)\n\n");
	for (i = 0; i < nr; i++)
		report_machine(&o[i]);
	fflush(stdout);
}
