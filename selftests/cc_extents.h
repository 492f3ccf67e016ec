/* SPDX-License-Identifier: MIT */
/*
 * For programs that torture extents and readers: what cc_reclaim.h has, as often as
 * it takes, and readers that are kind to who waits
 */
#ifndef CC_EXTENTS_H
#define CC_EXTENTS_H

#include "cc_reclaim.h"

/* EXTENT_ALLOC; -EAGAIN is waited out, -ENOSPC is not. */
int ext_alloc(const struct cc_mem *mem, struct codecache_extent *extents,
	      uint64_t nr);
/* All that has been retired is free: nothing held, nothing retired; false: not soon. */
bool ext_drained(const struct cc_mem *mem);

/* SEAL; @digest, unless NULL, gets the SHA-256; @want, unless NULL, must be it. */
int ext_seal(int zone, const unsigned char *want, unsigned char *digest);

/* One thread's slot. */
struct ext_reader {
	int cache;
	const struct cc_shared *shared;
	uint32_t index;
};

int ext_register(struct ext_reader *reader, int cache,
		 const struct cc_shared *shared);
int ext_unregister(struct ext_reader *reader);
uint64_t ext_enter(const struct ext_reader *reader);
/* The last one out tells who waits. */
void ext_exit(const struct ext_reader *reader, uint64_t outer);

#endif /* CC_EXTENTS_H */
