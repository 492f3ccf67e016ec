// SPDX-License-Identifier: MIT
/*
 * What a read section costs, entered and left: codecache's readers against the four
 * flavours of liburcu
 *
 * Wants a guest with one CPU whose clock counts instructions (QEMU -icount shift=0).
 * All are inlined, into the same loop, whose own cost is subtracted and told. A section
 * is an outermost one, or is nested in one. What is inside is unknown to the compiler,
 * as a call would be. Of liburcu also what a grace period takes, for which codecache has
 * grace_bench.
 */
#define _LGPL_SOURCE
#include <semaphore.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include <codecache.h>

#include "measure.h"

#define SECTIONS	10000
#define ROUNDS		15

static struct codecache_cache *cache;
static struct codecache_reader *reader;
static __thread struct codecache_reader *thread_reader;

/* ---- the loops ----------------------------------------------------------- */

#define unknown()	__asm__ volatile("" ::: "memory")

#define SECTION_LOOP(name, enter, leave)				\
static __attribute__((noinline)) void name(struct codecache_reader *r)	\
{									\
	uint64_t outer = 0;						\
	unsigned int i;							\
									\
	(void)r;							\
	(void)outer;							\
	for (i = 0; i < SECTIONS; i++) {				\
		enter;							\
		unknown();						\
		leave;							\
	}								\
}

SECTION_LOOP(loop_alone, , )
SECTION_LOOP(loop_codecache, outer = codecache_reader_enter(r),
	     codecache_reader_exit(r, outer))
SECTION_LOOP(loop_codecache_tls, outer = codecache_reader_enter(thread_reader),
	     codecache_reader_exit(thread_reader, outer))
SECTION_LOOP(loop_memb, urcu_memb_read_lock(), urcu_memb_read_unlock())
SECTION_LOOP(loop_mb, urcu_mb_read_lock(), urcu_mb_read_unlock())
SECTION_LOOP(loop_bp, urcu_bp_read_lock(), urcu_bp_read_unlock())
SECTION_LOOP(loop_qsbr, urcu_qsbr_read_lock(), urcu_qsbr_read_unlock())
SECTION_LOOP(loop_quiescent, urcu_qsbr_read_lock(),
	     (urcu_qsbr_read_unlock(), urcu_qsbr_quiescent_state()))

/* ---- outer sections ------------------------------------------------------ */

static uint64_t outermost;

static void nothing(void) { }
static void codecache_lock(void) { outermost = codecache_reader_enter(reader); }
static void codecache_unlock(void) { codecache_reader_exit(reader, outermost); }
static void memb_lock(void) { urcu_memb_read_lock(); }
static void memb_unlock(void) { urcu_memb_read_unlock(); }
static void mb_lock(void) { urcu_mb_read_lock(); }
static void mb_unlock(void) { urcu_mb_read_unlock(); }
static void bp_lock(void) { urcu_bp_read_lock(); }
static void bp_unlock(void) { urcu_bp_read_unlock(); }

static const struct flavour {
	const char *name;
	void (*loop)(struct codecache_reader *r);
	void (*lock)(void);
	void (*unlock)(void);
} flavours[] = {
	{ "codecache", loop_codecache, codecache_lock, codecache_unlock },
	{ "codecache, thread-local pointer", loop_codecache_tls, codecache_lock,
	  codecache_unlock },
	{ "urcu-memb", loop_memb, memb_lock, memb_unlock },
	{ "urcu-mb", loop_mb, mb_lock, mb_unlock },
	{ "urcu-bp", loop_bp, bp_lock, bp_unlock },
	{ "urcu-qsbr", loop_qsbr, nothing, nothing },
	/* To report a quiescent state in a section would be wrong. */
	{ "urcu-qsbr, a quiescent state each", loop_quiescent, NULL, NULL },
};

#define NR_FLAVOURS (sizeof(flavours) / sizeof(flavours[0]))

static const char *const columns[] = { "outermost", "nested" };
static const struct table sections = {
	.what = "reader",
	.title = "Guest instructions a section, enter and exit",
	.columns = columns,
	.nr = 2,
};
static const unsigned int per_section[] = { SECTIONS, SECTIONS };

/* ---- measuring ----------------------------------------------------------- */

static uint64_t loop_cost;

static struct cost measure(void (*loop)(struct codecache_reader *r))
{
	struct cost cost = COST_UNKNOWN;
	uint64_t start;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start = measure_now();
		loop(reader);
		cost_add(&cost, measure_now() - start);
	}
	cost.min -= loop_cost;
	cost.max -= loop_cost;
	return cost;
}

static void bench_flavours(void)
{
	struct cost cells[2];
	unsigned int i;

	loop_cost = measure(loop_alone).min;
	printf("a turn of the loop costs %.1f\n", (double)loop_cost / SECTIONS);
	table_head(&sections);
	for (i = 0; i < NR_FLAVOURS; i++) {
		if (flavours[i].lock == codecache_lock && !reader)
			continue;
		cells[0] = measure(flavours[i].loop);
		cells[1] = COST_UNKNOWN;
		if (flavours[i].lock) {
			flavours[i].lock();
			cells[1] = measure(flavours[i].loop);
			flavours[i].unlock();
		}
		table_line(&sections, flavours[i].name, cells, per_section);
	}
}

/* ---- grace periods of liburcu ------------------------------------------------ */

static const char *const grace_columns[] = { "instructions" };
static const struct table graces = {
	.what = "synchronize",
	.title = "Guest instructions of a grace period, nobody is inside",
	.columns = grace_columns,
	.nr = 1,
};

static const struct grace {
	const char *name;
	void (*wait)(void);
} grace_periods[] = {
	{ "urcu-memb", urcu_memb_synchronize_rcu },
	{ "urcu-mb", urcu_mb_synchronize_rcu },
	{ "urcu-bp", urcu_bp_synchronize_rcu },
	{ "urcu-qsbr", urcu_qsbr_synchronize_rcu },
};

/* This thread is the only reader of each, and outside. */
static void bench_grace(void)
{
	struct cost cost;
	uint64_t start;
	unsigned int i, k;

	table_head(&graces);
	for (i = 0; i < sizeof(grace_periods) / sizeof(grace_periods[0]); i++) {
		cost = COST_UNKNOWN;
		for (k = 0; k < ROUNDS; k++) {
			start = measure_now();
			grace_periods[i].wait();
			cost_add(&cost, measure_now() - start);
		}
		table_line(&graces, grace_periods[i].name, &cost, NULL);
	}
}

/* ---- while a grace period waits for somebody else ------------------------- */

static sem_t entered, leave;

static void *stay_inside(void *unused)
{
	struct codecache_reader *own;
	uint64_t outer;

	measure_check("reader", codecache_reader_register(cache, &own));
	outer = codecache_reader_enter(own);
	sem_post(&entered);
	sem_wait(&leave);
	codecache_reader_exit(own, outer);
	measure_check("unregister", codecache_reader_unregister(own));
	return unused;
}

static void bench_waiting(void)
{
	struct cost cells[2] = { COST_UNKNOWN, COST_UNKNOWN };
	uint64_t cookie;
	pthread_t thread;

	sem_init(&entered, 0, 0);
	sem_init(&leave, 0, 0);
	measure_check("thread", pthread_create(&thread, NULL, stay_inside, NULL));
	sem_wait(&entered);
	measure_check("grace", codecache_grace_start(cache, 0, &cookie));
	while (!__atomic_load_n(&reader->control->waiting, __ATOMIC_RELAXED))
		usleep(1000);
	cells[0] = measure(loop_codecache);
	if (!codecache_grace_poll(cache, cookie))
		measure_die("the grace period is over", 0);
	table_line(&sections, "codecache, another one is waited for", cells,
		   per_section);
	sem_post(&leave);
	pthread_join(thread, NULL);
	measure_check("wait", codecache_grace_wait(cache, cookie, 0, 0));
}

int main(void)
{
	measure_init("reader_bench");
	measure_calibrate();
	if (measure_open(&cache))
		measure_check("reader", codecache_reader_register(cache, &reader));
	thread_reader = reader;
	urcu_memb_register_thread();
	urcu_mb_register_thread();
	urcu_bp_register_thread();
	urcu_qsbr_register_thread();
	printf("urcu-memb uses %s\n", urcu_memb_has_sys_membarrier ?
	       "membarrier(): no fences in readers" : "fences");
	bench_flavours();
	bench_grace();
	if (reader)
		bench_waiting();
	urcu_qsbr_unregister_thread();
	urcu_bp_unregister_thread();
	urcu_mb_unregister_thread();
	urcu_memb_unregister_thread();
	if (cache)
		codecache_close(cache);
	return 0;
}
