// SPDX-License-Identifier: MIT
/*
 * Readers: slots, and who counts as inside when threads and processes die, are
 * replaced by others, or pass descriptors on
 */
#include "cc_reclaim.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

enum { THREADS = 500, SLOTS = 3000 };

FIXTURE(readers)
{
	int cache;
	struct cc_shared shared;
	uint64_t cookie;
	int socks[2];
};

FIXTURE_SETUP(readers)
{
	ASSERT_TRUE(cc_nothing_left());
	self->cache = cc_open();
	ASSERT_LE(0, self->cache);
	ASSERT_EQ(0, cc_share(&self->shared, self->cache));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				self->socks));
}

FIXTURE_TEARDOWN(readers)
{
	close(self->socks[0]);
	close(self->socks[1]);
	cc_unshare(&self->shared);
	close(self->cache);
}

static int start(FIXTURE_DATA(readers) *self)
{
	return cc_grace_start(self->cache, 0, &self->cookie);
}

static bool holds(FIXTURE_DATA(readers) *self)
{
	return cc_grace_holds(self->cache, self->cookie);
}

static bool ends(FIXTURE_DATA(readers) *self)
{
	return !cc_grace_wait(self->cache, self->cookie);
}

/* ---- slots ---------------------------------------------------------------------- */

static bool is_zero(const struct codecache_reader_slot *slot)
{
	static const struct codecache_reader_slot zero;

	return !memcmp(slot, &zero, sizeof(zero));
}

TEST_F_TIMEOUT(readers, get_slots_of_zeros, CC_TIMEOUT)
{
	int round, i;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 100; i++) {
			ASSERT_EQ(i, cc_reader(self->cache));
			ASSERT_TRUE(is_zero(&self->shared.slots[i]));
			memset(self->shared.slots[i].user, 0xff,
			       sizeof(self->shared.slots[i].user));
		}
		EXPECT_EQ(100, CC_STAT(self->cache, readers));
		for (i = 0; i < 100; i++)
			ASSERT_EQ(0, cc_reader_drop(self->cache, i));
		EXPECT_EQ(0, CC_STAT(self->cache, readers));
	}
	EXPECT_EQ(-ENOENT, cc_reader_drop(self->cache, 0));
}

/* What is in a slot is its reader's: the kernel only looks. */
TEST_F_TIMEOUT(readers, find_their_slots_as_they_left_them, CC_TIMEOUT)
{
	struct codecache_reader_slot want, *slot;
	int reader = cc_reader(self->cache), i;

	ASSERT_LE(0, reader);
	slot = &self->shared.slots[reader];
	memset(slot->user, 0xa5, sizeof(slot->user));
	for (i = 0; i < 5; i++) {
		cc_enter(&self->shared, reader);
		want = *slot;
		ASSERT_EQ(0, start(self));
		EXPECT_TRUE(holds(self));
		EXPECT_EQ(0, memcmp(slot, &want, sizeof(want)));
		cc_exit(&self->shared, reader, 0);
		want.active = 0;
		EXPECT_TRUE(ends(self));
		EXPECT_EQ(0, memcmp(slot, &want, sizeof(want)));
	}
}

TEST_F_TIMEOUT(readers, that_give_up_leave_room, CC_TIMEOUT)
{
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(i, cc_reader(self->cache));
	ASSERT_EQ(0, cc_reader_drop(self->cache, 7));
	ASSERT_EQ(0, cc_reader_drop(self->cache, 3));
	EXPECT_EQ(3, cc_reader(self->cache));
	EXPECT_EQ(7, cc_reader(self->cache));
	EXPECT_EQ(10, cc_reader(self->cache));
}

TEST_F_TIMEOUT(readers, that_are_inside_cannot_give_up, CC_TIMEOUT)
{
	int reader = cc_reader(self->cache);
	uint64_t outer = cc_enter(&self->shared, reader);

	EXPECT_EQ(-EBUSY, cc_reader_drop(self->cache, reader));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	cc_exit(&self->shared, reader, outer);
	EXPECT_TRUE(ends(self));
	EXPECT_EQ(0, cc_reader_drop(self->cache, reader));
}

/* Any thread of the process may give a slot up, and nobody else. */
TEST_F_TIMEOUT(readers, belong_to_their_process, CC_TIMEOUT)
{
	struct cc_inside in;
	pid_t pid;

	ASSERT_EQ(0, cc_inside_start(&in, self->cache, &self->shared));
	EXPECT_EQ(-EBUSY, cc_reader_drop(self->cache, in.index));
	self->shared.slots[in.index].active = 0;
	pid = cc_fork();
	if (!pid)
		_exit(-cc_reader_drop(self->cache, in.index));
	EXPECT_EQ(EPERM, cc_wait(pid));
	EXPECT_EQ(0, cc_reader_drop(self->cache, in.index));
	EXPECT_EQ(0, CC_STAT(self->cache, readers));
	ASSERT_EQ(0, cc_inside_stop(&in));
}

/* ---- threads that die ------------------------------------------------------------- */

static void *enter_and_die(void *arg)
{
	FIXTURE_DATA(readers) *self = arg;
	int index = cc_reader(self->cache);

	if (index >= 0)
		cc_enter(&self->shared, index);
	return (void *)(intptr_t)index;
}

static int one_that_dies(FIXTURE_DATA(readers) *self)
{
	pthread_t thread;
	void *index;

	if (pthread_create(&thread, NULL, enter_and_die, self) ||
	    pthread_join(thread, &index))
		return -1;
	return (intptr_t)index;
}

TEST_F_TIMEOUT(readers, that_have_died_are_outside, CC_TIMEOUT)
{
	int index = one_that_dies(self);

	ASSERT_LE(0, index);
	EXPECT_NE(0, self->shared.slots[index].active);
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(ends(self));
}

TEST_F_TIMEOUT(readers, that_die_meanwhile_are_waited_for_no_longer, CC_TIMEOUT)
{
	struct cc_inside in;

	ASSERT_EQ(0, cc_inside_start(&in, self->cache, &self->shared));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	/* It forgets to exit, and to unregister. */
	in.index = -1;
	ASSERT_EQ(0, cc_inside_stop(&in));
	EXPECT_TRUE(ends(self));
}

TEST_F_TIMEOUT(readers, that_have_died_leave_their_slots, CC_TIMEOUT)
{
	int i, index, last = 0;

	for (i = 0; i < 400; i++) {
		index = one_that_dies(self);
		ASSERT_LE(0, index);
		ASSERT_GT(400, index);
		last = index > last ? index : last;
	}
	TH_LOG("%d slots for 400 threads", last + 1);
	EXPECT_GT(200, last);
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(ends(self));
	for (i = 0; i <= last; i++)
		EXPECT_LE(0, cc_reader(self->cache));
}

/* ---- processes that die ------------------------------------------------------------ */

/* A child's own mappings, for those of its parent it does not have. */
static int enter_as_child(int cache)
{
	struct cc_shared shared;
	int index;

	if (cc_share(&shared, cache))
		return -1;
	index = cc_reader(cache);
	if (index >= 0)
		cc_enter(&shared, index);
	return index;
}

static void tell(int sock)
{
	char byte = 0;

	if (write(sock, &byte, 1) != 1)
		_exit(9);
}

static bool told(int sock)
{
	char byte;

	return read(sock, &byte, 1) == 1;
}

TEST_F_TIMEOUT(readers, that_are_killed_are_outside, CC_TIMEOUT)
{
	pid_t pid = cc_fork();

	if (!pid) {
		if (enter_as_child(self->cache) < 0)
			_exit(1);
		tell(self->socks[1]);
		pause();
	}
	ASSERT_TRUE(told(self->socks[0]));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	EXPECT_EQ(1, CC_STAT(self->cache, readers));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
	EXPECT_TRUE(ends(self));
}

/* A zombie is dead, though it has not been waited for. */
TEST_F_TIMEOUT(readers, that_are_zombies_are_outside, CC_TIMEOUT)
{
	pid_t pid = cc_fork();

	if (!pid) {
		int index = enter_as_child(self->cache);

		tell(self->socks[1]);
		if (!told(self->socks[1]))
			_exit(2);
		_exit(index < 0);
	}
	ASSERT_TRUE(told(self->socks[0]));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	tell(self->socks[0]);
	EXPECT_TRUE(ends(self));
	EXPECT_EQ(0, cc_wait(pid));
}

/* ---- exec ------------------------------------------------------------------------- */

/* What the process becomes by exec: one that does nothing, before main(). */
__attribute__((constructor)) static void sleep_if_asked(void)
{
	if (!getenv("CC_READER_SLEEPS"))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void become_another(void)
{
	char *const argv[] = { "another", NULL };
	char *const envp[] = { "CC_READER_SLEEPS=1", NULL };

	execve("/proc/self/exe", argv, envp);
	_exit(3);
}

static void *exec_in_thread(void *arg)
{
	int *told = arg;

	tell(told[0]);
	if (read(told[0], &told[1], 1) == 1)
		become_another();
	return NULL;
}

/* The main thread calls exec, or a thread does while the main thread is inside. */
FIXTURE(exec)
{
	FIXTURE_DATA(readers) readers;
};

FIXTURE_VARIANT(exec)
{
	bool by_thread;
};

FIXTURE_VARIANT_ADD(exec, of_itself) { .by_thread = false };
FIXTURE_VARIANT_ADD(exec, of_another_thread) { .by_thread = true };

FIXTURE_SETUP(exec)
{
	ASSERT_TRUE(cc_nothing_left());
	self->readers.cache = cc_open();
	ASSERT_LE(0, self->readers.cache);
	ASSERT_EQ(0, cc_share(&self->readers.shared, self->readers.cache));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				self->readers.socks));
}

FIXTURE_TEARDOWN(exec)
{
	cc_unshare(&self->readers.shared);
	close(self->readers.cache);
}

static void enter_and_exec(FIXTURE_DATA(readers) *self, bool by_thread)
{
	int args[2] = { self->socks[1] };
	pthread_t thread;

	if (enter_as_child(self->cache) < 0)
		_exit(1);
	if (!by_thread)
		exec_in_thread(args);
	else if (pthread_create(&thread, NULL, exec_in_thread, args))
		_exit(2);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(exec, counts_as_outside, CC_TIMEOUT)
{
	pid_t pid = cc_fork();

	if (!pid)
		enter_and_exec(&self->readers, variant->by_thread);
	ASSERT_TRUE(told(self->readers.socks[0]));
	ASSERT_EQ(0, start(&self->readers));
	EXPECT_TRUE(holds(&self->readers));
	tell(self->readers.socks[0]);
	EXPECT_TRUE(ends(&self->readers));
	/* It lives, as somebody else. */
	EXPECT_EQ(0, kill(pid, 0));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, cc_wait(pid));
}

/* ---- fork and vfork ----------------------------------------------------------------- */

static int try_as_child(FIXTURE_DATA(readers) *self, int parents)
{
	int own;

	if (cc_is_mapped(self->shared.control) || cc_is_mapped(self->shared.slots))
		return 1;
	if (cc_reader_drop(self->cache, parents) != -EPERM)
		return 2;
	own = enter_as_child(self->cache);
	return own < 0 || own == parents ? 3 : 0;
}

TEST_F_TIMEOUT(readers, are_not_inherited, CC_TIMEOUT)
{
	int reader = cc_reader(self->cache), i;
	uint64_t outer;
	pid_t pid;

	outer = cc_enter(&self->shared, reader);
	ASSERT_EQ(0, start(self));
	for (i = 0; i < 3; i++) {
		pid = cc_fork();
		if (!pid)
			_exit(try_as_child(self, reader));
		EXPECT_EQ(0, cc_wait(pid));
		/* What becomes of children is nothing to their parent. */
		EXPECT_TRUE(holds(self));
	}
	cc_exit(&self->shared, reader, outer);
	EXPECT_TRUE(ends(self));
}

/* A child that shares the memory is a thread of its own: it dies alone. */
static int child_in_our_memory(void *arg)
{
	FIXTURE_DATA(readers) *self = arg;
	int index = cc_reader(self->cache);

	if (index >= 0)
		cc_enter(&self->shared, index);
	tell(self->socks[1]);
	return told(self->socks[1]) && index >= 0 ? 0 : 1;
}

TEST_F_TIMEOUT(readers, that_share_memory_die_alone, CC_TIMEOUT)
{
	const size_t size = 1 << 16;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int reader = cc_reader(self->cache);
	uint64_t outer;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, stack);
	/* As vfork() does it, but for the waiting. */
	pid = clone(child_in_our_memory, stack + size, CLONE_VM | SIGCHLD, self);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(told(self->socks[0]));
	outer = cc_enter(&self->shared, reader);
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	cc_exit(&self->shared, reader, outer);
	EXPECT_TRUE(holds(self));
	EXPECT_EQ(0, cc_grace_poll(self->cache, self->cookie));
	tell(self->socks[0]);
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(ends(self));
	outer = cc_enter(&self->shared, reader);
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	cc_exit(&self->shared, reader, outer);
	munmap(stack, size);
}

/* ---- several processes ---------------------------------------------------------------- */

static void be_a_reader(int sock)
{
	struct cc_shared shared;
	int cache = cc_recv_fd(sock), index;
	uint64_t outer;

	if (cache < 0 || cc_share(&shared, cache))
		_exit(1);
	index = cc_reader(cache);
	if (index < 0)
		_exit(2);
	outer = cc_enter(&shared, index);
	tell(sock);
	if (!told(sock))
		_exit(3);
	cc_exit(&shared, index, outer);
	tell(sock);
	if (!told(sock) || cc_reader_drop(cache, index))
		_exit(4);
	_exit(0);
}

/* By descriptors that are passed on: all of them are waited for. */
TEST_F_TIMEOUT(readers, of_several_processes_use_one_cache, CC_TIMEOUT)
{
	int socks[3][2], i;
	pid_t pids[3];

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks[i]));
		pids[i] = cc_fork();
		if (!pids[i]) {
			close(self->cache);
			be_a_reader(socks[i][1]);
		}
		ASSERT_EQ(0, cc_send_fd(socks[i][0], self->cache));
		ASSERT_TRUE(told(socks[i][0]));
	}
	EXPECT_EQ(3, CC_STAT(self->cache, readers));
	ASSERT_EQ(0, start(self));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(holds(self));
		tell(socks[i][0]);
		ASSERT_TRUE(told(socks[i][0]));
	}
	EXPECT_TRUE(ends(self));
	for (i = 0; i < 3; i++) {
		tell(socks[i][0]);
		EXPECT_EQ(0, cc_wait(pids[i]));
	}
	EXPECT_EQ(0, CC_STAT(self->cache, readers));
}

/* ---- thousands ----------------------------------------------------------------------- */

TEST_F_TIMEOUT(readers, may_be_thousands_of_one_thread, CC_TIMEOUT)
{
	int i, last;

	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(i, cc_reader(self->cache));
		cc_enter(&self->shared, i);
	}
	EXPECT_EQ(SLOTS, CC_STAT(self->cache, readers));
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	/* Whichever is the last to leave. */
	last = SLOTS * 2 / 3;
	for (i = 0; i < SLOTS; i++) {
		if (i != last)
			cc_exit(&self->shared, i, 0);
	}
	EXPECT_TRUE(holds(self));
	cc_exit(&self->shared, last, 0);
	EXPECT_TRUE(ends(self));
	for (i = 0; i < SLOTS; i++)
		ASSERT_EQ(0, cc_reader_drop(self->cache, i));
}

TEST_F_TIMEOUT(readers, may_be_hundreds_of_threads, 2 * CC_TIMEOUT)
{
	struct cc_inside *in = calloc(THREADS, sizeof(*in));
	int i, nr = THREADS / cc_slow();

	ASSERT_NE(NULL, in);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, cc_inside_start(&in[i], self->cache,
					     &self->shared));
	ASSERT_EQ(0, start(self));
	for (i = 1; i < nr; i++)
		ASSERT_EQ(0, cc_inside_stop(&in[i]));
	EXPECT_EQ(1, CC_STAT(self->cache, readers));
	EXPECT_TRUE(holds(self));
	ASSERT_EQ(0, cc_inside_stop(&in[0]));
	EXPECT_TRUE(ends(self));
	free(in);
}

/* As many as there can be, and then no more. */
TEST_F_TIMEOUT(readers, are_as_many_as_info_tells, 3 * CC_TIMEOUT)
{
	const int nr = self->shared.nr_slots;
	long long since = cc_now_ms();
	int i, err = 0;

	for (i = 0; i < nr && !err; i++) {
		if (cc_reader(self->cache) != i)
			err = -EBADMSG;
		if (!(i % 1000) && cc_now_ms() - since > 3 * CC_PATIENCE_MS)
			SKIP(return, "too slow a machine for %d readers", nr);
	}
	ASSERT_EQ(0, err);
	EXPECT_EQ(-ENOSPC, cc_reader(self->cache));
	EXPECT_EQ(-ENOSPC, one_that_dies(self));
	EXPECT_EQ(nr, CC_STAT(self->cache, readers));
	cc_enter(&self->shared, nr - 1);
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	cc_exit(&self->shared, nr - 1, 0);
	EXPECT_TRUE(ends(self));
	EXPECT_EQ(0, cc_reader_drop(self->cache, nr / 2));
	EXPECT_EQ(nr / 2, cc_reader(self->cache));
}

/* ---- nonsense ------------------------------------------------------------------------ */

struct vandal {
	FIXTURE_DATA(readers) *self;
	atomic_bool stop;
};

static void *scribble(void *arg)
{
	struct vandal *vandal = arg;
	uint64_t x = 88172645463325252ULL;
	unsigned int i = 0;

	while (!atomic_load(&vandal->stop)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		/* Mostly not 0, now and then small enough to matter. */
		vandal->self->shared.slots[i++ % 64].active = x >> (x & 63);
	}
	return NULL;
}

/* Slots are user memory: what is in them decides about time, and nothing else. */
TEST_F_TIMEOUT(readers, may_write_nonsense, CC_TIMEOUT)
{
	struct vandal vandal = { .self = self };
	pthread_t thread;
	int i, slot;

	for (i = 0; i < 32; i++)
		ASSERT_EQ(i, cc_reader(self->cache));
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &vandal));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, start(self));
		ASSERT_LE(0, cc_grace_poll(self->cache, self->cookie));
		usleep(1000);
		slot = cc_reader(self->cache);
		ASSERT_LE(0, slot);
		cc_reader_drop(self->cache, slot);
	}
	atomic_store(&vandal.stop, true);
	pthread_join(thread, NULL);
	for (i = 0; i < 64; i++)
		self->shared.slots[i].active = 0;
	EXPECT_TRUE(ends(self));
	/* An epoch that is yet to come is not in the way. */
	self->shared.slots[0].active = ~0ULL;
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(ends(self));
	self->shared.slots[0].active = 1;
	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(holds(self));
	self->shared.slots[0].active = 0;
	EXPECT_TRUE(ends(self));
}

TEST_HARNESS_MAIN
