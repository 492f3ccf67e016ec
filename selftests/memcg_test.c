// SPDX-License-Identifier: MIT
/*
 * Memory cgroups: who touches a page pays for it, and gets it back
 */
#include "cc_test.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

enum { PAGES = 512 };

#define DATA	CODECACHE_VIEW_DATA

/* Two memory cgroups, and a way to talk to a process in one. */
FIXTURE(memcg)
{
	char path[2][CC_PATH];
	int socks[2];
	bool ready;
};

FIXTURE_SETUP(memcg)
{
	char name[16];
	int i, err;

	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "cc-test-%d", i);
		err = cc_cgroup_make(self->path[i], name);
		if (err)
			SKIP(return, "no memory cgroups (version 2) here: %s",
			     strerror(-err));
	}
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->socks));
	ASSERT_TRUE(cc_nothing_left());
	self->ready = true;
}

FIXTURE_TEARDOWN(memcg)
{
	if (!self->ready)
		return;
	EXPECT_EQ(0, cc_cgroup_remove(self->path[0]));
	EXPECT_EQ(0, cc_cgroup_remove(self->path[1]));
}

/* Bytes of shared memory that a cgroup pays for. */
static long long shmem(const char *cgroup)
{
	char path[CC_PATH + 16];

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	return cc_value(path, "shmem");
}

static long long current(const char *cgroup)
{
	char path[CC_PATH + 16];

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	return cc_number(path);
}

/* The kernel sums up with a delay of seconds. */
static bool shmem_becomes(const char *cgroup, long long low, long long high)
{
	long long since = cc_now_ms(), now;

	do {
		now = shmem(cgroup);
		if (now >= low && now <= high)
			return true;
	} while (cc_patient(since));
	printf("# %s: shmem is %lld\n", cgroup, now);
	return false;
}

static void touch(unsigned char *p, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		cc_store(p + i * cc_page_size(), 1);
}

static void step(int sock)
{
	char byte = 0;

	if (write(sock, &byte, 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(9);
}

static void make_and_touch(const char *cgroup, int sock)
{
	struct cc_mem mem;

	if (cc_cgroup_enter(cgroup) || cc_mem_data(&mem, PAGES))
		_exit(1);
	step(sock);
	touch(mem.map[DATA], PAGES);
	step(sock);
	cc_mem_close(&mem);
	step(sock);
	_exit(0);
}

TEST_F_TIMEOUT(memcg, pays_for_what_its_processes_touch, CC_TIMEOUT)
{
	const long long all = PAGES * cc_page_size();
	long long before;
	char byte;
	pid_t pid = cc_fork();

	if (!pid)
		make_and_touch(self->path[0], self->socks[1]);
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_TRUE(shmem_becomes(self->path[0], 0, 0));
	before = current(self->path[0]);
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_TRUE(shmem_becomes(self->path[0], all, all));
	EXPECT_LE(before + all, current(self->path[0]) + (1 << 18));
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_TRUE(shmem_becomes(self->path[0], 0, 0));
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	EXPECT_EQ(0, cc_wait(pid));
}

static void touch_part(const char *cgroup, unsigned char *p, int view, int sock)
{
	if (cc_cgroup_enter(cgroup))
		_exit(1);
	p = cc_map(view, DATA, PAGES);
	if (!p)
		_exit(2);
	touch(p, PAGES / 4);
	step(sock);
	_exit(0);
}

/* The creator does not pay for others. */
TEST_F_TIMEOUT(memcg, of_the_toucher_pays_not_that_of_the_creator, CC_TIMEOUT)
{
	const long long quarter = PAGES / 4 * cc_page_size();
	struct cc_mem mem;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	munmap(mem.map[DATA], PAGES * cc_page_size());
	mem.map[DATA] = NULL;
	pid = cc_fork();
	if (!pid)
		touch_part(self->path[1], NULL, mem.fd[DATA], self->socks[1]);
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_TRUE(shmem_becomes(self->path[1], quarter, quarter));
	EXPECT_EQ(0, shmem(self->path[0]));
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	EXPECT_EQ(0, cc_wait(pid));
	/* It is gone, its pages are still there and still its cgroup's. */
	EXPECT_TRUE(shmem_becomes(self->path[1], quarter, quarter));
	cc_mem_close(&mem);
	EXPECT_TRUE(shmem_becomes(self->path[1], 0, 0));
}

static void make_huge_view(const char *cgroup, int sock)
{
	int cache = cc_open(), zone;

	zone = cc_zone(cache, CODECACHE_ZONE_DATA, 1ULL << 28);
	if (zone < 0 || cc_cgroup_enter(cgroup))
		_exit(1);
	step(sock);
	if (cc_view(zone, DATA) < 0)
		_exit(2);
	step(sock);
	_exit(0);
}

/* What the module itself needs for a view of 1 TiB, some MiB, is paid for too. */
TEST_F_TIMEOUT(memcg, pays_for_what_describes_a_view, CC_TIMEOUT)
{
	long long before, cost;
	char byte;
	pid_t pid = cc_fork();

	if (!pid)
		make_huge_view(self->path[0], self->socks[1]);
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	before = current(self->path[0]);
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	cost = current(self->path[0]) - before;
	TH_LOG("%lld bytes", cost);
	EXPECT_LT(3 << 20, cost);
	EXPECT_GT(16 << 20, cost);
	ASSERT_EQ(1, write(self->socks[0], &byte, 1));
	EXPECT_EQ(0, cc_wait(pid));
}

TEST_HARNESS_MAIN
