/* SPDX-License-Identifier: MIT */
/*
 * Traps by signal: a mutator waits for a page in its SIGSEGV handler
 *
 * What barriers that trap by signal share. They tell which semispaces there are, and
 * which pages of them the mutators have.
 */
#ifndef GC_SIGNALS_H
#define GC_SIGNALS_H

#include "barrier.h"

/** Take SIGSEGV: for traps, and for stray accesses, which end the program. Once. */
void signals_install(void);

/** A semispace on a memfd that is watched, and its end; as memfd_map() and memfd_unmap(). */
int signals_map(struct barrier *b, struct space_map *map, size_t bytes, int prot);
void signals_unmap(struct barrier *b, struct space_map *map);
/** A new semispace, of which the mutators have nothing. */
int signals_watch(struct barrier *b, struct space_map *map);
/** It is about to go. */
void signals_unwatch(struct space_map *map);
/** Remembered sets: a byte for each page of a semispace, which is set when it traps. */
_Atomic uint8_t *signals_pages(const struct space_map *map);
/** Pages are about to be taken away. */
void signals_shut(struct barrier *b, struct space_map *map, struct page_run run);
/** Pages were given: wake who waits for them. */
void signals_opened(struct barrier *b, struct space_map *map, struct page_run run);
/* As in struct barrier_ops. */
int signals_wake(struct barrier *b, struct space_map *map, size_t page);
int signals_next_trap(struct barrier *b, struct space_map *map, struct trap *trap);

/** The calling thread may trap from now on, or will not any more. */
void signals_enter(void);
void signals_leave(void);

#endif /* GC_SIGNALS_H */
