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
	  "policy forbids it: the zone or the mapping is sealed, block traps of the kernel's"
	  " accesses (parameter unprivileged_block_kernel), or an address below"
	  " vm.mmap_min_addr" },
	{ ENOENT,
	  "the codecache module is not loaded: there is no " CODECACHE_DEVICE "; or no such"
	  " extent is handed out, or the kernel has no SHA-256" },
	{ EINTR,
	  "a signal arrived while the call waited for events or for a grace period, or a fatal"
	  " one" },
	{ EIO, "the module has answered what cannot be" },
	{ ENXIO, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ E2BIG,
	  "the program is newer than the module or the library, and asks for what they lack" },
	{ EBADF, "not an open file descriptor, or of a view of kind uffd, which has no events" },
	{ EAGAIN,
	  "not yet: a grace period is not over, retired extents wait for theirs, no thread is"
	  " blocked in the view, or the system has no more threads" },
	{ ENOMEM, "out of memory or of address space" },
	{ EACCES,
	  "no permission: the mode of " CODECACHE_DEVICE " (parameter device_mode) says who may" },
	{ EFAULT, "memory that the arguments point to cannot be accessed" },
	{ EBUSY,
	  "the view is mapped already or has its one log, the zone has its one view of kind uffd,"
	  " is being sealed or waits for retired extents, the reader is inside, or the cache has"
	  " its one thread" },
	{ EEXIST, "something else is mapped in that address range" },
	{ ENODEV, "the codecache module is not loaded, though there is " CODECACHE_DEVICE },
	{ EINVAL,
	  "an argument is not valid: NULL, no whole pages, ranges that overlap, no such cookie or"
	  " value" },
	{ ENFILE, "the limit of open files of the whole system is reached" },
	{ EMFILE, "the limit of open file descriptors of the process is reached" },
	{ ENOTTY,
	  "not a descriptor of codecache, one of another kind, or a module without this call" },
	{ ENOSPC,
	  "a limit of the system is reached: system_max_pages or system_max_objects of the module;"
	  " or there is no hole for an extent, no slot for a reader, no place for an eventfd" },
	{ ERANGE, "beyond the end of the zone or the view, or larger than the largest zone" },
	{ EOVERFLOW, "a sum exceeds 64 bits, or a size exceeds the address space" },
	{ EOPNOTSUPP,
	  "a flag, kind, protection, trap mode or query that this module, or this kind of object,"
	  " does not have" },
	{ EDEADLK, "this would wait for the calling thread itself, which is inside or is called" },
	{ ETIMEDOUT, "the grace period was not over in time" },
	{ ENODATA, "the zone is not sealed" },
	{ EBADMSG, "the content is not what the digest says, or the signature is none" },
	{ ENOKEY, "the kernel trusts no key of the signature" },
	{ EKEYREJECTED, "the signature is not that of the content" },
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
