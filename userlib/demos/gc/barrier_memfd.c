// SPDX-License-Identifier: MIT
/*
 * The barrier uffd-memfd: userfaultfd without the module, for comparison
 *
 * MADV_DONTNEED on a shared mapping only empties its page tables, so that the next
 * access to each page is a minor fault. It runs on any kernel with minor faults.
 */
#include <errno.h>
#include <sys/mman.h>

#include "barrier.h"

static int barrier_memfd_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	int err = memfd_map(b, map, bytes, PROT_READ | PROT_WRITE);

	if (err)
		return err;
	err = uffd_register(b, map->mutator, bytes);
	if (err)
		memfd_unmap(b, map);
	return err;
}

static int barrier_memfd_revoke(struct barrier *b, struct space_map *map, struct page_run run)
{
	barrier_count(b, BARRIER_REVOKE);
	return madvise(map->mutator + run.first * b->page, run.nr * b->page, MADV_DONTNEED) ?
	       -errno : 0;
}

const struct barrier_ops barrier_uffd_memfd = {
	.name = "uffd-memfd",
	.kernel_waits = true,
	.open = uffd_open,
	.close = uffd_close,
	.map = barrier_memfd_map,
	.unmap = memfd_unmap,
	.revoke = barrier_memfd_revoke,
	.grant = uffd_grant,
	.wake = uffd_wake,
	.next_trap = uffd_next_trap,
	.resident = memfd_resident,
};
