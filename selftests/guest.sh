#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/guest.sh KERNEL [PROGRAM...]    (make check-guest KERNEL=6.12)
#
# Runs the guest suite, or the programs of it that are named, on one kernel: each
# line of selftests/plan.conf with the module as users have it, every example of
# the manual and of the documents; then oom_test, whose victim the kernel reports;
# then inject_test, query_inject_test, reclaim_inject_test and, as "fuzz_broken", the
# oracle of the fuzzers, on a module that they can break on purpose.
# Results are in build/check/KERNEL*/results.log. Exit status as run.sh has it; 77:
# no such kernel can be had here.
#
# On the kernel "debug" a warning is a panic, everything may take CODECACHE_SLOW
# times as long (5 unless said). One boot more, "kmemleak", looks for leaks after all
# but the races and fuzzers, which take too long there, and the programs that unload
# the module, which hides who leaked.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
kernel=${1:?usage: guest.sh KERNEL [PROGRAM...]}
shift
only=("$@")
status=0

# What the kernel can check by itself is switched on.
debug="slub_debug=FZPU kfence.sample_interval=1"
mem=2G
if [[ $kernel = debug ]]; then
	# Its own time-outs know nothing of emulation on a busy machine.
	debug="panic_on_warn=1 oops=panic watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
	mem=3G
	export CODECACHE_SLOW=${CODECACHE_SLOW:-5}
fi

wanted() {
	local name

	[[ ${#only[@]} = 0 ]] && return
	for name in "${only[@]}"; do
		[[ $1 = "$name" ]] && return
	done
	return 1
}

# boot LOG MODULE ARGS...
boot() {
	local log=$1 module=$2 ret=0

	shift 2
	"$lab/run.sh" --kernel "$kernel" --smp 4 --mem "$mem" --timeout 2700 --quiet \
		--append "$debug" --build "$B/selftests" --log "$B/check/$log" \
		--module "$module" "$@" || ret=$?
	[[ $ret = 0 ]] || status=$ret
}

"$lab/deps.sh" build lab >&2
"$lab/kernel.sh" "$kernel" >/dev/null || exit
quietly "$B/check/$kernel-build.log" make "modules-$kernel" "modules-test-$kernel" \
	lib selftests demos lib-examples doc-examples

args=()
leak_args=()
while read -r name seconds command; do
	[[ -z $name || $name = \#* ]] && continue
	program=$B/${command%% *}
	run=(--add "$program" --run "$name $seconds /bin/${command##*/}")
	# The longest ones, which know no difference between kernels, on one of them.
	case $kernel-$name in
	6.12-* | debug-*) ;;
	*-reclaim_race_test | *-reclaim_torture_test) [[ ${#only[@]} -gt 0 ]] || continue ;;
	esac
	! wanted "$name" || args+=("${run[@]}")
	case $name in
	*race* | fuzz_* | *rmmod_test | block_life_test | reclaim_life_test) ;;
	reclaim_storm_test | reclaim_torture_test) ;;
	*) leak_args+=("${run[@]}") ;;
	esac
done <selftests/plan.conf
for program in "$B"/examples/*; do
	name=$(basename "$program")
	if [[ -x $program ]] && wanted "example_$name"; then
		args+=(--add "$program:/examples/$name")
		args+=(--run "example_$name 60 /examples/$name")
	fi
done
if [[ ${#args[@]} -gt 0 ]]; then
	boot "$kernel" "$B/kmod-$kernel/codecache.ko" "${args[@]}"
fi
if wanted oom_test; then
	before=$status
	boot "$kernel-oom" "$B/kmod-$kernel/codecache.ko" \
		--add "$B/selftests/oom_test" --run "oom_test 100 /bin/oom_test"
	# The kernel's report of the kill has a call trace, which is no fault here.
	log=$B/check/$kernel-oom/console.log
	sed -i '/invoked oom-killer/,/Memory cgroup out of memory/d' "$log"
	if [[ $status = 2 ]] && "$lab/gate.sh" "$log" >&2; then
		status=$before
		sed -i '/^#CC dmesg oom_test: Call Trace:/d' \
			"$B/check/$kernel-oom/results.log"
	fi
fi
args=()
for name in inject_test query_inject_test reclaim_inject_test; do
	[[ $kernel = 6.12 || $name != reclaim_inject_test || ${#only[@]} -gt 0 ]] || continue
	if wanted "$name"; then
		args+=(--add "$B/selftests/$name" --run "$name 1500 /bin/$name")
	fi
done
# Whoever breaks the module so must be noticed by the fuzzers' oracle too.
if [[ $kernel = 6.12 ]] && wanted fuzz_broken; then
	args+=(--add "$B/selftests/fuzz_model")
	for name in flush query_flush readers retire_sweep; do
		args+=(--run "fuzz_$name 300 /bin/fuzz_model --broken test_skip_$name")
	done
fi
if [[ ${#args[@]} -gt 0 ]]; then
	boot "$kernel-test" "$B/kmod-test-$kernel/codecache.ko" "${args[@]}"
fi
if [[ $kernel = debug ]] && wanted kmemleak; then
	boot "$kernel-kmemleak" "$B/kmod-$kernel/codecache.ko" --kmemleak "${leak_args[@]}"
fi
exit "$status"
