// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache page tables: editing many entries of a PFN mapping, with one flush
 *
 * Concepts: entries are written in place, under the page table lock. A table is
 *           walked to and locked once, for all ranges that lie in it. So the
 *           cost is one walk per page table touched plus a little per page: a
 *           dense vector is a single span walk, a sparse one a walk per range.
 *           Tables that hold none of our entries (view->populated) are skipped
 *           over, so holes cost next to nothing. What an entry that goes knows
 *           of its page is kept in the marks (marks.c).
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
 *  - no dirty or accessed bit is lost: entries that stay keep theirs, those of
 *    entries that go are in the marks.
 *
 * Locking:  mmap_lock for reading, view->lock for writing (fault: shared), page
 *           table lock (codecache_table_lock()). Page table locks are
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
#include "table.h"
#include "testing.h"

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

/* The marks of a page; few lookups, since pages ascend. */
static struct codecache_marks *codecache_edit_marks(struct codecache_edit *edit,
						    unsigned long page)
{
	unsigned long slot = (page >> CODECACHE_MARKS_SHIFT) + 1;

	if (edit->marks_slot != slot) {
		edit->marks = codecache_marks_get(edit->view, page);
		edit->marks_slot = slot;
	}
	return edit->marks;
}

/* An entry goes; what it knows stays. There are marks wherever one was made. */
static void codecache_edit_take(struct codecache_edit *edit, pte_t *ptep,
				unsigned long addr, unsigned long page)
{
	codecache_pte_harvest(codecache_edit_marks(edit, page), page,
			      ptep_get_and_clear(edit->vma->vm_mm, addr, ptep));
}

/*
 * What zone->pages has for a page. While a table is edited, and RCU keeps nodes, close
 * to the last one without a walk from the root. A node that goes meanwhile has nothing
 * but pages that are about to come, or are gone: nobody minds if they are not seen.
 */
static void *codecache_edit_find(struct codecache_edit *edit, unsigned long page)
{
	unsigned long index = edit->view->first + page;
	struct xa_state *xas = edit->pages;
	void *entry;

	if (!xas)
		return xa_load(&edit->view->zone->pages, index);
	if (codecache_pages_near(xas, index)) {
		entry = xas_reload(xas);
		if (likely(!xa_is_internal(entry)))
			return entry;
		xas_set(xas, index);
	}
	do
		entry = xas_load(xas);
	while (xas_retry(xas, entry));
	return entry;
}

/* A page that was NONE has no entry; if it is resident it gets one now. */
static void codecache_edit_install(struct codecache_edit *edit, pte_t *ptep,
				   unsigned long addr, unsigned long page,
				   u32 prot)
{
	struct codecache_view *view = edit->view;
	struct page *p;

	if (codecache_value_prot(codecache_protmap_get(&view->prots, page)))
		return;	/* never touched through this view: leave it so */
	p = codecache_view_entry_page(view, codecache_edit_find(edit, page), &prot);
	if (!p || !prot)
		return;
	if (!codecache_edit_marks(edit, page)) {
		edit->no_marks = true;
		return;
	}
	codecache_pte_set(edit->vma->vm_mm, addr, ptep,
			  codecache_pte_make(view, page_to_pfn(p), prot, false));
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
	codecache_edit_take(edit, ptep, addr, page);
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
	if (unlikely(edit->notifiers)) {
		codecache_edit_take(edit, ptep, addr, page);
		return true;
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
	} else if (!pte_write(pte) &&
		   (likely(!edit->guarded) ||
		    codecache_view_may_widen(edit->view, page))) {
		codecache_pte_widen(edit->vma->vm_mm, addr, ptep);
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
static int codecache_edit_entries(pte_t *ptep, unsigned long addr, void *data)
{
	struct codecache_edit *edit = data;
	XA_STATE(xas, &edit->view->zone->pages, 0);
	struct codecache_table t = {
		.ptep = ptep,
		.addr = addr,
		.page = edit->page,
		.last = edit->page + (PTRS_PER_PTE - 1 - pte_index(addr)),
	};

	edit->pages = &xas;
	rcu_read_lock();
	while (edit->cur < edit->end && edit->cur->first_page <= t.last) {
		if (!codecache_value_prot(edit->cur->prot))
			codecache_edit_runs(edit, &t, codecache_entry_none,
					    codecache_run_none);
		else if (edit->cur->prot & CODECACHE_PROT_WRITE)
			codecache_edit_runs(edit, &t, codecache_entry_write,
					    codecache_run_write);
		else
			codecache_edit_runs(edit, &t, codecache_entry_read,
					    codecache_run_read);
	}
	rcu_read_unlock();
	edit->pages = NULL;
	/* The last one may go on in the next table. */
	if (codecache_range_last(edit->cur - 1) > t.last)
		edit->cur--;
	edit->page = t.last + 1;
	return 0;
}

/*
 * The page table of @addr, which is made if need be. Where there is none, and no
 * memory for one, there is nothing to revoke.
 */
static void codecache_edit_table(struct codecache_edit *edit,
				 unsigned long addr)
{
	struct mm_struct *mm = edit->vma->vm_mm;
	unsigned long table = codecache_table_index(edit->vma, addr);
	struct codecache_ptl ptl;
	pte_t *ptep;

	if (!test_bit(table, edit->view->populated))
		set_bit(table, edit->view->populated);
	ptep = codecache_table_lock(mm, addr, &ptl);
	if (ptep) {
		codecache_edit_entries(ptep, addr, edit);
		codecache_table_unlock(&ptl);
	} else if (!codecache_value_prot(edit->cur->prot) ||
		   apply_to_page_range(mm, addr, PAGE_SIZE,
				       codecache_edit_entries, edit)) {
		edit->page += PTRS_PER_PTE - pte_index(addr);
	}
}

/*
 * Installing wants marks, which are allocated without the lock; then once more.
 * Without memory for them the pages are left to faults.
 */
static void codecache_edit_table_again(struct codecache_edit *edit,
				       const struct codecache_prot_range *cur,
				       unsigned long page)
{
	unsigned long last = min(edit->page, edit->view->nr_pages) - 1;

	edit->no_marks = false;
	edit->marks_slot = 0;
	if (!codecache_marks_make(edit->view, page) ||
	    !codecache_marks_make(edit->view, last))
		return;
	edit->cur = cur;
	edit->page = page;
	codecache_edit_table(edit, codecache_edit_addr(edit, page));
	edit->no_marks = false;
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
	if (!codecache_value_prot(prot))
		return end;
	index = view->first + page;
	if (xa_find(&view->zone->pages, &index, view->first + end - 1,
		    XA_PRESENT))
		return index - view->first;
	return end;
}

/*
 * One page, whose table is there: what a trap handler asks for. False: nothing was
 * done, the general way is to be gone.
 */
static bool codecache_edit_page(struct codecache_edit *edit,
				const struct codecache_prot_range *r)
{
	unsigned long addr = codecache_edit_addr(edit, r->first_page);
	struct codecache_ptl ptl;
	bool revoked;
	pte_t *ptep;

	if (r->nr_pages != 1 || edit->notifiers ||
	    !test_bit(codecache_table_index(edit->vma, addr),
		      edit->view->populated))
		return false;
	ptep = codecache_table_lock(edit->vma->vm_mm, addr, &ptl);
	if (!ptep)
		return false;
	if (!codecache_value_prot(r->prot))
		revoked = codecache_entry_none(edit, ptep, addr, r->first_page,
					       r->prot);
	else if (r->prot & CODECACHE_PROT_WRITE)
		revoked = codecache_entry_write(edit, ptep, addr, r->first_page,
						r->prot);
	else
		revoked = codecache_entry_read(edit, ptep, addr, r->first_page,
					       r->prot);
	codecache_table_unlock(&ptl);
	edit->nr_ptes += revoked;
	edit->revoked |= revoked;
	return !edit->no_marks;
}

/**
 * codecache_pte_begin - announce that entries will change and not be flushed
 * @edit: @view and @vma set, the rest zero
 *
 * Context: mmap_lock held for reading, view->lock for writing.
 */
void codecache_pte_begin(struct codecache_edit *edit)
{
	edit->guarded = edit->view->zone->has_extents;
	edit->notifiers = mm_has_notifiers(edit->vma->vm_mm) ||
			  codecache_test_force_notifiers;
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

		while (r < end && r->first_page == next &&
		       codecache_value_prot(r->prot) != full)
			next += r++->nr_pages;
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
	const struct codecache_prot_range *cur;
	unsigned long page;

	if (nr == 1 && codecache_edit_page(edit, ranges))
		return;
	edit->cur = ranges;
	edit->end = ranges + nr;
	/* The last call was done with its last page table; this one may not be. */
	edit->page = 0;
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
		cur = edit->cur;
		codecache_edit_table(edit, codecache_edit_addr(edit, page));
		if (unlikely(edit->no_marks))
			codecache_edit_table_again(edit, cur, page);
		cond_resched();
	}
	if (edit->revoked && edit->notifiers)
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
