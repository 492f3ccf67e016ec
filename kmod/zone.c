// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache zones: physical pages of a fixed, sparse size
 *
 * Concepts: the pages belong to a private shmem file, so that allocation,
 *           zeroing and charging to memory cgroups are the kernel's own. The
 *           file's mapping is unevictable. Those that PFN views have mapped are
 *           pinned, see pages.c.
 * Locking:  zone->lock protects the list of views.
 * Lifetime: the zone's file holds a reference, and so does each view; a view is
 *           held by its file, which its mapping holds. So when the last
 *           reference goes, no page table has an entry for any of the pages. What
 *           is retired holds the zone until its grace period is over.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "codecache_priv.h"
#include "compat.h"
#include "trace.h"

static atomic64_t codecache_zone_ids;

static int codecache_storage_open(struct inode *inode, struct file *file)
{
	return -EPERM;
}

/*
 * For who opens the storage by a link in /proc/PID/map_files, which takes
 * privilege: the file would have all of shmem's operations, with which holes
 * can be punched under the views, and data be mapped executable.
 */
static const struct file_operations codecache_storage_fops = {
	.owner = THIS_MODULE,
	.open = codecache_storage_open,
};

static struct file *codecache_zone_storage(u64 bytes)
{
	struct file *file = codecache_shmem_file_setup("codecache-zone", bytes);

	/* It says ENOSPC when it gets no inode; of ours that would be a limit. */
	if (IS_ERR(file))
		return PTR_ERR(file) == -ENOSPC ? ERR_PTR(-ENOMEM) : file;
	file_inode(file)->i_fop = &codecache_storage_fops;
	mapping_set_unevictable(file->f_mapping);
	/* Not movable: pages are pinned for as long as the zone lives. */
	mapping_set_gfp_mask(file->f_mapping, GFP_HIGHUSER);
	/* No user gets at this file; seals hold even for one who does. */
	SHMEM_I(file_inode(file))->seals |= F_SEAL_SHRINK | F_SEAL_GROW;
	return file;
}

static void codecache_zone_destroy(struct kref *ref)
{
	struct codecache_zone *zone =
		container_of(ref, struct codecache_zone, ref);
	struct codecache_cache *cache = zone->cache;

	debugfs_remove_recursive(zone->dir);
	mutex_lock(&cache->lock);
	list_del(&zone->node);
	codecache_counters_fold(&cache->gone, &zone->gone);
	mutex_unlock(&cache->lock);
	trace_codecache_zone_destroy(zone->id, cache->id, zone->class,
				     zone->nr_pages);
	codecache_pages_destroy(zone);
	codecache_extmap_destroy(&zone->extents);
	codecache_zone_eventfd_drop(zone);
	fput(zone->storage);
	mmdrop(zone->owner_mm);
	codecache_user_uncharge_object(cache->user);
	mutex_destroy(&zone->sweep);
	mutex_destroy(&zone->lock);
	kfree(zone);
	codecache_cache_put(cache);
}

/**
 * codecache_zone_get - one more reference
 * @zone: to which the caller has one
 *
 * Context: any.
 */
void codecache_zone_get(struct codecache_zone *zone)
{
	kref_get(&zone->ref);
}

/**
 * codecache_zone_put - drop a reference; the last one destroys
 * @zone: the zone
 *
 * Context: process; sleeps.
 */
void codecache_zone_put(struct codecache_zone *zone)
{
	kref_put(&zone->ref, codecache_zone_destroy);
}

/**
 * codecache_zone_resident - pages that are allocated
 * @zone: the zone
 *
 * Context: any.
 * Return: their number, whoever filled them.
 */
u64 codecache_zone_resident(struct codecache_zone *zone)
{
	return READ_ONCE(zone->storage->f_mapping->nrpages);
}

static int codecache_zone_release(struct inode *inode, struct file *file)
{
	codecache_zone_put(file->private_data);
	return 0;
}

static const struct codecache_ioctl_op codecache_zone_ops[] = {
	CODECACHE_IOCTL_OP(CODECACHE_IOC_VIEW_CREATE,
			   codecache_view_create_args, out_bytes, out_reserved,
			   CODECACHE_VIEW_F_PROT |
			   CODECACHE_VIEW_F_BLOCK_KERNEL, codecache_view_create),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_EXTENT_ALLOC,
			   codecache_extent_alloc_args, out_failed_index,
			   out_cookie,
			   CODECACHE_EXTENT_F_LOW | CODECACHE_EXTENT_F_HIGH |
			   CODECACHE_EXTENT_F_NEAR,
			   codecache_extent_alloc, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_EXTENT_RETIRE,
			   codecache_extent_retire_args, out_failed_index,
			   out_nr_pages,
			   CODECACHE_GRACE_F_URGENT | CODECACHE_RETIRE_F_ALL,
			   codecache_extent_retire, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_ZONE_SEAL, codecache_zone_seal_args,
			   out_digest, out_bytes,
			   CODECACHE_SEAL_F_DIGEST | CODECACHE_SEAL_F_SIGNATURE,
			   codecache_zone_seal, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_SEAL_INFO, codecache_seal_info_args,
			   out_digest, out_reserved, 0,
			   codecache_zone_seal_info),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_ZONE_EVENTFD,
			   codecache_zone_eventfd_args, high_water_pages,
			   high_water_pages,
			   CODECACHE_ZONE_EVENT_PRESSURE |
			   CODECACHE_ZONE_EVENT_HIGH_WATER,
			   codecache_zone_eventfd, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_STATS, codecache_stats_args,
			   out_object, out_protect_flushes, 0, codecache_zone_stats_ioctl),
};

static long codecache_zone_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	return codecache_ioctl_dispatch(file, cmd, arg, codecache_zone_ops,
					ARRAY_SIZE(codecache_zone_ops));
}

static void codecache_zone_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct codecache_stats_args stats;

	codecache_zone_stats(file->private_data, &stats);
	codecache_stats_show(m, &stats);
}

static const struct file_operations codecache_zone_fops = {
	.owner = THIS_MODULE,
	.release = codecache_zone_release,
	.unlocked_ioctl = codecache_zone_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = codecache_zone_show_fdinfo,
	.llseek = noop_llseek,
};

static int codecache_zone_check(const struct codecache_zone_create_args *args)
{
	struct codecache_limits limits;

	if (args->reserved)
		return -EINVAL;
	if (args->zone_class != CODECACHE_ZONE_CODE &&
	    args->zone_class != CODECACHE_ZONE_DATA)
		return -EINVAL;
	if (!args->bytes || !PAGE_ALIGNED(args->bytes))
		return -EINVAL;
	codecache_limits_get(&limits);
	return args->bytes <= limits.zone_bytes ? 0 : -ERANGE;
}

static void codecache_zone_init(struct codecache_zone *zone,
				const struct codecache_zone_create_args *args)
{
	kref_init(&zone->ref);
	mutex_init(&zone->lock);
	mutex_init(&zone->sweep);
	spin_lock_init(&zone->event_lock);
	INIT_LIST_HEAD(&zone->views);
	xa_init(&zone->pages);
	init_rwsem(&zone->filling);
	init_waitqueue_head(&zone->seal.wait);
	zone->class = args->zone_class;
	zone->nr_pages = args->bytes >> PAGE_SHIFT;
	zone->has_extents = args->flags & CODECACHE_ZONE_F_EXTENTS;
}

static struct codecache_zone *
codecache_zone_alloc(struct codecache_cache *cache,
		     const struct codecache_zone_create_args *args)
{
	struct codecache_zone *zone;
	int err;

	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return ERR_PTR(-ENOMEM);
	codecache_zone_init(zone, args);
	err = codecache_user_charge_object(cache->user);
	if (err)
		goto free_zone;
	zone->storage = codecache_zone_storage(args->bytes);
	if (IS_ERR(zone->storage)) {
		err = PTR_ERR(zone->storage);
		goto uncharge;
	}
	if (zone->has_extents)
		err = codecache_extmap_init(&zone->extents, zone->nr_pages);
	if (err)
		goto put_storage;
	zone->cache = cache;
	zone->owner_mm = current->mm;
	mmgrab(zone->owner_mm);
	zone->id = atomic64_inc_return(&codecache_zone_ids);
	return zone;

put_storage:
	fput(zone->storage);
uncharge:
	codecache_user_uncharge_object(cache->user);
free_zone:
	kfree(zone);
	return ERR_PTR(err);
}

/**
 * codecache_zone_create - CODECACHE_IOC_ZONE_CREATE
 * @call: on a cache
 *
 * Context: process; sleeps.
 * Return: 0 or an errno of the uapi.
 */
int codecache_zone_create(struct codecache_ioctl *call)
{
	struct codecache_zone_create_args *args = call->args;
	struct codecache_cache *cache = call->file->private_data;
	struct codecache_zone *zone;
	int err;

	err = codecache_zone_check(args);
	if (err)
		return err;
	zone = codecache_zone_alloc(cache, args);
	if (IS_ERR(zone))
		return PTR_ERR(zone);
	/* From here on codecache_zone_put() undoes everything. */
	codecache_cache_get(cache);
	codecache_debugfs_add_zone(zone);
	mutex_lock(&cache->lock);
	list_add_tail(&zone->node, &cache->zones);
	mutex_unlock(&cache->lock);
	trace_codecache_zone_create(zone->id, cache->id, zone->class,
				    zone->nr_pages);

	call->new_file = anon_inode_getfile("[codecache-zone]",
					    &codecache_zone_fops, zone, O_RDWR);
	if (IS_ERR(call->new_file)) {
		codecache_zone_put(zone);
		return PTR_ERR(call->new_file);
	}
	call->out_fd = &args->out_fd;
	args->out_reserved = 0;
	return 0;
}
