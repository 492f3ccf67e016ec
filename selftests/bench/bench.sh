#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/bench.sh [--gate] [KERNEL]    (make bench KERNEL=6.12)
#
# Every benchmark, in two boots of a stock kernel: one with a single CPU whose clock
# counts instructions, the same every time; and one with four CPUs that run at the same
# time, with threads that spin there, to count TLB shootdowns. Prints the tables; the rows
# are in build/bench/bench-KERNEL.tsv, one a line:
#
#   PROGRAM/TABLE/ROW/COLUMN <tab> LEAST <tab> MOST
#
# in instructions, or what the table says; MOST is what the worst round took, where
# the program tells. With --gate only what codecache itself does in the first boot, no
# tables, and gate-KERNEL.tsv: half a minute, for bench-gate.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
gate=
if [[ ${1:-} = --gate ]]; then
	gate=gate
	shift
fi
kernel=${1:-6.12}
out=$B/bench
tsv=$out/${gate:-bench}-$kernel.tsv
args=()

# program NAME SECONDS ARGS...
program() {
	args+=(--add "$B/selftests/${1}_bench" --run "$1 $2 /bin/${1}_bench${*:3}")
}

# boot NAME ARGS...: with the programs so far
boot() {
	local name=$1

	shift
	"$lab/run.sh" --kernel "$kernel" --mem 2G --timeout 2400 --quiet \
		--build "$B/selftests" --log "$out/$name" \
		--module "$B/kmod-$kernel/codecache.ko" "$@" "${args[@]}" >"$out/$name.txt"
	[[ -n $gate ]] || grep -vE '^#' "$out/$name/results.log"
	args=()
}

step "building for $kernel"
"$lab/deps.sh" build lab bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib benches
# Those first that give pages back to the system: what they find depends on who was before.
if [[ -n $gate ]]; then
	program retire 300 " codecache"
	program grace 100 " calls"
else
	program retire 600 " instructions"
	program grace 300
	program rivals 300
fi
program protect 500 " instructions"
program query 300
program reader 200
program pattern 300
program trap 200
program dirty 300
program publish 200
program create 200
[[ -n $gate ]] || program growth 900
step "one CPU, -icount shift=0"
boot ${gate:-bench} --icount
if [[ -z $gate ]]; then
	program protect 500 " shootdowns"
	program shootdown 600
	program retire 1200 " shootdowns"
	step "four CPUs, multi-threaded emulation"
	boot shootdowns --smp 4 --thread multi
fi
{
	echo "# $(sed -n 's/.*\(version=[^ ]*\).*/\1/p' "$out/${gate:-bench}.txt"), $(gcc-12 --version | head -n 1)"
	results=("$out/${gate:-bench}/results.log")
	[[ -n $gate ]] || results+=("$out/shootdowns/results.log")
	selftests/bench/rows.sh "${results[@]}"
} >"$tsv"
step "done: $tsv has $(grep -vc '^#' "$tsv") rows"
