// SPDX-License-Identifier: MIT
/*
 * What dirty queries and traps cost by the kernel's own means, in guest
 * instructions: the same work as in query_bench.c, counted in the same way
 *
 * What a kernel does not have is left out: userfaultfd's asynchronous mode and
 * PAGEMAP_SCAN are there from 6.7 on, soft-dirty bits depend on the configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "peers.h"

#define PAGES	4096
#define ROUNDS	15

/* PAGEMAP_SCAN: its argument and what is used of it. */
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, returned;
};

struct scan_range {
	uint64_t start, end, categories;
};

#define SCAN_IOCTL	_IOWR('f', 16, struct scan)
#define SCAN_PROTECT	1	/* write-protect what matches */
#define SCAN_WRITTEN	2

static char *map;
static volatile char *one;
static size_t page_size;
static uint64_t null_cost = UINT64_MAX;
static int uffd, pagemap, refs;
static struct scan_range found[PAGES];

static void die(const char *what)
{
	fprintf(stderr, "rivals_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void dirty_every(unsigned int step)
{
	unsigned int i;

	for (i = 0; i < PAGES; i += step)
		*(volatile char *)(map + i * page_size) = 1;
}

static uint64_t fewest(void (*prepare)(void), void (*op)(void))
{
	uint64_t best = UINT64_MAX, start, took;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		prepare();
		start = now();
		op();
		took = now() - start;
		if (took < best)
			best = took;
	}
	return best;
}

static void measure(const char *name, void (*prepare)(void), void (*op)(void))
{
	uint64_t best = fewest(prepare, op);

	best -= best < null_cost ? best : null_cost;
	printf("%-52s %8llu\n#TSV\t%s\t%llu\n", name,
	       (unsigned long long)best, name, (unsigned long long)best);
}

static void nothing(void) { }
static void dirty_tenth(void) { dirty_every(10); }
static void store(void) { *one = 2; }

static void map_pages(void)
{
	int fd = memfd_create("rivals_bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGES * page_size))
		die("memfd");
	map = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	close(fd);
	one = map + 5 * page_size;
	dirty_every(1);
}

/* ---- mprotect ------------------------------------------------------------------ */

static void protect(int prot)
{
	if (mprotect(map + 5 * page_size, page_size, prot))
		die("mprotect");
}

static void protect_read(void) { protect(PROT_READ); }

static void on_trap(int sig)
{
	(void)sig;
	protect(PROT_READ | PROT_WRITE);
}

static void bench_mprotect(void)
{
	struct sigaction act = { .sa_handler = on_trap };

	map_pages();
	sigaction(SIGSEGV, &act, NULL);
	measure("trap by signal, mprotect, store", protect_read, store);
}

/* ---- soft-dirty ---------------------------------------------------------------- */

static void clear_refs(void)
{
	if (pwrite(refs, "4", 1, 0) != 1)
		die("clear_refs");
}

static void bench_soft_dirty(void)
{
	uint64_t entry;

	map_pages();
	refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (refs < 0)
		die("clear_refs");
	clear_refs();
	store();
	if (pread(pagemap, &entry, 8, (uintptr_t)one / page_size * 8) != 8)
		die("pagemap");
	if (!(entry >> 55 & 1)) {
		printf("no soft-dirty bits here\n");
		return;
	}
	measure("first write, soft-dirty", clear_refs, store);
	close(refs);
}

/* ---- userfaultfd --------------------------------------------------------------- */

static int uffd_open(uint64_t features)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			    UFFD_FEATURE_WP_HUGETLBFS_SHMEM | features,
	};
	struct uffdio_register reg = {
		.range.len = PAGES * page_size,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	map_pages();
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd < 0)
		die("userfaultfd");
	if (ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	reg.range.start = (uintptr_t)map;
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER");
	return 0;
}

static void writeprotect(uint64_t mode)
{
	struct uffdio_writeprotect wp = {
		.range.start = (uintptr_t)map + 5 * page_size,
		.range.len = page_size,
		.mode = mode,
	};

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		die("UFFDIO_WRITEPROTECT");
}

static void wp_on(void) { writeprotect(UFFDIO_WRITEPROTECT_MODE_WP); }
static void wp_off(void) { writeprotect(0); }

static void wp_dirty(void)
{
	wp_off();
	store();
}

static void scan(void)
{
	struct scan arg = {
		.size = sizeof(arg),
		.flags = SCAN_PROTECT,
		.start = (uintptr_t)map,
		.end = (uintptr_t)map + PAGES * page_size,
		.vec = (uintptr_t)found,
		.vec_len = PAGES,
		.all_of = SCAN_WRITTEN,
		.returned = SCAN_WRITTEN,
	};

	if (ioctl(pagemap, SCAN_IOCTL, &arg) < 0)
		die("PAGEMAP_SCAN");
}

static void bench_userfaultfd(void)
{
	if (uffd_open(0))
		die("UFFDIO_API");
	measure("UFFDIO_WRITEPROTECT one page", wp_dirty, wp_on);
	measure("UFFDIO_WRITEPROTECT one page, undone", wp_on, wp_off);
	close(uffd);
	if (uffd_open(UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED)) {
		printf("no asynchronous userfaultfd here\n");
		return;
	}
	measure("first write, userfaultfd-wp-async", wp_on, store);
	scan();
	measure("PAGEMAP_SCAN get+clear, 4096 pages, none dirty", nothing, scan);
	measure("PAGEMAP_SCAN get+clear, 4096 pages, 10 % dirty", dirty_tenth,
		scan);
	close(uffd);
}

int main(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		die("pagemap");
	null_cost = fewest(nothing, nothing);
	bench_mprotect();
	bench_userfaultfd();
	bench_soft_dirty();
	return 0;
}
