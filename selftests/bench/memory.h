/* SPDX-License-Identifier: MIT */
/*
 * What this process has made the kernel keep
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdint.h>

/* Lines of /proc/self/maps. */
uint64_t memory_mappings(void);
/* Slab objects, page tables and vmalloc of the whole kernel. To call this changes it a bit. */
uint64_t memory_kernel_bytes(void);

#endif /* BENCH_MEMORY_H */
