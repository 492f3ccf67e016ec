/* SPDX-License-Identifier: MIT */
/* What the demo prints: the tables, and the lines for machines. */
#ifndef JIT_REPORT_H
#define JIT_REPORT_H

#include "world.h"

#define UNKNOWN	UINT64_MAX	/* this system does not tell */

/** struct outcome - the result of one engine, with all that is said of it */
struct outcome {
	const struct engine_ops *ops;
	const char *skipped;	/* why, or NULL */
	bool over;		/* the run came to its end */
	bool ok;		/* as it should be; with sabotage: noticed */
	const char *complaint;	/* what is not as it should be, or NULL */
	struct tally tally;
	uint64_t published;
	uint64_t runs;
	uint64_t interpreted;
	uint64_t retired;	/* units; those that a flush dropped, too */
	uint64_t evicted;	/* of these; the others were replaced, or left at the end */
	uint64_t placed_pages;
	uint64_t placed_bytes;
	uint64_t returned_pages;
	uint64_t peak_pages;	/* resident */
	uint64_t left_pages;	/* resident when all is retired */
	uint64_t max_pages;
	size_t page_size;
	uint64_t stalls;
	uint64_t stall_ns;
	uint64_t longest_ns;
	uint64_t waits;
	uint64_t wait_ns;
	uint64_t calls;
	uint64_t barriers;
	uint64_t flushes;	/* of TLBs */
	uint64_t shootdowns;	/* interrupts for that */
};

/** Interrupts for TLB shootdowns so far, in the whole system; or UNKNOWN. */
uint64_t report_shootdowns(void);
/** Take over what threads and engine have counted; the threads have ended. */
void report_world(struct outcome *out, struct world *w);
void report_table(struct outcome *out, unsigned int nr);

#endif /* JIT_REPORT_H */
