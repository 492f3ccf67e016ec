/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CODECACHE_RANGE_H
#define CODECACHE_RANGE_H

#include <linux/types.h>

#include <linux/codecache.h>

#define CODECACHE_NO_INDEX	(~0ULL)

/* A set of protections, one bit for each value of CODECACHE_PROT_*. */
#define CODECACHE_PROT_BIT(prot)	(1U << (prot))
#define CODECACHE_PROT_ALL \
	(CODECACHE_PROT_READ | CODECACHE_PROT_WRITE | CODECACHE_PROT_EXEC)

int codecache_prot_check(u32 prot, u32 allowed);
int codecache_window_check(u64 first, u64 nr, u64 nr_pages);
int codecache_range_check(const struct codecache_prot_range *r, u64 nr_pages,
			  u32 allowed);
int codecache_ranges_sort(struct codecache_prot_range *ranges, u64 nr,
			  u64 *bad);
u64 codecache_bitmap_runs(const unsigned long *bitmap, u64 *bit, u64 nr_bits,
			  u64 first_page, u32 prot,
			  struct codecache_prot_range *runs, u64 max_runs);

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
	return !r->flags && r->prot <= CODECACHE_PROT_ALL &&
	       allowed & CODECACHE_PROT_BIT(r->prot) && first < nr_pages &&
	       (u64)r->nr_pages - 1 < nr_pages - first;
}

#endif /* CODECACHE_RANGE_H */
