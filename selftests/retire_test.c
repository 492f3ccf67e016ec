// SPDX-License-Identifier: MIT
/*
 * EXTENT_RETIRE: from its return on nobody stores to an extent; until the grace
 * period is over it can be read and run; then every access traps
 */
#include "cc_reclaim.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

/* Two extents; the last page of the first one is never touched. */
enum { PAGES = 64, FIRST = 8, NR = 4, CODE = NR - 1, NEXT = FIRST + NR };

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC
#define DATA	CODECACHE_VIEW_DATA

/* Code in a write and an exec view, and a reader that holds up what is retired. */
FIXTURE(retired)
{
	struct cc_mem mem;
	struct cc_shared shared;
	size_t page;
	unsigned char *w;	/* the extent in the write view */
	unsigned char *x;	/* and in the exec view */
	int reader;
	uint64_t cookie;
};

static int make_extents(int zone)
{
	struct codecache_extent e[] = {
		{ .nr_pages = FIRST }, { .nr_pages = NR }, { .nr_pages = NR },
	};

	return cc_alloc(zone, e, ARRAY_LEN(e), CODECACHE_EXTENT_F_LOW);
}

FIXTURE_SETUP(retired)
{
	unsigned int i;

	ASSERT_EQ(0, cc_mem_extents_code(&self->mem, PAGES));
	ASSERT_EQ(0, cc_share(&self->shared, self->mem.cache));
	self->page = cc_page_size();
	self->reader = cc_reader(self->mem.cache);
	ASSERT_LE(0, self->reader);
	ASSERT_EQ(0, make_extents(self->mem.zone));
	self->w = self->mem.map[W] + FIRST * self->page;
	self->x = self->mem.map[X] + FIRST * self->page;
	for (i = 0; i < CODE; i++) {
		cc_emit(self->w + i * self->page, 100 + i);
		ASSERT_EQ(100 + (int)i, cc_run(self->x + i * self->page));
	}
}

FIXTURE_TEARDOWN(retired)
{
	cc_unshare(&self->shared);
	cc_mem_close(&self->mem);
}

static int retire(FIXTURE_DATA(retired) *self)
{
	cc_enter(&self->shared, self->reader);
	return cc_retire_run(self->mem.zone, FIRST, NR, &self->cookie);
}

static int reclaim(FIXTURE_DATA(retired) *self)
{
	cc_exit(&self->shared, self->reader, 0);
	return cc_grace_wait(self->mem.cache, self->cookie);
}

/* Nothing can be stored to the pages at @p, by us or the kernel; they are as ever. */
static bool are_constant(FIXTURE_DATA(retired) *self, unsigned char *p)
{
	unsigned int i;

	for (i = 0; i < CODE; i++) {
		unsigned char *at = p + i * self->page + CC_CODE_LEN - 1;

		if (cc_store(at, 0) != SIGSEGV || cc_trap.addr != at ||
		    cc_kernel_store(at, 0) != -EFAULT ||
		    *at != CC_CODE_LAST || cc_run(self->x + i * self->page) != 100 + (int)i)
			return false;
	}
	return true;
}

/* All accesses to the extent at @p trap. */
static bool are_gone(FIXTURE_DATA(retired) *self, unsigned char *p)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		unsigned char *at = p + i * self->page + i;

		if (cc_load(at, NULL) != SIGSEGV || cc_trap.addr != at ||
		    cc_store(at, 1) != SIGSEGV || cc_trap.addr != at ||
		    cc_call(at, NULL) != SIGSEGV ||
		    cc_kernel_load(at) != -EFAULT ||
		    cc_kernel_store(at, 1) != -EFAULT)
			return false;
	}
	return true;
}

/* One more view of the zone, or of just the extent, mapped: where that is. */
static unsigned char *more(FIXTURE_DATA(retired) *self, uint32_t kind, int *view,
			   bool window)
{
	unsigned char *p;

	*view = window ? cc_window(self->mem.zone, kind, FIRST, NR) :
			 cc_view(self->mem.zone, kind);
	p = cc_map(*view, kind, window ? NR : PAGES);
	return p && !window ? p + FIRST * self->page : p;
}

/* ---- storing -------------------------------------------------------------------- */

TEST_F_TIMEOUT(retired, cannot_be_stored_to_through_any_view, CC_TIMEOUT)
{
	unsigned char *p[4];
	unsigned int i;
	int view[4];

	for (i = 0; i < 2; i++) {
		p[i] = more(self, W, &view[i], i);
		ASSERT_NE(NULL, p[i]);
		ASSERT_EQ(0, cc_store(p[i] + CC_CODE_LEN - 1, CC_CODE_LAST));
	}
	ASSERT_EQ(0, retire(self));
	for (i = 2; i < 4; i++) {
		p[i] = more(self, W, &view[i], i & 1);
		ASSERT_NE(NULL, p[i]);
	}
	EXPECT_TRUE(are_constant(self, self->w));
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(are_constant(self, p[i]));
	/* Another extent is none of its business. */
	EXPECT_EQ(0, cc_store(self->mem.map[W] + NEXT * self->page, 1));
	EXPECT_EQ(0, cc_store(self->w - 1, 1));
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
}

TEST_F_TIMEOUT(retired, cannot_be_made_writable_again, CC_TIMEOUT)
{
	const int view = self->mem.fd[W];
	uint64_t bits = 0xf;

	ASSERT_EQ(0, retire(self));
	ASSERT_EQ(0, cc_protect_run(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(are_constant(self, self->w));
	ASSERT_EQ(0, cc_protect_run(view, 0, PAGES, CC_R));
	ASSERT_EQ(0, cc_load(self->w, NULL));
	ASSERT_EQ(0, cc_protect_run(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(are_constant(self, self->w));
	ASSERT_EQ(0, cc_protect_run(view, 0, PAGES, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(are_constant(self, self->w));
	ASSERT_EQ(0, cc_protect_bits(view, &bits, NR, FIRST, CC_R, NULL));
	ASSERT_EQ(0, cc_protect_bits(view, &bits, NR, FIRST, CC_RW, NULL));
	EXPECT_TRUE(are_constant(self, self->w));
	ASSERT_LE(0, cc_populate(view, FIRST, NR, CC_RW));
	EXPECT_TRUE(are_constant(self, self->w));
	ASSERT_EQ(0, cc_resolve(view, FIRST, NR, CC_R));
	ASSERT_EQ(0, cc_resolve(view, FIRST, NR, CC_RW));
	EXPECT_TRUE(are_constant(self, self->w));
	/* No page that was not there has come. */
	EXPECT_EQ(CODE, CC_STAT(self->mem.zone, resident_pages));
}

TEST_F_TIMEOUT(retired, populate_in_a_new_view_gives_no_right_to_store, CC_TIMEOUT)
{
	unsigned char *p;
	int view;

	ASSERT_EQ(0, retire(self));
	p = more(self, W, &view, true);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(CODE, cc_populate(view, 0, NR, CC_RW));
	EXPECT_TRUE(are_constant(self, p));
}

/* Pages around one that faults are mapped: these without the right to store. */
TEST_F_TIMEOUT(retired, faults_nearby_give_no_right_to_store, CC_TIMEOUT)
{
	unsigned char *p;
	int view;

	ASSERT_EQ(0, cc_store(self->mem.map[W] + NEXT * self->page, 1));
	ASSERT_EQ(0, retire(self));
	p = more(self, W, &view, false);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, cc_load(p + NR * self->page, NULL));
	/* A window stays within one page table, of 2 MiB; where views lie is chance. */
	if ((uintptr_t)p >> 21 == (uintptr_t)(p + NR * self->page) >> 21)
		EXPECT_LT(0, CC_STAT(view, faults_around));
	EXPECT_TRUE(are_constant(self, p));
	ASSERT_EQ(0, reclaim(self));
	ASSERT_EQ(0, cc_protect_run(view, NEXT, 1, CC_NONE));
	ASSERT_EQ(0, cc_protect_run(view, NEXT, 1, CC_RW));
	ASSERT_EQ(0, cc_load(p + NR * self->page, NULL));
	EXPECT_TRUE(are_gone(self, p));
}

TEST_F_TIMEOUT(retired, stores_are_not_granted_by_a_log, CC_TIMEOUT)
{
	struct codecache_log_entry entry;
	struct cc_log log;
	unsigned char *p;
	int view;

	view = cc_view_trap(self->mem.zone, W, CC_NONE, CODECACHE_TRAP_LOG, 0);
	p = cc_map(view, W, PAGES);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, cc_log_open(&log, view, 16, 0));
	ASSERT_EQ(0, retire(self));
	p += FIRST * self->page;
	EXPECT_EQ(SIGSEGV, cc_store(p, 1));
	EXPECT_EQ(0, cc_log_head(&log));
	/* It may be read: that is granted, and logged. */
	EXPECT_EQ(0, cc_load(p, NULL));
	ASSERT_TRUE(cc_log_next(&log, &entry));
	EXPECT_EQ(FIRST, entry.page);
	EXPECT_EQ(CODECACHE_PROT_READ, entry.access);
	EXPECT_EQ(SIGSEGV, cc_store(p, 1));
	EXPECT_EQ(-EFAULT, cc_kernel_store(p, 1));
	/* Where there is no page there will be none. */
	EXPECT_EQ(SIGSEGV, cc_load(p + CODE * self->page, NULL));
	EXPECT_EQ(1, cc_log_head(&log));
	EXPECT_EQ(0, cc_log_lost(&log));
	cc_log_close(&log);
}

TEST_F_TIMEOUT(retired, who_waits_to_store_gets_the_signal, CC_TIMEOUT)
{
	struct cc_hit store = { .how = CC_STORE, .value = 1 };
	struct cc_hit load = { .how = CC_LOAD };
	struct codecache_event event;
	int view;

	view = cc_view_trap(self->mem.zone, W, CC_NONE, CODECACHE_TRAP_BLOCK, 0);
	store.p = cc_map(view, W, PAGES);
	ASSERT_NE(NULL, store.p);
	store.p += FIRST * self->page;
	load.p = store.p + self->page;
	ASSERT_EQ(0, cc_hit_start(&store));
	ASSERT_EQ(0, cc_event(view, &event));
	EXPECT_EQ(FIRST, event.page);
	ASSERT_EQ(0, cc_hit_start(&load));
	ASSERT_EQ(0, cc_event(view, &event));
	EXPECT_EQ(FIRST + 1, event.page);
	ASSERT_EQ(0, retire(self));
	EXPECT_LE(0, cc_resolve(view, 0, PAGES, CC_RW));
	EXPECT_TRUE(cc_hit_segv(&store));
	EXPECT_TRUE(cc_hit_ends(&load));
	EXPECT_EQ(0, load.sig);
	EXPECT_EQ(CC_CODE_FIRST, load.value);
	/* From now on who wants to store is not even asked about. */
	EXPECT_LE(0, cc_resolve(view, 0, PAGES, CC_R));
	ASSERT_EQ(0, cc_hit_start(&store));
	EXPECT_TRUE(cc_hit_segv(&store));
	EXPECT_TRUE(cc_no_event(view));
}

/* ---- storing, while it is being retired ------------------------------------------- */

/* Two threads store, through two views; when RETIRE has returned no store lands. */
static const char *race(FIXTURE_DATA(retired) *self, unsigned char *other,
			unsigned int round)
{
	struct cc_writer writers[2];
	volatile uint64_t *seen[2];
	uint64_t value[2] = { 0 }, cookie;
	bool there[2];
	long long first = cc_extent(self->mem.zone, 2);
	int i, err;

	if (first < 0)
		return "no extent";
	for (i = 0; i < 2; i++) {
		size_t at = (first + i) * self->page;

		seen[i] = (void *)(self->mem.map[X] + at);
		if (cc_writer_start(&writers[i],
				    (i ? other : self->mem.map[W]) + at))
			return "no thread";
	}
	/* With pages that are there, or that come just now. */
	for (i = 0; i < 2 && round % 2; i++) {
		if (!cc_writer_goes_on(&writers[i], 10) || cc_load((void *)seen[i],
								   NULL))
			return "no stores";
	}
	usleep(round * 37 % 1000);
	cc_enter(&self->shared, self->reader);
	err = cc_retire_run(self->mem.zone, first, 2, &cookie);
	for (i = 0; i < 2; i++) {
		there[i] = !cc_load((void *)seen[i], NULL);
		if (there[i])
			value[i] = *seen[i];
	}
	for (i = 0; i < 2; i++) {
		if (err || !cc_writer_segv(&writers[i]))
			return "a writer was not stopped";
		if (there[i] && *seen[i] != value[i])
			return "a store landed";
		if (value[i] - writers[i].stored > 1)
			return "a store got lost";
	}
	cc_exit(&self->shared, self->reader, 0);
	return cc_grace_wait(self->mem.cache, cookie) ? "no end" : NULL;
}

TEST_F_TIMEOUT(retired, no_store_lands_when_the_call_has_returned, 3 * CC_TIMEOUT)
{
	const char *wrong = NULL;
	unsigned int round;
	unsigned char *p;
	int view;

	p = more(self, W, &view, false);
	ASSERT_NE(NULL, p);
	for (round = 0; round < 300 && !wrong; round++)
		wrong = race(self, p - FIRST * self->page, round);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("round %u: %s", round, wrong);
}

/* ---- reading and running ------------------------------------------------------------ */

TEST_F_TIMEOUT(retired, can_be_read_and_run_until_the_end, CC_TIMEOUT)
{
	unsigned char *p[3], value;
	unsigned int i;
	int view[3];

	p[0] = more(self, X, &view[0], false);
	ASSERT_EQ(0, retire(self));
	p[1] = more(self, X, &view[1], false);
	p[2] = more(self, X, &view[2], true);
	for (i = 0; i < CODE; i++) {
		size_t at = i * self->page;
		int want = 100 + i;

		EXPECT_EQ(0, cc_load(self->w + at, &value));
		EXPECT_EQ(CC_CODE_FIRST, value);
		EXPECT_EQ(want, cc_run(self->x + at));
		EXPECT_EQ(want, cc_run(p[0] + at));
		EXPECT_EQ(want, cc_run(p[1] + at));
		EXPECT_EQ(want, cc_run(p[2] + at));
		EXPECT_EQ(0, cc_kernel_load(p[2] + at));
	}
	/* Also when the entries are made anew. */
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[X], 0, PAGES, CC_NONE));
	EXPECT_EQ(SIGSEGV, cc_call(self->x, NULL));
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[X], 0, PAGES, CC_RX));
	EXPECT_EQ(100, cc_run(self->x));
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	EXPECT_EQ(100, cc_run(self->x));

	ASSERT_EQ(0, reclaim(self));
	EXPECT_TRUE(are_gone(self, self->w));
	EXPECT_TRUE(are_gone(self, self->x));
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(are_gone(self, p[i]));
	EXPECT_EQ(SIGSEGV, cc_load(self->mem.map[X] + NEXT * self->page - 1,
				   NULL));
	EXPECT_EQ(0, cc_load(self->mem.map[X] + NEXT * self->page, NULL));
}

TEST_F_TIMEOUT(retired, pages_that_nobody_touched_trap, CC_TIMEOUT)
{
	unsigned char *w = self->w + CODE * self->page;
	unsigned char *x = self->x + CODE * self->page;
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char byte;

	ASSERT_EQ(1, pread(fd, &byte, 1, (uintptr_t)x));
	ASSERT_EQ(0, byte);
	ASSERT_EQ(0, retire(self));
	EXPECT_EQ(SIGSEGV, cc_load(w, NULL));
	EXPECT_EQ(SIGSEGV, cc_store(w, 1));
	EXPECT_EQ(SIGSEGV, cc_load(x, NULL));
	EXPECT_EQ(SIGSEGV, cc_call(x, NULL));
	EXPECT_EQ(-EFAULT, cc_kernel_load(x));
	EXPECT_EQ(-1, pread(fd, &byte, 1, (uintptr_t)x));
	EXPECT_EQ(1, pread(fd, &byte, 1, (uintptr_t)self->x));
	EXPECT_EQ(CODE, CC_STAT(self->mem.zone, resident_pages));
	ASSERT_EQ(0, reclaim(self));
	EXPECT_EQ(-1, pread(fd, &byte, 1, (uintptr_t)self->x));
	EXPECT_EQ(-1, pread(fd, &byte, 1, (uintptr_t)self->w));
	close(fd);
}

/* A thread that runs it all the while notices nothing. */
struct runner {
	FIXTURE_DATA(retired) *self;
	atomic_ulong runs;
	atomic_bool stop;
	bool wrong;
};

static void *run_for_ever(void *arg)
{
	struct runner *runner = arg;
	FIXTURE_DATA(retired) *self = runner->self;
	int index = cc_reader(self->mem.cache);
	unsigned long n = 0;

	if (index < 0)
		return NULL;
	cc_enter(&self->shared, index);
	while (!atomic_load(&runner->stop)) {
		size_t at = n % CODE * self->page;

		runner->wrong |= cc_run(self->x + at) != 100 + (int)(n % CODE);
		atomic_store(&runner->runs, ++n);
	}
	cc_exit(&self->shared, index, 0);
	return NULL;
}

TEST_F_TIMEOUT(retired, runs_on_for_who_is_inside, CC_TIMEOUT)
{
	struct runner runner = { .self = self };
	long long since = cc_now_ms();
	unsigned long before;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_for_ever, &runner));
	while (!atomic_load(&runner.runs))
		ASSERT_TRUE(cc_patient(since));
	ASSERT_EQ(0, cc_retire_run(self->mem.zone, FIRST, NR, &self->cookie));
	before = atomic_load(&runner.runs);
	EXPECT_TRUE(cc_grace_holds(self->mem.cache, self->cookie));
	while (atomic_load(&runner.runs) < before + 100)
		ASSERT_TRUE(cc_patient(since));
	EXPECT_EQ(0, cc_grace_poll(self->mem.cache, self->cookie));
	atomic_store(&runner.stop, true);
	pthread_join(thread, NULL);
	EXPECT_FALSE(runner.wrong);
	ASSERT_EQ(0, cc_grace_wait(self->mem.cache, self->cookie));
	EXPECT_TRUE(are_gone(self, self->x));
}

/* ---- other processes ------------------------------------------------------------------ */

TEST_F_TIMEOUT(retired, by_another_process_is_the_same, CC_TIMEOUT)
{
	pid_t pid;

	ASSERT_EQ(0, cc_store(self->w + CC_CODE_LEN - 1, CC_CODE_LAST));
	cc_enter(&self->shared, self->reader);
	pid = cc_fork();
	if (!pid)
		_exit(cc_retire_run(self->mem.zone, FIRST, NR, NULL) != 0);
	ASSERT_EQ(0, cc_wait(pid));
	EXPECT_TRUE(are_constant(self, self->w));
	cc_exit(&self->shared, self->reader, 0);
	ASSERT_EQ(0, cc_quiesce(self->mem.cache));
	EXPECT_TRUE(are_gone(self, self->x));
	EXPECT_TRUE(are_gone(self, self->w));
}

/* ---- debuggers ------------------------------------------------------------------------ */

struct debuggee {
	uintptr_t w;
	uintptr_t x;
};

/* A process that makes its zone itself, retires, and stops after each step. */
static void be_debugged(struct debuggee *shared)
{
	struct cc_shared readers;
	struct cc_mem mem;
	uint64_t cookie;
	int reader;

	if (cc_mem_extents_code(&mem, PAGES) || cc_extent(mem.zone, 1) ||
	    cc_share(&readers, mem.cache))
		_exit(100);
	reader = cc_reader(mem.cache);
	cc_emit(mem.map[W], 42);
	shared->w = (uintptr_t)mem.map[W];
	shared->x = (uintptr_t)mem.map[X];
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	cc_enter(&readers, reader);
	if (cc_retire_run(mem.zone, 0, 1, &cookie))
		_exit(101);
	raise(SIGSTOP);
	if (cc_run(mem.map[X]) != 43)
		_exit(102);
	cc_exit(&readers, reader, 0);
	if (cc_grace_wait(mem.cache, cookie))
		_exit(103);
	raise(SIGSTOP);
	_exit(0);
}

static int wait_for_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return WSTOPSIG(status);
}

static bool go_on(pid_t pid)
{
	return !ptrace(PTRACE_CONT, pid, NULL, NULL) &&
	       wait_for_stop(pid) == SIGSTOP;
}

TEST_F_TIMEOUT(retired, cannot_be_written_by_a_debugger, CC_TIMEOUT)
{
	struct debuggee *child = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = cc_fork();

	if (!pid)
		be_debugged(child);
	ASSERT_EQ(SIGSTOP, wait_for_stop(pid));
	EXPECT_EQ(0, cc_poke_code(pid, child->x, 43));
	EXPECT_EQ(cc_code_begin(43), cc_peek_code(pid, child->x));
	ASSERT_TRUE(go_on(pid));
	EXPECT_EQ(-1, cc_poke_code(pid, child->x, 44));
	EXPECT_EQ(-1, cc_poke_code(pid, child->w, 44));
	EXPECT_EQ(cc_code_begin(43), cc_peek_code(pid, child->x));
	EXPECT_EQ(cc_code_begin(43), cc_peek_code(pid, child->w));
	ASSERT_TRUE(go_on(pid));
	/* It is gone: nothing to be read, zeros least of all. */
	EXPECT_EQ(-EIO, cc_peek_code(pid, child->x));
	EXPECT_EQ(-EIO, cc_peek_code(pid, child->w));
	EXPECT_EQ(-1, cc_poke_code(pid, child->x, 44));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(0, cc_wait(pid));
}

/* ---- many at a time -------------------------------------------------------------------- */

TEST_F_TIMEOUT(retired, views_are_flushed_once_each, CC_TIMEOUT)
{
	struct codecache_stats_args before, after;
	struct codecache_extent e[16];
	unsigned char *p[3];
	unsigned int i, k;
	int view[3];

	ASSERT_EQ(0, cc_retire_all(self->mem.zone, NULL));
	ASSERT_EQ(0, cc_quiesce(self->mem.cache));
	for (i = 0; i < 16; i++)
		e[i] = (struct codecache_extent){ .nr_pages = 1 + i % 3 };
	ASSERT_EQ(0, cc_alloc(self->mem.zone, e, 16, 0));
	for (i = 0; i < 3; i++) {
		view[i] = cc_view(self->mem.zone, i ? W : X);
		p[i] = cc_map(view[i], i ? W : X, PAGES);
		ASSERT_NE(NULL, p[i]);
	}
	for (i = 0; i < 16; i++) {
		for (k = 0; k < 3; k++) {
			unsigned char *at = p[k] + e[i].first_page * self->page;

			ASSERT_EQ(0, k ? cc_store(at, 1) : cc_load(at, NULL));
		}
	}
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_stats(self->mem.zone, &before));
	ASSERT_EQ(0, cc_retire(self->mem.zone, e, 16, &self->cookie));
	ASSERT_EQ(0, cc_stats(self->mem.zone, &after));
	EXPECT_EQ(2, after.out_retire_flushes - before.out_retire_flushes);
	EXPECT_EQ(16, after.out_extents_retired - before.out_extents_retired);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(SIGSEGV, cc_store(p[1] + e[i].first_page * self->page,
					    1));
	ASSERT_EQ(0, reclaim(self));
	ASSERT_EQ(0, cc_stats(self->mem.zone, &after));
	/* The exec view, and no write view that has not been read since. */
	EXPECT_EQ(1, after.out_reclaim_flushes - before.out_reclaim_flushes);
	EXPECT_EQ(1, after.out_reclaim_passes - before.out_reclaim_passes);
	EXPECT_EQ(16, after.out_reclaim_pages - before.out_reclaim_pages);
}

TEST_F_TIMEOUT(retired, all_are_retired_at_once, CC_TIMEOUT)
{
	struct codecache_extent_retire_args args = {
		.flags = CODECACHE_RETIRE_F_ALL,
	};

	ASSERT_EQ(0, cc_store(self->mem.map[W], 1));
	cc_enter(&self->shared, self->reader);
	ASSERT_EQ(0, cc_retire_call(self->mem.zone, &args));
	EXPECT_EQ(FIRST + 2 * NR, args.out_nr_pages);
	EXPECT_EQ(CC_NO_INDEX, args.out_failed_index);
	EXPECT_EQ(SIGSEGV, cc_store(self->mem.map[W], 1));
	EXPECT_TRUE(are_constant(self, self->w));
	EXPECT_EQ(0, CC_STAT(self->mem.zone, live_extents));
	EXPECT_EQ(FIRST + 2 * NR, CC_STAT(self->mem.zone, retired_pages));
	self->cookie = args.out_cookie;
	ASSERT_EQ(0, reclaim(self));
	EXPECT_TRUE(are_gone(self, self->x));
	EXPECT_EQ(SIGSEGV, cc_load(self->mem.map[W], NULL));
}

TEST_HARNESS_MAIN
