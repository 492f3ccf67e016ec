/* SPDX-License-Identifier: MIT */
/*
 * In which functions of the kernel the instructions of a row go
 *
 * The kernel's own profiler (perf_event_open()) interrupts the CPU every so many
 * nanoseconds, which are instructions here, and notes where it was. What runs with
 * interrupts disabled is noted where they are enabled again.
 */
#ifndef BENCH_PROFILE_H
#define BENCH_PROFILE_H

#include <stdbool.h>

/* What this CPU does in kernel mode, for whomever, is noted while it is on. */
void profile_open(void);
void profile_switch(bool on);
/* Functions in which at least 1 % of the samples were, most frequent first. */
void profile_print(void);

#endif /* BENCH_PROFILE_H */
