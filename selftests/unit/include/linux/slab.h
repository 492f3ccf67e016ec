/* SPDX-License-Identifier: MIT */
/*
 * Shim: allocations that are counted, and of which one can be made to fail.
 * Memory comes filled with rubbish.
 */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <linux/types.h>

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define __GFP_NOWARN		0

/* Allocations that live; and how many more succeed, -1: all. */
extern long shim_nr_live;
extern long shim_fail_after;

void *kmalloc(size_t size, unsigned int gfp);
void *kvmalloc_array(size_t nr, size_t size, unsigned int gfp);
void kfree(const void *p);
void kvfree(const void *p);

#endif /* SHIM_LINUX_SLAB_H */
