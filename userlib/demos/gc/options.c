// SPDX-License-Identifier: MIT
/* The command line. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "text.h"

static const char help[] =
"Usage: gc [options]\n"
"\n"
"A concurrent copying collector (Baker; Appel, Ellis and Li) behind one of several read\n"
"barriers; or a generational one with one of several remembered sets. Mutator threads work\n"
"in its heap; the same work is then done with malloc() and free(), and the results must be\n"
"the same.\n"
"\n"
"  --barrier LIST    uffd-codecache (default), codecache (block traps),\n"
"                    codecache-signal, uffd-memfd, mprotect, soft; all; the last three\n"
"                    need no module. What cannot be had here is skipped\n"
"  --generational    stop for each collection of a nursery, or of all; the barrier is what\n"
"                    finds old objects that refer to young ones: codecache (default; dirty\n"
"                    bits, by QUERY), mprotect (write traps), cards (a write barrier in\n"
"                    the code); all; the last two need no module\n"
"  --nursery SIZE    (2M)\n"
"  --workload LIST   lists, trees, kallsyms, json or all (default)\n"
"  --mutators N      threads (2)\n"
"  --heap SIZE       of each of two semispaces, or of old space, with K, M or G (32M)\n"
"  --rounds N        for each mutator, instead of what each workload says\n"
"  --scale PERCENT   of what each workload says (100)\n"
"  --seconds S       for each workload and barrier, instead of rounds\n"
"  --seed N          (1)\n"
"  --rest US         of a mutator, before each round (0)\n"
"  --realtime        mutators run at real-time priority: on one processor the collector\n"
"                    then runs only while they wait or rest\n"
"  --group N         pages that the background grants together, at the most (16)\n"
"  --give-back N     give from-space's memory back after every Nth collection (2);\n"
"                    in between it is revoked at once and used again;\n"
"                    1: always, 0: never\n"
"  --padding SIZE    leave at most so much empty, a collection, in pages that a mutator\n"
"                    waits for (and at most a sixteenth of what is free)\n"
"  --json DIR        where the package iso-codes has its JSON\n"
"  --verify          walk the whole heap after each collection\n"
"  --torture N       flip every N allocations, take random pages away again, --verify\n"
"  --outrun N        torture: who has waited for memory lets the others use it up, N times\n"
"  --sabotage WHAT   prove that the checks check: revoke (do not revoke to-space at\n"
"                    the flip), order (grant pages first, scan them then), cross (forget\n"
"                    what reaches into a page from the one before) or flush (a PROTECT\n"
"                    that does not flush; wants a test build of the module); with\n"
"                    --generational forget (a page that was written to), cross or flush (a\n"
"                    QUERY); the exit status is 0 if the damage was noticed behind every\n"
"                    barrier\n"
"  --flip            measure revoking and granting alone, by number of ranges; with\n"
"                    --generational remembered sets, by number of pages written\n"
"  --tsv             all numbers and distributions for programs, too\n"
"  --help\n"
"\n"
"Exit status: 0 all verified; 1 not; 2 usage; 77 this cannot run here.\n";

enum {
	OPT_WORKLOAD = 256, OPT_MUTATORS, OPT_HEAP, OPT_SECONDS, OPT_ROUNDS, OPT_SCALE, OPT_SEED,
	OPT_REST, OPT_REALTIME,
	OPT_BARRIER, OPT_GROUP, OPT_GIVE_BACK, OPT_PADDING, OPT_JSON, OPT_VERIFY, OPT_TORTURE,
	OPT_SABOTAGE, OPT_FLIP, OPT_TSV, OPT_HELP, OPT_GENERATIONAL, OPT_NURSERY,
	OPT_OUTRUN,
};

static const struct option long_options[] = {
	{ "workload", required_argument, NULL, OPT_WORKLOAD },
	{ "mutators", required_argument, NULL, OPT_MUTATORS },
	{ "heap", required_argument, NULL, OPT_HEAP },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "scale", required_argument, NULL, OPT_SCALE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "barrier", required_argument, NULL, OPT_BARRIER },
	{ "rest", required_argument, NULL, OPT_REST },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "generational", no_argument, NULL, OPT_GENERATIONAL },
	{ "nursery", required_argument, NULL, OPT_NURSERY },
	{ "give-back", required_argument, NULL, OPT_GIVE_BACK },
	{ "padding", required_argument, NULL, OPT_PADDING },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "torture", required_argument, NULL, OPT_TORTURE },
	{ "outrun", required_argument, NULL, OPT_OUTRUN },
	{ "sabotage", required_argument, NULL, OPT_SABOTAGE },
	{ "flip", no_argument, NULL, OPT_FLIP },
	{ "tsv", no_argument, NULL, OPT_TSV },
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
	static const char *const names[] = {
		[GC_SABOTAGE_REVOKE] = "revoke",
		[GC_SABOTAGE_ORDER] = "order",
		[GC_SABOTAGE_CROSS] = "cross",
		[GC_SABOTAGE_FLUSH] = "flush",
		[GC_SABOTAGE_FORGET] = "forget",
	};
	unsigned int i;

	for (i = GC_SABOTAGE_REVOKE; i < GC_NR_SABOTAGES; i++)
		if (!strcmp(what, names[i]))
			return (enum gc_sabotage)i;
	options_bad("what sabotage?");
	return GC_SABOTAGE_NONE;
}

static bool options_set_heap(struct gc_config *c, int option, const char *arg)
{
	switch (option) {
	case OPT_HEAP:
		c->heap_bytes = options_number(arg, 1 << 20, 1ULL << 34);
		return true;
	case OPT_GENERATIONAL:
		c->generational = true;
		return true;
	case OPT_NURSERY:
		c->nursery_bytes = options_number(arg, 128 << 10, 1ULL << 32);
		return true;
	case OPT_GROUP:
		c->group = (unsigned int)options_number(arg, 1, 64);
		return true;
	case OPT_GIVE_BACK:
		c->give_back = (unsigned int)options_number(arg, 0, 1 << 30);
		return true;
	case OPT_PADDING:
		c->padding = options_number(arg, 0, UINT64_MAX);
		return true;
	case OPT_TORTURE:
		c->torture = options_number(arg, 1, UINT64_MAX);
		c->shuffle = true;
		c->verify = true;
		return true;
	case OPT_OUTRUN:
		c->outrun = (unsigned int)options_number(arg, 0, 1 << 30);
		return true;
	case OPT_VERIFY:
		c->verify = true;
		return true;
	case OPT_SABOTAGE:
		c->sabotage = options_sabotage(arg);
		return true;
	default:
		return false;
	}
}

static void options_set(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_BARRIER:
		o->barrier = arg;
		break;
	case OPT_WORKLOAD:
		o->workload = arg;
		break;
	case OPT_MUTATORS:
		o->mutators = (unsigned int)options_number(arg, 1, MAX_MUTATORS);
		break;
	case OPT_SECONDS:
		o->seconds = atof(arg);
		if (!(o->seconds > 0 && o->seconds < 1e6))
			options_bad("how many --seconds?");
		break;
	case OPT_ROUNDS:
		o->rounds = options_number(arg, 1, UINT64_MAX);
		break;
	case OPT_SCALE:
		o->percent = options_number(arg, 1, 1000000);
		break;
	case OPT_SEED:
		o->seed = options_number(arg, 0, UINT64_MAX);
		break;
	case OPT_REST:
		o->rest_us = options_number(arg, 0, 1000000);
		break;
	case OPT_REALTIME:
		o->realtime = true;
		break;
	case OPT_JSON:
		text_folder = arg;
		break;
	case OPT_FLIP:
		o->flip = true;
		break;
	case OPT_TSV:
		o->tsv = true;
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		if (!options_set_heap(&o->config, option, arg))
			exit(2);
	}
}

bool options_wants(const char *list, const char *name)
{
	size_t length = strlen(name);
	const char *at;

	if (!strcmp(list, "all"))
		return true;
	for (at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

/* What goes together. */
static void options_check(struct options *o)
{
	enum gc_sabotage sabotage = o->config.sabotage;

	if (!o->barrier)
		o->barrier = o->config.generational ? "codecache" : "uffd-codecache";
	if (o->config.generational ?
	    sabotage == GC_SABOTAGE_REVOKE || sabotage == GC_SABOTAGE_ORDER :
	    sabotage == GC_SABOTAGE_FORGET)
		options_bad("what is to be sabotaged is not there");
	if (o->config.generational && o->config.nursery_bytes > o->config.heap_bytes / 4)
		options_bad("the nursery is more than a quarter of the heap");
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){
		.config = {
			.heap_bytes = 32 << 20,
			.nursery_bytes = 2 << 20,
			.give_back = 2,
			.group = 16,
			.padding = UINT64_MAX,
		},
		.workload = "all",
		.mutators = 2,
		.percent = 100,
		.seed = 1,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		options_set(o, option, optarg);
	if (optind < argc)
		options_bad("what is that last argument?");
	options_check(o);
}
