// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache pressure: what happens when memory is short, and who is told
 *
 * Concepts: the shrinker frees what is past its grace period but has not been looked
 *           at yet, since the worker looks again only after a while. There is
 *           nothing else to free: pages of extents that are handed out belong to
 *           their user, and those of extents that are free have gone already. So it
 *           tells users, by eventfds, that it is time to sweep.
 * Locking:  the shrinker is called where other locks are held, and tries every lock
 *           of ours. zone->event_lock, a spinlock, protects a zone's eventfd.
 * Lifetime: a zone holds its eventfd.
 */
#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/shrinker.h>

#include "codecache_priv.h"
#include "compat.h"

/* ---- telling ------------------------------------------------------------- */

/**
 * codecache_zone_notify - tell who wants to know
 * @zone: the zone
 * @event: CODECACHE_ZONE_EVENT_*
 *
 * Context: any.
 */
void codecache_zone_notify(struct codecache_zone *zone, u32 event)
{
	spin_lock(&zone->event_lock);
	if (zone->event && zone->event_flags & event)
		codecache_eventfd_signal(zone->event);
	spin_unlock(&zone->event_lock);
}

static void codecache_zone_set_event(struct codecache_zone *zone,
				     struct eventfd_ctx *event, u32 flags,
				     u64 high_water)
{
	struct eventfd_ctx *old;

	spin_lock(&zone->event_lock);
	old = zone->event;
	zone->event = event;
	zone->event_flags = flags;
	WRITE_ONCE(zone->high_water, high_water);
	spin_unlock(&zone->event_lock);
	if (old)
		eventfd_ctx_put(old);
}

/**
 * codecache_zone_eventfd_drop - nobody is told any more
 * @zone: goes
 *
 * Context: process.
 */
void codecache_zone_eventfd_drop(struct codecache_zone *zone)
{
	codecache_zone_set_event(zone, NULL, 0, 0);
}

/**
 * codecache_zone_eventfd - CODECACHE_IOC_ZONE_EVENTFD
 * @call: on a zone
 *
 * Context: process.
 * Return: 0 or an errno of the uapi.
 */
int codecache_zone_eventfd(struct codecache_ioctl *call)
{
	struct codecache_zone_eventfd_args *args = call->args;
	struct codecache_zone *zone = call->file->private_data;
	bool high = args->flags & CODECACHE_ZONE_EVENT_HIGH_WATER;
	struct eventfd_ctx *event = NULL;

	if (args->reserved || !args->high_water_pages != !high)
		return -EINVAL;
	if ((args->fd == -1) != !args->flags)
		return -EINVAL;
	if (args->fd != -1)
		event = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(event))
		return PTR_ERR(event);
	codecache_zone_set_event(zone, event, args->flags,
				 args->high_water_pages);
	return 0;
}

/* ---- the shrinker -------------------------------------------------------- */

static void codecache_cache_tell(struct codecache_cache *cache)
{
	struct codecache_control *control = cache->grace.control;
	struct codecache_zone *zone;
	bool holds = false;

	if (!mutex_trylock(&cache->lock))
		return;
	list_for_each_entry(zone, &cache->zones, node) {
		holds |= codecache_zone_resident(zone) != 0;
		codecache_zone_notify(zone, CODECACHE_ZONE_EVENT_PRESSURE);
	}
	mutex_unlock(&cache->lock);
	/* Only one shrinker at a time has the list of caches. */
	if (holds)
		WRITE_ONCE(control->pressure, control->pressure + 1);
}

static unsigned long codecache_shrink_count(struct shrinker *shrinker,
					    struct shrink_control *sc)
{
	/* Resident pages: so that users are told, whether any can be freed or not. */
	return codecache_system_pages() ?: SHRINK_EMPTY;
}

static unsigned long codecache_shrink_scan(struct shrinker *shrinker,
					   struct shrink_control *sc)
{
	struct codecache_cache *cache;
	unsigned long freed = 0;

	/* Freeing a page of shmem may wait for who holds a lock of a file. */
	if (!(sc->gfp_mask & __GFP_FS) ||
	    !mutex_trylock(&codecache_caches_lock))
		return SHRINK_STOP;
	list_for_each_entry(cache, &codecache_caches, node) {
		codecache_cache_tell(cache);
		if (atomic64_read(&cache->grace.held_pages))
			freed += codecache_grace_try_reclaim(cache);
	}
	mutex_unlock(&codecache_caches_lock);
	return freed ?: SHRINK_STOP;
}

static struct shrinker *codecache_shrinker;

/**
 * codecache_pressure_init - be asked when memory is short
 *
 * Context: process, once.
 * Return: 0 or -ENOMEM.
 */
int codecache_pressure_init(void)
{
	codecache_shrinker = codecache_shrinker_register(KBUILD_MODNAME,
							 codecache_shrink_count,
							 codecache_shrink_scan);
	return codecache_shrinker ? 0 : -ENOMEM;
}

/**
 * codecache_pressure_exit - undo codecache_pressure_init()
 *
 * Context: process, once.
 */
void codecache_pressure_exit(void)
{
	codecache_shrinker_unregister(codecache_shrinker);
}
