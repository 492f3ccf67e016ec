// SPDX-License-Identifier: MIT
/*
 * Who is killed while a call waits for a lock: all of it has been done, or nothing
 *
 * A thread fills pages, for each of which a test build pauses with the locks of the zone
 * and of the view. A child makes a call that wants one of them, and is killed.
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

/* Pages that are filled; where two extents are; rounds until one has been in time. */
enum { FILLED = 60, PAIR = FILLED, PAGES = 80, ROUNDS = 20 };

enum { PAUSE_FILL = 1 << 0, PAUSE_US = 100000 };	/* bits of kmod/testing.h */

#define W	CODECACHE_VIEW_WRITE

struct killed {
	struct cc_mem mem;
	pthread_t filler;
	atomic_int filled;
	atomic_bool stop;
	atomic_int *calling;	/* shared with the child */
};

/* ---- calls, and how far they have come -------------------------------------------- */

static int call_alloc(struct killed *k)
{
	struct codecache_extent e[2] = { { .nr_pages = 3 }, { .nr_pages = 4 } };

	return cc_alloc(k->mem.zone, e, 2, 0);
}

static int call_retire(struct killed *k)
{
	struct codecache_extent e[2] = {
		{ .first_page = PAIR, .nr_pages = 2 },
		{ .first_page = PAIR + 2, .nr_pages = 2 },
	};

	return cc_retire(k->mem.zone, e, 2, NULL);
}

static int call_retire_all(struct killed *k)
{
	return cc_retire_all(k->mem.zone, NULL);
}

static int call_seal(struct killed *k)
{
	struct codecache_zone_seal_args args = { .size = sizeof(args) };

	return cc_ioctl(k->mem.zone, CODECACHE_IOC_ZONE_SEAL, &args);
}

static int call_protect(struct killed *k)
{
	return cc_protect_run(k->mem.fd[W], 0, FILLED, CC_R);
}

static int call_query(struct killed *k)
{
	long long n = cc_query(k->mem.fd[W], 0, FILLED, CC_DIRTY, CC_DIRTY, NULL);

	return n < 0 ? n : 0;
}

static int call_resolve(struct killed *k)
{
	long long n = cc_resolve(k->mem.fd[W], 0, FILLED, CC_R);

	return n < 0 ? n : 0;
}

static long long extents(struct killed *k)
{
	return CC_STAT(k->mem.zone, live_extents);
}

static long long sealed(struct killed *k)
{
	struct codecache_seal_info_args args = { .size = sizeof(args) };

	return !cc_ioctl(k->mem.zone, CODECACHE_IOC_SEAL_INFO, &args);
}

static long long pages_to_be_read(struct killed *k)
{
	return cc_pages_with(k->mem.cache, k->mem.zone, k->mem.fd[W], CC_R);
}

static long long queries(struct killed *k)
{
	return CC_STAT(k->mem.fd[W], query_calls);
}

/**
 * struct kill_case - a call
 * @call: made by the child
 * @state: what it changes
 * @before: that, when nothing has been done
 * @after: ... when all has
 */
struct kill_case {
	int (*call)(struct killed *k);
	long long (*state)(struct killed *k);
	long long before, after;
};

/* ---- a round ------------------------------------------------------------------------ */

static void *fill(void *arg)
{
	struct killed *k = arg;
	int i;

	for (i = 0; i < FILLED && !atomic_load(&k->stop); i++) {
		atomic_store(&k->filled, i + 1);
		/* What the call has taken away already is no matter. */
		if (cc_store(k->mem.map[W] + i * cc_page_size(), 1))
			break;
	}
	return NULL;
}

static int killed_make(struct killed *k)
{
	struct codecache_extent e[3] = {
		{ .nr_pages = FILLED }, { .nr_pages = 2 }, { .nr_pages = 2 },
	};
	int err = cc_mem_extents(&k->mem, CODECACHE_ZONE_CODE, PAGES) ?:
		  cc_mem_map(&k->mem, W) ?:
		  cc_alloc(k->mem.zone, e, 3, CODECACHE_EXTENT_F_LOW);

	atomic_store(&k->filled, 0);
	atomic_store(&k->stop, false);
	atomic_store(k->calling, 0);
	return err ? err : -pthread_create(&k->filler, NULL, fill, k);
}

static bool becomes_set(atomic_int *what)
{
	long long since = cc_now_ms();

	while (!atomic_load(what)) {
		if (!cc_patient(since))
			return false;
	}
	return true;
}

/* 0 or 1: nothing or all has been done; -1: something else. */
static int killed_once(struct killed *k, const struct kill_case *c)
{
	long long state;
	int status;
	pid_t pid;

	if (killed_make(k) || !becomes_set(&k->filled))
		return -1;
	pid = cc_fork();
	if (!pid) {
		atomic_store(k->calling, 1);
		_exit(c->call(k) ? 1 : 0);
	}
	if (!becomes_set(k->calling))
		return -1;
	usleep(PAUSE_US / 5);
	kill(pid, SIGKILL);
	status = cc_wait(pid);
	state = c->state(k);
	atomic_store(&k->stop, true);
	pthread_join(k->filler, NULL);
	cc_mem_close(&k->mem);
	if (status && status != 128 + SIGKILL)
		return -1;
	return state == c->before ? 0 : state == c->after ? 1 : -1;
}

FIXTURE(killed)
{
	struct killed k;
};

FIXTURE_VARIANT(killed)
{
	struct kill_case c;
};

#define CASE(name, ...)							\
	FIXTURE_VARIANT_ADD(killed, name) { .c = { __VA_ARGS__ } }

CASE(extent_alloc, call_alloc, extents, 3, 5);
CASE(extent_retire, call_retire, extents, 3, 1);
CASE(extent_retire_all, call_retire_all, extents, 3, 0);
CASE(zone_seal, call_seal, sealed, 0, 1);
CASE(view_protect, call_protect, pages_to_be_read, 0, FILLED);
CASE(view_query, call_query, queries, 0, 1);
CASE(view_resolve, call_resolve, pages_to_be_read, 0, FILLED);

FIXTURE_SETUP(killed)
{
	memset(&self->k, 0, sizeof(self->k));
	/* Not a skip: this program is for that build and no other. */
	ASSERT_EQ(0, access(CC_PARAMS "/test_pause_at", W_OK))
		TH_LOG("the module is not a test build");
	ASSERT_EQ(0, cc_set_param("test_pause_at", PAUSE_FILL));
	ASSERT_EQ(0, cc_set_param("test_pause_us", PAUSE_US));
	self->k.calling = mmap(NULL, sizeof(*self->k.calling), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->k.calling);
}

FIXTURE_TEARDOWN(killed)
{
	munmap(self->k.calling, sizeof(*self->k.calling));
	cc_set_param("test_pause_at", 0);
	cc_set_param("test_pause_us", 0);
	EXPECT_TRUE(cc_nothing_left());
}

TEST_F_TIMEOUT(killed, while_it_waits_has_done_all_or_nothing, 2 * CC_TIMEOUT)
{
	int round, done, nothing = 0;

	for (round = 0; round < ROUNDS && nothing < 3; round++) {
		done = killed_once(&self->k, &variant->c);
		ASSERT_LE(0, done);
		nothing += !done;
	}
	TH_LOG("%d rounds, in %d nothing", round, nothing);
	EXPECT_LT(0, nothing);
}

TEST_HARNESS_MAIN
