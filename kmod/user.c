// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache limits: what one user, and all of them, may hold
 *
 * Concepts: an object is a cache, a zone or a view; a page is one that a PFN view
 *           has mapped, which pins it. (What only a uffd view has touched is
 *           shmem's business: charged to the memory cgroup, not here.) Both are
 *           counted for the user who opened the
 *           cache, whoever uses its descriptors later, and for the system.
 *           Memory itself is charged to memory cgroups by shmem; these limits
 *           bound what is unevictable and what costs kernel memory.
 * Locking:  codecache_users_lock protects the table of users. Counting is
 *           lockless: add first, take back when that was too much, so that a
 *           limit may refuse early under contention but is never exceeded.
 * Lifetime: a user lives while a cache of theirs does.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "codecache_priv.h"

/* Until codecache_limits_init(): whatever suits this machine. */
#define CODECACHE_LIMIT_AUTO	ULONG_MAX

static unsigned long user_max_pages = CODECACHE_LIMIT_AUTO;
module_param(user_max_pages, ulong, 0644);
MODULE_PARM_DESC(user_max_pages,
		 "resident pages per user; 0 is no limit (default: half of memory)");

static unsigned long user_max_objects = 65536;
module_param(user_max_objects, ulong, 0644);
MODULE_PARM_DESC(user_max_objects,
		 "caches, zones and views per user; 0 is no limit (default: 65536)");

static unsigned long system_max_pages = CODECACHE_LIMIT_AUTO;
module_param(system_max_pages, ulong, 0644);
MODULE_PARM_DESC(system_max_pages,
		 "resident pages in all; 0 is no limit (default: 3/4 of memory)");

static unsigned long system_max_objects = 262144;
module_param(system_max_objects, ulong, 0644);
MODULE_PARM_DESC(system_max_objects,
		 "caches, zones and views in all; 0 is no limit (default: 262144)");

static unsigned long max_zone_bytes = 1UL << 42;
module_param(max_zone_bytes, ulong, 0444);
MODULE_PARM_DESC(max_zone_bytes,
		 "the largest zone, in bytes (default: 4 TiB)");

static DEFINE_HASHTABLE(codecache_users, 6);
static DEFINE_MUTEX(codecache_users_lock);
static atomic64_t codecache_nr_pages;
static atomic64_t codecache_nr_objects;

/**
 * codecache_limits_init - fill in the limits that depend on the machine
 *
 * Context: process, once, before the device exists.
 */
void codecache_limits_init(void)
{
	unsigned long pages = totalram_pages();

	if (user_max_pages == CODECACHE_LIMIT_AUTO)
		user_max_pages = pages / 2;
	if (system_max_pages == CODECACHE_LIMIT_AUTO)
		system_max_pages = pages - pages / 4;
	if (max_zone_bytes < PAGE_SIZE)
		max_zone_bytes = PAGE_SIZE;
	/* struct codecache_prot_range counts pages in 32 bits. */
	max_zone_bytes = min3(max_zone_bytes, (unsigned long)MAX_LFS_FILESIZE,
			      (unsigned long)U32_MAX << PAGE_SHIFT);
	max_zone_bytes &= PAGE_MASK;
}

/**
 * codecache_limits_get - the limits in force
 * @limits: filled
 *
 * Context: any.
 */
void codecache_limits_get(struct codecache_limits *limits)
{
	limits->user_pages = READ_ONCE(user_max_pages);
	limits->user_objects = READ_ONCE(user_max_objects);
	limits->system_pages = READ_ONCE(system_max_pages);
	limits->system_objects = READ_ONCE(system_max_objects);
	limits->zone_bytes = max_zone_bytes;
}

static struct codecache_user *codecache_user_find(kuid_t uid)
{
	struct codecache_user *user;

	lockdep_assert_held(&codecache_users_lock);
	hash_for_each_possible(codecache_users, user, node, __kuid_val(uid)) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

/**
 * codecache_user_get - the account of a user, made if need be
 * @uid: who
 *
 * Context: process; sleeps.
 * Return: the account with a reference, or NULL: out of memory.
 */
struct codecache_user *codecache_user_get(kuid_t uid)
{
	struct codecache_user *user;

	mutex_lock(&codecache_users_lock);
	user = codecache_user_find(uid);
	if (!user) {
		user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
		if (user) {
			user->uid = uid;
			hash_add(codecache_users, &user->node, __kuid_val(uid));
		}
	}
	if (user)
		user->ref++;
	mutex_unlock(&codecache_users_lock);
	return user;
}

/**
 * codecache_user_put - drop a reference of codecache_user_get()
 * @user: the account
 *
 * Context: process; sleeps.
 */
void codecache_user_put(struct codecache_user *user)
{
	mutex_lock(&codecache_users_lock);
	if (--user->ref) {
		user = NULL;
	} else {
		WARN_ON_ONCE(atomic64_read(&user->objects));
		WARN_ON_ONCE(atomic64_read(&user->pages));
		hash_del(&user->node);
	}
	mutex_unlock(&codecache_users_lock);
	kfree(user);
}

static bool codecache_charge(atomic64_t *count, unsigned long limit)
{
	if (atomic64_inc_return(count) <= limit || !limit)
		return true;
	atomic64_dec(count);
	return false;
}

static int codecache_charge_both(atomic64_t *user, unsigned long user_limit,
				 atomic64_t *system, unsigned long system_limit)
{
	if (!codecache_charge(user, user_limit))
		return -EDQUOT;
	if (!codecache_charge(system, system_limit)) {
		atomic64_dec(user);
		return -ENOSPC;
	}
	return 0;
}

/**
 * codecache_user_charge_object - count one more cache, zone or view
 * @user: whose
 *
 * Context: any.
 * Return: 0, -EDQUOT (limit per user), -ENOSPC (limit of the system).
 */
int codecache_user_charge_object(struct codecache_user *user)
{
	return codecache_charge_both(&user->objects,
				     READ_ONCE(user_max_objects),
				     &codecache_nr_objects,
				     READ_ONCE(system_max_objects));
}

/**
 * codecache_user_uncharge_object - undo codecache_user_charge_object()
 * @user: whose
 *
 * Context: any.
 */
void codecache_user_uncharge_object(struct codecache_user *user)
{
	atomic64_dec(&user->objects);
	atomic64_dec(&codecache_nr_objects);
}

/**
 * codecache_user_charge_page - count one more resident page
 * @user: whose
 *
 * Context: any.
 * Return: 0, -EDQUOT (limit per user), -ENOSPC (limit of the system).
 */
int codecache_user_charge_page(struct codecache_user *user)
{
	return codecache_charge_both(&user->pages, READ_ONCE(user_max_pages),
				     &codecache_nr_pages,
				     READ_ONCE(system_max_pages));
}

/**
 * codecache_user_uncharge_pages - undo codecache_user_charge_page()
 * @user: whose
 * @nr: how often
 *
 * Context: any.
 */
void codecache_user_uncharge_pages(struct codecache_user *user, u64 nr)
{
	atomic64_sub(nr, &user->pages);
	atomic64_sub(nr, &codecache_nr_pages);
}

/**
 * codecache_system_pages - resident pages of all users
 *
 * Context: any.
 * Return: their number.
 */
u64 codecache_system_pages(void)
{
	return atomic64_read(&codecache_nr_pages);
}

/**
 * codecache_system_objects - caches, zones and views of all users
 *
 * Context: any.
 * Return: their number.
 */
u64 codecache_system_objects(void)
{
	return atomic64_read(&codecache_nr_objects);
}
