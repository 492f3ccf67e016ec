// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache QUERY: which pages were written or accessed through a view
 *
 * Concepts: validate, lock, scan (scan.c), flush once, unlock. Results are written
 *           during the scan (sink.c); if user memory is not there it is faulted in
 *           without the locks, and the scan goes on.
 * Locking:  codecache_view_lock(): a query, a PROTECT and a fault are each one
 *           step for the others.
 * Lifetime: the caller's descriptor holds the view.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"
#include "compat.h"
#include "query.h"
#include "testing.h"
#include "trace.h"

/* How often results are tried to be written where faulting in helps not. */
#define CODECACHE_QUERY_TRIES	8

#define CODECACHE_PAGE_ALL \
	(CODECACHE_PAGE_DIRTY | CODECACHE_PAGE_YOUNG | CODECACHE_PAGE_LOST)

/* ---- validation ---------------------------------------------------------- */

static int codecache_query_check_prot(struct codecache_view *view,
				      const struct codecache_view_query_args *args)
{
	const struct codecache_kind *kind = codecache_kind(view->kind);
	int err;

	if (!(args->flags & CODECACHE_QUERY_F_PROTECT))
		return args->prot ? -EINVAL : 0;
	err = codecache_prot_check(args->prot, kind->prots);
	if (err)
		return err;
	return args->prot == kind->full ? -EINVAL : 0;
}

static int codecache_query_check_marks(struct codecache_view *view,
				       const struct codecache_view_query_args *args)
{
	bool bitmap = args->flags & CODECACHE_QUERY_F_BITMAP;

	if (!args->find || args->find & ~CODECACHE_PAGE_ALL ||
	    args->clear & ~args->find)
		return -EINVAL;
	if (bitmap && args->find & (args->find - 1))
		return -EINVAL;
	if (args->find & CODECACHE_PAGE_DIRTY &&
	    !(codecache_kind(view->kind)->full & CODECACHE_PROT_WRITE))
		return -EOPNOTSUPP;
	return codecache_query_check_prot(view, args);
}

static int codecache_query_check(struct codecache_view *view,
				 struct codecache_view_query_args *args)
{
	int err;

	if (args->reserved || !args->addr != !args->count)
		return -EINVAL;
	if (view->kind == CODECACHE_VIEW_UFFD)
		return -EOPNOTSUPP;
	err = codecache_query_check_marks(view, args);
	if (err)
		return err;
	if (!args->nr_pages) {
		if (args->first_page >= view->nr_pages)
			return -ERANGE;
		args->nr_pages = view->nr_pages - args->first_page;
	}
	return codecache_window_check(args->first_page, args->nr_pages,
				      view->nr_pages);
}

/* ---- the pass ------------------------------------------------------------ */

struct codecache_query {
	struct codecache_view *view;
	struct codecache_view_query_args *args;
	void __user *uargs;
	struct codecache_sink sink;
	struct codecache_scan scan;
	unsigned long last;
	u64 nr_flushes;
};

static u64 codecache_bitmap_bytes(u64 nr_bits)
{
	return DIV_ROUND_UP(nr_bits, 64) * sizeof(u64);
}

static bool codecache_overlaps(const struct codecache_target *target,
			       const void __user *p, u64 bytes)
{
	unsigned long addr = (unsigned long)p;

	return addr < target->vma->vm_end && addr + bytes > target->start;
}

/* Results in pages that lose rights could not be delivered: say so before. */
static bool codecache_query_hits_itself(const struct codecache_query *q,
					const struct codecache_target *target)
{
	const struct codecache_view_query_args *args = q->args;
	u64 bytes = args->count * sizeof(struct codecache_page_range);

	if (!(args->flags & CODECACHE_QUERY_F_PROTECT) || !target->mm ||
	    target->mm != current->mm)
		return false;
	if (q->sink.words)
		bytes = codecache_bitmap_bytes(args->count);
	return codecache_overlaps(target, q->uargs, sizeof(*args)) ||
	       codecache_overlaps(target, u64_to_user_ptr(args->addr), bytes);
}

/*
 * Secondary MMUs follow the core's zaps only. A zap drops what entries know, so
 * all are taken away before, with what they know.
 */
static void codecache_query_notify(struct codecache_query *q)
{
	struct vm_area_struct *vma = q->scan.vma;

	codecache_scan_take_all(q->view, vma);
	codecache_zap_vma(vma, vma->vm_start, vma->vm_end - vma->vm_start);
	q->nr_flushes++;
}

static void codecache_query_flush(struct codecache_query *q)
{
	struct codecache_scan *scan = &q->scan;

	if (scan->flush_young &&
	    !(q->args->flags & CODECACHE_QUERY_F_FAST_YOUNG))
		scan->flush = true;
	if (!scan->flush || codecache_test_skip_query_flush)
		return;
	/* Pairs with inc_tlb_flush_pending() in codecache_query_pass(). */
	codecache_zap_vma(scan->vma, scan->vma->vm_start, 0);
	q->nr_flushes++;
}

/* One pass from scan.next on, with one flush; view->lock is held. */
static int codecache_query_pass(struct codecache_query *q,
				struct codecache_target *target)
{
	struct codecache_scan *scan = &q->scan;
	struct codecache_view *view = q->view;
	unsigned long first = scan->next;
	int err;

	scan->vma = target->mm ? target->vma : NULL;
	scan->stop = false;
	scan->flush = false;
	scan->flush_young = false;
	scan->narrowed = false;
	if (!scan->vma) {
		err = codecache_scan_run(scan, first, q->last);
		codecache_sink_finish(&q->sink);
	} else {
		scan->notifiers = mm_has_notifiers(target->mm) ||
				  codecache_test_force_notifiers;
		inc_tlb_flush_pending(target->mm);
		err = codecache_scan_run(scan, first, q->last);
		codecache_sink_finish(&q->sink);
		if (scan->notifiers && (scan->flush || scan->flush_young))
			codecache_query_notify(q);
		else
			codecache_query_flush(q);
		dec_tlb_flush_pending(target->mm);
	}
	if (scan->narrowed)
		q->args->out_seq = atomic64_inc_return(&view->seq);
	return err;
}

static int codecache_query_locked_pass(struct codecache_query *q)
{
	struct codecache_target target;
	int err;

	err = codecache_view_lock(q->view, &target);
	if (err)
		return err;
	if (codecache_query_hits_itself(q, &target))
		err = -EFAULT;
	else
		err = codecache_query_pass(q, &target);
	codecache_view_unlock(q->view, &target);
	return err;
}

/* Bring in the memory that the next results go to. */
static int codecache_query_fault_in(struct codecache_query *q)
{
	struct codecache_sink *sink = &q->sink;
	u64 __user *word = sink->words + (sink->retry - sink->first) / 64;
	size_t one = sizeof(*sink->ranges), want, missing;

	if (sink->words)
		return fault_in_writeable((char __user *)word, sizeof(*word)) ?
		       -EFAULT : 0;
	want = one * min_t(u64, sink->room - sink->nr, CODECACHE_SINK_RANGES);
	missing = fault_in_writeable((char __user *)(sink->ranges + sink->nr),
				     want);
	/* A lot that reaches into memory that is not there gets shorter. */
	sink->lot = (want - missing) / one;
	return sink->lot ? 0 : -EFAULT;
}

static int codecache_query_run(struct codecache_query *q)
{
	struct codecache_sink *sink = &q->sink;
	bool some = false;
	int err, tries;

	for (tries = 0; tries < CODECACHE_QUERY_TRIES; tries++) {
		err = codecache_query_locked_pass(q);
		if (sink->delivered)
			tries = 0;
		some |= sink->delivered;
		if (!sink->fault)
			return err && some ? 0 : err;	/* up to scan.next */
		q->scan.next = sink->retry;
		sink->fault = false;
		sink->delivered = false;
		if (codecache_query_fault_in(q))
			break;
	}
	return some ? 0 : -EFAULT;
}

/* ---- the call ------------------------------------------------------------ */

static int codecache_query_prepare(struct codecache_query *q)
{
	struct codecache_view_query_args *args = q->args;
	struct codecache_sink *sink = &q->sink;
	u64 nr = args->nr_pages;

	sink->view = q->view;
	sink->lot = CODECACHE_SINK_RANGES;
	sink->clear = args->clear;
	sink->find = args->find;
	sink->first = args->first_page;
	if (args->flags & CODECACHE_QUERY_F_BITMAP && args->count) {
		sink->words = u64_to_user_ptr(args->addr);
		nr = min3(nr, args->count, (u64)CODECACHE_MAX_BITMAP_PAGES);
		args->out_count = nr;
		if (clear_user(sink->words, codecache_bitmap_bytes(nr)))
			return -EFAULT;
	} else if (args->count) {
		sink->ranges = u64_to_user_ptr(args->addr);
		sink->room = min_t(u64, args->count, CODECACHE_MAX_RANGES);
	}
	q->scan.view = q->view;
	q->scan.sink = sink;
	q->scan.find = args->find;
	q->scan.clear = args->clear;
	q->scan.keep = args->flags & CODECACHE_QUERY_F_PROTECT ?
		       args->prot : CODECACHE_PROT_ALL;
	q->scan.next = args->first_page;
	q->last = args->first_page + nr - 1;
	return 0;
}

static void codecache_query_finish(struct codecache_query *q)
{
	struct codecache_view_query_args *args = q->args;
	struct codecache_view *view = q->view;

	args->out_next_page = q->scan.next;
	q->scan.nr_found -= q->sink.nr_restored;
	args->out_nr_pages = q->scan.nr_found;
	if (q->sink.words)
		args->out_count = min_t(u64, args->out_count,
					q->scan.next - args->first_page);
	else
		args->out_count = q->sink.nr;
	codecache_count(&view->counters, CODECACHE_NR_QUERY_CALLS, 1);
	codecache_count(&view->counters, CODECACHE_NR_QUERY_PAGES,
			q->scan.nr_found);
	codecache_count(&view->counters, CODECACHE_NR_QUERY_FLUSHES,
			q->nr_flushes);
	trace_codecache_query(view->id, args->find, args->clear,
			      q->scan.nr_found, q->nr_flushes);
}

/**
 * codecache_view_query - CODECACHE_IOC_VIEW_QUERY
 * @call: on a view
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then no mark has changed.
 */
int codecache_view_query(struct codecache_ioctl *call)
{
	struct codecache_view_query_args *args = call->args;
	struct codecache_query q = {
		.view = call->file->private_data,
		.args = args,
		.uargs = call->uargs,
	};
	int err;

	err = codecache_query_check(q.view, args);
	if (err)
		return err;
	args->out_next_page = args->first_page;
	args->out_count = 0;
	args->out_nr_pages = 0;
	args->out_seq = 0;
	/* Can the answer be written at all? Nothing has been cleared so far. */
	err = codecache_ioctl_copy_out(call);
	if (!err)
		err = codecache_query_prepare(&q);
	if (err)
		return err;
	err = codecache_query_run(&q);
	if (!err)
		codecache_query_finish(&q);
	return err;
}
