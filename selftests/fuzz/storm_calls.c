// SPDX-License-Identifier: MIT
/*
 * The storm's descriptors, and what is done with them besides ioctls
 */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- descriptors ------------------------------------------------------------------- */

int st_fd(enum st_kind kind, uint64_t i)
{
	return atomic_load(&st.fd[kind][i % ST_FDS]);
}

void st_keep(enum st_kind kind, uint64_t i, int fd)
{
	int old = atomic_exchange(&st.fd[kind][i % ST_FDS], fd);

	if (old >= 0)
		close(old);
}

enum st_kind st_kind_of(int fd)
{
	static const enum st_kind kinds[] = {
		[CODECACHE_OBJECT_CACHE] = ST_CACHE,
		[CODECACHE_OBJECT_ZONE] = ST_ZONE,
		[CODECACHE_OBJECT_VIEW] = ST_VIEW,
	};
	struct codecache_stats_args args;

	if (cc_stats(fd, &args))
		return ST_NR_KINDS;
	return kinds[args.out_object];
}

/* ---- what else is done with descriptors ---------------------------------------------------------- */

static bool st_make_some(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 3;
	op->a[0] = fz_next(r);
	op->a[1] = fz_next(r);
	op->a[2] = fz_next(r);
	return true;
}

static void st_run_open(const struct fz_op *op)
{
	if (op->a[1] % 4)
		st_keep(ST_CACHE, op->a[0], cc_open());
	else
		st_keep(ST_EVENTFD, op->a[0],
			eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	st_good(op, true);
}

const struct fz_type st_open = {
	"open", "where what unused", 4, st_make_some, st_run_open,
};

static void st_run_close(const struct fz_op *op)
{
	st_good(op, st_fd(op->a[0] % ST_NR_KINDS, op->a[1]) >= 0);
	st_keep(op->a[0] % ST_NR_KINDS, op->a[1], -1);
}

const struct fz_type st_close = {
	"close", "kind which unused", 12, st_make_some, st_run_close,
};

static void st_run_dup(const struct fz_op *op)
{
	enum st_kind kind = op->a[0] % ST_NR_KINDS;
	int fd = fcntl(st_fd(kind, op->a[1]), F_DUPFD_CLOEXEC, 3);

	st_good(op, fd >= 0);
	if (fd >= 0)
		st_keep(kind, op->a[2], fd);
}

const struct fz_type st_dup = {
	"dup", "kind from to", 4, st_make_some, st_run_dup,
};

/* A descriptor of another process. */
static void st_run_steal(const struct fz_op *op)
{
	int pid = atomic_load(&st_shared->pid[op->a[0] % ST_PROCS]);
	enum st_kind kind;
	int pidfd, fd;

	pidfd = pid > 0 ? syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd < 0)
		return;
	fd = syscall(SYS_pidfd_getfd, pidfd, 3 + op->a[1] % 120, 0);
	close(pidfd);
	kind = fd < 0 ? ST_NR_KINDS : st_kind_of(fd);
	st_good(op, kind != ST_NR_KINDS);
	if (kind != ST_NR_KINDS)
		st_keep(kind, op->a[2], fd);
	else if (fd >= 0)
		close(fd);
}

const struct fz_type st_steal = {
	"steal", "whose which where", 12, st_make_some, st_run_steal,
};

static void st_run_poll(const struct fz_op *op)
{
	int fd = st_fd(op->a[0] % ST_NR_KINDS, op->a[1]);
	char link[64], name[64];

	st_good(op, cc_poll(fd, op->a[2] % 4) > 0);
	/* And what can be read of it. */
	snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", fd);
	if (op->a[2] % 16 == 0)
		cc_value(link, "id");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (op->a[2] % 16 == 1 && readlink(link, name, sizeof(name)) < 0)
		return;
}

const struct fz_type st_poll = {
	"poll", "kind which how", 8, st_make_some, st_run_poll,
};

static void st_run_read_events(const struct fz_op *op)
{
	struct codecache_event e[3];
	void *to = op->a[2] % 8 ? e : (void *)st_address(op->a[2]);

	st_good(op, read(st_fd(ST_VIEW, op->a[0]), to, op->a[1] % sizeof(e)) > 0);
}

const struct fz_type st_read_events = {
	"read_events", "view bytes where", 8, st_make_some, st_run_read_events,
};
