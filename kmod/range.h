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
int codecache_ranges_check(const struct codecache_prot_range *ranges, u64 nr,
			   u64 nr_pages, u32 allowed, bool *sorted, u64 *bad);
int codecache_ranges_sort(struct codecache_prot_range *ranges, u64 nr,
			  u64 *bad);
u64 codecache_bitmap_runs(const unsigned long *bitmap, u64 *bit, u64 nr_bits,
			  u64 first_page, u32 prot,
			  struct codecache_prot_range *runs, u64 max_runs);

#endif /* CODECACHE_RANGE_H */
