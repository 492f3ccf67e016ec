// SPDX-License-Identifier: MIT
/* The parser and the interpreter of the demo jit, against known values. */
#include <stdlib.h>
#include <string.h>

#include "jit_test.h"
#include "mix.h"
#include "rules.h"

#include "kselftest_harness.h"

FIXTURE(filter)
{
	struct record record;
	uint64_t params[NR_PARAMS];
};

FIXTURE_SETUP(filter)
{
	uint64_t state = 7;

	rules_record(&state, &self->record);
	rules_params(1, self->params);
}

FIXTURE_TEARDOWN(filter)
{
}

static const struct {
	const char *text;
	uint64_t value;
} known[] = {
	{ "1 + 2 * 3", 7 },
	{ "(1 + 2) * 3", 9 },
	{ "10 - 4 - 3", 3 },
	{ "100 / 10 / 5", 2 },
	{ "1 << 2 + 3", 32 },
	{ "1 | 2 ^ 3 & 2", 1 },
	{ "7 & 3 == 3", 1 },
	{ "1 || 0 && 0", 1 },
	{ "5 && 6", 1 },
	{ "0 || 9", 1 },
	{ "0 ? 1 : 0 ? 2 : 3", 3 },
	{ "1 ? 0 ? 1 : 4 : 3", 4 },
	{ "-1 > 1", 1 },
	{ "- - 5", 5 },
	{ "!5 + !0", 1 },
	{ "~0x0f & 0xff", 0xf0 },
	{ "7 / 0 + 7 % 0", 7 },
	{ "1 << 65", 2 },
	{ "-1 >> 127", 1 },
	{ "2 <= 2 && 2 >= 2 && 1 < 2 && 2 > 1 && 1 != 2", 1 },
	{ "sum(i, 5, i * i)", 30 },
	{ "sum(i, 3, sum(j, 4, i * 4 + j))", 66 },
	{ "let a = 3; let b = a + 1; a * b", 12 },
	{ "let a = 3; let a = a + 1; a", 4 },
	{ "let src = sum(dst, 3, dst); src", 3 },
	{ " ( ( 1 ) ) ", 1 },
	{ "18446744073709551615 + 2", 1 },
};

TEST_F(filter, filters_mean_what_they_mean_in_c)
{
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct ast *ast = parse(known[i].text);

		ASSERT_NE(NULL, ast);
		EXPECT_EQ(known[i].value, ast_eval(ast, self->params, &self->record)) {
			TH_LOG("%s", known[i].text);
		}
		free(ast);
	}
}

TEST_F(filter, names_are_fields_words_parameters)
{
	struct record *r = &self->record;
	struct ast *ast = parse("src * 3 + ttl + word[17] + $2");

	ASSERT_NE(NULL, ast);
	EXPECT_EQ(r->field[0] * 3 + r->field[7] + r->word[1] + self->params[2],
		  ast_eval(ast, self->params, r));
	free(ast);
}

TEST(what_is_no_filter_is_refused_with_a_reason)
{
	static const char *const bad[] = {
		"", " ", "1 +", "+ 1", "(1", "1)", "1 2", "1 ? 2", "1 ? 2 : ", "a", "$8", "$",
		"word", "word[1", "sum(i, 17, i)", "sum(i, 0, i)", "sum(i, 3)", "sum(1, 3, 1)",
		"sum(i, 2, sum(j, 2, sum(k, 2, 1)))", "sum(i, 3, i) + i", "let", "let a", "let a =",
		"let a = 1", "let a = 1;", "let a = a; 1", "let sum = 1; 1", "1 = 1", "0x", "12ab",
		"1 &&& 1", "@",
	};
	char error[128];
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(NULL, ast_parse(bad[i], error, sizeof(error))) {
			TH_LOG("%s", bad[i]);
		}
		EXPECT_NE(0, strlen(error));
	}
}

/* Of a size that the parser must refuse before its arrays end. */
static struct ast *parse_repeated(const char *before, const char *after, unsigned int nr)
{
	size_t bytes = nr * (strlen(before) + strlen(after)) + 2;
	char *text = calloc(1, bytes), error[128];
	struct ast *ast;
	unsigned int i;

	for (i = 0; i < nr; i++)
		strcat(text, before);
	strcat(text, "1");
	for (i = 0; i < nr; i++)
		strcat(text, after);
	ast = ast_parse(text, error, sizeof(error));
	free(text);
	return ast;
}

TEST(what_is_too_long_or_too_deep_is_refused)
{
	EXPECT_EQ(NULL, parse_repeated("(", ")", 5000));
	EXPECT_EQ(NULL, parse_repeated("~", "", 5000));
	EXPECT_EQ(NULL, parse_repeated("1+", "", 5000));
	EXPECT_EQ(NULL, parse_repeated("let a = 1;", "", 200));
	EXPECT_EQ(NULL, parse_repeated("sum(i,1,1)+", "", 200));
	EXPECT_EQ(NULL, parse_repeated("1?", ":1", 1000));
}

/* One character of a good filter changed: whatever the parser says, it ends. */
TEST_F(filter, damaged_filters_are_parsed_or_refused)
{
	char *text = malloc(RULES_TEXT_BYTES), error[128];
	uint64_t state = 3;
	unsigned int i, parsed = 0;

	for (i = 0; i < 20000; i++) {
		struct ast *ast;

		rules_text(i, text);
		text[mix_below(&state, (unsigned int)strlen(text))] =
			"()[]$;:?!~-+=<>&| 0aisl9"[mix_below(&state, 24)];
		ast = ast_parse(text, error, sizeof(error));
		if (ast) {
			ast_eval(ast, self->params, &self->record);
			parsed++;
		}
		free(ast);
	}
	EXPECT_LT(1000, parsed);
	EXPECT_GT(19000, parsed);
	free(text);
}

TEST_HARNESS_MAIN
