/* SPDX-License-Identifier: MIT */
/* Runs of the oracle: each in a process of its own, recorded, made shorter if it fails. */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include "fuzz.h"

enum { RUN_OPS = 4000, RUN_TYPES = 64, RUN_WHAT = 160 };

/* What came of operations, for the summary. */
enum run_tally { RUN_MADE, RUN_DONE, RUN_REFUSED, RUN_TALLIES };

/**
 * struct run_record - shared by a run and its parent
 * @nr: operations
 * @at: the one that is being done
 * @failed: it has failed, and @what tells
 * @op: all of them
 * @keep: replays only: which are done
 * @tally: by type
 */
struct run_record {
	uint32_t nr;
	uint32_t at;
	bool failed;
	char what[RUN_WHAT];
	struct fz_op op[RUN_OPS];
	bool keep[RUN_OPS];
	uint64_t tally[RUN_TYPES][RUN_TALLIES];
};

extern struct run_record *run;
extern const struct fz_type *const run_types[];

void run_init(void);
/* Make @nr random operations. False: failed. */
bool run_random(uint64_t seed, uint32_t nr);
/* Do what is recorded, as far as it is kept. */
bool run_again(void);
/* Leave out of the record what is not needed for it to fail. */
void run_minimize(void);
void run_show(FILE *f);
/* The next sequence of a file; false: there is none, or not a valid one. */
bool run_load(FILE *f);

/* In the child: count what comes of the operation. */
void run_count(enum run_tally tally);

/* Of the oracle (model_world.c). */
void m_world_begin(void);
void m_world_end(void);

#endif /* FUZZ_RUN_H */
