/* SPDX-License-Identifier: MIT */
/*
 * The storm: processes and threads that do to shared objects whatever comes to mind
 *
 * There is no oracle: nothing is expected but that the kernel's log stays clean, that
 * everybody can be killed, and that nothing is left.
 */
#ifndef FUZZ_STORM_H
#define FUZZ_STORM_H

#include <linux/codecache.h>
#include <signal.h>
#include <stdatomic.h>

#include "cc_traps.h"
#include "fuzz.h"

enum { ST_PROCS = 3, ST_THREADS = 3, ST_PROGRAM = 24, ST_CORPUS = 512,
       ST_TYPES = 40, ST_COVER_BITS = 18 };

/* Kinds of descriptors that a process keeps, and how many of each. */
enum st_kind { ST_CACHE, ST_ZONE, ST_VIEW, ST_LOG, ST_EVENTFD, ST_UFFD, ST_NR_KINDS };
enum { ST_FDS = 12, ST_PLACES = 10, ST_PLACE_PAGES = 4096, ST_PAGES = 1600 };

#define ST_BASE		((unsigned char *)0x200000000000UL)
#define ST_PAGE		4096UL

/* A sequence of operations that has reached something new. */
struct st_program {
	uint32_t nr;
	struct fz_op op[ST_PROGRAM];
};

/* Of all processes. */
struct st_shared {
	atomic_ulong ops;
	atomic_ulong made[ST_TYPES];
	atomic_ulong good[ST_TYPES];
	atomic_bool stop;
	atomic_int pid[ST_PROCS];
	/* Coverage: a bit for each edge of the module, by hash. */
	atomic_ulong cover[(1 << ST_COVER_BITS) / 64];
	atomic_ulong nr_cover;
	bool blind;			/* programs are not chosen by it */
	atomic_uint nr_corpus;		/* programs ever kept */
	atomic_uint busy[ST_CORPUS];	/* is being written or read */
	struct st_program corpus[ST_CORPUS];
};

extern struct st_shared *st_shared;

/* Of one process; all its threads change it. */
struct st_process {
	atomic_int fd[ST_NR_KINDS][ST_FDS];
	atomic_uint bytes[ST_PLACES];	/* mapped there, in pages, as far as known */
	atomic_ulong cookie;
	struct codecache_extent extent[32];	/* torn now and then: so what */
	atomic_uint nr_extents;
	unsigned char *slots;
	int null;
	int file;
	int pipe[2];
};

extern struct st_process st;
extern const struct fz_type *const st_types[];

/* Of one thread: its numbers; memory that ends where nothing is mapped. */
extern __thread struct fz_rng st_rng;
extern __thread uint64_t *st_words;
enum { ST_WORDS = 4096 };

/* The operation that is being done has succeeded. */
void st_good(const struct fz_op *op, bool good);

/* ---- descriptors (storm_calls.c) ------------------------------------------------- */

int st_fd(enum st_kind kind, uint64_t i);
/* Keep a new descriptor; what was in its place is closed. */
void st_keep(enum st_kind kind, uint64_t i, int fd);
/* What is it? ST_NR_KINDS: none of ours. */
enum st_kind st_kind_of(int fd);

/* ---- memory (storm_memory.c) ------------------------------------------------------ */

/* Somewhere in a mapping, or in none. */
unsigned char *st_address(uint64_t a);
/* Handlers of signals; and of each thread: an alarm that gets it out of sleep. */
void st_memory_init(void);
void st_thread_init(void);
/* Call @fn, which a trap or the alarm may end. Whether neither has. */
bool st_try(void (*fn)(void *arg), void *arg);

/* ---- coverage (storm_cover.c) ------------------------------------------------------ */

bool st_cover_open(void);	/* for this thread; false: the kernel has none */
void st_cover_begin(void);
/* What has been reached since; whether some of it is new to all. */
bool st_cover_end(void);
void st_cover_close(void);
void st_corpus_add(const struct st_program *program);
/* A program to run: one of the corpus, changed, or a new one. */
void st_program_make(struct fz_rng *r, struct st_program *program);

/* ---- types of operations ------------------------------------------------------------ */

extern const struct fz_type
	/* storm_ioctl.c, storm_calls.c */
	st_ioctl, st_open, st_close, st_dup, st_steal, st_poll, st_read_events,
	/* storm_memory.c */
	st_map, st_munmap, st_mremap, st_mprotect, st_madvise, st_mm_misc,
	st_access, st_copy, st_vm, st_slot, st_code,
	/* storm_life.c */
	st_fork, st_exec, st_kill, st_ptrace, st_mem, st_uffd_open,
	st_uffd_register, st_uffd_answer, st_param, st_drop, st_monitor;

#endif /* FUZZ_STORM_H */
