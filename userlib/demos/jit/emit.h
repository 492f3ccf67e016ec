/* SPDX-License-Identifier: MIT */
/*
 * The compiler: from a filter and its parameters to code that can lie anywhere
 *
 * compile_filter() walks the tree and has a *backend* emit instructions. The
 * value of an expression goes into a register of the backend's, by number; of two
 * operands the one that needs more registers is computed first (an expression has
 * no effects, so the order is free), and what does not fit in registers is spilled.
 *
 * Code that is made here is called with a record, which it reads, and a scratch
 * area, which it writes. It uses no stack, and no register that belongs to its
 * caller: so even the wrong code, run at the wrong place, rarely does more damage
 * than to return the wrong thing. What it returns has its identity in it, which
 * is put together from one half that is loaded at its beginning and one that is
 * loaded at its end: a call that began in one function and ended in another shows.
 */
#ifndef JIT_EMIT_H
#define JIT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ast.h"

#define SCRATCH_WORDS	64U
#define CODE_ALIGN	16U	/* of the start of a function */

/** struct verdict - what a function returns, in two registers */
struct verdict {
	uint64_t value;
	uint64_t identity;
};

/** struct scratch - locals, spilled values, half an identity; one for each thread */
struct scratch {
	uint64_t word[SCRATCH_WORDS];
};

/** struct code - a buffer that code is emitted into */
struct code {
	uint8_t *start;
	size_t length;
	size_t max;
	bool full;		/* something did not fit; what is there is of no use */
};

enum branch {
	BRANCH_ALWAYS,
	BRANCH_ZERO,
	BRANCH_NONZERO,
};

/**
 * struct backend - emits the instructions of one machine; slots count in scratch
 * @name: as on the command line
 * @nr_regs: registers for values, at least 2
 * @fill: a byte for gaps; an instruction of them traps
 * @enter: the beginning of a function; keep half of its identity
 * @leave: return register @reg, and the identity from both halves
 * @constant: reg = value
 * @field: reg = field[index]
 * @word: reg = word[reg % NR_WORDS]
 * @load: reg = slot
 * @store: slot = reg
 * @unary: reg = op reg
 * @binary: reg = left op right; reg is one of both, the other one is lost
 * @branch: jump if @reg is so; returns what @patch takes
 * @patch: make the branch at @at go to @target, which is an offset as code->length
 * @call: run a function that is @entry bytes into @bytes bytes at @start; NULL:
 *	not on this machine
 */
struct backend {
	const char *name;
	unsigned int nr_regs;
	uint8_t fill;
	void (*enter)(struct code *c, uint64_t half);
	void (*leave)(struct code *c, unsigned int reg, uint64_t half);
	void (*constant)(struct code *c, unsigned int reg, uint64_t value);
	void (*field)(struct code *c, unsigned int reg, unsigned int index);
	void (*word)(struct code *c, unsigned int reg);
	void (*load)(struct code *c, unsigned int reg, unsigned int slot);
	void (*store)(struct code *c, unsigned int reg, unsigned int slot);
	void (*unary)(struct code *c, enum ast_op op, unsigned int reg);
	void (*binary)(struct code *c, enum ast_op op, unsigned int reg,
		       unsigned int left, unsigned int right);
	size_t (*branch)(struct code *c, enum branch kind, unsigned int reg);
	void (*patch)(struct code *c, size_t at, size_t target);
	struct verdict (*call)(const uint8_t *start, size_t bytes, size_t entry,
			       const struct record *record, struct scratch *scratch);
};

extern const struct backend backend_x86_64;
extern const struct backend backend_arm64;
extern const struct backend backend_bytecode;

/** The backend of that name; NULL for the best one that runs here, or for none. */
const struct backend *backend_find(const char *name);

/** Append bytes. */
void code_add(struct code *c, const void *bytes, size_t nr);
/** Fill up to a multiple of CODE_ALIGN. */
void code_align(struct code *c, uint8_t fill);

/**
 * Append the code of a filter, aligned. Returns where it begins; c->full says
 * whether it fitted.
 */
size_t compile_filter(const struct backend *backend, const struct ast *ast,
		      const uint64_t *params, uint64_t identity, struct code *c);

#endif /* JIT_EMIT_H */
