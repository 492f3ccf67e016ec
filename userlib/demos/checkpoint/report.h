/* SPDX-License-Identifier: MIT */
/* What the demo prints: the progress line, the tables, and the lines for machines. */
#ifndef CHECKPOINT_REPORT_H
#define CHECKPOINT_REPORT_H

#include "engine.h"
#include "world.h"

/** struct totals - all snapshots of one kind that an engine has taken */
struct totals {
	unsigned int nr;
	unsigned int verified;
	uint64_t ns;
	uint64_t arm_longest_ns;
	uint64_t pages;
	uint64_t bytes;
	uint64_t saved;
	uint64_t traps;
	uint64_t faults;
};

/** struct outcome - the result of one engine, with all that is said of it */
struct outcome {
	const struct engine_ops *ops;
	const char *skipped;	/* why, or NULL */
	bool ok;		/* each snapshot verified; with sabotage: not each */
	uint64_t transactions;
	struct totals totals[NR_PHASES];
	struct hist stop[NR_PHASES];
	struct hist txn[NR_PHASES];
};

/** Count a snapshot. */
void report_shot(struct outcome *o, const struct shot *shot, bool verified);
/** Take over what the mutators have measured; they have ended. */
void report_world(struct outcome *o, struct world *w);
void report_progress(const struct outcome *o, unsigned int round, unsigned int rounds,
		     const struct shot *shot, bool verified);
void report_progress_end(void);
void report_table(const struct outcome *o, unsigned int nr);

#endif /* CHECKPOINT_REPORT_H */
