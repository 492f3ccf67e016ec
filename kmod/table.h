/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache page tables: finding one, and reading and writing entries
 *
 * A walk by hand, as KVM does it: apply_to_page_range() takes several times as
 * long, and allocates tables for holes. Right for the mappings of this module
 * only: their entries are small, in tables that stay while mmap_lock, or the lock
 * of the VMA, is held and the VMA is in the tree.
 */
#ifndef CODECACHE_TABLE_H
#define CODECACHE_TABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "codecache_priv.h"
#include "compat.h"

/* Which page table lock codecache_table_lock() has taken. */
struct codecache_ptl {
	spinlock_t *lock;	/* of the core */
};

/* The entry of @addr in the page table of @pmd, with its lock held. */
static inline pte_t *codecache_pmd_lock(struct mm_struct *mm, pmd_t *pmd,
					unsigned long addr,
					struct codecache_ptl *ptl)
{
	ptl->lock = pte_lockptr(mm, pmd);
	spin_lock(ptl->lock);
	__release(ptl->lock);	/* only for sparse: it cannot follow it */
	return pte_offset_kernel(pmd, addr);
}

/*
 * The entry of @addr, with the lock of its page table held, or NULL if there is
 * no table.
 */
static inline pte_t *codecache_table_lock(struct mm_struct *mm,
					  unsigned long addr,
					  struct codecache_ptl *ptl)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(READ_ONCE(*pud)))
		return NULL;
	pmd = pmd_offset(pud, addr);
	if (!pmd_present(READ_ONCE(*pmd)))
		return NULL;
	return codecache_pmd_lock(mm, pmd, addr, ptl);
}

static inline void codecache_table_unlock(struct codecache_ptl *ptl)
{
	__acquire(ptl->lock);
	spin_unlock(ptl->lock);
}

/* An entry for a page, neither dirty nor, unless @accessed, young. */
static inline pte_t codecache_pte_make(const struct codecache_view *view,
				       unsigned long pfn, u32 prot,
				       bool accessed)
{
	pgprot_t pgprot = prot & CODECACHE_PROT_WRITE ? view->page_rw :
							view->page_ro;
	pte_t pte = pte_mkspecial(pfn_pte(pfn, pgprot));

	return accessed ? pte_mkyoung(pte) : pte_mkold(pte);
}

/* Write an entry. */
#ifdef CONFIG_X86_64
static inline void codecache_pte_set(struct mm_struct *mm, unsigned long addr,
				     pte_t *ptep, pte_t pte)
{
	set_pte_at(mm, addr, ptep, pte);
}
#else
void codecache_pte_set(struct mm_struct *mm, unsigned long addr, pte_t *ptep,
		       pte_t pte);
#endif

/* Give an entry that is read-only all that RW allows, and keep its bits. */
static inline void codecache_pte_widen(struct mm_struct *mm, unsigned long addr,
				       pte_t *ptep)
{
	pte_t old = ptep_get_and_clear(mm, addr, ptep);
	pte_t pte = pte_mkclean(codecache_pte_mkwrite(old));

	/*
	 * Where the dirty bit is depends on whether the entry is writable; and on
	 * arm64 one that becomes writable may count as dirty.
	 */
	if (pte_dirty(old))
		pte = pte_mkdirty(pte);
	codecache_pte_set(mm, addr, ptep, pte);
}

/* What an entry knows about its page, as CODECACHE_PAGE_*. */
static inline u32 codecache_pte_state(pte_t pte)
{
	return (pte_dirty(pte) ? CODECACHE_PAGE_DIRTY : 0) |
	       (pte_young(pte) ? CODECACHE_PAGE_YOUNG : 0);
}

/* Keep what an entry that goes knows about its page. */
static inline void codecache_pte_harvest(struct codecache_marks *marks,
					 unsigned long page, pte_t pte)
{
	codecache_marks_add(marks, page, codecache_pte_state(pte));
}

/* ---- bits.c: for QUERY ---------------------------------------------------- */

pte_t codecache_pte_change(struct mm_struct *mm, unsigned long addr,
			   pte_t *ptep, u32 clear, u32 keep);
u64 codecache_ptes_find(pte_t *ptep, unsigned int nr, u32 state);
void codecache_ptes_clear(struct mm_struct *mm, unsigned long addr,
			  pte_t *ptep, u64 pages, u32 state);

#endif /* CODECACHE_TABLE_H */
