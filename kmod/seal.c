// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache seals: code that nobody changes any more
 *
 * Concepts: first nothing can be stored to the zone any more, then it is hashed, then
 *           it is sealed, or all is as it was. While it is hashed, writers wait.
 *           Only code zones: all their pages that are resident are in zone->pages.
 * Locking:  zone->filling, for writing, around changes of zone->seal; it is read
 *           under view->lock, which the sweep over write views takes after it has
 *           changed: whoever saw the zone open is done by then. Extents neither
 *           come nor go while a SEAL is at work.
 * Lifetime: the zone's.
 *
 * Races:
 *  - A write fault that saw the zone open: maps its page under view->lock, before
 *    the sweep, which takes it away.
 *  - A fault that has seen the beginning of a SEAL and is refused because of it:
 *    the count has changed, so it is tried again, and waits.
 *  - A debugger that writes: does so with zone->filling held shared, before the
 *    SEAL begins, or not at all.
 */
#include <crypto/hash.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"
#include "compat.h"
#include "testing.h"
#include "trace.h"

#define CODECACHE_SIGNATURE_MAX	65536U

/* What a signature is made over. */
struct codecache_signed {
	u8 digest[32];
	__le64 tag;
} __packed;

/* ---- who wants to write -------------------------------------------------- */

/**
 * codecache_seal_wait - wait for the end of a SEAL that may yet fail
 * @view: a write view
 * @user: the access is user space's, not a system call's
 *
 * Context: fault; the core's lock held, none of ours.
 * Return: VM_FAULT_NOPAGE: try again; VM_FAULT_SIGSEGV: the thread is being killed, and
 * its system call, which cannot be left between two faults, is to end.
 */
vm_fault_t codecache_seal_wait(struct codecache_view *view, bool user)
{
	struct codecache_seal *seal = &view->zone->seal;

	/* Not for long at a time: mmap_lock is held. */
	if (wait_event_killable_timeout(seal->wait,
					!codecache_seal_working(READ_ONCE(seal->seq)),
					HZ / 20 + 1) < 0 && !user)
		return VM_FAULT_SIGSEGV;
	return VM_FAULT_NOPAGE;
}

/* ---- the digest ---------------------------------------------------------- */

struct codecache_hash {
	struct codecache_zone *zone;
	struct crypto_shash *tfm;
	struct shash_desc *desc;
	u64 bytes;
};

static int codecache_hash_page(struct codecache_hash *hash, unsigned long pgoff)
{
	void *entry = xa_load(&hash->zone->pages, pgoff);
	struct page *page = entry ? xa_untag_pointer(entry) : ZERO_PAGE(0);
	void *kaddr;
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	kaddr = kmap_local_page(page);
	err = crypto_shash_update(hash->desc, kaddr, PAGE_SIZE);
	kunmap_local(kaddr);
	hash->bytes += PAGE_SIZE;
	cond_resched();
	return err;
}

static int codecache_hash_run(struct codecache_hash *hash, unsigned long first,
			      unsigned long nr)
{
	int err = 0;

	while (nr-- && !err)
		err = codecache_hash_page(hash, first++);
	return err;
}

static int codecache_hash_zone(struct codecache_hash *hash)
{
	struct codecache_zone *zone = hash->zone;
	struct codecache_area *area;
	int err = 0;

	if (!zone->has_extents)
		return codecache_hash_run(hash, 0, zone->nr_pages);
	/* They stay as they are while the seal is at work. */
	for (area = codecache_extmap_next(&zone->extents, 0); area && !err;
	     area = codecache_extmap_next(&zone->extents,
					  area->first + area->nr))
		err = codecache_hash_run(hash, area->first, area->nr);
	return err;
}

static int codecache_seal_hash(struct codecache_zone *zone, u8 *digest,
			       u64 *bytes)
{
	struct codecache_hash hash = { .zone = zone };
	int err = -ENOMEM;

	hash.tfm = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(hash.tfm))
		return PTR_ERR(hash.tfm);
	hash.desc = kzalloc(sizeof(*hash.desc) +
			    crypto_shash_descsize(hash.tfm), GFP_KERNEL);
	if (!hash.desc)
		goto free_tfm;
	hash.desc->tfm = hash.tfm;
	err = crypto_shash_init(hash.desc);
	if (!err)
		err = codecache_hash_zone(&hash);
	if (!err)
		err = crypto_shash_final(hash.desc, digest);
	*bytes = hash.bytes;
	kfree_sensitive(hash.desc);
free_tfm:
	crypto_free_shash(hash.tfm);
	return err;
}

/* ---- SEAL ---------------------------------------------------------------- */

/* Of the many ways in which the kernel says no, those that the uapi tells apart. */
static int codecache_seal_errno(int err)
{
	switch (err) {
	case 0:
	case -EBADMSG:
	case -EINTR:
	case -EKEYREJECTED:
	case -ENOKEY:
	case -ENOMEM:
	case -EOPNOTSUPP:
		return err;
	case -ENOPKG:		/* made by an algorithm that it does not have */
		return -EOPNOTSUPP;
	}
	return -EBADMSG;
}

static int codecache_seal_verify(const struct codecache_zone_seal_args *args,
				 const void *signature)
{
	struct codecache_signed what = { .tag = cpu_to_le64(args->tag) };

	if (args->flags & CODECACHE_SEAL_F_DIGEST &&
	    memcmp(args->digest, args->out_digest, sizeof(args->digest)))
		return -EBADMSG;
	if (!signature)
		return 0;
	memcpy(what.digest, args->out_digest, sizeof(what.digest));
	return codecache_seal_errno(codecache_verify_pkcs7(&what, sizeof(what),
							   signature,
							   args->signature_len));
}

/* From here on writers wait. */
static int codecache_seal_begin(struct codecache_zone *zone)
{
	int err = 0;

	if (down_write_killable(&zone->filling))
		return -EINTR;
	if (zone->seal.closed)
		err = -EPERM;
	else if (codecache_seal_working(zone->seal.seq) ||
		 zone->extents.retired_pages)
		err = -EBUSY;
	else
		WRITE_ONCE(zone->seal.seq, zone->seal.seq + 1);
	up_write(&zone->filling);
	return err;
}

static void codecache_seal_end(struct codecache_zone *zone, bool closed)
{
	down_write(&zone->filling);
	WRITE_ONCE(zone->seal.closed, closed);
	/* Pairs with the acquire in codecache_zone_sealed(). */
	smp_store_release(&zone->seal.seq, zone->seal.seq + 1);
	up_write(&zone->filling);
	wake_up_all(&zone->seal.wait);
}

/* Take every entry of the write views away. */
static int codecache_seal_revoke(struct codecache_zone *zone)
{
	struct codecache_retired *whole;
	LIST_HEAD(one);
	struct codecache_sweep sweep = {
		.zone = zone,
		.list = &one,
		.writers = true,
	};
	int err;

	whole = kzalloc(struct_size(whole, ranges, 1), GFP_KERNEL);
	if (!whole)
		return -ENOMEM;
	whole->zone = zone;
	whole->nr = 1;
	whole->ranges[0].nr_pages = zone->nr_pages;
	list_add(&whole->node, &one);
	sweep.from = whole;
	err = codecache_sweep_run(&sweep);
	kfree(whole);
	return err;
}

static int codecache_seal_run(struct codecache_zone *zone,
			      struct codecache_zone_seal_args *args,
			      const void *signature)
{
	struct codecache_seal *seal = &zone->seal;
	int err;

	err = codecache_seal_begin(zone);
	if (err)
		return err;
	err = codecache_seal_revoke(zone);
	if (!err)
		err = codecache_seal_hash(zone, args->out_digest,
					  &args->out_bytes);
	if (!err)
		err = codecache_seal_verify(args, signature);
	codecache_test_pause(CODECACHE_TEST_SEAL);
	if (!err) {
		memcpy(seal->digest, args->out_digest, sizeof(seal->digest));
		seal->tag = args->tag;
		seal->bytes = args->out_bytes;
		seal->verified = signature;
	}
	codecache_seal_end(zone, !err);
	trace_codecache_seal(zone->id, args->out_bytes, err);
	return err;
}

static int codecache_seal_check(const struct codecache_zone *zone,
				const struct codecache_zone_seal_args *args)
{
	bool sign = args->flags & CODECACHE_SEAL_F_SIGNATURE;

	if (zone->class != CODECACHE_ZONE_CODE)
		return -EOPNOTSUPP;
	if (args->reserved || !args->signature_len != !sign ||
	    (args->signature && !sign) ||
	    args->signature_len > CODECACHE_SIGNATURE_MAX)
		return -EINVAL;
	if (!(args->flags & CODECACHE_SEAL_F_DIGEST) &&
	    memchr_inv(args->digest, 0, sizeof(args->digest)))
		return -EINVAL;
	return 0;
}

/**
 * codecache_zone_seal - CODECACHE_IOC_ZONE_SEAL
 * @call: on a zone
 *
 * Context: process; sleeps; takes time in proportion to the content.
 * Return: 0 or an errno of the uapi; then the zone is as it was.
 */
int codecache_zone_seal(struct codecache_ioctl *call)
{
	struct codecache_zone_seal_args *args = call->args;
	struct codecache_zone *zone = call->file->private_data;
	void *signature = NULL;
	int err;

	err = codecache_seal_check(zone, args);
	if (err)
		return err;
	memset(args->out_digest, 0, sizeof(args->out_digest));
	args->out_bytes = 0;
	/* Before anything changes, so that EFAULT means that nothing has. */
	if (codecache_ioctl_copy_out(call))
		return -EFAULT;
	if (args->flags & CODECACHE_SEAL_F_SIGNATURE) {
		signature = memdup_user(u64_to_user_ptr(args->signature),
					args->signature_len);
		if (IS_ERR(signature))
			return PTR_ERR(signature);
	}
	err = codecache_seal_run(zone, args, signature);
	kfree(signature);
	/* The structure may lie in what has just become immutable. */
	if (!err)
		(void)codecache_ioctl_copy_out(call);
	return err;
}

/* ---- SEAL_INFO ----------------------------------------------------------- */

static int codecache_seal_tell(struct codecache_zone *zone,
			       struct codecache_seal_info_args *args)
{
	const struct codecache_seal *seal = &zone->seal;
	bool closed;

	down_read(&zone->filling);
	closed = seal->closed;
	up_read(&zone->filling);
	if (!closed)
		return -ENODATA;
	memcpy(args->out_digest, seal->digest, sizeof(args->out_digest));
	args->out_tag = seal->tag;
	args->out_bytes = seal->bytes;
	args->out_signed = seal->verified;
	args->out_reserved = 0;
	return 0;
}

/**
 * codecache_zone_seal_info - CODECACHE_IOC_SEAL_INFO on a zone
 * @call: the call
 *
 * Context: process; sleeps.
 * Return: 0 or -ENODATA.
 */
int codecache_zone_seal_info(struct codecache_ioctl *call)
{
	return codecache_seal_tell(call->file->private_data, call->args);
}

/**
 * codecache_view_seal_info - CODECACHE_IOC_SEAL_INFO on a view
 * @call: the call
 *
 * Context: process; sleeps.
 * Return: 0 or -ENODATA.
 */
int codecache_view_seal_info(struct codecache_ioctl *call)
{
	struct codecache_view *view = call->file->private_data;

	return codecache_seal_tell(view->zone, call->args);
}
