// SPDX-License-Identifier: MIT
/*
 * libcodecache: zones
 */
#include "internal.h"

/* @bytes in whole pages, as bytes again; -EOVERFLOW if that takes over 64 bits. */
static int codecache__round_up(uint64_t bytes, uint64_t *rounded)
{
	const unsigned int shift = codecache_page_shift();
	const uint64_t pages = codecache_bytes_to_pages(bytes);

	if (pages > UINT64_MAX >> shift)
		return -EOVERFLOW;
	*rounded = pages << shift;
	return 0;
}

int codecache__zone_create(struct codecache_cache *cache, uint32_t zone_class,
			   uint64_t bytes, uint32_t flags,
			   struct codecache_zone **zone)
{
	struct codecache_zone_create_args args = {
		.size = sizeof(args),
		.flags = flags,
		.zone_class = zone_class,
		.out_fd = -1,
	};
	struct codecache_zone *new;
	uint64_t rounded;
	int ret;

	if (!zone)
		return -EINVAL;
	*zone = NULL;
	if (!cache)
		return -EINVAL;
	ret = codecache__round_up(bytes, &rounded);
	if (ret)
		return ret;
	args.bytes = rounded;

	/* First what is easy to undo: a zone that was made leaves traces. */
	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = codecache__ioctl(cache->fd, CODECACHE_IOC_ZONE_CREATE, &args);
	if (ret) {
		codecache__free(new);
		return ret;
	}

	new->fd = args.out_fd;
	new->bytes = rounded;
	*zone = new;
	return 0;
}

int codecache_zone_create(struct codecache_cache *cache, uint32_t zone_class,
			  uint64_t bytes, struct codecache_zone **zone)
{
	return codecache__zone_create(cache, zone_class, bytes, 0, zone);
}

int codecache_zone_from_fd(int fd, struct codecache_zone **zone)
{
	struct codecache_stats_args stats;
	struct codecache_zone *new;
	int ret;

	if (!zone)
		return -EINVAL;
	*zone = NULL;
	ret = codecache__identify(fd, CODECACHE_OBJECT_ZONE, &stats);
	if (ret)
		return ret;
	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;

	new->fd = fd;
	new->bytes = stats.out_bytes;
	*zone = new;
	return 0;
}

void codecache_zone_destroy(struct codecache_zone *zone)
{
	if (!zone)
		return;
	codecache__close(zone->fd);
	codecache__free(zone);
}

int codecache_zone_fd(const struct codecache_zone *zone)
{
	return zone ? zone->fd : -EINVAL;
}

uint64_t codecache_zone_bytes(const struct codecache_zone *zone)
{
	return zone ? zone->bytes : 0;
}

int codecache_zone_stats(const struct codecache_zone *zone,
			 struct codecache_stats_args *stats)
{
	if (!zone || !stats)
		return -EINVAL;
	return codecache__stats(zone->fd, stats);
}
