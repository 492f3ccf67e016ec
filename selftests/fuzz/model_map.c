// SPDX-License-Identifier: MIT
/*
 * The oracle: views are mapped and unmapped; what fork() makes of that
 */
#include "model.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where a view is mapped: each has a place of its own, far from all else. */
#define M_PLACE(view)	((unsigned char *)0x200000000000UL + (view) * 0x4000000UL)

/* What may be wrong about mmap(); the rest is right. */
enum { M_MAP_WELL, M_MAP_PRIVATE, M_MAP_OFFSET, M_MAP_LONGER, M_MAP_SHORTER,
       M_MAP_LESS, M_MAP_MORE, M_MAP_NR };

static bool m_make_view_map(struct fz_rng *r, struct fz_op *op)
{
	static const uint64_t shifts[] = { 0, 0, 1, 5, 500, 511 };

	op->nr = 3;
	op->a[0] = m_any_view(r);
	op->a[1] = shifts[fz_below(r, ARRAY_LEN(shifts))];
	op->a[2] = fz_one_in(r, 10) ? fz_below(r, M_MAP_NR) : 0;
	return m_any_view(r) >= 0 && (!w.view[op->a[0]].map || fz_one_in(r, 20));
}

static int m_map_errno(const struct m_view *v, uint64_t wrong)
{
	switch (wrong) {
	case M_MAP_PRIVATE:
	case M_MAP_OFFSET:
	case M_MAP_LONGER:
	case M_MAP_SHORTER:
		return EINVAL;
	case M_MAP_LESS:
	case M_MAP_MORE:
		return EACCES;
	}
	return v->map ? EBUSY : 0;
}

static void m_run_view_map(const struct fz_op *op)
{
	unsigned char *at = M_PLACE(op->a[0]) + op->a[1] % 512 * M_PAGE, *p;
	struct m_view *v = m_open_view(op->a[0]);
	uint64_t wrong = op->a[2], nr;
	int prot;

	if (!v)
		return;
	if (v->map)		/* somewhere else, or nothing is found out */
		at = NULL;
	prot = cc_kind_mmap(v->kind);
	nr = v->nr + (wrong == M_MAP_LONGER) - (wrong == M_MAP_SHORTER);
	if (wrong == M_MAP_LESS)
		prot &= ~PROT_READ;
	else if (wrong == M_MAP_MORE)
		prot |= v->kind == CODECACHE_VIEW_EXEC ? PROT_WRITE : PROT_EXEC;
	p = mmap(at, nr * M_PAGE, prot, wrong == M_MAP_PRIVATE ? MAP_PRIVATE :
		 at ? MAP_SHARED | MAP_FIXED_NOREPLACE : MAP_SHARED, v->fd,
		 wrong == M_MAP_OFFSET ? M_PAGE : 0);
	m_expect("mmap", m_map_errno(v, wrong), p == MAP_FAILED ? errno : 0);
	if (p != MAP_FAILED)
		v->map = p;
}

const struct fz_type m_view_map = {
	"view_map", "view shift wrong", 60, m_make_view_map, m_run_view_map,
};

static bool m_make_mapped(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 1;
	op->a[0] = m_mapped_view(r);
	return m_mapped_view(r) >= 0;
}

static void m_run_view_munmap(const struct fz_op *op)
{
	struct m_view *v = m_view_mapped(op->a[0]);

	if (!v)
		return;
	/* Reclaim could be quicker, and keep what is unsure then. */
	m_settle_zone(&w.zone[v->zone]);
	m_expect("munmap", 0, munmap(v->map, v->nr * M_PAGE));
	m_unmapped(v, false);
	m_collect();
}

const struct fz_type m_view_munmap = {
	"view_munmap", "view", 6, m_make_mapped, m_run_view_munmap,
};

static bool m_make_view_unmap(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_how(r);
	op->a[1] = m_any_view(r);
	return m_any_view(r) >= 0;
}

static void m_run_view_unmap(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[1]);
	struct codecache_view_unmap_args args = { .size = sizeof(args) };
	struct m_errs errs = { 0 };

	if (!v)
		return;
	m_may(&errs, v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	m_may(&errs, !v->map || (op->a[0] & M_HOW_MASK) == M_HOW_CHILD, EINVAL);
	if (!m_ioctl(op->a[0], v->fd, CODECACHE_IOC_VIEW_UNMAP, &args,
		     sizeof(args), &errs))
		return;
	m_expect("out_addr", (intptr_t)v->map, args.out_addr);
	m_unmapped(v, true);
	m_collect();
}

const struct fz_type m_view_unmap = {
	"view_unmap", "how view", 8, m_make_view_unmap, m_run_view_unmap,
};

/* ---- fork ---------------------------------------------------------------------- */

static void m_run_fork(const struct fz_op *op)
{
	struct m_view *v = m_view_mapped(op->a[0]);
	struct fz_access access = { .how = FZ_LOAD };
	pid_t pid;

	if (!v)
		return;
	access.p = v->map;
	pid = cc_fork();
	if (!pid) {
		fz_access_run(&access);
		_exit(access.sig);
	}
	m_expect("a load in a child", SIGSEGV, cc_wait(pid));
}

const struct fz_type m_fork = {
	"fork", "view", 1, m_make_mapped, m_run_fork,
};
