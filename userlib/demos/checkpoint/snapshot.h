/* SPDX-License-Identifier: MIT */
/* Taking one snapshot, from the safe point to the file. */
#ifndef CHECKPOINT_SNAPSHOT_H
#define CHECKPOINT_SNAPSHOT_H

#include "engine.h"
#include "world.h"

/**
 * Take a snapshot while the mutators go on: @shot has full, base and path, and gets
 * the rest. Returns 0 or -errno.
 */
int snapshot_take(struct engine *e, struct world *w, struct shot *shot);

#endif /* CHECKPOINT_SNAPSHOT_H */
