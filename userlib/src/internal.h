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
 * Locking:  codecache__caches_lock (fork.c) > the lock of a cache. Both are held over
 *	a fork(), so that its child finds nothing half-done. Neither is held while
 *	a function of the caller's runs, nor over a system call that waits for
 *	others.
 * Names:    codecache__*() has hidden visibility, codecache_*() is public.
 */
#ifndef CODECACHE_INTERNAL_H
#define CODECACHE_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
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
#define CODECACHE__INFO_SIZE_1_0	136
#define CODECACHE__STATS_SIZE_1_0	360
#define CODECACHE__PROTECT_SIZE_1_0	64
#define CODECACHE__QUERY_SIZE_1_0	88
#define CODECACHE__RETIRE_SIZE_1_0	48
#define CODECACHE__SEAL_INFO_SIZE_1_0	64

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
static_assert(sizeof(struct codecache_extent_retire_args) ==
	      CODECACHE__RETIRE_SIZE_1_0,
	      "codecache_extent_retire_args() needs a new symbol version");
static_assert(sizeof(struct codecache_seal_info_args) ==
	      CODECACHE__SEAL_INFO_SIZE_1_0,
	      "codecache_*_seal_info() need a new symbol version");

/* What the caller has, and what is behind it. */
struct codecache__reader {
	struct codecache_reader reader;
	struct codecache__reader *next;
	struct codecache__reader **prev;	/* what points here */
	struct codecache_cache *cache;
	uint32_t index;
	bool stale;	/* the slot is not its own any more: only free it */
	struct codecache_reader_slot none;	/* a slot that nobody looks at */
};

/* What a cache shares with the kernel, as this process has it mapped. */
struct codecache__shared {
	struct codecache__shared *next;	/* from before a fork(): zeros */
	struct codecache_control *control;
	char *slots;
	size_t slots_bytes;
	uint32_t nr_slots;
	struct codecache__reader *by_slot[];	/* who has it, that we know of */
};

/* A grace period, and how many of the queue it is for. */
struct codecache__period {
	uint64_t cookie;
	uint64_t until;
};

/*
 * At any time two grace periods at most are not over, the one that is under way and
 * the next. The others are for those that ended since somebody last looked.
 */
#define CODECACHE__MAX_PERIODS	8

/* Functions to be called in order. Counts are of all time: taken <= due <= started. */
struct codecache__defer {
	struct codecache_defer_head *first;
	struct codecache_defer_head *last;
	uint64_t queued;
	uint64_t started;	/* have a grace period */
	uint64_t due;		/* ... which is over */
	uint64_t taken;		/* were called */
	uint64_t done;		/* ... and returned */
	struct codecache__period periods[CODECACHE__MAX_PERIODS];
	unsigned int nr_periods;
	bool busy;		/* one thread is calling them: */
	pthread_t who;
	bool has_thread;
	bool stopping;
	pthread_t thread;
	pthread_cond_t changed;
	void *forgotten;	/* the parent's that are ours to free */
};

struct codecache_cache {
	int fd;
	bool listed;		/* fork.c knows it; read without a lock */
	struct codecache_cache *next;	/* codecache__caches_lock */
	pthread_mutex_t lock;	/* of all below */
	struct codecache__shared *shared;	/* read without it, too */
	struct codecache__shared *zeros;
	struct codecache__reader *readers;
	struct codecache__defer defer;
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
int codecache__start_thread(pthread_t *thread, void *(*start)(void *), void *arg);
void codecache__sleep(uint32_t ns);

/* options.c */
int codecache__copy_options(void *to, size_t known, const void *from,
			    size_t first_version);

/* zone.c */
int codecache__zone_create(struct codecache_cache *cache, uint32_t zone_class,
			   uint64_t bytes, uint32_t flags,
			   struct codecache_zone **zone);

/* fork.c */
int codecache__list(struct codecache_cache *cache);
void codecache__unlist(struct codecache_cache *cache);

/* shared.c */
int codecache__share(struct codecache_cache *cache,
		     struct codecache__shared **shared);
void codecache__shared_forked(struct codecache_cache *cache);
void codecache__shared_free(struct codecache_cache *cache);

/* reader.c */
void codecache__readers_free(struct codecache_cache *cache);

/* grace.c */
int codecache__grace_start(const struct codecache_cache *cache, uint32_t flags,
			   uint64_t *cookie);
int codecache__grace_poll(const struct codecache_cache *cache, uint64_t cookie,
			  uint64_t *completed);
int codecache__grace_wait(const struct codecache_cache *cache, uint64_t cookie,
			  uint32_t flags, uint64_t timeout_ns);

/* defer.c */
int codecache__defer_start(struct codecache_cache *cache);
uint64_t codecache__defer_look(struct codecache_cache *cache);
size_t codecache__defer_run(struct codecache_cache *cache, size_t max);
void codecache__defer_init(struct codecache_cache *cache);
void codecache__defer_forked(struct codecache_cache *cache);
void codecache__defer_free_all(struct codecache_cache *cache);

/* stats.c */
int codecache__stats(int fd, struct codecache_stats_args *stats);
int codecache__identify(int fd, uint32_t object,
			struct codecache_stats_args *stats);

#endif /* CODECACHE_INTERNAL_H */
