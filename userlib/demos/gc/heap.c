// SPDX-License-Identifier: MIT
/*
 * Semispaces: their memory, room for new objects, and the crossing map
 *
 * Each semispace is a zone (or a memfd) of its own, because a zone's memory is given
 * back as a whole: with its last view. A semispace that was not given back still holds
 * what it held, in memory and in the mutators' page tables; collector.c revokes
 * it before it is used again, and whoever takes room in it clears that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc_priv.h"
#include "measure.h"

int space_create(struct gc *gc, struct space *s)
{
	size_t nr_pages = gc->config.heap_bytes / gc->page;
	int err;

	if (!s->cross)
		s->cross = calloc(nr_pages, sizeof(*s->cross));
	if (!s->done)
		s->done = calloc(nr_pages, sizeof(*s->done));
	gc->barrier.failed = "no memory for the tables of a semispace";
	if (!s->cross || !s->done)
		return -ENOMEM;
	err = gc->barrier.ops->map(&gc->barrier, &s->map, gc->config.heap_bytes);
	s->mapped = !err;
	return err;
}

void space_destroy(struct gc *gc, struct space *s)
{
	if (s->mapped)
		gc->barrier.ops->unmap(&gc->barrier, &s->map);
	s->mapped = false;
	free(s->cross);
	free(s->done);
	s->cross = NULL;
	s->done = NULL;
}

/*
 * Give the memory of a semispace back to the system. What it was is asked of the
 * zone; that it really went is looked up in /proc/meminfo, where the kernel
 * counts pages per CPU and adds them up in batches.
 */
void space_give_back(struct gc *gc, struct space *s)
{
	uint64_t resident = gc->barrier.ops->resident(&gc->barrier, &s->map);
	uint64_t before = shmem_bytes(), after;
	int tries;

	gc->barrier.ops->unmap(&gc->barrier, &s->map);
	s->mapped = false;
	after = shmem_bytes();
	/* The last reference may go from a work item a little later. */
	for (tries = 0; tries < 20 && after + resident / 2 > before; tries++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		after = shmem_bytes();
	}
	stat_add(&gc->stats.given_back, resident);
	stat_add(&gc->stats.given_back_seen, before > after ? before - after : 0);
}

/* Note in the crossing map that an object lies at [start, start + bytes). */
void space_cover(struct gc *gc, struct space *s, uint64_t start, uint64_t bytes)
{
	size_t page = (start + gc->page - 1) / gc->page;

	for (; page * gc->page < start + bytes; page++)
		s->cross[page] = (uint32_t)(start / sizeof(uint64_t));
}

/* Bytes that are taken: no more than this can be live. Called with gc->lock held. */
uint64_t space_used(const struct space *s)
{
	return s->copy_top + (s->map.bytes - s->alloc_bottom);
}

/* Take room for new objects, whole pages. Called with gc->lock held. */
uint64_t space_carve(struct space *s, uint64_t bytes)
{
	if (s->alloc_bottom - s->low < bytes)
		return GC_NO_ROOM;
	s->alloc_bottom -= bytes;
	return s->alloc_bottom;
}
