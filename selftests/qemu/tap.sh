#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: tap.sh [-q] LOG...   count what tests reported
#
# A LOG is the results.log of run.sh, or the TAP output of one program (- for
# stdin). Prints a line for each run, with the seconds that it took in a guest,
# under it every failure with the diagnostics before it and every skip with its
# reason, and the seconds of each guest's runs together; last
#
#   N passed, N failed, N skipped
#
# With -q, runs without a failure are not shown.
#
# Failures are also: fewer or more results than planned, no plan, a run that was
# killed, timed out, never ended or has a bad exit status without a failed
# test, a bad line in the kernel's log, a guest that did not carry out its plan,
# a log that is missing or empty. A run without TAP counts as one test.
# Only lines at the margin count: subtests are their parent's business.
#
# Exit status: 0 nothing failed; 1 something did; 3 usage.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

quiet=0
case ${1:-} in
-h | --help) usage; exit 0 ;;
-q) quiet=1; shift ;;
esac
[[ $# -gt 0 ]] || die 3 "which log? see -h"

awk -v "quiet=$quiet" -v "logs=$(printf '%s\n' "$@")" -f "$here/tap.awk"
