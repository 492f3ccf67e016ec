// SPDX-License-Identifier: MIT
/*
 * The oracle: PROTECT with vectors, and RESOLVE
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_prot.h"

void *m_vector(uint64_t where)
{
	switch (where) {
	case M_AT_NOWHERE:
		return (void *)0x7fffdead0000UL;
	case M_AT_THE_END:
		return M_ARENA_END - 4;
	}
	return m_arena + M_ARENA_DATA;
}

uint64_t m_any_where(struct fz_rng *r)
{
	return fz_one_in(r, 60) ? fz_below(r, M_AT_NR) : M_AT_HOME;
}

uint64_t m_any_prot(struct fz_rng *r, const struct m_view *v)
{
	if (fz_one_in(r, 150))
		return fz_below(r, 20);
	if (fz_one_in(r, 3))
		return 0;
	return fz_one_in(r, 2) && v->kind != CODECACHE_VIEW_EXEC ?
	       CC_R : m_full(v->kind);
}

uint64_t m_any_trap(struct fz_rng *r)
{
	return fz_one_in(r, 200) ? fz_below(r, 10) :
	       fz_one_in(r, 2) ? 0 : 1ULL << fz_below(r, 3);
}

/* ---- what is wrong ------------------------------------------------------------- */

static bool m_trap_known(uint64_t trap)
{
	return !(trap & ~7ULL);
}

void m_range_errs(const struct m_view *v, uint64_t first, uint64_t nr,
			 uint64_t prot, uint64_t trap, struct m_errs *errs)
{
	m_may(errs, !m_trap_known(trap), EOPNOTSUPP);
	m_may(errs, trap && v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	m_may(errs, trap & (trap - 1), EINVAL);
	m_may(errs, prot > 7, EINVAL);
	m_may(errs, prot <= 7 && !m_kind_has(v->kind, prot), EOPNOTSUPP);
	m_may(errs, !nr, EINVAL);
	m_may(errs, first + nr < first, EOVERFLOW);
	m_may(errs, first + nr >= first && first + nr > v->nr, ERANGE);
}

static bool m_overlaps(const struct codecache_prot_range *a,
		       const struct codecache_prot_range *b)
{
	return a->first_page < b->first_page + b->nr_pages &&
	       b->first_page < a->first_page + a->nr_pages;
}

/* Does the range overlap another one? */
static bool m_overlapping(const struct codecache_prot_range *r, uint64_t nr,
			  uint64_t which)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		if (i != which && m_overlaps(&r[i], &r[which]))
			return true;
	}
	return false;
}

/* ---- the call ------------------------------------------------------------------ */

bool m_protect_call(uint64_t how, struct m_view *v,
			   struct codecache_view_protect_args *args,
			   struct m_errs *errs)
{
	args->size = sizeof(*args);
	args->out_failed_index = CC_UNWRITTEN;
	m_may(errs, args->flags & CODECACHE_PROTECT_F_POPULATE &&
		    v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	return m_ioctl(how, v->fd, CODECACHE_IOC_VIEW_PROTECT, args,
		       sizeof(*args), errs);
}

void m_protect_told(struct m_view *v, bool nothing, bool populate,
			   uint64_t populated,
			   const struct codecache_view_protect_args *args)
{
	bool pfn = v->kind != CODECACHE_VIEW_UFFD;

	m_expect("out_failed_index", CC_NO_INDEX, args->out_failed_index);
	if (!nothing && pfn)
		v->seq++;
	m_expect("out_seq", nothing || !pfn ? 0 : v->seq, args->out_seq);
	m_expect("out_populated", populate ? populated : 0,
		 args->out_populated);
}

/* ---- vectors ------------------------------------------------------------------- */

static bool m_make_ranges(struct fz_rng *r, struct fz_op *op)
{
	int view = m_any_view(r);
	const struct m_view *v = &w.view[view < 0 ? 0 : view];
	unsigned int i, nr = fz_below(r, 6);
	uint64_t *a = op->a;

	if (view < 0 || (v->kind == CODECACHE_VIEW_UFFD && !fz_one_in(r, 4)))
		return false;
	a[0] = m_how(r);
	a[1] = view;
	a[2] = fz_one_in(r, 8) ? CODECACHE_PROTECT_F_POPULATE : 0;
	a[3] = m_any_where(r);
	a += 4;
	for (i = 0; i < nr; i++, a += 4) {
		a[0] = fz_one_in(r, 100) ? fz_near(r, v->nr) : m_any_page(r, v);
		a[1] = fz_one_in(r, 100) ? fz_near(r, v->nr) & 0xffffffff :
					   fz_few(r, v->nr - a[0] % v->nr);
		a[2] = m_any_prot(r, v);
		a[3] = m_any_trap(r);
		if (v->kind == CODECACHE_VIEW_UFFD && !fz_one_in(r, 20))
			a[3] = 0;
	}
	op->nr = a - op->a;
	return true;
}

static unsigned int m_ranges_load(const struct fz_op *op,
				  struct codecache_prot_range *range)
{
	unsigned int i, nr = op->nr < 4 ? 0 : (op->nr - 4) / 4;
	const uint64_t *a = op->a + 4;

	for (i = 0; i < nr; i++, a += 4) {
		range[i] = (struct codecache_prot_range){
			.first_page = a[0],
			.nr_pages = a[1],
			.prot = a[2],
			.flags = a[3],
		};
	}
	return nr;
}

/* The index of the first range at fault; @nr: none. */
static unsigned int m_ranges_errs(const struct m_view *v,
				  const struct codecache_prot_range *range,
				  unsigned int nr, struct m_errs *errs)
{
	unsigned int i;

	for (i = 0; i < nr && !errs->nr; i++)
		m_range_errs(v, range[i].first_page, range[i].nr_pages,
			     range[i].prot, range[i].flags, errs);
	return errs->nr ? i - 1 : nr;
}

/* A range was refused: the first one that is wrong, or one that overlaps. */
static void m_ranges_failed(const struct codecache_prot_range *range,
			    unsigned int nr, unsigned int bad, uint64_t index)
{
	if (bad < nr)
		m_expect("out_failed_index", bad, index);
	else
		m_true("out_failed_index is of one that overlaps",
		       index < nr && m_overlapping(range, nr, index));
}

static int m_range_cmp(const void *a, const void *b)
{
	const struct codecache_prot_range *x = a, *y = b;

	return x->first_page < y->first_page ? -1 : x->first_page > y->first_page;
}

static void m_run_ranges(const struct fz_op *op)
{
	struct codecache_prot_range range[FZ_ARGS / 4];
	struct m_view *v = m_open_view(op->a[1]);
	struct codecache_view_protect_args args = { .flags = op->a[2] };
	unsigned int i, bad, nr = m_ranges_load(op, range);
	bool populate = args.flags & CODECACHE_PROTECT_F_POPULATE;
	uint64_t pages = 0, populated = 0;
	struct m_errs errs = { 0 };

	if (!v)
		return;
	if (populate)
		m_settle_zone(&w.zone[v->zone]);
	args.addr = (uintptr_t)m_vector(op->a[3]);
	args.count = nr;
	if (op->a[3] == M_AT_HOME)
		memcpy(m_arena + M_ARENA_DATA, range, nr * sizeof(*range));
	else
		m_may(&errs, nr, EFAULT);
	bad = m_ranges_errs(v, range, nr, &errs);
	for (i = 0; i < nr && bad == nr; i++)
		m_may(&errs, m_overlapping(range, nr, i), EINVAL);
	if (!m_protect_call(op->a[0], v, &args, &errs)) {
		if (!m_how_bad(op->a[0]) && op->a[3] == M_AT_HOME &&
		    !(populate && v->kind == CODECACHE_VIEW_UFFD))
			m_ranges_failed(range, nr, bad, args.out_failed_index);
		return;
	}
	for (i = 0; i < nr; i++) {
		m_protect(v, range[i].first_page, range[i].nr_pages,
			  range[i].prot, range[i].flags);
		pages += range[i].nr_pages;
	}
	v->nr_of.protects += nr > 0;
	v->nr_of.protected += pages;
	/* The order matters where it stops at a limit. */
	qsort(range, nr, sizeof(*range), m_range_cmp);
	for (i = 0; i < nr && populate; i++)
		populated += m_populate(v, range[i].first_page, range[i].nr_pages);
	m_protect_told(v, !nr, populate, populated, &args);
}

const struct fz_type m_protect_ranges = {
	"protect", "how view flags where range...", 140, m_make_ranges,
	m_run_ranges,
};

/* ---- RESOLVE ------------------------------------------------------------------- */

static bool m_make_resolve(struct fz_rng *r, struct fz_op *op)
{
	int view = m_any_view(r);
	const struct m_view *v = &w.view[view < 0 ? 0 : view];

	if (view < 0)
		return false;
	op->nr = 7;
	op->a[0] = m_how(r);
	op->a[1] = view;
	op->a[2] = fz_one_in(r, 5);
	op->a[3] = fz_one_in(r, 20) ? fz_near(r, v->nr) : m_any_page(r, v);
	op->a[4] = fz_one_in(r, 20) ? fz_near(r, v->nr) :
				      fz_few(r, v->nr - op->a[3] % v->nr);
	if (!op->a[2] || fz_one_in(r, 10)) {
		op->a[5] = m_any_prot(r, v);
		op->a[6] = m_any_trap(r);
	}
	return true;
}

/* Nobody sleeps between two operations: this one wakes nobody. */
static void m_run_resolve(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[1]);
	struct codecache_view_resolve_args args = {
		.size = sizeof(args),
		.flags = op->a[2],
		.first_page = op->a[3],
		.nr_pages = op->a[4],
		.prot = op->a[5],
		.trap = op->a[6],
	};
	struct m_errs errs = { 0 };

	if (!v)
		return;
	m_may(&errs, v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	m_may(&errs, args.flags && (args.prot || args.trap), EINVAL);
	m_range_errs(v, args.first_page, args.nr_pages, args.prot, args.trap,
		     &errs);
	if (!m_ioctl(op->a[0], v->fd, CODECACHE_IOC_VIEW_RESOLVE, &args,
		     sizeof(args), &errs))
		return;
	m_expect("out_nr_woken", 0, args.out_nr_woken);
	if (!args.flags) {
		m_protect(v, args.first_page, args.nr_pages, args.prot,
			  args.trap);
		v->nr_of.protects++;
		v->nr_of.protected += args.nr_pages;
		v->seq++;
	}
	m_expect("out_seq", args.flags ? 0 : v->seq, args.out_seq);
}

const struct fz_type m_resolve = {
	"resolve", "how view flags first nr prot trap", 12, m_make_resolve,
	m_run_resolve,
};
