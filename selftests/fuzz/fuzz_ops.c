// SPDX-License-Identifier: MIT
/*
 * Operations: chosen by weight, and as lines of text
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------- */

uint64_t fz_near(struct fz_rng *r, uint64_t edge)
{
	switch (fz_below(r, 24)) {
	case 0:
		return edge - 1 + fz_below(r, 3);
	case 1:
		return fz_below(r, 2);
	case 2:
		return fz_one_in(r, 4) ? ~0ULL - fz_below(r, 3) : edge - 1;
	case 3:
		return fz_one_in(r, 4) ? 1ULL << fz_below(r, 64) : edge / 2;
	default:
		return fz_below(r, edge ? edge : 1);
	}
}

uint64_t fz_few(struct fz_rng *r, uint64_t max)
{
	uint64_t n = 1 + fz_below(r, max ? max : 1);

	return fz_one_in(r, 3) ? n : 1 + fz_below(r, n < 20 ? n : 20);
}

/* ---- choice ---------------------------------------------------------------- */

static unsigned int fz_total(const struct fz_type *const *types)
{
	unsigned int total = 0;

	for (; *types; types++)
		total += (*types)->weight;
	return total;
}

void fz_op_make(const struct fz_type *const *types, struct fz_rng *r,
		struct fz_op *op)
{
	unsigned int total = fz_total(types), at, i;

	do {
		memset(op, 0, sizeof(*op));
		at = fz_below(r, total);
		for (i = 0; at >= types[i]->weight; i++)
			at -= types[i]->weight;
		op->type = i;
	} while (!types[i]->make(r, op));
}

/* ---- text ------------------------------------------------------------------ */

/* The name of argument @i: copied to @name. */
static void fz_arg_name(const char *args, unsigned int i, char *name,
			size_t size)
{
	size_t len = strcspn(args, " ");

	while (i && args[len] && strncmp(args + len - 3, "...", 3)) {
		args += len + 1;
		len = strcspn(args, " ");
		i--;
	}
	if (len > 3 && !strncmp(args + len - 3, "...", 3))
		len -= 3;
	if (len >= size)
		len = size - 1;
	memcpy(name, args, len);
	name[len] = 0;
}

void fz_op_print(FILE *f, const struct fz_type *const *types,
		 const struct fz_op *op)
{
	char name[24];
	unsigned int i;

	fputs(types[op->type]->name, f);
	for (i = 0; i < op->nr; i++) {
		fz_arg_name(types[op->type]->args, i, name, sizeof(name));
		fprintf(f, op->a[i] < 10000 ? " %s=%llu" : " %s=%#llx", name,
			(unsigned long long)op->a[i]);
	}
}

bool fz_op_parse(const char *line, const struct fz_type *const *types,
		 struct fz_op *op)
{
	size_t len = strcspn(line, "\n ");
	unsigned int i;
	char *end;

	memset(op, 0, sizeof(*op));
	for (i = 0; types[i]; i++) {
		if (strlen(types[i]->name) == len &&
		    !strncmp(types[i]->name, line, len))
			break;
	}
	if (!types[i])
		return false;
	op->type = i;
	while ((line = strchr(line, '='))) {
		if (op->nr == FZ_ARGS)
			return false;
		op->a[op->nr++] = strtoull(++line, &end, 0);
		if (end == line)
			return false;
	}
	return true;
}
