// SPDX-License-Identifier: MIT
/*
 * What the library adds to readers and grace periods, on the module itself: slots of
 * threads that die, children of fork(), signal handlers, and deferred frees
 */
#include <codecache.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "cc_test.h"
#include "kselftest_harness.h"

FIXTURE(lib)
{
	struct codecache_cache *cache;
	struct codecache_reader *reader;	/* of the test's thread */
	int *shared;				/* with children, too */
};

FIXTURE_SETUP(lib)
{
	self->shared = mmap(NULL, cc_page_size(), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_EQ(0, codecache_open(&self->cache));
	ASSERT_EQ(0, codecache_reader_register(self->cache, &self->reader));
}

FIXTURE_TEARDOWN(lib)
{
	EXPECT_EQ(0, codecache_reader_unregister(self->reader));
	codecache_close(self->cache);
	EXPECT_TRUE(cc_nothing_left());
}

#define SELF	FIXTURE_DATA(lib) *self

static long long nr_readers(SELF)
{
	struct codecache_stats_args stats;

	return codecache_stats(self->cache, &stats) ? -1 : (long long)stats.out_readers;
}

static void count(void *counter)
{
	__atomic_add_fetch((int *)counter, 1, __ATOMIC_RELAXED);
}

static int counted(SELF)
{
	return __atomic_load_n(self->shared, __ATOMIC_RELAXED);
}

/* ---- grace periods -------------------------------------------------------- */

TEST_F(lib, a_grace_period_waits_for_a_reader)
{
	const struct codecache_control *control;
	uint64_t cookie, outer;
	long long since;

	ASSERT_EQ(0, codecache_control_page(self->cache, &control));
	outer = codecache_reader_enter(self->reader);
	ASSERT_EQ(0, codecache_grace_start(self->cache, 0, &cookie));
	EXPECT_EQ(-EDEADLK, codecache_grace_wait(self->cache, cookie, 0, 0));
	/* That it waits for readers means that all else is behind it. */
	for (since = cc_now_ms(); cc_patient(since) && !control->waiting;)
		EXPECT_EQ(-EAGAIN, codecache_grace_poll(self->cache, cookie));
	EXPECT_NE(0, control->waiting);
	EXPECT_EQ(-EAGAIN, codecache_grace_poll(self->cache, cookie));
	EXPECT_LT(codecache_grace_completed(control), cookie);

	codecache_reader_exit(self->reader, outer);
	EXPECT_EQ(0, codecache_grace_wait(self->cache, cookie, 0, 0));
	EXPECT_GE(codecache_grace_completed(control), cookie);
	EXPECT_EQ(0, codecache_grace_poll(self->cache, cookie));
	EXPECT_EQ(0, codecache_reader_enter(self->reader));
	codecache_reader_exit(self->reader, 0);
}

TEST_F(lib, a_cookie_that_was_not_given_out)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t cookie;

	ASSERT_EQ(0, codecache_grace_start(self->cache, 0, &cookie));
	EXPECT_EQ(-EINVAL, codecache_grace_poll(self->cache, cookie + 1));
	EXPECT_EQ(-EINVAL, codecache_grace_wait(self->cache, cookie + 1, 0, 0));
	EXPECT_EQ(-EINVAL, codecache_grace_eventfd(self->cache, cookie + 1, fd));
	EXPECT_EQ(0, codecache_grace_eventfd(self->cache, cookie, fd));
	EXPECT_EQ(0, codecache_grace_wait(self->cache, cookie, 0, 0));
	EXPECT_EQ(0, codecache_grace_wait(self->cache, 0, 0, 0));
	close(fd);
	EXPECT_EQ(-EBADF, codecache_grace_eventfd(self->cache, cookie, fd));
}

/* ---- slots ------------------------------------------------------------------ */

struct corpse {
	struct codecache_cache *cache;
	struct codecache_reader *reader;
};

/* Enters, and does not come back. */
static void *die_inside(void *arg)
{
	struct corpse *corpse = arg;

	if (!codecache_reader_register(corpse->cache, &corpse->reader))
		codecache_reader_enter(corpse->reader);
	return NULL;
}

/* A thread that was joined may take a moment more to be dead. */
static int bury(struct corpse *corpse)
{
	long long since = cc_now_ms();
	int ret;

	do {
		ret = codecache_reader_unregister(corpse->reader);
	} while (ret == -EBUSY && cc_patient(since));
	return ret;
}

TEST_F(lib, a_thread_that_dies_inside_is_outside)
{
	struct corpse corpse = { .cache = self->cache };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, die_inside, &corpse));
	pthread_join(thread, NULL);
	ASSERT_NE(NULL, corpse.reader);
	EXPECT_EQ(0, codecache_defer_free(self->cache, count, self->shared));
	EXPECT_EQ(0, codecache_defer_barrier(self->cache));
	EXPECT_EQ(1, counted(self));
	EXPECT_EQ(0, bury(&corpse));
	EXPECT_EQ(1, nr_readers(self));
}

enum { CORPSES = 200 };

/* The module gives slots of the dead away; their readers are still to be freed. */
TEST_F(lib, a_dead_reader_does_not_take_its_heirs_slot)
{
	static struct corpse corpses[CORPSES];
	struct codecache_reader *heirs[CORPSES];
	int i, j, shared = 0;
	pthread_t thread;

	for (i = 0; i < CORPSES; i++) {
		corpses[i].cache = self->cache;
		ASSERT_EQ(0, pthread_create(&thread, NULL, die_inside, &corpses[i]));
		pthread_join(thread, NULL);
		ASSERT_NE(NULL, corpses[i].reader);
	}
	for (i = 0; i < CORPSES; i++) {
		ASSERT_EQ(0, codecache_reader_register(self->cache, &heirs[i]));
		for (j = 0; j < CORPSES; j++)
			shared += corpses[j].reader->slot == heirs[i]->slot;
	}
	/* Else this has tested nothing. */
	EXPECT_LT(0, shared);
	for (i = 0; i < CORPSES; i++)
		EXPECT_EQ(0, bury(&corpses[i]));
	for (i = 0; i < CORPSES; i++) {
		uint64_t outer = codecache_reader_enter(heirs[i]);

		EXPECT_EQ(-EBUSY, codecache_reader_unregister(heirs[i]));
		codecache_reader_exit(heirs[i], outer);
		EXPECT_EQ(0, codecache_reader_unregister(heirs[i]));
	}
	EXPECT_EQ(1, nr_readers(self));
}

static struct codecache_reader *interrupted;
static volatile sig_atomic_t nr_interrupts;

static void on_alarm(int sig)
{
	uint64_t outer = codecache_reader_enter(interrupted);

	(void)sig;
	codecache_reader_exit(interrupted, codecache_reader_enter(interrupted));
	codecache_reader_exit(interrupted, outer);
	nr_interrupts++;
}

/* Wherever the handler comes, the slot has what the thread has put there. */
TEST_F(lib, sections_of_signal_handlers_nest)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	unsigned long inside = 0, outside = 0;
	long long since = cc_now_ms();
	uint64_t outer, cookie;

	interrupted = self->reader;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	while (nr_interrupts < 2000 && cc_patient(since)) {
		outer = codecache_reader_enter(self->reader);
		inside += !self->reader->slot->active || outer;
		codecache_reader_exit(self->reader, outer);
		outside += self->reader->slot->active != 0;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_EQ(0, inside);
	EXPECT_EQ(0, outside);
	EXPECT_LT(100, nr_interrupts);
	ASSERT_EQ(0, codecache_grace_start(self->cache, 0, &cookie));
	EXPECT_EQ(0, codecache_grace_wait(self->cache, cookie, 0, 0));
}

/* ---- fork() ------------------------------------------------------------------- */

/* The number of what is not as it should be in a child, or 0. */
static int child(SELF, const struct codecache_control *control, uint64_t outer)
{
	struct codecache_reader *own;

	if (control->epoch || self->reader->slot->active)
		return 1;
	codecache_reader_exit(self->reader, outer);
	codecache_reader_exit(self->reader, codecache_reader_enter(self->reader));
	if (codecache_defer_pending(self->cache) || codecache_defer_barrier(self->cache))
		return 2;
	if (codecache_reader_unregister(self->reader))
		return 3;

	/* On its own, in the same cache; the parent is still inside. */
	if (codecache_reader_register(self->cache, &own) || own->slot == self->reader->slot)
		return 4;
	codecache_reader_exit(own, codecache_reader_enter(own));
	if (nr_readers(self) != 2 || codecache_reader_unregister(own))
		return 5;
	codecache_close(self->cache);
	return 0;
}

TEST_F(lib, a_child_has_readers_that_lead_nowhere)
{
	const struct codecache_control *control;
	uint64_t outer;
	pid_t pid;

	ASSERT_EQ(0, codecache_control_page(self->cache, &control));
	outer = codecache_reader_enter(self->reader);
	ASSERT_EQ(0, codecache_defer_free(self->cache, count, self->shared));
	pid = cc_fork();
	if (!pid)
		_exit(child(self, control, outer));
	EXPECT_EQ(0, cc_wait(pid));

	/* It has not left in the parent's name, and not called in its place. */
	EXPECT_NE(0, self->reader->slot->active);
	EXPECT_EQ(-EDEADLK, codecache_defer_barrier(self->cache));
	EXPECT_EQ(0, counted(self));
	codecache_reader_exit(self->reader, outer);
	EXPECT_EQ(0, codecache_defer_barrier(self->cache));
	EXPECT_EQ(1, counted(self));
}

/* A child of a child, while threads of both hold locks of the library. */
static void *defer_and_drain(void *arg)
{
	FIXTURE_DATA(lib) *self = arg;
	int i;

	for (i = 0; i < 3000; i++) {
		size_t nr;

		codecache_defer_free(self->cache, count, self->shared);
		codecache_defer_drain(self->cache, 10, &nr);
	}
	return NULL;
}

TEST_F(lib, a_fork_finds_nothing_half_done)
{
	pthread_t thread;
	int i, bad = 0;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, defer_and_drain, self));
	for (i = 0; i < 100; i++) {
		pid = cc_fork();
		if (!pid) {
			int left = (int)codecache_defer_pending(self->cache);
			struct codecache_reader *own;

			if (codecache_reader_register(self->cache, &own))
				left++;
			/* It is the parent's counter: this must not run there. */
			codecache_defer_free(self->cache, free, malloc(10));
			if (codecache_defer_barrier(self->cache))
				left++;
			_exit(left);
		}
		bad += cc_wait(pid) != 0;
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, codecache_defer_barrier(self->cache));
	EXPECT_EQ(3000, counted(self));
}

/* ---- deferred frees --------------------------------------------------------------- */

enum { READERS = 3, OBJECTS = 64, ROUNDS = 5000 };

/* @value is not 0 for as long as anybody may see it. */
static struct object {
	struct codecache_defer_head head;
	int value;
	int is_free;
} objects[OBJECTS];

static struct object *current;
static int stop;

static void poison(struct codecache_defer_head *head)
{
	struct object *object = (struct object *)head;

	__atomic_store_n(&object->value, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&object->is_free, 1, __ATOMIC_RELEASE);
}

static void *look(void *cache)
{
	struct codecache_reader *reader;
	struct object *object;
	long wrong = 0, n = 0;
	uint64_t outer;

	if (codecache_reader_register(cache, &reader))
		return (void *)1L;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		outer = codecache_reader_enter(reader);
		object = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
		if (!(++n & 255))
			sched_yield();
		wrong += !__atomic_load_n(&object->value, __ATOMIC_RELAXED);
		codecache_reader_exit(reader, outer);
	}
	codecache_reader_unregister(reader);
	return (void *)wrong;
}

static void replace(SELF, int round)
{
	struct object *object = &objects[round % OBJECTS], *old;

	while (!__atomic_load_n(&object->is_free, __ATOMIC_ACQUIRE))
		sched_yield();
	object->is_free = 0;
	__atomic_store_n(&object->value, round + 1, __ATOMIC_RELAXED);
	old = __atomic_exchange_n(&current, object, __ATOMIC_ACQ_REL);
	if (old)
		codecache_defer_call(self->cache, &old->head, poison);
}

TEST_F_TIMEOUT(lib, readers_see_nothing_that_was_freed, CC_TIMEOUT)
{
	pthread_t threads[READERS];
	long long since = cc_now_ms();
	void *wrong;
	int i;

	for (i = 0; i < OBJECTS; i++)
		objects[i].is_free = 1;
	replace(self, 0);
	ASSERT_EQ(0, codecache_defer_thread_start(self->cache));
	for (i = 0; i < READERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, look, self->cache));
	for (i = 1; i <= ROUNDS && cc_patient(since); i++)
		replace(self, i);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		pthread_join(threads[i], &wrong);
		EXPECT_EQ(NULL, wrong);
	}
	EXPECT_EQ(0, codecache_defer_barrier(self->cache));
	EXPECT_EQ(0, codecache_defer_thread_stop(self->cache));
	EXPECT_EQ(0, codecache_defer_pending(self->cache));
}

TEST_F(lib, close_ends_the_thread_and_calls_nothing)
{
	uint64_t outer = codecache_reader_enter(self->reader);
	struct codecache_cache *cache;
	struct codecache_reader *reader;

	ASSERT_EQ(0, codecache_open(&cache));
	ASSERT_EQ(0, codecache_reader_register(cache, &reader));
	codecache_reader_enter(reader);
	ASSERT_EQ(0, codecache_defer_thread_start(cache));
	ASSERT_EQ(0, codecache_defer_free(cache, count, self->shared));
	codecache_close(cache);
	EXPECT_EQ(0, counted(self));
	codecache_reader_exit(self->reader, outer);
}

TEST_HARNESS_MAIN
