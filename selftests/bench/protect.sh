#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/protect.sh [KERNEL]    (make bench-protect KERNEL=6.12)
#
# Two boots of a stock kernel: one with a single CPU whose clock counts
# instructions, which is deterministic, and one with a second CPU on which a
# thread spins, to count TLB shootdowns. The TSV is in build/bench.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/bench

# boot NAME MODE ARGS...
boot() {
	local name=$1

	shift
	"$lab/run.sh" --kernel "$kernel" --mem 1G --timeout 600 --quiet \
		--build "$B/selftests" --log "$out/$name" \
		--module "$B/kmod-$kernel/codecache.ko" \
		--add "$B/selftests/protect_bench" \
		--run "bench 500 /bin/protect_bench $name" "$@" >/dev/null
	grep -vE '^#' "$out/$name/results.log"
}

step "building for $kernel"
"$lab/deps.sh" build lab
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib "$B/selftests/protect_bench"
step "instructions: one CPU, -icount shift=0"
boot instructions --icount
step "shootdowns: two CPUs, multi-threaded emulation"
boot shootdowns --smp 2 --thread multi
cat "$out"/{instructions,shootdowns}/results.log | sed -n 's/^#TSV\t//p' >"$out/protect-$kernel.tsv"
step "done: $out/protect-$kernel.tsv"
