// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache traps: what a forbidden access does, by the page's trap mode
 *
 * Concepts: *signal* fails the fault. *Log* widens the page's protection to the
 *           least that allows the access, writes a log entry, and lets the fault
 *           go on. *Block* joins an event; the fault handler then gives up all its
 *           locks and sleeps, and says "again" when it wakes.
 * Locking:  view->lock held shared by the fault. A log trap changes the
 *           protection map under it, with view->grant_lock: the entry is in the
 *           log, and has its number, before anybody can use the page.
 * Lifetime: a sleeper holds the file of the mapping, so the view outlives it; the
 *           last fput() is put off by the kernel until after our code.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "codecache_priv.h"
#include "compat.h"
#include "trace.h"

static bool unprivileged_block_kernel;
module_param(unprivileged_block_kernel, bool, 0644);
MODULE_PARM_DESC(unprivileged_block_kernel,
		 "anyone may have views whose block traps hold system calls (default: N)");

/**
 * codecache_trap_may_block_kernel - may the caller hold system calls?
 *
 * The rule of userfaultfd: who decides when a fault ends can hold a thread inside
 * the kernel at a point of their choice.
 *
 * Context: process.
 * Return: whether.
 */
bool codecache_trap_may_block_kernel(void)
{
	return READ_ONCE(unprivileged_block_kernel) || capable(CAP_SYS_PTRACE);
}

/* ---- log ----------------------------------------------------------------- */

/* The least protection that the kind has and that allows the access. */
static u32 codecache_grant(const struct codecache_view *view, u32 access)
{
	if (access == CODECACHE_PROT_READ &&
	    view->kind != CODECACHE_VIEW_EXEC)
		return CODECACHE_PROT_READ;
	return codecache_kind(view->kind)->full;
}

static void codecache_trap_note(struct codecache_view *view,
				unsigned long page, u32 access)
{
	/* Pairs with the release store that sets it. */
	struct codecache_log *log = smp_load_acquire(&view->log);
	u64 seq = atomic64_inc_return(&view->seq);

	lockdep_assert_held(&view->grant_lock);
	codecache_count(&view->counters, CODECACHE_NR_TRAPS_LOGGED, 1);
	if (log && codecache_log_append(log, seq, page, access))
		return;
	set_bit(page & CODECACHE_MARKS_MASK,
		codecache_marks_get(view, page)->lost);
	codecache_count(&view->counters, CODECACHE_NR_TRAPS_LOST, 1);
}

/* Whoever comes first grants and notes; the others find it done. */
static vm_fault_t codecache_trap_log(struct codecache_view *view,
				     const struct vm_fault *vmf, u32 access,
				     u32 *value)
{
	u32 grant = codecache_grant(view, access);
	unsigned long page = vmf->pgoff;

	/* A page that has an entry has marks. */
	if (!(vmf->flags & FAULT_FLAG_MKWRITE) &&
	    !codecache_marks_make(view, page))
		return VM_FAULT_OOM;
	if (codecache_protmap_split_slot(&view->prots, page))
		return VM_FAULT_OOM;
	spin_lock(&view->grant_lock);
	*value = codecache_protmap_get(&view->prots, page);
	if (!(*value & access)) {
		codecache_trap_note(view, page, access);
		*value |= grant;
		codecache_protmap_set(&view->prots, page, *value);
	}
	spin_unlock(&view->grant_lock);
	return 0;
}

/* ---- block --------------------------------------------------------------- */

static bool codecache_trap_may_block(const struct codecache_view *view,
				     const struct vm_fault *vmf)
{
	if (!(vmf->flags & FAULT_FLAG_USER) && !view->block_kernel)
		return false;
	/* Nothing reaches a task that ends. */
	if (current->flags & PF_EXITING)
		return false;
	return vmf->flags & FAULT_FLAG_ALLOW_RETRY &&
	       !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
}

static vm_fault_t codecache_trap_block(struct codecache_view *view,
				       struct vm_fault *vmf, u32 access,
				       struct codecache_waiter **waiter)
{
	struct codecache_waiter *w;

	if (!codecache_trap_may_block(view, vmf))
		return VM_FAULT_SIGSEGV;
	w = codecache_event_join(view, vmf->pgoff, access,
				 !(vmf->flags & FAULT_FLAG_USER));
	if (IS_ERR(w))
		return VM_FAULT_OOM;
	if (!w)
		return VM_FAULT_SIGSEGV;
	codecache_count(&view->counters, CODECACHE_NR_TRAPS_BLOCKED, 1);
	*waiter = w;
	return VM_FAULT_RETRY;
}

/**
 * codecache_trap_sleep - sleep in a block trap
 * @view: the view
 * @vmf: the fault; its locks are given up here, and its VMA with them
 * @waiter: of codecache_trap()
 *
 * Context: fault; the core's lock held, none of ours.
 * Return: VM_FAULT_RETRY; from pfn_mkwrite with VM_FAULT_NOPAGE, without which
 * wp_pfn_shared() would go on as if it had the lock.
 */
vm_fault_t codecache_trap_sleep(struct codecache_view *view,
				struct vm_fault *vmf,
				struct codecache_waiter *waiter)
{
	bool mkwrite = vmf->flags & FAULT_FLAG_MKWRITE;
	bool user = vmf->flags & FAULT_FLAG_USER;
	struct file *file = get_file(vmf->vma->vm_file);

	codecache_release_fault_lock(vmf);
	codecache_event_wait(view, waiter, user);
	fput(file);
	return VM_FAULT_RETRY | (mkwrite ? VM_FAULT_NOPAGE : 0);
}

/* ---- dispatch ------------------------------------------------------------ */

/**
 * codecache_trap_count - count a forbidden access
 * @view: the view
 * @access: CODECACHE_PROT_* that it wanted
 *
 * Context: any.
 */
void codecache_trap_count(struct codecache_view *view, u32 access)
{
	enum codecache_counter which = CODECACHE_NR_TRAPS_READ;

	if (access == CODECACHE_PROT_WRITE)
		which = CODECACHE_NR_TRAPS_WRITE;
	else if (access == CODECACHE_PROT_EXEC)
		which = CODECACHE_NR_TRAPS_EXEC;
	codecache_count(&view->counters, which, 1);
}

/**
 * codecache_trap - an access that the page's protection forbids
 * @view: the view
 * @vmf: the fault
 * @access: CODECACHE_PROT_* that it wants
 * @value: the page's value; changed if the access is granted
 * @waiter: set if the thread is to sleep: pass it to codecache_trap_sleep() once
 *	view->lock is released
 *
 * Context: fault; sleeps; view->lock held shared.
 * Return: 0: granted; VM_FAULT_SIGSEGV, _OOM; _RETRY with @waiter.
 */
vm_fault_t codecache_trap(struct codecache_view *view, struct vm_fault *vmf,
			  u32 access, u32 *value,
			  struct codecache_waiter **waiter)
{
	u32 mode = codecache_value_mode(*value);

	codecache_trap_count(view, access);
	trace_codecache_trap(view->id, vmf->pgoff, access, mode);
	if (mode == CODECACHE_TRAP_LOG)
		return codecache_trap_log(view, vmf, access, value);
	if (mode == CODECACHE_TRAP_BLOCK)
		return codecache_trap_block(view, vmf, access, waiter);
	return VM_FAULT_SIGSEGV;
}
