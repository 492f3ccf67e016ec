/* SPDX-License-Identifier: MIT */
/*
 * For the tests of extents, readers and grace periods, by raw ioctls
 *
 * As in cc_test.h: descriptors or -errno, else 0 or -errno. Outputs that the kernel
 * has not written are CC_UNWRITTEN.
 */
#ifndef CC_RECLAIM_H
#define CC_RECLAIM_H

#include <semaphore.h>

#include "cc_traps.h"

/* ---- extents -------------------------------------------------------------- */

/* A zone that has extents. */
int cc_extents(int cache, uint32_t zone_class, uint64_t nr_pages);
/* As cc_mem_make(), cc_mem_code() and cc_mem_data(), but with extents. */
int cc_mem_extents(struct cc_mem *mem, uint32_t zone_class, uint64_t nr_pages);
int cc_mem_extents_code(struct cc_mem *mem, uint64_t nr_pages);
int cc_mem_extents_data(struct cc_mem *mem, uint64_t nr_pages);

int cc_alloc_call(int zone, struct codecache_extent_alloc_args *args);
int cc_alloc(int zone, struct codecache_extent *extents, uint64_t count,
	     uint32_t flags);
/* One extent, where it fits best: its first page or -errno. */
long long cc_extent(int zone, uint64_t nr_pages);

/* @cookie may be NULL. */
int cc_retire_call(int zone, struct codecache_extent_retire_args *args);
int cc_retire(int zone, const struct codecache_extent *extents, uint64_t count,
	      uint64_t *cookie);
int cc_retire_run(int zone, uint64_t first, uint64_t nr_pages, uint64_t *cookie);
int cc_retire_all(int zone, uint64_t *cookie);

/* ---- grace periods -------------------------------------------------------- */

int cc_grace_start(int cache, uint32_t flags, uint64_t *cookie);
int cc_grace_poll(int cache, uint64_t cookie);	/* 1: over, 0: not, or -errno */
int cc_grace_wait_ns(int cache, uint64_t cookie, uint64_t ns);
int cc_grace_wait(int cache, uint64_t cookie);	/* CC_PATIENCE_MS at most */
int cc_grace_eventfd(int cache, uint64_t cookie, int fd);
/* All that has been retired, and had no reader, has gone. */
int cc_quiesce(int cache);
/* It is not over, nor is it in a while in which it could be many times. */
bool cc_grace_holds(int cache, uint64_t cookie);

/* ---- readers -------------------------------------------------------------- */

/**
 * struct cc_shared - what readers and the kernel share
 * @control: the kernel's
 * @slots: the readers'
 * @nr_slots: their number
 */
struct cc_shared {
	const struct codecache_control *control;
	struct codecache_reader_slot *slots;
	uint64_t nr_slots;
};

int cc_share(struct cc_shared *shared, int cache);
void cc_unshare(struct cc_shared *shared);
uint64_t cc_completed(const struct cc_shared *shared);
bool cc_waiting(const struct cc_shared *shared);

int cc_reader(int cache);	/* its slot or -errno */
int cc_reader_drop(int cache, uint32_t index);
/* What the header says that a reader does; what cc_exit() needs. */
uint64_t cc_enter(const struct cc_shared *shared, uint32_t index);
void cc_exit(const struct cc_shared *shared, uint32_t index, uint64_t outer);

/**
 * struct cc_inside - a thread that registers, enters, and stays inside
 * @cache: its descriptor
 * @shared: mappings of it
 * @index: the slot, or -errno
 * @tid: of the thread, once it is inside
 * @leave: posted when it is to exit and unregister
 * @thread: joined by cc_inside_stop()
 */
struct cc_inside {
	int cache;
	const struct cc_shared *shared;
	int index;
	atomic_int tid;
	sem_t leave;
	pthread_t thread;
};

/* It is inside when this returns. */
int cc_inside_start(struct cc_inside *in, int cache,
		    const struct cc_shared *shared);
int cc_inside_stop(struct cc_inside *in);

/* ---- writers -------------------------------------------------------------- */

/**
 * struct cc_writer - a thread that stores rising numbers until it traps
 * @p: where to
 * @stored: the last one that it has stored, for certain
 * @stop: it ends without a trap
 * @ended: it has ended
 * @sig: 0, or the signal that ended it
 * @trap: details of that
 * @thread: joined by cc_writer_ends()
 */
struct cc_writer {
	volatile uint64_t *p;
	atomic_ulong stored;
	atomic_bool stop;
	atomic_bool ended;
	int sig;
	struct cc_trap trap;
	pthread_t thread;
};

int cc_writer_start(struct cc_writer *writer, void *p);
/* It has stored @more times more than now, or it has not, in time. */
bool cc_writer_goes_on(struct cc_writer *writer, unsigned long more);
/* It comes to its end in time, and is joined. */
bool cc_writer_ends(struct cc_writer *writer);
/* It ends with SIGSEGV at its address. */
bool cc_writer_segv(struct cc_writer *writer);

/* ---- numbers and accesses ------------------------------------------------- */

/* Wait until a number of STATS is @want. */
#define CC_STAT_BECOMES(fd, member, want)				\
	cc_stat_becomes(fd, offsetof(struct codecache_stats_args,	\
				     out_##member), want)
bool cc_stat_becomes(int fd, size_t offset, long long want);

/* The kernel stores to @p, or loads from it, for a system call. */
int cc_kernel_store(void *p, unsigned char value);
int cc_kernel_load(const void *p);

#endif /* CC_RECLAIM_H */
