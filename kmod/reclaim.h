/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache reclamation: extents, readers, grace periods, seals
 *
 * Part of codecache_priv.h, which includes it.
 *
 * Lock order, outermost first:
 *
 *	grace->check
 *	  readers->lock
 *	  zone->sweep
 *	    mmap_lock, view->lock, zone->filling (see codecache_priv.h)
 *	  zone->lock			(while the next view is looked up)
 *	  grace->lock			(spinlock)
 *
 * The shrinker holds zone->lock around a whole pass instead, and only tries locks.
 */
#ifndef CODECACHE_RECLAIM_H
#define CODECACHE_RECLAIM_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/codecache.h>

struct codecache_area;
struct codecache_cache;
struct codecache_ioctl;
struct codecache_view;
struct codecache_zone;
struct eventfd_ctx;
struct seq_file;
struct vm_area_struct;

/* Slots of a cache; extents in a call; eventfds that wait for grace periods. */
#define CODECACHE_MAX_READERS	65536U
#define CODECACHE_MAX_EXTENTS	65536U
#define CODECACHE_MAX_EVENTFDS	4096U

/**
 * struct codecache_readers - who uses what is found by pointers, reader.c
 * @lock: protects all of it; the slots themselves are user memory
 * @by_index: struct codecache_reader by slot
 * @pages: pages of slots, by number; they stay until the cache goes
 * @nr: readers
 * @reap_at: look for dead ones when there are so many
 * @nr_stalled: those that the last check found to stall
 * @stalled: one of them, or NULL
 * @stalled_since: jiffies, when it was first found in the way
 */
struct codecache_readers {
	struct mutex lock;	/* all of it */
	struct xarray by_index;
	struct xarray pages;
	unsigned int nr;
	unsigned int reap_at;
	unsigned int nr_stalled;
	struct pid *stalled;
	unsigned long stalled_since;
};

/**
 * struct codecache_grace - the grace periods of a cache, grace.c
 * @lock: protects @next to @nr_eventfds
 * @next: cookie of the one that gathers
 * @running: cookie of the one that is under way, or 0
 * @completed: all up to this one are over
 * @asked: somebody waits for @next
 * @urgent: ... and is in a hurry
 * @expedite: the one under way is to be sped up
 * @gathering: struct codecache_retired for @next
 * @eventfds: struct codecache_grace_event
 * @nr_eventfds: their number
 * @check: one look at a time whether @running is over; protects @elapsed to @delay
 * @held: struct codecache_retired for @running; filled under @lock when it begins
 * @rcu: the RCU grace period that it waits for first; as @held
 * @elapsed: ... is over
 * @delay: jiffies until readers are looked at again
 * @rcu_work: looks after an RCU grace period
 * @recheck: looks again
 * @wait: who waits for @completed
 * @held_pages: resident pages of retired extents
 * @urgent_limit: how often RCU is expedited
 * @page: of @control
 * @control: shared with readers, who only read it
 */
struct codecache_grace {
	spinlock_t lock;	/* next to nr_eventfds */
	u64 next;
	u64 running;
	u64 completed;
	bool asked;
	bool urgent;
	bool expedite;
	struct list_head gathering;
	struct list_head eventfds;
	unsigned int nr_eventfds;
	struct mutex check;	/* elapsed to delay */
	struct list_head held;
	unsigned long rcu;
	bool elapsed;
	unsigned long delay;
	struct rcu_work rcu_work;
	struct delayed_work recheck;
	wait_queue_head_t wait;
	atomic64_t held_pages;
	struct ratelimit_state urgent_limit;
	struct page *page;
	struct codecache_control *control;
};

/**
 * struct codecache_retired - the extents of one RETIRE until they are free
 * @node: in grace->gathering, then grace->held
 * @zone: whose, with a reference
 * @nr_pages: pages in all
 * @nr_extents: extents
 * @areas: they, in any order; behind @ranges
 * @nr: ranges
 * @ranges: their pages, ascending, with protection NONE
 */
struct codecache_retired {
	struct list_head node;
	struct codecache_zone *zone;
	u64 nr_pages;
	u64 nr_extents;
	struct codecache_area **areas;
	u64 nr;
	struct codecache_prot_range ranges[];
};

/* ---- pages.c: what zone->pages holds ------------------------------------- */

/*
 * Tags of the entries. Retired: not to be written. Gone: in no view any more, and
 * about to be freed.
 */
#define CODECACHE_TAG_RETIRED	1UL
#define CODECACHE_TAG_GONE	3UL

/*
 * Move to a page whose entry may be in the node that @xas is at. False: it is not, or
 * @xas is at none; then it is set for a walk from the root. @xas must be where a look-up
 * has ended, not behind what a search has not found.
 */
static inline bool codecache_pages_near(struct xa_state *xas, unsigned long index)
{
	struct xa_node *node = xas->xa_node;

	if (xas_not_node(node) || node->shift ||
	    xas->xa_index >> XA_CHUNK_SHIFT != index >> XA_CHUNK_SHIFT) {
		xas_set(xas, index);
		return false;
	}
	xas->xa_index = index;
	xas->xa_offset = index & XA_CHUNK_MASK;
	return true;
}

struct page *codecache_view_entry_page(const struct codecache_view *view,
				       void *entry, u32 *prot);
struct page *codecache_view_page(struct codecache_view *view,
				 unsigned long page, u32 *prot);
bool codecache_view_may_widen(const struct codecache_view *view,
			      unsigned long page);
bool codecache_view_may_fill(struct codecache_view *view, unsigned long page);
u64 codecache_pages_tag(const struct codecache_retired *retired,
			unsigned long tag);
u64 codecache_pages_free(const struct codecache_retired *retired);
void codecache_pages_destroy(struct codecache_zone *zone);

/* ---- extent.c ------------------------------------------------------------ */

int codecache_extent_alloc(struct codecache_ioctl *call);
int codecache_extent_retire(struct codecache_ioctl *call);
bool codecache_extent_allows(struct codecache_view *view, unsigned long page,
			     u32 access);
u64 codecache_extent_max_held(void);

/* ---- reclaim.c ----------------------------------------------------------- */

/**
 * struct codecache_sweep - a pass over the views of a zone
 * @zone: whose
 * @from: the first struct codecache_retired of @zone in a list
 * @list: the list; those of a zone follow each other
 * @writers: only entries of views that can be written
 * @nr_flushes: TLB flushes that were made
 */
struct codecache_sweep {
	struct codecache_zone *zone;
	struct codecache_retired *from;
	struct list_head *list;
	bool writers;
	u64 nr_flushes;
};

int codecache_sweep_run(struct codecache_sweep *sweep);
bool codecache_reclaim_pages(struct list_head *held, bool try, u64 *nr_freed);
void codecache_reclaim_finish(struct list_head *held);

/* ---- reader.c ------------------------------------------------------------ */

void codecache_readers_init(struct codecache_cache *cache);
void codecache_readers_close(struct codecache_cache *cache);
void codecache_readers_destroy(struct codecache_cache *cache);
unsigned int codecache_readers_blocking(struct codecache_cache *cache,
					u64 cookie);
bool codecache_readers_try_quiet(struct codecache_cache *cache, u64 cookie);
bool codecache_readers_has_current(struct codecache_cache *cache, u64 cookie);
void codecache_readers_stats(struct codecache_cache *cache,
			     struct codecache_stats_args *out);
void codecache_readers_show(struct seq_file *m, struct codecache_cache *cache);
int codecache_reader_register(struct codecache_ioctl *call);
int codecache_reader_unregister(struct codecache_ioctl *call);
int codecache_cache_mmap(struct file *file, struct vm_area_struct *vma);

/* ---- grace.c ------------------------------------------------------------- */

int codecache_grace_init(struct codecache_cache *cache);
void codecache_grace_destroy(struct codecache_cache *cache);
u64 codecache_grace_join(struct codecache_cache *cache,
			 struct codecache_retired *retired, bool urgent);
u64 codecache_grace_latest(struct codecache_cache *cache);
void codecache_grace_kick(struct codecache_cache *cache, unsigned long delay);
u64 codecache_grace_try_reclaim(struct codecache_cache *cache);
void codecache_grace_show(struct seq_file *m, struct codecache_cache *cache);
int codecache_grace_start(struct codecache_ioctl *call);
int codecache_grace_poll(struct codecache_ioctl *call);
int codecache_grace_wait(struct codecache_ioctl *call);
int codecache_grace_eventfd(struct codecache_ioctl *call);
int codecache_grace_service_init(void);
void codecache_grace_service_exit(void);

/* ---- pressure.c ---------------------------------------------------------- */

int codecache_pressure_init(void);
void codecache_pressure_exit(void);
void codecache_zone_notify(struct codecache_zone *zone, u32 event);
int codecache_zone_eventfd(struct codecache_ioctl *call);
void codecache_zone_eventfd_drop(struct codecache_zone *zone);

/* ---- seal.c -------------------------------------------------------------- */

/**
 * struct codecache_seal - whether a zone is sealed; zone->filling
 * @seq: counts beginnings and ends of SEAL: odd while one is at work; read under
 *	view->lock too
 * @closed: it is sealed; the rest is valid and stays; likewise
 * @wait: who wants to write while it is being sealed
 * @digest: SHA-256
 * @tag: the caller's
 * @bytes: of the content
 * @verified: a signature was checked
 */
struct codecache_seal {
	u32 seq;
	bool closed;
	wait_queue_head_t wait;
	u8 digest[32];
	u64 tag;
	u64 bytes;
	bool verified;
};

int codecache_zone_seal(struct codecache_ioctl *call);
int codecache_zone_seal_info(struct codecache_ioctl *call);
int codecache_view_seal_info(struct codecache_ioctl *call);
vm_fault_t codecache_seal_wait(struct codecache_view *view, bool user);

static inline bool codecache_seal_working(u32 seq)
{
	return seq & 1;
}

#endif /* CODECACHE_RECLAIM_H */
