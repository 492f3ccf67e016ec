// SPDX-License-Identifier: MIT
/*
 * The barrier uffd-memfd: the same without the module, for comparison
 *
 * A memfd, mapped twice. MADV_DONTNEED on a shared mapping only empties its page
 * tables, so that the next access to each page is a minor fault. Nothing stops a
 * stray MADV_REMOVE or ftruncate here, and the collector's mapping has no page
 * protections of its own; but it runs on any kernel with minor faults.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "barrier.h"

static void barrier_memfd_unmap(struct barrier *b, struct space_map *map)
{
	int *fd = map->priv;

	(void)b;
	if (map->mutator)
		munmap(map->mutator, map->bytes);
	if (map->collector)
		munmap(map->collector, map->bytes);
	if (*fd >= 0)
		close(*fd);
	free(fd);
	*map = (struct space_map){ 0 };
}

static uint8_t *barrier_memfd_view(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int barrier_memfd_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	int *fd = malloc(sizeof(*fd));
	int err;

	if (!fd)
		return -ENOMEM;
	map->priv = fd;
	map->bytes = bytes;
	b->failed = "a memfd cannot be had";
	*fd = memfd_create("semispace", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes)) {
		err = -errno;
		goto undo;
	}
	map->mutator = barrier_memfd_view(*fd, bytes);
	map->collector = barrier_memfd_view(*fd, bytes);
	err = -ENOMEM;
	if (!map->mutator || !map->collector)
		goto undo;
	err = uffd_register(b, map->mutator, bytes);
	if (!err)
		return 0;
undo:
	barrier_memfd_unmap(b, map);
	return err;
}

static int barrier_memfd_revoke(struct barrier *b, struct space_map *map)
{
	(void)b;
	return madvise(map->mutator, map->bytes, MADV_DONTNEED) ? -errno : 0;
}

static uint64_t barrier_memfd_resident(struct barrier *b, struct space_map *map)
{
	struct stat st;
	int *fd = map->priv;

	(void)b;
	return fstat(*fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static uint64_t barrier_memfd_revocations(struct barrier *b)
{
	(void)b;
	return UINT64_MAX;
}

const struct barrier_ops barrier_memfd = {
	.name = "uffd-memfd",
	.open = uffd_open,
	.close = uffd_close,
	.map = barrier_memfd_map,
	.unmap = barrier_memfd_unmap,
	.revoke = barrier_memfd_revoke,
	.grant = uffd_grant,
	.wake = uffd_wake,
	.next_trap = uffd_next_trap,
	.resident = barrier_memfd_resident,
	.revocations = barrier_memfd_revocations,
};
