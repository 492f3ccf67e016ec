// SPDX-License-Identifier: MIT
/* The parser: recursive descent, with a table of what binds how tightly. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ast.h"

#define MAX_DEPTH	200U	/* of brackets and operators in each other */

/* A name that is visible. */
struct name {
	const char *text;
	size_t length;
	unsigned int local;
};

struct parser {
	const char *text;
	const char *at;
	unsigned int depth;
	unsigned int nest;		/* of sum() */
	unsigned int nr_names;
	struct name name[AST_MAX_LOCALS];
	unsigned int nr_locals;
	unsigned int nr_nodes;
	struct ast_node node[AST_MAX_NODES];
	bool failed;
	char *error;
	size_t error_bytes;
};

static const struct binary {
	const char *text;
	unsigned int level;		/* the higher, the tighter */
	enum ast_op op;
} binaries[] = {
	/* Longer ones before those that they begin with. */
	{ "||", 1, AST_EITHER }, { "&&", 2, AST_BOTH },
	{ "<<", 8, AST_SHL }, { ">>", 8, AST_SHR },
	{ "==", 6, AST_EQ }, { "!=", 6, AST_NE }, { "<=", 7, AST_LE },
	{ ">=", 7, AST_GE }, { "<", 7, AST_LT }, { ">", 7, AST_GT },
	{ "|", 3, AST_OR }, { "^", 4, AST_XOR }, { "&", 5, AST_AND },
	{ "+", 9, AST_ADD }, { "-", 9, AST_SUB },
	{ "*", 10, AST_MUL }, { "/", 10, AST_DIV }, { "%", 10, AST_MOD },
};

#define NR_BINARIES	(sizeof(binaries) / sizeof(binaries[0]))

static unsigned int parse_expression(struct parser *p);

/* The first error stays; from then on everything ends quickly. */
static unsigned int parse_fail(struct parser *p, const char *what)
{
	if (!p->failed)
		snprintf(p->error, p->error_bytes, "at character %d: %s",
			 (int)(p->at - p->text) + 1, what);
	p->failed = true;
	p->at += strlen(p->at);
	return 0;
}

static unsigned int parse_node(struct parser *p, struct ast_node node)
{
	if (p->nr_nodes == AST_MAX_NODES)
		return parse_fail(p, "this filter is too long");
	p->node[p->nr_nodes] = node;
	return p->nr_nodes++;
}

static void parse_space(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool parse_take(struct parser *p, const char *text)
{
	size_t length = strlen(text);

	parse_space(p);
	if (strncmp(p->at, text, length))
		return false;
	p->at += length;
	return true;
}

static void parse_want(struct parser *p, const char *text)
{
	char what[32];

	if (parse_take(p, text))
		return;
	snprintf(what, sizeof(what), "'%s' is missing", text);
	parse_fail(p, what);
}

static bool parse_is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Take a word; false: there is none. */
static bool parse_word(struct parser *p, struct name *word)
{
	parse_space(p);
	word->text = p->at;
	if (isalpha((unsigned char)*p->at) || *p->at == '_')
		while (parse_is_word(*p->at))
			p->at++;
	word->length = (size_t)(p->at - word->text);
	return word->length != 0;
}

static bool parse_same(const struct name *word, const char *text)
{
	return strlen(text) == word->length && !memcmp(word->text, text, word->length);
}

static uint64_t parse_number(struct parser *p, uint64_t max)
{
	char *end;
	uint64_t n;

	parse_space(p);
	if (!isdigit((unsigned char)*p->at))
		return parse_fail(p, "a number is missing");
	n = strtoull(p->at, &end, 0);
	if (parse_is_word(*end) || n > max)
		return parse_fail(p, "a number is too large, or none");
	p->at = end;
	return n;
}

/* Make a name visible, for @nr locals. Returns the first of them. */
static unsigned int parse_declare(struct parser *p, unsigned int nr)
{
	struct name *name = &p->name[p->nr_names];
	unsigned int local = p->nr_locals;

	if (local + nr > AST_MAX_LOCALS)
		return parse_fail(p, "too many names");
	if (!parse_word(p, name) || parse_same(name, "let") ||
	    parse_same(name, "sum") || parse_same(name, "word"))
		return parse_fail(p, "a name is missing");
	name->local = local;
	p->nr_names++;
	p->nr_locals += nr;
	return local;
}

static unsigned int parse_sum(struct parser *p)
{
	struct ast_node node = { .op = AST_SUM };
	unsigned int names = p->nr_names;

	if (p->nest == AST_MAX_NEST)
		return parse_fail(p, "sums are nested too deeply");
	p->nest++;
	parse_want(p, "(");
	node.index = (uint8_t)parse_declare(p, 2);
	parse_want(p, ",");
	node.value = parse_number(p, AST_MAX_SUM);
	if (!node.value)
		parse_fail(p, "a sum of nothing");
	parse_want(p, ",");
	node.a = (uint16_t)parse_expression(p);
	parse_want(p, ")");
	p->nest--;
	p->nr_names = names;
	return parse_node(p, node);
}

/* A let name or a counter hides a field. */
static unsigned int parse_name(struct parser *p, const struct name *word)
{
	unsigned int i;

	for (i = p->nr_names; i-- > 0;)
		if (p->name[i].length == word->length &&
		    !memcmp(p->name[i].text, word->text, word->length))
			return parse_node(p, (struct ast_node){
				.op = AST_LOCAL, .index = (uint8_t)p->name[i].local });
	for (i = 0; i < NR_FIELDS; i++)
		if (parse_same(word, field_names[i]))
			return parse_node(p, (struct ast_node){
				.op = AST_FIELD, .index = (uint8_t)i });
	return parse_fail(p, "nothing has the name before this");
}

static unsigned int parse_index(struct parser *p)
{
	struct ast_node node = { .op = AST_WORD };

	parse_want(p, "[");
	node.a = (uint16_t)parse_expression(p);
	parse_want(p, "]");
	return parse_node(p, node);
}

static unsigned int parse_primary(struct parser *p)
{
	struct name word;
	unsigned int node;

	if (parse_take(p, "(")) {
		node = parse_expression(p);
		parse_want(p, ")");
		return node;
	}
	if (parse_take(p, "$"))
		return parse_node(p, (struct ast_node){
			.op = AST_PARAM, .index = (uint8_t)parse_number(p, NR_PARAMS - 1) });
	if (!parse_word(p, &word))
		return parse_node(p, (struct ast_node){
			.op = AST_CONST, .value = parse_number(p, UINT64_MAX) });
	if (parse_same(&word, "word"))
		return parse_index(p);
	if (parse_same(&word, "sum"))
		return parse_sum(p);
	return parse_name(p, &word);
}

static unsigned int parse_unary(struct parser *p)
{
	struct ast_node node = { 0 };

	if (parse_take(p, "-"))
		node.op = AST_NEG;
	else if (parse_take(p, "~"))
		node.op = AST_NOT;
	else if (parse_take(p, "!"))
		node.op = AST_LNOT;
	else
		return parse_primary(p);
	if (++p->depth > MAX_DEPTH)
		return parse_fail(p, "too deep");
	node.a = (uint16_t)parse_unary(p);
	p->depth--;
	return parse_node(p, node);
}

/* The operator that comes next, or NULL; it is not taken. */
static const struct binary *parse_operator(struct parser *p)
{
	unsigned int i;

	parse_space(p);
	for (i = 0; i < NR_BINARIES; i++)
		if (!strncmp(p->at, binaries[i].text, strlen(binaries[i].text)))
			return &binaries[i];
	return NULL;
}

/* Operators of @level and above. */
static unsigned int parse_binary(struct parser *p, unsigned int level)
{
	unsigned int left = parse_unary(p), right;
	const struct binary *b;

	while ((b = parse_operator(p)) && b->level >= level) {
		p->at += strlen(b->text);
		right = parse_binary(p, b->level + 1);
		left = parse_node(p, (struct ast_node){
			.op = (uint8_t)b->op, .a = (uint16_t)left, .b = (uint16_t)right });
	}
	return left;
}

static unsigned int parse_expression(struct parser *p)
{
	struct ast_node node = { .op = AST_COND };
	unsigned int first;

	if (++p->depth > MAX_DEPTH)
		return parse_fail(p, "too deep");
	first = parse_binary(p, 1);
	if (parse_take(p, "?")) {
		node.a = (uint16_t)first;
		node.b = (uint16_t)parse_expression(p);
		parse_want(p, ":");
		node.c = (uint16_t)parse_expression(p);
		first = parse_node(p, node);
	}
	p->depth--;
	return first;
}

/* "let" is taken already. The name is visible after its own value only. */
static struct ast_node parse_let(struct parser *p)
{
	struct ast_node let = { .op = AST_LET };
	unsigned int names = p->nr_names;
	struct name name;

	let.index = (uint8_t)parse_declare(p, 1);
	if (p->failed)
		return let;
	name = p->name[names];
	p->nr_names = names;
	parse_want(p, "=");
	let.a = (uint16_t)parse_expression(p);
	parse_want(p, ";");
	p->name[names] = name;
	p->nr_names = names + 1;
	return let;
}

static unsigned int parse_filter(struct parser *p)
{
	struct ast_node let[AST_MAX_LOCALS], next;
	const char *start = p->at;
	unsigned int nr = 0, node;
	struct name word;

	while (parse_word(p, &word) && parse_same(&word, "let")) {
		next = parse_let(p);
		if (p->failed)
			return 0;
		let[nr++] = next;
		start = p->at;
	}
	p->at = start;
	node = parse_expression(p);
	while (nr-- > 0) {
		let[nr].b = (uint16_t)node;
		node = parse_node(p, let[nr]);
	}
	return node;
}

struct ast *ast_parse(const char *text, char *error, size_t error_bytes)
{
	struct parser *p = calloc(1, sizeof(*p));
	struct ast *ast = NULL;
	size_t bytes;

	snprintf(error, error_bytes, "no memory");
	if (!p)
		return NULL;
	p->text = text;
	p->at = text;
	p->error = error;
	p->error_bytes = error_bytes;
	parse_filter(p);
	parse_space(p);
	if (*p->at)
		parse_fail(p, "what is this?");
	bytes = p->nr_nodes * sizeof(p->node[0]);
	if (!p->failed)
		ast = malloc(sizeof(*ast) + bytes);
	if (ast) {
		ast->nr_nodes = p->nr_nodes;
		ast->nr_locals = p->nr_locals;
		memcpy(ast->node, p->node, bytes);
	}
	free(p);
	return ast;
}
