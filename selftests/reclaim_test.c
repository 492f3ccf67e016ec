// SPDX-License-Identifier: MIT
/*
 * What comes of the pages of retired extents: they return to the system, to the
 * limits and to the memory cgroup; what was known about them stays
 */
#include "cc_reclaim.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

enum { PAGES = 8192, MANY = 4096, FEW = 64 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

/* A code zone with extents, and a reader that holds up what is retired. */
FIXTURE(pages)
{
	struct cc_mem mem;
	struct cc_shared shared;
	size_t page;
	int reader;
	uint64_t cookie;
};

FIXTURE_SETUP(pages)
{
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	self->page = cc_page_size();
	self->reader = cc_reader(self->mem.cache);
	ASSERT_LE(0, self->reader);
}

FIXTURE_TEARDOWN(pages)
{
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

/* Store to pages; the first signal that came of it. */
static int touch(const struct cc_mem *mem, uint64_t first, uint64_t nr)
{
	const size_t page = cc_page_size();
	int sig = 0;

	for (; nr && !sig; nr--, first++)
		sig = cc_store(mem->map[W] + first * page, first);
	return sig;
}

/* ---- the system ------------------------------------------------------------------ */

static long long shmem_pages(void)
{
	return cc_value("/proc/meminfo", "Shmem") * 1024 / (long long)cc_page_size();
}

/* MemFree, and what each processor keeps at hand, which may be thousands. */
static long long free_pages(void)
{
	long long sum = 0, nr;
	char line[256];
	FILE *f = fopen("/proc/zoneinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " nr_free_pages %lld", &nr) == 1 ||
		    sscanf(line, " count: %lld", &nr) == 1)
			sum += nr;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Counters of the kernel are sums over processors that come in late. */
static bool becomes(long long (*count)(void), long long low, long long high)
{
	long long since = cc_now_ms(), now;

	do {
		now = count();
		if (now >= low && now <= high)
			return true;
	} while (cc_patient(since));
	printf("# %lld pages, not %lld to %lld\n", now, low, high);
	return false;
}

TEST_F_TIMEOUT(pages, return_to_the_system, CC_TIMEOUT)
{
	const long long some = MANY / 8, shmem = shmem_pages();
	long long free;

	ASSERT_EQ(0, cc_extent(self->mem.zone, MANY));
	ASSERT_EQ(0, touch(&self->mem, 0, MANY));
	EXPECT_TRUE(becomes(shmem_pages, shmem + MANY - some,
			    shmem + MANY + some));
	EXPECT_EQ(MANY, cc_total("charged_pages"));
	free = free_pages();
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, MANY, &self->cookie));
	EXPECT_EQ(MANY, CC_STAT(self->mem.zone, resident_pages));
	EXPECT_EQ(MANY, CC_STAT(self->mem.cache, held_pages));
	EXPECT_EQ(MANY, CC_STAT(self->mem.cache, retired_pages));
	EXPECT_EQ(MANY, cc_total("charged_pages"));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, held_pages));
	EXPECT_EQ(0, CC_STAT(self->mem.cache, retired_pages));
	EXPECT_EQ(MANY, CC_STAT(self->mem.zone, reclaim_pages));
	EXPECT_EQ(0, cc_total("charged_pages"));
	EXPECT_TRUE(becomes(shmem_pages, shmem - some, shmem + some));
	EXPECT_TRUE(becomes(free_pages, free + MANY - some, LLONG_MAX));
}

TEST_F_TIMEOUT(pages, that_were_not_touched_do_not_count, CC_TIMEOUT)
{
	ASSERT_EQ(0, cc_extent(self->mem.zone, MANY));
	ASSERT_EQ(0, touch(&self->mem, 5, 3));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, MANY, &self->cookie));
	EXPECT_EQ(3, CC_STAT(self->mem.cache, held_pages));
	EXPECT_EQ(MANY, CC_STAT(self->mem.cache, retired_pages));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_EQ(3, CC_STAT(self->mem.zone, reclaim_pages));
}

/* Much more than there may be at a time, one after the other. */
TEST_F_TIMEOUT(pages, are_used_again_and_again, CC_TIMEOUT)
{
	unsigned int round;
	long long first;

	for (round = 0; round < 40; round++) {
		first = cc_extent(self->mem.zone, 512);
		ASSERT_LE(0, first);
		ASSERT_EQ(0, touch(&self->mem, first, 512));
		ASSERT_EQ(0, cc_retire_run(self->mem.zone, first, 512,
					   &self->cookie));
		ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
		ASSERT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
	}
	EXPECT_EQ(40 * 512, CC_STAT(self->mem.zone, reclaim_pages));
}

/* ---- limits ---------------------------------------------------------------------- */

FIXTURE(limits)
{
	struct cc_mem mem;
	struct cc_shared shared;
	int reader;
	long long saved;
};

FIXTURE_VARIANT(limits)
{
	const char *param;
};

FIXTURE_VARIANT_ADD(limits, per_user) { .param = "user_max_pages" };
FIXTURE_VARIANT_ADD(limits, of_the_system) { .param = "system_max_pages" };

FIXTURE_SETUP(limits)
{
	ASSERT_TRUE(cc_nothing_left());
	self->saved = cc_param(variant->param);
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, 2 * FEW));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	self->reader = cc_reader(self->mem.cache);
	ASSERT_LE(0, self->reader);
	ASSERT_EQ(0, cc_set_param(variant->param, FEW));
}

FIXTURE_TEARDOWN(limits)
{
	cc_set_param(variant->param, self->saved);
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

TEST_F_TIMEOUT(limits, get_pages_back_when_they_are_gone, CC_TIMEOUT)
{
	uint64_t cookie, outer;
	unsigned int round;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, cc_extent(self->mem.zone, FEW));
		ASSERT_EQ(FEW, cc_extent(self->mem.zone, FEW));
		EXPECT_EQ(0, touch(&self->mem, 0, FEW));
		EXPECT_EQ(SIGBUS, touch(&self->mem, FEW, 1));
		outer = cc_enter(&self->shared, self->reader);
		ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, FEW, &cookie));
		/* Held, they still count. */
		EXPECT_EQ(SIGBUS, touch(&self->mem, FEW, 1));
		cc_exit(&self->shared, self->reader, outer);
		ASSERT_EQ(0, cc_grace_wait(self->mem.cache, cookie));
		EXPECT_EQ(0, touch(&self->mem, FEW, FEW));
		ASSERT_EQ(0, cc_retire_run(self->mem.zone, FEW, FEW, &cookie));
		ASSERT_EQ(0, cc_grace_wait(self->mem.cache, cookie));
	}
	EXPECT_EQ(0, cc_total("charged_pages"));
}

/* ---- memory cgroups -------------------------------------------------------------- */

static void step(int sock)
{
	char byte = 0;

	if (write(sock, &byte, 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(9);
}

static void touch_and_retire(const char *cgroup, int sock)
{
	struct cc_mem mem;
	uint64_t cookie;

	if (cc_cgroup_enter(cgroup) || cc_mem_extents_code(&mem, PAGES) ||
	    cc_extent(mem.zone, MANY) || touch(&mem, 0, MANY))
		_exit(1);
	step(sock);
	if (cc_retire_run(mem.zone, 0, MANY, &cookie) ||
	    cc_grace_wait(mem.cache, cookie))
		_exit(2);
	step(sock);
	_exit(0);
}

static bool cgroup_pays(const char *cgroup, long long pages)
{
	long long since = cc_now_ms(), now;
	char path[CC_PATH + 16];

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	do {
		now = cc_value(path, "shmem") / (long long)cc_page_size();
		if (now == pages)
			return true;
	} while (cc_patient(since));
	printf("# the cgroup pays for %lld pages\n", now);
	return false;
}

FIXTURE(cgroup)
{
	char path[CC_PATH];
	bool ready;
};

FIXTURE_SETUP(cgroup)
{
	int err = cc_cgroup_make(self->path, "cc-reclaim");

	if (err)
		SKIP(return, "no memory cgroups (version 2) here: %s",
		     strerror(-err));
	self->ready = true;
}

FIXTURE_TEARDOWN(cgroup)
{
	if (self->ready)
		EXPECT_EQ(0, cc_cgroup_remove(self->path));
}

/* While zone and views live on, with their mappings. */
TEST_F_TIMEOUT(cgroup, gets_pages_back_when_they_are_gone, CC_TIMEOUT)
{
	int socks[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks));
	pid = cc_fork();
	if (!pid)
		touch_and_retire(self->path, socks[1]);
	ASSERT_EQ(1, read(socks[0], &byte, 1));
	EXPECT_TRUE(cgroup_pays(self->path, MANY));
	ASSERT_EQ(1, write(socks[0], &byte, 1));
	ASSERT_EQ(1, read(socks[0], &byte, 1));
	EXPECT_TRUE(cgroup_pays(self->path, 0));
	ASSERT_EQ(1, write(socks[0], &byte, 1));
	EXPECT_EQ(0, cc_wait(pid));
}

/* ---- what is known about them ------------------------------------------------------- */

enum { ASKED = 40 };

/* Every third page of [0, ASKED), and no other, is in this state. */
static bool thirds_are(int view, uint32_t find, uint32_t clear)
{
	uint16_t state[ASKED];
	unsigned int i;

	if (cc_query(view, 0, ASKED, find, clear, state) != (ASKED + 2) / 3)
		return false;
	for (i = 0; i < ASKED; i++) {
		if (state[i] != (i % 3 ? 0 : find))
			return false;
	}
	return true;
}

static int store_thirds(FIXTURE_DATA(pages) *self, bool by_kernel)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ASKED && !err; i += 3) {
		unsigned char *at = self->mem.map[W] + i * self->page;

		err = by_kernel ? cc_kernel_store(at, 1) : cc_store(at, 1);
	}
	return err;
}

TEST_F_TIMEOUT(pages, that_were_written_are_found_afterwards, CC_TIMEOUT)
{
	const int view = self->mem.fd[W];
	unsigned int round;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, cc_extent(self->mem.zone, ASKED));
		/* Nobody has written to them since they were handed out. */
		EXPECT_EQ(0, cc_query(view, 0, ASKED, CC_DIRTY, 0, NULL));
		ASSERT_EQ(0, store_thirds(self, round & 1));
		cc_enter(&self->shared, self->reader);
		ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, ASKED,
					   &self->cookie));
		if (round & 2)
			EXPECT_TRUE(thirds_are(view, CC_DIRTY, 0));
		cc_exit(&self->shared, self->reader, 0);
		ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
		EXPECT_TRUE(thirds_are(view, CC_DIRTY, 0));
		EXPECT_TRUE(thirds_are(view, CC_DIRTY, CC_DIRTY));
		EXPECT_EQ(0, cc_query(view, 0, ASKED, CC_DIRTY, 0, NULL));
	}
}

TEST_F_TIMEOUT(pages, that_were_run_are_found_afterwards, CC_TIMEOUT)
{
	const int view = self->mem.fd[X];
	unsigned int i;

	ASSERT_EQ(0, cc_extent(self->mem.zone, ASKED));
	ASSERT_EQ(0, store_thirds(self, false));
	for (i = 0; i < ASKED; i += 3) {
		cc_emit(self->mem.map[W] + i * self->page, i);
		ASSERT_EQ((int)i, cc_run(self->mem.map[X] + i * self->page));
	}
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, ASKED, &self->cookie));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_TRUE(thirds_are(view, CC_YOUNG, CC_YOUNG));
	EXPECT_EQ(0, cc_query(view, 0, ASKED, CC_YOUNG, 0, NULL));
}

/* Bits that nobody has cleared are there when the pages are handed out again. */
TEST_F_TIMEOUT(pages, that_were_written_are_found_by_the_next_user, CC_TIMEOUT)
{
	ASSERT_EQ(0, cc_extent(self->mem.zone, ASKED));
	ASSERT_EQ(0, store_thirds(self, false));
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, ASKED, &self->cookie));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	ASSERT_EQ(0, cc_extent(self->mem.zone, ASKED));
	EXPECT_TRUE(thirds_are(self->mem.fd[W], CC_DIRTY, 0));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, resident_pages));
}

/* Of a thread that stores while RETIRE runs, none is missed. */
TEST_F_TIMEOUT(pages, that_are_being_written_are_found, 2 * CC_TIMEOUT)
{
	unsigned int round, stored = 0;
	struct cc_writer writer;
	uint16_t state;

	for (round = 0; round < 150; round++) {
		ASSERT_EQ(0, cc_extent(self->mem.zone, 1));
		ASSERT_EQ(0, cc_writer_start(&writer, self->mem.map[W]));
		if (round % 3)
			ASSERT_TRUE(cc_writer_goes_on(&writer, round));
		ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, 1, &self->cookie));
		ASSERT_TRUE(cc_writer_segv(&writer));
		ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
		ASSERT_LE(0, cc_query(self->mem.fd[W], 0, 1, CC_DIRTY, CC_DIRTY,
				      &state));
		if (!writer.stored)
			continue;
		ASSERT_EQ(CC_DIRTY, state);
		stored++;
	}
	EXPECT_LE(100, stored);
}

TEST_F_TIMEOUT(pages, keep_the_protections_of_their_views, CC_TIMEOUT)
{
	unsigned char *w = self->mem.map[W], *x = self->mem.map[X];

	ASSERT_EQ(0, cc_extent(self->mem.zone, 4));
	ASSERT_EQ(0, touch(&self->mem, 0, 4));
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[W], 1, 1, CC_R));
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[X], 2, 1, CC_NONE));
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, 4, &self->cookie));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	ASSERT_EQ(0, cc_extent(self->mem.zone, 4));
	EXPECT_EQ(0, cc_store(w, 1));
	EXPECT_EQ(0, cc_load(w + self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_store(w + self->page, 1));
	EXPECT_EQ(0, cc_load(x + self->page, NULL));
	EXPECT_EQ(SIGSEGV, cc_load(x + 2 * self->page, NULL));
	EXPECT_EQ(0, cc_store(w + 2 * self->page, 1));
	EXPECT_EQ(1, cc_pages_with(self->mem.cache, self->mem.zone,
				   self->mem.fd[W], CC_R));
	EXPECT_EQ(1, cc_pages_with(self->mem.cache, self->mem.zone,
				   self->mem.fd[X], CC_NONE));
}

TEST_HARNESS_MAIN
