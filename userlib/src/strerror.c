// SPDX-License-Identifier: MIT
/*
 * libcodecache: error numbers in codecache's own terms
 */
#include "internal.h"

static const struct {
	int error;
	const char *text;
} codecache__errors[] = {
	{ 0, "success" },
	{ EPERM,
	  "policy forbids it: block traps of the kernel's accesses (parameter"
	  " unprivileged_block_kernel), an address below vm.mmap_min_addr, or a sealed mapping" },
	{ ENOENT, "the codecache module is not loaded: there is no " CODECACHE_DEVICE },
	{ EINTR, "a signal arrived while the call waited for events, or a fatal one" },
	{ EIO, "the module has answered what cannot be" },
	{ ENXIO, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ E2BIG,
	  "the program is newer than the module or the library, and asks for what they lack" },
	{ EBADF, "not an open file descriptor, or of a view of kind uffd, which has no events" },
	{ EAGAIN, "no thread is blocked in the view, and the descriptor is not to wait for one" },
	{ ENOMEM, "out of memory or of address space" },
	{ EACCES,
	  "no permission: the mode of " CODECACHE_DEVICE " (parameter device_mode) says who may" },
	{ EFAULT, "memory that the arguments point to cannot be accessed" },
	{ EBUSY,
	  "the view is mapped already or has its one log, or the zone its one view of kind uffd" },
	{ EEXIST, "something else is mapped in that address range" },
	{ ENODEV, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ EINVAL,
	  "an argument is not valid: NULL, no whole pages, ranges that overlap, or no such value" },
	{ ENFILE, "the limit of open files of the whole system is reached" },
	{ EMFILE, "the limit of open file descriptors of the process is reached" },
	{ ENOTTY,
	  "not a descriptor of codecache, one of another kind, or a module without this call" },
	{ ENOSPC,
	  "a limit of the system is reached: system_max_pages or system_max_objects of the module" },
	{ ERANGE, "beyond the end of the zone or the view, or larger than the largest zone" },
	{ EOVERFLOW, "a sum exceeds 64 bits, or a size exceeds the address space" },
	{ EOPNOTSUPP,
	  "a flag, kind, protection, trap mode or query that this module, or this kind of object,"
	  " does not have" },
	{ EDQUOT,
	  "a limit of the user is reached: user_max_pages or user_max_objects of the module" },
};

const char *codecache_strerror(int error)
{
	size_t i;

	for (i = 0; i < sizeof(codecache__errors) / sizeof(codecache__errors[0]); i++)
		if (error == codecache__errors[i].error ||
		    error == -codecache__errors[i].error)
			return codecache__errors[i].text;
	return "an error that codecache does not know";
}
