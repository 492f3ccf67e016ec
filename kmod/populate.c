// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache POPULATE: allocate and map pages before anybody touches them
 *
 * Locking:  mmap_lock for reading and view->lock shared, for a chunk of pages at
 *           a time: faults go on meanwhile.
 * Lifetime: as for faults.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "codecache_priv.h"

#define CODECACHE_POPULATE_CHUNK	512UL

/* True to go on with the next page. */
static bool codecache_populate_one(struct codecache_view *view,
				   struct vm_area_struct *vma,
				   unsigned long pgoff, u64 *nr)
{
	u32 prot = codecache_protmap_get(&view->prots, pgoff);
	struct page *page;
	int what;

	prot = codecache_value_prot(prot);
	if (!prot)
		return true;
	page = codecache_view_page(view, pgoff, &prot);
	if (page == ERR_PTR(-ENXIO) || !prot)
		return true;	/* nothing can be mapped there */
	if (IS_ERR(page))
		return false;
	what = codecache_insert_page(view, vma,
				     vma->vm_start + (pgoff << PAGE_SHIFT),
				     page, prot, false);
	if (what < 0)
		return false;
	if (what != CODECACHE_NR_FAULTS_SPURIOUS)
		(*nr)++;
	cond_resched();
	return !fatal_signal_pending(current);
}

/**
 * codecache_populate - map pages, as far as that can be had
 * @view: of a PFN kind
 * @first: first page
 * @nr: pages
 *
 * Context: process; sleeps; no locks held.
 * Return: pages that were mapped.
 */
u64 codecache_populate(struct codecache_view *view, unsigned long first,
		       unsigned long nr)
{
	unsigned long end = first + nr, chunk;
	struct codecache_target target;
	bool going = true;
	u64 done = 0;

	while (going && first < end) {
		if (codecache_view_lock_shared(view, &target))
			break;
		chunk = min(end, first + CODECACHE_POPULATE_CHUNK);
		going = target.mm && !view->leaving;
		while (going && first < chunk)
			going = codecache_populate_one(view, target.vma,
						       first++, &done);
		codecache_view_unlock_shared(view, &target);
	}
	codecache_count(&view->counters, CODECACHE_NR_POPULATED, done);
	return done;
}
