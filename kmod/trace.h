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

#endif /* CODECACHE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
