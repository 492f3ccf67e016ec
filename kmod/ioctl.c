// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache ioctls: one dispatcher for the op tables of caches, zones and views
 *
 * Concepts: structures carry their size, may grow, and are copied in and out
 *           here alone, so that no handler touches user memory twice. The
 *           convention is iommufd's.
 * Locking:  none held; handlers may sleep.
 * Lifetime: a new descriptor becomes visible by fd_install() as the very last
 *           step, after the results are in user memory: nothing to take back.
 */
#include <linux/file.h>
#include <linux/uaccess.h>

#include "codecache_priv.h"

/* Every structure starts like this. */
struct codecache_ioctl_head {
	u32 size;
	u32 flags;
};

static const struct codecache_ioctl_op *
codecache_ioctl_find(const struct codecache_ioctl_op *ops, unsigned int nr_ops,
		     unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < nr_ops; i++) {
		if (ops[i].nr == cmd)
			return &ops[i];
	}
	return NULL;
}

/*
 * Structures are a few words. The general copying functions take longer to begin
 * with these than they take to be copied here.
 */
static int codecache_words_in(u64 *to, const void __user *uptr,
			      unsigned int bytes)
{
	const u64 __user *from = uptr;
	unsigned int i;

	if (!user_read_access_begin(from, bytes))
		return -EFAULT;
	for (i = 0; i < bytes / sizeof(u64); i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int codecache_words_out(void __user *uptr, const u64 *from,
			       unsigned int bytes)
{
	u64 __user *to = uptr;
	unsigned int i;

	if (!user_write_access_begin(to, bytes))
		return -EFAULT;
	for (i = 0; i < bytes / sizeof(u64); i++)
		unsafe_put_user(from[i], to + i, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* Copy in what the caller has, with zeroes for what it does not know. */
static int codecache_ioctl_copy_in(struct codecache_ioctl *call)
{
	const struct codecache_ioctl_head *head = call->args;
	const struct codecache_ioctl_op *op = call->op;
	int err;

	if (get_user(call->size, (u32 __user *)call->uargs))
		return -EFAULT;
	if (call->size < op->min_size)
		return -EINVAL;
	if (call->size > PAGE_SIZE)
		return -E2BIG;
	if (likely(call->size == op->size))
		err = codecache_words_in(call->args, call->uargs, op->size);
	else
		err = copy_struct_from_user(call->args, op->size, call->uargs,
					    call->size);
	if (err)
		return err;
	return head->flags & ~op->flags ? -EOPNOTSUPP : 0;
}

/**
 * codecache_ioctl_copy_out - write the members that the kernel writes
 * @call: executed, or with results that are safe to show before it is
 *
 * Context: process; sleeps.
 * Return: 0 or -EFAULT.
 */
int codecache_ioctl_copy_out(const struct codecache_ioctl *call)
{
	unsigned int out = call->op->out;
	unsigned int len = min(call->size, call->op->size) - out;

	if (likely(!(out % sizeof(u64)) && !(len % sizeof(u64))))
		return codecache_words_out(call->uargs + out,
					   call->args + out, len);
	return copy_to_user(call->uargs + out, call->args + out, len) ?
	       -EFAULT : 0;
}

/**
 * codecache_ioctl_finish - hand over the results, and the new descriptor with them
 * @call: executed
 * @slot: unless NULL, must be NULL still and becomes @value as the last step that
 *	can fail
 * @value: what is published there
 *
 * Context: process; sleeps.
 * Return: 0 or an errno; then call->new_file is gone, and nothing else happened.
 */
int codecache_ioctl_finish(struct codecache_ioctl *call, void *slot,
			   void *value)
{
	void **published = slot;
	int fd, err;

	if (!call->new_file)
		return codecache_ioctl_copy_out(call);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(call->new_file);
		return fd;
	}
	*call->out_fd = fd;
	err = codecache_ioctl_copy_out(call);
	/* Orders what is published; pairs with the reader's acquire. */
	if (!err && published && cmpxchg(published, NULL, value))
		err = -EBUSY;
	if (err) {
		put_unused_fd(fd);
		fput(call->new_file);
		return err;
	}
	fd_install(fd, call->new_file);
	return 0;
}

/**
 * codecache_ioctl_dispatch - run an ioctl of an op table
 * @file: the descriptor's file
 * @cmd: its number
 * @arg: user address of its structure
 * @ops: the table
 * @nr_ops: its length
 *
 * Context: process; sleeps.
 * Return: 0 or a negative errno, by the contract in the uapi header.
 */
long codecache_ioctl_dispatch(struct file *file, unsigned int cmd,
			      unsigned long arg,
			      const struct codecache_ioctl_op *ops,
			      unsigned int nr_ops)
{
	u64 args[CODECACHE_MAX_ARGS / sizeof(u64)];
	struct codecache_ioctl call = {
		.file = file,
		.op = codecache_ioctl_find(ops, nr_ops, cmd),
		.uargs = (void __user *)arg,
		.args = args,
	};
	int err;

	if (!call.op)
		return -ENOTTY;
	err = codecache_ioctl_copy_in(&call);
	if (err)
		return err;
	err = call.op->execute(&call);
	if (err || call.op->out_by_handler)
		return err;
	return codecache_ioctl_finish(&call, NULL, NULL);
}
