// SPDX-License-Identifier: MIT
/*
 * The structures that cross into the kernel have one layout, for 32-bit callers
 * too, and only ever grow at their end. Compiled, never run.
 */
#include <assert.h>
#include <codecache.h>
#include <stdalign.h>
#include <stddef.h>

#define SIZE(type, bytes) \
	static_assert(sizeof(struct type) == (bytes), #type " changed its size"); \
	static_assert(alignof(struct type) == 8, #type " is not aligned to 8"); \
	static_assert(offsetof(struct type, size) == 0, #type " starts with size"); \
	static_assert(offsetof(struct type, flags) == 4, #type " goes on with flags")
#define AT(type, member, offset) \
	static_assert(offsetof(struct type, member) == (offset), \
		      #type "." #member " moved")

SIZE(codecache_info_args, 136);
AT(codecache_info_args, out_abi_version, 8);
AT(codecache_info_args, out_page_size, 12);
AT(codecache_info_args, out_features, 16);
AT(codecache_info_args, out_max_zone_bytes, 24);
AT(codecache_info_args, out_max_ranges, 32);
AT(codecache_info_args, out_max_bitmap_pages, 40);
AT(codecache_info_args, out_user_max_pages, 48);
AT(codecache_info_args, out_user_max_objects, 56);
AT(codecache_info_args, out_system_max_pages, 64);
AT(codecache_info_args, out_system_max_objects, 72);
AT(codecache_info_args, out_max_query_ranges, 80);
AT(codecache_info_args, out_max_query_pages, 88);
AT(codecache_info_args, out_max_log_entries, 96);
AT(codecache_info_args, out_fault_around_pages, 104);
AT(codecache_info_args, out_max_readers, 112);
AT(codecache_info_args, out_max_extents, 120);
AT(codecache_info_args, out_max_held_pages, 128);

SIZE(codecache_zone_create_args, 32);
AT(codecache_zone_create_args, zone_class, 8);
AT(codecache_zone_create_args, reserved, 12);
AT(codecache_zone_create_args, bytes, 16);
AT(codecache_zone_create_args, out_fd, 24);
AT(codecache_zone_create_args, out_reserved, 28);

SIZE(codecache_view_create_args, 56);
AT(codecache_view_create_args, kind, 8);
AT(codecache_view_create_args, prot, 12);
AT(codecache_view_create_args, trap_mode, 16);
AT(codecache_view_create_args, reserved, 20);
AT(codecache_view_create_args, first_page, 24);
AT(codecache_view_create_args, nr_pages, 32);
AT(codecache_view_create_args, out_bytes, 40);
AT(codecache_view_create_args, out_fd, 48);
AT(codecache_view_create_args, out_reserved, 52);

SIZE(codecache_view_protect_args, 64);
AT(codecache_view_protect_args, addr, 8);
AT(codecache_view_protect_args, count, 16);
AT(codecache_view_protect_args, first_page, 24);
AT(codecache_view_protect_args, prot, 32);
AT(codecache_view_protect_args, trap, 36);
AT(codecache_view_protect_args, out_failed_index, 40);
AT(codecache_view_protect_args, out_seq, 48);
AT(codecache_view_protect_args, out_populated, 56);

/* An element of an array: this one can never grow. */
static_assert(sizeof(struct codecache_prot_range) == 16, "a range grew");
AT(codecache_prot_range, first_page, 0);
AT(codecache_prot_range, nr_pages, 8);
AT(codecache_prot_range, prot, 12);
AT(codecache_prot_range, flags, 14);

SIZE(codecache_view_query_args, 88);
AT(codecache_view_query_args, addr, 8);
AT(codecache_view_query_args, count, 16);
AT(codecache_view_query_args, first_page, 24);
AT(codecache_view_query_args, nr_pages, 32);
AT(codecache_view_query_args, find, 40);
AT(codecache_view_query_args, clear, 44);
AT(codecache_view_query_args, prot, 48);
AT(codecache_view_query_args, reserved, 52);
AT(codecache_view_query_args, out_next_page, 56);
AT(codecache_view_query_args, out_count, 64);
AT(codecache_view_query_args, out_nr_pages, 72);
AT(codecache_view_query_args, out_seq, 80);

SIZE(codecache_view_resolve_args, 48);
AT(codecache_view_resolve_args, first_page, 8);
AT(codecache_view_resolve_args, nr_pages, 16);
AT(codecache_view_resolve_args, prot, 24);
AT(codecache_view_resolve_args, trap, 28);
AT(codecache_view_resolve_args, out_nr_woken, 32);
AT(codecache_view_resolve_args, out_seq, 40);

SIZE(codecache_view_log_args, 32);
AT(codecache_view_log_args, nr_entries, 8);
AT(codecache_view_log_args, threshold, 12);
AT(codecache_view_log_args, out_ring_bytes, 16);
AT(codecache_view_log_args, out_fd, 24);
AT(codecache_view_log_args, out_reserved, 28);

SIZE(codecache_view_unmap_args, 16);
AT(codecache_view_unmap_args, out_addr, 8);

/* Elements of arrays: these can never grow. */
static_assert(sizeof(struct codecache_page_range) == 16, "a found range grew");
AT(codecache_page_range, first_page, 0);
AT(codecache_page_range, nr_pages, 8);
AT(codecache_page_range, state, 12);
AT(codecache_page_range, prot, 14);

static_assert(sizeof(struct codecache_event) == 32, "an event grew");
AT(codecache_event, seq, 0);
AT(codecache_event, page, 8);
AT(codecache_event, access, 16);
AT(codecache_event, tid, 20);
AT(codecache_event, flags, 24);
AT(codecache_event, reserved, 28);

static_assert(sizeof(struct codecache_log_entry) == 32, "a log entry grew");
AT(codecache_log_entry, stamp, 0);
AT(codecache_log_entry, seq, 8);
AT(codecache_log_entry, page, 16);
AT(codecache_log_entry, access, 24);
AT(codecache_log_entry, tid, 28);

/* What the kernel writes, and says where its end is: may grow. */
AT(codecache_log_ring, head, 0);
AT(codecache_log_ring, lost, 8);
AT(codecache_log_ring, nr_entries, 16);
AT(codecache_log_ring, entries_offset, 20);

/* Shared with the kernel: the slots are an array, the control page may grow. */
static_assert(sizeof(struct codecache_control) == 32, "codecache_control changed its size");
AT(codecache_control, epoch, 0);
AT(codecache_control, completed, 8);
AT(codecache_control, pressure, 16);
AT(codecache_control, waiting, 24);
AT(codecache_control, reserved, 28);

static_assert(sizeof(struct codecache_reader_slot) == 64, "codecache_reader_slot changed its size");
AT(codecache_reader_slot, active, 0);
AT(codecache_reader_slot, user, 8);

SIZE(codecache_reader_register_args, 24);
AT(codecache_reader_register_args, out_index, 8);
AT(codecache_reader_register_args, out_reserved, 12);
AT(codecache_reader_register_args, out_offset, 16);

/* No 64-bit member: aligned to 4. */
static_assert(sizeof(struct codecache_reader_unregister_args) == 16,
	      "codecache_reader_unregister_args changed its size");
AT(codecache_reader_unregister_args, size, 0);
AT(codecache_reader_unregister_args, flags, 4);
AT(codecache_reader_unregister_args, index, 8);
AT(codecache_reader_unregister_args, reserved, 12);

SIZE(codecache_grace_start_args, 16);
AT(codecache_grace_start_args, out_cookie, 8);

SIZE(codecache_grace_poll_args, 32);
AT(codecache_grace_poll_args, cookie, 8);
AT(codecache_grace_poll_args, out_completed, 16);
AT(codecache_grace_poll_args, out_done, 24);
AT(codecache_grace_poll_args, out_reserved, 28);

SIZE(codecache_grace_wait_args, 32);
AT(codecache_grace_wait_args, cookie, 8);
AT(codecache_grace_wait_args, timeout_ns, 16);
AT(codecache_grace_wait_args, out_completed, 24);

SIZE(codecache_grace_eventfd_args, 24);
AT(codecache_grace_eventfd_args, cookie, 8);
AT(codecache_grace_eventfd_args, fd, 16);
AT(codecache_grace_eventfd_args, reserved, 20);

/* An element of an array: this one can never grow. */
static_assert(sizeof(struct codecache_extent) == 16, "codecache_extent changed its size");
AT(codecache_extent, first_page, 0);
AT(codecache_extent, nr_pages, 8);
AT(codecache_extent, reserved, 12);

SIZE(codecache_extent_alloc_args, 72);
AT(codecache_extent_alloc_args, addr, 8);
AT(codecache_extent_alloc_args, count, 16);
AT(codecache_extent_alloc_args, min_page, 24);
AT(codecache_extent_alloc_args, max_page, 32);
AT(codecache_extent_alloc_args, hint_page, 40);
AT(codecache_extent_alloc_args, align_pages, 48);
AT(codecache_extent_alloc_args, reserved, 52);
AT(codecache_extent_alloc_args, out_failed_index, 56);
AT(codecache_extent_alloc_args, out_cookie, 64);

SIZE(codecache_extent_retire_args, 48);
AT(codecache_extent_retire_args, addr, 8);
AT(codecache_extent_retire_args, count, 16);
AT(codecache_extent_retire_args, out_failed_index, 24);
AT(codecache_extent_retire_args, out_cookie, 32);
AT(codecache_extent_retire_args, out_nr_pages, 40);

SIZE(codecache_zone_seal_args, 104);
AT(codecache_zone_seal_args, digest, 8);
AT(codecache_zone_seal_args, signature, 40);
AT(codecache_zone_seal_args, signature_len, 48);
AT(codecache_zone_seal_args, reserved, 52);
AT(codecache_zone_seal_args, tag, 56);
AT(codecache_zone_seal_args, out_digest, 64);
AT(codecache_zone_seal_args, out_bytes, 96);

SIZE(codecache_seal_info_args, 64);
AT(codecache_seal_info_args, out_digest, 8);
AT(codecache_seal_info_args, out_tag, 40);
AT(codecache_seal_info_args, out_bytes, 48);
AT(codecache_seal_info_args, out_signed, 56);
AT(codecache_seal_info_args, out_reserved, 60);

SIZE(codecache_zone_eventfd_args, 24);
AT(codecache_zone_eventfd_args, fd, 8);
AT(codecache_zone_eventfd_args, reserved, 12);
AT(codecache_zone_eventfd_args, high_water_pages, 16);

SIZE(codecache_stats_args, 360);
AT(codecache_stats_args, out_object, 8);
AT(codecache_stats_args, out_kind, 12);
AT(codecache_stats_args, out_id, 16);
AT(codecache_stats_args, out_nr_zones, 24);
AT(codecache_stats_args, out_nr_views, 32);
AT(codecache_stats_args, out_bytes, 40);
AT(codecache_stats_args, out_resident_pages, 48);
AT(codecache_stats_args, out_faults_filled, 56);
AT(codecache_stats_args, out_faults_upgraded, 64);
AT(codecache_stats_args, out_faults_spurious, 72);
AT(codecache_stats_args, out_faults_failed, 80);
AT(codecache_stats_args, out_traps_read, 88);
AT(codecache_stats_args, out_traps_write, 96);
AT(codecache_stats_args, out_traps_exec, 104);
AT(codecache_stats_args, out_protect_calls, 112);
AT(codecache_stats_args, out_protect_pages, 120);
AT(codecache_stats_args, out_protect_ptes, 128);
AT(codecache_stats_args, out_protect_flushes, 136);
AT(codecache_stats_args, out_traps_logged, 144);
AT(codecache_stats_args, out_traps_lost, 152);
AT(codecache_stats_args, out_traps_blocked, 160);
AT(codecache_stats_args, out_events_resolved, 168);
AT(codecache_stats_args, out_query_calls, 176);
AT(codecache_stats_args, out_query_pages, 184);
AT(codecache_stats_args, out_query_flushes, 192);
AT(codecache_stats_args, out_faults_around, 200);
AT(codecache_stats_args, out_populated, 208);
AT(codecache_stats_args, out_extents_allocated, 216);
AT(codecache_stats_args, out_extents_retired, 224);
AT(codecache_stats_args, out_retire_flushes, 232);
AT(codecache_stats_args, out_reclaim_passes, 240);
AT(codecache_stats_args, out_reclaim_pages, 248);
AT(codecache_stats_args, out_reclaim_flushes, 256);
AT(codecache_stats_args, out_shrunk_pages, 264);
AT(codecache_stats_args, out_grace_periods, 272);
AT(codecache_stats_args, out_grace_urgent, 280);
AT(codecache_stats_args, out_grace_stalls, 288);
AT(codecache_stats_args, out_live_extents, 296);
AT(codecache_stats_args, out_live_pages, 304);
AT(codecache_stats_args, out_retired_pages, 312);
AT(codecache_stats_args, out_held_pages, 320);
AT(codecache_stats_args, out_readers, 328);
AT(codecache_stats_args, out_stalled_readers, 336);
AT(codecache_stats_args, out_stalled_tid, 344);
AT(codecache_stats_args, out_stalled_seconds, 352);

static_assert(CODECACHE_IOC_INFO == 0xc900, "INFO");
static_assert(CODECACHE_IOC_ZONE_CREATE == 0xc901, "ZONE_CREATE");
static_assert(CODECACHE_IOC_READER_REGISTER == 0xc902, "READER_REGISTER");
static_assert(CODECACHE_IOC_READER_UNREGISTER == 0xc903, "READER_UNREGISTER");
static_assert(CODECACHE_IOC_GRACE_START == 0xc904, "GRACE_START");
static_assert(CODECACHE_IOC_GRACE_POLL == 0xc905, "GRACE_POLL");
static_assert(CODECACHE_IOC_GRACE_WAIT == 0xc906, "GRACE_WAIT");
static_assert(CODECACHE_IOC_GRACE_EVENTFD == 0xc907, "GRACE_EVENTFD");
static_assert(CODECACHE_IOC_VIEW_CREATE == 0xc908, "VIEW_CREATE");
static_assert(CODECACHE_IOC_EXTENT_ALLOC == 0xc909, "EXTENT_ALLOC");
static_assert(CODECACHE_IOC_EXTENT_RETIRE == 0xc90a, "EXTENT_RETIRE");
static_assert(CODECACHE_IOC_ZONE_SEAL == 0xc90b, "ZONE_SEAL");
static_assert(CODECACHE_IOC_ZONE_EVENTFD == 0xc90c, "ZONE_EVENTFD");
static_assert(CODECACHE_IOC_VIEW_PROTECT == 0xc910, "VIEW_PROTECT");
static_assert(CODECACHE_IOC_VIEW_QUERY == 0xc911, "VIEW_QUERY");
static_assert(CODECACHE_IOC_VIEW_RESOLVE == 0xc912, "VIEW_RESOLVE");
static_assert(CODECACHE_IOC_VIEW_LOG == 0xc913, "VIEW_LOG");
static_assert(CODECACHE_IOC_VIEW_UNMAP == 0xc914, "VIEW_UNMAP");
static_assert(CODECACHE_IOC_SEAL_INFO == 0xc91e, "SEAL_INFO");
static_assert(CODECACHE_IOC_STATS == 0xc91f, "STATS");

/* The library's own: 32-bit compilers align it to 4, with the same offsets. */
static_assert(sizeof(struct codecache_view_options) == 32, "options");
AT(codecache_view_options, first_page, 16);
AT(codecache_view_options, nr_pages, 24);
static_assert(sizeof(struct codecache_extent_options) == 40, "extent options");
AT(codecache_extent_options, align_pages, 8);
AT(codecache_extent_options, min_page, 16);
AT(codecache_extent_options, max_page, 24);
AT(codecache_extent_options, hint_page, 32);
static_assert(sizeof(struct codecache_seal_options) == 48 + 2 * sizeof(void *),
	      "seal options");
AT(codecache_seal_options, tag, 8);
AT(codecache_seal_options, digest, 16);
AT(codecache_seal_options, signature, 48);

/* What inline functions, which are compiled into programs, know of. */
static_assert(offsetof(struct codecache_reader, slot) == 0, "reader.slot moved");
static_assert(offsetof(struct codecache_reader, control) == sizeof(void *),
	      "reader.control moved");
static_assert(sizeof(struct codecache_defer_head) == 2 * sizeof(void *),
	      "defer_head changed its size");

int main(void)
{
	return 0;
}
