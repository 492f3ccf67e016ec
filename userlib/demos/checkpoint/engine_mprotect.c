// SPDX-License-Identifier: MIT
/*
 * The engine mprotect: the same as signal without the module, for comparison
 *
 * A memfd, mapped shared. Every range that is opened is a call, a flush, and until
 * its neighbours are open too a VMA or two more. Nothing tells which pages have
 * been stored to since, so every snapshot is full.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"

static int engine_mprotect_open(struct engine *e)
{
	int fd = memfd_create("checkpoint", MFD_CLOEXEC), err = 0;
	void *p;

	e->failed = "a memfd cannot be had";
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)e->bytes))
		err = -errno;
	p = err ? NULL : mmap(NULL, e->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err)
		return err;
	e->zone = p;
	segv_install(e);
	return 0;
}

static void engine_mprotect_close(struct engine *e)
{
	segv_remove();
	munmap(e->zone, e->bytes);
}

static int engine_mprotect_arm(struct engine *e, struct shot *shot)
{
	(void)shot;
	copier_expect(&e->copier, 0, e->copier.nr_pages);
	return mprotect(e->zone, e->bytes, PROT_READ) ? -errno : 0;
}

static int engine_mprotect_allow(struct engine *e, struct codecache_prot_range *ranges,
				 size_t nr)
{
	size_t page = e->copier.page_size, i;

	for (i = 0; i < nr; i++)
		if (mprotect(e->zone + ranges[i].first_page * page,
			     ranges[i].nr_pages * page, PROT_READ | PROT_WRITE))
			return -errno;
	return 0;
}

const struct engine_ops engine_mprotect = {
	.name = "mprotect",
	.what = "mprotect() of a memfd; else as signal; always full",
	.traps = true,
	.open = engine_mprotect_open,
	.close = engine_mprotect_close,
	.arm = engine_mprotect_arm,
	.allow = engine_mprotect_allow,
};
