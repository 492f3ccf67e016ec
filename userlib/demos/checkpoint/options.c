// SPDX-License-Identifier: MIT
/* The command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "world.h"

static const char help[] =
"Usage: checkpoint [options]\n"
"\n"
"A concurrent checkpointer (Appel and Li): while mutator threads go on with their\n"
"transactions, the whole zone is written to a file as it was at one instant. Each\n"
"file is read back and verified.\n"
"\n"
"  --engine LIST     which engines, one after the other, with commas:\n"
"                      block     block traps: a monitor copies the page\n"
"                      signal    signal traps: the mutator copies it\n"
"                      mprotect  the same with mprotect(); needs no module\n"
"                      fork      a child, copy-on-write; needs no module\n"
"                    or all (default)\n"
"  --pages N         size of the zone (8192), 16 at least; K and M may follow\n"
"  --mutators N      threads (2)\n"
"  --rest US         microseconds that each rests after 32 transactions (300); with 0\n"
"                    they want all CPUs for ever, and stalls are waits for a CPU\n"
"  --rounds N        snapshots for each engine (6)\n"
"  --full-every N    every Nth snapshot is full, those between are deltas of what was\n"
"                    stored to, where the engine can tell; 0: the first one only (3)\n"
"  --transactions N  from the end of one snapshot to the next (8000)\n"
"  --batch N         pages that the copier opens with one call (64)\n"
"  --dir DIR         where files go (/tmp)\n"
"  --keep            do not remove them\n"
"  --seed N          (1)\n"
"  --sabotage WHAT   prove that the checks check, with one of eight\n"
"                      copy   pages that a mutator traps on opened without a copy\n"
"                      query  pages that QUERY finds for a delta forgotten\n"
"                    or\n"
"                      stop   the mutators not stopped at the instant\n"
"                    The exit status is 0 if every engine's damage was noticed.\n"
"  --help\n"
"\n"
"Exit status: 0 all verified; 1 not; 2 usage; 77 an engine cannot run here, and the\n"
"others are verified.\n";

enum {
	OPT_ENGINE = 256, OPT_PAGES, OPT_MUTATORS, OPT_REST, OPT_ROUNDS, OPT_FULL_EVERY,
	OPT_TRANSACTIONS, OPT_BATCH, OPT_DIR, OPT_KEEP, OPT_SEED, OPT_SABOTAGE, OPT_HELP,
};

static const struct option long_options[] = {
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "pages", required_argument, NULL, OPT_PAGES },
	{ "mutators", required_argument, NULL, OPT_MUTATORS },
	{ "rest", required_argument, NULL, OPT_REST },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "full-every", required_argument, NULL, OPT_FULL_EVERY },
	{ "transactions", required_argument, NULL, OPT_TRANSACTIONS },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "keep", no_argument, NULL, OPT_KEEP },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "sabotage", required_argument, NULL, OPT_SABOTAGE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void options_bad(const char *what)
{
	fprintf(stderr, "checkpoint: %s; see --help\n", what);
	exit(2);
}

static uint64_t options_number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (end != text && (*end == 'K' || *end == 'M'))
		n <<= *end++ == 'K' ? 10 : 20;
	if (end == text || *end || n < min || n > max)
		options_bad("a number is out of range, or none");
	return n;
}

static enum sabotage options_sabotage(const char *what)
{
	if (!strcmp(what, "copy"))
		return SABOTAGE_COPY;
	if (!strcmp(what, "stop"))
		return SABOTAGE_STOP;
	if (strcmp(what, "query"))
		options_bad("what sabotage?");
	return SABOTAGE_QUERY;
}

static void options_set(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_ENGINE:
		o->engines = arg;
		break;
	case OPT_PAGES:
		o->nr_pages = options_number(arg, 16, 1 << 24);
		break;
	case OPT_MUTATORS:
		o->mutators = (unsigned int)options_number(arg, 1, WORLD_MAX_MUTATORS);
		break;
	case OPT_REST:
		o->rest_us = (unsigned int)options_number(arg, 0, 1000000);
		break;
	case OPT_ROUNDS:
		o->rounds = (unsigned int)options_number(arg, 1, 1 << 30);
		break;
	case OPT_FULL_EVERY:
		o->full_every = (unsigned int)options_number(arg, 0, 1 << 30);
		break;
	case OPT_TRANSACTIONS:
		o->transactions = options_number(arg, 1, 1ULL << 40);
		break;
	case OPT_BATCH:
		o->batch = (unsigned int)options_number(arg, 1, COPY_MAX_BATCH);
		break;
	case OPT_DIR:
		o->dir = arg;
		break;
	case OPT_KEEP:
		o->keep = 1;
		break;
	case OPT_SEED:
		o->seed = options_number(arg, 0, UINT64_MAX);
		break;
	case OPT_SABOTAGE:
		o->sabotage = options_sabotage(arg);
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		exit(2);
	}
}

bool options_engine(const struct options *o, const char *name)
{
	size_t length = strlen(name);
	const char *at = o->engines;

	if (!strcmp(at, "all"))
		return true;
	for (; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){
		.engines = "all",
		.nr_pages = 8192,
		.mutators = 2,
		.rest_us = 300,
		.rounds = 6,
		.full_every = 3,
		.transactions = 8000,
		.batch = 64,
		.dir = "/tmp",
		.seed = 1,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		options_set(o, option, optarg);
	if (optind < argc)
		options_bad("what is that last argument?");
}
