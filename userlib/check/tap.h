/* SPDX-License-Identifier: MIT */
/*
 * Results of a check program: a line each, without numbers, which lib-check.sh
 * gives. A program ends with "done", so that one that died is not mistaken for
 * one that had little to say.
 */
#ifndef CODECACHE_CHECK_TAP_H
#define CODECACHE_CHECK_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_failures;

static inline void tap_ok(bool ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	fflush(stdout);
	if (!ok)
		tap_failures++;
}

/* For values that one wants to see when they are wrong. */
static inline void tap_is(long long got, long long expected, const char *what)
{
	tap_ok(got == expected, what);
	if (got != expected)
		printf("# got %lld, expected %lld\n", got, expected);
}

static inline void tap_skip(const char *what, const char *why)
{
	printf("ok - %s # SKIP %s\n", what, why);
}

static inline int tap_end(void)
{
	puts("done");
	return tap_failures != 0;
}

#endif /* CODECACHE_CHECK_TAP_H */
