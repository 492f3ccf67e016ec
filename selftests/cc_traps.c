// SPDX-License-Identifier: MIT
/*
 * For the tests of trap modes: views that log or block, the ring of a log,
 * events, and threads that run into a trap
 */
#include "cc_traps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

/* ---- views -------------------------------------------------------------- */

int cc_view_trap(int zone, uint32_t kind, uint32_t prot, uint32_t trap_mode,
		 uint32_t flags)
{
	struct codecache_view_create_args args = {
		.size = sizeof(args),
		.flags = CODECACHE_VIEW_F_PROT | flags,
		.kind = kind,
		.prot = prot,
		.trap_mode = trap_mode,
	};
	int err = cc_ioctl(zone, CODECACHE_IOC_VIEW_CREATE, &args);

	return err ? err : args.out_fd;
}

int cc_mem_trap(struct cc_mem *mem, uint32_t kind, uint64_t nr_pages,
		uint32_t prot, uint32_t trap_mode, uint32_t flags)
{
	int err = cc_mem_make(mem, cc_kind_class(kind), nr_pages);

	if (err)
		return err;
	mem->fd[kind] = cc_view_trap(mem->zone, kind, prot, trap_mode, flags);
	if (mem->fd[kind] < 0)
		return mem->fd[kind];
	mem->map[kind] = cc_map(mem->fd[kind], kind, nr_pages);
	return mem->map[kind] ? 0 : -errno;
}

uint64_t cc_protect_trap(int view, uint64_t first, uint64_t nr, uint32_t prot,
			 uint32_t trap)
{
	struct codecache_prot_range range = {
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
		.flags = trap,
	};
	struct codecache_view_protect_args args = {
		.size = sizeof(args),
		.addr = (uintptr_t)&range,
		.count = 1,
	};

	if (cc_ioctl(view, CODECACHE_IOC_VIEW_PROTECT, &args))
		return 0;
	return args.out_seq;
}

long long cc_resolve_call(int view, struct codecache_view_resolve_args *args)
{
	int err;

	args->size = sizeof(*args);
	args->out_nr_woken = CC_UNWRITTEN;
	args->out_seq = CC_UNWRITTEN;
	err = cc_ioctl(view, CODECACHE_IOC_VIEW_RESOLVE, args);
	return err ? err : (long long)args->out_nr_woken;
}

long long cc_resolve(int view, uint64_t first, uint64_t nr, uint32_t prot)
{
	struct codecache_view_resolve_args args = {
		.first_page = first,
		.nr_pages = nr,
		.prot = prot,
	};

	return cc_resolve_call(view, &args);
}

long long cc_resolve_signal(int view, uint64_t first, uint64_t nr)
{
	struct codecache_view_resolve_args args = {
		.flags = CODECACHE_RESOLVE_F_SIGNAL,
		.first_page = first,
		.nr_pages = nr,
	};

	return cc_resolve_call(view, &args);
}

/* ---- the log ------------------------------------------------------------ */

int cc_log_open(struct cc_log *log, int view, uint32_t nr_entries,
		uint32_t threshold)
{
	struct codecache_view_log_args args = {
		.size = sizeof(args),
		.nr_entries = nr_entries,
		.threshold = threshold,
	};
	void *tail, *ring;
	int err;

	err = cc_ioctl(view, CODECACHE_IOC_VIEW_LOG, &args);
	if (err)
		return err;
	tail = mmap(NULL, cc_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		    args.out_fd, 0);
	ring = mmap(NULL, args.out_ring_bytes, PROT_READ, MAP_SHARED,
		    args.out_fd, cc_page_size());
	if (tail == MAP_FAILED || ring == MAP_FAILED)
		return -errno;
	*log = (struct cc_log){
		.fd = args.out_fd,
		.tail = tail,
		.ring = ring,
		.ring_bytes = args.out_ring_bytes,
	};
	return 0;
}

void cc_log_unmap(struct cc_log *log)
{
	munmap((void *)log->ring, log->ring_bytes);
	munmap(log->tail, cc_page_size());
}

void cc_log_close(struct cc_log *log)
{
	cc_log_unmap(log);
	close(log->fd);
}

bool cc_log_next(struct cc_log *log, struct codecache_log_entry *entry)
{
	const struct codecache_log_entry *at =
		(const void *)((const char *)log->ring +
			       log->ring->entries_offset);

	at += log->next % log->ring->nr_entries;
	/* Acquire: the rest was written before its stamp. */
	if (__atomic_load_n(&at->stamp, __ATOMIC_ACQUIRE) != log->next + 1)
		return false;
	*entry = *at;
	log->next++;
	/* Release: it may be written anew once we have read it. */
	atomic_store_explicit(log->tail, log->next, memory_order_release);
	return true;
}

bool cc_log_valid(const struct cc_log *log,
		  const struct codecache_log_entry *entry)
{
	return entry->stamp == log->next && entry->seq && entry->tid > 0 &&
	       (entry->access == CODECACHE_PROT_READ ||
		entry->access == CODECACHE_PROT_WRITE ||
		entry->access == CODECACHE_PROT_EXEC);
}

uint64_t cc_log_head(const struct cc_log *log)
{
	return __atomic_load_n(&log->ring->head, __ATOMIC_ACQUIRE);
}

uint64_t cc_log_lost(const struct cc_log *log)
{
	return __atomic_load_n(&log->ring->lost, __ATOMIC_ACQUIRE);
}

/* ---- events ------------------------------------------------------------- */

int cc_poll(int fd, int ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int n = poll(&pollfd, 1, ms);

	return n < 0 ? -errno : n ? pollfd.revents : 0;
}

/* Polling first, so that a missing event is a failure and no hang. */
int cc_event(int view, struct codecache_event *event)
{
	ssize_t n;

	if (!(cc_poll(view, CC_PATIENCE_MS) & POLLIN))
		return -ETIME;
	n = read(view, event, sizeof(*event));
	if (n < 0)
		return -errno;
	return n == sizeof(*event) ? 0 : -EBADMSG;
}

bool cc_no_event(int view)
{
	return cc_poll(view, 0) == 0;
}

long long cc_stat(int fd, size_t offset)
{
	struct codecache_stats_args stats;

	if (cc_stats(fd, &stats))
		return -1;
	return *(__u64 *)((char *)&stats + offset);
}

bool cc_blocked(int view, uint64_t nr)
{
	long long since = cc_now_ms();

	do {
		if (CC_STAT(view, traps_blocked) >= (long long)nr)
			return true;
	} while (cc_patient(since));
	return false;
}

/* ---- threads that trap -------------------------------------------------- */

static void *cc_hit_main(void *arg)
{
	struct cc_hit *hit = arg;
	int value = -1;

	atomic_store(&hit->tid, gettid());
	switch (hit->how) {
	case CC_LOAD:
		hit->sig = cc_load(hit->p, &hit->value);
		break;
	case CC_STORE:
		hit->sig = cc_store(hit->p, hit->value);
		break;
	case CC_FETCH:
		hit->sig = cc_call(hit->p, &value);
		hit->result = value;
		break;
	case CC_CALL:
		hit->result = hit->call(hit->p, hit->len);
		break;
	}
	hit->trap = cc_trap;
	atomic_store(&hit->done, true);
	return NULL;
}

int cc_hit_start(struct cc_hit *hit)
{
	long long since = cc_now_ms();
	int err;

	atomic_store(&hit->done, false);
	atomic_store(&hit->tid, 0);
	hit->sig = 0;
	err = -pthread_create(&hit->thread, NULL, cc_hit_main, hit);
	while (!err && !atomic_load(&hit->tid)) {
		if (!cc_patient(since))
			err = -ETIME;
	}
	return err;
}

bool cc_hit_ends(struct cc_hit *hit)
{
	long long since = cc_now_ms();

	while (!atomic_load(&hit->done)) {
		if (!cc_patient(since))
			return false;
	}
	return !pthread_join(hit->thread, NULL);
}

bool cc_hit_sleeps(struct cc_hit *hit)
{
	usleep(30000);
	return !atomic_load(&hit->done);
}

bool cc_hit_segv(struct cc_hit *hit)
{
	return cc_hit_ends(hit) && hit->sig == SIGSEGV &&
	       hit->trap.addr == hit->p;
}

/* ---- the module --------------------------------------------------------- */

int cc_module_cycle(void)
{
	const char *path = getenv("CODECACHE_KO") ?: "/codecache.ko";
	long long since = cc_now_ms();
	int fd, err = 0;

	do {
		if (!syscall(SYS_delete_module, "codecache", O_NONBLOCK))
			break;
		/* A process that has just ended may still hold it. */
		if (errno != EWOULDBLOCK || !cc_patient(since))
			return -errno;
	} while (true);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}
