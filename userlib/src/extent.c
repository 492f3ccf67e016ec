// SPDX-License-Identifier: MIT
/*
 * libcodecache: extents: pages that are handed out, and retired
 *
 * Async-signal-safe, but for the creation of the zone: an ioctl and the stack.
 */
#include "internal.h"

/* The first version of the options: what every caller has at least. */
#define CODECACHE__EXTENT_OPTIONS_SIZE_1_0	40

static_assert(sizeof(struct codecache_extent_options) >=
	      CODECACHE__EXTENT_OPTIONS_SIZE_1_0, "options only ever grow");

int codecache_zone_create_extents(struct codecache_cache *cache,
				  uint32_t zone_class, uint64_t bytes,
				  struct codecache_zone **zone)
{
	return codecache__zone_create(cache, zone_class, bytes,
				      CODECACHE_ZONE_F_EXTENTS, zone);
}

/* The outcome stays in @args, also if the kernel was not asked. */
static int codecache__extent_alloc(const struct codecache_zone *zone,
				   const struct codecache_extent_options *options,
				   struct codecache_extent_alloc_args *args)
{
	struct codecache_extent_options opts;
	int ret;

	args->size = sizeof(*args);
	args->out_failed_index = UINT64_MAX;
	args->out_cookie = 0;
	if (!zone)
		return -EINVAL;
	ret = codecache__copy_options(&opts, sizeof(opts), options,
				      CODECACHE__EXTENT_OPTIONS_SIZE_1_0);
	if (ret)
		return ret;

	args->flags = opts.flags;
	args->min_page = opts.min_page;
	args->max_page = opts.max_page;
	args->hint_page = opts.hint_page;
	args->align_pages = (uint32_t)opts.align_pages;
	/* What does not fit gets what the kernel would answer. */
	if (args->align_pages != opts.align_pages)
		return -EINVAL;
	return codecache__ioctl(zone->fd, CODECACHE_IOC_EXTENT_ALLOC, args);
}

int codecache_extent_alloc_batch(struct codecache_zone *zone,
				 struct codecache_extent *extents, size_t nr,
				 const struct codecache_extent_options *options,
				 uint64_t *failed_index, uint64_t *cookie)
{
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)extents,
		.count = nr,
	};
	int ret = codecache__extent_alloc(zone, options, &args);

	if (failed_index)
		*failed_index = args.out_failed_index;
	if (cookie)
		*cookie = args.out_cookie;
	return ret;
}

int codecache_extent_alloc(struct codecache_zone *zone, uint64_t nr_pages,
			   const struct codecache_extent_options *options,
			   uint64_t *first_page, uint64_t *cookie)
{
	struct codecache_extent extent = { .nr_pages = (uint32_t)nr_pages };
	int ret = -EINVAL;

	if (cookie)
		*cookie = 0;
	if (!first_page)
		return -EINVAL;
	*first_page = UINT64_MAX;
	if (!zone)
		return -EINVAL;
	if (extent.nr_pages != nr_pages)
		return -ERANGE;

	ret = codecache_extent_alloc_batch(zone, &extent, 1, options, NULL, cookie);
	if (!ret)
		*first_page = extent.first_page;
	return ret;
}

static int codecache__extent_retire(const struct codecache_zone *zone,
				    struct codecache_extent_retire_args *args,
				    uint64_t *failed_index, uint64_t *cookie)
{
	int ret = -EINVAL;

	args->size = sizeof(*args);
	args->out_failed_index = UINT64_MAX;
	args->out_cookie = 0;
	args->out_nr_pages = 0;
	if (zone)
		ret = codecache__ioctl(zone->fd, CODECACHE_IOC_EXTENT_RETIRE, args);
	if (failed_index)
		*failed_index = args->out_failed_index;
	if (cookie)
		*cookie = ret ? 0 : args->out_cookie;
	return ret;
}

int codecache_extent_retire_batch(struct codecache_zone *zone,
				  const struct codecache_extent *extents, size_t nr,
				  uint64_t *failed_index, uint64_t *cookie)
{
	struct codecache_extent_retire_args args = {
		.addr = (uintptr_t)extents,
		.count = nr,
	};

	return codecache__extent_retire(zone, &args, failed_index, cookie);
}

int codecache_extent_retire(struct codecache_zone *zone, uint64_t first_page,
			    uint64_t nr_pages, uint64_t *cookie)
{
	const struct codecache_extent extent = {
		.first_page = first_page,
		.nr_pages = (uint32_t)nr_pages,
	};

	if (zone && extent.nr_pages != nr_pages) {
		if (cookie)
			*cookie = 0;
		return -ENOENT;
	}
	return codecache_extent_retire_batch(zone, &extent, 1, NULL, cookie);
}

int codecache_extent_retire_all(struct codecache_zone *zone, uint64_t *cookie)
{
	struct codecache_extent_retire_args args = {
		.flags = CODECACHE_RETIRE_F_ALL,
	};

	return codecache__extent_retire(zone, &args, NULL, cookie);
}

int codecache_extent_retire_args(struct codecache_zone *zone,
				 struct codecache_extent_retire_args *args)
{
	return args ? codecache__extent_retire(zone, args, NULL, NULL) : -EINVAL;
}

int codecache_zone_eventfd(struct codecache_zone *zone, int fd, uint32_t flags,
			   uint64_t high_water_pages)
{
	struct codecache_zone_eventfd_args args = {
		.size = sizeof(args),
		.flags = flags,
		.fd = fd,
		.high_water_pages = high_water_pages,
	};

	if (!zone)
		return -EINVAL;
	return codecache__ioctl(zone->fd, CODECACHE_IOC_ZONE_EVENTFD, &args);
}
