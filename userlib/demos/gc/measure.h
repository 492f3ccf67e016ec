/* SPDX-License-Identifier: MIT */
/* What the kernel counts for us. */
#ifndef GC_MEASURE_H
#define GC_MEASURE_H

#include <stdint.h>

/** TLB shootdowns of all processors so far; UINT64_MAX where they are not counted. */
uint64_t measure_shootdowns(void);
/** Mappings that this process has now. */
unsigned int measure_vmas(void);
/** Page faults of this process so far, but for those that waited for a disk. */
uint64_t measure_faults(void);
/** Shared memory of the whole system, in bytes. */
uint64_t shmem_bytes(void);

#endif /* GC_MEASURE_H */
