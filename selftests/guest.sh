#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/guest.sh KERNEL [PROGRAM...]    (make check-guest KERNEL=6.12)
#
# Runs the guest suite, or the programs of it that are named, on one kernel: each
# line of selftests/plan.conf with the module as users have it, every example of
# the manual and of the documents; then oom_test, whose victim the kernel reports;
# then inject_test on a module that it can break on purpose. Results are in
# build/check/KERNEL*/results.log. Exit status as run.sh has it; 77: no such
# kernel can be had here.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
kernel=${1:?usage: guest.sh KERNEL [PROGRAM...]}
shift
only=("$@")
status=0

# What a stock kernel can check by itself is switched on.
debug="slub_debug=FZPU kfence.sample_interval=1"

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
	"$lab/run.sh" --kernel "$kernel" --smp 4 --mem 2G --timeout 2700 --quiet \
		--append "$debug" --build "$B/selftests" --log "$B/check/$log" \
		--module "$module" "$@" || ret=$?
	[[ $ret = 0 ]] || status=$ret
}

"$lab/deps.sh" build lab >&2
"$lab/kernel.sh" "$kernel" >/dev/null || exit
quietly "$B/check/$kernel-build.log" make "modules-$kernel" "modules-test-$kernel" \
	lib selftests demos lib-examples doc-examples

args=()
while read -r name seconds command; do
	[[ -z $name || $name = \#* ]] && continue
	program=$B/${command%% *}
	if wanted "$name"; then
		args+=(--add "$program" --run "$name $seconds /bin/${command##*/}")
	fi
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
if wanted inject_test; then
	boot "$kernel-test" "$B/kmod-test-$kernel/codecache.ko" \
		--add "$B/selftests/inject_test" --run "inject_test 600 /bin/inject_test"
fi
exit "$status"
