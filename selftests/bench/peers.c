// SPDX-License-Identifier: MIT
/*
 * What a program has without codecache, see peers.h
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"
#include "peers.h"

/* PAGEMAP_SCAN: its argument and what is used of it. */
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, returned;
};

#define SCAN_IOCTL	_IOWR('f', 16, struct scan)
#define SCAN_PROTECT	1	/* write-protect what matches */
#define SCAN_WRITTEN	2

#define SOFT_DIRTY	0x80000000000000ULL	/* bit 55 */

size_t peer_page_size;

static int file(const char *name, int flags, int *fd)
{
	if (!*fd)
		*fd = open(name, flags | O_CLOEXEC);
	if (*fd < 0)
		measure_die(name, errno);
	return *fd;
}

static int pagemap(void)
{
	static int fd;

	return file("/proc/self/pagemap", O_RDONLY, &fd);
}

static void map_memfd(struct peer *peer)
{
	peer->uffd = -1;
	peer->map = mmap(NULL, peer->pages * peer_page_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, peer->memfd, 0);
	if (peer->map == MAP_FAILED)
		measure_die("mmap", errno);
}

void peer_map(struct peer *peer, size_t pages)
{
	peer_page_size = sysconf(_SC_PAGESIZE);
	peer->pages = pages;
	peer->memfd = memfd_create("peer", MFD_CLOEXEC);
	if (peer->memfd < 0 || ftruncate(peer->memfd, pages * peer_page_size))
		measure_die("memfd", errno);
	map_memfd(peer);
}

void peer_map_again(struct peer *peer, const struct peer *other)
{
	*peer = *other;
	peer->memfd = dup(other->memfd);
	if (peer->memfd < 0)
		measure_die("dup", errno);
	map_memfd(peer);
}

void peer_unmap(struct peer *peer)
{
	if (munmap(peer->map, peer->pages * peer_page_size))
		measure_die("munmap", errno);
	if (peer->uffd >= 0)
		close(peer->uffd);
	close(peer->memfd);
}

/* ---- userfaultfd --------------------------------------------------------- */

bool peer_uffd(struct peer *peer, uint64_t features)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			    UFFD_FEATURE_WP_HUGETLBFS_SHMEM | features,
	};
	struct uffdio_register reg = {
		.range.start = (uintptr_t)peer->map,
		.range.len = peer->pages * peer_page_size,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	peer->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (peer->uffd < 0)
		measure_die("userfaultfd", errno);
	if (ioctl(peer->uffd, UFFDIO_API, &api)) {
		close(peer->uffd);
		peer->uffd = -1;
		return false;
	}
	if (ioctl(peer->uffd, UFFDIO_REGISTER, &reg))
		measure_die("UFFDIO_REGISTER", errno);
	return true;
}

void peer_protect(const struct peer *peer, size_t first, size_t nr, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range.start = (uintptr_t)peer->map + first * peer_page_size,
		.range.len = nr * peer_page_size,
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(peer->uffd, UFFDIO_WRITEPROTECT, &wp))
		measure_die("UFFDIO_WRITEPROTECT", errno);
}

size_t peer_scan(const struct peer *peer, size_t first, size_t nr,
		 struct peer_range *found, size_t max)
{
	struct scan arg = {
		.size = sizeof(arg),
		.flags = SCAN_PROTECT,
		.start = (uintptr_t)peer->map + first * peer_page_size,
		.end = (uintptr_t)peer->map + (first + nr) * peer_page_size,
		.vec = (uintptr_t)found,
		.vec_len = max,
		.all_of = SCAN_WRITTEN,
		.returned = SCAN_WRITTEN,
	};
	int n = ioctl(pagemap(), SCAN_IOCTL, &arg);

	if (n < 0)
		measure_die("PAGEMAP_SCAN", errno);
	return n;
}

/* ---- soft-dirty bits ----------------------------------------------------- */

void peer_soft_clear(void)
{
	static int fd;

	if (pwrite(file("/proc/self/clear_refs", O_WRONLY, &fd), "4", 1, 0) != 1)
		measure_die("clear_refs", errno);
}

void peer_soft_read(const struct peer *peer, size_t first, size_t nr, uint64_t *entries)
{
	off_t at = ((uintptr_t)peer->map / peer_page_size + first) * sizeof(*entries);

	if (pread(pagemap(), entries, nr * sizeof(*entries), at) !=
	    (ssize_t)(nr * sizeof(*entries)))
		measure_die("pagemap", errno);
}

bool peer_has_soft_dirty(const struct peer *peer)
{
	uint64_t entry;

	peer_soft_clear();
	*(volatile char *)peer->map = 1;
	peer_soft_read(peer, 0, 1, &entry);
	return entry & SOFT_DIRTY;
}
