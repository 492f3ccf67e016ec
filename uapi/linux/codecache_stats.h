/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_CODECACHE_STATS_H
#define _UAPI_LINUX_CODECACHE_STATS_H

#include <linux/types.h>

/* Included by <linux/codecache.h>, which has the numbers and the errno contract. */

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
 * @out_traps_logged: traps that were logged (they count as traps_* too)
 * @out_traps_lost: of these, how many found no room
 * @out_traps_blocked: times that a thread went to sleep in a trap
 * @out_events_resolved: events that RESOLVE or PROTECT answered
 * @out_query_calls: successful QUERY calls
 * @out_query_pages: pages that these calls found
 * @out_query_flushes: TLB flushes that these calls made
 * @out_faults_around: pages that faults on other pages mapped
 * @out_populated: pages that CODECACHE_PROTECT_F_POPULATE mapped
 * @out_extents_allocated: extents that were handed out
 * @out_extents_retired: extents that were retired
 * @out_retire_flushes: TLB flushes that EXTENT_RETIRE made
 * @out_reclaim_passes: times that retired extents were freed, many at a time
 * @out_reclaim_pages: resident pages that this freed
 * @out_reclaim_flushes: TLB flushes that this made
 * @out_shrunk_pages: pages that the shrinker freed, of these
 * @out_grace_periods: cache: grace periods that are over
 * @out_grace_urgent: cache: of these, expedited ones
 * @out_grace_stalls: cache: readers that were found to stall, each section once
 * @out_live_extents: zone, cache: extents that are handed out
 * @out_live_pages: zone, cache: their pages, resident or not
 * @out_retired_pages: zone, cache: pages of retired extents, resident or not
 * @out_held_pages: cache: resident pages of retired extents
 * @out_readers: cache: registered readers
 * @out_stalled_readers: cache: readers that have held a grace period up for longer
 *	than the module's parameter stall_seconds
 * @out_stalled_tid: cache: one of them, in the caller's PID namespace; else 0
 * @out_stalled_seconds: cache: for how long it has
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
	__aligned_u64 out_traps_logged;
	__aligned_u64 out_traps_lost;
	__aligned_u64 out_traps_blocked;
	__aligned_u64 out_events_resolved;
	__aligned_u64 out_query_calls;
	__aligned_u64 out_query_pages;
	__aligned_u64 out_query_flushes;
	__aligned_u64 out_faults_around;
	__aligned_u64 out_populated;
	__aligned_u64 out_extents_allocated;
	__aligned_u64 out_extents_retired;
	__aligned_u64 out_retire_flushes;
	__aligned_u64 out_reclaim_passes;
	__aligned_u64 out_reclaim_pages;
	__aligned_u64 out_reclaim_flushes;
	__aligned_u64 out_shrunk_pages;
	__aligned_u64 out_grace_periods;
	__aligned_u64 out_grace_urgent;
	__aligned_u64 out_grace_stalls;
	__aligned_u64 out_live_extents;
	__aligned_u64 out_live_pages;
	__aligned_u64 out_retired_pages;
	__aligned_u64 out_held_pages;
	__aligned_u64 out_readers;
	__aligned_u64 out_stalled_readers;
	__aligned_u64 out_stalled_tid;
	__aligned_u64 out_stalled_seconds;
};

#endif /* _UAPI_LINUX_CODECACHE_STATS_H */
