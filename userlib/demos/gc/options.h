/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef GC_OPTIONS_H
#define GC_OPTIONS_H

#include "gc.h"

#define MAX_MUTATORS	64U

struct options {
	struct gc_config config;	/* its barrier is set for each run */
	const char *barrier;		/* names, or all */
	const char *workload;		/* likewise */
	unsigned int mutators;
	double seconds;		/* a workload, instead of rounds; or 0 */
	uint64_t rounds;	/* a mutator; 0: what the workload says */
	uint64_t percent;	/* of these */
	uint64_t seed;
	uint64_t rest_us;	/* a mutator's, before each round */
	bool realtime;		/* mutators go before the collector */
	bool tsv;
	bool flip;		/* measure flips, run nothing */
};

/** Parse, or print why not and exit with 2; --help exits with 0. */
void options_parse(struct options *o, int argc, char **argv);
/** Is @name in a list of names with commas, or is the list "all"? */
bool options_wants(const char *list, const char *name);

#endif /* GC_OPTIONS_H */
