/* SPDX-License-Identifier: MIT */
/*
 * Barriers: what keeps the mutators off pages that are not scanned yet
 *
 * A barrier maps each semispace twice (Appel and Li's Map2): the mutators' view,
 * whose pages can be taken away and given one by one, and the collector's view of
 * the same memory, which stays accessible. An access to a page that the mutators
 * do not have traps: the thread waits and the collector is told.
 *
 * To add one (mprotect with signals, a read barrier in software, ...): write its
 * struct barrier_ops and name it in barrier_open().
 */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct barrier;
struct codecache_cache;

/** struct space_map - one semispace in memory */
struct space_map {
	uint8_t *mutator;	/* the mutators' view */
	uint8_t *collector;	/* the collector's view */
	size_t bytes;
	void *priv;		/* the barrier's own */
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
 * @open: on failure barrier->failed says what failed, and absent why
 * @close: after the last @unmap
 * @map: a fresh, zeroed semispace; the mutators have none of its pages; like @open
 * @unmap: its memory goes back to the system; nobody uses it any more
 * @revoke: take all pages of a semispace away from the mutators, at once: after
 *	it has returned no thread reads or writes any through their view
 * @grant: give pages, which must be populated, to the mutators, and wake who
 *	waits for them. -EEXIST: they had one of them already. Any thread.
 * @wake: wake who waits for pages that were granted already
 * @next_trap: 1 and a trap, or 0 if no thread waits; does not block
 * @resident: bytes of memory that a semispace uses
 * @revocations: what the kernel side counted, or UINT64_MAX if it does not count
 */
struct barrier_ops {
	const char *name;
	int (*open)(struct barrier *b);
	void (*close)(struct barrier *b);
	int (*map)(struct barrier *b, struct space_map *map, size_t bytes);
	void (*unmap)(struct barrier *b, struct space_map *map);
	int (*revoke)(struct barrier *b, struct space_map *map);
	int (*grant)(struct barrier *b, void *addr, size_t bytes);
	int (*wake)(struct barrier *b, void *addr, size_t bytes);
	int (*next_trap)(struct barrier *b, struct trap *trap);
	uint64_t (*resident)(struct barrier *b, struct space_map *map);
	uint64_t (*revocations)(struct barrier *b);
};

struct barrier {
	const struct barrier_ops *ops;
	const char *failed;	/* what did, in @open or @map */
	bool absent;		/* and that is because this system lacks something */
	int uffd;
	struct codecache_cache *cache;
};

extern const struct barrier_ops barrier_codecache;
extern const struct barrier_ops barrier_memfd;

/** Open the barrier called @name; -EINVAL if there is none. On failure b->failed says what. */
int barrier_open(struct barrier *b, const char *name);

/* What the barriers on userfaultfd share, in uffd.c. */
int uffd_open(struct barrier *b);
void uffd_close(struct barrier *b);
int uffd_register(struct barrier *b, void *addr, size_t bytes);
int uffd_grant(struct barrier *b, void *addr, size_t bytes);
int uffd_wake(struct barrier *b, void *addr, size_t bytes);
int uffd_next_trap(struct barrier *b, struct trap *trap);

#endif /* GC_BARRIER_H */
