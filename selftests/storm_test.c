// SPDX-License-Identifier: MIT
/*
 * All at once, for seconds: PROTECT, QUERY, faults of programs and of the kernel,
 * answers, logs, mappings and views that come and go, fork and kill -9; then
 * nobody is stuck and nothing is left
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 300, DATA = CODECACHE_VIEW_DATA, STORM_MS = 20000 };

/* Far from where anything else is mapped: nobody takes the place meanwhile. */
#define PLACE	((unsigned char *)0x200000000000UL)

/* What a storm consists of; the counts show that all of it took place. */
enum deed { STORES, LOADS, SIGNALS, SYSCALLS, EFAULTS, PROTECTS, QUERIES, EVENTS,
	    ANSWERS, DENIALS, ENTRIES, LOSTS, REMAPS, UNMAPS, VIEWS, FORKS,
	    KILLS, EXITS, NR_DEEDS };

static const char *const deed_names[] = {
	[STORES] = "stores", [LOADS] = "loads", [SIGNALS] = "signals",
	[SYSCALLS] = "system calls", [EFAULTS] = "EFAULTs",
	[PROTECTS] = "PROTECT", [QUERIES] = "QUERY", [EVENTS] = "events",
	[ANSWERS] = "answers", [DENIALS] = "denials",
	[ENTRIES] = "log entries", [LOSTS] = "lost", [REMAPS] = "mappings",
	[UNMAPS] = "VIEW_UNMAP", [VIEWS] = "views", [FORKS] = "forks",
	[KILLS] = "kills", [EXITS] = "exits",
};

/* Shared by the processes of a storm. */
static struct shared {
	atomic_ulong deeds[NR_DEEDS];
	atomic_int error;	/* the first that may not be, and */
	atomic_int where;	/* the deed that had it */
} *shared;

/* A process' own storm. @view keeps its number whatever it stands for. */
static struct {
	struct cc_mem mem;
	int view;
	size_t page;
	atomic_bool stop;
	atomic_bool calm;	/* no more protecting: let all go on */
} storm;

static void did(enum deed deed)
{
	atomic_fetch_add(&shared->deeds[deed], 1);
}

/* An errno that nothing explains. */
static void complain(enum deed deed, int err)
{
	int none = 0;

	if (atomic_compare_exchange_strong(&shared->error, &none, err))
		atomic_store(&shared->where, deed);
}

static unsigned int dice(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

static uint32_t any_prot(unsigned int *seed)
{
	static const uint32_t prots[] = { CC_NONE, CC_R, CC_RW };

	return prots[dice(seed, 3)];
}

static uint32_t any_trap(unsigned int *seed)
{
	static const uint32_t traps[] = { 0, CC_SIGNAL, CC_LOG, CC_BLOCK,
					  CC_BLOCK };

	return traps[dice(seed, ARRAY_LEN(traps))];
}

/* ---- what the threads do ------------------------------------------------ */

static void access_memory(unsigned int *seed)
{
	unsigned char *p = PLACE + dice(seed, PAGES * storm.page);
	bool stores = dice(seed, 2);
	int sig = stores ? cc_store(p, 1) : cc_load(p, NULL);

	did(stores ? STORES : LOADS);
	if (sig)
		did(SIGNALS);
	if (sig && (sig != SIGSEGV || cc_trap.addr != p))
		complain(STORES, -sig);
}

static ssize_t read_zero(void *p, size_t len)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, p, len);
	int err = errno;

	close(fd);
	errno = err;
	return n;
}

static ssize_t write_pipe(const void *p, size_t len)
{
	int err, fds[2];
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	n = write(fds[1], p, len);
	err = errno;
	close(fds[0]);
	close(fds[1]);
	errno = err;
	return n;
}

/* Across a border of pages. */
static void make_system_call(unsigned int *seed)
{
	unsigned char *p = PLACE + (1 + dice(seed, PAGES - 1)) * storm.page - 8;
	ssize_t n = dice(seed, 2) ? read_zero(p, 16) : write_pipe(p, 16);

	if (n < 0 && errno != EFAULT)
		complain(SYSCALLS, -errno);
	did(n < 0 ? EFAULTS : SYSCALLS);
}

static void protect(unsigned int *seed)
{
	unsigned int first = dice(seed, PAGES);
	struct codecache_prot_range range = {
		.first_page = first,
		.nr_pages = 1 + dice(seed, dice(seed, 8) ? 4 : PAGES) %
			    (PAGES - first),
		.prot = any_prot(seed),
		.flags = any_trap(seed),
	};
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.flags = dice(seed, 8) ? 0 : CODECACHE_PROTECT_F_POPULATE,
		.addr = (uintptr_t)&range,
		.count = 1,
	};
	int err;

	if (atomic_load(&storm.calm))
		return;
	err = cc_ioctl(storm.view, CODECACHE_IOC_VIEW_PROTECT, &args);
	if (err)
		complain(PROTECTS, err);
	did(PROTECTS);
}

static void query(unsigned int *seed)
{
	struct codecache_page_range ranges[64];
	struct codecache_view_query_args args = {
		.addr = (uintptr_t)ranges,
		.count = ARRAY_LEN(ranges),
		.first_page = dice(seed, PAGES),
		.find = 1 + dice(seed, 7),
	};
	int err;

	args.clear = args.find & dice(seed, 8);
	if (dice(seed, 2) && !atomic_load(&storm.calm)) {
		args.flags = CODECACHE_QUERY_F_PROTECT;
		args.prot = dice(seed, 2) ? CC_R : CC_NONE;
	}
	if (dice(seed, 4) == 0)
		args.flags |= CODECACHE_QUERY_F_FAST_YOUNG;
	err = cc_query_call(storm.view, &args);
	if (err)
		complain(QUERIES, err);
	did(QUERIES);
}

/* The monitor: all events get an answer, of one kind or the other. */
static void answer(unsigned int *seed)
{
	struct codecache_event e[4];
	ssize_t n;
	int i;

	if (!(cc_poll(storm.view, 2) & POLLIN))
		return;
	n = read(storm.view, e, sizeof(e));
	if (n < 0 && errno != EAGAIN)
		complain(EVENTS, -errno);
	for (i = 0; i < n / (int)sizeof(*e); i++) {
		long long woken;
		bool denies = dice(seed, 4) == 0;

		did(EVENTS);
		woken = denies ? cc_resolve_signal(storm.view, e[i].page, 1) :
				 cc_resolve(storm.view, e[i].page, 1,
					    dice(seed, 3) ? CC_RW : CC_R);
		if (woken < 0)
			complain(ANSWERS, woken);
		did(denies ? DENIALS : ANSWERS);
	}
}

/* Unmap, one way or the other; perhaps take a new view; map again. */
static void remap(unsigned int *seed)
{
	bool by_ioctl = dice(seed, 2);
	int view, err;
	void *p;

	usleep(dice(seed, 20000));
	err = by_ioctl ? cc_unmap(storm.view, NULL) :
			 munmap(PLACE, PAGES * storm.page);
	if (err)
		complain(UNMAPS, err);
	did(by_ioctl ? UNMAPS : REMAPS);
	if (dice(seed, 4) == 0) {
		view = cc_view_trap(storm.mem.zone, DATA, CC_RW, dice(seed, 3),
				    CODECACHE_VIEW_F_BLOCK_KERNEL);
		if (view < 0) {
			complain(VIEWS, view);
		} else {
			fcntl(view, F_SETFL, O_NONBLOCK);
			/* The old one closes; whoever waits there may go. */
			dup3(view, storm.view, O_CLOEXEC);
			close(view);
			did(VIEWS);
		}
	}
	p = mmap(PLACE, PAGES * storm.page, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, storm.view, 0);
	if (p != PLACE)
		complain(REMAPS, p == MAP_FAILED ? -errno : -1);
}

/* The log of whatever the view is now, for a while. */
static void drain(unsigned int *seed)
{
	struct codecache_log_entry e;
	unsigned int i, nr = 2 << dice(seed, 6);
	struct cc_log log;
	int err = cc_log_open(&log, storm.view, nr, dice(seed, nr));

	if (err == -EBUSY) {	/* has had its log already */
		usleep(2000);
		return;
	}
	if (err) {
		complain(ENTRIES, err);
		return;
	}
	for (i = 0; i < 20; i++) {
		cc_poll(log.fd, 1 + dice(seed, 20));
		while (cc_log_next(&log, &e)) {
			if (!cc_log_valid(&log, &e) || e.page >= PAGES)
				complain(ENTRIES, -EBADMSG);
			did(ENTRIES);
		}
	}
	if (cc_log_lost(&log))
		did(LOSTS);
	if (dice(seed, 2))
		atomic_store(log.tail, rand_r(seed));
	cc_log_close(&log);
}

static void fork_around(unsigned int *seed)
{
	pid_t pid;

	usleep(5000 + dice(seed, 20000));
	pid = cc_fork();
	if (!pid && dice(seed, 2))
		execl("/proc/self/exe", "self", "--exit", NULL);
	if (!pid)
		_exit(0);
	if (pid > 0)
		cc_wait(pid);
	did(FORKS);
}

static void (*const parts[])(unsigned int *seed) = {
	remap, answer, access_memory, access_memory, make_system_call,
	make_system_call, protect, query, drain, fork_around,
};

struct actor {
	pthread_t thread;
	void (*part)(unsigned int *seed);
	unsigned int seed;
};

static void *act(void *arg)
{
	struct actor *actor = arg;

	while (!atomic_load(&storm.stop))
		actor->part(&actor->seed);
	return NULL;
}

/* ---- one process -------------------------------------------------------- */

static int storm_begin(struct actor actors[ARRAY_LEN(parts)], unsigned int seed)
{
	unsigned int i;
	int err;

	memset(&storm, 0, sizeof(storm));
	storm.page = cc_page_size();
	err = cc_mem_trap(&storm.mem, DATA, PAGES, CC_RW, CODECACHE_TRAP_BLOCK,
			  CODECACHE_VIEW_F_BLOCK_KERNEL);
	if (err)
		return err;
	storm.view = storm.mem.fd[DATA];
	fcntl(storm.view, F_SETFL, O_NONBLOCK);
	munmap(storm.mem.map[DATA], PAGES * storm.page);
	storm.mem.map[DATA] = NULL;
	if (mmap(PLACE, PAGES * storm.page, PROT_READ | PROT_WRITE, MAP_SHARED |
		 MAP_FIXED_NOREPLACE, storm.view, 0) != PLACE)
		return -errno;
	for (i = 0; i < ARRAY_LEN(parts) && !err; i++) {
		actors[i].part = parts[i];
		actors[i].seed = seed * 31 + i;
		err = -pthread_create(&actors[i].thread, NULL, act, &actors[i]);
	}
	return err;
}

/* Everybody comes home, once nobody forbids any more and all are answered. */
static bool storm_end(struct actor actors[ARRAY_LEN(parts)])
{
	long long since = cc_now_ms();
	unsigned int i;

	atomic_store(&storm.calm, true);
	atomic_store(&storm.stop, true);
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		while (pthread_tryjoin_np(actors[i].thread, NULL)) {
			cc_resolve(storm.view, 0, PAGES, CC_RW);
			if (!cc_patient(since))
				return false;
		}
	}
	munmap(PLACE, PAGES * storm.page);
	cc_mem_close(&storm.mem);
	return true;
}

static void report(struct __test_metadata *_metadata)
{
	unsigned int i;

	for (i = 0; i < NR_DEEDS; i++)
		TH_LOG("%9lu %s", atomic_load(&shared->deeds[i]),
		       deed_names[i]);
	EXPECT_EQ(0, atomic_load(&shared->error))
		TH_LOG("%s: %d", deed_names[atomic_load(&shared->where)],
		       atomic_load(&shared->error));
	/*
	 * Of everything there was some, but for how processes end. Whether an entry
	 * is lost depends on who is late; trap_race_test has thousands.
	 */
	for (i = 0; i < KILLS; i++)
		EXPECT_LT(i == LOSTS ? -1 : 0, (long)atomic_load(&shared->deeds[i]))
			TH_LOG("%s", deed_names[i]);
}

FIXTURE(storm)
{
	int unused;
};

FIXTURE_SETUP(storm)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_TRUE(cc_nothing_left());
}

FIXTURE_TEARDOWN(storm)
{
	munmap(shared, sizeof(*shared));
}

TEST_F_TIMEOUT(storm, leaves_nobody_stuck, 4 * CC_TIMEOUT)
{
	struct actor actors[ARRAY_LEN(parts)];

	ASSERT_EQ(0, storm_begin(actors, 1));
	usleep(STORM_MS * 1000);
	ASSERT_TRUE(storm_end(actors));
	report(_metadata);
	EXPECT_TRUE(cc_nothing_left());
}

/* A process with a storm of its own, which ends by itself or is killed. */
static pid_t victim(unsigned int seed, bool exits)
{
	struct actor actors[ARRAY_LEN(parts)];
	pid_t pid = cc_fork();

	if (pid)
		return pid;
	if (storm_begin(actors, seed))
		_exit(1);
	if (exits) {
		usleep(seed * 7919 % 300000);
		_exit(0);
	}
	for (;;)
		pause();
}

TEST_F_TIMEOUT(storm, of_processes_that_are_killed_leaves_nothing, 4 * CC_TIMEOUT)
{
	long long since = cc_now_ms();
	unsigned int seed = 1;
	pid_t pids[2];

	while (cc_now_ms() - since < STORM_MS) {
		pids[0] = victim(++seed, false);
		pids[1] = victim(++seed, true);
		usleep(10000 + seed * 104729 % 700000);
		kill(pids[0], SIGKILL);
		ASSERT_EQ(128 + SIGKILL, cc_wait(pids[0]));
		did(KILLS);
		ASSERT_EQ(0, cc_wait(pids[1]));
		did(EXITS);
	}
	report(_metadata);
	EXPECT_LT(5, atomic_load(&shared->deeds[KILLS]));
	EXPECT_LT(5, atomic_load(&shared->deeds[EXITS]));
	EXPECT_TRUE(cc_nothing_left());
}

/* Execs itself away in the middle: all threads but one are gone at once. */
TEST_F_TIMEOUT(storm, ends_with_exec, 4 * CC_TIMEOUT)
{
	struct actor actors[ARRAY_LEN(parts)];
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		pid = cc_fork();
		if (!pid) {
			if (storm_begin(actors, i))
				_exit(1);
			usleep(50000 + 30000 * i);
			execl("/proc/self/exe", "self", "--exit", NULL);
			_exit(2);
		}
		ASSERT_EQ(0, cc_wait(pid));
	}
	EXPECT_EQ(0, atomic_load(&shared->error));
	EXPECT_TRUE(cc_nothing_left());
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	return test_harness_run(argc, argv);
}
