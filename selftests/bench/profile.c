// SPDX-License-Identifier: MIT
/*
 * In which functions of the kernel the instructions go, see profile.h
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"
#include "profile.h"

/* No multiple of anything that a loop might take. */
#define PERIOD_NS	10007
#define BUFFER_PAGES	4096

/**
 * struct symbol - a function of the kernel
 * @start: its address
 * @name: what it is called
 * @samples: that were in it
 */
struct symbol {
	uint64_t start;
	char name[56];
	unsigned int samples;
};

static struct symbol *symbols;
static size_t nr_symbols;
static struct perf_event_mmap_page *ring;
static int fd;

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int by_samples(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (y->samples > x->samples) - (y->samples < x->samples);
}

static void load_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long start;
	size_t room = 0;
	char type, name[256];

	if (!f)
		measure_die("/proc/kallsyms", errno);
	while (fscanf(f, "%llx %c %255s%*[^\n]", &start, &type, name) == 3) {
		if (nr_symbols == room) {
			room = room ? 2 * room : 65536;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				measure_die("symbols", ENOMEM);
		}
		if (!strchr("tTwW", type))
			continue;
		symbols[nr_symbols] = (struct symbol){ .start = start };
		snprintf(symbols[nr_symbols++].name, sizeof(symbols->name), "%.55s",
			 name);
	}
	fclose(f);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_start);
}

void profile_open(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_idle = 1,
	};

	load_symbols();
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		measure_die("perf_event_open", errno);
	ring = mmap(NULL, (BUFFER_PAGES + 1) * getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		measure_die("perf buffer", errno);
}

void profile_switch(bool on)
{
	if (ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0))
		measure_die("perf event", errno);
}

/* The function that an address is in: the last one that does not begin after it. */
static void count_sample(uint64_t ip)
{
	size_t low = 0, high = nr_symbols, mid;

	while (high - low > 1) {
		mid = (low + high) / 2;
		if (symbols[mid].start <= ip)
			low = mid;
		else
			high = mid;
	}
	symbols[low].samples++;
}

static unsigned int count_samples(void)
{
	const char *data = (const char *)ring + ring->data_offset;
	struct {
		struct perf_event_header header;
		uint64_t ip;
	} record;
	unsigned int nr = 0;
	uint64_t at;

	/* Records are multiples of 8 bytes; the buffer is not written round. */
	for (at = 0; at + sizeof(record) <= ring->data_head; at += record.header.size) {
		memcpy(&record, data + at, sizeof(record));
		if (record.header.type != PERF_RECORD_SAMPLE)
			continue;
		count_sample(record.ip);
		nr++;
	}
	return nr;
}

void profile_print(void)
{
	unsigned int i, nr = count_samples();

	printf("%u samples, one every %u instructions in kernel mode\n", nr, PERIOD_NS);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_samples);
	for (i = 0; i < nr_symbols && symbols[i].samples * 100 >= nr && nr; i++)
		printf("%5.1f %%  %s\n", 100.0 * symbols[i].samples / nr,
		       symbols[i].name);
}
