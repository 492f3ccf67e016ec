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
	{ EPERM, "the system's policy forbids it: an address below vm.mmap_min_addr, for one" },
	{ ENOENT, "the codecache module is not loaded: there is no " CODECACHE_DEVICE },
	{ EINTR, "a fatal signal arrived during the call" },
	{ ENXIO, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ E2BIG,
	  "the program is newer than the module or the library, and asks for what they lack" },
	{ EBADF, "not an open file descriptor" },
	{ ENOMEM, "out of memory or of address space" },
	{ EACCES,
	  "no permission: the mode of " CODECACHE_DEVICE " (parameter device_mode) says who may" },
	{ EFAULT, "memory that the arguments point to cannot be accessed" },
	{ EBUSY, "the view is mapped already, or the zone has its one view of kind uffd" },
	{ EEXIST, "something else is mapped in that address range" },
	{ ENODEV, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ EINVAL,
	  "an argument is not valid: NULL, no whole pages, ranges that overlap, or no such value" },
	{ ENFILE, "the limit of open files of the whole system is reached" },
	{ EMFILE, "the limit of open file descriptors of the process is reached" },
	{ ENOTTY, "not a descriptor of codecache, or one of another kind" },
	{ ENOSPC,
	  "a limit of the system is reached: system_max_pages or system_max_objects of the module" },
	{ ERANGE, "beyond the end of the zone or the view, or larger than the largest zone" },
	{ EOVERFLOW, "a sum exceeds 64 bits, or a size exceeds the address space" },
	{ EOPNOTSUPP,
	  "a flag, kind or protection that this module, or this kind of object, does not have" },
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
