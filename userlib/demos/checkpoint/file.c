// SPDX-License-Identifier: MIT
/* Checkpoint files: see file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"

static int write_all(int fd, const void *data, size_t bytes, uint64_t *written)
{
	const uint8_t *p = data;

	while (bytes) {
		ssize_t n = write(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		bytes -= (size_t)n;
		*written += (uint64_t)n;
	}
	return 0;
}

static bool read_all(int fd, void *data, size_t bytes)
{
	uint8_t *p = data;

	while (bytes) {
		ssize_t n = read(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		bytes -= (size_t)n;
	}
	return true;
}

int file_write(const char *path, const struct file_header *header,
	       const struct codecache_prot_range *ranges, const uint8_t *image,
	       uint64_t *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t i;
	int err;

	*bytes = 0;
	if (fd < 0)
		return -errno;
	err = write_all(fd, header, sizeof(*header), bytes);
	if (!err)
		err = write_all(fd, ranges, header->nr_ranges * sizeof(*ranges), bytes);
	for (i = 0; i < header->nr_ranges && !err; i++)
		err = write_all(fd, image + ranges[i].first_page * header->page_size,
				ranges[i].nr_pages * header->page_size, bytes);
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static const char *file_check(const struct file_header *h, uint64_t nr_pages,
			      size_t page_size, uint64_t at)
{
	if (h->magic != FILE_MAGIC || h->nr_pages != nr_pages ||
	    h->page_size != page_size || h->nr_ranges > nr_pages)
		return "this is no checkpoint of this zone";
	if (h->base != FILE_FULL && h->base != at)
		return "the delta is one from another checkpoint";
	return NULL;
}

static const char *file_pages(int fd, const struct file_header *h,
			      struct codecache_prot_range *ranges, uint8_t *image)
{
	uint64_t next = 0, total = 0, i;
	char more;

	if (!read_all(fd, ranges, h->nr_ranges * sizeof(*ranges)))
		return "the file is too short";
	for (i = 0; i < h->nr_ranges; i++) {
		const struct codecache_prot_range *r = &ranges[i];

		if (r->first_page < next || r->first_page > h->nr_pages ||
		    r->nr_pages > h->nr_pages - r->first_page)
			return "the file has ranges out of order";
		next = r->first_page + r->nr_pages;
		total += r->nr_pages;
		if (!read_all(fd, image + r->first_page * h->page_size,
			      r->nr_pages * h->page_size))
			return "the file is too short";
	}
	if (h->base == FILE_FULL && total != h->nr_pages)
		return "the full checkpoint lacks pages";
	return read(fd, &more, 1) ? "the file is too long" : NULL;
}

const char *file_apply(const char *path, uint8_t *image, uint64_t nr_pages,
		       size_t page_size, uint64_t *at)
{
	struct codecache_prot_range *ranges = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct file_header header;
	const char *wrong = NULL;

	if (fd < 0)
		return "the file cannot be opened";
	if (!read_all(fd, &header, sizeof(header)))
		wrong = "the file is too short";
	else
		wrong = file_check(&header, nr_pages, page_size, *at);
	if (!wrong) {
		ranges = malloc(header.nr_ranges * sizeof(*ranges) + 1);
		wrong = ranges ? file_pages(fd, &header, ranges, image) : "out of memory";
	}
	if (!wrong)
		*at = header.instant;
	free(ranges);
	close(fd);
	return wrong;
}
