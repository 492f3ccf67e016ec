// SPDX-License-Identifier: MIT
/*
 * A concurrent copying collector: Baker's, with the page barrier of Appel, Ellis
 * and Li ("Real-time concurrent collection on stock multiprocessors", 1988)
 *
 * Two semispaces. Mutators allocate in to-space until it is half full; then comes
 * the *flip*: with the mutators stopped the spaces change their names, the
 * objects that the roots refer to are copied to the new to-space, and the
 * roots refer to the copies. The mutators go on at once, while the references
 * inside these copies still lead to from-space. Baker's invariant is that a
 * mutator never sees such a reference. Baker checks each load; Appel, Ellis and
 * Li use page protection: a page of copies is inaccessible to the mutators until
 * it has been *scanned*, that is until the collector has copied whatever its
 * references lead to and replaced them by the new addresses. A mutator that
 * touches such a page traps and waits for just this page. Meanwhile a background
 * thread scans page by page; when no page is left nobody has a way to
 * from-space, and its memory is free.
 *
 * How the pages are kept from the mutators: to-space is empty, or has been
 * revoked as a whole before the flip. The collector writes copies through its own
 * view of the same memory. So a page of copies is in memory, but the mutators may
 * not use it; how, and how they wait, is the barrier's: see barrier.h.
 *
 * *Scan, then grant; never the other way round.* The barrier is a page that the
 * mutators do not have: once it is granted the barrier is gone, for all threads,
 * and nobody traps any more. So every reference in a page is forwarded through the
 * collector's view, and only then is the page mapped for the mutators. The
 * kernel's page table lock orders our stores before their loads.
 *
 * One thread does all the scanning and the copying, so copying needs no lock, and
 * traps come first: they are looked for before each page of the background's. (With
 * the barrier soft mutators copy too, and no page is granted: soft.c.) Pages that the
 * background has scanned are granted in groups, see grant.c.
 *
 * Races:
 *
 * - *Fault against background scan.* Both are this thread. A fault may be read
 *   from the queue after its page was granted: then there is only a waiter to
 *   wake, and the kernel has done that.
 * - *Fault against copying.* Copies may be added to a page as long as it is not
 *   granted. The last page is scanned while copies of what it refers to fill it
 *   up behind the scan. If the scan catches up in the middle of the page, a trap
 *   closes it with a filler: later copies go to the next page. Each such
 *   page leaves room empty, up to padding_left; beyond that the trap is
 *   *deferred* till the page is full, or all is scanned.
 * - *Objects across pages.* Only the part in the page is scanned; the crossing
 *   map says where the object at its first byte starts, whose header never changes.
 *   Mutators may write to parts of it in granted pages at the same time: we read
 *   and write words of this page only.
 * - *Flip against fault, flip against allocation*: see world.c.
 */
#include <string.h>
#include <time.h>

#include "gc_priv.h"
#include "soft.h"

/* Copy an object to to-space; returns its new address. */
struct obj *collector_copy(struct gc *gc, struct obj *old)
{
	struct space *to = gc->to;
	uint64_t header = old->header, bytes = obj_bytes(header), at = to->copy_top;

	if (bytes > to->low - at)
		gc_die("there is more to copy than there was");
	if (gc->barrier.ops->soft && gc->config.sabotage == GC_SABOTAGE_ORDER) {
		/* The soft barrier's own mistake of this kind. */
		__atomic_store_n(&old->header, (uintptr_t)space_ref(to, at), __ATOMIC_RELEASE);
		if (stat_read(&gc->stats.objects_copied) % 32 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		space_at(to, at)->header = header;
	}
	memcpy(space_at(to, at), old, bytes);
	space_at(to, at)->header = header;
	space_cover(gc, to, at, bytes);
	to->copy_top = at + bytes;
	/* Pairs with the acquire in soft_forward(). */
	__atomic_store_n(&old->header, (uintptr_t)space_ref(to, at), __ATOMIC_RELEASE);
	stat_add(&gc->stats.objects_copied, 1);
	stat_add(&gc->stats.bytes_copied, bytes);
	return space_ref(to, at);
}

/* The new address of an object in from-space, which is copied if need be. */
static struct obj *collector_forward(struct gc *gc, struct obj *ref)
{
	uint64_t offset = space_offset(gc->from, ref);
	struct obj *old;

	if (!ref)
		return NULL;
	if (offset >= gc->from->map.bytes || offset % sizeof(uint64_t)) {
		/* A mutator that got past the barrier has spread the wrong ones. */
		gc_die("a reference that is not scanned leads to %p, not to from-space",
		       (void *)ref);
	}
	old = space_at(gc->from, offset);
	if (old->header & OBJ_IS_HEADER)
		return collector_copy(gc, old);
	return (struct obj *)(uintptr_t)old->header;
}

/* Forward what lies in [start, end) of the references of the object at @at. */
static void collector_scan_object(struct gc *gc, uint64_t at, uint64_t start, uint64_t end)
{
	struct obj *o = space_at(gc->to, at);
	unsigned int i, stop;

	obj_refs_within(o, at, start, end, &i, &stop);
	for (; i < stop; i++)
		obj_set(o, i, collector_forward(gc, obj_get(o, i)));
}

/*
 * Scan a page from where its scan last stopped, as far as there are copies in
 * it; more may come while we scan. Returns true if the page is full and done.
 */
static bool collector_scan(struct gc *gc, size_t page)
{
	struct space *to = gc->to;
	uint64_t start = page * gc->page, end = start + gc->page;
	uint64_t at = to->cross[page] * sizeof(uint64_t);

	if (page == gc->partial_page)
		at = gc->partial_at;
	else if (gc->config.sabotage == GC_SABOTAGE_CROSS && at < start)
		at += obj_bytes(space_at(to, at)->header);
	while (at < end && at < to->copy_top) {
		collector_scan_object(gc, at, start, end);
		at += obj_bytes(space_at(to, at)->header);
	}
	if (to->copy_top >= end)
		return true;
	gc->partial_page = page;
	gc->partial_at = at;
	return false;
}

/* Fill up the last page, so that no copy is put into it any more. */
static void collector_close(struct gc *gc, size_t page)
{
	struct space *to = gc->to;
	uint64_t rest = (page + 1) * gc->page - to->copy_top;

	space_at(to, to->copy_top)->header = obj_header(0, rest / sizeof(uint64_t));
	to->copy_top += rest;
	stat_add(&gc->stats.padding, rest);
}

/*
 * Scan a page, then grant it. The last page may turn out to be not full: then it
 * is closed if @may_pad more bytes may stay empty, or else left for later.
 */
static void collector_page_once(struct gc *gc, size_t page, uint64_t may_pad)
{
	uint64_t rest;

	if (gc->config.sabotage == GC_SABOTAGE_ORDER) {
		grant_now(gc, page);
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
	if (!collector_scan(gc, page)) {
		rest = (page + 1) * gc->page - gc->to->copy_top;
		if (rest > may_pad) {
			gc->deferred = page;
			stat_add(&gc->stats.deferrals, 1);
			return;
		}
		gc->padding_left -= rest < gc->padding_left ? rest : gc->padding_left;
		collector_close(gc, page);
	}
	if (gc->config.sabotage != GC_SABOTAGE_ORDER)
		grant_page(gc, page);
}

/* The same, and finish the deferred page if that has filled it up. */
static void collector_page(struct gc *gc, size_t page, uint64_t may_pad)
{
	collector_page_once(gc, page, may_pad);
	while (gc->deferred != GC_NO_PAGE &&
	       (gc->deferred + 1) * gc->page <= gc->to->copy_top)
		collector_page_once(gc, gc->deferred, 0);
}

/* What to do about a page that a mutator waits for. */
static void collector_answer_page(struct gc *gc, size_t page)
{
	struct barrier *b = &gc->barrier;

	switch (gc->to->done[page]) {
	case PAGE_OPEN:
		if (b->ops->wake)
			b->ops->wake(b, &gc->to->map, page);
		return;
	case PAGE_SHUT:
		grant_wanted(gc, page);
		return;
	case PAGE_SCANNED:
		break;
	default:
		if (page == gc->deferred)
			return;
		collector_page(gc, page, gc->padding_left);
		stat_add(&gc->stats.pages_trapped, 1);
	}
	grant_pending(gc);
}

static void collector_answer(struct gc *gc, const struct trap *trap)
{
	struct space *to = gc->to;
	uint64_t offset = trap->addr - (uintptr_t)to->map.mutator;

	if (trap->missing || offset >= to->copy_top)
		gc_die("a mutator %s %#lx, where there is no copy%s",
		       trap->write ? "wrote to" : "read from", (unsigned long)trap->addr,
		       trap->missing ? " and no memory" : "");
	collector_answer_page(gc, offset / gc->page);
}

/*
 * How long a mutator has waited cannot be known. What is kept is never less: the
 * time since the queue was seen empty, or since this thread was last woken.
 */
static void collector_waited(struct gc *gc, uint32_t thread)
{
	struct waiter *w = &gc->waiters[thread % GC_WAITERS];
	uint64_t since = gc->queue_empty_ns, now = now_ns();

	if (w->thread == thread && w->woken_ns > since)
		since = w->woken_ns;
	if (gc->deferred != GC_NO_PAGE && gc->nr_deferred < GC_WAITERS) {
		/* It may be the one that waits on; if not, this is no less either. */
		gc->deferred_ns[gc->nr_deferred++] = since;
		return;
	}
	samples_add(&gc->trap, now - since);
	*w = (struct waiter){ thread, now };
}

/* Answer every mutator that waits. */
static void collector_serve(struct gc *gc)
{
	struct trap trap;
	uint64_t now = now_ns();
	int err;

	while ((err = gc->barrier.ops->next_trap(&gc->barrier, &gc->to->map, &trap)) > 0) {
		collector_answer(gc, &trap);
		stat_add(&gc->stats.traps, 1);
		collector_waited(gc, trap.thread);
		now = now_ns();
	}
	if (err < 0)
		gc_die("traps cannot be read: %s", strerror(-err));
	gc->queue_empty_ns = now;
}

/*
 * Scan every page of copies, traps first. At the end nothing leads to from-space, and
 * the mutators have all pages. A trap by signal may still come from one that had not
 * been granted when it was made, so there is a last look.
 */
static void collector_scan_all(struct gc *gc)
{
	struct space *to = gc->to;

	for (;;) {
		collector_serve(gc);
		while (gc->background * gc->page < to->copy_top && to->done[gc->background])
			gc->background++;
		if (gc->background * gc->page >= to->copy_top)
			break;
		/* All pages before it are done: if it is not full now, it never will be. */
		collector_page(gc, gc->background, gc->page);
		stat_add(&gc->stats.pages_background, 1);
		if (gc->config.shuffle)
			grant_shuffle(gc);
	}
	grant_shut(gc);
	grant_pending(gc);
	collector_serve(gc);
}

/* Get to-space ready: no mutator has a page of it when this returns. */
static void collector_prepare(struct gc *gc, struct space *s)
{
	int err = 0;

	if (!s->mapped) {
		err = space_create(gc, s);
		if (err)
			gc_die("%s: %s", gc->barrier.failed, strerror(-err));
	}
	if (gc->config.sabotage != GC_SABOTAGE_REVOKE && gc->barrier.ops->revoke)
		err = gc->barrier.ops->revoke(&gc->barrier, &s->map,
					      (struct page_run){ 0, s->map.bytes / gc->page });
	if (err)
		gc_die("to-space was not revoked: %s", strerror(-err));
	memset(s->done, 0, gc->config.heap_bytes / gc->page);
	s->copy_top = 0;
	gc->background = 0;
	gc->deferred = GC_NO_PAGE;
	gc->partial_page = GC_NO_PAGE;
}

/* With the world stopped: exchange the spaces and make room for copies. */
static void collector_exchange(struct gc *gc)
{
	struct space *to = gc->from;
	uint64_t used = space_used(gc->to), size = to->map.bytes;

	gc->from = gc->to;
	gc->to = to;
	gc->padding_left = (size - used) / 16 & ~(uint64_t)(gc->page - 1);
	if (gc->padding_left > gc->config.padding)
		gc->padding_left = gc->config.padding;
	to->low = used + gc->padding_left;
	to->alloc_bottom = size;
}

/* With the world stopped: forward all roots, drop all allocation buffers. */
static void collector_roots(struct gc *gc)
{
	struct mutator *m;
	unsigned int i;

	for (i = 0; i < GC_MAX_GLOBALS; i++)
		gc->global[i] = collector_forward(gc, gc->global[i]);
	for (m = gc->mutators; m; m = m->next) {
		m->top = NULL;
		m->end = NULL;
		for (i = 0; i < m->nr_roots; i++)
			m->root[i] = collector_forward(gc, m->root[i]);
	}
}

/* The pause: as long as stopping takes, and copying what the roots refer to. */
static void collector_flip(struct gc *gc)
{
	uint64_t start = now_ns();

	world_stop(gc);
	collector_exchange(gc);
	collector_roots(gc);
	gc->queue_empty_ns = now_ns();
	if (gc->barrier.ops->soft)
		soft_begin(gc);
	world_resume(gc);
	samples_add(&gc->stop_pauses, now_ns() - start);
}

/* The soft barrier's scan, and its second pause. */
static void collector_soft(struct gc *gc)
{
	uint64_t start;

	soft_scan_all(gc);
	start = now_ns();
	soft_end(gc);
	samples_add(&gc->stop_pauses, now_ns() - start);
}

static void collector_collect(struct gc *gc)
{
	/*
	 * To-space was from-space until the last collection ended, and nobody has
	 * a reference to it: so it can be revoked while the mutators still run.
	 */
	collector_prepare(gc, gc->from);
	collector_flip(gc);
	if (gc->barrier.ops->soft)
		collector_soft(gc);
	else
		collector_scan_all(gc);

	pthread_mutex_lock(&gc->lock);
	gc->to->low = gc->to->copy_top;
	gc->room = gc->to->map.bytes - gc->to->copy_top;
	gc->collecting = false;
	gc->cycles++;
	pthread_cond_broadcast(&gc->to_mutators);
	pthread_mutex_unlock(&gc->lock);

	stat_add(&gc->stats.collections, 1);
	atomic_store_explicit(&gc->stats.live, gc->to->copy_top, memory_order_relaxed);
}

/* A collection, and what comes after it. */
static void collector_cycle(struct gc *gc)
{
	unsigned int every = gc->config.give_back;

	if (gc->config.generational) {
		young_collect(gc);
		return;
	}
	collector_collect(gc);
	if (every && stat_read(&gc->stats.collections) % every == 0)
		space_give_back(gc, gc->from);
	if (gc->config.verify)
		verify_heap(gc);
}

void *collector_thread(void *arg)
{
	struct gc *gc = arg;

	pthread_mutex_lock(&gc->lock);
	while (!gc->quit) {
		if (!gc->requested) {
			pthread_cond_wait(&gc->to_collector, &gc->lock);
			continue;
		}
		gc->requested = false;
		gc->collecting = true;
		pthread_mutex_unlock(&gc->lock);
		collector_cycle(gc);
		pthread_mutex_lock(&gc->lock);
	}
	pthread_mutex_unlock(&gc->lock);
	gc->cpu_ns = thread_ns();
	return NULL;
}
