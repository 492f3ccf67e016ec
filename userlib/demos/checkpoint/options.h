/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef CHECKPOINT_OPTIONS_H
#define CHECKPOINT_OPTIONS_H

#include <stdint.h>

#include "copy.h"

struct options {
	const char *engines;	/* names with commas between them, or "all" */
	uint64_t nr_pages;
	unsigned int mutators;
	unsigned int rest_us;	/* of a mutator, now and then */
	unsigned int rounds;	/* snapshots, for each engine */
	unsigned int full_every;
	uint64_t transactions;	/* between two snapshots */
	unsigned int batch;
	const char *dir;
	int keep;
	uint64_t seed;
	enum sabotage sabotage;
};

/** Parse, or print why not and exit with 2; --help exits with 0. */
void options_parse(struct options *o, int argc, char **argv);
/** Is this one of the @engines that are wanted? */
bool options_engine(const struct options *o, const char *name);

#endif /* CHECKPOINT_OPTIONS_H */
