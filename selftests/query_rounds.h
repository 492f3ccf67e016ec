/* SPDX-License-Identifier: MIT */
/*
 * Rounds of "some access, one asks": what QUERY has to survive, and what a module
 * that is broken on purpose must not
 */
#ifndef QUERY_ROUNDS_H
#define QUERY_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct query_rounds - a known set of accesses between every two queries
 * @nr: rounds
 * @nr_pages: pages that are asked about
 * @find: what is asked for, and cleared
 * @flags: CODECACHE_QUERY_F_*; with _PROTECT pages get READ, and RW again
 * @stores: of 1,000 pages, how many are written in a round
 * @loads: and how many are read
 * @outside: threads that write to other pages of the same page tables meanwhile
 * @squeeze: before each query all pages get NONE, and RW after it
 * @remote: another process asks
 * @done: rounds that were made
 * @found: pages that were found
 * @missed: pages that were accessed and not found
 * @extra: pages that were found and not accessed; and outside pages, at the end,
 *	of which not the truth was known
 */
struct query_rounds {
	unsigned long nr;
	unsigned long nr_pages;
	uint32_t find;
	uint32_t flags;
	unsigned int stores;
	unsigned int loads;
	unsigned int outside;
	bool squeeze;
	bool remote;
	unsigned long done;
	unsigned long found;
	unsigned long missed;
	unsigned long extra;
};

#define QUERY_RACE_STORES	1000UL	/* fewer prove nothing */

/**
 * struct query_race - writers within the pages that are asked about
 * @phases: how often, at least, the writers are stopped, and all is counted; 0: 100.
 *	Ten times as often if it takes that for QUERY_RACE_STORES stores
 * @nr_pages: pages; 0: 4,096
 * @writers: threads that write; 0: 2
 * @collectors: threads that ask and clear; 0: 1
 * @flags: CODECACHE_QUERY_F_*; with _PROTECT pages get READ, until somebody traps
 * @narrows: another thread makes pages @narrow and RW in turns
 * @narrow: CODECACHE_PROT_NONE or CODECACHE_PROT_READ
 * @unmap: another thread unmaps the view with VIEW_UNMAP and maps it again;
 * @munmaps: ... with munmap(): then pages are unsure
 * @queries: calls that were made
 * @stores: stores that were made
 * @reports: pages that were found, all calls together
 * @unsure: of these, how many perhaps
 * @lost: pages whose last store no call has found, all phases together
 */
struct query_race {
	unsigned int phases;
	unsigned long nr_pages;
	unsigned int writers;
	unsigned int collectors;
	uint32_t flags;
	bool narrows;
	uint32_t narrow;
	bool unmap;
	bool munmaps;
	unsigned long queries;
	unsigned long stores;
	unsigned long reports;
	unsigned long unsure;
	unsigned long lost;
};

/* 0, or -errno when it could not be set up or a call failed. */
int query_rounds_exact(struct query_rounds *rounds);
int query_race_run(struct query_race *race);

#endif /* QUERY_ROUNDS_H */
