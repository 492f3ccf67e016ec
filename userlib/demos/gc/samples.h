/* SPDX-License-Identifier: MIT */
/*
 * Durations, as a histogram: to 3 %, the longest exactly
 *
 * Its size is fixed, so that keeping a duration never costs one.
 */
#ifndef GC_SAMPLES_H
#define GC_SAMPLES_H

#include <stdint.h>

#define SAMPLES_SUB	32U	/* buckets for each power of two */
#define SAMPLES_BUCKETS	(40U * SAMPLES_SUB)

struct samples {
	uint64_t nr;
	uint64_t max;
	uint32_t count[SAMPLES_BUCKETS];
};

uint64_t now_ns(void);
/** Processor time of the calling thread. */
uint64_t thread_ns(void);
void samples_add(struct samples *s, uint64_t ns);
void samples_merge(struct samples *to, const struct samples *from);
/** The least upper bound of a bucket that @part of all samples, 0 to 1, do not exceed. */
uint64_t samples_quantile(const struct samples *s, double part);
/** The longest duration that falls into bucket @i. */
uint64_t samples_edge(unsigned int i);

#endif /* GC_SAMPLES_H */
