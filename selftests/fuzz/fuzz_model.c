// SPDX-License-Identifier: MIT
/*
 * The differential oracle: random operations are made on the module and on a model of
 * it, which must agree on every errno, every byte, every trap and every bit
 *
 * fuzz_model [--seed N] [--ops N] [--time SECONDS] [--each N] [--failures N]
 * fuzz_model --replay FILE
 * fuzz_model --broken PARAMETER [--seed N] [--ops N]
 *
 * A run of some thousand operations begins with nothing and is a process of its own.
 * If one fails, operations are left out of it for as long as it still fails. What is
 * left is printed, and can be replayed: put it in selftests/fuzz/corpus, whose
 * sequences are built into this program and are replayed before anything else.
 *
 * --broken: with a module that this parameter breaks a run must fail.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz_run.h"
#include "model.h"

/* All sequences of the corpus: made by the linker, see fuzz.mk. */
extern const char fuzz_corpus[], fuzz_corpus_end[];

static struct {
	uint64_t seed;
	uint64_t ops;
	uint64_t seconds;
	uint64_t each;
	uint64_t failures;	/* after which to give up */
	const char *replay;
	const char *broken;
	uint64_t done;
} opt = {
	.ops = 100000,
	.each = 2000,
	.failures = 1,
};

static void usage(void)
{
	fprintf(stderr, "usage: fuzz_model [--seed N] [--ops N] [--time SECONDS] [--each N] [--failures N]\n"
			"       fuzz_model --replay FILE\n"
			"       fuzz_model --broken PARAMETER [--seed N] [--ops N]\n");
	exit(3);
}

static void parse(int argc, char **argv)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];

		if (!strcmp(argv[i], "--seed"))
			opt.seed = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "--ops"))
			opt.ops = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "--time"))
			opt.seconds = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "--each"))
			opt.each = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "--failures"))
			opt.failures = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "--replay"))
			opt.replay = value;
		else if (!strcmp(argv[i], "--broken"))
			opt.broken = value;
		else
			usage();
	}
	if (i < argc || !opt.each || opt.each > RUN_OPS)
		usage();
	if (!opt.seed)
		opt.seed = time(NULL) ^ (uint64_t)getpid() << 32;
}

/* ---- telling -------------------------------------------------------------------- */

static void tell_failure(void)
{
	char line[1024];
	FILE *f = fmemopen(line, sizeof(line), "w");

	fz_op_print(f, run_types, &run->op[run->at]);
	fclose(f);
	printf("# operation %u: %s\n# %s\n", run->at, line, run->what);
}

static void tell_tally(void)
{
	unsigned int i;

	for (i = 0; run_types[i]; i++)
		printf("# %8llu %-13s %8llu calls succeeded, %llu were refused\n",
		       (unsigned long long)run->tally[i][RUN_MADE],
		       run_types[i]->name,
		       (unsigned long long)run->tally[i][RUN_DONE],
		       (unsigned long long)run->tally[i][RUN_REFUSED]);
}

/* ---- what is done ----------------------------------------------------------------- */

/* All sequences of a file; how many of them failed. */
static int replay(FILE *f, int *nr)
{
	int failed = 0;

	for (*nr = 0; run_load(f); ++*nr) {
		if (run_again())
			continue;
		failed++;
		printf("# sequence %d fails\n", *nr + 1);
		tell_failure();
	}
	return failed;
}

static bool corpus(void)
{
	FILE *f = fmemopen((void *)fuzz_corpus, fuzz_corpus_end - fuzz_corpus, "r");
	int nr, failed = f ? replay(f, &nr) : 1;

	printf("%sok 1 - past failures do not come back\n", failed ? "not " : "");
	if (f)
		fclose(f);
	return !failed;
}

/* Of a run that has failed: what, and the shortest way there. */
static void explain(uint64_t seed)
{
	printf("# --seed %#llx --each %llu: a run fails\n", (unsigned long long)seed,
	       (unsigned long long)opt.each);
	tell_failure();
	printf("# looking for a shorter one\n");
	fflush(stdout);
	run_minimize();
	if (run->failed)
		tell_failure();
	else
		printf("# which does not fail each time\n");
	printf("# minimal sequence:\n");
	run_show(stdout);
}

/* The seed of a run is all that it needs: --seed with it, and --ops 1, repeats it. */
static bool random_runs(void)
{
	long long since = cc_now_ms(), said = since;
	uint64_t seed = opt.seed, failures = 0;

	while (opt.seconds ? cc_now_ms() - since < (long long)opt.seconds * 1000 :
			     opt.done < opt.ops) {
		if (!run_random(seed, opt.each)) {
			explain(seed);
			if (++failures == opt.failures)
				break;
		}
		opt.done += run->nr;
		seed++;
		if (cc_now_ms() - said < 60000)
			continue;
		said = cc_now_ms();
		printf("# %llu operations\n", (unsigned long long)opt.done);
		fflush(stdout);
	}
	return !failures;
}

/* Is the module's being broken noticed? */
static int broken(void)
{
	uint64_t seed = opt.seed;
	bool noticed = false;

	if (cc_set_param(opt.broken, 1)) {
		printf("1..0 # SKIP the module cannot be broken by %s\n", opt.broken);
		return 77;
	}
	while (!noticed && opt.done < opt.ops) {
		noticed = !run_random(seed++, opt.each);
		opt.done += run->nr;
	}
	cc_set_param(opt.broken, 0);
	if (noticed)
		tell_failure();
	printf("1..1\n%sok 1 - %s is noticed: %llu operations\n", noticed ? "" : "not ",
	       opt.broken, (unsigned long long)opt.done);
	return !noticed;
}

int main(int argc, char **argv)
{
	bool good;
	FILE *f;
	int nr;

	parse(argc, argv);
	/* Others refuse a fetch without VM_EXEC by themselves, with another code. */
#ifndef __x86_64__
	printf("1..0 # SKIP the oracle knows how x86-64 reports faults\n");
	return 77;
#endif
	run_init();
	if (cc_page_size() != M_PAGE)
		return 77;
	if (opt.replay) {
		f = fopen(opt.replay, "r");
		return !f || replay(f, &nr) || !nr;
	}
	if (opt.broken)
		return broken();
	printf("TAP version 13\n1..2\n# seed %#llx\n", (unsigned long long)opt.seed);
	fflush(stdout);
	good = corpus();
	good &= random_runs();
	tell_tally();
	printf("%sok 2 - module and model agree: %llu operations\n", good ? "" : "not ",
	       (unsigned long long)opt.done);
	return !good;
}
