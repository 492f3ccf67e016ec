// SPDX-License-Identifier: MIT
/*
 * The oracle's views: protections, page table entries, accesses and their traps
 *
 * Entries are modelled since POPULATE counts them, since a fetch from a data view is
 * told apart by them, and since munmap() makes unsure what had one.
 */
#include "model.h"

#include <string.h>

#define M_R	CODECACHE_PROT_READ
#define M_W	CODECACHE_PROT_WRITE
#define M_X	CODECACHE_PROT_EXEC

/* What INFO calls out_fault_around_pages, and what one page table maps. */
enum { M_AROUND = 16, M_TABLE = 512 };

/* ---- kinds ------------------------------------------------------------------ */

uint32_t m_full(uint32_t kind)
{
	return kind == CODECACHE_VIEW_EXEC ? M_R | M_X : M_R | M_W;
}

bool m_kind_has(uint32_t kind, uint32_t prot)
{
	if (prot == m_full(kind) || !prot)
		return true;
	return prot == M_R && (kind == CODECACHE_VIEW_WRITE ||
			       kind == CODECACHE_VIEW_DATA);
}

uint32_t m_trap_mode(const struct m_view *v, uint32_t trap)
{
	switch (trap) {
	case CODECACHE_RANGE_F_SIGNAL:
		return CODECACHE_TRAP_SIGNAL;
	case CODECACHE_RANGE_F_LOG:
		return CODECACHE_TRAP_LOG;
	case CODECACHE_RANGE_F_BLOCK:
		return CODECACHE_TRAP_BLOCK;
	}
	return v->mode;
}

uint32_t m_state(const struct m_vpage *p, uint32_t *may)
{
	uint32_t is = 0;

	*may = 0;
	if (p->dirty)
		*(p->dirty == M_YES ? &is : may) |= CC_DIRTY;
	if (p->young)
		*(p->young == M_YES ? &is : may) |= CC_YOUNG;
	if (p->lost)
		is |= CC_LOST;
	return is;
}

/* ---- entries ---------------------------------------------------------------- */

static struct m_zone *m_zone_of(const struct m_view *v)
{
	return &w.zone[v->zone];
}

/* Can it be accessed at all, were its protection as it should be? */
bool m_usable(const struct m_view *v, uint64_t page, uint32_t access)
{
	struct m_zone *z = m_zone_of(v);
	struct m_extent *e;

	if (z->sealed && v->kind == CODECACHE_VIEW_WRITE)
		return false;
	if (!z->extents)
		return true;
	e = m_extent_at(z, v->first + page);
	if (!e)
		return false;
	/* Zero is never read from a retired extent. */
	return !e->retired ||
	       (access != M_W && z->filled[v->first + page]);
}

/* What an entry of a page that is there allows. */
static uint32_t m_rights(const struct m_view *v, uint64_t page)
{
	uint32_t prot = v->p[page].prot;

	if (!m_usable(v, page, M_R))
		return 0;
	return m_usable(v, page, M_W) ? prot : prot & ~M_W;
}

static void m_around(struct m_view *v, uint64_t page)
{
	uint64_t table = ((uintptr_t)v->map / M_PAGE + page) / M_TABLE;
	uint64_t from = page - page % M_AROUND, at;

	for (at = from; at < from + M_AROUND && at < v->nr; at++) {
		struct m_vpage *p = &v->p[at];

		if (((uintptr_t)v->map / M_PAGE + at) / M_TABLE != table ||
		    p->entry || !m_zone_of(v)->filled[v->first + at])
			continue;
		p->entry = m_rights(v, at);
	}
}

/* An access that is made: entries, and what the processor notes. */
static void m_touch(struct m_view *v, uint64_t page, uint32_t access)
{
	struct m_vpage *p = &v->p[page];

	if (!p->entry || !(p->entry & access)) {
		p->entry = m_rights(v, page);
		if (access != M_W)
			m_around(v, page);
	}
	if (p->young != M_YES)
		p->young = p->fast ? M_VAGUE : M_YES;
	p->sure |= CC_YOUNG;
	if (access != M_W)
		return;
	p->dirty = M_YES;
	p->sure |= CC_DIRTY;
}

/* ---- traps ------------------------------------------------------------------ */

static void m_note(struct m_view *v, uint64_t page, uint32_t access, pid_t tid)
{
	uint64_t used = v->log.head - v->log.tail;

	v->seq++;
	v->nr_of.logged++;
	if (v->log.made && v->log.tail > v->log.head)
		used = v->log.nr;
	if (!v->log.made || used >= v->log.nr) {
		v->log.lost += v->log.made;
		v->nr_of.log_lost++;
		v->p[page].lost = M_YES;
		return;
	}
	v->log.want[v->log.head % v->log.nr] = (struct codecache_log_entry){
		.stamp = v->log.head + 1,
		.seq = v->seq,
		.page = page,
		.access = access,
		.tid = tid,
	};
	v->log.head++;
}

/* Can anything that is done about its protection allow it? */
static bool m_allowable(const struct m_view *v, uint64_t page, uint32_t access)
{
	return m_full(v->kind) & access && m_usable(v, page, access);
}

bool m_would_sleep(const struct m_view *v, uint64_t page, uint32_t access,
		   bool kernel)
{
	return v->map && v->kind != CODECACHE_VIEW_UFFD &&
	       !(v->p[page].prot & access) && m_allowable(v, page, access) &&
	       v->p[page].mode == CODECACHE_TRAP_BLOCK && v->fd >= 0 &&
	       (!kernel || v->block_kernel);
}

static enum m_fate m_trap(struct m_view *v, uint64_t page, uint32_t access,
			  bool kernel, pid_t tid)
{
	struct m_vpage *p = &v->p[page];

	if (m_would_sleep(v, page, access, kernel))
		return M_SLEEPS;
	if (p->mode != CODECACHE_TRAP_LOG || !m_allowable(v, page, access))
		return M_SEGV;
	m_note(v, page, access, tid);
	p->prot |= access == M_R && v->kind != CODECACHE_VIEW_EXEC ?
		   M_R : m_full(v->kind);
	return M_DONE;
}

static enum m_fate m_access_uffd(struct m_view *v, uint64_t page,
				 uint32_t access)
{
	m_zone_of(v)->resident[v->first + page] = true;
	return access == M_X ? M_ACCERR : M_DONE;
}

enum m_fate m_access(struct m_view *v, uint64_t page, uint32_t access,
		     bool kernel, pid_t tid)
{
	struct m_zone *z = m_zone_of(v);
	enum m_fate fate;

	if (!v->map)
		return M_SEGV;
	if (access == M_W && v->kind == CODECACHE_VIEW_EXEC)
		return M_ACCERR;
	if (v->kind == CODECACHE_VIEW_UFFD)
		return m_access_uffd(v, page, access);
	if (access == M_X && v->kind != CODECACHE_VIEW_EXEC &&
	    v->p[page].entry)
		return M_ACCERR;
	if (!(v->p[page].prot & access)) {
		fate = m_trap(v, page, access, kernel, tid);
		if (fate != M_DONE)
			return fate;
	}
	if (!m_usable(v, page, access))
		return M_SEGV;
	if (!z->filled[v->first + page] && !m_may_fill())
		return M_BUS;
	m_fill(z, v->first + page);
	m_touch(v, page, access);
	return M_DONE;
}

/* ---- changes ---------------------------------------------------------------- */

static void m_protect_page(struct m_view *v, uint64_t page, uint32_t prot)
{
	struct m_vpage *p = &v->p[page];
	bool was = p->prot;

	p->prot = prot;
	if (!v->map)
		return;
	if (!prot)
		p->entry = 0;
	else if (p->entry || (!was && m_zone_of(v)->filled[v->first + page]))
		p->entry = m_rights(v, page);
}

void m_protect(struct m_view *v, uint64_t first, uint64_t nr, uint32_t prot,
	       uint32_t trap)
{
	uint64_t page;

	if (v->kind == CODECACHE_VIEW_UFFD)
		return;
	for (page = first; page < first + nr; page++) {
		m_protect_page(v, page, prot);
		v->p[page].mode = m_trap_mode(v, trap);
	}
}

uint64_t m_populate(struct m_view *v, uint64_t first, uint64_t nr)
{
	struct m_zone *z = m_zone_of(v);
	uint64_t page, done = 0;

	for (page = first; v->map && page < first + nr; page++) {
		struct m_vpage *p = &v->p[page];

		if (!p->prot || !m_usable(v, page, M_R))
			continue;
		if (!z->filled[v->first + page] && !m_may_fill())
			break;
		m_fill(z, v->first + page);
		done += !p->entry;
		p->entry = m_rights(v, page);
	}
	v->nr_of.populated += done;
	return done;
}

void m_take(struct m_zone *z, uint64_t first, uint64_t nr, bool writers)
{
	uint64_t page;
	int i;

	for (i = 0; i < M_VIEWS; i++) {
		struct m_view *v = &w.view[i];

		if (!v->used || &w.zone[v->zone] != z ||
		    (writers && v->kind == CODECACHE_VIEW_EXEC))
			continue;
		for (page = 0; page < v->nr; page++) {
			if (v->first + page >= first &&
			    v->first + page - first < nr)
				v->p[page].entry = 0;
		}
	}
}

/* What had an entry is unsure; what else the module takes for that, may be. */
static void m_make_unsure(struct m_view *v, struct m_vpage *p)
{
	bool writes = m_full(v->kind) & M_W;

	p->sure = 0;
	if (p->entry) {
		p->dirty = writes ? M_YES : p->dirty;
		p->young = M_YES;
		p->unsure = M_YES;
		return;
	}
	if (writes && p->dirty == M_NO)
		p->dirty = M_MAYBE;
	if (p->young == M_NO)
		p->young = M_MAYBE;
	if (p->unsure == M_NO)
		p->unsure = M_MAYBE;
}

void m_unmapped(struct m_view *v, bool exact)
{
	uint64_t page;

	for (page = 0; page < v->nr; page++) {
		if (!exact && v->kind != CODECACHE_VIEW_UFFD)
			m_make_unsure(v, &v->p[page]);
		v->p[page].entry = 0;
	}
	v->map = NULL;
}
