// SPDX-License-Identifier: MIT
/*
 * libcodecache: seals
 *
 * Async-signal-safe: an ioctl and the stack, nothing else.
 */
#include <string.h>

#include "internal.h"

/* The first version of the options: what every caller has at least. */
#define CODECACHE__SEAL_OPTIONS_SIZE_1_0	(48 + 2 * sizeof(void *))

static_assert(sizeof(struct codecache_seal_options) >=
	      CODECACHE__SEAL_OPTIONS_SIZE_1_0, "options only ever grow");
static_assert(sizeof(((struct codecache_zone_seal_args *)0)->out_digest) ==
	      CODECACHE_DIGEST_BYTES, "the digest has one length");

static int codecache__seal(const struct codecache_zone *zone,
			   const struct codecache_seal_options *options,
			   struct codecache_zone_seal_args *args)
{
	struct codecache_seal_options opts;
	int ret;

	ret = codecache__copy_options(&opts, sizeof(opts), options,
				      CODECACHE__SEAL_OPTIONS_SIZE_1_0);
	if (ret)
		return ret;
	args->flags = opts.flags;
	args->tag = opts.tag;
	memcpy(args->digest, opts.digest, sizeof(args->digest));
	args->signature = (uintptr_t)opts.signature;
	args->signature_len = (uint32_t)opts.signature_len;
	/* What does not fit gets what the kernel would answer. */
	if (args->signature_len != opts.signature_len)
		return -EINVAL;
	return codecache__ioctl(zone->fd, CODECACHE_IOC_ZONE_SEAL, args);
}

int codecache_zone_seal(struct codecache_zone *zone,
			const struct codecache_seal_options *options,
			uint8_t *digest)
{
	struct codecache_zone_seal_args args = { .size = sizeof(args) };
	int ret = -EINVAL;

	if (zone)
		ret = codecache__seal(zone, options, &args);
	if (!digest)
		return ret;
	if (ret)
		memset(digest, 0, CODECACHE_DIGEST_BYTES);
	else
		memcpy(digest, args.out_digest, CODECACHE_DIGEST_BYTES);
	return ret;
}

static int codecache__seal_info(int fd, struct codecache_seal_info_args *info)
{
	*info = (struct codecache_seal_info_args){
		.size = CODECACHE__SEAL_INFO_SIZE_1_0,
	};
	return codecache__ioctl(fd, CODECACHE_IOC_SEAL_INFO, info);
}

int codecache_zone_seal_info(const struct codecache_zone *zone,
			     struct codecache_seal_info_args *info)
{
	return zone && info ? codecache__seal_info(zone->fd, info) : -EINVAL;
}

int codecache_view_seal_info(const struct codecache_view *view,
			     struct codecache_seal_info_args *info)
{
	return view && info ? codecache__seal_info(view->fd, info) : -EINVAL;
}
