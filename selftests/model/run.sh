#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/model/run.sh [NAME...]    (make model)
#
# Has spin check the model of grace periods: the runs of runs.conf, or those that are
# named. TAP on stdout, with the size of each search. A run fails if spin does not find
# what runs.conf says, or did not look everywhere, or if a part of the model was never
# reached. Exit status 1 if one failed.
#
# Below build/model/NAME: the checker, what it printed (log) and, where it found an
# order of events that breaks a property, that order (story).

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
top=$PWD
model=selftests/model
memory=3500 # MiB that one search may take
sizes=$(realpath -m "$B/model/sizes")
n=0
failed=0

# How to compile the checker, and to run it, for a verdict on a property.
compiler_flags() {
	case $1-$2 in
	holds-safety) echo -O2 -DSAFETY -DNOCLAIM -DCOLLAPSE ;;
	rejected-freed_* | rejected-completed_*) echo -O0 -DSAFETY -DNOCLAIM -DBFS ;;
	*) echo -O2 -DCOLLAPSE -DNFAIR=3 ;; # room for 7 processes to be fair to
	esac
}

checker_flags() {
	case $1-$2 in
	holds-safety) echo -m2000000 ;;
	rejected-freed_* | rejected-completed_*) ;;
	*) echo -m2000000 -a -f -N "$2" ;;
	esac
}

# check VERDICT PROPERTY DEFINES...: in the current folder.
check() {
	local verdict=$1 property=$2 compiler checker

	shift 2
	read -ra compiler <<<"$(compiler_flags "$verdict" "$property")"
	read -ra checker <<<"$(checker_flags "$verdict" "$property")"
	[[ ${compiler[*]} != *BFS* ]] || set -- "$@" SCRATCH=
	# Without gcc's warnings: it is spin's code.
	spin -a "${@/#/-D}" grace.pml &&
		gcc -w "${compiler[@]}" "-DMEMLIM=$memory" -o pan pan.c &&
		./pan "${checker[@]}" || return
	[[ ! -e grace.pml.trail ]] || spin -t -T "${@/#/-D}" grace.pml >story
}

# What the checker found: a property that is broken, or that all is well.
found() {
	if grep -qE '^error:|too small|out of memory|reached -DMEMLIM' log; then
		echo "an unfinished search"
	elif grep -q 'assertion violated' log; then
		sed -n 's/.*assertion violated  *!(\([a-z_]*\)).*/\1/p' log | head -n 1
	elif grep -q 'acceptance cycle' log; then
		sed -n 's/^pan: ltl formula //p' log
	elif grep -q '^pan:.*invalid end state' log; then
		echo "somebody stuck"
	elif ! grep -q 'errors: 0' log || grep -q 'Search not completed' log; then
		echo "an unfinished search"
	else
		echo "no fault"
	fi
}

# Parts of the model that are compiled but never run: a search of less than it seems.
unreached() {
	awk '
		/^unreached in/ { model = /proctype/ }
		model && /state [0-9]+/ && !/"-end-"/
	' log
}

# Appends "STATES DEPTH MIB SECONDS" to the list of all runs.
measure() {
	awk -v "seconds=$(cat seconds)" '
		/depth reached/ { depth = $0; sub(/.*depth reached /, "", depth) }
		/states, stored/ { states = $1 }
		/total actual memory usage/ { mib = int($1 + 1) }
		END { print states + 0, depth + 0, mib + 0, seconds }
	' log >>"$sizes"
}

# run VERDICT PROPERTY NAME DEFINES...: in a folder of its own.
run() {
	local verdict=$1 property=$2 name=$3 status=0 got wanted="no fault" TIMEFORMAT=%U

	shift 3
	n=$((n + 1))
	rm -rf "${B:?}/model/$name"
	mkdir -p "$B/model/$name"
	cp "$model"/*.pml "$B/model/$name"
	cd "$B/model/$name"
	{ time check "$verdict" "$property" "$@" >log 2>&1; } 2>seconds || status=$?
	[[ $verdict = holds ]] || wanted=$property
	got=$(found)
	[[ $status = 0 ]] || got="exit status $status"
	if [[ $verdict = holds ]]; then
		case $got in
		"no fault") [[ -z $(unreached) ]] || got="something never reached" ;;
		# The order that was found first is a long one: look for a shortest.
		freed_* | completed_*) check rejected "$got" "$@" >shortest 2>&1 || true ;;
		esac
	fi
	measure
	report "$got" "$wanted" "$name, $verdict: $property"
}

# report GOT WANTED WHAT
report() {
	if [[ $1 = "$2" ]]; then
		echo "ok $n - $3"
	else
		explain "$1" "$2"
		echo "not ok $n - $3"
		failed=1
	fi
	tail -n 1 "$sizes" | awk '{ printf "# %d states, depth %d, %d MiB, %.1f s\n", $1, $2, $3, $4 }'
}

explain() {
	echo "# found $1, expected $2; see ${PWD#"$top/"}"
	case $1 in
	*reached) unreached ;;
	*status* | *unfinished*) tail -n 5 log ;;
	*) [[ ! -e story ]] || grep -E '^(reader|retirer|kernel|processor)[ :]|START OF' story | tail -n 40 ;;
	esac | sed 's/^[[:space:]]*/#   /'
}

total() {
	awk '
		{ states += $1; seconds += $4 }
		$3 > mib { mib = $3 }
		END { printf "# all: %d states, %d s of processor time, %d MiB at most\n", states, seconds, mib }
	' "$sizes"
}

# asked_for NAME [NAME...]: is the first one of the others, or are there none?
asked_for() {
	local name=$1 other

	shift
	[[ $# -gt 0 ]] || return 0
	for other; do
		[[ $name != "$other" ]] || return 0
	done
	return 1
}

"$lab/deps.sh" model >&2
mkdir -p "$B/model"
: >"$sizes"
while read -r verdict property name defines; do
	[[ -n $verdict && $verdict != '#'* ]] || continue
	asked_for "$name" "$@" || continue
	# shellcheck disable=SC2086 # words
	run "$verdict" "$property" "$name" $defines </dev/null
	cd "$top"
done <$model/runs.conf
echo "1..$n"
total
[[ $n -gt 0 ]] || echo "# runs.conf has no run of that name"
[[ $n -gt 0 && $failed = 0 ]]
