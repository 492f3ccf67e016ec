// SPDX-License-Identifier: GPL-2.0-only
/*
 * codecache: a code-cache and page-protection service, as a loadable module
 *
 * Concepts: ordered set-up and tear-down, nothing else. The nouns are in
 *           Documentation/design.rst, the locks in codecache_priv.h.
 * Locking:  none.
 * Lifetime: every file of the module holds it; rmmod works when none is left, and
 *           waits for what is retired.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "codecache_priv.h"

static unsigned short device_mode = 0600;
module_param(device_mode, ushort, 0444);
MODULE_PARM_DESC(device_mode,
		 "permissions of /dev/codecache (default: 0600, root only)");

static struct miscdevice codecache_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &codecache_cache_fops,
};

static int __init codecache_init(void)
{
	int err;

	if (device_mode & ~0777) {
		pr_err("device_mode %#o: only permission bits, please\n",
		       device_mode);
		return -EINVAL;
	}
	codecache_device.mode = device_mode;
	codecache_limits_init();
	codecache_debugfs_init();
	err = codecache_grace_service_init();
	if (err)
		goto exit_debugfs;
	err = codecache_pressure_init();
	if (err)
		goto exit_grace;
	err = misc_register(&codecache_device);
	if (err)
		goto exit_pressure;
	return 0;

exit_pressure:
	codecache_pressure_exit();
exit_grace:
	codecache_grace_service_exit();
exit_debugfs:
	codecache_debugfs_exit();
	return err;
}
module_init(codecache_init);

static void __exit codecache_exit(void)
{
	misc_deregister(&codecache_device);
	codecache_pressure_exit();
	codecache_grace_service_exit();
	codecache_debugfs_exit();
}
module_exit(codecache_exit);

MODULE_DESCRIPTION("Code caches and page protection for JITs, emulators and GCs");
MODULE_AUTHOR("The codecache authors");
MODULE_LICENSE("GPL");
