// SPDX-License-Identifier: MIT
/*
 * libcodecache: what happens to caches in a child of fork()
 *
 * Concepts: caches that share memory with the kernel, or have something deferred, are
 *	in a list. All its locks are taken before a fork() and released after it, so
 *	that the child has nothing half-done.
 * Locking:  codecache__caches_lock protects the list. It comes before the lock of any
 *	cache: hence codecache__list() is called before that is taken.
 */
#include "internal.h"

static pthread_mutex_t codecache__caches_lock = PTHREAD_MUTEX_INITIALIZER;
static struct codecache_cache *codecache__caches;
static bool codecache__has_handlers;

static void codecache__before_fork(void)
{
	struct codecache_cache *cache;

	pthread_mutex_lock(&codecache__caches_lock);
	for (cache = codecache__caches; cache; cache = cache->next)
		pthread_mutex_lock(&cache->lock);
}

static void codecache__after_fork(void)
{
	struct codecache_cache *cache;

	for (cache = codecache__caches; cache; cache = cache->next)
		pthread_mutex_unlock(&cache->lock);
	pthread_mutex_unlock(&codecache__caches_lock);
}

static void codecache__in_child(void)
{
	struct codecache_cache *cache;

	for (cache = codecache__caches; cache; cache = cache->next) {
		codecache__shared_forked(cache);
		codecache__defer_forked(cache);
	}
	codecache__after_fork();
}

/* Have it in the list. Cheap if it is there. */
int codecache__list(struct codecache_cache *cache)
{
	int ret = 0;

	/* Pairs with the release below: who sees it is covered by the handlers. */
	if (__atomic_load_n(&cache->listed, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&codecache__caches_lock);
	if (!codecache__has_handlers) {
		ret = -pthread_atfork(codecache__before_fork, codecache__after_fork,
				      codecache__in_child);
		codecache__has_handlers = !ret;
	}
	if (!ret && !cache->listed) {
		cache->next = codecache__caches;
		codecache__caches = cache;
		__atomic_store_n(&cache->listed, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&codecache__caches_lock);
	return ret;
}

/* At the end of the cache. */
void codecache__unlist(struct codecache_cache *cache)
{
	struct codecache_cache **place = &codecache__caches;

	pthread_mutex_lock(&codecache__caches_lock);
	while (*place && *place != cache)
		place = &(*place)->next;
	if (*place)
		*place = cache->next;
	pthread_mutex_unlock(&codecache__caches_lock);
}
