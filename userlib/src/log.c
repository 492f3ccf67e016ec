// SPDX-License-Identifier: MIT
/*
 * libcodecache: the log of a view: making and mapping it
 *
 * Its entries are read by the inline functions of codecache.h, without a call.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* First the page that the reader writes, then the ring, which is read only. */
static int codecache__log_map(struct codecache_log *log, uint64_t ring_bytes)
{
	const size_t page_size = codecache_page_size();
	void *tail = NULL;
	void *ring = NULL;
	int ret;

	if (ring_bytes > SIZE_MAX)
		return -EOVERFLOW;
	ret = codecache__mmap(&tail, page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      log->fd, 0);
	if (ret)
		return ret;
	ret = codecache__mmap(&ring, (size_t)ring_bytes, PROT_READ, MAP_SHARED,
			      log->fd, page_size);
	if (ret) {
		(void)codecache__munmap(tail, page_size);
		return ret;
	}

	log->tail = tail;
	log->ring = ring;
	log->ring_bytes = (size_t)ring_bytes;
	log->mapper = getpid();
	return 0;
}

int codecache_log_create(struct codecache_view *view, uint32_t nr_entries,
			 uint32_t threshold, struct codecache_log **log)
{
	struct codecache_view_log_args args = {
		.size = sizeof(args),
		.nr_entries = nr_entries,
		.threshold = threshold,
		.out_fd = -1,
	};
	struct codecache_log *new;
	int ret;

	if (!log)
		return -EINVAL;
	*log = NULL;
	if (!view)
		return -EINVAL;

	new = codecache__zalloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = codecache__ioctl(view->fd, CODECACHE_IOC_VIEW_LOG, &args);
	if (ret) {
		codecache__free(new);
		return ret;
	}
	new->fd = args.out_fd;
	ret = codecache__log_map(new, args.out_ring_bytes);
	if (ret) {
		codecache_log_destroy(new);
		return ret;
	}

	*log = new;
	return 0;
}

void codecache_log_destroy(struct codecache_log *log)
{
	if (!log)
		return;
	/* A child of fork() may have put something else there by now. */
	if (log->tail && log->mapper == getpid()) {
		(void)codecache__munmap(log->ring, log->ring_bytes);
		(void)codecache__munmap(log->tail, codecache_page_size());
	}
	codecache__close(log->fd);
	codecache__free(log);
}

int codecache_log_fd(const struct codecache_log *log)
{
	return log ? log->fd : -EINVAL;
}

uint64_t codecache_log_lost(const struct codecache_log *log)
{
	return log ? __atomic_load_n(&log->ring->lost, __ATOMIC_RELAXED) : 0;
}

int codecache_log_reader(struct codecache_log *log,
			 struct codecache_log_reader *reader)
{
	if (!log || !reader)
		return -EINVAL;
	reader->ring = log->ring;
	reader->tail = log->tail;
	reader->next = *log->tail;
	return 0;
}
