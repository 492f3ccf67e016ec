#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/bench.sh [KERNEL]    (make bench KERNEL=6.12)
#
# Every benchmark that counts instructions, in one boot of a stock kernel with a
# single CPU whose clock counts them: the same every time. Prints the tables; the
# rows are in build/bench/bench-KERNEL.tsv, one a line:
#
#   PROGRAM/TABLE/ROW/COLUMN <tab> LEAST <tab> MOST
#
# in instructions, or what the table says; MOST is what the worst round took, where
# the program tells.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/bench
tsv=$out/bench-$kernel.tsv
args=()

# program NAME SECONDS ARGS...
program() {
	args+=(--add "$B/selftests/${1}_bench" --run "$1 $2 /bin/${1}_bench${*:3}")
}

# The rows of all programs: the last field of most is their only figure.
rows() {
	awk -F '\t' -v OFS='\t' '
		/^#CC begin / { split($0, word, " "); program = word[3] }
		$1 != "#TSV" { next }
		NF <= 3 { print program "/" $2, $3, $3; next }
		NF == 5 { print program "/" $2 "/" $3 "/" $4, $5, $5; next }
		{ print program "/" $2 "/" $3 "/" $4, $5, $6 }' "$1"
}

step "building for $kernel"
"$lab/deps.sh" build lab bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib benches
program protect 500 " instructions"
program query 300
program rivals 300
program reader 200
program retire 400 " instructions"
program grace 300
step "one CPU, -icount shift=0"
"$lab/run.sh" --kernel "$kernel" --mem 2G --timeout 1800 --quiet --icount \
	--build "$B/selftests" --log "$out/bench" \
	--module "$B/kmod-$kernel/codecache.ko" "${args[@]}" >/dev/null
grep -vE '^#' "$out/bench/results.log"
rows "$out/bench/results.log" >"$tsv"
step "done: $tsv has $(wc -l <"$tsv") rows"
