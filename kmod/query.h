/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache queries: what the parts of QUERY share: query.c sets up, scan.c looks,
 * sink.c tells
 */
#ifndef CODECACHE_QUERY_H
#define CODECACHE_QUERY_H

#include <linux/types.h>

#include <linux/codecache.h>

struct codecache_sink;
struct codecache_view;
struct vm_area_struct;

/* ---- scan.c ------------------------------------------------------------- */

/**
 * struct codecache_scan - a pass that looks for pages with certain marks
 * @view: view->lock held for writing
 * @vma: its mapping, or NULL
 * @find: CODECACHE_PAGE_*: any of them
 * @clear: subset of @find: cleared where found
 * @keep: CODECACHE_PROT_*: rights that pages that are found keep
 * @sink: takes what is found
 * @nr_found: pages
 * @next: page to go on with
 * @flush: an entry has changed so that the TLB must be flushed
 * @flush_young: ... for a cleared accessed bit only
 * @notifiers: secondary MMUs watch: changed entries are taken away
 * @narrowed: a page has lost a right
 * @simple: one bit is looked for, and entries lose no other bit and no right
 * @stop: no room, or no access to the user's buffer
 */
struct codecache_scan {
	struct codecache_view *view;
	struct vm_area_struct *vma;
	u32 find;
	u32 clear;
	u32 keep;
	struct codecache_sink *sink;
	u64 nr_found;
	unsigned long next;
	bool flush;
	bool flush_young;
	bool notifiers;
	bool narrowed;
	bool simple;
	bool stop;
};

int codecache_scan_run(struct codecache_scan *scan, unsigned long first,
		       unsigned long last);

/* ---- sink.c ------------------------------------------------------------- */

#define CODECACHE_SINK_RANGES	32

/**
 * struct codecache_sink - where a query's results go: user memory, in small lots
 * @view: for putting back what could not be delivered
 * @clear: what the query clears
 * @ranges: the user's array, or NULL
 * @words: the user's bitmap, or NULL
 * @first: bitmap: page of bit 0
 * @find: bitmap: what its bits stand for
 * @room: ranges that the array has room for
 * @nr: ranges delivered
 * @n: ranges in @buf
 * @lot: ranges to be delivered at a time: as many as are known to be writable
 * @word: bitmap: the word that is being filled; 0: none
 * @index: bitmap: its index
 * @nr_restored: pages that were added and could not be delivered
 * @delivered: something has reached user memory
 * @fault: user memory could not be written
 * @retry: first page of what could not be delivered
 * @buf: ranges that are to be delivered; the last may still grow; no @prot is ever
 *	set in one
 */
struct codecache_sink {
	struct codecache_view *view;
	u32 clear;
	struct codecache_page_range __user *ranges;
	u64 __user *words;
	unsigned long first;
	u32 find;
	u64 room;
	u64 nr;
	unsigned int n;
	unsigned int lot;
	u64 word;
	u64 index;
	u64 nr_restored;
	bool delivered;
	bool fault;
	unsigned long retry;
	struct codecache_page_range buf[CODECACHE_SINK_RANGES];
};

bool codecache_sink_room(struct codecache_sink *sink, unsigned long page,
			 u32 state);
void codecache_sink_add(struct codecache_sink *sink, unsigned long page,
			u64 pages, u32 state);
void codecache_sink_finish(struct codecache_sink *sink);

/* Is there room for @nr more pages, however many ranges they make? */
static inline bool codecache_sink_room_for(const struct codecache_sink *sink,
					   unsigned int nr)
{
	return !sink->fault &&
	       (!sink->ranges || sink->nr + sink->n + nr <= sink->room);
}

#endif /* CODECACHE_QUERY_H */
