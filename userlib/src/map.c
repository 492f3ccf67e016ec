// SPDX-License-Identifier: MIT
/*
 * libcodecache: where a view is mapped
 */
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Flags that say where, not what: the rest follows from the view. */
#ifdef MAP_32BIT
#define CODECACHE__MAP_FLAGS	(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT)
#else
#define CODECACHE__MAP_FLAGS	(MAP_FIXED | MAP_FIXED_NOREPLACE)
#endif

/*
 * Does this handle have a mapping? Not in a child of fork(): there, the address
 * may belong to something else by now, which an unmap would destroy.
 */
static bool codecache__is_mapped(const struct codecache_view *view)
{
	return view->addr && view->mapper == getpid();
}

int codecache_view_map(struct codecache_view *view, void *addr, int mmap_flags)
{
	const int fixed = mmap_flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	int prot = PROT_READ;
	int ret;

	if (!view || (fixed && !addr))
		return -EINVAL;
	if (mmap_flags & ~(CODECACHE__MAP_FLAGS | MAP_SHARED))
		return -EOPNOTSUPP;
	if (codecache__is_mapped(view))
		return -EBUSY;
	if (view->bytes > SIZE_MAX)
		return -EOVERFLOW;

	prot |= view->kind == CODECACHE_VIEW_EXEC ? PROT_EXEC : PROT_WRITE;
	ret = codecache__mmap(&addr, (size_t)view->bytes, prot,
			      mmap_flags | MAP_SHARED, view->fd, 0);
	if (ret)
		return ret;

	view->addr = addr;
	view->mapper = getpid();
	return 0;
}

/*
 * The module saves what the page tables know before they go, which munmap() does
 * not let it do; but of uffd views there is nothing to save, and modules that
 * know no QUERY do not have the call.
 */
static int codecache__unmap(const struct codecache_view *view)
{
	struct codecache_view_unmap_args args = { .size = sizeof(args) };
	int ret = -ENOTTY;

	if (view->kind != CODECACHE_VIEW_UFFD)
		ret = codecache__ioctl(view->fd, CODECACHE_IOC_VIEW_UNMAP, &args);
	if (ret == -ENOTTY)
		ret = codecache__munmap(view->addr, (size_t)view->bytes);
	return ret;
}

int codecache_view_unmap(struct codecache_view *view)
{
	int ret;

	if (!view || !codecache__is_mapped(view))
		return -EINVAL;
	ret = codecache__unmap(view);
	/* -EINVAL: somebody has unmapped it behind our back. */
	if (!ret || ret == -EINVAL)
		view->addr = NULL;
	return ret;
}

void *codecache_view_addr(const struct codecache_view *view)
{
	return view ? view->addr : NULL;
}

uint64_t codecache_view_page_of(const struct codecache_view *view,
				const void *addr)
{
	uintptr_t offset;

	if (!view || !view->addr)
		return UINT64_MAX;
	/* Below the view, this wraps to beyond any view's end. */
	offset = (uintptr_t)addr - (uintptr_t)view->addr;
	if (offset >= view->bytes)
		return UINT64_MAX;
	return offset >> codecache_page_shift();
}
