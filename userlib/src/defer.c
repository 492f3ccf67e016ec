// SPDX-License-Identifier: MIT
/*
 * libcodecache: functions to be called when a grace period is over
 *
 * Concepts: one queue for each cache, first in, first out. It is counted, not marked:
 *	a grace period is for all up to some count, and what is waited for is that a
 *	count of calls is reached. So an entry needs two words, and starting a grace
 *	period for any number of them costs the same. One thread at a time calls, so
 *	that calls end in the order of the queue.
 * Locking:  the cache's lock, which is not held while a function is called: each entry
 *	is taken from the queue by itself, so that whatever the function does (defer,
 *	drain, fork) finds the queue in order.
 */
#include <string.h>

#include "internal.h"

/* A grace period is started at the latest for so many. */
#define CODECACHE__DEFER_BATCH	256

/* What codecache_defer_free() puts into the queue. */
struct codecache__deferred {
	struct codecache_defer_head head;
	void (*fn)(void *arg);
	void *arg;
	void *next;	/* forgotten */
};

void codecache__defer_init(struct codecache_cache *cache)
{
	pthread_cond_init(&cache->defer.changed, NULL);
}

/*
 * Have a grace period for all that has none. If all places are taken, this waits for
 * a later call: somebody has to look first at what is over. The lock is held.
 */
int codecache__defer_start(struct codecache_cache *cache)
{
	struct codecache__defer *q = &cache->defer;
	struct codecache__period *last = &q->periods[q->nr_periods];
	uint64_t cookie;
	int ret;

	if (q->started == q->queued || q->nr_periods == CODECACHE__MAX_PERIODS)
		return 0;
	ret = codecache__grace_start(cache, 0, &cookie);
	if (ret)
		return ret;

	/* Calls that come while one is under way share the next. */
	if (q->nr_periods && last[-1].cookie == cookie) {
		last[-1].until = q->queued;
	} else {
		last->cookie = cookie;
		last->until = q->queued;
		q->nr_periods++;
	}
	q->started = q->queued;
	return 0;
}

/* Up to @completed all are over. */
static void codecache__defer_over(struct codecache__defer *q, uint64_t completed)
{
	unsigned int nr = 0;

	while (nr < q->nr_periods && q->periods[nr].cookie <= completed)
		q->due = q->periods[nr++].until;
	q->nr_periods -= nr;
	memmove(q->periods, q->periods + nr, q->nr_periods * sizeof(*q->periods));
}

/*
 * See which grace periods are over, and return the first one that is not, or 0 if
 * there is none. The lock is held.
 */
uint64_t codecache__defer_look(struct codecache_cache *cache)
{
	struct codecache__defer *q = &cache->defer;
	struct codecache__shared *shared = NULL;
	uint64_t completed;
	int ret;

	if (!q->nr_periods)
		return 0;
	if (cache->listed)
		(void)codecache__share(cache, &shared);
	if (shared)
		codecache__defer_over(q, codecache_grace_completed(shared->control));
	/* Who has something to do need not ask for more. */
	if (q->nr_periods && q->taken == q->due) {
		ret = codecache__grace_poll(cache, q->periods[0].cookie, &completed);
		if (!ret || ret == -EAGAIN)
			codecache__defer_over(q, completed);
	}
	return q->nr_periods ? q->periods[0].cookie : 0;
}

static struct codecache_defer_head *codecache__defer_take(struct codecache__defer *q)
{
	struct codecache_defer_head *head = q->first;

	if (q->taken == q->due)
		return NULL;
	q->first = head->next;
	q->taken++;
	return head;
}

/*
 * Call up to @max functions that are due, unless somebody does; returns how many. The
 * lock is held, but not over the calls.
 */
size_t codecache__defer_run(struct codecache_cache *cache, size_t max)
{
	struct codecache__defer *q = &cache->defer;
	struct codecache_defer_head *head;
	size_t nr = 0;

	if (q->busy)
		return 0;
	q->busy = true;
	q->who = pthread_self();
	while (nr < max && (head = codecache__defer_take(q))) {
		pthread_mutex_unlock(&cache->lock);
		head->fn(head);
		pthread_mutex_lock(&cache->lock);
		/* Not one more: if it has forked, the child begins anew. */
		q->done = q->taken;
		nr++;
	}
	q->busy = false;
	if (nr)
		pthread_cond_broadcast(&q->changed);
	return nr;
}

static void codecache__defer_add(struct codecache_cache *cache,
				 struct codecache_defer_head *head)
{
	struct codecache__defer *q = &cache->defer;
	bool was_empty;

	head->next = NULL;
	pthread_mutex_lock(&cache->lock);
	was_empty = !q->first;
	if (was_empty)
		q->first = head;
	else
		q->last->next = head;
	q->last = head;
	q->queued++;
	/* If this fails it is tried again by who drains, who is also told. */
	if (q->queued - q->started >= CODECACHE__DEFER_BATCH)
		(void)codecache__defer_start(cache);
	if (q->has_thread && was_empty)
		pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&cache->lock);
}

int codecache_defer_call(struct codecache_cache *cache,
			 struct codecache_defer_head *head,
			 void (*fn)(struct codecache_defer_head *head))
{
	if (!cache || !head || !fn)
		return -EINVAL;
	/* Without handlers of fork() a child may find the queue half-done, no more. */
	(void)codecache__list(cache);
	head->fn = fn;
	codecache__defer_add(cache, head);
	return 0;
}

/* The entry's memory goes first: a function that forks leaves none in the child. */
static void codecache__defer_call(struct codecache_defer_head *head)
{
	struct codecache__deferred *deferred = (struct codecache__deferred *)head;
	void (*fn)(void *arg) = deferred->fn;
	void *arg = deferred->arg;

	codecache__free(deferred);
	fn(arg);
}

int codecache_defer_free(struct codecache_cache *cache, void (*fn)(void *arg),
			 void *arg)
{
	struct codecache__deferred *deferred;

	if (!cache || !fn)
		return -EINVAL;
	deferred = codecache__zalloc(sizeof(*deferred));
	if (!deferred)
		return -ENOMEM;
	deferred->fn = fn;
	deferred->arg = arg;
	return codecache_defer_call(cache, &deferred->head, codecache__defer_call);
}

int codecache_defer_drain(struct codecache_cache *cache, size_t max, size_t *nr)
{
	int ret;

	if (nr)
		*nr = 0;
	if (!cache || !nr)
		return -EINVAL;

	pthread_mutex_lock(&cache->lock);
	ret = codecache__defer_start(cache);
	(void)codecache__defer_look(cache);
	*nr = codecache__defer_run(cache, max);
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

/*
 * A step towards the @target-th call having returned. The lock is held, but while
 * this waits.
 */
static int codecache__defer_step(struct codecache_cache *cache, uint64_t target)
{
	struct codecache__defer *q = &cache->defer;
	uint64_t cookie;
	int ret;

	if (q->busy && pthread_equal(q->who, pthread_self()))
		return -EDEADLK;
	ret = codecache__defer_start(cache);
	if (ret)
		return ret;
	cookie = codecache__defer_look(cache);
	if (q->busy) {
		pthread_cond_wait(&q->changed, &cache->lock);
	} else if (q->taken != q->due) {
		(void)codecache__defer_run(cache, (size_t)(target - q->taken));
	} else if (cookie) {
		pthread_mutex_unlock(&cache->lock);
		ret = codecache__grace_wait(cache, cookie, 0, 0);
		pthread_mutex_lock(&cache->lock);
	}
	return ret;
}

int codecache_defer_barrier(struct codecache_cache *cache)
{
	uint64_t target;
	int ret = 0;

	if (!cache)
		return -EINVAL;

	pthread_mutex_lock(&cache->lock);
	target = cache->defer.queued;
	/* In the child of a function that forks there is nothing to wait for. */
	while (!ret && cache->defer.done < target && cache->defer.queued >= target)
		ret = codecache__defer_step(cache, target);
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

/*
 * In the child of a fork(), with the lock held. The parent will call what is in the
 * queue. The child only keeps hold of what was allocated for it, to be freed with the
 * cache; not now, when other libraries' locks may not be what they should be.
 */
void codecache__defer_forked(struct codecache_cache *cache)
{
	struct codecache__defer *q = &cache->defer;
	struct codecache_defer_head *head = q->first;
	struct codecache__deferred *forgotten = q->forgotten;
	uint64_t left;

	for (left = q->queued - q->taken; left; left--) {
		struct codecache__deferred *deferred = (void *)head;

		head = head->next;
		if (deferred->head.fn != codecache__defer_call)
			continue;
		deferred->next = forgotten;
		forgotten = deferred;
	}
	memset(q, 0, sizeof(*q));
	q->forgotten = forgotten;
	codecache__defer_init(cache);
}

/* At the end of the cache: nothing is called any more. */
void codecache__defer_free_all(struct codecache_cache *cache)
{
	struct codecache__deferred *deferred;

	codecache__defer_forked(cache);
	while (cache->defer.forgotten) {
		deferred = cache->defer.forgotten;
		cache->defer.forgotten = deferred->next;
		codecache__free(deferred);
	}
	pthread_cond_destroy(&cache->defer.changed);
}

uint64_t codecache_defer_pending(struct codecache_cache *cache)
{
	uint64_t pending;

	if (!cache)
		return 0;
	pthread_mutex_lock(&cache->lock);
	pending = cache->defer.queued - cache->defer.done;
	pthread_mutex_unlock(&cache->lock);
	return pending;
}
