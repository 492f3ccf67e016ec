// SPDX-License-Identifier: MIT
/*
 * The oracle: calls that the defined answers are about, STATS, limits
 */
#include "model.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- defined answers ---------------------------------------------------------------- */

static int m_result(long ret)
{
	return ret == -1 ? errno : 0;
}

static int m_munmap_part(unsigned char *p, size_t bytes)
{
	return m_result(munmap(p + M_PAGE, bytes - M_PAGE));
}

static int m_mprotect(unsigned char *p, size_t bytes)
{
	return m_result(mprotect(p, bytes, PROT_READ));
}

static int m_move(unsigned char *p, size_t bytes)
{
	return m_result((long)mremap(p, bytes, bytes, MREMAP_MAYMOVE |
				     MREMAP_FIXED, p + 0x2000000));
}

static int m_grow(unsigned char *p, size_t bytes)
{
	return m_result((long)mremap(p, bytes, bytes + M_PAGE, MREMAP_MAYMOVE));
}

static int m_shrink(unsigned char *p, size_t bytes)
{
	return m_result((long)mremap(p, bytes, bytes - M_PAGE, 0));
}

static int m_dontneed(unsigned char *p, size_t bytes)
{
	return m_result(madvise(p, bytes, MADV_DONTNEED));
}

static int m_remove(unsigned char *p, size_t bytes)
{
	return m_result(madvise(p, bytes, MADV_REMOVE));
}

static int m_dofork(unsigned char *p, size_t bytes)
{
	return m_result(madvise(p, bytes, MADV_DOFORK));
}

static int m_willneed(unsigned char *p, size_t bytes)
{
	return m_result(madvise(p, bytes, MADV_WILLNEED));
}

static int m_mlock(unsigned char *p, size_t bytes)
{
	return m_result(mlock(p, bytes));
}

static int m_msync(unsigned char *p, size_t bytes)
{
	return m_result(msync(p, bytes, MS_SYNC));
}

static int m_mincore(unsigned char *p, size_t bytes)
{
	unsigned char vec[M_PAGES];

	return m_result(mincore(p, bytes, vec));
}

/* The table of Documentation/design.rst, for views that are not uffd's. */
static const struct {
	const char *name;
	int (*call)(unsigned char *p, size_t bytes);
	int want;
	unsigned int least;	/* pages that it takes */
} m_answers[] = {
	{ "munmap of a part", m_munmap_part, EINVAL, 2 },
	{ "mprotect", m_mprotect, EACCES, 1 },
	{ "mremap: move", m_move, EINVAL, 1 },
	{ "mremap: grow", m_grow, EFAULT, 1 },
	{ "mremap: shrink", m_shrink, EINVAL, 2 },
	{ "MADV_DONTNEED", m_dontneed, EINVAL, 1 },
	{ "MADV_REMOVE", m_remove, ENODEV, 1 },
	{ "MADV_DOFORK", m_dofork, EINVAL, 1 },
	{ "MADV_WILLNEED", m_willneed, 0, 1 },
	{ "mlock", m_mlock, 0, 1 },
	{ "msync", m_msync, EINVAL, 1 },
	{ "mincore", m_mincore, 0, 1 },
};

static bool m_make_mm(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = m_mapped_view(r);
	op->a[1] = fz_below(r, ARRAY_LEN(m_answers));
	return m_mapped_view(r) >= 0;
}

static void m_run_mm(const struct fz_op *op)
{
	struct m_view *v = m_view_mapped(op->a[0]);
	unsigned int i = op->a[1] % ARRAY_LEN(m_answers);
	int want = m_answers[i].want;

	if (!v || v->kind == CODECACHE_VIEW_UFFD || v->nr < m_answers[i].least)
		return;
	if (want == ENODEV && v->kind == CODECACHE_VIEW_EXEC)
		want = EACCES;
	m_expect(m_answers[i].name, want,
		 m_answers[i].call(v->map, v->nr * M_PAGE));
}

const struct fz_type m_mm = {
	"mm", "view which", 15, m_make_mm, m_run_mm,
};

/* ---- STATS --------------------------------------------------------------------------- */

enum { M_OF_CACHE, M_OF_ZONE, M_OF_VIEW, M_OF_NR };

static bool m_make_stats(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 3;
	op->a[0] = m_how(r);
	op->a[1] = fz_below(r, M_OF_NR);
	op->a[2] = op->a[1] == M_OF_CACHE ? m_any_cache(r) :
		   op->a[1] == M_OF_ZONE ? m_any_zone(r) : m_any_view(r);
	return true;
}

static void m_stats_view(const struct m_view *v,
			 const struct codecache_stats_args *s)
{
	uint64_t page, resident = 0;

	for (page = 0; page < v->nr; page++)
		resident += w.zone[v->zone].resident[v->first + page];
	m_expect("out_object", CODECACHE_OBJECT_VIEW, s->out_object);
	m_expect("out_kind", v->kind, s->out_kind);
	m_expect("out_bytes", v->nr * M_PAGE, s->out_bytes);
	m_expect("out_resident_pages", resident, s->out_resident_pages);
	m_expect("out_protect_calls", v->nr_of.protects, s->out_protect_calls);
	m_expect("out_protect_pages", v->nr_of.protected, s->out_protect_pages);
	m_expect("out_query_calls", v->nr_of.queries, s->out_query_calls);
	m_expect("out_query_pages", v->nr_of.found, s->out_query_pages);
	m_expect("out_populated", v->nr_of.populated, s->out_populated);
	m_expect("out_traps_logged", v->nr_of.logged, s->out_traps_logged);
	m_expect("out_traps_lost", v->nr_of.log_lost, s->out_traps_lost);
	m_expect("out_traps_blocked", v->nr_of.blocked, s->out_traps_blocked);
	m_expect("out_events_resolved", v->nr_of.resolved,
		 s->out_events_resolved);
}

/* What zones and caches have in common: sums of it for some zones. */
static void m_stats_sum(const struct m_zone *z, struct codecache_stats_args *s)
{
	uint64_t page;
	unsigned int i;

	for (page = 0; page < z->nr; page++)
		s->out_resident_pages += z->resident[page];
	s->out_bytes += z->nr * M_PAGE;
	s->out_retired_pages += m_retired_pages(z);
	for (i = 0; i < z->nr_ext; i++) {
		s->out_live_extents += !z->ext[i].retired;
		s->out_live_pages += z->ext[i].retired ? 0 : z->ext[i].nr;
	}
	for (i = 0; i < M_VIEWS; i++)
		s->out_nr_views += w.view[i].used &&
				   &w.zone[w.view[i].zone] == z;
}

static void m_stats_compare(const struct codecache_stats_args *want,
			    const struct codecache_stats_args *s)
{
	m_expect("out_object", want->out_object, s->out_object);
	m_expect("out_kind", want->out_kind, s->out_kind);
	m_expect("out_nr_views", want->out_nr_views, s->out_nr_views);
	m_expect("out_bytes", want->out_bytes, s->out_bytes);
	m_expect("out_resident_pages", want->out_resident_pages,
		 s->out_resident_pages);
	m_expect("out_retired_pages", want->out_retired_pages,
		 s->out_retired_pages);
	m_expect("out_live_extents", want->out_live_extents,
		 s->out_live_extents);
	m_expect("out_live_pages", want->out_live_pages, s->out_live_pages);
}

static void m_stats_zone(const struct m_zone *z,
			 const struct codecache_stats_args *s)
{
	struct codecache_stats_args want = {
		.out_object = CODECACHE_OBJECT_ZONE,
		.out_kind = z->zone_class,
	};

	m_stats_sum(z, &want);
	m_stats_compare(&want, s);
	m_expect("out_extents_allocated", z->nr_allocated,
		 s->out_extents_allocated);
	m_expect("out_extents_retired", z->nr_retired, s->out_extents_retired);
}

static void m_stats_cache(const struct m_cache *c,
			  const struct codecache_stats_args *s)
{
	struct codecache_stats_args want = {
		.out_object = CODECACHE_OBJECT_CACHE,
	};
	uint64_t nr_zones = 0, living = 0, readers = 0;
	int i;

	for (i = 0; i < M_ZONES; i++) {
		if (!w.zone[i].used || &w.cache[w.zone[i].cache] != c)
			continue;
		m_stats_sum(&w.zone[i], &want);
		nr_zones++;
	}
	for (i = 0; i < M_READERS; i++) {
		living += m_reader_lives(&c->reader[i]);
		readers += c->reader[i].used;
	}
	m_stats_compare(&want, s);
	m_expect("out_nr_zones", nr_zones, s->out_nr_zones);
	m_expect("out_held_pages", m_held(c), s->out_held_pages);
	m_true("out_readers", s->out_readers >= living &&
			      s->out_readers <= readers);
}

static void m_run_stats(const struct fz_op *op)
{
	struct m_cache *c = op->a[1] == M_OF_CACHE ? m_open_cache(op->a[2]) : NULL;
	struct m_zone *z = op->a[1] == M_OF_ZONE ? m_open_zone(op->a[2]) : NULL;
	struct m_view *v = op->a[1] == M_OF_VIEW ? m_open_view(op->a[2]) : NULL;
	struct codecache_stats_args s = { .size = sizeof(s) };
	struct m_errs errs = { 0 };

	if (!c && !z && !v)
		return;
	m_settle_all();
	if (!m_ioctl(op->a[0], c ? c->fd : z ? z->fd : v->fd,
		     CODECACHE_IOC_STATS, &s, sizeof(s), &errs))
		return;
	if (c)
		m_stats_cache(c, &s);
	else if (z)
		m_stats_zone(z, &s);
	else
		m_stats_view(v, &s);
}

const struct fz_type m_stats = {
	"stats", "how of which", 10, m_make_stats, m_run_stats,
};

/* ---- limits ---------------------------------------------------------------------------- */

static bool m_make_limit(struct fz_rng *r, struct fz_op *op)
{
	op->nr = 2;
	op->a[0] = fz_below(r, 2);
	op->a[1] = w.max_pages || w.max_held != w.unlimited_held ? 0 :
		   1 + fz_below(r, op->a[0] ? 30 : 200);
	return true;
}

/* 0: how many pages there may be; 1: how many retired ones. */
static void m_run_limit(const struct fz_op *op)
{
	uint64_t *limit = op->a[0] ? &w.max_held : &w.max_pages;
	uint64_t value = op->a[1];

	if (op->a[0] && !value)
		value = w.unlimited_held;
	if (!cc_set_param(op->a[0] ? "max_held_pages" : "user_max_pages", value))
		*limit = value;
}

const struct fz_type m_limit = {
	"limit", "which value", 3, m_make_limit, m_run_limit,
};
