// SPDX-License-Identifier: MIT
/*
 * The mutators' side: entering and leaving, allocation, safepoints
 *
 * Each mutator allocates from a buffer of its own, a few pages of to-space that
 * were taken under gc->lock, cleared through the collector's view, and granted
 * with one call. Until then no one has an address in them. So new objects never
 * trap: allocation is black. At a flip the buffers are dropped.
 *
 * Allocation against copying: during a collection copies stay below space->low
 * and buffers above it, so neither waits for the other.
 *
 * Out of memory: who finds no room waits for a collection. When it ends others may be
 * faster, and have used up again what it brought; then there is another one to wait for,
 * however often. Memory is out only if a whole collection, one that has begun after
 * the request was made, has found so much live that there was no room for the request by
 * itself.
 *
 * With --generational buffers are in the nursery, and nothing has to be granted.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gc_priv.h"

__thread struct mutator *gc_self;

void gc_die(const char *format, ...)
{
	va_list args;
	char text[256];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dprintf(STDOUT_FILENO, "gc: FATAL: %s\n", text);
	_exit(1);
}

void gc_enter(struct gc *gc, struct mutator *m)
{
	static const atomic_bool never;

	memset(m, 0, sizeof(*m));
	gc_self = m;
	m->gc = gc;
	m->stop = gc ? &gc->stop : &never;
	if (!gc)
		return;
	m->torture_left = gc->config.torture;
	signals_enter();
	pthread_mutex_lock(&gc->lock);
	while (atomic_load_explicit(&gc->stop, memory_order_relaxed))
		pthread_cond_wait(&gc->to_mutators, &gc->lock);
	gc->running++;
	m->next = gc->mutators;
	gc->mutators = m;
	pthread_mutex_unlock(&gc->lock);
}

void gc_leave(struct mutator *m)
{
	struct gc *gc = m->gc;
	struct mutator **link;

	gc_self = NULL;
	m->cpu_ns = thread_ns();
	if (!gc)
		return;
	pthread_mutex_lock(&gc->lock);
	for (link = &gc->mutators; *link != m; link = &(*link)->next)
		;
	*link = m->next;
	gc->running--;
	pthread_cond_signal(&gc->to_collector);
	pthread_mutex_unlock(&gc->lock);
	signals_leave();
}

/* Stand still until the world goes on. Called with gc->lock held. */
static void mutator_park_locked(struct gc *gc)
{
	gc->running--;
	pthread_cond_signal(&gc->to_collector);
	while (atomic_load_explicit(&gc->stop, memory_order_relaxed))
		pthread_cond_wait(&gc->to_mutators, &gc->lock);
	gc->running++;
}

void gc_park(struct mutator *m)
{
	pthread_mutex_lock(&m->gc->lock);
	if (atomic_load_explicit(&m->gc->stop, memory_order_relaxed))
		mutator_park_locked(m->gc);
	pthread_mutex_unlock(&m->gc->lock);
}

void gc_rest(struct mutator *m, uint64_t ns)
{
	struct timespec rest = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	struct gc *gc = m->gc;

	if (!gc) {
		nanosleep(&rest, NULL);
		return;
	}
	pthread_mutex_lock(&gc->lock);
	gc->running--;
	pthread_cond_signal(&gc->to_collector);
	pthread_mutex_unlock(&gc->lock);
	nanosleep(&rest, NULL);
	pthread_mutex_lock(&gc->lock);
	while (atomic_load_explicit(&gc->stop, memory_order_relaxed))
		pthread_cond_wait(&gc->to_mutators, &gc->lock);
	gc->running++;
	pthread_mutex_unlock(&gc->lock);
}

/*
 * Torture: a collection has ended, but others are faster than who has waited for it. They
 * use up what it brought, until another one has ended. Called with gc->lock held, parked.
 */
static void mutator_outrun_locked(struct gc *gc)
{
	uint64_t cycles = gc->cycles;

	while (gc->cycles == cycles && gc->running) {
		pthread_mutex_unlock(&gc->lock);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		pthread_mutex_lock(&gc->lock);
	}
}

/* Wait, parked, for a collection to end. Called with gc->lock held. */
static void mutator_wait_locked(struct gc *gc, bool outrun)
{
	uint64_t cycles = gc->cycles, start = now_ns();

	gc_request_locked(gc);
	gc->running--;
	pthread_cond_signal(&gc->to_collector);
	while (gc->cycles == cycles ||
	       atomic_load_explicit(&gc->stop, memory_order_relaxed))
		pthread_cond_wait(&gc->to_mutators, &gc->lock);
	if (outrun)
		mutator_outrun_locked(gc);
	while (atomic_load_explicit(&gc->stop, memory_order_relaxed))
		pthread_cond_wait(&gc->to_mutators, &gc->lock);
	gc->running++;
	samples_add(&gc->stall, now_ns() - start);
}

/*
 * Ask for a collection in time: when half of the room that the last one left is
 * gone, so that there is some for what is allocated meanwhile.
 */
static void mutator_pace_locked(struct gc *gc)
{
	uint64_t live;

	/* While it collects copy_top is the collector's. A nursery may become full. */
	if (gc->collecting || gc->config.generational)
		return;
	live = gc->to->copy_top;
	if (space_used(gc->to) > live + (gc->to->map.bytes - live) / 2)
		gc_request_locked(gc);
}

/* Where new objects of so many bytes go; changes while the world stands still only. */
static struct space *mutator_space(struct gc *gc, uint64_t bytes)
{
	return gc->config.generational && !young_is_large(gc, bytes) ? &gc->nursery : gc->to;
}

static uint64_t mutator_carve_locked(struct gc *gc, uint64_t bytes)
{
	if (gc->config.generational && young_is_large(gc, bytes))
		return young_carve_old(gc, bytes);
	return space_carve(mutator_space(gc, bytes), bytes);
}

/*
 * Whether collection number @whole, or a later one, has left no room for a request, no
 * matter who else wanted some. Called with gc->lock held.
 */
static bool mutator_is_out_locked(const struct gc *gc, uint64_t whole, uint64_t bytes)
{
	if (gc->config.generational && !young_is_large(gc, bytes))
		return false;		/* the nursery was empty */
	return gc->cycles >= whole && gc->room < bytes;
}

/* Take room for new objects; returns its offset. Called with gc->lock held. */
static uint64_t mutator_take_locked(struct gc *gc, uint64_t bytes)
{
	uint64_t whole = gc->cycles + 1 + gc->collecting;	/* one under way is not whole */
	unsigned int waits = 0;
	uint64_t at;

	while ((at = mutator_carve_locked(gc, bytes)) == GC_NO_ROOM) {
		if (mutator_is_out_locked(gc, whole, bytes))
			gc_die("the heap is full: %llu bytes wanted; raise --heap",
			       (unsigned long long)bytes);
		mutator_wait_locked(gc, waits++ < gc->config.outrun);
	}
	return at;
}

/* Take, clear and grant room for new objects; returns its address for the mutators. */
static uint8_t *mutator_room(struct mutator *m, uint64_t bytes)
{
	struct gc *gc = m->gc;
	struct page_run run = { 0, bytes / gc->page };
	struct space *space;
	uint64_t at;
	int err = 0;

	pthread_mutex_lock(&gc->lock);
	at = mutator_take_locked(gc, bytes);
	mutator_pace_locked(gc);
	pthread_mutex_unlock(&gc->lock);

	/* No flip can come here: this mutator is running. */
	space = mutator_space(gc, bytes);
	memset(space_at(space, at), 0, bytes);
	run.first = at / gc->page;
	if (gc->barrier.ops->grant)
		err = gc->barrier.ops->grant(&gc->barrier, &space->map, &run, 1);
	if (err && gc->config.sabotage == GC_SABOTAGE_NONE)
		gc_die("new pages were not granted: %s", strerror(-err));
	return (uint8_t *)space_ref(space, at);
}

static void *mutator_bump(struct mutator *m, uint64_t bytes)
{
	uint64_t buffer = GC_TLAB_PAGES * m->gc->page;
	void *o;

	if (m->gc->config.generational && young_is_large(m->gc, bytes))
		return mutator_room(m, bytes);	/* old objects lie end to end */
	if (bytes > (size_t)(m->end - m->top)) {
		if (bytes > buffer / 4)		/* pages of its own */
			return mutator_room(m, (bytes + m->gc->page - 1) & ~(uint64_t)(m->gc->page - 1));
		m->top = mutator_room(m, buffer);
		m->end = m->top + buffer;
	}
	o = m->top;
	m->top += bytes;
	return o;
}

/* Ask for a flip. The first one is waited for, or else a short run might be over before it. */
static void mutator_torture(struct mutator *m)
{
	struct gc *gc = m->gc;

	m->torture_left = gc->config.torture;
	pthread_mutex_lock(&gc->lock);
	if (gc->requested && !gc->cycles)
		mutator_wait_locked(gc, false);
	else
		gc_request_locked(gc);
	pthread_mutex_unlock(&gc->lock);
}

struct obj *gc_alloc(struct mutator *m, uint32_t nr_ptrs, uint64_t nr_data)
{
	uint64_t header = obj_header(nr_ptrs, 1 + nr_ptrs + nr_data);
	uint64_t bytes = obj_bytes(header);
	struct obj *o;

	if (m->torture_left && !--m->torture_left)
		mutator_torture(m);
	gc_poll(m);
	o = m->gc ? mutator_bump(m, bytes) : calloc(1, bytes);
	if (!o)
		gc_die("out of memory");
	o->header = header;
	m->objects++;
	m->bytes += bytes;
	return o;
}

void gc_drop(struct mutator *m, struct obj *o)
{
	if (!m->gc)
		free(o);
}

struct obj **gc_push(struct mutator *m, struct obj *o)
{
	if (m->nr_roots == GC_MAX_ROOTS)
		gc_die("too many roots");
	m->root[m->nr_roots] = o;
	return &m->root[m->nr_roots++];
}

struct obj **gc_global(struct mutator *m, unsigned int i)
{
	return m->gc ? &m->gc->global[i] : NULL;
}

/* Write to a byte of each page: who may not write to it waits, or traps, and may then. */
static void mutator_touch(struct mutator *m, volatile uint8_t *start, size_t bytes)
{
	volatile uint8_t *p;

	m->touched++;
	for (p = start; p < start + bytes; p += m->gc->page)
		*p = *p;
	start[bytes - 1] = start[bytes - 1];
}

int gc_pread(struct mutator *m, int fd, void *to, size_t bytes, off_t at)
{
	uint8_t *p = to;
	ssize_t n;

	while (bytes) {
		n = pread(fd, p, bytes, at);
		if (n < 0 && errno == EFAULT && m->gc && !m->gc->barrier.ops->kernel_waits) {
			mutator_touch(m, p, bytes);
			continue;
		}
		if (n <= 0)
			return -1;
		p += n;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}
