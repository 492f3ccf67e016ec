// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache PROTECT: the protections of many pages in one call (ProtN)
 *
 * Concepts: a *set* is the caller's vector, or bitmap, in our own memory. It is
 *           validated whole, then every allocation that applying it needs is
 *           made, then it is applied, which cannot fail. A bitmap is turned into
 *           ranges a chunk at a time; a vector is one chunk.
 * Locking:  see codecache_view_lock(); user memory is copied before any lock.
 *           Metadata, page table entries and flush change under view->lock held
 *           for writing, as one step for faults and for other PROTECTs.
 * Lifetime: the caller's descriptor holds the view.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"
#include "trace.h"

/* Short vectors need no allocation. */
#define CODECACHE_SET_SMALL	4
/* Ranges that a bitmap yields at a time. */
#define CODECACHE_SET_CHUNK	512

/**
 * struct codecache_set - what one call asks for
 * @ranges: the vector, or the current chunk of the bitmap; once checked, each
 *	prot is a codecache_trap_value()
 * @nr: ranges in the vector
 * @bitmap: the bitmap, or NULL
 * @nr_bits: its length
 * @first_page: the page of bit 0
 * @prot: what the pages of its bits get: codecache_trap_value()
 * @small: backs @ranges for short vectors
 */
struct codecache_set {
	struct codecache_prot_range *ranges;
	u64 nr;
	unsigned long *bitmap;
	u64 nr_bits;
	u64 first_page;
	u32 prot;
	struct codecache_prot_range small[CODECACHE_SET_SMALL];
};

/**
 * struct codecache_change - what a call does and what became of it
 * @edit: the pass over the page tables
 * @resolve: wake all who sleep on the pages, whether they may go on or not
 * @nr_pages: pages in the ranges
 * @nr_woken: threads
 * @seq: the change's place in the view's sequence
 */
struct codecache_change {
	struct codecache_edit edit;
	bool resolve;
	u64 nr_pages;
	u64 nr_woken;
	u64 seq;
};

/* A short vector has nothing to free, and no bitmap: not even a call for it. */
static inline void codecache_set_free(struct codecache_set *set)
{
	if (set->ranges == set->small)
		return;
	kvfree(set->ranges);
	kvfree(set->bitmap);
}

/*
 * The next chunk of a set, in set->ranges; @pos, at first 0, is where it goes
 * on. Returns the length, 0 at the end.
 */
static u64 codecache_set_next(struct codecache_set *set, u64 *pos)
{
	u64 nr;

	if (set->bitmap)
		return codecache_bitmap_runs(set->bitmap, pos, set->nr_bits,
					     set->first_page, set->prot,
					     set->ranges, CODECACHE_SET_CHUNK);
	nr = *pos ? 0 : set->nr;
	*pos = 1;
	return nr;
}

/* ---- validation ---------------------------------------------------------- */

/* Ranges that are copied between two chances to be preempted. */
#define CODECACHE_SET_BATCH	1024

/*
 * Copy ranges from user memory, each read once, and check each. Returns how
 * many were good; *@err tells about the next one, if not all were. *@end is
 * where the last one ended, and past all pages once they do not ascend.
 */
static noinline u64
codecache_set_copy(struct codecache_prot_range *to,
		   const struct codecache_prot_range __user *from, u64 nr,
		   const struct codecache_view *view, u64 *end, int *err)
{
	const u32 allowed = codecache_kind(view->kind)->prots;
	const u64 nr_pages = view->nr_pages;
	const u32 mode = view->trap_mode;
	const u64 __user *u = (const u64 __user *)from;
	struct codecache_prot_range *r = to;
	u64 last = *end, wrong = 0;

	if (!user_read_access_begin(from, nr * sizeof(*from))) {
		*err = -EFAULT;
		return 0;
	}
	for (; r < to + nr; r++, u += 2) {
		unsafe_get_user(((u64 *)r)[0], u, fault);
		unsafe_get_user(((u64 *)r)[1], u + 1, fault);
		if (unlikely(!codecache_range_ok(r, nr_pages, allowed)))
			break;
		r->prot = codecache_trap_value(r->prot, r->flags, mode);
		wrong |= r->first_page - last;	/* the sign */
		last = r->first_page + r->nr_pages;
	}
	user_read_access_end();
	*end = (s64)wrong < 0 ? U64_MAX >> 1 : last;
	if (r < to + nr)
		*err = codecache_range_check(r, nr_pages, allowed);
	return r - to;

fault:
	user_read_access_end();
	*err = -EFAULT;
	return 0;
}

/* One range, as trap handlers have it, without what many of them need. */
static int codecache_set_load_one(const struct codecache_view *view,
				  const void __user *from,
				  struct codecache_prot_range *r)
{
	const u32 allowed = codecache_kind(view->kind)->prots;
	const u64 __user *u = from;

	if (!user_read_access_begin(u, sizeof(*r)))
		return -EFAULT;
	unsafe_get_user(((u64 *)r)[0], u, fault);
	unsafe_get_user(((u64 *)r)[1], u + 1, fault);
	user_read_access_end();
	if (unlikely(!codecache_range_ok(r, view->nr_pages, allowed)))
		return codecache_range_check(r, view->nr_pages, allowed);
	r->prot = codecache_trap_value(r->prot, r->flags, view->trap_mode);
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int codecache_set_load_ranges(struct codecache_view *view,
				     struct codecache_view_protect_args *args,
				     struct codecache_set *set)
{
	const struct codecache_prot_range __user *from =
		u64_to_user_ptr(args->addr);
	u64 done, n, good, end = 0;
	int err = 0;

	BUILD_BUG_ON(sizeof(*from) != 2 * sizeof(u64));
	set->nr = args->count;
	if (set->nr == 1) {
		err = codecache_set_load_one(view, from, set->ranges);
		if (err && err != -EFAULT)
			args->out_failed_index = 0;
		return err;
	}
	if (set->nr > CODECACHE_SET_SMALL) {
		set->ranges = kvmalloc_array(set->nr, sizeof(*set->ranges),
					     GFP_KERNEL_ACCOUNT);
		if (!set->ranges)
			return -ENOMEM;
	}
	for (done = 0; done < set->nr; done += n) {
		n = min_t(u64, set->nr - done, CODECACHE_SET_BATCH);
		good = codecache_set_copy(set->ranges + done, from + done, n,
					  view, &end, &err);
		if (err && err != -EFAULT)
			args->out_failed_index = done + good;
		if (err)
			return err;
		if (n < set->nr)
			cond_resched();
	}
	if (end <= view->nr_pages)
		return 0;
	return codecache_ranges_sort(set->ranges, set->nr,
				     &args->out_failed_index);
}

static int codecache_set_check_bitmap(struct codecache_view *view,
				      struct codecache_view_protect_args *args,
				      const struct codecache_set *set)
{
	u64 last = find_last_bit(set->bitmap, set->nr_bits);
	int err;

	if (last >= set->nr_bits)
		return 0;	/* no bit is set */
	err = codecache_window_check(args->first_page, last + 1,
				     view->nr_pages);
	if (err == -ERANGE && args->first_page < view->nr_pages)
		args->out_failed_index =
			find_next_bit(set->bitmap, set->nr_bits,
				      view->nr_pages - args->first_page);
	else if (err)
		args->out_failed_index = find_first_bit(set->bitmap,
							set->nr_bits);
	return err;
}

static int codecache_set_load_bitmap(struct codecache_view *view,
				     struct codecache_view_protect_args *args,
				     struct codecache_set *set)
{
	size_t bytes = DIV_ROUND_UP(args->count, 64) * sizeof(u64);
	u32 allowed = codecache_kind(view->kind)->prots;
	int err;

	err = codecache_trap_check(args->trap, allowed);
	if (!err)
		err = codecache_prot_check(args->prot, allowed);
	if (err)
		return err;
	set->ranges = kvmalloc_array(CODECACHE_SET_CHUNK, sizeof(*set->ranges),
				     GFP_KERNEL_ACCOUNT);
	set->bitmap = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!set->ranges || !set->bitmap)
		return -ENOMEM;
	if (copy_from_user(set->bitmap, u64_to_user_ptr(args->addr), bytes))
		return -EFAULT;
	set->nr_bits = args->count;
	set->first_page = args->first_page;
	set->prot = codecache_trap_value(args->prot, args->trap,
					 view->trap_mode);
	return codecache_set_check_bitmap(view, args, set);
}

static int codecache_set_load(struct codecache_view *view,
			      struct codecache_view_protect_args *args,
			      struct codecache_set *set)
{
	if (args->flags & CODECACHE_PROTECT_F_BITMAP)
		return codecache_set_load_bitmap(view, args, set);
	return codecache_set_load_ranges(view, args, set);
}

static int codecache_protect_check(const struct codecache_view *view,
				   const struct codecache_view_protect_args *args)
{
	bool bitmap = args->flags & CODECACHE_PROTECT_F_BITMAP;

	if (!bitmap && (args->first_page || args->prot || args->trap))
		return -EINVAL;
	if (args->flags & CODECACHE_PROTECT_F_POPULATE &&
	    view->kind == CODECACHE_VIEW_UFFD)
		return -EOPNOTSUPP;
	if (args->count > (bitmap ? CODECACHE_MAX_BITMAP_PAGES :
				    CODECACHE_MAX_RANGES))
		return -EINVAL;
	return 0;
}

/* ---- application --------------------------------------------------------- */

/* One page, for which nothing has to be made: quick, since it is so common. */
static inline bool codecache_set_ready(const struct codecache_view *view,
				       const struct codecache_set *set)
{
	return set->nr == 1 &&
	       codecache_protmap_ready(&view->prots, set->ranges);
}

/* Make every allocation that applying the set needs; changes no protection. */
static int codecache_set_prepare(struct codecache_view *view,
				 struct codecache_set *set)
{
	u64 pos = 0, nr;
	int err;

	if (codecache_set_ready(view, set))
		return 0;
	while ((nr = codecache_set_next(set, &pos))) {
		err = codecache_protmap_prepare(&view->prots, set->ranges, nr);
		if (err || !set->bitmap)
			return err;
		cond_resched();
	}
	return 0;
}

/* Page table entries first, since they are told by what was before. */
static u64 codecache_set_apply(struct codecache_set *set,
			       struct codecache_edit *edit)
{
	u64 pos = 0, nr, nr_pages = 0;

	if (codecache_set_ready(edit->view, set)) {
		if (edit->vma)
			codecache_pte_apply(edit, set->ranges, 1);
		codecache_protmap_set(&edit->view->prots,
				      set->ranges->first_page,
				      set->ranges->prot);
		return 1;
	}
	while ((nr = codecache_set_next(set, &pos))) {
		if (edit->vma)
			codecache_pte_apply(edit, set->ranges, nr);
		nr_pages += codecache_protmap_apply(&edit->view->prots,
						    set->ranges, nr);
		if (!set->bitmap)
			break;
		cond_resched();
	}
	return nr_pages;
}

/* Who sleeps in a trap may go on, or must find out. */
static void codecache_protect_wake(struct codecache_view *view,
				   const struct codecache_set *set,
				   struct codecache_change *change)
{
	const struct codecache_prot_range *r = set->ranges;

	unsigned long last = r->first_page + r->nr_pages - 1;

	if (change->resolve)
		change->nr_woken =
			codecache_events_answer(view, r->first_page, last,
						CODECACHE_ANSWER_RETRY);
	else
		codecache_events_protected(view);
}

static int codecache_protect_pfn(struct codecache_view *view,
				 struct codecache_set *set,
				 struct codecache_change *change)
{
	struct codecache_edit *edit = &change->edit;
	struct codecache_target target;
	int err;

	err = codecache_view_lock(view, &target);
	if (err)
		return err;
	err = codecache_set_prepare(view, set);
	if (err)
		goto unlock;
	/* Once UNMAP has taken all entries away none may come back. */
	edit->vma = target.mm && !view->leaving ? target.vma : NULL;
	if (edit->vma)
		codecache_pte_begin(edit);
	change->nr_pages = codecache_set_apply(set, edit);
	if (edit->vma)
		codecache_pte_end(edit);
	change->seq = atomic64_inc_return(&view->seq);
	codecache_protect_wake(view, set, change);
unlock:
	codecache_view_unlock(view, &target);
	return err;
}

/* The core zaps, a contiguous run at a time; nothing to remember. */
static void codecache_protect_uffd(struct codecache_view *view,
				   struct codecache_set *set,
				   struct codecache_edit *edit, u64 *nr_pages)
{
	u64 pos = 0, nr, i, first = 0, end = 0;

	while ((nr = codecache_set_next(set, &pos))) {
		for (i = 0; i < nr; i++) {
			const struct codecache_prot_range *r = &set->ranges[i];

			*nr_pages += r->nr_pages;
			if (r->prot != CODECACHE_PROT_NONE)
				continue;
			if (r->first_page != end && end > first) {
				codecache_uffd_revoke(view, first, end - first);
				edit->nr_flushes++;
				cond_resched();
			}
			if (r->first_page != end)
				first = r->first_page;
			end = r->first_page + r->nr_pages;
		}
	}
	if (end > first) {
		codecache_uffd_revoke(view, first, end - first);
		edit->nr_flushes++;
	}
}

static int codecache_set_protect(struct codecache_view *view,
				 struct codecache_set *set,
				 struct codecache_change *change)
{
	struct codecache_edit *edit = &change->edit;
	int err = 0;

	edit->view = view;
	if (view->kind == CODECACHE_VIEW_UFFD)
		codecache_protect_uffd(view, set, edit, &change->nr_pages);
	else
		err = codecache_protect_pfn(view, set, change);
	if (err)
		return err;
	codecache_count(&view->counters, CODECACHE_NR_PROTECT_CALLS, 1);
	codecache_count(&view->counters, CODECACHE_NR_PROTECT_PAGES,
			change->nr_pages);
	codecache_count(&view->counters, CODECACHE_NR_PROTECT_PTES,
			edit->nr_ptes);
	codecache_count(&view->counters, CODECACHE_NR_PROTECT_FLUSHES,
			edit->nr_flushes);
	trace_codecache_protect(view->id, change->nr_pages, edit->nr_ptes,
				edit->nr_flushes);
	return 0;
}

static u64 codecache_set_populate(struct codecache_view *view,
				  struct codecache_set *set)
{
	u64 pos = 0, nr, i, done = 0;

	while ((nr = codecache_set_next(set, &pos))) {
		for (i = 0; i < nr && !fatal_signal_pending(current); i++)
			done += codecache_populate(view,
						   set->ranges[i].first_page,
						   set->ranges[i].nr_pages);
	}
	return done;
}

/**
 * codecache_view_protect - CODECACHE_IOC_VIEW_PROTECT
 * @call: on a view
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then nothing has changed.
 */
int codecache_view_protect(struct codecache_ioctl *call)
{
	struct codecache_view_protect_args *args = call->args;
	struct codecache_view *view = call->file->private_data;
	struct codecache_set set = { .ranges = set.small };
	struct codecache_view_protect_args __user *uargs = call->uargs;
	struct codecache_change change = { };
	int err;

	args->out_failed_index = CODECACHE_NO_INDEX;
	args->out_seq = 0;
	args->out_populated = 0;
	err = codecache_protect_check(view, args);
	if (!err && args->count)
		err = codecache_set_load(view, args, &set);
	/* Before anything changes, so that EFAULT means that nothing has. */
	if (codecache_ioctl_copy_out(call) && !err)
		err = -EFAULT;
	if (!err && args->count)
		err = codecache_set_protect(view, &set, &change);
	args->out_seq = change.seq;
	if (!err && args->flags & CODECACHE_PROTECT_F_POPULATE)
		args->out_populated = codecache_set_populate(view, &set);
	/* The call may have taken away the access to its own answer. */
	if (!err && call->size >= offsetofend(typeof(*args), out_seq))
		(void)put_user(args->out_seq, &uargs->out_seq);
	if (!err && args->flags & CODECACHE_PROTECT_F_POPULATE)
		(void)codecache_ioctl_copy_out(call);
	codecache_set_free(&set);
	return err;
}

static int codecache_resolve_check(const struct codecache_view *view,
				   const struct codecache_view_resolve_args *args)
{
	const u32 allowed = codecache_kind(view->kind)->prots;
	int err;

	if (view->kind == CODECACHE_VIEW_UFFD)
		return -EOPNOTSUPP;
	if (args->flags & CODECACHE_RESOLVE_F_SIGNAL &&
	    (args->prot || args->trap))
		return -EINVAL;
	err = codecache_trap_check(args->trap, allowed);
	if (!err)
		err = codecache_prot_check(args->prot, allowed);
	return err ? err : codecache_window_check(args->first_page,
						  args->nr_pages,
						  view->nr_pages);
}

/**
 * codecache_view_resolve - CODECACHE_IOC_VIEW_RESOLVE
 * @call: on a view
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then nothing has changed.
 */
int codecache_view_resolve(struct codecache_ioctl *call)
{
	struct codecache_view_resolve_args *args = call->args;
	struct codecache_view *view = call->file->private_data;
	struct codecache_set set = { .ranges = set.small, .nr = 1 };
	struct codecache_change change = { .resolve = true };
	unsigned long last = args->first_page + args->nr_pages - 1;
	int err;

	err = codecache_resolve_check(view, args);
	if (err)
		return err;
	args->out_nr_woken = 0;
	args->out_seq = 0;
	if (codecache_ioctl_copy_out(call))
		return -EFAULT;
	if (args->flags & CODECACHE_RESOLVE_F_SIGNAL) {
		args->out_nr_woken =
			codecache_events_answer(view, args->first_page, last,
						CODECACHE_ANSWER_SIGNAL);
		return 0;
	}
	set.small[0] = (struct codecache_prot_range){
		.first_page = args->first_page,
		.nr_pages = args->nr_pages,
		.prot = codecache_trap_value(args->prot, args->trap,
					     view->trap_mode),
	};
	err = codecache_set_protect(view, &set, &change);
	args->out_nr_woken = change.nr_woken;
	args->out_seq = change.seq;
	return err;
}
