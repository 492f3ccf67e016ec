// SPDX-License-Identifier: MIT
/*
 * The barrier mprotect: what Appel, Ellis and Li had, on today's system calls
 *
 * A page that the mutators do not have is PROT_NONE, and a trap is a SIGSEGV. The
 * protection of a page belongs to its VMA: each run of pages that is opened out of
 * order splits one in two, and a system call that touches a page which is not open
 * fails with EFAULT.
 */
#include <errno.h>
#include <sys/mman.h>

#include "barrier.h"
#include "signals.h"

static int barrier_mprotect_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	return signals_map(b, map, bytes, PROT_NONE);
}

static int barrier_mprotect_set(struct barrier *b, struct space_map *map,
				struct page_run run, int prot)
{
	return mprotect(map->mutator + run.first * b->page, run.nr * b->page, prot) ?
	       -errno : 0;
}

static int barrier_mprotect_revoke(struct barrier *b, struct space_map *map,
				   struct page_run run)
{
	signals_shut(b, map, run);
	barrier_count(b, BARRIER_REVOKE);
	return barrier_mprotect_set(b, map, run, PROT_NONE);
}

static int barrier_mprotect_grant(struct barrier *b, struct space_map *map,
				  const struct page_run *runs, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		barrier_count(b, BARRIER_GRANT);
		err = barrier_mprotect_set(b, map, runs[i], PROT_READ | PROT_WRITE);
		if (err)
			return err;
		signals_opened(b, map, runs[i]);
	}
	return 0;
}

const struct barrier_ops barrier_mprotect = {
	.name = "mprotect",
	.open = memfd_open,
	.close = memfd_close,
	.map = barrier_mprotect_map,
	.unmap = signals_unmap,
	.revoke = barrier_mprotect_revoke,
	.grant = barrier_mprotect_grant,
	.wake = signals_wake,
	.next_trap = signals_next_trap,
	.resident = memfd_resident,
};
