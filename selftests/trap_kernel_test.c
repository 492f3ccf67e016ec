// SPDX-License-Identifier: MIT
/*
 * System calls whose buffer runs into a protected page: in a mode of signals
 * they do exactly what they do with mprotect(); in the others they do not notice
 */
#include "cc_traps.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "kselftest_harness.h"

enum { PAGES = 2, DATA = CODECACHE_VIEW_DATA };

/* ---- the system calls --------------------------------------------------- */

/* What the calls that write to memory write there. */
static unsigned char pattern[2 * 65536];

static long outcome(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static long through_pipe(void *p, size_t len, bool from_memory)
{
	int fds[2];
	long n;

	if (pipe(fds))
		return -EPIPE;
	if (from_memory)
		n = outcome(write(fds[1], p, len));
	else if (write(fds[1], pattern, len) == (ssize_t)len)
		n = outcome(read(fds[0], p, len));
	else
		n = -EPIPE;
	close(fds[0]);
	close(fds[1]);
	return n;
}

static long read_pipe(void *p, size_t len)
{
	return through_pipe(p, len, false);
}

static long write_pipe(void *p, size_t len)
{
	return through_pipe(p, len, true);
}

static int a_file(void)
{
	int fd = memfd_create("trap_kernel_test", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, pattern, sizeof(pattern), 0) !=
		       sizeof(pattern)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static long read_file(void *p, size_t len)
{
	int fd = a_file();
	long n = outcome(pread(fd, p, len, 0));

	close(fd);
	return n;
}

static long write_file(void *p, size_t len)
{
	int fd = a_file();
	long n = outcome(pwrite(fd, p, len, 0));

	close(fd);
	return n;
}

static long receive(void *p, size_t len)
{
	int socks[2];
	long n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks) ||
	    send(socks[0], pattern, len, 0) != (ssize_t)len)
		return -EPIPE;
	n = outcome(recv(socks[1], p, len, 0));
	close(socks[0]);
	close(socks[1]);
	return n;
}

static long get_random(void *p, size_t len)
{
	return outcome(getrandom(p, len, GRND_NONBLOCK));
}

/* The word at @p, which is not 1: EAGAIN if the kernel can read it. */
static long futex_wait(void *p, size_t len)
{
	(void)len;
	return outcome(syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, 1, NULL, NULL,
			       0));
}

static long get_time(void *p, size_t len)
{
	(void)len;
	return outcome(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p));
}

/* ---- the fixture -------------------------------------------------------- */

/*
 * Two pages of ordinary memory, of which mprotect() takes the second away, and
 * views of two pages with the same done to them by PROTECT
 */
FIXTURE(kernel)
{
	size_t page;
	unsigned char *ref;
	struct cc_mem mem;
	unsigned char *p;
	int view;
};

FIXTURE_VARIANT(kernel)
{
	long (*call)(void *p, size_t len);
	uint32_t access;	/* what the call needs */
	uint32_t prot;		/* what the second page has */
	bool copies;		/* the pattern, to memory */
	size_t len;		/* 0: all kinds of */
};

#define CALL(name, ...) FIXTURE_VARIANT_ADD(kernel, name) { __VA_ARGS__ }

CALL(reads_a_pipe_into_read, .call = read_pipe, .copies = true,
     .access = CODECACHE_PROT_WRITE, .prot = CC_R);
CALL(reads_a_pipe_into_none, .call = read_pipe, .copies = true,
     .access = CODECACHE_PROT_WRITE, .prot = CC_NONE);
CALL(reads_a_file_into_read, .call = read_file, .copies = true,
     .access = CODECACHE_PROT_WRITE, .prot = CC_R);
CALL(reads_a_file_into_none, .call = read_file, .copies = true,
     .access = CODECACHE_PROT_WRITE, .prot = CC_NONE);
CALL(receives, .call = receive, .copies = true,
     .access = CODECACHE_PROT_WRITE, .prot = CC_R);
CALL(gets_random, .call = get_random,
     .access = CODECACHE_PROT_WRITE, .prot = CC_R);
CALL(writes_a_pipe, .call = write_pipe,
     .access = CODECACHE_PROT_READ, .prot = CC_NONE);
CALL(writes_a_file, .call = write_file,
     .access = CODECACHE_PROT_READ, .prot = CC_NONE);
CALL(waits_for_a_futex, .call = futex_wait, .len = 4,
     .access = CODECACHE_PROT_READ, .prot = CC_NONE);
CALL(gets_the_time, .call = get_time, .len = sizeof(struct timespec),
     .access = CODECACHE_PROT_WRITE, .prot = CC_R);

FIXTURE_SETUP(kernel)
{
	unsigned int i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = 1 + i % 251;
	self->page = cc_page_size();
	self->ref = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ref);
	memset(&self->mem, 0, sizeof(self->mem));
	memset(self->mem.fd, -1, sizeof(self->mem.fd));
	self->mem.cache = -1;
	self->mem.zone = -1;
}

FIXTURE_TEARDOWN(kernel)
{
	munmap(self->ref, PAGES * self->page);
	cc_mem_close(&self->mem);
}

static int make_view(FIXTURE_DATA(kernel) *self, uint32_t mode, uint32_t flags)
{
	int err = cc_mem_trap(&self->mem, DATA, PAGES, CC_RW, mode, flags);

	self->view = self->mem.fd[DATA];
	self->p = self->mem.map[DATA];
	return err;
}

/* A buffer that reaches into the second page, or lies in it. */
struct buffer {
	size_t at, len;
};

static unsigned int buffers(const FIXTURE_VARIANT(kernel) *variant, size_t page,
			    struct buffer b[5])
{
	if (variant->len) {
		b[0] = (struct buffer){ page + 64, variant->len };
		return 1;
	}
	b[0] = (struct buffer){ 0, 2 * page };
	b[1] = (struct buffer){ page - 100, 200 };
	b[2] = (struct buffer){ page, page };
	b[3] = (struct buffer){ page - 1, 2 };
	b[4] = (struct buffer){ page + 17, 5 };
	return 5;
}

/* What the call gives with ordinary memory, with and without its access. */
static void expected(FIXTURE_DATA(kernel) *self,
		     const FIXTURE_VARIANT(kernel) *variant, struct buffer b,
		     long *full, long *denied)
{
	unsigned char *second = self->ref + self->page;

	*full = variant->call(self->ref + b.at, b.len);
	memset(self->ref, 0, PAGES * self->page);
	mprotect(second, self->page,
		 variant->prot == CC_R ? PROT_READ : PROT_NONE);
	*denied = variant->call(self->ref + b.at, b.len);
	mprotect(second, self->page, PROT_READ | PROT_WRITE);
}

static uint64_t take_away(FIXTURE_DATA(kernel) *self,
			  const FIXTURE_VARIANT(kernel) *variant)
{
	if (cc_protect_run(self->view, 0, PAGES, CC_RW))
		return 0;
	memset(self->p, 0, PAGES * self->page);
	return cc_protect_trap(self->view, 1, 1, variant->prot, 0);
}

/* The view has what the ordinary memory has. */
static bool same_memory(FIXTURE_DATA(kernel) *self)
{
	return !cc_protect_run(self->view, 0, PAGES, CC_RW) &&
	       !memcmp(self->p, self->ref, PAGES * self->page);
}

static bool arrived(FIXTURE_DATA(kernel) *self,
		    const FIXTURE_VARIANT(kernel) *variant, struct buffer b)
{
	if (cc_protect_run(self->view, 0, PAGES, CC_RW))
		return false;
	return !variant->copies || !memcmp(self->p + b.at, pattern, b.len);
}

/* ---- signal: as mprotect() ---------------------------------------------- */

static void like_mprotect(struct __test_metadata *_metadata,
			  FIXTURE_DATA(kernel) *self,
			  const FIXTURE_VARIANT(kernel) *variant)
{
	struct buffer b[5];
	unsigned int i, nr = buffers(variant, self->page, b);
	long full, denied;

	for (i = 0; i < nr; i++) {
		expected(self, variant, b[i], &full, &denied);
		ASSERT_NE(full, denied);
		ASSERT_NE(0, take_away(self, variant));
		EXPECT_EQ(denied, variant->call(self->p + b[i].at, b[i].len))
			TH_LOG("%zu bytes at %zu", b[i].len, b[i].at);
		if (variant->call != get_random)
			EXPECT_TRUE(same_memory(self));
	}
}

TEST_F_TIMEOUT(kernel, gets_from_signals_what_mprotect_gives, CC_TIMEOUT)
{
	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_SIGNAL, 0));
	like_mprotect(_metadata, self, variant);
}

TEST_F_TIMEOUT(kernel, is_not_held_without_the_flag, CC_TIMEOUT)
{
	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_BLOCK, 0));
	like_mprotect(_metadata, self, variant);
	EXPECT_TRUE(cc_no_event(self->view));
	EXPECT_EQ(0, CC_STAT(self->view, traps_blocked));
}

/* ---- log: done, and told ------------------------------------------------ */

TEST_F_TIMEOUT(kernel, does_not_notice_that_it_is_logged, CC_TIMEOUT)
{
	struct buffer b[5];
	unsigned int i, nr = buffers(variant, self->page, b);
	struct codecache_log_entry e;
	struct cc_log log;
	long full, denied;
	uint64_t seq;

	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_LOG, 0));
	ASSERT_EQ(0, cc_log_open(&log, self->view, 16, 0));
	for (i = 0; i < nr; i++) {
		expected(self, variant, b[i], &full, &denied);
		seq = take_away(self, variant);
		ASSERT_NE(0, seq);
		EXPECT_EQ(full, variant->call(self->p + b[i].at, b[i].len));
		ASSERT_TRUE(cc_log_next(&log, &e));
		EXPECT_TRUE(cc_log_valid(&log, &e));
		EXPECT_EQ(1, e.page);
		EXPECT_EQ(variant->access, e.access);
		EXPECT_EQ(gettid(), e.tid);
		EXPECT_LT(seq, e.seq);
		EXPECT_FALSE(cc_log_next(&log, &e));
		EXPECT_EQ(variant->access == CODECACHE_PROT_READ ? 1 : 0,
			  cc_pages_with(self->mem.cache, self->mem.zone,
					self->view, CC_R));
		EXPECT_TRUE(arrived(self, variant, b[i]));
	}
	cc_log_close(&log);
}

/* ---- block: done, when somebody has said so ----------------------------- */

static const uint32_t hold = CODECACHE_VIEW_F_BLOCK_KERNEL;

/* The call is held at the second page, and nothing else is told of it. */
static bool held(FIXTURE_DATA(kernel) *self,
		 const FIXTURE_VARIANT(kernel) *variant, struct cc_hit *hit,
		 uint64_t seq)
{
	struct codecache_event e;

	return !cc_event(self->view, &e) && e.page == 1 && e.seq > seq &&
	       e.access == variant->access && e.tid == atomic_load(&hit->tid) &&
	       e.flags == CODECACHE_EVENT_F_KERNEL && e.reserved == 0 &&
	       cc_hit_sleeps(hit) && cc_no_event(self->view);
}

TEST_F_TIMEOUT(kernel, is_held_until_somebody_answers, CC_TIMEOUT)
{
	const bool reads = variant->access == CODECACHE_PROT_READ;
	struct buffer b[5];
	unsigned int i, nr = buffers(variant, self->page, b);
	struct cc_hit hit = { .how = CC_CALL, .call = variant->call };
	long full, denied;
	uint64_t seq;

	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_BLOCK, hold));
	for (i = 0; i < nr; i++) {
		expected(self, variant, b[i], &full, &denied);
		seq = take_away(self, variant);
		ASSERT_NE(0, seq);
		hit.p = self->p + b[i].at;
		hit.len = b[i].len;
		ASSERT_EQ(0, cc_hit_start(&hit));
		ASSERT_TRUE(held(self, variant, &hit, seq));
		EXPECT_EQ(1, cc_resolve(self->view, 1, 1,
					reads ? CC_R : CC_RW));
		ASSERT_TRUE(cc_hit_ends(&hit));
		EXPECT_EQ(full, hit.result);
		EXPECT_TRUE(arrived(self, variant, b[i]));
		EXPECT_TRUE(cc_no_event(self->view));
	}
}

/* A call may try more than once before it gives up. */
static bool deny_all(int view, struct cc_hit *hit)
{
	long long since = cc_now_ms();
	struct codecache_event e;
	int nr = 0;

	while (!atomic_load(&hit->done) && cc_patient(since)) {
		if (!(cc_poll(view, 10) & POLLIN))
			continue;
		if (read(view, &e, sizeof(e)) != sizeof(e) ||
		    cc_resolve_signal(view, 1, 1) != 1)
			return false;
		nr++;
	}
	return nr > 0;
}

TEST_F_TIMEOUT(kernel, that_is_held_may_be_denied, CC_TIMEOUT)
{
	struct buffer b[5];
	unsigned int i, nr = buffers(variant, self->page, b);
	struct cc_hit hit = { .how = CC_CALL, .call = variant->call };
	long full, denied;

	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_BLOCK, hold));
	for (i = 0; i < nr; i++) {
		expected(self, variant, b[i], &full, &denied);
		ASSERT_NE(0, take_away(self, variant));
		hit.p = self->p + b[i].at;
		hit.len = b[i].len;
		ASSERT_EQ(0, cc_hit_start(&hit));
		EXPECT_TRUE(deny_all(self->view, &hit));
		ASSERT_TRUE(cc_hit_ends(&hit));
		EXPECT_EQ(denied, hit.result)
			TH_LOG("%zu bytes at %zu", b[i].len, b[i].at);
		EXPECT_EQ(0, hit.sig);
	}
}

TEST_F_TIMEOUT(kernel, that_is_held_ends_with_its_last_monitor, CC_TIMEOUT)
{
	struct cc_hit hit = { .how = CC_CALL, .call = variant->call };
	struct buffer b[5];
	long full, denied;

	ASSERT_EQ(0, make_view(self, CODECACHE_TRAP_BLOCK, hold));
	buffers(variant, self->page, b);
	expected(self, variant, b[0], &full, &denied);
	ASSERT_NE(0, take_away(self, variant));
	hit.p = self->p + b[0].at;
	hit.len = b[0].len;
	ASSERT_EQ(0, cc_hit_start(&hit));
	ASSERT_TRUE(cc_blocked(self->view, 1));
	close(self->view);
	self->mem.fd[DATA] = -1;
	ASSERT_TRUE(cc_hit_ends(&hit));
	EXPECT_EQ(denied, hit.result);
}

TEST_HARNESS_MAIN
