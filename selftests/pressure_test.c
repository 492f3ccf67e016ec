// SPDX-License-Identifier: MIT
/*
 * Memory that is short: who is told, and what is freed
 */
#include "cc_reclaim.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 64, HELD = 32, HIGH = 10, THREADS = 4 };

#define DATA	CODECACHE_VIEW_DATA

#define PRESSURE	CODECACHE_ZONE_EVENT_PRESSURE
#define HIGH_WATER	CODECACHE_ZONE_EVENT_HIGH_WATER

/* A data zone with extents, of which one is handed out, and two eventfds. */
FIXTURE(pressure)
{
	struct cc_mem mem;
	struct cc_shared shared;
	size_t page;
	unsigned char *p;
	int event[2];
	int reader;
};

FIXTURE_SETUP(pressure)
{
	int i;

	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_data(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	ASSERT_EQ(0, cc_extent(self->mem.zone, HELD));
	self->page = cc_page_size();
	self->p = self->mem.map[DATA];
	self->reader = cc_reader(self->mem.cache);
	ASSERT_LE(0, self->reader);
	for (i = 0; i < 2; i++) {
		self->event[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_LE(0, self->event[i]);
	}
}

FIXTURE_TEARDOWN(pressure)
{
	close(self->event[0]);
	close(self->event[1]);
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

static int tell(int zone, uint32_t flags, int fd, uint64_t high_water)
{
	struct codecache_zone_eventfd_args args = {
		.size = sizeof(args),
		.flags = flags,
		.fd = fd,
		.high_water_pages = high_water,
	};

	return cc_ioctl(zone, CODECACHE_IOC_ZONE_EVENTFD, &args);
}

static long long count_of(int event)
{
	uint64_t value;

	return read(event, &value, sizeof(value)) == sizeof(value) ?
	       (long long)value : 0;
}

/* The kernel asks everybody to give back what they can do without. */
static int look_for_memory(void)
{
	return cc_write_file("/proc/sys/vm/drop_caches", "2");
}

static int touch(FIXTURE_DATA(pressure) *self, uint64_t first, uint64_t nr)
{
	int sig = 0;

	while (nr-- && !sig)
		sig = cc_store(self->p + first++ * self->page, 1);
	return sig;
}

/* The one extent goes, and comes again, without pages. */
static int renew(FIXTURE_DATA(pressure) *self)
{
	uint64_t cookie;
	int err = cc_retire_run(self->mem.zone, 0, HELD, &cookie);

	if (!err)
		err = cc_grace_wait(self->mem.cache, cookie);
	return err ?: cc_extent(self->mem.zone, HELD);
}

static uint64_t times(const struct cc_shared *shared)
{
	return __atomic_load_n(&shared->control->pressure, __ATOMIC_RELAXED);
}

/* ---- telling --------------------------------------------------------------------- */

TEST_F_TIMEOUT(pressure, is_told, CC_TIMEOUT)
{
	uint64_t before = times(&self->shared);

	ASSERT_EQ(0, touch(self, 0, 4));
	ASSERT_EQ(0, tell(self->mem.zone, PRESSURE, self->event[0], 0));
	EXPECT_EQ(0, count_of(self->event[0]));
	EXPECT_EQ(before, times(&self->shared));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_LT(0, count_of(self->event[0]));
	EXPECT_LT(before, times(&self->shared));
	/* Who uses it loses nothing by that. */
	EXPECT_EQ(0, cc_load(self->p, NULL));
	EXPECT_EQ(4, CC_STAT(self->mem.zone, resident_pages));
}

TEST_F_TIMEOUT(pressure, is_told_to_the_last_who_asked, CC_TIMEOUT)
{
	ASSERT_EQ(0, touch(self, 0, 4));
	ASSERT_EQ(0, tell(self->mem.zone, PRESSURE, self->event[0], 0));
	ASSERT_EQ(0, tell(self->mem.zone, PRESSURE, self->event[1], 0));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_EQ(0, count_of(self->event[0]));
	EXPECT_LT(0, count_of(self->event[1]));
	/* One who asked for something else; and nobody. */
	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER, self->event[0], PAGES));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_EQ(0, count_of(self->event[0]));
	EXPECT_EQ(0, count_of(self->event[1]));
	ASSERT_EQ(0, tell(self->mem.zone, PRESSURE, self->event[0], 0));
	ASSERT_EQ(0, tell(self->mem.zone, 0, -1, 0));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_EQ(0, count_of(self->event[0]));
	/* An eventfd may be closed: that ends nothing. */
	ASSERT_EQ(0, tell(self->mem.zone, PRESSURE, self->event[0], 0));
	close(self->event[0]);
	ASSERT_EQ(0, look_for_memory());
	self->event[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

TEST_F_TIMEOUT(pressure, of_each_cache_is_its_own, CC_TIMEOUT)
{
	struct cc_shared shared;
	int cache = cc_open();

	ASSERT_EQ(0, cc_share(&shared, cache));
	ASSERT_EQ(0, touch(self, 0, 4));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_LT(0, times(&self->shared));
	/* It held nothing. */
	EXPECT_EQ(0, times(&shared));
	cc_unshare(&shared);
	close(cache);
}

/* ---- high water ---------------------------------------------------------------------- */

TEST_F_TIMEOUT(pressure, high_water_is_told_when_it_is_reached, CC_TIMEOUT)
{
	int round;

	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER, self->event[0], HIGH));
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, touch(self, 0, HIGH - 1));
		EXPECT_EQ(0, count_of(self->event[0]));
		ASSERT_EQ(0, touch(self, HIGH - 1, 1));
		EXPECT_EQ(1, count_of(self->event[0]));
		ASSERT_EQ(0, touch(self, 0, HELD));
		EXPECT_EQ(0, count_of(self->event[0]));
		ASSERT_EQ(0, renew(self));
		EXPECT_EQ(0, count_of(self->event[0]));
	}
}

TEST_F_TIMEOUT(pressure, high_water_is_reached_from_below, CC_TIMEOUT)
{
	ASSERT_EQ(0, touch(self, 0, HIGH));
	/* It is there, or above it, already. */
	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER, self->event[0], HIGH));
	EXPECT_EQ(0, count_of(self->event[0]));
	ASSERT_EQ(0, touch(self, HIGH, 3));
	EXPECT_EQ(0, count_of(self->event[0]));
	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER, self->event[1], HIGH + 4));
	ASSERT_EQ(0, touch(self, HIGH + 3, 1));
	EXPECT_EQ(0, count_of(self->event[0]));
	EXPECT_EQ(1, count_of(self->event[1]));
	/* Both things may be asked for. */
	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER | PRESSURE, self->event[0],
			  HIGH + 5));
	ASSERT_EQ(0, touch(self, HIGH + 4, 1));
	EXPECT_EQ(1, count_of(self->event[0]));
	ASSERT_EQ(0, look_for_memory());
	EXPECT_LT(0, count_of(self->event[0]));
}

TEST_F_TIMEOUT(pressure, high_water_is_for_any_zone, CC_TIMEOUT)
{
	struct cc_mem plain;

	ASSERT_EQ(0, cc_mem_code(&plain, PAGES));
	ASSERT_EQ(0, tell(plain.zone, HIGH_WATER, self->event[0], 2));
	EXPECT_EQ(0, cc_store(plain.map[CODECACHE_VIEW_WRITE], 1));
	EXPECT_EQ(0, count_of(self->event[0]));
	EXPECT_EQ(0, cc_load(plain.map[CODECACHE_VIEW_EXEC] + self->page, NULL));
	EXPECT_EQ(1, count_of(self->event[0]));
	cc_mem_close(&plain);
}

struct toucher {
	FIXTURE_DATA(pressure) *self;
	pthread_barrier_t *barrier;
	pthread_t thread;
	unsigned int first;
	int err;
};

static void *touch_at_the_barrier(void *arg)
{
	struct toucher *toucher = arg;

	pthread_barrier_wait(toucher->barrier);
	toucher->err = touch(toucher->self, toucher->first, HELD / THREADS);
	return NULL;
}

/* However many come to it together, it is reached once. */
TEST_F_TIMEOUT(pressure, high_water_is_told_once_for_many_threads, 2 * CC_TIMEOUT)
{
	struct toucher touchers[THREADS];
	pthread_barrier_t barrier;
	unsigned int round, i;

	ASSERT_EQ(0, tell(self->mem.zone, HIGH_WATER, self->event[0], HELD / 2));
	for (round = 0; round < 40; round++) {
		pthread_barrier_init(&barrier, NULL, THREADS);
		for (i = 0; i < THREADS; i++) {
			touchers[i] = (struct toucher){
				.self = self,
				.barrier = &barrier,
				.first = i * HELD / THREADS,
			};
			ASSERT_EQ(0, pthread_create(&touchers[i].thread, NULL,
						    touch_at_the_barrier,
						    &touchers[i]));
		}
		for (i = 0; i < THREADS; i++) {
			pthread_join(touchers[i].thread, NULL);
			EXPECT_EQ(0, touchers[i].err);
		}
		ASSERT_EQ(1, count_of(self->event[0]));
		ASSERT_EQ(0, renew(self));
	}
}

/* ---- freeing ------------------------------------------------------------------------- */

/*
 * A reader that has been inside for long leaves without a word: then it takes a
 * while until somebody looks. How many pages the shrinker freed; -1: something is
 * wrong.
 */
static long long shrink(FIXTURE_DATA(pressure) *self)
{
	long long before = CC_STAT(self->mem.cache, shrunk_pages), shrunk;
	uint64_t cookie;

	if (touch(self, 0, HELD))
		return -1;
	cc_enter(&self->shared, self->reader);
	if (cc_retire_run(self->mem.zone, 0, HELD, &cookie))
		return -1;
	usleep(700000);
	/* Now for nothing: somebody is inside. */
	if (look_for_memory() ||
	    CC_STAT(self->mem.cache, shrunk_pages) != before ||
	    CC_STAT(self->mem.cache, held_pages) != HELD ||
	    cc_load(self->p, NULL))
		return -1;
	cc_exit(&self->shared, self->reader, 0);
	if (look_for_memory())
		return -1;
	shrunk = CC_STAT(self->mem.cache, shrunk_pages) - before;
	if (shrunk && (CC_STAT(self->mem.cache, held_pages) ||
		       CC_STAT(self->mem.zone, resident_pages) ||
		       cc_load(self->p, NULL) != SIGSEGV))
		return -1;
	if (cc_grace_wait(self->mem.cache, cookie) ||
	    cc_extent(self->mem.zone, HELD) || cc_load(self->p, NULL) ||
	    *self->p)
		return -1;
	return shrunk;
}

TEST_F_TIMEOUT(pressure, frees_what_waits_to_be_looked_at, 3 * CC_TIMEOUT)
{
	/* Of caches that are gone, too. */
	long long before = cc_total("shrunk_pages"), shrunk, sum = 0;
	int round;

	/* Now and then somebody looks before the shrinker comes. */
	for (round = 0; round < 20 && sum < 3 * HELD; round++) {
		shrunk = shrink(self);
		ASSERT_TRUE(shrunk == 0 || shrunk == HELD)
			TH_LOG("round %d: %lld pages", round, shrunk);
		sum += shrunk;
	}
	EXPECT_EQ(3 * HELD, sum);
	EXPECT_EQ(before + sum, cc_total("shrunk_pages"));
	EXPECT_EQ(round * HELD, CC_STAT(self->mem.zone, reclaim_pages));
}

/* ---- memory cgroups -------------------------------------------------------------------- */

enum { LIMIT_MB = 16, CHUNK = 256, ROUNDS = 400 };

FIXTURE(cgroup)
{
	char path[CC_PATH];
	bool ready;
};

FIXTURE_VARIANT(cgroup)
{
	uint64_t nr_pages;	/* of the zone */
	uint64_t held;		/* max_held_pages */
};

/* What bounds the use of memory: the zone, or what may be held. */
FIXTURE_VARIANT_ADD(cgroup, and_a_small_zone) {
	.nr_pages = 8 * CHUNK,
	.held = ~0ULL,
};

FIXTURE_VARIANT_ADD(cgroup, and_a_limit_of_what_is_held) {
	.nr_pages = 256 * CHUNK,
	.held = 6 * CHUNK,
};

FIXTURE_SETUP(cgroup)
{
	char max[CC_PATH + 16];
	int err = cc_cgroup_make(self->path, "cc-pressure");

	if (err)
		SKIP(return, "no memory cgroups (version 2) here: %s",
		     strerror(-err));
	snprintf(max, sizeof(max), "%s/memory.max", self->path);
	ASSERT_EQ(0, cc_write_file(max, "16M"));
	ASSERT_EQ(0, cc_set_param("max_held_pages", variant->held));
	self->ready = true;
}

FIXTURE_TEARDOWN(cgroup)
{
	cc_set_param("max_held_pages", ~0ULL);
	if (self->ready)
		EXPECT_EQ(0, cc_cgroup_remove(self->path));
}

/* Get an extent, waiting only when there is nothing to be had; how often, or -errno. */
static int get_extent(struct cc_mem *mem, struct codecache_extent *extent,
		      const struct cc_shared *shared, int reader)
{
	struct codecache_extent_alloc_args args = {
		.addr = (uintptr_t)extent,
		.count = 1,
	};
	int err, waited = 0;

	while ((err = cc_alloc_call(mem->zone, &args)) == -EAGAIN) {
		if (reader >= 0)
			cc_exit(shared, reader, 0);
		if (cc_grace_wait(mem->cache, args.out_cookie))
			return -EIO;
		waited++;
		if (reader >= 0)
			cc_enter(shared, reader);
	}
	return err ? err : waited;
}

/*
 * Hand out, use, and retire; half of the time with a reader inside, who leaves when
 * there is nothing left: else grace periods may be over before anything is used up.
 */
static int use_a_lot(const char *cgroup, uint64_t nr_pages)
{
	struct codecache_extent extent = { .nr_pages = CHUNK };
	const int rounds = ROUNDS / cc_slow();
	int i, reader, waits, waited = 0;
	struct cc_shared shared;
	struct cc_mem mem;

	if (cc_cgroup_enter(cgroup) || cc_mem_extents_data(&mem, nr_pages) ||
	    cc_share(&shared, mem.cache))
		return 1;
	reader = cc_reader(mem.cache);
	if (reader < 0)
		return 1;
	cc_enter(&shared, reader);
	for (i = 0; i < rounds; i++) {
		if (i == rounds / 2)
			cc_exit(&shared, reader, 0);
		waits = get_extent(&mem, &extent, &shared,
				   i < rounds / 2 ? reader : -1);
		if (waits < 0)
			return 2;
		waited += waits;
		if (cc_populate(mem.fd[DATA], extent.first_page, CHUNK,
				CC_RW) != CHUNK)
			return 3;
		if (cc_retire(mem.zone, &extent, 1, NULL))
			return 4;
	}
	return waited ? 0 : 5;
}

TEST_F_TIMEOUT(cgroup, is_no_obstacle_to_using_much_more, 3 * CC_TIMEOUT)
{
	char events[CC_PATH + 16];
	pid_t pid;

	if (!self->ready)
		return;
	/* 25 times what it may have at a time, 5 times on a slow kernel. */
	ASSERT_LT((20LL * LIMIT_MB << 20) / cc_slow(),
		  ROUNDS / cc_slow() * CHUNK * (long long)cc_page_size());
	pid = cc_fork();
	if (!pid)
		_exit(use_a_lot(self->path, variant->nr_pages));
	EXPECT_EQ(0, cc_wait(pid));
	snprintf(events, sizeof(events), "%s/memory.events", self->path);
	EXPECT_EQ(0, cc_value(events, "oom_kill"));
}

TEST_HARNESS_MAIN
