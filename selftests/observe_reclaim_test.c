// SPDX-License-Identifier: MIT
/*
 * What one can see of extents, readers, grace periods and seals: STATS, fdinfo,
 * debugfs and tracepoints agree with each other and with what happened
 */
#include "cc_reclaim.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

enum { PAGES = 64, NR = 3, ALL_PAGES = 2 + 3 + 4, TOUCHED = 5 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

/* Three extents, a reader, and five pages that have been written and run. */
FIXTURE(seen)
{
	struct cc_mem mem;
	struct cc_shared shared;
	struct codecache_extent e[NR];
	size_t page;
	int reader;
	uint64_t cookie;
	atomic_bool stop;
};

FIXTURE_SETUP(seen)
{
	unsigned int i;

	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	self->page = cc_page_size();
	self->reader = cc_reader(self->mem.cache);
	ASSERT_EQ(0, self->reader);
	for (i = 0; i < NR; i++)
		self->e[i].nr_pages = 2 + i;
	ASSERT_EQ(0, cc_alloc(self->mem.zone, self->e, NR, 0));
	/* All of the first one, and three pages of the second one. */
	for (i = 0; i < TOUCHED; i++) {
		size_t at = (self->e[0].first_page + i) * self->page;

		cc_emit(self->mem.map[W] + at, i);
		ASSERT_EQ((int)i, cc_run(self->mem.map[X] + at));
	}
}

FIXTURE_TEARDOWN(seen)
{
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

/* Retire the first two extents, with a reader in the way. */
static int retire(FIXTURE_DATA(seen) *self)
{
	cc_enter(&self->shared, self->reader);
	return cc_retire(self->mem.zone, self->e, 2, &self->cookie);
}

/* Let the reader go, and wait until they are free. */
static int reclaim(FIXTURE_DATA(seen) *self)
{
	cc_exit(&self->shared, self->reader, 0);
	return cc_grace_wait(self->mem.cache, self->cookie);
}

/* ---- STATS ------------------------------------------------------------------- */

TEST_F_TIMEOUT(seen, counters_tell_what_happened, CC_TIMEOUT)
{
	struct codecache_stats_args z, c;

	ASSERT_EQ(0, retire(self));
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	ASSERT_EQ(0, cc_stats(self->mem.zone, &z));
	ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
	EXPECT_EQ(3, z.out_extents_allocated);
	EXPECT_EQ(2, z.out_extents_retired);
	EXPECT_EQ(1, z.out_retire_flushes);	/* one view to write through */
	EXPECT_EQ(0, z.out_reclaim_passes);
	EXPECT_EQ(0, z.out_reclaim_pages);
	EXPECT_EQ(1, z.out_live_extents);
	EXPECT_EQ(4, z.out_live_pages);
	EXPECT_EQ(ALL_PAGES - 4, z.out_retired_pages);
	EXPECT_EQ(TOUCHED, z.out_resident_pages);
	EXPECT_EQ(TOUCHED, c.out_held_pages);
	EXPECT_EQ(1, c.out_readers);
	EXPECT_EQ(0, c.out_grace_periods);
	EXPECT_EQ(1, c.out_live_extents);
	EXPECT_EQ(ALL_PAGES - 4, c.out_retired_pages);

	ASSERT_EQ(0, reclaim(self));
	ASSERT_EQ(0, cc_stats(self->mem.zone, &z));
	ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
	EXPECT_EQ(1, z.out_reclaim_passes);
	EXPECT_EQ(TOUCHED, z.out_reclaim_pages);
	EXPECT_EQ(1, z.out_reclaim_flushes);	/* of the exec view alone */
	EXPECT_EQ(0, z.out_retired_pages);
	EXPECT_EQ(0, z.out_resident_pages);
	EXPECT_EQ(4, z.out_live_pages);
	EXPECT_EQ(0, c.out_held_pages);
	EXPECT_EQ(1, c.out_grace_periods);
	EXPECT_EQ(0, c.out_grace_urgent);
	EXPECT_EQ(0, c.out_shrunk_pages);
	EXPECT_EQ(0, c.out_stalled_readers);
	EXPECT_EQ(0, c.out_stalled_tid);
	EXPECT_EQ(0, c.out_stalled_seconds);
}

TEST_F_TIMEOUT(seen, numbers_outlive_views_and_zones, CC_TIMEOUT)
{
	long long before = cc_total("reclaim_pages");
	struct codecache_stats_args c;

	ASSERT_EQ(0, retire(self));
	ASSERT_EQ(0, reclaim(self));
	munmap(self->mem.map[W], PAGES * self->page);
	munmap(self->mem.map[X], PAGES * self->page);
	self->mem.map[W] = self->mem.map[X] = NULL;
	close(self->mem.fd[W]);
	close(self->mem.fd[X]);
	close(self->mem.zone);
	self->mem.fd[W] = self->mem.fd[X] = self->mem.zone = -1;
	ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
	EXPECT_EQ(0, c.out_nr_zones);
	EXPECT_EQ(0, c.out_live_extents);
	EXPECT_EQ(0, c.out_live_pages);
	EXPECT_EQ(3, c.out_extents_allocated);
	EXPECT_EQ(2, c.out_extents_retired);
	EXPECT_EQ(TOUCHED, c.out_reclaim_pages);
	EXPECT_EQ(before + TOUCHED, cc_total("reclaim_pages"));
	cc_unshare(&self->shared);
	close(self->mem.cache);
	self->mem.cache = -1;
	ASSERT_TRUE(cc_nothing_left());
	EXPECT_EQ(before + TOUCHED, cc_total("reclaim_pages"));
	EXPECT_EQ(0, cc_total("readers"));
	EXPECT_EQ(0, cc_total("held_pages"));
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
}

/* ---- fdinfo and debugfs tell what STATS tells ----------------------------------- */

static const struct {
	const char *key;
	size_t offset;
	bool of_cache;
} keys[] = {
#define KEY(name, of_cache)						\
	{ #name, offsetof(struct codecache_stats_args, out_##name), of_cache }
	KEY(extents_allocated, false), KEY(extents_retired, false),
	KEY(retire_flushes, false), KEY(reclaim_passes, false),
	KEY(reclaim_pages, false), KEY(reclaim_flushes, false),
	KEY(live_extents, false), KEY(live_pages, false),
	KEY(retired_pages, false), KEY(shrunk_pages, true),
	KEY(held_pages, true), KEY(grace_periods, true),
	KEY(grace_urgent, true), KEY(grace_stalls, true), KEY(readers, true),
	KEY(stalled_readers, true),
};

static int nr_lies(const char *path, int fd)
{
	struct codecache_stats_args s;
	unsigned int i;
	int lies = 0;

	if (cc_stats(fd, &s))
		return -1;
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		long long told = cc_value(path, keys[i].key);
		uint64_t want;

		memcpy(&want, (const char *)&s + keys[i].offset, sizeof(want));
		if (s.out_object == CODECACHE_OBJECT_ZONE && keys[i].of_cache)
			want = -1;
		if (told == (long long)want)
			continue;
		printf("# %s: %s: %lld, not %lld\n", path, keys[i].key, told,
		       (long long)want);
		lies++;
	}
	return lies;
}

static int nr_lies_of_all(FIXTURE_DATA(seen) *self)
{
	const int fds[] = { self->mem.cache, self->mem.zone };
	char path[CC_PATH];
	int i, lies = 0;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[i]);
		lies += nr_lies(path, fds[i]);
		if (cc_debugfs_dir(path, fds[0], i ? fds[1] : -1, -1))
			return -1;
		strcat(path, "/stats");
		lies += nr_lies(path, fds[i]);
	}
	return lies;
}

TEST_F_TIMEOUT(seen, fdinfo_and_debugfs_tell_what_stats_tells, CC_TIMEOUT)
{
	char path[CC_PATH];

	EXPECT_EQ(0, nr_lies_of_all(self));
	ASSERT_EQ(0, retire(self));
	EXPECT_EQ(0, nr_lies_of_all(self));
	EXPECT_EQ(TOUCHED, cc_total("held_pages"));
	EXPECT_EQ(ALL_PAGES - 4, cc_total("retired_pages"));
	ASSERT_EQ(0, reclaim(self));
	EXPECT_EQ(0, nr_lies_of_all(self));
	EXPECT_EQ(0, cc_total("held_pages"));
	/* A view has no extents. */
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->mem.fd[X]);
	EXPECT_EQ(-1, cc_value(path, "extents_allocated"));
	EXPECT_EQ(-1, cc_value(path, "readers"));
}

static const char *grace_path(FIXTURE_DATA(seen) *self, const char *name)
{
	static char path[CC_PATH + 16];
	char dir[CC_PATH];

	if (cc_debugfs_dir(dir, self->mem.cache, -1, -1))
		return "";
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static bool tells(const char *path, const char *words)
{
	char text[8192];

	return cc_read_file(path, text, sizeof(text)) >= 0 &&
	       strstr(text, words);
}

static bool comes_to_tell(const char *path, const char *words)
{
	long long since = cc_now_ms();

	do {
		if (tells(path, words))
			return true;
	} while (cc_patient(since));
	return false;
}

TEST_F_TIMEOUT(seen, debugfs_tells_what_a_grace_period_waits_for, CC_TIMEOUT)
{
	const char *path = grace_path(self, "grace");
	long long since = cc_now_ms();

	EXPECT_TRUE(tells(path, "waits_for:\tnothing\n"));
	EXPECT_EQ(0, cc_value(path, "completed"));
	EXPECT_EQ(0, cc_value(path, "running"));
	EXPECT_EQ(1, cc_value(path, "next"));
	ASSERT_EQ(0, retire(self));
	while (!cc_waiting(&self->shared))
		ASSERT_TRUE(cc_patient(since));
	EXPECT_TRUE(tells(path, "waits_for:\treaders\n"));
	EXPECT_EQ(0, cc_value(path, "completed"));
	EXPECT_EQ((long long)self->cookie, cc_value(path, "running"));
	EXPECT_EQ((long long)self->cookie + 1, cc_value(path, "next"));
	EXPECT_EQ(TOUCHED, cc_value(path, "held_pages"));
	ASSERT_EQ(0, reclaim(self));
	EXPECT_EQ((long long)self->cookie, cc_value(path, "completed"));
	EXPECT_EQ(0, cc_value(path, "held_pages"));
	EXPECT_TRUE(tells(path, "waits_for:\tnothing\n"));
}

static void *register_and_die(void *arg)
{
	FIXTURE_DATA(seen) *self = arg;

	return (void *)(intptr_t)cc_reader(self->mem.cache);
}

TEST_F_TIMEOUT(seen, debugfs_lists_readers, CC_TIMEOUT)
{
	const char *path = grace_path(self, "readers");
	pthread_t thread;
	char words[128];
	void *index;

	snprintf(words, sizeof(words), "0:\ttid %d observe", gettid());
	EXPECT_TRUE(tells(path, words));
	EXPECT_FALSE(tells(path, "inside"));
	cc_enter(&self->shared, self->reader);
	EXPECT_TRUE(tells(path, " inside since epoch 1"));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, retire(self));
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	EXPECT_TRUE(tells(path, ", in the way for "));
	ASSERT_EQ(0, reclaim(self));
	EXPECT_FALSE(tells(path, "in the way"));

	ASSERT_EQ(0, pthread_create(&thread, NULL, register_and_die, self));
	ASSERT_EQ(0, pthread_join(thread, &index));
	ASSERT_EQ(1, (intptr_t)index);
	EXPECT_TRUE(tells(path, "1:\ttid "));
	/* It can be joined a moment before it is gone. */
	EXPECT_TRUE(comes_to_tell(path, "(dead)"));
	ASSERT_EQ(0, cc_reader_drop(self->mem.cache, self->reader));
	EXPECT_FALSE(tells(path, "0:\ttid"));
	ASSERT_EQ(0, cc_reader(self->mem.cache));
}

/* A file that is open when its cache goes must not be a way to what was freed. */
TEST_F_TIMEOUT(seen, debugfs_files_bear_that_the_cache_goes, CC_TIMEOUT)
{
	static const char *const names[] = { "readers", "grace", "stats" };
	unsigned int i;
	char text[64];
	int fds[3];

	for (i = 0; i < ARRAY_LEN(names); i++) {
		fds[i] = open(grace_path(self, names[i]), O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, retire(self));
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
	ASSERT_TRUE(cc_nothing_left());
	for (i = 0; i < ARRAY_LEN(names); i++) {
		EXPECT_EQ(-1, pread(fds[i], text, sizeof(text), 0));
		close(fds[i]);
	}
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
}

static void *read_for_ever(void *arg)
{
	static const char *const names[] = { "readers", "grace", "stats" };
	char dir[CC_PATH], path[CC_PATH + 16], text[8192];
	struct codecache_stats_args stats;
	FIXTURE_DATA(seen) *self = arg;
	unsigned int i = 0;

	cc_debugfs_dir(dir, self->mem.cache, -1, -1);
	while (!atomic_load(&self->stop)) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i++ % 3]);
		cc_read_file(path, text, sizeof(text));
		cc_stats(self->mem.cache, &stats);
	}
	return NULL;
}

TEST_F_TIMEOUT(seen, files_bear_that_readers_come_and_go, CC_TIMEOUT)
{
	int zone = self->mem.zone, cache = self->mem.cache, i, k;
	struct cc_inside in[2];
	pthread_t threads[2];

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_for_ever,
					    self));
	for (i = 0; i < 60; i++) {
		long long first = cc_extent(zone, 3);

		ASSERT_LE(0, first);
		for (k = 0; k < 2; k++)
			ASSERT_EQ(0, cc_inside_start(&in[k], cache,
						     &self->shared));
		ASSERT_EQ(0, cc_retire_run(zone, first, 3, &self->cookie));
		for (k = 0; k < 2; k++)
			ASSERT_EQ(0, cc_inside_stop(&in[k]));
		ASSERT_EQ(0, cc_grace_wait(cache, self->cookie));
	}
	atomic_store(&self->stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(1, CC_STAT(cache, readers));
	EXPECT_EQ(60, CC_STAT(zone, extents_retired));
}

/* ---- tracepoints --------------------------------------------------------------- */

#define EXPECT_TRACED(event, ...)					\
	do {								\
		snprintf(words, sizeof(words), __VA_ARGS__);		\
		EXPECT_TRUE(cc_traced(text, event, words));		\
	} while (0)

static int seal(int zone, bool wrongly)
{
	struct codecache_zone_seal_args args = {
		.size = sizeof(args),
		.flags = wrongly ? CODECACHE_SEAL_F_DIGEST : 0,
		.digest[0] = wrongly,
	};

	return cc_ioctl(zone, CODECACHE_IOC_ZONE_SEAL, &args);
}

TEST_F_TIMEOUT(seen, tracepoints_tell_what_happens, CC_TIMEOUT)
{
	static char text[1 << 17];
	struct codecache_stats_args c, z;
	unsigned long long cache, zone, cookie, urgent;
	char words[128];
	uint64_t hurried;

	ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
	ASSERT_EQ(0, cc_stats(self->mem.zone, &z));
	cache = c.out_id;
	zone = z.out_id;
	if (!cc_trace_start())
		SKIP(return, "this kernel has no tracefs");
	ASSERT_LE(0, cc_extent(self->mem.zone, 1));
	ASSERT_EQ(0, retire(self));
	cookie = self->cookie;
	ASSERT_EQ(0, reclaim(self));
	ASSERT_EQ(0, cc_grace_start(self->mem.cache, CODECACHE_GRACE_F_URGENT,
				    &hurried));
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, hurried));
	urgent = hurried;
	EXPECT_EQ(-EBADMSG, seal(self->mem.zone, true));
	EXPECT_EQ(0, seal(self->mem.zone, false));
	ASSERT_LT(0, cc_trace_stop(text, sizeof(text)));

	EXPECT_TRACED("codecache_extents", "zone=%llu nr=1 nr_pages=0 cookie=0",
		      zone);
	EXPECT_TRACED("codecache_extents", "zone=%llu nr=2 nr_pages=%d cookie=%llu",
		      zone, ALL_PAGES - 4, cookie);
	EXPECT_TRACED("codecache_grace", "cache=%llu cookie=%llu urgent=0",
		      cache, cookie);
	EXPECT_TRACED("codecache_grace", "cache=%llu cookie=%llu urgent=1",
		      cache, urgent);
	EXPECT_TRACED("codecache_reclaim",
		      "zone=%llu nr_pages=%d nr_flushes=1 shrinker=0", zone,
		      TOUCHED);
	EXPECT_TRACED("codecache_seal", "zone=%llu bytes=%zu error=%d", zone,
		      5 * self->page, -EBADMSG);
	EXPECT_TRACED("codecache_seal", "zone=%llu bytes=%zu error=0", zone,
		      5 * self->page);
}

TEST_HARNESS_MAIN
