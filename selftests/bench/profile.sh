#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/profile.sh [KERNEL [ROW...]]
#                                  (make bench-profile KERNEL=6.12 ROWS="query log-trap")
#
# Which functions of the kernel, and of the module, the instructions of an operation
# are in: see profile_bench.c for the rows. retire-ROW-N is a row of retire_bench.c.
# Samples of a kernel whose clock counts instructions, so the same every time.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
shift || :
[[ $# -gt 0 ]] || set -- protect-read protect-write protect-2048-read protect-2048-write \
	protect-2048-none protect-2048-from-none protect-2048-random protect-bitmap-read \
	log-trap signal-trap query retire-1-64
out=$B/bench/profile
args=(--add "$B/selftests/profile_bench" --add "$B/selftests/retire_bench")

for row; do
	case $row in
	retire-*-*)
		read -r _ method n <<<"${row//-/ }"
		args+=(--run "$row 300 /bin/retire_bench profile $method $n") ;;
	*) args+=(--run "$row 300 /bin/profile_bench $row") ;;
	esac
done
step "building for $kernel"
"$lab/deps.sh" build lab bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$B/bench/build.log" make "modules-$kernel" lib benches
step "one CPU, -icount shift=0"
"$lab/run.sh" --kernel "$kernel" --mem 2G --timeout 1800 --quiet --icount \
	--build "$B/selftests" --log "$out" --module "$B/kmod-$kernel/codecache.ko" \
	"${args[@]}" >/dev/null
grep -vE '^#' "$out/results.log"
