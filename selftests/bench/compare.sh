#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/compare.sh BASELINE RESULT [PERCENT]
#
# Compare rows that bench.sh has written with those that BASELINE names: a line for
# each that is more than PERCENT (3) worse, which is a failure, or better, which wants
# a new baseline; and one for each that RESULT lacks, which is a failure, too. A row of
# BASELINE may have a percentage of its own, as a third field. Lines of BASELINE that
# begin with # are comments; the one with the versions of kernel and compiler is
# compared too, since others count differently. Less is better in every row.
#
# Exit status: 0 nothing is worse; 1 something is; 3 usage.

set -euo pipefail
if [[ $# -lt 2 || ! -r $1 || ! -r $2 ]]; then
	sed -n '4,14s/^# \{0,1\}//p' "$0" >&2
	exit 3
fi
exec awk -F '\t' -v limit="${3:-3}" '
	/^# version=/ { version[FNR == NR] = substr($0, 3); next }
	FNR == NR && !/^#/ && NF >= 2 { want[$1] = $2; bound[$1] = NF > 2 ? $3 : limit; order[++n] = $1 }
	FNR == NR { next }
	{ got[$1] = $2 }
	END {
		if (version[0] != version[1])
			printf "NOTE the baseline is of %s, this is %s\n", version[1], version[0]
		if (!n) {
			print "FAIL the baseline has no rows"
			exit 1
		}
		for (i = 1; i <= n; i++) {
			row = order[i]
			if (!(row in got)) {
				printf "FAIL %s: no such row\n", row
				bad++
				continue
			}
			# One instruction more is no news, however few there are.
			change = got[row] - want[row]
			percent = want[row] ? 100 * change / want[row] : 0
			if (change > 1 && change > want[row] * bound[row] / 100) {
				printf "FAIL %s: %d, was %d (%+.1f %%)\n", row, got[row], want[row], percent
				bad++
			} else if (change < -1 && -change > want[row] * bound[row] / 100) {
				printf "better %s: %d, was %d (%+.1f %%)\n", row, got[row], want[row], percent
			}
		}
		printf "%d rows, %d worse by more than %s %%, or than they may\n", n, bad, limit
		exit bad > 0
	}' "$1" "$2"
