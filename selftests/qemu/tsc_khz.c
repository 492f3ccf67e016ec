// SPDX-License-Identifier: MIT
/*
 * The frequency in kHz of this machine's time stamp counter, which QEMU's emulation
 * shows to its guests as it is
 *
 * A guest that is emulated on a busy machine measures it wrongly, sometimes six times too
 * low: then its clock is so much too fast, and all time-outs too short. Nothing is
 * printed where there is no such counter.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __x86_64__
#include <x86intrin.h>

struct moment {
	uint64_t ns;
	uint64_t ticks;
};

/* Both clocks, read close together: of several tries the quickest. */
static struct moment now(void)
{
	struct moment best = { 0 };
	uint64_t least = UINT64_MAX, before, after;
	struct timespec ts;
	int i;

	for (i = 0; i < 100; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
		best.ticks = before + least / 2;
	}
	return best;
}

int main(void)
{
	struct moment from = now(), to;

	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	to = now();
	printf("%llu\n", (unsigned long long)((to.ticks - from.ticks) * 1000000 /
					      (to.ns - from.ns)));
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
