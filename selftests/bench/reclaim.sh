#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/reclaim.sh [KERNEL]    (make bench-reclaim KERNEL=6.12)
#
# What readers, RETIRE and grace periods cost: see reader_bench.c, retire_bench.c and
# grace_bench.c. Three boots of a stock kernel: with a single CPU whose clock counts
# instructions, which is deterministic; the same with a second CPU, for what peers
# do with membarrier(); and one in which a thread spins on a second CPU, to count TLB
# shootdowns. The TSV is in build/bench.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/bench

# boot NAME ARGS...
boot() {
	local name=$1

	shift
	"$lab/run.sh" --kernel "$kernel" --mem 2G --timeout 900 --quiet \
		--build "$B/selftests" --log "$out/reclaim-$name" \
		--module "$B/kmod-$kernel/codecache.ko" "$@" >/dev/null
	grep -vE '^#' "$out/reclaim-$name/results.log"
}

step "building for $kernel"
"$lab/deps.sh" build lab bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib \
	"$B"/selftests/{reader,retire,grace}_bench
step "instructions: one CPU, -icount shift=0"
boot instructions --icount --add "$B/selftests/reader_bench" \
	--add "$B/selftests/retire_bench" --add "$B/selftests/grace_bench" \
	--run "reader 200 /bin/reader_bench" \
	--run "retire 400 /bin/retire_bench instructions" \
	--run "grace 200 /bin/grace_bench"
step "what membarrier() costs: two CPUs, -icount shift=0"
boot barriers --icount --smp 2 --add "$B/selftests/retire_bench" \
	--run "retire 300 /bin/retire_bench barriers"
step "shootdowns: two CPUs, multi-threaded emulation"
boot shootdowns --smp 2 --thread multi --add "$B/selftests/retire_bench" \
	--run "retire 800 /bin/retire_bench shootdowns"
cat "$out"/reclaim-{instructions,barriers,shootdowns}/results.log |
	sed -n 's/^#TSV\t//p' >"$out/reclaim-$kernel.tsv"
step "done: $out/reclaim-$kernel.tsv"
