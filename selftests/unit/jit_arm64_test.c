// SPDX-License-Identifier: MIT
/*
 * The arm64 back end of the demo jit, which most machines here cannot run: each
 * instruction that it can emit, against the words that the architecture has for it;
 * and these words against an assembler, if there is one
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emit.h"

#include "kselftest_harness.h"

#define BYTES	4096U

/* What emit_everything() emits. */
static const struct {
	uint32_t word;
	const char *text;
} expected[] = {
	{ 0xd503245f, "bti c" },
	{ 0xd29bde10, "mov x16, #57072" },
	{ 0xf2b35790, "movk x16, #39612, lsl #16" },
	{ 0xf2cacf10, "movk x16, #22136, lsl #32" },
	{ 0xf2e24690, "movk x16, #4660, lsl #48" },
	{ 0xf9000030, "str x16, [x1]" },
	{ 0xd2800009, "mov x9, #0" },
	{ 0xd29fffea, "mov x10, #65535" },
	{ 0xd2a0002b, "mov x11, #65536" },
	{ 0xd28acf0c, "mov x12, #22136" },
	{ 0xf2e2468c, "movk x12, #4660, lsl #48" },
	{ 0x9280000d, "mov x13, #-1" },
	{ 0x928000ae, "mov x14, #-6" },
	{ 0x929fffef, "mov x15, #-65536" },
	{ 0xf2a0002f, "movk x15, #1, lsl #16" },
	{ 0xf9401c0f, "ldr x15, [x0, #56]" },
	{ 0x92400d29, "and x9, x9, #0xf" },
	{ 0x91010010, "add x16, x0, #64" },
	{ 0xf8697a09, "ldr x9, [x16, x9, lsl #3]" },
	{ 0xf940fc2c, "ldr x12, [x1, #504]" },
	{ 0xf900642b, "str x11, [x1, #200]" },
	{ 0xcb0d03ed, "neg x13, x13" },
	{ 0xaa2d03ed, "mvn x13, x13" },
	{ 0xeb1f01bf, "cmp x13, xzr" },
	{ 0x9a9f17ed, "cset x13, eq" },
	{ 0xeb1f01bf, "cmp x13, xzr" },
	{ 0x9a9f07ed, "cset x13, ne" },
	{ 0x8b0b014a, "add x10, x10, x11" },
	{ 0xcb0b014a, "sub x10, x10, x11" },
	{ 0x9b0b7d4a, "mul x10, x10, x11" },
	{ 0x9acb094a, "udiv x10, x10, x11" },
	{ 0x9acb0950, "udiv x16, x10, x11" },
	{ 0x9b0baa0a, "msub x10, x16, x11, x10" },
	{ 0x8a0b014a, "and x10, x10, x11" },
	{ 0xaa0b014a, "orr x10, x10, x11" },
	{ 0xca0b014a, "eor x10, x10, x11" },
	{ 0x9acb214a, "lsl x10, x10, x11" },
	{ 0x9acb254a, "lsr x10, x10, x11" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f17ea, "cset x10, eq" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f07ea, "cset x10, ne" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f27ea, "cset x10, lo" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f87ea, "cset x10, ls" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f97ea, "cset x10, hi" },
	{ 0xeb0b015f, "cmp x10, x11" },
	{ 0x9a9f37ea, "cset x10, hs" },
	{ 0xcb0a016a, "sub x10, x11, x10" },
	{ 0x9aca0970, "udiv x16, x11, x10" },
	{ 0x9b0aae0a, "msub x10, x16, x10, x11" },
	{ 0x14000003, "b .+12" },
	{ 0xb4fffcae, "cbz x14, .-108" },
	{ 0xb5fffc8f, "cbnz x15, .-112" },
	{ 0xd2864210, "mov x16, #12816" },
	{ 0xf2aeca90, "movk x16, #30292, lsl #16" },
	{ 0xf2d75310, "movk x16, #47768, lsl #32" },
	{ 0xf2ffdb90, "movk x16, #65244, lsl #48" },
	{ 0xf9400031, "ldr x17, [x1]" },
	{ 0xca100221, "eor x1, x17, x16" },
	{ 0xaa0b03e0, "mov x0, x11" },
	{ 0xd65f03c0, "ret" },
};

#define NR_EXPECTED	(sizeof(expected) / sizeof(expected[0]))

static void emit_everything(struct code *c)
{
	const struct backend *b = &backend_arm64;
	size_t skip, back;
	unsigned int op;

	b->enter(c, 0x123456789abcdef0);
	b->constant(c, 0, 0);
	b->constant(c, 1, 0xffff);
	b->constant(c, 2, 0x10000);
	b->constant(c, 3, 0x1234000000005678);
	b->constant(c, 4, ~0ULL);
	b->constant(c, 5, ~5ULL);
	b->constant(c, 6, 0xffffffff00010000);
	b->field(c, 6, 7);
	b->word(c, 0);
	b->load(c, 3, 63);
	b->store(c, 2, 25);
	for (op = AST_NEG; op <= AST_BOOL; op++)
		b->unary(c, (enum ast_op)op, 4);
	back = c->length;
	for (op = AST_ADD; op <= AST_GE; op++)
		b->binary(c, (enum ast_op)op, 1, 1, 2);
	b->binary(c, AST_SUB, 1, 2, 1);
	b->binary(c, AST_MOD, 1, 2, 1);
	skip = b->branch(c, BRANCH_ALWAYS, 0);
	b->patch(c, b->branch(c, BRANCH_ZERO, 5), back);
	b->patch(c, b->branch(c, BRANCH_NONZERO, 6), back);
	b->patch(c, skip, c->length);
	b->leave(c, 2, 0xfedcba9876543210);
}

TEST(instructions_are_those_of_the_architecture)
{
	uint8_t bytes[BYTES];
	struct code code = { .start = bytes, .max = sizeof(bytes) };
	unsigned int i;

	emit_everything(&code);
	ASSERT_FALSE(code.full);
	ASSERT_EQ(4 * NR_EXPECTED, code.length);
	for (i = 0; i < NR_EXPECTED; i++) {
		uint32_t word = bytes[4 * i] | bytes[4 * i + 1] << 8 | bytes[4 * i + 2] << 16 |
				(uint32_t)bytes[4 * i + 3] << 24;

		EXPECT_EQ(expected[i].word, word) {
			TH_LOG("%s", expected[i].text);
		}
	}
}

/* Assemble @path.s to @path.o. */
static bool assemble(const char *path)
{
	static const char *const commands[] = {
		"aarch64-linux-gnu-as -march=armv8.5-a -o %s.o %s.s 2>/dev/null",
		"clang --target=aarch64-linux-gnu -march=armv8.5-a -c -o %s.o %s.s 2>/dev/null",
	};
	char command[512];
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(command, sizeof(command), commands[i], path, path);
		if (!system(command))
			return true;
	}
	return false;
}

/* The instructions of an object file, as many as there should be. */
static bool read_text(const char *path, uint32_t *words)
{
	FILE *f = fopen(path, "rb");
	Elf64_Shdr section;
	Elf64_Ehdr header;
	bool found = false;
	unsigned int i;

	if (!f)
		return false;
	if (fread(&header, sizeof(header), 1, f) != 1)
		header.e_shnum = 0;
	for (i = 0; i < header.e_shnum && !found; i++) {
		fseek(f, (long)(header.e_shoff + i * sizeof(section)), SEEK_SET);
		found = fread(&section, sizeof(section), 1, f) == 1 &&
			section.sh_flags & SHF_EXECINSTR &&
			section.sh_size == 4 * NR_EXPECTED;
	}
	if (found) {
		fseek(f, (long)section.sh_offset, SEEK_SET);
		found = fread(words, 4, NR_EXPECTED, f) == NR_EXPECTED;
	}
	fclose(f);
	return found;
}

static void write_source(const char *path)
{
	FILE *f = fopen(path, "w");
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < NR_EXPECTED; i++)
		fprintf(f, "\t%s\n", expected[i].text);
	fclose(f);
}

TEST(an_assembler_agrees)
{
	char folder[] = "/tmp/jit-arm64-XXXXXX", path[64], name[80];
	uint32_t words[NR_EXPECTED];
	bool assembled, read;
	unsigned int i;

	ASSERT_NE(NULL, mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/all", folder);
	snprintf(name, sizeof(name), "%s.s", path);
	write_source(name);
	assembled = assemble(path);
	unlink(name);
	snprintf(name, sizeof(name), "%s.o", path);
	read = assembled && read_text(name, words);
	unlink(name);
	rmdir(folder);
	if (!assembled)
		SKIP(return, "no assembler for arm64 here");
	ASSERT_TRUE(read);
	for (i = 0; i < NR_EXPECTED; i++)
		EXPECT_EQ(words[i], expected[i].word) {
			TH_LOG("%s", expected[i].text);
		}
}

TEST_HARNESS_MAIN
