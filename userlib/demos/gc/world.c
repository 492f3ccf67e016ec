// SPDX-License-Identifier: MIT
/*
 * The world: creating a heap, stopping the mutators and letting them go on
 *
 * A mutator is either *running*, and counted in gc->running, or *parked*: in
 * gc_park(), or waiting for memory in mutator.c. The collector sets gc->stop and
 * waits for gc->running to reach 0; gc->lock, which each of them has taken since,
 * orders all that they did before all that it does, and back in world_resume().
 *
 * Flip against mutator fault: a mutator that sleeps in a fault is running, so the
 * world would never stop for it; but it sleeps only for a page that is not
 * granted yet, and no collection ends, so no other begins, before all are.
 * Flip against allocation: a mutator that has taken room in a space and has yet
 * to clear and to grant it is running as well.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gc_priv.h"
#include "measure.h"
#include "remember.h"

/* Stop all mutators: when this returns they are parked, and stay so. */
void world_stop(struct gc *gc)
{
	pthread_mutex_lock(&gc->lock);
	atomic_store_explicit(&gc->stop, true, memory_order_relaxed);
	while (gc->running)
		pthread_cond_wait(&gc->to_collector, &gc->lock);
	pthread_mutex_unlock(&gc->lock);
}

void world_resume(struct gc *gc)
{
	pthread_mutex_lock(&gc->lock);
	atomic_store_explicit(&gc->stop, false, memory_order_relaxed);
	pthread_cond_broadcast(&gc->to_mutators);
	pthread_mutex_unlock(&gc->lock);
}

/* Ask for a collection, unless one is going on. Called with gc->lock held. */
void gc_request_locked(struct gc *gc)
{
	if (gc->collecting || gc->requested)
		return;
	gc->requested = true;
	pthread_cond_signal(&gc->to_collector);
}

/* Returns 0, or -errno and says what failed in gc->barrier.failed. */
int gc_create(struct gc *gc, const struct gc_config *config)
{
	int err;

	memset(gc, 0, sizeof(*gc));
	gc->config = *config;
	gc->page = (size_t)sysconf(_SC_PAGESIZE);
	gc->random = 1;
	gc->config.heap_bytes &= ~(uint64_t)(gc->page - 1);
	gc->to = &gc->spaces[0];
	gc->from = &gc->spaces[1];
	err = barrier_open(&gc->barrier, config->barrier, config->generational);
	if (err)
		return err;
	err = space_create(gc, gc->to);
	if (err)
		goto undo_barrier;
	gc->to->alloc_bottom = gc->to->map.bytes;
	err = config->generational ? young_create(gc) : 0;
	if (err)
		goto undo_space;
	pthread_mutex_init(&gc->lock, NULL);
	pthread_mutex_init(&gc->copying, NULL);
	pthread_cond_init(&gc->to_collector, NULL);
	pthread_cond_init(&gc->to_mutators, NULL);
	gc->barrier.failed = "the collector's thread cannot be had";
	err = -pthread_create(&gc->thread, NULL, collector_thread, gc);
	if (!err)
		return 0;
	young_destroy(gc);
undo_space:
	space_destroy(gc, gc->to);
undo_barrier:
	gc->barrier.ops->close(&gc->barrier);
	return err;
}

/*
 * Wait for the collector to finish, then give all memory back. No mutator is
 * left. The numbers stay. Returns 0, or -EIO if memory was left behind.
 */
int gc_destroy(struct gc *gc)
{
	uint64_t slack = 1024 * gc->page, before = 0, resident = 0, after;
	unsigned int i;

	pthread_mutex_lock(&gc->lock);
	gc->quit = true;
	pthread_cond_signal(&gc->to_collector);
	pthread_mutex_unlock(&gc->lock);
	pthread_join(gc->thread, NULL);

	before = shmem_bytes();
	for (i = 0; i < 2; i++) {
		if (gc->spaces[i].mapped) {
			resident += gc->barrier.ops->resident(&gc->barrier, &gc->spaces[i].map);
			space_give_back(gc, &gc->spaces[i]);
		}
		space_destroy(gc, &gc->spaces[i]);
	}
	young_destroy(gc);
	if (gc->barrier.ops->protects)
		gc->protects = gc->barrier.ops->protects(&gc->barrier);
	if (gc->config.generational && gc->barrier.ops->remember->queries)
		gc->queries = gc->barrier.ops->remember->queries(&gc->barrier);
	gc->barrier.ops->close(&gc->barrier);
	after = shmem_bytes();
	pthread_mutex_destroy(&gc->lock);
	pthread_mutex_destroy(&gc->copying);
	pthread_cond_destroy(&gc->to_collector);
	pthread_cond_destroy(&gc->to_mutators);
	/* The kernel's count may lag by a batch for each CPU. */
	return after + resident > before + slack + resident / 16 ? -EIO : 0;
}
