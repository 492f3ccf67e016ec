// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache scan: finding, clearing and keeping dirty and accessed bits
 *
 * Concepts: blocks of marks tell where anything was ever mapped. In each, 64
 *           pages at a time are looked at. Mostly the marks know nothing of them,
 *           and one bit is asked for: then a word of those whose entries have it
 *           is made, cleared and reported as a whole. Else those that are found
 *           are dealt with one by one.
 *
 * Guarantees, view->lock being held for writing until the flush is made:
 *  - a bit that a processor sets is seen by this pass or stays for a later one:
 *    entries change in one atomic step;
 *  - once flushed, a processor marks its next access, or store, again;
 *  - bits that are cleared and not reported go into the marks.
 *
 * Locking:  mmap_lock for reading, view->lock for writing, the page table lock
 *           for 512 entries at most.
 * Races:
 *  - A store through a translation that is dirty already does not mark the entry
 *    again until the flush. Its page is being reported: data is to be read after
 *    the call (see the uapi).
 *  - A second query returns only after the first one's flush: view->lock.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "codecache_priv.h"
#include "query.h"
#include "table.h"

/* What entries tell, and not the marks alone. */
#define CODECACHE_PAGE_ENTRY	(CODECACHE_PAGE_DIRTY | CODECACHE_PAGE_YOUNG)

static u32 codecache_marks_state(const struct codecache_marks *m,
				 unsigned long bit)
{
	return (test_bit(bit, m->dirty) ? CODECACHE_PAGE_DIRTY : 0) |
	       (test_bit(bit, m->young) ? CODECACHE_PAGE_YOUNG : 0) |
	       (test_bit(bit, m->lost) ? CODECACHE_PAGE_LOST : 0) |
	       (test_bit(bit, m->unsure) ? CODECACHE_PAGE_UNSURE : 0);
}

static void codecache_marks_clear(struct codecache_marks *m, unsigned long bit,
				  u32 clear)
{
	if (clear & CODECACHE_PAGE_DIRTY)
		__clear_bit(bit, m->dirty);
	if (clear & CODECACHE_PAGE_YOUNG)
		__clear_bit(bit, m->young);
	if (clear & CODECACHE_PAGE_LOST)
		__clear_bit(bit, m->lost);
	if (!test_bit(bit, m->dirty) && !test_bit(bit, m->young))
		__clear_bit(bit, m->unsure);
}

/* The rights that a page keeps; its protection is changed here. */
static u32 codecache_scan_narrow(struct codecache_scan *s, unsigned long page)
{
	struct codecache_view *view = s->view;
	u32 value = codecache_protmap_get(&view->prots, page);
	u32 prot = codecache_value_prot(value);

	if (prot & ~s->keep) {
		codecache_protmap_set(&view->prots, page,
				      value & ~(prot & ~s->keep));
		s->narrowed = true;
	}
	return prot & s->keep;
}

/* Clear in the entry; what it knew and is not reported goes into the marks. */
static void codecache_scan_entry(struct codecache_scan *s,
				 struct codecache_marks *m, unsigned long page,
				 pte_t *ptep, u32 reported)
{
	unsigned long addr = s->vma->vm_start + (page << PAGE_SHIFT);
	u32 keep = CODECACHE_PROT_ALL, state;
	bool gone;
	pte_t old;

	if (s->keep != CODECACHE_PROT_ALL)
		keep = codecache_scan_narrow(s, page);
	if (pte_none(ptep_get(ptep)))
		return;
	gone = !keep || s->notifiers;
	if (gone)
		old = ptep_get_and_clear(s->vma->vm_mm, addr, ptep);
	else
		old = codecache_pte_change(s->vma->vm_mm, addr, ptep, s->clear,
					   keep);
	state = codecache_pte_state(old);
	codecache_marks_add(m, page,
			    state & ~(reported & s->clear) &
			    (gone ? ~0U : s->clear));
	if (gone || (pte_write(old) && !(keep & CODECACHE_PROT_WRITE)) ||
	    state & s->clear & CODECACHE_PAGE_DIRTY)
		s->flush = true;
	else if (state & s->clear)
		s->flush_young = true;
}

static void codecache_scan_page(struct codecache_scan *s,
				struct codecache_marks *m, unsigned long page,
				pte_t *ptep)
{
	unsigned long bit = page & CODECACHE_MARKS_MASK;
	u32 state = codecache_marks_state(m, bit);

	if (ptep)
		state |= codecache_pte_state(ptep_get(ptep));
	state &= s->find | CODECACHE_PAGE_UNSURE;
	if (!(state & CODECACHE_PAGE_ENTRY))
		state &= ~CODECACHE_PAGE_UNSURE;
	if (!codecache_sink_room(s->sink, page, state)) {
		s->next = page;
		s->stop = true;
		return;
	}
	if (s->clear)
		codecache_marks_clear(m, bit, state & s->clear);
	if (ptep && (s->clear || s->keep != CODECACHE_PROT_ALL))
		codecache_scan_entry(s, m, page, ptep, state);
	else if (s->keep != CODECACHE_PROT_ALL)
		codecache_scan_narrow(s, page);
	codecache_sink_add(s->sink, page, 1, state);
	s->nr_found++;
}

/* Pages of which the marks know something that the query is about. */
static u64 codecache_scan_marked(const struct codecache_scan *s,
				 const struct codecache_marks *m,
				 unsigned long w)
{
	u64 marked = 0;

	if (s->find & CODECACHE_PAGE_DIRTY)
		marked |= m->dirty[w];
	if (s->find & CODECACHE_PAGE_YOUNG)
		marked |= m->young[w];
	if (s->find & CODECACHE_PAGE_LOST)
		marked |= m->lost[w];
	return marked;
}

/*
 * Up to 64 pages of which the entries alone tell one thing: the case to be quick
 * at. No bit goes away between find and clear, and no other bit is touched, so
 * that nothing is left for the marks.
 */
static void codecache_scan_quickly(struct codecache_scan *s, unsigned long page,
				   unsigned int nr, pte_t *ptep)
{
	u32 state = s->find & CODECACHE_PAGE_ENTRY, clear = s->clear & state;
	u64 pages = codecache_ptes_find(ptep, nr, state);

	if (!pages)
		return;
	if (clear)
		codecache_ptes_clear(s->vma->vm_mm,
				     s->vma->vm_start + (page << PAGE_SHIFT),
				     ptep, pages, clear);
	if (clear & CODECACHE_PAGE_DIRTY)
		s->flush = true;
	else if (clear)
		s->flush_young = true;
	codecache_sink_add(s->sink, page, pages, state);
	s->nr_found += hweight64(pages);
}

/* One by one. Apart, to leave the registers to the quick way. */
static noinline void codecache_scan_slowly(struct codecache_scan *s,
					   struct codecache_marks *m,
					   unsigned long page, unsigned int nr,
					   pte_t *ptep, u64 marked)
{
	unsigned int shift = page & (BITS_PER_LONG - 1), i;
	u64 pages = marked >> shift & (~0ULL >> (64 - nr));

	if (ptep && s->find & CODECACHE_PAGE_ENTRY)
		pages |= codecache_ptes_find(ptep, nr, s->find);
	for (; pages && !s->stop; pages &= pages - 1) {
		i = __ffs64(pages);
		codecache_scan_page(s, m, page + i, ptep ? ptep + i : NULL);
	}
}

/* Pages of one word of the marks, from @page on. */
static void codecache_scan_word(struct codecache_scan *s,
				struct codecache_marks *m, unsigned long page,
				unsigned int nr, pte_t *ptep)
{
	unsigned long w = (page & CODECACHE_MARKS_MASK) / BITS_PER_LONG;
	u64 marked = codecache_scan_marked(s, m, w);

	if (ptep && s->simple && !marked && !m->unsure[w] &&
	    codecache_sink_room_for(s->sink, nr))
		codecache_scan_quickly(s, page, nr, ptep);
	else
		codecache_scan_slowly(s, m, page, nr, ptep, marked);
}

/* Pages from s->next to @last, of one block of marks and one page table. */
static void codecache_scan_table(struct codecache_scan *s,
				 struct codecache_marks *m, unsigned long last)
{
	unsigned long page = s->next, n;
	struct codecache_ptl ptl;
	pte_t *ptep = NULL;

	if (s->vma)
		ptep = codecache_table_lock(s->vma->vm_mm, s->vma->vm_start +
					    (page << PAGE_SHIFT), &ptl);
	for (; page <= last && !s->stop; page += n) {
		n = min(last - page + 1,
			BITS_PER_LONG - (page & (BITS_PER_LONG - 1)));
		codecache_scan_word(s, m, page, n,
				    ptep ? ptep + page - s->next : NULL);
	}
	if (ptep)
		codecache_table_unlock(&ptl);
	if (!s->stop)
		s->next = last + 1;
}

/* s->next moves while a table is scanned only when the scan stops. */
static void codecache_scan_block(struct codecache_scan *s,
				 struct codecache_marks *m, unsigned long last)
{
	unsigned long addr, end;

	while (s->next <= last && !s->stop) {
		end = last;
		if (s->vma) {
			addr = s->vma->vm_start + (s->next << PAGE_SHIFT);
			end = min(last, s->next + PTRS_PER_PTE - 1 -
					pte_index(addr));
		}
		codecache_scan_table(s, m, end);
	}
}

/**
 * codecache_scan_run - look at pages, and tell the sink what is found
 * @scan: set up
 * @first: first page
 * @last: last page
 *
 * Context: process; sleeps; mmap_lock held for reading if there is a mapping,
 * view->lock for writing; begun by inc_tlb_flush_pending(). The caller flushes.
 * Return: 0 or -ENOMEM: @scan->next tells where.
 */
int codecache_scan_run(struct codecache_scan *scan, unsigned long first,
		       unsigned long last)
{
	struct codecache_view *view = scan->view;
	unsigned long slot = first >> CODECACHE_MARKS_SHIFT;
	struct codecache_marks *marks;

	scan->simple = !scan->notifiers && scan->keep == CODECACHE_PROT_ALL &&
		       is_power_of_2(scan->find & CODECACHE_PAGE_ENTRY);
	for (scan->next = first; !scan->stop; slot++) {
		marks = xa_find(&view->marks, &slot,
				last >> CODECACHE_MARKS_SHIFT, XA_PRESENT);
		if (!marks) {
			scan->next = last + 1;
			break;
		}
		scan->next = max(scan->next, slot << CODECACHE_MARKS_SHIFT);
		if (scan->keep != CODECACHE_PROT_ALL &&
		    codecache_protmap_split_slot(&view->prots, scan->next))
			return -ENOMEM;
		codecache_scan_block(scan, marks,
				     min(last, (slot + 1) * CODECACHE_MARKS_PAGES - 1));
		cond_resched();
	}
	return 0;
}

/* ---- taking everything away ------------------------------------------------ */

static void codecache_take_table(struct codecache_view *view,
				 struct vm_area_struct *vma,
				 unsigned long page, unsigned long last)
{
	struct codecache_marks *marks = NULL;
	unsigned long addr, slot = ~0UL;
	struct codecache_ptl ptl;
	pte_t *ptep;

	addr = vma->vm_start + (page << PAGE_SHIFT);
	ptep = codecache_table_lock(vma->vm_mm, addr, &ptl);
	if (!ptep)
		return;
	for (; page <= last; page++, ptep++, addr += PAGE_SIZE) {
		if (pte_none(ptep_get(ptep)))
			continue;
		if (slot != page >> CODECACHE_MARKS_SHIFT)
			marks = codecache_marks_get(view, page);
		slot = page >> CODECACHE_MARKS_SHIFT;
		codecache_pte_harvest(marks, page,
				      ptep_get_and_clear(vma->vm_mm, addr,
							 ptep));
	}
	codecache_table_unlock(&ptl);
}

/**
 * codecache_scan_take_all - take all entries away and keep what they know
 * @view: the view
 * @vma: its mapping
 *
 * Context: process; sleeps; mmap_lock held for reading, view->lock for writing.
 * The caller flushes.
 */
void codecache_scan_take_all(struct codecache_view *view,
			     struct vm_area_struct *vma)
{
	unsigned long base = vma->vm_start >> PMD_SHIFT, start, last, table;
	unsigned long nr = codecache_nr_tables(view->nr_pages);

	for_each_set_bit(table, view->populated, nr) {
		start = max((base + table) << PMD_SHIFT, vma->vm_start);
		last = min((base + table + 1) << PMD_SHIFT, vma->vm_end) - 1;
		codecache_take_table(view, vma,
				     (start - vma->vm_start) >> PAGE_SHIFT,
				     (last - vma->vm_start) >> PAGE_SHIFT);
		cond_resched();
	}
}
