#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/gc.sh [KERNEL]    (make gc-report KERNEL=6.12)
#
# The demo gc behind each of its barriers, and with each remembered set. Three boots of
# a stock kernel: two with a single CPU whose clock counts instructions, which
# give processor time and the cost of flips, and pauses; and one with two CPUs, which
# gives shootdowns and mappings. Tables (TSV) and pictures (SVG) are in build/gc.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/gc
pictures=selftests/bench

# boot NAME ARGS...
boot() {
	local name=$1

	shift
	"$lab/run.sh" --kernel "$kernel" --mem 2G --timeout 1500 --quiet \
		--build "$B/selftests" --log "$out/$name" \
		--module "$B/kmod-$kernel/codecache.ko" --add "$B/demos/gc" \
		"${documents[@]}" "$@" >/dev/null
	sed '/^#CC begin warm/,/^#CC end warm/d' "$out/$name/results.log" >"$out/$name.log"
	grep -vE '^#' "$out/$name.log"
	sed -n 's/^#TSV\t//p' "$out/$name.log" >"$out/$name.tsv"
}

# pick MODE WORKLOAD BARRIER WHAT: a number of the boot with instructions; gc or young.
pick() {
	awk -F '\t' -v m="$1" -v w="$2" -v b="$3" -v n="$4" \
		'$1 == m && $2 == w && $3 == b && $4 == n { print $5 }' "$out/instructions.tsv"
}

# throughput MODE NAME...: instructions of each workload and barrier, for a histogram.
throughput() {
	local mode=$1 workload barrier cell

	shift
	printf 'workload'
	printf '\t%s' "$@"
	echo
	for workload in lists trees kallsyms json; do
		printf '%s' "$workload"
		for barrier; do
			cell=$(pick "$mode" "$workload" "$barrier" run_ns)
			printf '\t%s' "${cell:-NaN}"
		done
		echo
	done
}

# distribution WORKLOAD: of its steps, a block for each barrier, two blank lines between.
distribution() {
	local barrier

	for barrier in "${names[@]}"; do
		printf '"%s"\n' "$barrier"
		awk -F '\t' -v w="$1" -v b="$barrier" \
			'$1 == "dist" && $2 == w && $3 == b && $4 == "step" { print $5 "\t" $6 }' \
			"$out/pauses.tsv"
		printf '\n\n'
	done
}

# flips COLUMN: the same for what a flip costs by the number of ranges.
flips() {
	local barrier

	for barrier in uffd-codecache codecache uffd-memfd mprotect; do
		printf '"%s"\n' "$barrier"
		awk -F '\t' -v b="$barrier" -v c="$1" \
			'$1 == "flip" && $2 == b { print $3 "\t" $c }' "$out/instructions.tsv"
		printf '\n\n'
	done
}

# taken COLUMN: what remembered sets cost by the number of pages that were written.
taken() {
	local name

	for name in codecache mprotect cards; do
		printf '"%s"\n' "$name"
		awk -F '\t' -v b="$name" -v c="$1" \
			'$1 == "take" && $2 == b { print $3 "\t" $c }' "$out/instructions.tsv"
		printf '\n\n'
	done
}

names=(uffd-codecache codecache codecache-signal uffd-memfd mprotect soft 'malloc, free')
step "building for $kernel"
"$lab/deps.sh" build lab demo bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib demos
mapfile -t documents < <(gc_documents)
step "instructions: one CPU, -icount shift=0"
boot instructions --icount --run "warm 200 /bin/gc --barrier soft" \
	--run "flip 300 /bin/gc --flip --barrier all" \
	--run "gc 900 /bin/gc --barrier all --tsv" \
	--run "take 300 /bin/gc --generational --flip --barrier all" \
	--run "young 900 /bin/gc --generational --barrier all --tsv"
step "pauses: the same, one mutator, which goes before the collector"
# The first run in a guest pays for memory that nobody has used yet: it is not shown.
boot pauses --icount --run "warm 200 /bin/gc --barrier soft" \
	--run "gc 900 /bin/gc --barrier all --tsv --mutators 1 --realtime --rest 4000 --scale 300"
step "shootdowns and mappings: two CPUs, multi-threaded emulation"
boot shootdowns --smp 2 --thread multi --run "warm 200 /bin/gc --barrier soft" \
	--run "gc 900 /bin/gc --barrier all --tsv" \
	--run "young 900 /bin/gc --generational --barrier all --tsv"
step "pictures"
throughput gc "${names[@]}" >"$out/throughput.dat"
throughput young codecache mprotect cards 'malloc, free' >"$out/young.dat"
flips 4 >"$out/revoke.dat"
flips 5 >"$out/grant.dat"
taken 4 >"$out/write.dat"
taken 5 >"$out/take.dat"
for workload in lists trees kallsyms json; do
	distribution "$workload" >"$out/steps-$workload.dat"
done
(cd "$out" && gnuplot "$OLDPWD/$pictures/gc.gp")
step "done: $out/*.tsv, $out/*.svg"
