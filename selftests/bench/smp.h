/* SPDX-License-Identifier: MIT */
/*
 * What other CPUs notice: interrupts for TLB shootdowns, while threads of this process
 * spin there
 */
#ifndef BENCH_SMP_H
#define BENCH_SMP_H

#include <stdint.h>

/* Stay on a CPU; exits if it is not there. */
void smp_pin(int cpu);
/* Threads that spin, one on each of the CPUs 1 to @nr; and end. */
void smp_spin(unsigned int nr);
void smp_stop(void);
/* Interrupts so far, on all CPUs. */
uint64_t smp_shootdowns(void);

#endif /* BENCH_SMP_H */
