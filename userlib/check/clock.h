/* SPDX-License-Identifier: MIT */
/*
 * The kernel of straw gets a clock: once clock_start() was called, the cache has slots
 * for readers, and grace periods that wait for them, for any number of threads. They
 * end as the module's do, but for one thing: nobody looks at the readers but who polls
 * or waits.
 */
#ifndef CODECACHE_CHECK_CLOCK_H
#define CODECACHE_CHECK_CLOCK_H

#include <codecache.h>
#include <stdbool.h>

#define CLOCK_READERS	64

struct clock_told {
	int start_error;	/* the errno of GRACE_START, until it is 0 again */
	int wait_error;		/* the same of GRACE_WAIT */
	bool stopped;		/* no grace period ends */
	bool careless;		/* they end without a look at the readers */
};

struct clock_noted {
	unsigned long starts, polls, waits;
	unsigned long registers, unregisters;
};

/* False: this kernel cannot give all threads a barrier (membarrier). */
bool clock_start(void);
void clock_tell(struct clock_told told);
struct clock_noted clock_noted(void);
/* A reader's slot is free, though its thread has not said so: it is dead. */
void clock_reap(unsigned int slot);
unsigned int clock_readers(void);

/* For fake.c. */
bool clock_has(int fd);
int clock_ioctl(unsigned long request, void *args);
void *clock_mmap(size_t length, long long offset);
bool clock_munmap(const void *addr);

#endif /* CODECACHE_CHECK_CLOCK_H */
