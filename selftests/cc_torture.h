/* SPDX-License-Identifier: MIT */
/*
 * Code that comes and goes while others run it
 *
 * Makers hand out extents, write a function to each through the write view, and
 * publish it in a table, in place of another one, which they retire. Evictors take
 * functions out of the table and retire them, as fast as they can. Readers look
 * functions up and call them in the exec view, in reader sections, without a lock; a
 * section now and then lasts longer than anything else.
 *
 * A function gives its identity, a number that no other has, and compares it with a
 * second copy at the end of its extent. A table entry says which identity to expect.
 * So old code, other code, no code and half of it are all told from the right one.
 */
#ifndef CC_TORTURE_H
#define CC_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

#define TORTURE_MAX_THREADS	16

/**
 * struct torture - what to do, and what came of it
 * @retire: extents to be retired in all
 * @max_ms: give up after so long; 0: never
 * @makers: threads, 1 unless said
 * @evictors: threads
 * @readers: threads
 * @batch: extents in a call, 1024 unless said
 * @zone_pages: 32768 unless said
 * @linger_ms: the longest section, 20 unless said
 * @linger_every: one of so many sections is long, 64 unless said
 * @until_wrong: end when something is wrong
 * @made: extents that were published
 * @retired: extents that were retired
 * @calls: functions that were called
 * @sections: in how many sections
 * @wrong: functions that gave something else than they should
 * @traps: functions that trapped
 * @unclean: extents that were not all zero when they were handed out
 * @waits: ALLOCs that had to wait for a grace period
 * @batches: RETIREs
 * @ms: how long it took
 * @left: what STATS found in the end that should be gone: pages
 */
struct torture {
	unsigned long retire;
	long long max_ms;
	unsigned int makers;
	unsigned int evictors;
	unsigned int readers;
	unsigned int batch;
	unsigned long zone_pages;
	unsigned int linger_ms;
	unsigned int linger_every;
	bool until_wrong;
	unsigned long made;
	unsigned long retired;
	unsigned long calls;
	unsigned long sections;
	unsigned long wrong;
	unsigned long traps;
	unsigned long unclean;
	unsigned long waits;
	unsigned long batches;
	long long ms;
	unsigned long left;
};

/* 0, or -errno if a call failed that may not fail. */
int torture_run(struct torture *torture);

/* For TH_LOG(): all that came of it. */
#define TORTURE_FORMAT							\
	"%lu retired in %lu batches in %lld ms, %lu made, %lu calls in "	\
	"%lu sections, %lu waits; %lu wrong, %lu traps, %lu unclean, %lu left"
#define TORTURE_ARGS(t)							\
	(t).retired, (t).batches, (t).ms, (t).made, (t).calls,		\
	(t).sections, (t).waits, (t).wrong, (t).traps, (t).unclean, (t).left

#endif /* CC_TORTURE_H */
