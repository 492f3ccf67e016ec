/* SPDX-License-Identifier: MIT */
/* Running a workload: with a collector behind a barrier, and without. */
#ifndef GC_RUN_H
#define GC_RUN_H

#include "options.h"
#include "report.h"
#include "work.h"

/** struct reference - what a workload comes to without a collector */
struct reference {
	bool done;
	uint64_t rounds[MAX_MUTATORS];
	uint64_t checksum[MAX_MUTATORS];
	uint64_t objects[MAX_MUTATORS];
	uint64_t failures;
	struct outcome out;
};

/**
 * Run a workload behind a barrier, and compare what it comes to with @ref, which is
 * made first if it has other rounds. Says in @out->skipped if it cannot run.
 */
void run_workload(const struct workload_code *code, const char *barrier,
		  const struct options *o, struct reference *ref, struct outcome *out);

#endif /* GC_RUN_H */
