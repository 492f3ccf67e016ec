/* SPDX-License-Identifier: MIT */
/* Durations in a histogram: the longest is exact, percentiles to one in 16. */
#ifndef CHECKPOINT_HIST_H
#define CHECKPOINT_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS	4
#define HIST_BUCKETS	((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t nr;
	uint64_t longest;
	uint64_t bucket[HIST_BUCKETS];
};

uint64_t now_ns(void);
void hist_add(struct hist *h, uint64_t ns);
/** Add all that is in @from. */
void hist_merge(struct hist *h, const struct hist *from);
/** A duration that @per_mille of 1000 do not exceed; 0 if there is none. */
uint64_t hist_percentile(const struct hist *h, unsigned int per_mille);

#endif /* CHECKPOINT_HIST_H */
