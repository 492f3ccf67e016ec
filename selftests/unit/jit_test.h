/* SPDX-License-Identifier: MIT */
/* What the tests of the demo jit share. */
#ifndef UNIT_JIT_TEST_H
#define UNIT_JIT_TEST_H

#include <stdio.h>

#include "ast.h"

/* A filter that must be one; NULL, with the reason printed, if it is not. */
static inline struct ast *parse(const char *text)
{
	char error[128];
	struct ast *ast = ast_parse(text, error, sizeof(error));

	if (!ast)
		printf("# %s in: %s\n", error, text);
	return ast;
}

#endif /* UNIT_JIT_TEST_H */
