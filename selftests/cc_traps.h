/* SPDX-License-Identifier: MIT */
/*
 * For the tests of trap modes: views that log or block, the ring of a log,
 * events, and threads that run into a trap
 *
 * As in cc_test.h: descriptors or -errno, else 0 or -errno.
 */
#ifndef CC_TRAPS_H
#define CC_TRAPS_H

#include <pthread.h>
#include <stdatomic.h>

#include "cc_test.h"

#define CC_SIGNAL	CODECACHE_RANGE_F_SIGNAL
#define CC_LOG		CODECACHE_RANGE_F_LOG
#define CC_BLOCK	CODECACHE_RANGE_F_BLOCK

/* ---- views (cc_traps.c) ------------------------------------------------- */

/* A view of the whole zone, with @prot, a trap mode, and CODECACHE_VIEW_F_*. */
int cc_view_trap(int zone, uint32_t kind, uint32_t prot, uint32_t trap_mode,
		 uint32_t flags);
/* Cache, zone and one such view of it, mapped. */
int cc_mem_trap(struct cc_mem *mem, uint32_t kind, uint64_t nr_pages,
		uint32_t prot, uint32_t trap_mode, uint32_t flags);

/* PROTECT of one range, with CC_SIGNAL, _LOG or _BLOCK: its seq, 0: refused. */
uint64_t cc_protect_trap(int view, uint64_t first, uint64_t nr, uint32_t prot,
			 uint32_t trap);

/* RESOLVE: how many threads it woke, or -errno. */
long long cc_resolve(int view, uint64_t first, uint64_t nr, uint32_t prot);
long long cc_resolve_call(int view, struct codecache_view_resolve_args *args);
long long cc_resolve_signal(int view, uint64_t first, uint64_t nr);

/* ---- the log ------------------------------------------------------------ */

/**
 * struct cc_log - the log of a view, and how far it is read
 * @fd: descriptor
 * @tail: the page that we may write
 * @ring: what we may only read
 * @ring_bytes: its length
 * @next: entries that were taken
 */
struct cc_log {
	int fd;
	_Atomic uint64_t *tail;
	const struct codecache_log_ring *ring;
	size_t ring_bytes;
	uint64_t next;
};

int cc_log_open(struct cc_log *log, int view, uint32_t nr_entries,
		uint32_t threshold);
void cc_log_unmap(struct cc_log *log);
void cc_log_close(struct cc_log *log);
/* Take the next entry, and tell the kernel; false: there is none. */
bool cc_log_next(struct cc_log *log, struct codecache_log_entry *entry);
/* Is it what a log may contain: its stamp, a seq, an access, a thread? */
bool cc_log_valid(const struct cc_log *log,
		  const struct codecache_log_entry *entry);
uint64_t cc_log_head(const struct cc_log *log);
uint64_t cc_log_lost(const struct cc_log *log);

/* ---- events ------------------------------------------------------------- */

/* poll() for input; POLL*, 0: not within @ms. */
int cc_poll(int fd, int ms);
/* The next event, for which it waits: 0; -ETIME: none came. */
int cc_event(int view, struct codecache_event *event);
/* Is there no event? Asked without waiting. */
bool cc_no_event(int view);
/* Wait until threads have gone to sleep in this view @nr times in all. */
bool cc_blocked(int view, uint64_t nr);
/* A counter of a view. */
#define CC_STAT(fd, member) \
	cc_stat(fd, offsetof(struct codecache_stats_args, out_##member))
long long cc_stat(int fd, size_t offset);

/* ---- threads that trap -------------------------------------------------- */

enum cc_how { CC_LOAD, CC_STORE, CC_FETCH, CC_CALL };

/**
 * struct cc_hit - an access, or a system call, made by a thread of its own
 * @how: what it does: CC_CALL is @call(@p, @len)
 * @p: where
 * @len: for @call
 * @value: what to store, or what was loaded
 * @call: a system call: its result or -errno
 * @tid: of the thread, once it is about to make the access
 * @done: the access has been made, or has failed
 * @sig: 0 or the signal that came of it
 * @trap: details of that
 * @result: of @call, and what the code returned
 * @thread: joined by cc_hit_ends()
 */
struct cc_hit {
	enum cc_how how;
	unsigned char *p;
	size_t len;
	unsigned char value;
	long (*call)(void *p, size_t len);
	atomic_int tid;
	atomic_bool done;
	int sig;
	struct cc_trap trap;
	long result;
	pthread_t thread;
};

int cc_hit_start(struct cc_hit *hit);
/* It comes to an end in time, and is joined. */
bool cc_hit_ends(struct cc_hit *hit);
/* It has not come to an end, nor does it in a while. */
bool cc_hit_sleeps(struct cc_hit *hit);
/* It ends with SIGSEGV at exactly its address. */
bool cc_hit_segv(struct cc_hit *hit);

/* ---- the module --------------------------------------------------------- */

/* Unload it, which works only if it is idle, and load it again. */
int cc_module_cycle(void);

#endif /* CC_TRAPS_H */
