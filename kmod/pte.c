// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache page tables: editing many entries of a PFN mapping, with one flush
 *
 * Concepts: entries are written in place, under the page table lock, from the
 *           callback of apply_to_page_range(). That call is made for one page
 *           per page table; the callback gets a pointer into the table, whose
 *           lock covers it whole, and walks all ranges that lie in it. So the
 *           cost is one walk per page table touched plus a little per page: a
 *           dense vector is a single span walk, a sparse one a walk per range.
 *           Tables that hold none of our entries (view->populated) are skipped
 *           over, so holes cost next to nothing.
 *
 *           TLB: no function that flushes is exported, but tlb_finish_mmu()
 *           flushes a whole mm when mm_tlb_flush_nested() says that somebody
 *           else has edited entries and not flushed yet. We are that somebody:
 *           inc_tlb_flush_pending(), edits, then a zap of nothing. The precedent
 *           for the increment is mm/mapping_dirty_helpers.c.
 *
 * Guarantees, of begin, apply and end together, under view->lock exclusive:
 *  - when end returns, no CPU holds a translation that allows more than the
 *    ranges do;
 *  - at most one flush, none if no entry lost a right (with mmu notifiers: one
 *    per contiguous run);
 *  - entries that exist are never weaker than the ranges allow (no fault after
 *    an upgrade), and pages that were NONE and are resident get one;
 *  - dirty bits of entries that stay are kept.
 *
 * Locking:  mmap_lock for reading, view->lock for writing (fault: shared), page
 *           table lock taken by apply_to_page_range(). Page table locks are
 *           held for 512 entries at most.
 * Lifetime: zone->pages holds the pages; entries need no reference.
 *
 * Races:
 *  - Stale translation: another CPU may write through one until the flush. The
 *    lock is held beyond it, so that a second PROTECT, which finds nothing to
 *    edit, cannot return before the first one's flush.
 *  - Hardware setting A and D: ptep_get_and_clear() and ptep_set_wrprotect() are
 *    atomic. Between clear and set another CPU faults, waits for view->lock and
 *    finds the new entry.
 *  - A notifier that registers meanwhile: it needs mmap_lock for writing.
 *
 * Sources: Appel and Li, "Virtual memory primitives for user programs", ASPLOS
 * 1991 (protN); i915_mm.c for filling page tables from apply_to_page_range().
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"

static pgprot_t codecache_pte_prot(const struct codecache_view *view, u32 prot)
{
	return prot & CODECACHE_PROT_WRITE ? view->page_rw : view->page_ro;
}

static pte_t codecache_pte_make(const struct codecache_view *view,
				unsigned long pfn, u32 prot)
{
	return pte_mkspecial(pfn_pte(pfn, codecache_pte_prot(view, prot)));
}

/* Give an entry that is read-only all that RW allows, and keep its dirt. */
static void codecache_pte_widen(const struct codecache_view *view,
				struct mm_struct *mm, unsigned long addr,
				pte_t *ptep)
{
	pte_t old = ptep_get_and_clear(mm, addr, ptep);
	pte_t pte = codecache_pte_make(view, pte_pfn(old),
				       CODECACHE_PROT_READ |
				       CODECACHE_PROT_WRITE);

	if (pte_dirty(old))
		pte = pte_mkdirty(pte);
	set_pte_at(mm, addr, ptep, pte);
}

/* ---- PROTECT ------------------------------------------------------------- */

static unsigned long codecache_range_last(const struct codecache_prot_range *r)
{
	return r->first_page + r->nr_pages - 1;
}

static unsigned long codecache_edit_addr(const struct codecache_edit *edit,
					 unsigned long page)
{
	return edit->vma->vm_start + (page << PAGE_SHIFT);
}

/* A page that was NONE has no entry; if it is resident it gets one now. */
static void codecache_edit_install(struct codecache_edit *edit, pte_t *ptep,
				   unsigned long addr, unsigned long page,
				   u32 prot)
{
	struct codecache_view *view = edit->view;
	struct page *p;

	if (codecache_protmap_get(&view->prots, page) != CODECACHE_PROT_NONE)
		return;	/* never touched through this view: leave it so */
	p = xa_load(&view->zone->pages, view->first + page);
	if (!p)
		return;
	set_pte_at(edit->vma->vm_mm, addr, ptep,
		   codecache_pte_make(view, page_to_pfn(p), prot));
	edit->nr_ptes++;
}

/* The part of a mapping that one page table serves, from page to last. */
struct codecache_table {
	pte_t *ptep;
	unsigned long addr;
	unsigned long page;
	unsigned long last;
};

/* Where in the table a range begins, and where it ends. */
static unsigned long codecache_table_from(const struct codecache_table *t,
					  const struct codecache_prot_range *r)
{
	return max_t(unsigned long, r->first_page, t->page) - t->page;
}

static unsigned long codecache_table_to(const struct codecache_table *t,
					const struct codecache_prot_range *r)
{
	return min(codecache_range_last(r), t->last) - t->page;
}

/*
 * What a protection does to one entry; true if the entry lost a right. Always
 * inlined, as are the loops that they are given to: a page should cost a few
 * dozen instructions, not calls.
 */
typedef bool (*codecache_entry_fn)(struct codecache_edit *edit, pte_t *ptep,
				   unsigned long addr, unsigned long page,
				   u32 prot);

static __always_inline bool
codecache_entry_none(struct codecache_edit *edit, pte_t *ptep,
		     unsigned long addr, unsigned long page, u32 prot)
{
	if (pte_none(ptep_get(ptep)))
		return false;
	ptep_get_and_clear(edit->vma->vm_mm, addr, ptep);
	return true;
}

static __always_inline bool
codecache_entry_read(struct codecache_edit *edit, pte_t *ptep,
		     unsigned long addr, unsigned long page, u32 prot)
{
	pte_t pte = ptep_get(ptep);

	if (unlikely(pte_none(pte))) {
		codecache_edit_install(edit, ptep, addr, page, prot);
		return false;
	}
	if (!pte_write(pte))
		return false;
	ptep_set_wrprotect(edit->vma->vm_mm, addr, ptep);
	return true;
}

static __always_inline bool
codecache_entry_write(struct codecache_edit *edit, pte_t *ptep,
		      unsigned long addr, unsigned long page, u32 prot)
{
	pte_t pte = ptep_get(ptep);

	if (unlikely(pte_none(pte))) {
		codecache_edit_install(edit, ptep, addr, page, prot);
	} else if (!pte_write(pte)) {
		codecache_pte_widen(edit->view, edit->vma->vm_mm, addr, ptep);
		edit->nr_ptes++;
	}
	return false;
}

/* The part of a long range that lies in the table. */
static __always_inline u64
codecache_edit_run(struct codecache_edit *edit, const struct codecache_table *t,
		   const struct codecache_prot_range *r, codecache_entry_fn one)
{
	unsigned long i = codecache_table_from(t, r);
	unsigned long to = codecache_table_to(t, r);
	u64 nr = 0;

	for (; i <= to; i++)
		nr += one(edit, t->ptep + i, t->addr + (i << PAGE_SHIFT),
			  t->page + i, r->prot);
	return nr;
}

static noinline u64 codecache_run_none(struct codecache_edit *edit,
				       const struct codecache_table *t,
				       const struct codecache_prot_range *r)
{
	return codecache_edit_run(edit, t, r, codecache_entry_none);
}

static noinline u64 codecache_run_read(struct codecache_edit *edit,
				       const struct codecache_table *t,
				       const struct codecache_prot_range *r)
{
	return codecache_edit_run(edit, t, r, codecache_entry_read);
}

static noinline u64 codecache_run_write(struct codecache_edit *edit,
					const struct codecache_table *t,
					const struct codecache_prot_range *r)
{
	return codecache_edit_run(edit, t, r, codecache_entry_write);
}

/*
 * Ranges of one protection, from edit->cur on; scattered pages are the case to
 * be quick at. Leaves edit->cur at the first range that is not served.
 */
static __always_inline void
codecache_edit_runs(struct codecache_edit *edit, const struct codecache_table *t,
		    codecache_entry_fn one,
		    u64 (*run)(struct codecache_edit *edit,
			       const struct codecache_table *t,
			       const struct codecache_prot_range *r))
{
	const struct codecache_prot_range *r = edit->cur, *end = edit->end;
	const u32 prot = r->prot;
	u64 nr = 0;

	for (; r < end && r->first_page <= t->last && r->prot == prot; r++) {
		unsigned long i = r->first_page - t->page;

		if (likely(r->nr_pages == 1))
			nr += one(edit, t->ptep + i,
				  t->addr + (i << PAGE_SHIFT), t->page + i,
				  prot);
		else
			nr += run(edit, t, r);
	}
	edit->cur = r;
	edit->nr_ptes += nr;
	if (nr)
		edit->revoked = true;
}

/* Under the lock of a page table: apply all ranges that lie in it. */
static int codecache_edit_table(pte_t *ptep, unsigned long addr, void *data)
{
	struct codecache_edit *edit = data;
	struct codecache_table t = {
		.ptep = ptep,
		.addr = addr,
		.page = edit->page,
		.last = edit->page + (PTRS_PER_PTE - 1 - pte_index(addr)),
	};

	while (edit->cur < edit->end && edit->cur->first_page <= t.last) {
		if (edit->cur->prot == CODECACHE_PROT_NONE)
			codecache_edit_runs(edit, &t, codecache_entry_none,
					    codecache_run_none);
		else if (edit->cur->prot & CODECACHE_PROT_WRITE)
			codecache_edit_runs(edit, &t, codecache_entry_write,
					    codecache_run_write);
		else
			codecache_edit_runs(edit, &t, codecache_entry_read,
					    codecache_run_read);
	}
	/* The last one may go on in the next table. */
	if (codecache_range_last(edit->cur - 1) > t.last)
		edit->cur--;
	edit->page = t.last + 1;
	return 0;
}

/*
 * The first page of [page, last] at which there can be something to do: one in
 * a page table that may hold entries, or one that is resident and may want an
 * entry. Past @last if there is none.
 */
static unsigned long codecache_edit_next(const struct codecache_edit *edit,
					 unsigned long page, unsigned long last,
					 u32 prot)
{
	const struct codecache_view *view = edit->view;
	unsigned long base = edit->vma->vm_start >> PMD_SHIFT;
	unsigned long table, last_table, end, index;

	table = (codecache_edit_addr(edit, page) >> PMD_SHIFT) - base;
	if (test_bit(table, view->populated))
		return page;
	last_table = (codecache_edit_addr(edit, last) >> PMD_SHIFT) - base;
	table = find_next_bit(view->populated, last_table + 1, table);
	if (table > last_table)
		end = last + 1;
	else
		end = (((base + table) << PMD_SHIFT) - edit->vma->vm_start) >>
		      PAGE_SHIFT;
	if (prot == CODECACHE_PROT_NONE)
		return end;
	index = view->first + page;
	if (xa_find(&view->zone->pages, &index, view->first + end - 1,
		    XA_PRESENT))
		return index - view->first;
	return end;
}

/* No page table, and no memory for one: then there is nothing to revoke. */
static void codecache_edit_skip_table(struct codecache_edit *edit,
				      unsigned long addr)
{
	edit->page += PTRS_PER_PTE - pte_index(addr);
}

/**
 * codecache_pte_begin - announce that entries will change and not be flushed
 * @edit: @view and @vma set, the rest zero
 *
 * Context: mmap_lock held for reading, view->lock for writing.
 */
void codecache_pte_begin(struct codecache_edit *edit)
{
	if (!codecache_test_skip_pending)
		inc_tlb_flush_pending(edit->vma->vm_mm);
}

/* Secondary MMUs follow the core's zaps only: one for each contiguous run. */
static void codecache_edit_notify(struct codecache_edit *edit,
				  const struct codecache_prot_range *r, u64 nr)
{
	u32 full = codecache_kind(edit->view->kind)->full;
	const struct codecache_prot_range *end = r + nr;

	while (r < end) {
		unsigned long first = r->first_page;
		unsigned long next = first;

		for (; r < end && r->first_page == next && r->prot != full; r++)
			next += r->nr_pages;
		if (next == first) {
			r++;
			continue;
		}
		codecache_zap_vma(edit->vma, codecache_edit_addr(edit, first),
				  (next - first) << PAGE_SHIFT);
		edit->nr_flushes++;
		cond_resched();
	}
	edit->revoked = false;
}

/**
 * codecache_pte_apply - give the entries of some ranges their protections
 * @edit: begun
 * @ranges: ascending, within the view; the view's map still has what was before
 * @nr: at least 1
 *
 * May be called several times, with ascending ranges.
 *
 * Context: mmap_lock held for reading, view->lock for writing. Sleeps.
 */
void codecache_pte_apply(struct codecache_edit *edit,
			 const struct codecache_prot_range *ranges, u64 nr)
{
	struct mm_struct *mm = edit->vma->vm_mm;
	unsigned long page, addr;

	edit->cur = ranges;
	edit->end = ranges + nr;
	while (edit->cur < edit->end) {
		unsigned long last = codecache_range_last(edit->cur);

		page = max_t(unsigned long, edit->page, edit->cur->first_page);
		if (page <= last)
			page = codecache_edit_next(edit, page, last,
						   edit->cur->prot);
		if (page > last) {
			edit->cur++;
			continue;
		}
		edit->page = page;
		addr = codecache_edit_addr(edit, page);
		set_bit(codecache_table_index(edit->vma, addr),
			edit->view->populated);
		if (apply_to_page_range(mm, addr, PAGE_SIZE,
					codecache_edit_table, edit))
			codecache_edit_skip_table(edit, addr);
		cond_resched();
	}
	if (edit->revoked &&
	    (mm_has_notifiers(mm) || codecache_test_force_notifiers))
		codecache_edit_notify(edit, ranges, nr);
}

/**
 * codecache_pte_end - flush what must be flushed
 * @edit: begun
 *
 * Context: mmap_lock held for reading, view->lock for writing. Sleeps.
 */
void codecache_pte_end(struct codecache_edit *edit)
{
	struct mm_struct *mm = edit->vma->vm_mm;

	if (edit->revoked && !codecache_test_skip_flush) {
		/* Pairs with inc_tlb_flush_pending() in codecache_pte_begin(). */
		codecache_zap_vma(edit->vma, edit->vma->vm_start, 0);
		edit->nr_flushes++;
	}
	if (!codecache_test_skip_pending)
		dec_tlb_flush_pending(mm);
}

/* ---- faults -------------------------------------------------------------- */

struct codecache_insert {
	struct codecache_view *view;
	struct vm_area_struct *vma;
	unsigned long pfn;
	u32 prot;
	int what;
};

static int codecache_insert_one(pte_t *ptep, unsigned long addr, void *data)
{
	struct codecache_insert *ins = data;
	struct mm_struct *mm = ins->vma->vm_mm;
	pte_t pte = ptep_get(ptep);

	if (pte_none(pte)) {
		set_pte_at(mm, addr, ptep,
			   codecache_pte_make(ins->view, ins->pfn, ins->prot));
		ins->what = CODECACHE_NR_FAULTS_FILLED;
	} else if (ins->prot & CODECACHE_PROT_WRITE && !pte_write(pte)) {
		codecache_pte_widen(ins->view, mm, addr, ptep);
		ins->what = CODECACHE_NR_FAULTS_UPGRADED;
	} else {
		ins->what = CODECACHE_NR_FAULTS_SPURIOUS;
	}
	update_mmu_cache(ins->vma, addr, ptep);
	return 0;
}

/**
 * codecache_pte_insert - map one page, from a fault
 * @view: the view
 * @vma: its mapping
 * @addr: page-aligned address
 * @page: what to map; held by the zone
 * @prot: CODECACHE_PROT_* of the page, not NONE
 *
 * Context: view->lock held shared, so that @prot stays true; the core's lock on
 * @vma. Sleeps.
 * Return: the counter that tells what happened, or -ENOMEM.
 */
int codecache_pte_insert(struct codecache_view *view,
			 struct vm_area_struct *vma, unsigned long addr,
			 struct page *page, u32 prot)
{
	struct codecache_insert ins = {
		.view = view,
		.vma = vma,
		.pfn = page_to_pfn(page),
		.prot = prot,
	};
	unsigned long table = codecache_table_index(vma, addr);
	int err;

	/* Before the entry exists; read under view->lock exclusive. */
	if (!test_bit(table, view->populated))
		set_bit(table, view->populated);
	err = apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE,
				  codecache_insert_one, &ins);
	return err ? err : ins.what;
}
