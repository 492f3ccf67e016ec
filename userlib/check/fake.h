/* SPDX-License-Identifier: MIT */
/*
 * A kernel of straw: the system calls of the library end here (the linker's
 * --wrap), which notes what they were given and answers as it was told to.
 */
#ifndef CODECACHE_CHECK_FAKE_H
#define CODECACHE_CHECK_FAKE_H

#include <codecache.h>
#include <stddef.h>

/* Descriptors that the fake gives out. */
#define FAKE_CACHE_FD	1000
#define FAKE_ZONE_FD	1001
#define FAKE_VIEW_FD	1002
#define FAKE_LOG_FD	1003

struct fake {
	/* Told. */
	int error;			/* the errno of the next call, once */
	int spare;			/* calls that succeed before that one */
	uint32_t object, kind;		/* what STATS says a descriptor is */
	uint64_t bytes;			/* size of an object, length of a view */
	uint64_t failed_index;		/* what PROTECT says, unless UINT64_MAX */
	void *mapped_at;		/* outcome of mmap without a wish */
	void *ring_at;			/* the same, of a log's second part */
	uint64_t nr_events;		/* what read() finds */
	uint64_t query_max;		/* pages that one QUERY looks at; 0: all */
	uint64_t nr_ranges;		/* what QUERY says it found */

	/* Noted. */
	int ioctls, mmaps, munmaps, unmaps, closes, opens, queries;
	int fd;				/* of the last call */
	unsigned long request;		/* of the last ioctl */
	char path[64];			/* of the last open */
	int open_flags;
	void *addr;			/* of the last mmap or munmap */
	size_t length;
	int prot, flags;
	long long offset;
	struct codecache_zone_create_args zone_create;
	struct codecache_view_create_args view_create;
	struct codecache_view_protect_args protect;
	struct codecache_prot_range range;	/* the first one of PROTECT */
	struct codecache_view_query_args query;
	struct codecache_view_resolve_args resolve;
	struct codecache_view_log_args log;
	struct codecache_view_unmap_args unmap;
};

extern struct fake fake;

/* What QUERY finds in a bitmap: every third page. */
static inline int fake_finds(uint64_t page)
{
	return page % 3 == 0;
}

/* Forget what was noted and told. */
void fake_reset(void);

#endif /* CODECACHE_CHECK_FAKE_H */
