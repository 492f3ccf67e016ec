// SPDX-License-Identifier: MIT
/*
 * The oracle: EXTENT_ALLOC and where it puts them, EXTENT_RETIRE
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "model_prot.h"

enum { M_FEW = 10 };	/* extents of one call */

/* ---- ALLOC ------------------------------------------------------------------------- */

static bool m_make_alloc(struct fz_rng *r, struct fz_op *op)
{
	static const uint64_t flags[] = { 0, 0, CODECACHE_EXTENT_F_LOW,
					  CODECACHE_EXTENT_F_HIGH,
					  CODECACHE_EXTENT_F_NEAR };
	int zone = m_any_zone(r);
	const struct m_zone *z = &w.zone[zone < 0 ? 0 : zone];
	unsigned int i, nr = fz_one_in(r, 3) ? fz_below(r, M_FEW) : 1;

	if (zone < 0 || (!z->extents && !fz_one_in(r, 15)))
		return false;
	op->nr = 8 + nr;
	op->a[0] = m_how(r);
	op->a[1] = zone;
	op->a[2] = flags[fz_below(r, ARRAY_LEN(flags))];
	op->a[3] = m_any_where(r);
	if (fz_one_in(r, 4)) {
		op->a[4] = fz_near(r, z->nr);
		op->a[5] = fz_one_in(r, 2) ? 0 : fz_near(r, z->nr + 1);
	}
	if (op->a[2] == CODECACHE_EXTENT_F_NEAR || fz_one_in(r, 100))
		op->a[6] = fz_near(r, z->nr);
	if (fz_one_in(r, 3))
		op->a[7] = fz_one_in(r, 30) ? fz_below(r, 70) :
					      1ULL << fz_below(r, 6);
	if (fz_one_in(r, 150))
		op->a[2] = fz_below(r, 8);
	for (i = 0; i < nr; i++)
		op->a[8 + i] = fz_one_in(r, 150) ? fz_near(r, z->nr + 1) :
			       1 + fz_below(r, fz_one_in(r, 4) ? 64 : 12);
	return true;
}

static void m_alloc_errs(const struct m_zone *z,
			 const struct codecache_extent_alloc_args *a,
			 struct m_errs *errs)
{
	uint64_t end = a->max_page ?: z->nr;
	bool near = a->flags & CODECACHE_EXTENT_F_NEAR;

	m_may(errs, !z->extents, EOPNOTSUPP);
	m_may(errs, a->flags & (a->flags - 1), EINVAL);
	m_may(errs, a->align_pages & (a->align_pages - 1), EINVAL);
	m_may(errs, a->hint_page && !near, EINVAL);
	m_may(errs, near && a->hint_page >= z->nr, ERANGE);
	m_may(errs, a->min_page >= end, EINVAL);
	m_may(errs, end > z->nr, ERANGE);
}

/* The first extent that is wrong by itself; @nr: none. */
static unsigned int m_extents_errs(const struct m_zone *z, const uint64_t *nr_pages,
				   unsigned int nr, struct m_errs *errs)
{
	unsigned int i;

	for (i = 0; i < nr && !errs->nr; i++) {
		m_may(errs, !(uint32_t)nr_pages[i], EINVAL);
		m_may(errs, (uint32_t)nr_pages[i] > z->nr, ERANGE);
	}
	return errs->nr ? i - 1 : nr;
}

/* Hand out all of them, or none: then @errs tells. Which one failed; @nr: none. */
static unsigned int m_alloc_do(struct m_zone *z,
			       const struct codecache_extent_alloc_args *a,
			       const uint64_t *nr_pages, unsigned int nr,
			       struct m_errs *errs)
{
	struct m_want want = {
		.align = a->align_pages ?: 1,
		.min = a->min_page,
		.end = a->max_page ?: z->nr,
		.hint = a->hint_page,
		.flags = a->flags,
	};
	unsigned int i, was = z->nr_ext;
	uint64_t first;

	for (i = 0; i < nr; i++) {
		want.nr = (uint32_t)nr_pages[i];
		if (!m_place(z, &want, &first))
			break;
		z->ext[z->nr_ext++] = (struct m_extent){
			.first = first,
			.nr = want.nr,
		};
	}
	if (i == nr)
		return nr;
	want.patient = true;
	m_may(errs, true, m_place(z, &want, &first) ? EAGAIN : ENOSPC);
	z->nr_ext = was;
	return i;
}

static void m_compare_extents(const struct m_zone *z,
			      const struct codecache_extent *got,
			      unsigned int nr)
{
	const struct m_extent *want = &z->ext[z->nr_ext - nr];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		m_expect("first_page of an extent", want[i].first,
			 got[i].first_page);
		m_expect("nr_pages of an extent", want[i].nr, got[i].nr_pages);
	}
}

/* It failed: which one is named, and what to wait for. */
static void m_alloc_failed(const struct m_zone *z, uint64_t index,
			   const struct codecache_extent_alloc_args *args)
{
	m_expect("out_failed_index", index, args->out_failed_index);
	if (m_errno() == EAGAIN)
		m_expect("out_cookie", w.cache[z->cache].last, args->out_cookie);
	else
		m_expect("out_cookie", 0, args->out_cookie);
}

static void m_run_alloc(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[1]);
	struct codecache_extent_alloc_args args = {
		.size = sizeof(args),
		.flags = op->a[2],
		.addr = (uintptr_t)m_vector(op->a[3]),
		.min_page = op->a[4],
		.max_page = op->a[5],
		.hint_page = op->a[6],
		.align_pages = op->a[7],
		.out_failed_index = CC_UNWRITTEN,
	};
	unsigned int i, index, was, nr = op->nr < 8 ? 0 : op->nr - 8;
	struct codecache_extent *e = m_vector(0);
	struct m_errs errs = { 0 };
	bool common;

	if (!z || z->nr_ext + nr > M_EXTENTS)
		return;
	m_settle_zone(z);
	was = z->nr_ext;
	args.count = nr;
	memset(e, 0, M_FEW * sizeof(*e));
	for (i = 0; i < nr; i++)
		e[i].nr_pages = op->a[8 + i];
	m_alloc_errs(z, &args, &errs);
	m_may(&errs, op->a[3] && nr, EFAULT);
	common = errs.nr;
	index = m_extents_errs(z, op->a + 8, nr, &errs);
	if (!errs.nr && nr) {
		m_may(&errs, z->sealed, EPERM);
		m_may(&errs, w.max_held &&
			     m_held(&w.cache[z->cache]) > w.max_held, EAGAIN);
		common = errs.nr;
		if (!common)
			index = m_alloc_do(z, &args, op->a + 8, nr, &errs);
	}
	if (!m_ioctl(op->a[0], z->fd, CODECACHE_IOC_EXTENT_ALLOC, &args,
		     sizeof(args), &errs)) {
		z->nr_ext = was;
		if (!m_how_bad(op->a[0]) && !op->a[3])
			m_alloc_failed(z, common ? CC_NO_INDEX : index, &args);
		return;
	}
	m_expect("out_failed_index", CC_NO_INDEX, args.out_failed_index);
	m_expect("out_cookie", 0, args.out_cookie);
	m_compare_extents(z, e, nr);
	z->nr_allocated += nr;
}

const struct fz_type m_alloc = {
	"alloc", "how zone flags where min max hint align pages...", 70,
	m_make_alloc, m_run_alloc,
};

/* ---- RETIRE ------------------------------------------------------------------------- */

static bool m_make_retire(struct fz_rng *r, struct fz_op *op)
{
	int zone = m_any_zone(r);
	const struct m_zone *z = &w.zone[zone < 0 ? 0 : zone];
	unsigned int i, nr = fz_one_in(r, 3) ? fz_below(r, M_FEW) : 1;
	uint64_t *a = op->a + 4;

	if (zone < 0 || (!z->nr_ext && !fz_one_in(r, 15)))
		return false;
	op->a[0] = m_how(r);
	op->a[1] = zone;
	op->a[2] = fz_one_in(r, 10) ? fz_below(r, 5) : 0;
	op->a[3] = m_any_where(r);
	if (op->a[2] & CODECACHE_RETIRE_F_ALL && !fz_one_in(r, 10))
		nr = 0;
	for (i = 0; i < nr; i++, a += 2) {
		const struct m_extent *e =
			&z->ext[z->nr_ext ? fz_below(r, z->nr_ext) : 0];

		a[0] = e->first + fz_one_in(r, 60);
		a[1] = e->nr + fz_one_in(r, 60);
	}
	op->nr = a - op->a;
	return true;
}

/* Is it live, and just so long? */
static struct m_extent *m_live(struct m_zone *z, uint64_t first, uint64_t nr)
{
	unsigned int i;

	for (i = 0; i < z->nr_ext; i++) {
		if (z->ext[i].first == first && z->ext[i].nr == nr &&
		    !z->ext[i].retired)
			return &z->ext[i];
	}
	return NULL;
}

/* Errors of the extents that are named; the first at fault, @nr: not one alone. */
static unsigned int m_retire_errs(struct m_zone *z, const uint64_t *a,
				  unsigned int nr, struct m_errs *errs)
{
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		if (m_live(z, a[2 * i], (uint32_t)a[2 * i + 1]))
			continue;
		m_may(errs, true, ENOENT);
		return i;
	}
	for (i = 0; i < nr; i++) {
		for (k = 0; k < i; k++)
			m_may(errs, a[2 * i] == a[2 * k], EINVAL);
	}
	return nr;
}

/* @e is retired; nothing can be stored to it through a view. */
static void m_retire_one(struct m_zone *z, struct m_extent *e, uint64_t cookie)
{
	m_take(z, e->first, e->nr, true);
	e->retired = true;
	e->cookie = cookie;
	z->nr_retired++;
}

/* Those that are named, or all. */
static uint64_t m_retire_do(struct m_zone *z, const uint64_t *a, unsigned int nr,
			    bool all, uint64_t cookie)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pages += (uint32_t)a[2 * i + 1];
		m_retire_one(z, m_live(z, a[2 * i], (uint32_t)a[2 * i + 1]),
			     cookie);
	}
	for (i = 0; all && i < z->nr_ext; i++) {
		if (z->ext[i].retired)
			continue;
		pages += z->ext[i].nr;
		m_retire_one(z, &z->ext[i], cookie);
	}
	return pages;
}

static bool m_has_live(const struct m_zone *z)
{
	unsigned int i;

	for (i = 0; i < z->nr_ext; i++) {
		if (!z->ext[i].retired)
			return true;
	}
	return false;
}

static void m_run_retire(const struct fz_op *op)
{
	struct m_zone *z = m_open_zone(op->a[1]);
	struct codecache_extent_retire_args args = {
		.size = sizeof(args),
		.flags = op->a[2],
		.out_failed_index = CC_UNWRITTEN,
	};
	unsigned int i, bad, nr = op->nr < 4 ? 0 : (op->nr - 4) / 2;
	struct codecache_extent *e = m_vector(0);
	bool all = args.flags & CODECACHE_RETIRE_F_ALL;
	const uint64_t *a = op->a + 4;
	struct m_errs errs = { 0 };

	if (!z)
		return;
	args.count = nr;
	args.addr = nr ? (uintptr_t)m_vector(op->a[3]) : 0;
	memset(e, 0, M_FEW * sizeof(*e));
	for (i = 0; i < nr; i++) {
		e[i].first_page = a[2 * i];
		e[i].nr_pages = a[2 * i + 1];
	}
	m_may(&errs, args.flags & ~3, EOPNOTSUPP);
	m_may(&errs, !z->extents, EOPNOTSUPP);
	m_may(&errs, all && nr, EINVAL);
	m_may(&errs, op->a[3] && nr, EFAULT);
	m_may(&errs, z->sealed && nr && !all, EPERM);
	bad = errs.nr ? nr : m_retire_errs(z, a, nr, &errs);
	if (!m_ioctl(op->a[0], z->fd, CODECACHE_IOC_EXTENT_RETIRE, &args,
		     sizeof(args), &errs)) {
		if (!m_how_bad(op->a[0]) && bad < nr)
			m_expect("out_failed_index", bad, args.out_failed_index);
		return;
	}
	m_expect("out_failed_index", CC_NO_INDEX, args.out_failed_index);
	if (nr || (all && m_has_live(z)))
		m_cookie(&w.cache[z->cache], args.out_cookie);
	else
		m_expect("out_cookie", 0, args.out_cookie);
	m_expect("out_nr_pages", m_retire_do(z, a, nr, all, args.out_cookie),
		 args.out_nr_pages);
}

const struct fz_type m_retire = {
	"retire", "how zone flags where extent...", 24, m_make_retire,
	m_run_retire,
};
