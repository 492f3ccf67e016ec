#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/fuzz/fuzz.sh KERNEL SECONDS [SEED]    (make fuzz TIME=600)
#
# Lets both fuzzers loose on one kernel, for half of the time each: fuzz_model, and
# fuzz_storm, which is steered by coverage on the kernel "debug". Results are in
# build/fuzz/KERNEL. Exit status as run.sh has it.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:?usage: fuzz.sh KERNEL SECONDS [SEED]}
half=$((${2:?usage: fuzz.sh KERNEL SECONDS [SEED]} / 2))
seed=${3:+--seed $3}
append="slub_debug=FZP kfence.sample_interval=1"
module=modules-$kernel mem=2G
if [[ $kernel = debug ]]; then
	append="panic_on_warn=1 oops=panic watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
	module=modules-kcov-debug mem=3G
	export CODECACHE_SLOW=${CODECACHE_SLOW:-5}
fi

"$lab/deps.sh" build lab >&2
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$B/fuzz/$kernel-build.log" make "$module" "$B/selftests/fuzz_model" \
	"$B/selftests/fuzz_storm"
# Making a failure shorter takes time, too.
exec "$lab/run.sh" --kernel "$kernel" --smp 4 --mem "$mem" \
	--timeout $((2 * half + 1500)) --append "$append" --build "$B/selftests" \
	--log "$B/fuzz/$kernel" --module "$B/${module/modules/kmod}/codecache.ko" \
	--add "$B/selftests/fuzz_model" --add "$B/selftests/fuzz_storm" \
	--run "fuzz_model $((half + 600)) /bin/fuzz_model --time $half $seed" \
	--run "fuzz_storm $((half + 300)) /bin/fuzz_storm --time $half $seed"
