/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share: random numbers that are the same everywhere, operations
 * as lines of text, accesses that may trap, a second thread
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- random numbers: splitmix64, by Steele, Lea and Flood ----------------- */

struct fz_rng {
	uint64_t state;
};

static inline uint64_t fz_next(struct fz_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* From 0 to n - 1; n is not 0. */
static inline uint64_t fz_below(struct fz_rng *r, uint64_t n)
{
	return fz_next(r) % n;
}

static inline bool fz_one_in(struct fz_rng *r, uint64_t n)
{
	return !fz_below(r, n);
}

/* Mostly below @edge, sometimes just there, seldom nonsense. */
uint64_t fz_near(struct fz_rng *r, uint64_t edge);
/* From 1 to @max, mostly few. */
uint64_t fz_few(struct fz_rng *r, uint64_t max);

/* ---- operations (fuzz_ops.c) ----------------------------------------------- */

enum { FZ_ARGS = 28 };

/**
 * struct fz_op - one operation, complete: it can be replayed without the others
 * @type: index into the program's table of types
 * @nr: arguments in use
 * @a: arguments, as the type names them
 */
struct fz_op {
	uint32_t type;
	uint32_t nr;
	uint64_t a[FZ_ARGS];
};

/**
 * struct fz_type - a type of operation
 * @name: one word
 * @args: names of the arguments, separated by blanks; the last one, if it ends in
 *	"...", stands for all further ones
 * @weight: how often it is made, compared to others
 * @make: think of arguments; false: not now
 * @run: do it
 */
struct fz_type {
	const char *name;
	const char *args;
	unsigned int weight;
	bool (*make)(struct fz_rng *r, struct fz_op *op);
	void (*run)(const struct fz_op *op);
};

/* A random operation of a table that ends with a NULL name. */
void fz_op_make(const struct fz_type *const *types, struct fz_rng *r,
		struct fz_op *op);
/* As a line "name arg=1 arg=0x2", without the newline, and back. */
void fz_op_print(FILE *f, const struct fz_type *const *types,
		 const struct fz_op *op);
bool fz_op_parse(const char *line, const struct fz_type *const *types,
		 struct fz_op *op);

/* ---- accesses (fuzz_access.c) ---------------------------------------------- */

enum fz_how { FZ_LOAD, FZ_STORE, FZ_FETCH, FZ_SYS_READ, FZ_SYS_WRITE };

/**
 * struct fz_access - an access to memory that may trap
 * @how: what is done: FZ_SYS_READ: the kernel reads (write(2)), _WRITE: it writes
 * @p: where
 * @len: FZ_SYS_*: bytes
 * @fd: FZ_SYS_*: of a file, of which @len bytes from 0 on are read or written
 * @value: FZ_STORE: what is stored; FZ_LOAD: what was there; FZ_FETCH: what the
 *	function there returned
 * @sig: 0 or the signal that came of it
 * @code: its si_code
 * @addr: its si_addr
 * @ret: FZ_SYS_*: the result, or -errno
 */
struct fz_access {
	enum fz_how how;
	unsigned char *p;
	size_t len;
	int fd;
	uint32_t value;
	int sig;
	int code;
	void *addr;
	long ret;
};

void fz_access_init(void);
void fz_access_run(struct fz_access *access);

/* ---- a second thread (fuzz_access.c) ---------------------------------------- */

/* Starts it; ends the one that there was. */
void fz_thread_renew(void);
pid_t fz_thread_tid(void);
/* Have it call @fn(@arg); the caller goes on, until it wants to know. */
void fz_thread_begin(void (*fn)(void *arg), void *arg);
bool fz_thread_done(int ms);
void fz_thread_signal(int sig);

#endif /* FUZZ_H */
