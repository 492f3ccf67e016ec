// SPDX-License-Identifier: MIT
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <linux/codecache.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int main(void)
{
	struct codecache_info_args info = { .size = sizeof(info) };
	struct codecache_zone_create_args zone = {
		.size = sizeof(zone),
		.zone_class = CODECACHE_ZONE_DATA,
	};
	struct codecache_view_create_args view = {
		.size = sizeof(view),
		.kind = CODECACHE_VIEW_DATA,
	};
	struct codecache_prot_range ranges[] = {
		{ .first_page = 0, .nr_pages = 4, .prot = CODECACHE_PROT_NONE },
		{ .first_page = 9, .nr_pages = 1, .prot = CODECACHE_PROT_READ },
	};
	struct codecache_view_protect_args protect = {
		.size = sizeof(protect),
		.addr = (uintptr_t)ranges,
		.count = 2,
	};
	int cache = open(CODECACHE_DEVICE, O_RDWR | O_CLOEXEC);
	char *memory;

	if (cache < 0 || ioctl(cache, CODECACHE_IOC_INFO, &info)) {
		perror(CODECACHE_DEVICE);
		return 1;
	}
	zone.bytes = 16 * (uint64_t)info.out_page_size;
	if (ioctl(cache, CODECACHE_IOC_ZONE_CREATE, &zone) ||
	    ioctl(zone.out_fd, CODECACHE_IOC_VIEW_CREATE, &view)) {
		perror("codecache");
		return 1;
	}
	memory = mmap(NULL, view.out_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      view.out_fd, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memory[9 * info.out_page_size] = 1;
	if (ioctl(view.out_fd, CODECACHE_IOC_VIEW_PROTECT, &protect)) {
		perror("PROTECT");
		return 1;
	}
	/* From here on a load from page 0, or a store to page 9, is a SIGSEGV. */
	printf("page 9 has %d\n", memory[9 * info.out_page_size]);
	return 0;
}
