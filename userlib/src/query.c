// SPDX-License-Identifier: MIT
/*
 * libcodecache: which pages are dirty, accessed, or lost
 *
 * Async-signal-safe: ioctls and the stack, nothing else.
 */
#include <stdalign.h>

#include "internal.h"

static int codecache__query(const struct codecache_view *view,
			    struct codecache_view_query_args *args)
{
	args->size = sizeof(*args);
	return codecache__ioctl(view->fd, CODECACHE_IOC_VIEW_QUERY, args);
}

int codecache_view_query_args(struct codecache_view *view,
			      struct codecache_view_query_args *args)
{
	return view && args ? codecache__query(view, args) : -EINVAL;
}

/* @args has all but which pages; @args->addr may be 0. */
static int codecache__query_from(const struct codecache_view *view,
				 uint64_t *cursor, uint64_t end,
				 struct codecache_view_query_args *args,
				 size_t *nr)
{
	int ret;

	if (nr)
		*nr = 0;
	if (!view || !cursor || !nr)
		return -EINVAL;
	if (end == UINT64_MAX)
		end = codecache_view_nr_pages(view);
	if (*cursor > end)
		return -EINVAL;
	/* To the kernel, no pages are all that there are. */
	if (*cursor == end)
		return 0;

	args->first_page = *cursor;
	args->nr_pages = end - *cursor;
	ret = codecache__query(view, args);
	if (ret)
		return ret;
	*cursor = args->out_next_page;
	*nr = (size_t)args->out_count;
	return 0;
}

int codecache_view_query(struct codecache_view *view, uint64_t *cursor,
			 uint64_t end, uint32_t find, uint32_t clear,
			 struct codecache_page_range *ranges, size_t max,
			 size_t *nr)
{
	struct codecache_view_query_args args = {
		.addr = (uintptr_t)ranges,
		.count = max,
		.find = find,
		.clear = clear,
	};

	return codecache__query_from(view, cursor, end, &args, nr);
}

int codecache_view_query_protect(struct codecache_view *view, uint64_t *cursor,
				 uint64_t end, uint32_t find, uint32_t clear,
				 uint32_t prot,
				 struct codecache_page_range *ranges, size_t max,
				 size_t *nr, uint64_t *seq)
{
	struct codecache_view_query_args args = {
		.flags = CODECACHE_QUERY_F_PROTECT,
		.addr = (uintptr_t)ranges,
		.count = max,
		.find = find,
		.clear = clear,
		.prot = prot,
	};
	int ret = codecache__query_from(view, cursor, end, &args, nr);

	if (seq)
		*seq = ret ? 0 : args.out_seq;
	return ret;
}

/*
 * One call for the bits from *@done on, which moves on by those that the kernel
 * has looked at. If it stopped inside a word the last time, the next call is for
 * the rest of that word: the kernel's bit 0 is always the first of its bitmap.
 */
static int codecache__query_bits(const struct codecache_view *view,
				 struct codecache_view_query_args *args,
				 uint64_t first_page, uint64_t *bitmap,
				 uint64_t nr_bits, uint64_t *done)
{
	const unsigned int shift = *done % 64;
	uint64_t *word = bitmap + *done / 64;
	uint64_t nr = nr_bits - *done;
	alignas(8) uint64_t part = 0;
	int ret;

	if (shift && nr > 64 - shift)
		nr = 64 - shift;
	args->addr = (uintptr_t)(shift ? &part : word);
	args->count = nr;
	args->first_page = first_page + *done;
	args->nr_pages = nr;
	ret = codecache__query(view, args);
	if (ret)
		return ret;

	if (shift)
		*word |= part << shift;
	/* A kernel that goes nowhere would be asked for ever. */
	if (args->out_next_page - args->first_page - 1 >= nr)
		return -EIO;
	*done = args->out_next_page - first_page;
	return 0;
}

int codecache_view_query_bitmap(struct codecache_view *view, uint64_t first_page,
				uint64_t *bitmap, uint64_t nr_bits,
				uint32_t find, uint32_t clear,
				uint64_t *nr_found)
{
	struct codecache_view_query_args args = {
		.flags = CODECACHE_QUERY_F_BITMAP,
		.find = find,
		.clear = clear,
	};
	uint64_t found = 0;
	uint64_t done = 0;
	int ret = 0;

	if (nr_found)
		*nr_found = 0;
	if (!view || !bitmap)
		return -EINVAL;

	while (!ret && done < nr_bits) {
		ret = codecache__query_bits(view, &args, first_page, bitmap,
					    nr_bits, &done);
		if (!ret)
			found += args.out_nr_pages;
	}
	if (nr_found)
		*nr_found = found;
	return ret;
}
