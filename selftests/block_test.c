// SPDX-License-Identifier: MIT
/*
 * Traps that block: events, answers, and who wakes of them
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

enum { PAGES = 16, WAITERS = 8, DATA = CODECACHE_VIEW_DATA };

#define W CODECACHE_PROT_WRITE
#define R CODECACHE_PROT_READ

/* A data view whose traps block, all of it NONE. */
FIXTURE(block)
{
	struct cc_mem mem;
	int view;
	unsigned char *p;
	size_t page;
	uint64_t seq;		/* of the PROTECT that forbade */
	struct cc_hit hit[WAITERS];
};

FIXTURE_SETUP(block)
{
	ASSERT_EQ(0, cc_mem_trap(&self->mem, DATA, PAGES, CC_RW,
				 CODECACHE_TRAP_BLOCK, 0));
	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	self->page = cc_page_size();
	self->seq = cc_protect_trap(self->view, 0, PAGES, CC_NONE, 0);
	ASSERT_NE(0, self->seq);
	memset(self->hit, 0, sizeof(self->hit));
}

FIXTURE_TEARDOWN(block)
{
	cc_mem_close(&self->mem);
	EXPECT_TRUE(cc_nothing_left());
}

static unsigned char *at(FIXTURE_DATA(block) *self, unsigned long page)
{
	return self->p + page * self->page;
}

static int start(FIXTURE_DATA(block) *self, unsigned int i, enum cc_how how,
		 void *p)
{
	self->hit[i].how = how;
	self->hit[i].p = p;
	self->hit[i].value = 100 + i;
	return cc_hit_start(&self->hit[i]);
}

/* The next event is of that thread, and later than what is known. */
static bool event(FIXTURE_DATA(block) *self, unsigned int i, uint64_t page,
		  uint32_t access)
{
	struct codecache_event e;
	int err = cc_event(self->view, &e);
	bool good = !err && e.seq > self->seq && e.page == page &&
		    e.access == access && e.flags == 0 && e.reserved == 0 &&
		    e.tid == atomic_load(&self->hit[i].tid);

	if (!good)
		printf("# %d: seq %llu page %llu access %u tid %d flags %u\n",
		       err, (unsigned long long)e.seq,
		       (unsigned long long)e.page, e.access, e.tid, e.flags);
	self->seq = e.seq;
	return good;
}

static bool goes_on(FIXTURE_DATA(block) *self, unsigned int i)
{
	return cc_hit_ends(&self->hit[i]) && self->hit[i].sig == 0;
}

/* ---- one waiter --------------------------------------------------------- */

TEST_F_TIMEOUT(block, a_store_waits_for_its_answer, CC_TIMEOUT)
{
	struct codecache_view_resolve_args args = {
		.first_page = 3,
		.nr_pages = 1,
		.prot = CC_RW,
	};

	EXPECT_TRUE(cc_no_event(self->view));
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 3) + 11));
	ASSERT_TRUE(event(self, 0, 3, W));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[0]));
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(1, cc_resolve_call(self->view, &args));
	EXPECT_LT(self->seq, args.out_seq);
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(100, at(self, 3)[11]);
	EXPECT_EQ(1, CC_STAT(self->view, traps_blocked));
	EXPECT_EQ(1, CC_STAT(self->view, traps_write));
	EXPECT_EQ(1, CC_STAT(self->view, events_resolved));
	EXPECT_EQ(PAGES - 1, cc_pages_with(self->mem.cache, self->mem.zone,
					   self->view, CC_NONE));
}

TEST_F_TIMEOUT(block, a_load_waits_for_its_answer, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_LOAD, at(self, 4)));
	ASSERT_TRUE(event(self, 0, 4, R));
	EXPECT_EQ(1, cc_resolve(self->view, 0, PAGES, CC_R));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(0, self->hit[0].value);
}

TEST_F_TIMEOUT(block, a_fetch_waits_for_its_answer, CC_TIMEOUT)
{
	struct cc_hit hit = { .how = CC_FETCH };
	struct codecache_event e;
	struct cc_mem mem;
	int exec;

	ASSERT_EQ(0, cc_mem_code(&mem, 4));
	exec = mem.fd[CODECACHE_VIEW_EXEC];
	ASSERT_NE(0, cc_protect_trap(exec, 1, 1, CC_NONE, CC_BLOCK));
	hit.p = mem.map[CODECACHE_VIEW_EXEC] + self->page;
	ASSERT_EQ(0, cc_hit_start(&hit));
	ASSERT_EQ(0, cc_event(exec, &e));
	EXPECT_EQ(CODECACHE_PROT_EXEC, e.access);
	EXPECT_EQ(1, e.page);
	/* Made while it waits: what a translator on demand does. */
	cc_emit(mem.map[CODECACHE_VIEW_WRITE] + self->page, 77);
	EXPECT_EQ(1, cc_resolve(exec, 1, 1, CC_RX));
	ASSERT_TRUE(cc_hit_ends(&hit));
	EXPECT_EQ(77, hit.result);
	cc_mem_close(&mem);
}

TEST_F_TIMEOUT(block, what_the_kind_cannot_grant_is_a_signal, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_FETCH, at(self, 4)));
	ASSERT_TRUE(cc_hit_ends(&self->hit[0]));
	EXPECT_EQ(SIGSEGV, self->hit[0].sig);
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(0, CC_STAT(self->view, traps_blocked));
}

TEST_F_TIMEOUT(block, an_answer_that_is_not_enough_makes_a_new_event, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 5)));
	ASSERT_TRUE(event(self, 0, 5, W));
	EXPECT_EQ(1, cc_resolve(self->view, 5, 1, CC_R));
	ASSERT_TRUE(event(self, 0, 5, W));
	EXPECT_EQ(1, cc_resolve(self->view, 5, 1, CC_NONE));
	ASSERT_TRUE(event(self, 0, 5, W));
	EXPECT_EQ(1, cc_resolve(self->view, 5, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(3, CC_STAT(self->view, traps_blocked));
}

TEST_F_TIMEOUT(block, an_answer_may_change_the_mode, CC_TIMEOUT)
{
	struct codecache_view_resolve_args args = {
		.first_page = 5,
		.nr_pages = 1,
		.prot = CC_R,
		.trap = CC_SIGNAL,
	};

	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 5)));
	ASSERT_TRUE(event(self, 0, 5, W));
	EXPECT_EQ(1, cc_resolve_call(self->view, &args));
	EXPECT_TRUE(cc_hit_segv(&self->hit[0]));
	EXPECT_EQ(SIGSEGV, cc_store(at(self, 5), 1));
	EXPECT_TRUE(cc_no_event(self->view));
}

TEST_F_TIMEOUT(block, the_signal_may_be_the_answer, CC_TIMEOUT)
{
	unsigned char *p = at(self, 6) + 1234;

	ASSERT_EQ(0, start(self, 0, CC_STORE, p));
	ASSERT_TRUE(event(self, 0, 6, W));
	EXPECT_EQ(1, cc_resolve_signal(self->view, 6, 1));
	ASSERT_TRUE(cc_hit_segv(&self->hit[0]));
	EXPECT_EQ(SEGV_MAPERR, self->hit[0].trap.code);
	EXPECT_EQ(2, self->hit[0].trap.error & 2);
	/* For that access only. */
	EXPECT_EQ(0, cc_resolve_signal(self->view, 6, 1));
	ASSERT_EQ(0, start(self, 1, CC_STORE, p));
	ASSERT_TRUE(event(self, 1, 6, W));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[1]));
	EXPECT_EQ(1, cc_resolve(self->view, 6, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 1));
	EXPECT_EQ(101, *p);
}

TEST_F_TIMEOUT(block, unread_events_can_be_answered, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 6)));
	ASSERT_TRUE(cc_blocked(self->view, 1));
	EXPECT_EQ(1, cc_resolve(self->view, 0, PAGES, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_TRUE(cc_no_event(self->view));
}

/* ---- PROTECT answers too ------------------------------------------------ */

TEST_F_TIMEOUT(block, protect_wakes_whom_it_allows, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 1)));
	ASSERT_TRUE(event(self, 0, 1, W));
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_R, 0));
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_NONE, 0));
	ASSERT_NE(0, cc_protect_trap(self->view, 2, 5, CC_RW, 0));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[0]));
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(1, CC_STAT(self->view, traps_blocked));
	ASSERT_NE(0, cc_protect_trap(self->view, 0, 2, CC_RW, 0));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(0, cc_resolve(self->view, 1, 1, CC_RW));
}

TEST_F_TIMEOUT(block, protect_wakes_each_by_what_it_wants, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 1)));
	ASSERT_TRUE(event(self, 0, 1, W));
	ASSERT_EQ(0, start(self, 1, CC_LOAD, at(self, 1)));
	ASSERT_TRUE(cc_blocked(self->view, 2));
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_R, 0));
	ASSERT_TRUE(goes_on(self, 1));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[0]));
	EXPECT_LE(1, cc_resolve(self->view, 1, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
}

TEST_F_TIMEOUT(block, a_bitmap_wakes_as_well, CC_TIMEOUT)
{
	uint64_t bits = 1 << 9;

	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 9)));
	ASSERT_TRUE(event(self, 0, 9, W));
	ASSERT_EQ(0, cc_protect_bits(self->view, &bits, PAGES, 0, CC_RW, NULL));
	ASSERT_TRUE(goes_on(self, 0));
}

TEST_F_TIMEOUT(block, populating_wakes_as_well, CC_TIMEOUT)
{
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 9)));
	ASSERT_TRUE(event(self, 0, 9, W));
	EXPECT_LE(0, cc_populate(self->view, 8, 4, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
}

/* ---- several waiters ---------------------------------------------------- */

TEST_F_TIMEOUT(block, one_answer_wakes_all_of_a_page, CC_TIMEOUT)
{
	struct codecache_event e;
	unsigned int i, round;

	for (round = 1; round <= 5; round++) {
		for (i = 0; i < WAITERS; i++)
			ASSERT_EQ(0, start(self, i, CC_STORE,
					   at(self, 7) + 64 * i));
		ASSERT_TRUE(cc_blocked(self->view, round * WAITERS));
		ASSERT_EQ(0, cc_event(self->view, &e));
		EXPECT_EQ(7, e.page);
		EXPECT_TRUE(cc_no_event(self->view));
		EXPECT_EQ(WAITERS, cc_resolve(self->view, 7, 1, CC_RW));
		for (i = 0; i < WAITERS; i++) {
			ASSERT_TRUE(goes_on(self, i));
			EXPECT_EQ(100 + i, at(self, 7)[64 * i]);
		}
		EXPECT_TRUE(cc_no_event(self->view));
		EXPECT_EQ(round, CC_STAT(self->view, events_resolved));
		ASSERT_NE(0, cc_protect_trap(self->view, 7, 1, CC_NONE, 0));
	}
}

TEST_F_TIMEOUT(block, one_signal_answers_all_of_a_page, CC_TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < WAITERS; i++)
		ASSERT_EQ(0, start(self, i, i % 2 ? CC_LOAD : CC_STORE,
				   at(self, 7) + 64 * i));
	ASSERT_TRUE(cc_blocked(self->view, WAITERS));
	EXPECT_EQ(WAITERS, cc_resolve_signal(self->view, 0, PAGES));
	for (i = 0; i < WAITERS; i++)
		EXPECT_TRUE(cc_hit_segv(&self->hit[i]));
	EXPECT_TRUE(cc_no_event(self->view));
}

TEST_F_TIMEOUT(block, each_page_has_an_event_in_order, CC_TIMEOUT)
{
	struct codecache_event e[WAITERS + 1];
	unsigned int i;

	for (i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, start(self, i, CC_STORE, at(self, 15 - 2 * i)));
		ASSERT_TRUE(cc_blocked(self->view, i + 1));
	}
	/* As many as fit, whole ones only. */
	ASSERT_EQ(2 * sizeof(*e), read(self->view, e, 3 * sizeof(*e) - 1));
	ASSERT_EQ((WAITERS - 2) * sizeof(*e),
		  read(self->view, e + 2, sizeof(e) - 2 * sizeof(*e)));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(15 - 2 * i, e[i].page);
		EXPECT_EQ(atomic_load(&self->hit[i].tid), e[i].tid);
		EXPECT_LT(i ? e[i - 1].seq : self->seq, e[i].seq);
	}
	EXPECT_TRUE(cc_no_event(self->view));
	/* An answer is for its pages only. */
	EXPECT_EQ(1, cc_resolve(self->view, 15, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(2, cc_resolve(self->view, 10, 5, CC_RW));
	ASSERT_TRUE(goes_on(self, 1));
	ASSERT_TRUE(goes_on(self, 2));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[3]));
	EXPECT_EQ(WAITERS - 3, cc_resolve(self->view, 0, 10, CC_RW));
	for (i = 3; i < WAITERS; i++)
		ASSERT_TRUE(goes_on(self, i));
}

/* ---- read() and poll() -------------------------------------------------- */

TEST_F_TIMEOUT(block, events_that_cannot_be_delivered_stay, CC_TIMEOUT)
{
	struct codecache_event e;
	void *gap = mmap(NULL, self->page, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 2)));
	ASSERT_TRUE(cc_blocked(self->view, 1));
	EXPECT_EQ(POLLIN, cc_poll(self->view, 0) & POLLIN);
	EXPECT_EQ(-1, read(self->view, &e, sizeof(e) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->view, gap, sizeof(e)));
	EXPECT_EQ(EFAULT, errno);
	/* Nor into the very page that it is about. */
	EXPECT_EQ(-1, read(self->view, at(self, 2), sizeof(e)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(POLLIN, cc_poll(self->view, 0) & POLLIN);
	ASSERT_TRUE(event(self, 0, 2, W));
	EXPECT_EQ(1, cc_resolve(self->view, 2, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
	munmap(gap, self->page);
}

static struct codecache_event got;

static long read_event(void *unused, size_t view)
{
	ssize_t n = read(view, &got, sizeof(got));

	(void)unused;
	return n < 0 ? -errno : n;
}

static long wait_for_input(void *unused, size_t view)
{
	(void)unused;
	return cc_poll(view, 2 * CC_PATIENCE_MS);
}

TEST_F_TIMEOUT(block, who_reads_or_polls_sleeps_until_an_event, CC_TIMEOUT)
{
	struct cc_hit *reader = &self->hit[1], *poller = &self->hit[2];

	reader->call = read_event;
	poller->call = wait_for_input;
	reader->len = self->view;
	poller->len = self->view;
	ASSERT_EQ(0, start(self, 2, CC_CALL, NULL));
	EXPECT_TRUE(cc_hit_sleeps(poller));
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 2)));
	ASSERT_TRUE(cc_hit_ends(poller));
	EXPECT_EQ(POLLIN, poller->result & POLLIN);
	ASSERT_TRUE(event(self, 0, 2, W));
	ASSERT_EQ(0, start(self, 1, CC_CALL, NULL));
	EXPECT_TRUE(cc_hit_sleeps(reader));
	EXPECT_EQ(1, cc_resolve(self->view, 2, 1, CC_R));
	ASSERT_TRUE(cc_hit_ends(reader));
	EXPECT_EQ(sizeof(got), reader->result);
	EXPECT_EQ(2, got.page);
	EXPECT_EQ(1, cc_resolve(self->view, 2, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
}

TEST_F_TIMEOUT(block, reading_does_not_wait_if_told_so, CC_TIMEOUT)
{
	struct codecache_event e;

	ASSERT_EQ(0, fcntl(self->view, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->view, &e, sizeof(e)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 2)));
	ASSERT_TRUE(event(self, 0, 2, W));
	EXPECT_EQ(-1, read(self->view, &e, sizeof(e)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, cc_resolve(self->view, 2, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
}

static void on_usr1(int sig)
{
	(void)sig;
}

TEST_F_TIMEOUT(block, a_signal_interrupts_reading, CC_TIMEOUT)
{
	struct sigaction act = { .sa_handler = on_usr1 };	/* no SA_RESTART */
	struct cc_hit *reader = &self->hit[1];

	sigaction(SIGUSR1, &act, NULL);
	reader->call = read_event;
	reader->len = self->view;
	ASSERT_EQ(0, start(self, 1, CC_CALL, NULL));
	EXPECT_TRUE(cc_hit_sleeps(reader));
	pthread_kill(reader->thread, SIGUSR1);
	ASSERT_TRUE(cc_hit_ends(reader));
	EXPECT_EQ(-EINTR, reader->result);
}

/* A reader in a PID namespace of its own knows no thread outside. */
TEST_F_TIMEOUT(block, tids_are_those_of_the_reader, CC_TIMEOUT)
{
	struct codecache_event e;
	pid_t pid, inner;

	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 2)));
	ASSERT_TRUE(cc_blocked(self->view, 1));
	pid = cc_fork();
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(4);
		inner = fork();	/* whose parent is nobody there */
		if (!inner)
			_exit(cc_event(self->view, &e) ? 2 : e.tid ? 3 : 0);
		_exit(cc_wait(inner));
	}
	/* It read, and ended: that is the end of the access. */
	EXPECT_EQ(0, cc_wait(pid));
	ASSERT_TRUE(cc_hit_segv(&self->hit[0]));
}

/* ---- signals to those who wait ------------------------------------------ */

static atomic_int handled;

static void count_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

static bool handled_becomes(int want)
{
	long long since = cc_now_ms();

	while (atomic_load(&handled) != want) {
		if (!cc_patient(since))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(block, handlers_run_while_an_access_waits, CC_TIMEOUT)
{
	struct sigaction act = { .sa_handler = count_signal };
	int i;

	sigaction(SIGUSR1, &act, NULL);
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 2)));
	for (i = 1; i <= 10; i++) {
		ASSERT_TRUE(event(self, 0, 2, W));
		pthread_kill(self->hit[0].thread, SIGUSR1);
		ASSERT_TRUE(handled_becomes(i));
		/* Then it tries again, and that is a new event. */
		EXPECT_TRUE(cc_hit_sleeps(&self->hit[0]));
	}
	ASSERT_TRUE(event(self, 0, 2, W));
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(1, cc_resolve(self->view, 2, 1, CC_RW));
	ASSERT_TRUE(goes_on(self, 0));
	EXPECT_EQ(100, at(self, 2)[0]);
}

/* A child that maps the view and stores to a page of it. */
static pid_t storing_child(FIXTURE_DATA(block) *self, unsigned int page)
{
	pid_t pid;

	munmap(self->p, PAGES * self->page);
	self->mem.map[DATA] = NULL;
	pid = cc_fork();
	if (pid)
		return pid;
	self->p = cc_map(self->view, DATA, PAGES);
	_exit(!self->p || cc_store(at(self, page), 1));
}

static bool has_state(pid_t pid, char state)
{
	char path[64], text[512], *p;
	long long since = cc_now_ms();

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		if (cc_read_file(path, text, sizeof(text)) <= 0)
			return false;
		p = strrchr(text, ')');
		if (p && p[2] == state)
			return true;
	} while (cc_patient(since));
	return false;
}

TEST_F_TIMEOUT(block, who_waits_can_be_stopped_and_continued, CC_TIMEOUT)
{
	pid_t pid = storing_child(self, 4);
	struct codecache_event e;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, cc_event(self->view, &e));
		EXPECT_EQ(4, e.page);
		EXPECT_EQ(pid, e.tid);
		kill(pid, SIGSTOP);
		ASSERT_TRUE(has_state(pid, 'T'));
		EXPECT_TRUE(cc_no_event(self->view));
		kill(pid, SIGCONT);
	}
	ASSERT_EQ(0, cc_event(self->view, &e));
	EXPECT_EQ(1, cc_resolve(self->view, 4, 1, CC_RW));
	EXPECT_EQ(0, cc_wait(pid));
}

TEST_F_TIMEOUT(block, an_unread_event_goes_with_its_thread, CC_TIMEOUT)
{
	pid_t pid = storing_child(self, 4);

	ASSERT_TRUE(cc_blocked(self->view, 1));
	EXPECT_EQ(POLLIN, cc_poll(self->view, 0) & POLLIN);
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(0, cc_resolve(self->view, 4, 1, CC_RW));
}

TEST_F_TIMEOUT(block, a_read_event_does_not_keep_its_thread, CC_TIMEOUT)
{
	pid_t pid = storing_child(self, 4);
	struct codecache_event e;

	ASSERT_EQ(0, cc_event(self->view, &e));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_EQ(0, cc_resolve(self->view, 4, 1, CC_RW));
}

/* ---- modes -------------------------------------------------------------- */

TEST_F_TIMEOUT(block, a_range_may_have_a_mode_of_its_own, CC_TIMEOUT)
{
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_R, CC_SIGNAL));
	ASSERT_NE(0, cc_protect_trap(self->view, 2, 1, CC_R, CC_LOG));
	EXPECT_EQ(SIGSEGV, cc_store(at(self, 1), 1));
	EXPECT_EQ(0, cc_store(at(self, 2), 1));
	EXPECT_EQ(1, cc_query(self->view, 0, PAGES, CC_LOST, CC_LOST, NULL));
	EXPECT_TRUE(cc_no_event(self->view));
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_R, 0));
	ASSERT_EQ(0, start(self, 0, CC_STORE, at(self, 1)));
	ASSERT_TRUE(event(self, 0, 1, W));
	/* A mode that forbids as well does not end the wait. */
	ASSERT_NE(0, cc_protect_trap(self->view, 1, 1, CC_R, CC_SIGNAL));
	EXPECT_TRUE(cc_hit_sleeps(&self->hit[0]));
	EXPECT_EQ(1, cc_resolve_signal(self->view, 1, 1));
	EXPECT_TRUE(cc_hit_segv(&self->hit[0]));
}

/* A kernel access is not held here, and EFAULT is all that comes of it. */
TEST_F_TIMEOUT(block, the_kernel_is_not_held_unless_allowed, CC_TIMEOUT)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	EXPECT_EQ(-1, read(zero, at(self, 1), 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(cc_no_event(self->view));
	close(zero);
}

/* Debuggers read whatever the protection is: that is nobody's trap. */
TEST_F_TIMEOUT(block, debuggers_are_not_held, CC_TIMEOUT)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned char byte = 1;

	ASSERT_LE(0, mem);
	EXPECT_EQ(1, pread(mem, &byte, 1, (uintptr_t)at(self, 1)));
	EXPECT_EQ(0, byte);
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(0, CC_STAT(self->view, traps_blocked));
	close(mem);
}

TEST_HARNESS_MAIN
