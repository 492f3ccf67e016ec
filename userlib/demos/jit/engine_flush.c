// SPDX-License-Identifier: MIT
/*
 * The engine flush: one buffer; when it is full, all stop, and all of it goes
 *
 * What QEMU's TCG does with its translation blocks. Code is appended to a memfd that
 * is mapped twice, writable and executable. A unit that is replaced wastes its room
 * until the next flush. For that every runner comes to its safe point and waits there;
 * the table is emptied, and the buffer is used from its beginning again. Units that
 * nobody had any reason to drop are dropped, too, and have to be compiled again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"

struct flusher {
	int fd;
	uint8_t *write;
	uint8_t *exec;
	size_t used;			/* callers exclude each other */
	struct unit *dead;		/* likewise: out of the table since the last flush */
	atomic_bool stop;		/* set under the engine's lock */
	unsigned int running;		/* not at the safe point; under the lock */
	pthread_cond_t to_runners;
	pthread_cond_t to_stopper;
};

static size_t flusher_bytes(const struct engine *e)
{
	return e->max_pages * e->page_size;
}

static uint8_t *flusher_map(const struct engine *e, int fd, int prot)
{
	void *p = mmap(NULL, flusher_bytes(e), prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void engine_flush_close(struct engine *e)
{
	struct flusher *f = e->priv;

	if (f->write)
		munmap(f->write, flusher_bytes(e));
	if (f->exec)
		munmap(f->exec, flusher_bytes(e));
	if (f->fd >= 0)
		close(f->fd);
	pthread_cond_destroy(&f->to_runners);
	pthread_cond_destroy(&f->to_stopper);
	free(f);
}

static int engine_flush_open(struct engine *e)
{
	struct flusher *f = calloc(1, sizeof(*f));
	int err = 0;

	e->failed = "a memfd cannot be had, or not be mapped executable";
	if (!f)
		return -ENOMEM;
	e->priv = f;
	pthread_cond_init(&f->to_runners, NULL);
	pthread_cond_init(&f->to_stopper, NULL);
	f->fd = memfd_create("jit", MFD_CLOEXEC);
	if (f->fd < 0 || ftruncate(f->fd, (off_t)flusher_bytes(e)))
		err = -errno;
	if (!err) {
		f->write = flusher_map(e, f->fd, PROT_READ | PROT_WRITE);
		f->exec = flusher_map(e, f->fd, PROT_READ | PROT_EXEC);
		if (!f->write || !f->exec)
			err = -errno;
	}
	if (err)
		engine_flush_close(e);
	return err;
}

static int engine_flush_attach(struct engine *e, struct guard *g)
{
	struct flusher *f = e->priv;

	(void)g;
	pthread_mutex_lock(&e->lock);
	f->running++;
	pthread_mutex_unlock(&e->lock);
	return 0;
}

static void engine_flush_detach(struct engine *e, struct guard *g)
{
	struct flusher *f = e->priv;

	(void)g;
	pthread_mutex_lock(&e->lock);
	f->running--;
	pthread_cond_signal(&f->to_stopper);
	pthread_mutex_unlock(&e->lock);
}

/* A runner that does not wait for others need do nothing to use what it finds. */
static void engine_flush_nothing(struct engine *e, struct guard *g)
{
	(void)e;
	(void)g;
}

static void engine_flush_safepoint(struct engine *e, struct guard *g)
{
	struct flusher *f = e->priv;
	uint64_t start, ns;

	/* Who misses it comes here again soon. The lock orders the rest. */
	if (!atomic_load_explicit(&f->stop, memory_order_relaxed))
		return;
	start = now_ns();
	pthread_mutex_lock(&e->lock);
	f->running--;
	pthread_cond_signal(&f->to_stopper);
	while (atomic_load_explicit(&f->stop, memory_order_relaxed))
		pthread_cond_wait(&f->to_runners, &e->lock);
	f->running++;
	pthread_mutex_unlock(&e->lock);
	ns = now_ns() - start;
	g->stalls++;
	g->stall_ns += ns;
	if (ns > g->longest_ns)
		g->longest_ns = ns;
}

static void flusher_stop(struct engine *e, struct flusher *f)
{
	pthread_mutex_lock(&e->lock);
	atomic_store_explicit(&f->stop, true, memory_order_relaxed);
	while (f->running)
		pthread_cond_wait(&f->to_stopper, &e->lock);
	pthread_mutex_unlock(&e->lock);
}

static void flusher_go(struct engine *e, struct flusher *f)
{
	pthread_mutex_lock(&e->lock);
	atomic_store_explicit(&f->stop, false, memory_order_relaxed);
	pthread_cond_broadcast(&f->to_runners);
	pthread_mutex_unlock(&e->lock);
}

static int engine_flush_place(struct engine *e, const struct code *code, struct piece *piece)
{
	struct flusher *f = e->priv;

	if (code->length > flusher_bytes(e) - f->used)
		return -ENOSPC;
	memcpy(f->write + f->used, code->start, code->length);
	piece->exec = f->exec + f->used;
	piece->bytes = code->length;
	f->used += (code->length + CODE_ALIGN - 1) / CODE_ALIGN * CODE_ALIGN;
	engine_sync_code(e, piece->exec, piece->bytes);
	return 0;
}

static void engine_flush_retire(struct engine *e, struct unit **units, unsigned int nr)
{
	struct flusher *f = e->priv;

	while (nr-- > 0) {
		units[nr]->next = f->dead;
		f->dead = units[nr];
	}
}

static void flusher_bury(struct engine *e, struct flusher *f)
{
	struct unit *unit, *next;

	for (unit = f->dead; unit; unit = next) {
		next = unit->next;
		engine_unit_done(e, unit);
	}
	f->dead = NULL;
}

static void engine_flush_flush(struct engine *e)
{
	struct flusher *f = e->priv;
	uint64_t dropped = 0;
	struct unit *unit;
	unsigned int i;

	flusher_stop(e, f);
	for (i = 0; i < e->table->nr; i++) {
		unit = slot_set(&e->table->slot[i], NULL);
		if (unit)
			engine_flush_retire(e, &unit, 1);
		dropped += unit != NULL;
	}
	flusher_bury(e, f);
	f->used = 0;
	engine_sync_cores(e);
	engine_count(&e->counts.dropped, dropped);
	engine_count(&e->counts.barriers, 1);
	flusher_go(e, f);
}

static void engine_flush_wait(struct engine *e)
{
	(void)e;
}

static void engine_flush_finish(struct engine *e)
{
	flusher_bury(e, e->priv);
}

static uint64_t engine_flush_resident(struct engine *e)
{
	struct flusher *f = e->priv;
	struct stat st;

	return fstat(f->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512 / e->page_size;
}

const struct engine_ops engine_flush = {
	.name = "flush",
	.what = "one buffer; when it is full all runners stop, and everything is dropped",
	.open = engine_flush_open,
	.close = engine_flush_close,
	.attach = engine_flush_attach,
	.detach = engine_flush_detach,
	.enter = engine_flush_nothing,
	.leave = engine_flush_nothing,
	.safepoint = engine_flush_safepoint,
	.place = engine_flush_place,
	.wait = engine_flush_wait,
	.retire = engine_flush_retire,
	.flush = engine_flush_flush,
	.finish = engine_flush_finish,
	.resident = engine_flush_resident,
};
