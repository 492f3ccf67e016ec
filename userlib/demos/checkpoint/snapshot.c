// SPDX-License-Identifier: MIT
/* Taking one snapshot, from the safe point to the file. */
#include <sys/resource.h>
#include <time.h>

#include "file.h"
#include "snapshot.h"

#define SABOTAGE_NS	5000000	/* mutators go on for so long after the instant */

static uint64_t page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/*
 * The only time that all mutators wait for: make everything read-only that the
 * snapshot is to have. Nothing is copied here.
 */
static int snapshot_arm(struct engine *e, struct world *w, struct shot *shot)
{
	bool stop = e->copier.sabotage != SABOTAGE_STOP;
	uint64_t start;
	int err;

	shot->instant = stop ? world_stop(w, false) : world_last(w);
	if (!stop)
		nanosleep(&(struct timespec){ .tv_nsec = SABOTAGE_NS }, NULL);
	copier_begin(&e->copier, shot->full);
	start = now_ns();
	err = e->ops->arm(e, shot);
	shot->arm_ns = now_ns() - start;
	if (stop)
		world_resume(w);
	return err;
}

static int snapshot_allow(void *arg, struct codecache_prot_range *ranges, size_t nr)
{
	struct engine *e = arg;

	return e->ops->allow(e, ranges, nr);
}

/* Copy, while mutators trap and copy as well; then write what there is. */
static int snapshot_copy(struct engine *e, struct shot *shot)
{
	struct file_header header = engine_header(e, shot);
	struct copier *c = &e->copier;
	uint64_t i;
	int err = copier_walk(c, snapshot_allow, e);

	if (err)
		return err;
	header.nr_ranges = copier_ranges(c, e->ranges);
	for (i = 0; i < header.nr_ranges; i++)
		shot->pages += e->ranges[i].nr_pages;
	shot->saved = atomic_load_explicit(&c->saved, memory_order_relaxed);
	shot->traps = atomic_load_explicit(&c->traps, memory_order_relaxed);
	return file_write(shot->path, &header, e->ranges, c->image, &shot->bytes);
}

int snapshot_take(struct engine *e, struct world *w, struct shot *shot)
{
	uint64_t start = now_ns(), faults = page_faults();
	int err;

	atomic_store_explicit(&w->phase, shot->full ? PHASE_FULL : PHASE_DELTA,
			      memory_order_relaxed);
	err = snapshot_arm(e, w, shot);
	if (!err)
		err = e->ops->take ? e->ops->take(e, shot) : snapshot_copy(e, shot);
	atomic_store_explicit(&w->phase, PHASE_BETWEEN, memory_order_relaxed);
	shot->ns = now_ns() - start;
	shot->faults = page_faults() - faults;
	return err;
}
