/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CODECACHE_MARKS_H
#define CODECACHE_MARKS_H

#include <linux/bitops.h>

#include <linux/codecache.h>

/* Pages that one struct codecache_marks describes, and in how many words. */
#define CODECACHE_MARKS_SHIFT	9
#define CODECACHE_MARKS_PAGES	512UL
#define CODECACHE_MARKS_MASK	(CODECACHE_MARKS_PAGES - 1)
#define CODECACHE_MARKS_WORDS	(CODECACHE_MARKS_PAGES / BITS_PER_LONG)

/**
 * struct codecache_marks - what is known about pages beside their entries
 * @dirty: written, by an entry that is gone, or by a debugger
 * @young: accessed, by an entry that is gone
 * @lost: a log trap found no room
 * @unsure: @dirty and @young may be wrong: the entry went unseen
 *
 * A bit a page. What an entry still knows is not here.
 */
struct codecache_marks {
	unsigned long dirty[CODECACHE_MARKS_WORDS];
	unsigned long young[CODECACHE_MARKS_WORDS];
	unsigned long lost[CODECACHE_MARKS_WORDS];
	unsigned long unsure[CODECACHE_MARKS_WORDS];
};

/* Set the marks of a page that @state has; the owner's lock held exclusively. */
static inline void codecache_marks_add(struct codecache_marks *marks,
				       unsigned long page, u32 state)
{
	unsigned long bit = page & CODECACHE_MARKS_MASK;

	if (state & CODECACHE_PAGE_DIRTY)
		__set_bit(bit, marks->dirty);
	if (state & CODECACHE_PAGE_YOUNG)
		__set_bit(bit, marks->young);
	if (state & CODECACHE_PAGE_LOST)
		__set_bit(bit, marks->lost);
	if (state & CODECACHE_PAGE_UNSURE)
		__set_bit(bit, marks->unsure);
}

#endif /* CODECACHE_MARKS_H */
