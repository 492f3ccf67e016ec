#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/machine.sh [PROGRAM...]
#
# The benchmarks on this machine, as root, after "make benches": with the module, if it is
# loaded; without it the rows of what codecache is compared with. All figures are
# nanoseconds, but for shootdowns, mappings and bytes. The programs, unless some are named:
# protect query rivals reader pattern trap dirty publish create retire grace growth
# shootdown. All but the last stay on CPU 0.
#
# The tables are shown; the rows are in build/bench/machine.tsv, in the form that bench.sh has.
# Nothing here repeats to the last nanosecond: see Documentation/benchmarks.rst.
#
# Exit status: 0; 1 a program failed; 3 nothing to run, or not root.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
out=$B/bench
status=0
pin=(taskset -c 0)

# What a program is called with.
arguments() {
	case $1 in
	protect | retire) echo instructions ;;
	esac
}

# program NAME ARGS...
program() {
	local name=$1

	shift
	echo "#CC begin $name"
	"${pin[@]}" "$B/selftests/${name}_bench" "$@" || {
		echo "machine.sh: ${name}_bench $* failed" >&2
		status=1
	}
}

run_all() {
	local name

	for name; do
		case $name in
		query | grace | growth)
			if [[ ! -c /dev/codecache ]]; then
				echo "$name: the module is needed"
				continue
			fi ;;
		shootdown) pin=() ;;
		esac
		# shellcheck disable=SC2046 # words, or none
		program "$name" $(arguments "$name")
		pin=(taskset -c 0)
	done
}

if [[ ! -x $B/selftests/rivals_bench || $(id -u) != 0 ]]; then
	sed -n '4,16s/^# \{0,1\}//p' "$0" >&2
	exit 3
fi
[[ $# -gt 0 ]] || set -- protect query rivals reader pattern trap dirty publish create \
	retire grace growth shootdown
mkdir -p "$out"
run_all "$@" >"$out/machine.log"
sed -e '/^#/d' -e 's/Guest instructions/Nanoseconds/' -e 's/Instructions/Nanoseconds/' \
	"$out/machine.log"
selftests/bench/rows.sh "$out/machine.log" >"$out/machine.tsv"
step "done: $out/machine.tsv has $(wc -l <"$out/machine.tsv") rows"
exit $status
