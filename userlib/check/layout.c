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

SIZE(codecache_info_args, 80);
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

SIZE(codecache_view_protect_args, 48);
AT(codecache_view_protect_args, addr, 8);
AT(codecache_view_protect_args, count, 16);
AT(codecache_view_protect_args, first_page, 24);
AT(codecache_view_protect_args, prot, 32);
AT(codecache_view_protect_args, reserved, 36);
AT(codecache_view_protect_args, out_failed_index, 40);

/* An element of an array: this one can never grow. */
static_assert(sizeof(struct codecache_prot_range) == 16, "a range grew");
AT(codecache_prot_range, first_page, 0);
AT(codecache_prot_range, nr_pages, 8);
AT(codecache_prot_range, prot, 12);
AT(codecache_prot_range, flags, 14);

SIZE(codecache_stats_args, 144);
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

static_assert(CODECACHE_IOC_INFO == 0xc900, "INFO");
static_assert(CODECACHE_IOC_ZONE_CREATE == 0xc901, "ZONE_CREATE");
static_assert(CODECACHE_IOC_VIEW_CREATE == 0xc908, "VIEW_CREATE");
static_assert(CODECACHE_IOC_VIEW_PROTECT == 0xc910, "VIEW_PROTECT");
static_assert(CODECACHE_IOC_STATS == 0xc91f, "STATS");

/* The library's own: 32-bit compilers align it to 4, with the same offsets. */
static_assert(sizeof(struct codecache_view_options) == 32, "options");
AT(codecache_view_options, first_page, 16);
AT(codecache_view_options, nr_pages, 24);

int main(void)
{
	return 0;
}
