// SPDX-License-Identifier: MIT
/*
 * Nobody stays stuck in a block trap: whoever dies, closes, unmaps, forks or
 * execs, those who wait go on or get the signal, and nothing is left
 *
 * Wants the module's file as /codecache.ko, or where CODECACHE_KO says: after
 * each test it must be possible to unload it.
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

enum { PAGES = 16, WAITERS = 8, DATA = CODECACHE_VIEW_DATA };

#define HOLD CODECACHE_VIEW_F_BLOCK_KERNEL

/* ---- the fixture: a view that blocks, and who runs into it -------------- */

FIXTURE(stuck)
{
	struct cc_mem mem;
	int view;
	unsigned char *p;
	size_t page;
	struct cc_hit hit[WAITERS];
	unsigned int nr_hits;
	int pipe[2];
};

FIXTURE_SETUP(stuck)
{
	ASSERT_EQ(0, cc_mem_trap(&self->mem, DATA, PAGES, CC_NONE,
				 CODECACHE_TRAP_BLOCK, HOLD));
	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	self->page = cc_page_size();
	memset(self->hit, 0, sizeof(self->hit));
	self->nr_hits = 0;
	ASSERT_EQ(0, pipe(self->pipe));
}

FIXTURE_TEARDOWN(stuck)
{
	cc_mem_close(&self->mem);
	close(self->pipe[0]);
	close(self->pipe[1]);
	EXPECT_TRUE(cc_nothing_left());
	EXPECT_EQ(0, cc_module_cycle());
}

static unsigned char *at(FIXTURE_DATA(stuck) *self, unsigned long page)
{
	return self->p + page * self->page;
}

/* A system call that stores at @p; made after fork(), so it needs no memory. */
static long read_zero(void *p, size_t len)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, p, len);
	int err = errno;

	close(fd);
	return n < 0 ? -err : n;
}

/* One thread more waits, at @page; its sleep is seen. */
static bool wait_at(FIXTURE_DATA(stuck) *self, unsigned long page,
		    enum cc_how how)
{
	struct cc_hit *hit = &self->hit[self->nr_hits];
	uint64_t before = CC_STAT(self->view, traps_blocked);

	hit->how = how;
	hit->p = at(self, page) + 8 * self->nr_hits;
	hit->len = 1;
	hit->call = read_zero;
	self->nr_hits++;
	return !cc_hit_start(hit) && cc_blocked(self->view, before + 1);
}

/* Stores, loads and system calls wait, some of them on one page. */
static bool all_wait(FIXTURE_DATA(stuck) *self)
{
	static const enum cc_how hows[] = { CC_STORE, CC_LOAD, CC_CALL };
	unsigned int i;

	for (i = 0; i < WAITERS; i++) {
		if (!wait_at(self, i / 3, hows[i % 3]))
			return false;
	}
	return true;
}

/* All that wait are denied what they want: the signal, or EFAULT. */
static bool all_denied(FIXTURE_DATA(stuck) *self)
{
	unsigned int i;

	for (i = 0; i < self->nr_hits; i++) {
		struct cc_hit *hit = &self->hit[i];

		if (hit->how == CC_CALL) {
			if (!cc_hit_ends(hit) || hit->result != -EFAULT)
				return false;
		} else if (!cc_hit_segv(hit)) {
			return false;
		}
	}
	self->nr_hits = 0;
	return true;
}

static bool all_sleep(FIXTURE_DATA(stuck) *self)
{
	unsigned int i;

	for (i = 0; i < self->nr_hits; i++) {
		if (!cc_hit_sleeps(&self->hit[i]))
			return false;
	}
	return true;
}

static bool all_done(FIXTURE_DATA(stuck) *self)
{
	unsigned int i;

	for (i = 0; i < self->nr_hits; i++) {
		if (!cc_hit_ends(&self->hit[i]) || self->hit[i].sig ||
		    self->hit[i].result < 0)
			return false;
	}
	self->nr_hits = 0;
	return true;
}

static bool told(int fd)
{
	char c;

	return (cc_poll(fd, CC_PATIENCE_MS) & POLLIN) && read(fd, &c, 1) == 1;
}

/* ---- monitors that go --------------------------------------------------- */

/* A monitor process: reads @nr events, says so, and then dies as it is told. */
static pid_t monitor(FIXTURE_DATA(stuck) *self, unsigned int nr, bool lives)
{
	pid_t pid = cc_fork();
	struct codecache_event e;

	if (pid)
		return pid;
	while (nr--) {
		if (cc_event(self->view, &e))
			_exit(1);
	}
	if (write(self->pipe[1], "", 1) != 1)
		_exit(2);
	while (lives)
		pause();
	_exit(0);
}

static void close_ours(FIXTURE_DATA(stuck) *self)
{
	close(self->view);
	self->mem.fd[DATA] = -1;
}

TEST_F_TIMEOUT(stuck, not_when_the_last_descriptor_closes, CC_TIMEOUT)
{
	ASSERT_TRUE(all_wait(self));
	close_ours(self);
	EXPECT_TRUE(all_denied(self));
	/* Nor does anybody wait from now on. */
	EXPECT_EQ(SIGSEGV, cc_store(self->p, 1));
	EXPECT_EQ(-EFAULT, read_zero(self->p, 1));
}

TEST_F_TIMEOUT(stuck, not_when_the_only_monitor_is_killed_unread, CC_TIMEOUT)
{
	pid_t pid = monitor(self, 0, true);

	ASSERT_TRUE(told(self->pipe[0]));
	ASSERT_TRUE(all_wait(self));
	close_ours(self);
	EXPECT_TRUE(all_sleep(self));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(all_denied(self));
}

TEST_F_TIMEOUT(stuck, not_when_the_only_monitor_is_killed_at_work, CC_TIMEOUT)
{
	pid_t pid = monitor(self, 2, true);

	ASSERT_TRUE(all_wait(self));
	close_ours(self);
	ASSERT_TRUE(told(self->pipe[0]));
	EXPECT_TRUE(all_sleep(self));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(all_denied(self));
}

TEST_F_TIMEOUT(stuck, not_when_the_monitor_got_it_by_a_socket, CC_TIMEOUT)
{
	struct codecache_event e;
	int socks[2], fd;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	pid = cc_fork();
	if (!pid) {
		close(self->view);
		fd = cc_recv_fd(socks[1]);
		if (cc_event(fd, &e) || write(self->pipe[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_TRUE(all_wait(self));
	ASSERT_EQ(0, cc_send_fd(socks[0], self->view));
	close_ours(self);
	ASSERT_TRUE(told(self->pipe[0]));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(all_denied(self));
	close(socks[0]);
	close(socks[1]);
}

TEST_F_TIMEOUT(stuck, not_when_the_monitor_ends_and_we_could_read, CC_TIMEOUT)
{
	int killed;
	pid_t pid;

	for (killed = 0; killed < 2; killed++) {
		ASSERT_TRUE(all_wait(self));
		pid = monitor(self, 1, killed);
		ASSERT_TRUE(told(self->pipe[0]));
		if (killed)
			kill(pid, SIGKILL);
		EXPECT_EQ(killed ? 128 + SIGKILL : 0, cc_wait(pid));
		EXPECT_TRUE(all_denied(self));
		/* Whoever comes gets the signal at once, */
		EXPECT_EQ(SIGSEGV, cc_load(at(self, 9), NULL));
		EXPECT_EQ(-EFAULT, read_zero(at(self, 9), 1));
		EXPECT_TRUE(cc_no_event(self->view));
		/* until somebody reads: then there is a monitor again. */
		fcntl(self->view, F_SETFL, O_NONBLOCK);
		EXPECT_EQ(-1, read(self->view, self->hit, 32));
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_TRUE(wait_at(self, 9, CC_STORE));
		EXPECT_TRUE(all_sleep(self));
		EXPECT_EQ(1, cc_resolve(self->view, 9, 1, CC_RW));
		EXPECT_TRUE(all_done(self));
		EXPECT_EQ(0, cc_protect_run(self->view, 9, 1, CC_NONE));
	}
}

TEST_F_TIMEOUT(stuck, not_when_the_monitor_closes_and_lives_on, CC_TIMEOUT)
{
	struct codecache_event e;
	pid_t pid;

	ASSERT_TRUE(all_wait(self));
	pid = cc_fork();
	if (!pid) {
		if (cc_event(self->view, &e))
			_exit(1);
		close(self->view);
		for (;;)
			pause();
	}
	EXPECT_TRUE(all_denied(self));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
}

/* Another process that reads takes over, and then is the one that counts. */
TEST_F_TIMEOUT(stuck, not_while_a_second_monitor_has_taken_over, CC_TIMEOUT)
{
	struct codecache_event e;
	pid_t pid;

	ASSERT_TRUE(all_wait(self));
	pid = monitor(self, 1, true);
	ASSERT_TRUE(told(self->pipe[0]));
	ASSERT_EQ(0, cc_event(self->view, &e));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(all_sleep(self));
	EXPECT_EQ(WAITERS, cc_resolve(self->view, 0, PAGES, CC_RW));
	EXPECT_TRUE(all_done(self));
}

/* ---- children that are no monitors -------------------------------------- */

TEST_F_TIMEOUT(stuck, others_that_fork_and_end_disturb_nobody, CC_TIMEOUT)
{
	struct codecache_event e;
	pid_t pid;
	int i;

	ASSERT_TRUE(all_wait(self));
	ASSERT_EQ(0, cc_event(self->view, &e));
	for (i = 0; i < 5; i++) {
		pid = cc_fork();
		if (!pid && i % 2)
			execl("/proc/self/exe", "self", "--exit", NULL);
		if (!pid)
			_exit(0);
		EXPECT_EQ(0, cc_wait(pid));
	}
	/* Not even by closing a second descriptor of the view there is here. */
	pid = cc_fork();
	if (!pid)
		_exit(close(dup(self->view)));
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(all_sleep(self));
	EXPECT_EQ(WAITERS, cc_resolve(self->view, 0, PAGES, CC_RW));
	EXPECT_TRUE(all_done(self));
}

/* ---- the mapping goes --------------------------------------------------- */

TEST_F_TIMEOUT(stuck, not_when_the_mapping_goes, CC_TIMEOUT)
{
	bool by_ioctl;
	unsigned int i;
	int err;

	for (i = 0; i < 4; i++) {
		by_ioctl = i & 1;
		ASSERT_TRUE(all_wait(self));
		err = by_ioctl ? cc_unmap(self->view, NULL) :
				 munmap(self->p, PAGES * self->page);
		ASSERT_EQ(0, err);
		EXPECT_TRUE(all_denied(self));
		EXPECT_TRUE(cc_no_event(self->view));
		EXPECT_EQ(0, cc_resolve(self->view, 0, PAGES, CC_NONE));
		self->p = cc_map(self->view, DATA, PAGES);
		ASSERT_NE(NULL, self->p);
		self->mem.map[DATA] = self->p;
	}
}

TEST_F_TIMEOUT(stuck, not_when_something_is_mapped_over_it, CC_TIMEOUT)
{
	ASSERT_TRUE(wait_at(self, 1, CC_STORE));
	ASSERT_TRUE(wait_at(self, 2, CC_CALL));
	ASSERT_EQ(self->p, mmap(self->p, PAGES * self->page,
				PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED |
				MAP_ANONYMOUS, -1, 0));
	/* What they find there takes the access. */
	EXPECT_TRUE(all_done(self));
}

/* ---- the process goes --------------------------------------------------- */

/* A child with a view and waiters of its own; tells when they all sleep. */
static pid_t waiting_child(FIXTURE_DATA(stuck) *self, bool closes)
{
	pid_t pid = cc_fork();

	if (pid)
		return pid;
	if (cc_mem_trap(&self->mem, DATA, PAGES, CC_NONE, CODECACHE_TRAP_BLOCK,
			HOLD))
		_exit(10);
	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	if (!all_wait(self) || write(self->pipe[1], "", 1) != 1)
		_exit(11);
	if (closes)
		return 0;
	for (;;)
		pause();
}

TEST_F_TIMEOUT(stuck, not_when_the_process_is_killed, CC_TIMEOUT)
{
	pid_t pid;
	int i;

	for (i = 0; i < 5; i++) {
		pid = waiting_child(self, false);
		ASSERT_TRUE(told(self->pipe[0]));
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
		EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
	}
}

TEST_F_TIMEOUT(stuck, not_when_the_process_exits, CC_TIMEOUT)
{
	pid_t pid = waiting_child(self, true);

	if (!pid)
		_exit(0);
	ASSERT_TRUE(told(self->pipe[0]));
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
}

TEST_F_TIMEOUT(stuck, not_when_the_process_execs, CC_TIMEOUT)
{
	pid_t pid = waiting_child(self, true);

	if (!pid) {
		execl("/proc/self/exe", "self", "--exit", NULL);
		_exit(12);
	}
	ASSERT_TRUE(told(self->pipe[0]));
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(cc_total_becomes("charged_objects", 3));
}

/* A signal that kills, sent to a thread that waits in a system call. */
TEST_F_TIMEOUT(stuck, not_when_a_signal_ends_the_process, CC_TIMEOUT)
{
	pid_t pid = waiting_child(self, true);

	if (!pid) {
		pthread_kill(self->hit[2].thread, SIGTERM);
		for (;;)
			pause();
	}
	ASSERT_TRUE(told(self->pipe[0]));
	EXPECT_EQ(128 + SIGTERM, cc_wait(pid));
}

/* ---- fork() and exec() by another thread -------------------------------- */

TEST_F_TIMEOUT(stuck, the_child_of_a_fork_has_nobody_who_waits, CC_TIMEOUT)
{
	pid_t pid;
	int err;

	ASSERT_TRUE(all_wait(self));
	pid = cc_fork();
	if (!pid) {
		/* Not mapped here; the descriptor works. */
		err = cc_load(self->p, NULL) != SIGSEGV;
		err |= cc_resolve(self->view, 0, PAGES, CC_RW) != WAITERS;
		_exit(err);
	}
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(all_done(self));
}

/* ---- who hurts himself -------------------------------------------------- */

/* The only monitor lets the kernel write events where only it could answer. */
TEST_F_TIMEOUT(stuck, a_monitor_that_holds_itself_can_be_killed, CC_TIMEOUT)
{
	long long since = cc_now_ms();
	pid_t pid = waiting_child(self, true);

	if (!pid) {
		if (read(self->view, at(self, 10), 64) != 64)
			_exit(13);
		_exit(0);
	}
	ASSERT_TRUE(told(self->pipe[0]));
	usleep(100000);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_GT(CC_PATIENCE_MS, cc_now_ms() - since);
}

/* Arguments of ioctls lie in pages that are blocked: others can still answer. */
static long protect_from_there(void *p, size_t view)
{
	return cc_ioctl(view, CODECACHE_IOC_VIEW_PROTECT, p);
}

TEST_F_TIMEOUT(stuck, an_ioctl_that_is_held_holds_nobody_else, CC_TIMEOUT)
{
	struct cc_hit hit = {
		.how = CC_CALL,
		.call = protect_from_there,
		.p = at(self, 3),
		.len = self->view,
	};
	struct codecache_event e;

	ASSERT_EQ(0, cc_hit_start(&hit));
	ASSERT_EQ(0, cc_event(self->view, &e));
	EXPECT_EQ(3, e.page);
	EXPECT_EQ(CODECACHE_EVENT_F_KERNEL, e.flags);
	EXPECT_EQ(0, cc_protect_run(self->view, 0, 2, CC_RW));
	EXPECT_EQ(0, cc_store(at(self, 1), 1));
	EXPECT_EQ(1, cc_resolve(self->view, 3, 1, CC_RW));
	ASSERT_TRUE(cc_hit_ends(&hit));
	EXPECT_EQ(-EINVAL, hit.result);		/* its size is 0 */
}

static int end_at_once(void *unused)
{
	(void)unused;
	return 0;
}

/*
 * A task that ends clears a word of its memory, and signals cannot reach it any
 * more then: this access must not wait for somebody who may never answer.
 */
TEST_F_TIMEOUT(stuck, a_task_that_ends_is_not_held, CC_TIMEOUT)
{
	char *stack = malloc(1 << 16);
	long long since = cc_now_ms();
	pid_t pid, ended;

	pid = clone(end_at_once, stack + (1 << 16),
		    CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL,
		    at(self, 5));
	ASSERT_LT(0, pid);
	usleep(50000);
	kill(pid, SIGKILL);
	do {
		ended = waitpid(pid, NULL, WNOHANG);
	} while (!ended && cc_patient(since));
	EXPECT_EQ(pid, ended);
	/* Whatever came of it: let it go. */
	cc_resolve(self->view, 0, PAGES, CC_RW);
	if (!ended)
		cc_wait(pid);
	free(stack);
}

/* This thread runs before all others of the first processor, or as it always does. */
static void be_first(bool first)
{
	struct sched_param param = { .sched_priority = first ? 1 : 0 };

	cc_pin(0);
	sched_setscheduler(0, first ? SCHED_FIFO : SCHED_OTHER, &param);
}

/* Who is to get the signal, but is killed before it tries again, is forgotten. */
TEST_F_TIMEOUT(stuck, not_by_an_answer_to_somebody_killed, CC_TIMEOUT)
{
	int view = cc_view_trap(self->mem.zone, DATA, CC_NONE, CODECACHE_TRAP_BLOCK, 0);
	struct cc_hit hit = { .how = CC_STORE };
	long long woken;
	pid_t pid;

	be_first(false);
	pid = cc_fork();
	if (!pid)
		_exit(cc_store(cc_map(view, DATA, PAGES), 1));
	ASSERT_TRUE(cc_blocked(view, 1));
	/* It cannot run between the two. */
	be_first(true);
	woken = cc_resolve_signal(view, 0, 1);
	kill(pid, SIGKILL);
	be_first(false);
	EXPECT_EQ(1, woken);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	hit.p = cc_map(view, DATA, PAGES);
	ASSERT_NE(NULL, hit.p);
	ASSERT_EQ(0, cc_hit_start(&hit));
	ASSERT_TRUE(cc_blocked(view, 2));
	EXPECT_EQ(1, cc_resolve_signal(view, 0, 1));
	EXPECT_TRUE(cc_hit_segv(&hit));
	munmap(hit.p, PAGES * self->page);
	close(view);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		return 0;
	return test_harness_run(argc, argv);
}
