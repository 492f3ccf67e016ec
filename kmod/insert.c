// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache insertion: page table entries that faults and POPULATE make
 *
 * Concepts: an entry is made clean, and young only if an access is about to
 *           happen, so that the processor's bits are exact from the start.
 *           Before the first entry come the marks of its page and the bit of its
 *           page table. Around a page that is read or run, the resident pages of
 *           an aligned window are mapped too.
 * Locking:  view->lock held shared, so that protections stay; mmap_lock or the
 *           VMA's lock; the page table lock is taken here.
 * Lifetime: zone->pages holds the pages: until view->lock is released, at least.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "codecache_priv.h"
#include "table.h"

struct codecache_insert {
	struct codecache_view *view;
	struct vm_area_struct *vma;
	unsigned long pfn;
	u32 prot;
	bool accessed;
	int what;
};

static int codecache_insert_one(pte_t *ptep, unsigned long addr, void *data)
{
	struct codecache_insert *ins = data;
	struct mm_struct *mm = ins->vma->vm_mm;
	pte_t pte = ptep_get(ptep);

	if (pte_none(pte)) {
		codecache_pte_set(mm, addr, ptep,
				  codecache_pte_make(ins->view, ins->pfn,
						     ins->prot, ins->accessed));
		ins->what = CODECACHE_NR_FAULTS_FILLED;
	} else if (ins->prot & CODECACHE_PROT_WRITE && !pte_write(pte)) {
		codecache_pte_widen(mm, addr, ptep);
		ins->what = CODECACHE_NR_FAULTS_UPGRADED;
	} else {
		ins->what = CODECACHE_NR_FAULTS_SPURIOUS;
	}
	update_mmu_cache(ins->vma, addr, ptep);
	return 0;
}

/**
 * codecache_insert_page - map one page
 * @view: the view
 * @vma: its mapping
 * @addr: page-aligned address
 * @page: what to map; held by the zone
 * @prot: CODECACHE_PROT_* of the page, not NONE
 * @accessed: an access is about to be made
 *
 * Context: view->lock held shared; the core's lock on @vma. Sleeps.
 * Return: the counter that tells what happened, or -ENOMEM.
 */
int codecache_insert_page(struct codecache_view *view,
			  struct vm_area_struct *vma, unsigned long addr,
			  struct page *page, u32 prot, bool accessed)
{
	struct codecache_insert ins = {
		.view = view,
		.vma = vma,
		.pfn = page_to_pfn(page),
		.prot = prot,
		.accessed = accessed,
	};
	unsigned long table = codecache_table_index(vma, addr);
	struct codecache_ptl ptl;
	pte_t *ptep;
	int err;

	if (!codecache_marks_make(view, (addr - vma->vm_start) >> PAGE_SHIFT))
		return -ENOMEM;
	/* Before the entry exists; read under view->lock exclusive. */
	if (!test_bit(table, view->populated))
		set_bit(table, view->populated);
	ptep = codecache_table_lock(vma->vm_mm, addr, &ptl);
	if (ptep) {
		codecache_insert_one(ptep, addr, &ins);
		codecache_table_unlock(&ptl);
		return ins.what;
	}
	err = apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE,
				  codecache_insert_one, &ins);
	return err ? err : ins.what;
}

/**
 * codecache_insert_upgrade - make the entry of a page writable
 * @vmf: of a fault in pfn_mkwrite(), so that there is a page table
 *
 * Context: view->lock held shared; the core's lock on the mapping.
 * Return: the counter that tells what happened; -ENOENT: there is no entry.
 */
int codecache_insert_upgrade(struct vm_fault *vmf)
{
	unsigned long addr = vmf->address & PAGE_MASK;
	struct mm_struct *mm = vmf->vma->vm_mm;
	int what = -ENOENT;
	struct codecache_ptl ptl;
	pte_t *ptep;

	ptep = codecache_pmd_lock(mm, vmf->pmd, addr, &ptl);
	if (!pte_none(ptep_get(ptep))) {
		what = CODECACHE_NR_FAULTS_SPURIOUS;
		if (!pte_write(ptep_get(ptep))) {
			codecache_pte_widen(mm, addr, ptep);
			what = CODECACHE_NR_FAULTS_UPGRADED;
		}
		update_mmu_cache(vmf->vma, addr, ptep);
	}
	codecache_table_unlock(&ptl);
	return what;
}

/* The window of pages around one: aligned in the view, within a page table. */
static void codecache_around_window(const struct codecache_view *view,
				    unsigned long page, unsigned long addr,
				    unsigned long *from, unsigned long *to)
{
	unsigned long before = pte_index(addr);
	unsigned long after = PTRS_PER_PTE - 1 - before;
	unsigned long mask = CODECACHE_AROUND_PAGES - 1;

	*from = max(page & ~mask, page - min(before, page));
	*to = min3(page | mask, page + after, view->nr_pages - 1);
}

/**
 * codecache_insert_around - map the resident pages around one that is mapped
 * @view: the view
 * @vma: its mapping
 * @addr: page-aligned address of the page
 *
 * Each with its own protection, neither young nor dirty. A window lies in one
 * page table and has one block of marks, both of which the page at @addr has.
 *
 * Context: view->lock held shared; the core's lock on @vma.
 */
void codecache_insert_around(struct codecache_view *view,
			     struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long here = (addr - vma->vm_start) >> PAGE_SHIFT;
	unsigned long from, to, index, page;
	struct codecache_ptl ptl;
	struct page *p;
	void *entry;
	pte_t *ptep;
	u64 nr = 0;
	u32 prot;

	codecache_around_window(view, here, addr, &from, &to);
	ptep = codecache_table_lock(vma->vm_mm, addr, &ptl);
	if (!ptep)
		return;
	xa_for_each_range(&view->zone->pages, index, entry, view->first + from,
			  view->first + to) {
		page = index - view->first;
		prot = codecache_protmap_get(&view->prots, page);
		prot = codecache_value_prot(prot);
		p = codecache_view_entry_page(view, entry, &prot);
		if (!p || !prot || !pte_none(ptep_get(ptep + page - here)))
			continue;
		codecache_pte_set(vma->vm_mm,
				  vma->vm_start + (page << PAGE_SHIFT),
				  ptep + page - here,
				  codecache_pte_make(view, page_to_pfn(p), prot,
						     false));
		nr++;
	}
	codecache_table_unlock(&ptl);
	if (nr)
		codecache_count(&view->counters, CODECACHE_NR_FAULTS_AROUND,
				nr);
}
