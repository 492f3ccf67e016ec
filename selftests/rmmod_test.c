// SPDX-License-Identifier: MIT
/*
 * Unloading the module: refused while anything is in use, clean as soon as
 * nothing is; and what it takes when it is loaded
 *
 * Wants the module's file as /codecache.ko, or where CODECACHE_KO says, and
 * nobody else who uses the module.
 */
#include "cc_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

enum { PAGES = 8, USER = 1001 };

static int load(const char *params)
{
	const char *path = getenv("CODECACHE_KO") ?: "/codecache.ko";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0 || syscall(SYS_finit_module, fd, params, 0))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "codecache", O_NONBLOCK) ? -errno : 0;
}

/* A process that has just ended may still hold it for a moment. */
static int unload_soon(void)
{
	long long since = cc_now_ms();
	int err;

	do {
		err = unload();
	} while (err == -EWOULDBLOCK && cc_patient(since));
	return err;
}

static bool is_gone(void)
{
	return access("/sys/module/codecache", F_OK) &&
	       access(CC_DEBUGFS, F_OK) && access(CODECACHE_DEVICE, F_OK);
}

static bool is_loaded(void)
{
	return !access("/sys/module/codecache", F_OK);
}

/* A bit of everything that the module can do. */
static bool use(void)
{
	struct cc_mem code, data;
	bool good;

	if (cc_mem_code(&code, PAGES) || cc_mem_data(&data, PAGES) ||
	    cc_mem_map(&data, CODECACHE_VIEW_UFFD))
		return false;
	cc_emit(code.map[CODECACHE_VIEW_WRITE], 42);
	good = cc_run(code.map[CODECACHE_VIEW_EXEC]) == 42 &&
	       !cc_store(data.map[CODECACHE_VIEW_DATA], 1) &&
	       data.map[CODECACHE_VIEW_UFFD][0] == 1 &&
	       !cc_protect_run(data.fd[CODECACHE_VIEW_DATA], 0, 1, CC_NONE) &&
	       cc_load(data.map[CODECACHE_VIEW_DATA], NULL) == SIGSEGV;
	cc_mem_close(&code);
	cc_mem_close(&data);
	return good;
}

/* ---- what holds the module ---------------------------------------------------- */

FIXTURE(module)
{
	struct cc_mem mem;
};

FIXTURE_VARIANT(module)
{
	uint32_t kind;
	bool cache, zone, view, mapping;	/* what is kept */
};

#define HELD_BY(name, ...) FIXTURE_VARIANT_ADD(module, held_by_##name) \
	{ __VA_ARGS__ }

HELD_BY(a_cache, .kind = CODECACHE_VIEW_DATA, .cache = true);
HELD_BY(a_zone, .kind = CODECACHE_VIEW_DATA, .zone = true);
HELD_BY(a_view, .kind = CODECACHE_VIEW_EXEC, .view = true);
HELD_BY(a_uffd_view, .kind = CODECACHE_VIEW_UFFD, .view = true);
HELD_BY(a_write_mapping, .kind = CODECACHE_VIEW_WRITE, .mapping = true);
HELD_BY(an_exec_mapping, .kind = CODECACHE_VIEW_EXEC, .mapping = true);
HELD_BY(a_data_mapping, .kind = CODECACHE_VIEW_DATA, .mapping = true);
HELD_BY(a_uffd_mapping, .kind = CODECACHE_VIEW_UFFD, .mapping = true);

FIXTURE_SETUP(module)
{
	if (!is_loaded())
		ASSERT_EQ(0, load(""));
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(module)
{
	if (!is_loaded())
		EXPECT_EQ(0, load(""));
}

static void close_if(bool yes, int *fd)
{
	if (!yes)
		return;
	close(*fd);
	*fd = -1;
}

TEST_F_TIMEOUT(module, stays_until_that_is_gone, CC_TIMEOUT)
{
	struct cc_mem *mem = &self->mem;
	uint32_t kind = variant->kind;
	unsigned char *p;
	int i;

	memset(mem, 0, sizeof(*mem));
	memset(mem->fd, -1, sizeof(mem->fd));
	mem->nr_pages = PAGES;
	mem->cache = cc_open();
	mem->zone = cc_zone(mem->cache, cc_kind_class(kind), PAGES);
	ASSERT_EQ(0, cc_mem_map(mem, kind));
	p = mem->map[kind];
	ASSERT_EQ(0, cc_load(p, NULL));
	if (!variant->mapping) {
		munmap(p, PAGES * cc_page_size());
		mem->map[kind] = NULL;
	}
	close_if(!variant->cache, &mem->cache);
	close_if(!variant->zone, &mem->zone);
	close_if(!variant->view, &mem->fd[kind]);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(-EWOULDBLOCK, unload());
		usleep(1000);
	}
	if (variant->mapping)
		EXPECT_EQ(0, cc_load(p + cc_page_size(), NULL));
	cc_mem_close(mem);
	ASSERT_EQ(0, unload_soon());
	EXPECT_TRUE(is_gone());
	ASSERT_EQ(0, load(""));
	EXPECT_TRUE(use());
}

/* ---- again and again ------------------------------------------------------------ */

FIXTURE(cycle)
{
	int unused;
};

FIXTURE_SETUP(cycle)
{
	if (is_loaded())
		ASSERT_EQ(0, unload_soon());
}

/* In the parent: then nothing of the test holds it. */
FIXTURE_TEARDOWN_PARENT(cycle)
{
	if (is_loaded())
		EXPECT_EQ(0, unload_soon());
	EXPECT_EQ(0, load(""));
}

TEST_F_TIMEOUT(cycle, of_loading_and_unloading_is_clean, 3 * CC_TIMEOUT)
{
	int i;

	for (i = 0; i < 50 / cc_slow(); i++) {
		ASSERT_EQ(0, load(""));
		ASSERT_EQ(-EEXIST, load(""));
		ASSERT_TRUE(use());
		ASSERT_EQ(0, unload_soon());
		ASSERT_TRUE(is_gone());
		ASSERT_EQ(-ENOENT, unload());
	}
}

TEST_F_TIMEOUT(cycle, bears_a_process_that_is_killed_in_use, 3 * CC_TIMEOUT)
{
	char byte;
	pid_t pid;
	int i, fds[2];

	ASSERT_EQ(0, pipe(fds));
	for (i = 0; i < 20 / cc_slow(); i++) {
		ASSERT_EQ(0, load(""));
		pid = cc_fork();
		if (!pid) {
			write(fds[1], "", 1);
			for (;;)
				use();
		}
		ASSERT_EQ(1, read(fds[0], &byte, 1));
		usleep(3000);
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pid));
		ASSERT_EQ(0, unload_soon());
	}
}

/* Opening races with unloading: whoever is first wins, nobody crashes. */
TEST_F_TIMEOUT(cycle, bears_processes_that_open_it_meanwhile, 3 * CC_TIMEOUT)
{
	const int rounds = 30 / cc_slow();
	int i, k, unloaded = 0;
	pid_t pids[2];

	for (i = 0; i < 2; i++) {
		pids[i] = cc_fork();
		if (pids[i])
			continue;
		/* With pauses, or it would hardly ever be idle. */
		for (;; usleep(5000))
			use();
	}
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, load(""));
		for (k = 0; unload(); k++)
			usleep(100 * (k % 20));
		unloaded++;
	}
	for (i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		cc_wait(pids[i]);
	}
	EXPECT_EQ(rounds, unloaded);
	EXPECT_TRUE(is_gone());
}

TEST_F_TIMEOUT(cycle, bears_that_it_is_traced, CC_TIMEOUT)
{
	static const char enable[] = CC_TRACEFS "/events/codecache/enable";
	static char text[1 << 16];
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, load(""));
		if (access(enable, W_OK))
			SKIP(return, "this kernel has no tracefs");
		ASSERT_EQ(0, cc_trace_enable(true));
		ASSERT_TRUE(use());
		if (i & 1)
			ASSERT_EQ(0, cc_trace_enable(false));
		ASSERT_EQ(0, unload_soon());
		EXPECT_LE(0, cc_read_file(CC_TRACEFS "/trace", text,
					  sizeof(text)));
	}
}

TEST_F_TIMEOUT(cycle, bears_a_debugfs_file_that_is_open, CC_TIMEOUT)
{
	char text[4096];
	int i, fd, err;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, load(""));
		fd = open(CC_DEBUGFS "/totals", O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		EXPECT_LT(0, read(fd, text, sizeof(text)));
		err = unload();
		EXPECT_TRUE(err == 0 || err == -EWOULDBLOCK);
		pread(fd, text, sizeof(text), 0);
		close(fd);
		if (err)
			ASSERT_EQ(0, unload_soon());
	}
}

/* A descriptor that is on its way in a socket is one, too. */
TEST_F_TIMEOUT(cycle, waits_for_descriptors_on_their_way, CC_TIMEOUT)
{
	int cache, zone, socks[2];

	ASSERT_EQ(0, load(""));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	cache = cc_open();
	zone = cc_zone(cache, CODECACHE_ZONE_DATA, PAGES);
	ASSERT_EQ(0, cc_send_fd(socks[0], zone));
	close(zone);
	close(cache);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	zone = cc_recv_fd(socks[1]);
	EXPECT_EQ(-EWOULDBLOCK, unload());
	EXPECT_LE(0, cc_view(zone, CODECACHE_VIEW_DATA));
	close(zone);
	EXPECT_EQ(-EWOULDBLOCK, unload());
}

/* ---- parameters ------------------------------------------------------------------- */

static int max_pages_of_a_zone(uint64_t *bytes)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	int cache = cc_open(), err;

	err = cc_ioctl(cache, CODECACHE_IOC_INFO, &info);
	close(cache);
	*bytes = info.out_max_zone_bytes;
	return err;
}

TEST_F_TIMEOUT(cycle, takes_the_largest_zone_as_a_parameter, CC_TIMEOUT)
{
	const uint64_t page = cc_page_size();
	uint64_t bytes;
	int cache;

	ASSERT_EQ(0, load("max_zone_bytes=12289"));
	ASSERT_EQ(0, max_pages_of_a_zone(&bytes));
	EXPECT_EQ(12289 / page * page, bytes);
	cache = cc_open();
	EXPECT_LE(0, cc_zone(cache, CODECACHE_ZONE_DATA, 3));
	EXPECT_EQ(-ERANGE, cc_zone(cache, CODECACHE_ZONE_DATA, 4));
	/* Once loaded it is fixed. */
	cc_set_param("max_zone_bytes", 1 << 20);
	EXPECT_EQ(-ERANGE, cc_zone(cache, CODECACHE_ZONE_DATA, 4));
}

TEST_F_TIMEOUT(cycle, bounds_the_largest_zone_by_what_it_can_do, CC_TIMEOUT)
{
	static const char *const params[] = {
		"max_zone_bytes=0", "max_zone_bytes=1",
		"max_zone_bytes=70368744177664",	/* 64 TiB */
		"max_zone_bytes=9223372036854775807",
		"max_zone_bytes=18446744073709551615",
	};
	const uint64_t page = cc_page_size();
	uint64_t bytes;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(params); i++) {
		ASSERT_EQ(0, load(params[i]));
		ASSERT_EQ(0, max_pages_of_a_zone(&bytes));
		EXPECT_LE(page, bytes);
		EXPECT_EQ(0, bytes % page);
		/* Page numbers of a range and of a vector are 32 bits. */
		EXPECT_GE(0xffffffffULL, bytes / page)
			TH_LOG("%s", params[i]);
		ASSERT_EQ(0, unload_soon());
	}
}

TEST_F_TIMEOUT(cycle, takes_limits_as_parameters, CC_TIMEOUT)
{
	int cache;

	ASSERT_EQ(0, load("user_max_objects=2 system_max_pages=1"));
	cache = cc_open();
	EXPECT_LE(0, cc_zone(cache, CODECACHE_ZONE_DATA, 4));
	EXPECT_EQ(-EDQUOT, cc_zone(cache, CODECACHE_ZONE_DATA, 4));
	EXPECT_EQ(1, cc_param("system_max_pages"));
	EXPECT_EQ(2, cc_param("user_max_objects"));
}

TEST_F_TIMEOUT(cycle, takes_who_may_open_the_device_as_a_parameter, CC_TIMEOUT)
{
	struct stat st;
	pid_t pid;

	ASSERT_EQ(0, load("device_mode=0666"));
	ASSERT_EQ(0, stat(CODECACHE_DEVICE, &st));
	EXPECT_EQ(0666, st.st_mode & 07777);
	pid = cc_fork();
	if (!pid)
		_exit(setuid(USER) || !use());
	EXPECT_EQ(0, cc_wait(pid));
	ASSERT_EQ(0, unload_soon());
	EXPECT_EQ(-EINVAL, load("device_mode=010666"));
	EXPECT_TRUE(is_gone());
	EXPECT_EQ(-EINVAL, load("device_mode=everybody"));
	EXPECT_TRUE(is_gone());
}

TEST_HARNESS_MAIN
