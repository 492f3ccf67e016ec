// SPDX-License-Identifier: MIT
/* Durations, as a histogram. */
#include <time.h>

#include "samples.h"

#define SUB_BITS	5U
_Static_assert(SAMPLES_SUB == 1U << SUB_BITS, "buckets for each power of two");

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static unsigned int samples_bucket(uint64_t ns)
{
	unsigned int log, i;

	if (ns < SAMPLES_SUB)
		return (unsigned int)ns;
	log = 63U - (unsigned int)__builtin_clzll(ns);
	i = (log - SUB_BITS + 1) * SAMPLES_SUB + (ns >> (log - SUB_BITS) & (SAMPLES_SUB - 1));
	return i < SAMPLES_BUCKETS ? i : SAMPLES_BUCKETS - 1;
}

uint64_t samples_edge(unsigned int i)
{
	unsigned int log = i / SAMPLES_SUB;

	if (!log)
		return i;
	return ((uint64_t)(SAMPLES_SUB + i % SAMPLES_SUB + 1) << (log - 1)) - 1;
}

void samples_add(struct samples *s, uint64_t ns)
{
	s->count[samples_bucket(ns)]++;
	s->nr++;
	if (ns > s->max)
		s->max = ns;
}

void samples_merge(struct samples *to, const struct samples *from)
{
	unsigned int i;

	for (i = 0; i < SAMPLES_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->nr += from->nr;
	if (from->max > to->max)
		to->max = from->max;
}

uint64_t samples_quantile(const struct samples *s, double part)
{
	uint64_t seen = 0, want = (uint64_t)((double)s->nr * part + 0.999999);
	unsigned int i;

	for (i = 0; i < SAMPLES_BUCKETS && s->nr; i++) {
		seen += s->count[i];
		if (seen >= want && seen)
			return samples_edge(i) < s->max ? samples_edge(i) : s->max;
	}
	return s->max;
}
