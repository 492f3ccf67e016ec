// SPDX-License-Identifier: MIT
/*
 * libcodecache: the numbers of an object, and what kind of object a descriptor is
 */
#include "internal.h"

/* On failure all of @stats but its size is 0. */
int codecache__stats(int fd, struct codecache_stats_args *stats)
{
	*stats = (struct codecache_stats_args){ .size = CODECACHE__STATS_SIZE_1_0 };
	return codecache__ioctl(fd, CODECACHE_IOC_STATS, stats);
}

/*
 * Make sure that @fd, which came from anywhere, is an @object
 * (CODECACHE_OBJECT_*), and get its numbers.
 *
 * -ENOTTY: it is no descriptor of codecache at all. Drivers that refuse unknown
 * ioctls with -EINVAL, or even take them, are no exception: only the module
 * writes out_object. -EINVAL: it is one, of another kind.
 */
int codecache__identify(int fd, uint32_t object,
			struct codecache_stats_args *stats)
{
	int ret = codecache__stats(fd, stats);

	if (ret == -EINVAL || (!ret && !stats->out_object))
		return -ENOTTY;
	if (ret)
		return ret;
	return stats->out_object == object ? 0 : -EINVAL;
}
