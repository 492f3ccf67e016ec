/* SPDX-License-Identifier: MIT */
/* What the demo prints for programs. */
#ifndef GC_TSV_H
#define GC_TSV_H

#include "report.h"

/** One line, "#DEMO gc name=value ...". */
void tsv_summary(const struct outcome *o);
/**
 * All numbers, with tabs between: "#TSV gc WORKLOAD BARRIER NAME VALUE"; and all pauses:
 * "#TSV dist WORKLOAD BARRIER KIND NS PART", PART of them, 0 to 1, being no shorter than about NS.
 * Of a generational run "young" instead of "gc", and "youngdist".
 */
void tsv_all(const struct outcome *o);

#endif /* GC_TSV_H */
