# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel at hand declares, found by looking rather than by its version
# number, since distributions backport. Feeds kmod/compat.h, which says what
# each seam is about.

# $(call codecache-probe,header below include/linux,extended regular expression,macro)
codecache-probe = $(shell grep -qsE '$(2)' $(srctree)/include/linux/$(1) && echo -D$(3))

ccflags-y += $(call codecache-probe,mm.h,zap_special_vma_range,CODECACHE_HAVE_ZAP_SPECIAL_VMA_RANGE)
ccflags-y += $(call codecache-probe,mm.h,\bvm_flags_set\b,CODECACHE_HAVE_VM_FLAGS_SET)
ccflags-y += $(call codecache-probe,mm.h,\brelease_fault_lock\b,CODECACHE_HAVE_RELEASE_FAULT_LOCK)
ccflags-y += $(call codecache-probe,eventfd.h,\bvoid eventfd_signal\(struct eventfd_ctx \*ctx\),CODECACHE_HAVE_EVENTFD_SIGNAL_ONE)
ccflags-y += $(call codecache-probe,shrinker.h,\bshrinker_alloc\b,CODECACHE_HAVE_SHRINKER_ALLOC)
ccflags-y += $(call codecache-probe,fs.h,\bvfs_mmap\b,CODECACHE_HAVE_VFS_MMAP)
ccflags-y += $(call codecache-probe,mm_types.h,\bbool detached;,CODECACHE_HAVE_VMA_DETACHED)
ccflags-y += $(call codecache-probe,pgtable.h,\bpte_mkwrite_novma\b,CODECACHE_HAVE_PTE_MKWRITE_NOVMA)
ccflags-y += $(call codecache-probe,shmem_fs.h,\bshmem_file_setup\b.*vma_flags_t,CODECACHE_HAVE_SHMEM_VMA_FLAGS)
ccflags-y += $(if $(wildcard $(srctree)/include/linux/folio_batch.h),-DCODECACHE_HAVE_FOLIO_BATCH_H)
