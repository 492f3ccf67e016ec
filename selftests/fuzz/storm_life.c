// SPDX-License-Identifier: MIT
/*
 * The storm's processes: fork, exec, kill, debuggers; userfaultfd; limits; monitors
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool st_make_life(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 3;
	op->a[0] = fz_next(r);
	op->a[1] = fz_next(r);
	op->a[2] = fz_next(r);
	return true;
}

static int st_sibling(uint64_t i)
{
	return atomic_load(&st_shared->pid[i % ST_PROCS]);
}

/* ---- fork, exec, kill ------------------------------------------------------------------- */

/* A child that does something, and ends in one way or another. */
static void st_child(const struct fz_op *op)
{
	struct fz_rng r = { op->a[1] };
	struct fz_op some;
	unsigned int i;

	for (i = 0; i < op->a[0] % 12; i++) {
		fz_op_make(st_types, &r, &some);
		if (st_types[some.type] != &st_fork &&
		    st_types[some.type] != &st_ptrace)
			st_types[some.type]->run(&some);
	}
	if (op->a[2] % 4 == 0)
		execl("/proc/self/exe", "fuzz_storm", "--exit", NULL);
	if (op->a[2] % 4 == 1)
		kill(getpid(), SIGKILL);
	_exit(0);
}

static void st_run_fork(const struct fz_op *op)
{
	long long since = cc_now_ms();
	pid_t pid = cc_fork();

	if (!pid)
		st_child(op);
	st_good(op, pid > 0);
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) != pid) {
		usleep(1000);
		if (cc_now_ms() - since > 200)
			kill(pid, SIGKILL);
	}
}

const struct fz_type st_fork = {
	"fork", "operations seed end", 4, st_make_life, st_run_fork,
};

/* Away with all threads and mappings. Another one takes the place. */
static void st_run_exec(const struct fz_op *op)
{
	st_good(op, true);
	execl("/proc/self/exe", "fuzz_storm", "--exit", NULL);
}

static bool st_make_exec(struct fz_rng *r, struct fz_op *op)
{
	return fz_one_in(r, 40) && st_make_life(r, op);
}

const struct fz_type st_exec = {
	"exec", "unused unused2 unused3", 1, st_make_exec, st_run_exec,
};

static void st_run_kill(const struct fz_op *op)
{
	int pid = st_sibling(op->a[0]);

	if (pid > 0)
		st_good(op, !kill(pid, SIGKILL));
}

const struct fz_type st_kill = {
	"kill", "whom unused unused2", 1, st_make_exec, st_run_kill,
};

/* ---- debuggers --------------------------------------------------------------------------- */

static void st_run_ptrace(const struct fz_op *op)
{
	int pid = st_sibling(op->a[0]), status;
	void *at = (void *)((uintptr_t)st_address(op->a[1]) & ~7UL);

	if (pid <= 0 || pid == getpid() || ptrace(PTRACE_ATTACH, pid, 0, 0))
		return;
	/* The alarm ends this, if it cannot be stopped. */
	if (waitpid(pid, &status, __WALL) == pid) {
		errno = 0;
		if (op->a[2] % 2)
			ptrace(PTRACE_PEEKDATA, pid, at, 0);
		else
			ptrace(PTRACE_POKEDATA, pid, at, op->a[2]);
		st_good(op, !errno);
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

const struct fz_type st_ptrace = {
	"ptrace", "whom at what", 2, st_make_life, st_run_ptrace,
};

static void st_run_mem(const struct fz_op *op)
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", st_sibling(op->a[0]));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (op->a[2] % 2)
		n = pread(fd, st_words, op->a[2] % 5000,
			  (uintptr_t)st_address(op->a[1]));
	else
		n = pwrite(fd, st_words, op->a[2] % 5000,
			   (uintptr_t)st_address(op->a[1]));
	st_good(op, n > 0);
	close(fd);
}

const struct fz_type st_mem = {
	"mem", "whose at what", 8, st_make_life, st_run_mem,
};

/* ---- userfaultfd ---------------------------------------------------------------------------- */

static void st_run_uffd_open(const struct fz_op *op)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = op->a[1] % 2 ? UFFD_FEATURE_MINOR_SHMEM :
			    op->a[1] % 3 ? UFFD_FEATURE_SIGBUS |
					   UFFD_FEATURE_MISSING_SHMEM : 0,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	st_good(op, !ioctl(fd, UFFDIO_API, &api));
	st_keep(ST_UFFD, op->a[0], fd);
}

const struct fz_type st_uffd_open = {
	"uffd_open", "where features unused", 3, st_make_life, st_run_uffd_open,
};

/* Only few mappings can be registered: wherever one is. */
static void st_run_uffd_register(const struct fz_op *op)
{
	unsigned long nr = op->a[2] % 64 < 8 ? UFFDIO_UNREGISTER : UFFDIO_REGISTER;
	int i, err = -1, fd = st_fd(ST_UFFD, op->a[0]);

	for (i = 0; i < ST_PLACES && err; i++) {
		uint64_t place = op->a[1] + i + (op->a[2] / 64 % 16 << 16) * ST_PAGE;
		struct uffdio_register reg = {
			.range = {
				(uintptr_t)st_address(place) & ~(ST_PAGE - 1),
				ST_PAGE * (1 + op->a[2] / 8 % 8),
			},
			.mode = op->a[2] % 8,
		};

		err = ioctl(fd, nr, &reg);
	}
	st_good(op, !err);
}

const struct fz_type st_uffd_register = {
	"uffd_register", "uffd at how", 8, st_make_life, st_run_uffd_register,
};

/* One answer, of whichever kind, to where a fault is told, or to anywhere. */
static int st_uffd_reply(int fd, uintptr_t at, uint64_t how)
{
	struct uffdio_range range = { at & ~(ST_PAGE - 1), ST_PAGE };
	struct uffdio_copy copy = {
		.dst = range.start,
		.src = (uintptr_t)st_words & ~(ST_PAGE - 1),
		.len = ST_PAGE,
		.mode = how >> 3 & 2,
	};
	struct uffdio_zeropage zero = { .range = range };
	struct uffdio_continue cont = { .range = range };
	struct uffdio_writeprotect wp = { .range = range, .mode = how >> 3 & 1 };

	switch (how % 5) {
	case 0:
		return ioctl(fd, UFFDIO_COPY, &copy);
	case 1:
		return ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	case 2:
		return ioctl(fd, UFFDIO_CONTINUE, &cont);
	case 3:
		return ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
	}
	return ioctl(fd, UFFDIO_WAKE, &range);
}

static void st_run_uffd_answer(const struct fz_op *op)
{
	int fd = st_fd(ST_UFFD, op->a[0]);
	struct uffd_msg msg;
	uintptr_t at = (uintptr_t)st_address(op->a[1]);

	if (read(fd, &msg, sizeof(msg)) == sizeof(msg) &&
	    msg.event == UFFD_EVENT_PAGEFAULT)
		at = msg.arg.pagefault.address;
	st_good(op, !st_uffd_reply(fd, at, op->a[2]));
}

const struct fz_type st_uffd_answer = {
	"uffd_answer", "uffd at how", 16, st_make_life, st_run_uffd_answer,
};

/* ---- the module and the machine -------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t usual, tight;
} st_params[] = {
	{ "user_max_pages", 30000, 300 },
	{ "system_max_pages", 0, 500 },
	{ "user_max_objects", 20000, 30 },
	{ "system_max_objects", 0, 40 },
	{ "max_held_pages", 4000, 8 },
	{ "stall_seconds", 10, 0 },
	{ "unprivileged_block_kernel", 0, 1 },
};

static void st_run_param(const struct fz_op *op)
{
	unsigned int i = op->a[0] % ARRAY_LEN(st_params);

	st_good(op, !cc_set_param(st_params[i].name, op->a[1] % 4 ?
				  st_params[i].usual : st_params[i].tight));
}

const struct fz_type st_param = {
	"param", "which tight unused", 2, st_make_life, st_run_param,
};

static bool st_make_drop(struct fz_rng *r, struct fz_op *op)
{
	return fz_one_in(r, 20) && st_make_life(r, op);
}

static void st_run_drop(const struct fz_op *op)
{
	static const char *const how[] = { "1", "2", "3" };

	st_good(op, !cc_write_file("/proc/sys/vm/drop_caches", how[op->a[0] % 3]));
}

const struct fz_type st_drop = {
	"drop_caches", "how unused unused2", 1, st_make_drop, st_run_drop,
};

/* ---- monitors ---------------------------------------------------------------------------------- */

/* All events of a view get an answer. */
static void st_run_monitor(const struct fz_op *op)
{
	int fd = st_fd(ST_VIEW, op->a[0]);
	struct codecache_event e[8];
	ssize_t n = read(fd, e, sizeof(e));
	ssize_t i;

	st_good(op, n > 0);
	for (i = 0; i < n / (ssize_t)sizeof(*e); i++) {
		if (op->a[1] % 4 == 0)
			cc_resolve_signal(fd, e[i].page, 1);
		else
			cc_resolve(fd, e[i].page, 1,
				   e[i].access == CODECACHE_PROT_EXEC ? CC_RX :
				   CC_RW);
	}
}

const struct fz_type st_monitor = {
	"monitor", "view deny unused", 30, st_make_life, st_run_monitor,
};
