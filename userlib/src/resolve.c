// SPDX-License-Identifier: MIT
/*
 * libcodecache: block traps: who is waiting, and the answers
 *
 * Async-signal-safe: a system call and the stack, nothing else.
 */
#include <limits.h>

#include "internal.h"

int codecache_view_read_events(struct codecache_view *view,
			       struct codecache_event *events, size_t max,
			       size_t *nr)
{
	ssize_t bytes;

	if (nr)
		*nr = 0;
	if (!view || !events || !max || !nr)
		return -EINVAL;
	if (max > SSIZE_MAX / sizeof(*events))
		max = SSIZE_MAX / sizeof(*events);

	bytes = codecache__read(view->fd, events, max * sizeof(*events));
	if (bytes < 0)
		return (int)bytes;
	*nr = (size_t)bytes / sizeof(*events);
	return 0;
}

static int codecache__resolve(const struct codecache_view *view,
			      struct codecache_view_resolve_args *args,
			      uint64_t *nr_woken)
{
	int ret = -EINVAL;

	args->size = sizeof(*args);
	if (view)
		ret = codecache__ioctl(view->fd, CODECACHE_IOC_VIEW_RESOLVE, args);
	if (nr_woken)
		*nr_woken = ret ? 0 : args->out_nr_woken;
	return ret;
}

int codecache_view_resolve(struct codecache_view *view, uint64_t first_page,
			   uint64_t nr_pages, uint32_t prot, uint32_t trap,
			   uint64_t *nr_woken)
{
	struct codecache_view_resolve_args args = {
		.first_page = first_page,
		.nr_pages = nr_pages,
		.prot = prot,
		.trap = trap,
	};

	return codecache__resolve(view, &args, nr_woken);
}

int codecache_view_resolve_signal(struct codecache_view *view,
				  uint64_t first_page, uint64_t nr_pages,
				  uint64_t *nr_woken)
{
	struct codecache_view_resolve_args args = {
		.flags = CODECACHE_RESOLVE_F_SIGNAL,
		.first_page = first_page,
		.nr_pages = nr_pages,
	};

	return codecache__resolve(view, &args, nr_woken);
}
