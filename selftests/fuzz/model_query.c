// SPDX-License-Identifier: MIT
/*
 * The oracle: QUERY, its answers as ranges and as a bitmap, and what it clears
 *
 * An answer is first taken apart into a state for each page, then each is compared
 * with what the model knows. Where that is "perhaps", the answer is believed.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include "model_prot.h"

enum { M_ROOM = 2048,		/* ranges that the arena has room for */
       M_ALL = CODECACHE_PAGE_DIRTY | CODECACHE_PAGE_YOUNG | CODECACHE_PAGE_LOST };

/**
 * struct m_answer - a QUERY, and what came of it
 * @v: the view
 * @args: the structure
 * @first: first page
 * @end: the page after the last one that was asked for
 * @next: out_next_page
 * @state: of each page: what was reported, CODECACHE_PAGE_*
 */
struct m_answer {
	struct m_view *v;
	const struct codecache_view_query_args *args;
	uint64_t first;
	uint64_t end;
	uint64_t next;
	uint16_t state[M_PAGES];
};

/* ---- making one ---------------------------------------------------------------- */

static bool m_make_query(struct fz_rng *r, struct fz_op *op)
{
	int view = m_any_view(r);
	const struct m_view *v = &w.view[view < 0 ? 0 : view];
	bool bitmap = fz_one_in(r, 3), exec;

	if (view < 0)
		return false;
	exec = v->kind == CODECACHE_VIEW_EXEC && !fz_one_in(r, 30);
	op->nr = 10;
	op->a[0] = m_how(r);
	op->a[1] = view;
	op->a[2] = bitmap | (fz_one_in(r, 5) ? CODECACHE_QUERY_F_PROTECT : 0) |
		   (fz_one_in(r, 8) ? CODECACHE_QUERY_F_FAST_YOUNG : 0);
	op->a[3] = m_any_where(r);
	op->a[4] = fz_one_in(r, 6) ? 0 : bitmap ? fz_below(r, v->nr + 70) + 1 :
		   fz_one_in(r, 2) ? fz_below(r, 6) + 1 : 1500;
	op->a[5] = fz_one_in(r, 3) ? fz_near(r, v->nr) : 0;
	op->a[6] = fz_one_in(r, 2) ? 0 : fz_near(r, v->nr - op->a[5] + 1);
	op->a[7] = bitmap ? 1ULL << fz_below(r, 3) : 1 + fz_below(r, 7);
	if (exec)
		op->a[7] = (op->a[7] & ~1) ?: CC_YOUNG;
	op->a[8] = op->a[7] & fz_below(r, 8);
	if (fz_one_in(r, 100))
		op->a[7 + fz_below(r, 2)] = fz_below(r, 20);
	if (op->a[2] & CODECACHE_QUERY_F_PROTECT || fz_one_in(r, 100))
		op->a[9] = fz_one_in(r, 30) ? fz_below(r, 9) :
			   v->kind == CODECACHE_VIEW_EXEC ? 0 : fz_below(r, 2);
	return true;
}

/* ---- what is wrong ------------------------------------------------------------- */

static void m_query_errs(const struct m_view *v,
			 const struct codecache_view_query_args *a,
			 struct m_errs *errs)
{
	bool protects = a->flags & CODECACHE_QUERY_F_PROTECT;
	uint64_t end = a->first_page + a->nr_pages;

	m_may(errs, v->kind == CODECACHE_VIEW_UFFD, EOPNOTSUPP);
	m_may(errs, !a->addr != !a->count, EINVAL);
	m_may(errs, !a->find || a->find & ~M_ALL || a->clear & ~a->find, EINVAL);
	m_may(errs, a->flags & CODECACHE_QUERY_F_BITMAP &&
		    a->find & (a->find - 1), EINVAL);
	m_may(errs, a->find & CC_DIRTY && v->kind == CODECACHE_VIEW_EXEC,
	      EOPNOTSUPP);
	m_may(errs, a->prot && !protects, EINVAL);
	m_may(errs, a->prot > 7, EINVAL);
	m_may(errs, protects && !m_kind_has(v->kind, a->prot), EOPNOTSUPP);
	m_may(errs, protects && a->prot == m_full(v->kind), EINVAL);
	m_may(errs, end < a->first_page, EOVERFLOW);
	m_may(errs, end > v->nr || a->first_page >= v->nr, ERANGE);
}

/* Is there something in the window of which the model is not sure? */
static bool m_query_vague(const struct m_answer *q)
{
	uint64_t page;
	uint32_t may;

	for (page = q->first; page < q->end; page++) {
		m_state(&q->v->p[page], &may);
		if (may & q->args->find)
			return true;
	}
	return false;
}

/* How many pages are found for sure. */
static uint64_t m_query_sure(const struct m_answer *q, uint64_t *maybe)
{
	uint64_t page, sure = 0;
	uint32_t may;

	*maybe = 0;
	for (page = q->first; page < q->end; page++) {
		if (m_state(&q->v->p[page], &may) & q->args->find)
			sure++;
		else
			*maybe += !!(may & q->args->find);
	}
	return sure;
}

/* ---- taking answers apart -------------------------------------------------------- */

static void m_take_ranges(struct m_answer *q,
			  const struct codecache_page_range *r)
{
	uint64_t i, page, at = q->first;

	m_true("out_count is not beyond the room",
	       q->args->out_count <= q->args->count);
	for (i = 0; i < q->args->out_count; i++) {
		m_true("ranges ascend", r[i].first_page >= at);
		at = r[i].first_page + r[i].nr_pages;
		m_true("ranges end before out_next_page", at <= q->next);
		m_true("ranges are not empty", r[i].nr_pages);
		m_expect("prot of a range", 0, r[i].prot);
		m_true("neighbours of the same state are one range",
		       !i || r[i].first_page > r[i - 1].first_page +
					       r[i - 1].nr_pages ||
		       r[i].state != r[i - 1].state);
		m_true("a state is what was asked for",
		       r[i].state & q->args->find &&
		       !(r[i].state & ~(q->args->find | CC_UNSURE)));
		for (page = r[i].first_page; page < at; page++)
			q->state[page] = r[i].state;
	}
}

static void m_take_bits(struct m_answer *q, const uint64_t *words)
{
	uint64_t i, nr = q->args->count < q->end - q->first ?
			 q->args->count : q->end - q->first;

	m_expect("out_count", nr, q->args->out_count);
	for (i = 0; i < (q->args->count + 63) / 64 * 64; i++) {
		if (!(words[i / 64] >> i % 64 & 1))
			continue;
		/* Words beyond the last one that was written are as they were. */
		if (i >= (nr + 63) / 64 * 64)
			break;
		m_true("bits are of pages that were asked for", i < nr);
		q->state[q->first + i] = q->args->find;
	}
}

/* It stops before the end only if a range more would not fit. */
static void m_stopped(const struct m_answer *q)
{
	const struct codecache_view_query_args *a = q->args;

	if (q->next == q->end)
		return;
	if (a->flags & CODECACHE_QUERY_F_BITMAP) {
		m_expect("out_next_page", q->first + a->count, q->next);
		return;
	}
	m_true("something fits", q->next > q->first);
	m_expect("out_count of an array that is full", a->count, a->out_count);
}

/* ---- comparing ------------------------------------------------------------------- */

static void m_compare_unsure(struct m_vpage *p, uint16_t got)
{
	bool unsure = got & CC_UNSURE;

	if (!(got & (CC_DIRTY | CC_YOUNG))) {
		m_true("LOST alone is not unsure", !unsure);
		return;
	}
	if (p->unsure != M_MAYBE)
		m_expect("unsure", p->unsure == M_YES, unsure);
	p->unsure = unsure;
	if (unsure)
		return;
	m_true("what perhaps is not so is unsure",
	       !(got & CC_DIRTY && p->dirty == M_MAYBE) &&
	       !(got & CC_YOUNG && p->young == M_MAYBE));
	if (p->dirty == M_MAYBE)
		p->dirty = M_NO;
	if (p->young == M_MAYBE)
		p->young = M_NO;
}

static void m_believe(struct m_vpage *p, uint8_t *bit, bool asked, bool so)
{
	if (!asked || (*bit != M_MAYBE && *bit != M_VAGUE))
		return;
	if (*bit == M_MAYBE && so)
		p->unsure = M_YES;
	*bit = so ? M_YES : M_NO;
}

static void m_compare(struct m_answer *q, uint64_t page)
{
	struct m_vpage *p = &q->v->p[page];
	uint32_t find = q->args->find, may, is = m_state(p, &may);
	uint16_t got = q->state[page];
	bool bitmap = q->args->flags & CODECACHE_QUERY_F_BITMAP;

	if ((got ^ is) & find & ~may) {
		printf("# page %llu is %#x, perhaps %#x\n",
		       (unsigned long long)page, is, may);
		m_expect("state of a page", is & find, got);
	}
	if (!bitmap)
		m_compare_unsure(p, got);
	m_believe(p, &p->dirty, find & CC_DIRTY, got & CC_DIRTY);
	m_believe(p, &p->young, find & CC_YOUNG, got & CC_YOUNG);
}

/* ---- what it does ------------------------------------------------------------------ */

static void m_clear(struct m_answer *q, struct m_vpage *p)
{
	uint32_t clear = q->args->clear;

	if (clear & CC_DIRTY)
		p->dirty = M_NO;
	if (clear & CC_YOUNG) {
		p->young = M_NO;
		p->fast = q->args->flags & CODECACHE_QUERY_F_FAST_YOUNG &&
			  p->entry;
	}
	if (clear & CC_LOST)
		p->lost = M_NO;
	p->sure &= ~clear;
	/* "Unsure" is said of bits that are set, and may be of those that are so. */
	if (p->dirty == M_NO && p->young == M_NO)
		p->unsure = M_NO;
	else if (p->unsure == M_YES && clear & (CC_DIRTY | CC_YOUNG) &&
		 (p->dirty != M_YES || p->sure & CC_DIRTY) &&
		 (p->young != M_YES || p->sure & CC_YOUNG))
		p->unsure = M_MAYBE;
}

/* Found: cleared, and narrowed; whether it was narrowed. */
static bool m_found(struct m_answer *q, uint64_t page)
{
	struct m_vpage *p = &q->v->p[page];
	uint32_t keep = p->prot & q->args->prot, was = p->prot;

	m_clear(q, p);
	if (!(q->args->flags & CODECACHE_QUERY_F_PROTECT) || keep == was)
		return false;
	p->prot = keep;
	p->entry &= keep;
	return true;
}

static void m_query_apply(struct m_answer *q)
{
	uint64_t page, found = 0;
	bool narrowed = false;

	for (page = q->first; page < q->next; page++) {
		m_compare(q, page);
		if (!(q->state[page] & M_ALL))
			continue;
		found++;
		narrowed |= m_found(q, page);
	}
	m_expect("out_nr_pages", found, q->args->out_nr_pages);
	if (narrowed)
		q->v->seq++;
	m_expect("out_seq", narrowed ? q->v->seq : 0, q->args->out_seq);
	q->v->nr_of.found += found;
}

/* Nothing but a number: all that is found in the window is believed. */
static void m_query_counted(struct m_answer *q)
{
	uint64_t page, maybe, sure = m_query_sure(q, &maybe);
	bool narrowed = false;
	uint32_t may;

	m_expect("out_next_page", q->end, q->next);
	m_expect("out_count", 0, q->args->out_count);
	m_true("out_nr_pages", q->args->out_nr_pages >= sure &&
			       q->args->out_nr_pages <= sure + maybe);
	for (page = q->first; page < q->end; page++) {
		if ((m_state(&q->v->p[page], &may) | may) & q->args->find)
			narrowed |= m_found(q, page);
	}
	if (narrowed)
		q->v->seq++;
	m_expect("out_seq", narrowed ? q->v->seq : 0, q->args->out_seq);
	q->v->nr_of.found += q->args->out_nr_pages;
}

/* ---- the operation ------------------------------------------------------------------ */

/* Not to be said what comes of it: pages lose rights, perhaps, and it fails. */
static bool m_query_skip(const struct m_answer *q, uint64_t where)
{
	const struct codecache_view_query_args *a = q->args;
	bool protects = a->flags & CODECACHE_QUERY_F_PROTECT;

	if (a->count > M_ROOM || (where && (protects || !a->count)))
		return true;
	/* By number alone the model would not learn which. */
	return !a->count && m_query_vague(q) && (protects || a->clear != a->find);
}

static void m_run_query(const struct fz_op *op)
{
	static struct m_answer q;
	struct codecache_view_query_args args = {
		.size = sizeof(args),
		.flags = op->a[2],
		.addr = op->a[4] ? (uintptr_t)m_vector(op->a[3]) : 0,
		.count = op->a[4],
		.first_page = op->a[5],
		.nr_pages = op->a[6],
		.find = op->a[7],
		.clear = op->a[8],
		.prot = op->a[9],
	};
	struct m_errs errs = { 0 };
	uint64_t maybe;

	memset(&q, 0, sizeof(q));
	q.v = m_open_view(op->a[1]);
	q.args = &args;
	if (!q.v)
		return;
	m_query_errs(q.v, &args, &errs);
	if (!errs.nr) {
		q.first = args.first_page;
		q.end = q.first + (args.nr_pages ?: q.v->nr - q.first);
		if (m_query_skip(&q, op->a[3]))
			return;
		if (op->a[3] && (args.flags & CODECACHE_QUERY_F_BITMAP ||
				 m_query_sure(&q, &maybe)))
			m_may(&errs, true, EFAULT);
		else if (op->a[3])
			return;	/* nothing to be written, perhaps */
	}
	memset(m_arena + M_ARENA_DATA, 0xff, M_ARENA_BYTES - M_ARENA_DATA);
	if (!m_ioctl(op->a[0], q.v->fd, CODECACHE_IOC_VIEW_QUERY, &args,
		     sizeof(args), &errs))
		return;
	q.next = args.out_next_page;
	m_true("out_next_page", q.next >= q.first && q.next <= q.end);
	q.v->nr_of.queries++;
	if (!args.count) {
		m_query_counted(&q);
		return;
	}
	if (args.flags & CODECACHE_QUERY_F_BITMAP)
		m_take_bits(&q, (void *)(m_arena + M_ARENA_DATA));
	else
		m_take_ranges(&q, (void *)(m_arena + M_ARENA_DATA));
	m_stopped(&q);
	m_query_apply(&q);
}

const struct fz_type m_query = {
	"query", "how view flags where count first nr find clear prot", 130,
	m_make_query, m_run_query,
};
