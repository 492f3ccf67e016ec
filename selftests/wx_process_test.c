// SPDX-License-Identifier: MIT
/*
 * Write xor execute against other processes and their tools: code that is
 * published, debuggers, descriptors that are passed on, fork, core dumps
 */
#include "cc_test.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "kselftest_harness.h"

enum { PAGES = 8 };

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define W	CODECACHE_VIEW_WRITE
#define X	CODECACHE_VIEW_EXEC

/* A code zone with a write view and an exec view of it. */
FIXTURE(code)
{
	struct cc_mem mem;
	size_t page;
	unsigned char *w;
	unsigned char *x;
};

FIXTURE_SETUP(code)
{
	ASSERT_EQ(0, cc_mem_code(&self->mem, PAGES));
	self->page = cc_page_size();
	self->w = self->mem.map[W];
	self->x = self->mem.map[X];
	cc_emit(self->w, 42);
}

FIXTURE_TEARDOWN(code)
{
	cc_mem_close(&self->mem);
}

/* ---- one process -------------------------------------------------------------- */

TEST_F_TIMEOUT(code, that_is_written_runs_and_can_be_rewritten, CC_TIMEOUT)
{
	unsigned int round, page, at;

	for (round = 0; round < 300; round++) {
		at = round * CC_CODE_ALIGN;
		for (page = 0; page < PAGES; page++)
			cc_emit(self->w + page * self->page + at,
				round << 8 | page);
		for (page = 0; page < PAGES; page++)
			ASSERT_EQ((int)(round << 8 | page),
				  cc_run(self->x + page * self->page + at));
	}
	/* What lies in two pages: where it can, an instruction. */
	at = self->page - CC_CODE_HALF;
	cc_emit(self->w + at, 1234567);
	EXPECT_EQ(1234567, cc_run(self->x + at));
}

TEST_F_TIMEOUT(code, cannot_be_stored_to_where_it_runs, CC_TIMEOUT)
{
	int fds[2];

	EXPECT_EQ(42, cc_run(self->x));
	EXPECT_EQ(SIGSEGV, cc_store(self->x, 0xc3));
	EXPECT_EQ(self->x, cc_trap.addr);
	EXPECT_EQ(2, cc_trap.error & 2);
	/* Nor by the kernel on our behalf. */
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(1, write(fds[1], "x", 1));
	EXPECT_EQ(-1, read(fds[0], self->x, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(42, cc_run(self->x));
}

TEST_F_TIMEOUT(code, does_not_run_where_it_is_written, CC_TIMEOUT)
{
	EXPECT_EQ(SIGSEGV, cc_call(self->w, NULL));
	EXPECT_EQ(self->w, cc_trap.addr);
	EXPECT_EQ(16, cc_trap.error & 16);
	EXPECT_EQ(42, cc_run(self->x));
}

TEST_F_TIMEOUT(code, does_not_run_from_data, CC_TIMEOUT)
{
	struct cc_mem data;

	ASSERT_EQ(0, cc_mem_data(&data, PAGES));
	cc_emit(data.map[CODECACHE_VIEW_DATA], 42);
	EXPECT_EQ(SIGSEGV, cc_call(data.map[CODECACHE_VIEW_DATA], NULL));
	EXPECT_EQ(16, cc_trap.error & 16);
	ASSERT_EQ(0, cc_mem_map(&data, CODECACHE_VIEW_UFFD));
	EXPECT_EQ(SIGSEGV, cc_call(data.map[CODECACHE_VIEW_UFFD], NULL));
	EXPECT_EQ(-1, mprotect(data.map[CODECACHE_VIEW_UFFD], self->page,
			       PROT_READ | PROT_EXEC));
	EXPECT_EQ(-1, mprotect(data.map[CODECACHE_VIEW_UFFD], self->page,
			       PROT_EXEC));
	cc_mem_close(&data);
}

/* prctl(PR_SET_MDWE) forbids to make memory executable: we never have to. */
TEST_F_TIMEOUT(code, is_published_under_memory_deny_write_execute, CC_TIMEOUT)
{
	struct cc_mem mem;

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		SKIP(return, "this kernel has no PR_SET_MDWE");
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page,
				   PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ASSERT_EQ(0, cc_mem_code(&mem, PAGES));
	cc_emit(mem.map[W], 7);
	EXPECT_EQ(7, cc_run(mem.map[X]));
	cc_emit(mem.map[W], 8);
	EXPECT_EQ(8, cc_run(mem.map[X]));
	EXPECT_EQ(0, cc_protect_run(mem.fd[X], 0, 1, CC_NONE));
	EXPECT_EQ(-1, cc_run(mem.map[X]));
	EXPECT_EQ(0, cc_protect_run(mem.fd[X], 0, 1, CC_RX));
	EXPECT_EQ(8, cc_run(mem.map[X]));
	cc_mem_close(&mem);
}

TEST_F_TIMEOUT(code, can_be_read_but_not_written_by_proc_self_mem, CC_TIMEOUT)
{
	unsigned char buf[CC_CODE_LEN], want[CC_CODE_LEN];
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	cc_emit(want, 42);
	EXPECT_EQ(CC_CODE_LEN, pread(fd, buf, CC_CODE_LEN, (uintptr_t)self->x));
	EXPECT_EQ(0, memcmp(buf, want, CC_CODE_LEN));
	EXPECT_EQ(-1, pwrite(fd, "\xc3", 1, (uintptr_t)self->x));
	EXPECT_EQ(-1, pwrite(fd, "\xc3", 1, (uintptr_t)self->x + self->page));
	/* Page protections are not in the way of who reads so. */
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[X], 0, 1, CC_NONE));
	EXPECT_EQ(CC_CODE_LEN, pread(fd, buf, CC_CODE_LEN, (uintptr_t)self->x));
	EXPECT_EQ(0, memcmp(buf, want, CC_CODE_LEN));
	ASSERT_EQ(0, cc_protect_run(self->mem.fd[X], 0, 1, CC_RX));
	EXPECT_EQ(42, cc_run(self->x));
	close(fd);
}

static bool vm_calls_fail(pid_t pid, void *remote)
{
	char buf[64] = "";
	struct iovec here = { buf, sizeof(buf) };
	struct iovec there = { remote, sizeof(buf) };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == -1 &&
	       errno == EFAULT &&
	       process_vm_writev(pid, &here, 1, &there, 1, 0) == -1 &&
	       errno == EFAULT;
}

TEST_F_TIMEOUT(code, is_out_of_reach_for_process_vm_calls, CC_TIMEOUT)
{
	struct iovec there = { self->x, 64 };
	int fds[2];

	EXPECT_TRUE(vm_calls_fail(getpid(), self->x));
	EXPECT_TRUE(vm_calls_fail(getpid(), self->w));
	/* Nobody gets hold of its pages to write to them later. */
	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, vmsplice(fds[1], &there, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(42, cc_run(self->x));
}

/* ---- fork ---------------------------------------------------------------------- */

static int try_as_child(const unsigned char *const p[3])
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (cc_load(p[i], NULL) != SIGSEGV || cc_trap.addr != p[i] ||
		    cc_trap.code != SEGV_MAPERR || cc_is_mapped(p[i]))
			return i + 1;
	}
	return 0;
}

TEST_F_TIMEOUT(code, is_not_mapped_in_a_child, CC_TIMEOUT)
{
	struct cc_mem data;
	pid_t pid;

	ASSERT_EQ(0, cc_mem_data(&data, PAGES));
	ASSERT_EQ(0, cc_mem_map(&data, CODECACHE_VIEW_UFFD));
	const unsigned char *const p[] = { self->x, self->w,
					   data.map[CODECACHE_VIEW_DATA] };
	const unsigned char *const q[] = { data.map[CODECACHE_VIEW_UFFD],
					   self->x, self->w };

	pid = cc_fork();
	if (!pid)
		_exit(try_as_child(p) ?: try_as_child(q));
	EXPECT_EQ(0, cc_wait(pid));
	EXPECT_EQ(42, cc_run(self->x));
	cc_mem_close(&data);
}

/* ---- debuggers ------------------------------------------------------------------ */

/* A breakpoint, and where the program counter is when it was hit. */
#if defined(__aarch64__)
#define BREAK		0xd4200000L
#define BREAK_MASK	0xffffffffL
#define BREAK_SKIPS	0
#define REG_PC		pc
#else
#define BREAK		0xccL
#define BREAK_MASK	0xffL
#define BREAK_SKIPS	1
#define REG_PC		rip
#endif

struct debuggee {
	struct cc_mem mem;
	uintptr_t x;
	int result;
};

/* Runs code of its own making that a tracer may have changed meanwhile. */
static void be_debugged(struct debuggee *shared)
{
	if (cc_mem_code(&shared->mem, PAGES))
		_exit(100);
	cc_emit(shared->mem.map[W], 42);
	shared->x = (uintptr_t)shared->mem.map[X];
	if (cc_run(shared->mem.map[X]) != 42)
		_exit(101);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	shared->result = cc_run(shared->mem.map[X]);
	/* What the tracer changed shows in the write view. */
	_exit(shared->mem.map[W][0]);
}

static int wait_for_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return WSTOPSIG(status);
}

/* A process that made its zone itself, stopped before it runs its code. */
static pid_t start_debuggee(struct debuggee **shared)
{
	pid_t pid;

	*shared = mmap(NULL, sizeof(**shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = cc_fork();
	if (!pid)
		be_debugged(*shared);
	return wait_for_stop(pid) == SIGSTOP ? pid : -1;
}

TEST_F_TIMEOUT(code, can_be_debugged_with_breakpoints, CC_TIMEOUT)
{
	struct debuggee *child;
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };
	pid_t pid = start_debuggee(&child);
	void *at = (void *)child->x;
	long word;

	ASSERT_LT(0, pid);
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	ASSERT_EQ(0, errno);
	EXPECT_EQ(CC_CODE_FIRST, word & 0xff);
	ASSERT_EQ(0, ptrace(PTRACE_POKETEXT, pid, at,
			    (word & ~BREAK_MASK) | BREAK));
	EXPECT_EQ(BREAK, ptrace(PTRACE_PEEKTEXT, pid, at, NULL) & BREAK_MASK);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	ASSERT_EQ(SIGTRAP, wait_for_stop(pid));
	ASSERT_EQ(0, ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov));
	EXPECT_EQ(child->x + BREAK_SKIPS, regs.REG_PC);
	ASSERT_EQ(0, ptrace(PTRACE_POKETEXT, pid, at, word));
	regs.REG_PC = child->x;
	ASSERT_EQ(0, ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(CC_CODE_FIRST, cc_wait(pid));
	EXPECT_EQ(42, child->result);
}

TEST_F_TIMEOUT(code, can_be_patched_across_pages_by_a_debugger, CC_TIMEOUT)
{
	struct debuggee *child;
	pid_t pid = start_debuggee(&child);
	char *at = (char *)child->x + self->page - 3;
	long word = 0x1122334455667788;

	ASSERT_LT(0, pid);
	/* The second page has never been touched: no memory to write to. */
	EXPECT_EQ(-1, ptrace(PTRACE_POKETEXT, pid, at, word));
	errno = 0;
	EXPECT_EQ(0, ptrace(PTRACE_PEEKTEXT, pid, at + 3, NULL));
	EXPECT_EQ(0, errno);
	/* The first one has: a new constant in mov $42, %eax. */
	EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, pid, at - 100, word));
	EXPECT_EQ(word, ptrace(PTRACE_PEEKTEXT, pid, at - 100, NULL));
	ASSERT_EQ(0, cc_poke_code(pid, child->x, 43));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(CC_CODE_FIRST, cc_wait(pid));
	EXPECT_EQ(43, child->result);
}

TEST_F_TIMEOUT(code, can_be_written_by_a_debuggers_proc_mem, CC_TIMEOUT)
{
	struct debuggee *child;
	pid_t pid = start_debuggee(&child);
	unsigned char code[CC_CODE_LEN];
	char path[64];
	int fd;

	ASSERT_LT(0, pid);
	cc_emit(code, 44);
	EXPECT_TRUE(vm_calls_fail(pid, (void *)child->x));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, pwrite(fd, code + CC_CODE_VARIES, 1,
			    child->x + CC_CODE_VARIES));
	close(fd);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(CC_CODE_FIRST, cc_wait(pid));
	EXPECT_EQ(44, child->result);
}

/* ---- a process that was only given the exec view -------------------------------- */

/* Can somebody who traces us, without more rights than we have, change it? */
static bool our_tracer_fails(unsigned char *x)
{
	pid_t parent = getpid(), pid;
	int status;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	pid = cc_fork();
	if (pid)
		return cc_wait(pid) == 0;
	if (ptrace(PTRACE_ATTACH, parent, NULL, NULL))
		_exit(1);
	if (waitpid(parent, &status, __WALL) != parent)
		_exit(2);
	if (!ptrace(PTRACE_POKETEXT, parent, x, 0L) || errno != EIO)
		_exit(3);
	errno = 0;
	if ((ptrace(PTRACE_PEEKTEXT, parent, x, NULL) & 0xff) != CC_CODE_FIRST || errno)
		_exit(4);
	ptrace(PTRACE_DETACH, parent, NULL, NULL);
	_exit(0);
}

static bool cannot_be_opened(int view, const unsigned char *x, size_t bytes)
{
	unsigned long start = (uintptr_t)x;
	char path[128];
	int mode;

	for (mode = O_RDONLY; mode <= O_RDWR; mode++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", view);
		if (open(path, mode) >= 0)
			return false;
		snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
			 start, start + bytes);
		if (open(path, mode) >= 0)
			return false;
	}
	return true;
}

static bool has_no_other_ioctls(int view)
{
	struct codecache_view_create_args args = {
		.size = sizeof(args),
		.kind = W,
	};

	return cc_ioctl(view, CODECACHE_IOC_VIEW_CREATE, &args) == -ENOTTY &&
	       cc_ioctl(view, CODECACHE_IOC_ZONE_CREATE, &args) == -ENOTTY &&
	       cc_protect_run(view, 0, 1, CC_RW) == -EOPNOTSUPP &&
	       cc_protect_run(view, 0, 1, CC_RX | CC_RW) == -EOPNOTSUPP;
}

/* 0, or which of the ways to do more than run it has succeeded. */
static int be_runner(int sock)
{
	size_t bytes = PAGES * cc_page_size();
	int view = cc_recv_fd(sock);
	int mem = open("/proc/self/mem", O_RDWR);
	unsigned char *x;

	if (mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, view, 0) !=
		    MAP_FAILED ||
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, view, 0) !=
		    MAP_FAILED ||
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED,
		 view, 0) != MAP_FAILED)
		return 1;
	x = cc_map(view, X, PAGES);
	if (!x || cc_run(x) != 42)
		return 2;
	if (!mprotect(x, bytes, PROT_READ | PROT_WRITE) ||
	    cc_store(x, 0xc3) != SIGSEGV)
		return 3;
	if (pwrite(mem, "\xc3", 1, (uintptr_t)x) != -1)
		return 4;
	if (!cannot_be_opened(view, x, bytes))
		return 5;
	if (!has_no_other_ioctls(view))
		return 6;
	if (!our_tracer_fails(x))
		return 7;
	if (!vm_calls_fail(getpid(), x))
		return 8;
	return cc_run(x) == 42 ? 0 : 9;
}

/* Somebody who was there before there was anything to inherit. */
FIXTURE(stranger)
{
	int socks[2];
	pid_t pid;
};

FIXTURE_SETUP(stranger)
{
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, self->socks));
	self->pid = cc_fork();
	if (!self->pid)
		_exit(be_runner(self->socks[1]));
}

FIXTURE_TEARDOWN(stranger)
{
	close(self->socks[0]);
	close(self->socks[1]);
}

TEST_F_TIMEOUT(stranger, with_an_exec_view_can_run_it_and_not_change_it,
	       CC_TIMEOUT)
{
	struct cc_mem mem;

	ASSERT_EQ(0, cc_mem_code(&mem, PAGES));
	cc_emit(mem.map[W], 42);
	munmap(mem.map[X], PAGES * cc_page_size());
	mem.map[X] = NULL;
	ASSERT_EQ(0, cc_send_fd(self->socks[0], mem.fd[X]));
	EXPECT_EQ(0, cc_wait(self->pid));
	EXPECT_EQ(CC_CODE_FIRST, mem.map[W][0]);
	cc_mem_close(&mem);
}

/* ---- core dumps ------------------------------------------------------------------ */

/* Bytes that are nowhere else in the process, not even in a register. */
static void fill_pattern(unsigned char *p, unsigned int seed)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		seed = seed * 1103515245 + 12345;
		((volatile unsigned char *)p)[i] = seed >> 16;
	}
}

static void die_with_core(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct cc_mem code, data;
	unsigned char *plain;

	if (cc_mem_code(&code, PAGES) || cc_mem_data(&data, PAGES))
		_exit(1);
	plain = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill_pattern(plain, 1);
	fill_pattern(code.map[W], 2);
	fill_pattern(data.map[CODECACHE_VIEW_DATA], 3);
	cc_load(code.map[X], NULL);
	setrlimit(RLIMIT_CORE, &unlimited);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	abort();
}

static bool file_has_pattern(const char *path, unsigned int seed)
{
	unsigned char pattern[64];
	bool found = false;
	struct stat st;
	void *p;
	int fd;

	fill_pattern(pattern, seed);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return false;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p != MAP_FAILED) {
		found = memmem(p, st.st_size, pattern, sizeof(pattern));
		munmap(p, st.st_size);
	}
	close(fd);
	return found;
}

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

FIXTURE(core_dump)
{
	char old[128];
};

FIXTURE_SETUP(core_dump)
{
	ASSERT_LE(0, cc_read_file(CORE_PATTERN, self->old, sizeof(self->old)));
}

FIXTURE_TEARDOWN(core_dump)
{
	cc_write_file(CORE_PATTERN, self->old);
}

TEST_F_TIMEOUT(core_dump, leaves_views_out, CC_TIMEOUT)
{
	static const char core[] = "/tmp/cc-core";
	pid_t pid;

	unlink(core);
	ASSERT_EQ(0, cc_write_file(CORE_PATTERN, core));
	pid = cc_fork();
	if (!pid)
		die_with_core();
	EXPECT_EQ(128 + SIGABRT, cc_wait(pid));
	if (access(core, R_OK))
		SKIP(return, "this kernel writes no core dumps");
	EXPECT_TRUE(file_has_pattern(core, 1));
	EXPECT_FALSE(file_has_pattern(core, 2));
	EXPECT_FALSE(file_has_pattern(core, 3));
	unlink(core);
}

TEST_HARNESS_MAIN
