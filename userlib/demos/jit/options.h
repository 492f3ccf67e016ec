/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef JIT_OPTIONS_H
#define JIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "emit.h"

enum sabotage {
	SABOTAGE_NONE,
	SABOTAGE_EARLY,		/* runners do not say that they are inside */
};

struct options {
	const char *engines;	/* names with commas between them, or "all" */
	const struct backend *backend;
	unsigned int runners;
	unsigned int compilers;
	unsigned int sets;
	uint64_t max_pages;
	uint64_t publish;	/* units, for each engine */
	unsigned int linger_us;
	unsigned int batch;
	uint64_t seed;
	const char *dump;	/* a file, or NULL */
	enum sabotage sabotage;
};

/** Parse, or print why not and exit with 2; --help exits with 0. */
void options_parse(struct options *o, int argc, char **argv);
/** Is this one of the @engines that are wanted? */
bool options_engine(const struct options *o, const char *name);

#endif /* JIT_OPTIONS_H */
