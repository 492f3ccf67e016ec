// SPDX-License-Identifier: MIT
/*
 * For the tests of what cannot be had: the n-th allocation, or copy of user memory, of
 * the calling thread fails
 */
#include "cc_nth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int nth_set(const char *fault, const char *name, const char *value)
{
	char path[CC_PATH];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", fault, name);
	return cc_write_file(path, value);
}

/* All allocations may fail, and none says so; false: the kernel has not all of it. */
static bool nth_ready(void)
{
	static const char *const faults[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(faults); i++) {
		if (nth_set(faults[i], "verbose", "0"))
			return false;
	}
	return !nth_set("failslab", "ignore-gfp-wait", "N") &&
	       !nth_set("fail_page_alloc", "ignore-gfp-wait", "N") &&
	       !nth_set("fail_page_alloc", "ignore-gfp-highmem", "N") &&
	       !nth_set("fail_page_alloc", "min-order", "0") &&
	       !access("/proc/thread-self/fail-nth", W_OK);
}

void cc_nth_need(void)
{
	if (nth_ready())
		return;
	printf("TAP version 13\n1..0 # SKIP this kernel has no fault injection\n");
	fflush(stdout);
	_exit(77);
}

int cc_nth_open(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void cc_nth_arm(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fd, text, len, 0) != len)
		_exit(9);
}

/* What is left may fail in this very read, and does not count then. */
bool cc_nth_happened(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n > 0 && text[0] == '0')
		return true;
	while (pwrite(fd, "0", 1, 0) != 1)
		;	/* it may fail in here too, but only once */
	return false;
}

bool cc_nth_named(int err)
{
	return err == -ENOMEM || err == -EFAULT;
}

int cc_nth_call(int fd, unsigned int nr, const void *args, uint32_t known, int more)
{
	uint64_t copy[80] = {};
	uint32_t size = known + more;

	memcpy(copy, args, known);
	memcpy(copy, &size, sizeof(size));
	return cc_ioctl(fd, nr, copy);
}

void cc_nth_look(struct cc_nth_state *s, const struct cc_mem *data, int extents)
{
	int view = data->fd[CODECACHE_VIEW_DATA];

	memset(s, 0, sizeof(*s));
	cc_stats(data->cache, &s->cache);
	cc_stats(extents, &s->zone);
	cc_stats(view, &s->view);
	s->none = cc_pages_with(data->cache, data->zone, view, CC_NONE);
	s->dirty = cc_query(view, 0, data->nr_pages, CC_DIRTY, 0, NULL);
	s->vmas = cc_nr_vmas();
	s->fd = dup(0);
	close(s->fd);
}

/* To look is one QUERY more. */
const char *cc_nth_differs(const struct cc_nth_state *a, const struct cc_nth_state *b,
			   bool more)
{
	if (a->cache.out_nr_zones != b->cache.out_nr_zones)
		return "zones";
	if (a->cache.out_nr_views != b->cache.out_nr_views)
		return "views";
	if (a->cache.out_readers != b->cache.out_readers)
		return "readers";
	if (a->zone.out_live_extents != b->zone.out_live_extents ||
	    a->zone.out_live_pages != b->zone.out_live_pages ||
	    a->zone.out_retired_pages != b->zone.out_retired_pages)
		return "extents";
	if (!more && a->view.out_resident_pages != b->view.out_resident_pages)
		return "resident pages";
	if (a->view.out_protect_calls != b->view.out_protect_calls || a->none != b->none)
		return "protections";
	if (a->view.out_query_calls + 1 != b->view.out_query_calls || a->dirty != b->dirty)
		return "dirty pages";
	if (a->vmas != b->vmas)
		return "mappings";
	return a->fd == b->fd ? NULL : "descriptors";
}
