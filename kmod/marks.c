// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache marks: what is known about pages whose page table entries are gone
 *
 * Concepts: the processor keeps dirty and accessed bits in an entry. Whoever
 *           takes an entry away puts its bits here; a query looks at both. There
 *           are marks for every page that has an entry (insert.c makes them
 *           first), so that taking one away cannot fail. They come in blocks of
 *           512 pages, in an xarray, which also tells a query where to look: its
 *           time grows with what was touched.
 * Locking:  view->lock. Held for writing: plain operations. Held shared (faults,
 *           debuggers): atomic ones, and blocks are added, not removed.
 * Lifetime: blocks stay until the view goes.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "codecache_priv.h"

/**
 * codecache_marks_make - the marks of a page, made if need be
 * @view: the view
 * @page: page of it
 *
 * Context: process; sleeps; view->lock held, shared at least.
 * Return: the block, or NULL: out of memory.
 */
struct codecache_marks *codecache_marks_make(struct codecache_view *view,
					     unsigned long page)
{
	struct codecache_marks *marks = codecache_marks_get(view, page), *old;

	if (likely(marks))
		return marks;
	marks = kzalloc(sizeof(*marks), GFP_KERNEL_ACCOUNT);
	if (!marks)
		return NULL;
	old = xa_cmpxchg(&view->marks, page >> CODECACHE_MARKS_SHIFT, NULL,
			 marks, GFP_KERNEL_ACCOUNT);
	if (likely(!old))
		return marks;
	kfree(marks);
	return xa_is_err(old) ? NULL : old;
}

/**
 * codecache_marks_destroy - free all marks of a view
 * @view: goes
 *
 * Context: process; sleeps.
 */
void codecache_marks_destroy(struct codecache_view *view)
{
	struct codecache_marks *marks;
	unsigned long slot;

	xa_for_each(&view->marks, slot, marks) {
		kfree(marks);
		cond_resched();
	}
	xa_destroy(&view->marks);
}

static void codecache_marks_unsure_slot(struct codecache_view *view,
					struct vm_area_struct *vma,
					struct codecache_marks *marks,
					unsigned long slot)
{
	bool writes = codecache_kind(view->kind)->full & CODECACHE_PROT_WRITE;
	unsigned long start = slot << CODECACHE_MARKS_SHIFT;
	unsigned long index, page;
	struct page *p;

	xa_for_each_range(&view->zone->pages, index, p, view->first + start,
			  view->first + min(start | CODECACHE_MARKS_MASK,
					    view->nr_pages - 1)) {
		page = index - view->first;
		if (!codecache_value_prot(codecache_protmap_get(&view->prots,
								page)))
			continue;	/* had no entry */
		if (!test_bit(codecache_table_index(vma, vma->vm_start +
						    (page << PAGE_SHIFT)),
			      view->populated))
			continue;
		if (writes)
			__set_bit(page & CODECACHE_MARKS_MASK, marks->dirty);
		__set_bit(page & CODECACHE_MARKS_MASK, marks->young);
		__set_bit(page & CODECACHE_MARKS_MASK, marks->unsure);
	}
}

/**
 * codecache_marks_unsure - the core has dropped all entries, and their bits
 * @view: the view
 * @vma: the mapping that is gone
 *
 * Each page that may have had an entry may have been written.
 *
 * Context: process; sleeps; view->lock held for writing.
 */
void codecache_marks_unsure(struct codecache_view *view,
			    struct vm_area_struct *vma)
{
	struct codecache_marks *marks;
	unsigned long slot;

	xa_for_each(&view->marks, slot, marks) {
		codecache_marks_unsure_slot(view, vma, marks, slot);
		cond_resched();
	}
}

/**
 * codecache_marks_poke - a debugger writes to a page
 * @view: the view
 * @page: page of it
 *
 * Context: process; sleeps; view->lock held shared.
 * Return: 0 or -ENOMEM.
 */
int codecache_marks_poke(struct codecache_view *view, unsigned long page)
{
	struct codecache_marks *marks;

	lockdep_assert_held(view->lock);
	/* Nobody could ask for such a bit, or clear it. */
	if (!(codecache_kind(view->kind)->full & CODECACHE_PROT_WRITE))
		return 0;
	marks = codecache_marks_make(view, page);
	if (marks)
		set_bit(page & CODECACHE_MARKS_MASK, marks->dirty);
	return marks ? 0 : -ENOMEM;
}
