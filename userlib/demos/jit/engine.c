// SPDX-License-Identifier: MIT
/* What all engines share. */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "engine.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int engine_open(struct engine *e, const struct engine_ops *ops)
{
	int err;

	e->ops = ops;
	e->page_size = (size_t)sysconf(_SC_PAGESIZE);
	atomic_init(&e->kept, NULL);
	pthread_mutex_init(&e->lock, NULL);
	e->failed = "membarrier() cannot make all CPUs see new code";
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0)) {
		e->absent = true;
		err = -errno;
	} else {
		err = ops->open(e);
	}
	if (err)
		pthread_mutex_destroy(&e->lock);
	return err;
}

void engine_close(struct engine *e)
{
	struct unit *unit = atomic_load_explicit(&e->kept, memory_order_relaxed), *next;

	e->ops->close(e);
	for (; unit; unit = next) {
		next = unit->next;
		free(unit);
	}
	pthread_mutex_destroy(&e->lock);
}

/*
 * With a sabotage units are used after they are done. What is to be noticed then is
 * the code that they point to, so they themselves stay.
 */
void engine_unit_done(struct engine *e, struct unit *unit)
{
	if (!e->keep) {
		free(unit);
		return;
	}
	unit->next = atomic_load_explicit(&e->kept, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&e->kept, &unit->next, unit,
						      memory_order_relaxed,
						      memory_order_relaxed))
		;
}

uint64_t engine_pages(const struct engine *e, size_t bytes)
{
	return (bytes + e->page_size - 1) / e->page_size;
}

void engine_sync_cores(struct engine *e)
{
	engine_count(&e->counts.calls, 1);
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0))
		die("membarrier: %s", strerror(errno));
}

/*
 * x86 keeps instruction fetch coherent by itself. What is missing there is that a CPU
 * has fetched ahead; whoever gives addresses out again has had every CPU enter the
 * kernel in between: the flush engine by engine_sync_cores(), the others because the
 * old code was unmapped.
 */
void engine_sync_code(struct engine *e, const void *exec, size_t bytes)
{
	codecache_sync_code(exec, bytes);
#if defined(__x86_64__) || defined(__i386__)
	(void)e;
#else
	engine_sync_cores(e);
#endif
}
