/* SPDX-License-Identifier: MIT */
/*
 * The language: filters over a record, such as a packet filter has
 *
 *	let hash = src * 0x9e3779b1 ^ dst;
 *	proto == $0 && hash % 16 < $1 ? len : sum(i, 8, word[i] >> i & 1)
 *
 * Values are 64-bit and unsigned, and wrap around. A filter is one expression,
 * after any number of "let NAME = EXPRESSION;". Operators and what binds tighter
 * than what are those of C: ?: || && | ^ & == != < <= > >= << >> + - * / % ! ~ -.
 * Comparisons and ! && || give 0 or 1. x / 0 is 0 and x % 0 is x; shifts count
 * modulo 64. A record has fields, by name, and the words word[0] to word[15]; the
 * index counts modulo 16. sum(NAME, N, EXPRESSION) adds the expression up for
 * NAME = 0 to N - 1; N is a constant. $0 to $7 are parameters: they are constants
 * once the filter is compiled, and change from one compilation to the next.
 */
#ifndef JIT_AST_H
#define JIT_AST_H

#include <stddef.h>
#include <stdint.h>

#define AST_MAX_NODES	512U
#define AST_MAX_LOCALS	24U	/* let names, and two for each sum */
#define AST_MAX_SUM	16U	/* N of sum(), which nest no deeper than AST_MAX_NEST */
#define AST_MAX_NEST	2U
#define NR_PARAMS	8U
#define NR_FIELDS	8U
#define NR_WORDS	16U	/* a power of two */

/** struct record - what a filter is about */
struct record {
	uint64_t field[NR_FIELDS];
	uint64_t word[NR_WORDS];
};

extern const char *const field_names[NR_FIELDS];

/** enum ast_op - what a node computes; a and b stand for its operands */
enum ast_op {
	/* Leaves: a value or an index. */
	AST_CONST,
	AST_PARAM,
	AST_FIELD,
	AST_LOCAL,
	/* One operand. */
	AST_WORD,	/* word[a] */
	AST_NEG,
	AST_NOT,
	AST_LNOT,	/* !a */
	AST_BOOL,	/* !!a */
	/* Two operands, both of which are computed. */
	AST_ADD,
	AST_SUB,
	AST_MUL,
	AST_DIV,
	AST_MOD,
	AST_AND,
	AST_OR,
	AST_XOR,
	AST_SHL,
	AST_SHR,
	AST_EQ,
	AST_NE,
	AST_LT,
	AST_LE,
	AST_GT,
	AST_GE,
	/* The others. */
	AST_BOTH,	/* a && b */
	AST_EITHER,	/* a || b */
	AST_COND,	/* a ? b : c */
	AST_LET,	/* local index = a; b */
	AST_SUM,	/* locals index (counter) and index + 1 (sum), value times a */
};

/** struct ast_node - operands are numbers of nodes, all smaller than its own */
struct ast_node {
	uint8_t op;
	uint8_t index;		/* of a parameter, a field or a local */
	uint16_t a, b, c;
	uint64_t value;
};

/** struct ast - a filter; its last node is the whole of it */
struct ast {
	unsigned int nr_nodes;
	unsigned int nr_locals;
	struct ast_node node[];
};

/** Compute an operator with one operand, but for AST_WORD. */
uint64_t ast_unary(enum ast_op op, uint64_t a);
/** Compute an operator with two operands. */
uint64_t ast_binary(enum ast_op op, uint64_t a, uint64_t b);
/** The interpreter, by which all code that a compiler makes is judged. */
uint64_t ast_eval(const struct ast *ast, const uint64_t *params,
		  const struct record *record);

/**
 * Parse a filter. NULL: it is none, and @error gets one line that says why, or
 * there is no memory. The result is freed with free().
 */
struct ast *ast_parse(const char *text, char *error, size_t error_bytes);

#endif /* JIT_AST_H */
