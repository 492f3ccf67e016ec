// SPDX-License-Identifier: MIT
/*
 * libcodecache: views
 */
#include "internal.h"

/* The first version of the options: what every caller has at least. */
#define CODECACHE__VIEW_OPTIONS_SIZE_1_0	32

static_assert(sizeof(struct codecache_view_options) >=
	      CODECACHE__VIEW_OPTIONS_SIZE_1_0, "options only ever grow");

int codecache_view_create(struct codecache_zone *zone, uint32_t kind,
			  const struct codecache_view_options *options,
			  struct codecache_view **view)
{
	struct codecache_view_create_args args = { .size = sizeof(args) };
	struct codecache_view_options opts;
	struct codecache_view *new;
	int ret;

	if (!view)
		return -EINVAL;
	*view = NULL;
	if (!zone)
		return -EINVAL;
	ret = codecache__copy_options(&opts, sizeof(opts), options,
				      CODECACHE__VIEW_OPTIONS_SIZE_1_0);
	if (ret)
		return ret;
	args.flags = opts.flags;
	args.kind = kind;
	args.prot = opts.prot;
	args.trap_mode = opts.trap_mode;
	args.first_page = opts.first_page;
	args.nr_pages = opts.nr_pages;
	args.out_fd = -1;

	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = codecache__ioctl(zone->fd, CODECACHE_IOC_VIEW_CREATE, &args);
	if (ret) {
		codecache__free(new);
		return ret;
	}

	new->fd = args.out_fd;
	new->kind = kind;
	new->bytes = args.out_bytes;
	*view = new;
	return 0;
}

int codecache_view_from_fd(int fd, struct codecache_view **view)
{
	struct codecache_stats_args stats;
	struct codecache_view *new;
	int ret;

	if (!view)
		return -EINVAL;
	*view = NULL;
	ret = codecache__identify(fd, CODECACHE_OBJECT_VIEW, &stats);
	if (ret)
		return ret;
	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;

	new->fd = fd;
	new->kind = stats.out_kind;
	new->bytes = stats.out_bytes;
	*view = new;
	return 0;
}

void codecache_view_destroy(struct codecache_view *view)
{
	if (!view)
		return;
	(void)codecache_view_unmap(view);
	codecache__close(view->fd);
	codecache__free(view);
}

int codecache_view_fd(const struct codecache_view *view)
{
	return view ? view->fd : -EINVAL;
}

uint64_t codecache_view_bytes(const struct codecache_view *view)
{
	return view ? view->bytes : 0;
}

uint64_t codecache_view_nr_pages(const struct codecache_view *view)
{
	return view ? view->bytes >> codecache_page_shift() : 0;
}

int codecache_view_stats(const struct codecache_view *view,
			 struct codecache_stats_args *stats)
{
	if (!view || !stats)
		return -EINVAL;
	return codecache__stats(view->fd, stats);
}
