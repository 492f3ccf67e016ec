/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache: all that differs between the kernels that it builds for
 *
 * Each seam is chosen by a probe of the kernel's headers in compat.mk, or by a
 * macro that the kernel defines itself, never by a version number.
 */
#ifndef CODECACHE_COMPAT_H
#define CODECACHE_COMPAT_H

#include <linux/cacheflush.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/shmem_fs.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/tick.h>
#include <linux/verification.h>

/* Where struct folio_batch is: the header was renamed in 7.x. */
#ifdef CODECACHE_HAVE_FOLIO_BATCH_H
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#ifndef CONFIG_64BIT
#error "codecache: 64-bit kernels only; 32-bit programs are served by them"
#endif
#ifdef CONFIG_S390
#error "codecache: s390 flushes by page table entry, which pte.c does not do"
#endif
#ifndef CONFIG_MMU
#error "codecache: needs an MMU"
#endif

/*
 * Before 6.3 the flags of a VMA are a plain member. Only for VMAs in their
 * mmap() call, where no lock is needed.
 */
#ifndef CODECACHE_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/*
 * zap_vma_ptes() was renamed in 7.2. Both call tlb_gather_mmu() and
 * tlb_finish_mmu() for a @size of 0 too, which codecache_pte_end() counts on.
 */
static inline void codecache_zap_vma(struct vm_area_struct *vma,
				     unsigned long addr, unsigned long size)
{
#ifdef CODECACHE_HAVE_ZAP_SPECIAL_VMA_RANGE
	zap_special_vma_range(vma, addr, size);
#else
	zap_vma_ptes(vma, addr, size);
#endif
}

/* Give up the lock under which the core called a fault handler. */
static inline void codecache_release_fault_lock(struct vm_fault *vmf)
{
#ifdef CODECACHE_HAVE_RELEASE_FAULT_LOCK
	release_fault_lock(vmf);
#else
	mmap_read_unlock(vmf->vma->vm_mm);
#endif
}

/*
 * Is a VMA in the tree? Some kernels say so in the VMA, where there are VMA locks;
 * else the tree is asked, which takes longer. mmap_lock is held.
 */
static inline bool codecache_vma_attached(struct mm_struct *mm,
					  struct vm_area_struct *vma,
					  unsigned long start)
{
#if defined(CODECACHE_HAVE_VMA_DETACHED) && defined(CONFIG_PER_VMA_LOCK)
	return !vma->detached;
#else
	return mtree_load(&mm->mm_mt, start) == vma;
#endif
}

/* Let @file set up @vma: shmem has ->mmap_prepare instead of ->mmap in 7.x. */
static inline int codecache_nested_mmap(struct file *file,
					struct vm_area_struct *vma)
{
#ifdef CODECACHE_HAVE_VFS_MMAP
	return vfs_mmap(file, vma);
#else
	return call_mmap(file, vma);
#endif
}

/* A shmem file of @size bytes whose pages are accounted as they come. */
static inline struct file *codecache_shmem_file_setup(const char *name,
						      loff_t size)
{
#ifdef CODECACHE_HAVE_SHMEM_VMA_FLAGS
	return shmem_file_setup(name, size, mk_vma_flags(VMA_NORESERVE_BIT));
#else
	return shmem_file_setup(name, size, VM_NORESERVE);
#endif
}

/* From 6.6 on pte_mkwrite() wants the VMA, for shadow stacks, and is not exported. */
static inline pte_t codecache_pte_mkwrite(pte_t pte)
{
#ifdef CODECACHE_HAVE_PTE_MKWRITE_NOVMA
	return pte_mkwrite_novma(pte);
#else
	return pte_mkwrite(pte);
#endif
}

/* From 6.6 on x86 keeps the dirty bit of a read-only entry in another place. */
#ifdef _PAGE_DIRTY_BITS
#define CODECACHE_PTE_DIRTY _PAGE_DIRTY_BITS
#else
#define CODECACHE_PTE_DIRTY _PAGE_DIRTY
#endif

/* alloc_anon_inode() sets this from 6.17; a mappable inode must not have it. */
#ifndef S_ANON_INODE
#define S_ANON_INODE 0
#endif

/* Add 1 to an eventfd; the number went away in 6.8. */
static inline void codecache_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef CODECACHE_HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* Shrinkers are allocated by the kernel from 6.7 on. */
typedef unsigned long (*codecache_shrink_fn)(struct shrinker *shrinker,
					     struct shrink_control *sc);

static inline struct shrinker *
codecache_shrinker_register(const char *name, codecache_shrink_fn count,
			    codecache_shrink_fn scan)
{
	struct shrinker *s;

#ifdef CODECACHE_HAVE_SHRINKER_ALLOC
	s = shrinker_alloc(0, "%s", name);
#else
	s = kzalloc(sizeof(*s), GFP_KERNEL);
#endif
	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = DEFAULT_SEEKS;
#ifdef CODECACHE_HAVE_SHRINKER_ALLOC
	shrinker_register(s);
#else
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

static inline void codecache_shrinker_unregister(struct shrinker *s)
{
#ifdef CODECACHE_HAVE_SHRINKER_ALLOC
	shrinker_free(s);
#else
	unregister_shrinker(s);
	kfree(s);
#endif
}

/* CPUs that may be in user mode without RCU waiting for them: interrupt them. */
static inline void codecache_barrier_ipi(void *unused)
{
	smp_mb();	/* pairs with the compiler barriers of readers */
}

static inline void codecache_barrier_nohz_full(void)
{
#ifdef CONFIG_NO_HZ_FULL
	if (tick_nohz_full_enabled())
		on_each_cpu_mask(tick_nohz_full_mask, codecache_barrier_ipi,
				 NULL, true);
#endif
}

/* Only kernels that check signatures of modules, or of images, can do it. */
static inline int codecache_verify_pkcs7(const void *data, size_t len,
					 const void *signature,
					 size_t signature_len)
{
#ifdef CONFIG_SYSTEM_DATA_VERIFICATION
	return verify_pkcs7_signature(data, len, signature, signature_len,
				      VERIFY_USE_SECONDARY_KEYRING,
				      VERIFYING_UNSPECIFIED_SIGNATURE, NULL,
				      NULL);
#else
	return -EOPNOTSUPP;
#endif
}

/*
 * An entry that lets user space run a page is about to be made. Where instructions
 * are cached apart, those of the page's last use must not be found: set_pte_at() sees
 * to that, but arm64's not for special entries. Once a page, until
 * flush_dcache_page().
 */
static inline void codecache_sync_code(pte_t pte)
{
#ifdef CONFIG_ARM64
	if (pte_user_exec(pte))
		__sync_icache_dcache(pte);
#endif
}

/*
 * Write @len bytes to the kernel's mapping of a page that may hold code.
 * copy_to_user_page(), which is for this, is not exported everywhere; and arm64's
 * flush_icache_range() knows nothing of other addresses of the page.
 */
static inline void codecache_copy_to_code(struct page *page, void *to,
					  const void *from, unsigned int len)
{
	memcpy(to, from, len);
	flush_dcache_page(page);
#ifdef CONFIG_ARM64
	__sync_icache_dcache(pfn_pte(page_to_pfn(page), __pgprot(0)));
#else
	flush_icache_range((unsigned long)to, (unsigned long)to + len);
#endif
}

#endif /* CODECACHE_COMPAT_H */
