// SPDX-License-Identifier: MIT
/*
 * libcodecache: grace periods
 *
 * What is over is read from the page that the kernel writes, if that is mapped; else,
 * and for what is not over, the kernel is asked.
 */
#include "internal.h"

int codecache__grace_start(const struct codecache_cache *cache, uint32_t flags,
			   uint64_t *cookie)
{
	struct codecache_grace_start_args args = {
		.size = sizeof(args),
		.flags = flags,
	};
	int ret = codecache__ioctl(cache->fd, CODECACHE_IOC_GRACE_START, &args);

	*cookie = ret ? 0 : args.out_cookie;
	return ret;
}

/* 0, or -EAGAIN; then *@completed is the last one that is over. Or another error. */
int codecache__grace_poll(const struct codecache_cache *cache, uint64_t cookie,
			  uint64_t *completed)
{
	struct codecache_grace_poll_args args = {
		.size = sizeof(args),
		.cookie = cookie,
	};
	int ret = codecache__ioctl(cache->fd, CODECACHE_IOC_GRACE_POLL, &args);

	*completed = ret ? 0 : args.out_completed;
	if (ret)
		return ret;
	return args.out_done ? 0 : -EAGAIN;
}

int codecache__grace_wait(const struct codecache_cache *cache, uint64_t cookie,
			  uint32_t flags, uint64_t timeout_ns)
{
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.flags = flags,
		.cookie = cookie,
		.timeout_ns = timeout_ns,
	};

	return codecache__ioctl(cache->fd, CODECACHE_IOC_GRACE_WAIT, &args);
}

/* Map the page if need be; errors leave *@shared NULL. */
static int codecache__map(struct codecache_cache *cache,
			  struct codecache__shared **shared)
{
	int ret;

	*shared = __atomic_load_n(&cache->shared, __ATOMIC_ACQUIRE);
	if (*shared)
		return 0;
	ret = codecache__list(cache);
	if (ret)
		return ret;
	pthread_mutex_lock(&cache->lock);
	ret = codecache__share(cache, shared);
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

int codecache_control_page(struct codecache_cache *cache,
			   const struct codecache_control **control)
{
	struct codecache__shared *shared;
	int ret;

	if (!control)
		return -EINVAL;
	*control = NULL;
	if (!cache)
		return -EINVAL;
	ret = codecache__map(cache, &shared);
	if (!ret)
		*control = shared->control;
	return ret;
}

/* If the page cannot be mapped everything works without it, by system calls. */
static bool codecache__is_over(struct codecache_cache *cache, uint64_t cookie)
{
	struct codecache__shared *shared;

	return !codecache__map(cache, &shared) &&
	       cookie <= codecache_grace_completed(shared->control);
}

int codecache_grace_start(struct codecache_cache *cache, uint32_t flags,
			  uint64_t *cookie)
{
	if (!cookie)
		return -EINVAL;
	*cookie = 0;
	return cache ? codecache__grace_start(cache, flags, cookie) : -EINVAL;
}

int codecache_grace_poll(struct codecache_cache *cache, uint64_t cookie)
{
	uint64_t completed;

	if (!cache)
		return -EINVAL;
	if (codecache__is_over(cache, cookie))
		return 0;
	return codecache__grace_poll(cache, cookie, &completed);
}

int codecache_grace_wait(struct codecache_cache *cache, uint64_t cookie,
			 uint32_t flags, uint64_t timeout_ns)
{
	if (!cache)
		return -EINVAL;
	if (codecache__is_over(cache, cookie))
		return 0;
	return codecache__grace_wait(cache, cookie, flags, timeout_ns);
}

int codecache_grace_eventfd(struct codecache_cache *cache, uint64_t cookie, int fd)
{
	struct codecache_grace_eventfd_args args = {
		.size = sizeof(args),
		.cookie = cookie,
		.fd = fd,
	};

	if (!cache)
		return -EINVAL;
	return codecache__ioctl(cache->fd, CODECACHE_IOC_GRACE_EVENTFD, &args);
}
