/* SPDX-License-Identifier: MIT */
/* What the demo prints: the progress line, the table, and the lines for machines. */
#ifndef GC_REPORT_H
#define GC_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct gc;

/** struct outcome - the result of one workload, with all that is said of it */
struct outcome {
	const char *workload;
	const char *skipped;	/* why, or NULL */
	const char *barrier;
	unsigned int mutators;
	bool ok;
	uint64_t rounds;
	uint64_t run_ns;	/* with the collector */
	uint64_t reference_ns;	/* the same with malloc() and free() */
	uint64_t allocated;	/* bytes */
	uint64_t collections;
	uint64_t copied;	/* bytes */
	uint64_t traps;
	uint64_t pages_trapped;
	uint64_t pages_background;
	uint64_t revocations;
	uint64_t padding;
	uint64_t deferrals;
	uint64_t given_back;
	uint64_t given_back_seen;
	uint64_t walks;
	uint64_t faults_found;
	uint64_t pause[3][3];	/* flip, trap, memory: median, 99 %, longest; ns */
	uint64_t pauses[3];	/* how many */
};

void report_progress(const char *workload, struct gc *gc, uint64_t rounds, uint64_t start_ns);
void report_progress_end(void);
/** Fill in what the collector knows. Its threads are gone. */
void report_collect(struct outcome *o, struct gc *gc);
void report_table(const struct outcome *o, unsigned int nr);

#endif /* GC_REPORT_H */
