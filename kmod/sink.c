// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache sinks: how a query's results get into user memory without loss
 *
 * Concepts: the answer is written while the page tables are being walked, in
 *           small lots, with page faults disabled: a fault would want locks that
 *           the walk holds. Where that fails, what the lot had cleared is put
 *           back into the marks, the walk stops, and the caller faults the memory
 *           in and goes on from there. So results are neither lost nor kept in
 *           buffers that grow with the query.
 * Locking:  view->lock held for writing, a page table lock too, perhaps.
 * Lifetime: on the stack of the call.
 */
#include <linux/bitops.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"
#include "query.h"

static void codecache_sink_restore(struct codecache_sink *sink,
				   unsigned long page, u32 state)
{
	u32 set = state & sink->clear;

	sink->nr_restored++;
	if (set)
		codecache_marks_add(codecache_marks_get(sink->view, page), page,
				    set | (state & CODECACHE_PAGE_UNSURE));
}

static void codecache_sink_failed(struct codecache_sink *sink,
				  unsigned long page)
{
	if (!sink->fault)
		sink->retry = page;
	sink->fault = true;
}

/* Write what is in the buffer; page faults are disabled. */
static noinline bool codecache_sink_put(struct codecache_sink *sink)
{
	u64 __user *to = (u64 __user *)(sink->ranges + sink->nr);
	const u64 *from = (const u64 *)sink->buf;
	const u64 *end = (const u64 *)(sink->buf + sink->n);

	BUILD_BUG_ON(sizeof(*sink->buf) != 2 * sizeof(u64));
	if (!user_write_access_begin(to, sink->n * sizeof(*sink->buf)))
		return false;
	for (; from < end; from += 2, to += 2) {
		unsafe_put_user(from[0], to, fault);
		unsafe_put_user(from[1], to + 1, fault);
	}
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
	return false;
}

/* Deliver the buffer, or put back what it had cleared; then it is empty. */
static void codecache_sink_deliver(struct codecache_sink *sink)
{
	unsigned int i, n = sink->n;
	u64 page;
	bool ok;

	if (!n)
		return;
	/* After what could not be delivered nothing else is. */
	pagefault_disable();
	ok = !sink->fault && codecache_sink_put(sink);
	pagefault_enable();
	sink->n = 0;
	if (ok) {
		sink->nr += n;
		sink->lot = CODECACHE_SINK_RANGES;
		sink->delivered = true;
		return;
	}
	codecache_sink_failed(sink, sink->buf[0].first_page);
	for (i = 0; i < n; i++) {
		const struct codecache_page_range *r = &sink->buf[i];

		for (page = r->first_page; page < r->first_page + r->nr_pages;
		     page++)
			codecache_sink_restore(sink, page, r->state);
	}
}

static void codecache_sink_deliver_word(struct codecache_sink *sink)
{
	unsigned long page = sink->first + sink->index * 64;
	u64 word = sink->word;
	bool ok = false;

	if (!word)
		return;
	sink->word = 0;
	pagefault_disable();
	if (!sink->fault && user_write_access_begin(sink->words + sink->index,
						    sizeof(u64))) {
		unsafe_put_user(word, sink->words + sink->index, fault);
		ok = true;
fault:
		user_write_access_end();
	}
	pagefault_enable();
	if (ok) {
		sink->delivered = true;
		return;
	}
	codecache_sink_failed(sink, page + __ffs64(word));
	for (; word; word &= word - 1)
		codecache_sink_restore(sink, page + __ffs64(word), sink->find);
}

static bool codecache_sink_merges(const struct codecache_sink *sink,
				  unsigned long page, u32 state)
{
	const struct codecache_page_range *r;

	if (!sink->n)
		return false;
	r = &sink->buf[sink->n - 1];
	return r->first_page + r->nr_pages == page && r->state == state;
}

/**
 * codecache_sink_room - is there room for a page?
 * @sink: the sink
 * @page: after all that were added
 * @state: CODECACHE_PAGE_*
 *
 * Context: view->lock held for writing; atomic is fine.
 * Return: whether codecache_sink_add() may be called.
 */
bool codecache_sink_room(struct codecache_sink *sink, unsigned long page,
			 u32 state)
{
	if (sink->fault)
		return false;
	if (!sink->ranges || codecache_sink_merges(sink, page, state))
		return true;
	return sink->nr + sink->n < sink->room;
}

/* Runs have gaps between them, so only the first may make a range grow. */
static void codecache_sink_add_runs(struct codecache_sink *sink,
				    unsigned long page, u64 pages, u32 state)
{
	u64 starts = pages & ~(pages << 1), ends = pages & ~(pages >> 1);
	unsigned long n = sink->n, start = __ffs64(starts);
	struct codecache_page_range *r;

	if (codecache_sink_merges(sink, page + start, state)) {
		r = &sink->buf[n - 1];
		r->nr_pages += __ffs64(ends) - start + 1;
		starts &= starts - 1;
		ends &= ends - 1;
	}
	for (; starts; starts &= starts - 1, ends &= ends - 1) {
		if (n >= sink->lot) {
			sink->n = n;
			codecache_sink_deliver(sink);
			n = 0;
		}
		start = __ffs64(starts);
		r = &sink->buf[n++];
		r->first_page = page + start;
		r->nr_pages = __ffs64(ends) - start + 1;
		r->state = state;	/* prot is 0 */
	}
	sink->n = n;
}

/* Bits of one word of the user's bitmap. */
static void codecache_sink_add_bits(struct codecache_sink *sink, u64 index,
				    u64 bits)
{
	if (index != sink->index)
		codecache_sink_deliver_word(sink);
	sink->index = index;
	sink->word |= bits;
}

/**
 * codecache_sink_add - pages that were found
 * @sink: codecache_sink_room() said yes, or codecache_sink_room_for() did
 * @page: bit 0 of @pages stands for it; after all that were added
 * @pages: bitmap, not 0
 * @state: CODECACHE_PAGE_* of all of them, as it was before it was cleared
 *
 * Context: view->lock held for writing; atomic is fine.
 */
void codecache_sink_add(struct codecache_sink *sink, unsigned long page,
			u64 pages, u32 state)
{
	unsigned int shift = (page - sink->first) & 63;
	u64 index = (page - sink->first) / 64;

	if (sink->words) {
		if (pages << shift)
			codecache_sink_add_bits(sink, index, pages << shift);
		if (shift && pages >> (64 - shift))
			codecache_sink_add_bits(sink, index + 1,
						pages >> (64 - shift));
	} else if (sink->ranges) {
		codecache_sink_add_runs(sink, page, pages, state);
	}
}

/**
 * codecache_sink_finish - deliver the rest
 * @sink: the sink
 *
 * Context: view->lock held for writing; atomic is fine.
 */
void codecache_sink_finish(struct codecache_sink *sink)
{
	if (sink->words)
		codecache_sink_deliver_word(sink);
	else if (sink->ranges)
		codecache_sink_deliver(sink);
}
