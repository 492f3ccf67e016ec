// SPDX-License-Identifier: MIT
/*
 * Views of kind uffd: userfaultfd sees their faults, they show the very pages
 * that data views show, and PROTECT takes pages back
 */
#include "cc_test.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

enum { PAGES = 64 };

#define DATA	CODECACHE_VIEW_DATA
#define UFFD	CODECACHE_VIEW_UFFD
#define MINOR	UFFDIO_REGISTER_MODE_MINOR
#define MISSING	UFFDIO_REGISTER_MODE_MISSING
#define WP	UFFDIO_REGISTER_MODE_WP

/* What a thread answers the faults with, and which faults there were. */
struct server {
	int uffd;
	unsigned char *base;
	size_t page;
	bool zero;		/* missing pages: zeroes instead of their number */
	volatile bool stop;
	volatile unsigned int missing[PAGES], minor[PAGES], wp[PAGES];
	volatile unsigned int errors;
};

/* A data zone, a data view and a uffd view of it, and a userfaultfd. */
FIXTURE(uffd)
{
	struct cc_mem mem;
	size_t page;
	size_t bytes;
	unsigned char *d;
	unsigned char *u;
	uint64_t features;
	struct server server;
	pthread_t thread;
	bool serving;
};

static int open_uffd(uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = *features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -EINVAL;
	}
	*features = api.features;
	return fd;
}

FIXTURE_SETUP(uffd)
{
	uint64_t all = 0;
	int fd;

	ASSERT_EQ(0, cc_mem_data(&self->mem, PAGES));
	ASSERT_EQ(0, cc_mem_map(&self->mem, UFFD));
	self->page = cc_page_size();
	self->bytes = PAGES * self->page;
	self->d = self->mem.map[DATA];
	self->u = self->mem.map[UFFD];
	fd = open_uffd(&all);
	if (fd < 0)
		SKIP(return, "this kernel has no userfaultfd");
	close(fd);
	self->features = all & (UFFD_FEATURE_MINOR_SHMEM |
				UFFD_FEATURE_MISSING_SHMEM |
				UFFD_FEATURE_PAGEFAULT_FLAG_WP |
				UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	self->server.uffd = open_uffd(&self->features);
	ASSERT_LE(0, self->server.uffd);
	self->server.base = self->u;
	self->server.page = self->page;
}

FIXTURE_TEARDOWN(uffd)
{
	self->server.stop = true;
	if (self->serving)
		pthread_join(self->thread, NULL);
	close(self->server.uffd);
	cc_mem_close(&self->mem);
}

static int resolve_missing(struct server *s, uint64_t at, unsigned int page)
{
	unsigned char content[s->page];
	struct uffdio_copy copy = {
		.dst = at,
		.src = (uintptr_t)content,
		.len = s->page,
	};
	struct uffdio_zeropage zero = { .range = { at, s->page } };

	memset(content, page, s->page);
	return s->zero ? ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero) :
			 ioctl(s->uffd, UFFDIO_COPY, &copy);
}

static int resolve(struct server *s, const struct uffd_msg *msg)
{
	uint64_t at = msg->arg.pagefault.address & ~(uint64_t)(s->page - 1);
	unsigned int page = (at - (uintptr_t)s->base) / s->page;
	struct uffdio_continue cont = { .range = { at, s->page } };
	struct uffdio_writeprotect wp = { .range = { at, s->page } };

	if (msg->event != UFFD_EVENT_PAGEFAULT || page >= PAGES)
		return -1;
	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
		s->wp[page]++;
		return ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp);
	}
	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR) {
		s->minor[page]++;
		return ioctl(s->uffd, UFFDIO_CONTINUE, &cont);
	}
	s->missing[page]++;
	return resolve_missing(s, at, page);
}

static void *serve(void *p)
{
	struct server *s = p;
	struct pollfd poll_fd = { .fd = s->uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (!s->stop) {
		if (poll(&poll_fd, 1, 20) <= 0)
			continue;
		if (read(s->uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		if (resolve(s, &msg))
			s->errors++;
	}
	return NULL;
}

/* Register the uffd view and answer its faults; false: the kernel lacks a mode. */
static bool start(FIXTURE_DATA(uffd) *self, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)self->u, self->bytes },
		.mode = mode,
	};
	uint64_t need = 0;

	if (mode & MISSING)
		need |= UFFD_FEATURE_MISSING_SHMEM;
	if (mode & MINOR)
		need |= UFFD_FEATURE_MINOR_SHMEM;
	if (mode & WP)
		need |= UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
	if ((self->features & need) != need)
		return false;
	if (ioctl(self->server.uffd, UFFDIO_REGISTER, &reg)) {
		printf("# UFFDIO_REGISTER: %m\n");
		self->server.errors++;
	}
	self->serving = !pthread_create(&self->thread, NULL, serve,
					&self->server);
	return true;
}

#define START(mode)							\
	do {								\
		if (!start(self, mode))					\
			SKIP(return, "no userfaultfd " #mode " for shmem"); \
		ASSERT_TRUE(self->serving);				\
		ASSERT_EQ(0, self->server.errors);			\
	} while (0)

static unsigned int sum(const volatile unsigned int counts[PAGES])
{
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += counts[i];
	return n;
}

/* Each view shows what is stored through the other, page by page. */
static bool is_aliased(FIXTURE_DATA(uffd) *self)
{
	static unsigned char round;
	unsigned int i;

	for (i = 0, round++; i < PAGES; i++) {
		size_t at = i * self->page;
		unsigned char a = 0, b = 0;

		if (cc_store(self->d + at + 1, round) ||
		    cc_load(self->u + at + 1, &a) ||
		    cc_store(self->u + at + 2, round + 1) ||
		    cc_load(self->d + at + 2, &b))
			return false;
		if (a != round || b != (unsigned char)(round + 1))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(uffd, shows_the_pages_of_the_data_view, CC_TIMEOUT)
{
	EXPECT_TRUE(is_aliased(self));
	EXPECT_FALSE(cc_vm_flag(self->u, "pf"));
	EXPECT_FALSE(cc_vm_flag(self->u, "me"));
	EXPECT_TRUE(cc_vm_flag(self->u, "dc"));
}

TEST_F_TIMEOUT(uffd, missing_pages_are_filled_by_copy, CC_TIMEOUT)
{
	unsigned char value = 0;

	START(MISSING);
	ASSERT_EQ(0, cc_load(self->u + 5 * self->page, &value));
	EXPECT_EQ(5, value);
	EXPECT_EQ(1, self->server.missing[5]);
	ASSERT_EQ(0, cc_load(self->d + 5 * self->page + 77, &value));
	EXPECT_EQ(5, value);
	/* What the data view has made is there: no event. */
	ASSERT_EQ(0, cc_store(self->d + 6 * self->page, 66));
	ASSERT_EQ(0, cc_load(self->u + 6 * self->page, &value));
	EXPECT_EQ(66, value);
	EXPECT_EQ(0, self->server.missing[6]);
	EXPECT_TRUE(is_aliased(self));
	EXPECT_EQ(1, sum(self->server.missing));
	EXPECT_EQ(0, self->server.errors);
}

TEST_F_TIMEOUT(uffd, missing_pages_are_filled_by_zeroes, CC_TIMEOUT)
{
	unsigned char value = 1;
	unsigned int i;

	self->server.zero = true;
	START(MISSING);
	for (i = 0; i < PAGES; i += 3) {
		ASSERT_EQ(0, cc_store(self->u + i * self->page, i + 1));
		ASSERT_EQ(0, cc_load(self->d + i * self->page, &value));
		EXPECT_EQ(i + 1, value);
		ASSERT_EQ(0, cc_load(self->d + i * self->page + 1, &value));
		EXPECT_EQ(0, value);
		EXPECT_EQ(1, self->server.missing[i]);
	}
	EXPECT_TRUE(is_aliased(self));
	EXPECT_EQ(0, self->server.errors);
}

TEST_F_TIMEOUT(uffd, minor_faults_map_the_very_page, CC_TIMEOUT)
{
	unsigned char value = 0;
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->d + i * self->page, 200 - i));
	START(MINOR);
	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(0, cc_load(self->u + i * self->page, &value));
		EXPECT_EQ(200 - i, value);
		EXPECT_EQ(1, self->server.minor[i]);
	}
	EXPECT_TRUE(is_aliased(self));
	EXPECT_EQ(PAGES, sum(self->server.minor));
	EXPECT_EQ(0, self->server.errors);
}

TEST_F_TIMEOUT(uffd, write_protection_traps_writes_and_only_here, CC_TIMEOUT)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)self->u, self->bytes },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	unsigned int i;

	ASSERT_TRUE(is_aliased(self));
	START(WP);
	ASSERT_EQ(0, ioctl(self->server.uffd, UFFDIO_WRITEPROTECT, &wp));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->d + i * self->page, i));
	EXPECT_EQ(0, sum(self->server.wp));
	for (i = 0; i < PAGES; i += 2)
		ASSERT_EQ(0, cc_store(self->u + i * self->page, i));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i % 2 ? 0 : 1, self->server.wp[i]);
	/* PROTECT(NONE) forgets what is mapped, not what is write-protected. */
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[UFFD], 0, PAGES, CC_NONE));
	EXPECT_EQ(0, cc_load(self->u + self->page, NULL));
	EXPECT_EQ(0, self->server.wp[1]);
	EXPECT_EQ(0, cc_store(self->u + self->page, 1));
	EXPECT_EQ(1, self->server.wp[1]);
	EXPECT_TRUE(is_aliased(self));
	EXPECT_EQ(0, self->server.errors);
}

/* ---- PROTECT ------------------------------------------------------------------ */

static long long data_faults(FIXTURE_DATA(uffd) *self)
{
	struct codecache_stats_args stats;

	if (cc_stats(self->mem.fd[DATA], &stats))
		return -1;
	return stats.out_faults_filled + stats.out_faults_upgraded +
	       stats.out_faults_spurious + stats.out_traps_read +
	       stats.out_traps_write;
}

/* Map all, revoke every second page in one call, and see who faults again. */
TEST_F_TIMEOUT(uffd, revoked_pages_fault_again_and_no_others, CC_TIMEOUT)
{
	struct codecache_prot_range v[PAGES / 2];
	struct codecache_stats_args before, after;
	long long faults;
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->d + i * self->page, i));
	START(MINOR);
	ASSERT_TRUE(is_aliased(self));
	for (i = 0; i < PAGES / 2; i++)
		v[i] = (struct codecache_prot_range){ 2 * i, 1, CC_NONE, 0 };
	faults = data_faults(self);
	ASSERT_EQ(0, cc_stats(self->mem.fd[UFFD], &before));
	ASSERT_EQ(0, cc_protect(self->mem.fd[UFFD], v, PAGES / 2, NULL));
	ASSERT_EQ(0, cc_stats(self->mem.fd[UFFD], &after));
	EXPECT_EQ(1, after.out_protect_calls - before.out_protect_calls);
	EXPECT_EQ(PAGES / 2, after.out_protect_pages - before.out_protect_pages);
	EXPECT_EQ(PAGES / 2,
		  after.out_protect_flushes - before.out_protect_flushes);

	EXPECT_TRUE(is_aliased(self));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i % 2 ? 1 : 2, self->server.minor[i])
			TH_LOG("page %u", i);
	EXPECT_EQ(faults, data_faults(self));
	EXPECT_EQ(0, self->server.errors);
}

TEST_F_TIMEOUT(uffd, a_contiguous_run_is_revoked_with_one_flush, CC_TIMEOUT)
{
	struct codecache_prot_range v[] = {
		{ 8, 4, CC_NONE, 0 }, { 4, 4, CC_NONE, 0 },
		{ 12, 1, CC_RW, 0 }, { 13, 3, CC_NONE, 0 },
	};
	const uint64_t bits = 0xff0000ff00ULL;
	struct codecache_stats_args stats;

	START(MINOR);
	ASSERT_EQ(0, cc_protect(self->mem.fd[UFFD], v, 4, NULL));
	ASSERT_EQ(0, cc_stats(self->mem.fd[UFFD], &stats));
	EXPECT_EQ(2, stats.out_protect_flushes);
	EXPECT_EQ(12, stats.out_protect_pages);
	ASSERT_EQ(0, cc_protect_bits(self->mem.fd[UFFD], &bits, 64, 0, CC_NONE,
				     NULL));
	ASSERT_EQ(0, cc_stats(self->mem.fd[UFFD], &stats));
	EXPECT_EQ(4, stats.out_protect_flushes);
	EXPECT_EQ(2, stats.out_protect_calls);
}

TEST_F_TIMEOUT(uffd, rw_changes_nothing_and_read_is_refused, CC_TIMEOUT)
{
	struct codecache_stats_args stats;
	struct codecache_prot_range v[] = {
		{ 0, 1, CC_NONE, 0 }, { 1, 1, CC_R, 0 },
	};
	unsigned int mapped;
	uint64_t failed;

	ASSERT_TRUE(is_aliased(self));
	START(MINOR);
	/* Mapped before they were registered: still mapped. */
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[UFFD], 0, PAGES, CC_RW));
	EXPECT_TRUE(is_aliased(self));
	EXPECT_EQ(0, sum(self->server.minor));
	EXPECT_EQ(-EOPNOTSUPP, cc_protect(self->mem.fd[UFFD], v, 2, &failed));
	EXPECT_EQ(1, failed);
	EXPECT_TRUE(is_aliased(self));
	mapped = sum(self->server.minor);
	EXPECT_EQ(0, mapped);
	ASSERT_EQ(0, cc_stats(self->mem.fd[UFFD], &stats));
	EXPECT_EQ(0, stats.out_protect_flushes);
}

TEST_F_TIMEOUT(uffd, revoking_needs_no_mapping, CC_TIMEOUT)
{
	ASSERT_TRUE(is_aliased(self));
	munmap(self->u, self->bytes);
	self->mem.map[UFFD] = NULL;
	EXPECT_EQ(0, cc_protect_run(self->mem.fd[UFFD], 0, PAGES, CC_NONE));
	self->u = self->mem.map[UFFD] = cc_map(self->mem.fd[UFFD], UFFD, PAGES);
	ASSERT_NE(NULL, self->u);
	EXPECT_TRUE(is_aliased(self));
}

/* Threads that fault while others revoke: all are answered, nothing is lost. */
struct stress {
	unsigned char *u;
	size_t page;
	int view;
	volatile bool stop;
	volatile unsigned int wrong;
};

static void *revoke_all_the_time(void *p)
{
	struct stress *s = p;
	unsigned int i;

	for (i = 0; !s->stop; i++) {
		if (cc_protect_run(s->view, i % PAGES, 1, CC_NONE) ||
		    cc_protect_run(s->view, 0, PAGES, CC_NONE))
			s->wrong++;
	}
	return NULL;
}

TEST_F_TIMEOUT(uffd, accesses_survive_being_revoked_all_the_time, CC_TIMEOUT)
{
	struct stress s = { self->u, self->page, self->mem.fd[UFFD], false, 0 };
	unsigned int i, round;
	pthread_t thread;

	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, cc_store(self->d + i * self->page, 0));
	START(MINOR);
	ASSERT_EQ(0, pthread_create(&thread, NULL, revoke_all_the_time, &s));
	for (round = 0; round < 20; round++)
		ASSERT_TRUE(is_aliased(self));
	s.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.wrong);
	EXPECT_LT(PAGES, sum(self->server.minor));
	EXPECT_EQ(0, self->server.errors);
}

/* ---- system calls -------------------------------------------------------------- */

TEST_F_TIMEOUT(uffd, system_calls_are_served_too, CC_TIMEOUT)
{
	unsigned char value = 0;
	int fds[2];

	START(MISSING);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(1, write(fds[1], "A", 1));
	ASSERT_EQ(1, read(fds[0], self->u + 9 * self->page, 1));
	EXPECT_EQ(1, self->server.missing[9]);
	ASSERT_EQ(0, cc_load(self->d + 9 * self->page, &value));
	EXPECT_EQ('A', value);
	ASSERT_EQ(1, write(fds[1], self->u + 10 * self->page, 1));
	ASSERT_EQ(1, read(fds[0], &value, 1));
	EXPECT_EQ(10, value);
	EXPECT_EQ(0, self->server.errors);
}

TEST_F_TIMEOUT(uffd, other_views_cannot_be_registered, CC_TIMEOUT)
{
	static const uint64_t modes[] = { MISSING, MINOR, WP, MISSING | WP };
	struct uffdio_register reg = {
		.range = { (uintptr_t)self->d, self->bytes },
	};
	struct cc_mem code;
	unsigned int i;

	ASSERT_EQ(0, cc_mem_code(&code, PAGES));
	for (i = 0; i < ARRAY_LEN(modes); i++) {
		reg.mode = modes[i];
		reg.range.start = (uintptr_t)self->d;
		EXPECT_EQ(-1, ioctl(self->server.uffd, UFFDIO_REGISTER, &reg));
		reg.range.start = (uintptr_t)code.map[CODECACHE_VIEW_EXEC];
		EXPECT_EQ(-1, ioctl(self->server.uffd, UFFDIO_REGISTER, &reg));
		reg.range.start = (uintptr_t)code.map[CODECACHE_VIEW_WRITE];
		EXPECT_EQ(-1, ioctl(self->server.uffd, UFFDIO_REGISTER, &reg));
	}
	cc_mem_close(&code);
	EXPECT_TRUE(is_aliased(self));
}

TEST_HARNESS_MAIN
