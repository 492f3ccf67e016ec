// SPDX-License-Identifier: MIT
/*
 * memory.max: who touches more than a memory cgroup allows is killed, alone
 *
 * The kernel reports such a kill with a call trace. So this is a run of its
 * own, in which that is no fault: see plan.conf.
 */
#include "cc_test.h"

#include <sys/mman.h>

#include "kselftest_harness.h"

#define DATA	CODECACHE_VIEW_DATA
#define UFFD	CODECACHE_VIEW_UFFD

enum { PAGES = 8192, LIMIT_MIB = 8 };

/* A memory cgroup that is too small for the zones that we fill in it. */
FIXTURE(oom)
{
	char path[CC_PATH];
	bool ready;
};

FIXTURE_VARIANT(oom)
{
	uint32_t kind;
};

FIXTURE_VARIANT_ADD(oom, data_view) { .kind = DATA };
FIXTURE_VARIANT_ADD(oom, write_view) { .kind = CODECACHE_VIEW_WRITE };
FIXTURE_VARIANT_ADD(oom, uffd_view) { .kind = UFFD };

static int write_to(const char *cgroup, const char *name, const char *text)
{
	char path[CC_PATH + 32];

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	return cc_write_file(path, text);
}

FIXTURE_SETUP(oom)
{
	int err = cc_cgroup_make(self->path, "cc-oom");

	if (err)
		SKIP(return, "no memory cgroups (version 2) here: %s",
		     strerror(-err));
	ASSERT_EQ(0, write_to(self->path, "memory.max", "8M"));
	ASSERT_TRUE(cc_nothing_left());
	self->ready = true;
}

FIXTURE_TEARDOWN(oom)
{
	if (self->ready)
		EXPECT_EQ(0, cc_cgroup_remove(self->path));
}

/* Touches until it is stopped; tells how far it came. */
static void fill(uint32_t kind, const char *cgroup, volatile unsigned int *nr)
{
	struct cc_mem mem = { .nr_pages = PAGES };

	mem.cache = cc_open();
	mem.zone = cc_zone(mem.cache, cc_kind_class(kind), PAGES);
	if (cc_mem_map(&mem, kind) || cc_cgroup_enter(cgroup))
		_exit(1);
	for (; *nr < PAGES; ++*nr) {
		if (cc_store(mem.map[kind] + *nr * cc_page_size(), 1))
			_exit(2);
	}
	_exit(0);
}

TEST_F_TIMEOUT(oom, kills_the_toucher_and_nobody_else, CC_TIMEOUT)
{
	const unsigned int limit = (LIMIT_MIB << 20) / cc_page_size();
	volatile unsigned int *nr;
	struct cc_mem mem;
	pid_t pid;

	if (!self->ready)
		return;
	nr = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(0, cc_mem_data(&mem, 16));
	pid = cc_fork();
	if (!pid)
		fill(variant->kind, self->path, nr);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	TH_LOG("%u of %u pages", *nr, limit);
	EXPECT_GT(limit, *nr);
	EXPECT_LT(limit / 4, *nr);
	/* All that was its own is gone, what is ours works. */
	EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
	EXPECT_EQ(0, cc_store(mem.map[DATA], 1));
	EXPECT_EQ(1, cc_total("charged_pages"));
	cc_mem_close(&mem);
}

TEST_HARNESS_MAIN
