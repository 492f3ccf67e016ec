// SPDX-License-Identifier: MIT
/*
 * See fake.h. File offsets of 64 bits have functions of their own in C libraries
 * for 32-bit machines: both names are taken.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "clock.h"
#include "fake.h"

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset);
void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd,
		    long long offset);
int __wrap_munmap(void *addr, size_t length);
ssize_t __wrap_read(int fd, void *buffer, size_t bytes);
void *__wrap_calloc(size_t nr, size_t bytes);
void *__real_calloc(size_t nr, size_t bytes);
void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset);

struct fake fake;

void fake_reset(void)
{
	fake = (struct fake){ .failed_index = UINT64_MAX };
}

/* Also spoils errno in success, as calls are free to. */
static int fake_result(int value)
{
	int error = fake.error;

	if (fake.spare > 0) {
		fake.spare--;
		error = 0;
	} else {
		fake.error = 0;
	}
	errno = error ? error : EXDEV;
	return error ? -1 : value;
}

int __wrap_open(const char *path, int flags, ...)
{
	fake.opens++;
	fake.open_flags = flags;
	strncpy(fake.path, path, sizeof(fake.path) - 1);
	return fake_result(FAKE_CACHE_FD);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

int __wrap_close(int fd)
{
	fake.closes++;
	fake.fd = fd;
	return fake_result(0);
}

static void fake_stats(struct codecache_stats_args *args)
{
	args->out_object = fake.object;
	args->out_kind = fake.kind;
	args->out_bytes = fake.bytes;
}

static void fake_protect(struct codecache_view_protect_args *args)
{
	fake.protect = *args;
	args->out_failed_index = fake.failed_index;
	if (args->count && !(args->flags & CODECACHE_PROTECT_F_BITMAP))
		memcpy(&fake.range, (void *)(uintptr_t)args->addr, sizeof(fake.range));
}

/* Stops after fake.query_max pages. Results as they are: bits, or a count. */
static void fake_query(struct codecache_view_query_args *args)
{
	uint64_t nr = args->nr_pages;
	uint64_t *bitmap = (uint64_t *)(uintptr_t)args->addr;
	uint64_t i;

	fake.queries++;
	fake.query = *args;
	if (fake.error && !fake.spare)
		return;
	if (fake.query_max && nr > fake.query_max)
		nr = fake.query_max;
	args->out_next_page = args->first_page + nr;
	args->out_count = fake.nr_ranges;
	args->out_nr_pages = 0;
	args->out_seq = args->flags & CODECACHE_QUERY_F_PROTECT ? 77 : 0;
	if (!(args->flags & CODECACHE_QUERY_F_BITMAP))
		return;
	memset(bitmap, 0, (size_t)((nr + 63) / 64 * 8));
	for (i = 0; i < nr; i++) {
		if (!fake_finds(args->first_page + i))
			continue;
		bitmap[i / 64] |= UINT64_C(1) << i % 64;
		args->out_nr_pages++;
	}
}

/* The ioctls of codecache_reclaim.h: all begin with their size. */
static void fake_younger(unsigned long request, void *args)
{
	uint32_t size;

	memcpy(&size, args, sizeof(size));
	if (size > sizeof(fake.args))
		size = sizeof(fake.args);
	memset(&fake.args, 0, sizeof(fake.args));
	memcpy(&fake.args, args, size);
	if (fake.answer)
		fake.answer(request, args);
}

/* The ioctls on a view that are younger than PROTECT. */
static void fake_view(unsigned long request, void *args)
{
	if (request == CODECACHE_IOC_VIEW_QUERY) {
		fake_query(args);
	} else if (request == CODECACHE_IOC_VIEW_RESOLVE) {
		memcpy(&fake.resolve, args, sizeof(fake.resolve));
		((struct codecache_view_resolve_args *)args)->out_nr_woken = 3;
	} else if (request == CODECACHE_IOC_VIEW_LOG) {
		memcpy(&fake.log, args, sizeof(fake.log));
		((struct codecache_view_log_args *)args)->out_fd = FAKE_LOG_FD;
		((struct codecache_view_log_args *)args)->out_ring_bytes = fake.bytes;
	} else if (request == CODECACHE_IOC_VIEW_UNMAP) {
		fake.unmaps++;
		memcpy(&fake.unmap, args, sizeof(fake.unmap));
	} else {
		fake_younger(request, args);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *args;

	va_start(list, request);
	args = va_arg(list, void *);
	va_end(list);
	if (clock_has(fd))
		return clock_ioctl(request, args);
	fake.ioctls++;
	fake.fd = fd;
	fake.request = request;

	if (request == CODECACHE_IOC_STATS && !fake.error) {
		fake_stats(args);
	} else if (request == CODECACHE_IOC_INFO) {
		((struct codecache_info_args *)args)->out_max_readers = fake.max_readers;
	} else if (request == CODECACHE_IOC_ZONE_CREATE) {
		memcpy(&fake.zone_create, args, sizeof(fake.zone_create));
		((struct codecache_zone_create_args *)args)->out_fd = FAKE_ZONE_FD;
	} else if (request == CODECACHE_IOC_VIEW_CREATE) {
		memcpy(&fake.view_create, args, sizeof(fake.view_create));
		((struct codecache_view_create_args *)args)->out_fd = FAKE_VIEW_FD;
		((struct codecache_view_create_args *)args)->out_bytes = fake.bytes;
	} else if (request == CODECACHE_IOC_VIEW_PROTECT) {
		fake_protect(args);
	} else {
		fake_view(request, args);
	}
	return fake_result(0);
}

void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd,
		    long long offset)
{
	if (clock_has(fd))
		return clock_mmap(length, offset);
	if (flags & MAP_ANONYMOUS) {
		fake.anonymous++;
		return __real_mmap(addr, length, prot, flags, fd, (long)offset);
	}
	fake.mmaps++;
	fake.addr = addr;
	fake.length = length;
	fake.prot = prot;
	fake.flags = flags;
	fake.fd = fd;
	fake.offset = offset;
	if (fake_result(0))
		return MAP_FAILED;
	if (offset)
		return fake.ring_at;
	return addr ? addr : fake.mapped_at;
}

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)
{
	return __wrap_mmap64(addr, length, prot, flags, fd, offset);
}

int __wrap_munmap(void *addr, size_t length)
{
	if (clock_munmap(addr))
		return 0;
	fake.munmaps++;
	fake.addr = addr;
	fake.length = length;
	return fake_result(0);
}

void *__wrap_calloc(size_t nr, size_t bytes)
{
	return fake.no_memory ? NULL : __real_calloc(nr, bytes);
}

ssize_t __wrap_read(int fd, void *buffer, size_t bytes)
{
	struct codecache_event *events = buffer;
	size_t nr = bytes / sizeof(*events);
	size_t i;

	fake.fd = fd;
	fake.length = bytes;
	if (fake_result(0))
		return -1;
	if (nr > fake.nr_events)
		nr = (size_t)fake.nr_events;
	for (i = 0; i < nr; i++)
		events[i] = (struct codecache_event){ .page = i };
	return (ssize_t)(nr * sizeof(*events));
}
