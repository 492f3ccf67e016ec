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

#include <codecache.h>

#include "barrier.h"
#include "signals.h"

#define MAX_EVENTS	16
#define MAX_RUNS	64

struct semispace {
	struct codecache_zone *zone;
	struct codecache_view *mutator;
	struct codecache_view *collector;
	struct codecache_event event[MAX_EVENTS];	/* read, not answered: [next, nr) */
	size_t nr;
	size_t next;
};

static int barrier_codecache_open(struct barrier *b)
{
	int err = codecache_open(&b->cache);

	if (!err)
		return 0;
	b->failed = "the codecache module is not there";
	b->absent = err == -ENOENT || err == -ENXIO || err == -ENODEV;
	return err;
}

static void barrier_codecache_close(struct barrier *b)
{
	codecache_close(b->cache);
}

static void barrier_codecache_unmap(struct barrier *b, struct space_map *map)
{
	struct semispace *s = map->priv;

	if (!b->ops->kernel_waits && map->mutator)
		signals_unwatch(map);
	codecache_view_destroy(s->mutator);
	codecache_view_destroy(s->collector);
	codecache_zone_destroy(s->zone);
	free(s);
	*map = (struct space_map){ 0 };
}

static int barrier_codecache_view(struct semispace *s,
				  const struct codecache_view_options *options,
				  struct codecache_view **view, uint8_t **addr)
{
	int err = codecache_view_create(s->zone, CODECACHE_VIEW_DATA, options, view);

	if (!err)
		err = codecache_view_map(*view, NULL, 0);
	if (!err)
		*addr = codecache_view_addr(*view);
	return err;
}

/* The mutators' view: nothing is allowed, and traps are taken as the barrier does. */
static int barrier_codecache_mutator(struct barrier *b, struct semispace *s,
				     struct space_map *map)
{
	struct codecache_view_options options = {
		.size = sizeof(options),
		.flags = CODECACHE_VIEW_F_PROT,
		.prot = CODECACHE_PROT_NONE,
	};
	int err;

	if (b->ops->kernel_waits) {
		options.flags |= CODECACHE_VIEW_F_BLOCK_KERNEL;
		options.trap_mode = CODECACHE_TRAP_BLOCK;
	}
	b->failed = "a data view for the mutators cannot be had";
	err = barrier_codecache_view(s, &options, &s->mutator, &map->mutator);
	if (err)
		return err;
	if (!b->ops->kernel_waits)
		return signals_watch(b, map);
	return fcntl(codecache_view_fd(s->mutator), F_SETFL, O_NONBLOCK) ? -errno : 0;
}

static int barrier_codecache_map(struct barrier *b, struct space_map *map, size_t bytes)
{
	struct semispace *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	map->priv = s;
	map->bytes = bytes;
	b->failed = "a zone cannot be had";
	err = codecache_zone_create(b->cache, CODECACHE_ZONE_DATA, bytes, &s->zone);
	if (!err)
		err = barrier_codecache_mutator(b, s, map);
	if (!err) {
		b->failed = "a data view for the collector cannot be had";
		err = barrier_codecache_view(s, NULL, &s->collector, &map->collector);
	}
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
	err = codecache_view_protect(s->mutator, range, nr, NULL);
	if (!err)
		atomic_fetch_add_explicit(&b->protects, 1, memory_order_relaxed);
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
		err = codecache_view_read_events(s->mutator, s->event, MAX_EVENTS, &s->nr);
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

static uint64_t barrier_codecache_resident(struct barrier *b, struct space_map *map)
{
	struct codecache_stats_args stats;
	struct semispace *s = map->priv;

	if (codecache_zone_stats(s->zone, &stats))
		return 0;
	return stats.out_resident_pages * b->page;
}

static uint64_t barrier_codecache_protects(struct barrier *b)
{
	struct codecache_stats_args stats;

	return codecache_stats(b->cache, &stats) ? 0 : stats.out_protect_calls;
}

const struct barrier_ops barrier_codecache = {
	.name = "codecache",
	.kernel_waits = true,
	.open = barrier_codecache_open,
	.close = barrier_codecache_close,
	.map = barrier_codecache_map,
	.unmap = barrier_codecache_unmap,
	.revoke = barrier_codecache_revoke,
	.grant = barrier_codecache_grant,
	.next_trap = barrier_codecache_next_trap,
	.resident = barrier_codecache_resident,
	.protects = barrier_codecache_protects,
};

const struct barrier_ops barrier_codecache_signal = {
	.name = "codecache-signal",
	.open = barrier_codecache_open,
	.close = barrier_codecache_close,
	.map = barrier_codecache_map,
	.unmap = barrier_codecache_unmap,
	.revoke = barrier_codecache_revoke,
	.grant = barrier_codecache_grant,
	.wake = signals_wake,
	.next_trap = signals_next_trap,
	.resident = barrier_codecache_resident,
	.protects = barrier_codecache_protects,
};
