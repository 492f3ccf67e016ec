// SPDX-License-Identifier: MIT
/*
 * Barriers on a memfd: what those that do without the module share
 *
 * A semispace is a memfd that is mapped twice. Nothing stops a stray MADV_REMOVE or
 * ftruncate here.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "barrier.h"

/* Each semispace has a memfd of its own: there is nothing to open before. */
int memfd_open(struct barrier *b)
{
	(void)b;
	return 0;
}

void memfd_close(struct barrier *b)
{
	(void)b;
}

void memfd_unmap(struct barrier *b, struct space_map *map)
{
	int *fd = map->priv;

	(void)b;
	if (map->mutator)
		munmap(map->mutator, map->bytes);
	if (map->collector && map->collector != map->mutator)
		munmap(map->collector, map->bytes);
	if (*fd >= 0)
		close(*fd);
	free(fd);
	*map = (struct space_map){ 0 };
}

static uint8_t *memfd_view(int fd, size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int memfd_map(struct barrier *b, struct space_map *map, size_t bytes, int prot)
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
		memfd_unmap(b, map);
		return err;
	}
	map->mutator = memfd_view(*fd, bytes, prot);
	map->collector = memfd_view(*fd, bytes, PROT_READ | PROT_WRITE);
	if (map->mutator && map->collector)
		return 0;
	memfd_unmap(b, map);
	return -ENOMEM;
}

/* Where mutators may do everything: one view for both. */
int memfd_map_once(struct barrier *b, struct space_map *map, size_t bytes)
{
	int err = memfd_map(b, map, bytes, PROT_READ | PROT_WRITE);

	if (err)
		return err;
	munmap(map->collector, bytes);
	map->collector = map->mutator;
	return 0;
}

uint64_t memfd_resident(struct barrier *b, struct space_map *map)
{
	struct stat st;
	int *fd = map->priv;

	(void)b;
	return fstat(*fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}
