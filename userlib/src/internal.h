/* SPDX-License-Identifier: MIT */
/*
 * libcodecache internals
 *
 * Concepts: an object is a descriptor plus what never changes about it, learnt
 *	once at its creation. All that can change is the kernel's and is asked
 *	for, except where a view is mapped, which only its user knows.
 * errno:    left alone by the whole library. Every function of libc that may set
 *	it is called through a codecache__*() wrapper of sys.c, which saves it and
 *	returns 0 or -errno, so that no other file has to think of it.
 * Names:    codecache__*() has hidden visibility, codecache_*() is public.
 */
#ifndef CODECACHE_INTERNAL_H
#define CODECACHE_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codecache.h"

/*
 * A caller allocates these structures, and the library says how long they are.
 * When one grows, programs that were built before it did must still get the old
 * length: give the function that takes it a second version in libcodecache.map
 * (a node per release) and keep the one that is there with this size.
 */
#define CODECACHE__INFO_SIZE_1_0	112
#define CODECACHE__STATS_SIZE_1_0	216
#define CODECACHE__PROTECT_SIZE_1_0	64
#define CODECACHE__QUERY_SIZE_1_0	88

static_assert(sizeof(struct codecache_info_args) == CODECACHE__INFO_SIZE_1_0,
	      "codecache_info() needs a new symbol version");
static_assert(sizeof(struct codecache_stats_args) == CODECACHE__STATS_SIZE_1_0,
	      "codecache_*stats() need a new symbol version");
static_assert(sizeof(struct codecache_view_protect_args) ==
	      CODECACHE__PROTECT_SIZE_1_0,
	      "codecache_view_protect_args() needs a new symbol version");
static_assert(sizeof(struct codecache_view_query_args) ==
	      CODECACHE__QUERY_SIZE_1_0,
	      "codecache_view_query_args() needs a new symbol version");

struct codecache_cache {
	int fd;
};

struct codecache_zone {
	int fd;
	uint64_t bytes;
};

struct codecache_view {
	int fd;
	uint32_t kind;
	uint64_t bytes;
	void *addr;	/* where this handle mapped it; NULL: nowhere */
	pid_t mapper;	/* the process that did: fork() does not copy a mapping */
};

struct codecache_log {
	int fd;
	uint64_t *tail;			/* the page that the reader writes */
	struct codecache_log_ring *ring;	/* what the kernel writes */
	size_t ring_bytes;
	pid_t mapper;	/* the process that has mapped both */
};

/* sys.c */
int codecache__open_device(void);
void codecache__close(int fd);
int codecache__ioctl(int fd, unsigned int request, void *args);
ssize_t codecache__read(int fd, void *buffer, size_t bytes);
int codecache__mmap(void **addr, size_t length, int prot, int flags, int fd,
		    size_t offset);
int codecache__munmap(void *addr, size_t length);
void *codecache__zalloc(size_t bytes);
void codecache__free(void *object);

/* stats.c */
int codecache__stats(int fd, struct codecache_stats_args *stats);
int codecache__identify(int fd, uint32_t object,
			struct codecache_stats_args *stats);

#endif /* CODECACHE_INTERNAL_H */
