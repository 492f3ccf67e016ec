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
 * every other use of that object; a log has one reader at a time. Nothing here
 * installs a signal handler; what takes a lock is said in <codecache_reclaim.h>,
 * which this header includes. Async-signal-safe are
 * codecache_view_protect(), codecache_view_query() and their variants,
 * codecache_view_read_events(), codecache_view_resolve() and _resolve_signal(), the
 * codecache_*stats() functions, all that only tell what an object is (_fd, _bytes,
 * _nr_pages, _addr, _page_of, _lost), codecache_log_next(), codecache_log_drain(),
 * and all helpers.
 *
 * Processes: objects survive fork(), mappings do not: a child that wants a view
 * of its own creates one, or maps one that its parent has not mapped. Readers, and
 * what is deferred, are the parent's: see <codecache_reclaim.h>.
 */
#ifndef CODECACHE_H
#define CODECACHE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/codecache.h>

#ifdef __cplusplus
#ifdef __GNUC__
/* A function and a structure may have one name, as in stat(). */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
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
/** Where a view's log traps are noted: one for each view, read in place. */
struct codecache_log;

/**
 * struct codecache_view_options - what a view is to be, beyond its kind
 * @size: sizeof(struct codecache_view_options)
 * @flags: CODECACHE_VIEW_F_PROT to take @prot; CODECACHE_VIEW_F_BLOCK_KERNEL to let
 *	block traps hold the kernel's accesses too, which takes a privilege
 * @prot: initial CODECACHE_PROT_* of every page
 * @trap_mode: what a forbidden access does: CODECACHE_TRAP_SIGNAL (0: SIGSEGV),
 *	CODECACHE_TRAP_LOG (allowed, and noted: codecache_log_create()) or
 *	CODECACHE_TRAP_BLOCK (waits for codecache_view_resolve())
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
/**
 * Close the cache. Zones and views that came from it live on. Its thread is stopped;
 * what is still deferred is not called: codecache_defer_barrier() comes before. No
 * reader may be inside; those that are left are unregistered and freed.
 */
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
 * Unmap the view; it may be mapped again. What codecache_view_query() knows stays
 * exact, which munmap() would end. -EINVAL: it is not mapped by this handle in this
 * process, or not any more; -EPERM, -ENOMEM: the kernel refused, and it is mapped
 * still.
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
/**
 * The same with every member of CODECACHE_IOC_VIEW_PROTECT, but @args->size, which
 * is set here: to populate, to give the pages of a bitmap a trap mode, and for
 * @args->out_seq.
 */
CODECACHE_API int
codecache_view_protect_args(struct codecache_view *view,
			    struct codecache_view_protect_args *args);

/* ---- dirty and accessed pages ------------------------------------------ */

/**
 * Find pages from *@cursor up to @end of which any of @find (CODECACHE_PAGE_*) is
 * so, and clear @clear in them: see CODECACHE_IOC_VIEW_QUERY for what is exact. Up
 * to @max ranges of them go to @ranges, their number to *@nr, and *@cursor moves to
 * where the next call goes on: when it is @end, all is found. UINT64_MAX for @end is
 * the end of the view, and then *@cursor ends at codecache_view_nr_pages(). With
 * @ranges NULL and @max 0 there are no results, and what is found is cleared.
 * -EINVAL: also if *@cursor is beyond @end. On failure *@nr is 0, and *@cursor stays.
 */
CODECACHE_API int codecache_view_query(struct codecache_view *view,
				       uint64_t *cursor, uint64_t end,
				       uint32_t find, uint32_t clear,
				       struct codecache_page_range *ranges,
				       size_t max, size_t *nr);
/**
 * The same, and take rights away from the pages that are found, in the same step:
 * each gets what both @prot and its protection so far allow. If @seq is not NULL
 * it gets the place of this change in the view's sequence; 0 on failure.
 */
CODECACHE_API int codecache_view_query_protect(struct codecache_view *view,
					       uint64_t *cursor, uint64_t end,
					       uint32_t find, uint32_t clear,
					       uint32_t prot,
					       struct codecache_page_range *ranges,
					       size_t max, size_t *nr,
					       uint64_t *seq);
/**
 * Find among all @nr_bits pages from @first_page on those of which @find, a single
 * one of CODECACHE_PAGE_*, is so, and clear it in them if @clear is not 0 but @find.
 * Bit n % 64 of @bitmap[n / 64] is page @first_page + n; the last word is written
 * whole. Alignment as for codecache_view_protect_bitmap(). @nr_found may be NULL. If
 * the call fails *@nr_found pages were found before it did (as a rule 0), and the
 * bitmap has them.
 */
CODECACHE_API int codecache_view_query_bitmap(struct codecache_view *view,
					      uint64_t first_page,
					      uint64_t *bitmap, uint64_t nr_bits,
					      uint32_t find, uint32_t clear,
					      uint64_t *nr_found);
/**
 * CODECACHE_IOC_VIEW_QUERY with every member but @args->size, which is set here:
 * for CODECACHE_QUERY_F_FAST_YOUNG, say.
 */
CODECACHE_API int
codecache_view_query_args(struct codecache_view *view,
			  struct codecache_view_query_args *args);

/* ---- block traps ------------------------------------------------------- */

/**
 * Read up to @max events: threads that sleep at a page until
 * codecache_view_resolve(), or a PROTECT that allows their access. Waits for the
 * first one; -EAGAIN instead if the descriptor has O_NONBLOCK; -EINTR: a signal
 * came. codecache_view_fd() can be polled for POLLIN. *@nr gets how many there are;
 * 0 on failure. -EINVAL: also if @max is 0; -EBADF: the view is of kind uffd. Who
 * reads has to answer: if the process that read last dies, or closes its
 * descriptors of the view, block traps become SIGSEGV.
 */
CODECACHE_API int codecache_view_read_events(struct codecache_view *view,
					     struct codecache_event *events,
					     size_t max, size_t *nr);
/**
 * Give the pages @prot, and the trap mode @trap (0: the view's, or one of
 * CODECACHE_RANGE_F_*), and wake all threads that sleep on them, which try again.
 * @nr_woken may be NULL; it gets how many, 0 on failure.
 */
CODECACHE_API int codecache_view_resolve(struct codecache_view *view,
					 uint64_t first_page, uint64_t nr_pages,
					 uint32_t prot, uint32_t trap,
					 uint64_t *nr_woken);
/** Leave the pages as they are; the threads that sleep on them get SIGSEGV. */
CODECACHE_API int codecache_view_resolve_signal(struct codecache_view *view,
						uint64_t first_page,
						uint64_t nr_pages,
						uint64_t *nr_woken);

/* ---- the log of log traps ---------------------------------------------- */

/**
 * Make the view's log, of @nr_entries (a power of two), and map it. @threshold is
 * the number of entries at which poll() of its descriptor tells POLLIN; 0 is half
 * of @nr_entries. -EBUSY: the view has, or has had, its log. If it cannot be mapped
 * (-ENOMEM) it is made all the same, and cannot be made again. The log may outlive
 * @view.
 */
CODECACHE_API int codecache_log_create(struct codecache_view *view,
				       uint32_t nr_entries, uint32_t threshold,
				       struct codecache_log **log);
/**
 * Unmap the log if this process mapped it, and close its descriptor. The view goes
 * on: what traps once the log is full is CODECACHE_PAGE_LOST. Readers of it must be
 * gone.
 */
CODECACHE_API void codecache_log_destroy(struct codecache_log *log);
/** The descriptor, to be polled; it stays the log's. */
CODECACHE_API int codecache_log_fd(const struct codecache_log *log);
/**
 * Traps so far that found no room; 0 for NULL. codecache_view_query() finds their
 * pages as CODECACHE_PAGE_LOST.
 */
CODECACHE_API uint64_t codecache_log_lost(const struct codecache_log *log);

/**
 * struct codecache_log_reader - one that reads a log
 * @ring: what the kernel writes
 * @tail: what it may overwrite: entries before this one
 * @next: the next entry to read, counted since the beginning
 */
struct codecache_log_reader {
	const struct codecache_log_ring *ring;
	uint64_t *tail;
	uint64_t next;
};

/**
 * Begin to read where the last reader ended. One reader at a time, which the caller
 * sees to; it is of no use once the log is destroyed.
 */
CODECACHE_API int codecache_log_reader(struct codecache_log *log,
				       struct codecache_log_reader *reader);

/* Copy the next entry if the kernel has completed it, and keep its place taken. */
static inline int codecache__log_peek(struct codecache_log_reader *r,
				      struct codecache_log_entry *entry)
{
	const struct codecache_log_ring *ring = r->ring;
	const void *start = (const char *)ring + ring->entries_offset;
	const struct codecache_log_entry *place =
		(const struct codecache_log_entry *)start +
		(r->next & (ring->nr_entries - 1U));

	/* Pairs with the kernel's release of the stamp, which it writes last. */
	if (__atomic_load_n(&place->stamp, __ATOMIC_ACQUIRE) != r->next + 1)
		return 0;
	*entry = *place;
	r->next++;
	return 1;
}

/* Let the kernel write over what has been read. */
static inline void codecache__log_release(struct codecache_log_reader *r)
{
	/* 32-bit compilers take a uint64_t to be aligned to 4, and do not inline. */
	typedef uint64_t __attribute__((__aligned__(8))) codecache__tail;

	/* Pairs with the kernel's acquire: no read of an entry comes after this. */
	__atomic_store_n((codecache__tail *)r->tail, r->next, __ATOMIC_RELEASE);
}

/** Take the next entry: 1 if there was one, which *@entry gets; 0 if there is none. */
static inline int codecache_log_next(struct codecache_log_reader *r,
				     struct codecache_log_entry *entry)
{
	if (!codecache__log_peek(r, entry))
		return 0;
	codecache__log_release(r);
	return 1;
}

/**
 * Take up to @max entries, and return how many. Cheaper than one by one: the line
 * that the kernel reads is written once.
 */
static inline size_t codecache_log_drain(struct codecache_log_reader *r,
					 struct codecache_log_entry *entries,
					 size_t max)
{
	size_t nr = 0;

	while (nr < max && codecache__log_peek(r, &entries[nr]))
		nr++;
	if (nr)
		codecache__log_release(r);
	return nr;
}

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
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
#endif

#include <codecache_reclaim.h>

#endif /* CODECACHE_H */
