// SPDX-License-Identifier: MIT
/*
 * The compiler of the demo jit: what every back end that runs here makes of random
 * filters, against the interpreter
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emit.h"
#include "jit_test.h"
#include "mix.h"
#include "rules.h"

#include "kselftest_harness.h"

#define BYTES	65536U

static const struct backend *const backends[] = {
	&backend_x86_64, &backend_arm64, &backend_bytecode,
};

#define NR_BACKENDS	(sizeof(backends) / sizeof(backends[0]))

/* Code, and memory in which it can be run. */
FIXTURE(jit)
{
	struct code code;
	uint8_t *exec;
	struct record record;
	uint64_t params[NR_PARAMS];
};

FIXTURE_SETUP(jit)
{
	uint64_t state = 7;

	self->code = (struct code){ .start = malloc(BYTES), .max = BYTES };
	self->exec = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->exec);
	rules_record(&state, &self->record);
	rules_params(1, self->params);
}

FIXTURE_TEARDOWN(jit)
{
	munmap(self->exec, BYTES);
	free(self->code.start);
}

/* Run what is in @code, from @entry on. */
static struct verdict run(const struct backend *backend, const struct code *code,
			  uint8_t *exec, size_t entry, const struct record *record)
{
	struct scratch scratch;
	struct verdict verdict;

	mprotect(exec, BYTES, PROT_READ | PROT_WRITE);
	memcpy(exec, code->start, code->length);
	mprotect(exec, BYTES, PROT_READ | PROT_EXEC);
	__builtin___clear_cache((char *)exec, (char *)exec + code->length);
	memset(&scratch, 0xee, sizeof(scratch));
	verdict = backend->call(exec, code->length, entry, record, &scratch);
	return verdict;
}

/* Compile, run on some records, compare. Returns whether all is well. */
static bool agrees(const struct backend *backend, struct code *code, uint8_t *exec,
		   const struct ast *ast, uint64_t seed)
{
	uint64_t params[NR_PARAMS], state = seed, identity = mix(seed);
	struct record record;
	struct verdict verdict;
	size_t entry;
	unsigned int i;

	code->length = 0;
	rules_params(seed, params);
	entry = compile_filter(backend, ast, params, identity, code);
	if (code->full)
		return false;
	for (i = 0; i < 6; i++) {
		rules_record(&state, &record);
		verdict = run(backend, code, exec, entry, &record);
		if (verdict.value != ast_eval(ast, params, &record) ||
		    verdict.identity != identity)
			return false;
	}
	return true;
}

static bool texts_agree(const struct backend *backend, struct code *code, uint8_t *exec,
			const char *text, uint64_t seed)
{
	struct ast *ast = parse(text);
	bool ok = ast && agrees(backend, code, exec, ast, seed);

	if (!ok)
		printf("# %s, seed %llu: %s\n", backend->name, (unsigned long long)seed, text);
	free(ast);
	return ok;
}

TEST_F_TIMEOUT(jit, code_agrees_with_the_interpreter, 300)
{
	char *text = malloc(RULES_TEXT_BYTES);
	unsigned int b, i;

	for (b = 0; b < NR_BACKENDS; b++) {
		for (i = 0; backends[b]->call && i < 20000; i++) {
			rules_text(1000000 + i, text);
			ASSERT_TRUE(texts_agree(backends[b], &self->code, self->exec, text, i));
		}
	}
	free(text);
}

TEST_F(jit, code_of_filters_by_hand_agrees)
{
	unsigned int b, i, k;

	for (b = 0; b < NR_BACKENDS; b++)
		for (i = 0; backends[b]->call && rules_by_hand[i]; i++)
			for (k = 0; k < 100; k++)
				ASSERT_TRUE(texts_agree(backends[b], &self->code, self->exec,
							rules_by_hand[i], k));
}

/* Every operator on every pair of edges, with either operand computed first. */
static bool operator_agrees(const struct backend *backend, struct code *code, uint8_t *exec,
			    const char *text)
{
	static const uint64_t edges[] = {
		0, 1, 2, 63, 64, 65, 1ULL << 31, 1ULL << 32, 1ULL << 63, ~0ULL, ~0ULL - 1,
	};
	const unsigned int nr = sizeof(edges) / sizeof(edges[0]);
	struct ast *ast = parse(text);
	struct record record = { 0 };
	uint64_t params[NR_PARAMS];
	unsigned int i, k;
	bool ok = ast;

	for (i = 0; ok && i < nr; i++) {
		for (k = 0; ok && k < nr; k++) {
			size_t entry;

			record.field[0] = params[0] = edges[i];
			record.field[1] = params[1] = edges[k];
			code->length = 0;
			entry = compile_filter(backend, ast, params, 1, code);
			ok = run(backend, code, exec, entry, &record).value ==
			     ast_eval(ast, params, &record);
		}
	}
	if (!ok)
		printf("# %s: %s\n", backend->name, text);
	free(ast);
	return ok;
}

TEST_F(jit, operators_agree_at_the_edges)
{
	static const char *const operators[] = {
		"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=",
		">", ">=", "&&", "||",
	};
	/* Leaves, folded, and the right operand needing more registers. */
	static const char *const shapes[] = {
		"src %s dst", "$0 %s $1", "src %s $1", "$0 %s dst",
		"src %s ((dst ^ len) ^ len)", "!(src %s dst)", "-src %s ~dst",
	};
	unsigned int b, i, k;
	char text[64];

	for (b = 0; b < NR_BACKENDS; b++) {
		for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
			for (k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
				if (!backends[b]->call)
					continue;
				snprintf(text, sizeof(text), shapes[k], operators[i]);
				ASSERT_TRUE(operator_agrees(backends[b], &self->code,
							    self->exec, text));
			}
		}
	}
}

/* A full tree of @depth levels: 2^depth leaves, depth + 1 registers. */
static void balanced(char *text, unsigned int depth, unsigned int seed)
{
	static const char *const operators[] = { "-", "+", "^", "/", "<<", "<", "*", "%" };

	if (!depth) {
		strcat(text, field_names[seed % NR_FIELDS]);
		return;
	}
	strcat(text, "(");
	balanced(text, depth - 1, seed * 3 + 1);
	strcat(text, operators[seed % 8]);
	balanced(text, depth - 1, seed * 5 + 2);
	strcat(text, ")");
}

TEST_F(jit, what_needs_too_many_registers_is_spilled)
{
	char *text = malloc(RULES_TEXT_BYTES);
	unsigned int b, depth;

	for (b = 0; b < NR_BACKENDS; b++) {
		for (depth = 0; backends[b]->call && depth <= 7; depth++) {
			text[0] = '\0';
			balanced(text, depth, depth + b);
			ASSERT_TRUE(texts_agree(backends[b], &self->code, self->exec, text, depth));
		}
	}
	free(text);
}

/* Bytecode, and the highest register that is named. */
static unsigned int highest;

static void watch(unsigned int reg)
{
	if (reg > highest)
		highest = reg;
}

static void watched_constant(struct code *c, unsigned int reg, uint64_t value)
{
	watch(reg);
	backend_bytecode.constant(c, reg, value);
}

static void watched_load(struct code *c, unsigned int reg, unsigned int slot)
{
	watch(reg);
	backend_bytecode.load(c, reg, slot);
}

static void watched_field(struct code *c, unsigned int reg, unsigned int index)
{
	watch(reg);
	backend_bytecode.field(c, reg, index);
}

/* A back end may have as few as two registers. */
TEST_F(jit, registers_that_do_not_exist_are_not_used)
{
	struct backend few = backend_bytecode;
	char *text = malloc(RULES_TEXT_BYTES);
	unsigned int i;

	few.constant = watched_constant;
	few.load = watched_load;
	few.field = watched_field;
	for (few.nr_regs = 2; few.nr_regs < backend_bytecode.nr_regs; few.nr_regs++) {
		for (i = 0; i < 2000; i++) {
			rules_text(2000000 + i, text);
			highest = 0;
			ASSERT_TRUE(texts_agree(&few, &self->code, self->exec, text, i));
			ASSERT_LT(highest, few.nr_regs);
		}
	}
	free(text);
}

/* The first half of an identity from one function, the second from another one. */
TEST_F(jit, a_call_that_ends_in_other_code_shows)
{
	struct code other = { .start = malloc(BYTES), .max = BYTES };
	struct ast *ast = parse("src");
	unsigned int b;

	for (b = 0; b < NR_BACKENDS; b++) {
		struct verdict verdict;

		if (!backends[b]->call)
			continue;
		self->code.length = 0;
		other.length = 0;
		compile_filter(backends[b], ast, self->params, 1111, &self->code);
		compile_filter(backends[b], ast, self->params, 2222, &other);
		/* As long as each other, if their constants are; cut in the middle. */
		ASSERT_EQ(self->code.length, other.length);
		memcpy(self->code.start + self->code.length / 2,
		       other.start + self->code.length / 2,
		       self->code.length - self->code.length / 2);
		verdict = run(backends[b], &self->code, self->exec, 0, &self->record);
		EXPECT_NE(1111, verdict.identity);
		EXPECT_NE(2222, verdict.identity);
	}
	free(ast);
	free(other.start);
}

/* ASan watches the end of the buffer. */
TEST(code_that_does_not_fit_says_so)
{
	struct ast *ast = parse("sum(i, 3, word[i] / (ttl && $0 ? 1 : i) + len)");
	uint64_t params[NR_PARAMS] = { 1 };
	unsigned int b;
	size_t max;

	for (b = 0; b < NR_BACKENDS; b++) {
		bool full = true;

		for (max = 0; full; max++) {
			struct code code = { .start = malloc(max), .max = max };

			compile_filter(backends[b], ast, params, 1, &code);
			full = code.full;
			free(code.start);
		}
		EXPECT_LT(64, max);
	}
	free(ast);
}

/* Words that nobody has emitted: the interpreter of bytecode ends all the same. */
TEST(bytecode_that_is_garbage_is_survived)
{
	uint64_t words[64], state = 5;
	struct scratch scratch = { { 0 } };
	struct record record;
	unsigned int i, k;

	rules_record(&state, &record);
	for (i = 0; i < 20000; i++) {
		for (k = 0; k < 64; k++)
			words[k] = mix_next(&state) & (i % 2 ? 0x0f0707ffULL : ~0ULL);
		backend_bytecode.call((const uint8_t *)words, sizeof(words), i % 9 * 4, &record,
				      &scratch);
	}
}

TEST_HARNESS_MAIN
