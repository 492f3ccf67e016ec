// SPDX-License-Identifier: MIT
/*
 * What grace periods cost, and how long a retired page takes to be free
 *
 * Usage: grace_bench [calls]    (without latencies)
 *
 * Wants a guest whose clock counts instructions (QEMU -icount shift=0). Calls are
 * counted in instructions. Latencies are in ticks of the kernel, by the same clock,
 * which is the guest's: it stands still for nobody, and jumps when all CPUs are idle.
 *
 * Readers enter and leave all the time, with work inside and outside; they share the
 * CPU, so that one may be preempted inside. The retirer has a real-time priority: what
 * is measured ends when the page is free, not when the scheduler has come round.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <codecache.h>

#include "measure.h"

#define ROUNDS		15
#define LATENCIES	21
#define MAX_READERS	64
#define LOOPS		10000
#define STAY_NS		50000000
/* Longer than URGENT is rationed for: ten a second for each cache. */
#define PAUSE_NS	120000000

static struct codecache_cache *cache;
static const struct codecache_control *control;

static void sleep_ns(uint64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts))
		;
}

/* ---- calls --------------------------------------------------------------- */

static const char *const call_columns[] = { "instructions" };
static const struct table calls = {
	"grace", "Guest instructions", call_columns, 1,
};

static uint64_t start(void)
{
	uint64_t cookie;

	measure_check("start", codecache_grace_start(cache, 0, &cookie));
	return cookie;
}

static void wait_for(uint64_t cookie)
{
	measure_check("wait", codecache_grace_wait(cache, cookie, 0, 0));
}

static void bench_start(void)
{
	struct cost first = COST_UNKNOWN, joined = COST_UNKNOWN, all = COST_UNKNOWN;
	struct cost pending = COST_UNKNOWN;
	struct meter meter;
	uint64_t cookie, next, t;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		meter_start(&meter);
		cookie = start();
		cost_add(&first, meter_end(&meter));
		meter_spin(&meter, &control->completed, cookie);
		cost_add(&all, meter_end(&meter));
		cookie = start();
		t = measure_now();
		next = start();
		cost_add(&joined, measure_now() - t);
		t = measure_now();
		if (codecache_grace_poll(cache, next) != -EAGAIN)
			measure_die("a grace period is over at once", 0);
		cost_add(&pending, measure_now() - t);
		if (next == cookie)
			measure_die("what begins is not under way", 0);
		wait_for(next);
	}
	table_line(&calls, "GRACE_START, none is under way", &first, NULL);
	table_line(&calls, "GRACE_START, the next one", &joined, NULL);
	table_line(&calls, "a grace period of nothing, all of it", &all, NULL);
	table_line(&calls, "GRACE_POLL, not over", &pending, NULL);
}

/* Polls that need no system call, @page without the library. */
static struct cost poll_over(bool page)
{
	static const unsigned int per = LOOPS;
	const uint64_t cookie = codecache_grace_completed(control);
	struct cost cost = COST_UNKNOWN;
	uint64_t t;
	int i, k;

	for (i = 0; i < ROUNDS; i++) {
		t = measure_now();
		for (k = 0; k < LOOPS; k++) {
			if (page ? codecache_grace_completed(control) < cookie :
				   codecache_grace_poll(cache, cookie))
				measure_die("what is over is not over", 0);
		}
		cost_add(&cost, measure_now() - t);
	}
	cost.min /= per;
	cost.max /= per;
	return cost;
}

static void bench_calls(void)
{
	struct cost cost;

	table_head(&calls);
	bench_start();
	cost = poll_over(false);
	table_line(&calls, "codecache_grace_poll(), over", &cost, NULL);
	cost = poll_over(true);
	table_line(&calls, "codecache_grace_completed()", &cost, NULL);
}

/* ---- readers ------------------------------------------------------------- */

static bool stop;
static pthread_t readers[MAX_READERS];
static unsigned int nr_ready;

static void work(unsigned int turns)
{
	volatile unsigned int i;

	for (i = 0; i < turns; i++)
		;
}

static void *read_all_the_time(void *unused)
{
	struct codecache_reader *reader;
	uint64_t outer;

	measure_check("reader", codecache_reader_register(cache, &reader));
	__atomic_fetch_add(&nr_ready, 1, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		outer = codecache_reader_enter(reader);
		work(100);
		codecache_reader_exit(reader, outer);
		work(100);
	}
	measure_check("unregister", codecache_reader_unregister(reader));
	return unused;
}

static void readers_start(unsigned int nr)
{
	unsigned int i;

	stop = false;
	nr_ready = 0;
	for (i = 0; i < nr; i++)
		measure_check("thread", pthread_create(&readers[i], NULL,
						       read_all_the_time, NULL));
	while (__atomic_load_n(&nr_ready, __ATOMIC_RELAXED) < nr)
		sleep_ns(1000000);
}

static void readers_stop(unsigned int nr)
{
	unsigned int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		pthread_join(readers[i], NULL);
}

/* ---- latency ------------------------------------------------------------- */

static struct codecache_zone *zone;
static char *window;

/* One page that is mapped and resident. */
static uint64_t page_make(void)
{
	uint64_t page;

	measure_check("alloc", codecache_extent_alloc(zone, 1, NULL, &page, NULL));
	*(volatile char *)(window + page * codecache_page_size()) = 1;
	return page;
}

static uint64_t retire(uint64_t page, bool urgent)
{
	struct codecache_extent extent = { .first_page = page, .nr_pages = 1 };
	struct codecache_extent_retire_args args = {
		.flags = urgent ? CODECACHE_GRACE_F_URGENT : 0,
		.addr = (uintptr_t)&extent,
		.count = 1,
	};

	measure_check("retire", codecache_extent_retire_args(zone, &args));
	return args.out_cookie;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_latency(const char *name, unsigned int nr_readers, uint64_t *took)
{
	const double tick = measure_tick_ns();
	uint64_t median;

	qsort(took, LATENCIES, sizeof(*took), by_value);
	median = took[LATENCIES / 2];
	printf("%-34s %4u readers %7.1f %7.1f %7.1f\n", name, nr_readers,
	       took[0] / tick, median / tick, took[LATENCIES - 1] / tick);
	printf("#TSV\tlatency\t%s\t%u\t%llu\t%llu\t%llu\n", name, nr_readers,
	       (unsigned long long)took[0], (unsigned long long)took[LATENCIES - 1],
	       (unsigned long long)median);
}

static unsigned long long nr_urgent(void)
{
	struct codecache_stats_args stats;

	measure_check("stats", codecache_stats(cache, &stats));
	return stats.out_grace_urgent;
}

static void bench_latency(unsigned int nr_readers, bool urgent)
{
	unsigned long long before = nr_urgent();
	uint64_t took[LATENCIES], page, t;
	unsigned int i;

	readers_start(nr_readers);
	for (i = 0; i < LATENCIES; i++) {
		/* At different times between two ticks. */
		sleep_ns(PAUSE_NS + i * measure_tick_ns() / LATENCIES);
		page = page_make();
		t = measure_now();
		wait_for(retire(page, urgent));
		took[i] = measure_now() - t;
	}
	readers_stop(nr_readers);
	if (nr_urgent() - before != (urgent ? LATENCIES : 0))
		measure_die("grace periods that were sped up", 0);
	print_latency(urgent ? "RETIRE, urgent" : "RETIRE", nr_readers, took);
}

/* ---- a reader that stays inside ------------------------------------------- */

static struct {
	uint64_t left;
	bool hint;
	bool inside;
} stay;

static void *stay_inside(void *unused)
{
	struct codecache_reader *reader;
	uint64_t outer;

	measure_check("reader", codecache_reader_register(cache, &reader));
	outer = codecache_reader_enter(reader);
	__atomic_store_n(&stay.inside, true, __ATOMIC_RELEASE);
	sleep_ns(STAY_NS);
	stay.left = measure_now();
	if (stay.hint)
		codecache_reader_exit(reader, outer);
	else	/* as code that knows nothing of hints does */
		__atomic_store_n(&reader->slot->active, outer, __ATOMIC_RELEASE);
	measure_check("unregister", codecache_reader_unregister(reader));
	return unused;
}

static void bench_stay(bool hint)
{
	uint64_t took[LATENCIES], page, cookie, end;
	pthread_t thread;
	unsigned int i;

	stay.hint = hint;
	for (i = 0; i < LATENCIES; i++) {
		/* At different times between two ticks. */
		sleep_ns(PAUSE_NS + i * measure_tick_ns() / LATENCIES);
		page = page_make();
		stay.inside = false;
		measure_check("thread", pthread_create(&thread, NULL, stay_inside, NULL));
		while (!__atomic_load_n(&stay.inside, __ATOMIC_ACQUIRE))
			sleep_ns(100000);
		cookie = retire(page, false);
		wait_for(cookie);
		end = measure_now();
		pthread_join(thread, NULL);
		if (end < stay.left)
			measure_die("it did not wait for the reader", 0);
		took[i] = end - stay.left;
	}
	print_latency(hint ? "after one of 50 ms left, hint" :
			     "after one of 50 ms left, no hint", 1, took);
}

static void open_zone(void)
{
	struct codecache_view *view;

	measure_check("open", codecache_open(&cache));
	measure_check("control", codecache_control_page(cache, &control));
	measure_check("zone", codecache_zone_create_extents(cache, CODECACHE_ZONE_CODE,
							    64 * codecache_page_size(),
							    &zone));
	measure_check("view", codecache_view_create(zone, CODECACHE_VIEW_WRITE, NULL,
						    &view));
	measure_check("map", codecache_view_map(view, NULL, 0));
	window = codecache_view_addr(view);
}

int main(int argc, char **argv)
{
	static const unsigned int nr[] = { 0, 1, MAX_READERS };
	const struct sched_param param = { .sched_priority = 1 };
	unsigned int i;

	measure_init("grace_bench");
	measure_calibrate();
	open_zone();
	bench_calls();
	if (argc > 1 && !strcmp(argv[1], "calls"))
		return 0;
	/* Threads get it too, unless they are told otherwise. */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		measure_die("SCHED_FIFO", errno);
	printf("\nTicks of %.1f ms of the guest's clock%-22s %7s %7s %7s\n",
	       measure_tick_ns() / 1e6, "", "least", "median", "most");
	for (i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		bench_latency(nr[i], false);
		bench_latency(nr[i], true);
	}
	bench_stay(true);
	bench_stay(false);
	codecache_close(cache);
	return 0;
}
