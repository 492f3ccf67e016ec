/* SPDX-License-Identifier: MIT */
/* The same numbers on every machine: xorshift64*, by Marsaglia and Vigna. */
#ifndef UNIT_RANDOM_H
#define UNIT_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 88172645463325252ULL;

static inline uint64_t random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717ULL;
}

/* From 0 to n - 1. */
static inline uint64_t random_below(uint64_t n)
{
	return random_u64() % n;
}

/* A number that likes to be near an edge. */
static inline uint64_t random_edgy(uint64_t edge)
{
	switch (random_below(6)) {
	case 0:
		return random_below(4);
	case 1:
		return edge - 2 + random_below(5);
	case 2:
		return ~0ULL - random_below(4);
	case 3:
		return (1ULL << random_below(64)) - random_below(2);
	case 4:
		return random_u64();
	default:
		return random_below(edge + 1);
	}
}

#endif /* UNIT_RANDOM_H */
