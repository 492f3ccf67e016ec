/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CODECACHE_RANGE_H
#define CODECACHE_RANGE_H

#include <linux/types.h>

#include <linux/codecache.h>

#include "protmap.h"

#define CODECACHE_NO_INDEX	(~0ULL)

/* A set of protections, one bit for each value of CODECACHE_PROT_*. */
#define CODECACHE_PROT_BIT(prot)	(1U << (prot))
/* In such a set: ranges may name a trap mode. */
#define CODECACHE_ALLOW_TRAPS		0x80000000U
#define CODECACHE_PROT_ALL \
	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE | CODECACHE_PROT_EXEC)

int codecache_prot_check(u32 prot, u32 allowed);
int codecache_trap_check(u32 trap, u32 allowed);
int codecache_window_check(u64 first, u64 nr, u64 nr_pages);
int codecache_range_check(const struct codecache_prot_range *r, u64 nr_pages,
			  u32 allowed);
int codecache_ranges_sort(struct codecache_prot_range *ranges, u64 nr,
			  u64 *bad);
u64 codecache_ranges_merge(struct codecache_prot_range *ranges, u64 nr);
u64 codecache_bitmap_runs(const unsigned long *bitmap, u64 *bit, u64 nr_bits,
			  u64 first_page, u32 prot,
			  struct codecache_prot_range *runs, u64 max_runs);

/**
 * codecache_trap_value - what the map keeps for a range
 * @prot: CODECACHE_PROT_*
 * @trap: 0 or one of CODECACHE_RANGE_F_*
 * @trap_mode: CODECACHE_TRAP_* of the view
 *
 * Context: any.
 * Return: codecache_value_make() of the protection and the trap mode.
 */
static __always_inline u16 codecache_trap_value(u32 prot, u32 trap,
						u32 trap_mode)
{
	/* The flags 1, 2, 4 stand for the modes 0, 1, 2. */
	return prot | (trap ? trap >> 1 : trap_mode) <<
		      CODECACHE_VALUE_MODE_SHIFT;
}

/* codecache_trap_check() without a reason: 0x17 has the bits 0, 1, 2 and 4. */
static __always_inline bool codecache_trap_ok(u32 trap, u32 allowed)
{
	return !trap || (allowed & CODECACHE_ALLOW_TRAPS && trap < 8 &&
			 0x17U >> trap & 1);
}

/**
 * codecache_range_ok - codecache_range_check(), quick and without a reason
 * @r: the range
 * @nr_pages: pages of the view
 * @allowed: set of CODECACHE_PROT_BIT() that the kind of view has
 *
 * Context: any, user access sections included.
 * Return: whether codecache_range_check() would return 0.
 */
static __always_inline bool
codecache_range_ok(const struct codecache_prot_range *r, u64 nr_pages,
		   u32 allowed)
{
	u64 first = r->first_page;

	/* For no pages at all, nr_pages - 1 is huge. */
	return codecache_trap_ok(r->flags, allowed) &&
	       r->prot <= CODECACHE_PROT_ALL &&
	       allowed & CODECACHE_PROT_BIT(r->prot) && first < nr_pages &&
	       (u64)r->nr_pages - 1 < nr_pages - first;
}

#endif /* CODECACHE_RANGE_H */
