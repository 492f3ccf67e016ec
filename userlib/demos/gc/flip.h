/* SPDX-License-Identifier: MIT */
/* What revoking and granting cost by themselves. */
#ifndef GC_FLIP_H
#define GC_FLIP_H

#include "options.h"

/** Measure the page barriers that are wanted; returns what to exit with. */
int flip_costs(const struct options *o);
/** Likewise for each remembered set that is wanted; in take.c. */
int take_costs(const struct options *o);

#endif /* GC_FLIP_H */
