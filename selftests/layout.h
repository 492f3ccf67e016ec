/* SPDX-License-Identifier: MIT */
/*
 * The layout of what crosses into the kernel, for callers of any word size:
 * compiled into the 64-bit and into the 32-bit tests.
 */
#ifndef CC_LAYOUT_H
#define CC_LAYOUT_H

#include <linux/codecache.h>
#include <stddef.h>

#define LAYOUT_SIZE(type, bytes)					      \
	_Static_assert(sizeof(struct type) == (bytes), #type ": size");	      \
	_Static_assert(_Alignof(struct type) == 8, #type ": alignment")
#define LAYOUT_AT(type, member, offset)					      \
	_Static_assert(offsetof(struct type, member) == (offset),	      \
		       #type "." #member ": offset")

LAYOUT_SIZE(codecache_info_args, 136);
LAYOUT_AT(codecache_info_args, size, 0);
LAYOUT_AT(codecache_info_args, flags, 4);
LAYOUT_AT(codecache_info_args, out_abi_version, 8);
LAYOUT_AT(codecache_info_args, out_page_size, 12);
LAYOUT_AT(codecache_info_args, out_features, 16);
LAYOUT_AT(codecache_info_args, out_max_zone_bytes, 24);
LAYOUT_AT(codecache_info_args, out_max_ranges, 32);
LAYOUT_AT(codecache_info_args, out_max_bitmap_pages, 40);
LAYOUT_AT(codecache_info_args, out_user_max_pages, 48);
LAYOUT_AT(codecache_info_args, out_user_max_objects, 56);
LAYOUT_AT(codecache_info_args, out_system_max_pages, 64);
LAYOUT_AT(codecache_info_args, out_system_max_objects, 72);
LAYOUT_AT(codecache_info_args, out_max_query_ranges, 80);
LAYOUT_AT(codecache_info_args, out_max_query_pages, 88);
LAYOUT_AT(codecache_info_args, out_max_log_entries, 96);
LAYOUT_AT(codecache_info_args, out_fault_around_pages, 104);
LAYOUT_AT(codecache_info_args, out_max_readers, 112);
LAYOUT_AT(codecache_info_args, out_max_extents, 120);
LAYOUT_AT(codecache_info_args, out_max_held_pages, 128);

LAYOUT_SIZE(codecache_zone_create_args, 32);
LAYOUT_AT(codecache_zone_create_args, size, 0);
LAYOUT_AT(codecache_zone_create_args, flags, 4);
LAYOUT_AT(codecache_zone_create_args, zone_class, 8);
LAYOUT_AT(codecache_zone_create_args, reserved, 12);
LAYOUT_AT(codecache_zone_create_args, bytes, 16);
LAYOUT_AT(codecache_zone_create_args, out_fd, 24);
LAYOUT_AT(codecache_zone_create_args, out_reserved, 28);

LAYOUT_SIZE(codecache_view_create_args, 56);
LAYOUT_AT(codecache_view_create_args, size, 0);
LAYOUT_AT(codecache_view_create_args, flags, 4);
LAYOUT_AT(codecache_view_create_args, kind, 8);
LAYOUT_AT(codecache_view_create_args, prot, 12);
LAYOUT_AT(codecache_view_create_args, trap_mode, 16);
LAYOUT_AT(codecache_view_create_args, reserved, 20);
LAYOUT_AT(codecache_view_create_args, first_page, 24);
LAYOUT_AT(codecache_view_create_args, nr_pages, 32);
LAYOUT_AT(codecache_view_create_args, out_bytes, 40);
LAYOUT_AT(codecache_view_create_args, out_fd, 48);
LAYOUT_AT(codecache_view_create_args, out_reserved, 52);

LAYOUT_SIZE(codecache_prot_range, 16);
LAYOUT_AT(codecache_prot_range, first_page, 0);
LAYOUT_AT(codecache_prot_range, nr_pages, 8);
LAYOUT_AT(codecache_prot_range, prot, 12);
LAYOUT_AT(codecache_prot_range, flags, 14);

LAYOUT_SIZE(codecache_view_protect_args, 64);
LAYOUT_AT(codecache_view_protect_args, size, 0);
LAYOUT_AT(codecache_view_protect_args, flags, 4);
LAYOUT_AT(codecache_view_protect_args, addr, 8);
LAYOUT_AT(codecache_view_protect_args, count, 16);
LAYOUT_AT(codecache_view_protect_args, first_page, 24);
LAYOUT_AT(codecache_view_protect_args, prot, 32);
LAYOUT_AT(codecache_view_protect_args, trap, 36);
LAYOUT_AT(codecache_view_protect_args, out_failed_index, 40);
LAYOUT_AT(codecache_view_protect_args, out_seq, 48);
LAYOUT_AT(codecache_view_protect_args, out_populated, 56);

LAYOUT_SIZE(codecache_view_query_args, 88);
LAYOUT_AT(codecache_view_query_args, size, 0);
LAYOUT_AT(codecache_view_query_args, flags, 4);
LAYOUT_AT(codecache_view_query_args, addr, 8);
LAYOUT_AT(codecache_view_query_args, count, 16);
LAYOUT_AT(codecache_view_query_args, first_page, 24);
LAYOUT_AT(codecache_view_query_args, nr_pages, 32);
LAYOUT_AT(codecache_view_query_args, find, 40);
LAYOUT_AT(codecache_view_query_args, clear, 44);
LAYOUT_AT(codecache_view_query_args, prot, 48);
LAYOUT_AT(codecache_view_query_args, reserved, 52);
LAYOUT_AT(codecache_view_query_args, out_next_page, 56);
LAYOUT_AT(codecache_view_query_args, out_count, 64);
LAYOUT_AT(codecache_view_query_args, out_nr_pages, 72);
LAYOUT_AT(codecache_view_query_args, out_seq, 80);

LAYOUT_SIZE(codecache_view_resolve_args, 48);
LAYOUT_AT(codecache_view_resolve_args, size, 0);
LAYOUT_AT(codecache_view_resolve_args, flags, 4);
LAYOUT_AT(codecache_view_resolve_args, first_page, 8);
LAYOUT_AT(codecache_view_resolve_args, nr_pages, 16);
LAYOUT_AT(codecache_view_resolve_args, prot, 24);
LAYOUT_AT(codecache_view_resolve_args, trap, 28);
LAYOUT_AT(codecache_view_resolve_args, out_nr_woken, 32);
LAYOUT_AT(codecache_view_resolve_args, out_seq, 40);

LAYOUT_SIZE(codecache_view_log_args, 32);
LAYOUT_AT(codecache_view_log_args, size, 0);
LAYOUT_AT(codecache_view_log_args, flags, 4);
LAYOUT_AT(codecache_view_log_args, nr_entries, 8);
LAYOUT_AT(codecache_view_log_args, threshold, 12);
LAYOUT_AT(codecache_view_log_args, out_ring_bytes, 16);
LAYOUT_AT(codecache_view_log_args, out_fd, 24);
LAYOUT_AT(codecache_view_log_args, out_reserved, 28);

LAYOUT_SIZE(codecache_view_unmap_args, 16);
LAYOUT_AT(codecache_view_unmap_args, size, 0);
LAYOUT_AT(codecache_view_unmap_args, flags, 4);
LAYOUT_AT(codecache_view_unmap_args, out_addr, 8);

LAYOUT_SIZE(codecache_page_range, 16);
LAYOUT_AT(codecache_page_range, first_page, 0);
LAYOUT_AT(codecache_page_range, nr_pages, 8);
LAYOUT_AT(codecache_page_range, state, 12);
LAYOUT_AT(codecache_page_range, prot, 14);

LAYOUT_SIZE(codecache_event, 32);
LAYOUT_AT(codecache_event, seq, 0);
LAYOUT_AT(codecache_event, page, 8);
LAYOUT_AT(codecache_event, access, 16);
LAYOUT_AT(codecache_event, tid, 20);
LAYOUT_AT(codecache_event, flags, 24);
LAYOUT_AT(codecache_event, reserved, 28);

LAYOUT_SIZE(codecache_log_entry, 32);
LAYOUT_AT(codecache_log_entry, stamp, 0);
LAYOUT_AT(codecache_log_entry, seq, 8);
LAYOUT_AT(codecache_log_entry, page, 16);
LAYOUT_AT(codecache_log_entry, access, 24);
LAYOUT_AT(codecache_log_entry, tid, 28);

LAYOUT_SIZE(codecache_log_ring, 24);
LAYOUT_AT(codecache_log_ring, head, 0);
LAYOUT_AT(codecache_log_ring, lost, 8);
LAYOUT_AT(codecache_log_ring, nr_entries, 16);
LAYOUT_AT(codecache_log_ring, entries_offset, 20);

LAYOUT_SIZE(codecache_control, 32);
LAYOUT_AT(codecache_control, epoch, 0);
LAYOUT_AT(codecache_control, completed, 8);
LAYOUT_AT(codecache_control, pressure, 16);
LAYOUT_AT(codecache_control, waiting, 24);
LAYOUT_AT(codecache_control, reserved, 28);

LAYOUT_SIZE(codecache_reader_slot, 64);
LAYOUT_AT(codecache_reader_slot, active, 0);
LAYOUT_AT(codecache_reader_slot, user, 8);

LAYOUT_SIZE(codecache_reader_register_args, 24);
LAYOUT_AT(codecache_reader_register_args, size, 0);
LAYOUT_AT(codecache_reader_register_args, flags, 4);
LAYOUT_AT(codecache_reader_register_args, out_index, 8);
LAYOUT_AT(codecache_reader_register_args, out_reserved, 12);
LAYOUT_AT(codecache_reader_register_args, out_offset, 16);

/* No 64-bit member: aligned to 4. */
_Static_assert(sizeof(struct codecache_reader_unregister_args) == 16,
	       "codecache_reader_unregister_args: size");
LAYOUT_AT(codecache_reader_unregister_args, size, 0);
LAYOUT_AT(codecache_reader_unregister_args, flags, 4);
LAYOUT_AT(codecache_reader_unregister_args, index, 8);
LAYOUT_AT(codecache_reader_unregister_args, reserved, 12);

LAYOUT_SIZE(codecache_grace_start_args, 16);
LAYOUT_AT(codecache_grace_start_args, size, 0);
LAYOUT_AT(codecache_grace_start_args, flags, 4);
LAYOUT_AT(codecache_grace_start_args, out_cookie, 8);

LAYOUT_SIZE(codecache_grace_poll_args, 32);
LAYOUT_AT(codecache_grace_poll_args, size, 0);
LAYOUT_AT(codecache_grace_poll_args, flags, 4);
LAYOUT_AT(codecache_grace_poll_args, cookie, 8);
LAYOUT_AT(codecache_grace_poll_args, out_completed, 16);
LAYOUT_AT(codecache_grace_poll_args, out_done, 24);
LAYOUT_AT(codecache_grace_poll_args, out_reserved, 28);

LAYOUT_SIZE(codecache_grace_wait_args, 32);
LAYOUT_AT(codecache_grace_wait_args, size, 0);
LAYOUT_AT(codecache_grace_wait_args, flags, 4);
LAYOUT_AT(codecache_grace_wait_args, cookie, 8);
LAYOUT_AT(codecache_grace_wait_args, timeout_ns, 16);
LAYOUT_AT(codecache_grace_wait_args, out_completed, 24);

LAYOUT_SIZE(codecache_grace_eventfd_args, 24);
LAYOUT_AT(codecache_grace_eventfd_args, size, 0);
LAYOUT_AT(codecache_grace_eventfd_args, flags, 4);
LAYOUT_AT(codecache_grace_eventfd_args, cookie, 8);
LAYOUT_AT(codecache_grace_eventfd_args, fd, 16);
LAYOUT_AT(codecache_grace_eventfd_args, reserved, 20);

LAYOUT_SIZE(codecache_extent, 16);
LAYOUT_AT(codecache_extent, first_page, 0);
LAYOUT_AT(codecache_extent, nr_pages, 8);
LAYOUT_AT(codecache_extent, reserved, 12);

LAYOUT_SIZE(codecache_extent_alloc_args, 72);
LAYOUT_AT(codecache_extent_alloc_args, size, 0);
LAYOUT_AT(codecache_extent_alloc_args, flags, 4);
LAYOUT_AT(codecache_extent_alloc_args, addr, 8);
LAYOUT_AT(codecache_extent_alloc_args, count, 16);
LAYOUT_AT(codecache_extent_alloc_args, min_page, 24);
LAYOUT_AT(codecache_extent_alloc_args, max_page, 32);
LAYOUT_AT(codecache_extent_alloc_args, hint_page, 40);
LAYOUT_AT(codecache_extent_alloc_args, align_pages, 48);
LAYOUT_AT(codecache_extent_alloc_args, reserved, 52);
LAYOUT_AT(codecache_extent_alloc_args, out_failed_index, 56);
LAYOUT_AT(codecache_extent_alloc_args, out_cookie, 64);

LAYOUT_SIZE(codecache_extent_retire_args, 48);
LAYOUT_AT(codecache_extent_retire_args, size, 0);
LAYOUT_AT(codecache_extent_retire_args, flags, 4);
LAYOUT_AT(codecache_extent_retire_args, addr, 8);
LAYOUT_AT(codecache_extent_retire_args, count, 16);
LAYOUT_AT(codecache_extent_retire_args, out_failed_index, 24);
LAYOUT_AT(codecache_extent_retire_args, out_cookie, 32);
LAYOUT_AT(codecache_extent_retire_args, out_nr_pages, 40);

LAYOUT_SIZE(codecache_zone_seal_args, 104);
LAYOUT_AT(codecache_zone_seal_args, size, 0);
LAYOUT_AT(codecache_zone_seal_args, flags, 4);
LAYOUT_AT(codecache_zone_seal_args, digest, 8);
LAYOUT_AT(codecache_zone_seal_args, signature, 40);
LAYOUT_AT(codecache_zone_seal_args, signature_len, 48);
LAYOUT_AT(codecache_zone_seal_args, reserved, 52);
LAYOUT_AT(codecache_zone_seal_args, tag, 56);
LAYOUT_AT(codecache_zone_seal_args, out_digest, 64);
LAYOUT_AT(codecache_zone_seal_args, out_bytes, 96);

LAYOUT_SIZE(codecache_seal_info_args, 64);
LAYOUT_AT(codecache_seal_info_args, size, 0);
LAYOUT_AT(codecache_seal_info_args, flags, 4);
LAYOUT_AT(codecache_seal_info_args, out_digest, 8);
LAYOUT_AT(codecache_seal_info_args, out_tag, 40);
LAYOUT_AT(codecache_seal_info_args, out_bytes, 48);
LAYOUT_AT(codecache_seal_info_args, out_signed, 56);
LAYOUT_AT(codecache_seal_info_args, out_reserved, 60);

LAYOUT_SIZE(codecache_zone_eventfd_args, 24);
LAYOUT_AT(codecache_zone_eventfd_args, size, 0);
LAYOUT_AT(codecache_zone_eventfd_args, flags, 4);
LAYOUT_AT(codecache_zone_eventfd_args, fd, 8);
LAYOUT_AT(codecache_zone_eventfd_args, reserved, 12);
LAYOUT_AT(codecache_zone_eventfd_args, high_water_pages, 16);

LAYOUT_SIZE(codecache_stats_args, 360);
LAYOUT_AT(codecache_stats_args, size, 0);
LAYOUT_AT(codecache_stats_args, flags, 4);
LAYOUT_AT(codecache_stats_args, out_object, 8);
LAYOUT_AT(codecache_stats_args, out_kind, 12);
LAYOUT_AT(codecache_stats_args, out_id, 16);
LAYOUT_AT(codecache_stats_args, out_nr_zones, 24);
LAYOUT_AT(codecache_stats_args, out_nr_views, 32);
LAYOUT_AT(codecache_stats_args, out_bytes, 40);
LAYOUT_AT(codecache_stats_args, out_resident_pages, 48);
LAYOUT_AT(codecache_stats_args, out_faults_filled, 56);
LAYOUT_AT(codecache_stats_args, out_faults_upgraded, 64);
LAYOUT_AT(codecache_stats_args, out_faults_spurious, 72);
LAYOUT_AT(codecache_stats_args, out_faults_failed, 80);
LAYOUT_AT(codecache_stats_args, out_traps_read, 88);
LAYOUT_AT(codecache_stats_args, out_traps_write, 96);
LAYOUT_AT(codecache_stats_args, out_traps_exec, 104);
LAYOUT_AT(codecache_stats_args, out_protect_calls, 112);
LAYOUT_AT(codecache_stats_args, out_protect_pages, 120);
LAYOUT_AT(codecache_stats_args, out_protect_ptes, 128);
LAYOUT_AT(codecache_stats_args, out_protect_flushes, 136);
LAYOUT_AT(codecache_stats_args, out_traps_logged, 144);
LAYOUT_AT(codecache_stats_args, out_traps_lost, 152);
LAYOUT_AT(codecache_stats_args, out_traps_blocked, 160);
LAYOUT_AT(codecache_stats_args, out_events_resolved, 168);
LAYOUT_AT(codecache_stats_args, out_query_calls, 176);
LAYOUT_AT(codecache_stats_args, out_query_pages, 184);
LAYOUT_AT(codecache_stats_args, out_query_flushes, 192);
LAYOUT_AT(codecache_stats_args, out_faults_around, 200);
LAYOUT_AT(codecache_stats_args, out_populated, 208);
LAYOUT_AT(codecache_stats_args, out_extents_allocated, 216);
LAYOUT_AT(codecache_stats_args, out_extents_retired, 224);
LAYOUT_AT(codecache_stats_args, out_retire_flushes, 232);
LAYOUT_AT(codecache_stats_args, out_reclaim_passes, 240);
LAYOUT_AT(codecache_stats_args, out_reclaim_pages, 248);
LAYOUT_AT(codecache_stats_args, out_reclaim_flushes, 256);
LAYOUT_AT(codecache_stats_args, out_shrunk_pages, 264);
LAYOUT_AT(codecache_stats_args, out_grace_periods, 272);
LAYOUT_AT(codecache_stats_args, out_grace_urgent, 280);
LAYOUT_AT(codecache_stats_args, out_grace_stalls, 288);
LAYOUT_AT(codecache_stats_args, out_live_extents, 296);
LAYOUT_AT(codecache_stats_args, out_live_pages, 304);
LAYOUT_AT(codecache_stats_args, out_retired_pages, 312);
LAYOUT_AT(codecache_stats_args, out_held_pages, 320);
LAYOUT_AT(codecache_stats_args, out_readers, 328);
LAYOUT_AT(codecache_stats_args, out_stalled_readers, 336);
LAYOUT_AT(codecache_stats_args, out_stalled_tid, 344);
LAYOUT_AT(codecache_stats_args, out_stalled_seconds, 352);

/* The numbers are part of it. */
_Static_assert(CODECACHE_IOC_INFO == 0xc900, "INFO");
_Static_assert(CODECACHE_IOC_ZONE_CREATE == 0xc901, "ZONE_CREATE");
_Static_assert(CODECACHE_IOC_READER_REGISTER == 0xc902, "READER_REGISTER");
_Static_assert(CODECACHE_IOC_READER_UNREGISTER == 0xc903, "READER_UNREGISTER");
_Static_assert(CODECACHE_IOC_GRACE_START == 0xc904, "GRACE_START");
_Static_assert(CODECACHE_IOC_GRACE_POLL == 0xc905, "GRACE_POLL");
_Static_assert(CODECACHE_IOC_GRACE_WAIT == 0xc906, "GRACE_WAIT");
_Static_assert(CODECACHE_IOC_GRACE_EVENTFD == 0xc907, "GRACE_EVENTFD");
_Static_assert(CODECACHE_IOC_VIEW_CREATE == 0xc908, "VIEW_CREATE");
_Static_assert(CODECACHE_IOC_EXTENT_ALLOC == 0xc909, "EXTENT_ALLOC");
_Static_assert(CODECACHE_IOC_EXTENT_RETIRE == 0xc90a, "EXTENT_RETIRE");
_Static_assert(CODECACHE_IOC_ZONE_SEAL == 0xc90b, "ZONE_SEAL");
_Static_assert(CODECACHE_IOC_ZONE_EVENTFD == 0xc90c, "ZONE_EVENTFD");
_Static_assert(CODECACHE_IOC_VIEW_PROTECT == 0xc910, "VIEW_PROTECT");
_Static_assert(CODECACHE_IOC_VIEW_QUERY == 0xc911, "VIEW_QUERY");
_Static_assert(CODECACHE_IOC_VIEW_RESOLVE == 0xc912, "VIEW_RESOLVE");
_Static_assert(CODECACHE_IOC_VIEW_LOG == 0xc913, "VIEW_LOG");
_Static_assert(CODECACHE_IOC_VIEW_UNMAP == 0xc914, "VIEW_UNMAP");
_Static_assert(CODECACHE_IOC_SEAL_INFO == 0xc91e, "SEAL_INFO");
_Static_assert(CODECACHE_IOC_STATS == 0xc91f, "STATS");

#endif /* CC_LAYOUT_H */
