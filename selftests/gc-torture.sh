#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/gc-torture.sh [KERNEL [SECONDS [SEED]]]
#        (make gc-torture KERNEL=6.12 TIME=3600)
#
# Tortures the demo gc for so many seconds by the clock of the guests: all workloads
# behind all barriers, and with all remembered sets, boot after boot with other seeds,
# numbers of CPUs and mutators, and torture more or less dense. Ends at the first
# failure. Logs are in build/gc-torture; the last line has the totals of what the demo says
# (#DEMO lines): runs of a workload behind a barrier, guest seconds, collections, traps,
# walks of the whole heap, and what these found wrong.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
kernel=${1:-6.12}
want=${2:-600}
seed=${3:-$(date +%s)}
out=$B/gc-torture
few=lists,trees,json
plan_seconds=450	# what plan() takes, about, and no more than three in a boot

# pick LOW HIGH: a random number, from the seed.
pick() {
	picked=$(($1 + (RANDOM << 15 | RANDOM) % ($2 - $1 + 1)))
}

# Adds to runs: each workload behind each barrier, and with each remembered set.
plan() {
	local mutators torture slow group back nursery outrun common

	pick 1 5; mutators=$picked
	pick 1000 9000; torture=$picked
	pick 150000 400000; slow=$picked	# kallsyms makes half a million objects first
	pick 1 64; group=$picked
	pick 0 3; back=$picked
	pick 128 1024; nursery=$((picked & ~3))K
	pick 0 3; outrun=$picked
	pick 1 1000000000
	common="--barrier all --seed $picked --give-back $back --outrun $outrun"
	runs+=(--run "few 900 /bin/gc $common --workload $few --torture $torture --scale 4 --mutators $mutators --heap 24M --group $group"
		--run "few_young 900 /bin/gc $common --workload $few --torture $torture --scale 4 --mutators $mutators --heap 24M --generational --nursery $nursery"
		--run "kallsyms 1500 /bin/gc $common --workload kallsyms --torture $slow --rounds 1 --mutators $((1 + mutators % 2)) --group $group"
		--run "kallsyms_young 900 /bin/gc $common --workload kallsyms --torture $((slow / 4)) --rounds 1 --mutators $((1 + mutators % 2)) --generational --nursery $nursery")
}

# totals FILE...: of all boots, in words.
totals() {
	awk '
	function number(name,  v) {
		v = $0
		return sub(".* " name "=", "", v) ? v + 0 : 0
	}
	/^#CC end / { guest += number("seconds") }
	/^#DEMO gc workload=/ && !/barrier=malloc|result=skipped/ {
		runs++
		failed += !/result=ok/
		collections += number("collections")
		traps += number("traps")
		walks += number("heap_walks")
		faults += number("heap_faults")
	}
	END {
		printf "runs=%d failed=%d guest_seconds=%d collections=%d traps=%d heap_walks=%d heap_faults=%d\n",
		       runs, failed, guest, collections, traps, walks, faults
	}' "$@"
}

# Seconds by the guests' clocks, so far.
guest_seconds() {
	totals "$out"/boot-*/results.log | sed 's/.*guest_seconds=\([0-9]*\).*/\1/'
}

# boot NR SECONDS: no more than so many seconds are wanted.
boot() {
	local log=$out/boot-$1 cpus plans=$(($2 / plan_seconds + 1))

	pick 1 3; cpus=$picked
	runs=()
	for ((plans = plans > 3 ? 3 : plans; plans > 0; plans--)); do
		plan
	done
	# A guest that gets little of this machine is slow, which is no lockup.
	"$lab/run.sh" --kernel "$kernel" --smp "$cpus" --mem 2G --timeout 3600 --quiet \
		--append "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120" \
		--build "$B/selftests" --log "$log" --module "$B/kmod-$kernel/codecache.ko" \
		--add "$B/demos/gc" "${documents[@]}" "${runs[@]}" >"$log.summary" && return
	tail -n 40 "$log/results.log" 2>/dev/null || :
	cat "$log.summary"
	echo "gc-torture: FAILED, see $log; SEED=$seed" >&2
	exit 1
}

step "building for $kernel; SEED=$seed"
"$lab/deps.sh" build lab demo
"$lab/kernel.sh" "$kernel" >/dev/null
rm -rf "$out"
quietly "$out/build.log" make "modules-$kernel" lib selftests demos
mapfile -t documents < <(gc_documents)
RANDOM=$((seed % 32768))
nr=0
guest=0
while ((nr == 0 || guest < want)); do
	mkdir -p "$out/boot-$nr"
	boot "$nr" $((want - guest))
	step "boot $nr: $(totals "$out/boot-$nr/results.log")"
	nr=$((nr + 1))
	guest=$(guest_seconds)
done
echo "gc-torture: kernel=$kernel boots=$nr $(totals "$out"/boot-*/results.log)"
