// SPDX-License-Identifier: MIT
/*
 * The engine fork: a child keeps the instant, copy-on-write, for comparison
 *
 * The mutators wait while fork() copies the page tables of everything. Afterwards
 * their first store to each page is a page fault, in which the kernel copies it.
 * The child writes all pages to the file and ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "file.h"

struct fork_engine {
	pid_t pid;
	/* Written by the child: */
	int err;
	uint64_t bytes;
};

static int engine_fork_open(struct engine *e)
{
	void *zone, *f;

	e->failed = "there is no memory for a zone";
	zone = mmap(NULL, e->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (zone == MAP_FAILED)
		return -errno;
	/* Pages of 4 KiB as the others have them. */
	madvise(zone, e->bytes, MADV_NOHUGEPAGE);
	f = mmap(NULL, sizeof(struct fork_engine), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f == MAP_FAILED) {
		munmap(zone, e->bytes);
		return -ENOMEM;
	}
	e->zone = zone;
	e->priv = f;
	return 0;
}

static void engine_fork_close(struct engine *e)
{
	munmap(e->zone, e->bytes);
	munmap(e->priv, sizeof(struct fork_engine));
}

/* In the child: it has one thread, and calls nothing that could want a lock. */
static void engine_fork_child(struct engine *e, const struct shot *shot)
{
	struct fork_engine *f = e->priv;
	struct file_header header = engine_header(e, shot);
	struct codecache_prot_range all = {
		.nr_pages = (uint32_t)e->copier.nr_pages,
	};

	header.nr_ranges = 1;
	f->err = file_write(shot->path, &header, &all, e->zone, &f->bytes);
	_exit(f->err != 0);
}

static int engine_fork_arm(struct engine *e, struct shot *shot)
{
	struct fork_engine *f = e->priv;
	pid_t pid;

	f->err = 0;
	f->bytes = 0;
	pid = fork();
	if (!pid)
		engine_fork_child(e, shot);
	/* The child shares *f, and must not write this. */
	f->pid = pid;
	return pid < 0 ? -errno : 0;
}

static int engine_fork_take(struct engine *e, struct shot *shot)
{
	struct fork_engine *f = e->priv;
	int status;

	while (waitpid(f->pid, &status, 0) != f->pid)
		if (errno != EINTR)
			return -errno;
	shot->pages = e->copier.nr_pages;
	shot->bytes = f->bytes;
	if (status)
		return f->err ? f->err : -ECHILD;
	return 0;
}

const struct engine_ops engine_fork = {
	.name = "fork",
	.what = "fork(); the child writes the file, the kernel copies on write; always full",
	.open = engine_fork_open,
	.close = engine_fork_close,
	.arm = engine_fork_arm,
	.take = engine_fork_take,
};
