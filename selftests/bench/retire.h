/* SPDX-License-Identifier: MIT */
/*
 * Ways to have pages of a code cache, mapped twice, and to give them back: see
 * retire_bench.c
 */
#ifndef BENCH_RETIRE_H
#define BENCH_RETIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <codecache.h>

#define MAX_PAGES	4096
#define SPAN_PAGES	(2 * MAX_PAGES)

/**
 * struct method - one way
 * @name: what it is called
 * @step: 2: every other page; 1: adjacent ones
 * @traps: who comes to a page that is gone gets a signal
 * @setup: once; @make may be called then
 * @make: hand N pages out
 * @retire: give them back; they are gone when it returns, or after @cookie
 * @barrier: MEMBARRIER_CMD_*, of a peer
 * @write: window to store through
 * @exec: window to run code in
 * @fd: what a peer maps
 * @zone: what codecache maps
 * @cookie: a grace period, or 0
 */
struct method {
	const char *name;
	unsigned int step;
	bool traps;
	int (*setup)(struct method *m);
	int (*make)(struct method *m, unsigned int n);
	int (*retire)(struct method *m, unsigned int n);
	int barrier;
	char *write;
	char *exec;
	int fd;
	struct codecache_zone *zone;
	uint64_t cookie;
};

extern size_t page_size;
extern struct codecache_cache *cache;

/* All return 0 or -errno. In one call, in N calls, and N pages that are one extent. */
int cc_setup(struct method *m);
int cc_make(struct method *m, unsigned int n);
int cc_retire(struct method *m, unsigned int n);
int cc_retire_each(struct method *m, unsigned int n);
int cc_make_whole(struct method *m, unsigned int n);
int cc_retire_whole(struct method *m, unsigned int n);

/* Who comes to such a page: traps; finds zeros; finds the old code, nothing is free. */
int memfd_setup(struct method *m);
int memfd_map(struct method *m, unsigned int n);
int memfd_unmap(struct method *m, unsigned int n);
int memfd_remove(struct method *m, unsigned int n);
int memfd_dontneed(struct method *m, unsigned int n);
/* Only the membarrier() that the others begin with. */
int memfd_barrier(struct method *m, unsigned int n);
/* Pages are back as soon as they are touched. */
int memfd_keep(struct method *m, unsigned int n);

#endif /* BENCH_RETIRE_H */
