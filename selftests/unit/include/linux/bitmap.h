/* SPDX-License-Identifier: MIT */
/* Shim: bit by bit, which is slow and easy to believe. */
#ifndef SHIM_LINUX_BITMAP_H
#define SHIM_LINUX_BITMAP_H

#include <linux/types.h>

static inline bool shim_bit(const unsigned long *bitmap, unsigned long i)
{
	return bitmap[i / BITS_PER_LONG] >> i % BITS_PER_LONG & 1;
}

static inline unsigned long shim_find(const unsigned long *bitmap,
				      unsigned long nr, unsigned long i,
				      bool want)
{
	while (i < nr && shim_bit(bitmap, i) != want)
		i++;
	return i < nr ? i : nr;
}

#define find_next_bit(bitmap, nr, from)		shim_find(bitmap, nr, from, true)
#define find_next_zero_bit(bitmap, nr, from)	shim_find(bitmap, nr, from, false)

#endif /* SHIM_LINUX_BITMAP_H */
