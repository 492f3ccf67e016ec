// SPDX-License-Identifier: MIT
/*
 * arm64: machine code by the AAPCS64 calling convention
 *
 * The record is in X0, the scratch area in X1. Values live in X9 to X15. X16 and
 * X17 are used within an instruction of the compiler's. All of these are the
 * callee's. Division by zero gives 0 by itself.
 */
#include <string.h>

#include "emit.h"

enum reg {
	X0 = 0,
	X1 = 1,
	VALUES = 9,	/* X9 is value 0, and so on */
	X16 = 16,
	X17 = 17,
	XZR = 31,
};

#define NR_VALUES	7U

enum insn {
	INSN_ADD = 0x8b000000,
	INSN_ADD_IMM = 0x91000000,
	INSN_AND = 0x8a000000,
	INSN_AND_15 = 0x92400c00,	/* AND Xd, Xn, #15 */
	INSN_B = 0x14000000,
	INSN_BTI_C = 0xd503245f,
	INSN_CBNZ = 0xb5000000,
	INSN_CBZ = 0xb4000000,
	INSN_CSET = 0x9a9f07e0,		/* CSINC Xd, XZR, XZR, not the condition */
	INSN_EOR = 0xca000000,
	INSN_LDR = 0xf9400000,		/* LDR Xt, [Xn, #imm12 * 8] */
	INSN_LDR_INDEX = 0xf8607800,	/* LDR Xt, [Xn, Xm, LSL #3] */
	INSN_LSLV = 0x9ac02000,
	INSN_LSRV = 0x9ac02400,
	INSN_MADD = 0x9b000000,
	INSN_MOVK = 0xf2800000,
	INSN_MOVN = 0x92800000,
	INSN_MOVZ = 0xd2800000,
	INSN_MSUB = 0x9b008000,
	INSN_ORN = 0xaa200000,
	INSN_ORR = 0xaa000000,
	INSN_RET = 0xd65f03c0,
	INSN_STR = 0xf9000000,		/* STR Xt, [Xn, #imm12 * 8] */
	INSN_SUB = 0xcb000000,
	INSN_SUBS = 0xeb000000,
	INSN_UDIV = 0x9ac00800,
};

enum cc { EQ = 0, NE = 1, HS = 2, LO = 3, HI = 8, LS = 9 };

/* Instructions are little-endian on every arm64. */
static void arm64_insn(struct code *c, uint32_t insn)
{
	uint8_t bytes[] = {
		(uint8_t)insn, (uint8_t)(insn >> 8), (uint8_t)(insn >> 16), (uint8_t)(insn >> 24),
	};

	code_add(c, bytes, sizeof(bytes));
}

/* Three registers, where most instructions have them. */
static void arm64_rrr(struct code *c, uint32_t insn, unsigned int d, unsigned int n,
		      unsigned int m)
{
	arm64_insn(c, insn | m << 16 | n << 5 | d);
}

/* MADD and MSUB: @d = @a + or - @n * @m */
static void arm64_multiply(struct code *c, uint32_t insn, unsigned int d, unsigned int n,
			   unsigned int m, unsigned int a)
{
	arm64_rrr(c, insn | a << 10, d, n, m);
}

/* LDR and STR of the word at @base and 8 * @index. */
static void arm64_memory(struct code *c, uint32_t insn, unsigned int reg,
			 unsigned int base, size_t index)
{
	arm64_insn(c, insn | (uint32_t)index << 10 | base << 5 | reg);
}

/* Up to four instructions, one for each 16 bits that are not all 0, or all 1. */
static void arm64_imm(struct code *c, unsigned int reg, uint64_t value)
{
	bool inverted = value >> 32 == UINT32_MAX;
	uint64_t rest = inverted ? ~value : value;
	uint32_t insn = inverted ? INSN_MOVN : INSN_MOVZ;
	unsigned int i;

	for (i = 0; i < 4; i++, rest >>= 16) {
		uint32_t chunk = (uint32_t)rest & 0xffff;

		if (!chunk && (rest || i || insn == INSN_MOVK))
			continue;
		/* MOVK wants the bits themselves. */
		if (insn == INSN_MOVK && inverted)
			chunk ^= 0xffff;
		arm64_insn(c, insn | i << 21 | chunk << 5 | reg);
		insn = INSN_MOVK;
	}
}

static void arm64_enter(struct code *c, uint64_t half)
{
	arm64_insn(c, INSN_BTI_C);
	arm64_imm(c, X16, half);
	arm64_memory(c, INSN_STR, X16, X1, 0);
}

static void arm64_leave(struct code *c, unsigned int reg, uint64_t half)
{
	arm64_imm(c, X16, half);
	arm64_memory(c, INSN_LDR, X17, X1, 0);
	arm64_rrr(c, INSN_EOR, X1, X17, X16);
	arm64_rrr(c, INSN_ORR, X0, XZR, VALUES + reg);
	arm64_insn(c, INSN_RET);
}

static void arm64_constant(struct code *c, unsigned int reg, uint64_t value)
{
	arm64_imm(c, VALUES + reg, value);
}

static void arm64_field(struct code *c, unsigned int reg, unsigned int index)
{
	arm64_memory(c, INSN_LDR, VALUES + reg, X0,
		     offsetof(struct record, field) / sizeof(uint64_t) + index);
}

static void arm64_word(struct code *c, unsigned int reg)
{
	unsigned int value = VALUES + reg;

	_Static_assert(NR_WORDS == 16, "AND_15 is for 16 words");
	arm64_rrr(c, INSN_AND_15, value, value, 0);
	arm64_insn(c, INSN_ADD_IMM | (uint32_t)offsetof(struct record, word) << 10 |
		   X0 << 5 | X16);
	arm64_rrr(c, INSN_LDR_INDEX, value, X16, value);
}

static void arm64_load(struct code *c, unsigned int reg, unsigned int slot)
{
	arm64_memory(c, INSN_LDR, VALUES + reg, X1, slot);
}

static void arm64_store(struct code *c, unsigned int reg, unsigned int slot)
{
	arm64_memory(c, INSN_STR, VALUES + reg, X1, slot);
}

/* Compare, and @d = 0 or 1. */
static void arm64_compare(struct code *c, enum cc cc, unsigned int d,
			  unsigned int n, unsigned int m)
{
	arm64_rrr(c, INSN_SUBS, XZR, n, m);
	/* The opposite of a condition differs in the lowest bit. */
	arm64_insn(c, INSN_CSET | (cc ^ 1U) << 12 | d);
}

static void arm64_unary(struct code *c, enum ast_op op, unsigned int reg)
{
	unsigned int value = VALUES + reg;

	if (op == AST_NEG)
		arm64_rrr(c, INSN_SUB, value, XZR, value);
	else if (op == AST_NOT)
		arm64_rrr(c, INSN_ORN, value, XZR, value);
	else
		arm64_compare(c, op == AST_LNOT ? EQ : NE, value, value, XZR);
}

static void arm64_binary(struct code *c, enum ast_op op, unsigned int reg,
			 unsigned int left, unsigned int right)
{
	static const uint32_t insn[] = {
		[AST_ADD] = INSN_ADD, [AST_SUB] = INSN_SUB, [AST_DIV] = INSN_UDIV,
		[AST_AND] = INSN_AND, [AST_OR] = INSN_ORR, [AST_XOR] = INSN_EOR,
		[AST_SHL] = INSN_LSLV, [AST_SHR] = INSN_LSRV,
	};
	static const enum cc cc[] = {
		[AST_EQ] = EQ, [AST_NE] = NE, [AST_LT] = LO, [AST_LE] = LS,
		[AST_GT] = HI, [AST_GE] = HS,
	};
	unsigned int d = VALUES + reg, l = VALUES + left, r = VALUES + right;

	if (op >= AST_EQ) {
		arm64_compare(c, cc[op], d, l, r);
	} else if (op == AST_MUL) {
		arm64_multiply(c, INSN_MADD, d, l, r, XZR);
	} else if (op == AST_MOD) {
		arm64_rrr(c, INSN_UDIV, X16, l, r);
		arm64_multiply(c, INSN_MSUB, d, X16, r, l);
	} else {
		arm64_rrr(c, insn[op], d, l, r);
	}
}

static size_t arm64_branch(struct code *c, enum branch kind, unsigned int reg)
{
	size_t at = c->length;

	if (kind == BRANCH_ALWAYS)
		arm64_insn(c, INSN_B);
	else
		arm64_insn(c, (kind == BRANCH_ZERO ? INSN_CBZ : INSN_CBNZ) | (VALUES + reg));
	return at;
}

/* Distances count in instructions, from the branch; a filter is far below 1 MiB. */
static void arm64_patch(struct code *c, size_t at, size_t target)
{
	uint32_t distance = (uint32_t)(((int64_t)target - (int64_t)at) / 4), insn = 0;
	unsigned int i;

	if (c->full)
		return;
	for (i = 0; i < 4; i++)
		insn |= (uint32_t)c->start[at + i] << (8 * i);
	if (insn == INSN_B)
		insn |= distance & 0x3ffffff;
	else
		insn |= (distance & 0x7ffff) << 5;
	for (i = 0; i < 4; i++)
		c->start[at + i] = (uint8_t)(insn >> (8 * i));
}

#ifdef __aarch64__
static struct verdict arm64_call(const uint8_t *start, size_t bytes, size_t entry,
				 const struct record *record, struct scratch *scratch)
{
	struct verdict (*function)(const struct record *record, struct scratch *scratch);

	(void)bytes;
	function = (struct verdict (*)(const struct record *, struct scratch *))
		   (uintptr_t)(start + entry);
	return function(record, scratch);
}
#else
#define arm64_call	NULL
#endif

const struct backend backend_arm64 = {
	.name = "arm64",
	.nr_regs = NR_VALUES,
	.fill = 0,
	.enter = arm64_enter,
	.leave = arm64_leave,
	.constant = arm64_constant,
	.field = arm64_field,
	.word = arm64_word,
	.load = arm64_load,
	.store = arm64_store,
	.unary = arm64_unary,
	.binary = arm64_binary,
	.branch = arm64_branch,
	.patch = arm64_patch,
	.call = arm64_call,
};
