// SPDX-License-Identifier: MIT
/*
 * The engine munmap: a mapping for each unit, epochs in user space, membarrier()
 *
 * Code is written to an anonymous mapping, which then becomes executable: never both
 * at once. A unit that is out of the table is unmapped when every runner has left the
 * section in which it may have found it. To enter, a runner stores the epoch; no fence,
 * as membarrier() makes every CPU that runs a thread of this process have one:
 *
 *	runner                          who retires
 *	  load epoch (acquire)            take the unit out of the table
 *	  store active                    raise the epoch (release)
 *	  [compiler barrier]              membarrier()
 *	  load the unit                   load active (acquire), wait, unmap
 *	  run
 *	  store active = 0 (release)
 *
 * If the runner's barrier, wherever membarrier() put it, comes after its store, who
 * retires sees it inside, and waits. If it comes before, the runner loads the unit
 * later than it was taken out, and does not find it. A runner that has loaded the
 * raised epoch does not find it either, by acquire and release, and is not waited for.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "engine.h"

#define POLL_NS	20000

struct mapper {
	_Atomic uint64_t epoch;
	_Atomic(struct guard *) guards;	/* of all runners so far */
	_Atomic uint64_t pages;		/* that are mapped, or about to be */
	_Atomic unsigned int retiring;	/* threads */
};

static int engine_munmap_open(struct engine *e)
{
	struct mapper *m = calloc(1, sizeof(*m));

	e->failed = "membarrier() is not there";
	if (!m)
		return -ENOMEM;
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
		free(m);
		e->absent = true;
		return -EOPNOTSUPP;
	}
	atomic_store_explicit(&m->epoch, 1, memory_order_relaxed);
	e->priv = m;
	return 0;
}

static void engine_munmap_close(struct engine *e)
{
	free(e->priv);
}

/* The guard is there for as long as the engine: nothing ever leaves the list. */
static int engine_munmap_attach(struct engine *e, struct guard *g)
{
	struct mapper *m = e->priv;

	g->next = atomic_load_explicit(&m->guards, memory_order_relaxed);
	/* Pairs with the acquire in mapper_wait(): the guard as it is now. */
	while (!atomic_compare_exchange_weak_explicit(&m->guards, &g->next, g,
						      memory_order_release,
						      memory_order_relaxed))
		;
	return 0;
}

static void engine_munmap_detach(struct engine *e, struct guard *g)
{
	(void)e;
	(void)g;
}

static void engine_munmap_enter(struct engine *e, struct guard *g)
{
	struct mapper *m = e->priv;
	/* Pairs with the release in mapper_wait(). */
	uint64_t epoch = atomic_load_explicit(&m->epoch, memory_order_acquire);

	atomic_store_explicit(&g->active, epoch, memory_order_relaxed);
	/* Pairs with membarrier(): a barrier for the compiler, here, is enough. */
	atomic_signal_fence(memory_order_seq_cst);
}

static void engine_munmap_leave(struct engine *e, struct guard *g)
{
	(void)e;
	/* Pairs with the acquire in mapper_wait(): all use comes before. */
	atomic_store_explicit(&g->active, 0, memory_order_release);
}

/* Take @nr pages of the limit, or none. */
static bool mapper_reserve(struct engine *e, struct mapper *m, uint64_t nr)
{
	uint64_t pages = atomic_load_explicit(&m->pages, memory_order_relaxed);

	do {
		if (nr > e->max_pages - pages)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&m->pages, &pages, pages + nr,
							memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

static int engine_munmap_place(struct engine *e, const struct code *code, struct piece *piece)
{
	uint64_t nr = engine_pages(e, code->length);
	struct mapper *m = e->priv;
	uint8_t *p;

	if (!mapper_reserve(e, m, nr))
		return atomic_load_explicit(&m->retiring, memory_order_relaxed) ?
		       -EAGAIN : -ENOSPC;
	p = mmap(NULL, nr * e->page_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	memcpy(p, code->start, code->length);
	if (mprotect(p, nr * e->page_size, PROT_READ | PROT_EXEC))
		die("mprotect: %s", strerror(errno));
	engine_count(&e->counts.calls, 2);
	*piece = (struct piece){ .exec = p, .bytes = code->length, .nr_pages = nr };
	engine_sync_code(e, piece->exec, piece->bytes);
	return 0;
}

static void mapper_sleep(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
}

static void engine_munmap_wait(struct engine *e)
{
	(void)e;
	mapper_sleep();
}

/* Until every runner has left the section that it is in now. */
static void mapper_wait(struct engine *e, struct mapper *m)
{
	/* Release: what was taken out of the table is out; pairs with enter(). */
	uint64_t epoch = atomic_fetch_add_explicit(&m->epoch, 1, memory_order_release) + 1;
	uint64_t start = now_ns(), active;
	bool waited = false;
	struct guard *g;

	engine_count(&e->counts.calls, 1);
	engine_count(&e->counts.barriers, 1);
	/* Pairs with the compiler barrier in enter(). */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		die("membarrier: %s", strerror(errno));
	g = atomic_load_explicit(&m->guards, memory_order_acquire);
	for (; g; g = g->next) {
		/* Pairs with the release in leave(). */
		while ((active = atomic_load_explicit(&g->active, memory_order_acquire)) &&
		       active < epoch) {
			waited = true;
			mapper_sleep();
		}
	}
	if (waited) {
		engine_count(&e->counts.waits, 1);
		engine_count(&e->counts.wait_ns, now_ns() - start);
	}
}

static void engine_munmap_retire(struct engine *e, struct unit **units, unsigned int nr)
{
	struct mapper *m = e->priv;
	unsigned int i;

	atomic_fetch_add_explicit(&m->retiring, 1, memory_order_relaxed);
	mapper_wait(e, m);
	for (i = 0; i < nr; i++) {
		const struct piece *piece = &units[i]->piece;

		if (munmap((void *)(uintptr_t)piece->exec, piece->nr_pages * e->page_size))
			die("munmap: %s", strerror(errno));
		engine_count(&e->counts.calls, 1);
		engine_count(&e->counts.returned, piece->nr_pages);
		atomic_fetch_sub_explicit(&m->pages, piece->nr_pages, memory_order_relaxed);
		engine_unit_done(e, units[i]);
	}
	atomic_fetch_sub_explicit(&m->retiring, 1, memory_order_relaxed);
}

static void engine_munmap_finish(struct engine *e)
{
	(void)e;
}

static uint64_t engine_munmap_resident(struct engine *e)
{
	struct mapper *m = e->priv;

	return atomic_load_explicit(&m->pages, memory_order_relaxed);
}

const struct engine_ops engine_munmap = {
	.name = "munmap",
	.what = "a mapping for each unit; epochs, membarrier() and munmap()",
	.open = engine_munmap_open,
	.close = engine_munmap_close,
	.attach = engine_munmap_attach,
	.detach = engine_munmap_detach,
	.enter = engine_munmap_enter,
	.leave = engine_munmap_leave,
	.place = engine_munmap_place,
	.wait = engine_munmap_wait,
	.retire = engine_munmap_retire,
	.finish = engine_munmap_finish,
	.resident = engine_munmap_resident,
};
