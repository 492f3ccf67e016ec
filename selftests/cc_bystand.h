/* SPDX-License-Identifier: MIT */
/*
 * What bystanders of a churn share with it: cc_churn.c has the owners, cc_bystand.c
 * those who do the rest
 */
#ifndef CC_BYSTAND_H
#define CC_BYSTAND_H

#include <stdatomic.h>

#include "cc_churn.h"
#include "cc_extents.h"

/* The word of a page that is not its owner's, and what bystanders store there. */
#define STRAY_WORD	7
#define STRAY_VALUE	0xbadbadbadbadbad1ULL

/* What owners store in the first word of a page, but for its upper half. */
static inline uint32_t page_mark(uint64_t page)
{
	return page << 10;
}

/* Views that bystanders do what they like to: one to store through, one to read. */
enum { STRAY_WRITE, STRAY_READ, STRAY_VIEWS };

/**
 * struct bystand - where they stand
 * @mem: the zone
 * @shared: of its cache
 * @kind: of each stray view
 * @fd: its descriptor
 * @at: where it is mapped, most of the time
 * @page: bytes
 * @stop: the end
 * @deeds: by the number of the bit
 * @foreign: bytes that were seen where they cannot be
 */
struct bystand {
	struct cc_mem *mem;
	struct cc_shared *shared;
	uint32_t kind[STRAY_VIEWS];
	int fd[STRAY_VIEWS];
	unsigned char *at[STRAY_VIEWS];
	size_t page;
	atomic_bool stop;
	atomic_ulong deeds[CHURN_BITS];
	atomic_ulong foreign;
};

int bystand_open(struct bystand *b);
void bystand_close(struct bystand *b);
/* Do what bit @nr stands for, once. 0, or -errno if a call failed that may not. */
int bystand_act(struct bystand *b, unsigned int nr, unsigned int *seed);

#endif /* CC_BYSTAND_H */
