/* SPDX-License-Identifier: MIT */
/*
 * For the tests of what cannot be had: the n-th allocation, or copy of user memory, of
 * the calling thread fails (the kernel's failslab, fail_page_alloc, fail_usercopy)
 */
#ifndef CC_NTH_H
#define CC_NTH_H

#include "cc_test.h"

/* Where a sweep gives up: nothing takes so many. */
#define CC_NTH_MAX	4000
/* How often each sweep is made. */
#define CC_NTH_ROUNDS	4

/* Ends the program with one skip for all tests where the kernel has not all of it. */
void cc_nth_need(void);

/* /proc/thread-self/fail-nth of this thread, or -errno. */
int cc_nth_open(void);
/* The @nth from now on fails; whatever comes with this call does not count. */
void cc_nth_arm(int fd, unsigned int nth);
/* Has it failed? If not, it is called off. */
bool cc_nth_happened(int fd);

/* -ENOMEM or -EFAULT: what the uapi has a call say that could not get something. */
bool cc_nth_named(int err);

/*
 * An ioctl by a structure that is longer than the kernel knows, or shorter: both are
 * copied by what can be made to fail, and what is no number of words is copied out so.
 */
int cc_nth_call(int fd, unsigned int nr, const void *args, uint32_t known, int more);
#define CC_CALL_LONGER(fd, nr, args)	cc_nth_call(fd, nr, args, sizeof(*(args)), 8)
#define CC_CALL_SHORTER(fd, nr, args)	cc_nth_call(fd, nr, args, sizeof(*(args)), -4)

/**
 * struct cc_nth_state - all that a call that fails may not have changed
 * @cache: STATS
 * @zone: STATS of a zone with extents
 * @view: STATS of a data view
 * @none: pages of it that have no access
 * @dirty: pages of it that are dirty
 * @vmas: mappings of the process
 * @fd: its lowest descriptor that is free
 */
struct cc_nth_state {
	struct codecache_stats_args cache, zone, view;
	long long none, dirty, vmas;
	int fd;
};

void cc_nth_look(struct cc_nth_state *s, const struct cc_mem *data, int extents);
/* The first difference, NULL: none; @more: pages may have become resident. */
const char *cc_nth_differs(const struct cc_nth_state *a, const struct cc_nth_state *b,
			   bool more);

#endif /* CC_NTH_H */
