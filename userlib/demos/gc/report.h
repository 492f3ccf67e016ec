/* SPDX-License-Identifier: MIT */
/* What the demo prints: the live line, the tables, and the lines for programs. */
#ifndef GC_REPORT_H
#define GC_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "barrier.h"
#include "samples.h"

struct gc;

/** enum pause - what a mutator waits for, or how long it took with all that it waited for */
enum pause {
	PAUSE_STOP,	/* all: a flip, or the soft barrier's second stop; or a young collection */
	PAUSE_TRAP,	/* one of them: a page that was not scanned */
	PAUSE_MEMORY,	/* one of them: a collection has to end first */
	PAUSE_STEP,	/* so many small operations, see work_tick() */
	PAUSE_FULL,	/* all of them: a collection of more than the nursery */
	PAUSE_NR,
};

/** struct outcome - the result of one workload, with all that is said of it */
struct outcome {
	const char *workload;
	const char *barrier;
	const char *skipped;	/* why, or NULL */
	bool generational;
	unsigned int mutators;
	bool ok;
	uint64_t rounds;
	uint64_t run_ns;
	uint64_t allocated;	/* bytes */
	uint64_t mutator_ns;	/* processor time of all mutators */
	uint64_t collector_ns;
	uint64_t collections;
	uint64_t copied;	/* bytes */
	uint64_t traps;		/* generational: of writes to old space */
	uint64_t pages_trapped;
	uint64_t pages_background;
	uint64_t shuts;
	uint64_t healed;
	uint64_t touched;
	uint64_t full;		/* of the collections */
	uint64_t remembered;	/* pages or cards */
	uint64_t remembered_bytes;
	uint64_t calls[BARRIER_NR_CALLS];
	uint64_t padding;
	uint64_t deferrals;
	uint64_t given_back;
	uint64_t given_back_seen;
	uint64_t walks;
	uint64_t faults_found;
	uint64_t faults;	/* page faults */
	uint64_t shootdowns;
	bool shootdowns_known;
	unsigned int vmas;
	struct samples pauses[PAUSE_NR];
};

/** On a terminal: how it gets on, in a line that is written over. */
void report_live(const char *workload, struct gc *gc, uint64_t rounds, uint64_t start_ns);
void report_live_end(void);
/** Fill in what the collector knows. Its threads are gone. */
void report_collect(struct outcome *o, struct gc *gc);
/** One run is over. */
void report_line(const struct outcome *o);
void report_tables(const struct outcome *o, unsigned int nr, bool tsv);
/** The tables of a generational run, in report_young.c. */
void report_young(const struct outcome *o, unsigned int nr);
/* What the tables share. */
uint64_t report_calls(const struct outcome *o);
void report_pause(const struct samples *s);

static inline double report_mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static inline double report_seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

#endif /* GC_REPORT_H */
