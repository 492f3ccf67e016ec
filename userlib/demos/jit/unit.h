/* SPDX-License-Identifier: MIT */
/*
 * A unit: one set of filters, compiled once, and where its code is
 *
 * Its functions have identities that no other unit's have. A unit is written by the
 * thread that makes it, before anybody else can find it, and never after.
 */
#ifndef JIT_UNIT_H
#define JIT_UNIT_H

#include <codecache.h>

#include "emit.h"
#include "rules.h"

#define UNIT_MAX_BYTES	65536U	/* of code */

/** struct piece - memory with code in it, as an engine hands it out */
struct piece {
	const uint8_t *exec;	/* where it is run */
	size_t bytes;		/* of code */
	uint64_t first_page;	/* the engine's */
	uint64_t nr_pages;
};

struct unit {
	const struct backend *backend;
	const struct rules *rules;
	uint64_t serial;
	uint64_t params[NR_PARAMS];
	uint32_t entry[RULES_MAX_FILTERS];
	struct piece piece;
	/* The engine's, once nobody can find the unit any more. */
	struct unit *next;
	struct codecache_defer_head defer;
};

/** What is wrong with what a function did. */
enum wrong {
	WRONG_NOTHING,
	WRONG_IDENTITY,		/* the code is another unit's, or none */
	WRONG_VALUE,		/* the interpreter computes another one */
	WRONG_TRAP,		/* it got a signal */
	NR_WRONG,
};

/**
 * Compile a set, as number @serial, from 1 on, of all that are compiled. Its code goes
 * to @code, which begins empty; where it lies, unit->piece, is still to be said.
 * Returns NULL if there is no memory.
 */
struct unit *unit_compile(const struct backend *backend, const struct rules *rules,
			  uint64_t serial, struct code *code);

/** Run one of its filters, and compare with the interpreter. */
enum wrong unit_run(const struct unit *unit, unsigned int filter,
		    const struct record *record, struct scratch *scratch);

#endif /* JIT_UNIT_H */
