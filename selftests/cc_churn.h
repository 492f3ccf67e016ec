/* SPDX-License-Identifier: MIT */
/*
 * Extents that come and go while others do what they like
 *
 * Owners hand out extents, look whether they are zero, fill them, look whether what
 * they have written is there, through another view too, retire them, and, being inside
 * as readers, look again. They use views that nobody else touches. Meanwhile
 * bystanders do one thing or another to other views of the same pages, to the clock of
 * the cache, or to memory. Whatever they do, owners must not notice.
 */
#ifndef CC_CHURN_H
#define CC_CHURN_H

#include <stdbool.h>
#include <stdint.h>

/* Bystanders: a thread for each bit. */
#define CHURN_TOUCH	0x1	/* loads, code, system calls that read */
#define CHURN_STORE	0x2	/* stores, by programs and by the kernel, to one word */
#define CHURN_PROTECT	0x4	/* PROTECT, with POPULATE, and QUERY, of many pages */
#define CHURN_REMAP	0x8	/* munmap(), VIEW_UNMAP, mmap() */
#define CHURN_VIEWS	0x10	/* views that are made, used and closed */
#define CHURN_FORK	0x20	/* processes that map, read, exec, exit, are killed */
#define CHURN_SHRINK	0x40	/* drop_caches */
#define CHURN_CLOCK	0x80	/* GRACE_*, readers that come and go */
#define CHURN_GARBAGE	0x100	/* nonsense in all slots; owners are no readers then */
#define CHURN_DEBUG	0x200	/* another process pokes into the exec view */
#define CHURN_BITS	10

/**
 * struct churn - what to do, and what came of it
 * @rounds: of all owners together
 * @zone_class: CODECACHE_ZONE_*
 * @bystanders: CHURN_*
 * @owners: 2 unless said
 * @nr_pages: of the zone: 1024 unless said
 * @max_ms: give up after so long; 0: never
 * @until_wrong: end when something is wrong
 * @done: rounds
 * @pages: that owners had
 * @unclean: words that were not zero when an extent was handed out
 * @foreign: words that were not as their owner had left them, and bytes that a
 *	bystander saw that are no owner's
 * @deeds: what bystanders did, by the number of their bit
 * @ms: how long it took
 * @left: held or retired pages that would not go, in the end
 */
struct churn {
	unsigned long rounds;
	uint32_t zone_class;
	unsigned int bystanders;
	unsigned int owners;
	unsigned long nr_pages;
	long long max_ms;
	bool until_wrong;
	unsigned long done;
	unsigned long pages;
	unsigned long unclean;
	unsigned long foreign;
	unsigned long deeds[CHURN_BITS];
	long long ms;
	unsigned long left;
};

/* 0, or -errno if a call failed that may not fail. */
int churn_run(struct churn *churn);

extern const char *const churn_names[CHURN_BITS];

#endif /* CC_CHURN_H */
