#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/query.sh [KERNEL]    (make bench-query KERNEL=6.12)
#
# What dirty queries and traps cost, see query_bench.c, and what they cost by the
# kernel's own means, see rivals_bench.c: one boot of a stock kernel with a single
# CPU whose clock counts instructions. The TSV is in build/bench.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/bench

step "building for $kernel"
"$lab/deps.sh" build lab
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib \
	"$B/selftests/query_bench" "$B/selftests/rivals_bench"
step "instructions: one CPU, -icount shift=0"
"$lab/run.sh" --kernel "$kernel" --mem 1G --timeout 600 --quiet \
	--build "$B/selftests" --log "$out/query" \
	--module "$B/kmod-$kernel/codecache.ko" --add "$B/selftests/query_bench" \
	--add "$B/selftests/rivals_bench" --run "bench 300 /bin/query_bench" \
	--run "rivals 300 /bin/rivals_bench" --icount >/dev/null
grep -vE '^#' "$out/query/results.log"
sed -n 's/^#TSV\t//p' "$out/query/results.log" >"$out/query-$kernel.tsv"
step "done: $out/query-$kernel.tsv"
