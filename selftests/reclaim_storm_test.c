// SPDX-License-Identifier: MIT
/*
 * All at once, for seconds: every call on extents, readers, grace periods, seals and
 * views, with good values and bad ones, from processes that share a cache and a zone
 * and are killed; then nobody is stuck, nothing is left, and the module can go, also
 * with retirements pending
 *
 * Unloads the module. The first argument, if it is a number, is a seed.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_bystand.h"
#include "kselftest_harness.h"

enum { PAGES = 512, EXTENTS = 128, STORM_MS = 15000 };

/* What a storm consists of, beside what bystanders do. */
enum deed { ALLOCS, RETIRES, RETIRES_ALL, SEALS, EVENTFDS, READERS, LOOKS, KILLS,
	    EXITS, NR_DEEDS };

static const char *const deed_names[NR_DEEDS] = {
	"ALLOC", "RETIRE", "RETIRE of all", "SEAL", "eventfds", "readers",
	"looks", "kills", "exits",
};

static unsigned int first_seed = 1;

/* Shared by the processes of a storm. */
static struct shared {
	atomic_ulong deeds[NR_DEEDS];
	atomic_ulong acts[CHURN_BITS];
	/* Extents that somebody has, in one word: nr_pages << 32 | first_page. */
	atomic_uint_least64_t extents[EXTENTS];
	atomic_int error;	/* the first that may not be, and */
	atomic_int where;	/* the deed, or 100 and the bystander */
} *shared;

/* A process' own storm. */
static struct {
	struct cc_mem *mem;
	struct cc_shared readers;
	struct bystand bystand;
	atomic_bool stop;
} storm;

static unsigned int dice(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

/* An errno that nothing explains. */
static void complain(int where, int err)
{
	int none = 0;

	if (atomic_compare_exchange_strong(&shared->error, &none, err))
		atomic_store(&shared->where, where);
}

/* ---- calls, with good values and bad ones -------------------------------------- */

static void keep_or_retire(uint64_t word)
{
	struct codecache_extent e = {
		.first_page = (uint32_t)word,
		.nr_pages = word >> 32,
	};

	/* ENOENT: somebody has retired all. */
	if (word)
		cc_retire(storm.mem->zone, &e, 1, NULL);
}

static int alloc(unsigned int *seed)
{
	static const uint32_t where[] = {
		0, 0, 0, CODECACHE_EXTENT_F_LOW, CODECACHE_EXTENT_F_HIGH,
		CODECACHE_EXTENT_F_NEAR,
	};
	struct codecache_extent e[8];
	struct codecache_extent_alloc_args args = {
		.flags = where[dice(seed, ARRAY_LEN(where))],
		.addr = (uintptr_t)e,
		.count = 1 + dice(seed, ARRAY_LEN(e)),
		.min_page = dice(seed, 4) ? 0 : dice(seed, PAGES),
		.align_pages = dice(seed, 4) ? 0 : 1 << dice(seed, 6),
	};
	unsigned int i;
	int err;

	if (args.flags == CODECACHE_EXTENT_F_NEAR)
		args.hint_page = dice(seed, PAGES);
	for (i = 0; i < args.count; i++)
		e[i] = (struct codecache_extent){ .nr_pages = 1 + dice(seed, 8) };
	err = cc_alloc_call(storm.mem->zone, &args);
	for (i = 0; i < args.count && !err; i++)
		keep_or_retire(atomic_exchange(&shared->extents[dice(seed, EXTENTS)],
					       (uint64_t)e[i].nr_pages << 32 |
					       e[i].first_page));
	return err == -EAGAIN || err == -ENOSPC || err == -EBUSY ? 0 : err;
}

/* Some that are there, and now and then one that is not, or is there twice. */
static int retire(unsigned int *seed)
{
	struct codecache_extent e[16];
	unsigned int i, n = 0;
	uint64_t word;
	int err;

	for (i = 0; i < ARRAY_LEN(e); i++) {
		word = atomic_exchange(&shared->extents[dice(seed, EXTENTS)], 0);
		if (word)
			e[n++] = (struct codecache_extent){
				.first_page = (uint32_t)word,
				.nr_pages = word >> 32,
			};
	}
	if (!n)
		usleep(500);
	if (n && dice(seed, 16) == 0)
		e[dice(seed, n)].nr_pages = rand_r(seed);
	if (n && dice(seed, 16) == 0)
		e[dice(seed, n)] = e[dice(seed, n)];
	err = cc_retire(storm.mem->zone, e, n, NULL);
	return err == -ENOENT || err == -EINVAL || err == -EBUSY ? 0 : err;
}

static int retire_all(unsigned int *seed)
{
	struct codecache_extent_retire_args args = {
		.flags = CODECACHE_RETIRE_F_ALL,
	};
	int err;

	if (dice(seed, 2))
		args.flags |= CODECACHE_GRACE_F_URGENT;
	err = cc_retire_call(storm.mem->zone, &args);
	usleep(dice(seed, 50000));
	return err == -EBUSY ? 0 : err;
}

/* It must not work: the digest is wrong. */
static int seal(unsigned int *seed)
{
	static const unsigned char wrong[32] = { 1 };
	int err = ext_seal(storm.mem->zone, wrong, NULL);

	usleep(dice(seed, 20000));
	return err == -EBUSY || err == -EBADMSG ? 0 : err ?: -EBADMSG;
}

static int eventfds(unsigned int *seed)
{
	struct codecache_zone_eventfd_args args = {
		.size = sizeof(args),
		.flags = dice(seed, 4),
		.fd = -1,
	};
	int err;

	if (args.flags)
		args.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (args.flags & CODECACHE_ZONE_EVENT_HIGH_WATER)
		args.high_water_pages = 1 + dice(seed, PAGES);
	err = cc_ioctl(storm.mem->zone, CODECACHE_IOC_ZONE_EVENTFD, &args);
	if (args.fd >= 0)
		close(args.fd);
	usleep(dice(seed, 2000));
	return err;
}

/* Slots of this process, and of others, by guess; each for a while. */
static int readers(unsigned int *seed)
{
	int index = cc_reader(storm.mem->cache), err;
	uint64_t outer;

	if (index < 0)
		return index == -ENOSPC ? 0 : index;
	outer = cc_enter(&storm.readers, index);
	usleep(dice(seed, 4) ? dice(seed, 2000) : dice(seed, 30000));
	if (dice(seed, 4))
		cc_exit(&storm.readers, index, outer);
	if (dice(seed, 2))
		index = dice(seed, 64);
	err = cc_reader_drop(storm.mem->cache, index);
	return err == -EBUSY || err == -ENOENT || err == -EPERM ? 0 : err;
}

static int look(unsigned int *seed)
{
	static const char *const files[] = { "stats", "readers", "grace" };
	char dir[CC_PATH], path[CC_PATH + 16], text[4096];
	struct codecache_stats_args stats;
	ssize_t n;

	if (cc_stats(storm.mem->zone, &stats) ||
	    cc_debugfs_dir(dir, storm.mem->cache, -1, -1))
		return -EIO;
	snprintf(path, sizeof(path), "%s/%s", dir,
		 files[dice(seed, ARRAY_LEN(files))]);
	n = cc_read_file(path, text, sizeof(text));
	return n < 0 ? n : 0;
}

static int (*const parts[])(unsigned int *seed) = {
	[ALLOCS] = alloc, [RETIRES] = retire, [RETIRES_ALL] = retire_all,
	[SEALS] = seal, [EVENTFDS] = eventfds, [READERS] = readers, [LOOKS] = look,
};

/* ---- one process ------------------------------------------------------------------ */

struct actor {
	pthread_t thread;
	unsigned int nr;	/* a part; from NR_DEEDS on, a bystander */
	unsigned int seed;
};

/*
 * What readers do with slots that are not theirs, and with nonsense in all of them, may
 * fail; a page of slots without a reader is SIGBUS, but the first always has some.
 */
static bool explained(unsigned int bystander, int err)
{
	return 1U << bystander & (CHURN_CLOCK | CHURN_GARBAGE) &&
	       (err == -EBUSY || err == -ENOENT || err == -EPERM ||
		err == -EDEADLK || err == -ENOSPC);
}

static void *act(void *arg)
{
	struct actor *actor = arg;
	unsigned int nr = actor->nr;
	int err;

	while (!atomic_load(&storm.stop)) {
		if (nr < NR_DEEDS) {
			err = parts[nr](&actor->seed);
			atomic_fetch_add(&shared->deeds[nr], 1);
			if (err)
				complain(nr, err);
			continue;
		}
		err = bystand_act(&storm.bystand, nr - NR_DEEDS, &actor->seed);
		atomic_fetch_add(&shared->acts[nr - NR_DEEDS], 1);
		if (err && !explained(nr - NR_DEEDS, err))
			complain(100 + nr - NR_DEEDS, err);
	}
	return NULL;
}

static int storm_begin(struct cc_mem *mem, struct actor *actors, unsigned int seed)
{
	unsigned int i, nr = 0;
	int err;

	memset(&storm, 0, sizeof(storm));
	storm.mem = mem;
	err = cc_share(&storm.readers, mem->cache);
	storm.bystand.mem = mem;
	storm.bystand.shared = &storm.readers;
	storm.bystand.page = cc_page_size();
	storm.bystand.kind[STRAY_WRITE] = CODECACHE_VIEW_WRITE;
	storm.bystand.kind[STRAY_READ] = CODECACHE_VIEW_EXEC;
	if (!err)
		err = bystand_open(&storm.bystand);
	for (i = 0; i < NR_DEEDS + CHURN_BITS && !err; i++) {
		if (i >= ARRAY_LEN(parts) && i < NR_DEEDS)
			continue;
		actors[nr].nr = i;
		actors[nr].seed = seed * 31 + i;
		err = -pthread_create(&actors[nr].thread, NULL, act, &actors[nr]);
		nr++;
	}
	return err;
}

#define NR_ACTORS	(ARRAY_LEN(parts) + CHURN_BITS)

static pid_t victim(struct cc_mem *mem, unsigned int seed, bool exits)
{
	struct actor actors[NR_ACTORS];
	pid_t pid = cc_fork();

	if (pid)
		return pid;
	if (storm_begin(mem, actors, seed))
		_exit(1);
	if (exits) {
		usleep(seed * 7919 % 900000);
		_exit(0);
	}
	for (;;)
		pause();
}

/* ---- storms ------------------------------------------------------------------------- */

FIXTURE(storm)
{
	struct cc_mem mem;
};

FIXTURE_SETUP(storm)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN_PARENT(storm)
{
	EXPECT_TRUE(cc_nothing_left());
}

static void report(struct __test_metadata *_metadata)
{
	int where = atomic_load(&shared->where);
	unsigned long acts = 0;
	unsigned int i;

	for (i = 0; i < NR_DEEDS; i++) {
		TH_LOG("%9lu %s", atomic_load(&shared->deeds[i]), deed_names[i]);
		EXPECT_LT(0, atomic_load(&shared->deeds[i]));
	}
	for (i = 0; i < CHURN_BITS; i++) {
		TH_LOG("%9lu %s", atomic_load(&shared->acts[i]), churn_names[i]);
		acts += atomic_load(&shared->acts[i]);
	}
	/* Which of them come to pass in the time is the machine's to say. */
	EXPECT_LT(0, acts);
	EXPECT_EQ(0, atomic_load(&shared->error))
		TH_LOG("%s: %d", where < 100 ? deed_names[where] :
			churn_names[where - 100], atomic_load(&shared->error));
}

/* Two processes at a time in one zone; now and then it is another zone. */
TEST_F_TIMEOUT(storm, of_processes_leaves_nothing, 4 * CC_TIMEOUT)
{
	long long since = cc_now_ms();
	unsigned int seed = first_seed;
	struct cc_mem *mem = &self->mem;
	pid_t pids[2];
	int i;

	while (cc_now_ms() - since < STORM_MS) {
		ASSERT_EQ(0, cc_mem_extents(mem, CODECACHE_ZONE_CODE, PAGES));
		for (i = 0; i < 3; i++) {
			pids[0] = victim(mem, ++seed, false);
			pids[1] = victim(mem, ++seed, true);
			usleep(10000 + seed * 104729 % 1500000);
			kill(pids[0], SIGKILL);
			ASSERT_EQ(128 + SIGKILL, cc_wait(pids[0]));
			atomic_fetch_add(&shared->deeds[KILLS], 1);
			ASSERT_EQ(0, cc_wait(pids[1]));
			atomic_fetch_add(&shared->deeds[EXITS], 1);
		}
		cc_mem_close(mem);
	}
	TH_LOG("seeds %u to %u", first_seed + 1, seed);
	report(_metadata);
}

/* ---- and the module goes ------------------------------------------------------------ */

static bool loaded(void)
{
	return !access("/sys/module/codecache", F_OK);
}

FIXTURE(module)
{
	int unused;
};

FIXTURE_SETUP(module)
{
	if (!loaded())
		ASSERT_EQ(0, cc_module_cycle());
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN_PARENT(module)
{
	EXPECT_TRUE(loaded());
}

/* Hand out, use, retire, and be a reader inside: and so it ends. */
static _Noreturn void leave_pending(bool killed)
{
	struct codecache_extent e[64] = { { .nr_pages = 0 } };
	struct cc_shared readers;
	struct cc_mem mem;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(e); i++)
		e[i].nr_pages = 4;
	if (cc_mem_extents_code(&mem, PAGES) || cc_share(&readers, mem.cache) ||
	    cc_alloc(mem.zone, e, ARRAY_LEN(e), 0))
		_exit(1);
	cc_enter(&readers, cc_reader(mem.cache));
	for (i = 0; i < ARRAY_LEN(e); i++)
		cc_store(mem.map[CODECACHE_VIEW_WRITE] +
			 e[i].first_page * cc_page_size(), i);
	if (cc_retire(mem.zone, e, ARRAY_LEN(e), NULL))
		_exit(2);
	if (killed)
		kill(getpid(), SIGKILL);
	_exit(0);
}

TEST_F_TIMEOUT(module, goes_with_retirements_pending, 2 * CC_TIMEOUT)
{
	unsigned int i, nr = 40 / cc_slow() + 2;
	pid_t pid;

	for (i = 0; i < nr; i++) {
		pid = cc_fork();
		if (!pid)
			leave_pending(i % 2);
		ASSERT_EQ(i % 2 ? 128 + SIGKILL : 0, cc_wait(pid));
		/* Gone as soon as no file is left: what is pending is waited for. */
		ASSERT_EQ(0, cc_module_cycle()) TH_LOG("cycle %u", i);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	if (argc > 1 && isdigit((unsigned char)argv[1][0])) {
		first_seed = atoi(argv[1]);
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	return test_harness_run(argc, argv);
}
