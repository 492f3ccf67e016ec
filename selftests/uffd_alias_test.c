// SPDX-License-Identifier: MIT
/*
 * Views of kind uffd are mapped by shmem itself: nothing that one can do with a
 * shmem mapping may break the tie between them and the data views
 */
#include "cc_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/personality.h>

#include "kselftest_harness.h"

enum { PAGES = 16 };

#define DATA	CODECACHE_VIEW_DATA
#define UFFD	CODECACHE_VIEW_UFFD

/* A data zone, a data view and a uffd view of it, every page filled. */
FIXTURE(alias)
{
	struct cc_mem mem;
	size_t page;
	size_t bytes;
	unsigned char *d;
	unsigned char *u;
};

FIXTURE_SETUP(alias)
{
	unsigned int i;

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	ASSERT_EQ(0, cc_mem_map(&self->mem, UFFD));
	self->page = cc_page_size();
	self->bytes = PAGES * self->page;
	self->d = self->mem.map[DATA];
	self->u = self->mem.map[UFFD];
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->d + i * self->page, i + 1));
}

FIXTURE_TEARDOWN(alias)
{
	cc_mem_close(&self->mem);
}

/* The pages still hold what they held, and each view shows the other's. */
static bool holds(FIXTURE_DATA(alias) *self)
{
	static unsigned char round;
	unsigned int i;

	for (i = 0, round++; i < PAGES; i++) {
		size_t at = i * self->page;
		unsigned char a = 0, b = 0, c = 0;

		if (cc_load(self->u + at, &c) ||
		    cc_store(self->d + at + 1, round) ||
		    cc_load(self->u + at + 1, &a) ||
		    cc_store(self->u + at + 2, round + 1) ||
		    cc_load(self->d + at + 2, &b))
			return false;
		if (c != i + 1 || a != round || b != (unsigned char)(round + 1)) {
			printf("# page %u: %u %u %u\n", i, c, a, b);
			return false;
		}
	}
	return true;
}

TEST_F_TIMEOUT(alias, bears_any_advice, CC_TIMEOUT)
{
	/* All but 100 and 101, which poison memory. */
	static const int advices[] = { 0, 1, 2, 3, 4, 8, 9, 12, 13, 14, 15, 16,
				       17, 18, 19, 20, 21, 22, 23, 24, 25 };
	enum { GUARD_INSTALL = 102, GUARD_REMOVE };
	unsigned int i;

	EXPECT_EQ(-1, madvise(self->u, self->bytes, MADV_REMOVE));
	EXPECT_EQ(-1, madvise(self->u + self->page, self->page, MADV_REMOVE));
	EXPECT_TRUE(holds(self));
	for (i = 0; i < ARRAY_LEN(advices); i++) {
		madvise(self->u, self->bytes, advices[i]);
		madvise(self->u + 3 * self->page, self->page, advices[i]);
		ASSERT_TRUE(holds(self))
			TH_LOG("after advice %d", advices[i]);
	}
	if (!madvise(self->u, self->page, GUARD_INSTALL)) {
		EXPECT_EQ(SIGSEGV, cc_load(self->u, NULL));
		EXPECT_EQ(0, cc_load(self->d, NULL));
		EXPECT_EQ(0, madvise(self->u, self->page, GUARD_REMOVE));
	}
	EXPECT_TRUE(holds(self));
}

/* Root can open what a process has mapped; that must not be a way around. */
TEST_F_TIMEOUT(alias, bears_who_opens_its_mapping_in_proc, CC_TIMEOUT)
{
	enum { KEEP = 1, PUNCH = 2, ZERO = 16, COLLAPSE = 8, INSERT = 32 };
	static const int modes[] = { KEEP | PUNCH, ZERO, KEEP | ZERO, COLLAPSE,
				     INSERT, 0 };
	char path[128];
	unsigned int i;
	void *p;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)self->u, (unsigned long)self->u + self->bytes);
	fd = open(path, O_RDWR | O_CLOEXEC);
	TH_LOG("open: %s", fd < 0 ? strerror(errno) : "possible");
	if (fd < 0)
		return;
	EXPECT_EQ(-1, ftruncate(fd, 0));
	EXPECT_EQ(-1, ftruncate(fd, self->bytes - self->page));
	EXPECT_EQ(-1, ftruncate(fd, self->bytes + self->page));
	EXPECT_TRUE(holds(self));
	p = mmap(NULL, self->bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	EXPECT_EQ(MAP_FAILED, p)
		TH_LOG("a data zone can be mapped executable");
	for (i = 0; i < ARRAY_LEN(modes); i++) {
		fallocate(fd, modes[i], 2 * self->page, self->page);
		ASSERT_TRUE(holds(self))
			TH_LOG("after fallocate mode %d", modes[i]);
	}
}

TEST_F_TIMEOUT(alias, bears_losing_rights_and_parts, CC_TIMEOUT)
{
	int err = mprotect(self->u, 2 * self->page, PROT_READ);

	if (!err) {
		EXPECT_EQ(SIGSEGV, cc_store(self->u, 1));
		EXPECT_EQ(0, mprotect(self->u, 2 * self->page,
				      PROT_READ | PROT_WRITE));
	}
	EXPECT_TRUE(holds(self));
	EXPECT_EQ(-1, mprotect(self->u, self->bytes, PROT_READ | PROT_EXEC));
	EXPECT_TRUE(holds(self));
}

/* Shmem's mappings can be moved, grown and doubled: to no effect on the pages. */
TEST_F_TIMEOUT(alias, bears_being_moved, CC_TIMEOUT)
{
	unsigned char *p, *twin, value = 0;

	twin = mremap(self->u, 0, self->bytes, MREMAP_MAYMOVE);
	if (twin != MAP_FAILED) {
		ASSERT_EQ(0, cc_store(self->d + 5, 55));
		EXPECT_EQ(0, cc_load(twin + 5, &value));
		EXPECT_EQ(55, value);
		ASSERT_EQ(0, munmap(twin, self->bytes));
	}
	p = mremap(self->u, self->bytes, 2 * self->bytes, MREMAP_MAYMOVE);
	if (p != MAP_FAILED) {
		self->u = p;
		EXPECT_TRUE(holds(self));
		/* No page of the zone lies beyond its end. */
		EXPECT_EQ(SIGBUS, cc_load(p + self->bytes, NULL));
		EXPECT_EQ(SIGBUS, cc_store(p + 2 * self->bytes - 1, 1));
		ASSERT_EQ(p, mremap(p, 2 * self->bytes, self->bytes, 0));
	}
	EXPECT_TRUE(holds(self));
	ASSERT_EQ(0, munmap(self->u, self->bytes));
	self->u = self->mem.map[UFFD] = cc_map(self->mem.fd[UFFD], UFFD, PAGES);
	ASSERT_NE(NULL, self->u);
	EXPECT_TRUE(holds(self));
}

/* However it is cut, the view is mapped until its last piece is gone. */
TEST_F_TIMEOUT(alias, is_mapped_until_the_last_piece_goes, CC_TIMEOUT)
{
	size_t half = self->bytes / 2;

	if (!munmap(self->u, half)) {
		EXPECT_EQ(NULL, cc_map(self->mem.fd[UFFD], UFFD, PAGES));
		EXPECT_EQ(EBUSY, errno);
		ASSERT_EQ(0, cc_store(self->d + half, 99));
		EXPECT_EQ(99, self->u[half]);
		ASSERT_EQ(0, cc_store(self->d + half, PAGES / 2 + 1));
	}
	ASSERT_EQ(0, munmap(self->u, self->bytes));
	self->u = self->mem.map[UFFD] = cc_map(self->mem.fd[UFFD], UFFD, PAGES);
	ASSERT_NE(NULL, self->u);
	EXPECT_TRUE(holds(self));
}

TEST_F_TIMEOUT(alias, there_is_one_mapping_at_a_time, CC_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		EXPECT_EQ(NULL, cc_map(self->mem.fd[UFFD], UFFD, PAGES));
		EXPECT_EQ(EBUSY, errno);
		EXPECT_TRUE(holds(self));
		ASSERT_EQ(0, munmap(self->u, self->bytes));
		self->u = cc_map(self->mem.fd[UFFD], UFFD, PAGES);
		self->mem.map[UFFD] = self->u;
		ASSERT_NE(NULL, self->u);
	}
	EXPECT_TRUE(holds(self));
}

TEST_F_TIMEOUT(alias, there_is_one_view_at_a_time, CC_TIMEOUT)
{
	EXPECT_EQ(-EBUSY, cc_view(self->mem.zone, UFFD));
	/* A mapping without a descriptor still counts. */
	close(self->mem.fd[UFFD]);
	self->mem.fd[UFFD] = -1;
	EXPECT_EQ(-EBUSY, cc_view(self->mem.zone, UFFD));
	EXPECT_TRUE(holds(self));
	ASSERT_EQ(0, munmap(self->u, self->bytes));
	self->mem.map[UFFD] = NULL;
	ASSERT_EQ(0, cc_mem_map(&self->mem, UFFD));
	self->u = self->mem.map[UFFD];
	EXPECT_TRUE(holds(self));
}

TEST_F_TIMEOUT(alias, outlives_every_descriptor, CC_TIMEOUT)
{
	close(self->mem.fd[UFFD]);
	close(self->mem.fd[DATA]);
	close(self->mem.zone);
	close(self->mem.cache);
	self->mem.fd[UFFD] = self->mem.fd[DATA] = -1;
	self->mem.zone = self->mem.cache = -1;
	EXPECT_TRUE(holds(self));
	EXPECT_EQ(2, cc_total("views"));
	EXPECT_EQ(4, cc_total("charged_objects"));
}

TEST_F_TIMEOUT(alias, takes_its_access_and_no_other, CC_TIMEOUT)
{
	int prot;

	ASSERT_EQ(0, munmap(self->u, self->bytes));
	self->mem.map[UFFD] = NULL;
	for (prot = 0; prot < 8; prot++) {
		if (prot == (PROT_READ | PROT_WRITE))
			continue;
		EXPECT_EQ(MAP_FAILED, mmap(NULL, self->bytes, prot, MAP_SHARED,
					   self->mem.fd[UFFD], 0));
		EXPECT_EQ(EACCES, errno);
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, self->mem.fd[UFFD], 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page, PROT_READ | PROT_WRITE,
				   MAP_SHARED, self->mem.fd[UFFD], 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F_TIMEOUT(alias, is_not_executable_because_of_a_personality, CC_TIMEOUT)
{
	int old = personality(0xffffffff);

	ASSERT_LE(0, personality(old | READ_IMPLIES_EXEC));
	mprotect(self->u, self->bytes, PROT_READ | PROT_WRITE);
	EXPECT_FALSE(cc_vm_flag(self->u, "ex"));
	EXPECT_EQ(SIGSEGV, cc_call(self->u, NULL));
	ASSERT_EQ(0, munmap(self->u, self->bytes));
	self->u = self->mem.map[UFFD] = cc_map(self->mem.fd[UFFD], UFFD, PAGES);
	if (self->u)
		EXPECT_EQ(SIGSEGV, cc_call(self->u, NULL));
	ASSERT_LE(0, personality(old));
}

TEST_F_TIMEOUT(alias, pages_count_as_resident_whoever_made_them, CC_TIMEOUT)
{
	struct codecache_stats_args stats;
	struct cc_mem mem;
	unsigned int i;
	int window;

	ASSERT_EQ(0, cc_mem_data(&mem, PAGES));
	ASSERT_EQ(0, cc_mem_map(&mem, UFFD));
	window = cc_window(mem.zone, DATA, 2, 8);
	ASSERT_LE(0, window);
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, cc_store(mem.map[UFFD] + i * self->page, 1));
	ASSERT_EQ(0, cc_stats(mem.zone, &stats));
	EXPECT_EQ(6, stats.out_resident_pages);
	ASSERT_EQ(0, cc_stats(mem.fd[DATA], &stats));
	EXPECT_EQ(6, stats.out_resident_pages);
	ASSERT_EQ(0, cc_stats(window, &stats));
	EXPECT_EQ(4, stats.out_resident_pages)
		TH_LOG("a window does not count what userfaultfd's view filled");
	close(window);
	cc_mem_close(&mem);
}

TEST_HARNESS_MAIN
