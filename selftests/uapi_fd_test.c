// SPDX-License-Identifier: MIT
/*
 * Descriptors: what they do besides their ioctls (nothing), and how new ones
 * come into being
 */
#include "cc_reclaim.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

#include "kselftest_harness.h"

enum { PAGES = 4 };

/* A descriptor of each sort: cache, two zones, a view of each kind. */
FIXTURE(descriptor)
{
	int cache;
	int code;
	int data;
	int view[5];
	int all[7];
};

FIXTURE_SETUP(descriptor)
{
	unsigned int kind, n = 0;

	self->all[n++] = self->cache = cc_open();
	self->all[n++] = self->code = cc_zone(self->cache, CODECACHE_ZONE_CODE,
					      PAGES);
	self->all[n++] = self->data = cc_zone(self->cache, CODECACHE_ZONE_DATA,
					      PAGES);
	for (kind = CODECACHE_VIEW_WRITE; kind <= CODECACHE_VIEW_UFFD; kind++) {
		self->view[kind] = cc_view(cc_kind_class(kind) ==
					   CODECACHE_ZONE_CODE ? self->code :
								 self->data,
					   kind);
		self->all[n++] = self->view[kind];
	}
	ASSERT_EQ(ARRAY_LEN(self->all), n);
	while (n--)
		ASSERT_LE(0, self->all[n]);
}

FIXTURE_TEARDOWN(descriptor)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(self->all); i++)
		close(self->all[i]);
}

static bool is_known(unsigned int nr)
{
	return (nr >= CODECACHE_IOC_INFO && nr <= CODECACHE_IOC_ZONE_EVENTFD) ||
	       (nr >= CODECACHE_IOC_VIEW_PROTECT &&
		nr <= CODECACHE_IOC_VIEW_UNMAP) ||
	       nr == CODECACHE_IOC_SEAL_INFO || nr == CODECACHE_IOC_STATS;
}

TEST_F_TIMEOUT(descriptor, unknown_numbers_are_refused, CC_TIMEOUT)
{
	static const unsigned int magics[] = { CODECACHE_IOC_MAGIC, 0, 0xc8,
					       0xca, 0xff };
	struct codecache_stats_args args = { .size = sizeof(args) };
	unsigned int i, m, nr, cmd;

	for (i = 0; i < ARRAY_LEN(self->all); i++) {
		for (m = 0; m < ARRAY_LEN(magics); m++) {
			for (nr = 0; nr < 256; nr++) {
				cmd = _IO(magics[m], nr);
				/* 1 and 2 are the kernel's, for all files. */
				if (is_known(cmd) || cmd <= 2)
					continue;
				ASSERT_EQ(-ENOTTY, cc_ioctl(self->all[i], cmd,
							    &args))
					TH_LOG("%#x", cmd);
			}
		}
	}
}

TEST_F_TIMEOUT(descriptor, numbers_have_no_direction_and_no_size, CC_TIMEOUT)
{
	struct codecache_stats_args args = { .size = sizeof(args) };
	const unsigned int cmds[] = {
		_IOR(CODECACHE_IOC_MAGIC, 0x1f, args),
		_IOW(CODECACHE_IOC_MAGIC, 0x1f, args),
		_IOWR(CODECACHE_IOC_MAGIC, 0x1f, args),
		_IOWR(CODECACHE_IOC_MAGIC, 0x1f, int),
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(self->all); i++) {
		for (k = 0; k < ARRAY_LEN(cmds); k++)
			EXPECT_EQ(-ENOTTY, cc_ioctl(self->all[i], cmds[k],
						    &args));
	}
}

TEST_F_TIMEOUT(descriptor, new_ones_are_close_on_exec, CC_TIMEOUT)
{
	unsigned int i;

	/* The first is what open() made it. */
	for (i = 1; i < ARRAY_LEN(self->all); i++)
		EXPECT_EQ(FD_CLOEXEC, fcntl(self->all[i], F_GETFD));
}

TEST_F_TIMEOUT(descriptor, new_ones_take_the_lowest_free_number, CC_TIMEOUT)
{
	int free = dup(self->cache), zone;

	close(free);
	zone = cc_zone(self->cache, CODECACHE_ZONE_DATA, 1);
	EXPECT_EQ(free, zone);
	close(zone);
}

TEST_F_TIMEOUT(descriptor, cannot_be_read_or_written, CC_TIMEOUT)
{
	char buf[16] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(self->all); i++) {
		/* Views give events, which are longer; those of kind uffd none. */
		EXPECT_EQ(-1, read(self->all[i], buf, sizeof(buf)));
		EXPECT_TRUE(errno == EINVAL || errno == EBADF);
		EXPECT_EQ(-1, write(self->all[i], buf, sizeof(buf)));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, pread(self->all[i], buf, sizeof(buf), 0));
		EXPECT_EQ(-1, pwrite(self->all[i], buf, sizeof(buf), 0));
		EXPECT_EQ(-1, sendfile(STDOUT_FILENO, self->all[i], NULL, 1));
	}
}

TEST_F_TIMEOUT(descriptor, cannot_be_resized, CC_TIMEOUT)
{
	enum { KEEP = 1, PUNCH = 2, ZERO = 16 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(self->all); i++) {
		EXPECT_EQ(-1, ftruncate(self->all[i], 0));
		EXPECT_EQ(-1, fallocate(self->all[i], 0, 0, 1 << 20));
		EXPECT_EQ(-1, fallocate(self->all[i], KEEP | PUNCH, 0, 4096));
		EXPECT_EQ(-1, fallocate(self->all[i], KEEP | ZERO, 0, 4096));
	}
}

TEST_F_TIMEOUT(descriptor, zones_cannot_be_mapped, CC_TIMEOUT)
{
	const int fds[] = { self->code, self->data };
	static const int prots[] = { PROT_NONE, PROT_READ,
				     PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_EXEC };
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(fds); i++) {
		for (k = 0; k < ARRAY_LEN(prots); k++) {
			EXPECT_EQ(MAP_FAILED, mmap(NULL, cc_page_size(),
						   prots[k], MAP_SHARED, fds[i],
						   0));
			/* Some kernels look at PROT_EXEC first. */
			EXPECT_TRUE(errno == ENODEV || errno == EPERM);
			EXPECT_EQ(MAP_FAILED, mmap(NULL, cc_page_size(),
						   prots[k], MAP_PRIVATE,
						   fds[i], 0));
		}
	}
}

/* Opening the device again gives a new cache; nothing else can be opened. */
TEST_F_TIMEOUT(descriptor, zones_and_views_cannot_be_opened_again, CC_TIMEOUT)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct codecache_stats_args mine, theirs;
	unsigned int i, k;
	char path[64];
	int fd;

	for (i = 1; i < ARRAY_LEN(self->all); i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", self->all[i]);
		for (k = 0; k < ARRAY_LEN(modes); k++)
			EXPECT_EQ(-1, open(path, modes[k] | O_CLOEXEC));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->cache);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, cc_stats(self->cache, &mine));
	ASSERT_EQ(0, cc_stats(fd, &theirs));
	EXPECT_NE(mine.out_id, theirs.out_id);
	EXPECT_EQ(2, mine.out_nr_zones);
	EXPECT_EQ(0, theirs.out_nr_zones);
}

TEST_F_TIMEOUT(descriptor, duplicates_are_the_same_object, CC_TIMEOUT)
{
	struct codecache_stats_args mine, theirs;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(self->all); i++) {
		int fd = dup(self->all[i]);

		ASSERT_EQ(0, cc_stats(self->all[i], &mine));
		ASSERT_EQ(0, cc_stats(fd, &theirs));
		EXPECT_EQ(mine.out_object, theirs.out_object);
		EXPECT_EQ(mine.out_id, theirs.out_id);
		close(fd);
	}
}

/* With every descriptor in use, creating fails and leaves nothing behind. */
TEST_F_TIMEOUT(descriptor, running_out_of_descriptors_leaks_nothing, CC_TIMEOUT)
{
	long long objects = cc_total("charged_objects");
	struct rlimit old, none;
	int i;

	ASSERT_LT(0, objects);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = dup(self->cache);
	close(none.rlim_cur);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(-EMFILE, cc_open());
		ASSERT_EQ(-EMFILE, cc_zone(self->cache, CODECACHE_ZONE_CODE,
					   PAGES));
		ASSERT_EQ(-EMFILE, cc_view(self->code, CODECACHE_VIEW_EXEC));
		ASSERT_EQ(-EMFILE, cc_view(self->data, CODECACHE_VIEW_DATA));
	}
	close(self->view[CODECACHE_VIEW_UFFD]);
	none.rlim_cur = self->view[CODECACHE_VIEW_WRITE];
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(-EMFILE, cc_view(self->data, CODECACHE_VIEW_UFFD));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_TRUE(cc_total_becomes("charged_objects", objects - 1));
	EXPECT_TRUE(cc_total_becomes("views", 3));
	/* The failed ones do not count as the one uffd view of the zone. */
	self->view[CODECACHE_VIEW_UFFD] = cc_view(self->data,
						  CODECACHE_VIEW_UFFD);
	EXPECT_LE(0, self->view[CODECACHE_VIEW_UFFD]);
}

TEST_F_TIMEOUT(descriptor, info_tells_limits_that_hold, CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
	EXPECT_EQ(CODECACHE_ABI_VERSION, info.out_abi_version);
	EXPECT_EQ(cc_page_size(), info.out_page_size);
	EXPECT_EQ(CODECACHE_FEAT_UFFD_VIEWS | CODECACHE_FEAT_PROTECT_BITMAP |
		  CODECACHE_FEAT_SINGLE_FLUSH | CODECACHE_FEAT_QUERY |
		  CODECACHE_FEAT_TRAP_LOG | CODECACHE_FEAT_TRAP_BLOCK |
		  CODECACHE_FEAT_POPULATE | CODECACHE_FEAT_EXTENTS |
		  CODECACHE_FEAT_GRACE | CODECACHE_FEAT_SEAL, info.out_features);
	EXPECT_EQ(cc_param("max_zone_bytes"), (long long)info.out_max_zone_bytes);
	EXPECT_EQ(cc_param("user_max_pages"), (long long)info.out_user_max_pages);
	EXPECT_EQ(cc_param("user_max_objects"),
		  (long long)info.out_user_max_objects);
	EXPECT_EQ(cc_param("system_max_pages"),
		  (long long)info.out_system_max_pages);
	EXPECT_EQ(cc_param("system_max_objects"),
		  (long long)info.out_system_max_objects);
	EXPECT_LE(1U << 10, info.out_max_ranges);
	EXPECT_LE(1U << 16, info.out_max_bitmap_pages);
	EXPECT_LE(1U << 12, info.out_max_readers);
	EXPECT_LE(1U << 10, info.out_max_extents);
}

TEST_F_TIMEOUT(descriptor, info_tells_how_much_may_be_held, CC_TIMEOUT)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	const uint64_t set[] = { 1, 1000, 0, ~0ULL };
	unsigned int i;

	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
	/* By default as much as some memory is. */
	EXPECT_LT(1U << 10, info.out_max_held_pages);
	EXPECT_GT(1ULL << 32, info.out_max_held_pages);
	for (i = 0; i < ARRAY_LEN(set); i++) {
		ASSERT_EQ(0, cc_set_param("max_held_pages", set[i]));
		ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
		EXPECT_TRUE(info.out_max_held_pages == set[i] || set[i] == ~0ULL);
	}
}

/* ---- what readers and the kernel share --------------------------------------- */

FIXTURE(shared)
{
	int cache;
	size_t page;
	uint64_t nr_pages;	/* of slots */
	void *p;
};

FIXTURE_SETUP(shared)
{
	struct codecache_info_args info = { .size = sizeof(info) };

	self->page = cc_page_size();
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_INFO, &info));
	self->nr_pages = info.out_max_readers *
			 sizeof(struct codecache_reader_slot) / self->page;
}

FIXTURE_TEARDOWN(shared)
{
	close(self->cache);
}

/* mmap() of pages of the cache: 0, with where in @p, or -errno. */
static int map_pages(FIXTURE_DATA(shared) *self, uint64_t at, uint64_t nr, int prot,
		 int flags)
{
	self->p = mmap(NULL, nr * self->page, prot, flags, self->cache,
		       at * self->page);
	return self->p == MAP_FAILED ? -errno : 0;
}

static bool unmap_pages(FIXTURE_DATA(shared) *self, uint64_t nr)
{
	return !munmap(self->p, nr * self->page);
}

#define RW (PROT_READ | PROT_WRITE)

TEST_F_TIMEOUT(shared, control_page_can_only_be_read, CC_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(self, 0, 1, PROT_READ, MAP_SHARED));
	EXPECT_EQ(0, cc_load(self->p, NULL));
	EXPECT_EQ(SIGSEGV, cc_store(self->p, 1));
	EXPECT_EQ(-EFAULT, cc_kernel_store(self->p, 1));
	EXPECT_EQ(-1, mprotect(self->p, self->page, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(self->p, self->page, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_TRUE(unmap_pages(self, 1));
	EXPECT_EQ(-EACCES, map_pages(self, 0, 1, RW, MAP_SHARED));
	EXPECT_EQ(-EACCES, map_pages(self, 0, 1, PROT_WRITE, MAP_SHARED));
	EXPECT_GT(0, map_pages(self, 0, 1, PROT_READ | PROT_EXEC, MAP_SHARED));
	EXPECT_EQ(-EINVAL, map_pages(self, 0, 1, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, map_pages(self, 0, 1, RW, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, map_pages(self, 0, 2, PROT_READ, MAP_SHARED));
}

TEST_F_TIMEOUT(shared, control_page_begins_with_the_structure, CC_TIMEOUT)
{
	const struct codecache_control *control;
	const unsigned char *bytes;
	size_t i;

	ASSERT_EQ(0, map_pages(self, 0, 1, PROT_READ, MAP_SHARED));
	control = self->p;
	bytes = self->p;
	EXPECT_LT(0, control->epoch);
	EXPECT_EQ(0, control->completed);
	EXPECT_EQ(0, control->waiting);
	EXPECT_EQ(0, control->reserved);
	for (i = sizeof(*control); i < self->page; i++)
		ASSERT_EQ(0, bytes[i]);
	unmap_pages(self, 1);
}

TEST_F_TIMEOUT(shared, slots_can_be_read_and_written, CC_TIMEOUT)
{
	uint64_t nr;

	ASSERT_EQ(0, cc_reader(self->cache));
	for (nr = 1; nr <= self->nr_pages; nr = nr * 3 + 1) {
		ASSERT_EQ(0, map_pages(self, 1, nr, RW, MAP_SHARED));
		EXPECT_EQ(0, cc_store(self->p + 8, nr));
		EXPECT_EQ(-1, mprotect(self->p, nr * self->page,
				       PROT_READ | PROT_EXEC));
		EXPECT_EQ(EACCES, errno);
		EXPECT_TRUE(unmap_pages(self, nr));
	}
	EXPECT_EQ(0, map_pages(self, 1, self->nr_pages, RW, MAP_SHARED));
	EXPECT_TRUE(unmap_pages(self, self->nr_pages));
	EXPECT_EQ(0, map_pages(self, 1, 1, PROT_READ, MAP_SHARED));
	EXPECT_EQ(SIGSEGV, cc_store(self->p, 1));
	EXPECT_TRUE(unmap_pages(self, 1));
	EXPECT_EQ(-EINVAL, map_pages(self, 1, self->nr_pages + 1, RW, MAP_SHARED));
	EXPECT_EQ(-EINVAL, map_pages(self, 2, 1, RW, MAP_SHARED));
	EXPECT_EQ(-EINVAL, map_pages(self, 1 << 17, 1, RW, MAP_SHARED));
	EXPECT_EQ(-EINVAL, map_pages(self, 1, 1, RW, MAP_PRIVATE));
	EXPECT_GT(0, map_pages(self, 1, 1, PROT_READ | PROT_EXEC, MAP_SHARED));
}

/* A monitor that may only read can map what there is to be read. */
TEST_F_TIMEOUT(shared, through_a_descriptor_to_read_can_be_read, CC_TIMEOUT)
{
	int cache = self->cache;
	uint64_t at;

	self->cache = open(CODECACHE_DEVICE, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->cache);
	EXPECT_EQ(0, cc_reader(self->cache));
	for (at = 0; at <= 1; at++) {
		ASSERT_EQ(0, map_pages(self, at, 1, PROT_READ, MAP_SHARED));
		EXPECT_EQ(0, cc_load(self->p, NULL));
		EXPECT_EQ(-1, mprotect(self->p, self->page, RW));
		EXPECT_EQ(EACCES, errno);
		EXPECT_TRUE(unmap_pages(self, 1));
		EXPECT_EQ(-EINVAL, map_pages(self, at, 1, PROT_READ, MAP_PRIVATE));
		EXPECT_EQ(-EACCES, map_pages(self, at, 1, RW, MAP_SHARED));
	}
	close(self->cache);
	self->cache = cache;
}

TEST_F_TIMEOUT(shared, parts_cannot_be_changed_or_unmapped, CC_TIMEOUT)
{
	ASSERT_EQ(0, map_pages(self, 1, 4, RW, MAP_SHARED));
	EXPECT_EQ(-1, munmap(self->p, self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, munmap(self->p + 2 * self->page, 2 * self->page));
	EXPECT_EQ(-1, mprotect(self->p + self->page, self->page, PROT_READ));
	EXPECT_EQ(MAP_FAILED, mremap(self->p, 4 * self->page, 5 * self->page,
				     MREMAP_MAYMOVE));
	EXPECT_TRUE(unmap_pages(self, 4));
}

TEST_F_TIMEOUT(shared, pages_without_a_reader_are_bus_errors, CC_TIMEOUT)
{
	const uint64_t per_page = self->page /
				  sizeof(struct codecache_reader_slot);
	uint64_t i;

	ASSERT_EQ(0, map_pages(self, 1, self->nr_pages, RW, MAP_SHARED));
	for (i = 0; i < self->nr_pages; i += 97)
		EXPECT_EQ(SIGBUS, cc_load(self->p + i * self->page, NULL));
	for (i = 0; i <= per_page; i++) {
		EXPECT_EQ(i ? 0 : SIGBUS, cc_store(self->p, 0));
		EXPECT_EQ(SIGBUS, cc_load(self->p + self->page, NULL));
		EXPECT_EQ((int)i, cc_reader(self->cache));
	}
	EXPECT_EQ(0, cc_load(self->p + self->page, NULL));
	EXPECT_EQ(-EFAULT, cc_kernel_load(self->p + 2 * self->page));
	unmap_pages(self, self->nr_pages);
}

TEST_F_TIMEOUT(shared, mappings_are_of_the_same_memory, CC_TIMEOUT)
{
	unsigned char *other;

	ASSERT_EQ(0, cc_reader(self->cache));
	ASSERT_EQ(0, map_pages(self, 1, 1, RW, MAP_SHARED));
	other = self->p;
	ASSERT_EQ(0, map_pages(self, 1, 7, RW, MAP_SHARED));
	ASSERT_NE(other, self->p);
	other[8] = 77;
	EXPECT_EQ(77, ((unsigned char *)self->p)[8]);
	unmap_pages(self, 7);
	self->p = other;
	unmap_pages(self, 1);
}

static int try_as_child(const void *control, const void *slots)
{
	return cc_is_mapped(control) || cc_is_mapped(slots) ||
	       cc_load(control, NULL) != SIGSEGV;
}

TEST_F_TIMEOUT(shared, mappings_are_not_copied_by_fork, CC_TIMEOUT)
{
	void *control;
	pid_t pid;

	ASSERT_EQ(0, cc_reader(self->cache));
	ASSERT_EQ(0, map_pages(self, 0, 1, PROT_READ, MAP_SHARED));
	control = self->p;
	ASSERT_EQ(0, map_pages(self, 1, 1, RW, MAP_SHARED));
	pid = cc_fork();
	if (!pid)
		_exit(try_as_child(control, self->p));
	EXPECT_EQ(0, cc_wait(pid));
	unmap_pages(self, 1);
	self->p = control;
	unmap_pages(self, 1);
}

/* A mapping is as good as a descriptor for keeping the cache, and its slots. */
TEST_F_TIMEOUT(shared, mappings_keep_the_cache, CC_TIMEOUT)
{
	ASSERT_TRUE(cc_total_becomes("caches", 1));
	ASSERT_EQ(0, cc_reader(self->cache));
	ASSERT_EQ(0, map_pages(self, 1, 1, RW, MAP_SHARED));
	close(self->cache);
	self->cache = -1;
	EXPECT_EQ(0, cc_store(self->p, 1));
	EXPECT_EQ(1, cc_total("readers"));
	EXPECT_EQ(1, cc_total("caches"));
	unmap_pages(self, 1);
	EXPECT_TRUE(cc_total_becomes("readers", 0));
	EXPECT_TRUE(cc_nothing_left());
}

/* Who may only read the device cannot write slots. */
TEST_F_TIMEOUT(shared, slots_need_a_descriptor_for_writing, CC_TIMEOUT)
{
	close(self->cache);
	self->cache = open(CODECACHE_DEVICE, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->cache);
	ASSERT_EQ(0, cc_reader(self->cache));
	EXPECT_EQ(-EACCES, map_pages(self, 1, 1, RW, MAP_SHARED));
	if (map_pages(self, 1, 1, PROT_READ, MAP_SHARED))
		return;
	EXPECT_EQ(-1, mprotect(self->p, self->page, RW));
	unmap_pages(self, 1);
}

TEST_HARNESS_MAIN
