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

#include "fake.h"

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset);
void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd,
		    long long offset);
int __wrap_munmap(void *addr, size_t length);

struct fake fake;

void fake_reset(void)
{
	fake = (struct fake){ .failed_index = UINT64_MAX };
}

/* Also spoils errno in success, as calls are free to. */
static int fake_result(int value)
{
	int error = fake.error;

	errno = error ? error : EXDEV;
	fake.error = 0;
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

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *args;

	va_start(list, request);
	args = va_arg(list, void *);
	va_end(list);
	fake.ioctls++;
	fake.fd = fd;
	fake.request = request;

	if (request == CODECACHE_IOC_STATS && !fake.error) {
		fake_stats(args);
	} else if (request == CODECACHE_IOC_ZONE_CREATE) {
		memcpy(&fake.zone_create, args, sizeof(fake.zone_create));
		((struct codecache_zone_create_args *)args)->out_fd = FAKE_ZONE_FD;
	} else if (request == CODECACHE_IOC_VIEW_CREATE) {
		memcpy(&fake.view_create, args, sizeof(fake.view_create));
		((struct codecache_view_create_args *)args)->out_fd = FAKE_VIEW_FD;
		((struct codecache_view_create_args *)args)->out_bytes = fake.bytes;
	} else if (request == CODECACHE_IOC_VIEW_PROTECT) {
		fake_protect(args);
	}
	return fake_result(0);
}

void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd,
		    long long offset)
{
	fake.mmaps++;
	fake.addr = addr;
	fake.length = length;
	fake.prot = prot;
	fake.flags = flags;
	fake.fd = fd;
	fake.offset = offset;
	if (fake_result(0))
		return MAP_FAILED;
	return addr ? addr : fake.mapped_at;
}

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)
{
	return __wrap_mmap64(addr, length, prot, flags, fd, offset);
}

int __wrap_munmap(void *addr, size_t length)
{
	fake.munmaps++;
	fake.addr = addr;
	fake.length = length;
	return fake_result(0);
}
