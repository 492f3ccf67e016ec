/* SPDX-License-Identifier: MIT */
/*
 * Rounds of "one thread retires, others store": what RETIRE has to survive, and what
 * a module that is broken on purpose must not
 */
#ifndef RECLAIM_ROUNDS_H
#define RECLAIM_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#define ROUNDS_MAX_WRITERS	3

/* Who stores to the page. */
enum retire_writer {
	RETIRE_STORES,		/* a thread, in a loop */
	RETIRE_SYSCALLS,	/* the kernel, for getrandom(2) */
	RETIRE_POKES,		/* a debugger, by /proc/PID/mem, through an exec view */
};

/**
 * struct retire_rounds - what to do, and what came of it
 * @nr: rounds
 * @zone_class: CODECACHE_ZONE_*; pokes want code
 * @writer: who stores
 * @writers: how many, each on a CPU of its own, each to its own extent
 * @remote: another process calls RETIRE
 * @first: RETIRE comes while a writer's first store faults
 * @inside_us: microseconds that the reader stays inside, once writers have stopped
 * @done: rounds that were made: fewer when a writer was never stopped
 * @stores: that writers made
 * @stale: rounds in which something was stored after RETIRE had returned
 * @missed: rounds in which a writer went on for seconds
 * @ms: how long it took
 * @lost: rounds in which the page was gone, or not as it was, while a reader was inside
 */
struct retire_rounds {
	unsigned long nr;
	uint32_t zone_class;
	enum retire_writer writer;
	unsigned int writers;
	bool remote;
	bool first;
	unsigned int inside_us;
	unsigned long done;
	unsigned long stores;
	unsigned long stale;
	unsigned long missed;
	unsigned long lost;
	long long ms;
};

/* 0, or -errno when it could not be set up; -ENOTSUP: not enough CPUs. */
int retire_rounds_run(struct retire_rounds *rounds);

#endif /* RECLAIM_ROUNDS_H */
