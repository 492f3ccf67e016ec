// SPDX-License-Identifier: MIT
/* What the kernel counts for us. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "measure.h"

/* "TLB:    12    34   TLB shootdowns": a number for each processor. */
uint64_t measure_shootdowns(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	uint64_t sum = UINT64_MAX, n;
	char line[4096], *at, *end;

	if (!f)
		return sum;
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "TLB:");
		if (!at)
			continue;
		for (sum = 0, at += 4; n = strtoull(at, &end, 10), end != at; at = end)
			sum += n;
		break;
	}
	fclose(f);
	return sum;
}

unsigned int measure_vmas(void)
{
	static char buffer[1 << 16];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	unsigned int lines = 0;
	ssize_t n, i;

	if (fd < 0)
		return 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (i = 0; i < n; i++)
			lines += buffer[i] == '\n';
	close(fd);
	return lines;
}

uint64_t measure_faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_minflt;
}

uint64_t shmem_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Shmem: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}
