/* SPDX-License-Identifier: MIT */
/* The barrier soft: Baker's read barrier, in the code of the mutators. See soft.c. */
#ifndef GC_SOFT_H
#define GC_SOFT_H

#include "gc.h"

/** From-space while a collection goes on; the mutators' code looks here. */
struct soft_range {
	uintptr_t start;
	uintptr_t bytes;
};

extern struct soft_range soft_from;

/** A reference into from-space was loaded from @slot: its object's new address, stored there. */
struct obj *soft_heal(uint64_t *slot, uint64_t ref);

/* For the collector: between world_stop() and world_resume(), and after it. */
void soft_begin(struct gc *gc);
void soft_scan_all(struct gc *gc);
void soft_end(struct gc *gc);

#endif /* GC_SOFT_H */
