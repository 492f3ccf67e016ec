// SPDX-License-Identifier: MIT
/*
 * What a page costs when its protection changes: PROTECT against an mprotect
 * loop and a UFFDIO_WRITEPROTECT loop, on the same work in one run
 *
 * Usage: protect_bench instructions | shootdowns
 *
 * Work: N pages, every other one of a mapping whose pages are all resident and
 * dirty, are made read-only and then writable again, all at once for PROTECT,
 * one call each for the others. "instructions" wants a guest with one CPU whose
 * clock counts instructions (QEMU -icount shift=0: a nanosecond is one), and
 * takes the minimum of several rounds; "shootdowns" wants two CPUs, on one of
 * which a thread spins, and counts the TLB row of /proc/interrupts.
 *
 * Prints a table for people and, with tabs, lines "#TSV ..." for programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"
#include "smp.h"

#define ROUNDS		7
#define MAX_PAGES	4096
#define SPAN_PAGES	(2 * MAX_PAGES)

static const unsigned int counts[] = { 1, 8, 64, 512, 4096 };
#define NR_COUNTS (sizeof(counts) / sizeof(counts[0]))

/* One way to protect the pages 0, 2, 4 ... of a mapping. */
struct method {
	const char *name;
	int (*setup)(struct method *m);
	int (*protect)(struct method *m, unsigned int n, bool writable);
	char *map;
	int fd;
	struct codecache_view *view;
};

static size_t page_size;
static struct codecache_prot_range ranges[2][MAX_PAGES];
static uint64_t bitmap[SPAN_PAGES / 64];
static const uint16_t prots[2] = {
	CODECACHE_PROT_READ,
	CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
};

static void die(const char *what, int err)
{
	fprintf(stderr, "protect_bench: %s: %s\n", what, strerror(err));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- methods ------------------------------------------------------------- */

static int codecache_setup(struct method *m)
{
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	int err;

	if (!measure_open(&cache))
		return 0;
	err = codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    SPAN_PAGES * page_size, &zone);
	if (!err)
		err = codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL,
					    &m->view);
	if (!err)
		err = codecache_view_map(m->view, NULL, 0);
	if (!err)
		m->map = codecache_view_addr(m->view);
	return err;
}

static int codecache_protect_vector(struct method *m, unsigned int n, bool w)
{
	return codecache_view_protect(m->view, ranges[w], n, NULL);
}

static int codecache_protect_bitmap(struct method *m, unsigned int n, bool w)
{
	return codecache_view_protect_bitmap(m->view, 0, bitmap, 2 * n - 1,
					     prots[w], NULL);
}

/* What to protect is known before the clock starts: as for the other methods. */
static void fill_vectors(void)
{
	unsigned int i;

	for (i = 0; i < MAX_PAGES; i++) {
		ranges[0][i].first_page = ranges[1][i].first_page = 2 * i;
		ranges[0][i].nr_pages = ranges[1][i].nr_pages = 1;
		ranges[0][i].prot = prots[0];
		ranges[1][i].prot = prots[1];
	}
	memset(bitmap, 0x55, sizeof(bitmap));
}

static int memfd_map(struct method *m)
{
	int fd = memfd_create("protect_bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, SPAN_PAGES * page_size))
		return -errno;
	m->map = mmap(NULL, SPAN_PAGES * page_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	return m->map == MAP_FAILED ? -errno : 0;
}

static int mprotect_protect(struct method *m, unsigned int n, bool w)
{
	int prot = w ? PROT_READ | PROT_WRITE : PROT_READ;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (mprotect(m->map + 2 * i * page_size, page_size, prot))
			return -errno;
	}
	return 0;
}

static int uffd_setup(struct method *m)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			    UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	};
	struct uffdio_register reg = {
		.range.len = SPAN_PAGES * page_size,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int err = memfd_map(m);

	if (err)
		return err;
	m->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (m->fd < 0 || ioctl(m->fd, UFFDIO_API, &api))
		return -errno;
	memset(m->map, 1, SPAN_PAGES * page_size);
	reg.range.start = (uintptr_t)m->map;
	return ioctl(m->fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

static int uffd_protect(struct method *m, unsigned int n, bool w)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct uffdio_writeprotect wp = {
			.range.start = (uintptr_t)m->map + 2 * i * page_size,
			.range.len = page_size,
			.mode = w ? 0 : UFFDIO_WRITEPROTECT_MODE_WP,
		};

		if (ioctl(m->fd, UFFDIO_WRITEPROTECT, &wp))
			return -errno;
	}
	return 0;
}

static struct method methods[] = {
	{ .name = "codecache-vector", .setup = codecache_setup,
	  .protect = codecache_protect_vector },
	{ .name = "codecache-bitmap", .setup = codecache_setup,
	  .protect = codecache_protect_bitmap },
	{ .name = "mprotect-loop", .setup = memfd_map,
	  .protect = mprotect_protect },
	{ .name = "uffd-wp-loop", .setup = uffd_setup,
	  .protect = uffd_protect },
};

#define NR_METHODS (sizeof(methods) / sizeof(methods[0]))

/* ---- instructions -------------------------------------------------------- */

/* Every page of the span resident, writable and dirty, as a mutator leaves it. */
static void dirty_all(struct method *m)
{
	unsigned int i;

	for (i = 0; i < SPAN_PAGES; i++)
		*(volatile char *)(m->map + i * page_size) = 1;
}

/* The fewest instructions of a few rounds: no tick, no first-time work. */
static void measure(struct method *m, unsigned int n, uint64_t best[2])
{
	uint64_t t[3];
	int i, err;

	best[0] = best[1] = UINT64_MAX;
	for (i = 0; i < ROUNDS; i++) {
		dirty_all(m);
		t[0] = now();
		err = m->protect(m, n, false);
		t[1] = now();
		if (!err)
			err = m->protect(m, n, true);
		t[2] = now();
		if (err)
			die(m->name, -err);
		for (err = 0; err < 2; err++) {
			if (t[err + 1] - t[err] < best[err])
				best[err] = t[err + 1] - t[err];
		}
	}
}

static void print_row(const char *what, const char *name, const uint64_t *v)
{
	unsigned int i;

	printf("%-18s", name);
	for (i = 0; i < NR_COUNTS; i++)
		printf(" %10llu", (unsigned long long)v[i]);
	printf("\n");
	for (i = 0; i < NR_COUNTS; i++)
		printf("#TSV\t%s\t%s\t%u\t%llu\n", what, name, counts[i],
		       (unsigned long long)v[i]);
}

static void print_head(const char *title)
{
	unsigned int i;

	printf("\n%s\n%-18s", title, "every other page");
	for (i = 0; i < NR_COUNTS; i++)
		printf("   N = %4u", counts[i]);
	printf("\n");
}

/* Without the module some are not. */
static bool is_there(unsigned int k)
{
	return methods[k].map;
}

static void bench_instructions(void)
{
	uint64_t ro[NR_METHODS][NR_COUNTS], rw[NR_METHODS][NR_COUNTS];
	uint64_t best[2], cost[2], clock = UINT64_MAX;
	unsigned int i, k;

	for (i = 0; i < 100; i++) {
		cost[0] = now();
		cost[1] = now();
		if (cost[1] - cost[0] < clock)
			clock = cost[1] - cost[0];
	}
	for (k = 0; k < NR_METHODS; k++) {
		for (i = 0; i < NR_COUNTS && is_there(k); i++) {
			measure(&methods[k], counts[i], best);
			ro[k][i] = (best[0] - clock) / counts[i];
			rw[k][i] = (best[1] - clock) / counts[i];
		}
	}
	print_head("Guest instructions a page, RW to READ");
	for (k = 0; k < NR_METHODS; k++) {
		if (is_there(k))
			print_row("protect-ro", methods[k].name, ro[k]);
	}
	print_head("Guest instructions a page, READ to RW");
	for (k = 0; k < NR_METHODS; k++) {
		if (is_there(k))
			print_row("protect-rw", methods[k].name, rw[k]);
	}
}

/* ---- shootdowns ---------------------------------------------------------- */

static void bench_shootdowns(void)
{
	uint64_t v[NR_COUNTS], before, after;
	unsigned int i, k, round;
	int err;

	smp_pin(0);
	smp_spin(1);
	print_head("TLB shootdown interrupts in one pass, RW to READ");
	for (k = 0; k < NR_METHODS; k++) {
		if (!is_there(k))
			continue;
		for (i = 0; i < NR_COUNTS; i++) {
			v[i] = UINT64_MAX;
			for (round = 0; round < 3; round++) {
				dirty_all(&methods[k]);
				before = smp_shootdowns();
				err = methods[k].protect(&methods[k], counts[i],
							 false);
				after = smp_shootdowns();
				if (!err)
					err = methods[k].protect(&methods[k],
								 counts[i], true);
				if (err)
					die(methods[k].name, -err);
				if (after - before < v[i])
					v[i] = after - before;
			}
		}
		print_row("shootdowns", methods[k].name, v);
	}
	smp_stop();
}

int main(int argc, char **argv)
{
	unsigned int k;
	int err;

	if (argc != 2 || (strcmp(argv[1], "instructions") &&
			  strcmp(argv[1], "shootdowns"))) {
		fprintf(stderr, "usage: protect_bench instructions|shootdowns\n");
		return 2;
	}
	measure_init("protect_bench");
	page_size = codecache_page_size();
	fill_vectors();
	for (k = 0; k < NR_METHODS; k++) {
		err = methods[k].setup(&methods[k]);
		if (err)
			die(methods[k].name, -err);
	}
	if (!strcmp(argv[1], "instructions"))
		bench_instructions();
	else
		bench_shootdowns();
	return 0;
}
