// SPDX-License-Identifier: MIT
/* The command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const char help[] =
"Usage: gc [options]\n"
"\n"
"A concurrent copying collector (Baker; Appel, Ellis and Li) whose read barrier is\n"
"made of page protections. Mutator threads work in its heap; the same work is then\n"
"done with malloc() and free(), and the results must be the same.\n"
"\n"
"  --workload NAME   lists, trees, kallsyms or all (default)\n"
"  --mutators N      threads (2)\n"
"  --heap SIZE       of each of two semispaces, with K, M or G (32M)\n"
"  --seconds S       for each workload (7)\n"
"  --rounds N        for each mutator, instead of seconds\n"
"  --seed N          (1)\n"
"  --barrier NAME    uffd-codecache (default); uffd-memfd needs no module\n"
"  --give-back N     give from-space's memory back after every Nth collection (2);\n"
"                    in between it is revoked with one PROTECT and used again;\n"
"                    1: always, 0: never\n"
"  --padding SIZE    leave at most so much empty, a collection, in pages that a mutator\n"
"                    waits for (and at most a sixteenth of what is free)\n"
"  --verify          walk the whole heap after each collection\n"
"  --torture N       flip every N allocations\n"
"  --sabotage WHAT   prove that the checks check: revoke (do not revoke to-space at\n"
"                    the flip) or order (grant pages first, scan them then); the exit\n"
"                    status is 0 if the damage was noticed\n"
"  --help\n"
"\n"
"Exit status: 0 all verified; 1 not; 2 usage; 77 this cannot run here.\n";

enum {
	OPT_WORKLOAD = 256, OPT_MUTATORS, OPT_HEAP, OPT_SECONDS, OPT_ROUNDS, OPT_SEED,
	OPT_BARRIER, OPT_GIVE_BACK, OPT_PADDING, OPT_VERIFY, OPT_TORTURE, OPT_SABOTAGE, OPT_HELP,
};

static const struct option long_options[] = {
	{ "workload", required_argument, NULL, OPT_WORKLOAD },
	{ "mutators", required_argument, NULL, OPT_MUTATORS },
	{ "heap", required_argument, NULL, OPT_HEAP },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "barrier", required_argument, NULL, OPT_BARRIER },
	{ "give-back", required_argument, NULL, OPT_GIVE_BACK },
	{ "padding", required_argument, NULL, OPT_PADDING },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "torture", required_argument, NULL, OPT_TORTURE },
	{ "sabotage", required_argument, NULL, OPT_SABOTAGE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void options_bad(const char *what)
{
	fprintf(stderr, "gc: %s; see --help\n", what);
	exit(2);
}

static uint64_t options_number(const char *text, uint64_t min, uint64_t max)
{
	static const char units[] = "KMG";
	char *end;
	uint64_t n = strtoull(text, &end, 0);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (unit) {
		n <<= 10 * (unit - units + 1);
		end++;
	}
	if (end == text || *end || n < min || n > max)
		options_bad("a number is out of range, or none");
	return n;
}

static enum gc_sabotage options_sabotage(const char *what)
{
	if (!strcmp(what, "revoke"))
		return GC_SABOTAGE_REVOKE;
	if (strcmp(what, "order"))
		options_bad("what sabotage?");
	return GC_SABOTAGE_ORDER;
}

static void options_set(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_WORKLOAD:
		o->workload = arg;
		break;
	case OPT_MUTATORS:
		o->mutators = (unsigned int)options_number(arg, 1, MAX_MUTATORS);
		break;
	case OPT_HEAP:
		o->config.heap_bytes = options_number(arg, 1 << 20, 1ULL << 34);
		break;
	case OPT_SECONDS:
		o->seconds = atof(arg);
		break;
	case OPT_ROUNDS:
		o->rounds = options_number(arg, 1, UINT64_MAX);
		break;
	case OPT_SEED:
		o->seed = options_number(arg, 0, UINT64_MAX);
		break;
	case OPT_BARRIER:
		o->config.barrier = arg;
		break;
	case OPT_GIVE_BACK:
		o->config.give_back = (unsigned int)options_number(arg, 0, 1 << 30);
		break;
	case OPT_PADDING:
		o->config.padding = options_number(arg, 0, UINT64_MAX);
		break;
	case OPT_VERIFY:
		o->config.verify = true;
		break;
	case OPT_TORTURE:
		o->config.torture = options_number(arg, 1, UINT64_MAX);
		break;
	case OPT_SABOTAGE:
		o->config.sabotage = options_sabotage(arg);
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		exit(2);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){
		.config = {
			.barrier = "uffd-codecache",
			.heap_bytes = 32 << 20,
			.give_back = 2,
			.padding = UINT64_MAX,
		},
		.workload = "all",
		.mutators = 2,
		.seconds = 7,
		.seed = 1,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		options_set(o, option, optarg);
	if (optind < argc)
		options_bad("what is that last argument?");
	if (!o->rounds && !(o->seconds > 0 && o->seconds < 1e6))
		options_bad("how many --seconds?");
}
