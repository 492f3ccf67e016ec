// SPDX-License-Identifier: MIT
/*
 * The barriers codecache and codecache-signal: two data views a semispace
 *
 * The mutators' view has page protections of its own, which no VMA knows: a flip is
 * one PROTECT(NONE), a group of scanned pages one PROTECT(RW) with a vector of runs,
 * wherever they lie. Pages that are opened are mapped at once. The two barriers
 * differ in how a trap is taken: codecache lets the thread sleep in the kernel (block
 * traps; also inside system calls), codecache-signal sends it SIGSEGV.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "signals.h"
#include "zone.h"

#define MAX_EVENTS	16
#define MAX_RUNS	64

struct semispace {
	struct zone_space views;		/* first, see zone_map() */
	struct codecache_event event[MAX_EVENTS];	/* read, not answered: [next, nr) */
	size_t nr;
	size_t next;
};

static void barrier_codecache_unmap(struct barrier *b, struct space_map *map)
{
	if (!b->ops->kernel_waits)
		signals_unwatch(map);
	zone_unmap(b, map);
}

/* Of the mutators' view nothing is allowed, and traps are taken as the barrier does. */
static int barrier_codecache_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_NONE,
	};
	struct semispace *s = calloc(1, sizeof(*s));
	int err;

	if (b->ops->kernel_waits) {
		options.flags |= CODECACHE_VIEW_F_BLOCK_KERNEL;
		options.trap_mode = CODECACHE_TRAP_BLOCK;
	}
	err = zone_map(b, map, bytes, CODECACHE_VIEW_DATA, &options, s);
	if (err)
		return err;
	if (!b->ops->kernel_waits)
		err = signals_watch(b, map);
	else if (fcntl(codecache_view_fd(s->views.mutator), F_SETFL, O_NONBLOCK))
		err = -errno;
	if (err)
		barrier_codecache_unmap(b, map);
	return err;
}

static int barrier_codecache_protect(struct barrier *b, struct space_map *map, uint32_t prot,
				     const struct page_run *runs, unsigned int nr)
{
	struct codecache_prot_range range[MAX_RUNS];
	struct semispace *s = map->priv;
	unsigned int i;
	int err;

	if (nr > MAX_RUNS)
		return -E2BIG;
	for (i = 0; i < nr; i++)
		range[i] = (struct codecache_prot_range){
			.first_page = runs[i].first,
			.nr_pages = (uint32_t)runs[i].nr,
			.prot = (uint16_t)prot,
		};
	err = codecache_view_protect(s->views.mutator, range, nr, NULL);
	if (!err)
		zone_protected(b);
	return err;
}

static int barrier_codecache_revoke(struct barrier *b, struct space_map *map,
				    struct page_run run)
{
	if (!b->ops->kernel_waits)
		signals_shut(b, map, run);
	barrier_count(b, BARRIER_REVOKE);
	return barrier_codecache_protect(b, map, CODECACHE_PROT_NONE, &run, 1);
}

/* PROTECT wakes who sleeps in the kernel for one of the pages. */
static int barrier_codecache_grant(struct barrier *b, struct space_map *map,
				   const struct page_run *runs, unsigned int nr)
{
	unsigned int i;
	int err;

	barrier_count(b, BARRIER_GRANT);
	err = barrier_codecache_protect(b, map, CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
					runs, nr);
	for (i = 0; i < nr && !err && !b->ops->kernel_waits; i++)
		signals_opened(b, map, runs[i]);
	return err;
}

static int barrier_codecache_next_trap(struct barrier *b, struct space_map *map,
				       struct trap *trap)
{
	struct semispace *s = map->priv;
	int err;

	if (s->next == s->nr) {
		s->next = 0;
		barrier_count(b, BARRIER_POLL);
		err = codecache_view_read_events(s->views.mutator, s->event, MAX_EVENTS, &s->nr);
		if (err)
			return err == -EAGAIN || err == -EINTR ? 0 : err;
	}
	*trap = (struct trap){
		.addr = (uintptr_t)map->mutator + s->event[s->next].page * b->page,
		.thread = s->event[s->next].tid,
		.write = s->event[s->next].access == CODECACHE_PROT_WRITE,
	};
	s->next++;
	return 1;
}

const struct barrier_ops barrier_codecache = {
	.name = "codecache",
	.kernel_waits = true,
	.open = zone_open,
	.close = zone_close,
	.map = barrier_codecache_map,
	.unmap = barrier_codecache_unmap,
	.revoke = barrier_codecache_revoke,
	.grant = barrier_codecache_grant,
	.next_trap = barrier_codecache_next_trap,
	.resident = zone_resident,
	.protects = zone_protects,
};

const struct barrier_ops barrier_codecache_signal = {
	.name = "codecache-signal",
	.open = zone_open,
	.close = zone_close,
	.map = barrier_codecache_map,
	.unmap = barrier_codecache_unmap,
	.revoke = barrier_codecache_revoke,
	.grant = barrier_codecache_grant,
	.wake = signals_wake,
	.next_trap = signals_next_trap,
	.resident = zone_resident,
	.protects = zone_protects,
};
