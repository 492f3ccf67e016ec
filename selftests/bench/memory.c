// SPDX-License-Identifier: MIT
/*
 * What this process has made the kernel keep, see memory.h
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "memory.h"

static FILE *file(const char *name)
{
	FILE *f = fopen(name, "r");

	if (!f)
		measure_die(name, errno);
	return f;
}

uint64_t memory_mappings(void)
{
	FILE *f = file("/proc/self/maps");
	uint64_t n = 0;
	int c;

	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* Let slabs that have free objects be known as such: CPUs keep some to themselves. */
static void shrink_slabs(void)
{
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		return;
	for (i = 0; i < caches.gl_pathc; i++) {
		FILE *f = fopen(caches.gl_pathv[i], "w");

		if (f) {
			fputs("1", f);
			fclose(f);
		}
	}
	globfree(&caches);
}

/* Objects that are in use, as slabs count them: those in a CPU's slab are. */
static uint64_t slab_bytes(void)
{
	FILE *f = file("/proc/slabinfo");
	unsigned long long active, total, size, sum = 0;
	char line[512];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %llu %llu %llu", &active, &total, &size) == 3)
			sum += active * size;
	}
	fclose(f);
	return sum;
}

static uint64_t other_bytes(void)
{
	FILE *f = file("/proc/meminfo");
	unsigned long long kib, sum = 0;
	char name[64];

	while (fscanf(f, "%63s %llu%*[^\n]", name, &kib) == 2) {
		if (!strcmp(name, "PageTables:") || !strcmp(name, "VmallocUsed:"))
			sum += kib << 10;
	}
	fclose(f);
	return sum;
}

uint64_t memory_kernel_bytes(void)
{
	shrink_slabs();
	return slab_bytes() + other_bytes();
}
