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

/* Arguments of the ioctls of codecache_reclaim.h. */
union fake_args {
	uint32_t size;
	struct codecache_reader_register_args reader_register;
	struct codecache_reader_unregister_args reader_unregister;
	struct codecache_grace_start_args grace_start;
	struct codecache_grace_poll_args grace_poll;
	struct codecache_grace_wait_args grace_wait;
	struct codecache_grace_eventfd_args grace_eventfd;
	struct codecache_extent_alloc_args extent_alloc;
	struct codecache_extent_retire_args extent_retire;
	struct codecache_zone_seal_args seal;
	struct codecache_seal_info_args seal_info;
	struct codecache_zone_eventfd_args zone_eventfd;
};

struct fake {
	/* Told. */
	int error;			/* the errno of the next call, once */
	int spare;			/* calls that succeed before that one */
	int no_memory;			/* calloc() fails */
	uint32_t object, kind;		/* what STATS says a descriptor is */
	uint64_t bytes;			/* size of an object, length of a view */
	uint64_t failed_index;		/* what PROTECT says, unless UINT64_MAX */
	void *mapped_at;		/* outcome of mmap without a wish */
	void *ring_at;			/* the same, of a log's second part */
	uint64_t nr_events;		/* what read() finds */
	uint64_t query_max;		/* pages that one QUERY looks at; 0: all */
	uint64_t nr_ranges;		/* what QUERY says it found */
	uint64_t max_readers;		/* what INFO says */
	/* Writes the results of ioctls that are younger than these; may be NULL. */
	void (*answer)(unsigned long request, void *args);

	/* Noted. */
	int ioctls, mmaps, munmaps, unmaps, closes, opens, queries, anonymous;
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
	union fake_args args;		/* of the last one of those */
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
