/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef GC_OPTIONS_H
#define GC_OPTIONS_H

#include "gc.h"

#define MAX_MUTATORS	64U

struct options {
	struct gc_config config;
	const char *workload;
	unsigned int mutators;
	double seconds;		/* a workload */
	uint64_t rounds;	/* a mutator, instead of seconds */
	uint64_t seed;
};

/** Parse, or print why not and exit with 2; --help exits with 0. */
void options_parse(struct options *o, int argc, char **argv);

#endif /* GC_OPTIONS_H */
