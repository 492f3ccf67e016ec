// SPDX-License-Identifier: MIT
/*
 * Limits: of objects and of resident pages, per user and in all
 */
#include "cc_test.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

enum { PAGES = 16, USER = 1001 };

#define DATA	CODECACHE_VIEW_DATA

static const char *const params[] = {
	"user_max_objects", "user_max_pages", "system_max_objects",
	"system_max_pages",
};

/* One pair of limits: those per user, or those of the system. */
FIXTURE(limit)
{
	long long saved[ARRAY_LEN(params)];
};

FIXTURE_VARIANT(limit)
{
	const char *objects;
	const char *pages;
	int err;
};

FIXTURE_VARIANT_ADD(limit, per_user)
{
	.objects = "user_max_objects",
	.pages = "user_max_pages",
	.err = -EDQUOT,
};

FIXTURE_VARIANT_ADD(limit, of_the_system)
{
	.objects = "system_max_objects",
	.pages = "system_max_pages",
	.err = -ENOSPC,
};

FIXTURE_SETUP(limit)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(params); i++) {
		self->saved[i] = cc_param(params[i]);
		ASSERT_LE(0, self->saved[i]);
	}
	ASSERT_TRUE(cc_nothing_left());
}

/* In the parent, since limits outlive a test that dies. */
FIXTURE_TEARDOWN_PARENT(limit)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(params); i++)
		cc_set_param(params[i], self->saved[i]);
}

/* ---- objects ------------------------------------------------------------------ */

TEST_F_TIMEOUT(limit, on_objects_is_exact, CC_TIMEOUT)
{
	int cache, zone, view, other;

	ASSERT_EQ(0, cc_set_param(variant->objects, 3));
	cache = cc_open();
	zone = cc_zone(cache, CODECACHE_ZONE_DATA, PAGES);
	view = cc_view(zone, DATA);
	ASSERT_LE(0, view);
	EXPECT_EQ(3, cc_total("charged_objects"));
	EXPECT_EQ(variant->err, cc_open());
	EXPECT_EQ(variant->err, cc_zone(cache, CODECACHE_ZONE_DATA, PAGES));
	EXPECT_EQ(variant->err, cc_view(zone, DATA));
	EXPECT_EQ(variant->err, cc_view(zone, CODECACHE_VIEW_UFFD));
	EXPECT_EQ(3, cc_total("charged_objects"));
	/* One goes, one more can come, of any sort. */
	close(view);
	other = cc_open();
	EXPECT_LE(0, other);
	EXPECT_EQ(variant->err, cc_view(zone, DATA));
	close(other);
	other = cc_zone(cache, CODECACHE_ZONE_CODE, PAGES);
	EXPECT_LE(0, other);
	EXPECT_EQ(variant->err, cc_view(zone, DATA));
	close(other);
	view = cc_view(zone, CODECACHE_VIEW_UFFD);
	EXPECT_LE(0, view);
	close(view);
	close(zone);
	close(cache);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(limit, on_objects_counts_logs, CC_TIMEOUT)
{
	struct codecache_view_log_args args = { .size = sizeof(args), .nr_entries = 64 };
	int cache = cc_open(), zone = cc_zone(cache, CODECACHE_ZONE_DATA, PAGES);
	int view = cc_view(zone, DATA);

	ASSERT_LE(0, view);
	ASSERT_EQ(0, cc_set_param(variant->objects, 3));
	EXPECT_EQ(variant->err, cc_ioctl(view, CODECACHE_IOC_VIEW_LOG, &args));
	EXPECT_EQ(3, cc_total("charged_objects"));
	ASSERT_EQ(0, cc_set_param(variant->objects, 4));
	EXPECT_EQ(0, cc_ioctl(view, CODECACHE_IOC_VIEW_LOG, &args));
	EXPECT_EQ(variant->err, cc_open());
	close(args.out_fd);
	close(view);
	close(zone);
	close(cache);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(limit, on_objects_may_be_changed_at_any_time, CC_TIMEOUT)
{
	int cache = cc_open(), zone[20], i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, cc_set_param(variant->objects, i + 1));
		EXPECT_EQ(variant->err, cc_zone(cache, CODECACHE_ZONE_DATA, 1));
		ASSERT_EQ(0, cc_set_param(variant->objects, i + 2));
		zone[i] = cc_zone(cache, CODECACHE_ZONE_DATA, 1);
		ASSERT_LE(0, zone[i]);
	}
	/* Below what there is: it stays, nothing comes. */
	ASSERT_EQ(0, cc_set_param(variant->objects, 5));
	for (i = 0; i < 17; i++) {
		EXPECT_EQ(variant->err, cc_open());
		close(zone[i]);
	}
	EXPECT_LE(0, cc_open());
	/* 0 is no limit. */
	ASSERT_EQ(0, cc_set_param(variant->objects, 0));
	for (i = 0; i < 17; i++)
		EXPECT_LE(0, cc_zone(cache, CODECACHE_ZONE_DATA, 1));
}

TEST_F_TIMEOUT(limit, on_objects_shows_in_info, CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	int cache = cc_open();

	ASSERT_EQ(0, cc_set_param("user_max_objects", 11));
	ASSERT_EQ(0, cc_set_param("user_max_pages", 12));
	ASSERT_EQ(0, cc_set_param("system_max_objects", 13));
	ASSERT_EQ(0, cc_set_param("system_max_pages", 14));
	ASSERT_EQ(0, cc_ioctl(cache, CODECACHE_IOC_INFO, &info));
	EXPECT_EQ(11, info.out_user_max_objects);
	EXPECT_EQ(12, info.out_user_max_pages);
	EXPECT_EQ(13, info.out_system_max_objects);
	EXPECT_EQ(14, info.out_system_max_pages);
}

/* ---- pages --------------------------------------------------------------------- */

TEST_F_TIMEOUT(limit, on_pages_is_exact_and_traps_with_sigbus, CC_TIMEOUT)
{
	struct codecache_stats_args stats;
	unsigned char *p, *at;
	struct cc_mem mem;
	size_t page = cc_page_size();
	unsigned int i;
	int fds[2];

	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	p = mem.map[DATA];
	ASSERT_EQ(0, cc_set_param(variant->pages, 5));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, cc_store(p + i * page, 1));
	at = p + 5 * page + 123;
	EXPECT_EQ(SIGBUS, cc_store(at, 1));
	EXPECT_EQ(at, cc_trap.addr);
	EXPECT_EQ(BUS_ADRERR, cc_trap.code);
	EXPECT_EQ(SIGBUS, cc_load(at, NULL));
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(2, write(fds[1], "xy", 2));
	EXPECT_EQ(-1, read(fds[0], at, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, read(fds[0], p + 4 * page, 1));
	ASSERT_EQ(0, cc_stats(mem.fd[DATA], &stats));
	EXPECT_LE(3, stats.out_faults_failed);
	EXPECT_EQ(5, stats.out_faults_filled);
	EXPECT_EQ(0, stats.out_traps_write + stats.out_traps_read);
	EXPECT_EQ(5, cc_total("charged_pages"));
	/* It recovers. */
	ASSERT_EQ(0, cc_set_param(variant->pages, 6));
	EXPECT_EQ(0, cc_store(at, 1));
	EXPECT_EQ(SIGBUS, cc_store(at + page, 1));
	ASSERT_EQ(0, cc_set_param(variant->pages, 0));
	EXPECT_EQ(0, cc_store(at + page, 1));
	EXPECT_EQ(7, cc_total("charged_pages"));
	cc_mem_close(&mem);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(limit, on_pages_counts_a_page_once, CC_TIMEOUT)
{
	size_t page = cc_page_size();
	struct cc_mem mem;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_code(&mem, PAGES));
	ASSERT_EQ(0, cc_set_param(variant->pages, 5));
	for (i = 0; i < 5; i++)
		cc_emit(mem.map[CODECACHE_VIEW_WRITE] + i * page, i);
	/* Another view of the same pages costs nothing. */
	for (i = 0; i < 5; i++)
		EXPECT_EQ((int)i, cc_run(mem.map[CODECACHE_VIEW_EXEC] +
					 i * page));
	EXPECT_EQ(5, cc_total("charged_pages"));
	EXPECT_EQ(SIGBUS, cc_call(mem.map[CODECACHE_VIEW_EXEC] + 5 * page,
				  NULL));
	/* Protecting, unmapping and mapping again cost and return nothing. */
	EXPECT_EQ(0, cc_protect_run(mem.fd[CODECACHE_VIEW_EXEC], 0, PAGES,
				    CC_NONE));
	EXPECT_EQ(0, cc_protect_run(mem.fd[CODECACHE_VIEW_EXEC], 0, PAGES,
				    CC_RX));
	munmap(mem.map[CODECACHE_VIEW_WRITE], PAGES * page);
	EXPECT_EQ(5, cc_total("charged_pages"));
	mem.map[CODECACHE_VIEW_WRITE] = cc_map(mem.fd[CODECACHE_VIEW_WRITE],
					       CODECACHE_VIEW_WRITE, PAGES);
	EXPECT_EQ(0, cc_store(mem.map[CODECACHE_VIEW_WRITE] + 4 * page, 1));
	EXPECT_EQ(5, cc_total("charged_pages"));
	cc_mem_close(&mem);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(limit, on_pages_counts_all_zones_of_the_user, CC_TIMEOUT)
{
	struct cc_mem a, b;

	ASSERT_EQ(0, cc_mem_data(&a, PAGES));
	ASSERT_EQ(0, cc_mem_data(&b, PAGES));
	ASSERT_EQ(0, cc_set_param(variant->pages, 2));
	EXPECT_EQ(0, cc_store(a.map[DATA], 1));
	EXPECT_EQ(0, cc_store(b.map[DATA], 1));
	EXPECT_EQ(SIGBUS, cc_store(a.map[DATA] + cc_page_size(), 1));
	EXPECT_EQ(SIGBUS, cc_store(b.map[DATA] + cc_page_size(), 1));
	cc_mem_close(&a);
	ASSERT_TRUE(cc_total_becomes("charged_pages", 1));
	EXPECT_EQ(0, cc_store(b.map[DATA] + cc_page_size(), 1));
	cc_mem_close(&b);
	EXPECT_TRUE(cc_nothing_left());
}

/* Threads that fault on the same page need one page, not one each. */
struct toucher {
	pthread_barrier_t *start;
	unsigned char *p;
	unsigned int denied;
};

static void *touch_all(void *arg)
{
	struct toucher *t = arg;
	unsigned int i;

	pthread_barrier_wait(t->start);
	for (i = 0; i < PAGES; i++)
		t->denied += cc_store(t->p + i * cc_page_size(), 1) != 0;
	return NULL;
}

TEST_F_TIMEOUT(limit, on_pages_does_not_deny_a_page_that_is_there, 2 * CC_TIMEOUT)
{
	enum { THREADS = 4 };
	struct toucher t[THREADS];
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	unsigned int round, i, denied = 0;
	struct cc_mem mem;

	ASSERT_EQ(0, cc_set_param(variant->pages, PAGES));
	pthread_barrier_init(&start, NULL, THREADS);
	for (round = 0; round < 300U / cc_slow(); round++) {
		ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
		for (i = 0; i < THREADS; i++) {
			t[i] = (struct toucher){ &start, mem.map[DATA], 0 };
			ASSERT_EQ(0, pthread_create(&threads[i], NULL,
						    touch_all, &t[i]));
		}
		for (i = 0; i < THREADS; i++) {
			pthread_join(threads[i], NULL);
			denied += t[i].denied;
		}
		ASSERT_EQ(PAGES, cc_total("charged_pages"));
		cc_mem_close(&mem);
		ASSERT_TRUE(cc_total_becomes("charged_pages", 0));
	}
	EXPECT_EQ(0, denied);
}

/* ---- users ----------------------------------------------------------------------- */

FIXTURE(users)
{
	long long saved[ARRAY_LEN(params)];
	struct stat device;
	int socks[2];
};

FIXTURE_SETUP(users)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(params); i++)
		self->saved[i] = cc_param(params[i]);
	ASSERT_EQ(0, stat(CODECACHE_DEVICE, &self->device));
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->socks));
}

FIXTURE_TEARDOWN_PARENT(users)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(params); i++)
		cc_set_param(params[i], self->saved[i]);
	chmod(CODECACHE_DEVICE, self->device.st_mode & 07777);
}

static bool become_user(void)
{
	return !setgroups(0, NULL) && !setgid(USER) && !setuid(USER);
}

TEST_F_TIMEOUT(users, other_than_root_cannot_open_the_device, CC_TIMEOUT)
{
	EXPECT_EQ(0600, self->device.st_mode & 07777);
	ASSERT_TRUE(become_user());
	EXPECT_EQ(-EACCES, cc_open());
}

/* As many objects as can be made: the number, a cache included. */
static int count_objects(void)
{
	int cache = cc_open(), nr = 1;

	if (cache < 0)
		return 0;
	while (cc_zone(cache, CODECACHE_ZONE_DATA, 1) >= 0)
		nr++;
	return nr;
}

TEST_F_TIMEOUT(users, have_accounts_of_their_own, CC_TIMEOUT)
{
	char byte;
	pid_t pid;

	ASSERT_EQ(0, cc_set_param("user_max_objects", 10));
	ASSERT_EQ(0, chmod(CODECACHE_DEVICE, 0666));
	pid = cc_fork();
	if (!pid) {
		if (!become_user() || count_objects() != 10)
			_exit(1);
		/* Hold them until root has counted its own. */
		write(self->socks[1], "", 1);
		read(self->socks[1], &byte, 1);
		_exit(0);
	}
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_EQ(10, cc_total("charged_objects"));
	EXPECT_EQ(10, count_objects());
	EXPECT_EQ(20, cc_total("charged_objects"));
	ASSERT_EQ(1, write(self->socks[0], "", 1));
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(cc_total_becomes("charged_objects", 10));
}

TEST_F_TIMEOUT(users, share_the_limits_of_the_system, CC_TIMEOUT)
{
	char byte;
	pid_t pid;

	ASSERT_EQ(0, cc_set_param("system_max_objects", 15));
	ASSERT_EQ(0, cc_set_param("user_max_objects", 10));
	ASSERT_EQ(0, chmod(CODECACHE_DEVICE, 0666));
	pid = cc_fork();
	if (!pid) {
		if (!become_user() || count_objects() != 10)
			_exit(1);
		write(self->socks[1], "", 1);
		read(self->socks[1], &byte, 1);
		_exit(0);
	}
	ASSERT_EQ(1, read(self->socks[0], &byte, 1));
	EXPECT_EQ(5, count_objects());
	ASSERT_EQ(1, write(self->socks[0], "", 1));
	EXPECT_EQ(0, cc_wait(pid));
}

/* Who opened the cache pays, whoever uses it. */
TEST_F_TIMEOUT(users, pay_for_what_others_do_with_their_cache, CC_TIMEOUT)
{
	struct cc_mem mem;
	pid_t pid;

	ASSERT_EQ(0, cc_set_param("user_max_objects", 4));
	ASSERT_EQ(0, cc_set_param("user_max_pages", 2));
	ASSERT_EQ(0, chmod(CODECACHE_DEVICE, 0666));
	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	pid = cc_fork();
	if (!pid) {
		int view = cc_window(mem.zone, DATA, 8, 8);
		unsigned char *p = cc_map(view, DATA, 8);

		if (!become_user() || !p)
			_exit(1);
		if (cc_zone(mem.cache, CODECACHE_ZONE_DATA, 1) != -EDQUOT)
			_exit(2);
		if (cc_store(p, 1) || cc_store(p + cc_page_size(), 1))
			_exit(3);
		_exit(cc_store(p + 2 * cc_page_size(), 1) == SIGBUS ? 0 : 4);
	}
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_EQ(SIGBUS, cc_store(mem.map[DATA], 1));
	cc_mem_close(&mem);
}

/* ---- sparse zones ------------------------------------------------------------------ */

/* What the largest zones cost: what is touched, and little for what is not. */
TEST_F_TIMEOUT(users, may_have_huge_zones_that_are_cheap, CC_TIMEOUT)
{
	const uint64_t nr = (1ULL << 40) / cc_page_size();
	const uint64_t at[] = { 0, 1, nr / 3, nr / 2, nr - 2, nr - 1 };
	long long before = cc_value("/proc/meminfo", "MemAvailable");
	long long since = cc_now_ms();
	struct codecache_stats_args s;
	struct cc_mem mem;
	unsigned char *p;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_data(&mem, nr));
	p = mem.map[DATA];
	for (i = 0; i < ARRAY_LEN(at); i++)
		ASSERT_EQ(0, cc_store(p + at[i] * cc_page_size(), i));
	ASSERT_EQ(0, cc_protect_run(mem.fd[DATA], 0, nr, CC_R));
	for (i = 0; i < ARRAY_LEN(at); i++)
		ASSERT_EQ(SIGSEGV, cc_store(p + at[i] * cc_page_size(), 1));
	ASSERT_EQ(0, cc_protect_run(mem.fd[DATA], 1, nr - 2, CC_RW));
	for (i = 0; i < ARRAY_LEN(at); i++)
		ASSERT_EQ(i == 0 || i == 5 ? SIGSEGV : 0,
			  cc_store(p + at[i] * cc_page_size(), 1));
	EXPECT_EQ(2, cc_pages_with(mem.cache, mem.zone, mem.fd[DATA], CC_R));
	ASSERT_EQ(0, cc_stats(mem.fd[DATA], &s));
	EXPECT_EQ(1ULL << 40, s.out_bytes);
	EXPECT_EQ(6, s.out_resident_pages);
	EXPECT_EQ(6, s.out_faults_filled);
	EXPECT_GT(64 << 10, before - cc_value("/proc/meminfo", "MemAvailable"))
		TH_LOG("in KiB");
	cc_mem_close(&mem);
	EXPECT_TRUE(cc_nothing_left());
	TH_LOG("%lld ms", cc_now_ms() - since);
}

TEST_HARNESS_MAIN
