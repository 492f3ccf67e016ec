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
#include <linux/uaccess.h>

#include "codecache_priv.h"

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

/* Write @n ranges; page faults are disabled. */
static noinline bool codecache_sink_put(struct codecache_sink *sink,
					unsigned int n)
{
	u64 __user *to = (u64 __user *)(sink->ranges + sink->nr);
	const u64 *from = (const u64 *)sink->buf;
	unsigned int i;

	BUILD_BUG_ON(sizeof(*sink->buf) != 2 * sizeof(u64));
	if (!user_write_access_begin(to, n * sizeof(*sink->buf)))
		return false;
	for (i = 0; i < 2 * n; i++)
		unsafe_put_user(from[i], to + i, fault);
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
	return false;
}

/* Deliver the first @n ranges of the buffer. */
static void codecache_sink_deliver(struct codecache_sink *sink, unsigned int n)
{
	unsigned int i;
	u64 page;
	bool ok;

	if (!n)
		return;
	/* After what could not be delivered nothing else is. */
	pagefault_disable();
	ok = !sink->fault && codecache_sink_put(sink, n);
	pagefault_enable();
	if (ok) {
		sink->nr += n;
		sink->lot = CODECACHE_SINK_RANGES;
		sink->delivered = true;
		memmove(sink->buf, sink->buf + n,
			(sink->n - n) * sizeof(*sink->buf));
		sink->n -= n;
		return;
	}
	codecache_sink_failed(sink, sink->buf[0].first_page);
	for (i = 0; i < sink->n; i++) {
		const struct codecache_page_range *r = &sink->buf[i];

		for (page = r->first_page; page < r->first_page + r->nr_pages;
		     page++)
			codecache_sink_restore(sink, page, r->state);
	}
	sink->n = 0;
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

/**
 * codecache_sink_add - one more page that was found
 * @sink: codecache_sink_room() said yes
 * @page: after all that were added
 * @state: CODECACHE_PAGE_*, as it was before it was cleared
 *
 * Context: view->lock held for writing; atomic is fine.
 */
void codecache_sink_add(struct codecache_sink *sink, unsigned long page,
			u32 state)
{
	u64 bit = page - sink->first;

	if (sink->words) {
		if (bit / 64 != sink->index)
			codecache_sink_deliver_word(sink);
		sink->index = bit / 64;
		sink->word |= 1ULL << (bit & 63);
	} else if (sink->ranges) {
		if (codecache_sink_merges(sink, page, state)) {
			sink->buf[sink->n - 1].nr_pages++;
			return;
		}
		/* All but the last, which may grow, are final. */
		if (sink->n >= sink->lot)
			codecache_sink_deliver(sink, sink->n);
		sink->buf[sink->n++] = (struct codecache_page_range){
			.first_page = page,
			.nr_pages = 1,
			.state = state,
		};
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
		codecache_sink_deliver(sink, sink->n);
}
