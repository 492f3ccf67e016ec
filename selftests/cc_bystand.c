// SPDX-License-Identifier: MIT
/*
 * Bystanders of a churn: what they do to views, clocks and memory
 *
 * Each act is done once a call, by one thread at a time; other acts go on meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cc_bystand.h"

/* Far from where anything else is mapped: nobody takes the place meanwhile. */
#define PLACE(i)	((unsigned char *)0x200000000000UL + ((uintptr_t)(i) << 40))

const char *const churn_names[CHURN_BITS] = {
	"loads", "stores", "PROTECT and QUERY", "mappings", "views", "processes",
	"drop_caches", "grace periods", "garbage", "pokes",
};

static unsigned int dice(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

static unsigned char *any_word(struct bystand *b, unsigned int view,
			       unsigned int *seed)
{
	return b->at[view] + dice(seed, b->mem->nr_pages) * b->page +
	       STRAY_WORD * sizeof(uint64_t);
}

/* ---- accesses ---------------------------------------------------------------- */

/* A system call that reads from a page, or is refused. */
static int write_pipe(const void *p)
{
	int fds[2], err = 0;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	if (write(fds[1], p, 64) != 64 && errno != EFAULT)
		err = -errno;
	close(fds[0]);
	close(fds[1]);
	return err;
}

/* There is nothing, or zeros, or what an owner of that page has stored. */
static int look_at(struct bystand *b, unsigned char *at, uint64_t page)
{
	const uint32_t mark = page_mark(page);
	unsigned char byte;
	unsigned int i;
	int sig;

	for (i = 0; i < sizeof(mark); i++) {
		sig = cc_load(at + i, &byte);
		if (sig)
			return sig == SIGSEGV ? 0 : -sig;
		if (byte && byte != (unsigned char)(mark >> 8 * i))
			atomic_fetch_add(&b->foreign, 1);
	}
	return 0;
}

static int act_touch(struct bystand *b, unsigned int *seed)
{
	unsigned char *map = b->at[dice(seed, STRAY_VIEWS)];
	unsigned int i;
	uint64_t page;
	int err = 0;

	if (dice(seed, 8) == 0)
		return write_pipe(any_word(b, STRAY_READ, seed));
	for (i = 0; i < 4 && !err; i++) {
		page = dice(seed, b->mem->nr_pages);
		err = look_at(b, map + page * b->page, page);
	}
	return err;
}

/* A system call that writes to a page, or is refused. */
static int read_pipe(void *p)
{
	const uint64_t value = STRAY_VALUE;
	int fds[2], err = 0;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	if (write(fds[1], &value, sizeof(value)) != sizeof(value) ||
	    (read(fds[0], p, sizeof(value)) != sizeof(value) &&
	     errno != EFAULT))
		err = -errno;
	close(fds[0]);
	close(fds[1]);
	return err;
}

static int act_store(struct bystand *b, unsigned int *seed)
{
	unsigned int i;
	int sig;

	if (dice(seed, 8) == 0)
		return read_pipe(any_word(b, STRAY_WRITE, seed));
	for (i = 0; i < 8; i++) {
		/* One byte of it: what is read is part of the value, or zero. */
		sig = cc_store(any_word(b, STRAY_WRITE, seed),
			       (unsigned char)STRAY_VALUE);
		if (sig && sig != SIGSEGV)
			return -sig;
	}
	return 0;
}

/* ---- calls on views ---------------------------------------------------------- */

static int query(struct bystand *b, unsigned int view, unsigned int *seed)
{
	bool writes = cc_kind_full(b->kind[view]) & CODECACHE_PROT_WRITE;
	struct codecache_page_range r[64];
	struct codecache_view_query_args args = {
		.find = writes ? CC_DIRTY | CC_YOUNG : CC_YOUNG,
		.addr = (uintptr_t)r,
		.count = ARRAY_LEN(r),
	};

	args.clear = dice(seed, 4) & args.find;
	if (writes && dice(seed, 4) == 0) {
		args.flags = CODECACHE_QUERY_F_PROTECT;
		args.prot = dice(seed, 2) ? CC_R : CC_NONE;
	}
	return cc_query_call(b->fd[view], &args);
}

static int protect_bits(struct bystand *b, unsigned int view, uint32_t prot)
{
	uint64_t words[64];
	uint64_t nr = b->mem->nr_pages;

	memset(words, 0x55, sizeof(words));
	if (nr > sizeof(words) * 8)
		nr = sizeof(words) * 8;
	return cc_protect_bits(b->fd[view], words, nr, 0, prot, NULL);
}

static int act_protect(struct bystand *b, unsigned int *seed)
{
	unsigned int view = dice(seed, STRAY_VIEWS);
	uint32_t full = cc_kind_full(b->kind[view]);
	uint32_t prots[] = { CC_NONE, full, full, full };
	uint64_t nr = b->mem->nr_pages, first = dice(seed, nr);
	uint32_t prot = prots[dice(seed, ARRAY_LEN(prots))];
	long long done;

	switch (dice(seed, 5)) {
	case 0:
		return query(b, view, seed);
	case 1:
		return protect_bits(b, view, prot);
	case 2:
		return cc_protect_run(b->fd[view], 0, nr, prot);
	case 3:
		return cc_protect_run(b->fd[view], first, nr - first, prot);
	}
	done = cc_populate(b->fd[view], 0, nr, full);
	return done < 0 ? done : 0;
}

static int map_stray(struct bystand *b, unsigned int view)
{
	void *p = mmap(PLACE(view), b->mem->nr_pages * b->page,
		       cc_kind_mmap(b->kind[view]),
		       MAP_SHARED | MAP_FIXED_NOREPLACE, b->fd[view], 0);

	if (p == MAP_FAILED)
		return -errno;
	b->at[view] = p;
	return 0;
}

static int act_remap(struct bystand *b, unsigned int *seed)
{
	unsigned int view = dice(seed, STRAY_VIEWS);
	int err;

	if (dice(seed, 2))
		err = cc_unmap(b->fd[view], NULL);
	else
		err = munmap(b->at[view], b->mem->nr_pages * b->page) ? -errno :
									0;
	usleep(dice(seed, 500));
	return err ? err : map_stray(b, view);
}

/* A view of some pages: made, used, closed. */
static int act_views(struct bystand *b, unsigned int *seed)
{
	unsigned int i, view = dice(seed, STRAY_VIEWS);
	uint64_t first = dice(seed, b->mem->nr_pages);
	uint64_t nr = 1 + dice(seed, b->mem->nr_pages - first);
	int fd = cc_window(b->mem->zone, b->kind[view], first, nr);
	unsigned char *p;

	if (fd < 0)
		return fd;
	p = cc_map(fd, b->kind[view], nr);
	if (!p) {
		close(fd);
		return -errno;
	}
	for (i = 0; i < 4; i++)
		cc_load(p + dice(seed, nr) * b->page, NULL);
	if (dice(seed, 2)) {
		close(fd);
		munmap(p, nr * b->page);
	} else {
		munmap(p, nr * b->page);
		close(fd);
	}
	return 0;
}

/* ---- processes --------------------------------------------------------------- */

/* The views of the parent are not mapped here: take new ones, and be a reader. */
static _Noreturn void child(struct bystand *b, unsigned int seed)
{
	struct cc_shared shared;
	struct ext_reader reader;
	uint64_t nr = b->mem->nr_pages;
	unsigned char *p[STRAY_VIEWS];
	unsigned int i;

	for (i = 0; i < STRAY_VIEWS; i++) {
		int fd = cc_view(b->mem->zone, b->kind[i]);

		p[i] = fd < 0 ? NULL : cc_map(fd, b->kind[i], nr);
		if (!p[i])
			_exit(1);
	}
	if (cc_share(&shared, b->mem->cache) ||
	    ext_register(&reader, b->mem->cache, &shared))
		_exit(2);
	ext_enter(&reader);
	for (i = 0; i < 50 + dice(&seed, 50); i++)
		cc_load(p[i % STRAY_VIEWS] + dice(&seed, nr) * b->page, NULL);
	switch (dice(&seed, 3)) {
	case 0:
		_exit(0);
	case 1:
		execl("/proc/self/exe", "self", "--exit", NULL);
		_exit(3);
	}
	for (;;)
		pause();
}

static int act_fork(struct bystand *b, unsigned int *seed)
{
	pid_t pid = cc_fork();
	int status;

	if (!pid)
		child(b, *seed + 1);
	if (pid < 0)
		return -errno;
	usleep(dice(seed, 20000));
	kill(pid, SIGKILL);
	status = cc_wait(pid);
	return status && status != 128 + SIGKILL ? -ECHILD : 0;
}

/* A debugger, which writes to the word that is not the owners'. */
static int act_debug(struct bystand *b, unsigned int *seed)
{
	uint64_t value = STRAY_VALUE;
	unsigned int i;
	char path[64];
	pid_t pid;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", getpid());
	pid = cc_fork();
	if (pid)
		return pid < 0 ? -errno : cc_wait(pid) ? -ECHILD : 0;
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		_exit(1);
	for (i = 0; i < 500; i++) {
		unsigned char *at = any_word(b, STRAY_READ, seed);

		/* Refused where there is nothing, or what is retired. */
		if (pwrite(mem, &value, sizeof(value), (uintptr_t)at) < 0 &&
		    errno != EIO)
			_exit(2);
		pread(mem, &value, sizeof(value), (uintptr_t)at);
		value = STRAY_VALUE;
	}
	_exit(0);
}

/* ---- memory, and the clock --------------------------------------------------- */

static int act_shrink(struct bystand *b, unsigned int *seed)
{
	static bool quiet;	/* do not fill the kernel's log */
	int err = 0;

	(void)b;
	if (!quiet)
		err = cc_write_file("/proc/sys/vm/drop_caches", "4");
	quiet = true;
	if (!err)
		err = cc_write_file("/proc/sys/vm/drop_caches", "2");
	usleep(dice(seed, 5000));
	return err;
}

static int hear(struct bystand *b, uint64_t cookie)
{
	int err, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	err = cc_grace_eventfd(b->mem->cache, cookie, fd);
	close(fd);
	return err;
}

/* A reader that comes, is inside for a while, and goes. */
static int visit(struct bystand *b, unsigned int *seed)
{
	struct ext_reader reader;
	int err = ext_register(&reader, b->mem->cache, b->shared);
	uint64_t outer;

	if (err)
		return err;
	outer = ext_enter(&reader);
	cc_load(any_word(b, STRAY_READ, seed), NULL);
	usleep(dice(seed, 3000));
	ext_exit(&reader, outer);
	return ext_unregister(&reader);
}

static int act_clock(struct bystand *b, unsigned int *seed)
{
	uint64_t cookie;
	int err;

	if (dice(seed, 2))
		return visit(b, seed);
	err = cc_grace_start(b->mem->cache, dice(seed, 4) ? 0 :
			     CODECACHE_GRACE_F_URGENT, &cookie);
	if (!err && dice(seed, 4) == 0)
		err = hear(b, cookie);
	if (!err && dice(seed, 2)) {
		err = cc_grace_wait_ns(b->mem->cache, cookie,
				       1000000 + dice(seed, 20000000));
		err = err == -ETIMEDOUT ? 0 : err;
	}
	cc_grace_poll(b->mem->cache, 0);
	return err;
}

/* What a slot may have in it if nobody can be trusted. */
static uint64_t nonsense(struct bystand *b, unsigned int *seed)
{
	uint64_t epoch = b->shared->control->epoch;

	switch (dice(seed, 8)) {
	case 0:
		return epoch - 1 + dice(seed, 3);
	case 1:
		return 1;
	case 2:
		return ~0ULL - dice(seed, 2);
	case 3:
		return 1ULL << dice(seed, 64);
	case 4:
		return (uint64_t)rand_r(seed) << 32 | rand_r(seed);
	}
	return 0;
}

static int act_garbage(struct bystand *b, unsigned int *seed)
{
	struct ext_reader readers[4];
	unsigned int i, k;
	int err = 0;

	for (i = 0; i < ARRAY_LEN(readers) && !err; i++)
		err = ext_register(&readers[i], b->mem->cache, b->shared);
	for (k = 0; k < 200 && !err; k++) {
		/* All that is in the page of these slots. */
		uint64_t *at = (uint64_t *)b->shared->slots;

		at[dice(seed, b->page / sizeof(*at))] = nonsense(b, seed);
		for (i = 0; i < ARRAY_LEN(readers); i++)
			b->shared->slots[readers[i].index].active =
				nonsense(b, seed);
		usleep(dice(seed, 50));
	}
	memset(b->shared->slots, 0, b->page);
	for (i = 0; i < ARRAY_LEN(readers) && !err; i++)
		err = ext_unregister(&readers[i]);
	cc_grace_poll(b->mem->cache, 0);
	return err;
}

/* ---- all of them ------------------------------------------------------------- */

static int (*const acts[CHURN_BITS])(struct bystand *b, unsigned int *seed) = {
	act_touch, act_store, act_protect, act_remap, act_views, act_fork,
	act_shrink, act_clock, act_garbage, act_debug,
};

int bystand_act(struct bystand *b, unsigned int nr, unsigned int *seed)
{
	int err = acts[nr](b, seed);

	if (!err)
		atomic_fetch_add(&b->deeds[nr], 1);
	return err;
}

int bystand_open(struct bystand *b)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < STRAY_VIEWS && !err; i++) {
		b->fd[i] = cc_view(b->mem->zone, b->kind[i]);
		err = b->fd[i] < 0 ? b->fd[i] : map_stray(b, i);
	}
	return err;
}

void bystand_close(struct bystand *b)
{
	unsigned int i;

	for (i = 0; i < STRAY_VIEWS; i++) {
		munmap(b->at[i], b->mem->nr_pages * b->page);
		close(b->fd[i]);
	}
}
