// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache caches: one client of the module, an open file of the device
 *
 * Locking:  codecache_caches_lock protects the list of all caches and
 *           codecache_gone; cache->lock the list of its zones. All sleep.
 * Lifetime: the file holds a reference and so does every zone: a cache whose
 *           file is closed lives on, out of reach, until its last zone goes.
 *           The device is opened through a misc device, so the file itself
 *           keeps the module loaded.
 */
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "codecache_priv.h"

LIST_HEAD(codecache_caches);
/* Protects the list, and codecache_gone. */
DEFINE_MUTEX(codecache_caches_lock);
struct codecache_counters codecache_gone;

static atomic64_t codecache_cache_ids;
/* Woken when the list becomes empty. */
static DECLARE_WAIT_QUEUE_HEAD(codecache_caches_gone);

static int codecache_cache_open(struct inode *inode, struct file *file)
{
	struct codecache_cache *cache;
	int err = -ENOMEM;

	cache = kzalloc(sizeof(*cache), GFP_KERNEL_ACCOUNT);
	if (!cache)
		return -ENOMEM;
	cache->user = codecache_user_get(file->f_cred->uid);
	if (!cache->user)
		goto free_cache;
	err = codecache_user_charge_object(cache->user);
	if (err)
		goto put_user;
	err = codecache_grace_init(cache);
	if (err)
		goto uncharge;
	codecache_readers_init(cache);
	kref_init(&cache->ref);
	mutex_init(&cache->lock);
	INIT_LIST_HEAD(&cache->zones);
	cache->id = atomic64_inc_return(&codecache_cache_ids);
	codecache_debugfs_add_cache(cache);
	mutex_lock(&codecache_caches_lock);
	list_add_tail(&cache->node, &codecache_caches);
	mutex_unlock(&codecache_caches_lock);
	file->private_data = cache;
	return 0;

uncharge:
	codecache_user_uncharge_object(cache->user);
put_user:
	codecache_user_put(cache->user);
free_cache:
	kfree(cache);
	return err;
}

static void codecache_cache_destroy(struct kref *ref)
{
	struct codecache_cache *cache =
		container_of(ref, struct codecache_cache, ref);

	debugfs_remove_recursive(cache->dir);
	mutex_lock(&codecache_caches_lock);
	list_del(&cache->node);
	codecache_counters_fold(&codecache_gone, &cache->gone);
	if (list_empty(&codecache_caches))
		wake_up_all(&codecache_caches_gone);
	mutex_unlock(&codecache_caches_lock);
	codecache_grace_destroy(cache);
	codecache_readers_destroy(cache);
	codecache_user_uncharge_object(cache->user);
	codecache_user_put(cache->user);
	mutex_destroy(&cache->lock);
	kfree(cache);
}

/**
 * codecache_cache_get - one more reference
 * @cache: to which the caller has one
 *
 * Context: any.
 */
void codecache_cache_get(struct codecache_cache *cache)
{
	kref_get(&cache->ref);
}

/**
 * codecache_cache_put - drop a reference; the last one destroys
 * @cache: the cache
 *
 * Context: process; sleeps.
 */
void codecache_cache_put(struct codecache_cache *cache)
{
	kref_put(&cache->ref, codecache_cache_destroy);
}

/**
 * codecache_caches_wait - wait until there is no cache
 *
 * Context: process; sleeps; no file is open, so what is left only waits for a
 * grace period without readers.
 */
void codecache_caches_wait(void)
{
	wait_event(codecache_caches_gone,
		   list_empty_careful(&codecache_caches));
	/* Who emptied it is done with the list, and with the wait queue, after this. */
	mutex_lock(&codecache_caches_lock);
	mutex_unlock(&codecache_caches_lock);
}

static int codecache_cache_release(struct inode *inode, struct file *file)
{
	struct codecache_cache *cache = file->private_data;

	/* Nobody has the slots mapped any more: what is retired need not wait. */
	codecache_readers_close(cache);
	if (READ_ONCE(cache->grace.running))
		codecache_grace_kick(cache, 0);
	codecache_cache_put(cache);
	return 0;
}

static int codecache_cache_info(struct codecache_ioctl *call)
{
	struct codecache_info_args *args = call->args;
	struct codecache_limits limits;

	codecache_limits_get(&limits);
	args->out_abi_version = CODECACHE_ABI_VERSION;
	args->out_page_size = PAGE_SIZE;
	args->out_features = CODECACHE_FEAT_UFFD_VIEWS |
			     CODECACHE_FEAT_PROTECT_BITMAP |
			     CODECACHE_FEAT_SINGLE_FLUSH |
			     CODECACHE_FEAT_QUERY |
			     CODECACHE_FEAT_TRAP_LOG |
			     CODECACHE_FEAT_TRAP_BLOCK |
			     CODECACHE_FEAT_POPULATE |
			     CODECACHE_FEAT_EXTENTS |
			     CODECACHE_FEAT_GRACE |
			     CODECACHE_FEAT_SEAL;
	args->out_max_zone_bytes = limits.zone_bytes;
	args->out_max_ranges = CODECACHE_MAX_RANGES;
	args->out_max_bitmap_pages = CODECACHE_MAX_BITMAP_PAGES;
	args->out_user_max_pages = limits.user_pages;
	args->out_user_max_objects = limits.user_objects;
	args->out_system_max_pages = limits.system_pages;
	args->out_system_max_objects = limits.system_objects;
	args->out_max_query_ranges = CODECACHE_MAX_RANGES;
	args->out_max_query_pages = CODECACHE_MAX_BITMAP_PAGES;
	args->out_max_log_entries = CODECACHE_MAX_LOG_ENTRIES;
	args->out_fault_around_pages = CODECACHE_AROUND_PAGES;
	args->out_max_readers = CODECACHE_MAX_READERS;
	args->out_max_extents = CODECACHE_MAX_EXTENTS;
	args->out_max_held_pages = codecache_extent_max_held();
	return 0;
}

static const struct codecache_ioctl_op codecache_cache_ops[] = {
	CODECACHE_IOCTL_OP(CODECACHE_IOC_INFO, codecache_info_args,
			   out_abi_version, out_system_max_objects, 0, codecache_cache_info),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_ZONE_CREATE,
			   codecache_zone_create_args, out_fd, out_reserved,
			   CODECACHE_ZONE_F_EXTENTS, codecache_zone_create),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_READER_REGISTER,
			   codecache_reader_register_args, out_index,
			   out_offset, 0, codecache_reader_register,
			   .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_READER_UNREGISTER,
			   codecache_reader_unregister_args, reserved, reserved,
			   0, codecache_reader_unregister,
			   .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_GRACE_START,
			   codecache_grace_start_args, out_cookie, out_cookie,
			   CODECACHE_GRACE_F_URGENT, codecache_grace_start),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_GRACE_POLL,
			   codecache_grace_poll_args, out_completed,
			   out_reserved, 0, codecache_grace_poll),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_GRACE_WAIT,
			   codecache_grace_wait_args, out_completed,
			   out_completed, CODECACHE_GRACE_F_URGENT,
			   codecache_grace_wait),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_GRACE_EVENTFD,
			   codecache_grace_eventfd_args, reserved, reserved, 0,
			   codecache_grace_eventfd, .out_by_handler = true),
	CODECACHE_IOCTL_OP(CODECACHE_IOC_STATS, codecache_stats_args,
			   out_object, out_protect_flushes, 0, codecache_cache_stats_ioctl),
};

static long codecache_cache_ioctl(struct file *file, unsigned int cmd,
				  unsigned long arg)
{
	return codecache_ioctl_dispatch(file, cmd, arg, codecache_cache_ops,
					ARRAY_SIZE(codecache_cache_ops));
}

static void codecache_cache_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct codecache_stats_args stats;

	codecache_cache_stats(file->private_data, &stats);
	codecache_stats_show(m, &stats);
}

const struct file_operations codecache_cache_fops = {
	.owner = THIS_MODULE,
	.open = codecache_cache_open,
	.release = codecache_cache_release,
	.unlocked_ioctl = codecache_cache_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = codecache_cache_mmap,
	.show_fdinfo = codecache_cache_show_fdinfo,
	.llseek = noop_llseek,
};
