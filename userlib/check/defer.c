// SPDX-License-Identifier: MIT
/*
 * Deferred frees, and readers among threads, with a kernel of straw that has a clock
 * (clock.c). Also built with the thread sanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fake.h"
#include "tap.h"

#if defined(__SANITIZE_THREAD__)
#define TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN	1
#endif
#endif
#ifndef TSAN
#define TSAN	0
#endif

static struct codecache_cache *cache;

/* What deferred functions have been called with, in order. */
static unsigned int calls[8];
static unsigned int nr_calls;

static void note(void *arg)
{
	if (nr_calls < 8)
		calls[nr_calls] = (unsigned int)(uintptr_t)arg;
	nr_calls++;
}

static int defer(unsigned int n)
{
	return codecache_defer_free(cache, note, (void *)(uintptr_t)n);
}

struct object {
	unsigned int n;
	struct codecache_defer_head head;
};

static void note_head(struct codecache_defer_head *head)
{
	char *start = (char *)head - offsetof(struct object, head);

	note((void *)(uintptr_t)((struct object *)(void *)start)->n);
}

static size_t drain(void)
{
	size_t nr = 0;

	if (codecache_defer_drain(cache, SIZE_MAX, &nr))
		return SIZE_MAX;
	return nr;
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = 20000000 };

	nanosleep(&time, NULL);
}

/* A queue that nobody else has been at. */
static void start(struct clock_told told)
{
	clock_tell((struct clock_told){ 0 });
	codecache_defer_barrier(cache);
	nr_calls = 0;
	clock_tell(told);
	errno = ECHILD;
}

/* ---- the queue ------------------------------------------------------------ */

static void check_order(void)
{
	struct object object = { .n = 2 };
	struct clock_noted before, after;

	start((struct clock_told){ .stopped = true });
	before = clock_noted();
	tap_is(defer(1), 0, "defer_free");
	tap_is(codecache_defer_call(cache, &object.head, note_head), 0, "defer_call");
	tap_is(defer(3), 0, "defer_free again");
	tap_ok(codecache_defer_pending(cache) == 3 && errno == ECHILD &&
	       clock_noted().starts == before.starts,
	       "... wait, without a system call; errno is left alone");
	tap_is((long long)drain(), 0, "drain before the grace period is over");
	tap_is((long long)drain(), 0, "... and again");
	after = clock_noted();
	tap_is((long long)(after.starts - before.starts), 1, "... starts just one");
	tap_ok(!nr_calls && codecache_defer_pending(cache) == 3, "... calls nothing");
	clock_tell((struct clock_told){ 0 });
	tap_is((long long)drain(), 3, "drain after it");
	tap_ok(nr_calls == 3 && calls[0] == 1 && calls[1] == 2 && calls[2] == 3,
	       "... calls all, in order");
	tap_ok(!codecache_defer_pending(cache) && errno == ECHILD, "... once");
	before = clock_noted();
	tap_ok(!drain() && clock_noted().starts == before.starts &&
	       clock_noted().polls == before.polls,
	       "drain of nothing asks nothing of the kernel");
}

static void check_batches(void)
{
	unsigned long starts;
	size_t nr = 9;
	int i;

	start((struct clock_told){ .stopped = true });
	starts = clock_noted().starts;
	for (i = 0; i < 255; i++)
		defer(0);
	tap_is((long long)(clock_noted().starts - starts), 0,
	       "255 of them start no grace period by themselves");
	for (i = 0; i < 257; i++)
		defer(0);
	tap_is((long long)(clock_noted().starts - starts), 2, "512 of them start two");
	tap_ok(codecache_defer_pending(cache) == 512 && !drain(), "... and wait");
	for (i = 0; i < 20 * 256; i++)
		defer(0);
	tap_is((long long)(clock_noted().starts - starts), 22,
	       "... and 5120 more one for each 256, though few grace periods");
	clock_tell((struct clock_told){ 0 });
	tap_is(codecache_defer_drain(cache, 100, &nr), 0, "drain of some");
	tap_ok(nr == 100 && nr_calls == 100, "... calls so many");
	while (nr_calls < 22 * 256 && drain() != SIZE_MAX)
		;
	tap_is(nr_calls, 22 * 256, "drains call the rest");
	tap_is(codecache_defer_drain(cache, 1, NULL), -EINVAL, "drain into NULL");
}

/* Grace periods that end while nobody looks at the queue: more than it remembers. */
static void check_many_periods(void)
{
	uint64_t cookie;
	int i, j;

	start((struct clock_told){ 0 });
	for (i = 0; i < 20; i++) {
		for (j = 0; j < 256; j++)
			defer(0);
		codecache_grace_start(cache, 0, &cookie);
		codecache_grace_wait(cache, cookie, 0, 0);
	}
	tap_is(codecache_defer_barrier(cache), 0, "barrier after many grace periods");
	tap_is(nr_calls, 20 * 256, "... all were called");
}

static void again(void *arg)
{
	if (nr_calls++ < 3)
		codecache_defer_free(cache, again, arg);
}

static int in_callback[3];

static void nested(void *arg)
{
	size_t nr = 9;

	(void)arg;
	nr_calls++;
	in_callback[0] = codecache_defer_drain(cache, SIZE_MAX, &nr);
	in_callback[1] = (int)nr;
	in_callback[2] = codecache_defer_barrier(cache);
}

static void check_callbacks(void)
{
	int rounds = 0;

	start((struct clock_told){ 0 });
	codecache_defer_free(cache, again, NULL);
	while (codecache_defer_pending(cache) && rounds++ < 100)
		drain();
	tap_ok(nr_calls == 4 && rounds >= 4, "a function may defer itself, for later");

	nr_calls = 0;
	codecache_defer_free(cache, nested, NULL);
	codecache_defer_free(cache, note, NULL);
	tap_is(codecache_defer_barrier(cache), 0, "barrier");
	tap_is(nr_calls, 2, "... calls all");
	tap_ok(!in_callback[0] && !in_callback[1], "drain within a function calls none");
	tap_is(in_callback[2], -EDEADLK, "barrier within a function");
}

static void check_errors(void)
{
	struct object object = { .n = 4 };
	size_t nr = 9;

	start((struct clock_told){ .stopped = true });
	fake.no_memory = 1;
	tap_is(defer(3), -ENOMEM, "defer_free without memory");
	tap_ok(!codecache_defer_pending(cache), "... defers nothing");
	tap_is(codecache_defer_call(cache, &object.head, note_head), 0,
	       "defer_call without memory");
	fake.no_memory = 0;
	tap_ok(!drain() && !nr_calls, "... defers all the same");

	clock_tell((struct clock_told){ .start_error = EIO });
	defer(5);
	tap_is(codecache_defer_drain(cache, SIZE_MAX, &nr), -EIO,
	       "drain that cannot start a grace period says why");
	tap_ok(nr == 1 && calls[0] == 4, "... and calls what has one");
	tap_is(codecache_defer_barrier(cache), -EIO,
	       "barrier that cannot start a grace period says why");
	clock_tell((struct clock_told){ .stopped = true, .wait_error = EINTR });
	tap_is(codecache_defer_barrier(cache), -EINTR, "barrier that a signal ends");
	tap_ok(nr_calls == 1 && codecache_defer_pending(cache) == 1 && errno == ECHILD,
	       "... loses nothing, and leaves errno alone");
	tap_ok(codecache_defer_free(cache, NULL, NULL) == -EINVAL &&
	       codecache_defer_call(cache, &object.head, NULL) == -EINVAL &&
	       codecache_defer_call(cache, NULL, note_head) == -EINVAL, "defer NULL");
}

/* What is left at the end is not called, and not leaked (the sanitizers look). */
static void check_close(void)
{
	struct codecache_reader *reader;
	struct codecache_cache *c;
	unsigned int before;
	int i;

	start((struct clock_told){ 0 });
	before = clock_readers();
	codecache_open(&c);
	codecache_reader_register(c, &reader);
	codecache_defer_free(c, note, NULL);
	tap_is(codecache_defer_thread_start(c), 0, "a thread of another cache");
	clock_tell((struct clock_told){ .stopped = true });
	codecache_defer_free(c, note, NULL);
	nap();
	nr_calls = 0;
	codecache_close(c);
	/* Longer than a thread that was left would sleep. */
	for (i = 0; i < 8; i++)
		nap();
	tap_ok(!nr_calls && clock_readers() == before,
	       "close calls nothing, and ends thread and readers");
}

/* ---- readers --------------------------------------------------------------- */

static int barrier_result;
static int barrier_done;

static void *do_barrier(void *arg)
{
	(void)arg;
	barrier_result = codecache_defer_barrier(cache);
	__atomic_store_n(&barrier_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void check_reader(void)
{
	struct codecache_reader *reader;
	uint64_t outer, inner;
	pthread_t thread;

	start((struct clock_told){ 0 });
	tap_is(codecache_reader_register(cache, &reader), 0, "reader_register");
	outer = codecache_reader_enter(reader);
	defer(1);
	drain();
	tap_is(codecache_defer_barrier(cache), -EDEADLK, "barrier of one who is inside");
	tap_is(codecache_reader_unregister(reader), -EBUSY,
	       "unregister of one who is inside");
	pthread_create(&thread, NULL, do_barrier, NULL);
	nap();
	tap_ok(!__atomic_load_n(&barrier_done, __ATOMIC_ACQUIRE) && !drain(),
	       "a barrier waits for a reader that is inside");
	inner = codecache_reader_enter(reader);
	codecache_reader_exit(reader, inner);
	nap();
	tap_ok(!__atomic_load_n(&barrier_done, __ATOMIC_ACQUIRE) && !drain(),
	       "... and that has left a nested section");
	codecache_reader_exit(reader, outer);
	pthread_join(thread, NULL);
	tap_ok(!barrier_result && nr_calls == 1, "... until it has left");

	outer = codecache_reader_enter(reader);
	clock_tell((struct clock_told){ .careless = true });
	defer(2);
	tap_is(codecache_defer_barrier(cache), 0, "a careless kernel waits for nobody");
	codecache_reader_exit(reader, outer);
	tap_is(codecache_reader_unregister(reader), 0, "reader_unregister");
}

static void *register_and_die(void *arg)
{
	codecache_reader_register(cache, arg);
	return NULL;
}

static void check_dead_reader(void)
{
	struct codecache_reader *dead, *heir;
	pthread_t thread;

	start((struct clock_told){ 0 });
	pthread_create(&thread, NULL, register_and_die, &dead);
	pthread_join(thread, NULL);
	clock_reap(0);
	codecache_reader_register(cache, &heir);
	tap_ok(dead->slot == heir->slot, "a dead reader's slot is another one's");
	tap_is(codecache_reader_unregister(dead), 0, "unregister of the dead one");
	tap_is(clock_readers(), 1, "... leaves the other one");
	tap_is(codecache_reader_unregister(heir), 0, "unregister of that");
	tap_is(clock_readers(), 0, "... leaves none");
}

/* ---- without a call -------------------------------------------------------- */

static int is_inside;
static int plain = 1;
static uint64_t awaited;

static void *look_once(void *value)
{
	struct codecache_reader *reader;
	uint64_t outer;

	codecache_reader_register(cache, &reader);
	outer = codecache_reader_enter(reader);
	__atomic_store_n(&is_inside, 1, __ATOMIC_RELAXED);
	nap();
	*(int *)value = plain;
	codecache_reader_exit(reader, outer);
	codecache_reader_unregister(reader);
	return NULL;
}

/* What the module's worker does by itself. */
static void *tick(void *arg)
{
	while (codecache_grace_poll(cache, awaited) == -EAGAIN)
		nap();
	return arg;
}

/* All that orders these two is what is stored in the control page and the slot. */
static void check_inline(void)
{
	const struct codecache_control *control;
	pthread_t reader, worker;
	int value = 0;

	start((struct clock_told){ 0 });
	codecache_control_page(cache, &control);
	pthread_create(&reader, NULL, look_once, &value);
	while (!__atomic_load_n(&is_inside, __ATOMIC_RELAXED))
		sched_yield();
	codecache_grace_start(cache, 0, &awaited);
	pthread_create(&worker, NULL, tick, NULL);
	while (codecache_grace_completed(control) < awaited)
		sched_yield();
	plain = 2;
	pthread_join(reader, NULL);
	pthread_join(worker, NULL);
	tap_is(value, 1, "who has seen a grace period end comes after its readers");
}

/* ---- readers at work -------------------------------------------------------- */

#define NR_OBJECTS	64
#define NR_READERS	3
#define ROUNDS		20000

/* @value is the object's number, 0 once nobody may see it any more. */
static struct thing {
	struct codecache_defer_head head;
	unsigned int value;
} things[NR_OBJECTS];

static struct thing *current;
static int stop;
static unsigned long wrong, sections;
static unsigned int free_things;	/* signed by who drains alone */

static void poison(struct codecache_defer_head *head)
{
	((struct thing *)head)->value = 0;
	__atomic_add_fetch(&free_things, 1, __ATOMIC_RELEASE);
}

static void *read_things(void *arg)
{
	struct codecache_reader *reader;
	unsigned long bad = 0, nr = 0;
	struct thing *thing;
	uint64_t outer;

	(void)arg;
	if (codecache_reader_register(cache, &reader))
		return NULL;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		outer = codecache_reader_enter(reader);
		thing = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
		if (!(++nr & 63))
			sched_yield();
		if (thing->value != (unsigned int)(thing - things) + 1)
			bad++;
		codecache_reader_exit(reader, outer);
	}
	codecache_reader_unregister(reader);
	__atomic_add_fetch(&wrong, bad, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sections, nr, __ATOMIC_RELAXED);
	return NULL;
}

/* Objects are taken in turn, and come back in turn. */
static void replace(unsigned int round)
{
	struct thing *thing = &things[round % NR_OBJECTS], *old;

	while (!__atomic_load_n(&free_things, __ATOMIC_ACQUIRE))
		sched_yield();
	__atomic_sub_fetch(&free_things, 1, __ATOMIC_RELAXED);
	thing->value = round % NR_OBJECTS + 1;
	old = __atomic_exchange_n(&current, thing, __ATOMIC_ACQ_REL);
	if (old)
		codecache_defer_call(cache, &old->head, poison);
}

static void work(unsigned int rounds)
{
	pthread_t threads[NR_READERS];
	unsigned int i;

	current = NULL;
	stop = 0;
	wrong = 0;
	sections = 0;
	free_things = NR_OBJECTS;
	replace(0);
	for (i = 0; i < NR_READERS; i++)
		pthread_create(&threads[i], NULL, read_things, NULL);
	for (i = 1; i <= rounds; i++)
		replace(i);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < NR_READERS; i++)
		pthread_join(threads[i], NULL);
	codecache_defer_barrier(cache);
}

static void check_work(void)
{
	char text[100];

	start((struct clock_told){ 0 });
	tap_is(codecache_defer_thread_start(cache), 0, "defer_thread_start");
	work(ROUNDS);
	snprintf(text, sizeof(text), "readers see nothing that is freed, in %d rounds",
		 ROUNDS);
	tap_ok(!wrong && sections, text);
	if (TSAN) {
		tap_skip("... but with a careless kernel they do", "a race on purpose");
	} else {
		clock_tell((struct clock_told){ .careless = true });
		work(ROUNDS);
		tap_ok(wrong, "... but with a careless kernel they do");
	}
	tap_is(codecache_defer_thread_stop(cache), 0, "defer_thread_stop");
}

/* ---- the thread -------------------------------------------------------------- */

static int thread_results[4];
static int thread_called;

static void in_thread(void *arg)
{
	sigset_t blocked;

	(void)arg;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	thread_results[0] = sigismember(&blocked, SIGTERM);
	thread_results[1] = sigismember(&blocked, SIGSEGV);
	thread_results[2] = codecache_defer_thread_stop(cache);
	thread_results[3] = codecache_defer_barrier(cache);
	__atomic_store_n(&thread_called, 1, __ATOMIC_RELEASE);
}

static bool called_soon(void)
{
	int i;

	for (i = 0; i < 500 && !__atomic_load_n(&thread_called, __ATOMIC_ACQUIRE); i++)
		nap();
	return i < 500;
}

static void check_thread(void)
{
	start((struct clock_told){ 0 });
	tap_is(codecache_defer_thread_start(cache), 0, "defer_thread_start");
	tap_is(codecache_defer_thread_start(cache), -EBUSY, "... of a second one");
	codecache_defer_free(cache, in_thread, NULL);
	tap_ok(called_soon(), "the thread calls what is deferred, without a drain");
	tap_ok(thread_results[0] == 1 && !thread_results[1],
	       "... with signals blocked, but not those for faults");
	tap_is(thread_results[2], -EDEADLK, "... and cannot stop itself");
	tap_is(thread_results[3], -EDEADLK, "... nor wait for itself");

	clock_tell((struct clock_told){ .start_error = EIO });
	thread_called = 0;
	codecache_defer_free(cache, in_thread, NULL);
	nap();
	clock_tell((struct clock_told){ 0 });
	tap_ok(called_soon(), "the thread tries again when there is no grace period");

	clock_tell((struct clock_told){ .stopped = true });
	defer(1);
	tap_is(codecache_defer_thread_stop(cache), 0, "defer_thread_stop");
	tap_ok(codecache_defer_pending(cache) == 1 && !nr_calls && errno == ECHILD,
	       "... leaves what is not due, and errno alone");
	tap_is(codecache_defer_thread_stop(cache), 0, "... of none");
	clock_tell((struct clock_told){ 0 });
	tap_ok(!codecache_defer_barrier(cache) && nr_calls == 1,
	       "what it has left can be drained");
}

/* ---- fork() ------------------------------------------------------------------ */

/* 0 if all is as it should be in a child of one who is inside, and has deferred. */
static int child_of_fork(struct codecache_reader *reader, uint64_t outer)
{
	const struct codecache_reader_slot *slot = reader->slot;

	if (slot->active || reader->control->epoch || fake.anonymous != 2)
		return 1;
	codecache_reader_exit(reader, outer);
	codecache_reader_exit(reader, codecache_reader_enter(reader));
	if (codecache_defer_pending(cache) || nr_calls)
		return 2;
	/* From here on as if there had been nothing, with the same kernel. */
	if (codecache_defer_barrier(cache) || drain() || nr_calls)
		return 3;
	if (codecache_reader_unregister(reader))
		return 4;
	codecache_close(cache);
	return fake.munmaps == 2 ? 0 : 5;
}

static void check_fork(void)
{
	struct codecache_reader *reader;
	struct object object = { .n = 2 };
	int status = -1;
	uint64_t outer;
	pid_t child;

	start((struct clock_told){ 0 });
	fake_reset();
	codecache_reader_register(cache, &reader);
	outer = codecache_reader_enter(reader);
	defer(1);
	codecache_defer_call(cache, &object.head, note_head);
	drain();
	child = fork();
	if (!child)
		_exit(child_of_fork(reader, outer));
	waitpid(child, &status, 0);
	tap_is(status, 0,
	       "a child has zeros for readers, and nothing that was deferred");
	tap_ok(reader->slot->active && codecache_defer_pending(cache) == 2,
	       "... the parent has all of it");
	codecache_reader_exit(reader, outer);
	tap_ok(!codecache_defer_barrier(cache) && nr_calls == 2, "... and calls it");
	codecache_reader_unregister(reader);
}

static pid_t forked;

static void fork_here(void *arg)
{
	(void)arg;
	forked = fork();
}

static void check_fork_in_callback(void)
{
	int status = -1;

	start((struct clock_told){ 0 });
	codecache_defer_free(cache, fork_here, NULL);
	defer(1);
	if (codecache_defer_barrier(cache) || !forked)
		_exit(nr_calls || forked || codecache_defer_pending(cache));
	waitpid(forked, &status, 0);
	tap_is(status, 0, "a function that forks returns in a child without a queue");
	tap_is(nr_calls, 1, "... in the parent the others are called");
}

int main(void)
{
	fake_reset();
	codecache_open(&cache);
	if (!clock_start()) {
		tap_skip("deferred frees", "no membarrier here");
		codecache_close(cache);
		return tap_end();
	}
	check_order();
	check_batches();
	check_many_periods();
	check_callbacks();
	check_errors();
	check_reader();
	check_dead_reader();
	check_inline();
	check_thread();
	check_work();
	check_fork();
	check_fork_in_callback();
	check_close();
	codecache_close(cache);
	return tap_end();
}
