/* SPDX-License-Identifier: MIT */
/*
 * Barriers: what keeps the mutators off pages that are not scanned yet
 *
 * A page barrier maps each semispace twice (Appel and Li's Map2): the mutators'
 * view, whose pages can be taken away and given one by one, and the collector's
 * view of the same memory, which stays accessible. An access to a page that the
 * mutators do not have traps: the thread waits and the collector is told.
 *
 * The barrier soft has one view and no traps: the mutators' code checks each
 * reference that it loads, see soft.c.
 *
 * With --generational a barrier is a remembered set instead, see remember.h.
 *
 * To add one: write its struct barrier_ops and name it in barrier.c.
 */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct barrier;
struct codecache_cache;
struct remember_ops;

#define BARRIER_MAX	8U	/* barriers that there may be */

/** struct space_map - one semispace in memory */
struct space_map {
	uint8_t *mutator;	/* the mutators' view */
	uint8_t *collector;	/* the collector's view */
	size_t bytes;
	void *priv;		/* the barrier's own */
};

/** struct page_run - pages of a semispace that lie side by side */
struct page_run {
	size_t first;
	size_t nr;
};

/** struct trap - a mutator waits for a page */
struct trap {
	uintptr_t addr;
	uint32_t thread;
	bool write;
	bool missing;		/* there is no memory at all at @addr */
};

/**
 * struct barrier_ops - a kind of barrier; functions return 0 or -errno
 * @name: as on the command line
 * @soft: the mutators' code is the barrier; only @open to @unmap and @resident are
 *	there
 * @kernel_waits: a system call that touches a page which the mutators do not have
 *	waits for it; else it fails with EFAULT
 * @open: on failure barrier->failed says what failed, and absent why
 * @close: after the last @unmap
 * @map: a fresh, zeroed semispace; the mutators have none of its pages; like @open
 * @unmap: its memory goes back to the system; nobody uses it any more
 * @revoke: take pages of a semispace away from the mutators, at once: after it has
 *	returned no thread reads or writes any through their view
 * @grant: give runs of pages, which must be populated, to the mutators, and wake
 *	who waits for them. -EEXIST: they had one of them already. Any thread.
 * @wake: wake who waits for a page that was granted already; NULL: nobody does
 * @next_trap: 1 and a trap, or 0 if no thread waits; does not block
 * @resident: bytes of memory that a semispace uses
 * @protects: calls of PROTECT that the module has counted; NULL: it is not used
 * @remember: for a remembered set, which has neither of @revoke to @next_trap; else NULL
 */
struct barrier_ops {
	const char *name;
	bool soft;
	bool kernel_waits;
	int (*open)(struct barrier *b);
	void (*close)(struct barrier *b);
	int (*map)(struct barrier *b, struct space_map *map, size_t bytes);
	void (*unmap)(struct barrier *b, struct space_map *map);
	int (*revoke)(struct barrier *b, struct space_map *map, struct page_run run);
	int (*grant)(struct barrier *b, struct space_map *map,
		     const struct page_run *runs, unsigned int nr);
	int (*wake)(struct barrier *b, struct space_map *map, size_t page);
	int (*next_trap)(struct barrier *b, struct space_map *map, struct trap *trap);
	uint64_t (*resident)(struct barrier *b, struct space_map *map);
	uint64_t (*protects)(struct barrier *b);
	const struct remember_ops *remember;
};

/** enum barrier_call - the system calls that a barrier makes, by what they are for */
enum barrier_call {
	BARRIER_REVOKE,		/* or old space is made read-only */
	BARRIER_GRANT,		/* or a page of it writable, by who writes to it */
	BARRIER_WAKE,
	BARRIER_POLL,		/* does anybody wait? */
	BARRIER_SLEEP,		/* a mutator's, in its signal handler: wait and return */
	BARRIER_QUERY,		/* which pages were written? */
	BARRIER_NR_CALLS,
};

struct barrier {
	const struct barrier_ops *ops;
	const char *failed;	/* what did, in @open or @map */
	bool absent;		/* and that is because this system lacks something */
	size_t page;
	int uffd;
	struct codecache_cache *cache;
	_Atomic uint64_t protects;		/* calls of PROTECT that were made */
	_Atomic uint64_t calls[BARRIER_NR_CALLS];
};

static inline void barrier_count(struct barrier *b, enum barrier_call call)
{
	/* For the report only: no order needed. */
	atomic_fetch_add_explicit(&b->calls[call], 1, memory_order_relaxed);
}

/** All read barriers, or remembered sets, the default first; NULL ends them. */
const struct barrier_ops *const *barrier_list(bool generational);

/** Open the one of them called @name; -EINVAL if there is none. On failure b->failed says what. */
int barrier_open(struct barrier *b, const char *name, bool generational);

/* What the barriers on a memfd share, in memfd.c: no access for mutators with @prot 0. */
int memfd_open(struct barrier *b);
void memfd_close(struct barrier *b);
int memfd_map(struct barrier *b, struct space_map *map, size_t bytes, int prot);
int memfd_map_once(struct barrier *b, struct space_map *map, size_t bytes);
void memfd_unmap(struct barrier *b, struct space_map *map);
uint64_t memfd_resident(struct barrier *b, struct space_map *map);

/* What the barriers on userfaultfd share, in uffd.c. */
int uffd_open(struct barrier *b);
void uffd_close(struct barrier *b);
int uffd_register(struct barrier *b, void *addr, size_t bytes);
int uffd_grant(struct barrier *b, struct space_map *map, const struct page_run *runs,
	       unsigned int nr);
int uffd_wake(struct barrier *b, struct space_map *map, size_t page);
int uffd_next_trap(struct barrier *b, struct space_map *map, struct trap *trap);

#endif /* GC_BARRIER_H */
