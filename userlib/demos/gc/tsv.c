// SPDX-License-Identifier: MIT
/* What the demo prints for programs. */
#include <inttypes.h>
#include <stdio.h>

#include "tsv.h"

static const char *const pause_names[PAUSE_NR] = { "stop", "trap", "memory", "step", "full" };
static const char *const call_names[BARRIER_NR_CALLS] = {
	"revoke", "grant", "wake", "poll", "sleep", "query",
};

void tsv_summary(const struct outcome *o)
{
	if (o->skipped) {
		printf("#DEMO gc workload=%s barrier=%s result=skipped\n", o->workload, o->barrier);
		return;
	}
	printf("#DEMO gc workload=%s barrier=%s mutators=%u rounds=%" PRIu64 " collections=%" PRIu64
	       " copied=%" PRIu64 " traps=%" PRIu64 " given_back=%" PRIu64
	       " given_back_seen=%" PRIu64 " heap_walks=%" PRIu64 " heap_faults=%" PRIu64
	       " run_ms=%.0f result=%s\n",
	       o->workload, o->barrier, o->mutators, o->rounds, o->collections, o->copied,
	       o->traps, o->given_back, o->given_back_seen, o->walks, o->faults_found,
	       (double)o->run_ns / 1e6, o->ok ? "ok" : "failed");
}

static const char *tsv_mode(const struct outcome *o)
{
	return o->generational ? "young" : "gc";
}

static void tsv_number(const struct outcome *o, const char *name, uint64_t value)
{
	printf("#TSV\t%s\t%s\t%s\t%s\t%" PRIu64 "\n", tsv_mode(o), o->workload, o->barrier,
	       name, value);
}

static void tsv_numbers(const struct outcome *o)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "rounds", o->rounds },
		{ "run_ns", o->run_ns },
		{ "allocated_bytes", o->allocated },
		{ "mutator_cpu_ns", o->mutator_ns },
		{ "collector_cpu_ns", o->collector_ns },
		{ "collections", o->collections },
		{ "copied_bytes", o->copied },
		{ "traps", o->traps },
		{ "pages_trapped", o->pages_trapped },
		{ "pages_background", o->pages_background },
		{ "pages_shuffled", o->shuts },
		{ "references_healed", o->healed },
		{ "reads_touched", o->touched },
		{ "full_collections", o->full },
		{ "remembered", o->remembered },
		{ "remembered_bytes", o->remembered_bytes },
		{ "padding_bytes", o->padding },
		{ "deferrals", o->deferrals },
		{ "given_back_bytes", o->given_back },
		{ "page_faults", o->faults },
		{ "vmas", o->vmas },
	};
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		tsv_number(o, numbers[i].name, numbers[i].value);
	for (i = 0; i < BARRIER_NR_CALLS; i++)
		printf("#TSV\t%s\t%s\t%s\tcalls_%s\t%" PRIu64 "\n", tsv_mode(o), o->workload,
		       o->barrier, call_names[i], o->calls[i]);
	if (o->shootdowns_known)
		tsv_number(o, "shootdowns", o->shootdowns);
}

static void tsv_pauses(const struct outcome *o, enum pause kind)
{
	static const double parts[] = { 0.5, 0.99, 0.999, 1 };
	static const char *const names[] = { "50", "99", "99.9", "max" };
	const struct samples *s = &o->pauses[kind];
	uint64_t above = s->nr;
	unsigned int i;

	printf("#TSV\t%s\t%s\t%s\t%s_nr\t%" PRIu64 "\n", tsv_mode(o), o->workload,
	       o->barrier, pause_names[kind], s->nr);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && s->nr; i++)
		printf("#TSV\t%s\t%s\t%s\t%s_ns_%s\t%" PRIu64 "\n", tsv_mode(o), o->workload,
		       o->barrier, pause_names[kind], names[i], samples_quantile(s, parts[i]));
	for (i = 0; i < SAMPLES_BUCKETS && above; i++) {
		if (!s->count[i])
			continue;
		printf("#TSV\t%sdist\t%s\t%s\t%s\t%" PRIu64 "\t%.9f\n",
		       o->generational ? "young" : "", o->workload, o->barrier,
		       pause_names[kind], samples_edge(i), (double)above / (double)s->nr);
		above -= s->count[i];
	}
}

void tsv_all(const struct outcome *o)
{
	unsigned int i;

	if (o->skipped)
		return;
	tsv_numbers(o);
	for (i = 0; i < PAUSE_NR; i++)
		tsv_pauses(o, (enum pause)i);
}
