// SPDX-License-Identifier: MIT
/* The compiler: what goes into which register, folding, control flow. */
#include <string.h>

#include "emit.h"
#include "mix.h"

/* Slots of the scratch area: half an identity, the locals, spilled values. */
#define SLOT_IDENTITY	0U
#define SLOT_LOCALS	1U
#define SLOT_SPILLS	(SLOT_LOCALS + AST_MAX_LOCALS)

/* What is known about a node before code is emitted. */
struct known {
	bool constant;
	uint8_t need;		/* registers, if nothing is to be spilled */
	uint64_t value;
};

struct compiler {
	const struct backend *backend;
	const struct ast *ast;
	const uint64_t *params;
	struct code *code;
	unsigned int spills;	/* slots in use */
	struct known known[AST_MAX_NODES];
};

static const struct backend *const backends[] = {
	&backend_x86_64, &backend_arm64, &backend_bytecode,
};

const struct backend *backend_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (name ? !strcmp(name, backends[i]->name) : backends[i]->call != NULL)
			return backends[i];
	return NULL;
}

void code_add(struct code *c, const void *bytes, size_t nr)
{
	if (nr > c->max - c->length) {
		c->full = true;
		return;
	}
	memcpy(c->start + c->length, bytes, nr);
	c->length += nr;
}

void code_align(struct code *c, uint8_t fill)
{
	while (c->length % CODE_ALIGN && !c->full)
		code_add(c, &fill, 1);
}

static uint8_t max_need(unsigned int a, unsigned int b)
{
	return (uint8_t)(a > b ? a : b);
}

static struct known known_constant(uint64_t value)
{
	return (struct known){ .constant = true, .need = 1, .value = value };
}

static struct known known_leaf(const struct compiler *c, const struct ast_node *n)
{
	if (n->op == AST_CONST)
		return known_constant(n->value);
	if (n->op == AST_PARAM)
		return known_constant(c->params[n->index]);
	return (struct known){ .need = 1 };
}

static struct known known_binary(const struct ast_node *n, const struct known *a,
				 const struct known *b)
{
	if (a->constant && b->constant)
		return known_constant(ast_binary((enum ast_op)n->op, a->value, b->value));
	if (a->need == b->need)
		return (struct known){ .need = (uint8_t)(a->need + 1) };
	return (struct known){ .need = max_need(a->need, b->need) };
}

/* Operands come before what they belong to, so that all is known about them. */
static struct known known_node(const struct compiler *c, const struct ast_node *n)
{
	const struct known *a = &c->known[n->a], *b = &c->known[n->b];
	struct known known = { .need = a->need };

	if (n->op <= AST_LOCAL)
		return known_leaf(c, n);
	if (n->op >= AST_ADD && n->op <= AST_GE)
		return known_binary(n, a, b);
	if (n->op >= AST_NEG && n->op <= AST_BOOL && a->constant)
		return known_constant(ast_unary((enum ast_op)n->op, a->value));
	if (n->op == AST_BOTH || n->op == AST_EITHER || n->op == AST_LET)
		known.need = max_need(a->need, b->need);
	else if (n->op == AST_COND)
		known.need = max_need(a->need, max_need(b->need, c->known[n->c].need));
	else if (n->op == AST_SUM)
		known.need = max_need(a->need, 2);
	return known;
}

static void emit_node(struct compiler *c, unsigned int at, unsigned int reg);

/*
 * Both operands, to @reg and the one after it. Whoever is computed second has one
 * register less.
 */
static void emit_binary(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	unsigned int left = c->known[n->a].need, right = c->known[n->b].need;
	unsigned int free = c->backend->nr_regs - reg;
	unsigned int first = right > left ? n->b : n->a;
	unsigned int second = right > left ? n->a : n->b;
	bool spill = left >= free && right >= free;
	unsigned int slot = SLOT_SPILLS + c->spills;

	emit_node(c, first, reg);
	if (spill) {
		c->code->full |= slot >= SCRATCH_WORDS;
		c->spills++;
		c->backend->store(c->code, reg, slot);
		emit_node(c, second, reg);
		c->backend->load(c->code, reg + 1, slot);
		c->spills--;
	} else {
		emit_node(c, second, reg + 1);
	}
	if ((first == n->a) == spill)
		c->backend->binary(c->code, (enum ast_op)n->op, reg, reg + 1, reg);
	else
		c->backend->binary(c->code, (enum ast_op)n->op, reg, reg, reg + 1);
}

/* a && b, a || b: the second is not computed if the first one decides. */
static void emit_shortcut(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	enum branch decided = n->op == AST_BOTH ? BRANCH_ZERO : BRANCH_NONZERO;
	size_t branch;

	emit_node(c, n->a, reg);
	branch = c->backend->branch(c->code, decided, reg);
	emit_node(c, n->b, reg);
	c->backend->patch(c->code, branch, c->code->length);
	c->backend->unary(c->code, AST_BOOL, reg);
}

static void emit_cond(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	const struct known *a = &c->known[n->a];
	size_t to_else, to_end;

	if (a->constant) {
		emit_node(c, a->value ? n->b : n->c, reg);
		return;
	}
	emit_node(c, n->a, reg);
	to_else = c->backend->branch(c->code, BRANCH_ZERO, reg);
	emit_node(c, n->b, reg);
	to_end = c->backend->branch(c->code, BRANCH_ALWAYS, reg);
	c->backend->patch(c->code, to_else, c->code->length);
	emit_node(c, n->c, reg);
	c->backend->patch(c->code, to_end, c->code->length);
}

static void emit_let(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	emit_node(c, n->a, reg);
	c->backend->store(c->code, reg, SLOT_LOCALS + n->index);
	emit_node(c, n->b, reg);
}

/* Slot += @reg, which is left with the sum. */
static void emit_add_to(struct compiler *c, unsigned int slot, unsigned int reg)
{
	c->backend->load(c->code, reg + 1, slot);
	c->backend->binary(c->code, AST_ADD, reg, reg, reg + 1);
	c->backend->store(c->code, reg, slot);
}

/* The body is computed at least once. */
static void emit_sum(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	unsigned int counter = SLOT_LOCALS + n->index, sum = counter + 1;
	size_t top, branch;

	c->backend->constant(c->code, reg, 0);
	c->backend->store(c->code, reg, counter);
	c->backend->store(c->code, reg, sum);
	top = c->code->length;
	emit_node(c, n->a, reg);
	emit_add_to(c, sum, reg);
	c->backend->constant(c->code, reg, 1);
	emit_add_to(c, counter, reg);
	c->backend->constant(c->code, reg + 1, n->value);
	c->backend->binary(c->code, AST_LT, reg, reg, reg + 1);
	branch = c->backend->branch(c->code, BRANCH_NONZERO, reg);
	c->backend->patch(c->code, branch, top);
	c->backend->load(c->code, reg, sum);
}

static void emit_leaf(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	if (n->op == AST_FIELD)
		c->backend->field(c->code, reg, n->index);
	else
		c->backend->load(c->code, reg, SLOT_LOCALS + n->index);
}

static void emit_unary(struct compiler *c, const struct ast_node *n, unsigned int reg)
{
	emit_node(c, n->a, reg);
	if (n->op == AST_WORD)
		c->backend->word(c->code, reg);
	else
		c->backend->unary(c->code, (enum ast_op)n->op, reg);
}

/* There are as many registers, from @reg on, as the node needs; or two. */
static void emit_node(struct compiler *c, unsigned int at, unsigned int reg)
{
	const struct ast_node *n = &c->ast->node[at];

	if (c->known[at].constant)
		c->backend->constant(c->code, reg, c->known[at].value);
	else if (n->op <= AST_LOCAL)
		emit_leaf(c, n, reg);
	else if (n->op >= AST_ADD && n->op <= AST_GE)
		emit_binary(c, n, reg);
	else if (n->op == AST_BOTH || n->op == AST_EITHER)
		emit_shortcut(c, n, reg);
	else if (n->op == AST_COND)
		emit_cond(c, n, reg);
	else if (n->op == AST_LET)
		emit_let(c, n, reg);
	else if (n->op == AST_SUM)
		emit_sum(c, n, reg);
	else
		emit_unary(c, n, reg);
}

size_t compile_filter(const struct backend *backend, const struct ast *ast,
		      const uint64_t *params, uint64_t identity, struct code *code)
{
	struct compiler c = { .backend = backend, .ast = ast, .params = params, .code = code };
	uint64_t half = mix(identity);
	unsigned int i;
	size_t start;

	for (i = 0; i < ast->nr_nodes; i++)
		c.known[i] = known_node(&c, &ast->node[i]);
	code_align(code, backend->fill);
	start = code->length;
	backend->enter(code, half);
	emit_node(&c, ast->nr_nodes - 1, 0);
	backend->leave(code, 0, half ^ identity);
	return start;
}
