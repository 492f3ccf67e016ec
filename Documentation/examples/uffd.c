// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <codecache.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct codecache_view *inside, *outside;

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

/* Let each page be seen only after it was changed through the other view. */
static void *serve(void *arg)
{
	int uffd = *(int *)arg;
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		void *addr = (void *)(uintptr_t)msg.arg.pagefault.address;
		uint64_t page = codecache_view_page_of(outside, addr);
		size_t offset = page * codecache_page_size();
		struct uffdio_continue cont = {
			.range.start = (uintptr_t)codecache_view_addr(outside) +
				       offset,
			.range.len = codecache_page_size(),
		};

		((char *)codecache_view_addr(inside))[offset] += 1;
		check(ioctl(uffd, UFFDIO_CONTINUE, &cont), "UFFDIO_CONTINUE");
	}
	return NULL;
}

int main(void)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_MINOR_SHMEM,
	};
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MINOR };
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	pthread_t thread;
	char *memory;
	int uffd;

	check(codecache_open(&cache), "codecache_open");
	check(codecache_zone_create(cache, CODECACHE_ZONE_DATA,
				    8 * codecache_page_size(), &zone), "zone");
	check(codecache_view_create(zone, CODECACHE_VIEW_DATA, NULL, &inside),
	      "data view");
	check(codecache_view_create(zone, CODECACHE_VIEW_UFFD, NULL, &outside),
	      "uffd view");
	check(codecache_view_map(inside, NULL, 0), "map");
	check(codecache_view_map(outside, NULL, 0), "map");
	memory = codecache_view_addr(outside);

	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	check(uffd < 0 || ioctl(uffd, UFFDIO_API, &api), "userfaultfd");
	reg.range.start = (uintptr_t)memory;
	reg.range.len = codecache_view_bytes(outside);
	check(ioctl(uffd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	check(pthread_create(&thread, NULL, serve, &uffd), "pthread_create");

	/* A minor fault needs a page that is there. */
	*(char *)codecache_view_addr(inside) = 1;
	printf("first %d\n", memory[0]);
	check(codecache_view_protect_range(outside, 0, 1, CODECACHE_PROT_NONE),
	      "PROTECT");
	printf("after a revocation %d\n", memory[0]);
	return 0;
}
