// SPDX-License-Identifier: MIT
/*
 * SEAL against who stores: programs, system calls, debuggers. One that fails is as if it
 * had not been; one that succeeds is the end of stores, and its digest is that of what
 * is there then.
 */
#include "cc_extents.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "kselftest_harness.h"

enum { PAGES = 16, WRITE = CODECACHE_VIEW_WRITE, EXEC = CODECACHE_VIEW_EXEC };

FIXTURE(seal)
{
	struct cc_mem mem;
	size_t bytes;
	atomic_bool closing;	/* a SEAL that will succeed has begun */
	atomic_bool stop;
	atomic_ulong stores;
	atomic_int early;	/* stores that trapped before */
	pthread_t threads[2];
	pid_t debugger;
};

static const unsigned char wrong[32] = { 1 };

FIXTURE_SETUP(seal)
{
	ASSERT_TRUE(cc_nothing_left());
	self->bytes = PAGES * cc_page_size();
}

FIXTURE_TEARDOWN(seal)
{
	EXPECT_TRUE(cc_nothing_left());
}

static unsigned char *any_place(FIXTURE_DATA(seal) *self, unsigned int kind,
				unsigned int *seed)
{
	return self->mem.map[kind] + rand_r(seed) % (self->bytes - 64);
}

/* Over and over; a trap before the end of the open zone is a mistake. */
static void *store_main(void *arg)
{
	FIXTURE_DATA(seal) *self = arg;
	unsigned int seed = 1;
	bool closing;
	int sig;

	while (!atomic_load(&self->stop)) {
		closing = atomic_load(&self->closing);
		sig = cc_store(any_place(self, WRITE, &seed), seed);
		if (sig && !closing && !atomic_load(&self->closing))
			atomic_store(&self->early, sig);
		else if (!sig)
			atomic_fetch_add(&self->stores, 1);
	}
	return NULL;
}

static void *syscall_main(void *arg)
{
	FIXTURE_DATA(seal) *self = arg;
	unsigned int seed = 2;
	bool closing;
	ssize_t n;

	while (!atomic_load(&self->stop)) {
		closing = atomic_load(&self->closing);
		n = getrandom(any_place(self, WRITE, &seed), 64, 0);
		if (n != 64 && !closing && !atomic_load(&self->closing))
			atomic_store(&self->early, errno);
		else if (n == 64)
			atomic_fetch_add(&self->stores, 1);
	}
	return NULL;
}

static pid_t debugger(FIXTURE_DATA(seal) *self)
{
	unsigned int seed = 3;
	char path[64];
	pid_t pid;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	pid = cc_fork();
	if (pid)
		return pid;
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		_exit(1);
	for (;;)
		pwrite(mem, &seed, sizeof(seed),
		       (uintptr_t)any_place(self, EXEC, &seed));
}

static int begin(FIXTURE_DATA(seal) *self)
{
	int err = cc_mem_code(&self->mem, PAGES);

	if (err)
		return err;
	memset(self->mem.map[WRITE], 0x90, self->bytes);
	atomic_store(&self->closing, false);
	atomic_store(&self->stop, false);
	atomic_store(&self->stores, 0);
	self->debugger = debugger(self);
	if (self->debugger < 0)
		return -errno;
	err = -pthread_create(&self->threads[0], NULL, store_main, self);
	return err ? err : -pthread_create(&self->threads[1], NULL,
					   syscall_main, self);
}

static void await_stores(FIXTURE_DATA(seal) *self, unsigned long nr)
{
	unsigned long was = atomic_load(&self->stores);

	while (atomic_load(&self->stores) < was + nr)
		usleep(100);
}

static void end(FIXTURE_DATA(seal) *self)
{
	atomic_store(&self->stop, true);
	pthread_join(self->threads[0], NULL);
	pthread_join(self->threads[1], NULL);
	kill(self->debugger, SIGKILL);
	cc_wait(self->debugger);
	cc_mem_close(&self->mem);
}

/* What a zone with this content has as its digest, by SEAL's own word. */
static int check_digest(const void *content, const unsigned char *digest)
{
	struct cc_mem mem;
	int err = cc_mem_code(&mem, PAGES);

	if (!err) {
		memcpy(mem.map[WRITE], content, PAGES * cc_page_size());
		err = ext_seal(mem.zone, digest, NULL);
	}
	cc_mem_close(&mem);
	return err;
}

TEST_F_TIMEOUT(seal, is_total_or_nothing, 2 * CC_TIMEOUT)
{
	unsigned char *seen = malloc(self->bytes), digest[32];
	unsigned int i, k, nr = 60 / cc_slow();
	unsigned long stores = 0;

	ASSERT_NE(NULL, seen);
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, begin(self));
		for (k = 0; k < 4; k++) {
			await_stores(self, 20);
			ASSERT_EQ(-EBADMSG, ext_seal(self->mem.zone, wrong,
						     NULL));
		}
		await_stores(self, 20);
		atomic_store(&self->closing, true);
		ASSERT_EQ(0, ext_seal(self->mem.zone, NULL, digest));
		memcpy(seen, self->mem.map[EXEC], self->bytes);
		usleep(2000);
		ASSERT_EQ(0, memcmp(seen, self->mem.map[EXEC], self->bytes))
			TH_LOG("round %u: the content has changed", i);
		ASSERT_EQ(0, check_digest(seen, digest))
			TH_LOG("round %u: the digest is another one's", i);
		stores += atomic_load(&self->stores);
		end(self);
		ASSERT_EQ(0, atomic_load(&self->early)) TH_LOG("round %u", i);
	}
	TH_LOG("%lu stores", stores);
	free(seen);
}

/* ---- extents that come and go, meanwhile ---------------------------------------- */

FIXTURE(extents)
{
	struct cc_mem mem;
	atomic_bool stop;
	atomic_int error;
	atomic_ulong retired, refused;
};

FIXTURE_SETUP(extents)
{
	ASSERT_TRUE(cc_nothing_left());
	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, 256));
}

FIXTURE_TEARDOWN(extents)
{
	cc_mem_close(&self->mem);
	EXPECT_TRUE(cc_nothing_left());
}

static bool refused(int err)
{
	return err == -EBUSY || err == -EPERM;
}

static void *churn_main(void *arg)
{
	FIXTURE_DATA(extents) *self = arg;
	struct codecache_extent e;
	unsigned int seed = 1;
	unsigned char *p;
	int err;

	while (!atomic_load(&self->stop)) {
		/* Nothing is sealed while something waits for its grace period. */
		if (rand_r(&seed) % 8 == 0)
			usleep(rand_r(&seed) % 100000);
		e = (struct codecache_extent){ .nr_pages = 4 };
		err = ext_alloc(&self->mem, &e, 1);
		if (!err) {
			p = self->mem.map[WRITE] + e.first_page * cc_page_size();
			cc_store(p, 1);
			do {
				err = cc_retire(self->mem.zone, &e, 1, NULL);
			} while (err == -EBUSY);
			atomic_fetch_add(&self->retired, 1);
		}
		if (refused(err))
			atomic_fetch_add(&self->refused, 1);
		else if (err)
			atomic_store(&self->error, err);
	}
	return NULL;
}

TEST_F_TIMEOUT(extents, are_there_or_not_when_a_zone_is_sealed, CC_TIMEOUT)
{
	unsigned long busy = 0, bad = 0;
	struct codecache_stats_args stats;
	long long since = cc_now_ms();
	unsigned int i;
	pthread_t threads[2];
	int err;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn_main,
					    self));
	/* One that fails leaves them as they are. Until all has happened often. */
	do {
		err = ext_seal(self->mem.zone, wrong, NULL);
		busy += err == -EBUSY;
		bad += err == -EBADMSG;
		ASSERT_TRUE(err == -EBUSY || err == -EBADMSG);
	} while ((busy < 20 || bad < 20 || atomic_load(&self->retired) < 40) &&
		 cc_patient(since));
	since = cc_now_ms();
	do {
		err = ext_seal(self->mem.zone, NULL, NULL);
	} while (err == -EBUSY && cc_patient(since));
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, cc_stats(self->mem.zone, &stats));
	EXPECT_EQ(0, stats.out_retired_pages);
	usleep(10000);
	atomic_store(&self->stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%lu retired, %lu refused; SEAL: %lu busy, %lu bad",
	       atomic_load(&self->retired), atomic_load(&self->refused), busy,
	       bad);
	EXPECT_EQ(0, atomic_load(&self->error));
	EXPECT_LE(20, busy);
	EXPECT_LE(20, bad);
	EXPECT_LE(40, atomic_load(&self->retired));
	ASSERT_EQ(0, cc_retire_all(self->mem.zone, NULL));
	EXPECT_TRUE(ext_drained(&self->mem));
}

TEST_HARNESS_MAIN
