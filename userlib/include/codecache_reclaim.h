/* SPDX-License-Identifier: MIT */
/*
 * libcodecache: memory that goes only when nobody can still use it: extents, readers,
 * grace periods, deferred frees, and seals
 *
 * Included by <codecache.h>, whose conventions hold here too. The concepts are those
 * of <linux/codecache_reclaim.h>: make what is to go unreachable, then retire it, or
 * start a grace period; when that is over no reader uses it any more.
 *
 * Threads: a cache has one lock, which codecache_reader_register() and _unregister(),
 * the calls on grace periods and codecache_defer_*() may take. Async-signal-safe are
 * codecache_reader_enter(), codecache_reader_exit(), codecache_reader_hint(),
 * codecache_grace_completed(), and all functions here that take a zone or a view.
 *
 * Processes: fork() does not copy what readers share with the kernel. In the child
 * there are zeros in its place, so that readers of the parent may go on to enter and
 * exit there, without any effect; all that can be done with them is to unregister
 * them. What the parent has deferred is the parent's: the child forgets it, and runs
 * nothing of it; nor does it have the parent's thread. It may register readers, start
 * grace periods and defer on its own, on the same cache. That takes handlers of
 * pthread_atfork(): a child that was made without them (vfork(), clone(), _Fork())
 * must leave readers alone, and exec.
 */
#ifndef CODECACHE_RECLAIM_H
#define CODECACHE_RECLAIM_H

#include <codecache.h>

#ifdef __cplusplus
#ifdef __GNUC__
/* A function and a structure may have one name, as in stat(). */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
extern "C" {
#endif

/* ---- extents ----------------------------------------------------------- */

/**
 * Create a zone as codecache_zone_create() does, but with CODECACHE_ZONE_F_EXTENTS:
 * its pages can be used only while they belong to an extent that
 * codecache_extent_alloc() has handed out.
 */
CODECACHE_API int codecache_zone_create_extents(struct codecache_cache *cache,
						uint32_t zone_class,
						uint64_t bytes,
						struct codecache_zone **zone);

/**
 * struct codecache_extent_options - where extents are to be
 * @size: sizeof(struct codecache_extent_options)
 * @flags: 0: the best fit; or one of CODECACHE_EXTENT_F_LOW, _HIGH and _NEAR
 * @align_pages: first pages are multiples of this power of two; 0 is 1
 * @min_page: the lowest page that an extent may have
 * @max_page: the page after the highest that it may have; 0 is the end of the zone
 * @hint_page: with CODECACHE_EXTENT_F_NEAR, the page to be near to
 *
 * All zero but @size, or no options at all, is the default: anywhere. Later versions
 * may be longer.
 */
struct codecache_extent_options {
	uint32_t size;
	uint32_t flags;
	uint64_t align_pages;
	uint64_t min_page;
	uint64_t max_page;
	uint64_t hint_page;
};

/**
 * Hand out @nr_pages pages, which are zero; *@first_page gets where they are in the
 * zone. @options may be NULL. -EAGAIN: retired extents wait for their grace period,
 * and *@cookie gets one after which it is worth to try again (codecache_grace_wait());
 * else it gets 0; it may be NULL. -ENOSPC: no hole is large enough. On failure
 * *@first_page is UINT64_MAX.
 */
CODECACHE_API int
codecache_extent_alloc(struct codecache_zone *zone, uint64_t nr_pages,
		       const struct codecache_extent_options *options,
		       uint64_t *first_page, uint64_t *cookie);
/**
 * The same for @nr extents, all or none: @nr_pages of each is read, @first_page is
 * written. @failed_index may be NULL; it gets the index of the extent at fault, or
 * UINT64_MAX if no single one is.
 */
CODECACHE_API int
codecache_extent_alloc_batch(struct codecache_zone *zone,
			     struct codecache_extent *extents, size_t nr,
			     const struct codecache_extent_options *options,
			     uint64_t *failed_index, uint64_t *cookie);
/**
 * Take an extent back, whole, as it was handed out. When the call returns nobody can
 * store to it any more. Readers that are inside can read it and run it until they
 * exit; then its pages are freed and it can be handed out again. Make it unreachable
 * first. *@cookie gets the grace period; it may be NULL; 0 on failure.
 */
CODECACHE_API int codecache_extent_retire(struct codecache_zone *zone,
					  uint64_t first_page, uint64_t nr_pages,
					  uint64_t *cookie);
/** The same for @nr extents, all or none. @failed_index as above. */
CODECACHE_API int
codecache_extent_retire_batch(struct codecache_zone *zone,
			      const struct codecache_extent *extents, size_t nr,
			      uint64_t *failed_index, uint64_t *cookie);
/** The same for all extents of the zone, the only way if the zone is sealed. */
CODECACHE_API int codecache_extent_retire_all(struct codecache_zone *zone,
					      uint64_t *cookie);
/**
 * The same with every member of CODECACHE_IOC_EXTENT_RETIRE, but @args->size, which is
 * set here: for CODECACHE_GRACE_F_URGENT, and for @args->out_nr_pages.
 */
CODECACHE_API int
codecache_extent_retire_args(struct codecache_zone *zone,
			     struct codecache_extent_retire_args *args);

/**
 * Have 1 added to the eventfd @fd when it is time to sweep: for
 * CODECACHE_ZONE_EVENT_PRESSURE when the kernel looks for memory, for
 * CODECACHE_ZONE_EVENT_HIGH_WATER when the zone comes to @high_water_pages resident
 * pages (else 0). Replaces what was asked for before; @fd -1 and @flags 0 end it.
 */
CODECACHE_API int codecache_zone_eventfd(struct codecache_zone *zone, int fd,
					 uint32_t flags,
					 uint64_t high_water_pages);

/* ---- readers ----------------------------------------------------------- */

/**
 * struct codecache_reader - a thread that uses what it finds by pointers
 * @slot: what it tells the kernel; @slot->user is the reader's own
 * @control: what the kernel tells it
 *
 * Made by codecache_reader_register() alone: there is more behind it.
 */
struct codecache_reader {
	struct codecache_reader_slot *slot;
	const struct codecache_control *control;
};

/**
 * Give the calling thread a slot: until it is unregistered, and until the thread dies
 * or calls exec, with which it counts as outside. A thread may have several. -ENOSPC:
 * no slot is free. The first one of a process maps what the cache shares with it:
 * -ENOMEM also if there is no room for that.
 */
CODECACHE_API int codecache_reader_register(struct codecache_cache *cache,
					    struct codecache_reader **reader);
/**
 * Give the slot up, and free the reader; any thread of the process may, also when the
 * thread that registered is dead. -EBUSY: it is inside, and stays registered. In a
 * child of fork() the readers of the parent are just freed. NULL is no error.
 */
CODECACHE_API int codecache_reader_unregister(struct codecache_reader *reader);
/**
 * What codecache_reader_exit() calls when a grace period waits for readers: let the
 * kernel look, if a reader that entered at the epoch @entered may be one of them.
 */
CODECACHE_API void codecache_reader_hint(const struct codecache_reader *reader,
					 uint64_t entered);

/**
 * Enter: what is found by pointers that are loaded from here on stays, whoever retires
 * it, until codecache_reader_exit(), which takes what this returns. Only the thread
 * that registered may, and its signal handlers. Sections nest. A store, no fence, no
 * system call, no failure.
 */
static inline uint64_t codecache_reader_enter(struct codecache_reader *reader)
{
	struct codecache_reader_slot *slot = reader->slot;
	const uint64_t outer = __atomic_load_n(&slot->active, __ATOMIC_RELAXED);

	/*
	 * A signal handler between these may enter and exit: the epoch is then older
	 * than it could be, and what is older waits for more.
	 */
	if (!outer)
		__atomic_store_n(&slot->active,
				 __atomic_load_n(&reader->control->epoch,
						 __ATOMIC_ACQUIRE),
				 __ATOMIC_RELAXED);
	/*
	 * For the compiler. The processor may still load pointers before others see
	 * the store: the kernel has a barrier on every CPU before it reads the slots.
	 */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return outer;
}

/** Exit: @outer is what codecache_reader_enter() has returned, innermost first. */
static inline void codecache_reader_exit(struct codecache_reader *reader,
					 uint64_t outer)
{
	struct codecache_reader_slot *slot = reader->slot;
	const uint64_t entered = __atomic_load_n(&slot->active, __ATOMIC_RELAXED);

	/* Pairs with the kernel's acquire: no use of what was found comes later. */
	__atomic_store_n(&slot->active, outer, __ATOMIC_RELEASE);
	if (!outer && __builtin_expect(__atomic_load_n(&reader->control->waiting,
						       __ATOMIC_RELAXED) != 0, 0))
		codecache_reader_hint(reader, entered);
}

/* ---- grace periods ----------------------------------------------------- */

/**
 * Begin a grace period, or join the next one: what nobody could find any more when
 * this was called is not used any more when it is over. @flags: 0 or
 * CODECACHE_GRACE_F_URGENT. On failure *@cookie is 0, which is always over.
 */
CODECACHE_API int codecache_grace_start(struct codecache_cache *cache,
					uint32_t flags, uint64_t *cookie);
/**
 * 0: the grace period is over; -EAGAIN: not yet, and the kernel has been asked to look
 * at the readers that it waits for. Costs no system call when it is over. -EINVAL: also
 * @cookie has not been given out.
 */
CODECACHE_API int codecache_grace_poll(struct codecache_cache *cache,
				       uint64_t cookie);
/**
 * Wait until it is over, up to @timeout_ns nanoseconds (0: for ever). @flags as for
 * codecache_grace_start(). -EDEADLK: it waits for the calling thread; -ETIMEDOUT;
 * -EINTR: a signal came. Costs no system call when it is over.
 */
CODECACHE_API int codecache_grace_wait(struct codecache_cache *cache,
				       uint64_t cookie, uint32_t flags,
				       uint64_t timeout_ns);
/**
 * Have 1 added to the eventfd @fd, once, when it is over; at once if it is. -ENOSPC:
 * too many wait already.
 */
CODECACHE_API int codecache_grace_eventfd(struct codecache_cache *cache,
					  uint64_t cookie, int fd);
/**
 * The page in which the kernel tells the epoch, which grace periods are over, and the
 * pressure; the same for all who ask, until codecache_close(). In a child of fork()
 * what the parent got reads as zeros, and a new call gives the child's own.
 */
CODECACHE_API int codecache_control_page(struct codecache_cache *cache,
					 const struct codecache_control **control);

/** The last grace period that is over: it, and all with smaller cookies, are. */
static inline uint64_t
codecache_grace_completed(const struct codecache_control *control)
{
	/* Pairs with the kernel's release, after it has seen all readers outside. */
	return __atomic_load_n(&control->completed, __ATOMIC_ACQUIRE);
}

/* ---- deferred frees ---------------------------------------------------- */

/**
 * struct codecache_defer_head - what codecache_defer_call() puts into a queue
 * @next: the library's
 * @fn: what will be called
 *
 * A member of an object of the caller's, which needs no initialising.
 */
struct codecache_defer_head {
	struct codecache_defer_head *next;
	void (*fn)(struct codecache_defer_head *head);
};

/**
 * Have @fn(@arg) called once no reader uses any more what nobody can find now: by
 * codecache_defer_drain() or _barrier(), or the cache's thread. Functions are called
 * in the order in which they were deferred, one at a time, without a lock held; they
 * may defer again, and must return. -ENOMEM: nothing was deferred, @arg is still the
 * caller's, who may wait for a grace period, or use codecache_defer_call().
 */
CODECACHE_API int codecache_defer_free(struct codecache_cache *cache,
				       void (*fn)(void *arg), void *arg);
/**
 * The same without memory but that of @head, within the object that is to go: fails
 * for no other reason than NULL. @head is the library's until @fn is called.
 */
CODECACHE_API int codecache_defer_call(struct codecache_cache *cache,
				       struct codecache_defer_head *head,
				       void (*fn)(struct codecache_defer_head *head));
/**
 * Start a grace period for what has none, and call the functions, @max at most, whose
 * grace period is over; *@nr gets how many, also if starting has failed. Does not wait:
 * what is deferred now is for a later drain. Calls none while another thread does, or
 * when called by one of them.
 */
CODECACHE_API int codecache_defer_drain(struct codecache_cache *cache, size_t max,
					size_t *nr);
/**
 * Wait until all that was deferred before has been called, and call it if nobody else
 * does. -EDEADLK: a deferred function called this, or the calling thread is inside;
 * -EINTR: a signal came, call again.
 */
CODECACHE_API int codecache_defer_barrier(struct codecache_cache *cache);
/** How many were deferred and have not returned yet; 0 for NULL. */
CODECACHE_API uint64_t codecache_defer_pending(struct codecache_cache *cache);
/**
 * Start a thread that does it all: waits for grace periods, and calls the functions.
 * It blocks all signals but those for its own faults. -EBUSY: there is one already;
 * -EAGAIN: the system has no more threads.
 */
CODECACHE_API int codecache_defer_thread_start(struct codecache_cache *cache);
/**
 * Stop it, and wait until it has ended, a tenth of a second as a rule, and as long as
 * the function that it is calling. What is left stays in the queue. No thread is no
 * error. -EDEADLK: a deferred function called this in that thread; -EBUSY: another
 * call is stopping it.
 */
CODECACHE_API int codecache_defer_thread_stop(struct codecache_cache *cache);

/* ---- seals ------------------------------------------------------------- */

/** Bytes of the digest of a sealed zone, which is a SHA-256. */
#define CODECACHE_DIGEST_BYTES	32

/**
 * struct codecache_seal_options - what a seal is to be
 * @size: sizeof(struct codecache_seal_options)
 * @flags: CODECACHE_SEAL_F_DIGEST: only if the content has @digest;
 *	CODECACHE_SEAL_F_SIGNATURE: only if @signature is good
 * @tag: the caller's, to be told by codecache_zone_seal_info()
 * @digest: the expected SHA-256
 * @signature: detached PKCS#7, in DER, of the digest and @tag in little-endian order
 * @signature_len: its length in bytes
 *
 * Later versions may be longer.
 */
struct codecache_seal_options {
	uint32_t size;
	uint32_t flags;
	uint64_t tag;
	uint8_t digest[CODECACHE_DIGEST_BYTES];
	const void *signature;
	size_t signature_len;
};

/**
 * Seal a code zone: nobody stores to it any more. @options may be NULL. @digest may be
 * NULL; it gets the SHA-256 of the content, of CODECACHE_DIGEST_BYTES; all zero on
 * failure. See CODECACHE_IOC_ZONE_SEAL for the errors.
 */
CODECACHE_API int codecache_zone_seal(struct codecache_zone *zone,
				      const struct codecache_seal_options *options,
				      uint8_t *digest);
/** What a zone was sealed with: fills all of @info. -ENODATA: it is not sealed. */
CODECACHE_API int codecache_zone_seal_info(const struct codecache_zone *zone,
					   struct codecache_seal_info_args *info);
/** The same of a view's zone, for who has nothing but the view. */
CODECACHE_API int codecache_view_seal_info(const struct codecache_view *view,
					   struct codecache_seal_info_args *info);

#ifdef __cplusplus
}
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
#endif

#endif /* CODECACHE_RECLAIM_H */
