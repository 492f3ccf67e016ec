// SPDX-License-Identifier: MIT
/*
 * The storm's memory: mappings of views, in places that all threads know, and all that
 * can be done to memory
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- signals -------------------------------------------------------------------------- */

static __thread sigjmp_buf st_jump;
static __thread volatile sig_atomic_t st_armed;

static void st_on_signal(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (st_armed)
		siglongjmp(st_jump, 1);
	if (sig != SIGUSR1)	/* not ours: let it come again and kill */
		signal(sig, SIG_DFL);
}

void st_memory_init(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE,
				       SIGUSR1 };
	struct sigaction act = {
		.sa_sigaction = st_on_signal,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &act, NULL);
}

/* Nobody sleeps for long, but in the kernel's own accesses. */
void st_thread_init(void)
{
	struct itimerspec often = { { 0, 30000000 }, { 0, 30000000 } };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (!timer_create(CLOCK_MONOTONIC, &event, &timer))
		timer_settime(timer, 0, &often, NULL);
	st_words = mmap(NULL, ST_WORDS * 8 + ST_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (st_words == MAP_FAILED)
		abort();
	mprotect(st_words + ST_WORDS, ST_PAGE, PROT_NONE);
}

bool st_try(void (*fn)(void *arg), void *arg)
{
	bool done = false;

	if (!sigsetjmp(st_jump, 0)) {
		st_armed = 1;
		fn(arg);
		done = true;
	}
	st_armed = 0;
	return done;
}

/* ---- places ------------------------------------------------------------------------------ */

static unsigned char *st_place(uint64_t i)
{
	return ST_BASE + i % ST_PLACES * (ST_PLACE_PAGES * 4 * ST_PAGE);
}

static uint64_t st_place_bytes(uint64_t i)
{
	return ST_PAGE * (atomic_load(&st.bytes[i % ST_PLACES]) ?: 1);
}

unsigned char *st_address(uint64_t a)
{
	uint64_t bytes = st_place_bytes(a);

	/* Near the beginning more often than not, where others are too. */
	if (a >> 60 & 3)
		bytes = bytes < 48 * ST_PAGE ? bytes : 48 * ST_PAGE;
	return st_place(a) + (a >> 16) % bytes;
}

static bool st_make_place(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 4;
	op->a[0] = fz_below(r, ST_PLACES);
	op->a[1] = fz_next(r);
	op->a[2] = fz_one_in(r, 8) ? fz_next(r) : 0;
	op->a[3] = fz_next(r);
	return true;
}

/* Something other than a view: the page and the slots of a cache, or a log. */
static void st_map_other(const struct fz_op *op)
{
	void *p;

	if (op->a[3] / 16 % 2) {
		p = mmap(NULL, ST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 st_fd(ST_CACHE, op->a[1]), ST_PAGE);
		if (p != MAP_FAILED)
			st.slots = p;
	} else {
		p = mmap(NULL, ST_PAGE, PROT_READ, MAP_SHARED,
			 st_fd(ST_LOG, op->a[1]), ST_PAGE * (op->a[3] / 32 % 2));
		if (p != MAP_FAILED)
			munmap(p, ST_PAGE);
	}
	st_good(op, p != MAP_FAILED);
}

static void st_run_map(const struct fz_op *op)
{
	unsigned char *at = st_place(op->a[0]) + op->a[3] % 3 * 5 * ST_PAGE;
	int fd = st_fd(ST_VIEW, op->a[1]), prot, flags = MAP_SHARED;
	struct codecache_stats_args stats;
	void *p;

	if (op->a[3] % 16 == 0) {
		st_map_other(op);
		return;
	}
	if (cc_stats(fd, &stats) || stats.out_object != CODECACHE_OBJECT_VIEW)
		return;
	prot = cc_kind_mmap(stats.out_kind);
	flags |= op->a[3] & 0x100 ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	if (op->a[2]) {
		prot ^= 1 << op->a[2] % 8;
		stats.out_bytes += op->a[2] / 8 % 2 * ST_PAGE;
	}
	if (stats.out_bytes > ST_PLACE_PAGES * ST_PAGE)
		return;
	p = mmap(at, stats.out_bytes, prot & 7, flags, fd,
		 op->a[2] / 16 % 2 * ST_PAGE);
	st_good(op, p != MAP_FAILED);
	if (p == MAP_FAILED)
		return;
	atomic_store(&st.bytes[op->a[0] % ST_PLACES],
		     stats.out_bytes / ST_PAGE + op->a[3] % 3 * 5);
}

const struct fz_type st_map = {
	"map", "place view wrong how", 50, st_make_place, st_run_map,
};

static void st_run_munmap(const struct fz_op *op)
{
	unsigned char *at = st_place(op->a[0]);
	uint64_t bytes = ST_PLACE_PAGES * ST_PAGE;

	if (op->a[2]) {
		at += op->a[2] % 16 * ST_PAGE;
		bytes = st_place_bytes(op->a[0]);
	}
	st_good(op, !munmap(at, bytes));
}

const struct fz_type st_munmap = {
	"munmap", "place unused part unused2", 12, st_make_place, st_run_munmap,
};

static void st_run_mremap(const struct fz_op *op)
{
	uint64_t was = st_place_bytes(op->a[0]), bytes = was;
	void *p;

	if (op->a[1] % 3)
		bytes += ST_PAGE * (op->a[1] % 9) - 4 * ST_PAGE;
	p = mremap(st_place(op->a[0]), was, bytes, op->a[3] % 8 & ~MREMAP_FIXED,
		   NULL);
	st_good(op, p != MAP_FAILED);
	if (p != MAP_FAILED && p != st_place(op->a[0]))
		munmap(p, bytes);
}

const struct fz_type st_mremap = {
	"mremap", "place bytes unused how", 5, st_make_place, st_run_mremap,
};

static void st_run_mprotect(const struct fz_op *op)
{
	st_good(op, !mprotect(st_place(op->a[0]) + op->a[1] % 16 * ST_PAGE,
			      ST_PAGE * (1 + op->a[3] % 64), op->a[2] % 8));
}

const struct fz_type st_mprotect = {
	"mprotect", "place page prot pages", 5, st_make_place, st_run_mprotect,
};

static void st_run_madvise(const struct fz_op *op)
{
	unsigned char *at = st_place(op->a[0]) + op->a[1] % 16 * ST_PAGE;

	/* All but those that poison memory. */
	st_good(op, !madvise(at, ST_PAGE * (1 + op->a[2] % 64),
			     op->a[3] % 32));
}

const struct fz_type st_madvise = {
	"madvise", "place page pages advice", 12, st_make_place, st_run_madvise,
};

static void st_run_mm_misc(const struct fz_op *op)
{
	unsigned char *at = st_place(op->a[0]), vec[ST_PLACE_PAGES];
	uint64_t bytes = st_place_bytes(op->a[0]);
	long ret = -1;

	switch (op->a[1] % 6) {
	case 0:
		ret = msync(at, bytes, op->a[3] % 8);
		break;
	case 1:
		ret = bytes <= sizeof(vec) * ST_PAGE ? mincore(at, bytes, vec) : -1;
		break;
	case 2:
		ret = mlock(at, bytes);
		break;
	case 3:
		ret = munlock(at, bytes);
		break;
	case 4:
		ret = syscall(SYS_mbind, at, bytes, 0, NULL, 0, op->a[3] % 8);
		break;
	default:
		ret = syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	st_good(op, !ret);
}

const struct fz_type st_mm_misc = {
	"mm_misc", "place what unused how", 8, st_make_place, st_run_mm_misc,
};

/* ---- accesses -------------------------------------------------------------------------------- */

static bool st_make_at(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 4;
	op->a[0] = fz_next(r);
	op->a[1] = fz_below(r, 16);
	op->a[2] = fz_few(r, 64);
	op->a[3] = fz_next(r);
	return true;
}

static void st_access_pages(void *arg)
{
	const struct fz_op *op = arg;
	volatile unsigned char *p = st_address(op->a[0]);
	uint64_t i;

	for (i = 0; i < op->a[2] % 64 + 1; i++, p += ST_PAGE) {
		if (op->a[1] % 3)
			*p = op->a[3];
		else
			(void)*p;
	}
}

static void st_run_access(const struct fz_op *op)
{
	st_good(op, st_try(st_access_pages, (void *)op));
}

const struct fz_type st_access = {
	"access", "at how pages value", 150, st_make_at, st_run_access,
};

/* The kernel's accesses, by calls that copy in their own ways. */
static void st_run_copy(const struct fz_op *op)
{
	void *p = st_address(op->a[0]);
	size_t len = 1 + op->a[3] % (3 * ST_PAGE);
	struct iovec v = { p, len };
	ssize_t n = -1;

	switch (op->a[1] % 8) {
	case 0:
		n = pread(st.file, p, len, 0);
		break;
	case 1:
		n = pwrite(st.file, p, len, 0);
		break;
	case 2:
		n = write(st.pipe[1], p, len);
		break;
	case 3:
		n = read(st.pipe[0], p, len);
		break;
	case 4:
		n = vmsplice(st.pipe[1], &v, 1, SPLICE_F_NONBLOCK);
		break;
	case 5:
		n = getrandom(p, len, GRND_NONBLOCK);
		break;
	case 6:
		n = readlink("/proc/self/exe", p, len);
		break;
	default:
		n = preadv(st.file, &v, 1, op->a[2]);
	}
	st_good(op, n > 0);
}

const struct fz_type st_copy = {
	"copy", "at how offset bytes", 70, st_make_at, st_run_copy,
};

static void st_run_vm(const struct fz_op *op)
{
	struct iovec from = { st_address(op->a[0]), op->a[2] * 100 };
	struct iovec to = { st_words, op->a[2] * 100 };
	int pid = atomic_load(&st_shared->pid[op->a[3] % ST_PROCS]);
	ssize_t n;

	if (to.iov_len > ST_WORDS * 8)
		to.iov_len = ST_WORDS * 8;
	if (op->a[1] % 2)
		n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	else
		n = process_vm_writev(pid, &to, 1, &from, 1, 0);
	st_good(op, n > 0);
}

const struct fz_type st_vm = {
	"process_vm", "at how length whose", 6, st_make_at, st_run_vm,
};

/* Slots of readers, as they should be filled and as they should not. */
static void st_store_slot(void *arg)
{
	const struct fz_op *op = arg;
	volatile uint64_t *slot = (void *)(st.slots + op->a[0] % 64 * 64);

	*slot = op->a[1] % 3 ? 0 : op->a[1] % 2 ? atomic_load(&st.cookie) :
						  op->a[3];
}

static void st_run_slot(const struct fz_op *op)
{
	st_good(op, st.slots && st_try(st_store_slot, (void *)op));
}

const struct fz_type st_slot = {
	"slot", "which how unused value", 12, st_make_at, st_run_slot,
};

/* ---- code -------------------------------------------------------------------------------------- */

static void st_emit(void *arg)
{
	cc_emit(arg, 42);
}

static void st_call_code(void *arg)
{
	const unsigned char *p = arg;
	int (*fn)(void);

	/* Not whatever may be there. */
	if (p[0] != 0xb8 || p[5] != 0xc3)
		return;
	memcpy(&fn, &arg, sizeof(fn));
	fn();
}

static void st_run_code(const struct fz_op *op)
{
	unsigned char *p = st_address(op->a[0]);

	st_good(op, st_try(op->a[1] % 2 ? st_emit : st_call_code, p));
}

const struct fz_type st_code = {
	"code", "at how unused unused2", 40, st_make_at, st_run_code,
};
