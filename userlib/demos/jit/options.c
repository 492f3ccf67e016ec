// SPDX-License-Identifier: MIT
/* The command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "options.h"
#include "world.h"

#define LINGER_UNSET	UINT32_MAX

static const char help[] =
"Usage: jit [options]\n"
"\n"
"A small JIT whose code cache has a limit. Sets of filters are compiled to machine\n"
"code, again and again because their parameters change; runner threads look the code\n"
"up without locks and run it; what is replaced or evicted is retired while they do.\n"
"Each call is compared with an interpreter, and returns whose code it was.\n"
"\n"
"  --engine LIST     which engines, one after the other, with commas:\n"
"                      codecache  extents, readers and retirement\n"
"                      flush      all stop, all code is dropped; needs no module\n"
"                      munmap     a mapping each, membarrier(); needs no module\n"
"                    or all (default)\n"
"  --backend NAME    x86-64, arm64 or bytecode (what this machine runs)\n"
"  --runners N       threads that run code (3)\n"
"  --compilers N     threads that compile (2)\n"
"  --sets N          of filters (512)\n"
"  --limit PAGES     of code (256), 32 at least\n"
"  --publish N       units to compile, for each engine (2000); K and M may follow\n"
"  --linger US       every 64th time a runner rests inside a section, as one does whose\n"
"                    code has called something that blocks (3000; 100000 with early)\n"
"  --batch N         units that are retired together (16), 64 at most\n"
"  --seed N          (1)\n"
"  --dump FILE       do not run anything: write the code of all sets to a file, for\n"
"                    a disassembler\n"
"  --sabotage early  prove that the checks check: runners do not say that they are\n"
"                    inside, so that code goes while they run it. The exit status is\n"
"                    0 if that was noticed with every engine.\n"
"  --help\n"
"\n"
"Exit status: 0 all is as it should be; 1 it is not; 2 usage; 77 an engine cannot run\n"
"here, and all is well with the others.\n";

enum {
	OPT_ENGINE = 256, OPT_BACKEND, OPT_RUNNERS, OPT_COMPILERS, OPT_SETS, OPT_LIMIT,
	OPT_PUBLISH, OPT_LINGER, OPT_BATCH, OPT_SEED, OPT_DUMP, OPT_SABOTAGE, OPT_HELP,
};

static const struct option long_options[] = {
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "runners", required_argument, NULL, OPT_RUNNERS },
	{ "compilers", required_argument, NULL, OPT_COMPILERS },
	{ "sets", required_argument, NULL, OPT_SETS },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "publish", required_argument, NULL, OPT_PUBLISH },
	{ "linger", required_argument, NULL, OPT_LINGER },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "dump", required_argument, NULL, OPT_DUMP },
	{ "sabotage", required_argument, NULL, OPT_SABOTAGE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void options_bad(const char *what)
{
	fprintf(stderr, "jit: %s; see --help\n", what);
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

static unsigned int options_small(const char *text, unsigned int min, unsigned int max)
{
	return (unsigned int)options_number(text, min, max);
}

static const struct backend *options_backend(const char *name)
{
	const struct backend *backend = backend_find(name);

	if (!backend)
		options_bad("which backend?");
	return backend;
}

static void options_set(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_ENGINE:
		o->engines = arg;
		break;
	case OPT_BACKEND:
		o->backend = options_backend(arg);
		break;
	case OPT_RUNNERS:
		o->runners = options_small(arg, 1, WORLD_MAX_THREADS);
		break;
	case OPT_COMPILERS:
		o->compilers = options_small(arg, 1, WORLD_MAX_THREADS);
		break;
	case OPT_SETS:
		o->sets = options_small(arg, 1, 1 << 16);
		break;
	case OPT_LIMIT:
		o->max_pages = options_number(arg, 32, 1 << 20);
		break;
	case OPT_PUBLISH:
		o->publish = options_number(arg, 1, 1ULL << 40);
		break;
	case OPT_LINGER:
		o->linger_us = options_small(arg, 0, 1000000);
		break;
	case OPT_BATCH:
		o->batch = options_small(arg, 1, ENGINE_MAX_BATCH);
		break;
	case OPT_SEED:
		o->seed = options_number(arg, 0, UINT64_MAX);
		break;
	case OPT_DUMP:
		o->dump = arg;
		break;
	case OPT_SABOTAGE:
		if (strcmp(arg, "early"))
			options_bad("what sabotage?");
		o->sabotage = SABOTAGE_EARLY;
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
		.backend = backend_find(NULL),
		.runners = 3,
		.compilers = 2,
		.sets = 512,
		.max_pages = 256,
		.publish = 2000,
		.linger_us = LINGER_UNSET,
		.batch = 16,
		.seed = 1,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		options_set(o, option, optarg);
	if (optind < argc)
		options_bad("what is that last argument?");
	/* RCU alone keeps code for a while: the mistake shows when they stay longer. */
	if (o->linger_us == LINGER_UNSET)
		o->linger_us = o->sabotage == SABOTAGE_EARLY ? 100000 : 3000;
	if (!o->backend->call && !o->dump)
		options_bad("this machine cannot run the code of that backend");
}
