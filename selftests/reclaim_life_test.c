// SPDX-License-Identifier: MIT
/*
 * The life of what is retired: whatever is closed, unmapped or killed meanwhile, it
 * goes, and the module can be unloaded
 *
 * Unloads the module after each test, and loads it again: wants the module's file as
 * /codecache.ko, or where CODECACHE_KO says, and nobody else who uses the module.
 */
#include "cc_reclaim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

enum { PAGES = 256, NR = 32 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

/* Code in one extent that is to be retired, and in one that is not. */
FIXTURE(life)
{
	struct cc_mem mem;
	struct cc_shared shared;
	size_t page;
	unsigned char *x;
	int reader;
	uint64_t cookie;
};

FIXTURE_SETUP(life)
{
	unsigned int i;

	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	self->page = cc_page_size();
	self->x = self->mem.map[X];
	self->reader = cc_reader(self->mem.cache);
	ASSERT_LE(0, self->reader);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(i * NR, cc_extent(self->mem.zone, NR));
	for (i = 0; i < 2 * NR; i++) {
		cc_emit(self->mem.map[W] + i * self->page, i);
		ASSERT_EQ((int)i, cc_run(self->x + i * self->page));
	}
}

/* In the parent, when nothing of the test is left. */
FIXTURE_TEARDOWN_PARENT(life)
{
	EXPECT_TRUE(cc_nothing_left());
	EXPECT_EQ(0, cc_module_cycle());
}

static int retire(FIXTURE_DATA(life) *self)
{
	cc_enter(&self->shared, self->reader);
	return cc_retire_run(self->mem.zone, 0, NR, &self->cookie);
}

static void close_fd(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* The extent that was retired has gone, the other one is there and runs. */
static bool half_is_gone(FIXTURE_DATA(life) *self)
{
	unsigned int i;

	for (i = 0; i < 2 * NR; i++) {
		void *at = self->x + i * self->page;

		if (i < NR ? cc_load(at, NULL) != SIGSEGV : cc_run(at) != (int)i)
			return false;
	}
	return true;
}

/* With the last descriptor nobody can be inside any more. */
TEST_F_TIMEOUT(life, of_a_cache_that_is_closed_ends_for_what_is_retired, CC_TIMEOUT)
{
	ASSERT_EQ(0, retire(self));
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	close_fd(&self->mem.zone);
	close_fd(&self->mem.fd[W]);
	close_fd(&self->mem.fd[X]);
	close_fd(&self->mem.cache);
	/* The slots are mapped still, and with them the reader is inside. */
	EXPECT_EQ(NR, cc_total("held_pages"));
	EXPECT_EQ(1, cc_run(self->x + self->page));
	cc_unshare(&self->shared);
	EXPECT_TRUE(cc_total_becomes("held_pages", 0));
	EXPECT_TRUE(cc_total_becomes("charged_pages", NR));
	EXPECT_TRUE(half_is_gone(self));
	/* What is mapped holds the rest. */
	EXPECT_EQ(1, cc_total("caches"));
	munmap(self->mem.map[W], PAGES * self->page);
	EXPECT_TRUE(half_is_gone(self));
	munmap(self->mem.map[X], PAGES * self->page);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(life, of_a_cache_that_is_closed_goes_on_for_its_zones, CC_TIMEOUT)
{
	uint64_t cookie;

	cc_unshare(&self->shared);
	close_fd(&self->mem.cache);
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, 0, NR, &cookie));
	EXPECT_LT(0, cookie);
	EXPECT_TRUE(CC_STAT_BECOMES(self->mem.zone, retired_pages, 0));
	EXPECT_TRUE(half_is_gone(self));
	EXPECT_EQ(0, cc_extent(self->mem.zone, NR));
	EXPECT_EQ(0, cc_store(self->mem.map[W], 1));
	cc_mem_close(&self->mem);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(life, of_a_zone_lasts_until_the_grace_period_is_over, CC_TIMEOUT)
{
	ASSERT_EQ(0, retire(self));
	close_fd(&self->mem.zone);
	close_fd(&self->mem.fd[W]);
	close_fd(&self->mem.fd[X]);
	munmap(self->mem.map[W], PAGES * self->page);
	munmap(self->mem.map[X], PAGES * self->page);
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	EXPECT_EQ(1, cc_total("zones"));
	EXPECT_EQ(NR, cc_total("held_pages"));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_TRUE(cc_total_becomes("zones", 0));
	EXPECT_TRUE(cc_total_becomes("charged_pages", 0));
}

/* Views that are unmapped, and mapped again, while the reader is inside. */
TEST_F_TIMEOUT(life, of_mappings_does_not_matter, CC_TIMEOUT)
{
	ASSERT_EQ(0, retire(self));
	munmap(self->x, PAGES * self->page);
	ASSERT_EQ(0, cc_unmap(self->mem.fd[W], NULL));
	self->x = cc_map(self->mem.fd[X], X, PAGES);
	self->mem.map[W] = cc_map(self->mem.fd[W], W, PAGES);
	ASSERT_NE(NULL, self->x);
	ASSERT_NE(NULL, self->mem.map[W]);
	EXPECT_EQ(3, cc_run(self->x + 3 * self->page));
	EXPECT_EQ(SIGSEGV, cc_store(self->mem.map[W], 1));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_TRUE(half_is_gone(self));
	munmap(self->x, PAGES * self->page);
	EXPECT_EQ(0, CC_STAT(self->mem.cache, held_pages));
}

/* Eventfds that wait when the cache goes are told, for there is nobody inside. */
TEST_F_TIMEOUT(life, of_a_cache_that_goes_tells_who_waits, CC_TIMEOUT)
{
	int event = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, retire(self));
	ASSERT_EQ(0, cc_grace_eventfd(self->mem.cache, self->cookie, event));
	EXPECT_EQ(0, cc_poll(event, 0));
	cc_mem_close(&self->mem);
	EXPECT_EQ(0, cc_poll(event, 0));
	cc_unshare(&self->shared);
	EXPECT_EQ(POLLIN, cc_poll(event, CC_PATIENCE_MS));
	close(event);
}

/* ---- processes that are killed ------------------------------------------------------ */

/* Retires as fast as it can, with a reader that goes in and out. */
static void retire_for_ever(int sock)
{
	struct cc_shared shared;
	struct cc_mem mem;
	long long first;
	int reader;

	if (cc_mem_extents_code(&mem, PAGES) || cc_share(&shared, mem.cache))
		_exit(1);
	reader = cc_reader(mem.cache);
	for (;;) {
		cc_enter(&shared, reader);
		first = cc_extent(mem.zone, 3);
		if (first >= 0) {
			cc_emit(mem.map[W] + first * cc_page_size(), 1);
			cc_run(mem.map[X] + first * cc_page_size());
			cc_retire_run(mem.zone, first, 3, NULL);
		}
		if (write(sock, "", 1) != 1)
			_exit(2);
		if (first < 0)
			cc_exit(&shared, reader, 0);
	}
}

FIXTURE(kill)
{
	int unused;
};

FIXTURE_SETUP(kill)
{
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN_PARENT(kill)
{
	EXPECT_TRUE(cc_nothing_left());
	EXPECT_EQ(0, cc_module_cycle());
}

TEST_F_TIMEOUT(kill, of_who_retires_leaves_nothing, 2 * CC_TIMEOUT)
{
	char bytes[64];
	int i, fds[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(fds));
	for (i = 0; i < 25; i++) {
		pid = cc_fork();
		if (!pid)
			retire_for_ever(fds[1]);
		ASSERT_LT(0, read(fds[0], bytes, sizeof(bytes)));
		usleep(i * 1733 % 30000);
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
	}
	EXPECT_TRUE(cc_nothing_left());
}

/* ---- unloading ------------------------------------------------------------------------ */

static int load(void)
{
	const char *path = getenv("CODECACHE_KO") ?: "/codecache.ko";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;

	close(fd);
	return err;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "codecache", O_NONBLOCK) ? -errno : 0;
}

static int unload_patiently(void)
{
	long long since = cc_now_ms();
	int err = unload();

	while (err == -EWOULDBLOCK && cc_patient(since))
		err = unload();
	return err;
}

FIXTURE(unload)
{
	int unused;
};

FIXTURE_SETUP(unload)
{
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN_PARENT(unload)
{
	if (access("/sys/module/codecache", F_OK))
		EXPECT_EQ(0, load());
}

/* Many zones, each with extents that have been used, all of it retired just now. */
static bool retire_a_lot(int round)
{
	struct cc_mem mem[3];
	uint64_t cookie;
	int i, k;

	for (i = 0; i < 3; i++) {
		if (cc_mem_extents_code(&mem[i], PAGES))
			return false;
		for (k = 0; k < 8; k++) {
			if (cc_extent(mem[i].zone, 3) != 3 * k ||
			    cc_store(mem[i].map[W] + 3 * k * cc_page_size(), 1))
				return false;
		}
		if (cc_retire_all(mem[i].zone, &cookie))
			return false;
	}
	if (round & 1)
		usleep(round * 997 % 20000);
	for (i = 0; i < 3; i++)
		cc_mem_close(&mem[i]);
	return true;
}

TEST_F_TIMEOUT(unload, waits_for_what_is_retired, 2 * CC_TIMEOUT)
{
	int i;

	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(retire_a_lot(i));
		/* No file is open; but a view that is being swept is there. */
		ASSERT_EQ(0, unload_patiently());
		EXPECT_NE(0, access(CC_DEBUGFS, F_OK));
		ASSERT_EQ(0, load());
		EXPECT_EQ(0, cc_total("caches"));
	}
}

TEST_F_TIMEOUT(unload, is_refused_while_slots_are_mapped, CC_TIMEOUT)
{
	struct cc_shared shared;
	int cache = cc_open();

	ASSERT_EQ(0, cc_share(&shared, cache));
	ASSERT_EQ(0, cc_reader(cache));
	close(cache);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	cc_enter(&shared, 0);
	cc_exit(&shared, 0, 0);
	cc_unshare(&shared);
	EXPECT_EQ(0, unload());
}

TEST_HARNESS_MAIN
