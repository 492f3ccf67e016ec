// SPDX-License-Identifier: MIT
/*
 * Races of traps that log or block with PROTECT, RESOLVE, signals and each other:
 * no entry twice, none missing, nothing let through, nobody forgotten
 *
 * In a module that tests can break on purpose faults are slow here, which
 * widens every window between a fault's check and what it does.
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { DATA = CODECACHE_VIEW_DATA, THREADS = 4, PAGES = 128, ENTRIES = 32 };

#define LONG	(4 * CC_TIMEOUT)
#define DELAY	"test_fault_delay_us"

/* ---- the fixture: a view, a second one that is never protected, threads - */

/* One thread: what it works at, and how far it has got. */
struct racer {
	pthread_t thread;
	unsigned int nr;
	atomic_ulong n;
	atomic_int tid;
	atomic_ulong traps;	/* signals that it got instead */
};

static struct {
	struct cc_mem mem;
	int view, alias_fd;
	unsigned char *p, *alias;
	size_t page;
	atomic_bool stop;
	atomic_ulong round;	/* that the racers are to make */
	atomic_uint finished;	/* racers that have made it */
	struct racer racer[THREADS];
} world;

FIXTURE(trap_race)
{
	bool slow;
};

FIXTURE_SETUP(trap_race)
{
	memset(&world, 0, sizeof(world));
	self->slow = !access(CC_PARAMS "/" DELAY, W_OK);
	if (self->slow)
		ASSERT_EQ(0, cc_set_param(DELAY, 30));
	ASSERT_EQ(0, cc_mem_data(&world.mem, PAGES));
	world.view = world.mem.fd[DATA];
	world.p = world.mem.map[DATA];
	world.page = cc_page_size();
	world.alias_fd = cc_view(world.mem.zone, DATA);
	world.alias = cc_map(world.alias_fd, DATA, PAGES);
	ASSERT_NE(NULL, world.alias);
}

FIXTURE_TEARDOWN(trap_race)
{
	if (self->slow)
		EXPECT_EQ(0, cc_set_param(DELAY, 0));
	munmap(world.alias, PAGES * world.page);
	close(world.alias_fd);
	cc_mem_close(&world.mem);
	EXPECT_TRUE(cc_nothing_left());
}

static volatile uint64_t *word(unsigned char *map, unsigned long page)
{
	return (volatile uint64_t *)(map + page * world.page);
}

static int racers_start(unsigned int nr, void *(*fn)(void *arg))
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		world.racer[i].nr = i;
		err = pthread_create(&world.racer[i].thread, NULL, fn,
				     &world.racer[i]);
	}
	return -err;
}

/* Tell them to stop, and join them; false: somebody does not come. */
static bool racers_stop(unsigned int nr)
{
	struct timespec until;
	unsigned int i;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CC_PATIENCE_MS / 1000;
	atomic_store(&world.stop, true);
	/* Those who sleep can go on. */
	cc_resolve(world.view, 0, PAGES, CC_RW);
	for (i = 0; i < nr; i++) {
		if (pthread_timedjoin_np(world.racer[i].thread, NULL, &until))
			return false;
	}
	return true;
}

static void dawdle(unsigned long round)
{
	unsigned long i;

	for (i = 0; i < round * 37 % 3000; i++)
		cc_relax();
}

/* A racer has got further than @n, in time. */
static bool advances(struct racer *racer, unsigned long n)
{
	long long since = cc_now_ms();

	while (atomic_load(&racer->n) <= n) {
		sched_yield();
		if (cc_now_ms() - since > CC_PATIENCE_MS)
			return false;
	}
	return true;
}

/* ---- many threads, one small log ---------------------------------------- */

/* In each round: store to all pages, each racer in an order of its own. */
static void *store_rounds(void *arg)
{
	struct racer *me = arg;
	unsigned long round;
	unsigned int i, k;

	atomic_store(&me->tid, gettid());
	for (round = 1;; round++) {
		while (atomic_load(&world.round) < round) {
			if (atomic_load(&world.stop))
				return NULL;
			sched_yield();
		}
		for (i = 0; i < PAGES; i++) {
			/* Pairs race for the same page; others go elsewhere. */
			k = (i + me->nr / 2 * (PAGES / 2)) % PAGES;
			*word(world.p, k) = round;
		}
		atomic_fetch_add(&world.finished, 1);
	}
}

/* What became of the pages of a round. */
struct census {
	uint64_t seq[PAGES];	/* of the entries that there were */
	uint16_t seen[PAGES];	/* entries, and LOST */
	unsigned int nr_seq;
};

static bool is_racer(int tid)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		if (tid == atomic_load(&world.racer[i].tid))
			return true;
	}
	return false;
}

static bool drain(struct cc_log *log, struct census *census, uint64_t seq)
{
	struct codecache_log_entry e;

	while (cc_log_next(log, &e)) {
		if (!cc_log_valid(log, &e) || e.seq <= seq || e.page >= PAGES ||
		    e.access != CODECACHE_PROT_WRITE || !is_racer(e.tid) ||
		    census->nr_seq == PAGES)
			return false;
		census->seen[e.page]++;
		census->seq[census->nr_seq++] = e.seq;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Each page in one entry or lost, each number once. */
static bool census_good(struct census *census)
{
	uint16_t lost[PAGES];
	unsigned int i;

	if (cc_query(world.view, 0, PAGES, CC_LOST, CC_LOST, lost) !=
	    PAGES - census->nr_seq)
		return false;
	for (i = 0; i < PAGES; i++) {
		if (census->seen[i] + !!lost[i] != 1)
			return false;
	}
	qsort(census->seq, census->nr_seq, sizeof(uint64_t), compare);
	for (i = 1; i < census->nr_seq; i++) {
		if (census->seq[i] == census->seq[i - 1])
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(trap_race, each_page_is_logged_once_or_lost, LONG)
{
	const unsigned int rounds = self->slow ? 100 : 400;
	unsigned long nr_logged = 0;
	struct census census;
	unsigned int round;
	struct cc_log log;
	uint64_t seq;

	ASSERT_EQ(0, cc_log_open(&log, world.view, ENTRIES, 0));
	ASSERT_EQ(0, racers_start(THREADS, store_rounds));
	for (round = 1; round <= rounds; round++) {
		memset(&census, 0, sizeof(census));
		seq = cc_protect_trap(world.view, 0, PAGES,
				      round % 2 ? CC_R : CC_NONE, CC_LOG);
		ASSERT_NE(0, seq);
		atomic_store(&world.finished, 0);
		atomic_store(&world.round, round);
		while (atomic_load(&world.finished) < THREADS) {
			/* In some rounds the reader is late. */
			if (round % 3)
				ASSERT_TRUE(drain(&log, &census, seq));
			sched_yield();
		}
		ASSERT_TRUE(drain(&log, &census, seq));
		ASSERT_TRUE(census_good(&census)) TH_LOG("round %u", round);
		nr_logged += census.nr_seq;
	}
	TH_LOG("%lu logged, %lu lost", nr_logged,
	       (unsigned long)cc_log_lost(&log));
	EXPECT_EQ(nr_logged, cc_log_head(&log));
	EXPECT_EQ(rounds * PAGES, nr_logged + cc_log_lost(&log));
	EXPECT_TRUE(racers_stop(THREADS));
	cc_log_close(&log);
}

/* ---- protect first, then translate -------------------------------------- */

/* Racers store rising numbers to page 0, each to a word of its own. */
static void *store_on(void *arg)
{
	struct racer *me = arg;
	volatile uint64_t *at = word(world.p, 0) + me->nr;
	unsigned long n = 0;

	atomic_store(&me->tid, gettid());
	while (!atomic_load(&world.stop)) {
		*at = ++n;
		atomic_store(&me->n, n);
	}
	return NULL;
}

static uint64_t checksum(void)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < 2; i++)
		sum = sum * 31 + word(world.alias, 0)[i];
	return sum;
}

/* Entries since the last time: how many of them are later than @seq. */
static int later_than(struct cc_log *log, uint64_t seq)
{
	struct codecache_log_entry e;
	int nr = 0;

	while (cc_log_next(log, &e))
		nr += e.seq > seq;
	return nr;
}

TEST_F_TIMEOUT(trap_race, what_is_stale_is_in_the_log, LONG)
{
	const unsigned int rounds = self->slow ? 1000 : 4000;
	unsigned int round, stale = 0, missed = 0, twice = 0;
	struct cc_log log;
	uint64_t seq, sum;
	bool changed;
	int nr;

	ASSERT_EQ(0, cc_log_open(&log, world.view, ENTRIES, 0));
	ASSERT_EQ(0, racers_start(2, store_on));
	for (round = 0; round < rounds; round++) {
		seq = cc_protect_trap(world.view, 0, 1, CC_R, CC_LOG);
		sum = checksum();
		dawdle(round);
		changed = checksum() != sum;
		/* In that order: the entry comes before the store. */
		nr = later_than(&log, seq);
		stale += changed;
		missed += changed && !nr;
		twice += nr > 1;
	}
	TH_LOG("%u rounds, %u stale", rounds, stale);
	EXPECT_EQ(0, missed);
	EXPECT_EQ(0, twice);
	EXPECT_LT(rounds / 100, stale);
	EXPECT_EQ(0, cc_log_lost(&log));
	EXPECT_TRUE(racers_stop(2));
	cc_log_close(&log);
}

TEST_F_TIMEOUT(trap_race, nothing_is_stored_before_the_answer, LONG)
{
	const unsigned int rounds = self->slow ? 500 : 2000;
	unsigned int round, stale = 0;
	struct codecache_event e;
	uint64_t seq, sum;

	ASSERT_EQ(0, racers_start(2, store_on));
	for (round = 0; round < rounds; round++) {
		unsigned long n = atomic_load(&world.racer[0].n);

		seq = cc_protect_trap(world.view, 0, 1,
				      round % 2 ? CC_R : CC_NONE, CC_BLOCK);
		sum = checksum();
		ASSERT_EQ(0, cc_event(world.view, &e));
		ASSERT_LT(seq, e.seq);
		ASSERT_TRUE(is_racer(e.tid));
		dawdle(round);
		stale += checksum() != sum;
		ASSERT_LE(1, cc_resolve(world.view, 0, 1, CC_RW));
		/* A thread that came later has an event of its own. */
		ASSERT_TRUE(advances(&world.racer[0], n));
		dawdle(round / 2);
	}
	EXPECT_EQ(0, stale);
	EXPECT_TRUE(racers_stop(2));
}

/* ---- no answer is missed ------------------------------------------------ */

/* Racers store, load or are denied, all at page 0. */
static void *access_on(void *arg)
{
	struct racer *me = arg;
	unsigned char *at = world.p + 64 * me->nr;

	atomic_store(&me->tid, gettid());
	while (!atomic_load(&world.stop)) {
		int sig = me->nr % 2 ? cc_store(at, 1) : cc_load(at, NULL);

		atomic_fetch_add(&me->traps, sig != 0);
		atomic_fetch_add(&me->n, 1);
	}
	return NULL;
}

enum answer { BY_RESOLVE, BY_PROTECT, BY_SIGNAL, NR_ANSWERS };

/* Who comes to sleep only after a signal was the answer needs another one. */
static bool signalled(struct racer *racer, unsigned long n)
{
	long long since = cc_now_ms();

	while (atomic_load(&racer->n) <= n) {
		cc_resolve_signal(world.view, 0, 1);
		sched_yield();
		if (cc_now_ms() - since > CC_PATIENCE_MS)
			return false;
	}
	return true;
}

static bool answer_round(unsigned int round)
{
	enum answer answer = round % NR_ANSWERS;
	unsigned long n[THREADS];
	unsigned int i;

	if (!cc_protect_trap(world.view, 0, 1, CC_NONE, CC_BLOCK))
		return false;
	for (i = 0; i < THREADS; i++)
		n[i] = atomic_load(&world.racer[i].n);
	dawdle(round);
	if (answer == BY_RESOLVE && cc_resolve(world.view, 0, 1, CC_RW) < 0)
		return false;
	if (answer == BY_PROTECT &&
	    !cc_protect_trap(world.view, 0, 1, CC_RW, CC_BLOCK))
		return false;
	for (i = 0; i < THREADS; i++) {
		/* One access may have been made before it was forbidden. */
		if (!(answer == BY_SIGNAL ?
		      signalled(&world.racer[i], n[i] + 1) :
		      advances(&world.racer[i], n[i] + 1)))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(trap_race, no_answer_is_missed, LONG)
{
	const unsigned int rounds = self->slow ? 300 : 1200;
	unsigned int round, i;

	ASSERT_EQ(0, racers_start(THREADS, access_on));
	for (round = 0; round < rounds; round++)
		ASSERT_TRUE(answer_round(round)) TH_LOG("round %u", round);
	EXPECT_TRUE(racers_stop(THREADS));
	for (i = 0; i < THREADS; i++)
		EXPECT_LT(0, atomic_load(&world.racer[i].traps));
	EXPECT_LT(rounds / 3, CC_STAT(world.view, traps_blocked));
}

/* ---- signals ------------------------------------------------------------ */

static atomic_ulong handled;

static void on_usr1(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

/* A monitor that answers all that it reads, until told to stop. */
static void *answer_on(void *arg)
{
	struct codecache_event e;

	while (!atomic_load(&world.stop)) {
		if (!(cc_poll(world.view, 5) & POLLIN))
			continue;
		/* It may have gone again with its thread: do not sleep for it. */
		if (read(world.view, &e, sizeof(e)) == sizeof(e))
			cc_resolve(world.view, e.page, 1, CC_RW);
	}
	return arg;
}

TEST_F_TIMEOUT(trap_race, signals_and_answers_do_not_lose_each_other, LONG)
{
	struct sigaction act = { .sa_handler = on_usr1 };
	const unsigned int rounds = self->slow ? 300 : 1200;
	unsigned int round, i;
	pthread_t monitor;

	sigaction(SIGUSR1, &act, NULL);
	ASSERT_EQ(0, fcntl(world.view, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, pthread_create(&monitor, NULL, answer_on, NULL));
	ASSERT_EQ(0, racers_start(THREADS, access_on));
	for (round = 0; round < rounds; round++) {
		unsigned long n[THREADS];

		ASSERT_NE(0, cc_protect_trap(world.view, 0, 1, CC_NONE,
					     CC_BLOCK));
		for (i = 0; i < THREADS; i++) {
			n[i] = atomic_load(&world.racer[i].n);
			pthread_kill(world.racer[i].thread, SIGUSR1);
		}
		for (i = 0; i < THREADS; i++)
			ASSERT_TRUE(advances(&world.racer[i], n[i] + 1));
	}
	EXPECT_TRUE(racers_stop(THREADS));
	pthread_join(monitor, NULL);
	TH_LOG("%lu signals", atomic_load(&handled));
	EXPECT_LT(rounds, atomic_load(&handled));
	for (i = 0; i < THREADS; i++)
		EXPECT_EQ(0, atomic_load(&world.racer[i].traps));
}

/* ---- monitors that come and go ------------------------------------------ */

/* Reads one event, and ends at once. */
static pid_t short_lived_monitor(void)
{
	pid_t pid = cc_fork();
	struct codecache_event e;

	if (pid)
		return pid;
	_exit(cc_event(world.view, &e) != 0);
}

/* It read its event, and came to an end, in time. */
static bool comes_and_goes(pid_t pid)
{
	long long since = cc_now_ms();
	int status = -1;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (cc_patient(since))
			continue;
		kill(pid, SIGKILL);
		return false;
	}
	return status == 0;
}

TEST_F_TIMEOUT(trap_race, nobody_waits_for_a_monitor_that_has_gone, LONG)
{
	struct codecache_event e;
	unsigned int round, i;
	ssize_t got;

	ASSERT_EQ(0, fcntl(world.view, F_SETFL, O_NONBLOCK));
	ASSERT_NE(0, cc_protect_trap(world.view, 0, PAGES, CC_NONE, CC_BLOCK));
	ASSERT_EQ(0, racers_start(THREADS, access_on));
	for (round = 0; round < 50; round++) {
		unsigned long n[THREADS];

		ASSERT_TRUE(comes_and_goes(short_lived_monitor()))
			TH_LOG("round %u", round);
		for (i = 0; i < THREADS; i++)
			n[i] = atomic_load(&world.racer[i].n);
		for (i = 0; i < THREADS; i++)
			ASSERT_TRUE(advances(&world.racer[i], n[i] + 10));
		/* Now there is a reader again; what it got is for the next. */
		got = read(world.view, &e, sizeof(e));
		if (got == sizeof(e))
			ASSERT_LE(0, cc_resolve_signal(world.view, 0, 1));
	}
	EXPECT_TRUE(racers_stop(THREADS));
}

TEST_HARNESS_MAIN
