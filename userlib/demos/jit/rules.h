/* SPDX-License-Identifier: MIT */
/*
 * Sets of filters: what is compiled together, and lies together in the cache
 *
 * The source of a set never changes. A set is compiled again and again because its
 * parameters change: they become constants of the code.
 */
#ifndef JIT_RULES_H
#define JIT_RULES_H

#include "ast.h"

#define RULES_MIN_FILTERS	6U
#define RULES_MAX_FILTERS	18U
#define RULES_TEXT_BYTES	4096U

struct rules {
	unsigned int nr_filters;
	struct ast *filter[RULES_MAX_FILTERS];
};

/** The text of filter @number that @seed stands for, in RULES_TEXT_BYTES bytes. */
void rules_text(uint64_t seed, char *text);
/** Filters written by hand, and NULL after the last. */
extern const char *const rules_by_hand[];

/**
 * Make set @number: its first filter is by hand, the others come from the seed.
 * Returns 0, or -ENOMEM; a filter that does not parse is a bug, and ends it all.
 */
int rules_init(struct rules *rules, uint64_t seed, unsigned int number);
void rules_free(struct rules *rules);

/** Parameters of the set that is compiled as number @serial of all. */
void rules_params(uint64_t serial, uint64_t *params);
/** Some record. */
void rules_record(uint64_t *state, struct record *record);

#endif /* JIT_RULES_H */
