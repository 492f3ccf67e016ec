// SPDX-License-Identifier: MIT
/* What all engines share: memory for copies, and SIGSEGV as a trap. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "file.h"

static struct engine *segv_engine;

/* Memory that is there: no page fault when a page is copied to it. */
static void *engine_alloc(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t engine_ranges_bytes(const struct engine *e)
{
	return (e->copier.nr_pages + 1) / 2 * sizeof(*e->ranges);
}

static void engine_free(struct engine *e)
{
	struct copier *c = &e->copier;

	if (c->image)
		munmap(c->image, e->bytes);
	if (c->state)
		munmap((void *)c->state, c->nr_pages);
	if (e->ranges)
		munmap(e->ranges, engine_ranges_bytes(e));
}

int engine_open(struct engine *e, const struct engine_ops *ops, uint64_t nr_pages,
		size_t page_size)
{
	struct copier *c = &e->copier;
	int err;

	e->ops = ops;
	e->bytes = nr_pages * page_size;
	c->nr_pages = nr_pages;
	c->page_size = page_size;
	c->image = engine_alloc(e->bytes);
	c->state = engine_alloc(nr_pages);
	e->ranges = engine_alloc(engine_ranges_bytes(e));
	e->failed = "there is no memory for copies";
	err = c->image && c->state && e->ranges ? 0 : -ENOMEM;
	if (!err)
		err = ops->open(e);
	if (err)
		engine_free(e);
	c->zone = e->zone;
	return err;
}

void engine_close(struct engine *e)
{
	e->ops->close(e);
	engine_free(e);
}

struct file_header engine_header(const struct engine *e, const struct shot *shot)
{
	return (struct file_header){
		.magic = FILE_MAGIC,
		.instant = shot->instant,
		.base = shot->full ? FILE_FULL : shot->base,
		.nr_pages = e->copier.nr_pages,
		.page_size = e->copier.page_size,
	};
}

/* Nothing here but system calls: the mutator may be anywhere. */
static void segv_die(const char *what)
{
	ssize_t n = write(STDOUT_FILENO, what, strlen(what));

	_exit(n < 0 ? 3 : 1);
}

/*
 * A mutator stores to a page that is read-only: copy it, open it, try again. The
 * mutator holds locks of its pages, none of which is wanted here; and it is not at
 * its safe point, so the next snapshot cannot begin before this is done.
 */
static void segv_handler(int sig, siginfo_t *info, void *context)
{
	struct engine *e = segv_engine;
	uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)e->zone;
	struct codecache_prot_range range = {
		.first_page = at / e->copier.page_size,
		.nr_pages = 1,
		.prot = CODECACHE_PROT_READ | CODECACHE_PROT_WRITE,
	};
	int saved_errno = errno;

	(void)sig;
	(void)context;
	if (at >= e->bytes)
		segv_die("checkpoint: a stray access\n");
	copier_save(&e->copier, range.first_page);
	if (e->ops->allow(e, &range, 1))
		segv_die("checkpoint: a page cannot be made writable again\n");
	errno = saved_errno;
}

void segv_install(struct engine *e)
{
	struct sigaction act = { .sa_sigaction = segv_handler, .sa_flags = SA_SIGINFO };

	segv_engine = e;
	sigaction(SIGSEGV, &act, NULL);
}

void segv_remove(void)
{
	signal(SIGSEGV, SIG_DFL);
	segv_engine = NULL;
}
