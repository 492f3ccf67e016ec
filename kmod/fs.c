// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache file system: an inode, and so an address space, for each view
 *
 * Concepts: a pseudo file system that nobody can mount or walk. A view's own
 *           inode brings its own invalidate_lock, and makes revoking one view
 *           invisible to every other.
 * Locking:  simple_pin_fs()'s own spinlock.
 * Lifetime: the mount is pinned by each view, and the superblock pins the
 *           module until the last inode is gone, which is later than the last
 *           file's release(): rmmod cannot come in between.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "codecache_priv.h"
#include "compat.h"

#define CODECACHE_FS_MAGIC	0x63636d76	/* "ccmv" */

static struct vfsmount *codecache_fs_mnt;
static int codecache_fs_count;

static int codecache_fs_init_context(struct fs_context *fc)
{
	if (!init_pseudo(fc, CODECACHE_FS_MAGIC))
		return -ENOMEM;
	/* From 7.2 on init_pseudo() forbids PROT_EXEC; exec views need it. */
	fc->s_iflags &= ~SB_I_NOEXEC;
	return 0;
}

static struct file_system_type codecache_fs_type = {
	.name = "codecache",
	.owner = THIS_MODULE,
	.init_fs_context = codecache_fs_init_context,
	.kill_sb = kill_anon_super,
};

/* Takes over a reference on the inode. */
static struct file *codecache_fs_open(struct inode *inode, const char *name,
				      const struct file_operations *fops,
				      void *priv)
{
	struct file *file;

	file = alloc_file_pseudo(inode, codecache_fs_mnt, name, O_RDWR, fops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	/* fput() drops a reference on fops->owner that nobody has taken yet. */
	__module_get(fops->owner);
	file->private_data = priv;
	return file;
}

/**
 * codecache_fs_reopen - one more file on an inode of codecache_fs_file()
 * @inode: the inode, whose file system is pinned by its object
 * @name: shown in /proc/PID/maps
 * @fops: of this module
 * @priv: for file->private_data
 *
 * Context: process; sleeps.
 * Return: the file, open for reading and writing, or an ERR_PTR().
 */
struct file *codecache_fs_reopen(struct inode *inode, const char *name,
				 const struct file_operations *fops, void *priv)
{
	ihold(inode);
	return codecache_fs_open(inode, name, fops, priv);
}

/**
 * codecache_fs_file - a file on an inode of its own
 * @name: shown in /proc/PID/maps
 * @fops: of this module
 * @priv: for file->private_data
 *
 * The release of the file must call codecache_fs_release().
 *
 * Context: process; sleeps.
 * Return: the file, open for reading and writing, or an ERR_PTR().
 */
struct file *codecache_fs_file(const char *name,
			       const struct file_operations *fops, void *priv)
{
	struct inode *inode;
	struct file *file;
	int err;

	err = simple_pin_fs(&codecache_fs_type, &codecache_fs_mnt,
			    &codecache_fs_count);
	if (err)
		return ERR_PTR(err);
	inode = alloc_anon_inode(codecache_fs_mnt->mnt_sb);
	if (IS_ERR(inode)) {
		file = ERR_CAST(inode);
		goto release_fs;
	}
	inode->i_flags &= ~S_ANON_INODE;
	file = codecache_fs_open(inode, name, fops, priv);
	if (!IS_ERR(file))
		return file;

release_fs:
	codecache_fs_release();
	return file;
}

/**
 * codecache_fs_release - undo what codecache_fs_file() pinned
 *
 * Context: process; sleeps.
 */
void codecache_fs_release(void)
{
	simple_release_fs(&codecache_fs_mnt, &codecache_fs_count);
}
