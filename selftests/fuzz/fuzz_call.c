// SPDX-License-Identifier: MIT
/*
 * The oracle's calls: ioctls by one thread or another, with mistakes that all of them
 * have in common; and random objects to make them on
 */
#include "model.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz_run.h"

unsigned char *m_arena;

/* ---- calls ------------------------------------------------------------------- */

struct m_call {
	int fd;
	unsigned int nr;
	void *args;
	int err;
};

/* In the arena: a child writes it too. */
#define m_call_shared	((struct m_call *)(m_arena + M_PAGE - sizeof(struct m_call)))

static void m_call_make(void *arg)
{
	struct m_call *call = arg;

	call->err = ioctl(call->fd, call->nr, call->args) < 0 ? errno : 0;
}

static void m_call_child(struct m_call *call)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		m_call_make(call);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	m_expect("a child's exit", 0, status);
}

static void m_call_by(uint64_t how, struct m_call *call)
{
	switch (how & M_HOW_MASK) {
	case M_HOW_CHILD:
		m_call_child(call);
		return;
	case M_HOW_SECOND:
		fz_thread_begin(m_call_make, call);
		m_true("the second thread returns", fz_thread_done(CC_PATIENCE_MS));
		return;
	}
	m_call_make(call);
}

uint64_t m_how(struct fz_rng *r)
{
	uint64_t how = fz_one_in(r, 30) ? M_HOW_SECOND :
		       fz_one_in(r, 200) ? M_HOW_CHILD : M_HOW_SELF;

	return fz_one_in(r, 40) ? how | (1 + fz_below(r, 7)) << 2 : how;
}

pid_t m_caller(uint64_t how)
{
	return (how & M_HOW_MASK) == M_HOW_SECOND ? fz_thread_tid() : gettid();
}

static unsigned int m_mistake(uint64_t how)
{
	return (how >> 2) % 8;
}

bool m_how_bad(uint64_t how)
{
	return m_mistake(how) && m_mistake(how) != M_BAD_LONG_ZERO;
}

int m_errno(void)
{
	return m_call_shared->err;
}

/* A descriptor that has no such ioctl. */
static int m_wrong_fd(unsigned int nr)
{
	int i;

	for (i = 0; i < M_CACHES; i++) {
		if (w.cache[i].used && w.cache[i].fd >= 0 &&
		    (nr & 0xff) > 8 && (nr & 0xff) != 0x1f)
			return w.cache[i].fd;
	}
	return w.null;
}

/* Make the mistake, and tell what comes of it. */
static void m_err_make(unsigned int mistake, struct m_call *call, size_t size,
		       struct m_errs *errs)
{
	uint32_t *head = call->args;

	switch (mistake) {
	case M_BAD_SHORT:
		head[0] = 8;
		m_may(errs, size > 8, EINVAL);
		break;
	case M_BAD_LONG_ZERO:
		head[0] = size + 24;
		break;
	case M_BAD_LONG:
		head[0] = size + 24;
		*((unsigned char *)call->args + size + 23) = 1;
		m_may(errs, true, E2BIG);
		break;
	case M_BAD_HUGE:
		head[0] = M_PAGE + 1;
		m_may(errs, true, E2BIG);
		break;
	case M_BAD_FLAG:
		head[1] |= 0x80000000;
		m_may(errs, true, EOPNOTSUPP);
		break;
	case M_BAD_ADDR:
		call->args = M_ARENA_END - 4;
		m_may(errs, true, EFAULT);
		break;
	case M_BAD_FD:
		call->fd = m_wrong_fd(call->nr);
		m_may(errs, true, ENOTTY);
	}
}

/* NULL for @errs: the caller looks by itself. */
bool m_ioctl(uint64_t how, int fd, unsigned int nr, void *args, size_t size,
	     struct m_errs *errs)
{
	struct m_call *call = m_call_shared;
	struct m_errs none = { 0 };
	unsigned int i;

	*call = (struct m_call){ .fd = fd, .nr = nr, .args = m_arena };
	memset(m_arena, 0, M_PAGE - sizeof(*call));
	memcpy(m_arena, args, size);
	*(uint32_t *)(M_ARENA_END - 4) = size;
	m_err_make(m_mistake(how), call, size, errs ?: &none);
	m_call_by(how, call);
	memcpy(args, m_arena, size);
	run_count(call->err ? RUN_REFUSED : RUN_DONE);
	if (!errs)
		return !call->err;
	for (i = 0; i < errs->nr; i++) {
		if (call->err == errs->e[i])
			return false;
	}
	m_expect("errno", errs->nr ? errs->e[0] : 0, call->err);
	return true;
}

/* ---- choosing ------------------------------------------------------------------ */

int m_any_cache(struct fz_rng *r)
{
	int i, from = fz_below(r, M_CACHES);

	for (i = 0; i < M_CACHES; i++) {
		int at = (from + i) % M_CACHES;

		if (w.cache[at].used && w.cache[at].fd >= 0)
			return at;
	}
	return 0;	/* which is not used: whoever runs it sees that */
}

int m_any_zone(struct fz_rng *r)
{
	int i, from = fz_below(r, M_ZONES);

	for (i = 0; i < M_ZONES; i++) {
		int at = (from + i) % M_ZONES;

		if (w.zone[at].used && w.zone[at].fd >= 0)
			return at;
	}
	return -1;
}

int m_any_view(struct fz_rng *r)
{
	int i, from = fz_below(r, M_VIEWS);

	for (i = 0; i < M_VIEWS; i++) {
		int at = (from + i) % M_VIEWS;

		if (w.view[at].used && w.view[at].fd >= 0)
			return at;
	}
	return -1;
}

int m_mapped_view(struct fz_rng *r)
{
	int i, from = fz_below(r, M_VIEWS);

	for (i = 0; i < M_VIEWS; i++) {
		int at = (from + i) % M_VIEWS;

		if (w.view[at].used && w.view[at].map)
			return at;
	}
	return -1;
}

int m_free_cache(void)
{
	int i;

	for (i = 0; i < M_CACHES; i++) {
		if (!w.cache[i].used)
			return i;
	}
	return -1;
}

int m_free_zone(void)
{
	int i;

	for (i = 0; i < M_ZONES; i++) {
		if (!w.zone[i].used)
			return i;
	}
	return -1;
}

int m_free_view(void)
{
	int i;

	for (i = 0; i < M_VIEWS; i++) {
		if (!w.view[i].used)
			return i;
	}
	return -1;
}

/* Where extents are, near the borders of blocks, or anywhere. */
uint64_t m_any_page(struct fz_rng *r, const struct m_view *v)
{
	const struct m_zone *z = &w.zone[v->zone];
	uint64_t page = fz_below(r, v->nr);

	if (fz_one_in(r, 2))
		page = fz_below(r, v->nr < 40 ? v->nr : 40);
	if (fz_one_in(r, 8) && v->nr > 520)
		page = 504 + fz_below(r, 16);
	if (z->nr_ext && !fz_one_in(r, 6)) {
		const struct m_extent *e = &z->ext[fz_below(r, z->nr_ext)];
		uint64_t at = e->first + fz_below(r, e->nr);

		if (at >= v->first && at - v->first < v->nr)
			page = at - v->first;
	}
	return page;
}
