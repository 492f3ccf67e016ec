#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/baseline.sh [--commit REASON] [KERNEL]
#
# Take the last run of bench.sh --gate as what later ones are compared with: the rows that
# gate, which are those of codecache itself, not its peers', no latencies, and none of so
# few instructions that it matters how often the clock is read again. Says what
# changes; with --commit commits it, with the REASON as the subject and the changes in
# the body. Without a reason nobody knows later why a row was allowed to get worse.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
reason=
if [[ ${1:-} = --commit ]]; then
	reason=${2:?which reason?}
	shift 2
fi
kernel=${1:-6.12}
tsv=$B/bench/gate-$kernel.tsv
baseline=selftests/bench/baseline-$kernel.tsv
gating='^(protect/protect-r[ow]/codecache-|query/|reader/reader/codecache|grace/grace/)'
gating+='|^(retire|trap|create)/[^/]*/codecache|^dirty/ask[^/]*/codecache'
gating+='|^publish/[^/]*/codecache, two views/(16|64) blocks'
gating+='|^pattern/(READ|NONE|mappings)[^/]*/codecache'
# Thousands of pages come from the system, or go back: what they meet there is not the
# same if as little as the module's length changes. They may be 10 % worse.
wander='^retire/(retire|touch|make)(-run)?/.*4096|^create/.*/(512 pages|free)'

[[ -r $tsv ]] || { echo "baseline.sh: no $tsv: make bench-gate first" >&2; exit 3; }
changes=
if [[ -r $baseline ]]; then
	changes=$(selftests/bench/compare.sh "$baseline" "$tsv" 0.1 || true)
	echo "$changes"
fi
{
	echo "# Rows that gate, on Debian's kernel $kernel: written by baseline.sh"
	grep '^# version=' "$tsv"
	grep -E "$gating" "$tsv" | awk -F '\t' -v OFS='\t' -v wander="$wander" '
		$1 ~ wander { print $1, $2, 10; next }
		{ print $1, $2 }'
} >"$baseline"
step "$baseline: $(grep -vc '^#' "$baseline") rows"
[[ -z $reason ]] ||
	git commit -q -m "selftests/bench: $reason" -m "${changes:-The first baseline.}" \
		-- "$baseline"
