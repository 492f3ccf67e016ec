// SPDX-License-Identifier: MIT
/*
 * Grace periods: cookies, and who learns of their end, how, and when
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "kselftest_harness.h"

enum { PAGES = 64, MAX_EVENTFDS = 4096 };

#define URGENT	CODECACHE_GRACE_F_URGENT
#define MS	1000000ULL

/* A cache, and a reader of the thread that runs the test. */
FIXTURE(grace)
{
	int cache;
	struct cc_shared shared;
	int reader;
	uint64_t cookie;
};

FIXTURE_SETUP(grace)
{
	ASSERT_TRUE(cc_nothing_left());
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	ASSERT_EQ(0, cc_share(&self->shared, self->cache));
	self->reader = cc_reader(self->cache);
	ASSERT_LE(0, self->reader);
}

FIXTURE_TEARDOWN(grace)
{
	cc_unshare(&self->shared);
	close(self->cache);
}

static int start(FIXTURE_DATA(grace) *self)
{
	return cc_grace_start(self->cache, 0, &self->cookie);
}

/* Watch the control page alone until a cookie is over. */
static bool completes(FIXTURE_DATA(grace) *self, uint64_t cookie)
{
	long long since = cc_now_ms();

	while (cc_completed(&self->shared) < cookie) {
		if (!cc_patient(since))
			return false;
	}
	return true;
}

/* ---- cookies ---------------------------------------------------------------- */

TEST_F_TIMEOUT(grace, ends_by_itself, CC_TIMEOUT)
{
	uint64_t last = 0;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, start(self));
		EXPECT_LT(last, self->cookie);
		last = self->cookie;
		/* No system call asks for it. */
		ASSERT_TRUE(completes(self, last));
		EXPECT_LT(last, self->shared.control->epoch);
		EXPECT_EQ(1, cc_grace_poll(self->cache, last));
	}
	EXPECT_EQ(20, CC_STAT(self->cache, grace_periods));
	EXPECT_EQ(0, CC_STAT(self->cache, grace_urgent));
	EXPECT_FALSE(cc_waiting(&self->shared));
}

struct watcher {
	FIXTURE_DATA(grace) *self;
	atomic_bool stop;
	bool wrong;
	unsigned long seen;
};

/* What is completed ascends, and is always behind what readers store. */
static void *watch(void *arg)
{
	struct watcher *watcher = arg;
	const struct codecache_control *control = watcher->self->shared.control;
	uint64_t last = 0, completed, epoch;

	while (!atomic_load(&watcher->stop)) {
		completed = __atomic_load_n(&control->completed,
					    __ATOMIC_ACQUIRE);
		epoch = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
		watcher->wrong |= completed < last || completed >= epoch;
		watcher->seen += completed != last;
		last = completed;
	}
	return NULL;
}

TEST_F_TIMEOUT(grace, periods_end_in_order, CC_TIMEOUT)
{
	struct watcher watcher = { .self = self };
	uint64_t cookies[200];
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, watch, &watcher));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, cc_grace_start(self->cache, 0, &cookies[i]));
		EXPECT_LE(i ? cookies[i - 1] : 1, cookies[i]);
		usleep(i * 73 % 2000);
	}
	/* What is over is over for all that came before. */
	for (i = 0; i < 200; i += 7) {
		ASSERT_EQ(0, cc_grace_wait(self->cache, cookies[i]));
		EXPECT_EQ(1, cc_grace_poll(self->cache, cookies[i / 2]));
		EXPECT_LE(cookies[i], cc_completed(&self->shared));
	}
	ASSERT_EQ(0, cc_grace_wait(self->cache, cookies[199]));
	atomic_store(&watcher.stop, true);
	pthread_join(thread, NULL);
	EXPECT_FALSE(watcher.wrong);
	EXPECT_LT(0, watcher.seen);
	EXPECT_EQ((long long)cookies[199], CC_STAT(self->cache, grace_periods));
}

/* Whatever is asked for while one is under way shares the next. */
TEST_F_TIMEOUT(grace, calls_share_the_next_one, CC_TIMEOUT)
{
	int zone = cc_extents(self->cache, CODECACHE_ZONE_DATA, PAGES), i;
	uint64_t cookie, first;

	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &first));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, start(self));
		EXPECT_EQ(first + 1, self->cookie);
		ASSERT_EQ(i, cc_extent(zone, 1));
		ASSERT_EQ(0, cc_retire_run(zone, i, 1, &cookie));
		EXPECT_EQ(first + 1, cookie);
	}
	EXPECT_EQ(0, CC_STAT(self->cache, grace_periods));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->cache, cookie));
	EXPECT_EQ(2, CC_STAT(self->cache, grace_periods));
	EXPECT_EQ(1, CC_STAT(zone, reclaim_passes));
	EXPECT_EQ(0, CC_STAT(zone, retired_pages));
	close(zone);
}

/* When the control page tells that it is over, all that was retired has gone. */
TEST_F_TIMEOUT(grace, ends_when_what_was_retired_has_gone, CC_TIMEOUT)
{
	struct cc_mem mem;
	uint64_t cookie;
	int i;

	ASSERT_EQ(0, cc_mem_extents_data(&mem, PAGES));
	cc_unshare(&self->shared);
	ASSERT_EQ(0, cc_share(&self->shared, mem.cache));
	for (i = 0; i < 30; i++) {
		unsigned char *p = mem.map[CODECACHE_VIEW_DATA];

		ASSERT_EQ(0, cc_extent(mem.zone, 2));
		ASSERT_EQ(0, cc_store(p + cc_page_size(), 1));
		ASSERT_EQ(0, cc_retire_run(mem.zone, 0, 2, &cookie));
		ASSERT_TRUE(completes(self, cookie));
		EXPECT_EQ(SIGSEGV, cc_load(p + cc_page_size(), NULL));
		ASSERT_EQ(0, CC_STAT(mem.zone, retired_pages));
	}
	cc_mem_close(&mem);
}

/* ---- readers ---------------------------------------------------------------- */

TEST_F_TIMEOUT(grace, waits_for_who_was_inside, CC_TIMEOUT)
{
	struct cc_inside early, late;
	uint64_t next;

	ASSERT_EQ(0, cc_inside_start(&early, self->cache, &self->shared));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(cc_grace_holds(self->cache, self->cookie));
	EXPECT_TRUE(cc_waiting(&self->shared));
	/* Who enters now is none of its business. */
	ASSERT_EQ(0, cc_inside_start(&late, self->cache, &self->shared));
	EXPECT_EQ(self->cookie + 1, self->shared.slots[late.index].active);
	ASSERT_EQ(0, cc_inside_stop(&early));
	EXPECT_TRUE(completes(self, self->cookie));
	/* But the next one's. */
	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &next));
	EXPECT_TRUE(cc_grace_holds(self->cache, next));
	ASSERT_EQ(0, cc_inside_stop(&late));
	EXPECT_TRUE(completes(self, next));
	EXPECT_FALSE(cc_waiting(&self->shared));
}

TEST_F_TIMEOUT(grace, waits_for_the_outermost_exit, CC_TIMEOUT)
{
	uint64_t outer, inner, innermost;

	outer = cc_enter(&self->shared, self->reader);
	EXPECT_EQ(0, outer);
	ASSERT_EQ(0, start(self));
	inner = cc_enter(&self->shared, self->reader);
	EXPECT_EQ(self->cookie, inner);
	innermost = cc_enter(&self->shared, self->reader);
	EXPECT_EQ(inner, innermost);
	cc_exit(&self->shared, self->reader, innermost);
	EXPECT_TRUE(cc_grace_holds(self->cache, self->cookie));
	cc_exit(&self->shared, self->reader, inner);
	EXPECT_TRUE(cc_grace_holds(self->cache, self->cookie));
	cc_exit(&self->shared, self->reader, outer);
	EXPECT_TRUE(completes(self, self->cookie));
}

/* A signal handler with a section of its own, that comes at any moment. */
static FIXTURE_DATA(grace) *interrupted;
static volatile sig_atomic_t nr_signals, nr_wrong;

static void on_alarm(int sig)
{
	struct codecache_reader_slot *slot =
		&interrupted->shared.slots[interrupted->reader];
	uint64_t before = slot->active, outer;

	(void)sig;
	outer = cc_enter(&interrupted->shared, interrupted->reader);
	nr_wrong += outer != before || !slot->active;
	cc_exit(&interrupted->shared, interrupted->reader, outer);
	nr_wrong += slot->active != before;
	nr_signals++;
}

static void *start_for_ever(void *arg)
{
	FIXTURE_DATA(grace) *self = arg;
	uint64_t cookie;

	while (interrupted) {
		if (cc_grace_start(self->cache, 0, &cookie) ||
		    cc_grace_wait(self->cache, cookie))
			nr_wrong++;
	}
	return NULL;
}

TEST_F_TIMEOUT(grace, sections_may_be_interrupted_by_sections, CC_TIMEOUT)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	struct codecache_reader_slot *slot = &self->shared.slots[self->reader];
	long long since = cc_now_ms();
	pthread_t thread;
	uint64_t outer;
	sigset_t set;

	interrupted = self;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, start_for_ever, self));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	while (nr_signals < 300 && cc_now_ms() - since < CC_PATIENCE_MS) {
		outer = cc_enter(&self->shared, self->reader);
		nr_wrong += outer || !slot->active;
		cc_exit(&self->shared, self->reader, outer);
		nr_wrong += slot->active != 0;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	interrupted = NULL;
	pthread_join(thread, NULL);
	EXPECT_LE(300, nr_signals);
	EXPECT_EQ(0, nr_wrong);
	EXPECT_LT(0, CC_STAT(self->cache, grace_periods));
}

/* ---- POLL and WAIT ------------------------------------------------------------ */

TEST_F_TIMEOUT(grace, poll_tells_which_are_over, CC_TIMEOUT)
{
	struct codecache_grace_poll_args args = { .size = sizeof(args) };
	uint64_t first;

	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &first));
	ASSERT_TRUE(completes(self, first));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	args.cookie = self->cookie;
	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_POLL, &args));
	EXPECT_EQ(0, args.out_done);
	EXPECT_EQ(first, args.out_completed);
	args.cookie = first;
	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_POLL, &args));
	EXPECT_EQ(1, args.out_done);
	EXPECT_EQ(first, args.out_completed);
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_TRUE(completes(self, self->cookie));
	ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_POLL, &args));
	EXPECT_EQ(self->cookie, args.out_completed);
}

/* GRACE_WAIT as a thread of its own; cookie and timeout as "address" and length. */
static long wait_call(void *p, size_t ms)
{
	FIXTURE_DATA(grace) *self = p;

	return cc_grace_wait_ns(self->cache, self->cookie, ms * MS);
}

TEST_F_TIMEOUT(grace, wait_lasts_until_it_is_over, CC_TIMEOUT)
{
	struct codecache_grace_wait_args args = { .size = sizeof(args) };
	struct cc_hit waiters[4];
	unsigned int i;

	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	for (i = 0; i < 4; i++) {
		waiters[i] = (struct cc_hit){
			.how = CC_CALL,
			.call = wait_call,
			.p = (void *)self,
			.len = i & 1 ? CC_PATIENCE_MS : 0,
		};
		ASSERT_EQ(0, cc_hit_start(&waiters[i]));
	}
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(cc_hit_sleeps(&waiters[i]));
	cc_exit(&self->shared, self->reader, 0);
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(cc_hit_ends(&waiters[i]));
		EXPECT_EQ(0, waiters[i].result);
	}
	args.cookie = self->cookie;
	args.timeout_ns = 1;
	EXPECT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_WAIT, &args));
	EXPECT_EQ(self->cookie, args.out_completed);
}

TEST_F_TIMEOUT(grace, wait_ends_in_time, CC_TIMEOUT)
{
	struct cc_inside in;
	long long since;

	ASSERT_EQ(0, cc_inside_start(&in, self->cache, &self->shared));
	ASSERT_EQ(0, start(self));
	since = cc_now_ms();
	EXPECT_EQ(-ETIMEDOUT, cc_grace_wait_ns(self->cache, self->cookie, 1));
	EXPECT_EQ(-ETIMEDOUT, cc_grace_wait_ns(self->cache, self->cookie,
					       300 * MS));
	EXPECT_LE(300 - 10, cc_now_ms() - since);
	EXPECT_GT(CC_PATIENCE_MS, cc_now_ms() - since);
	ASSERT_EQ(0, cc_inside_stop(&in));
	EXPECT_EQ(0, cc_grace_wait_ns(self->cache, self->cookie, ~0ULL));
}

TEST_F_TIMEOUT(grace, wait_for_oneself_is_refused, CC_TIMEOUT)
{
	int second = cc_reader(self->cache);
	struct cc_inside in;

	ASSERT_LE(0, second);
	/* Whichever of its slots it is inside with. */
	cc_enter(&self->shared, second);
	ASSERT_EQ(0, start(self));
	EXPECT_EQ(-EDEADLK, cc_grace_wait(self->cache, self->cookie));
	EXPECT_EQ(-EDEADLK, cc_grace_wait_ns(self->cache, self->cookie, 1));
	EXPECT_EQ(0, cc_grace_poll(self->cache, self->cookie));
	EXPECT_EQ(0, cc_grace_wait(self->cache, self->cookie - 1));
	cc_exit(&self->shared, second, 0);
	EXPECT_EQ(0, cc_grace_wait(self->cache, self->cookie));

	/* It may be inside if it is not waited for. */
	ASSERT_EQ(0, cc_inside_start(&in, self->cache, &self->shared));
	ASSERT_EQ(0, start(self));
	cc_enter(&self->shared, second);
	EXPECT_EQ(-ETIMEDOUT, cc_grace_wait_ns(self->cache, self->cookie, MS));
	ASSERT_EQ(0, cc_inside_stop(&in));
	EXPECT_EQ(0, cc_grace_wait(self->cache, self->cookie));
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST_F_TIMEOUT(grace, wait_ends_with_a_signal, CC_TIMEOUT)
{
	struct sigaction act = { .sa_handler = on_signal,
				 .sa_flags = SA_RESTART };
	struct cc_hit waiter = {
		.how = CC_CALL,
		.call = wait_call,
		.p = (void *)self,
	};
	long long since = cc_now_ms();

	sigaction(SIGUSR1, &act, NULL);
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_hit_start(&waiter));
	/* Again, in case that it came before the call. */
	while (!atomic_load(&waiter.done)) {
		pthread_kill(waiter.thread, SIGUSR1);
		ASSERT_TRUE(cc_patient(since));
	}
	EXPECT_TRUE(cc_hit_ends(&waiter));
	EXPECT_EQ(-EINTR, waiter.result);
	cc_exit(&self->shared, self->reader, 0);
	EXPECT_EQ(0, cc_grace_wait(self->cache, self->cookie));
}

/* ---- eventfds ------------------------------------------------------------------- */

static long long count_of(int event)
{
	uint64_t value;

	return read(event, &value, sizeof(value)) == sizeof(value) ?
	       (long long)value : 0;
}

TEST_F_TIMEOUT(grace, eventfds_are_told_once, CC_TIMEOUT)
{
	int event[3], i;
	uint64_t next;

	for (i = 0; i < 3; i++) {
		event[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_LE(0, event[i]);
	}
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &next));
	ASSERT_LT(self->cookie, next);
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, next, event[1]));
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event[0]));
	/* Twice is twice; and each is told of its own. */
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event[2]));
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, next, event[2]));
	EXPECT_TRUE(cc_grace_holds(self->cache, self->cookie));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, cc_poll(event[i], 0));
	cc_exit(&self->shared, self->reader, 0);
	EXPECT_EQ(POLLIN, cc_poll(event[0], CC_PATIENCE_MS));
	EXPECT_EQ(POLLIN, cc_poll(event[1], CC_PATIENCE_MS));
	EXPECT_LE(next, cc_completed(&self->shared));
	/* The others are told one after another; all before what ends later. */
	ASSERT_EQ(0, cc_quiesce(self->cache));
	EXPECT_EQ(1, count_of(event[0]));
	EXPECT_EQ(1, count_of(event[1]));
	EXPECT_EQ(2, count_of(event[2]));
	ASSERT_EQ(0, cc_quiesce(self->cache));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, count_of(event[i]));
	/* What is over is told at once. */
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event[0]));
	EXPECT_EQ(1, count_of(event[0]));
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, 0, event[0]));
	EXPECT_EQ(1, count_of(event[0]));
}

TEST_F_TIMEOUT(grace, eventfds_may_be_closed_before, CC_TIMEOUT)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), other;

	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event));
	other = dup(event);
	close(event);
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->cookie));
	EXPECT_EQ(POLLIN, cc_poll(other, CC_PATIENCE_MS));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, other));
	close(other);
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->cookie));
}

TEST_F_TIMEOUT(grace, eventfds_are_limited, CC_TIMEOUT)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;

	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	for (i = 0; i < MAX_EVENTFDS; i++)
		ASSERT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event));
	EXPECT_EQ(-ENOSPC, cc_grace_eventfd(self->cache, self->cookie, event));
	/* That does not concern what is over. */
	EXPECT_EQ(0, cc_grace_eventfd(self->cache, 0, event));
	EXPECT_EQ(1, count_of(event));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->cookie));
	ASSERT_EQ(0, cc_quiesce(self->cache));
	EXPECT_EQ(MAX_EVENTFDS, count_of(event));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, start(self));
	EXPECT_EQ(0, cc_grace_eventfd(self->cache, self->cookie, event));
	cc_exit(&self->shared, self->reader, 0);
}

/* ---- urgent ones ------------------------------------------------------------------ */

TEST_F_TIMEOUT(grace, urgent_ones_are_counted_and_limited, CC_TIMEOUT)
{
	long long since = cc_now_ms(), seconds, urgent;
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.flags = URGENT,
	};
	int i;

	ASSERT_EQ(0, cc_grace_start(self->cache, URGENT, &self->cookie));
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->cookie));
	EXPECT_EQ(1, CC_STAT(self->cache, grace_urgent));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_grace_wait(self->cache, self->cookie));
	EXPECT_EQ(1, CC_STAT(self->cache, grace_urgent));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, cc_grace_start(self->cache, i % 2 ? URGENT : 0,
					    &self->cookie));
		args.cookie = self->cookie;
		ASSERT_EQ(0, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_WAIT,
				      &args));
	}
	/* Ten in each second that was begun. */
	seconds = (cc_now_ms() - since) / 1000 + 2;
	urgent = CC_STAT(self->cache, grace_urgent);
	TH_LOG("%lld urgent, in less than %lld seconds", urgent, seconds);
	EXPECT_LT(1, urgent);
	EXPECT_GE(10 * seconds, urgent);
	EXPECT_EQ(102, CC_STAT(self->cache, grace_periods));
}

/* Who is in a hurry may come before it begins, while another one is held up. */
TEST_F_TIMEOUT(grace, urgent_waiting_for_the_next_one_is_remembered, CC_TIMEOUT)
{
	struct codecache_grace_wait_args args = {
		.size = sizeof(args),
		.flags = URGENT,
		.timeout_ns = MS,
	};
	struct cc_inside in = {};
	uint64_t next;

	ASSERT_EQ(0, cc_inside_start(&in, self->cache, &self->shared));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, cc_grace_start(self->cache, 0, &next));
	ASSERT_LT(self->cookie, next);
	args.cookie = next;
	EXPECT_EQ(-ETIMEDOUT, cc_ioctl(self->cache, CODECACHE_IOC_GRACE_WAIT, &args));
	EXPECT_EQ(0, CC_STAT(self->cache, grace_urgent));
	ASSERT_EQ(0, cc_inside_stop(&in));
	ASSERT_EQ(0, cc_grace_wait(self->cache, next));
	EXPECT_EQ(2, CC_STAT(self->cache, grace_periods));
	EXPECT_EQ(1, CC_STAT(self->cache, grace_urgent));
}

/* It is in a hurry, but not before the readers. */
TEST_F_TIMEOUT(grace, urgent_ones_wait_for_readers_too, CC_TIMEOUT)
{
	int zone = cc_extents(self->cache, CODECACHE_ZONE_DATA, PAGES);
	struct codecache_extent extent = { .nr_pages = 1 };
	struct codecache_extent_retire_args args = {
		.flags = URGENT,
		.addr = (uintptr_t)&extent,
		.count = 1,
	};

	ASSERT_EQ(0, cc_alloc(zone, &extent, 1, 0));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_call(zone, &args));
	EXPECT_TRUE(cc_grace_holds(self->cache, args.out_cookie));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_grace_wait(self->cache, args.out_cookie));
	EXPECT_EQ(1, CC_STAT(self->cache, grace_urgent));
	close(zone);
}

/* ---- hints ------------------------------------------------------------------------- */

/* How long it takes to end after a reader that was inside for long has left. */
static long long ms_to_end(FIXTURE_DATA(grace) *self, bool hint)
{
	long long since;

	cc_enter(&self->shared, self->reader);
	if (start(self))
		return -1;
	usleep(700000);
	cc_exit(&self->shared, self->reader, 0);
	since = cc_now_ms();
	if (hint && cc_waiting(&self->shared))
		cc_grace_poll(self->cache, 0);
	while (cc_completed(&self->shared) < self->cookie)
		usleep(500);
	return cc_now_ms() - since;
}

TEST_F_TIMEOUT(grace, a_hint_makes_it_end_sooner, CC_TIMEOUT)
{
	long long ms[2] = { 0 };
	int try, i;

	/* By the clock, which a busy machine may upset once, or twice. */
	for (try = 0; try < 3 && 2 * ms[1] >= ms[0]; try++) {
		memset(ms, 0, sizeof(ms));
		for (i = 0; i < 16; i++)
			ms[i % 2] += ms_to_end(self, i % 2);
		TH_LOG("%lld ms without a hint, %lld with one", ms[0] / 8, ms[1] / 8);
	}
	EXPECT_LT(2 * ms[1], ms[0]);
}

TEST_HARNESS_MAIN
