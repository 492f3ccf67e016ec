// SPDX-License-Identifier: MIT
/*
 * The remembered set mprotect: old space is read-only, and the first write to a page
 * traps
 *
 * The handler notes the page and makes it writable, which takes a VMA of its own;
 * all are made read-only again, with one call, when the set is taken. The collector
 * has another view, so promoting objects needs no call. A system call that writes to a
 * page which is read-only fails with EFAULT: gc_pread() writes to it first.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "gc.h"
#include "remember.h"
#include "signals.h"

static int remember_mprotect_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	return signals_map(b, map, bytes, PROT_READ);
}

/* In the handler of the thread that wrote; others may trap on the same page. */
static void remember_mprotect_trap(struct barrier *b, void *page)
{
	barrier_count(b, BARRIER_GRANT);
	if (mprotect(page, b->page, PROT_READ | PROT_WRITE))
		gc_die("mprotect() of a page that is written to: %s", strerror(errno));
}

static int remember_mprotect_take(struct barrier *b, struct space_map *map, size_t nr,
				  uint64_t *bitmap)
{
	_Atomic uint8_t *written = signals_pages(map);
	size_t first = nr, last = 0, i;

	memset(bitmap, 0, (nr + 63) / 64 * sizeof(*bitmap));
	for (i = 0; i < nr; i++) {
		/* Handlers have run before the world stopped, which orders this. */
		if (!atomic_load_explicit(&written[i], memory_order_relaxed))
			continue;
		atomic_store_explicit(&written[i], 0, memory_order_relaxed);
		remember_set(bitmap, i);
		first = i < first ? i : first;
		last = i;
	}
	if (first == nr)
		return 0;
	barrier_count(b, BARRIER_REVOKE);
	return mprotect(map->mutator + first * b->page, (last - first + 1) * b->page,
			PROT_READ) ? -errno : 0;
}

static const struct remember_ops remember_mprotect_ops = {
	.take = remember_mprotect_take,
	.trap = remember_mprotect_trap,
};

const struct barrier_ops remember_mprotect = {
	.name = "mprotect",
	.open = memfd_open,
	.close = memfd_close,
	.map = remember_mprotect_map,
	.unmap = signals_unmap,
	.resident = memfd_resident,
	.remember = &remember_mprotect_ops,
};
