/* SPDX-License-Identifier: MIT */
/*
 * Copying the pages of a snapshot while mutators go on: Appel and Li's checkpoint
 *
 * When the mutators go on after an instant, all pages of its snapshot are
 * *pending*: read-only, and so still as they were at the instant. Each is copied
 * by whoever comes first, and made writable only then: by the copier, that walks
 * through all of them in order, or because a mutator wants to store to it and has
 * trapped. Claiming is one compare-and-swap; who comes second to a page that is
 * being copied waits for the end of that.
 */
#ifndef CHECKPOINT_COPY_H
#define CHECKPOINT_COPY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/codecache.h>

#define COPY_MAX_BATCH	512U

enum page_state {
	PAGE_IGNORED,		/* not in this snapshot */
	PAGE_PENDING,
	PAGE_BUSY,		/* somebody copies it */
	PAGE_COPIED,
};

/* What may be done wrong on purpose; see the help text. */
enum sabotage {
	SABOTAGE_NONE,
	SABOTAGE_COPY,
	SABOTAGE_STOP,
	SABOTAGE_QUERY,
};

struct copier {
	const uint8_t *zone;
	uint8_t *image;			/* the copies, each in its place */
	atomic_uchar *state;		/* enum page_state */
	uint64_t nr_pages;
	size_t page_size;
	unsigned int batch;		/* pages, for each call that opens them */
	enum sabotage sabotage;
	bool full;
	atomic_uint chances;		/* to do something wrong */
	_Atomic uint64_t saved;		/* pages copied because of a trap */
	_Atomic uint64_t traps;
};

/** Returns 0 or -errno: stores to these pages are allowed again. */
typedef int (*copier_allow)(void *arg, struct codecache_prot_range *ranges,
			    size_t nr);

/** A new snapshot: no page is in it yet. The mutators are stopped. */
void copier_begin(struct copier *c, bool full);
/** These pages are in it. The mutators are stopped. */
void copier_expect(struct copier *c, uint64_t first, uint64_t nr);
/**
 * A mutator has trapped on @page: when this returns the page may be opened to
 * stores. Async-signal-safe.
 */
void copier_save(struct copier *c, uint64_t page);
/** Copy all that is pending, and open it batch by batch. */
int copier_walk(struct copier *c, copier_allow allow, void *arg);
/**
 * The pages of the snapshot as ascending ranges, once all of them are copied.
 * Returns how many; @ranges has room for (nr_pages + 1) / 2.
 */
size_t copier_ranges(struct copier *c, struct codecache_prot_range *ranges);

#endif /* CHECKPOINT_COPY_H */
