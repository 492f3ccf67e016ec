// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache views: one window on a zone, with its own page protections
 *
 * Concepts: a view has an inode of its own, hence an address space and an
 *           invalidate_lock of its own, and at most one live mapping (map.c). It
 *           is a PFN mapping whose page table entries fault.c and pte.c write;
 *           kind uffd alone is a true shmem mapping, see uffd.c.
 * Locking:  zone->lock protects the list of views; for the rest of the locks see
 *           map.c.
 * Lifetime: the view's file holds a reference; a mapping holds the file. The
 *           view holds its zone, and its inode.
 */
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"
#include "trace.h"

static atomic64_t codecache_view_ids;

const struct codecache_kind codecache_kinds[CODECACHE_VIEW_UFFD + 1] = {
	[CODECACHE_VIEW_WRITE] = {
		.name = "codecache-write",
		.zone_class = CODECACHE_ZONE_CODE,
		.prots = CODECACHE_ALLOW_TRAPS |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
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
		.prots = CODECACHE_ALLOW_TRAPS |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_READ |
					    CODECACHE_PROT_EXEC),
		.full = CODECACHE_PROT_READ | CODECACHE_PROT_EXEC,
		.vm_flags = VM_READ | VM_EXEC,
		.vm_never = VM_MAYWRITE,
	},
	[CODECACHE_VIEW_DATA] = {
		.name = "codecache-data",
		.zone_class = CODECACHE_ZONE_DATA,
		.prots = CODECACHE_ALLOW_TRAPS |
			 CODECACHE_PROT_BIT(CODECACHE_PROT_NONE) |
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

/* ---- life ---------------------------------------------------------------- */

static void codecache_view_free(struct codecache_view *view)
{
	codecache_log_put(view->log);
	codecache_events_destroy(&view->events);
	codecache_marks_destroy(view);
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
	codecache_events_close(file->private_data);
	codecache_view_put(file->private_data);
	return 0;
}

static int codecache_view_flush(struct file *file, fl_owner_t files)
{
	codecache_events_leave(file->private_data, files);
	return 0;
}

static ssize_t codecache_view_read(struct file *file, char __user *buf,
				   size_t count, loff_t *pos)
{
	struct codecache_view *view = file->private_data;

	if (view->kind == CODECACHE_VIEW_UFFD)
		return -EBADF;
	return codecache_events_read(view, buf, count,
				     file->f_flags & O_NONBLOCK);
}

static __poll_t codecache_view_poll(struct file *file,
				    struct poll_table_struct *wait)
{
	return codecache_events_poll(file->private_data, file, wait);
}

/**
 * codecache_view_resident - pages of the window that are allocated
 * @view: the view
 *
 * Context: process; time grows with the pages, unless the window is the zone.
 * Return: their number, whoever filled them.
 */
u64 codecache_view_resident(struct codecache_view *view)
{
	struct codecache_zone *zone = view->zone;
	pgoff_t start = view->first, last = start + view->nr_pages - 1;
	struct folio_batch batch;
	unsigned int i;
	u64 nr = 0;

	if (view->nr_pages == zone->nr_pages)
		return codecache_zone_resident(zone);
	folio_batch_init(&batch);
	while (filemap_get_folios(zone->storage->f_mapping, &start, last,
				  &batch)) {
		for (i = 0; i < folio_batch_count(&batch); i++) {
			struct folio *folio = batch.folios[i];

			nr += min(folio_next_index(folio) - 1, last) -
			      max(folio->index, view->first) + 1;
		}
		folio_batch_release(&batch);
		cond_resched();
	}
	return nr;
}

/* ---- descriptor ---------------------------------------------------------- */

static const struct codecache_ioctl_op codecache_view_ops[] = {
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_PROTECT,
			   codecache_view_protect_args, out_failed_index,
			   out_failed_index,
			   CODECACHE_PROTECT_F_BITMAP |
			   CODECACHE_PROTECT_F_POPULATE,
			   codecache_view_protect, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_QUERY, codecache_view_query_args,
			   out_next_page, out_seq,
			   CODECACHE_QUERY_F_BITMAP |
			   CODECACHE_QUERY_F_PROTECT |
			   CODECACHE_QUERY_F_FAST_YOUNG,
			   codecache_view_query),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_RESOLVE,
			   codecache_view_resolve_args, out_nr_woken, out_seq,
			   CODECACHE_RESOLVE_F_SIGNAL, codecache_view_resolve),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_LOG, codecache_view_log_args,
			   out_ring_bytes, out_reserved, 0, codecache_view_log,
			   .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_UNMAP, codecache_view_unmap_args,
			   out_addr, out_addr, 0, codecache_view_unmap,
			   .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_SEAL_INFO, codecache_seal_info_args,
			   out_digest, out_reserved, 0,
			   codecache_view_seal_info),
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
	.flush = codecache_view_flush,
	.release = codecache_view_release,
	.read = codecache_view_read,
	.poll = codecache_view_poll,
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
	if (args->trap_mode > CODECACHE_TRAP_BLOCK)
		return -EOPNOTSUPP;
	if (args->kind == CODECACHE_VIEW_UFFD &&
	    (args->trap_mode || args->flags || zone->has_extents))
		return -EOPNOTSUPP;
	if (args->flags & CODECACHE_VIEW_F_BLOCK_KERNEL &&
	    !codecache_trap_may_block_kernel())
		return -EPERM;
	if (!(args->flags & CODECACHE_VIEW_F_PROT)) {
		if (args->prot)
			return -EINVAL;
		args->prot = kind->full;
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
	spin_lock_init(&view->grant_lock);
	init_waitqueue_head(&view->unmapped);
	INIT_LIST_HEAD(&view->node);
	xa_init(&view->marks);
	codecache_events_init(&view->events);
	view->trap_mode = args->trap_mode;
	view->block_kernel = args->flags & CODECACHE_VIEW_F_BLOCK_KERNEL;
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
	    codecache_protmap_init(&view->prots, view->nr_pages,
				   codecache_value_make(args->prot,
							args->trap_mode))) {
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
	/* A sweep that is at work need not visit it: there are no entries yet. */
	view->sweep_seq = zone->sweep_seq;
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
	struct file *file;
	int err;

	err = codecache_view_check(zone, args);
	if (err)
		return err;
	if (args->kind == CODECACHE_VIEW_WRITE &&
	    READ_ONCE(zone->seal.closed))
		return -EPERM;
	err = codecache_user_charge_object(zone->cache->user);
	if (err)
		return err;
	err = -ENOMEM;
	view = codecache_view_alloc(zone, args);
	if (!view)
		goto uncharge;
	/* From here on codecache_view_put() undoes everything. */
	codecache_zone_get(zone);
	file = codecache_view_file(view);
	if (IS_ERR(file)) {
		codecache_view_put(view);
		return PTR_ERR(file);
	}
	trace_codecache_view_create(view->id, zone->id, view->kind,
				    view->nr_pages);
	codecache_test_pause(CODECACHE_TEST_PUBLISH);
	/* Not before it has its lock: a sweep may come at once. */
	err = codecache_view_publish(view);
	if (err) {
		fput(file);
		return err;
	}
	codecache_debugfs_add_view(view);
	call->new_file = file;
	call->out_fd = &args->out_fd;
	args->out_bytes = (u64)view->nr_pages << PAGE_SHIFT;
	args->out_reserved = 0;
	return 0;

uncharge:
	codecache_user_uncharge_object(zone->cache->user);
	return err;
}
