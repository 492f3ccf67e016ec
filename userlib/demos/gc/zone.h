/* SPDX-License-Identifier: MIT */
/* Semispaces in a zone of codecache with two views: what the barriers on the module share. */
#ifndef GC_ZONE_H
#define GC_ZONE_H

#include <codecache.h>

#include "barrier.h"

/** struct zone_space - a semispace; where map->priv leads is one, or begins with one */
struct zone_space {
	struct codecache_zone *zone;
	struct codecache_view *mutator;
	struct codecache_view *collector;	/* of kind data */
};

/* As in struct barrier_ops. */
int zone_open(struct barrier *b);
void zone_close(struct barrier *b);
/** Also frees where map->priv leads. */
void zone_unmap(struct barrier *b, struct space_map *map);
uint64_t zone_resident(struct barrier *b, struct space_map *map);
uint64_t zone_protects(struct barrier *b);

/**
 * A zone with the mutators' view, of kind @kind with @options (NULL: everything is
 * allowed), and the collector's. Sets up @map for @priv, which begins with a
 * struct zone_space, zeroed, from malloc(); on failure it is freed.
 */
int zone_map(struct barrier *b, struct space_map *map, size_t bytes, uint32_t kind,
	     const struct codecache_view_options *options, void *priv);

/** Count a call of PROTECT that has succeeded. */
static inline void zone_protected(struct barrier *b)
{
	/* For the report only: no order needed. */
	atomic_fetch_add_explicit(&b->protects, 1, memory_order_relaxed);
}

#endif /* GC_ZONE_H */
