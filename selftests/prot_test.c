// SPDX-License-Identifier: MIT
/*
 * PROTECT: what each protection allows, batches, and what they cost the process
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"

#define NR_PAGES	2048

FIXTURE(prot)
{
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	int zero;	/* /dev/zero: the kernel writes */
	int pipe[2];	/* the kernel reads */
};

FIXTURE_SETUP(prot)
{
	ASSERT_EQ(0, cc_mem_data(&self->mem, NR_PAGES));
	self->view = self->mem.fd[CODECACHE_VIEW_DATA];
	self->map = self->mem.map[CODECACHE_VIEW_DATA];
	self->page = cc_page_size();
	self->zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->zero);
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(prot)
{
	close(self->zero);
	close(self->pipe[0]);
	close(self->pipe[1]);
	cc_mem_close(&self->mem);
}

/* What the kernel may do with a page, as CODECACHE_PROT_*: no signal is raised. */
static uint32_t kernel_access(FIXTURE_DATA(prot) *self, unsigned long page)
{
	unsigned char *p = self->map + page * self->page;
	uint32_t prot = 0;
	char c;

	if (write(self->pipe[1], p, 1) == 1) {
		prot |= CC_R;
		if (read(self->pipe[0], &c, 1) != 1)
			return ~0U;
	} else if (errno != EFAULT) {
		return ~0U;
	}
	if (read(self->zero, p + 1, 1) == 1)
		prot |= CODECACHE_PROT_WRITE;
	else if (errno != EFAULT)
		return ~0U;
	return prot;
}

static unsigned long random_below(unsigned long n)
{
	return (unsigned long)random() % n;
}

static long long view_stat(int view, size_t offset)
{
	struct codecache_stats_args stats;

	if (cc_stats(view, &stats))
		return -1;
	return *(__u64 *)((char *)&stats + offset);
}

#define STAT(view, member) \
	view_stat(view, offsetof(struct codecache_stats_args, out_##member))

/* ---- one page -------------------------------------------------------------- */

TEST_F_TIMEOUT(prot, none_traps_every_access_at_its_address, CC_TIMEOUT)
{
	unsigned char *p = self->map + 5 * self->page + 123;
	unsigned char c;

	*p = 7;
	ASSERT_EQ(0, cc_protect_run(self->view, 5, 1, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_load(p, &c));
	EXPECT_EQ(p, (unsigned char *)cc_trap.addr);
	EXPECT_EQ(SEGV_MAPERR, cc_trap.code);
	EXPECT_EQ(0, cc_trap.error & 2);
	EXPECT_EQ(SIGSEGV, cc_store(p, 8));
	EXPECT_EQ(p, (unsigned char *)cc_trap.addr);
	EXPECT_EQ(2, cc_trap.error & 2);
	EXPECT_EQ(0, cc_load(p - self->page, &c));
	EXPECT_EQ(0, cc_load(p + self->page, &c));
	ASSERT_EQ(0, cc_protect_run(self->view, 5, 1, CC_RW));
	EXPECT_EQ(7, *p);
}

TEST_F_TIMEOUT(prot, read_traps_stores_only, CC_TIMEOUT)
{
	unsigned char *p = self->map + 9 * self->page + 4095;
	unsigned char c;

	*p = 7;
	ASSERT_EQ(0, cc_protect_run(self->view, 9, 1, CC_R));
	EXPECT_EQ(0, cc_load(p, &c));
	EXPECT_EQ(7, c);
	EXPECT_EQ(SIGSEGV, cc_store(p, 8));
	EXPECT_EQ(p, (unsigned char *)cc_trap.addr);
	EXPECT_EQ(7, *p);
	EXPECT_EQ(0, cc_store(p + 1, 8));
}

TEST_F_TIMEOUT(prot, pages_that_were_never_touched_obey, CC_TIMEOUT)
{
	unsigned char c;

	ASSERT_EQ(0, cc_protect_run(self->view, 100, 1, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(self->view, 101, 1, CC_R));
	EXPECT_EQ(SIGSEGV, cc_load(self->map + 100 * self->page, &c));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 101 * self->page, 1));
	EXPECT_EQ(0, cc_load(self->map + 101 * self->page, &c));
	EXPECT_EQ(SIGSEGV, cc_store(self->map + 101 * self->page, 1));
	EXPECT_EQ(0, c);
}

TEST_F_TIMEOUT(prot, system_calls_get_efault, CC_TIMEOUT)
{
	EXPECT_EQ(CC_RW, kernel_access(self, 3));
	ASSERT_EQ(0, cc_protect_run(self->view, 3, 1, CC_R));
	EXPECT_EQ(CC_R, kernel_access(self, 3));
	ASSERT_EQ(0, cc_protect_run(self->view, 3, 1, CC_NONE));
	EXPECT_EQ(CC_NONE, kernel_access(self, 3));
	ASSERT_EQ(0, cc_protect_run(self->view, 3, 1, CC_RW));
	EXPECT_EQ(CC_RW, kernel_access(self, 3));
}

TEST_F_TIMEOUT(prot, traps_and_faults_are_counted, CC_TIMEOUT)
{
	unsigned char c;

	self->map[0] = 1;
	EXPECT_EQ(1, STAT(self->view, faults_filled));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 1, CC_R));
	cc_store(self->map, 1);
	EXPECT_EQ(1, STAT(self->view, traps_write));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 1, CC_NONE));
	cc_load(self->map, &c);
	EXPECT_EQ(1, STAT(self->view, traps_read));
	EXPECT_EQ(2, STAT(self->view, protect_calls));
	EXPECT_EQ(2, STAT(self->view, protect_ptes));
	EXPECT_EQ(2, STAT(self->view, protect_flushes));
}

/* ---- upgrades are eager ------------------------------------------------------ */

TEST_F_TIMEOUT(prot, an_upgrade_costs_no_fault, CC_TIMEOUT)
{
	static const uint32_t downs[] = { CC_R, CC_NONE };
	long long faults;
	unsigned long i, k;

	for (i = 0; i < 600; i++)
		self->map[i * self->page] = i;
	for (k = 0; k < ARRAY_LEN(downs); k++) {
		ASSERT_EQ(0, cc_protect_run(self->view, 0, 600, downs[k]));
		ASSERT_EQ(0, cc_protect_run(self->view, 0, 600, CC_RW));
		faults = STAT(self->view, faults_filled) +
			 STAT(self->view, faults_upgraded);
		for (i = 0; i < 600; i++) {
			ASSERT_EQ((unsigned char)i, self->map[i * self->page]);
			self->map[i * self->page] = i;
		}
		EXPECT_EQ(faults, STAT(self->view, faults_filled) +
			  STAT(self->view, faults_upgraded));
	}
}

TEST_F_TIMEOUT(prot, pages_made_resident_elsewhere_appear, CC_TIMEOUT)
{
	int other = cc_view(self->mem.zone, CODECACHE_VIEW_DATA);
	unsigned char *map;
	long long faults;

	ASSERT_LE(0, other);
	map = cc_map(other, CODECACHE_VIEW_DATA, NR_PAGES);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, cc_protect_run(self->view, 0, NR_PAGES, CC_NONE));
	strcpy((char *)map + 77 * self->page, "filled through another view");
	ASSERT_EQ(0, cc_protect_run(self->view, 0, NR_PAGES, CC_R));
	faults = STAT(self->view, faults_filled);
	EXPECT_EQ(0, strcmp((char *)self->map + 77 * self->page,
			    "filled through another view"));
	EXPECT_EQ(faults, STAT(self->view, faults_filled));
	munmap(map, NR_PAGES * self->page);
	close(other);
}

/* Some pages are resident and others are not, and the window begins inside the zone. */
#define WINDOW_FIRST	37
#define WINDOW_PAGES	(NR_PAGES - WINDOW_FIRST)

static bool is_resident(unsigned long page)
{
	return page < 300 || page >= 1300 || page % 97 == 3;
}

TEST_F_TIMEOUT(prot, an_upgrade_finds_the_page_of_each_place, CC_TIMEOUT)
{
	int view = cc_window(self->mem.zone, CODECACHE_VIEW_DATA, WINDOW_FIRST,
			     WINDOW_PAGES);
	static struct codecache_prot_range ranges[WINDOW_PAGES];
	unsigned long page, i, n, step, nr = 0;
	long long faults;
	unsigned char *map;

	ASSERT_LE(0, view);
	map = cc_map(view, CODECACHE_VIEW_DATA, WINDOW_PAGES);
	ASSERT_NE(NULL, map);
	for (page = 0; page < NR_PAGES; page++) {
		if (is_resident(page))
			*(unsigned long *)(self->map + page * self->page) = page + 1;
	}
	/* In order, backwards, and far apart: 457 is prime, so all are in. */
	for (step = 1; step < 1000; step += 456) {
		ASSERT_EQ(0, cc_protect_run(view, 0, WINDOW_PAGES, CC_NONE));
		faults = STAT(view, faults_filled);
		for (i = 0; i < WINDOW_PAGES; i++) {
			n = i * step % WINDOW_PAGES;
			ranges[i] = (struct codecache_prot_range){
				.first_page = step == 913 ? WINDOW_PAGES - 1 - i : n,
				.nr_pages = 1, .prot = i % 3 ? CC_RW : CC_R,
			};
		}
		ASSERT_EQ(0, cc_protect(view, ranges, WINDOW_PAGES, NULL));
		for (i = 0; i < WINDOW_PAGES; i++) {
			page = WINDOW_FIRST + i;
			if (!is_resident(page))
				continue;
			ASSERT_EQ(page + 1, *(unsigned long *)(map + i * self->page));
			nr++;
		}
		EXPECT_EQ(faults, STAT(view, faults_filled));
	}
	EXPECT_LT(3000, nr);
	munmap(map, WINDOW_PAGES * self->page);
	close(view);
}

TEST_F_TIMEOUT(prot, a_call_that_takes_nothing_away_does_not_flush, CC_TIMEOUT)
{
	self->map[0] = 1;
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 8, CC_R));
	EXPECT_EQ(1, STAT(self->view, protect_flushes));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 8, CC_R));
	ASSERT_EQ(0, cc_protect_run(self->view, 0, 8, CC_RW));
	ASSERT_EQ(0, cc_protect_run(self->view, 512, 8, CC_NONE));
	EXPECT_EQ(1, STAT(self->view, protect_flushes));
}

/* ---- batches ----------------------------------------------------------------- */

#define MAX_BATCH 300

/* Random disjoint ranges; @model gets what they ask for. */
static unsigned int random_batch(struct codecache_prot_range *r,
				 uint32_t *model)
{
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };
	unsigned long page = random_below(20), len, i;
	unsigned int n = 0;

	while (n < MAX_BATCH && page < NR_PAGES) {
		len = random_below(10) ? 1 : 1 + random_below(200);
		if (len > NR_PAGES - page)
			len = NR_PAGES - page;
		r[n] = (struct codecache_prot_range){
			.first_page = page, .nr_pages = len,
			.prot = prots[random_below(3)],
		};
		for (i = page; i < page + len; i++)
			model[i] = r[n].prot;
		page += len + random_below(3) * random_below(40);
		n++;
	}
	return n;
}

static void shuffle(struct codecache_prot_range *r, unsigned int n)
{
	while (n > 1) {
		unsigned int k = random_below(n--);
		struct codecache_prot_range swap = r[k];

		r[k] = r[n];
		r[n] = swap;
	}
}

TEST_F_TIMEOUT(prot, random_batches_do_what_a_model_does, CC_TIMEOUT)
{
	struct codecache_prot_range ranges[MAX_BATCH];
	uint32_t model[NR_PAGES];
	unsigned int round, n, i;

	srandom(20261122);
	for (i = 0; i < NR_PAGES; i++) {
		model[i] = CC_RW;
		if (i % 3)
			self->map[i * self->page] = 1;
	}
	for (round = 0; round < 60; round++) {
		n = random_batch(ranges, model);
		if (round % 2)
			shuffle(ranges, n);
		ASSERT_EQ(0, cc_protect(self->view, ranges, n, NULL));
		for (i = round % 7; i < NR_PAGES; i += 1 + round % 5)
			ASSERT_EQ(model[i], kernel_access(self, i))
				TH_LOG("round %u page %u", round, i);
	}
}

TEST_F_TIMEOUT(prot, a_bitmap_does_what_a_vector_does, CC_TIMEOUT)
{
	uint64_t bits[NR_PAGES / 64];
	unsigned int round, i, k;

	srandom(3);
	memset(self->map, 1, NR_PAGES * self->page);
	for (round = 0; round < 20; round++) {
		unsigned int first = random_below(500);
		unsigned int nr = 1 + random_below(NR_PAGES - first);

		for (i = 0; i < ARRAY_LEN(bits); i++)
			bits[i] = ((uint64_t)random() << 33) ^
				  ((uint64_t)random() << 11) ^ random();
		ASSERT_EQ(0, cc_protect_run(self->view, 0, NR_PAGES, CC_RW));
		ASSERT_EQ(0, cc_protect_bits(self->view, bits, nr, first, CC_R,
					     NULL));
		for (i = 0; i < NR_PAGES; i += 1 + round % 3) {
			k = i - first;
			ASSERT_EQ(i >= first && k < nr &&
				  bits[k / 64] >> (k % 64) & 1 ? CC_R : CC_RW,
				  kernel_access(self, i));
		}
	}
}

/* The kernel takes long bitmaps in pieces, which end anywhere in a page table. */
TEST_F_TIMEOUT(prot, a_bitmap_of_many_runs_reaches_them_all, CC_TIMEOUT)
{
	uint64_t bits[NR_PAGES / 64];
	unsigned int i, first;

	memset(bits, 0x55, sizeof(bits));
	memset(self->map, 1, NR_PAGES * self->page);
	for (first = 0; first < 200; first += 50) {
		ASSERT_EQ(0, cc_protect_run(self->view, 0, NR_PAGES, CC_RW));
		ASSERT_EQ(0, cc_protect_bits(self->view, bits, NR_PAGES - first,
					     first, CC_R, NULL));
		for (i = 0; i < NR_PAGES; i++)
			ASSERT_EQ(i >= first && (i - first) % 2 == 0 ?
				  CC_R : CC_RW, kernel_access(self, i))
				TH_LOG("from %u on, page %u", first, i);
	}
}

/* ---- growth ------------------------------------------------------------------ */

static int big_view(struct cc_mem *mem, uint64_t nr_pages)
{
	memset(mem, 0, sizeof(*mem));
	return cc_mem_data(mem, nr_pages);
}

TEST_F_TIMEOUT(prot, alternating_protections_make_no_vma, CC_TIMEOUT)
{
	const unsigned int nr = 100000;
	struct codecache_prot_range *r = calloc(nr, sizeof(*r));
	struct cc_mem mem;
	unsigned int i;
	int before;

	ASSERT_NE(NULL, r);
	ASSERT_EQ(0, big_view(&mem, 2 * nr));
	for (i = 0; i < nr; i++)
		r[i] = (struct codecache_prot_range){
			.first_page = 2 * i, .nr_pages = 1,
			.prot = i % 2 ? CC_NONE : CC_R,
		};
	before = cc_nr_vmas();
	ASSERT_EQ(0, cc_protect(mem.fd[CODECACHE_VIEW_DATA], r, nr, NULL));
	EXPECT_EQ(before, cc_nr_vmas());
	EXPECT_EQ(nr / 2, cc_pages_with(mem.cache, mem.zone,
					mem.fd[CODECACHE_VIEW_DATA], CC_NONE));
	EXPECT_EQ(nr / 2, cc_pages_with(mem.cache, mem.zone,
					mem.fd[CODECACHE_VIEW_DATA], CC_R));
	cc_mem_close(&mem);
	free(r);
}

TEST_F_TIMEOUT(prot, a_huge_sparse_view_is_one_call, CC_TIMEOUT)
{
	const uint64_t nr = (64ULL << 30) / self->page;
	struct cc_mem mem;
	unsigned char *map, c;
	int view;

	ASSERT_EQ(0, big_view(&mem, nr));
	view = mem.fd[CODECACHE_VIEW_DATA];
	map = mem.map[CODECACHE_VIEW_DATA];
	map[(nr - 1) * self->page] = 1;
	map[nr / 2 * self->page] = 2;
	ASSERT_EQ(0, cc_protect_run(view, 0, nr, CC_NONE));
	EXPECT_EQ(2, STAT(view, protect_ptes));
	EXPECT_EQ(SIGSEGV, cc_load(map + nr / 2 * self->page, &c));
	EXPECT_EQ(SIGSEGV, cc_load(map + (nr / 2 - 1) * self->page, &c));
	ASSERT_EQ(0, cc_protect_run(view, 1, nr - 1, CC_RW));
	EXPECT_EQ(2, map[nr / 2 * self->page]);
	EXPECT_EQ(1, map[(nr - 1) * self->page]);
	EXPECT_EQ(SIGSEGV, cc_load(map, &c));
	EXPECT_EQ(2, STAT(mem.zone, resident_pages));
	cc_mem_close(&mem);
}

/* ---- one flush --------------------------------------------------------------- */

static atomic_bool spin_stop, spinning;

static void *spin(void *unused)
{
	if (cc_pin(1))
		atomic_store(&spinning, true);
	while (!atomic_load_explicit(&spin_stop, memory_order_relaxed))
		;
	return unused;
}

/* The TLB row of /proc/interrupts, over all CPUs; -1: there is none. */
static long long shootdowns(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	long long sum = -1;
	char line[1024], *p, *end;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "TLB:");
		if (!p)
			continue;
		for (sum = 0, p += 4;; p = end) {
			long long v = strtoll(p, &end, 10);

			if (end == p)
				break;
			sum += v;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

TEST_F_TIMEOUT(prot, a_call_makes_one_shootdown, CC_TIMEOUT)
{
	struct codecache_prot_range r[512];
	unsigned int round, i, nr_one = 0;
	pthread_t thread;
	long long before;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "two CPUs are needed");
	if (shootdowns() < 0)
		SKIP(return, "/proc/interrupts has no row TLB");
	for (i = 0; i < 512; i++)
		r[i] = (struct codecache_prot_range){
			.first_page = 3 * i, .nr_pages = 1, .prot = CC_R,
		};
	ASSERT_TRUE(cc_pin(0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, spin, NULL));
	while (!atomic_load(&spinning))
		sched_yield();
	for (round = 0; round < 10; round++) {
		memset(self->map, round, NR_PAGES * self->page);
		before = shootdowns();
		ASSERT_EQ(0, cc_protect(self->view, r, 512, NULL));
		nr_one += shootdowns() - before == 1;
		ASSERT_EQ(0, cc_protect_run(self->view, 0, NR_PAGES, CC_RW));
	}
	atomic_store(&spin_stop, true);
	pthread_join(thread, NULL);
	/* Others may flush meanwhile; what runs instead of the thread needs no flush. */
	EXPECT_LE(3, nr_one);
	EXPECT_EQ(10, STAT(self->view, protect_flushes));
}

TEST_HARNESS_MAIN
