/* SPDX-License-Identifier: MIT */
/*
 * libcodecache: zones of pages, and views on them with protections of their own
 *
 * Every function that returns int returns 0 (a descriptor, where it says so), or
 * a negative errno value, which codecache_strerror() turns into a sentence; errno
 * itself is left alone. The errno contract of each call is that of its ioctl, see
 * <linux/codecache.h>; what the library adds is said at the function. NULL for an
 * object or for where a result goes is -EINVAL everywhere, unless a function
 * allows it; functions that destroy do. A function that creates an object and
 * fails sets the pointer to it to NULL.
 *
 * Threads: different objects may be used at the same time; one object too, but
 * for its creation, destruction, map and unmap, which the caller orders against
 * every other use of that object. Nothing here takes a lock or installs a signal
 * handler. Async-signal-safe are codecache_view_protect() and its variants, the
 * codecache_*stats() functions, all that only tell what an object is (_fd, _bytes,
 * _nr_pages, _addr, _page_of), and all helpers.
 *
 * Processes: objects survive fork(), mappings do not: a child that wants a view
 * of its own creates one, or maps one that its parent has not mapped.
 */
#ifndef CODECACHE_H
#define CODECACHE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/codecache.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CODECACHE_API __attribute__((visibility("default")))
#else
#define CODECACHE_API
#endif

/** One client of the module: an open file of /dev/codecache. */
struct codecache_cache;
/** Physical pages of a fixed, sparse size. */
struct codecache_zone;
/** One window on a zone's pages, mapped at most once at a time. */
struct codecache_view;

/**
 * struct codecache_view_options - what a view is to be, beyond its kind
 * @size: sizeof(struct codecache_view_options)
 * @flags: 0, or CODECACHE_VIEW_F_PROT to take @prot
 * @prot: initial CODECACHE_PROT_* of every page
 * @trap_mode: enum codecache_trap_mode
 * @first_page: the zone's page that is the view's page 0
 * @nr_pages: pages; 0 is up to the end of the zone
 *
 * All zero but @size, or no options at all, is the default: the whole zone, and
 * every page with all that the kind allows. Later versions may be longer.
 */
struct codecache_view_options {
	uint32_t size;
	uint32_t flags;
	uint32_t prot;
	uint32_t trap_mode;
	uint64_t first_page;
	uint64_t nr_pages;
};

/* ---- caches ------------------------------------------------------------ */

/**
 * Open the device. -ENOENT, -ENXIO, -ENODEV: the module is not loaded. -EACCES:
 * the mode of the device does not allow it. -ENOMEM, -EMFILE, -ENFILE, -EDQUOT
 * and -ENOSPC as for every object.
 */
CODECACHE_API int codecache_open(struct codecache_cache **cache);
/** Close the cache. Zones and views that came from it live on. */
CODECACHE_API void codecache_close(struct codecache_cache *cache);
/** The descriptor, close-on-exec; it stays the cache's. */
CODECACHE_API int codecache_fd(const struct codecache_cache *cache);
/** What the module can do, and its limits: fills all of @info, its size too. */
CODECACHE_API int codecache_info(const struct codecache_cache *cache,
				 struct codecache_info_args *info);
/** The numbers of a cache and of all it has: fills all of @stats, its size too. */
CODECACHE_API int codecache_stats(const struct codecache_cache *cache,
				  struct codecache_stats_args *stats);

/* ---- zones ------------------------------------------------------------- */

/**
 * Create a zone of enum codecache_zone_class. @bytes is rounded up to whole pages;
 * -EOVERFLOW: that takes more than 64 bits. Costs no memory before pages are used.
 */
CODECACHE_API int codecache_zone_create(struct codecache_cache *cache,
					uint32_t zone_class, uint64_t bytes,
					struct codecache_zone **zone);
/**
 * Take over a zone's descriptor, from another process say; closed with the zone.
 * On failure it stays the caller's. -EBADF: it is not open; -ENOTTY: it is not
 * codecache's; -EINVAL: it is a cache or a view.
 */
CODECACHE_API int codecache_zone_from_fd(int fd, struct codecache_zone **zone);
/** Close the descriptor. Views, and the pages under them, live on. */
CODECACHE_API void codecache_zone_destroy(struct codecache_zone *zone);
/** The descriptor, which another process may be sent; it stays the zone's. */
CODECACHE_API int codecache_zone_fd(const struct codecache_zone *zone);
/** Size in bytes, rounded up as it was created; 0 for NULL. */
CODECACHE_API uint64_t codecache_zone_bytes(const struct codecache_zone *zone);
/** The numbers of a zone and of its views: fills all of @stats, its size too. */
CODECACHE_API int codecache_zone_stats(const struct codecache_zone *zone,
				       struct codecache_stats_args *stats);

/* ---- views ------------------------------------------------------------- */

/**
 * Create a view of enum codecache_view_kind; @options may be NULL. -EINVAL: also
 * @options->size is not set; -E2BIG: @options is longer than this library knows,
 * and not zero there.
 */
CODECACHE_API int codecache_view_create(struct codecache_zone *zone,
					uint32_t kind,
					const struct codecache_view_options *options,
					struct codecache_view **view);
/**
 * Take over a view's descriptor, from another process say; closed with the view.
 * On failure it stays the caller's. -EBADF: it is not open; -ENOTTY: it is not
 * codecache's; -EINVAL: it is a cache or a zone.
 */
CODECACHE_API int codecache_view_from_fd(int fd, struct codecache_view **view);
/**
 * Map all of the view: at an address of the kernel's choice if @addr is NULL, else
 * at @addr with @mmap_flags MAP_FIXED or MAP_FIXED_NOREPLACE, or near it with 0;
 * MAP_32BIT may be added where there is one. The rest follows from the view's kind.
 * -EBUSY: it is mapped already, here or in another process; -EOPNOTSUPP: another
 * flag; -EINVAL: @addr is not on a page boundary, or is NULL for a fixed mapping;
 * -EOVERFLOW: the view is larger than the address space; else as mmap().
 */
CODECACHE_API int codecache_view_map(struct codecache_view *view, void *addr,
				     int mmap_flags);
/**
 * Unmap the view; it may be mapped again. -EINVAL: it is not mapped by this handle
 * in this process.
 */
CODECACHE_API int codecache_view_unmap(struct codecache_view *view);
/** Unmap if this handle mapped it in this process, and close the descriptor. */
CODECACHE_API void codecache_view_destroy(struct codecache_view *view);
/** The descriptor, which another process may be sent; it stays the view's. */
CODECACHE_API int codecache_view_fd(const struct codecache_view *view);
/** Where it is mapped by this handle, or NULL. */
CODECACHE_API void *codecache_view_addr(const struct codecache_view *view);
/** Length of the window, and so of its mapping, in bytes; 0 for NULL. */
CODECACHE_API uint64_t codecache_view_bytes(const struct codecache_view *view);
/** Length of the window, in pages; 0 for NULL. */
CODECACHE_API uint64_t codecache_view_nr_pages(const struct codecache_view *view);
/** The numbers of a view: fills all of @stats, its size too. */
CODECACHE_API int codecache_view_stats(const struct codecache_view *view,
				       struct codecache_stats_args *stats);

/**
 * Set the protections of @nr ranges, all or none, in one call with one TLB flush;
 * 0 of them is no error. If @failed_index is not NULL it gets the index of the
 * range at fault, or UINT64_MAX if no single one is. The view need not be mapped.
 * See CODECACHE_IOC_VIEW_PROTECT for the guarantee and the errors.
 */
CODECACHE_API int codecache_view_protect(struct codecache_view *view,
					 const struct codecache_prot_range *ranges,
					 size_t nr, uint64_t *failed_index);
/** The same for one range. */
CODECACHE_API int codecache_view_protect_range(struct codecache_view *view,
					       uint64_t first_page,
					       uint64_t nr_pages, uint32_t prot);
/**
 * The same for those of the @nr_bits pages from @first_page on whose bits are set:
 * page @first_page + n has bit n % 64 of @bitmap[n / 64]. The bitmap is aligned to
 * 8 bytes, which 32-bit compilers do not do by themselves: use alignas(8) there.
 * @failed_index gets the number of a bit.
 */
CODECACHE_API int codecache_view_protect_bitmap(struct codecache_view *view,
						uint64_t first_page,
						const uint64_t *bitmap,
						uint64_t nr_bits, uint32_t prot,
						uint64_t *failed_index);

/* ---- helpers ----------------------------------------------------------- */

/** Bytes in a page of this system. */
CODECACHE_API size_t codecache_page_size(void);
/** log2 of codecache_page_size(). */
CODECACHE_API unsigned int codecache_page_shift(void);
/** Pages that hold @bytes: rounds up, and cannot overflow. */
CODECACHE_API uint64_t codecache_bytes_to_pages(uint64_t bytes);
/**
 * The page of the view that holds @addr where this handle mapped it, or UINT64_MAX
 * if none does. What a SIGSEGV handler does with si_addr.
 */
CODECACHE_API uint64_t codecache_view_page_of(const struct codecache_view *view,
					      const void *addr);
/**
 * Make @bytes of code at @addr, in an exec view and written through another
 * view, visible to instruction fetch. Needed on every machine but x86; costs
 * nothing there. The pages must be readable at @addr. A thread that may already
 * have run or fetched what was there before needs a barrier of its own too:
 * membarrier(), MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE.
 */
CODECACHE_API void codecache_sync_code(const void *addr, size_t bytes);
/**
 * What an error of codecache means, in English and in codecache's own terms.
 * @error is what a function here returned, or a positive errno value. Never NULL,
 * static, without a full stop or a newline.
 */
CODECACHE_API const char *codecache_strerror(int error);
/** Version of the library that runs, major * 1000000 + minor * 1000 + patch. */
CODECACHE_API unsigned int codecache_version(void);

#ifdef __cplusplus
}
#endif

#endif /* CODECACHE_H */
