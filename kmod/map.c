// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache mappings: where a view is mapped, and how that is held still
 *
 * Concepts: a view has at most one live mapping, in one process. Who changes
 *           protections needs that mapping and its page tables to stay while the
 *           change is made: codecache_view_lock().
 * Locking:  mmap_lock > view->lock (invalidate_lock) > page table lock.
 *           view->map_lock, a spinlock, protects which process maps the view;
 *           view->map_seq tells whether that changed while it was not held.
 * Lifetime: a mapping has a file of its own, which holds the view; view->mm holds
 *           mm_count only.
 *
 * Races:
 *  - PROTECT against mmap: codecache_view_lock() finds the mapping, locks its
 *    process and then the view, and starts again if the mapping has changed
 *    meanwhile. A mapping that comes later cannot insert anything before the
 *    view is unlocked, for its faults take view->lock.
 *  - PROTECT against munmap: mmap_lock for reading does not keep a VMA whole:
 *    munmap() downgrades its own lock once the VMA is out of the tree. So we
 *    look whether it is in the tree; if not, we wait until it is gone, since
 *    until then other threads may still have translations. (Found by a storm,
 *    prot_race_test: page tables appeared in an mm that was done with them.)
 *  - PROTECT against exit: a reference on the users of the mm keeps its page
 *    tables; when there is none to be had, nobody runs in it any more.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "codecache_priv.h"
#include "compat.h"
#include "trace.h"

static int codecache_view_check_vma(const struct codecache_view *view,
				    struct vm_area_struct *vma)
{
	const struct codecache_kind *kind = codecache_kind(view->kind);

	if (vma->vm_pgoff || vma_pages(vma) != view->nr_pages)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if ((vma->vm_flags & VM_ACCESS_FLAGS) != kind->vm_flags)
		return -EACCES;
	return 0;
}

/* Become the one mapping of the view. */
static int codecache_view_claim(struct codecache_view *view,
				struct vm_area_struct *vma)
{
	int err = 0;

	spin_lock(&view->map_lock);
	if (view->vma) {
		err = -EBUSY;
	} else {
		view->mm = vma->vm_mm;
		view->vma = vma;
		view->start = vma->vm_start;
		view->map_seq++;
		mmgrab(view->mm);
	}
	spin_unlock(&view->map_lock);
	return err;
}

/**
 * codecache_view_unmapped - the one mapping of a view is gone
 * @view: the view
 * @vma: the mapping; its page tables are gone
 *
 * Context: process; mmap_lock held (munmap holds it for reading by then), or
 * the last user of the mm gone.
 */
void codecache_view_unmapped(struct codecache_view *view,
			     struct vm_area_struct *vma)
{
	struct mm_struct *mm = view->mm;

	trace_codecache_view_unmap(view->id, view->start, view->nr_pages);
	/* Before a next mapping can come. */
	down_write(view->lock);
	codecache_marks_unsure(view, vma);
	bitmap_zero(view->populated, codecache_nr_tables(view->nr_pages));
	view->leaving = false;
	up_write(view->lock);
	spin_lock(&view->map_lock);
	view->mm = NULL;
	view->vma = NULL;
	view->map_seq++;
	spin_unlock(&view->map_lock);
	wake_up_all(&view->unmapped);
	codecache_events_answer(view, 0, view->nr_pages - 1,
				CODECACHE_ANSWER_RETRY);
	mmdrop(mm);
}

static int codecache_window_release(struct inode *inode, struct file *file)
{
	codecache_view_put(file->private_data);
	return 0;
}

static const struct file_operations codecache_window_fops = {
	.owner = THIS_MODULE,
	.release = codecache_window_release,
	.llseek = noop_llseek,
};

/*
 * The mapping has a file of its own, on the view's inode: so the release of the
 * descriptor's file tells that nobody is left who could answer block traps.
 */
static struct file *codecache_view_window(struct codecache_view *view)
{
	struct file *file;

	file = codecache_fs_reopen(view->inode, codecache_kind(view->kind)->name,
				   &codecache_window_fops, view);
	if (!IS_ERR(file))
		codecache_view_get(view);
	return file;
}

/**
 * codecache_view_mmap - map a view, the ->mmap() of its file
 * @file: of the view
 * @vma: new
 *
 * Context: mmap; mmap_lock held for writing.
 * Return: 0, -EINVAL (offset, length, not MAP_SHARED), -EACCES (protection),
 * -EBUSY (it is mapped), -ENFILE, -ENOMEM.
 */
int codecache_view_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct codecache_view *view = file->private_data;
	struct file *window;
	int err;

	err = codecache_view_check_vma(view, vma);
	if (err)
		return err;
	if (view->kind == CODECACHE_VIEW_UFFD)
		return codecache_uffd_mmap(view, vma);
	window = codecache_view_window(view);
	if (IS_ERR(window))
		return PTR_ERR(window);
	err = codecache_view_claim(view, vma);
	if (err) {
		fput(window);
		return err;
	}
	vma_set_file(vma, window);
	fput(window);	/* the VMA has its own reference */
	/*
	 * VM_IO keeps MADV_DOFORK, core dumps, mlock and page pinning away,
	 * VM_PFNMAP everything that would look for a struct page.
	 */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTCOPY | VM_DONTEXPAND |
			  VM_DONTDUMP);
	vm_flags_clear(vma, codecache_kind(view->kind)->vm_never);
	vma->vm_private_data = view;
	vma->vm_ops = &codecache_view_vm_ops;
	trace_codecache_view_map(view->id, vma->vm_start, view->nr_pages);
	return 0;
}

/* The last user's memory is torn down here, or, @async, by a worker. */
static void codecache_target_put(struct codecache_target *target, bool async)
{
	if (!target->got)
		return;
	if (async)
		mmput_async(target->mm);
	else
		mmput(target->mm);
}

static void codecache_target_unlock(struct codecache_target *target)
{
	if (target->mm)
		mmap_read_unlock(target->mm);
	codecache_target_put(target, false);
}

/* Find who maps the view; a reference on their mm unless it is our own. */
static unsigned long codecache_view_target(struct codecache_view *view,
					   struct codecache_target *target)
{
	unsigned long seq;

	spin_lock(&view->map_lock);
	seq = view->map_seq;
	target->mm = view->mm;
	target->vma = view->vma;
	target->start = view->start;
	target->got = false;
	if (target->mm && target->mm != current->mm) {
		/* A process without users runs no code: nothing to edit. */
		target->got = mmget_not_zero(target->mm);
		if (!target->got)
			target->mm = NULL;
	}
	spin_unlock(&view->map_lock);
	return seq;
}

/*
 * Is the mapping still there, and will be while mmap_lock is held for reading?
 * munmap() takes a VMA out of the tree with the lock held for writing, and goes
 * on with the lock held for reading: it zaps, frees page tables, flushes, and
 * calls ->close() at last. Till then view->vma names a VMA whose page tables
 * are being taken apart.
 */
static bool codecache_target_stands(struct codecache_view *view,
				    const struct codecache_target *target)
{
	bool stands;

	mmap_assert_locked(target->mm);
	/* ->close(), before which the VMA is not freed, takes it too. */
	spin_lock(&view->map_lock);
	stands = view->vma == target->vma &&
		 codecache_vma_attached(target->mm, target->vma, target->start);
	spin_unlock(&view->map_lock);
	return stands;
}

/* Lock the mapping, if there is one, or wait until it is gone. */
static int codecache_target_lock(struct codecache_view *view,
				 struct codecache_target *target,
				 unsigned long seq)
{
	int err = 0;

	if (!target->mm)
		return 0;
	if (mmap_read_lock_killable(target->mm)) {
		err = -EINTR;
	} else if (!codecache_target_stands(view, target)) {
		mmap_read_unlock(target->mm);
		/* Woken by codecache_view_unmapped(). */
		err = wait_event_killable(view->unmapped,
					  READ_ONCE(view->map_seq) != seq);
		if (!err)
			err = -EAGAIN;
	}
	if (err && target->got)
		mmput(target->mm);
	return err;
}

/* Lock view->lock for writing or, @shared, for reading. */
static int codecache_lock_either(struct codecache_view *view, bool shared)
{
	return shared ? down_read_killable(view->lock) :
			down_write_killable(view->lock);
}

static void codecache_unlock_either(struct codecache_view *view,
				    struct codecache_target *target, bool shared)
{
	if (shared)
		up_read(view->lock);
	else
		up_write(view->lock);
	codecache_target_unlock(target);
}

static int codecache_view_lock_either(struct codecache_view *view,
				      struct codecache_target *target,
				      bool shared)
{
	unsigned long seq;
	int err;

	for (;;) {
		seq = codecache_view_target(view, target);
		err = codecache_target_lock(view, target, seq);
		if (err == -EAGAIN)
			continue;
		if (err)
			return -EINTR;
		if (codecache_lock_either(view, shared)) {
			codecache_target_unlock(target);
			return -EINTR;
		}
		if (READ_ONCE(view->map_seq) == seq)
			return 0;
		codecache_unlock_either(view, target, shared);
	}
}

/**
 * codecache_view_lock - lock a view and its mapping for a change of protection
 * @view: the view
 * @target: filled: the mapping, if there is one
 *
 * While the lock is held, no fault inserts anything through the view; if
 * @target->mm is NULL no thread has any page of it mapped.
 *
 * Context: process; sleeps. Takes mmap_lock of the mapping process for reading,
 * then view->lock for writing.
 * Return: 0 or -EINTR: a fatal signal came.
 */
int codecache_view_lock(struct codecache_view *view,
			struct codecache_target *target)
{
	return codecache_view_lock_either(view, target, false);
}

/**
 * codecache_view_unlock - undo codecache_view_lock()
 * @view: the view
 * @target: as filled there
 *
 * Context: process; sleeps, and may tear an exiting process's memory down.
 */
void codecache_view_unlock(struct codecache_view *view,
			   struct codecache_target *target)
{
	codecache_unlock_either(view, target, false);
}

/**
 * codecache_view_trylock - codecache_view_lock() without waiting
 * @view: the view
 * @target: filled: the mapping, if there is one
 *
 * Context: process.
 * Return: whether the lock is held.
 */
bool codecache_view_trylock(struct codecache_view *view,
			    struct codecache_target *target)
{
	unsigned long seq = codecache_view_target(view, target);

	if (target->mm && !mmap_read_trylock(target->mm))
		goto put;
	if (target->mm && !codecache_target_stands(view, target))
		goto unlock_mm;
	if (!down_write_trylock(view->lock))
		goto unlock_mm;
	if (READ_ONCE(view->map_seq) == seq)
		return true;
	up_write(view->lock);
unlock_mm:
	if (target->mm)
		mmap_read_unlock(target->mm);
put:
	codecache_target_put(target, true);
	return false;
}

/**
 * codecache_view_unlock_async - undo codecache_view_trylock()
 * @view: the view
 * @target: as filled there
 *
 * Context: process; tears nothing down.
 */
void codecache_view_unlock_async(struct codecache_view *view,
				 struct codecache_target *target)
{
	up_write(view->lock);
	if (target->mm)
		mmap_read_unlock(target->mm);
	codecache_target_put(target, true);
}

/**
 * codecache_view_lock_shared - hold protections, and the mapping, still
 * @view: the view
 * @target: filled: the mapping, if there is one
 *
 * Context: as codecache_view_lock(), but view->lock for reading.
 * Return: 0 or -EINTR: a fatal signal came.
 */
int codecache_view_lock_shared(struct codecache_view *view,
			       struct codecache_target *target)
{
	return codecache_view_lock_either(view, target, true);
}

/**
 * codecache_view_unlock_shared - undo codecache_view_lock_shared()
 * @view: the view
 * @target: as filled there
 *
 * Context: as codecache_view_unlock().
 */
void codecache_view_unlock_shared(struct codecache_view *view,
				  struct codecache_target *target)
{
	codecache_unlock_either(view, target, true);
}

/* ---- UNMAP --------------------------------------------------------------- */

/* From here on nothing is mapped and faults fail; what entries knew is kept. */
static void codecache_view_vacate(struct codecache_view *view,
				  struct codecache_target *target)
{
	inc_tlb_flush_pending(target->mm);
	codecache_scan_take_all(view, target->vma);
	/* A zap announces itself to secondary MMUs; of nothing, it must not. */
	codecache_zap_vma(target->vma, target->start,
			  mm_has_notifiers(target->mm) ?
			  view->nr_pages << PAGE_SHIFT : 0);
	dec_tlb_flush_pending(target->mm);
	bitmap_zero(view->populated, codecache_nr_tables(view->nr_pages));
	view->leaving = true;
}

/**
 * codecache_view_unmap - CODECACHE_IOC_VIEW_UNMAP
 * @call: on a view
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then it is mapped as before.
 */
int codecache_view_unmap(struct codecache_ioctl *call)
{
	struct codecache_view_unmap_args *args = call->args;
	struct codecache_view_unmap_args __user *uargs = call->uargs;
	struct codecache_view *view = call->file->private_data;
	struct codecache_target target;
	int err;

	if (view->kind == CODECACHE_VIEW_UFFD)
		return -EOPNOTSUPP;
	err = codecache_view_lock(view, &target);
	if (err)
		return err;
	args->out_addr = target.start;
	if (!target.mm || target.mm != current->mm || view->leaving)
		err = -EINVAL;
	codecache_view_unlock(view, &target);
	if (err)
		return err;
	if (put_user(args->out_addr, &uargs->out_addr))
		return -EFAULT;
	err = codecache_view_lock(view, &target);
	if (err)
		return err;
	if (target.mm != current->mm || target.start != args->out_addr)
		err = -EINVAL;
	else
		codecache_view_vacate(view, &target);
	codecache_view_unlock(view, &target);
	if (err)
		return err;
	err = vm_munmap(args->out_addr, view->nr_pages << PAGE_SHIFT);
	if (err) {
		down_write(view->lock);
		view->leaving = false;
		up_write(view->lock);
	}
	return err;
}
