// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache grace periods: when has every reader left that might have seen it?
 *
 * Concepts: each cache has one clock. At any time one grace period may be under way
 *           (grace->running) and one gathers (grace->next): whatever is retired, or
 *           asks, joins the latter. When a grace period begins the clock ticks:
 *           readers that enter from then on store a larger epoch. Then:
 *
 *           1. an RCU grace period passes, in which every CPU executes a full
 *              barrier; so a slot that was stored before its reader loaded a
 *              pointer can be seen, although the reader has executed no fence;
 *           2. the slots are looked at: one that holds an epoch up to the running
 *              cookie, and whose thread lives, is in the way. Then again after a
 *              while, or when a reader that leaves gives a hint;
 *           3. what was retired is freed (reclaim.c), and the cookie completed.
 *
 *           A reader whose slot was seen empty enters after the barrier of its CPU,
 *           hence after the retirement, and cannot find what was retired. If the
 *           epoch that it stores then is an old one it delays the next grace
 *           period, and nothing worse. One who stores a new epoch has loaded it
 *           with acquire semantics, so it too comes after the retirement. No second
 *           RCU grace period is needed when the slots are looked at again: a reader
 *           that is in the way was in its section when the first one ended, and its
 *           store of 0 has release semantics.
 *
 *           CPUs in nohz_full mode take part in no RCU grace period while they are
 *           in user mode: they are interrupted for a barrier. The precedent is
 *           sys_membarrier(), which does without them.
 * Locking:  grace->lock, a spinlock, protects the clock and who waits for it;
 *           grace->check, a mutex, the look at the running one.
 * Lifetime: each work that is queued holds the cache, and while a grace period is
 *           under way one is queued or running. A cache whose file is closed has no
 *           readers any more, so what it holds goes after an RCU grace period.
 *
 * Barriers: control->epoch is stored with release after the retirer's stores, and
 *           loaded with acquire in codecache_reader_enter() of the library;
 *           control->completed is stored with release after everything is freed,
 *           and loaded with acquire by who polls; a slot's store of 0 is a release,
 *           and pairs with the lock that the freeing takes after it was read.
 *
 * Sources: McKenney and Slingwine, "Read-copy update", 1998; Fraser, "Practical lock
 * freedom", 2004 (epochs); Desnoyers et al., "User-level implementations of
 * read-copy update", 2012, and sys_membarrier() (barriers by the other side).
 */
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"
#include "trace.h"

/* How long to wait before readers are looked at again, in jiffies. */
#define CODECACHE_GRACE_DELAY_MIN	1UL
#define CODECACHE_GRACE_DELAY_MAX	(HZ / 4)
/* Expedited RCU grace periods of a cache in a second. */
#define CODECACHE_GRACE_URGENT_MAX	10

static struct workqueue_struct *codecache_grace_wq;

/**
 * struct codecache_grace_event - an eventfd that waits for a grace period
 * @node: in grace->eventfds, or in a list of those that are due
 * @cookie: the grace period
 * @ctx: the eventfd
 */
struct codecache_grace_event {
	struct list_head node;
	u64 cookie;
	struct eventfd_ctx *ctx;
};

/* ---- queueing ------------------------------------------------------------ */

/**
 * codecache_grace_kick - look at the running grace period
 * @cache: to which the caller has a reference
 * @delay: jiffies from now
 *
 * Context: any.
 */
void codecache_grace_kick(struct codecache_cache *cache, unsigned long delay)
{
	/* A reference for each that is queued; ours is never the last. */
	codecache_cache_get(cache);
	if (mod_delayed_work(codecache_grace_wq, &cache->grace.recheck, delay))
		codecache_cache_put(cache);
}

static void codecache_grace_await_rcu(struct codecache_cache *cache)
{
	codecache_cache_get(cache);
	if (!queue_rcu_work(codecache_grace_wq, &cache->grace.rcu_work))
		codecache_cache_put(cache);
}

/* The clock ticks; what has gathered waits from now on. */
static void codecache_grace_begin_locked(struct codecache_cache *cache)
	__must_hold(&cache->grace.lock)
{
	struct codecache_grace *grace = &cache->grace;

	lockdep_assert_held(&grace->lock);
	grace->running = grace->next++;
	grace->expedite = grace->urgent && __ratelimit(&grace->urgent_limit);
	grace->asked = false;
	grace->urgent = false;
	list_splice_tail_init(&grace->gathering, &grace->held);
	/* Pairs with the acquire in codecache_reader_enter(). */
	smp_store_release(&grace->control->epoch, grace->next);
	grace->elapsed = false;
	grace->delay = CODECACHE_GRACE_DELAY_MIN;
	/* Orders all that was retired before the RCU grace period. */
	grace->rcu = get_state_synchronize_rcu();
	trace_codecache_grace(cache->id, grace->running, grace->expedite);
	if (grace->expedite)
		codecache_grace_kick(cache, 0);
	else
		codecache_grace_await_rcu(cache);
}

/**
 * codecache_grace_join - wait for readers, not here
 * @cache: the cache
 * @retired: extents to be freed then, or NULL; taken over
 * @urgent: sooner
 *
 * Context: process.
 * Return: the cookie of the grace period.
 */
u64 codecache_grace_join(struct codecache_cache *cache,
			 struct codecache_retired *retired, bool urgent)
{
	struct codecache_grace *grace = &cache->grace;
	u64 cookie;

	spin_lock(&grace->lock);
	cookie = grace->next;
	if (retired)
		list_add_tail(&retired->node, &grace->gathering);
	grace->asked = true;
	grace->urgent |= urgent;
	if (!grace->running)
		codecache_grace_begin_locked(cache);
	spin_unlock(&grace->lock);
	return cookie;
}

/* The last cookie that has been given out; 0: none. */
static u64 codecache_grace_last_locked(const struct codecache_grace *grace)
{
	lockdep_assert_held(&grace->lock);
	return grace->asked ? grace->next : grace->next - 1;
}

/**
 * codecache_grace_latest - a grace period that covers all that has been retired
 * @cache: the cache
 *
 * Context: any.
 * Return: its cookie; it may be over.
 */
u64 codecache_grace_latest(struct codecache_cache *cache)
{
	u64 cookie;

	spin_lock(&cache->grace.lock);
	cookie = codecache_grace_last_locked(&cache->grace);
	spin_unlock(&cache->grace.lock);
	return cookie;
}

/* Somebody is in a hurry for a cookie that has been given out. */
static void codecache_grace_hurry(struct codecache_cache *cache, u64 cookie)
{
	struct codecache_grace *grace = &cache->grace;
	bool kick = false;

	spin_lock(&grace->lock);
	if (cookie == grace->next) {
		grace->urgent = true;
	} else if (cookie == grace->running && !grace->expedite &&
		   __ratelimit(&grace->urgent_limit)) {
		grace->expedite = true;
		kick = true;
	}
	spin_unlock(&grace->lock);
	if (kick)
		codecache_grace_kick(cache, 0);
}

/* ---- looking ------------------------------------------------------------- */

/* Has every CPU executed a full barrier since the grace period began? */
static bool codecache_grace_elapsed(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;

	lockdep_assert_held(&grace->check);
	if (grace->elapsed)
		return true;
	if (codecache_test_skip_rcu) {
		grace->elapsed = true;
		return true;
	}
	if (READ_ONCE(grace->expedite)) {
		synchronize_rcu_expedited();
		codecache_count(&cache->gone, CODECACHE_NR_GRACE_URGENT, 1);
	} else if (!poll_state_synchronize_rcu(grace->rcu)) {
		codecache_grace_await_rcu(cache);
		return false;
	}
	codecache_barrier_nohz_full();
	grace->elapsed = true;
	return true;
}

/* Are all readers gone that were inside when it began? If not, look again later. */
static bool codecache_grace_quiet(struct codecache_cache *cache, u64 cookie)
{
	struct codecache_grace *grace = &cache->grace;
	bool asked = READ_ONCE(grace->control->waiting);

	lockdep_assert_held(&grace->check);
	if (codecache_test_skip_readers)
		return true;
	if (!codecache_readers_blocking(cache, cookie))
		return true;
	if (!asked) {
		/* Who leaves from now on tells us; who left just now did not. */
		WRITE_ONCE(grace->control->waiting, 1);
		if (!codecache_readers_blocking(cache, cookie))
			return true;
	}
	codecache_grace_kick(cache, grace->delay);
	grace->delay = min_t(unsigned long, 2 * grace->delay,
			     CODECACHE_GRACE_DELAY_MAX);
	return false;
}

/* Take the eventfds that are due out of the list. */
static void codecache_grace_due_locked(struct codecache_grace *grace,
				       struct list_head *due)
	__must_hold(&grace->lock)
{
	struct codecache_grace_event *event, *next;

	lockdep_assert_held(&grace->lock);
	list_for_each_entry_safe(event, next, &grace->eventfds, node) {
		if (event->cookie > grace->completed)
			continue;
		list_move_tail(&event->node, due);
		grace->nr_eventfds--;
	}
}

static void codecache_grace_tell(struct list_head *due)
{
	struct codecache_grace_event *event, *next;

	list_for_each_entry_safe(event, next, due, node) {
		codecache_eventfd_signal(event->ctx);
		eventfd_ctx_put(event->ctx);
		kfree(event);
	}
}

/* All readers have left: free, complete, begin the next one. */
static void codecache_grace_finish(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;
	LIST_HEAD(due);
	u64 nr;

	lockdep_assert_held(&grace->check);
	codecache_test_pause(CODECACHE_TEST_LOOK);
	if (WARN_ON_ONCE(!codecache_reclaim_pages(&grace->held, false, &nr))) {
		/* Only a signal could do that, and workers get none. */
		codecache_grace_kick(cache, CODECACHE_GRACE_DELAY_MAX);
		return;
	}
	codecache_reclaim_finish(&grace->held);
	codecache_count(&cache->gone, CODECACHE_NR_GRACE_PERIODS, 1);
	WRITE_ONCE(grace->control->waiting, 0);

	spin_lock(&grace->lock);
	grace->completed = grace->running;
	grace->running = 0;
	/* Pairs with the acquire of who polls: all is free by now. */
	smp_store_release(&grace->control->completed, grace->completed);
	codecache_grace_due_locked(grace, &due);
	if (grace->asked)
		codecache_grace_begin_locked(cache);
	spin_unlock(&grace->lock);
	wake_up_all(&grace->wait);
	codecache_grace_tell(&due);
}

/* The one that is under way; only who holds grace->check ends it. */
static u64 codecache_grace_running(struct codecache_grace *grace)
{
	u64 cookie;

	lockdep_assert_held(&grace->check);
	/* With the lock: all that belongs to it, too. */
	spin_lock(&grace->lock);
	cookie = grace->running;
	spin_unlock(&grace->lock);
	return cookie;
}

static void codecache_grace_look(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;
	u64 cookie;

	mutex_lock(&grace->check);
	cookie = codecache_grace_running(grace);
	if (cookie && codecache_grace_elapsed(cache) &&
	    codecache_grace_quiet(cache, cookie))
		codecache_grace_finish(cache);
	mutex_unlock(&grace->check);
	codecache_cache_put(cache);
}

static void codecache_grace_rcu_work(struct work_struct *work)
{
	codecache_grace_look(container_of(to_rcu_work(work),
					  struct codecache_cache,
					  grace.rcu_work));
}

static void codecache_grace_recheck_work(struct work_struct *work)
{
	codecache_grace_look(container_of(to_delayed_work(work),
					  struct codecache_cache,
					  grace.recheck));
}

/**
 * codecache_grace_try_reclaim - free what waits for nothing but to be looked at
 * @cache: the cache
 *
 * For the shrinker: waits for no lock. The worker does what is left. No reference is
 * needed: a cache stays in the list as long as it exists, and while one is under
 * way, which is kept so here, queued work holds it.
 *
 * Context: process; memory is short.
 * Return: pages that were freed.
 */
u64 codecache_grace_try_reclaim(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;
	u64 cookie, nr = 0;

	if (!mutex_trylock(&grace->check))
		return 0;
	cookie = codecache_grace_running(grace);
	if (cookie && grace->elapsed &&
	    codecache_readers_try_quiet(cache, cookie)) {
		codecache_reclaim_pages(&grace->held, true, &nr);
		codecache_grace_kick(cache, 0);
	}
	mutex_unlock(&grace->check);
	codecache_count(&cache->gone, CODECACHE_NR_SHRUNK_PAGES, nr);
	return nr;
}

/* ---- calls --------------------------------------------------------------- */

static int codecache_grace_check_cookie(struct codecache_cache *cache,
					u64 cookie)
{
	return cookie <= codecache_grace_latest(cache) ? 0 : -EINVAL;
}

static bool codecache_grace_over(struct codecache_cache *cache, u64 cookie)
{
	/* Pairs with the release in codecache_grace_finish(). */
	return smp_load_acquire(&cache->grace.control->completed) >= cookie;
}

/**
 * codecache_grace_start - CODECACHE_IOC_GRACE_START
 * @call: on a cache
 *
 * Context: process.
 * Return: 0.
 */
int codecache_grace_start(struct codecache_ioctl *call)
{
	struct codecache_grace_start_args *args = call->args;

	args->out_cookie =
		codecache_grace_join(call->file->private_data, NULL,
				     args->flags & CODECACHE_GRACE_F_URGENT);
	return 0;
}

/**
 * codecache_grace_poll - CODECACHE_IOC_GRACE_POLL
 * @call: on a cache
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int codecache_grace_poll(struct codecache_ioctl *call)
{
	struct codecache_grace_poll_args *args = call->args;
	struct codecache_cache *cache = call->file->private_data;

	if (codecache_grace_check_cookie(cache, args->cookie))
		return -EINVAL;
	args->out_done = codecache_grace_over(cache, args->cookie);
	args->out_completed = READ_ONCE(cache->grace.control->completed);
	args->out_reserved = 0;
	/* A hint of a reader that has left, perhaps. */
	if (READ_ONCE(cache->grace.control->waiting))
		codecache_grace_kick(cache, 0);
	return 0;
}

static long codecache_grace_timeout(u64 ns)
{
	return ns ? max(nsecs_to_jiffies(ns), 1UL) : MAX_SCHEDULE_TIMEOUT;
}

/**
 * codecache_grace_wait - CODECACHE_IOC_GRACE_WAIT
 * @call: on a cache
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi.
 */
int codecache_grace_wait(struct codecache_ioctl *call)
{
	struct codecache_grace_wait_args *args = call->args;
	struct codecache_cache *cache = call->file->private_data;
	long left;

	if (codecache_grace_check_cookie(cache, args->cookie))
		return -EINVAL;
	if (!codecache_grace_over(cache, args->cookie)) {
		if (codecache_readers_has_current(cache, args->cookie))
			return -EDEADLK;
		if (args->flags & CODECACHE_GRACE_F_URGENT)
			codecache_grace_hurry(cache, args->cookie);
		left = codecache_grace_timeout(args->timeout_ns);
		left = wait_event_interruptible_timeout(cache->grace.wait,
							codecache_grace_over(cache, args->cookie),
							left);
		if (left < 0)
			return -EINTR;
		if (!left)
			return -ETIMEDOUT;
	}
	args->out_completed = READ_ONCE(cache->grace.control->completed);
	return 0;
}

/* Enter an event, unless it is due already. */
static int codecache_grace_add_event(struct codecache_cache *cache,
				     struct codecache_grace_event *event,
				     struct list_head *due)
{
	struct codecache_grace *grace = &cache->grace;
	int err = 0;

	spin_lock(&grace->lock);
	if (event->cookie > codecache_grace_last_locked(grace)) {
		err = -EINVAL;
	} else if (event->cookie <= grace->completed) {
		list_add(&event->node, due);
	} else if (grace->nr_eventfds >= CODECACHE_MAX_EVENTFDS) {
		err = -ENOSPC;
	} else {
		list_add_tail(&event->node, &grace->eventfds);
		grace->nr_eventfds++;
	}
	spin_unlock(&grace->lock);
	return err;
}

/**
 * codecache_grace_eventfd - CODECACHE_IOC_GRACE_EVENTFD
 * @call: on a cache
 *
 * Context: process.
 * Return: 0 or an errno of the uapi.
 */
int codecache_grace_eventfd(struct codecache_ioctl *call)
{
	struct codecache_grace_eventfd_args *args = call->args;
	struct codecache_grace_event *event;
	LIST_HEAD(due);
	int err;

	if (args->reserved)
		return -EINVAL;
	event = kzalloc(sizeof(*event), GFP_KERNEL_ACCOUNT);
	if (!event)
		return -ENOMEM;
	event->cookie = args->cookie;
	event->ctx = eventfd_ctx_fdget(args->fd);
	err = PTR_ERR_OR_ZERO(event->ctx);
	if (err)
		goto free_event;
	err = codecache_grace_add_event(call->file->private_data, event, &due);
	if (err)
		goto put_ctx;
	codecache_grace_tell(&due);
	return 0;

put_ctx:
	eventfd_ctx_put(event->ctx);
free_event:
	kfree(event);
	return err;
}

/* ---- for people ---------------------------------------------------------- */

/**
 * codecache_grace_show - the clock of a cache
 * @m: where
 * @cache: the cache
 *
 * Context: process.
 */
void codecache_grace_show(struct seq_file *m, struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;
	u64 next, running, completed;

	spin_lock(&grace->lock);
	next = grace->next;
	running = grace->running;
	completed = grace->completed;
	spin_unlock(&grace->lock);
	seq_printf(m, "completed:\t%llu\n", completed);
	seq_printf(m, "running:\t%llu\n", running);
	seq_printf(m, "next:\t%llu\n", next);
	seq_printf(m, "waits_for:\t%s\n",
		   !running ? "nothing" :
		   READ_ONCE(grace->control->waiting) ? "readers" : "rcu");
	seq_printf(m, "held_pages:\t%llu\n",
		   (u64)atomic64_read(&grace->held_pages));
}

/* ---- life ---------------------------------------------------------------- */

/**
 * codecache_grace_init - the clock of a new cache
 * @cache: new
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int codecache_grace_init(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;

	grace->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!grace->page)
		return -ENOMEM;
	grace->control = page_address(grace->page);
	spin_lock_init(&grace->lock);
	mutex_init(&grace->check);
	INIT_LIST_HEAD(&grace->gathering);
	INIT_LIST_HEAD(&grace->eventfds);
	INIT_LIST_HEAD(&grace->held);
	INIT_RCU_WORK(&grace->rcu_work, codecache_grace_rcu_work);
	INIT_DELAYED_WORK(&grace->recheck, codecache_grace_recheck_work);
	init_waitqueue_head(&grace->wait);
	ratelimit_state_init(&grace->urgent_limit, HZ,
			     CODECACHE_GRACE_URGENT_MAX);
	ratelimit_set_flags(&grace->urgent_limit, RATELIMIT_MSG_ON_RELEASE);
	grace->next = 1;
	grace->control->epoch = 1;
	return 0;
}

/**
 * codecache_grace_destroy - undo codecache_grace_init()
 * @cache: goes; nothing is queued, or waits
 *
 * Context: process; sleeps.
 */
void codecache_grace_destroy(struct codecache_cache *cache)
{
	struct codecache_grace *grace = &cache->grace;
	LIST_HEAD(due);

	WARN_ON_ONCE(grace->running || !list_empty(&grace->held) ||
		     !list_empty(&grace->gathering));
	/* Nothing can be retired any more: whoever waits need not. */
	list_splice_init(&grace->eventfds, &due);
	codecache_grace_tell(&due);
	mutex_destroy(&grace->check);
	put_page(grace->page);
}

/**
 * codecache_grace_service_init - what all caches share
 *
 * Context: process, once, before the device exists.
 * Return: 0 or -ENOMEM.
 */
int codecache_grace_service_init(void)
{
	codecache_grace_wq = alloc_workqueue(KBUILD_MODNAME,
					     WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return codecache_grace_wq ? 0 : -ENOMEM;
}

/**
 * codecache_grace_service_exit - wait for all that is under way, and for all caches
 *
 * Context: process, once; no file is open. A cache that is left has no readers, and
 * is held by what it has retired.
 */
void codecache_grace_service_exit(void)
{
	codecache_caches_wait();
	destroy_workqueue(codecache_grace_wq);
}
