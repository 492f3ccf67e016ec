// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache faults: what a view answers to accesses, and to the mm calls
 *
 * Concepts: a fault finds out whether the page's protection allows the access;
 *           if so it maps the page with just that protection, if not it is a
 *           trap (trap.c), which may grant it, or have the thread sleep. Fault
 *           and pfn_mkwrite are one function: both mean "this access is not
 *           possible with the entry that is there".
 * Locking:  mmap_lock or, from 6.12 on, the VMA's own lock is held by the core;
 *           view->lock is taken shared around check *and* insert.
 * Lifetime: the VMA holds the view's file.
 *
 * Races:
 *  - Fault against PROTECT: were the check not under the lock that covers the
 *    insertion, PROTECT could return in between and the fault undo it.
 *  - pfn_mkwrite against PROTECT: when pfn_mkwrite returns 0 the core makes the
 *    entry writable after a mere pte_same(), which cannot see that PROTECT found
 *    the entry read-only already (ABA). So we write the entry ourselves, under
 *    the lock, and return VM_FAULT_NOPAGE.
 *  - Fault against munmap and exit: the core's locks.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"
#include "trace.h"

/* What the faulting instruction wanted, as CODECACHE_PROT_*. */
static u32 codecache_fault_access(const struct vm_fault *vmf)
{
	if (vmf->flags & FAULT_FLAG_WRITE)
		return CODECACHE_PROT_WRITE;
	if (vmf->flags & FAULT_FLAG_INSTRUCTION)
		return CODECACHE_PROT_EXEC;
	return CODECACHE_PROT_READ;
}

static vm_fault_t codecache_fault_failed(struct codecache_view *view,
					 unsigned long page, u32 access,
					 int err)
{
	trace_codecache_fault(view->id, page, access, err);
	/* There is no page, or none for this access: a trap like any other. */
	if (err == -ENXIO) {
		codecache_trap_count(view, access);
		return VM_FAULT_SIGSEGV;
	}
	codecache_count(&view->counters, CODECACHE_NR_FAULTS_FAILED, 1);
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/* Map the page, which is allowed; view->lock is held shared. */
static int codecache_fault_insert(struct codecache_view *view,
				  struct vm_fault *vmf, u32 access, u32 prot)
{
	unsigned long addr = vmf->address & PAGE_MASK;
	int what = -ENOENT;
	struct page *page;

	codecache_test_delay();
	if (vmf->flags & FAULT_FLAG_MKWRITE &&
	    codecache_view_may_widen(view, vmf->pgoff))
		what = codecache_insert_upgrade(vmf);
	if (what != -ENOENT)
		return what;
	page = codecache_view_page(view, vmf->pgoff, &prot);
	if (IS_ERR(page))
		return PTR_ERR(page);
	if (unlikely(!(prot & access)))
		return -ENXIO;
	codecache_test_pause(CODECACHE_TEST_INSERT);
	what = codecache_insert_page(view, vmf->vma, addr, page, prot, true);
	if (what >= 0 && access != CODECACHE_PROT_WRITE)
		codecache_insert_around(view, vmf->vma, addr);
	return what;
}

/* A trap: if something can be done about it at all, its mode says what. */
static vm_fault_t codecache_fault_trap(struct codecache_view *view,
				       struct vm_fault *vmf, u32 access,
				       u32 *value,
				       struct codecache_waiter **waiter)
{
	/* Such as a fetch, where there is no EXEC to be granted. */
	if (!(codecache_kind(view->kind)->full & access) ||
	    !codecache_extent_allows(view, vmf->pgoff, access))
		return codecache_fault_failed(view, vmf->pgoff, access,
					      -ENXIO);
	return codecache_trap(view, vmf, access, value, waiter);
}

/* Check and insert; view->lock is held shared. */
static vm_fault_t codecache_fault_locked(struct codecache_view *view,
					 struct vm_fault *vmf,
					 struct codecache_waiter **waiter)
{
	u32 access = codecache_fault_access(vmf);
	u32 value = codecache_protmap_get(&view->prots, vmf->pgoff);
	vm_fault_t ret;
	int what;

	if (unlikely(view->leaving))
		return VM_FAULT_SIGSEGV;
	if (!(value & access)) {
		ret = codecache_fault_trap(view, vmf, access, &value, waiter);
		if (ret)
			return ret;
	}
	what = codecache_fault_insert(view, vmf, access,
				      codecache_value_prot(value));
	if (what < 0)
		return codecache_fault_failed(view, vmf->pgoff, access, what);
	codecache_count(&view->counters, what, 1);
	trace_codecache_fault(view->id, vmf->pgoff, access, 0);
	return VM_FAULT_NOPAGE;
}

/*
 * Was an access refused because a SEAL is at work, which may yet fail, or was when
 * it was looked at? Then it is to be tried again.
 */
static bool codecache_fault_sealing(const struct codecache_view *view, u32 seal)
{
	u32 now = READ_ONCE(view->zone->seal.seq);

	return view->kind == CODECACHE_VIEW_WRITE &&
	       (codecache_seal_working(now) || now != seal);
}

static vm_fault_t codecache_view_fault(struct vm_fault *vmf)
{
	struct codecache_view *view = vmf->vma->vm_private_data;
	bool unlocked = codecache_test_fault_unlocked;
	struct codecache_waiter *waiter = NULL;
	u32 seal = READ_ONCE(view->zone->seal.seq);
	vm_fault_t ret;

	if (!unlocked)
		down_read(view->lock);
	ret = codecache_fault_locked(view, vmf, &waiter);
	if (!unlocked)
		up_read(view->lock);
	if (ret == VM_FAULT_SIGSEGV &&
	    unlikely(codecache_fault_sealing(view, seal)))
		return codecache_seal_wait(view,
					   vmf->flags & FAULT_FLAG_USER);
	return waiter ? codecache_trap_sleep(view, vmf, waiter) : ret;
}

/*
 * Maps nothing: codecache_insert_around() does. That it is there lets the core
 * call us under the VMA's own lock instead of mmap_lock (6.12 and later), which
 * our fault can bear: it locks PROTECT out by itself.
 */
static vm_fault_t codecache_view_map_pages(struct vm_fault *vmf, pgoff_t start,
					   pgoff_t end)
{
	return 0;
}

static void codecache_view_close(struct vm_area_struct *vma)
{
	struct codecache_view *view = vma->vm_private_data;

	/* A refused mremap() closes its copy, which never was the mapping. */
	if (READ_ONCE(view->vma) == vma)
		codecache_view_unmapped(view, vma);
}

static int codecache_view_may_split(struct vm_area_struct *vma,
				    unsigned long addr)
{
	return -EINVAL;
}

static int codecache_view_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static int codecache_view_mprotect(struct vm_area_struct *vma,
				   unsigned long start, unsigned long end,
				   unsigned long newflags)
{
	return -EACCES;
}

/*
 * May a debugger store through this mapping? Not through one's own
 * /proc/self/mem, and not in a process that was only given an exec view:
 * breakpoints are for the process that made the zone.
 */
static bool codecache_view_may_poke(const struct codecache_view *view,
				    const struct vm_area_struct *vma)
{
	return vma->vm_mm != current->mm &&
	       vma->vm_mm == view->zone->owner_mm;
}

/* Copy to a page; -EIO: it is not there, or cannot be written. */
static int codecache_view_poke_locked(struct codecache_view *view,
				      unsigned long pgoff, unsigned int offset,
				      void *buf, int len)
	__must_hold(&view->zone->filling)
{
	u32 prot = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE;
	struct page *page;
	void *kaddr;

	lockdep_assert_held(&view->zone->filling);
	if (codecache_zone_sealed(view->zone))
		return -EACCES;
	page = codecache_view_entry_page(view, xa_load(&view->zone->pages,
						       view->first + pgoff),
					 &prot);
	if (!page || !(prot & CODECACHE_PROT_WRITE) ||
	    codecache_marks_poke(view, pgoff))
		return -EIO;
	codecache_test_pause(CODECACHE_TEST_POKE);
	kaddr = kmap_local_page(page);
	codecache_copy_to_code(page, kaddr + offset, buf, len);
	kunmap_local(kaddr);
	return len;
}

/* RETIRE and SEAL begin with this lock: what was checked holds until it is let go. */
static int codecache_view_poke(struct codecache_view *view, unsigned long pgoff,
			       unsigned int offset, void *buf, int len)
{
	int ret;

	down_read(&view->zone->filling);
	ret = codecache_view_poke_locked(view, pgoff, offset, buf, len);
	up_read(&view->zone->filling);
	return ret;
}

static int codecache_view_peek(struct codecache_view *view, unsigned long pgoff,
			       unsigned int offset, void *buf, int len)
{
	void *entry = xa_load(&view->zone->pages, view->first + pgoff);
	u32 prot = CODECACHE_PROT_READ;
	struct page *page;
	void *kaddr;

	page = codecache_view_entry_page(view, entry, &prot);
	if (!page) {
		if (entry || !codecache_view_may_fill(view, pgoff))
			return -EIO;
		memset(buf, 0, len);
		return len;
	}
	kaddr = kmap_local_page(page);
	memcpy(buf, kaddr + offset, len);
	kunmap_local(kaddr);
	return len;
}

/*
 * ptrace and /proc/PID/mem. The caller holds mmap_lock and has checked the
 * right to attach. As everywhere with ptrace, page protections do not count; what
 * is retired, or sealed, cannot be written all the same, and where an access would
 * trap whatever the protections, nothing can be read. Pages that are not resident
 * yet read as zeroes and cannot be written: a debugger must not be charged for the
 * memory of its debuggee. view->lock keeps the page.
 */
static int codecache_view_access(struct vm_area_struct *vma, unsigned long addr,
				 void *buf, int len, int write)
{
	struct codecache_view *view = vma->vm_private_data;
	unsigned long pgoff = (addr - vma->vm_start) >> PAGE_SHIFT;
	unsigned int offset = offset_in_page(addr);
	int ret;

	if (write && !codecache_view_may_poke(view, vma))
		return -EACCES;
	len = min_t(unsigned int, len, PAGE_SIZE - offset);
	down_read(view->lock);
	if (write)
		ret = codecache_view_poke(view, pgoff, offset, buf, len);
	else
		ret = codecache_view_peek(view, pgoff, offset, buf, len);
	up_read(view->lock);
	return ret;
}

const struct vm_operations_struct codecache_view_vm_ops = {
	.close = codecache_view_close,
	.may_split = codecache_view_may_split,
	.mremap = codecache_view_mremap,
	.mprotect = codecache_view_mprotect,
	.fault = codecache_view_fault,
	.map_pages = codecache_view_map_pages,
	.pfn_mkwrite = codecache_view_fault,
	.access = codecache_view_access,
};
