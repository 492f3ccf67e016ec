// SPDX-License-Identifier: MIT
/* Units: compiled from a set of filters; run, and judged. */
#include <stdlib.h>

#include "die.h"
#include "trap.h"
#include "unit.h"

static uint64_t unit_identity(const struct unit *unit, unsigned int filter)
{
	return unit->serial * RULES_MAX_FILTERS + filter;
}

struct unit *unit_compile(const struct backend *backend, const struct rules *rules,
			  uint64_t serial, struct code *code)
{
	struct unit *unit = calloc(1, sizeof(*unit));
	unsigned int i;

	if (!unit)
		return NULL;
	unit->backend = backend;
	unit->rules = rules;
	unit->serial = serial;
	rules_params(serial, unit->params);
	for (i = 0; i < rules->nr_filters; i++)
		unit->entry[i] = (uint32_t)compile_filter(backend, rules->filter[i],
							  unit->params,
							  unit_identity(unit, i), code);
	if (code->full)
		die("a set of filters makes more than %zu bytes of code", code->max);
	return unit;
}

enum wrong unit_run(const struct unit *unit, unsigned int filter,
		    const struct record *record, struct scratch *scratch)
{
	const struct piece *piece = &unit->piece;
	struct verdict verdict;

	if (!trap_call(unit->backend, piece->exec, piece->bytes, unit->entry[filter],
		       record, scratch, &verdict))
		return WRONG_TRAP;
	if (verdict.identity != unit_identity(unit, filter))
		return WRONG_IDENTITY;
	if (verdict.value != ast_eval(unit->rules->filter[filter], unit->params, record))
		return WRONG_VALUE;
	return WRONG_NOTHING;
}
