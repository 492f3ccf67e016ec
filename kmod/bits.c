// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache bits: dirty and accessed bits of page table entries
 *
 * Concepts: on x86 the bits are plain ones. Four entries are tested at a time,
 *           and bits are cleared by one locked instruction that leaves all others
 *           alone. Elsewhere an entry is taken and put back: who uses the page in
 *           between faults, and waits for view->lock.
 *
 * Guarantees:
 *  - entries change in one atomic step: a bit that a processor sets meanwhile is
 *    seen, or stays;
 *  - between find and clear, under one page table lock, no bit goes away.
 *
 * Locking:  the page table lock, for what software does to entries. Processors
 *           set bits under no lock.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "codecache_priv.h"
#include "compat.h"
#include "table.h"

/* What the entry may keep; @keep are CODECACHE_PROT_*. */
static pte_t codecache_pte_reduce(pte_t pte, u32 clear, u32 keep)
{
	if (clear & CODECACHE_PAGE_DIRTY)
		pte = pte_mkclean(pte);
	if (clear & CODECACHE_PAGE_YOUNG)
		pte = pte_mkold(pte);
	if (!(keep & CODECACHE_PROT_WRITE))
		pte = pte_wrprotect(pte);
	return pte;
}

#ifdef CONFIG_X86_64

static pteval_t codecache_pte_mask(u32 state)
{
	return (state & CODECACHE_PAGE_DIRTY ? CODECACHE_PTE_DIRTY : 0) |
	       (state & CODECACHE_PAGE_YOUNG ? _PAGE_ACCESSED : 0);
}

static pte_t codecache_pte_exchange(struct mm_struct *mm, unsigned long addr,
				    pte_t *ptep, u32 clear, u32 keep)
{
	pte_t old = ptep_get(ptep), new;

	do {
		new = codecache_pte_reduce(old, clear, keep);
	} while (new.pte != old.pte &&
		 !try_cmpxchg(&ptep->pte, &old.pte, new.pte));
	return old;
}

/* Has any of four entries a bit of @mask? */
static __always_inline bool codecache_ptes_any(const pte_t *p, pteval_t mask)
{
	/*
	 * Plain loads, which the compiler can combine: nobody else changes
	 * entries but processors that set these bits, and a bit that is missed
	 * is as one that is set a moment later.
	 */
	return data_race(p[0].pte | p[1].pte | p[2].pte | p[3].pte) & mask;
}

/* Branches that are seldom taken are cheaper than a bit from each entry. */
static __always_inline u32 codecache_ptes_32(const pte_t *p, pteval_t mask)
{
	u32 found = 0;
	int i, k;

#pragma GCC unroll 8
	for (i = 0; i < 32; i += 4) {
		if (likely(!codecache_ptes_any(p + i, mask)))
			continue;
#pragma GCC unroll 4
		for (k = i; k < i + 4; k++) {
			if (READ_ONCE(p[k].pte) & mask) {
				found |= 1U << k;
				OPTIMIZER_HIDE_VAR(found);
			}
		}
	}
	return found;
}

static u64 codecache_ptes_scan(const pte_t *p, unsigned int nr, u32 state)
{
	pteval_t mask = codecache_pte_mask(state);
	unsigned int i = 0;
	u64 found = 0;

	OPTIMIZER_HIDE_VAR(mask);	/* it belongs in a register */
	for (; i + 32 <= nr; i += 32)
		found |= (u64)codecache_ptes_32(p + i, mask) << i;
	for (; i < nr; i++) {
		if (READ_ONCE(p[i].pte) & mask)
			found |= 1ULL << i;
	}
	return found;
}

/* The bits alone, by one locked instruction. */
static void codecache_pte_drop(struct mm_struct *mm, unsigned long addr,
			       pte_t *ptep, u32 state)
{
	BUILD_BUG_ON(sizeof(*ptep) != sizeof(atomic_long_t));
	atomic_long_and(~codecache_pte_mask(state), (atomic_long_t *)ptep);
}

#else /* !CONFIG_X86_64 */

/**
 * codecache_pte_set - write an entry
 * @mm: whose table it is in
 * @addr: what it maps
 * @ptep: where it is
 * @pte: the entry, present and special
 *
 * All of ours are special. Said once more beside the only set_pte_at(), it lets the
 * compiler see that arm64's has no MTE tags to set up, for which it would call
 * mte_sync_tags(), which is not exported.
 *
 * Context: the lock of the page table held.
 */
noinline void codecache_pte_set(struct mm_struct *mm, unsigned long addr,
				pte_t *ptep, pte_t pte)
{
	codecache_sync_code(pte);
	set_pte_at(mm, addr, ptep, pte_mkspecial(pte));
}

static pte_t codecache_pte_exchange(struct mm_struct *mm, unsigned long addr,
				    pte_t *ptep, u32 clear, u32 keep)
{
	pte_t old = ptep_get_and_clear(mm, addr, ptep);

	codecache_pte_set(mm, addr, ptep, codecache_pte_reduce(old, clear, keep));
	return old;
}

static u64 codecache_ptes_scan(pte_t *p, unsigned int nr, u32 state)
{
	unsigned int i;
	u64 found = 0;

	for (i = 0; i < nr; i++) {
		if (codecache_pte_state(ptep_get(p + i)) & state)
			found |= 1ULL << i;
	}
	return found;
}

static void codecache_pte_drop(struct mm_struct *mm, unsigned long addr,
			       pte_t *ptep, u32 state)
{
	codecache_pte_exchange(mm, addr, ptep, state, CODECACHE_PROT_ALL);
}

#endif

/**
 * codecache_pte_change - take bits and rights away from an entry
 * @mm: whose
 * @addr: what it maps
 * @ptep: the entry, not none
 * @clear: CODECACHE_PAGE_*
 * @keep: CODECACHE_PROT_* that stay; not NONE
 *
 * Context: atomic; the page table lock held. The caller flushes.
 * Return: what it was.
 */
pte_t codecache_pte_change(struct mm_struct *mm, unsigned long addr,
			   pte_t *ptep, u32 clear, u32 keep)
{
	return codecache_pte_exchange(mm, addr, ptep, clear, keep);
}

/**
 * codecache_ptes_find - which entries are dirty, or young?
 * @ptep: the first one
 * @nr: entries, 64 at most, in one page table
 * @state: CODECACHE_PAGE_*: any of them
 *
 * Context: atomic; the page table lock held.
 * Return: a bit for each that is.
 */
u64 codecache_ptes_find(pte_t *ptep, unsigned int nr, u32 state)
{
	return codecache_ptes_scan(ptep, nr, state);
}

/**
 * codecache_ptes_clear - make entries clean, or old
 * @mm: whose
 * @addr: what the first one maps
 * @ptep: the first one
 * @pages: a bit for each to be changed, none of which is empty; not 0
 * @state: CODECACHE_PAGE_*: what goes
 *
 * Context: atomic; the page table lock held. The caller flushes.
 */
void codecache_ptes_clear(struct mm_struct *mm, unsigned long addr,
			  pte_t *ptep, u64 pages, u32 state)
{
	unsigned long i;

	do {
		i = __ffs64(pages);
		codecache_pte_drop(mm, addr + (i << PAGE_SHIFT), ptep + i,
				   state);
	} while (pages &= pages - 1);
}
