/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_CODECACHE_H
#define _UAPI_LINUX_CODECACHE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: codecache user API
 *
 * Three kinds of file descriptor take ioctls: a *cache* (an open file of
 * /dev/codecache), a *zone* and a *view*. Each descriptor is a capability: who
 * holds it may do all that its ioctls allow, from any thread and any process.
 * New descriptors are always close-on-exec.
 *
 * Calling convention: the argument of every ioctl points to a structure whose
 * first member, ``size``, is the size in bytes of the structure as the caller
 * was compiled with it, and whose second member holds flags. A structure may
 * grow in later versions: a kernel that knows a longer one takes the missing
 * tail as zero; a kernel that knows a shorter one takes the longer one as long
 * as the part that it does not know is zero. Members named ``out_*`` are
 * written by the kernel, and only as far as ``size`` reaches; what the caller
 * puts there is ignored. Reserved members must be zero. Native and 32-bit
 * callers share one layout. Pages are always counted in the page size that
 * CODECACHE_IOC_INFO reports.
 *
 * Errno contract, common to all ioctls:
 *
 *  - ENOTTY: this kind of descriptor has no such ioctl.
 *  - EFAULT: the structure, or memory that it points to, cannot be accessed.
 *  - E2BIG: the structure is longer than the kernel knows, and the part beyond
 *    is not zero; or it is longer than a page.
 *  - EINVAL: ``size`` is shorter than the first version of the structure; a
 *    reserved member is not zero; or a member has a value that means nothing.
 *  - EOPNOTSUPP: a flag that this kernel does not know, or a value that means
 *    something, but not for this kind of object.
 *  - ERANGE: pages beyond the end of the zone or the view.
 *  - EOVERFLOW: a sum of members exceeds 64 bits.
 *  - EDQUOT: a limit per user is reached.
 *  - ENOSPC: a limit of the whole system is reached.
 *  - EMFILE, ENFILE: no file descriptor, or no file, is left.
 *  - ENOMEM: out of memory.
 *  - EINTR: a fatal signal arrived while the call waited for a lock.
 *
 * An ioctl that fails has changed nothing, unless its own text says so.
 */

#define CODECACHE_DEVICE	"/dev/codecache"
#define CODECACHE_ABI_VERSION	1

#define CODECACHE_IOC_MAGIC	0xC9

/* On a cache. */
#define CODECACHE_IOC_INFO		_IO(CODECACHE_IOC_MAGIC, 0x00)
#define CODECACHE_IOC_ZONE_CREATE	_IO(CODECACHE_IOC_MAGIC, 0x01)
/* On a zone. */
#define CODECACHE_IOC_VIEW_CREATE	_IO(CODECACHE_IOC_MAGIC, 0x08)
/* On a view. */
#define CODECACHE_IOC_VIEW_PROTECT	_IO(CODECACHE_IOC_MAGIC, 0x10)
/* On all three. */
#define CODECACHE_IOC_STATS		_IO(CODECACHE_IOC_MAGIC, 0x1f)

/* Bits of codecache_info_args.out_features. */
#define CODECACHE_FEAT_UFFD_VIEWS	0x1ULL  /* views of kind uffd */
#define CODECACHE_FEAT_PROTECT_BITMAP	0x2ULL  /* PROTECT_F_BITMAP */
#define CODECACHE_FEAT_SINGLE_FLUSH	0x4ULL  /* one flush per PROTECT */

/**
 * struct codecache_info_args - ioctl(CODECACHE_IOC_INFO) on a cache
 * @size: sizeof(struct codecache_info_args)
 * @flags: must be 0
 * @out_abi_version: CODECACHE_ABI_VERSION of the module
 * @out_page_size: bytes in a page; every page number counts in these
 * @out_features: CODECACHE_FEAT_* bits
 * @out_max_zone_bytes: the largest zone, in bytes
 * @out_max_ranges: the most ranges that one PROTECT takes
 * @out_max_bitmap_pages: the most pages that one PROTECT bitmap covers
 * @out_user_max_pages: resident pages allowed per user; 0 is no limit
 * @out_user_max_objects: caches, zones and views per user; 0 is no limit
 * @out_system_max_pages: resident pages allowed in all; 0 is no limit
 * @out_system_max_objects: caches, zones and views in all; 0 is no limit
 *
 * What this module can do, and its limits. Sleeps for no lock.
 */
struct codecache_info_args {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_page_size;
	__aligned_u64 out_features;
	__aligned_u64 out_max_zone_bytes;
	__aligned_u64 out_max_ranges;
	__aligned_u64 out_max_bitmap_pages;
	__aligned_u64 out_user_max_pages;
	__aligned_u64 out_user_max_objects;
	__aligned_u64 out_system_max_pages;
	__aligned_u64 out_system_max_objects;
};

/**
 * enum codecache_zone_class - what a zone is for
 * @CODECACHE_ZONE_CODE: machine code: views of kind write and exec
 * @CODECACHE_ZONE_DATA: data: views of kind data and uffd; never executable
 */
enum codecache_zone_class {
	CODECACHE_ZONE_CODE = 1,
	CODECACHE_ZONE_DATA = 2,
};

/**
 * struct codecache_zone_create_args - ioctl(CODECACHE_IOC_ZONE_CREATE) on a cache
 * @size: sizeof(struct codecache_zone_create_args)
 * @flags: must be 0
 * @zone_class: enum codecache_zone_class
 * @reserved: must be 0
 * @bytes: size of the zone; a multiple of the page size, 1 page to
 *	out_max_zone_bytes
 * @out_fd: the zone's file descriptor
 * @out_reserved: written as 0
 *
 * Create a zone of zeroed, sparse memory: a page is allocated, and charged to
 * the memory cgroup of the thread that touches it, at its first access, and
 * stays resident until the zone goes, which it does with the last descriptor
 * and mapping of the zone and of its views. Where a limit denies the page, the
 * access gets SIGBUS (EFAULT in a system call); where memory does, the kernel's
 * out-of-memory handling acts, as for any page. Limits count pages that views of
 * kinds other than uffd have touched.
 *
 * Errors: EINVAL (@bytes, @zone_class), ERANGE (@bytes beyond the largest zone),
 * EDQUOT, ENOSPC, ENOMEM, EMFILE, ENFILE.
 */
struct codecache_zone_create_args {
	__u32 size;
	__u32 flags;
	__u32 zone_class;
	__u32 reserved;
	__aligned_u64 bytes;
	__s32 out_fd;
	__u32 out_reserved;
};

/**
 * enum codecache_view_kind - what may be done through a view
 * @CODECACHE_VIEW_WRITE: read and write a code zone; pages NONE, READ or RW
 * @CODECACHE_VIEW_EXEC: read and execute a code zone; pages NONE or READ|EXEC
 * @CODECACHE_VIEW_DATA: read and write a data zone; pages NONE, READ or RW
 * @CODECACHE_VIEW_UFFD: a true shared memory mapping of a data zone, which
 *	userfaultfd accepts; pages NONE (revoke) or RW; one at a time per zone
 */
enum codecache_view_kind {
	CODECACHE_VIEW_WRITE = 1,
	CODECACHE_VIEW_EXEC = 2,
	CODECACHE_VIEW_DATA = 3,
	CODECACHE_VIEW_UFFD = 4,
};

/* Protections of a page in a view. NONE is no bit at all. */
#define CODECACHE_PROT_NONE	0U
#define CODECACHE_PROT_READ	0x1U
#define CODECACHE_PROT_WRITE	0x2U
#define CODECACHE_PROT_EXEC	0x4U

/* codecache_view_create_args.flags: @prot holds the initial protection. */
#define CODECACHE_VIEW_F_PROT	0x1U

/**
 * enum codecache_trap_mode - what a forbidden access does
 * @CODECACHE_TRAP_SIGNAL: SIGSEGV, with the exact si_addr; EFAULT when the
 *	kernel made the access for a system call
 */
enum codecache_trap_mode {
	CODECACHE_TRAP_SIGNAL = 0,
};

/**
 * struct codecache_view_create_args - ioctl(CODECACHE_IOC_VIEW_CREATE) on a zone
 * @size: sizeof(struct codecache_view_create_args)
 * @flags: 0 or CODECACHE_VIEW_F_PROT
 * @kind: enum codecache_view_kind
 * @prot: with CODECACHE_VIEW_F_PROT the initial protection of every page, else
 *	0: then every page has all that the kind allows
 * @trap_mode: enum codecache_trap_mode
 * @reserved: must be 0
 * @first_page: the zone's page that is the view's page 0
 * @nr_pages: pages in the view; 0 is up to the end of the zone
 * @out_bytes: the length with which the view must be mapped
 * @out_fd: the view's file descriptor
 * @out_reserved: written as 0
 *
 * Create a window on pages of the zone, with page protections of its own. The
 * view is used by mapping its descriptor: MAP_SHARED, offset 0, length
 * @out_bytes, at any address, PROT_READ|PROT_EXEC for kind exec and
 * PROT_READ|PROT_WRITE for the others, exactly (EACCES otherwise, and so under
 * the personality READ_IMPLIES_EXEC). One mapping at a time: a second one gets
 * EBUSY. mprotect, mremap and a munmap of a part are refused; fork does not
 * copy the mapping.
 *
 * A view of kind uffd covers its zone from page 0 to the end (EINVAL
 * otherwise), starts with all allowed (EOPNOTSUPP for CODECACHE_VIEW_F_PROT),
 * and is the only one of its kind on the zone (EBUSY for a second one). Once
 * mapped it is shmem's: mprotect (but for PROT_EXEC), mremap and a munmap of a
 * part do what they do there, and fork copies it after MADV_DOFORK.
 *
 * Errors: EINVAL, EOPNOTSUPP (@kind that the class of the zone does not have,
 * @trap_mode, @prot that the kind does not have), ERANGE, EOVERFLOW, EBUSY,
 * EDQUOT, ENOSPC, ENOMEM, EMFILE, ENFILE.
 */
struct codecache_view_create_args {
	__u32 size;
	__u32 flags;
	__u32 kind;
	__u32 prot;
	__u32 trap_mode;
	__u32 reserved;
	__aligned_u64 first_page;
	__aligned_u64 nr_pages;
	__aligned_u64 out_bytes;
	__s32 out_fd;
	__u32 out_reserved;
};

/**
 * struct codecache_prot_range - one range of a PROTECT vector
 * @first_page: first page, counted from the start of the view
 * @nr_pages: number of pages, at least 1; a zone has no more than 2^32 - 1
 * @prot: CODECACHE_PROT_* that these pages get
 * @flags: must be 0
 */
struct codecache_prot_range {
	__aligned_u64 first_page;
	__u32 nr_pages;
	__u16 prot;
	__u16 flags;
};

/* codecache_view_protect_args.flags: @addr points to a bitmap. */
#define CODECACHE_PROTECT_F_BITMAP	0x1U

/**
 * struct codecache_view_protect_args - ioctl(CODECACHE_IOC_VIEW_PROTECT) on a view
 * @size: sizeof(struct codecache_view_protect_args)
 * @flags: 0 or CODECACHE_PROTECT_F_BITMAP
 * @addr: user address of an array of struct codecache_prot_range, or of a
 *	bitmap of 64-bit words in native byte order
 * @count: ranges in the array, at most out_max_ranges; or bits in the bitmap,
 *	at most out_max_bitmap_pages (bits of the last word beyond them are
 *	ignored); 0 does nothing, and is not counted
 * @first_page: bitmap: the page of bit 0; else 0
 * @prot: bitmap: CODECACHE_PROT_* that the pages of all set bits get; else 0
 * @reserved: must be 0
 * @out_failed_index: on EINVAL, EOPNOTSUPP, ERANGE and EOVERFLOW, the index of
 *	the range at fault (bitmap: of its bit), or ~0 if no single range is; on
 *	success ~0; not written when @size or @flags are refused
 *
 * Set the protections of many pages at once (Appel and Li's ProtN). All is
 * validated, then all is applied, with one TLB flush in total whatever the
 * count. Once the call has returned, no CPU performs an access that it forbade.
 * Pages whose protection widens are mapped at once if this view has them mapped
 * already, or if they were NONE and any view but a uffd one has made them
 * resident. The ranges may come in any order (ascending is fastest) but must not overlap
 * (EINVAL with the index of one of the two). The number of VMAs does not
 * change.
 *
 * The view need not be mapped: the protections hold for a later mapping too.
 * May be called by any thread, and by any process that has the descriptor.
 *
 * Kind uffd: NONE revokes pages, so that the next access faults again, to
 * userfaultfd if it is registered there; one flush per contiguous run. RW
 * changes nothing: userfaultfd decides what is mapped. READ is EOPNOTSUPP: write
 * protection of such a mapping is UFFDIO_WRITEPROTECT's.
 *
 * Errors: EINVAL, EOPNOTSUPP (@prot that the kind does not have), ERANGE,
 * EOVERFLOW, EFAULT, ENOMEM, EINTR. Sleeps. Time grows with the number of
 * ranges and of pages that are mapped or resident in them.
 */
struct codecache_view_protect_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 count;
	__aligned_u64 first_page;
	__u32 prot;
	__u32 reserved;
	__aligned_u64 out_failed_index;
};

/* codecache_stats_args.out_object */
#define CODECACHE_OBJECT_CACHE	1U
#define CODECACHE_OBJECT_ZONE	2U
#define CODECACHE_OBJECT_VIEW	3U

/**
 * struct codecache_stats_args - ioctl(CODECACHE_IOC_STATS) on any descriptor
 * @size: sizeof(struct codecache_stats_args)
 * @flags: must be 0
 * @out_object: CODECACHE_OBJECT_*: what the descriptor is
 * @out_kind: zone: its class; view: its kind; cache: 0
 * @out_id: the number of the object in debugfs
 * @out_nr_zones: cache: live zones
 * @out_nr_views: cache and zone: live views
 * @out_bytes: size in bytes (cache: of its live zones together)
 * @out_resident_pages: pages that are allocated (view: in its window)
 * @out_faults_filled: faults that mapped a page
 * @out_faults_upgraded: write faults that made a mapped page writable
 * @out_faults_spurious: faults that found the page mapped as it should be
 * @out_faults_failed: faults for which there was no page: limit or memory
 * @out_traps_read: forbidden reads
 * @out_traps_write: forbidden writes
 * @out_traps_exec: forbidden instruction fetches
 * @out_protect_calls: successful PROTECT calls
 * @out_protect_pages: pages that these calls named
 * @out_protect_ptes: page table entries that these calls changed
 * @out_protect_flushes: TLB flushes that these calls made
 *
 * Counters grow for as long as the object lives, and do not go back; those of
 * zones and caches include their views', also of views that are gone. Faults
 * and traps of uffd views are the kernel's and userfaultfd's and not counted.
 */
struct codecache_stats_args {
	__u32 size;
	__u32 flags;
	__u32 out_object;
	__u32 out_kind;
	__aligned_u64 out_id;
	__aligned_u64 out_nr_zones;
	__aligned_u64 out_nr_views;
	__aligned_u64 out_bytes;
	__aligned_u64 out_resident_pages;
	__aligned_u64 out_faults_filled;
	__aligned_u64 out_faults_upgraded;
	__aligned_u64 out_faults_spurious;
	__aligned_u64 out_faults_failed;
	__aligned_u64 out_traps_read;
	__aligned_u64 out_traps_write;
	__aligned_u64 out_traps_exec;
	__aligned_u64 out_protect_calls;
	__aligned_u64 out_protect_pages;
	__aligned_u64 out_protect_ptes;
	__aligned_u64 out_protect_flushes;
};

#endif /* _UAPI_LINUX_CODECACHE_H */
