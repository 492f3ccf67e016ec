/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_CODECACHE_RECLAIM_H
#define _UAPI_LINUX_CODECACHE_RECLAIM_H

#include <linux/types.h>

/* Included by <linux/codecache.h>, which has the numbers and the errno contract. */

/**
 * DOC: extents, readers and grace periods
 *
 * An *extent* is a run of pages of a zone that was created with
 * CODECACHE_ZONE_F_EXTENTS. EXTENT_ALLOC hands it out; EXTENT_RETIRE takes it back:
 * at once nothing can be stored to it any more, and once no *reader* can still use
 * it, it is taken out of all views, its pages are freed, and it can be handed out
 * again.
 *
 * A reader is a thread with a slot, a 64-byte structure in memory that it shares
 * with the kernel. It stores the current epoch there when it begins to use what it
 * finds by pointers, and 0 when it is done. The memory is mapped from the cache's
 * descriptor, MAP_SHARED: at offset 0 one page, PROT_READ only, which begins with
 * struct codecache_control; from offset 1 page on, PROT_READ|PROT_WRITE, the array of
 * struct codecache_reader_slot, out_max_readers of them. A page of it is SIGBUS
 * until it has had a registered reader. fork() does not copy these mappings.
 *
 * To enter, a reader takes what @active holds; if that is 0 it loads @epoch with
 * acquire semantics and stores it in @active. Then it loads pointers. To exit it
 * stores what it took from @active, with release semantics. Neither takes a fence
 * of the processor. So sections nest, and a signal handler may have its own. If
 * @waiting is not 0 after the outermost exit, a GRACE_POLL is a kindness to who
 * waits.
 *
 * A *grace period* is a time after which every reader that was inside when it began
 * has left, has died, or has called exec. It is named by a cookie; cookies ascend,
 * and grace periods end in their order. Calls that come while one is under way share
 * the next. Make what is retired unreachable first, then call EXTENT_RETIRE or
 * GRACE_START: who enters later cannot find it.
 */

/**
 * struct codecache_control - what the kernel tells readers
 * @epoch: what a reader stores when it enters
 * @completed: all grace periods up to this cookie are over; load it with acquire
 *	semantics
 * @pressure: how often memory was short while this cache held some
 * @waiting: not 0: a grace period waits for readers
 * @reserved: 0
 */
struct codecache_control {
	__aligned_u64 epoch;
	__aligned_u64 completed;
	__aligned_u64 pressure;
	__u32 waiting;
	__u32 reserved;
};

/**
 * struct codecache_reader_slot - what a reader tells the kernel
 * @active: 0 outside, else the epoch at which the outermost section was entered
 * @user: the reader's own, for what it likes
 */
struct codecache_reader_slot {
	__aligned_u64 active;
	__aligned_u64 user[7];
};

/**
 * struct codecache_reader_register_args - ioctl(CODECACHE_IOC_READER_REGISTER)
 * @size: sizeof(struct codecache_reader_register_args)
 * @flags: must be 0
 * @out_index: the slot
 * @out_reserved: written as 0
 * @out_offset: where the slot lies, in bytes from the start of the descriptor
 *
 * On a cache: a slot for the calling thread, which is 0 in all its members. It is
 * given up by READER_UNREGISTER, and when the thread dies or calls exec: a thread
 * that dies inside counts as outside. A thread may have several.
 *
 * Errors: ENOSPC (no slot is free), ENOMEM. Sleeps.
 */
struct codecache_reader_register_args {
	__u32 size;
	__u32 flags;
	__u32 out_index;
	__u32 out_reserved;
	__aligned_u64 out_offset;
};

/**
 * struct codecache_reader_unregister_args - ioctl(CODECACHE_IOC_READER_UNREGISTER)
 * @size: sizeof(struct codecache_reader_unregister_args)
 * @flags: must be 0
 * @index: the slot
 * @reserved: must be 0
 *
 * On a cache: give a slot up. Any thread of the process that registered it may.
 *
 * Errors: ENOENT (no such slot is registered), EPERM (another process' one), EBUSY
 * (its @active is not 0). Sleeps.
 */
struct codecache_reader_unregister_args {
	__u32 size;
	__u32 flags;
	__u32 index;
	__u32 reserved;
};

/*
 * Of GRACE_START, GRACE_WAIT and EXTENT_RETIRE: interrupt all CPUs to have the grace
 * period sooner (an expedited RCU grace period). For emergencies: at most ten a
 * second for each cache, otherwise it is ignored.
 */
#define CODECACHE_GRACE_F_URGENT	0x1U

/**
 * struct codecache_grace_start_args - ioctl(CODECACHE_IOC_GRACE_START) on a cache
 * @size: sizeof(struct codecache_grace_start_args)
 * @flags: 0 or CODECACHE_GRACE_F_URGENT
 * @out_cookie: the grace period
 *
 * Begin a grace period, or join the next one: when it is over no reader uses any more
 * what could not be found any more at the time of the call. For the caller's own
 * objects: jump tables, block descriptors. Does not wait.
 */
struct codecache_grace_start_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 out_cookie;
};

/**
 * struct codecache_grace_poll_args - ioctl(CODECACHE_IOC_GRACE_POLL) on a cache
 * @size: sizeof(struct codecache_grace_poll_args)
 * @flags: must be 0
 * @cookie: a grace period; 0: none
 * @out_completed: the last one that is over
 * @out_done: 1 if @cookie is over
 * @out_reserved: written as 0
 *
 * Is it over? Costs no system call if it is: codecache_control.completed. If it is
 * not, and waits for readers, they are looked at now. Does not wait.
 *
 * Errors: EINVAL (@cookie has not been given out).
 */
struct codecache_grace_poll_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cookie;
	__aligned_u64 out_completed;
	__u32 out_done;
	__u32 out_reserved;
};

/**
 * struct codecache_grace_wait_args - ioctl(CODECACHE_IOC_GRACE_WAIT) on a cache
 * @size: sizeof(struct codecache_grace_wait_args)
 * @flags: 0 or CODECACHE_GRACE_F_URGENT
 * @cookie: a grace period; 0: none
 * @timeout_ns: nanoseconds; 0 is no limit
 * @out_completed: the last one that is over
 *
 * Wait until it is over.
 *
 * Errors: EINVAL (@cookie has not been given out), EDEADLK (the calling thread is
 * inside itself, and the grace period waits for it), ETIMEDOUT, EINTR (a signal
 * came; call again). Sleeps.
 */
struct codecache_grace_wait_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cookie;
	__aligned_u64 timeout_ns;
	__aligned_u64 out_completed;
};

/**
 * struct codecache_grace_eventfd_args - ioctl(CODECACHE_IOC_GRACE_EVENTFD) on a cache
 * @size: sizeof(struct codecache_grace_eventfd_args)
 * @flags: must be 0
 * @cookie: a grace period
 * @fd: an eventfd: 1 is added to it, once, when the grace period is over; at once
 *	if it is
 * @reserved: must be 0
 *
 * Errors: EINVAL (@cookie has not been given out; @fd is no eventfd), EBADF, ENOSPC
 * (4096 are pending in this cache), ENOMEM.
 */
struct codecache_grace_eventfd_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 cookie;
	__s32 fd;
	__u32 reserved;
};

/**
 * struct codecache_extent - a run of pages of a zone
 * @first_page: first page, counted from the start of the zone
 * @nr_pages: number of pages, at least 1
 * @reserved: must be 0
 */
struct codecache_extent {
	__aligned_u64 first_page;
	__u32 nr_pages;
	__u32 reserved;
};

/* codecache_extent_alloc_args.flags: where; at most one. None: the best fit. */
#define CODECACHE_EXTENT_F_LOW		0x1U	/* as low as possible */
#define CODECACHE_EXTENT_F_HIGH		0x2U	/* as high as possible */
#define CODECACHE_EXTENT_F_NEAR		0x4U	/* as near as possible to @hint_page */

/**
 * struct codecache_extent_alloc_args - ioctl(CODECACHE_IOC_EXTENT_ALLOC) on a zone
 * @size: sizeof(struct codecache_extent_alloc_args)
 * @flags: 0 or one of CODECACHE_EXTENT_F_*
 * @addr: user address of an array of struct codecache_extent: @nr_pages of each is
 *	read, @first_page is written
 * @count: extents, at most out_max_extents; 0 does nothing
 * @min_page: the lowest page that an extent may have
 * @max_page: the page after the highest one that it may have; 0 is the end of the
 *	zone
 * @hint_page: with CODECACHE_EXTENT_F_NEAR, the page that extents should be near to;
 *	else 0
 * @align_pages: a power of two: first pages are multiples of it; 0 is 1
 * @reserved: must be 0
 * @out_failed_index: on EINVAL, ERANGE, ENOSPC and EAGAIN the extent at fault, or ~0
 *	if no single one is; on success ~0; not written when @size or @flags are
 *	refused
 * @out_cookie: on EAGAIN a grace period after which it is worth to try again; else 0
 *
 * Hand out extents: all or none. Their pages are zero, and are allocated when they are
 * touched. The best fit is the smallest hole that is large enough; holes whose
 * alignment or place do not fit are passed over, up to 64 of them, and the lowest fit
 * is taken then. A window [@min_page, @max_page) keeps code within reach of a
 * branch. What views had set for these pages, protections and dirty bits, is as the
 * last use of the pages has left it.
 *
 * Errors: EINVAL (@nr_pages 0, @align_pages, @min_page not below @max_page), ERANGE
 * (longer than the zone; the window reaches beyond it), ENOSPC (no hole is large
 * enough), EAGAIN (there is none, but there would be if the grace period of retired
 * extents were over; or the cache holds more retired pages than
 * out_max_held_pages), EPERM (sealed), EBUSY (being sealed), EOPNOTSUPP (the zone
 * has no extents), EFAULT, ENOMEM, EINTR. Sleeps.
 */
struct codecache_extent_alloc_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 count;
	__aligned_u64 min_page;
	__aligned_u64 max_page;
	__aligned_u64 hint_page;
	__u32 align_pages;
	__u32 reserved;
	__aligned_u64 out_failed_index;
	__aligned_u64 out_cookie;
};

/* codecache_extent_retire_args.flags: every extent of the zone; @count is 0. */
#define CODECACHE_RETIRE_F_ALL		0x2U

/**
 * struct codecache_extent_retire_args - ioctl(CODECACHE_IOC_EXTENT_RETIRE) on a zone
 * @size: sizeof(struct codecache_extent_retire_args)
 * @flags: CODECACHE_GRACE_F_URGENT, CODECACHE_RETIRE_F_ALL
 * @addr: user address of an array of struct codecache_extent
 * @count: extents, at most out_max_extents; 0 does nothing, but for
 *	CODECACHE_RETIRE_F_ALL
 * @out_failed_index: on EINVAL and ENOENT the extent at fault, or ~0 if no single one
 *	is; on success ~0; not written when @size or @flags are refused
 * @out_cookie: the grace period after which they are gone; 0: none were named
 * @out_nr_pages: pages of the extents
 *
 * Take extents back: all or none, each whole, as it was handed out. When the call
 * returns no CPU can store to them through any view, with one TLB flush for each
 * view through which they could be written. They can be read and run until the grace
 * period is over. Then they are taken out of all views, with one flush for each
 * view, and their pages are freed; an access is a SIGSEGV from then on, until the
 * pages are handed out again. Zero is never read from a retired extent.
 *
 * A sealed zone is retired whole, by CODECACHE_RETIRE_F_ALL, or not at all (EPERM).
 *
 * Errors: EINVAL (one is named twice), ENOENT (no extent with that first page and
 * length is handed out), EPERM, EBUSY (being sealed), EOPNOTSUPP (the zone has no
 * extents), EFAULT, ENOMEM, EINTR. Sleeps. Never refused because of what the cache
 * holds already.
 */
struct codecache_extent_retire_args {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 count;
	__aligned_u64 out_failed_index;
	__aligned_u64 out_cookie;
	__aligned_u64 out_nr_pages;
};

/* codecache_zone_seal_args.flags */
#define CODECACHE_SEAL_F_DIGEST		0x1U	/* @digest must be the content's */
#define CODECACHE_SEAL_F_SIGNATURE	0x2U	/* @signature must be good */

/**
 * struct codecache_zone_seal_args - ioctl(CODECACHE_IOC_ZONE_SEAL) on a zone
 * @size: sizeof(struct codecache_zone_seal_args)
 * @flags: CODECACHE_SEAL_F_*
 * @digest: with CODECACHE_SEAL_F_DIGEST the expected SHA-256; else 0
 * @signature: with CODECACHE_SEAL_F_SIGNATURE user address of a detached PKCS#7
 *	signature, in DER, of 40 bytes: the digest, and @tag in little-endian order;
 *	else 0
 * @signature_len: its length in bytes, at most 65536; else 0
 * @reserved: must be 0
 * @tag: a version, or whatever the caller likes; SEAL_INFO tells it
 * @out_digest: SHA-256 of the content
 * @out_bytes: bytes that it was computed over
 *
 * Seal a code zone: nothing is stored to it any more, by anybody. Write views that
 * exist lose all access (SIGSEGV), and none can be created; no extents are handed
 * out, and they are retired together or not at all. Sealing cannot be undone.
 *
 * The digest is that of the zone's pages in ascending order; of a zone with extents,
 * those of its extents only. Pages that were never touched are zeros. While it is
 * computed, who writes waits. If the content or the signature are not what they
 * should be, the zone is as it was.
 *
 * Errors: EOPNOTSUPP (a data zone; CODECACHE_SEAL_F_SIGNATURE: the kernel cannot check
 * signatures), EPERM (it is sealed), EBUSY (another SEAL is at work; retired extents
 * wait for their grace period), EBADMSG (the digest is another one; the signature is
 * none), ENOKEY (no key that the kernel trusts), EKEYREJECTED (the signature is
 * wrong), ENOENT (the kernel has no SHA-256), EFAULT, ENOMEM, EINTR. Sleeps; takes time
 * in proportion to the content.
 */
struct codecache_zone_seal_args {
	__u32 size;
	__u32 flags;
	__u8 digest[32];
	__aligned_u64 signature;
	__u32 signature_len;
	__u32 reserved;
	__aligned_u64 tag;
	__u8 out_digest[32];
	__aligned_u64 out_bytes;
};

/**
 * struct codecache_seal_info_args - ioctl(CODECACHE_IOC_SEAL_INFO)
 * @size: sizeof(struct codecache_seal_info_args)
 * @flags: must be 0
 * @out_digest: SHA-256 of the content
 * @out_tag: as SEAL was given it
 * @out_bytes: bytes that the digest was computed over
 * @out_signed: 1 if a signature was checked
 * @out_reserved: written as 0
 *
 * On a zone, or on a view of it: so who was given an exec view alone can tell what it
 * runs. Does not wait.
 *
 * Errors: ENODATA (it is not sealed).
 */
struct codecache_seal_info_args {
	__u32 size;
	__u32 flags;
	__u8 out_digest[32];
	__aligned_u64 out_tag;
	__aligned_u64 out_bytes;
	__u32 out_signed;
	__u32 out_reserved;
};

/* codecache_zone_eventfd_args.flags: when to tell */
#define CODECACHE_ZONE_EVENT_PRESSURE	0x1U	/* memory is short */
#define CODECACHE_ZONE_EVENT_HIGH_WATER	0x2U	/* @high_water_pages are reached */

/**
 * struct codecache_zone_eventfd_args - ioctl(CODECACHE_IOC_ZONE_EVENTFD) on a zone
 * @size: sizeof(struct codecache_zone_eventfd_args)
 * @flags: CODECACHE_ZONE_EVENT_*: any of them
 * @fd: an eventfd, to which 1 is added each time; -1: none any more, @flags are 0
 * @reserved: must be 0
 * @high_water_pages: with CODECACHE_ZONE_EVENT_HIGH_WATER, resident pages, at least 1;
 *	else 0
 *
 * Be told when it is time to sweep: when the kernel looks for memory, and when the
 * resident pages of the zone come to a number from below. A second call replaces the
 * first.
 *
 * Errors: EINVAL, EBADF, ENOMEM.
 */
struct codecache_zone_eventfd_args {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 high_water_pages;
};

#endif /* _UAPI_LINUX_CODECACHE_RECLAIM_H */
