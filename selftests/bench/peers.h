/* SPDX-License-Identifier: MIT */
/*
 * What a program has without codecache, on a memfd that it maps: mprotect() needs no
 * help; userfaultfd, PAGEMAP_SCAN and soft-dirty bits are here
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Newer than the C library's headers, perhaps. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED	0x2000
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC		0x8000
#endif

/**
 * struct peer - a mapping
 * @map: its address
 * @pages: its length
 * @memfd: what it maps
 * @uffd: that it is registered with, or -1
 */
struct peer {
	char *map;
	size_t pages;
	int memfd;
	int uffd;
};

/* A range that PAGEMAP_SCAN has found. */
struct peer_range {
	uint64_t start, end, categories;
};

extern size_t peer_page_size;

/* All but peer_uffd() exit if they fail. Map, readable and writable; no page yet. */
void peer_map(struct peer *peer, size_t pages);
/* Another mapping of the same memory. */
void peer_map_again(struct peer *peer, const struct peer *other);
/* The mapping, and what it was registered with; the memory too if nobody else has it. */
void peer_unmap(struct peer *peer);
/* Register for write-protection; false: this kernel has not all of @features. */
bool peer_uffd(struct peer *peer, uint64_t features);
/* UFFDIO_WRITEPROTECT of a range of pages. */
void peer_protect(const struct peer *peer, size_t first, size_t nr, bool protect);
/*
 * PAGEMAP_SCAN: protect again what was written since; with UFFD_FEATURE_WP_ASYNC. Returns
 * how many ranges that was, @max at most.
 */
size_t peer_scan(const struct peer *peer, size_t first, size_t nr,
		 struct peer_range *found, size_t max);

/* Soft-dirty bits: clear all; read entries of /proc/self/pagemap, whose bit 55 they are. */
void peer_soft_clear(void);
void peer_soft_read(const struct peer *peer, size_t first, size_t nr, uint64_t *entries);
bool peer_has_soft_dirty(const struct peer *peer);

#endif /* BENCH_PEERS_H */
