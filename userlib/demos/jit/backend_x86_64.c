// SPDX-License-Identifier: MIT
/*
 * x86-64: machine code by the System V calling convention
 *
 * The record is in RDI, the scratch area in RSI. Values live in R8 to R11. RAX,
 * RCX and RDX are used within an instruction of the compiler's: division wants
 * the first and the last, shifts the second. All of these are the callee's.
 */
#include <string.h>

#include "emit.h"

enum reg {
	RAX = 0,
	RCX = 1,
	RDX = 2,
	RSI = 6,
	RDI = 7,
	VALUES = 8,	/* R8 is value 0, and so on */
};

#define NR_VALUES	4U
#define REX_W		0x48U	/* 64-bit operands */
#define REX_R		0x04U	/* the register is one of R8 to R15 */
#define REX_X		0x02U	/* the index is */
#define REX_B		0x01U	/* the base, or the other register is */
#define MOD_REGISTER	0xc0U
#define MOD_DISP32	0x80U
#define RM_SIB		0x04U
#define SCALE_8		0xc0U

static void x86_byte(struct code *c, unsigned int byte)
{
	uint8_t b = (uint8_t)byte;

	code_add(c, &b, 1);
}

static void x86_u32(struct code *c, uint32_t n)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		x86_byte(c, n >> (8 * i) & 0xff);
}

/* An opcode whose operands are two registers; @reg may be part of the opcode. */
static void x86_rr(struct code *c, unsigned int opcode, unsigned int reg, unsigned int rm)
{
	x86_byte(c, REX_W | (reg >= 8 ? REX_R : 0) | (rm >= 8 ? REX_B : 0));
	if (opcode > 0xff)
		x86_byte(c, opcode >> 8);
	x86_byte(c, opcode & 0xff);
	x86_byte(c, MOD_REGISTER | (reg & 7) << 3 | (rm & 7));
}

/* MOV between @reg and the 64-bit word at @base, RSI or RDI, and @offset. */
static void x86_mov_mem(struct code *c, unsigned int opcode, unsigned int reg,
			unsigned int base, size_t offset)
{
	x86_byte(c, REX_W | (reg >= 8 ? REX_R : 0));
	x86_byte(c, opcode);
	x86_byte(c, MOD_DISP32 | (reg & 7) << 3 | base);
	x86_u32(c, (uint32_t)offset);
}

static void x86_load_mem(struct code *c, unsigned int reg, unsigned int base, size_t offset)
{
	x86_mov_mem(c, 0x8b, reg, base, offset);
}

static void x86_mov(struct code *c, unsigned int to, unsigned int from)
{
	x86_rr(c, 0x8b, to, from);
}

static void x86_imm(struct code *c, unsigned int reg, uint64_t value)
{
	unsigned int rex_b = reg >= 8 ? REX_B : 0;

	if (value <= UINT32_MAX) {
		/* 32-bit operands: the upper half becomes 0. */
		x86_byte(c, 0x40 | rex_b);
		x86_byte(c, 0xb8 | (reg & 7));
		x86_u32(c, (uint32_t)value);
	} else if (value >= (uint64_t)INT32_MIN) {
		/* The 32 bits are extended by their sign. */
		x86_rr(c, 0xc7, 0, reg);
		x86_u32(c, (uint32_t)value);
	} else {
		x86_byte(c, REX_W | rex_b);
		x86_byte(c, 0xb8 | (reg & 7));
		x86_u32(c, (uint32_t)value);
		x86_u32(c, (uint32_t)(value >> 32));
	}
}

static void x86_enter(struct code *c, uint64_t half)
{
	/* ENDBR64, for kernels that want one where an indirect call goes. */
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	code_add(c, endbr64, sizeof(endbr64));
	x86_imm(c, RAX, half);
	x86_mov_mem(c, 0x89, RAX, RSI, 0);
}

static void x86_leave(struct code *c, unsigned int reg, uint64_t half)
{
	x86_imm(c, RCX, half);
	x86_load_mem(c, RDX, RSI, 0);
	x86_rr(c, 0x33, RDX, RCX);
	x86_mov(c, RAX, VALUES + reg);
	x86_byte(c, 0xc3);
}

static void x86_constant(struct code *c, unsigned int reg, uint64_t value)
{
	x86_imm(c, VALUES + reg, value);
}

static void x86_field(struct code *c, unsigned int reg, unsigned int index)
{
	x86_load_mem(c, VALUES + reg, RDI,
		     offsetof(struct record, field) + index * sizeof(uint64_t));
}

static void x86_word(struct code *c, unsigned int reg)
{
	unsigned int value = VALUES + reg;

	/* AND value, NR_WORDS - 1 */
	x86_rr(c, 0x81, 4, value);
	x86_u32(c, NR_WORDS - 1);
	/* MOV value, [RDI + value * 8 + word] */
	x86_byte(c, REX_W | REX_R | REX_X);
	x86_byte(c, 0x8b);
	x86_byte(c, MOD_DISP32 | (value & 7) << 3 | RM_SIB);
	x86_byte(c, SCALE_8 | (value & 7) << 3 | RDI);
	x86_u32(c, offsetof(struct record, word));
}

static void x86_load(struct code *c, unsigned int reg, unsigned int slot)
{
	x86_load_mem(c, VALUES + reg, RSI, slot * sizeof(uint64_t));
}

static void x86_store(struct code *c, unsigned int reg, unsigned int slot)
{
	x86_mov_mem(c, 0x89, VALUES + reg, RSI, slot * sizeof(uint64_t));
}

/* @reg = 0 or 1: the condition @cc of the instruction before. */
static void x86_set(struct code *c, unsigned int cc, unsigned int reg)
{
	x86_rr(c, 0x0f90 | cc, 0, reg);
	x86_rr(c, 0x0fb6, reg, reg);
}

static void x86_unary(struct code *c, enum ast_op op, unsigned int reg)
{
	unsigned int value = VALUES + reg;

	if (op == AST_NEG || op == AST_NOT) {
		x86_rr(c, 0xf7, op == AST_NEG ? 3 : 2, value);
		return;
	}
	x86_rr(c, 0x85, value, value);
	x86_set(c, op == AST_LNOT ? 0x4 : 0x5, value);
}

/* Shifts count modulo 64 in the processor, too. */
static void x86_shift(struct code *c, enum ast_op op, unsigned int left, unsigned int right)
{
	x86_mov(c, RCX, right);
	x86_rr(c, 0xd3, op == AST_SHL ? 4 : 5, left);
}

/* Division by zero is jumped over: the quotient is 0 then, the remainder @left. */
static void x86_divide(struct code *c, enum ast_op op, unsigned int left, unsigned int right)
{
	size_t skip;

	x86_imm(c, RAX, 0);
	x86_mov(c, RDX, left);
	x86_rr(c, 0x85, right, right);
	x86_byte(c, 0x74);
	skip = c->length;
	x86_byte(c, 0);
	x86_mov(c, RAX, left);
	x86_imm(c, RDX, 0);
	x86_rr(c, 0xf7, 6, right);
	if (!c->full)
		c->start[skip] = (uint8_t)(c->length - skip - 1);
	x86_mov(c, left, op == AST_DIV ? RAX : RDX);
}

static void x86_compare(struct code *c, enum ast_op op, unsigned int left, unsigned int right)
{
	static const uint8_t cc[] = {
		[AST_EQ - AST_EQ] = 0x4, [AST_NE - AST_EQ] = 0x5, [AST_LT - AST_EQ] = 0x2,
		[AST_LE - AST_EQ] = 0x6, [AST_GT - AST_EQ] = 0x7, [AST_GE - AST_EQ] = 0x3,
	};

	x86_rr(c, 0x3b, left, right);
	x86_set(c, cc[op - AST_EQ], left);
}

static void x86_arithmetic(struct code *c, enum ast_op op, unsigned int left,
			   unsigned int right)
{
	static const uint16_t opcode[] = {
		[AST_ADD] = 0x03, [AST_SUB] = 0x2b, [AST_MUL] = 0x0faf,
		[AST_AND] = 0x23, [AST_OR] = 0x0b, [AST_XOR] = 0x33,
	};

	x86_rr(c, opcode[op], left, right);
}

static void x86_binary(struct code *c, enum ast_op op, unsigned int reg,
		       unsigned int left, unsigned int right)
{
	unsigned int l = VALUES + left, r = VALUES + right;

	if (reg != left) {
		/* The result goes to the right one: exchange them. */
		x86_rr(c, 0x87, l, r);
		l = VALUES + right;
		r = VALUES + left;
	}
	if (op == AST_DIV || op == AST_MOD)
		x86_divide(c, op, l, r);
	else if (op == AST_SHL || op == AST_SHR)
		x86_shift(c, op, l, r);
	else if (op >= AST_EQ)
		x86_compare(c, op, l, r);
	else
		x86_arithmetic(c, op, l, r);
}

static size_t x86_branch(struct code *c, enum branch kind, unsigned int reg)
{
	if (kind == BRANCH_ALWAYS) {
		x86_byte(c, 0xe9);
	} else {
		x86_rr(c, 0x85, VALUES + reg, VALUES + reg);
		x86_byte(c, 0x0f);
		x86_byte(c, kind == BRANCH_ZERO ? 0x84 : 0x85);
	}
	x86_u32(c, 0);
	return c->length;
}

/* @at is the end of the branch, from where it counts. */
static void x86_patch(struct code *c, size_t at, size_t target)
{
	int32_t distance = (int32_t)((int64_t)target - (int64_t)at);

	if (!c->full)
		memcpy(c->start + at - sizeof(distance), &distance, sizeof(distance));
}

#ifdef __x86_64__
static struct verdict x86_call(const uint8_t *start, size_t bytes, size_t entry,
			       const struct record *record, struct scratch *scratch)
{
	struct verdict (*function)(const struct record *record, struct scratch *scratch);

	(void)bytes;
	function = (struct verdict (*)(const struct record *, struct scratch *))
		   (uintptr_t)(start + entry);
	return function(record, scratch);
}
#else
#define x86_call	NULL
#endif

const struct backend backend_x86_64 = {
	.name = "x86-64",
	.nr_regs = NR_VALUES,
	.fill = 0xcc,
	.enter = x86_enter,
	.leave = x86_leave,
	.constant = x86_constant,
	.field = x86_field,
	.word = x86_word,
	.load = x86_load,
	.store = x86_store,
	.unary = x86_unary,
	.binary = x86_binary,
	.branch = x86_branch,
	.patch = x86_patch,
	.call = x86_call,
};
