// SPDX-License-Identifier: MIT
/* Durations in a histogram: 16 buckets for every power of two. */
#include <time.h>

#include "hist.h"

#define SUB	16U	/* 2 to the power of HIST_SUB_BITS */

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static unsigned int hist_index(uint64_t ns)
{
	unsigned int shift;

	if (ns < SUB)
		return (unsigned int)ns;
	shift = 63 - __builtin_clzll(ns) - HIST_SUB_BITS;
	return (unsigned int)((shift << HIST_SUB_BITS) + (ns >> shift));
}

/* The longest duration that goes into a bucket. */
static uint64_t hist_upper(unsigned int index)
{
	unsigned int shift;

	if (index < SUB)
		return index;
	shift = (index >> HIST_SUB_BITS) - 1;
	return ((uint64_t)((index & (SUB - 1)) + SUB + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->nr++;
	h->bucket[hist_index(ns)]++;
	if (ns > h->longest)
		h->longest = ns;
}

void hist_merge(struct hist *h, const struct hist *from)
{
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] += from->bucket[i];
	h->nr += from->nr;
	if (from->longest > h->longest)
		h->longest = from->longest;
}

uint64_t hist_percentile(const struct hist *h, unsigned int per_mille)
{
	uint64_t want = (h->nr * per_mille + 999) / 1000, seen = 0;
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen && seen >= want)
			return hist_upper(i) < h->longest ? hist_upper(i) : h->longest;
	}
	return 0;
}
