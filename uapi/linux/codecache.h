/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_CODECACHE_H
#define _UAPI_LINUX_CODECACHE_H

#include <linux/codecache_reclaim.h>
#include <linux/codecache_stats.h>
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
 *  - EPERM: the caller lacks a privilege that the text names.
 *
 * An ioctl that fails has changed nothing, unless its own text says so.
 */

#define CODECACHE_DEVICE	"/dev/codecache"
#define CODECACHE_ABI_VERSION	1

#define CODECACHE_IOC_MAGIC	0xC9

/* On a cache. */
#define CODECACHE_IOC_INFO		_IO(CODECACHE_IOC_MAGIC, 0x00)
#define CODECACHE_IOC_ZONE_CREATE	_IO(CODECACHE_IOC_MAGIC, 0x01)
#define CODECACHE_IOC_READER_REGISTER	_IO(CODECACHE_IOC_MAGIC, 0x02)
#define CODECACHE_IOC_READER_UNREGISTER	_IO(CODECACHE_IOC_MAGIC, 0x03)
#define CODECACHE_IOC_GRACE_START	_IO(CODECACHE_IOC_MAGIC, 0x04)
#define CODECACHE_IOC_GRACE_POLL	_IO(CODECACHE_IOC_MAGIC, 0x05)
#define CODECACHE_IOC_GRACE_WAIT	_IO(CODECACHE_IOC_MAGIC, 0x06)
#define CODECACHE_IOC_GRACE_EVENTFD	_IO(CODECACHE_IOC_MAGIC, 0x07)
/* On a zone. */
#define CODECACHE_IOC_VIEW_CREATE	_IO(CODECACHE_IOC_MAGIC, 0x08)
#define CODECACHE_IOC_EXTENT_ALLOC	_IO(CODECACHE_IOC_MAGIC, 0x09)
#define CODECACHE_IOC_EXTENT_RETIRE	_IO(CODECACHE_IOC_MAGIC, 0x0a)
#define CODECACHE_IOC_ZONE_SEAL		_IO(CODECACHE_IOC_MAGIC, 0x0b)
#define CODECACHE_IOC_ZONE_EVENTFD	_IO(CODECACHE_IOC_MAGIC, 0x0c)
/* On a view. */
#define CODECACHE_IOC_VIEW_PROTECT	_IO(CODECACHE_IOC_MAGIC, 0x10)
#define CODECACHE_IOC_VIEW_QUERY	_IO(CODECACHE_IOC_MAGIC, 0x11)
#define CODECACHE_IOC_VIEW_RESOLVE	_IO(CODECACHE_IOC_MAGIC, 0x12)
#define CODECACHE_IOC_VIEW_LOG		_IO(CODECACHE_IOC_MAGIC, 0x13)
#define CODECACHE_IOC_VIEW_UNMAP	_IO(CODECACHE_IOC_MAGIC, 0x14)
/* On a zone and on a view. */
#define CODECACHE_IOC_SEAL_INFO		_IO(CODECACHE_IOC_MAGIC, 0x1e)
/* On all three. */
#define CODECACHE_IOC_STATS		_IO(CODECACHE_IOC_MAGIC, 0x1f)

/* Bits of codecache_info_args.out_features. */
#define CODECACHE_FEAT_UFFD_VIEWS	0x1ULL  /* views of kind uffd */
#define CODECACHE_FEAT_PROTECT_BITMAP	0x2ULL  /* PROTECT_F_BITMAP */
#define CODECACHE_FEAT_SINGLE_FLUSH	0x4ULL  /* one flush per PROTECT */
#define CODECACHE_FEAT_QUERY		0x8ULL  /* VIEW_QUERY, VIEW_UNMAP */
#define CODECACHE_FEAT_TRAP_LOG		0x10ULL /* CODECACHE_TRAP_LOG, VIEW_LOG */
#define CODECACHE_FEAT_TRAP_BLOCK	0x20ULL /* CODECACHE_TRAP_BLOCK */
#define CODECACHE_FEAT_POPULATE		0x40ULL /* PROTECT_F_POPULATE */
#define CODECACHE_FEAT_EXTENTS		0x80ULL /* CODECACHE_ZONE_F_EXTENTS */
#define CODECACHE_FEAT_GRACE		0x100ULL /* READER_*, GRACE_* */
#define CODECACHE_FEAT_SEAL		0x200ULL /* ZONE_SEAL, SEAL_INFO */

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
 * @out_user_max_objects: caches, zones, views and logs per user; 0 is no limit
 * @out_system_max_pages: resident pages allowed in all; 0 is no limit
 * @out_system_max_objects: caches, zones, views and logs in all; 0 is no limit
 * @out_max_query_ranges: the most ranges that one QUERY returns
 * @out_max_query_pages: the most pages that one QUERY with a bitmap covers
 * @out_max_log_entries: the longest log
 * @out_fault_around_pages: a read or a fetch that faults maps the resident pages
 *	of the aligned window of so many pages around it
 * @out_max_readers: reader slots of a cache
 * @out_max_extents: the most extents that one EXTENT_ALLOC or EXTENT_RETIRE takes
 * @out_max_held_pages: resident pages of retired extents that a cache may hold
 *	before EXTENT_ALLOC refuses; 0 is no limit
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
	__aligned_u64 out_max_query_ranges;
	__aligned_u64 out_max_query_pages;
	__aligned_u64 out_max_log_entries;
	__aligned_u64 out_fault_around_pages;
	__aligned_u64 out_max_readers;
	__aligned_u64 out_max_extents;
	__aligned_u64 out_max_held_pages;
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

/* codecache_zone_create_args.flags: pages are used by extents only. */
#define CODECACHE_ZONE_F_EXTENTS	0x1U

/**
 * struct codecache_zone_create_args - ioctl(CODECACHE_IOC_ZONE_CREATE) on a cache
 * @size: sizeof(struct codecache_zone_create_args)
 * @flags: 0 or CODECACHE_ZONE_F_EXTENTS
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
 * With CODECACHE_ZONE_F_EXTENTS only the pages of extents that EXTENT_ALLOC has
 * handed out can be used: an access anywhere else is a SIGSEGV (EFAULT in system
 * calls) whatever the trap mode. Pages stay until their extent is retired, and its
 * grace period is over. Such a zone has no views of kind uffd. Without the flag it
 * has no extents, and all its pages can be used.
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
#define CODECACHE_VIEW_F_PROT		0x1U
/* codecache_view_create_args.flags: block traps hold the kernel's accesses too. */
#define CODECACHE_VIEW_F_BLOCK_KERNEL	0x2U

/**
 * enum codecache_trap_mode - what a forbidden access does
 * @CODECACHE_TRAP_SIGNAL: SIGSEGV, with the exact si_addr; EFAULT when the
 *	kernel made the access for a system call
 * @CODECACHE_TRAP_LOG: the page gets the least protection that allows the
 *	access (READ for a read, RW for a write, READ|EXEC in an exec view), the
 *	access is made, and an entry is appended to the view's log; if there is no
 *	room, or no log, the page is marked CODECACHE_PAGE_LOST instead. The
 *	kernel's own accesses the same.
 * @CODECACHE_TRAP_BLOCK: the thread sleeps, and an event can be read from the
 *	view's descriptor, until RESOLVE or PROTECT answers; then the access is
 *	tried again. Signals are taken meanwhile (kernel accesses: fatal ones).
 *	As CODECACHE_TRAP_SIGNAL when nobody can answer: all descriptors of the
 *	view are closed, or the process that read the last event has closed its
 *	own or died, and none has read since. The kernel's own accesses get EFAULT
 *	unless the view has CODECACHE_VIEW_F_BLOCK_KERNEL.
 *
 * A fetch from a view whose kind has no EXEC is a SIGSEGV whatever the mode.
 */
enum codecache_trap_mode {
	CODECACHE_TRAP_SIGNAL = 0,
	CODECACHE_TRAP_LOG = 1,
	CODECACHE_TRAP_BLOCK = 2,
};

/**
 * struct codecache_view_create_args - ioctl(CODECACHE_IOC_VIEW_CREATE) on a zone
 * @size: sizeof(struct codecache_view_create_args)
 * @flags: CODECACHE_VIEW_F_*
 * @kind: enum codecache_view_kind
 * @prot: with CODECACHE_VIEW_F_PROT the initial protection of every page, else
 *	0: then every page has all that the kind allows
 * @trap_mode: enum codecache_trap_mode: of every page, until a PROTECT says
 *	otherwise
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
 * CODECACHE_VIEW_F_BLOCK_KERNEL lets whoever answers the view's events hold a
 * thread inside a system call. As with userfaultfd that takes CAP_SYS_PTRACE, or
 * the module's parameter unprivileged_block_kernel (EPERM otherwise).
 *
 * A view of kind uffd covers its zone from page 0 to the end (EINVAL
 * otherwise), starts with all allowed (EOPNOTSUPP for CODECACHE_VIEW_F_*, and
 * for a trap mode: userfaultfd answers there), and is the only one of its kind
 * on the zone (EBUSY for a second one). Once mapped it is shmem's: mprotect (but
 * for PROT_EXEC), mremap and a munmap of a part do what they do there, and fork
 * copies it after MADV_DOFORK.
 *
 * Errors: EINVAL, EOPNOTSUPP (@kind that the class of the zone does not have,
 * @prot that the kind does not have), ERANGE, EOVERFLOW, EBUSY, EPERM,
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

/*
 * codecache_prot_range.flags and the @trap members: which trap mode pages get.
 * None of them: that of the view. At most one.
 */
#define CODECACHE_RANGE_F_SIGNAL	0x1U
#define CODECACHE_RANGE_F_LOG		0x2U
#define CODECACHE_RANGE_F_BLOCK		0x4U

/**
 * struct codecache_prot_range - one range of a PROTECT vector
 * @first_page: first page, counted from the start of the view
 * @nr_pages: number of pages, at least 1; a zone has no more than 2^32 - 1
 * @prot: CODECACHE_PROT_* that these pages get
 * @flags: 0 or one of CODECACHE_RANGE_F_*: the trap mode that they get
 */
struct codecache_prot_range {
	__aligned_u64 first_page;
	__u32 nr_pages;
	__u16 prot;
	__u16 flags;
};

/* codecache_view_protect_args.flags: @addr points to a bitmap. */
#define CODECACHE_PROTECT_F_BITMAP	0x1U
/* codecache_view_protect_args.flags: then allocate and map the pages. */
#define CODECACHE_PROTECT_F_POPULATE	0x2U

/**
 * struct codecache_view_protect_args - ioctl(CODECACHE_IOC_VIEW_PROTECT) on a view
 * @size: sizeof(struct codecache_view_protect_args)
 * @flags: CODECACHE_PROTECT_F_*
 * @addr: user address of an array of struct codecache_prot_range, or of a
 *	bitmap of 64-bit words in native byte order
 * @count: ranges in the array, at most out_max_ranges; or bits in the bitmap,
 *	at most out_max_bitmap_pages (bits of the last word beyond them are
 *	ignored); 0 does nothing, and is not counted
 * @first_page: bitmap: the page of bit 0; else 0
 * @prot: bitmap: CODECACHE_PROT_* that the pages of all set bits get; else 0
 * @trap: bitmap: 0 or one of CODECACHE_RANGE_F_*; else 0
 * @out_failed_index: on EINVAL, EOPNOTSUPP, ERANGE and EOVERFLOW, the index of
 *	the range at fault (bitmap: of its bit), or ~0 if no single range is; on
 *	success ~0; not written when @size or @flags are refused
 * @out_seq: the place of this change in the view's sequence, see below; 0 if
 *	the call failed or had nothing to do
 * @out_populated: pages that CODECACHE_PROTECT_F_POPULATE mapped
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
 * Each view has one sequence of 64-bit numbers, from 1 up: PROTECT calls, log
 * entries and block events take the next one each. An entry or event with a
 * larger number than a PROTECT's happened when that PROTECT was in force; one
 * with a smaller number happened before. So one protects first and translates
 * then, and what one has translated is stale if an entry with a larger number
 * names its page.
 *
 * Threads that sleep in a block trap on a page that now allows their access are
 * woken.
 *
 * CODECACHE_PROTECT_F_POPULATE then allocates the pages that are not NONE, and
 * maps them, with accessed and dirty bits clear, in ascending order. At a limit,
 * or when memory is short, it leaves out the rest of the range or of the run of
 * bits, without an error; at a fatal signal, or when the view is not mapped, all
 * the rest. What it has done, @out_populated tells.
 *
 * @out_seq and @out_populated are not written when the call itself has taken
 * away the access to them.
 *
 * The view need not be mapped: the protections hold for a later mapping too.
 * May be called by any thread, and by any process that has the descriptor.
 *
 * Kind uffd: NONE revokes pages, so that the next access faults again, to
 * userfaultfd if it is registered there; one flush per contiguous run. RW
 * changes nothing: userfaultfd decides what is mapped. READ is EOPNOTSUPP: write
 * protection of such a mapping is UFFDIO_WRITEPROTECT's; so are trap modes and
 * CODECACHE_PROTECT_F_POPULATE. @out_seq is 0.
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
	__u32 trap;
	__aligned_u64 out_failed_index;
	__aligned_u64 out_seq;
	__aligned_u64 out_populated;
};

/*
 * What can be known about a page of a view: written, accessed, its log entry
 * lost, since that was last cleared; and in results only: perhaps not so.
 */
#define CODECACHE_PAGE_DIRTY	0x1U
#define CODECACHE_PAGE_YOUNG	0x2U
#define CODECACHE_PAGE_LOST	0x4U
#define CODECACHE_PAGE_UNSURE	0x8000U

/**
 * struct codecache_page_range - one range of pages that a QUERY has found
 * @first_page: first page, counted from the start of the view
 * @nr_pages: number of pages, all of the same state
 * @state: CODECACHE_PAGE_*: which of what was asked for is so
 * @prot: 0
 */
struct codecache_page_range {
	__aligned_u64 first_page;
	__u32 nr_pages;
	__u16 state;
	__u16 prot;
};

/* codecache_view_query_args.flags: @addr points to a bitmap. */
#define CODECACHE_QUERY_F_BITMAP	0x1U
/* codecache_view_query_args.flags: pages that are found get @prot. */
#define CODECACHE_QUERY_F_PROTECT	0x2U
/* codecache_view_query_args.flags: no TLB flush for clearing YOUNG alone. */
#define CODECACHE_QUERY_F_FAST_YOUNG	0x4U

/**
 * struct codecache_view_query_args - ioctl(CODECACHE_IOC_VIEW_QUERY) on a view
 * @size: sizeof(struct codecache_view_query_args)
 * @flags: CODECACHE_QUERY_F_*
 * @addr: user address of an array of struct codecache_page_range, or of a bitmap
 *	of 64-bit words in native byte order; 0 with @count 0: no results but
 *	@out_nr_pages
 * @count: ranges that the array has room for; bits that the bitmap has room for
 *	(the last word is written whole)
 * @first_page: first page to look at; bitmap: the page of bit 0
 * @nr_pages: pages to look at; 0 is up to the end of the view
 * @find: set of CODECACHE_PAGE_DIRTY, _YOUNG, _LOST: a page is found if any of
 *	them is so; not 0; bitmap: exactly one
 * @clear: subset of @find: cleared in the pages that are found
 * @prot: with CODECACHE_QUERY_F_PROTECT, a protection that the kind has and
 *	that forbids something: NONE, or READ (exec: NONE); else 0
 * @reserved: must be 0
 * @out_next_page: where a further call must go on; first_page + nr_pages if
 *	this one got to the end
 * @out_count: ranges that were written; bitmap: bits that were written
 * @out_nr_pages: pages that were found
 * @out_seq: with CODECACHE_QUERY_F_PROTECT as for PROTECT, else 0
 *
 * Which pages were written, or accessed, through this view? The bits are those
 * that the processor keeps in the page tables: nothing traps for them, and a
 * store to a page that was cleared costs what a store costs.
 *
 * Dirty is exact. Every store that is made after a call that cleared has
 * returned is in a later result: also if the page has been made READ or NONE
 * since, and whether the program made the store, or the kernel for it in a
 * system call such as read(2), or a debugger. No page is found that was not
 * written, but for those marked CODECACHE_PAGE_UNSURE. A store that is made while
 * a call that clears runs is in its result or in a later one: so read the data
 * of a page only after the call that cleared it has returned. One TLB flush per
 * call that cleared something. Not counted are stores through other views, and by
 * devices and virtual machines.
 *
 * CODECACHE_PAGE_UNSURE: the view was unmapped behind the module's back (munmap,
 * exit, exec, mmap over it) while this page may have been mapped: the kernel
 * drops the bits then and tells nobody. The page counts as written and accessed,
 * perhaps wrongly; nothing is ever missed. CODECACHE_IOC_VIEW_UNMAP avoids this.
 *
 * Young is exact too, with one flush. CODECACHE_QUERY_F_FAST_YOUNG saves the flush
 * if there is no other reason for it; then a processor may use a page without
 * marking it for as long as its TLB has it.
 *
 * CODECACHE_QUERY_F_PROTECT takes rights away from the pages that are found, in
 * the same step: a page gets what both @prot and its protection so far allow, and
 * keeps its trap mode. Nothing can come between the bits and the protection.
 * Neither this structure nor the results may lie in the view then (EFAULT).
 *
 * When the array is full, or the limit of one call is reached, the call stops and
 * @out_next_page tells where; what it has not looked at is as it was. If results
 * cannot be written (EFAULT) what was cleared is set again; protections stay
 * taken away. Time grows with the pages that this view has touched, not with
 * those asked for.
 *
 * The view need not be mapped. Kind uffd: EOPNOTSUPP: the bits are shmem's there,
 * which would lose data if they were cleared. Kind exec: no DIRTY (EOPNOTSUPP).
 *
 * Errors: EINVAL, EOPNOTSUPP, ERANGE, EOVERFLOW, EFAULT, ENOMEM, EINTR. Sleeps.
 */
struct codecache_view_query_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 count;
	__aligned_u64 first_page;
	__aligned_u64 nr_pages;
	__u32 find;
	__u32 clear;
	__u32 prot;
	__u32 reserved;
	__aligned_u64 out_next_page;
	__aligned_u64 out_count;
	__aligned_u64 out_nr_pages;
	__aligned_u64 out_seq;
};

/* codecache_event.flags: the kernel made the access, for a system call. */
#define CODECACHE_EVENT_F_KERNEL	0x1U

/**
 * struct codecache_event - what read() of a view's descriptor returns
 * @seq: its place in the view's sequence
 * @page: page of the view
 * @access: CODECACHE_PROT_READ, _WRITE or _EXEC: what the first thread wanted
 * @tid: that thread, in the reader's PID namespace; 0 if it is not there
 * @flags: CODECACHE_EVENT_F_*
 * @reserved: 0
 *
 * There is one event for all threads that sleep on a page. read() returns as many
 * whole events as there are and fit (EINVAL: not one does), oldest first, and
 * waits for one unless O_NONBLOCK is set (EAGAIN); poll() tells POLLIN. EBADF for
 * views of kind uffd. An event is returned once; if its threads go away before
 * it is read, because of signals, it is not returned at all.
 */
struct codecache_event {
	__aligned_u64 seq;
	__aligned_u64 page;
	__u32 access;
	__s32 tid;
	__u32 flags;
	__u32 reserved;
};

/* codecache_view_resolve_args.flags: the threads get the signal. */
#define CODECACHE_RESOLVE_F_SIGNAL	0x1U

/**
 * struct codecache_view_resolve_args - ioctl(CODECACHE_IOC_VIEW_RESOLVE) on a view
 * @size: sizeof(struct codecache_view_resolve_args)
 * @flags: 0 or CODECACHE_RESOLVE_F_SIGNAL
 * @first_page: first page
 * @nr_pages: pages, at least 1
 * @prot: CODECACHE_PROT_* that the pages get; with CODECACHE_RESOLVE_F_SIGNAL 0
 * @trap: 0 or one of CODECACHE_RANGE_F_*: the trap mode that they get
 * @out_nr_woken: threads that were woken
 * @out_seq: as for PROTECT; with CODECACHE_RESOLVE_F_SIGNAL 0
 *
 * Answer block events: give the pages a protection as PROTECT does, and wake all
 * threads that sleep on them, whether it allows what they want or not: they try
 * again, and who is forbidden again makes a new event. Or, with
 * CODECACHE_RESOLVE_F_SIGNAL, leave the protections alone, and let those threads
 * get SIGSEGV (EFAULT in system calls) for this access. No thread need be waiting.
 *
 * Errors: as for PROTECT; EOPNOTSUPP for kind uffd. Sleeps.
 */
struct codecache_view_resolve_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 first_page;
	__aligned_u64 nr_pages;
	__u32 prot;
	__u32 trap;
	__aligned_u64 out_nr_woken;
	__aligned_u64 out_seq;
};

/**
 * struct codecache_log_entry - an entry of a view's log
 * @stamp: position in the log + 1, once the rest is valid
 * @seq: its place in the view's sequence
 * @page: page of the view
 * @access: CODECACHE_PROT_READ, _WRITE or _EXEC
 * @tid: the thread that made the access, as its own gettid() tells
 */
struct codecache_log_entry {
	__aligned_u64 stamp;
	__aligned_u64 seq;
	__aligned_u64 page;
	__u32 access;
	__s32 tid;
};

/**
 * struct codecache_log_ring - what the ring of a log begins with
 * @head: entries that were ever begun
 * @lost: traps that found no room: their pages are CODECACHE_PAGE_LOST
 * @nr_entries: entries in the ring, a power of two
 * @entries_offset: bytes from here to entry 0
 *
 * A log's descriptor has two parts to map, MAP_SHARED: at offset 0 one page,
 * PROT_READ|PROT_WRITE, that begins with the tail, a __u64 that the reader
 * writes: entries that it has done with. From offset 1 page on, PROT_READ only,
 * out_ring_bytes: this structure, and the entries. Entry n, counted from 0 since
 * the beginning, lies in place n % nr_entries and is valid when its @stamp, read
 * with acquire semantics, is n + 1. The reader takes entries in order, and stores
 * the tail with release semantics when it has read them. One reader at a time;
 * the kernel never waits for it, and takes nonsense in the tail for a full log.
 */
struct codecache_log_ring {
	__aligned_u64 head;
	__aligned_u64 lost;
	__u32 nr_entries;
	__u32 entries_offset;
};

/**
 * struct codecache_view_log_args - ioctl(CODECACHE_IOC_VIEW_LOG) on a view
 * @size: sizeof(struct codecache_view_log_args)
 * @flags: must be 0
 * @nr_entries: length of the log: a power of two, up to out_max_log_entries
 * @threshold: entries at which poll() of the log's descriptor tells POLLIN: 1 to
 *	@nr_entries; 0 is half of them
 * @out_ring_bytes: length of the read-only part
 * @out_fd: the log's descriptor
 * @out_reserved: written as 0
 *
 * Make the log of a view, once in its life (EBUSY). The view goes on writing to it
 * whether its descriptor is open or not. Its memory is charged to the memory
 * cgroup of the caller; the log counts as an object.
 *
 * Errors: EINVAL, EOPNOTSUPP (kind uffd), EBUSY, EDQUOT, ENOSPC, ENOMEM, EMFILE,
 * ENFILE. Sleeps.
 */
struct codecache_view_log_args {
	__u32 size;
	__u32 flags;
	__u32 nr_entries;
	__u32 threshold;
	__aligned_u64 out_ring_bytes;
	__s32 out_fd;
	__u32 out_reserved;
};

/**
 * struct codecache_view_unmap_args - ioctl(CODECACHE_IOC_VIEW_UNMAP) on a view
 * @size: sizeof(struct codecache_view_unmap_args)
 * @flags: must be 0
 * @out_addr: where it was mapped
 *
 * Unmap the view in the calling process, and keep what is known about its pages:
 * QUERY stays exact, which after munmap() it cannot. EINVAL: it is not mapped in
 * this process. If the kernel refuses to unmap (EPERM: sealed by mseal();
 * ENOMEM) it stays mapped. From the beginning of the call accesses to it get
 * SIGSEGV.
 *
 * Errors: EINVAL, EOPNOTSUPP (kind uffd: use munmap()), EPERM, ENOMEM, EINTR.
 */
struct codecache_view_unmap_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 out_addr;
};

#endif /* _UAPI_LINUX_CODECACHE_H */
