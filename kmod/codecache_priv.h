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
 *	    zone->filling
 *	    page table lock
 *
 *	codecache_caches_lock > cache->lock > zone->lock
 *	codecache_users_lock
 *	view->map_lock			(spinlock, innermost)
 *
 * The two upper groups never meet. Documentation/locking.rst tells the races.
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

#include "protmap.h"
#include "range.h"

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

struct dentry;
struct seq_file;

/* The most ranges, and the most bits, that one PROTECT takes. */
#define CODECACHE_MAX_RANGES		1048576UL
#define CODECACHE_MAX_BITMAP_PAGES	67108864UL

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
 * @gone: counters of zones that are gone
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
 * @pages: a reference on each page that a view has mapped by PFN, by number;
 *	entries come one by one (xa_lock) and stay until the zone goes
 * @filling: shared while a page is charged, allocated and entered; exclusive by
 *	who was refused, to see what the others have come to
 * @owner_mm: who created it, only to be compared (mm_count held)
 * @node: in cache->zones; cache->lock
 * @lock: protects @views, @gone, @uffd_view
 * @views: live views
 * @gone: counters of views that are gone
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
	struct rw_semaphore filling;
	struct mm_struct *owner_mm;
	struct list_head node;
	struct mutex lock;	/* views, gone, uffd_view */
	struct list_head views;
	struct codecache_counters gone;
	struct codecache_view *uffd_view;
	struct dentry *dir;
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
 * @prots: CODECACHE_PROT_* of each page; not for kind uffd; @lock
 * @populated: a bit for each page table of the mapping that may hold entries;
 *	set under @lock shared, cleared when unmapped; not for kind uffd
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
	struct codecache_protmap prots;
	unsigned long *populated;
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
					  CODECACHE_MAX_ARGS),		\
		.min_size = offsetofend(struct _type, _last),		\
		.flags = (_flags),					\
		.out = offsetof(struct _type, _out),			\
		.execute = (_fn),					\
		__VA_ARGS__						\
	}

#define CODECACHE_MAX_ARGS	sizeof(struct codecache_stats_args)

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

/* ---- zone.c ------------------------------------------------------------- */

int codecache_zone_create(struct codecache_ioctl *call);
void codecache_zone_get(struct codecache_zone *zone);
void codecache_zone_put(struct codecache_zone *zone);
struct page *codecache_zone_page(struct codecache_zone *zone,
				 unsigned long pgoff);
u64 codecache_zone_resident(struct codecache_zone *zone);

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

const struct codecache_kind *codecache_kind(u32 kind);
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
void codecache_view_unmapped(struct codecache_view *view);
int codecache_view_lock(struct codecache_view *view,
			struct codecache_target *target);
void codecache_view_unlock(struct codecache_view *view,
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
 * @nr_ptes: entries that were changed
 * @nr_flushes: TLB flushes that were made
 * @revoked: some CPU may hold a translation that allows too much
 */
struct codecache_edit {
	struct codecache_view *view;
	struct vm_area_struct *vma;
	const struct codecache_prot_range *cur;
	const struct codecache_prot_range *end;
	unsigned long page;
	u64 nr_ptes;
	u64 nr_flushes;
	bool revoked;
};

void codecache_pte_begin(struct codecache_edit *edit);
void codecache_pte_apply(struct codecache_edit *edit,
			 const struct codecache_prot_range *ranges, u64 nr);
void codecache_pte_end(struct codecache_edit *edit);
int codecache_pte_insert(struct codecache_view *view,
			 struct vm_area_struct *vma, unsigned long addr,
			 struct page *page, u32 prot);

/* ---- prot.c ------------------------------------------------------------- */

int codecache_view_protect(struct codecache_ioctl *call);

/* ---- fs.c --------------------------------------------------------------- */

struct file *codecache_fs_file(const char *name,
			       const struct file_operations *fops, void *priv);
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

#endif /* CODECACHE_PRIV_H */
