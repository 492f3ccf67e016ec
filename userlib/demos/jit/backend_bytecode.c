// SPDX-License-Identifier: MIT
/*
 * Bytecode, for machines that no other backend is for
 *
 * It lies in the code cache as machine code does, and is read from there one 32-bit
 * word after the other. What is read may be wrong, which is what the demo is
 * about: no word makes the interpreter leave the code, the registers or the
 * scratch area, and it gives up after MAX_STEPS.
 */
#include <string.h>

#include "emit.h"

#define NR_VALUES	8U
#define MAX_STEPS	1000000U

/* Words are an opcode, then operands of 8 bits each; values follow. */
enum opcode {
	OP_TRAP,
	OP_ENTER,	/* + 2 words */
	OP_LEAVE,	/* reg + 2 words */
	OP_CONSTANT,	/* reg + 2 words */
	OP_FIELD,	/* reg, index */
	OP_WORD,	/* reg */
	OP_LOAD,	/* reg, slot */
	OP_STORE,	/* reg, slot */
	OP_BRANCH,	/* reg, enum branch + 1 word: bytes from the end of it */
	OP_UNARY,	/* reg + enum ast_op in the last operand */
	OP_BINARY = 0x80, /* + enum ast_op; reg, left, right */
};

/* The interpreter's state. */
struct machine {
	const uint8_t *start;
	size_t bytes;
	size_t at;
	bool trapped;
	uint64_t reg[NR_VALUES];
};

static void bytecode_word(struct code *c, uint32_t word)
{
	code_add(c, &word, sizeof(word));
}

static void bytecode_op(struct code *c, unsigned int op, unsigned int x, unsigned int y,
			unsigned int z)
{
	bytecode_word(c, op | x << 8 | y << 16 | z << 24);
}

static void bytecode_value(struct code *c, uint64_t value)
{
	code_add(c, &value, sizeof(value));
}

static void bytecode_enter(struct code *c, uint64_t half)
{
	bytecode_op(c, OP_ENTER, 0, 0, 0);
	bytecode_value(c, half);
}

static void bytecode_leave(struct code *c, unsigned int reg, uint64_t half)
{
	bytecode_op(c, OP_LEAVE, reg, 0, 0);
	bytecode_value(c, half);
}

static void bytecode_constant(struct code *c, unsigned int reg, uint64_t value)
{
	bytecode_op(c, OP_CONSTANT, reg, 0, 0);
	bytecode_value(c, value);
}

static void bytecode_field(struct code *c, unsigned int reg, unsigned int index)
{
	bytecode_op(c, OP_FIELD, reg, index, 0);
}

static void bytecode_index(struct code *c, unsigned int reg)
{
	bytecode_op(c, OP_WORD, reg, 0, 0);
}

static void bytecode_load(struct code *c, unsigned int reg, unsigned int slot)
{
	bytecode_op(c, OP_LOAD, reg, slot, 0);
}

static void bytecode_store(struct code *c, unsigned int reg, unsigned int slot)
{
	bytecode_op(c, OP_STORE, reg, slot, 0);
}

static void bytecode_unary(struct code *c, enum ast_op op, unsigned int reg)
{
	bytecode_op(c, OP_UNARY, reg, 0, op);
}

static void bytecode_binary(struct code *c, enum ast_op op, unsigned int reg,
			    unsigned int left, unsigned int right)
{
	bytecode_op(c, OP_BINARY + op, reg, left, right);
}

static size_t bytecode_branch(struct code *c, enum branch kind, unsigned int reg)
{
	bytecode_op(c, OP_BRANCH, reg, kind, 0);
	bytecode_word(c, 0);
	return c->length;
}

static void bytecode_patch(struct code *c, size_t at, size_t target)
{
	int32_t distance = (int32_t)((int64_t)target - (int64_t)at);

	if (!c->full)
		memcpy(c->start + at - sizeof(distance), &distance, sizeof(distance));
}

/* Beyond the end there are traps. */
static void machine_fetch(struct machine *m, void *to, size_t bytes)
{
	memset(to, OP_TRAP, bytes);
	if (m->at > m->bytes || bytes > m->bytes - m->at) {
		m->trapped = true;
		return;
	}
	memcpy(to, m->start + m->at, bytes);
	m->at += bytes;
}

static uint64_t machine_value(struct machine *m)
{
	uint64_t value;

	machine_fetch(m, &value, sizeof(value));
	return value;
}

static void machine_branch(struct machine *m, unsigned int kind, uint64_t reg)
{
	int32_t distance;

	machine_fetch(m, &distance, sizeof(distance));
	if (kind == BRANCH_ALWAYS || (kind == BRANCH_ZERO) == !reg)
		m->at = (size_t)((int64_t)m->at + distance);
}

/* All but OP_ENTER and OP_LEAVE. */
static void machine_step(struct machine *m, uint32_t word, const struct record *record,
			 struct scratch *scratch)
{
	unsigned int op = word & 0xff, y = word >> 16 & 0xff, z = word >> 24;
	uint64_t *reg = &m->reg[(word >> 8) % NR_VALUES];

	switch (op) {
	case OP_CONSTANT:
		*reg = machine_value(m);
		break;
	case OP_FIELD:
		*reg = record->field[y % NR_FIELDS];
		break;
	case OP_WORD:
		*reg = record->word[*reg % NR_WORDS];
		break;
	case OP_LOAD:
		*reg = scratch->word[y % SCRATCH_WORDS];
		break;
	case OP_STORE:
		scratch->word[y % SCRATCH_WORDS] = *reg;
		break;
	case OP_BRANCH:
		machine_branch(m, y, *reg);
		break;
	case OP_UNARY:
		*reg = ast_unary((enum ast_op)z, *reg);
		break;
	default:
		if (op < OP_BINARY + AST_ADD || op > OP_BINARY + AST_GE)
			m->trapped = true;
		else
			*reg = ast_binary((enum ast_op)(op - OP_BINARY), m->reg[y % NR_VALUES],
					  m->reg[z % NR_VALUES]);
	}
}

static struct verdict bytecode_call(const uint8_t *start, size_t bytes, size_t entry,
				    const struct record *record, struct scratch *scratch)
{
	struct machine m = { .start = start, .bytes = bytes, .at = entry };
	unsigned int steps;
	uint32_t word;

	for (steps = 0; steps < MAX_STEPS && !m.trapped; steps++) {
		machine_fetch(&m, &word, sizeof(word));
		if ((word & 0xff) == OP_ENTER)
			scratch->word[0] = machine_value(&m);
		else if ((word & 0xff) == OP_LEAVE)
			return (struct verdict){
				.value = m.reg[(word >> 8) % NR_VALUES],
				.identity = scratch->word[0] ^ machine_value(&m),
			};
		else
			machine_step(&m, word, record, scratch);
	}
	return (struct verdict){ 0 };
}

const struct backend backend_bytecode = {
	.name = "bytecode",
	.nr_regs = NR_VALUES,
	.fill = OP_TRAP,
	.enter = bytecode_enter,
	.leave = bytecode_leave,
	.constant = bytecode_constant,
	.field = bytecode_field,
	.word = bytecode_index,
	.load = bytecode_load,
	.store = bytecode_store,
	.unary = bytecode_unary,
	.binary = bytecode_binary,
	.branch = bytecode_branch,
	.patch = bytecode_patch,
	.call = bytecode_call,
};
