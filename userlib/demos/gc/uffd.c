// SPDX-License-Identifier: MIT
/*
 * Barriers on userfaultfd: what they share
 *
 * Both views of a semispace are mappings of the same pages. A page that is in
 * memory but not in the page tables of the registered mapping raises a *minor*
 * fault there: the thread sleeps in the kernel, we read an event, and
 * UFFDIO_CONTINUE puts the page into those page tables and wakes it. This holds
 * for accesses by the kernel too: a read(2) into such a page succeeds.
 *
 * Missing faults are registered as well, only to catch them: the collector and
 * the allocator populate pages through the other view before anybody can know an
 * address in them, so a missing fault is a bug.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "barrier.h"

#ifndef USERFAULTFD_IOC_NEW	/* headers before Linux 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

static int uffd_fd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int dev, err;

	if (fd >= 0)
		return fd;
	err = errno;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -err;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = -errno;
	close(dev);
	return fd;
}

int uffd_open(struct barrier *b)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_THREAD_ID,
	};
	int err;

	b->uffd = uffd_fd();
	if (b->uffd < 0) {
		b->absent = true;
		b->failed = "userfaultfd cannot be had";
		return b->uffd;
	}
	if (!ioctl(b->uffd, UFFDIO_API, &api))
		return 0;
	err = -errno;
	b->absent = true;
	b->failed = "userfaultfd has no minor faults on shared memory here";
	uffd_close(b);
	return err;
}

void uffd_close(struct barrier *b)
{
	if (b->uffd >= 0)
		close(b->uffd);
	b->uffd = -1;
}

int uffd_register(struct barrier *b, void *addr, size_t bytes)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)addr, .len = bytes },
		.mode = UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_MISSING,
	};

	b->failed = "userfaultfd does not take the view for minor faults";
	if (ioctl(b->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return reg.ioctls & 1ULL << _UFFDIO_CONTINUE ? 0 : -EOPNOTSUPP;
}

static int uffd_continue(struct barrier *b, void *addr, size_t bytes)
{
	struct uffdio_continue cont = {
		.range = { .start = (uintptr_t)addr, .len = bytes },
	};

	/* -EAGAIN: it stopped half-way; what it did is in mapped. */
	for (;;) {
		barrier_count(b, BARRIER_GRANT);
		if (!ioctl(b->uffd, UFFDIO_CONTINUE, &cont))
			return 0;
		if (errno != EAGAIN)
			return -errno;
		if (cont.mapped > 0) {
			cont.range.start += (uint64_t)cont.mapped;
			cont.range.len -= (uint64_t)cont.mapped;
		}
		cont.mapped = 0;
	}
}

int uffd_grant(struct barrier *b, struct space_map *map, const struct page_run *runs,
	       unsigned int nr)
{
	int err = 0, one;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		one = uffd_continue(b, map->mutator + runs[i].first * b->page,
				    runs[i].nr * b->page);
		if (one)
			err = one;
	}
	return err;
}

int uffd_wake(struct barrier *b, struct space_map *map, size_t page)
{
	struct uffdio_range range = {
		.start = (uintptr_t)map->mutator + page * b->page, .len = b->page,
	};

	barrier_count(b, BARRIER_WAKE);
	return ioctl(b->uffd, UFFDIO_WAKE, &range) ? -errno : 0;
}

int uffd_next_trap(struct barrier *b, struct space_map *map, struct trap *trap)
{
	struct uffd_msg msg;
	ssize_t n;

	(void)map;
	do {
		barrier_count(b, BARRIER_POLL);
		n = read(b->uffd, &msg, sizeof(msg));
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	} while (n != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT);

	trap->addr = (uintptr_t)msg.arg.pagefault.address;
	trap->thread = msg.arg.pagefault.feat.ptid;
	trap->write = msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
	trap->missing = !(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR);
	return 1;
}
