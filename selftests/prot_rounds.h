/* SPDX-License-Identifier: MIT */
/*
 * Rounds of "one thread protects, others access": what PROTECT has to survive,
 * and what a module that is broken on purpose must not
 */
#ifndef PROT_ROUNDS_H
#define PROT_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#define ROUNDS_MAX_SPINNERS	3

/**
 * struct rounds - what to do, and what came of it
 * @nr: rounds
 * @prot: what revokes: CODECACHE_PROT_NONE or CODECACHE_PROT_READ
 * @spinners: threads that access, each on a CPU of its own, each on its page
 * @reads: they read, instead of write
 * @remote: another process calls PROTECT
 * @done: rounds that were made: fewer when an access was never stopped
 * @stale: rounds in which an access succeeded after PROTECT had returned
 * @missed: rounds in which an access went on for seconds
 */
struct rounds {
	unsigned long nr;
	uint32_t prot;
	unsigned int spinners;
	bool reads;
	bool remote;
	unsigned long done;
	unsigned long stale;
	unsigned long missed;
};

/*
 * Each gives 0, or -errno when it could not be set up; -ENOTSUP: not enough
 * CPUs. It ends early at the first round that was missed.
 */

/* Pages that are mapped and being accessed are revoked, then given back. */
int rounds_revoke(struct rounds *rounds);
/* Fault against PROTECT: a page is revoked while its first access faults. */
int rounds_first_fault(struct rounds *rounds);
/* pfn_mkwrite against PROTECT: a page that is being written goes RW, READ. */
int rounds_flip(struct rounds *rounds);

#endif /* PROT_ROUNDS_H */
