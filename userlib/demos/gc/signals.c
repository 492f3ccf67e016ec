// SPDX-License-Identifier: MIT
/*
 * Traps by signal: a mutator waits for a page in its SIGSEGV handler
 *
 * Each mutator has a slot. Its handler posts the address there, and sleeps on the
 * slot until the collector has answered:
 *
 *	IDLE -> POSTED    the handler
 *	POSTED -> TAKEN   the collector, in signals_next_trap()
 *	TAKEN -> IDLE     the collector, when it has opened the page
 *	POSTED -> IDLE    the handler, if the page has been opened meanwhile
 *
 * Post against open: the handler stores POSTED and then reads whether the page is
 * open; the collector stores that it is and then looks for POSTED. With a full
 * fence between the two on either side one of them sees the other's store, so
 * nobody sleeps for a page that the collector takes to be done.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gc.h"
#include "remember.h"
#include "signals.h"

#define MAX_SLOTS	80U
#define MAX_WATCHED	2U

enum { SLOT_IDLE, SLOT_POSTED, SLOT_TAKEN };

struct slot {
	_Atomic uint32_t state;
	atomic_bool used;
	uint32_t thread;
	uintptr_t addr;
};

/* A semispace; @start is written last when it comes, and first when it goes. */
struct watched {
	_Atomic uintptr_t start;
	size_t bytes;
	struct barrier *b;
	_Atomic uint8_t *open;	/* a byte for each page; remembered set: it was written to */
};

static struct slot slots[MAX_SLOTS];
static struct watched spaces[MAX_WATCHED];
static atomic_uint nr_posted;
static __thread struct slot *my_slot;

/* ---- the mutator's side --------------------------------------------------- */

static struct watched *signals_space(uintptr_t addr)
{
	uintptr_t start;
	unsigned int i;

	for (i = 0; i < MAX_WATCHED; i++) {
		/* Pairs with the release in signals_watch(). */
		start = atomic_load_explicit(&spaces[i].start, memory_order_acquire);
		if (start && addr - start < spaces[i].bytes)
			return &spaces[i];
	}
	return NULL;
}

static void signals_wait(struct watched *space, uintptr_t addr)
{
	struct slot *s = my_slot;
	size_t page = (addr - space->start) / space->b->page;
	uint32_t state = SLOT_POSTED;

	s->addr = addr;
	/* Pairs with the load in signals_next_trap(). */
	atomic_store_explicit(&s->state, SLOT_POSTED, memory_order_release);
	atomic_fetch_add(&nr_posted, 1);
	/* Pairs with the fence in signals_opened(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&space->open[page], memory_order_relaxed) &&
	    atomic_compare_exchange_strong(&s->state, &state, SLOT_IDLE)) {
		atomic_fetch_sub(&nr_posted, 1);
		return;
	}
	/* Pairs with the release in signals_answer(). */
	while ((state = atomic_load_explicit(&s->state, memory_order_acquire)) != SLOT_IDLE) {
		barrier_count(space->b, BARRIER_SLEEP);
		syscall(SYS_futex, &s->state, FUTEX_WAIT_PRIVATE, state, NULL, NULL, 0);
	}
}

/* For a remembered set: note the page, and go on. */
static void signals_written(struct watched *space, uintptr_t addr)
{
	size_t page = (addr - space->start) / space->b->page;

	if (!space->b->ops->remember->trap)
		gc_die("a stray write to %p", (void *)addr);
	space->b->ops->remember->trap(space->b, (void *)(space->start + page * space->b->page));
	/* It is looked at when the world stands still, which orders it. */
	atomic_store_explicit(&space->open[page], 1, memory_order_relaxed);
}

static void signals_handler(int sig, siginfo_t *info, void *context)
{
	struct watched *space = signals_space((uintptr_t)info->si_addr);
	int saved = errno;

	(void)sig;
	(void)context;
	/* Where no object is: in memory that was given back, say. */
	if (!space || !my_slot)
		gc_die("a stray access to %p", info->si_addr);
	if (space->b->ops->remember)
		signals_written(space, (uintptr_t)info->si_addr);
	else
		signals_wait(space, (uintptr_t)info->si_addr);
	barrier_count(space->b, BARRIER_SLEEP);	/* rt_sigreturn */
	errno = saved;
}

void signals_install(void)
{
	struct sigaction act = { .sa_sigaction = signals_handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &act, NULL);
}

void signals_enter(void)
{
	unsigned int i;
	bool no;

	for (i = 0; i < MAX_SLOTS; i++) {
		no = false;
		if (!atomic_compare_exchange_strong(&slots[i].used, &no, true))
			continue;
		slots[i].thread = (uint32_t)gettid();
		my_slot = &slots[i];
		return;
	}
	gc_die("too many mutators");
}

void signals_leave(void)
{
	atomic_store(&my_slot->used, false);
	my_slot = NULL;
}

/* ---- the collector's side ------------------------------------------------- */

int signals_watch(struct barrier *b, struct space_map *map)
{
	struct watched *w = spaces[0].start ? &spaces[1] : &spaces[0];

	w->open = calloc(map->bytes / b->page, 1);
	if (!w->open)
		return -ENOMEM;
	w->b = b;
	w->bytes = map->bytes;
	/* Pairs with the acquire in signals_space(). */
	atomic_store_explicit(&w->start, (uintptr_t)map->mutator, memory_order_release);
	return 0;
}

_Atomic uint8_t *signals_pages(const struct space_map *map)
{
	return signals_space((uintptr_t)map->mutator)->open;
}

void signals_unwatch(struct space_map *map)
{
	struct watched *w = signals_space((uintptr_t)map->mutator);

	if (!w)
		return;
	atomic_store(&w->start, 0);
	free((void *)w->open);
	w->open = NULL;
}

int signals_map(struct barrier *b, struct space_map *map, size_t bytes, int prot)
{
	int err = memfd_map(b, map, bytes, prot);

	if (err)
		return err;
	err = signals_watch(b, map);
	if (err)
		memfd_unmap(b, map);
	return err;
}

void signals_unmap(struct barrier *b, struct space_map *map)
{
	signals_unwatch(map);
	memfd_unmap(b, map);
}

void signals_shut(struct barrier *b, struct space_map *map, struct page_run run)
{
	struct watched *w = signals_space((uintptr_t)map->mutator);
	size_t i;

	(void)b;
	/* Who still sees a page open tries its access again, and traps again. */
	for (i = 0; i < run.nr; i++)
		atomic_store_explicit(&w->open[run.first + i], 0, memory_order_relaxed);
}

/* Wake who was taken and waits for a page in [start, start + bytes). */
static void signals_answer(struct barrier *b, uintptr_t start, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++) {
		struct slot *s = &slots[i];

		/* Only this thread takes, so the address is that of the taken one. */
		if (atomic_load_explicit(&s->state, memory_order_acquire) != SLOT_TAKEN ||
		    s->addr - start >= bytes)
			continue;
		/* Pairs with the acquire in signals_wait(). */
		atomic_store_explicit(&s->state, SLOT_IDLE, memory_order_release);
		barrier_count(b, BARRIER_WAKE);
		syscall(SYS_futex, &s->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

void signals_opened(struct barrier *b, struct space_map *map, struct page_run run)
{
	struct watched *w = signals_space((uintptr_t)map->mutator);
	size_t i;

	for (i = 0; i < run.nr; i++)
		atomic_store_explicit(&w->open[run.first + i], 1, memory_order_relaxed);
	/* Pairs with the fence in signals_wait(). */
	atomic_thread_fence(memory_order_seq_cst);
	signals_answer(b, (uintptr_t)map->mutator + run.first * b->page, run.nr * b->page);
}

int signals_wake(struct barrier *b, struct space_map *map, size_t page)
{
	signals_answer(b, (uintptr_t)map->mutator + page * b->page, b->page);
	return 0;
}

int signals_next_trap(struct barrier *b, struct space_map *map, struct trap *trap)
{
	uint32_t state;
	unsigned int i;

	(void)b;
	(void)map;
	if (!atomic_load(&nr_posted))
		return 0;
	for (i = 0; i < MAX_SLOTS; i++) {
		state = SLOT_POSTED;
		/* Pairs with the release in signals_wait(). */
		if (!atomic_compare_exchange_strong(&slots[i].state, &state, SLOT_TAKEN))
			continue;
		atomic_fetch_sub(&nr_posted, 1);
		*trap = (struct trap){ .addr = slots[i].addr, .thread = slots[i].thread };
		return 1;
	}
	return 0;
}
