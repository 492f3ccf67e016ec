// SPDX-License-Identifier: MIT
/* The interpreter. */
#include "ast.h"

const char *const field_names[NR_FIELDS] = {
	"src", "dst", "sport", "dport", "proto", "len", "flags", "ttl",
};

struct eval {
	const struct ast *ast;
	const uint64_t *params;
	const struct record *record;
	uint64_t local[AST_MAX_LOCALS];
};

uint64_t ast_unary(enum ast_op op, uint64_t a)
{
	switch (op) {
	case AST_NEG:
		return -a;
	case AST_NOT:
		return ~a;
	case AST_LNOT:
		return !a;
	default:
		return a != 0;
	}
}

static uint64_t ast_compare(enum ast_op op, uint64_t a, uint64_t b)
{
	switch (op) {
	case AST_EQ:
		return a == b;
	case AST_NE:
		return a != b;
	case AST_LT:
		return a < b;
	case AST_LE:
		return a <= b;
	case AST_GT:
		return a > b;
	default:
		return a >= b;
	}
}

uint64_t ast_binary(enum ast_op op, uint64_t a, uint64_t b)
{
	switch (op) {
	case AST_ADD:
		return a + b;
	case AST_SUB:
		return a - b;
	case AST_MUL:
		return a * b;
	case AST_DIV:
		return b ? a / b : 0;
	case AST_MOD:
		return b ? a % b : a;
	case AST_AND:
		return a & b;
	case AST_OR:
		return a | b;
	case AST_XOR:
		return a ^ b;
	case AST_SHL:
		return a << (b & 63);
	case AST_SHR:
		return a >> (b & 63);
	default:
		return ast_compare(op, a, b);
	}
}

static uint64_t eval_node(struct eval *e, unsigned int at);

static uint64_t eval_sum(struct eval *e, const struct ast_node *n)
{
	uint64_t sum = 0, i;

	for (i = 0; i < n->value; i++) {
		e->local[n->index] = i;
		sum += eval_node(e, n->a);
	}
	return sum;
}

static uint64_t eval_leaf(const struct eval *e, const struct ast_node *n)
{
	switch (n->op) {
	case AST_CONST:
		return n->value;
	case AST_PARAM:
		return e->params[n->index];
	case AST_FIELD:
		return e->record->field[n->index];
	default:
		return e->local[n->index];
	}
}

static uint64_t eval_node(struct eval *e, unsigned int at)
{
	const struct ast_node *n = &e->ast->node[at];
	uint64_t a;

	if (n->op <= AST_LOCAL)
		return eval_leaf(e, n);
	if (n->op == AST_SUM)
		return eval_sum(e, n);
	a = eval_node(e, n->a);
	switch (n->op) {
	case AST_WORD:
		return e->record->word[a % NR_WORDS];
	case AST_NEG:
	case AST_NOT:
	case AST_LNOT:
	case AST_BOOL:
		return ast_unary((enum ast_op)n->op, a);
	case AST_BOTH:
		return a ? eval_node(e, n->b) != 0 : 0;
	case AST_EITHER:
		return a ? 1 : eval_node(e, n->b) != 0;
	case AST_COND:
		return eval_node(e, a ? n->b : n->c);
	case AST_LET:
		e->local[n->index] = a;
		return eval_node(e, n->b);
	default:
		return ast_binary((enum ast_op)n->op, a, eval_node(e, n->b));
	}
}

uint64_t ast_eval(const struct ast *ast, const uint64_t *params,
		  const struct record *record)
{
	struct eval e = { .ast = ast, .params = params, .record = record };

	return eval_node(&e, ast->nr_nodes - 1);
}
