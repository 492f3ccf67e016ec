// SPDX-License-Identifier: MIT
/*
 * libcodecache: caches, the open files of the device
 */
#include "internal.h"

int codecache_open(struct codecache_cache **cache)
{
	struct codecache_cache *new;
	int fd;

	if (!cache)
		return -EINVAL;
	*cache = NULL;

	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	fd = codecache__open_device();
	if (fd < 0) {
		codecache__free(new);
		return fd;
	}

	new->fd = fd;
	pthread_mutex_init(&new->lock, NULL);
	codecache__defer_init(new);
	*cache = new;
	return 0;
}

void codecache_close(struct codecache_cache *cache)
{
	if (!cache)
		return;
	(void)codecache_defer_thread_stop(cache);
	codecache__unlist(cache);
	codecache__readers_free(cache);
	codecache__shared_free(cache);
	codecache__defer_free_all(cache);
	pthread_mutex_destroy(&cache->lock);
	codecache__close(cache->fd);
	codecache__free(cache);
}

int codecache_fd(const struct codecache_cache *cache)
{
	return cache ? cache->fd : -EINVAL;
}

int codecache_info(const struct codecache_cache *cache,
		   struct codecache_info_args *info)
{
	if (!cache || !info)
		return -EINVAL;
	*info = (struct codecache_info_args){ .size = CODECACHE__INFO_SIZE_1_0 };
	return codecache__ioctl(cache->fd, CODECACHE_IOC_INFO, info);
}

int codecache_stats(const struct codecache_cache *cache,
		    struct codecache_stats_args *stats)
{
	if (!cache || !stats)
		return -EINVAL;
	return codecache__stats(cache->fd, stats);
}
