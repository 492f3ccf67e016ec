// SPDX-License-Identifier: MIT
/*
 * The oracle: PROTECT with bitmaps
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "model_prot.h"

enum { M_WORDS = 8 };

static bool m_make_bits(struct fz_rng *r, struct fz_op *op)
{
	int view = m_any_view(r);
	const struct m_view *v = &w.view[view < 0 ? 0 : view];
	unsigned int i, nr = fz_below(r, M_WORDS + 1);

	if (view < 0)
		return false;
	op->nr = 8 + nr;
	op->a[0] = m_how(r);
	op->a[1] = view;
	op->a[2] = CODECACHE_PROTECT_F_BITMAP |
		   (fz_one_in(r, 8) ? CODECACHE_PROTECT_F_POPULATE : 0);
	op->a[3] = m_any_where(r);
	op->a[4] = m_any_page(r, v);
	op->a[5] = nr ? nr * 64 - fz_below(r, 64) : 0;
	if (op->a[4] + op->a[5] > v->nr && !fz_one_in(r, 10))
		op->a[4] = 0;
	if (fz_one_in(r, 200))
		op->a[4] = fz_near(r, v->nr);
	op->a[6] = m_any_prot(r, v);
	op->a[7] = m_any_trap(r);
	for (i = 0; i < nr; i++) {
		op->a[8 + i] = fz_next(r) & fz_next(r);
		if (i * 64 >= v->nr && !fz_one_in(r, 10))
			op->a[8 + i] = 0;
		else if (i * 64 + 64 > v->nr)
			op->a[8 + i] &= ~(~0ULL << (v->nr - i * 64));
	}
	return true;
}

static bool m_bit(const uint64_t *words, uint64_t i)
{
	return words[i / 64] >> i % 64 & 1;
}

/* The bit that is to be named; CC_NO_INDEX if it is not a bit that is at fault. */
static uint64_t m_bits_errs(const struct m_view *v,
			    const struct codecache_view_protect_args *args,
			    const uint64_t *words, struct m_errs *errs)
{
	uint64_t i, last = args->count;

	m_range_errs(v, 0, 1, args->prot, args->trap, errs);
	if (errs->nr)
		return CC_NO_INDEX;
	for (i = 0; i < args->count; i++)
		last = m_bit(words, i) ? i : last;
	if (last == args->count)
		return CC_NO_INDEX;
	for (i = 0; i < args->count; i++) {
		if (!m_bit(words, i))
			continue;
		if (!errs->nr)
			m_range_errs(v, args->first_page, last + 1, 0, 0, errs);
		if (errs->nr && (args->first_page >= v->nr ||
				 args->first_page + i >= v->nr))
			return i;
	}
	return CC_NO_INDEX;
}

static void m_bits_do(struct m_view *v,
		      const struct codecache_view_protect_args *args,
		      const uint64_t *words)
{
	bool populate = args->flags & CODECACHE_PROTECT_F_POPULATE;
	uint64_t i, run, populated = 0, pages = 0;

	for (i = 0; i < args->count; i++) {
		if (!m_bit(words, i))
			continue;
		m_protect(v, args->first_page + i, 1, args->prot, args->trap);
		pages++;
	}
	v->nr_of.protects += args->count > 0;
	v->nr_of.protected += pages;
	/* What has no room ends a run of bits, but not the call. */
	for (i = 0; i < args->count && populate; i += run + 1) {
		for (run = 0; i + run < args->count && m_bit(words, i + run); )
			run++;
		populated += m_populate(v, args->first_page + i, run);
	}
	m_protect_told(v, !args->count, populate, populated, args);
}

static void m_run_bits(const struct fz_op *op)
{
	struct m_view *v = m_open_view(op->a[1]);
	struct codecache_view_protect_args args = {
		.flags = op->a[2] | CODECACHE_PROTECT_F_BITMAP,
		.count = op->a[5],
		.first_page = op->a[4],
		.prot = op->a[6],
		.trap = op->a[7],
	};
	const uint64_t *words = op->a + 8;
	uint64_t bad = CC_NO_INDEX;
	struct m_errs errs = { 0 };

	if (!v || op->nr < 8 || args.count > (op->nr - 8) * 64)
		return;
	if (args.flags & CODECACHE_PROTECT_F_POPULATE)
		m_settle_zone(&w.zone[v->zone]);
	args.addr = (uintptr_t)m_vector(op->a[3]);
	if (op->a[3] == M_AT_HOME)
		memcpy(m_arena + M_ARENA_DATA, words, (op->nr - 8) * 8);
	else
		m_may(&errs, args.count, EFAULT);
	if (args.count)
		bad = m_bits_errs(v, &args, words, &errs);
	if (m_protect_call(op->a[0], v, &args, &errs))
		m_bits_do(v, &args, words);
	else if (!m_how_bad(op->a[0]) && op->a[3] == M_AT_HOME &&
		 !(args.flags & CODECACHE_PROTECT_F_POPULATE &&
		   v->kind == CODECACHE_VIEW_UFFD))
		m_expect("out_failed_index", bad, args.out_failed_index);
}

const struct fz_type m_protect_bits = {
	"protect_bits", "how view flags where first count prot trap word...", 40,
	m_make_bits, m_run_bits,
};
