// SPDX-License-Identifier: MIT
/*
 * What one can see from outside: STATS, fdinfo, debugfs and tracepoints agree
 * with each other and with what happened
 */
#include "cc_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

enum { PAGES = 16 };

#define DATA	CODECACHE_VIEW_DATA
#define UFFD	CODECACHE_VIEW_UFFD

/* A data zone with a data view, to make things happen in. */
FIXTURE(seen)
{
	struct cc_mem mem;
	unsigned char *p;
	size_t page;
	int view;
};

FIXTURE_SETUP(seen)
{
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	self->p = self->mem.map[DATA];
	self->view = self->mem.fd[DATA];
	self->page = cc_page_size();
}

FIXTURE_TEARDOWN(seen)
{
	cc_mem_close(&self->mem);
}

/* Faults, upgrades, traps of each sort, PROTECT: known numbers of each. */
static void make_things_happen(FIXTURE_DATA(seen) *self)
{
	unsigned int i;

	for (i = 0; i < 4; i++)		/* 4 pages are filled */
		cc_store(self->p + i * self->page, i);
	cc_protect_run(self->view, 0, 3, CC_R);
	for (i = 0; i < 3; i++)		/* 3 writes are trapped */
		cc_store(self->p + i * self->page, i);
	cc_protect_run(self->view, 2, 2, CC_NONE);
	cc_load(self->p + 2 * self->page, NULL);	/* a read */
	cc_load(self->p + 3 * self->page, NULL);	/* and one more */
	cc_protect_run(self->view, 0, PAGES, CC_RW);
	cc_store(self->p, 1);		/* mapped again: nothing happens */
}

TEST_F_TIMEOUT(seen, counters_tell_what_happened, CC_TIMEOUT)
{
	struct codecache_stats_args s;

	make_things_happen(self);
	ASSERT_EQ(0, cc_stats(self->view, &s));
	EXPECT_EQ(CODECACHE_OBJECT_VIEW, s.out_object);
	EXPECT_EQ(DATA, s.out_kind);
	EXPECT_EQ(PAGES * self->page, s.out_bytes);
	EXPECT_EQ(4, s.out_resident_pages);
	EXPECT_EQ(4, s.out_faults_filled);
	EXPECT_EQ(0, s.out_faults_upgraded);
	EXPECT_EQ(0, s.out_faults_failed);
	EXPECT_EQ(3, s.out_traps_write);
	EXPECT_EQ(2, s.out_traps_read);
	EXPECT_EQ(0, s.out_traps_exec);
	EXPECT_EQ(3, s.out_protect_calls);
	EXPECT_EQ(3 + 2 + PAGES, s.out_protect_pages);
	/* 3 to R; 2 to NONE; 2 back from R, 2 from NONE. */
	EXPECT_EQ(3 + 2 + 4, s.out_protect_ptes);
	/* None for what only widens. */
	EXPECT_EQ(2, s.out_protect_flushes);
	EXPECT_EQ(0, s.out_nr_views);
	EXPECT_EQ(0, s.out_nr_zones);
}

TEST_F_TIMEOUT(seen, forbidden_fetches_are_counted, CC_TIMEOUT)
{
	struct codecache_stats_args s;
	struct cc_mem code;

	ASSERT_EQ(0, cc_mem_code(&code, PAGES));
	cc_emit(code.map[CODECACHE_VIEW_WRITE], 1);
	EXPECT_EQ(1, cc_run(code.map[CODECACHE_VIEW_EXEC]));
	ASSERT_EQ(0, cc_protect_run(code.fd[CODECACHE_VIEW_EXEC], 0, 1, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_call(code.map[CODECACHE_VIEW_EXEC], NULL));
	EXPECT_EQ(SIGSEGV, cc_load(code.map[CODECACHE_VIEW_EXEC], NULL));
	ASSERT_EQ(0, cc_stats(code.fd[CODECACHE_VIEW_EXEC], &s));
	EXPECT_EQ(1, s.out_traps_exec);
	EXPECT_EQ(1, s.out_traps_read);
	EXPECT_EQ(0, s.out_traps_write);
	cc_mem_close(&code);
}

/* ---- zones and caches sum up ----------------------------------------------------- */

TEST_F_TIMEOUT(seen, numbers_of_zones_and_caches_outlive_their_views, CC_TIMEOUT)
{
	struct codecache_stats_args v, z, c, gone;
	unsigned int round;

	for (round = 1; round < 6; round++) {
		make_things_happen(self);
		ASSERT_EQ(0, cc_stats(self->view, &v));
		ASSERT_EQ(0, cc_stats(self->mem.zone, &z));
		ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
		EXPECT_EQ(2, v.out_traps_read);
		EXPECT_EQ(2 * round, z.out_traps_read);
		EXPECT_EQ(3 * round, z.out_traps_write);
		EXPECT_EQ(3 * round, z.out_protect_calls);
		EXPECT_EQ(1, z.out_nr_views);
		EXPECT_EQ(2 * round, c.out_traps_read);
		munmap(self->p, PAGES * self->page);
		close(self->view);
		ASSERT_EQ(0, cc_stats(self->mem.zone, &gone));
		EXPECT_EQ(0, gone.out_nr_views);
		EXPECT_EQ(0, memcmp(&gone.out_faults_filled,
				    &z.out_faults_filled,
				    sizeof(z) - offsetof(typeof(z),
							 out_faults_filled)));
		ASSERT_EQ(0, cc_mem_map(&self->mem, DATA));
		self->view = self->mem.fd[DATA];
		self->p = self->mem.map[DATA];
	}
}

TEST_F_TIMEOUT(seen, numbers_of_caches_and_totals_outlive_zones, CC_TIMEOUT)
{
	long long before = cc_total("traps_write"), after;
	struct codecache_stats_args c, gone;

	make_things_happen(self);
	ASSERT_EQ(0, cc_stats(self->mem.cache, &c));
	EXPECT_EQ(1, c.out_nr_zones);
	EXPECT_EQ(1, c.out_nr_views);
	EXPECT_EQ(PAGES * self->page, c.out_bytes);
	munmap(self->p, PAGES * self->page);
	close(self->view);
	close(self->mem.zone);
	self->mem.map[DATA] = NULL;
	self->mem.fd[DATA] = self->mem.zone = -1;
	ASSERT_EQ(0, cc_stats(self->mem.cache, &gone));
	EXPECT_EQ(0, gone.out_nr_zones);
	EXPECT_EQ(0, gone.out_bytes);
	EXPECT_EQ(0, gone.out_resident_pages);
	EXPECT_EQ(3, gone.out_traps_write);
	EXPECT_EQ(c.out_protect_ptes, gone.out_protect_ptes);
	close(self->mem.cache);
	self->mem.cache = -1;
	ASSERT_TRUE(cc_nothing_left());
	after = cc_total("traps_write");
	EXPECT_EQ(before + 3, after);
}

/* ---- fdinfo and debugfs tell what STATS tells -------------------------------------- */

static const struct {
	const char *key;
	size_t offset;
} keys[] = {
#define KEY(name) { #name, offsetof(struct codecache_stats_args, out_##name) }
	KEY(id), KEY(bytes), KEY(resident_pages), KEY(faults_filled),
	KEY(faults_upgraded), KEY(faults_spurious), KEY(faults_failed),
	KEY(traps_read), KEY(traps_write), KEY(traps_exec), KEY(protect_calls),
	KEY(protect_pages), KEY(protect_ptes), KEY(protect_flushes),
};

static int nr_lies(const char *path, const struct codecache_stats_args *s)
{
	unsigned int i;
	int lies = 0;

	for (i = 0; i < ARRAY_LEN(keys); i++) {
		long long told = cc_value(path, keys[i].key);
		uint64_t want;

		memcpy(&want, (const char *)s + keys[i].offset, sizeof(want));
		if (told == (long long)want)
			continue;
		printf("# %s: %s: %lld, not %llu\n", path, keys[i].key, told,
		       (unsigned long long)want);
		lies++;
	}
	return lies;
}

static bool has_line(const char *path, const char *line)
{
	char text[4096];

	if (cc_read_file(path, text, sizeof(text)) <= 0)
		return false;
	return strstr(text, line);
}

TEST_F_TIMEOUT(seen, fdinfo_tells_what_stats_tells, CC_TIMEOUT)
{
	const int fds[] = { self->mem.cache, self->mem.zone, self->view };
	static const char *const lines[] = { "object:\tcache\n",
					     "object:\tzone\n",
					     "object:\tview\n" };
	struct codecache_stats_args s;
	char path[CC_PATH];
	unsigned int i;

	make_things_happen(self);
	for (i = 0; i < ARRAY_LEN(fds); i++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[i]);
		ASSERT_EQ(0, cc_stats(fds[i], &s));
		EXPECT_EQ(0, nr_lies(path, &s));
		EXPECT_TRUE(has_line(path, lines[i]));
		EXPECT_LE(0, cc_value(path, "flags"));
		EXPECT_EQ(i < 2 ? 1 : -1, cc_value(path, "views"));
		EXPECT_EQ(i < 1 ? 1 : -1, cc_value(path, "zones"));
	}
	EXPECT_TRUE(has_line(path, "kind:\tdata\n"));
}

TEST_F_TIMEOUT(seen, debugfs_tells_what_stats_tells, CC_TIMEOUT)
{
	const int fds[] = { self->mem.cache, self->mem.zone, self->view };
	struct codecache_stats_args s;
	char path[CC_PATH];
	unsigned int i;

	make_things_happen(self);
	for (i = 0; i < ARRAY_LEN(fds); i++) {
		ASSERT_EQ(0, cc_debugfs_dir(path, fds[0], i > 0 ? fds[1] : -1,
					    i > 1 ? fds[2] : -1));
		strcat(path, "/stats");
		ASSERT_EQ(0, cc_stats(fds[i], &s));
		EXPECT_EQ(0, nr_lies(path, &s));
	}
	EXPECT_EQ(1, cc_total("caches"));
	EXPECT_EQ(1, cc_total("zones"));
	EXPECT_EQ(1, cc_total("views"));
	EXPECT_EQ(3, cc_total("charged_objects"));
	EXPECT_EQ(4, cc_total("charged_pages"));
	EXPECT_EQ(4, cc_total("resident_pages"));
	EXPECT_EQ(PAGES * (long long)self->page, cc_total("bytes"));
}

TEST_F_TIMEOUT(seen, protections_are_counted_by_kind, CC_TIMEOUT)
{
	int cache = self->mem.cache, zone = self->mem.zone;
	char path[CC_PATH];

	ASSERT_EQ(0, cc_protect_run(self->view, 0, 5, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(self->view, 5, 3, CC_R));
	EXPECT_EQ(5, cc_pages_with(cache, zone, self->view, CC_NONE));
	EXPECT_EQ(3, cc_pages_with(cache, zone, self->view, CC_R));
	EXPECT_EQ(PAGES - 8, cc_pages_with(cache, zone, self->view, CC_RW));
	EXPECT_EQ(-1, cc_pages_with(cache, zone, self->view, CC_RX));
	/* userfaultfd knows about those of a uffd view. */
	ASSERT_EQ(0, cc_mem_map(&self->mem, UFFD));
	ASSERT_EQ(0, cc_debugfs_dir(path, cache, zone, self->mem.fd[UFFD]));
	EXPECT_EQ(0, access(path, F_OK));
	strcat(path, "/protections");
	EXPECT_EQ(-1, access(path, F_OK));
}

TEST_F_TIMEOUT(seen, debugfs_folders_come_and_go_with_their_objects, CC_TIMEOUT)
{
	char c[CC_PATH], z[CC_PATH], v[CC_PATH];
	struct stat st;

	ASSERT_EQ(0, cc_debugfs_dir(c, self->mem.cache, -1, -1));
	ASSERT_EQ(0, cc_debugfs_dir(z, self->mem.cache, self->mem.zone, -1));
	ASSERT_EQ(0, cc_debugfs_dir(v, self->mem.cache, self->mem.zone,
				    self->view));
	EXPECT_EQ(0, stat(v, &st));
	close(self->view);
	self->mem.fd[DATA] = -1;
	EXPECT_EQ(0, stat(v, &st));	/* mapped, so it lives */
	munmap(self->p, PAGES * self->page);
	self->mem.map[DATA] = NULL;
	EXPECT_EQ(-1, stat(v, &st));
	EXPECT_EQ(0, stat(z, &st));
	close(self->mem.zone);
	self->mem.zone = -1;
	EXPECT_EQ(-1, stat(z, &st));
	EXPECT_EQ(0, stat(c, &st));
	close(self->mem.cache);
	self->mem.cache = -1;
	EXPECT_EQ(-1, stat(c, &st));
}

/* A file that is open when its object goes must not be a way to what was freed. */
TEST_F_TIMEOUT(seen, debugfs_files_bear_that_their_object_goes, CC_TIMEOUT)
{
	static const char *const names[] = { "stats", "protections" };
	char dir[CC_PATH], path[CC_PATH + 16], buf[4096];
	unsigned int i;
	int fds[2];

	ASSERT_EQ(0, cc_debugfs_dir(dir, self->mem.cache, self->mem.zone,
				    self->view));
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fds[i]);
	}
	cc_mem_close(&self->mem);
	memset(&self->mem, 0, sizeof(self->mem));
	memset(self->mem.fd, -1, sizeof(self->mem.fd));
	self->mem.zone = self->mem.cache = -1;
	ASSERT_TRUE(cc_nothing_left());
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-1, pread(fds[i], buf, sizeof(buf), 0));
		close(fds[i]);
	}
}

/* ---- readers while everything comes and goes ---------------------------------------- */

static void read_all(const char *dir, int depth)
{
	char path[512], buf[4096];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_type == DT_DIR && depth)
			read_all(path, depth - 1);
		else
			cc_read_file(path, buf, sizeof(buf));
	}
	if (d)
		closedir(d);
}

static void *read_for_ever(void *stop)
{
	while (!*(volatile bool *)stop)
		read_all(CC_DEBUGFS, 3);
	return NULL;
}

TEST_F_TIMEOUT(seen, readers_bear_that_objects_come_and_go, CC_TIMEOUT)
{
	pthread_t readers[2];
	bool stop = false;
	struct cc_mem mem;
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, read_for_ever,
					    &stop));
	for (i = 0; i < 150; i++) {
		ASSERT_EQ(0, i & 1 ? cc_mem_code(&mem, PAGES) :
				     cc_mem_data(&mem, PAGES));
		cc_protect_run(mem.fd[i & 1 ? CODECACHE_VIEW_WRITE : DATA], 1,
			       2, CC_R);
		cc_mem_close(&mem);
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
}

/* ---- /proc/PID/maps ------------------------------------------------------------------ */

TEST_F_TIMEOUT(seen, maps_tell_the_kind, CC_TIMEOUT)
{
	char text[16384];
	struct cc_mem code;

	ASSERT_EQ(0, cc_mem_code(&code, PAGES));
	ASSERT_EQ(0, cc_mem_map(&self->mem, UFFD));
	ASSERT_LT(0, cc_read_file("/proc/self/maps", text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "codecache-write"));
	EXPECT_NE(NULL, strstr(text, "codecache-exec"));
	EXPECT_NE(NULL, strstr(text, "codecache-data"));
	EXPECT_NE(NULL, strstr(text, "codecache-uffd"));
	cc_mem_close(&code);
}

/* ---- tracepoints --------------------------------------------------------------------- */

#define EXPECT_TRACED(event, ...)					\
	do {								\
		snprintf(words, sizeof(words), __VA_ARGS__);		\
		EXPECT_TRUE(cc_traced(text, event, words));		\
	} while (0)

TEST_F_TIMEOUT(seen, tracepoints_tell_what_happens, CC_TIMEOUT)
{
	static char text[1 << 16];
	struct codecache_stats_args c, z, v;
	unsigned long long zone, view;
	struct cc_mem mem;
	char words[128];

	if (!cc_trace_start())
		SKIP(return, "this kernel has no tracefs");
	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	ASSERT_EQ(0, cc_stats(mem.cache, &c));
	ASSERT_EQ(0, cc_stats(mem.zone, &z));
	ASSERT_EQ(0, cc_stats(mem.fd[DATA], &v));
	zone = z.out_id;
	view = v.out_id;
	EXPECT_EQ(0, cc_store(mem.map[DATA] + 3 * self->page, 1));
	EXPECT_EQ(0, cc_protect_run(mem.fd[DATA], 2, 4, CC_R));
	EXPECT_EQ(SIGSEGV, cc_store(mem.map[DATA] + 3 * self->page, 1));
	cc_mem_close(&mem);
	ASSERT_TRUE(cc_total_becomes("charged_objects", 3));
	ASSERT_LT(0, cc_trace_stop(text, sizeof(text)));

	EXPECT_TRACED("codecache_zone_create",
		      "id=%llu parent=%llu kind=2 nr_pages=%d", zone,
		      (unsigned long long)c.out_id, PAGES);
	EXPECT_TRACED("codecache_view_create",
		      "id=%llu parent=%llu kind=3 nr_pages=%d", view, zone,
		      PAGES);
	EXPECT_TRACED("codecache_view_map", "view=%llu start=0x%lx nr_pages=%d",
		      view, (unsigned long)mem.map[DATA], PAGES);
	EXPECT_TRACED("codecache_fault", "view=%llu page=3 access=2 error=0",
		      view);
	EXPECT_TRACED("codecache_protect",
		      "view=%llu nr_pages=4 nr_ptes=1 nr_flushes=1", view);
	EXPECT_TRACED("codecache_trap", "view=%llu page=3 access=2", view);
	EXPECT_TRACED("codecache_view_unmap", "view=%llu start=0x%lx", view,
		      (unsigned long)mem.map[DATA]);
	EXPECT_TRACED("codecache_view_destroy", "id=%llu parent=%llu", view,
		      zone);
	EXPECT_TRACED("codecache_zone_destroy", "id=%llu parent=%llu", zone,
		      (unsigned long long)c.out_id);
}

TEST_HARNESS_MAIN
