/* SPDX-License-Identifier: MIT */
/* Numbers that look random, the same for the same seed: splitmix64, by Steele. */
#ifndef JIT_MIX_H
#define JIT_MIX_H

#include <stdint.h>

/** Another number for each number. */
static inline uint64_t mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/** The next number of a sequence, which @state stands for. */
static inline uint64_t mix_next(uint64_t *state)
{
	return mix((*state)++);
}

/** From 0 to n - 1; n is small. */
static inline unsigned int mix_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)(mix_next(state) % n);
}

#endif /* JIT_MIX_H */
