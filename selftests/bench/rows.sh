#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/rows.sh RESULTS...
#
# The rows of all programs in a guest's results, as bench.sh describes them. The last
# field of most is their only figure.

set -euo pipefail
[[ $# -gt 0 ]] || { sed -n '4,7s/^# \{0,1\}//p' "$0" >&2; exit 3; }
exec awk -F '\t' -v OFS='\t' '
	/^#CC begin / { split($0, word, " "); program = word[3] }
	$1 != "#TSV" { next }
	NF <= 3 { print program "/" $2, $3, $3; next }
	NF == 5 { print program "/" $2 "/" $3 "/" $4, $5, $5; next }
	{ print program "/" $2 "/" $3 "/" $4, $5, $6 }' "$@"
