// SPDX-License-Identifier: MIT
/*
 * ZONE_SEAL while others store, allocate, seal, or kill: what has been stored is in the
 * digest, what is not in the digest is never stored
 */
#include "cc_reclaim.h"
#include "cc_sha256.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 1024, FEW = 64 };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

static int seal(int zone, bool wrongly, struct codecache_zone_seal_args *args)
{
	*args = (struct codecache_zone_seal_args){
		.size = sizeof(*args),
		.flags = wrongly ? CODECACHE_SEAL_F_DIGEST : 0,
	};
	return cc_ioctl(zone, CODECACHE_IOC_ZONE_SEAL, args);
}

static bool is_digest_of(const unsigned char *digest, const void *p, size_t len)
{
	unsigned char want[CC_SHA256_LEN];
	struct cc_sha256 sha;

	cc_sha256_init(&sha);
	cc_sha256_add(&sha, p, len);
	cc_sha256_end(&sha, want);
	return !memcmp(digest, want, sizeof(want));
}

/* A zone that takes a while to be hashed, and a second write view of it. */
FIXTURE(race)
{
	struct cc_mem mem;
	size_t page;
	int second;
	unsigned char *other;
};

static int make(FIXTURE_DATA(race) *self)
{
	int err = cc_mem_code(&self->mem, PAGES), i;

	if (err)
		return err;
	self->page = cc_page_size();
	self->second = cc_view(self->mem.zone, W);
	self->other = cc_map(self->second, W, PAGES);
	if (!self->other)
		return -errno;
	for (i = 0; i < PAGES; i++)
		cc_emit(self->mem.map[W] + i * self->page, i);
	return 0;
}

static void unmake(FIXTURE_DATA(race) *self)
{
	munmap(self->other, PAGES * self->page);
	close(self->second);
	cc_mem_close(&self->mem);
}

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, make(self));
}

FIXTURE_TEARDOWN(race)
{
	unmake(self);
}

/* Writers to the first and the last page: one is hashed early, one late. */
static const char *seal_while_writing(FIXTURE_DATA(race) *self, unsigned int ms)
{
	unsigned char *p[] = { self->mem.map[W] + 8,
			       self->other + (PAGES - 1) * self->page + 8 };
	uint64_t *seen[] = { (void *)(self->mem.map[X] + 8),
			     (void *)(self->mem.map[X] +
				      (PAGES - 1) * self->page + 8) };
	struct codecache_zone_seal_args args;
	struct cc_writer writers[2];
	int i;

	for (i = 0; i < 2; i++) {
		if (cc_writer_start(&writers[i], p[i]) ||
		    !cc_writer_goes_on(&writers[i], 100))
			return "no stores";
	}
	usleep(ms * 1000);
	if (seal(self->mem.zone, false, &args))
		return "not sealed";
	for (i = 0; i < 2; i++) {
		if (!cc_writer_segv(&writers[i]))
			return "a writer was not stopped";
		if (*seen[i] - writers[i].stored > 1)
			return "a store got lost";
	}
	if (args.out_bytes != PAGES * self->page ||
	    !is_digest_of(args.out_digest, self->mem.map[X], args.out_bytes))
		return "a store came too late";
	return NULL;
}

TEST_F_TIMEOUT(race, every_store_is_in_the_digest, 3 * CC_TIMEOUT)
{
	const char *wrong;
	unsigned int round;

	for (round = 0; round < 6; round++) {
		wrong = seal_while_writing(self, 3 * round);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", round, wrong);
		unmake(self);
		ASSERT_EQ(0, make(self));
	}
}

/* Those who access a zone whose SEAL fails wait, and notice nothing else. */
struct user {
	FIXTURE_DATA(race) *self;
	pthread_t thread;
	atomic_bool stop;
	atomic_ulong done;
	int err;
};

static void *load_for_ever(void *arg)
{
	struct user *user = arg;

	while (!atomic_load(&user->stop) && !user->err) {
		user->err = cc_load(user->self->other + 5 * user->self->page,
				    NULL);
		atomic_fetch_add(&user->done, 1);
	}
	return NULL;
}

static void *store_by_kernel_for_ever(void *arg)
{
	struct user *user = arg;

	while (!atomic_load(&user->stop) && !user->err) {
		user->err = cc_kernel_store(user->self->mem.map[W] +
					    6 * user->self->page, 1);
		atomic_fetch_add(&user->done, 1);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, seals_that_fail_disturb_nobody, 3 * CC_TIMEOUT)
{
	struct user users[2] = { { .self = self }, { .self = self } };
	struct codecache_zone_seal_args args;
	struct cc_writer writer;
	unsigned long done;
	int i, k;

	ASSERT_EQ(0, cc_writer_start(&writer, self->mem.map[W] + 8));
	ASSERT_EQ(0, pthread_create(&users[0].thread, NULL, load_for_ever,
				    &users[0]));
	ASSERT_EQ(0, pthread_create(&users[1].thread, NULL,
				    store_by_kernel_for_ever, &users[1]));
	for (i = 0; i < 15; i++) {
		ASSERT_EQ(-EBADMSG, seal(self->mem.zone, true, &args));
		ASSERT_TRUE(cc_writer_goes_on(&writer, 10));
		for (k = 0; k < 2; k++) {
			long long since = cc_now_ms();

			done = atomic_load(&users[k].done);
			while (atomic_load(&users[k].done) < done + 2)
				ASSERT_TRUE(cc_patient(since));
		}
	}
	for (k = 0; k < 2; k++) {
		atomic_store(&users[k].stop, true);
		pthread_join(users[k].thread, NULL);
		EXPECT_EQ(0, users[k].err);
	}
	atomic_store(&writer.stop, true);
	EXPECT_TRUE(cc_writer_ends(&writer));
	EXPECT_EQ(0, writer.sig);
	EXPECT_EQ(writer.stored, *(uint64_t *)(self->mem.map[X] + 8));
	EXPECT_EQ(0, seal(self->mem.zone, false, &args));
	EXPECT_TRUE(is_digest_of(args.out_digest, self->mem.map[X],
				 PAGES * self->page));
}

/* ---- seals against seals -------------------------------------------------------- */

struct sealer {
	int zone;
	pthread_barrier_t *barrier;
	pthread_t thread;
	int err;
};

static void *seal_at_the_barrier(void *arg)
{
	struct codecache_zone_seal_args args;
	struct sealer *sealer = arg;

	pthread_barrier_wait(sealer->barrier);
	sealer->err = seal(sealer->zone, false, &args);
	return NULL;
}

TEST_F_TIMEOUT(race, one_of_two_seals_succeeds, 2 * CC_TIMEOUT)
{
	struct sealer sealers[2];
	pthread_barrier_t barrier;
	int round, i, busy = 0;

	for (round = 0; round < 8; round++) {
		pthread_barrier_init(&barrier, NULL, 2);
		for (i = 0; i < 2; i++) {
			sealers[i].zone = self->mem.zone;
			sealers[i].barrier = &barrier;
			ASSERT_EQ(0, pthread_create(&sealers[i].thread, NULL,
						    seal_at_the_barrier,
						    &sealers[i]));
		}
		for (i = 0; i < 2; i++)
			pthread_join(sealers[i].thread, NULL);
		EXPECT_EQ(1, !sealers[0].err + !sealers[1].err);
		for (i = 0; i < 2; i++) {
			EXPECT_TRUE(!sealers[i].err || sealers[i].err == -EBUSY ||
				    sealers[i].err == -EPERM);
			busy += sealers[i].err == -EBUSY;
		}
		unmake(self);
		ASSERT_EQ(0, make(self));
	}
	EXPECT_LT(0, busy);
}

/* ---- seals against allocation ------------------------------------------------------ */

struct allocator {
	int zone;
	atomic_int done;
	int err;
};

static void *alloc_for_ever(void *arg)
{
	struct allocator *allocator = arg;

	do {
		allocator->err = cc_extent(allocator->zone, 1) < 0 ?
				 cc_extent(allocator->zone, 1) : 0;
		atomic_fetch_add(&allocator->done, !allocator->err);
		usleep(100);
	} while (!allocator->err || allocator->err == -EBUSY);
	return NULL;
}

/* All that has been handed out is in the digest. */
TEST_F_TIMEOUT(race, every_extent_is_in_the_digest, CC_TIMEOUT)
{
	struct codecache_zone_seal_args args;
	struct allocator allocator;
	pthread_t thread;
	long long since;
	int round;

	for (round = 0; round < 10; round++) {
		allocator = (struct allocator){
			.zone = cc_extents(self->mem.cache, CODECACHE_ZONE_CODE,
					   PAGES * PAGES),
		};
		ASSERT_EQ(0, cc_extent(allocator.zone, PAGES / 4));
		ASSERT_EQ(0, pthread_create(&thread, NULL, alloc_for_ever,
					    &allocator));
		since = cc_now_ms();
		while (atomic_load(&allocator.done) < 5)
			ASSERT_TRUE(cc_patient(since));
		ASSERT_EQ(0, seal(allocator.zone, false, &args));
		pthread_join(thread, NULL);
		EXPECT_EQ(-EPERM, allocator.err);
		EXPECT_EQ(CC_STAT(allocator.zone, live_pages) *
			  (long long)self->page, (long long)args.out_bytes);
		close(allocator.zone);
	}
}

/* ---- seals that are killed ------------------------------------------------------------ */

TEST_F_TIMEOUT(race, a_seal_that_is_killed_has_worked_or_has_not, 2 * CC_TIMEOUT)
{
	struct codecache_seal_info_args info = { .size = sizeof(info) };
	struct codecache_zone_seal_args args;
	int round, sealed = 0, open = 0, err;
	long long us = cc_now_ms();
	char byte;
	int fds[2];
	pid_t pid;

	/* How long one takes; it is killed earlier and later than that. */
	ASSERT_EQ(-EBADMSG, seal(self->mem.zone, true, &args));
	us = (cc_now_ms() - us) * 1000;
	ASSERT_EQ(0, pipe(fds));
	for (round = 0; round < 16; round++) {
		pid = cc_fork();
		if (!pid) {
			if (write(fds[1], "", 1) != 1)
				_exit(1);
			_exit(seal(self->mem.zone, false, &args) != 0);
		}
		ASSERT_EQ(1, read(fds[0], &byte, 1));
		usleep(us * round / 8);
		kill(pid, SIGKILL);
		cc_wait(pid);
		err = cc_ioctl(self->mem.zone, CODECACHE_IOC_SEAL_INFO, &info);
		EXPECT_EQ(err ? 0 : SIGSEGV, cc_store(self->mem.map[W] + 9, 1));
		EXPECT_EQ(err ? 0 : SIGSEGV, cc_store(self->other + 9, 1));
		if (!err) {
			sealed++;
			EXPECT_TRUE(is_digest_of(info.out_digest,
						 self->mem.map[X],
						 PAGES * self->page));
			unmake(self);
			ASSERT_EQ(0, make(self));
			continue;
		}
		EXPECT_EQ(-ENODATA, err);
		open++;
		EXPECT_EQ(3, cc_run(self->mem.map[X] + 3 * self->page));
	}
	TH_LOG("%d sealed, %d open", sealed, open);
	EXPECT_EQ(0, seal(self->mem.zone, false, &args));
	close(fds[0]);
	close(fds[1]);
}

TEST_HARNESS_MAIN
