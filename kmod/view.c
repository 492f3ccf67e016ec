// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache views: one window on a zone, with its own page protections
 *
 * Concepts: a view has an inode of its own, hence an address space and an
 *           invalidate_lock of its own, and at most one live mapping. It is a
 *           PFN mapping whose page table entries fault.c and pte.c write; kind
 *           uffd alone is a true shmem mapping, see uffd.c.
 * Locking:  mmap_lock > view->lock (invalidate_lock) > page table lock.
 *           view->map_lock, a spinlock, protects which process maps the view;
 *           view->map_seq tells whether that changed while it was not held.
 *           zone->lock protects the list of views.
 * Lifetime: the view's file holds a reference; a mapping holds the file. The
 *           view holds its zone, and its inode.
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
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "codecache_priv.h"
#include "compat.h"
#include "trace.h"

static atomic64_t codecache_view_ids;

static const struct codecache_kind {
	const char *name;	/* in /proc/PID/maps */
	u32 zone_class;
	u32 prots;		/* set of CODECACHE_PROT_BIT() */
	u32 full;		/* all that the kind allows */
	unsigned long vm_flags;	/* access that it is mapped with, exactly */
	unsigned long vm_never;	/* access that it never gets */
} codecache_kinds[] = {
	[CODECACHE_VIEW_WRITE] = {
		.name = "codecache-write",
		.zone_class = CODECACHE_ZONE_CODE,
		.prots = CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ |
					    CODECACHE_PROT_WRITE),
		.full = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
		.vm_flags = VM_READ | VM_WRITE,
		.vm_never = VM_MAYEXEC,
	},
	[CODECACHE_VIEW_EXEC] = {
		.name = "codecache-exec",
		.zone_class = CODECACHE_ZONE_CODE,
		.prots = CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ |
					    CODECACHE_PROT_EXEC),
		.full = CODECACHE_PROT_READ | CODECACHE_PROT_EXEC,
		.vm_flags = VM_READ | VM_EXEC,
		.vm_never = VM_MAYWRITE,
	},
	[CODECACHE_VIEW_DATA] = {
		.name = "codecache-data",
		.zone_class = CODECACHE_ZONE_DATA,
		.prots = CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ |
					    CODECACHE_PROT_WRITE),
		.full = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
		.vm_flags = VM_READ | VM_WRITE,
		.vm_never = VM_MAYEXEC,
	},
	[CODECACHE_VIEW_UFFD] = {
		.name = "codecache-uffd",
		.zone_class = CODECACHE_ZONE_DATA,
		.prots = CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ |
					    CODECACHE_PROT_WRITE),
		.full = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
		.vm_flags = VM_READ | VM_WRITE,
		.vm_never = VM_MAYEXEC,
	},
};

/**
 * codecache_kind_prots - the protections that a kind of view has
 * @kind: valid enum codecache_view_kind
 *
 * Context: any.
 * Return: set of CODECACHE_PROT_BIT().
 */
u32 codecache_kind_prots(u32 kind)
{
	return codecache_kinds[kind].prots;
}

/**
 * codecache_kind_full - all that a kind of view allows
 * @kind: valid enum codecache_view_kind
 *
 * Context: any.
 * Return: CODECACHE_PROT_*.
 */
u32 codecache_kind_full(u32 kind)
{
	return codecache_kinds[kind].full;
}

/* ---- life ---------------------------------------------------------------- */

static void codecache_view_free(struct codecache_view *view)
{
	kvfree(view->populated);
	codecache_protmap_destroy(&view->prots);
	kfree(view);
}

static void codecache_view_destroy(struct kref *ref)
{
	struct codecache_view *view =
		container_of(ref, struct codecache_view, ref);
	struct codecache_zone *zone = view->zone;

	debugfs_remove_recursive(view->dir);
	mutex_lock(&zone->lock);
	list_del(&view->node);
	if (zone->uffd_view == view)
		zone->uffd_view = NULL;
	codecache_counters_fold(&zone->gone, &view->counters);
	mutex_unlock(&zone->lock);
	trace_codecache_view_destroy(view->id, zone->id, view->kind,
				     view->nr_pages);
	if (view->inode) {
		iput(view->inode);
		codecache_fs_release();
	}
	codecache_user_uncharge_object(zone->cache->user);
	codecache_view_free(view);
	codecache_zone_put(zone);
}

/**
 * codecache_view_get - one more reference
 * @view: to which the caller has one
 *
 * Context: any.
 */
void codecache_view_get(struct codecache_view *view)
{
	kref_get(&view->ref);
}

/**
 * codecache_view_put - drop a reference; the last one destroys
 * @view: the view
 *
 * Context: process; sleeps.
 */
void codecache_view_put(struct codecache_view *view)
{
	kref_put(&view->ref, codecache_view_destroy);
}

static int codecache_view_release(struct inode *inode, struct file *file)
{
	codecache_view_put(file->private_data);
	return 0;
}

/**
 * codecache_view_resident - pages of the window that are allocated
 * @view: the view
 *
 * Context: process; time grows with the pages, unless the window is the zone.
 * Return: their number; in a window that is not the whole zone, only pages that
 * a PFN view has mapped count.
 */
u64 codecache_view_resident(struct codecache_view *view)
{
	struct codecache_zone *zone = view->zone;
	unsigned long index;
	struct page *page;
	u64 nr = 0;

	if (view->nr_pages == zone->nr_pages)
		return codecache_zone_resident(zone);
	xa_for_each_range(&zone->pages, index, page, view->first,
			  view->first + view->nr_pages - 1) {
		nr++;
		cond_resched();
	}
	return nr;
}

/* ---- mapping ------------------------------------------------------------- */

static int codecache_view_check_vma(const struct codecache_view *view,
				    struct vm_area_struct *vma)
{
	const struct codecache_kind *kind = &codecache_kinds[view->kind];

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
 *
 * Context: process; mmap_lock held (munmap holds it for reading by then), or
 * the last user of the mm gone.
 */
void codecache_view_unmapped(struct codecache_view *view)
{
	struct mm_struct *mm = view->mm;

	trace_codecache_view_unmap(view->id, view->start, view->nr_pages);
	/* Before a next mapping can come. */
	bitmap_zero(view->populated, codecache_nr_tables(view->nr_pages));
	spin_lock(&view->map_lock);
	view->mm = NULL;
	view->vma = NULL;
	view->map_seq++;
	spin_unlock(&view->map_lock);
	wake_up_all(&view->unmapped);
	mmdrop(mm);
}

static int codecache_view_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct codecache_view *view = file->private_data;
	int err;

	err = codecache_view_check_vma(view, vma);
	if (err)
		return err;
	if (view->kind == CODECACHE_VIEW_UFFD)
		return codecache_uffd_mmap(view, vma);
	err = codecache_view_claim(view, vma);
	if (err)
		return err;
	/*
	 * VM_IO keeps MADV_DOFORK, core dumps, mlock and page pinning away,
	 * VM_PFNMAP everything that would look for a struct page.
	 */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTCOPY | VM_DONTEXPAND |
			  VM_DONTDUMP);
	vm_flags_clear(vma, codecache_kinds[view->kind].vm_never);
	vma->vm_private_data = view;
	vma->vm_ops = &codecache_view_vm_ops;
	trace_codecache_view_map(view->id, vma->vm_start, view->nr_pages);
	return 0;
}

static void codecache_target_unlock(struct codecache_target *target)
{
	if (target->mm)
		mmap_read_unlock(target->mm);
	if (target->got)
		mmput(target->mm);
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
static bool codecache_target_stands(const struct codecache_target *target)
{
	mmap_assert_locked(target->mm);
	return find_vma(target->mm, target->start) == target->vma;
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
	} else if (!codecache_target_stands(target)) {
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
	unsigned long seq;
	int err;

	for (;;) {
		seq = codecache_view_target(view, target);
		err = codecache_target_lock(view, target, seq);
		if (err == -EAGAIN)
			continue;
		if (err)
			return -EINTR;
		if (down_write_killable(view->lock)) {
			codecache_target_unlock(target);
			return -EINTR;
		}
		if (READ_ONCE(view->map_seq) == seq)
			return 0;
		codecache_view_unlock(view, target);
	}
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
	up_write(view->lock);
	codecache_target_unlock(target);
}

/* ---- descriptor ---------------------------------------------------------- */

static const struct codecache_ioctl_op codecache_view_ops[] = {
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_PROTECT,
			   codecache_view_protect_args, out_failed_index,
			   out_failed_index,
			   CODECACHE_PROTECT_F_BITMAP, codecache_view_protect,
			   .out_on_error = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_STATS, codecache_stats_args,
			   out_object, out_protect_flushes, 0, codecache_view_stats_ioctl),
};

static long codecache_view_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	return codecache_ioctl_dispatch(file, cmd, arg, codecache_view_ops,
					ARRAY_SIZE(codecache_view_ops));
}

static void codecache_view_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct codecache_stats_args stats;

	codecache_view_stats(file->private_data, &stats);
	codecache_stats_show(m, &stats);
}

static const struct file_operations codecache_view_fops = {
	.owner = THIS_MODULE,
	.release = codecache_view_release,
	.mmap = codecache_view_mmap,
	.unlocked_ioctl = codecache_view_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = codecache_view_show_fdinfo,
	.llseek = noop_llseek,
};

/* ---- creation ------------------------------------------------------------ */

/* Validate, and fill in what was left to us. */
static int codecache_view_check(const struct codecache_zone *zone,
				struct codecache_view_create_args *args)
{
	const struct codecache_kind *kind;
	int err;

	if (args->reserved || !args->kind ||
	    args->kind >= ARRAY_SIZE(codecache_kinds))
		return -EINVAL;
	kind = &codecache_kinds[args->kind];
	if (kind->zone_class != zone->class)
		return -EOPNOTSUPP;
	if (args->trap_mode != CODECACHE_TRAP_SIGNAL)
		return -EOPNOTSUPP;
	if (!(args->flags & CODECACHE_VIEW_F_PROT)) {
		if (args->prot)
			return -EINVAL;
		args->prot = kind->full;
	} else if (args->kind == CODECACHE_VIEW_UFFD) {
		return -EOPNOTSUPP;
	}
	err = codecache_prot_check(args->prot, kind->prots);
	if (err)
		return err;
	if (!args->nr_pages) {
		if (args->first_page >= zone->nr_pages)
			return -ERANGE;
		args->nr_pages = zone->nr_pages - args->first_page;
	}
	err = codecache_window_check(args->first_page, args->nr_pages,
				     zone->nr_pages);
	if (err)
		return err;
	if (args->kind == CODECACHE_VIEW_UFFD &&
	    args->nr_pages != zone->nr_pages)
		return -EINVAL;
	return 0;
}

static struct codecache_view *
codecache_view_alloc(struct codecache_zone *zone,
		     const struct codecache_view_create_args *args)
{
	struct codecache_view *view;

	view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	if (!view)
		return NULL;
	kref_init(&view->ref);
	spin_lock_init(&view->map_lock);
	init_waitqueue_head(&view->unmapped);
	view->zone = zone;
	view->kind = args->kind;
	view->first = args->first_page;
	view->nr_pages = args->nr_pages;
	view->page_ro = vm_get_page_prot(VM_SHARED | VM_READ |
		(args->kind == CODECACHE_VIEW_EXEC ? VM_EXEC : 0));
	view->page_rw = vm_get_page_prot(VM_SHARED | VM_READ | VM_WRITE);
	view->id = atomic64_inc_return(&codecache_view_ids);
	if (view->kind == CODECACHE_VIEW_UFFD)
		return view;
	view->populated = kvcalloc(BITS_TO_LONGS(codecache_nr_tables(view->nr_pages)),
				   sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!view->populated ||
	    codecache_protmap_init(&view->prots, view->nr_pages, args->prot)) {
		codecache_view_free(view);
		return NULL;
	}
	return view;
}

/* Make the view known; only one of kind uffd is. */
static int codecache_view_publish(struct codecache_view *view)
{
	struct codecache_zone *zone = view->zone;
	int err = 0;

	mutex_lock(&zone->lock);
	if (view->kind == CODECACHE_VIEW_UFFD) {
		if (zone->uffd_view)
			err = -EBUSY;
		else
			zone->uffd_view = view;
	}
	if (!err)
		list_add_tail(&view->node, &zone->views);
	mutex_unlock(&zone->lock);
	return err;
}

static struct file *codecache_view_file(struct codecache_view *view)
{
	struct file *file;

	file = codecache_fs_file(codecache_kinds[view->kind].name,
				 &codecache_view_fops, view);
	if (IS_ERR(file))
		return file;
	view->inode = file_inode(file);
	ihold(view->inode);
	view->lock = &view->inode->i_mapping->invalidate_lock;
	return file;
}

/**
 * codecache_view_create - CODECACHE_IOC_VIEW_CREATE
 * @call: on a zone
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi.
 */
int codecache_view_create(struct codecache_ioctl *call)
{
	struct codecache_view_create_args *args = call->args;
	struct codecache_zone *zone = call->file->private_data;
	struct codecache_view *view;
	int err;

	err = codecache_view_check(zone, args);
	if (err)
		return err;
	err = codecache_user_charge_object(zone->cache->user);
	if (err)
		return err;
	err = -ENOMEM;
	view = codecache_view_alloc(zone, args);
	if (!view)
		goto uncharge;
	err = codecache_view_publish(view);
	if (err)
		goto free_view;
	/* From here on codecache_view_put() undoes everything. */
	codecache_zone_get(zone);
	trace_codecache_view_create(view->id, zone->id, view->kind,
				    view->nr_pages);
	call->new_file = codecache_view_file(view);
	if (IS_ERR(call->new_file)) {
		codecache_view_put(view);
		return PTR_ERR(call->new_file);
	}
	codecache_debugfs_add_view(view);
	call->out_fd = &args->out_fd;
	args->out_bytes = (u64)view->nr_pages << PAGE_SHIFT;
	args->out_reserved = 0;
	return 0;

free_view:
	codecache_view_free(view);
uncharge:
	codecache_user_uncharge_object(zone->cache->user);
	return err;
}
