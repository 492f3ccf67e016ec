// SPDX-License-Identifier: MIT
/*
 * What other CPUs notice, see smp.h
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "smp.h"

#define MAX_CPUS	64

static pthread_t threads[MAX_CPUS];
static unsigned int nr_threads, nr_spinning;
static bool stop;

void smp_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		measure_die("more CPUs are needed", errno);
}

static void *spin(void *cpu)
{
	smp_pin((intptr_t)cpu);
	__atomic_fetch_add(&nr_spinning, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		;
	return NULL;
}

void smp_spin(unsigned int nr)
{
	unsigned int i;

	if (nr > MAX_CPUS)
		measure_die("so many CPUs", EINVAL);
	stop = false;
	nr_spinning = 0;
	for (i = 0; i < nr; i++)
		measure_check("pthread_create",
			      pthread_create(&threads[i], NULL, spin,
					     (void *)(intptr_t)(i + 1)));
	nr_threads = nr;
	while (__atomic_load_n(&nr_spinning, __ATOMIC_ACQUIRE) < nr)
		sched_yield();
}

void smp_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	while (nr_threads)
		pthread_join(threads[--nr_threads], NULL);
}

/* Sum of the row "TLB: a b ... TLB shootdowns". */
uint64_t smp_shootdowns(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	uint64_t sum = 0;
	char line[1024], *p, *end;

	if (!f)
		measure_die("/proc/interrupts", errno);
	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, "TLB:");
		if (!p)
			continue;
		for (p += 4;; p = end) {
			unsigned long v = strtoul(p, &end, 10);

			if (end == p)
				break;
			sum += v;
		}
	}
	fclose(f);
	return sum;
}
