// SPDX-License-Identifier: MIT
/*
 * Shared by tests that torture extents and readers
 */
#include <errno.h>
#include <string.h>

#include "cc_extents.h"

static int try_alloc(const struct cc_mem *mem, struct codecache_extent *extents,
		     uint64_t nr)
{
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)extents,
		.count = nr,
	};
	int err = cc_alloc_call(mem->zone, &args);

	if (err == -EAGAIN)
		err = cc_grace_wait_ns(mem->cache, args.out_cookie, 100000000) ?:
		      -EAGAIN;
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

int ext_alloc(const struct cc_mem *mem, struct codecache_extent *extents,
	      uint64_t nr)
{
	long long since = cc_now_ms();
	int err;

	do {
		err = try_alloc(mem, extents, nr);
	} while (err == -EAGAIN && cc_now_ms() - since < CC_PATIENCE_MS);
	return err;
}

bool ext_drained(const struct cc_mem *mem)
{
	return CC_STAT_BECOMES(mem->cache, held_pages, 0) &&
	       CC_STAT_BECOMES(mem->cache, retired_pages, 0);
}

int ext_seal(int zone, const unsigned char *want, unsigned char *digest)
{
	struct codecache_zone_seal_args args = {
		.size = sizeof(args),
		.flags = want ? CODECACHE_SEAL_F_DIGEST : 0,
	};
	int err;

	if (want)
		memcpy(args.digest, want, sizeof(args.digest));
	err = cc_ioctl(zone, CODECACHE_IOC_ZONE_SEAL, &args);
	if (digest)
		memcpy(digest, args.out_digest, sizeof(args.out_digest));
	return err;
}

int ext_register(struct ext_reader *reader, int cache,
		 const struct cc_shared *shared)
{
	int index = cc_reader(cache);

	reader->cache = cache;
	reader->shared = shared;
	reader->index = index;
	return index < 0 ? index : 0;
}

int ext_unregister(struct ext_reader *reader)
{
	return cc_reader_drop(reader->cache, reader->index);
}

uint64_t ext_enter(const struct ext_reader *reader)
{
	return cc_enter(reader->shared, reader->index);
}

void ext_exit(const struct ext_reader *reader, uint64_t outer)
{
	cc_exit(reader->shared, reader->index, outer);
	if (!outer && cc_waiting(reader->shared))
		cc_grace_poll(reader->cache, 0);
}
