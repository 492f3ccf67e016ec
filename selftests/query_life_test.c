// SPDX-License-Identifier: MIT
/*
 * QUERY over the life of a mapping: stores that the kernel makes, unmapping in
 * every way, processes that come and go, and zones that are mostly holes
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "cc_test.h"
#include "kselftest_harness.h"

enum { PAGES = 1100 };

#define DATA	CODECACHE_VIEW_DATA
#define D	CC_DIRTY
#define Y	CC_YOUNG
#define BOTH	(CC_DIRTY | CC_YOUNG)
#define ERROR	0xffff

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

FIXTURE(query)
{
	struct cc_mem mem;
	int view;
	unsigned char *map;
	size_t page;
	int pipe[2];
	uint16_t state[PAGES];
};

FIXTURE_SETUP(query)
{
	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->view = self->mem.fd[DATA];
	self->map = self->mem.map[DATA];
	self->page = cc_page_size();
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(query)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	cc_mem_close(&self->mem);
}

#define SELF	FIXTURE_DATA(query) *self

static volatile unsigned char *at(SELF, unsigned long page)
{
	return self->map + page * self->page;
}

static int start_clean(SELF)
{
	unsigned long page;

	for (page = 0; page < PAGES; page++)
		*at(self, page) = page;
	return cc_query_reset(self->view, PAGES);
}

static long long look_at_all(SELF, uint32_t clear)
{
	return cc_query(self->view, 0, PAGES, BOTH, clear, self->state);
}

/* The view is mapped no longer: by whatever means. */
static void forget_map(SELF)
{
	self->map = self->mem.map[DATA] = NULL;
}

static bool map_again(SELF)
{
	self->map = self->mem.map[DATA] = cc_map(self->view, DATA, PAGES);
	return self->map;
}

/* ---- what the kernel stores ------------------------------------------------------ */

static bool by_read_from_pipe(SELF, void *p)
{
	return write(self->pipe[1], "pipe", 4) == 4 &&
	       read(self->pipe[0], p, 4) == 4;
}

static bool by_readv_from_pipe(SELF, void *p)
{
	struct iovec iov[2] = { { p, 1 }, { (char *)p + 9, 3 } };

	return write(self->pipe[1], "pipe", 4) == 4 &&
	       readv(self->pipe[0], iov, 2) == 4;
}

static bool by_read_from_file(SELF, void *p)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool ok = pread(fd, p, self->page, 0) == (ssize_t)self->page;

	close(fd);
	return ok;
}

static bool by_recv(SELF, void *p)
{
	int pair[2];
	bool ok;

	(void)self;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return false;
	ok = write(pair[0], "unix", 4) == 4 && recv(pair[1], p, 100, 0) == 4;
	close(pair[0]);
	close(pair[1]);
	return ok;
}

static bool by_getrandom(SELF, void *p)
{
	return getrandom(p, self->page, 0) == (ssize_t)self->page;
}

static bool by_clock_gettime(SELF, void *p)
{
	(void)self;
	return !syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p);
}

static bool by_fstat(SELF, void *p)
{
	return !syscall(SYS_fstat, self->pipe[0], p);
}

static bool (*const kernel_stores[])(SELF, void *p) = {
	by_read_from_pipe, by_readv_from_pipe, by_read_from_file, by_recv,
	by_getrandom, by_clock_gettime, by_fstat,
};

/* On pages that are clean, that were never touched, that were given back. */
TEST_F_TIMEOUT(query, finds_what_the_kernel_stores, CC_TIMEOUT)
{
	unsigned int i, how;

	for (how = 0; how < 3; how++) {
		if (how)
			ASSERT_EQ(0, start_clean(self));
		if (how == 2) {
			ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES,
						    CC_NONE));
			ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES,
						    CC_RW));
		}
		for (i = 0; i < ARRAY_LEN(kernel_stores); i++)
			ASSERT_TRUE(kernel_stores[i](self, self->map + (3 + 91 *
						     i) * self->page));
		EXPECT_EQ(ARRAY_LEN(kernel_stores), look_at_all(self, BOTH));
		for (i = 0; i < ARRAY_LEN(kernel_stores); i++)
			EXPECT_EQ(BOTH, self->state[3 + 91 * i])
				TH_LOG("call %u, pages %u", i, how);
		EXPECT_EQ(0, look_at_all(self, BOTH));
	}
}

TEST_F_TIMEOUT(query, what_the_kernel_loads_is_young, CC_TIMEOUT)
{
	ASSERT_EQ(0, start_clean(self));
	ASSERT_EQ(100, write(self->pipe[1], self->map + 7 * self->page, 100));
	EXPECT_EQ(1, look_at_all(self, 0));
	EXPECT_EQ(Y, self->state[7]);
}

/* One byte on each side: the store ends in the page that is forbidden. */
TEST_F_TIMEOUT(query, a_store_that_fails_half_way_counts, CC_TIMEOUT)
{
	ASSERT_EQ(0, start_clean(self));
	ASSERT_EQ(0, cc_protect_run(self->view, 8, 1, CC_R));
	ASSERT_EQ(2, write(self->pipe[1], "ab", 2));
	EXPECT_NE(2, read(self->pipe[0], self->map + 8 * self->page - 1, 2));
	if (*(self->map + 8 * self->page - 1) == 'a')
		EXPECT_EQ(1, cc_query(self->view, 7, 1, D, 0, NULL));
	EXPECT_EQ(0, cc_query(self->view, 8, 1, D, 0, NULL));
}

/* A child that made its zone itself, which its debugger may write to. */
static int debuggee(int tell, int go)
{
	struct cc_mem mem;
	uint16_t state[8];
	unsigned int i;
	uintptr_t map;
	char c;

	if (cc_mem_data(&mem, 8))
		return 1;
	for (i = 0; i < 8; i++)
		mem.map[DATA][i * cc_page_size()] = i;
	if (cc_query_reset(mem.fd[DATA], 8) ||
	    cc_protect_run(mem.fd[DATA], 4, 1, CC_R) ||
	    cc_protect_run(mem.fd[DATA], 6, 1, CC_NONE))
		return 2;
	map = (uintptr_t)mem.map[DATA];
	if (write(tell, &map, sizeof(map)) != sizeof(map) ||
	    read(go, &c, 1) != 1)
		return 3;
	if (cc_query(mem.fd[DATA], 0, 8, D, D, state) != 3)
		return 4;
	if (state[2] != D || state[4] != D || state[6] != D)
		return 5;
	return cc_query(mem.fd[DATA], 0, 8, D, 0, NULL) ? 6 : 0;
}

TEST_F_TIMEOUT(query, finds_what_a_debugger_pokes, CC_TIMEOUT)
{
	char path[CC_PATH];
	int go[2], fd, i;
	uintptr_t map;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	pid = cc_fork();
	if (!pid)
		_exit(debuggee(self->pipe[1], go[0]));
	ASSERT_EQ(sizeof(map), read(self->pipe[0], &map, sizeof(map)));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (i = 2; i <= 6; i += 2)	/* RW, READ, NONE: all the same here */
		EXPECT_EQ(1, pwrite(fd, "p", 1, map + i * self->page + 1));
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(0, cc_wait(pid));
	close(fd);
	close(go[0]);
	close(go[1]);
}

/* ---- VIEW_UNMAP ------------------------------------------------------------------- */

TEST_F_TIMEOUT(query, stays_exact_over_view_unmap, CC_TIMEOUT)
{
	unsigned char *old = self->map;
	unsigned int round;
	void *addr;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, start_clean(self));
		*at(self, 5) = 1;
		*at(self, 1000) = 1;
		(void)*at(self, 6);
		ASSERT_EQ(0, cc_protect_run(self->view, 5, 1, CC_R));
		old = self->map;
		ASSERT_EQ(0, cc_unmap(self->view, &addr));
		EXPECT_EQ(addr, old);
		EXPECT_FALSE(cc_is_mapped(old));
		EXPECT_EQ(SIGSEGV, cc_load(old, NULL));
		forget_map(self);
		EXPECT_EQ(-EINVAL, cc_unmap(self->view, NULL));
		/* Asked while it is not mapped, and when it is again. */
		EXPECT_EQ(3, look_at_all(self, round == 1 ? BOTH : 0));
		EXPECT_EQ(BOTH, self->state[5]);
		EXPECT_EQ(BOTH, self->state[1000]);
		EXPECT_EQ(Y, self->state[6]);
		ASSERT_TRUE(map_again(self));
		EXPECT_EQ(round == 1 ? 0 : 3, look_at_all(self, BOTH));
		EXPECT_EQ(SIGSEGV, cc_store(self->map + 5 * self->page, 1));
		EXPECT_EQ(0, cc_query(self->view, 0, PAGES, D, 0, NULL));
		ASSERT_EQ(0, cc_protect_run(self->view, 5, 1, CC_RW));
		EXPECT_EQ(0, cc_store(self->map + 5 * self->page, 1));
		EXPECT_EQ(1, cc_query(self->view, 0, PAGES, D, D, NULL));
	}
}

TEST_F_TIMEOUT(query, view_unmap_is_for_the_process_that_has_it, CC_TIMEOUT)
{
	pid_t pid;

	*at(self, 1) = 1;
	pid = cc_fork();
	if (!pid)
		_exit(cc_unmap(self->view, NULL) != -EINVAL);
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_EQ(0, cc_store(self->map, 1));
	/* And for views that this module maps. */
	ASSERT_EQ(0, cc_mem_map(&self->mem, CODECACHE_VIEW_UFFD));
	EXPECT_EQ(-EOPNOTSUPP, cc_unmap(self->mem.fd[CODECACHE_VIEW_UFFD],
					NULL));
	EXPECT_EQ(0, cc_store(self->mem.map[CODECACHE_VIEW_UFFD], 1));
}

TEST_F_TIMEOUT(query, a_sealed_mapping_stays, CC_TIMEOUT)
{
	void *addr;

	*at(self, 1) = 1;
	if (syscall(SYS_mseal, self->map, PAGES * self->page, 0))
		SKIP(return, "no mseal() here");
	EXPECT_EQ(-EPERM, cc_unmap(self->view, &addr));
	EXPECT_TRUE(cc_is_mapped(self->map));
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, D, D, NULL));
	EXPECT_EQ(0, cc_store(self->map + 2 * self->page, 1));
	EXPECT_EQ(1, self->map[self->page]);
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, D, D, NULL));
	self->mem.map[DATA] = NULL;	/* for good */
}

/* ---- unmapped behind the module's back ------------------------------------------- */

/*
 * 5, 600: written; 7: read; 20: written, then taken away; 21: clean, then taken
 * away; 22: never more than clean. Then the page tables go. The kernel drops what
 * the processor noted; what the module had taken in before stays exact.
 */
static int prepare_loss(SELF)
{
	int err = start_clean(self);

	if (err)
		return err;
	*at(self, 5) = 1;
	*at(self, 600) = 1;
	(void)*at(self, 7);
	*at(self, 20) = 1;
	return cc_protect_run(self->view, 20, 2, CC_NONE);
}

/* Nothing is missed, and what may be wrong is marked. */
static bool loss_is_told(SELF)
{
	unsigned int page;

	if (look_at_all(self, BOTH) < 0)
		return false;
	for (page = 0; page < PAGES; page++) {
		uint16_t want = page == 20 ? BOTH :
				page == 21 ? 0 : BOTH | CC_UNSURE;

		if (self->state[page] != want) {
			printf("# page %u: state %#x, not %#x\n", page,
			       self->state[page], want);
			return false;
		}
	}
	/* Once: then all is known again. */
	return look_at_all(self, BOTH) == 0;
}

TEST_F_TIMEOUT(query, munmap_makes_unsure, CC_TIMEOUT)
{
	ASSERT_EQ(0, prepare_loss(self));
	ASSERT_EQ(0, munmap(self->map, PAGES * self->page));
	forget_map(self);
	EXPECT_TRUE(loss_is_told(self));
	ASSERT_TRUE(map_again(self));
	*at(self, 3) = 1;
	EXPECT_EQ(1, look_at_all(self, 0));
	EXPECT_EQ(BOTH, self->state[3]);
}

TEST_F_TIMEOUT(query, a_new_mapping_does_not_hide_what_is_unsure, CC_TIMEOUT)
{
	ASSERT_EQ(0, prepare_loss(self));
	ASSERT_EQ(0, munmap(self->map, PAGES * self->page));
	ASSERT_TRUE(map_again(self));
	EXPECT_TRUE(loss_is_told(self));
}

TEST_F_TIMEOUT(query, mmap_over_it_makes_unsure, CC_TIMEOUT)
{
	size_t bytes = PAGES * self->page;

	ASSERT_EQ(0, prepare_loss(self));
	ASSERT_EQ(self->map, mmap(self->map, bytes, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0));
	ASSERT_EQ(0, munmap(self->map, bytes));
	forget_map(self);
	EXPECT_TRUE(loss_is_told(self));
}

TEST_F_TIMEOUT(query, pages_that_never_were_mapped_are_not_unsure, CC_TIMEOUT)
{
	*at(self, 5) = 1;
	ASSERT_EQ(0, munmap(self->map, PAGES * self->page));
	forget_map(self);
	ASSERT_LE(1, look_at_all(self, BOTH));
	EXPECT_EQ(BOTH | CC_UNSURE, self->state[5]);
	EXPECT_EQ(0, self->state[600]);
	EXPECT_EQ(0, self->state[PAGES - 1]);
}

/* A child maps the view, stores, and ends in one way or another. */
static void child_stores(SELF, unsigned int how)
{
	if (!map_again(self) || prepare_loss(self))
		_exit(1);
	if (how == 1)
		raise(SIGKILL);
	if (how == 2) {	/* something that says how it is used, to nobody */
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		execl("/proc/self/exe", "self", "-h", NULL);
		_exit(99);
	}
	_exit(0);
}

TEST_F_TIMEOUT(query, knows_what_a_process_stored_that_is_gone, CC_TIMEOUT)
{
	unsigned int how;
	int status;
	pid_t pid;

	ASSERT_EQ(0, cc_unmap(self->view, NULL));
	forget_map(self);
	for (how = 0; how < 3; how++) {
		pid = cc_fork();
		if (!pid)
			child_stores(self, how);
		status = cc_wait(pid);
		ASSERT_TRUE(how == 0 ? status == 0 :
			    how == 1 ? status == 128 + SIGKILL : status < 99);
		EXPECT_TRUE(loss_is_told(self))
			TH_LOG("way %u", how);
		ASSERT_EQ(0, cc_protect_run(self->view, 0, PAGES, CC_RW));
	}
}

/* By its owner, while others hold the descriptor, and fork() copies nothing. */
TEST_F_TIMEOUT(query, another_process_may_ask, CC_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, start_clean(self));
	*at(self, 5) = 1;
	pid = cc_fork();
	if (!pid) {
		if (look_at_all(self, BOTH) != 1 || self->state[5] != BOTH)
			_exit(1);
		_exit(look_at_all(self, 0) != 0);
	}
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_EQ(0, look_at_all(self, 0));
	*at(self, 5) = 1;
	*at(self, 6) = 1;
	EXPECT_EQ(2, look_at_all(self, 0));
	EXPECT_EQ(BOTH, self->state[5]);
	EXPECT_EQ(BOTH, self->state[6]);
}

/* ---- sparse zones ---------------------------------------------------------------- */

enum { TOUCHED = 100, TIMES = 20 };

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* Every TOUCHED-th of @nr pages is written, and must be found; the time of that. */
static long long sparse_round(struct cc_mem *mem, uint64_t nr)
{
	struct codecache_page_range r[TOUCHED + 1];
	struct codecache_view_query_args args = {
		.addr = (uintptr_t)r, .count = TOUCHED + 1,
		.find = D, .clear = D,
	};
	long long since;
	unsigned int i;

	for (i = 0; i < TOUCHED; i++)
		mem->map[DATA][nr / TOUCHED * i * cc_page_size()]++;
	since = now_us();
	do {
		if (cc_query_call(mem->fd[DATA], &args))
			return -1;
		args.addr += args.out_count * sizeof(*r);
		args.count -= args.out_count;
		args.first_page = args.out_next_page;
	} while (args.first_page < nr);
	since = now_us() - since;
	for (i = 0; i < TOUCHED; i++) {
		if (r[i].first_page != nr / TOUCHED * i || r[i].nr_pages != 1 ||
		    r[i].state != D)
			return -1;
	}
	return args.count == 1 ? since : -1;
}

/* The best of several; -1: wrong pages. */
static long long sparse_time(struct cc_mem *mem, uint64_t nr)
{
	long long us, best = -1;
	unsigned int i;

	for (i = 0; i < TIMES; i++) {
		us = sparse_round(mem, nr);
		if (us < 0)
			return -1;
		if (best < 0 || us < best)
			best = us;
	}
	return best ?: 1;
}

TEST_F_TIMEOUT(query, holes_cost_nearly_nothing, CC_TIMEOUT)
{
	uint64_t huge = (64ULL << 30) / self->page;
	struct cc_mem small, large;
	long long fast, slow, tables;

	if ((unsigned long long)cc_param("max_zone_bytes") < 64ULL << 30)
		SKIP(return, "zones may not be so large here");
	ASSERT_EQ(0, cc_mem_data(&small, 2 * TOUCHED));
	ASSERT_EQ(0, cc_mem_data(&large, huge));
	fast = sparse_time(&small, 2 * TOUCHED);
	ASSERT_LT(0, fast);
	ASSERT_LT(0, sparse_round(&large, huge));
	tables = cc_value("/proc/self/status", "VmPTE");
	ASSERT_LT(0, tables);
	slow = sparse_time(&large, huge);
	ASSERT_LT(0, slow);
	TH_LOG("%d pages: %lld us among as many others, %lld us in 64 GiB",
	       TOUCHED, fast, slow);
	/* Page by page it were 84,000 times; checks make a step to a table longer. */
	EXPECT_GE(500 * fast, slow);
	EXPECT_EQ(tables, cc_value("/proc/self/status", "VmPTE"));
	cc_mem_close(&small);
	cc_mem_close(&large);
}

/* Nothing is touched: nothing is walked, and nothing comes to be. */
TEST_F_TIMEOUT(query, asking_makes_no_page, CC_TIMEOUT)
{
	struct codecache_stats_args stats;
	long long tables;

	tables = cc_value("/proc/self/status", "VmPTE");
	EXPECT_EQ(0, look_at_all(self, BOTH));
	ASSERT_EQ(0, cc_stats(self->view, &stats));
	EXPECT_EQ(0, stats.out_resident_pages);
	EXPECT_EQ(0, stats.out_query_flushes);
	EXPECT_EQ(tables, cc_value("/proc/self/status", "VmPTE"));
}

TEST_HARNESS_MAIN
