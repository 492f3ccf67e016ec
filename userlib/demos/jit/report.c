// SPDX-License-Identifier: MIT
/* What the demo prints: the tables, and the lines for machines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* Adds up a line of numbers, one for each CPU. */
static uint64_t report_sum(const char *line)
{
	uint64_t sum = 0, n;
	char *end;

	for (;; line = end) {
		n = strtoull(line, &end, 10);
		if (end == line)
			return sum;
		sum += n;
	}
}

uint64_t report_shootdowns(void)
{
	uint64_t sum = UNKNOWN;
	FILE *f = fopen("/proc/interrupts", "r");
	char *line = NULL, *at;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		at = strstr(line, "TLB:");
		if (at)
			sum = report_sum(at + strlen("TLB:"));
	}
	free(line);
	if (f)
		fclose(f);
	return sum;
}

static void report_engine(struct outcome *out, struct engine *e)
{
	struct engine_counts *c = &e->counts;

	uint64_t dropped = atomic_load_explicit(&c->dropped, memory_order_relaxed);

	out->retired += dropped;
	out->evicted += dropped;
	out->returned_pages = atomic_load_explicit(&c->returned, memory_order_relaxed);
	out->waits = atomic_load_explicit(&c->waits, memory_order_relaxed);
	out->wait_ns = atomic_load_explicit(&c->wait_ns, memory_order_relaxed);
	out->calls = atomic_load_explicit(&c->calls, memory_order_relaxed);
	out->barriers = atomic_load_explicit(&c->barriers, memory_order_relaxed);
	out->flushes = atomic_load_explicit(&c->flushes, memory_order_relaxed);
	out->left_pages = e->ops->resident(e);
	out->max_pages = e->max_pages;
	out->page_size = e->page_size;
}

void report_world(struct outcome *out, struct world *w)
{
	const struct options *o = w->options;
	unsigned int i;

	for (i = 0; i < o->runners; i++) {
		const struct runner *r = &w->runner[i];

		out->runs += r->runs;
		out->interpreted += r->interpreted;
		out->stalls += r->guard.stalls;
		out->stall_ns += r->guard.stall_ns;
		if (r->guard.longest_ns > out->longest_ns)
			out->longest_ns = r->guard.longest_ns;
	}
	for (i = 0; i < o->compilers; i++) {
		out->retired += w->publisher[i].retired;
		out->evicted += w->publisher[i].evicted;
	}
	out->published = atomic_load_explicit(&w->tally->published, memory_order_relaxed);
	out->placed_pages = atomic_load_explicit(&w->placed_pages, memory_order_relaxed);
	out->placed_bytes = atomic_load_explicit(&w->placed_bytes, memory_order_relaxed);
	report_engine(out, w->engine);
}

/* Of 100 calls, how many found compiled code. */
static double report_found(const struct outcome *o)
{
	uint64_t calls = o->runs + o->interpreted;

	return calls ? 100.0 * (double)o->runs / (double)calls : 0;
}

static void report_work(struct outcome *o)
{
	if (o->skipped) {
		printf("%-10s skipped: %s\n", o->ops->name, o->skipped);
		return;
	}
	printf("%-10s %9llu %9llu %9llu %10llu %6.0f %% %8.1f %8.1f %6llu %6llu %6llu %7llu\n",
	       o->ops->name, (unsigned long long)o->published,
	       (unsigned long long)o->retired, (unsigned long long)o->evicted,
	       (unsigned long long)o->runs, report_found(o),
	       (double)o->placed_bytes / (1 << 20),
	       (double)(o->returned_pages * o->page_size) / (1 << 20),
	       (unsigned long long)o->peak_pages, (unsigned long long)o->max_pages,
	       (unsigned long long)o->left_pages,
	       (unsigned long long)tally_errors(&o->tally));
	if (o->complaint)
		printf("%-10s NOT as it should be: %s\n", o->ops->name, o->complaint);
}

static void report_known(uint64_t n)
{
	if (n == UNKNOWN)
		printf(" %10s", "-");
	else
		printf(" %10llu", (unsigned long long)n);
}

static void report_price(const struct outcome *o)
{
	if (o->skipped || !o->over)
		return;
	printf("%-10s %8llu %9.1f %9.1f %8llu %9.1f %9llu %9llu", o->ops->name,
	       (unsigned long long)o->stalls, ms(o->stall_ns), ms(o->longest_ns),
	       (unsigned long long)o->waits, ms(o->wait_ns), (unsigned long long)o->calls,
	       (unsigned long long)o->barriers);
	report_known(o->flushes ? o->flushes : UNKNOWN);
	report_known(o->shootdowns);
	printf("\n");
}

static void report_machine(struct outcome *o)
{
	if (o->skipped) {
		printf("#DEMO jit engine=%s result=skipped\n", o->ops->name);
		return;
	}
	printf("#DEMO jit engine=%s published=%llu run=%llu interpreted=%llu retired=%llu evicted=%llu code_bytes=%llu returned_bytes=%llu peak_pages=%llu limit_pages=%llu left_pages=%llu",
	       o->ops->name, (unsigned long long)o->published, (unsigned long long)o->runs,
	       (unsigned long long)o->interpreted, (unsigned long long)o->retired,
	       (unsigned long long)o->evicted, (unsigned long long)o->placed_bytes,
	       (unsigned long long)(o->returned_pages * o->page_size),
	       (unsigned long long)o->peak_pages, (unsigned long long)o->max_pages,
	       (unsigned long long)o->left_pages);
	printf(" stalls=%llu stall_ms=%.1f/%.1f waits=%llu wait_ms=%.1f calls=%llu barriers=%llu errors=%llu result=%s\n",
	       (unsigned long long)o->stalls, ms(o->stall_ns), ms(o->longest_ns),
	       (unsigned long long)o->waits, ms(o->wait_ns), (unsigned long long)o->calls,
	       (unsigned long long)o->barriers,
	       (unsigned long long)tally_errors(&o->tally), o->ok ? "ok" : "failed");
}

void report_table(struct outcome *o, unsigned int nr)
{
	unsigned int i;

	printf("\nengine         units     units     units      calls    found     code returned  pages   page  pages\n"
	       "           published   retired   evicted    of code     code      MiB      MiB   peak  limit   left  errors\n");
	for (i = 0; i < nr; i++)
		report_work(&o[i]);
	printf("(retired: replaced, evicted or dropped, or left at the end. calls: as many as there was\n"
	       " time for. found: the other calls were interpreted. pages left: when all was retired.)\n"
	       "\nwhat it takes; milliseconds of wall clock, under emulation for comparison only\n"
	       "engine      runners  in all   longest compilers   in all    system  barriers        TLB  shootdown\n"
	       "            stopped      ms        ms    waited       ms     calls              flushes interrupts\n");
	for (i = 0; i < nr; i++)
		report_price(&o[i]);
	printf("(barriers: grace periods, stops of all runners, or membarriers. flushes: where the\n"
	       " kernel counts them. interrupts: of the whole system in that time.)\n\n");
	for (i = 0; i < nr; i++)
		report_machine(&o[i]);
	fflush(stdout);
}
