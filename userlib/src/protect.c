// SPDX-License-Identifier: MIT
/*
 * libcodecache: page protections
 *
 * Async-signal-safe: an ioctl and the stack, nothing else. A SIGSEGV handler
 * that lifts a protection is the classic use.
 */
#include "internal.h"

static int codecache__protect(const struct codecache_view *view,
			      struct codecache_view_protect_args *args,
			      uint64_t *failed_index)
{
	int ret = -EINVAL;

	args->size = sizeof(*args);
	args->out_failed_index = UINT64_MAX;
	args->out_seq = 0;
	args->out_populated = 0;
	if (view)
		ret = codecache__ioctl(view->fd, CODECACHE_IOC_VIEW_PROTECT, args);
	if (failed_index)
		*failed_index = args->out_failed_index;
	return ret;
}

int codecache_view_protect(struct codecache_view *view,
			   const struct codecache_prot_range *ranges, size_t nr,
			   uint64_t *failed_index)
{
	struct codecache_view_protect_args args = {
		.addr = (uintptr_t)ranges,
		.count = nr,
	};

	return codecache__protect(view, &args, failed_index);
}

int codecache_view_protect_range(struct codecache_view *view,
				 uint64_t first_page, uint64_t nr_pages,
				 uint32_t prot)
{
	const struct codecache_prot_range range = {
		.first_page = first_page,
		.nr_pages = (uint32_t)nr_pages,
		.prot = (uint16_t)prot,
	};

	/* What does not fit into a range gets what the kernel would answer. */
	if (range.prot != prot)
		return -EINVAL;
	if (range.nr_pages != nr_pages)
		return -ERANGE;
	return codecache_view_protect(view, &range, 1, NULL);
}

int codecache_view_protect_bitmap(struct codecache_view *view,
				  uint64_t first_page, const uint64_t *bitmap,
				  uint64_t nr_bits, uint32_t prot,
				  uint64_t *failed_index)
{
	struct codecache_view_protect_args args = {
		.flags = CODECACHE_PROTECT_F_BITMAP,
		.addr = (uintptr_t)bitmap,
		.count = nr_bits,
		.first_page = first_page,
		.prot = prot,
	};

	return codecache__protect(view, &args, failed_index);
}

int codecache_view_protect_args(struct codecache_view *view,
				struct codecache_view_protect_args *args)
{
	return args ? codecache__protect(view, args, NULL) : -EINVAL;
}
