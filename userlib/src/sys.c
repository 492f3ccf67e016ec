// SPDX-License-Identifier: MIT
/*
 * libcodecache: libc calls that leave errno alone and return -errno instead
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* What the call just made returned, with the errno of before it. */
static ssize_t codecache__result(ssize_t ret, int saved_errno)
{
	if (ret < 0)
		ret = -errno;
	errno = saved_errno;
	return ret;
}

/* A descriptor, or -errno. */
int codecache__open_device(void)
{
	const int saved_errno = errno;

	return (int)codecache__result(open(CODECACHE_DEVICE, O_RDWR | O_CLOEXEC),
				      saved_errno);
}

/* Linux frees the descriptor whatever close() returns: never try again. */
void codecache__close(int fd)
{
	const int saved_errno = errno;

	(void)codecache__result(close(fd), saved_errno);
}

/*
 * EINTR is not retried: the module returns it for fatal signals only, so that
 * the caller never gets to see it, or to whoever waits and wants his signals.
 */
int codecache__ioctl(int fd, unsigned int request, void *args)
{
	const int saved_errno = errno;

	return (int)codecache__result(ioctl(fd, request, args), saved_errno);
}

/* Bytes, or -errno. EINTR is not retried: whoever waits wants his signals. */
ssize_t codecache__read(int fd, void *buffer, size_t bytes)
{
	const int saved_errno = errno;

	return codecache__result(read(fd, buffer, bytes), saved_errno);
}

/* *@addr is the wish and, on success, the outcome. */
int codecache__mmap(void **addr, size_t length, int prot, int flags, int fd,
		    size_t offset)
{
	const int saved_errno = errno;
	void *mapped = mmap(*addr, length, prot, flags, fd, (off_t)offset);
	const int ret = (int)codecache__result(mapped == MAP_FAILED ? -1 : 0,
					       saved_errno);

	if (!ret)
		*addr = mapped;
	return ret;
}

int codecache__munmap(void *addr, size_t length)
{
	const int saved_errno = errno;

	return (int)codecache__result(munmap(addr, length), saved_errno);
}

/* Zeroed memory, or NULL. */
void *codecache__zalloc(size_t bytes)
{
	const int saved_errno = errno;
	void *object = calloc(1, bytes);

	errno = saved_errno;
	return object;
}

/* free() may set errno in C libraries older than POSIX 2024. */
void codecache__free(void *object)
{
	const int saved_errno = errno;

	free(object);
	errno = saved_errno;
}

/* 0 or -errno. The name is for ps(1) and debuggers. */
int codecache__start_thread(pthread_t *thread, void *(*start)(void *), void *arg)
{
	const int saved_errno = errno;
	int ret = -pthread_create(thread, NULL, start, arg);

	if (!ret)
		pthread_setname_np(*thread, "codecache-defer");
	errno = saved_errno;
	return ret;
}

/* Less than a second, and less than that if a signal comes. */
void codecache__sleep(uint32_t ns)
{
	const struct timespec time = { .tv_nsec = (long)ns };
	const int saved_errno = errno;

	(void)codecache__result(nanosleep(&time, NULL), saved_errno);
}
