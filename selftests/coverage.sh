#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/coverage.sh [PROGRAM...]    (make coverage)
#
# Which lines of the module the guest suite runs: on the debug kernel, with a module
# that gcov has instrumented and tests can break on purpose, all programs but the
# races, or those that are named. Prints lines and percent of each file, and the sum;
# build/coverage/uncovered.txt has a line FILE:NUMBER for each that did not run. Each of
# these must have an entry with its reason in Documentation/testing.rst; those without
# are printed. Takes some 20 minutes on a machine that has nothing else to do.
#
# CHECK_JOBS (2) is the number of guests at a time, of two processors each, among which
# programs are divided.
# Exit status: 0; 1 less than 90 % of lines, or a line without a reason (not asked for
# when programs are named), or something failed.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
out=$B/coverage
kernel=debug
only=("$@")
parts=${CHECK_JOBS:-2}

# The module's folder is where gcov looks for what the compiler has noted.
build() {
	make B="$out" "modules-test-$kernel" GCOV=1
	make lib selftests
	gcc -std=gnu11 -O2 -static -Wall -Wextra -o "$out/gcov_dump" "$lab/gcov_dump.c"
}

wanted() {
	[[ ${#only[@]} = 0 || " ${only[*]} " = *" $1 "* ]]
}

# What wants a module that can be broken on purpose, but breaks nothing.
broken() {
	cat <<-END
	kill_inject_test 600 selftests/kill_inject_test
	inject_test 600 selftests/inject_test -t the_notifier_fallback_flushes_once_a_run
	query_inject_test 900 selftests/query_inject_test -t the_notifier_fallback_is_exact
	END
}

# plan PART: sets args to what run.sh is to run, which is every so manieth program. A guest
# that dies has told what it had counted some programs before.
plan() {
	local name seconds command n=0 own=0

	args=(--add "$out/gcov_dump")
	while read -r name seconds command; do
		[[ -z $name || $name = \#* ]] && continue
		case $name in
		*_race_test | reclaim_torture_test | *storm_test | fuzz_storm* | gc_*)
			[[ ${#only[@]} -gt 0 ]] || continue
			;;
		esac
		wanted "$name" || continue
		[[ $((n++ % parts)) = "$1" ]] || continue
		args+=(--add "$B/${command%% *}" --run "$name $seconds /bin/${command##*/}")
		[[ $((++own % 8)) != 0 ]] || args+=(--run "gcov 60 /bin/gcov_dump")
	done < <(cat selftests/plan.conf && broken)
	args+=(--run "gcov 60 /bin/gcov_dump")
}

# boot PART: one guest; its results are in $out/log-PART.
boot() {
	local args

	plan "$1"
	"$lab/run.sh" --kernel "$kernel" --smp 2 --mem 3G --timeout 2700 --quiet \
		--append "panic_on_warn=1 watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120" \
		--build "$B/selftests" --log "$out/log-$1" \
		--module "$out/kmod-test-$kernel/codecache.ko" "${args[@]}"
}

# Files of counters from the text that gcov_dump has made of them, the last time.
restore() {
	awk '
		/^#CC begin gcov/ { delete counters }
		/^gcda / { name = $2 }
		/^data / { counters[name] = counters[name] $2 }
		END { for (name in counters) print name, counters[name] }' "$1" |
		while read -r name hex; do
			printf '%s' "$hex" | xxd -r -p >"$2/$name"
		done
}

# lines PART: for each line that can be run, its file, number, and whether it was. A file
# without any has no .gcov.
lines() {
	rm -f "$objects"/*.gcda "$out"/*.gcov
	restore "$out/log-$1/results.log" "$objects"
	(cd "$out" && for gcda in "$objects"/*.gcda; do
		gcov-12 -o "$objects" "$gcda" 2>/dev/null >/dev/null || :
	done)
	for file in kmod/*.c; do
		[[ -e $out/$(basename "$file").gcov ]] || continue
		awk -F: -v "file=$file" '
			{ gsub(/ /, "", $1); gsub(/ /, "", $2) }
			$1 ~ /^[0-9#=]/ && $2 > 0 { print file, $2, ($1 ~ /^#|^=/ ? 0 : 1) }
		' "$out/$(basename "$file").gcov"
	done
}

mkdir -p "$out"
quietly "$out/build.log" build
export CODECACHE_SLOW=${CODECACHE_SLOW:-5}
status=0
pids=()
for ((part = 0; part < parts; part++)); do
	boot "$part" &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid" || status=$?
done

objects=$(realpath "$out/kmod-test-$kernel/kmod")
for ((part = 0; part < parts; part++)); do
	lines "$part"
done | awk '
	{ n = $1 " " $2; if (!(n in run)) order[++nr] = n; run[n] += $3 }
	END { for (i = 1; i <= nr; i++) print order[i], (run[order[i]] > 0) }' >"$out/lines"
awk '$3 == 0 { print $1 ":" $2 }' "$out/lines" >"$out/uncovered.txt"
awk '
	{ all[$1]++; run[$1] += $3; n++; sum += $3 }
	END {
		for (f in all)
			printf "%5.1f %% %5d of %5d  %s\n", 100 * run[f] / all[f], run[f], all[f], f | "sort -n"
		close("sort -n")
		printf "%5.1f %% %5d of %5d  all\n", 100 * sum / n, sum, n
		exit sum < 0.9 * n
	}' "$out/lines" || status=1
if [[ ${#only[@]} = 0 ]]; then
	awk -f selftests/uncovered.awk Documentation/testing.rst kmod/*.c "$out/uncovered.txt" ||
		status=1
fi
exit "$status"
