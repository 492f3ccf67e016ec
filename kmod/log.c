// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache logs: what log traps granted, in a ring that the process reads
 *
 * Concepts: one page that the reader writes (its tail), then the ring, which only
 *           the kernel writes. An entry is published by its stamp. What finds no
 *           room is counted here and marked at the page by the caller.
 * Locking:  writers hold view->grant_lock, so there is one at a time; the reader
 *           takes no lock at all.
 * Lifetime: the view and the log's file hold a reference each, mappings hold the
 *           file. The log holds its cache, for the account it is charged to.
 *
 * Barriers: the stamp is stored with release after the rest of the entry, and
 *           loaded with acquire by the reader. The tail is stored with release by
 *           the reader after it has read, and loaded with acquire here before the
 *           place is written again. Readers are user space: codecache_log_next()
 *           of the library.
 */
#include <linux/anon_inodes.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "codecache_priv.h"
#include "compat.h"

/**
 * struct codecache_log - a ring and who reads it
 * @ref: the view, the file
 * @cache: who is charged
 * @wait: who polls
 * @tail: the reader's page: untrusted
 * @ring: head of the ring, as users see it; written only
 * @entries: places
 * @head: entries ever written; view->grant_lock
 * @lost: traps without room; view->grant_lock
 * @nr_entries: places; a power of two
 * @threshold: entries at which poll() tells
 * @nr_pages: of @pages
 * @pages: the reader's page, then the ring's
 */
struct codecache_log {
	struct kref ref;
	struct codecache_cache *cache;
	wait_queue_head_t wait;
	u64 *tail;
	struct codecache_log_ring *ring;
	struct codecache_log_entry *entries;
	u64 head;
	u64 lost;
	u32 nr_entries;
	u32 threshold;
	unsigned int nr_pages;
	struct page **pages;
};

/* ---- writing ------------------------------------------------------------- */

static u64 codecache_log_used(const struct codecache_log *log)
{
	/* Pairs with the release store of the reader. */
	u64 tail = smp_load_acquire(log->tail);

	u64 head = READ_ONCE(log->head);

	/* Nonsense is beyond the head: a full log. */
	return tail > head ? log->nr_entries : head - tail;
}

/**
 * codecache_log_append - write an entry
 * @log: the log
 * @seq: its place in the view's sequence
 * @page: page of the view
 * @access: CODECACHE_PROT_*
 *
 * Context: atomic; view->grant_lock held.
 * Return: false if there was no room.
 */
bool codecache_log_append(struct codecache_log *log, u64 seq, u64 page,
			  u32 access)
{
	u64 used = codecache_log_used(log), head = log->head;
	struct codecache_log_entry *e;

	if (used >= log->nr_entries) {
		WRITE_ONCE(log->ring->lost, ++log->lost);
		return false;
	}
	e = &log->entries[head & (log->nr_entries - 1)];
	e->seq = seq;
	e->page = page;
	e->access = access;
	e->tid = pid_vnr(task_pid(current));
	/* Pairs with the acquire load of the reader. */
	smp_store_release(&e->stamp, head + 1);
	WRITE_ONCE(log->head, head + 1);
	WRITE_ONCE(log->ring->head, head + 1);
	if (used + 1 >= log->threshold && wq_has_sleeper(&log->wait))
		wake_up_interruptible_poll(&log->wait, EPOLLIN | EPOLLRDNORM);
	return true;
}

/* ---- life ---------------------------------------------------------------- */

static void codecache_log_free(struct codecache_log *log)
{
	unsigned int i;

	vunmap(log->tail);
	for (i = 0; i < log->nr_pages; i++)
		put_page(log->pages[i]);
	kvfree(log->pages);
	kfree(log);
}

static void codecache_log_destroy(struct kref *ref)
{
	struct codecache_log *log = container_of(ref, struct codecache_log, ref);
	struct codecache_cache *cache = log->cache;

	codecache_log_free(log);
	codecache_user_uncharge_object(cache->user);
	codecache_cache_put(cache);
}

/**
 * codecache_log_put - drop a reference; the last one frees
 * @log: or NULL
 *
 * Context: process; sleeps.
 */
void codecache_log_put(struct codecache_log *log)
{
	if (log)
		kref_put(&log->ref, codecache_log_destroy);
}

static int codecache_log_alloc_pages(struct codecache_log *log, unsigned int nr)
{
	log->pages = kvcalloc(nr, sizeof(*log->pages), GFP_KERNEL_ACCOUNT);
	if (!log->pages)
		return -ENOMEM;
	for (; log->nr_pages < nr; log->nr_pages++) {
		log->pages[log->nr_pages] = alloc_page(GFP_KERNEL_ACCOUNT |
						       __GFP_ZERO);
		if (!log->pages[log->nr_pages])
			return -ENOMEM;
	}
	log->tail = vmap(log->pages, nr, VM_MAP, PAGE_KERNEL);
	return log->tail ? 0 : -ENOMEM;
}

static struct codecache_log *codecache_log_alloc(u32 nr_entries, u32 threshold)
{
	u64 bytes = sizeof(struct codecache_log_ring) +
		    (u64)nr_entries * sizeof(struct codecache_log_entry);
	struct codecache_log *log;

	log = kzalloc(sizeof(*log), GFP_KERNEL_ACCOUNT);
	if (!log)
		return NULL;
	if (codecache_log_alloc_pages(log, 1 + DIV_ROUND_UP(bytes, PAGE_SIZE))) {
		codecache_log_free(log);
		return NULL;
	}
	kref_init(&log->ref);
	init_waitqueue_head(&log->wait);
	log->ring = (void *)log->tail + PAGE_SIZE;
	log->entries = (void *)(log->ring + 1);
	log->nr_entries = nr_entries;
	log->threshold = threshold ?: max(nr_entries / 2, 1U);
	log->ring->nr_entries = nr_entries;
	log->ring->entries_offset = sizeof(*log->ring);
	return log;
}

/* ---- descriptor ---------------------------------------------------------- */

static int codecache_log_release(struct inode *inode, struct file *file)
{
	codecache_log_put(file->private_data);
	return 0;
}

static __poll_t codecache_log_poll(struct file *file,
				   struct poll_table_struct *wait)
{
	struct codecache_log *log = file->private_data;

	poll_wait(file, &log->wait, wait);
	return codecache_log_used(log) >= log->threshold ?
	       EPOLLIN | EPOLLRDNORM : 0;
}

static vm_fault_t codecache_log_fault(struct vm_fault *vmf)
{
	struct codecache_log *log = vmf->vma->vm_private_data;

	if (vmf->pgoff >= log->nr_pages)
		return VM_FAULT_SIGBUS;
	vmf->page = log->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static int codecache_log_may_split(struct vm_area_struct *vma,
				   unsigned long addr)
{
	return -EINVAL;
}

static const struct vm_operations_struct codecache_log_vm_ops = {
	.may_split = codecache_log_may_split,
	.fault = codecache_log_fault,
};

static int codecache_log_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct codecache_log *log = file->private_data;
	unsigned long nr = vma->vm_pgoff ? log->nr_pages - 1 : 1;

	if (vma->vm_pgoff > 1 || vma_pages(vma) > nr ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC ||
	    (vma->vm_pgoff && vma->vm_flags & VM_WRITE))
		return -EACCES;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, vma->vm_pgoff ? VM_MAYEXEC | VM_MAYWRITE :
					    VM_MAYEXEC);
	vma->vm_private_data = log;
	vma->vm_ops = &codecache_log_vm_ops;
	return 0;
}

static const struct file_operations codecache_log_fops = {
	.owner = THIS_MODULE,
	.release = codecache_log_release,
	.poll = codecache_log_poll,
	.mmap = codecache_log_mmap,
	.llseek = noop_llseek,
};

/* ---- creation ------------------------------------------------------------ */

static int codecache_log_check(const struct codecache_view *view,
			       const struct codecache_view_log_args *args)
{
	if (view->kind == CODECACHE_VIEW_UFFD)
		return -EOPNOTSUPP;
	if (!is_power_of_2(args->nr_entries) ||
	    args->nr_entries > CODECACHE_MAX_LOG_ENTRIES ||
	    args->threshold > args->nr_entries)
		return -EINVAL;
	return READ_ONCE(view->log) ? -EBUSY : 0;
}

static struct codecache_log *
codecache_log_create(struct codecache_view *view,
		     const struct codecache_view_log_args *args)
{
	struct codecache_cache *cache = view->zone->cache;
	struct codecache_log *log;
	int err;

	err = codecache_user_charge_object(cache->user);
	if (err)
		return ERR_PTR(err);
	log = codecache_log_alloc(args->nr_entries, args->threshold);
	if (!log) {
		codecache_user_uncharge_object(cache->user);
		return ERR_PTR(-ENOMEM);
	}
	log->cache = cache;
	codecache_cache_get(cache);
	return log;
}

/**
 * codecache_view_log - CODECACHE_IOC_VIEW_LOG
 * @call: on a view
 *
 * Writes its results itself: the log must not become the view's before they and
 * the descriptor are certain.
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi; then the view has no new log.
 */
int codecache_view_log(struct codecache_ioctl *call)
{
	struct codecache_view_log_args *args = call->args;
	struct codecache_view *view = call->file->private_data;
	struct codecache_log *log;
	int err;

	err = codecache_log_check(view, args);
	if (err)
		return err;
	log = codecache_log_create(view, args);
	if (IS_ERR(log))
		return PTR_ERR(log);
	call->new_file = anon_inode_getfile("[codecache-log]",
					    &codecache_log_fops, log, O_RDWR);
	if (IS_ERR(call->new_file)) {
		codecache_log_put(log);
		return PTR_ERR(call->new_file);
	}
	call->out_fd = &args->out_fd;
	args->out_ring_bytes = (u64)(log->nr_pages - 1) << PAGE_SHIFT;
	args->out_reserved = 0;
	kref_get(&log->ref);
	err = codecache_ioctl_finish(call, &view->log, log);
	if (err)
		codecache_log_put(log);
	return err;
}
