#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/guest.sh [--core | --rest] KERNEL [PROGRAM...]
#        (make check-guest KERNEL=6.12)
#
# Runs the guest suite, or the programs of it that are named, on one kernel. Its core is
# what may differ between kernels: each line of selftests/plan.conf, with the module as
# users have it, but for races, torture, demos, and twins for 32 bit where this is not
# 6.12; every example of the manual and of the documents; and oom_test, whose victim the
# kernel reports. It has 2 processors: emulated ones that outnumber the real ones mostly
# wait for each other. The rest of the plan, and what is named, has 4; then there are, on
# 6.12, nohz_test and a short torture with CPUs in nohz_full mode; inject_test,
# query_inject_test, kill_inject_test, reclaim_inject_test, and as gc_flush, gc_query_flush
# and fuzz_broken the demo gc and the oracle of the fuzzers, on a module that they can
# break on purpose. --core, --rest: only that. On the kernel "debug" the tests of errors
# (uapi_*) belong to the rest: they take minutes there.
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
parts=(core rest)
case ${1:-} in
--core | --rest) parts=("${1#--}"); shift ;;
esac
kernel=${1:?usage: guest.sh [--core | --rest] KERNEL [PROGRAM...]}
shift
only=("$@")
[[ $# = 0 ]] || parts=(named)
status=0
leaks=()

# What the kernel can check by itself is switched on, but for slub_debug's U, which takes
# a fifth of the time; KASAN says who allocated and freed.
debug="slub_debug=FZP kfence.sample_interval=1"
mem=2G
if [[ $kernel = debug ]]; then
	# Its own time-outs know nothing of emulation on a busy machine.
	debug="panic_on_warn=1 oops=panic watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
	mem=3G
	export CODECACHE_SLOW=${CODECACHE_SLOW:-5}
elif [[ $kernel = kcsan ]]; then
	# The core's own races are reported too, and are nobody's failure here.
	debug="watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
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

# Does this program, of a line of the plan, run on this kernel?
in_suite() {
	case $ARCH-$1 in
	?*-*32 | ?*-compat_test) return 1 ;;	# perhaps no 32-bit processes
	esac
	case $kernel:$1 in
	debug:fuzz_storm | debug:gc_torture_kallsyms) return 1 ;;
	debug:*) ;;
	*:fuzz_storm_long | *:gc_torture_kallsyms_few) return 1 ;;
	6.12:*) ;;
	# The longest ones, which know no difference between kernels, on one of them.
	*:reclaim_race_test | *:reclaim_torture_test | *:gc_torture_kallsyms) return 1 ;;
	esac
}

in_core() {
	case $kernel:$1 in
	*_race_test | *torture* | *storm_test | *:gc_*) return 1 ;;
	# What is wrong with a call is told before anything is done: minutes on this one.
	debug:uapi_*) return 1 ;;
	6.12:*) ;;
	*_test32) return 1 ;;	# the same calls again
	esac
}

# Does it run in this part of the suite?
in_part() {
	case $part in
	core) in_suite "$1" && in_core "$1" ;;
	rest) in_suite "$1" && ! in_core "$1" ;;
	named) wanted "$1" ;;
	esac
}

# Can a leak be found while this runs, in time, and who leaked be told afterwards?
can_leak() {
	case $1 in
	*_race_test | *storm_test | *torture_test | fuzz_*) return 1 ;;
	rmmod_test | block_life_test | reclaim_life_test | fail_init_test) return 1 ;;
	gc_*) [[ $1 = gc_torture || $1 = gc_young ]] ;;
	esac
}

# once ARGS...: sets $unique to them, but for an --add that was there before: several
# lines of the plan may run one program.
once() {
	local -A seen=()

	unique=()
	while [[ $# -ge 2 ]]; do
		[[ $1 = --add && -v seen[$2] ]] || unique+=("$1" "$2")
		[[ $1 != --add ]] || seen[$2]=yes
		shift 2
	done
}

# boot LOG MODULE [--NAME VALUE]...
boot() {
	local log=$1 module=$2 ret=0

	shift 2
	once "$@"
	"$lab/run.sh" --kernel "$kernel" --smp "$cpus" --mem "$mem" --timeout 2700 --quiet \
		"${leaks[@]}" --append "$debug" --build "$programs/selftests" --log "$B/check/$log" \
		--module "$module" "${unique[@]}" || ret=$?
	[[ $ret = 0 ]] || status=$ret
}

"$lab/deps.sh" build lab demo >&2
env=$("$lab/kernel.sh" "$kernel") || exit
ARCH='' CROSS_COMPILE=''
# shellcheck source=/dev/null
. "$env"
programs=$B
cross=()
if [[ -n $ARCH ]]; then
	"$lab/deps.sh" "$ARCH" >&2
	programs=$B/$ARCH
	cross=("CC=${CROSS_COMPILE}gcc" "AR=${CROSS_COMPILE}ar" "SELFTESTS_32=")
fi
modules=("modules-$kernel")
[[ ${parts[*]} = core ]] || modules+=("modules-test-$kernel")
quietly "$B/check/$kernel-build.log" make "${modules[@]}"
quietly "$B/check/$kernel-programs.log" make "B=$programs" "${cross[@]}" \
	lib selftests demos lib-examples doc-examples

# Programs of the plan, and examples of the documents.
boot_plan() {
	local args=() log=$kernel documents name seconds command program run

	mapfile -t documents < <(gc_documents)
	while read -r name seconds command; do
		[[ -z $name || $name = \#* ]] && continue
		program=$programs/${command%% *}
		run=(--add "$program" --run "$name $seconds /bin/${command##*/}")
		[[ $program != */demos/gc ]] || run+=("${documents[@]}")
		! can_leak "$name" || leak_args+=("${run[@]}")
		if in_part "$name"; then
			args+=("${run[@]}")
		fi
	done <selftests/plan.conf
	for program in "$programs"/examples/*; do
		name=$(basename "$program")
		if [[ -x $program && $part != rest ]] && wanted "example_$name"; then
			args+=(--add "$program:/examples/$name")
			args+=(--run "example_$name 60 /examples/$name")
		fi
	done
	[[ $part != rest ]] || log+=-rest
	[[ ${#args[@]} = 0 ]] || boot "$log" "$B/kmod-$kernel/codecache.ko" "${args[@]}"
}

# The kernel's report of the kill has a call trace, which is no fault here.
boot_oom() {
	local before=$status log=$B/check/$kernel-oom

	wanted oom_test || return 0
	boot "$kernel-oom" "$B/kmod-$kernel/codecache.ko" \
		--add "$programs/selftests/oom_test" --run "oom_test 100 /bin/oom_test"
	sed -i '/invoked oom-killer/,/Memory cgroup out of memory/d' "$log/console.log"
	if [[ $status = 2 ]] && "$lab/gate.sh" "$log/console.log" >&2; then
		status=$before
		sed -i '/^#CC dmesg oom_test: Call Trace:/d' "$log/results.log"
	fi
}

# CPUs that take part in no grace period of RCU while they run user space.
boot_nohz() {
	[[ $kernel = 6.12 || ${#only[@]} -gt 0 ]] && wanted nohz_test || return 0
	boot "$kernel-nohz" "$B/kmod-$kernel/codecache.ko" --append "nohz_full=1-3" \
		--add "$programs/selftests/nohz_test" \
		--add "$programs/selftests/reclaim_torture_test" \
		--run "nohz_test 300 /bin/nohz_test" \
		--run "reclaim_torture_test 600 /bin/reclaim_torture_test 10000"
}

# A module that can be broken on purpose.
boot_broken() {
	local args=() name

	for name in inject_test query_inject_test kill_inject_test reclaim_inject_test; do
		[[ $kernel = 6.12 || $name != reclaim_inject_test || ${#only[@]} -gt 0 ]] ||
			continue
		if wanted "$name"; then
			args+=(--add "$programs/selftests/$name" --run "$name 1500 /bin/$name")
		fi
	done
	if [[ $kernel = 6.12 || ${#only[@]} -gt 0 ]] && wanted gc_flush; then
		args+=(--add "$programs/demos/gc" --run "gc_flush 300 /bin/gc --barrier codecache,codecache-signal --sabotage flush --torture 2000 --scale 20 --workload lists,json")
	fi
	if [[ $kernel = 6.12 || ${#only[@]} -gt 0 ]] && wanted gc_query_flush; then
		args+=(--add "$programs/demos/gc" --run "gc_query_flush 300 /bin/gc --generational --sabotage flush --workload lists,trees")
	fi
	if [[ $kernel = 6.12 || ${#only[@]} -gt 0 ]] && wanted fuzz_broken; then
		args+=(--add "$programs/selftests/fuzz_model")
		for name in test_skip_{flush,query_flush,readers,retire_sweep}; do
			args+=(--run "fuzz_$name 300 /bin/fuzz_model --broken $name --seed 1")
		done
	fi
	[[ ${#args[@]} = 0 ]] || boot "$kernel-test" "$B/kmod-test-$kernel/codecache.ko" "${args[@]}"
}

# Does anything leak? All that can_leak(), whichever part it belongs to.
boot_kmemleak() {
	wanted kmemleak || return 0
	cpus=2
	leaks=(--kmemleak)
	boot "$kernel-kmemleak" "$B/kmod-$kernel/codecache.ko" "${leak_args[@]}"
}

for part in "${parts[@]}"; do
	cpus=4
	[[ $part != core ]] || cpus=2
	leak_args=()
	boot_plan
	[[ $part = rest ]] || boot_oom
	[[ $part != core ]] || continue
	boot_nohz
	boot_broken
	[[ $kernel != debug ]] || boot_kmemleak
done
exit "$status"
