// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache readers: threads that use what they find by pointers
 *
 * Concepts: a reader says in its slot, in memory that it shares with us, whether it
 *           is inside, and since which epoch. We look at the slots after an RCU
 *           grace period, which has put a full barrier on every CPU (grace.c).
 *           Slots are user memory: they decide when something is freed, never
 *           whether the kernel is safe.
 *           A reader lives while its thread does and still has the mm with which it
 *           registered: a thread that has exited, or has called exec, runs none of
 *           the code that was mapped there.
 * Locking:  readers->lock protects the table; slots are read without a lock.
 * Lifetime: a reader holds the pid of its thread, and mm_count of its mm, only to
 *           compare. Pages of slots stay until the cache goes; mappings of them
 *           hold the cache's file.
 *
 * Races:
 *  - A slot is given to another thread while its old owner still stores to it:
 *    it does not, since it is dead, has called exec, or has given it up. Its last
 *    store is seen before task->mm has changed: exit and exec execute a full
 *    barrier in between, and our store of 0 depends on what we have seen.
 *  - A reader that enters while we look: it cannot find what was retired before.
 */
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"
#include "trace.h"

#define CODECACHE_SLOTS_PER_PAGE \
	(PAGE_SIZE / sizeof(struct codecache_reader_slot))

static unsigned int stall_seconds = 10;
module_param(stall_seconds, uint, 0644);
MODULE_PARM_DESC(stall_seconds,
		 "a reader that holds a grace period up for so long stalls (default: 10)");

/**
 * struct codecache_reader - a registered thread
 * @index: its slot
 * @slot: kernel address of it
 * @pid: the thread
 * @mm: with which it registered; only compared
 * @comm: name, as it was then
 * @seen: what @slot had when it was first in the way, or 0
 * @since: jiffies, when that was
 * @reported: ... and it has been reported
 */
struct codecache_reader {
	u32 index;
	struct codecache_reader_slot *slot;
	struct pid *pid;
	struct mm_struct *mm;
	char comm[TASK_COMM_LEN];
	u64 seen;
	unsigned long since;
	bool reported;
};

/* ---- life ---------------------------------------------------------------- */

/**
 * codecache_readers_init - no readers yet
 * @cache: new
 *
 * Context: process.
 */
void codecache_readers_init(struct codecache_cache *cache)
{
	struct codecache_readers *readers = &cache->readers;

	mutex_init(&readers->lock);
	xa_init_flags(&readers->by_index, XA_FLAGS_ALLOC);
	xa_init(&readers->pages);
	readers->reap_at = CODECACHE_SLOTS_PER_PAGE;
}

static void codecache_reader_free(struct codecache_cache *cache,
				  struct codecache_reader *reader)
{
	struct codecache_readers *readers = &cache->readers;

	lockdep_assert_held(&readers->lock);
	xa_erase(&readers->by_index, reader->index);
	if (readers->stalled == reader->pid)
		readers->stalled = NULL;
	readers->nr--;
	WRITE_ONCE(reader->slot->active, 0);
	put_pid(reader->pid);
	mmdrop(reader->mm);
	kfree(reader);
}

/**
 * codecache_readers_close - the cache's file goes: there is nobody inside
 * @cache: whose slots nobody has mapped any more
 *
 * Context: process; sleeps.
 */
void codecache_readers_close(struct codecache_cache *cache)
{
	struct codecache_reader *reader;
	unsigned long index;

	mutex_lock(&cache->readers.lock);
	xa_for_each(&cache->readers.by_index, index, reader)
		codecache_reader_free(cache, reader);
	mutex_unlock(&cache->readers.lock);
}

/**
 * codecache_readers_destroy - free the pages of slots
 * @cache: goes; codecache_readers_close() has been called
 *
 * Context: process; sleeps.
 */
void codecache_readers_destroy(struct codecache_cache *cache)
{
	struct page *page;
	unsigned long index;

	xa_for_each(&cache->readers.pages, index, page)
		put_page(page);
	xa_destroy(&cache->readers.pages);
	xa_destroy(&cache->readers.by_index);
	mutex_destroy(&cache->readers.lock);
}

/* ---- who is inside? ------------------------------------------------------ */

static bool codecache_reader_lives(const struct codecache_reader *reader)
{
	struct task_struct *task;
	bool lives;

	rcu_read_lock();
	task = pid_task(reader->pid, PIDTYPE_PID);
	/* Exit and exec take the mm away before anything else can go. */
	lives = task && READ_ONCE(task->mm) == reader->mm;
	rcu_read_unlock();
	return lives;
}

static bool codecache_reader_blocks(const struct codecache_reader *reader,
				    u64 cookie)
{
	u64 active = READ_ONCE(reader->slot->active);

	return active && active <= cookie && codecache_reader_lives(reader);
}

/*
 * All readers, one after another in the nodes of the xarray, where xa_for_each() goes
 * down from the root for each. readers->lock keeps both; RCU is for lockdep.
 */
#define codecache_readers_for_each(xas, reader)				\
	xas_for_each(xas, reader, CODECACHE_MAX_READERS - 1)

/* A reader is in the way: since when? Report it once if that is long. */
static void codecache_reader_watch(struct codecache_cache *cache,
				   struct codecache_reader *reader)
{
	struct codecache_readers *readers = &cache->readers;
	u64 active = READ_ONCE(reader->slot->active);
	unsigned long limit = READ_ONCE(stall_seconds) * (unsigned long)HZ;

	if (reader->seen != active) {
		reader->seen = active;
		reader->since = jiffies;
		reader->reported = false;
	}
	if (time_before(jiffies, reader->since + limit))
		return;
	readers->nr_stalled++;
	readers->stalled = reader->pid;
	readers->stalled_since = reader->since;
	if (reader->reported)
		return;
	reader->reported = true;
	codecache_count(&cache->gone, CODECACHE_NR_GRACE_STALLS, 1);
	trace_codecache_reader_stall(cache->id, pid_nr(reader->pid),
				     jiffies_to_msecs(jiffies - reader->since),
				     atomic64_read(&cache->grace.held_pages));
}

/**
 * codecache_readers_blocking - readers that a grace period has to wait for
 * @cache: the cache
 * @cookie: the grace period; its RCU grace period is over
 *
 * Context: process; sleeps.
 * Return: their number.
 */
unsigned int codecache_readers_blocking(struct codecache_cache *cache,
					u64 cookie)
{
	struct codecache_readers *readers = &cache->readers;
	XA_STATE(xas, &readers->by_index, 0);
	struct codecache_reader *reader;
	unsigned int n = 0;

	mutex_lock(&readers->lock);
	readers->nr_stalled = 0;
	readers->stalled = NULL;
	rcu_read_lock();
	codecache_readers_for_each(&xas, reader) {
		if (!codecache_reader_blocks(reader, cookie)) {
			reader->seen = 0;
			continue;
		}
		codecache_reader_watch(cache, reader);
		n++;
	}
	rcu_read_unlock();
	mutex_unlock(&readers->lock);
	return n;
}

/**
 * codecache_readers_try_quiet - is nobody in the way? without waiting for a lock
 * @cache: the cache
 * @cookie: the grace period; its RCU grace period is over
 *
 * Context: any that may take a spinlock.
 * Return: true if that is certain.
 */
bool codecache_readers_try_quiet(struct codecache_cache *cache, u64 cookie)
{
	XA_STATE(xas, &cache->readers.by_index, 0);
	struct codecache_reader *reader;
	bool quiet = true;

	if (!mutex_trylock(&cache->readers.lock))
		return false;
	rcu_read_lock();
	codecache_readers_for_each(&xas, reader) {
		quiet = !codecache_reader_blocks(reader, cookie);
		if (!quiet)
			break;
	}
	rcu_read_unlock();
	mutex_unlock(&cache->readers.lock);
	return quiet;
}

/**
 * codecache_readers_has_current - does a grace period wait for the caller itself?
 * @cache: the cache
 * @cookie: the grace period
 *
 * Context: process; sleeps.
 * Return: whether.
 */
bool codecache_readers_has_current(struct codecache_cache *cache, u64 cookie)
{
	XA_STATE(xas, &cache->readers.by_index, 0);
	struct codecache_reader *reader;
	bool found = false;

	mutex_lock(&cache->readers.lock);
	rcu_read_lock();
	codecache_readers_for_each(&xas, reader) {
		found = reader->pid == task_pid(current) &&
			codecache_reader_blocks(reader, cookie);
		if (found)
			break;
	}
	rcu_read_unlock();
	mutex_unlock(&cache->readers.lock);
	return found;
}

/* ---- for people ---------------------------------------------------------- */

/**
 * codecache_readers_stats - what STATS tells about readers
 * @cache: the cache
 * @out: members about readers are filled
 *
 * Context: process; sleeps.
 */
void codecache_readers_stats(struct codecache_cache *cache,
			     struct codecache_stats_args *out)
{
	struct codecache_readers *readers = &cache->readers;

	mutex_lock(&readers->lock);
	out->out_readers += readers->nr;
	out->out_stalled_readers += readers->nr_stalled;
	if (readers->stalled) {
		out->out_stalled_tid = pid_vnr(readers->stalled);
		out->out_stalled_seconds =
			(jiffies - readers->stalled_since) / HZ;
	}
	mutex_unlock(&readers->lock);
}

static void codecache_reader_show(struct seq_file *m,
				  const struct codecache_reader *reader)
{
	u64 active = READ_ONCE(reader->slot->active);

	seq_printf(m, "%u:\ttid %d %s%s", reader->index,
		   pid_vnr(reader->pid), reader->comm,
		   codecache_reader_lives(reader) ? "" : " (dead)");
	if (active)
		seq_printf(m, " inside since epoch %llu", active);
	if (active && active == reader->seen)
		seq_printf(m, ", in the way for %u ms",
			   jiffies_to_msecs(jiffies - reader->since));
	seq_putc(m, '\n');
}

/**
 * codecache_readers_show - a line for each reader
 * @m: where
 * @cache: the cache
 *
 * Context: process; sleeps.
 */
void codecache_readers_show(struct seq_file *m, struct codecache_cache *cache)
{
	struct codecache_reader *reader;
	unsigned long index;

	mutex_lock(&cache->readers.lock);
	xa_for_each(&cache->readers.by_index, index, reader)
		codecache_reader_show(m, reader);
	mutex_unlock(&cache->readers.lock);
}

/* ---- registration -------------------------------------------------------- */

/* The page of a slot, made if need be. */
static struct page *codecache_reader_page(struct codecache_readers *readers,
					  u32 index)
{
	unsigned long nr = index / CODECACHE_SLOTS_PER_PAGE;
	struct page *page = xa_load(&readers->pages, nr);

	if (page)
		return page;
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		return NULL;
	if (xa_err(xa_store(&readers->pages, nr, page, GFP_KERNEL_ACCOUNT))) {
		put_page(page);
		return NULL;
	}
	return page;
}

/*
 * Slots of threads that are dead are free. Each time that as many have come as there
 * were, so that the table does not fill with the dead, and that costs no more than
 * to register them.
 */
static void codecache_readers_reap(struct codecache_cache *cache)
{
	struct codecache_readers *readers = &cache->readers;
	struct codecache_reader *reader;
	unsigned long index;

	xa_for_each(&readers->by_index, index, reader) {
		if (!codecache_reader_lives(reader))
			codecache_reader_free(cache, reader);
	}
	readers->reap_at = max_t(unsigned int, 2 * readers->nr,
				 CODECACHE_SLOTS_PER_PAGE);
}

/* The lowest free slot. */
static int codecache_reader_place(struct codecache_cache *cache,
				  struct codecache_reader *reader)
{
	struct xa_limit limit = XA_LIMIT(0, CODECACHE_MAX_READERS - 1);
	struct codecache_readers *readers = &cache->readers;
	int err;

	err = xa_alloc(&readers->by_index, &reader->index, reader, limit,
		       GFP_KERNEL_ACCOUNT);
	if (err == -EBUSY) {
		codecache_readers_reap(cache);
		err = xa_alloc(&readers->by_index, &reader->index, reader,
			       limit, GFP_KERNEL_ACCOUNT);
	}
	return err == -EBUSY ? -ENOSPC : err;
}

static int codecache_reader_add(struct codecache_cache *cache,
				struct codecache_reader *reader)
{
	struct codecache_readers *readers = &cache->readers;
	struct page *page;
	int err;

	lockdep_assert_held(&readers->lock);
	if (readers->nr >= readers->reap_at)
		codecache_readers_reap(cache);
	err = codecache_reader_place(cache, reader);
	if (err)
		return err;
	page = codecache_reader_page(readers, reader->index);
	if (!page) {
		xa_erase(&readers->by_index, reader->index);
		return -ENOMEM;
	}
	reader->slot = page_address(page);
	reader->slot += reader->index % CODECACHE_SLOTS_PER_PAGE;
	memset(reader->slot, 0, sizeof(*reader->slot));
	reader->pid = get_task_pid(current, PIDTYPE_PID);
	reader->mm = current->mm;
	mmgrab(reader->mm);
	get_task_comm(reader->comm, current);
	readers->nr++;
	return 0;
}

/* Take a registration of this thread back, unless somebody has done it. */
static void codecache_reader_undo(struct codecache_cache *cache, u32 index)
{
	struct codecache_reader *reader;

	mutex_lock(&cache->readers.lock);
	reader = xa_load(&cache->readers.by_index, index);
	if (reader && reader->pid == task_pid(current))
		codecache_reader_free(cache, reader);
	mutex_unlock(&cache->readers.lock);
}

/**
 * codecache_reader_register - CODECACHE_IOC_READER_REGISTER
 * @call: on a cache
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi.
 */
int codecache_reader_register(struct codecache_ioctl *call)
{
	struct codecache_reader_register_args *args = call->args;
	struct codecache_cache *cache = call->file->private_data;
	struct codecache_readers *readers = &cache->readers;
	struct codecache_reader *reader;
	int err;

	reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader)
		return -ENOMEM;
	mutex_lock(&readers->lock);
	err = codecache_reader_add(cache, reader);
	args->out_index = reader->index;
	mutex_unlock(&readers->lock);
	if (err) {
		kfree(reader);
		return err;
	}
	/* From here on @reader may go: another thread can guess its index. */
	codecache_test_pause(CODECACHE_TEST_REGISTER);
	args->out_reserved = 0;
	args->out_offset = PAGE_SIZE + (u64)args->out_index *
				       sizeof(struct codecache_reader_slot);
	if (!codecache_ioctl_copy_out(call))
		return 0;
	codecache_reader_undo(cache, args->out_index);
	return -EFAULT;
}

static int codecache_reader_remove(struct codecache_cache *cache, u32 index)
{
	struct codecache_reader *reader;

	lockdep_assert_held(&cache->readers.lock);
	reader = xa_load(&cache->readers.by_index, index);
	if (!reader)
		return -ENOENT;
	if (codecache_reader_lives(reader)) {
		if (reader->mm != current->mm)
			return -EPERM;
		if (READ_ONCE(reader->slot->active))
			return -EBUSY;
	}
	codecache_reader_free(cache, reader);
	return 0;
}

/**
 * codecache_reader_unregister - CODECACHE_IOC_READER_UNREGISTER
 * @call: on a cache
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi.
 */
int codecache_reader_unregister(struct codecache_ioctl *call)
{
	struct codecache_reader_unregister_args *args = call->args;
	struct codecache_cache *cache = call->file->private_data;
	int err;

	if (args->reserved)
		return -EINVAL;
	mutex_lock(&cache->readers.lock);
	err = codecache_reader_remove(cache, args->index);
	mutex_unlock(&cache->readers.lock);
	return err;
}

/* ---- the mappings -------------------------------------------------------- */

static vm_fault_t codecache_cache_fault(struct vm_fault *vmf)
{
	struct codecache_cache *cache = vmf->vma->vm_private_data;
	struct page *page = cache->grace.page;

	if (vmf->pgoff)
		page = xa_load(&cache->readers.pages, vmf->pgoff - 1);
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static int codecache_cache_may_split(struct vm_area_struct *vma,
				     unsigned long addr)
{
	return -EINVAL;
}

static const struct vm_operations_struct codecache_cache_vm_ops = {
	.may_split = codecache_cache_may_split,
	.fault = codecache_cache_fault,
};

/**
 * codecache_cache_mmap - map the control page, or the slots
 * @file: of the cache
 * @vma: new
 *
 * Context: mmap; mmap_lock held for writing.
 * Return: 0, -EINVAL (offset, length, not MAP_SHARED), -EACCES (protection).
 */
int codecache_cache_mmap(struct file *file, struct vm_area_struct *vma)
{
	bool slots = vma->vm_pgoff;
	unsigned long nr = 1;

	/* MAP_SHARED is VM_MAYSHARE alone if the descriptor is only for reading. */
	if (slots)
		nr = CODECACHE_MAX_READERS / CODECACHE_SLOTS_PER_PAGE;
	if (vma->vm_pgoff > 1 || vma_pages(vma) > nr ||
	    !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC || (!slots && vma->vm_flags & VM_WRITE))
		return -EACCES;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, slots ? VM_MAYEXEC : VM_MAYEXEC | VM_MAYWRITE);
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &codecache_cache_vm_ops;
	return 0;
}
