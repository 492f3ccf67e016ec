// SPDX-License-Identifier: MIT
/*
 * The barrier soft: memory without protections; the mutators' code is the barrier
 *
 * One mapping of a memfd, so that memory is counted as that of the others is.
 */
#include "barrier.h"

#include <sys/mman.h>

static int barrier_soft_open(struct barrier *b)
{
	(void)b;
	return 0;
}

static void barrier_soft_close(struct barrier *b)
{
	(void)b;
}

static int barrier_soft_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	int err = memfd_map(b, map, bytes, PROT_READ | PROT_WRITE);

	if (err)
		return err;
	munmap(map->collector, bytes);
	map->collector = map->mutator;
	return 0;
}

const struct barrier_ops barrier_soft = {
	.name = "soft",
	.soft = true,
	.kernel_waits = true,	/* it never has to */
	.open = barrier_soft_open,
	.close = barrier_soft_close,
	.map = barrier_soft_map,
	.unmap = memfd_unmap,
	.resident = memfd_resident,
};
