// SPDX-License-Identifier: MIT
/* Sets of filters: texts by hand, texts from a seed, parameters, records. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "die.h"
#include "mix.h"
#include "rules.h"

const char *const rules_by_hand[] = {
	"proto == 6 && dport == $0 && len > 64 ? $1 : 0",
	"let hash = src * 0x9e3779b1 ^ dst * 0x85ebca6b; hash % 16 == $2 % 16",
	"sum(i, 16, word[i] == word[$0] || word[i] > $1)",
	"ttl < 2 ? 0 : (flags & 0x12) != 0 ? len / (ttl - 1) : len % (ttl + $3)",
	"let a = src >> 8; let b = dst >> 8; !(a == b) && (proto == 17 || proto == 6)",
	"sum(i, 4, sum(j, 4, word[i * 4 + j] >> (j * 8) & 0xff)) + $4",
	"let all = sum(i, 8, word[i] ^ $5); ~all & -(len << 3 | 5)",
	"dport >= $6 && dport <= $6 + 1024 || sport - $7 < 16",
	NULL,
};

/* A text that grows. */
struct text {
	char *at;
	size_t left;
	uint64_t state;
	unsigned int budget;		/* of operators */
	unsigned int nr_lets;
	unsigned int nest;		/* of sum() */
	unsigned int nr_names;		/* lets and sums so far */
};

static void __attribute__((format(printf, 2, 3)))
text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->left)
		die("a filter's text is longer than %u bytes", RULES_TEXT_BYTES);
	t->at += n;
	t->left -= (size_t)n;
}

/* Small numbers, edges, and any. */
static uint64_t text_number(struct text *t)
{
	uint64_t n = mix_next(&t->state);

	switch (mix_below(&t->state, 5)) {
	case 0:
		return n % 4;
	case 1:
		return n % 256;
	case 2:
		return (1ULL << n % 64) - (n >> 63);
	case 3:
		return ~(n % 1000);
	default:
		return n;
	}
}

static void text_field(struct text *t)
{
	text_add(t, "%s", field_names[mix_below(&t->state, NR_FIELDS)]);
}

/* Something that is declared around here, if there is. */
static void text_name(struct text *t)
{
	if (t->nest)
		text_add(t, "i%u", t->nest);
	else if (t->nr_lets)
		text_add(t, "v%u", mix_below(&t->state, t->nr_lets));
	else
		text_field(t);
}

static void text_leaf(struct text *t)
{
	switch (mix_below(&t->state, 6)) {
	case 0:
		text_add(t, "%llu", (unsigned long long)text_number(t));
		break;
	case 1:
		text_add(t, "$%u", mix_below(&t->state, NR_PARAMS));
		break;
	case 2:
		text_name(t);
		break;
	default:
		text_field(t);
	}
}

static void text_expression(struct text *t, unsigned int depth);

static void text_binary(struct text *t, unsigned int depth)
{
	/* Those that lose bits are rarer than those that keep them. */
	static const char *const operators[] = {
		"+", "-", "*", "^", "|", "+", "-", "*", "^", "|", "&", "/", "%", "<<",
		">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||",
	};
	bool brackets = mix_below(&t->state, 2);

	text_add(t, "%s", brackets ? "(" : "");
	text_expression(t, depth + 1);
	text_add(t, " %s ", operators[mix_below(&t->state, sizeof(operators) / sizeof(*operators))]);
	text_expression(t, depth + 1);
	text_add(t, "%s", brackets ? ")" : "");
}

static void text_sum(struct text *t, unsigned int depth)
{
	t->nest++;
	t->nr_names += 2;
	text_add(t, "sum(i%u, %u, ", t->nest, 1 + mix_below(&t->state, 6));
	text_expression(t, depth + 1);
	text_add(t, ")");
	t->nest--;
}

static void text_cond(struct text *t, unsigned int depth)
{
	text_add(t, "(");
	text_expression(t, depth + 1);
	text_add(t, " ? ");
	text_expression(t, depth + 1);
	text_add(t, " : ");
	text_expression(t, depth + 1);
	text_add(t, ")");
}

static void text_expression(struct text *t, unsigned int depth)
{
	unsigned int kind = mix_below(&t->state, 12);

	/* The root is no leaf, unless the budget is spent. */
	if (!t->budget || depth > 12 || (depth && kind < 2)) {
		text_leaf(t);
		return;
	}
	t->budget--;
	if (kind == 2) {
		text_add(t, "word[");
		text_expression(t, depth + 1);
		text_add(t, "]");
	} else if (kind == 3) {
		text_add(t, "%c", "-~!"[mix_below(&t->state, 3)]);
		text_leaf(t);
	} else if (kind == 4) {
		text_cond(t, depth);
	} else if (kind == 5 && t->nest < AST_MAX_NEST && t->nr_names + 2 <= AST_MAX_LOCALS) {
		text_sum(t, depth);
	} else {
		text_binary(t, depth);
	}
}

void rules_text(uint64_t seed, char *text)
{
	struct text t = { .at = text, .left = RULES_TEXT_BYTES, .state = mix(seed) };
	unsigned int lets = mix_below(&t.state, 4), i;

	for (i = 0; i < lets; i++) {
		t.budget = 4;
		t.nr_names++;
		text_add(&t, "let v%u = ", i);
		text_expression(&t, 0);
		text_add(&t, "; ");
		t.nr_lets = i + 1;
	}
	t.budget = 6 + mix_below(&t.state, 26);
	text_expression(&t, 0);
}

static struct ast *rules_parse(const char *text)
{
	char error[128];
	struct ast *ast = ast_parse(text, error, sizeof(error));

	if (!ast)
		die("%s: in the filter\n%s", error, text);
	return ast;
}

int rules_init(struct rules *rules, uint64_t seed, unsigned int number)
{
	uint64_t state = mix(seed ^ mix(number));
	unsigned int nr_by_hand = 0, i;
	char *text = malloc(RULES_TEXT_BYTES);

	if (!text)
		return -ENOMEM;
	while (rules_by_hand[nr_by_hand])
		nr_by_hand++;
	rules->nr_filters = RULES_MIN_FILTERS +
		mix_below(&state, RULES_MAX_FILTERS - RULES_MIN_FILTERS + 1);
	rules->filter[0] = rules_parse(rules_by_hand[number % nr_by_hand]);
	for (i = 1; i < rules->nr_filters; i++) {
		rules_text(mix_next(&state), text);
		rules->filter[i] = rules_parse(text);
	}
	free(text);
	return 0;
}

void rules_free(struct rules *rules)
{
	while (rules->nr_filters)
		free(rules->filter[--rules->nr_filters]);
}

void rules_params(uint64_t serial, uint64_t *params)
{
	uint64_t state = mix(serial);
	unsigned int i;

	/* Small ones, so that comparisons with them go either way, and any. */
	for (i = 0; i < NR_PARAMS; i++)
		params[i] = mix_next(&state) >> (i % 2 ? 0 : 48);
}

void rules_record(uint64_t *state, struct record *record)
{
	unsigned int i;

	for (i = 0; i < NR_FIELDS; i++)
		record->field[i] = mix_next(state) >> 32;
	record->field[2] &= 0xffff;
	record->field[3] &= 0xffff;
	record->field[4] = mix_below(state, 2) ? 6 : 17;
	record->field[5] &= 0x7ff;
	record->field[6] &= 0xff;
	record->field[7] &= 0x3f;
	for (i = 0; i < NR_WORDS; i++)
		record->word[i] = mix_next(state) >> mix_below(state, 64);
}
