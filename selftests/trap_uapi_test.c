// SPDX-License-Identifier: MIT
/*
 * Trap modes, RESOLVE, VIEW_LOG and read(): which values they take, and what
 * they answer to others
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 16, USER = 1001, DATA = CODECACHE_VIEW_DATA };

/* A data view, and one of kind uffd on another zone. */
FIXTURE(trap_uapi)
{
	struct cc_mem mem;
	int view;
	int uffd_zone;
	int uffd;
};

FIXTURE_SETUP(trap_uapi)
{
	ASSERT_EQ(0, cc_mem_trap(&self->mem, DATA, PAGES, CC_RW,
				 CODECACHE_TRAP_BLOCK, 0));
	self->view = self->mem.fd[DATA];
	self->uffd_zone = cc_zone(self->mem.cache, CODECACHE_ZONE_DATA, PAGES);
	self->uffd = cc_view(self->uffd_zone, CODECACHE_VIEW_UFFD);
	ASSERT_LE(0, self->uffd);
}

FIXTURE_TEARDOWN(trap_uapi)
{
	close(self->uffd);
	close(self->uffd_zone);
	cc_mem_close(&self->mem);
}

/* ---- VIEW_CREATE -------------------------------------------------------- */

/* The result; what was made is closed again. */
static int view_create(int zone, uint32_t kind, uint32_t flags, uint32_t mode)
{
	struct codecache_view_create_args args = {
		.size = sizeof(args),
		.flags = flags,
		.kind = kind,
		.trap_mode = mode,
	};
	int err = cc_ioctl(zone, CODECACHE_IOC_VIEW_CREATE, &args);

	if (!err)
		close(args.out_fd);
	return err;
}

TEST_F_TIMEOUT(trap_uapi, view_create_takes_three_modes, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 3, 4, 0x100, 0x10001, ~0U };
	int code = cc_zone(self->mem.cache, CODECACHE_ZONE_CODE, PAGES);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, view_create(self->mem.zone, DATA, 0, i));
		EXPECT_EQ(0, view_create(code, CODECACHE_VIEW_WRITE, 0, i));
		EXPECT_EQ(0, view_create(code, CODECACHE_VIEW_EXEC, 0, i));
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EOPNOTSUPP,
			  view_create(self->mem.zone, DATA, 0, bad[i]));
	close(code);
}

TEST_F_TIMEOUT(trap_uapi, uffd_views_have_no_modes, CC_TIMEOUT)
{
	uint32_t uffd = CODECACHE_VIEW_UFFD;
	int zone = cc_zone(self->mem.cache, CODECACHE_ZONE_DATA, PAGES);

	EXPECT_EQ(-EOPNOTSUPP,
		  view_create(zone, uffd, 0, CODECACHE_TRAP_LOG));
	EXPECT_EQ(-EOPNOTSUPP,
		  view_create(zone, uffd, 0, CODECACHE_TRAP_BLOCK));
	EXPECT_EQ(-EOPNOTSUPP,
		  view_create(zone, uffd, CODECACHE_VIEW_F_BLOCK_KERNEL, 0));
	EXPECT_EQ(0, view_create(zone, uffd, 0, CODECACHE_TRAP_SIGNAL));
	close(zone);
}

/* What somebody without privileges gets who has the zone's descriptor. */
static int view_create_as_user(int zone, uint32_t mode)
{
	pid_t pid = cc_fork();

	if (pid)
		return cc_wait(pid);
	if (setgid(USER) || setuid(USER))
		_exit(200);
	_exit(-view_create(zone, DATA, CODECACHE_VIEW_F_BLOCK_KERNEL, mode));
}

TEST_F_TIMEOUT(trap_uapi, holding_the_kernel_takes_a_privilege, CC_TIMEOUT)
{
	static const char param[] = "unprivileged_block_kernel";
	int zone = self->mem.zone;
	uint32_t mode;

	for (mode = 0; mode < 3; mode++) {
		EXPECT_EQ(0, view_create(zone, DATA,
					 CODECACHE_VIEW_F_BLOCK_KERNEL, mode));
		EXPECT_EQ(EPERM, view_create_as_user(zone, mode));
	}
	ASSERT_EQ(0, cc_set_param(param, 1));
	EXPECT_EQ(0, view_create_as_user(zone, CODECACHE_TRAP_BLOCK));
	ASSERT_EQ(0, cc_set_param(param, 0));
	EXPECT_EQ(EPERM, view_create_as_user(zone, CODECACHE_TRAP_BLOCK));
}

/* ---- PROTECT ------------------------------------------------------------ */

static int protect_range(int view, uint32_t flags, uint64_t *failed)
{
	struct codecache_prot_range ranges[] = {
		{ .first_page = 0, .nr_pages = 1, .prot = CC_R },
		{ .first_page = 2, .nr_pages = 2, .prot = CC_R, .flags = flags },
	};

	return cc_protect(view, ranges, 2, failed);
}

TEST_F_TIMEOUT(trap_uapi, a_range_has_one_mode_at_most, CC_TIMEOUT)
{
	static const uint16_t two[] = { 3, 5, 6, 7 };
	static const uint16_t unknown[] = { 8, 9, 0x10, 0x8000, 0x8001 };
	uint64_t failed;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(two); i++) {
		EXPECT_EQ(-EINVAL, protect_range(self->view, two[i], &failed));
		EXPECT_EQ(1, failed);
	}
	for (i = 0; i < ARRAY_LEN(unknown); i++) {
		EXPECT_EQ(-EOPNOTSUPP,
			  protect_range(self->view, unknown[i], &failed));
		EXPECT_EQ(1, failed);
	}
	/* All or nothing. */
	EXPECT_EQ(PAGES, cc_pages_with(self->mem.cache, self->mem.zone,
				       self->view, CC_RW));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, protect_range(self->view, i ? 1 << (i - 1) : 0,
					   &failed));
	EXPECT_EQ(3, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_R));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EOPNOTSUPP,
			  protect_range(self->uffd, 1 << i, &failed));
}

/* PROTECT with a bitmap of two pages, or without one. */
static int protect_args(int view, uint32_t flags, uint32_t trap)
{
	struct codecache_prot_range range = { .nr_pages = 1, .prot = CC_R };
	uint64_t bits = 3;
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = flags,
		.addr = flags ? (uintptr_t)&bits : (uintptr_t)&range,
		.count = flags ? 2 : 1,
		.prot = flags ? CC_R : 0,
		.trap = trap,
	};

	return cc_ioctl(view, CODECACHE_IOC_VIEW_PROTECT, &args);
}

TEST_F_TIMEOUT(trap_uapi, a_bitmap_has_one_mode_at_most, CC_TIMEOUT)
{
	static const uint32_t two[] = { 3, 5, 6, 7 };
	static const uint32_t unknown[] = { 8, 0x10000, 0x80000000 };
	const uint32_t bitmap = CODECACHE_PROTECT_F_BITMAP;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(two); i++)
		EXPECT_EQ(-EINVAL, protect_args(self->view, bitmap, two[i]));
	for (i = 0; i < ARRAY_LEN(unknown); i++)
		EXPECT_EQ(-EOPNOTSUPP,
			  protect_args(self->view, bitmap, unknown[i]));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, protect_args(self->view, bitmap, 1 << i));
		/* An array says it range by range. */
		EXPECT_EQ(-EINVAL, protect_args(self->view, 0, 1 << i));
	}
}

/* ---- RESOLVE ------------------------------------------------------------ */

static int resolve(int view, uint32_t flags, uint64_t first, uint64_t nr,
		   uint32_t prot, uint32_t trap)
{
	struct codecache_view_resolve_args args = {
		.flags = flags,
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
		.trap = trap,
	};

	return cc_resolve_call(view, &args);
}

TEST_F_TIMEOUT(trap_uapi, resolve_takes_pages_of_the_view, CC_TIMEOUT)
{
	const uint32_t sig = CODECACHE_RESOLVE_F_SIGNAL;
	uint32_t flags;

	for (flags = 0; flags <= sig; flags += sig) {
		uint32_t prot = flags ? 0 : CC_R;

		EXPECT_EQ(0, resolve(self->view, flags, 0, PAGES, prot, 0));
		EXPECT_EQ(0, resolve(self->view, flags, PAGES - 1, 1, prot, 0));
		EXPECT_EQ(-EINVAL, resolve(self->view, flags, 0, 0, prot, 0));
		EXPECT_EQ(-ERANGE, resolve(self->view, flags, 0, PAGES + 1, prot,
					   0));
		EXPECT_EQ(-ERANGE, resolve(self->view, flags, PAGES, 1, prot,
					   0));
		EXPECT_EQ(-EOVERFLOW, resolve(self->view, flags, 2, ~0ULL, prot,
					      0));
		EXPECT_EQ(-EOPNOTSUPP, resolve(self->view, flags | 2, 0, 1, prot,
					       0));
		EXPECT_EQ(-EOPNOTSUPP, resolve(self->uffd, flags, 0, 1,
					       flags ? 0 : CC_RW, 0));
	}
}

TEST_F_TIMEOUT(trap_uapi, resolve_takes_protections_as_protect_does, CC_TIMEOUT)
{
	const uint32_t sig = CODECACHE_RESOLVE_F_SIGNAL;
	unsigned int i;

	EXPECT_EQ(-EOPNOTSUPP, resolve(self->view, 0, 0, 1, CC_RX, 0));
	EXPECT_EQ(-EOPNOTSUPP, resolve(self->view, 0, 0, 1, 7, 0));
	EXPECT_EQ(-EINVAL, resolve(self->view, 0, 0, 1, 8, 0));
	EXPECT_EQ(-EINVAL, resolve(self->view, sig, 0, 1, CC_R, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, resolve(self->view, 0, 0, 1, CC_R, 1 << i));
	EXPECT_EQ(-EINVAL, resolve(self->view, 0, 0, 1, CC_R, 3));
	EXPECT_EQ(-EOPNOTSUPP, resolve(self->view, 0, 0, 1, CC_R, 8));
	EXPECT_EQ(-EFAULT, cc_ioctl(self->view, CODECACHE_IOC_VIEW_RESOLVE,
				    NULL));
	EXPECT_EQ(-ENOTTY, resolve(self->mem.zone, 0, 0, 1, CC_R, 0));
	EXPECT_EQ(-ENOTTY, resolve(self->mem.cache, 0, 0, 1, CC_R, 0));
}

TEST_F_TIMEOUT(trap_uapi, resolve_protects_like_protect, CC_TIMEOUT)
{
	struct codecache_view_resolve_args args = {
		.first_page = 3,
		.nr_pages = 4,
		.prot = CC_R,
		.trap = CC_SIGNAL,
	};
	uint64_t before = cc_protect_trap(self->view, 0, 1, CC_RW, 0);

	EXPECT_EQ(0, cc_resolve_call(self->view, &args));
	EXPECT_LT(before, args.out_seq);
	EXPECT_LT(args.out_seq, cc_protect_trap(self->view, 0, 1, CC_RW, 0));
	EXPECT_EQ(4, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_R));
	EXPECT_EQ(SIGSEGV, cc_store(self->mem.map[DATA] + 3 * cc_page_size(),
				    1));
	args.flags = CODECACHE_RESOLVE_F_SIGNAL;
	args.prot = 0;
	args.trap = 0;
	EXPECT_EQ(0, cc_resolve_call(self->view, &args));
	EXPECT_EQ(0, args.out_seq);
	EXPECT_EQ(4, cc_pages_with(self->mem.cache, self->mem.zone, self->view,
				   CC_R));
}

/* ---- VIEW_LOG ----------------------------------------------------------- */

static uint64_t max_entries(int cache)
{
	struct codecache_info_args info = { .size = sizeof(info) };

	return cc_ioctl(cache, CODECACHE_IOC_INFO, &info) ? 0 :
		info.out_max_log_entries;
}

static int view_log(int view, uint32_t nr, uint32_t threshold, uint32_t flags,
		    struct codecache_view_log_args *args)
{
	*args = (struct codecache_view_log_args){
		.size = sizeof(*args),
		.flags = flags,
		.nr_entries = nr,
		.threshold = threshold,
		.out_fd = -1,
		.out_reserved = ~0U,
	};
	return cc_ioctl(view, CODECACHE_IOC_VIEW_LOG, args);
}

TEST_F_TIMEOUT(trap_uapi, a_log_has_a_power_of_two_of_entries, CC_TIMEOUT)
{
	static const uint32_t bad[] = { 0, 3, 5, 6, 7, 100, 1023, ~0U };
	uint64_t max = max_entries(self->mem.cache);
	struct codecache_view_log_args args;
	unsigned int i;

	ASSERT_LE(1024, max);
	EXPECT_EQ(0, max & (max - 1));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, view_log(self->view, bad[i], 0, 0, &args));
	EXPECT_EQ(-EINVAL, view_log(self->view, 2 * max, 0, 0, &args));
	EXPECT_EQ(-EINVAL, view_log(self->view, 16, 17, 0, &args));
	EXPECT_EQ(-EINVAL, view_log(self->view, 16, ~0U, 0, &args));
	EXPECT_EQ(-EOPNOTSUPP, view_log(self->view, 16, 0, 1, &args));
	EXPECT_EQ(-EOPNOTSUPP, view_log(self->uffd, 16, 0, 0, &args));
	EXPECT_EQ(-ENOTTY, view_log(self->mem.zone, 16, 0, 0, &args));
	EXPECT_EQ(-EFAULT, cc_ioctl(self->view, CODECACHE_IOC_VIEW_LOG, NULL));
	/* None of these was the one log of its life; this one is. */
	ASSERT_EQ(0, view_log(self->view, 16, 16, 0, &args));
	EXPECT_LE(0, args.out_fd);
	EXPECT_EQ(0, args.out_reserved);
	EXPECT_EQ(FD_CLOEXEC, fcntl(args.out_fd, F_GETFD));
	EXPECT_EQ(0, args.out_ring_bytes % cc_page_size());
	EXPECT_LE(16 * sizeof(struct codecache_log_entry) +
		  sizeof(struct codecache_log_ring), args.out_ring_bytes);
	close(args.out_fd);
	EXPECT_EQ(-EBUSY, view_log(self->view, 16, 0, 0, &args));
}

TEST_F_TIMEOUT(trap_uapi, logs_are_as_long_as_promised, CC_TIMEOUT)
{
	uint64_t max = max_entries(self->mem.cache);
	struct cc_log log;

	ASSERT_EQ(0, cc_log_open(&log, self->view, max, 0));
	EXPECT_EQ(max, log.ring->nr_entries);
	EXPECT_EQ(0, cc_log_head(&log));
	EXPECT_EQ(0, cc_log_lost(&log));
	EXPECT_EQ(0, atomic_load(log.tail));
	EXPECT_LE(log.ring->entries_offset + max *
		  sizeof(struct codecache_log_entry), log.ring_bytes);
	EXPECT_EQ(0, log.ring->entries_offset % 8);
	cc_log_close(&log);
}

TEST_F_TIMEOUT(trap_uapi, logs_count_as_objects, CC_TIMEOUT)
{
	long long before = cc_total("charged_objects");
	struct cc_log log;

	ASSERT_EQ(0, cc_log_open(&log, self->view, 16, 0));
	EXPECT_EQ(before + 1, cc_total("charged_objects"));
	cc_log_close(&log);
	/* The view goes on writing it. */
	EXPECT_EQ(before + 1, cc_total("charged_objects"));
}

/* One attempt to map a log's descriptor: 0, or -errno; it is unmapped again. */
static int try_mmap(int fd, size_t bytes, int prot, int flags, off_t at)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, at);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, bytes);
	return 0;
}

TEST_F_TIMEOUT(trap_uapi, a_log_is_mapped_in_two_parts, CC_TIMEOUT)
{
	const size_t page = cc_page_size();
	const int rw = PROT_READ | PROT_WRITE;
	struct codecache_view_log_args args;
	size_t ring;
	int fd;

	ASSERT_EQ(0, view_log(self->view, 256, 0, 0, &args));
	fd = args.out_fd;
	ring = args.out_ring_bytes;
	EXPECT_EQ(0, try_mmap(fd, page, rw, MAP_SHARED, 0));
	EXPECT_EQ(0, try_mmap(fd, ring, PROT_READ, MAP_SHARED, page));
	EXPECT_GT(0, try_mmap(fd, ring, rw, MAP_SHARED, page));
	EXPECT_GT(0, try_mmap(fd, ring, PROT_WRITE, MAP_SHARED, page));
	EXPECT_GT(0, try_mmap(fd, ring, PROT_READ | PROT_EXEC, MAP_SHARED,
			      page));
	EXPECT_GT(0, try_mmap(fd, ring + page, rw, MAP_SHARED, 0));
	EXPECT_GT(0, try_mmap(fd, ring + page, PROT_READ, MAP_SHARED, page));
	EXPECT_GT(0, try_mmap(fd, page, PROT_READ, MAP_SHARED, page + ring));
	EXPECT_GT(0, try_mmap(fd, page, rw | PROT_EXEC, MAP_SHARED, 0));
	EXPECT_GT(0, try_mmap(fd, ring, rw, MAP_PRIVATE, page));
	close(fd);
}

/* ---- read() and poll() -------------------------------------------------- */

TEST_F_TIMEOUT(trap_uapi, reading_takes_room_for_an_event, CC_TIMEOUT)
{
	struct codecache_event event;
	ssize_t n;

	ASSERT_EQ(0, fcntl(self->view, F_SETFL, O_NONBLOCK));
	n = read(self->view, &event, sizeof(event) - 1);
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EINVAL, errno);
	n = read(self->view, &event, 0);
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EINVAL, errno);
	n = read(self->view, &event, sizeof(event));
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, cc_poll(self->view, 0));
	n = read(self->uffd, &event, sizeof(event));
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EBADF, errno);
	n = write(self->view, &event, sizeof(event));
	EXPECT_EQ(-1, n);
}

TEST_HARNESS_MAIN
