// SPDX-License-Identifier: MIT
/*
 * libcodecache: the thread that calls what is deferred
 *
 * Lifetime: codecache_defer_thread_stop() joins it. A child of fork() does not have it.
 *	It asks about itself by its own name: a function that it calls may fork, and
 *	then it is the only thread of the child, where it has nothing to do.
 */
#include <signal.h>

#include "internal.h"

/* Calls between two looks at what else there is to do. */
#define CODECACHE__THREAD_BATCH		64

/* Nobody can wake it from a wait in the kernel: so long is a stop late at most. */
#define CODECACHE__THREAD_WAIT_NS	100000000

/* The lock is held. */
static bool codecache__thread_goes_on(const struct codecache__defer *q)
{
	return q->has_thread && !q->stopping &&
	       pthread_equal(q->thread, pthread_self());
}

/* A grace period, or, if none could be had, a pause before the next attempt. */
static void codecache__thread_wait(struct codecache_cache *cache, uint64_t cookie)
{
	int ret = -EAGAIN;

	pthread_mutex_unlock(&cache->lock);
	if (cookie)
		ret = codecache__grace_wait(cache, cookie, 0,
					    CODECACHE__THREAD_WAIT_NS);
	if (ret && ret != -ETIMEDOUT && ret != -EINTR)
		codecache__sleep(CODECACHE__THREAD_WAIT_NS);
	pthread_mutex_lock(&cache->lock);
}

static void *codecache__thread(void *arg)
{
	struct codecache_cache *cache = arg;
	struct codecache__defer *q = &cache->defer;
	uint64_t cookie;

	pthread_mutex_lock(&cache->lock);
	while (codecache__thread_goes_on(q)) {
		if (q->busy || q->queued == q->taken) {
			pthread_cond_wait(&q->changed, &cache->lock);
			continue;
		}
		/* If that fails, what has a grace period may go on all the same. */
		(void)codecache__defer_start(cache);
		cookie = codecache__defer_look(cache);
		if (!codecache__defer_run(cache, CODECACHE__THREAD_BATCH))
			codecache__thread_wait(cache, cookie);
	}
	pthread_mutex_unlock(&cache->lock);
	return NULL;
}

/* With the program's signals blocked: they are for its own threads. */
static int codecache__thread_create(struct codecache_cache *cache)
{
	static const int faults[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT,
	};
	sigset_t blocked, before;
	size_t i;
	int ret;

	sigfillset(&blocked);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	ret = codecache__start_thread(&cache->defer.thread, codecache__thread, cache);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

int codecache_defer_thread_start(struct codecache_cache *cache)
{
	uint64_t completed;
	int ret;

	if (!cache)
		return -EINVAL;
	/* Not later, when there is nobody to tell: does the module have them? */
	ret = codecache__grace_poll(cache, 0, &completed);
	if (!ret)
		ret = codecache__list(cache);
	if (ret)
		return ret;

	pthread_mutex_lock(&cache->lock);
	ret = cache->defer.has_thread ? -EBUSY : codecache__thread_create(cache);
	if (!ret)
		cache->defer.has_thread = true;
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

int codecache_defer_thread_stop(struct codecache_cache *cache)
{
	struct codecache__defer *q;
	int ret = 0;

	if (!cache)
		return -EINVAL;
	q = &cache->defer;
	pthread_mutex_lock(&cache->lock);
	if (!q->has_thread) {
		pthread_mutex_unlock(&cache->lock);
		return 0;
	}
	if (pthread_equal(q->thread, pthread_self()))
		ret = -EDEADLK;
	else if (q->stopping)
		ret = -EBUSY;
	else
		q->stopping = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&cache->lock);
	if (ret)
		return ret;

	pthread_join(q->thread, NULL);
	pthread_mutex_lock(&cache->lock);
	q->has_thread = false;
	q->stopping = false;
	pthread_mutex_unlock(&cache->lock);
	return 0;
}
