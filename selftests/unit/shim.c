// SPDX-License-Identifier: MIT
/*
 * Shim: the allocator of linux/slab.h
 */
#include <linux/slab.h>

#include <stdlib.h>
#include <string.h>

long shim_nr_live;
long shim_fail_after = -1;

void *kmalloc(size_t size, unsigned int gfp)
{
	void *p;

	(void)gfp;
	if (!shim_fail_after)
		return NULL;
	if (shim_fail_after > 0)
		shim_fail_after--;
	p = malloc(size);
	if (!p)
		abort();
	memset(p, 0xa5, size);
	shim_nr_live++;
	return p;
}

void *kvmalloc_array(size_t nr, size_t size, unsigned int gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(nr, size, &bytes))
		return NULL;
	return kmalloc(bytes, gfp);
}

void kfree(const void *p)
{
	if (p)
		shim_nr_live--;
	free((void *)p);
}

void kvfree(const void *p)
{
	kfree(p);
}
