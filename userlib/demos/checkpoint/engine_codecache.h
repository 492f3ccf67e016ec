/* SPDX-License-Identifier: MIT */
/* The engines block and signal: a data zone with one data view. */
#ifndef CHECKPOINT_ENGINE_CODECACHE_H
#define CHECKPOINT_ENGINE_CODECACHE_H

#include <pthread.h>

#include <codecache.h>

#include "engine.h"

/** struct zone_engine - what engine->priv points to */
struct zone_engine {
	struct codecache_cache *cache;
	struct codecache_zone *zone;
	struct codecache_view *view;
	/* Of the engine block: */
	pthread_t monitor;
	int quit;			/* eventfd */
	/* Held by the monitor for an answer, and while the next snapshot is armed. */
	pthread_mutex_t answer;
};

int zone_engine_open(struct engine *e, uint32_t trap_mode);
void zone_engine_close(struct engine *e);
int zone_engine_arm(struct engine *e, struct shot *shot);
int zone_engine_allow(struct engine *e, struct codecache_prot_range *ranges,
		      size_t nr);

#endif /* CHECKPOINT_ENGINE_CODECACHE_H */
