// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/codecache.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct codecache_control *control;
static struct codecache_reader_slot *slot;
static sigjmp_buf gone;

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

static void *map(int fd, size_t bytes, int prot, off_t offset)
{
	void *memory = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);

	check(memory == MAP_FAILED, "mmap");
	return memory;
}

static uint64_t enter(void)
{
	uint64_t outer = slot->active;

	if (!outer)
		__atomic_store_n(&slot->active, __atomic_load_n(&control->epoch,
								__ATOMIC_ACQUIRE),
				 __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return outer;
}

static void leave(uint64_t outer)
{
	__atomic_store_n(&slot->active, outer, __ATOMIC_RELEASE);
}

static void on_trap(int sig)
{
	(void)sig;
	siglongjmp(gone, 1);
}

int main(void)
{
	const long page_size = sysconf(_SC_PAGESIZE);
	struct codecache_reader_register_args reader = { .size = sizeof(reader) };
	struct codecache_zone_create_args zone = {
		.size = sizeof(zone),
		.flags = CODECACHE_ZONE_F_EXTENTS,
		.zone_class = CODECACHE_ZONE_DATA,
		.bytes = 64 * (uint64_t)page_size,
	};
	struct codecache_view_create_args view = {
		.size = sizeof(view),
		.kind = CODECACHE_VIEW_DATA,
	};
	struct codecache_extent extent = { .nr_pages = 4 };
	struct codecache_extent_alloc_args alloc = {
		.size = sizeof(alloc),
		.addr = (uintptr_t)&extent,
		.count = 1,
	};
	struct codecache_extent_retire_args retire = {
		.size = sizeof(retire),
		.addr = (uintptr_t)&extent,
		.count = 1,
	};
	struct codecache_grace_wait_args wait = { .size = sizeof(wait) };
	int cache = open(CODECACHE_DEVICE, O_RDWR | O_CLOEXEC);
	volatile char *memory;
	uint64_t outer;

	check(cache < 0 || ioctl(cache, CODECACHE_IOC_READER_REGISTER, &reader),
	      CODECACHE_DEVICE);
	control = map(cache, page_size, PROT_READ, 0);
	/* As much of the array as this needs. */
	slot = (void *)((char *)map(cache, reader.out_offset, PROT_READ | PROT_WRITE,
				    page_size) + reader.out_offset - page_size);

	check(ioctl(cache, CODECACHE_IOC_ZONE_CREATE, &zone) ||
	      ioctl(zone.out_fd, CODECACHE_IOC_VIEW_CREATE, &view) ||
	      ioctl(zone.out_fd, CODECACHE_IOC_EXTENT_ALLOC, &alloc), "codecache");
	memory = map(view.out_fd, view.out_bytes, PROT_READ | PROT_WRITE, 0);
	memory += extent.first_page * page_size;
	*memory = 42;

	outer = enter();
	check(ioctl(zone.out_fd, CODECACHE_IOC_EXTENT_RETIRE, &retire), "RETIRE");
	printf("inside: it has %d\n", *memory);
	leave(outer);

	wait.cookie = retire.out_cookie;
	check(ioctl(cache, CODECACHE_IOC_GRACE_WAIT, &wait), "GRACE_WAIT");
	signal(SIGSEGV, on_trap);
	if (sigsetjmp(gone, 1)) {
		printf("outside: it is gone\n");
		return 0;
	}
	printf("outside: it still has %d\n", *memory);
	return 1;
}
