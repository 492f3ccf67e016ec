/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codecache: the module's own objects, and what its files offer each other
 *
 * Objects: view -> zone -> cache -> user, each holding a reference on the next.
 *
 * Lock order, outermost first:
 *
 *	mmap_lock of the mapping process
 *	  view's invalidate_lock	(that of its inode's address space)
 *	    view->events.lock
 *	    zone->filling
 *	    view->grant_lock		(spinlock)
 *	    page table lock
 *
 *	codecache_caches_lock > cache->lock > zone->lock
 *	codecache_users_lock
 *	view->map_lock, zone->event_lock	(spinlocks, innermost)
 *
 * The two upper groups never meet; what extents and grace periods add is in
 * reclaim.h. Documentation/locking.rst tells the races.
 */
#ifndef CODECACHE_PRIV_H
#define CODECACHE_PRIV_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <linux/codecache.h>

#include "extmap.h"
#include "marks.h"
#include "protmap.h"
#include "range.h"
#include "reclaim.h"

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

struct codecache_log;
struct codecache_waiter;
struct dentry;
struct poll_table_struct;
struct seq_file;
struct vm_fault;

/* The most ranges, and the most bits, that one PROTECT takes. */
#define CODECACHE_MAX_RANGES		1048576UL
#define CODECACHE_MAX_BITMAP_PAGES	67108864UL
/* The longest log, and the pages of the window that a fault maps around it. */
#define CODECACHE_MAX_LOG_ENTRIES	1048576UL
#define CODECACHE_AROUND_PAGES		16UL

/* ---- counters (stats.c) ------------------------------------------------- */

enum codecache_counter {
	CODECACHE_NR_FAULTS_FILLED,
	CODECACHE_NR_FAULTS_UPGRADED,
	CODECACHE_NR_FAULTS_SPURIOUS,
	CODECACHE_NR_FAULTS_FAILED,
	CODECACHE_NR_TRAPS_READ,
	CODECACHE_NR_TRAPS_WRITE,
	CODECACHE_NR_TRAPS_EXEC,
	CODECACHE_NR_PROTECT_CALLS,
	CODECACHE_NR_PROTECT_PAGES,
	CODECACHE_NR_PROTECT_PTES,
	CODECACHE_NR_PROTECT_FLUSHES,
	CODECACHE_NR_TRAPS_LOGGED,
	CODECACHE_NR_TRAPS_LOST,
	CODECACHE_NR_TRAPS_BLOCKED,
	CODECACHE_NR_EVENTS_RESOLVED,
	CODECACHE_NR_QUERY_CALLS,
	CODECACHE_NR_QUERY_PAGES,
	CODECACHE_NR_QUERY_FLUSHES,
	CODECACHE_NR_FAULTS_AROUND,
	CODECACHE_NR_POPULATED,
	CODECACHE_NR_EXTENTS_ALLOCATED,
	CODECACHE_NR_EXTENTS_RETIRED,
	CODECACHE_NR_RETIRE_FLUSHES,
	CODECACHE_NR_RECLAIM_PASSES,
	CODECACHE_NR_RECLAIM_PAGES,
	CODECACHE_NR_RECLAIM_FLUSHES,
	CODECACHE_NR_SHRUNK_PAGES,
	CODECACHE_NR_GRACE_PERIODS,
	CODECACHE_NR_GRACE_URGENT,
	CODECACHE_NR_GRACE_STALLS,
	CODECACHE_NR_COUNTERS,
};

/* Only ever grow; read without a lock. */
struct codecache_counters {
	atomic64_t v[CODECACHE_NR_COUNTERS];
};

static inline void codecache_count(struct codecache_counters *c,
				   enum codecache_counter which, u64 n)
{
	atomic64_add(n, &c->v[which]);
}

/* ---- objects ------------------------------------------------------------ */

/**
 * struct codecache_user - what one user of the system holds
 * @node: in the table of users; codecache_users_lock
 * @uid: whose
 * @ref: caches that count here; codecache_users_lock
 * @objects: caches, zones and views
 * @pages: resident pages
 */
struct codecache_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int ref;
	atomic64_t objects;
	atomic64_t pages;
};

/**
 * struct codecache_cache - one client: an open file of the device
 * @ref: the file, and each zone
 * @id: its number in debugfs
 * @user: who pays; does not change
 * @node: in the list of all caches; codecache_caches_lock
 * @lock: protects @zones, @gone
 * @zones: live zones
 * @gone: counters of zones that are gone, and its own
 * @readers: registered threads
 * @grace: its clock
 * @dir: debugfs folder
 */
struct codecache_cache {
	struct kref ref;
	u64 id;
	struct codecache_user *user;
	struct list_head node;
	struct mutex lock;	/* zones, gone */
	struct list_head zones;
	struct codecache_counters gone;
	struct codecache_readers readers;
	struct codecache_grace grace;
	struct dentry *dir;
};

/**
 * struct codecache_zone - physical pages of a fixed, sparse size
 * @ref: the file, and each view
 * @id: its number in debugfs
 * @cache: whose
 * @class: enum codecache_zone_class
 * @nr_pages: size
 * @storage: shmem file; its page cache owns the pages
 * @pages: a reference on each page that a view has mapped by PFN, by number, tagged
 *	if it is retired (pages.c); entries come one by one (xa_lock) and stay until
 *	the zone or their extent goes
 * @filling: shared while a page is charged, allocated and entered, or written by a
 *	debugger; exclusive by who was refused, to see what the others have come to,
 *	and while @extents or @seal change
 * @has_extents: only pages of live extents can be used; does not change
 * @extents: which they are; @filling
 * @nr_filled: entries in @pages
 * @seal: whether it is sealed; @filling
 * @sweep: one pass over the views at a time (reclaim.c)
 * @sweep_seq: counts them; @lock
 * @event_lock: protects @event to @high_water
 * @event: who is told, or NULL
 * @event_flags: CODECACHE_ZONE_EVENT_*: of what
 * @high_water: of @nr_filled; 0: none; read without the lock
 * @owner_mm: who created it, only to be compared (mm_count held)
 * @node: in cache->zones; cache->lock
 * @lock: protects @views, @gone, @uffd_view, @sweep_seq
 * @views: live views
 * @gone: counters of views that are gone, and its own
 * @uffd_view: the view of kind uffd, or NULL
 * @dir: debugfs folder
 */
struct codecache_zone {
	struct kref ref;
	u64 id;
	struct codecache_cache *cache;
	u32 class;
	unsigned long nr_pages;
	struct file *storage;
	struct xarray pages;
	struct rw_semaphore filling;	/* extents, seal */
	bool has_extents;
	struct codecache_extmap extents;
	atomic64_t nr_filled;
	struct codecache_seal seal;
	struct mutex sweep;	/* no data */
	u64 sweep_seq;
	spinlock_t event_lock;	/* event to high_water */
	struct eventfd_ctx *event;
	u32 event_flags;
	u64 high_water;
	struct mm_struct *owner_mm;
	struct list_head node;
	struct mutex lock;	/* views, gone, uffd_view, sweep_seq */
	struct list_head views;
	struct codecache_counters gone;
	struct codecache_view *uffd_view;
	struct dentry *dir;
};

/**
 * struct codecache_events - threads that sleep in block traps of a view, event.c
 * @lock: protects all of it; taken under view->lock or alone
 * @by_page: struct codecache_pending that is not answered yet, by page
 * @pending: those that nobody has read yet, oldest first
 * @verdicts: struct codecache_waiter that are to get the signal when they retry
 * @readers: who waits for events
 * @monitor: descriptor table of the process that read last; only compared
 * @left: that process has closed the view, or died, and none has read since
 * @closed: no descriptor of the view is left
 */
struct codecache_events {
	struct mutex lock;	/* all of it */
	struct rb_root by_page;
	struct list_head pending;
	struct list_head verdicts;
	wait_queue_head_t readers;
	const void *monitor;
	bool left;
	bool closed;
};

/**
 * struct codecache_view - one window on a zone, with its own protections
 * @ref: the file; kind uffd: its mapping too
 * @id: its number in debugfs
 * @zone: whose pages
 * @kind: enum codecache_view_kind
 * @first: the zone's page that is page 0
 * @nr_pages: size
 * @inode: of the view's file; brings @lock
 * @lock: the invalidate_lock of that inode; protects @prots and keeps
 *	page table entries in step with it: faults hold it shared around check
 *	and insert, PROTECT exclusively around metadata, edits and flush
 * @trap_mode: CODECACHE_TRAP_*: of pages for which PROTECT does not say
 * @block_kernel: block traps hold the kernel's accesses too
 * @leaving: CODECACHE_IOC_VIEW_UNMAP has begun: no faults; @lock
 * @prots: codecache_value_make() of each page; not for kind uffd; @lock; under
 *	@lock shared a log trap may widen a page, with @grant_lock
 * @marks: what is known about each page beside its entry; a page has an entry
 *	only if there are marks for it; @lock, shared: atomic bit operations
 * @populated: a bit for each page table of the mapping that may hold entries;
 *	set under @lock shared, cleared when unmapped; not for kind uffd
 * @grant_lock: one log trap at a time: check, log entry, and protection
 * @seq: last number given to a PROTECT, a log entry or an event
 * @log: or NULL; set once
 * @events: of block traps
 * @map_lock: protects @mm, @vma, @start, @map_seq, @uffd_mapped
 * @mm: where it is mapped (mm_count held), or NULL
 * @vma: the mapping, from mmap() to ->close()
 * @start: its address
 * @map_seq: counts map and unmap
 * @unmapped: woken when @vma is gone
 * @uffd_mapped: kind uffd: a mapping lives
 * @page_ro: page table protection for READ (kind exec: for READ|EXEC)
 * @page_rw: page table protection for RW
 * @node: in zone->views; zone->lock
 * @sweep_seq: the last sweep that visited it; zone->lock
 * @counters: since creation
 * @dir: debugfs folder
 */
struct codecache_view {
	struct kref ref;
	u64 id;
	struct codecache_zone *zone;
	u32 kind;
	unsigned long first;
	unsigned long nr_pages;
	struct inode *inode;
	struct rw_semaphore *lock;
	u32 trap_mode;
	bool block_kernel;
	bool leaving;
	struct codecache_protmap prots;
	struct xarray marks;
	unsigned long *populated;
	spinlock_t grant_lock;	/* log traps */
	atomic64_t seq;
	struct codecache_log *log;
	struct codecache_events events;
	spinlock_t map_lock;	/* mm to uffd_mapped */
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned long map_seq;
	wait_queue_head_t unmapped;
	bool uffd_mapped;
	pgprot_t page_ro;
	pgprot_t page_rw;
	struct list_head node;
	u64 sweep_seq;
	struct codecache_counters counters;
	struct dentry *dir;
};

/* ---- ioctl.c ------------------------------------------------------------ */

struct codecache_ioctl_op;

/**
 * struct codecache_ioctl - one call while it runs
 * @file: the descriptor's file
 * @op: which call
 * @uargs: the caller's structure
 * @args: the kernel's copy of the caller's structure
 * @size: bytes of it that the caller has
 * @new_file: set by a call that makes a descriptor; installed only once all
 *	else has succeeded
 * @out_fd: where in @args its number goes
 */
struct codecache_ioctl {
	struct file *file;
	const struct codecache_ioctl_op *op;
	void __user *uargs;
	void *args;
	u32 size;
	struct file *new_file;
	__s32 *out_fd;
};

/**
 * struct codecache_ioctl_op - an entry of an op table
 * @nr: CODECACHE_IOC_*
 * @size: bytes of the structure as this module knows it
 * @min_size: bytes of its first version
 * @flags: flags that it may have
 * @out: where the members that the kernel writes begin; up to the end
 * @out_by_handler: the handler writes them to user memory itself
 * @execute: does it
 */
struct codecache_ioctl_op {
	unsigned int nr;
	unsigned int size;
	unsigned int min_size;
	u32 flags;
	unsigned int out;
	bool out_by_handler;
	int (*execute)(struct codecache_ioctl *call);
};

#define CODECACHE_IOCTL_OP(_nr, _type, _out, _last, _flags, _fn, ...)	\
	{								\
		.nr = (_nr),						\
		.size = sizeof(struct _type) +				\
			BUILD_BUG_ON_ZERO(sizeof(struct _type) >	\
					  CODECACHE_MAX_ARGS) +		\
			BUILD_BUG_ON_ZERO(sizeof(struct _type) %	\
					  sizeof(u64)),			\
		.min_size = offsetofend(struct _type, _last),		\
		.flags = (_flags),					\
		.out = offsetof(struct _type, _out),			\
		.execute = (_fn),					\
		__VA_ARGS__						\
	}

#define CODECACHE_MAX_ARGS	sizeof(struct codecache_stats_args)

int codecache_ioctl_copy_out(const struct codecache_ioctl *call);
int codecache_ioctl_finish(struct codecache_ioctl *call, void *slot,
			   void *value);
long codecache_ioctl_dispatch(struct file *file, unsigned int cmd,
			      unsigned long arg,
			      const struct codecache_ioctl_op *ops,
			      unsigned int nr_ops);

/* ---- user.c: limits ----------------------------------------------------- */

struct codecache_limits {
	u64 user_pages, user_objects, system_pages, system_objects;
	u64 zone_bytes;
};

void codecache_limits_init(void);
void codecache_limits_get(struct codecache_limits *limits);
struct codecache_user *codecache_user_get(kuid_t uid);
void codecache_user_put(struct codecache_user *user);
int codecache_user_charge_object(struct codecache_user *user);
void codecache_user_uncharge_object(struct codecache_user *user);
int codecache_user_charge_page(struct codecache_user *user);
void codecache_user_uncharge_pages(struct codecache_user *user, u64 nr);
u64 codecache_system_pages(void);
u64 codecache_system_objects(void);

/* ---- cache.c ------------------------------------------------------------ */

extern const struct file_operations codecache_cache_fops;
extern struct list_head codecache_caches;
extern struct mutex codecache_caches_lock;
extern struct codecache_counters codecache_gone;

void codecache_cache_get(struct codecache_cache *cache);
void codecache_cache_put(struct codecache_cache *cache);
void codecache_caches_wait(void);

/* ---- zone.c ------------------------------------------------------------- */

int codecache_zone_create(struct codecache_ioctl *call);
void codecache_zone_get(struct codecache_zone *zone);
void codecache_zone_put(struct codecache_zone *zone);
u64 codecache_zone_resident(struct codecache_zone *zone);

/* Is nothing to be stored to the zone any more, or for now? */
static inline bool codecache_zone_sealed(const struct codecache_zone *zone)
{
	/* Pairs with the release in codecache_seal_end(). */
	return codecache_seal_working(smp_load_acquire(&zone->seal.seq)) ||
	       READ_ONCE(zone->seal.closed);
}

/* ---- view.c ------------------------------------------------------------- */

/**
 * struct codecache_kind - what a kind of view is like
 * @name: in /proc/PID/maps
 * @zone_class: of the zones that have it
 * @prots: set of CODECACHE_PROT_BIT() that its pages can have
 * @full: CODECACHE_PROT_*: all that it allows
 * @vm_flags: access that it is mapped with, exactly
 * @vm_never: access that no mapping of it ever gets
 */
struct codecache_kind {
	const char *name;
	u32 zone_class;
	u32 prots;
	u32 full;
	unsigned long vm_flags;
	unsigned long vm_never;
};

extern const struct codecache_kind codecache_kinds[CODECACHE_VIEW_UFFD + 1];

/**
 * codecache_kind - what a kind of view is like
 * @kind: valid enum codecache_view_kind
 *
 * Context: any. Every fault and every PROTECT asks: not worth a call.
 * Return: its description.
 */
static inline const struct codecache_kind *codecache_kind(u32 kind)
{
	return &codecache_kinds[kind];
}

int codecache_view_create(struct codecache_ioctl *call);
void codecache_view_get(struct codecache_view *view);
void codecache_view_put(struct codecache_view *view);
u64 codecache_view_resident(struct codecache_view *view);

/* ---- map.c -------------------------------------------------------------- */

/**
 * struct codecache_target - the mapping that a change of a view applies to
 * @mm: process, with mmap_lock held for reading, or NULL: not mapped
 * @vma: the mapping in it, which stays while the lock is held
 * @start: its address
 * @got: a reference on @mm's users is held
 */
struct codecache_target {
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	unsigned long start;
	bool got;
};

int codecache_view_mmap(struct file *file, struct vm_area_struct *vma);
void codecache_view_unmapped(struct codecache_view *view,
			     struct vm_area_struct *vma);
int codecache_view_lock(struct codecache_view *view,
			struct codecache_target *target);
int codecache_view_lock_shared(struct codecache_view *view,
			       struct codecache_target *target);
void codecache_view_unlock_shared(struct codecache_view *view,
				  struct codecache_target *target);
int codecache_view_unmap(struct codecache_ioctl *call);
bool codecache_view_trylock(struct codecache_view *view,
			    struct codecache_target *target);
void codecache_view_unlock(struct codecache_view *view,
			   struct codecache_target *target);
void codecache_view_unlock_async(struct codecache_view *view,
				 struct codecache_target *target);

/* Page tables that a mapping of @nr_pages can touch, wherever it starts. */
static inline unsigned long codecache_nr_tables(unsigned long nr_pages)
{
	return (nr_pages >> (PMD_SHIFT - PAGE_SHIFT)) + 2;
}

/* Which page table of the mapping, counted from its first, serves @addr. */
static inline unsigned long
codecache_table_index(const struct vm_area_struct *vma, unsigned long addr)
{
	return (addr >> PMD_SHIFT) - (vma->vm_start >> PMD_SHIFT);
}

/* ---- uffd.c: views of kind uffd ----------------------------------------- */

int codecache_uffd_mmap(struct codecache_view *view,
			struct vm_area_struct *vma);
void codecache_uffd_revoke(struct codecache_view *view, unsigned long first,
			   unsigned long nr);

/* ---- fault.c ------------------------------------------------------------ */

extern const struct vm_operations_struct codecache_view_vm_ops;

/* ---- pte.c -------------------------------------------------------------- */

/**
 * struct codecache_edit - a pass over the page tables of a mapping
 * @view: whose protections change
 * @vma: its mapping; mmap_lock held for reading
 * @cur: the range to go on with
 * @end: end of the ranges
 * @page: the page to go on with
 * @marks: those of the pages of @marks_slot; looked up when first needed
 * @marks_slot: slot that @marks are of, + 1; 0: none
 * @pages: where in zone->pages the last look-up was, while a table is edited
 * @nr_ptes: entries that were changed
 * @nr_flushes: TLB flushes that were made
 * @revoked: some CPU may hold a translation that allows too much
 * @notifiers: secondary MMUs watch: narrowed entries are taken away
 * @no_marks: an entry could not be installed for want of marks
 * @guarded: some pages must not become writable, whatever their protection
 */
struct codecache_edit {
	struct codecache_view *view;
	struct vm_area_struct *vma;
	const struct codecache_prot_range *cur;
	const struct codecache_prot_range *end;
	unsigned long page;
	struct codecache_marks *marks;
	unsigned long marks_slot;
	struct xa_state *pages;
	u64 nr_ptes;
	u64 nr_flushes;
	bool revoked;
	bool notifiers;
	bool no_marks;
	bool guarded;
};

void codecache_pte_begin(struct codecache_edit *edit);
void codecache_pte_apply(struct codecache_edit *edit,
			 const struct codecache_prot_range *ranges, u64 nr);
void codecache_pte_end(struct codecache_edit *edit);

/* ---- insert.c ----------------------------------------------------------- */

int codecache_insert_page(struct codecache_view *view,
			  struct vm_area_struct *vma, unsigned long addr,
			  struct page *page, u32 prot, bool accessed);
int codecache_insert_upgrade(struct vm_fault *vmf);
void codecache_insert_around(struct codecache_view *view,
			     struct vm_area_struct *vma, unsigned long addr);

/* ---- populate.c --------------------------------------------------------- */

u64 codecache_populate(struct codecache_view *view, unsigned long first,
		       unsigned long nr);

/* ---- marks.c ------------------------------------------------------------ */

struct codecache_marks *codecache_marks_make(struct codecache_view *view,
					     unsigned long page);
void codecache_marks_destroy(struct codecache_view *view);
void codecache_marks_unsure(struct codecache_view *view,
			    struct vm_area_struct *vma);
int codecache_marks_poke(struct codecache_view *view, unsigned long page);

/* The marks of a page and its neighbours, or NULL; view->lock held. */
static inline struct codecache_marks *
codecache_marks_get(struct codecache_view *view, unsigned long page)
{
	return xa_load(&view->marks, page >> CODECACHE_MARKS_SHIFT);
}

/* ---- query.c, scan.c ---------------------------------------------------- */

int codecache_view_query(struct codecache_ioctl *call);
void codecache_scan_take_all(struct codecache_view *view,
			     struct vm_area_struct *vma);

/* ---- log.c -------------------------------------------------------------- */

int codecache_view_log(struct codecache_ioctl *call);
void codecache_log_put(struct codecache_log *log);
bool codecache_log_append(struct codecache_log *log, u64 seq, u64 page,
			  u32 access);

/* ---- event.c: block traps ----------------------------------------------- */

/* What becomes of threads that sleep in a trap. */
enum codecache_answer {
	CODECACHE_ANSWER_NONE,
	CODECACHE_ANSWER_RETRY,
	CODECACHE_ANSWER_SIGNAL,
};

void codecache_events_init(struct codecache_events *events);
void codecache_events_destroy(struct codecache_events *events);
struct codecache_waiter *codecache_event_join(struct codecache_view *view,
					      unsigned long page, u32 access,
					      bool kernel);
void codecache_event_wait(struct codecache_view *view,
			  struct codecache_waiter *waiter, bool interruptible);
u64 codecache_events_answer(struct codecache_view *view, unsigned long first,
			    unsigned long last, enum codecache_answer answer);
void codecache_events_recheck(struct codecache_view *view);

/**
 * codecache_events_protected - protections have changed: who may go on?
 * @view: the view
 *
 * Most of the time nobody sleeps, and nothing is called.
 * Context: process; sleeps; view->lock held for writing, so that nobody joins.
 */
static inline void codecache_events_protected(struct codecache_view *view)
{
	if (!RB_EMPTY_ROOT(&view->events.by_page))
		codecache_events_recheck(view);
}

void codecache_events_close(struct codecache_view *view);
void codecache_events_leave(struct codecache_view *view, const void *files);
ssize_t codecache_events_read(struct codecache_view *view, char __user *buf,
			      size_t count, bool nonblock);
__poll_t codecache_events_poll(struct codecache_view *view, struct file *file,
			       struct poll_table_struct *wait);

/* ---- trap.c ------------------------------------------------------------- */

vm_fault_t codecache_trap(struct codecache_view *view, struct vm_fault *vmf,
			  u32 access, u32 *value,
			  struct codecache_waiter **waiter);
void codecache_trap_count(struct codecache_view *view, u32 access);
vm_fault_t codecache_trap_sleep(struct codecache_view *view,
				struct vm_fault *vmf,
				struct codecache_waiter *waiter);
bool codecache_trap_may_block_kernel(void);

/* ---- prot.c ------------------------------------------------------------- */

int codecache_view_protect(struct codecache_ioctl *call);
int codecache_view_resolve(struct codecache_ioctl *call);

/* ---- fs.c --------------------------------------------------------------- */

struct file *codecache_fs_file(const char *name,
			       const struct file_operations *fops, void *priv);
struct file *codecache_fs_reopen(struct inode *inode, const char *name,
				 const struct file_operations *fops,
				 void *priv);
void codecache_fs_release(void);

/* ---- stats.c ------------------------------------------------------------ */

int codecache_cache_stats_ioctl(struct codecache_ioctl *call);
int codecache_zone_stats_ioctl(struct codecache_ioctl *call);
int codecache_view_stats_ioctl(struct codecache_ioctl *call);
void codecache_counters_fold(struct codecache_counters *into,
			     struct codecache_counters *from);
void codecache_cache_stats(struct codecache_cache *cache,
			   struct codecache_stats_args *out);
void codecache_zone_stats(struct codecache_zone *zone,
			  struct codecache_stats_args *out);
void codecache_view_stats(struct codecache_view *view,
			  struct codecache_stats_args *out);
void codecache_total_stats(struct codecache_stats_args *out, u64 *nr_caches);
void codecache_stats_show(struct seq_file *m,
			  const struct codecache_stats_args *s);

/* ---- debugfs.c ---------------------------------------------------------- */

void codecache_debugfs_init(void);
void codecache_debugfs_exit(void);
void codecache_debugfs_add_cache(struct codecache_cache *cache);
void codecache_debugfs_add_zone(struct codecache_zone *zone);
void codecache_debugfs_add_view(struct codecache_view *view);

/* Is a view kept from its pages by a seal? view->lock held, shared at least. */
static inline bool codecache_view_sealed(const struct codecache_view *view)
{
	return view->kind == CODECACHE_VIEW_WRITE &&
	       unlikely(codecache_zone_sealed(view->zone));
}

#endif /* CODECACHE_PRIV_H */
