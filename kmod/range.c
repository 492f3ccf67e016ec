// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache ranges: what makes a PROTECT vector valid, and bitmaps as ranges
 *
 * Concepts: pure logic on private copies of what the user passed: no user
 *           memory, no mm types, no locks. selftests/unit compiles this very
 *           file in user space under ASan and UBSan.
 * Locking:  none; the caller owns the arrays. Only sorting sleeps: it allocates, and
 *           takes its time.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "range.h"

/**
 * codecache_prot_check - is @prot one of the protections that are allowed?
 * @prot: CODECACHE_PROT_* from the user
 * @allowed: set of CODECACHE_PROT_BIT()
 *
 * Context: any.
 * Return: 0; -EINVAL for bits that mean nothing; -EOPNOTSUPP for a protection
 * that is not in @allowed.
 */
int codecache_prot_check(u32 prot, u32 allowed)
{
	if (prot & ~CODECACHE_PROT_ALL)
		return -EINVAL;
	return allowed & CODECACHE_PROT_BIT(prot) ? 0 : -EOPNOTSUPP;
}

/**
 * codecache_trap_check - is @trap a trap mode that may be asked for?
 * @trap: 0 or CODECACHE_RANGE_F_* from the user
 * @allowed: set of CODECACHE_PROT_BIT(), and CODECACHE_ALLOW_TRAPS
 *
 * Context: any.
 * Return: 0; -EOPNOTSUPP for unknown bits, or where there are no trap modes;
 * -EINVAL for more than one.
 */
int codecache_trap_check(u32 trap, u32 allowed)
{
	if (trap & ~(CODECACHE_RANGE_F_SIGNAL | CODECACHE_RANGE_F_LOG |
		     CODECACHE_RANGE_F_BLOCK))
		return -EOPNOTSUPP;
	if (trap && !(allowed & CODECACHE_ALLOW_TRAPS))
		return -EOPNOTSUPP;
	return trap & (trap - 1) ? -EINVAL : 0;
}

/**
 * codecache_window_check - do @nr pages from @first lie within @nr_pages?
 * @first: first page
 * @nr: pages, at least 1
 * @nr_pages: pages that there are
 *
 * Context: any.
 * Return: 0, -EINVAL for no page at all, -EOVERFLOW, -ERANGE.
 */
int codecache_window_check(u64 first, u64 nr, u64 nr_pages)
{
	u64 end;

	if (!nr)
		return -EINVAL;
	if (check_add_overflow(first, nr, &end))
		return -EOVERFLOW;
	return end <= nr_pages ? 0 : -ERANGE;
}

/**
 * codecache_range_check - what is wrong with a range, if anything
 * @r: the range
 * @nr_pages: pages of the view
 * @allowed: set of CODECACHE_PROT_BIT() that the kind of view has
 *
 * Context: any.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -ERANGE, tested in this order:
 * flags, protection, pages.
 */
int codecache_range_check(const struct codecache_prot_range *r, u64 nr_pages,
			  u32 allowed)
{
	int err;

	err = codecache_trap_check(r->flags, allowed);
	if (!err)
		err = codecache_prot_check(r->prot, allowed);
	return err ? err : codecache_window_check(r->first_page, r->nr_pages,
						  nr_pages);
}

/* While a vector is sorted, the upper half of first_page is its old index. */
#define CODECACHE_SORT_SHIFT	32

static int codecache_range_cmp(const void *a, const void *b)
{
	const struct codecache_prot_range *ra = a, *rb = b;
	u32 fa = ra->first_page, fb = rb->first_page;

	return fa < fb ? -1 : fa > fb;
}

/* Digits of a radix sort; and how many ranges are worth its tables. */
#define CODECACHE_RADIX_BITS	8
#define CODECACHE_RADIX_DIGITS	256U
#define CODECACHE_RADIX_MIN	32

static unsigned int codecache_radix_digit(const struct codecache_prot_range *r,
					  unsigned int shift)
{
	return (r->first_page >> shift) & (CODECACHE_RADIX_DIGITS - 1);
}

/* Put ranges in the order of one digit; those of which it is the same stay in order. */
static void codecache_radix_pass(const struct codecache_prot_range *from,
				 struct codecache_prot_range *to, u64 nr,
				 unsigned int shift, u32 *place)
{
	u32 n, sum = 0;
	u64 i;

	memset(place, 0, CODECACHE_RADIX_DIGITS * sizeof(*place));
	for (i = 0; i < nr; i++)
		place[codecache_radix_digit(&from[i], shift)]++;
	for (i = 0; i < CODECACHE_RADIX_DIGITS; i++) {
		n = place[i];
		place[i] = sum;
		sum += n;
	}
	for (i = 0; i < nr; i++)
		to[place[codecache_radix_digit(&from[i], shift)]++] = from[i];
}

/*
 * By the lower half of first_page. A few passes over the vector, two for each 65536
 * pages that a view has: random pages took eight times as long to be compared with each
 * other. False: there are few, or no memory for a second vector.
 */
static bool codecache_ranges_radix(struct codecache_prot_range *ranges, u64 nr)
{
	struct codecache_prot_range *other;
	u32 *place, highest = 0;
	unsigned int shift;
	bool done;
	u64 i;

	if (nr < CODECACHE_RADIX_MIN)
		return false;
	place = kvmalloc_array(CODECACHE_RADIX_DIGITS, sizeof(*place), GFP_KERNEL);
	other = kvmalloc_array(nr, sizeof(*other), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	done = place && other;
	for (i = 0; i < nr; i++)
		highest |= ranges[i].first_page;
	for (shift = 0; done && shift < 32 && highest >> shift;
	     shift += 2 * CODECACHE_RADIX_BITS) {
		codecache_radix_pass(ranges, other, nr, shift, place);
		codecache_radix_pass(other, ranges, nr, shift + CODECACHE_RADIX_BITS,
				     place);
	}
	kvfree(other);
	kvfree(place);
	return done;
}

/* Are they in order, and apart from each other? Most callers' are. */
static bool codecache_ranges_ascend(const struct codecache_prot_range *ranges,
				    u64 nr)
{
	u64 i, end = 0;

	for (i = 0; i < nr; i++) {
		if (ranges[i].first_page < end)
			return false;
		end = ranges[i].first_page + ranges[i].nr_pages;
	}
	return true;
}

/**
 * codecache_ranges_sort - put a checked vector in order, and find overlaps
 * @ranges: the vector; codecache_range_check() passed each, so that pages are
 *	below 2^32
 * @nr: its length, below 2^32
 * @bad: index, in the order of the caller, of a range that overlaps another:
 *	the later one of the two
 *
 * Context: process; sleeps. Takes a few passes; n log n without memory for a copy.
 * Return: 0 or -EINVAL.
 */
int codecache_ranges_sort(struct codecache_prot_range *ranges, u64 nr,
			  u64 *bad)
{
	u64 i, index, prev = 0, end = 0;

	if (codecache_ranges_ascend(ranges, nr))
		return 0;
	for (i = 0; i < nr; i++)
		ranges[i].first_page |= i << CODECACHE_SORT_SHIFT;
	if (!codecache_ranges_radix(ranges, nr))
		sort(ranges, nr, sizeof(*ranges), codecache_range_cmp, NULL);
	for (i = 0; i < nr; i++) {
		index = ranges[i].first_page >> CODECACHE_SORT_SHIFT;
		ranges[i].first_page = (u32)ranges[i].first_page;
		if (ranges[i].first_page < end) {
			*bad = max(index, prev);
			return -EINVAL;
		}
		end = ranges[i].first_page + ranges[i].nr_pages;
		prev = index;
	}
	return 0;
}

/**
 * codecache_ranges_merge - make one range of those that touch each other
 * @ranges: the vector, as codecache_ranges_sort() leaves it; of one protection
 * @nr: its length
 *
 * Context: any.
 * Return: how many it has now.
 */
u64 codecache_ranges_merge(struct codecache_prot_range *ranges, u64 nr)
{
	struct codecache_prot_range *last = ranges;
	u64 i;

	if (!nr)
		return 0;
	for (i = 1; i < nr; i++) {
		if (ranges[i].first_page == last->first_page + last->nr_pages &&
		    ranges[i].nr_pages <= U32_MAX - last->nr_pages)
			last->nr_pages += ranges[i].nr_pages;
		else
			*++last = ranges[i];
	}
	return last - ranges + 1;
}

/**
 * codecache_bitmap_runs - the next set bits of a bitmap, as ranges
 * @bitmap: the bits
 * @bit: where to go on; advanced to where the next call goes on
 * @nr_bits: bits in the bitmap
 * @first_page: the page of bit 0
 * @prot: protection that the ranges get
 * @runs: filled, ascending
 * @max_runs: room in @runs
 *
 * Context: any.
 * Return: ranges filled; 0 when no bit from @bit on is set.
 */
u64 codecache_bitmap_runs(const unsigned long *bitmap, u64 *bit, u64 nr_bits,
			  u64 first_page, u32 prot,
			  struct codecache_prot_range *runs, u64 max_runs)
{
	u64 start, end = *bit, n = 0;

	while (n < max_runs) {
		start = find_next_bit(bitmap, nr_bits, end);
		if (start >= nr_bits) {
			end = nr_bits;
			break;
		}
		end = find_next_zero_bit(bitmap, nr_bits, start);
		runs[n++] = (struct codecache_prot_range){
			.first_page = first_page + start,
			.nr_pages = end - start,
			.prot = prot,
		};
	}
	*bit = end;
	return n;
}
