// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache views of kind uffd: true shmem mappings, which userfaultfd accepts
 *
 * Concepts: userfaultfd registers shmem's own VMAs only, so mapping such a view
 *           hands the VMA over to shmem, with a fresh file on the zone's
 *           storage. Its page table entries carry reference counts, reverse
 *           maps and counters of the core: we never touch them. Revoking is
 *           unmap_mapping_pages() on the storage, which PFN views do not share.
 *           As it hits every mapping of the storage, a zone has one such view.
 *           The file's operations are shmem's but for fallocate, by which
 *           madvise(MADV_REMOVE) would punch holes under the PFN views, and for
 *           release, which tells us that the mapping is gone.
 * Locking:  view->map_lock protects view->uffd_mapped; codecache_uffd_fops_lock
 *           the one-time set-up of the operations. mmap_lock is held outside.
 * Lifetime: the fresh file holds the view and the module, the VMAs hold the
 *           file (several, after a partial munmap or mprotect, which shmem
 *           allows). The last fput() allows the next mapping.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "codecache_priv.h"
#include "compat.h"
#include "trace.h"

static struct file_operations codecache_uffd_fops;
static DEFINE_MUTEX(codecache_uffd_fops_lock);

static int codecache_uffd_release(struct inode *inode, struct file *file)
{
	struct codecache_view *view = file->private_data;

	trace_codecache_view_unmap(view->id, 0, view->nr_pages);
	spin_lock(&view->map_lock);
	view->uffd_mapped = false;
	spin_unlock(&view->map_lock);
	codecache_view_put(view);
	return 0;
}

/* Operations for the fresh file, made from those that shmem gave @storage. */
static const struct file_operations *
codecache_uffd_operations(const struct file *storage)
{
	mutex_lock(&codecache_uffd_fops_lock);
	if (!codecache_uffd_fops.owner) {
		codecache_uffd_fops = *storage->f_op;
		codecache_uffd_fops.fallocate = NULL;
		/* shmem's own insists that the operations be shmem's own. */
		codecache_uffd_fops.get_unmapped_area = NULL;
		codecache_uffd_fops.release = codecache_uffd_release;
		codecache_uffd_fops.owner = THIS_MODULE;
	}
	mutex_unlock(&codecache_uffd_fops_lock);
	return &codecache_uffd_fops;
}

/* A fresh file on the zone's storage; its release unmarks the view. */
static struct file *codecache_uffd_file(struct codecache_view *view)
{
	struct file *storage = view->zone->storage;
	struct inode *inode = file_inode(storage);
	struct file *file;

	ihold(inode);
	file = alloc_file_pseudo(inode, storage->f_path.mnt, "codecache-uffd",
				 O_RDWR | O_LARGEFILE,
				 codecache_uffd_operations(storage));
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	/* fput() drops a reference on the module that nobody has taken yet. */
	__module_get(THIS_MODULE);
	file->private_data = view;
	codecache_view_get(view);
	return file;
}

static int codecache_uffd_claim(struct codecache_view *view)
{
	int err = 0;

	spin_lock(&view->map_lock);
	if (view->uffd_mapped)
		err = -EBUSY;
	view->uffd_mapped = true;
	spin_unlock(&view->map_lock);
	return err;
}

/**
 * codecache_uffd_mmap - map a view of kind uffd
 * @view: the view
 * @vma: checked by the caller
 *
 * Context: mmap; mmap_lock held for writing.
 * Return: 0 or -EBUSY, -ENOMEM, -ENFILE.
 */
int codecache_uffd_mmap(struct codecache_view *view, struct vm_area_struct *vma)
{
	struct file *file;
	int err;

	err = codecache_uffd_claim(view);
	if (err)
		return err;
	file = codecache_uffd_file(view);
	if (IS_ERR(file)) {
		spin_lock(&view->map_lock);
		view->uffd_mapped = false;
		spin_unlock(&view->map_lock);
		return PTR_ERR(file);
	}
	/* No flag of VM_SPECIAL: userfaultfd refuses those from 6.12 on. */
	vm_flags_set(vma, VM_DONTCOPY);
	vm_flags_clear(vma, VM_MAYEXEC);
	vma_set_file(vma, file);
	err = codecache_nested_mmap(file, vma);
	fput(file);	/* the VMA has its own reference */
	if (!err)
		trace_codecache_view_map(view->id, vma->vm_start,
					 view->nr_pages);
	return err;
}

/**
 * codecache_uffd_revoke - unmap pages, so that the next access faults again
 * @view: of kind uffd
 * @first: first page
 * @nr: pages
 *
 * Context: process; sleeps. One TLB flush.
 */
void codecache_uffd_revoke(struct codecache_view *view, unsigned long first,
			   unsigned long nr)
{
	unmap_mapping_pages(view->zone->storage->f_mapping, view->first + first,
			    nr, false);
}
