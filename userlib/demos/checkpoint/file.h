/* SPDX-License-Identifier: MIT */
/*
 * Checkpoint files: a header, which pages there are, the pages
 *
 * A full checkpoint has all pages of the zone. A delta has those that may differ
 * from the checkpoint of the instant @base, and means nothing without it.
 */
#ifndef CHECKPOINT_FILE_H
#define CHECKPOINT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/codecache.h>

#define FILE_MAGIC	0x31544e494f504b43ULL
#define FILE_FULL	UINT64_MAX	/* @base of a full checkpoint */

/** struct file_header - what a file begins with, in the byte order of this machine */
struct file_header {
	uint64_t magic;
	uint64_t instant;
	uint64_t base;
	uint64_t nr_pages;	/* of the zone */
	uint64_t page_size;
	uint64_t nr_ranges;
};

/**
 * Write a checkpoint: the pages of @ranges, each from its place in @image. Makes
 * system calls only, so that the child of a fork() may use it. Returns 0 or -errno.
 */
int file_write(const char *path, const struct file_header *header,
	       const struct codecache_prot_range *ranges, const uint8_t *image,
	       uint64_t *bytes);
/**
 * Read a checkpoint back: put its pages in their places in @image, of @nr_pages,
 * that is so far as at the instant *@at, which then is the file's. Returns NULL,
 * or why the file cannot be used.
 */
const char *file_apply(const char *path, uint8_t *image, uint64_t nr_pages,
		       size_t page_size, uint64_t *at);

#endif /* CHECKPOINT_FILE_H */
