/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM codecache

#if !defined(CODECACHE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CODECACHE_TRACE_H

#include <linux/tracepoint.h>

/* Ids are those of debugfs; pages count from the start of the view. */

DECLARE_EVENT_CLASS(codecache_object,
	TP_PROTO(u64 id, u64 parent, u32 kind, u64 nr_pages),
	TP_ARGS(id, parent, kind, nr_pages),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, parent)
		__field(u32, kind)
		__field(u64, nr_pages)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->parent = parent;
		__entry->kind = kind;
		__entry->nr_pages = nr_pages;
	),
	TP_printk("id=%llu parent=%llu kind=%u nr_pages=%llu", __entry->id,
		  __entry->parent, __entry->kind, __entry->nr_pages)
);

DEFINE_EVENT(codecache_object, codecache_zone_create,
	TP_PROTO(u64 id, u64 parent, u32 kind, u64 nr_pages),
	TP_ARGS(id, parent, kind, nr_pages)
);

DEFINE_EVENT(codecache_object, codecache_zone_destroy,
	TP_PROTO(u64 id, u64 parent, u32 kind, u64 nr_pages),
	TP_ARGS(id, parent, kind, nr_pages)
);

DEFINE_EVENT(codecache_object, codecache_view_create,
	TP_PROTO(u64 id, u64 parent, u32 kind, u64 nr_pages),
	TP_ARGS(id, parent, kind, nr_pages)
);

DEFINE_EVENT(codecache_object, codecache_view_destroy,
	TP_PROTO(u64 id, u64 parent, u32 kind, u64 nr_pages),
	TP_ARGS(id, parent, kind, nr_pages)
);

/* start is 0 when a uffd view is unmapped: its pieces may have been many. */
DECLARE_EVENT_CLASS(codecache_mapping,
	TP_PROTO(u64 view, unsigned long start, u64 nr_pages),
	TP_ARGS(view, start, nr_pages),
	TP_STRUCT__entry(
		__field(u64, view)
		__field(unsigned long, start)
		__field(u64, nr_pages)
	),
	TP_fast_assign(
		__entry->view = view;
		__entry->start = start;
		__entry->nr_pages = nr_pages;
	),
	TP_printk("view=%llu start=0x%lx nr_pages=%llu", __entry->view,
		  __entry->start, __entry->nr_pages)
);

DEFINE_EVENT(codecache_mapping, codecache_view_map,
	TP_PROTO(u64 view, unsigned long start, u64 nr_pages),
	TP_ARGS(view, start, nr_pages)
);

DEFINE_EVENT(codecache_mapping, codecache_view_unmap,
	TP_PROTO(u64 view, unsigned long start, u64 nr_pages),
	TP_ARGS(view, start, nr_pages)
);

TRACE_EVENT(codecache_protect,
	TP_PROTO(u64 view, u64 nr_pages, u64 nr_ptes, u64 nr_flushes),
	TP_ARGS(view, nr_pages, nr_ptes, nr_flushes),
	TP_STRUCT__entry(
		__field(u64, view)
		__field(u64, nr_pages)
		__field(u64, nr_ptes)
		__field(u64, nr_flushes)
	),
	TP_fast_assign(
		__entry->view = view;
		__entry->nr_pages = nr_pages;
		__entry->nr_ptes = nr_ptes;
		__entry->nr_flushes = nr_flushes;
	),
	TP_printk("view=%llu nr_pages=%llu nr_ptes=%llu nr_flushes=%llu",
		  __entry->view, __entry->nr_pages, __entry->nr_ptes,
		  __entry->nr_flushes)
);

/* error is 0 for a fault that was served; traps have their own event. */
TRACE_EVENT(codecache_fault,
	TP_PROTO(u64 view, u64 page, u32 access, int error),
	TP_ARGS(view, page, access, error),
	TP_STRUCT__entry(
		__field(u64, view)
		__field(u64, page)
		__field(u32, access)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->view = view;
		__entry->page = page;
		__entry->access = access;
		__entry->error = error;
	),
	TP_printk("view=%llu page=%llu access=%u error=%d", __entry->view,
		  __entry->page, __entry->access, __entry->error)
);

/* mode is enum codecache_trap_mode. */
TRACE_EVENT(codecache_trap,
	TP_PROTO(u64 view, u64 page, u32 access, u32 mode),
	TP_ARGS(view, page, access, mode),
	TP_STRUCT__entry(
		__field(u64, view)
		__field(u64, page)
		__field(u32, access)
		__field(u32, mode)
	),
	TP_fast_assign(
		__entry->view = view;
		__entry->page = page;
		__entry->access = access;
		__entry->mode = mode;
	),
	TP_printk("view=%llu page=%llu access=%u mode=%u", __entry->view,
		  __entry->page, __entry->access, __entry->mode)
);

/* find and clear are CODECACHE_PAGE_* bits. */
TRACE_EVENT(codecache_query,
	TP_PROTO(u64 view, u32 find, u32 clear, u64 nr_pages, u64 nr_flushes),
	TP_ARGS(view, find, clear, nr_pages, nr_flushes),
	TP_STRUCT__entry(
		__field(u64, view)
		__field(u32, find)
		__field(u32, clear)
		__field(u64, nr_pages)
		__field(u64, nr_flushes)
	),
	TP_fast_assign(
		__entry->view = view;
		__entry->find = find;
		__entry->clear = clear;
		__entry->nr_pages = nr_pages;
		__entry->nr_flushes = nr_flushes;
	),
	TP_printk("view=%llu find=%u clear=%u nr_pages=%llu nr_flushes=%llu",
		  __entry->view, __entry->find, __entry->clear,
		  __entry->nr_pages, __entry->nr_flushes)
);

/* Extents that were handed out, or, with a cookie, retired. */
TRACE_EVENT(codecache_extents,
	TP_PROTO(u64 zone, u64 nr, u64 nr_pages, u64 cookie),
	TP_ARGS(zone, nr, nr_pages, cookie),
	TP_STRUCT__entry(
		__field(u64, zone)
		__field(u64, nr)
		__field(u64, nr_pages)
		__field(u64, cookie)
	),
	TP_fast_assign(
		__entry->zone = zone;
		__entry->nr = nr;
		__entry->nr_pages = nr_pages;
		__entry->cookie = cookie;
	),
	TP_printk("zone=%llu nr=%llu nr_pages=%llu cookie=%llu", __entry->zone,
		  __entry->nr, __entry->nr_pages, __entry->cookie)
);

/* Resident pages that were freed; shrinker: by it, not by the worker. */
TRACE_EVENT(codecache_reclaim,
	TP_PROTO(u64 zone, u64 nr_pages, u64 nr_flushes, bool shrinker),
	TP_ARGS(zone, nr_pages, nr_flushes, shrinker),
	TP_STRUCT__entry(
		__field(u64, zone)
		__field(u64, nr_pages)
		__field(u64, nr_flushes)
		__field(bool, shrinker)
	),
	TP_fast_assign(
		__entry->zone = zone;
		__entry->nr_pages = nr_pages;
		__entry->nr_flushes = nr_flushes;
		__entry->shrinker = shrinker;
	),
	TP_printk("zone=%llu nr_pages=%llu nr_flushes=%llu shrinker=%d",
		  __entry->zone, __entry->nr_pages, __entry->nr_flushes,
		  __entry->shrinker)
);

/* A grace period begins. */
TRACE_EVENT(codecache_grace,
	TP_PROTO(u64 cache, u64 cookie, bool urgent),
	TP_ARGS(cache, cookie, urgent),
	TP_STRUCT__entry(
		__field(u64, cache)
		__field(u64, cookie)
		__field(bool, urgent)
	),
	TP_fast_assign(
		__entry->cache = cache;
		__entry->cookie = cookie;
		__entry->urgent = urgent;
	),
	TP_printk("cache=%llu cookie=%llu urgent=%d", __entry->cache,
		  __entry->cookie, __entry->urgent)
);

/* tid is that of the initial PID namespace. */
TRACE_EVENT(codecache_reader_stall,
	TP_PROTO(u64 cache, int tid, unsigned int ms, u64 held_pages),
	TP_ARGS(cache, tid, ms, held_pages),
	TP_STRUCT__entry(
		__field(u64, cache)
		__field(int, tid)
		__field(unsigned int, ms)
		__field(u64, held_pages)
	),
	TP_fast_assign(
		__entry->cache = cache;
		__entry->tid = tid;
		__entry->ms = ms;
		__entry->held_pages = held_pages;
	),
	TP_printk("cache=%llu tid=%d ms=%u held_pages=%llu", __entry->cache,
		  __entry->tid, __entry->ms, __entry->held_pages)
);

TRACE_EVENT(codecache_seal,
	TP_PROTO(u64 zone, u64 bytes, int error),
	TP_ARGS(zone, bytes, error),
	TP_STRUCT__entry(
		__field(u64, zone)
		__field(u64, bytes)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->zone = zone;
		__entry->bytes = bytes;
		__entry->error = error;
	),
	TP_printk("zone=%llu bytes=%llu error=%d", __entry->zone,
		  __entry->bytes, __entry->error)
);

#endif /* CODECACHE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
