#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/bench/growth.sh [KERNEL]    (make bench-growth KERNEL=6.12)
#
# What grows with what: the cost of a page against their number, up to 262,144 of them,
# and up to a million for dirty queries; of calls against the size of a zone and the
# number of zones, views, readers and extents; TLB shootdowns against the number of
# CPUs. Two boots as bench.sh makes them, with 7 GiB of memory for the guest. The rows
# are in build/bench/growth-KERNEL.tsv, in the form that bench.sh has; a plot of each table,
# by gnuplot, is in build/bench/growth-KERNEL/*.svg.

set -euo pipefail
cd "$(dirname "$0")/../.."
. selftests/lib.sh
kernel=${1:-6.12}
out=$B/bench
tsv=$out/growth-$kernel.tsv
plots=$out/growth-$kernel

# boot NAME ARGS...
boot() {
	local name=$1

	shift
	"$lab/run.sh" --kernel "$kernel" --timeout 3600 --quiet --build "$B/selftests" \
		--log "$out/$name" --module "$B/kmod-$kernel/codecache.ko" \
		--params "user_max_pages=0 system_max_pages=0" "$@" >/dev/null
	grep -vE '^#' "$out/$name/results.log"
}

# plot TABLE TITLE YLABEL XLABEL [AXES]: a line for each row, from the columns' numbers.
plot() {
	local plot=$plots/${1//|/-}
	local data=$plot.dat

	awk -F '\t' -v table="$1" '
		{ split($1, part, "/"); column = part[length(part)]; n = split($1, part, "/") }
		part[2] != table { next }
		{
			row = part[3]
			for (i = 4; i < n; i++)
				row = row "/" part[i]
			gsub(/[^0-9]/, "", column)
			if (row != last)
				printf "%s\"%s\"\n", last == "" ? "" : "\n\n", row
			last = row
			print column, $2
		}' "$tsv" >"$data"
	[[ -s $data ]] || return 0
	gnuplot <<-END
		set terminal svg noenhanced size 800,500 background "white"
		set output "$plot.svg"
		set title "$2"
		set ylabel "$3"
		set xlabel "$4"
		set logscale ${5:-xy}
		set key outside below
		plot for [i=0:$(grep -c '^"' "$data")-1] "$data" index i using 1:2 \
			with linespoints title columnheader(1)
	END
}

step "building for $kernel"
"$lab/deps.sh" build lab bench
"$lab/kernel.sh" "$kernel" >/dev/null
quietly "$out/build.log" make "modules-$kernel" lib benches
step "one CPU, -icount shift=0"
boot growth --icount --mem 7G \
	--add "$B/selftests/growth_bench" --run "growth 900 /bin/growth_bench" \
	--add "$B/selftests/pattern_bench" --run "pattern 1800 /bin/pattern_bench 262144" \
	--add "$B/selftests/dirty_bench" --run "dirty 900 /bin/dirty_bench 1000000"
step "four CPUs, multi-threaded emulation"
boot growth-cpus --smp 4 --thread multi \
	--add "$B/selftests/shootdown_bench" --run "shootdown 900 /bin/shootdown_bench"

selftests/bench/rows.sh "$out"/growth{,-cpus}/results.log >"$tsv"
rm -rf "$plots"
mkdir -p "$plots"
for pattern in every-other clustered random contiguous; do
	for prot in READ NONE "READ|WRITE"; do
		plot "$prot-$pattern" "PROTECT to $prot, $pattern" "instructions a page" pages
	done
done
plot sizes "The same pages in larger zones" instructions MiB
for what in zones views readers sharing extents; do
	plot "$what" "With more $what" instructions "$what"
done
plot ask-1000000 "Which of 1,000,000 pages are dirty" instructions "percent dirty" y
plot shootdowns-cpus "Which CPUs are interrupted" "interrupts" CPUs y
step "done: $tsv has $(wc -l <"$tsv") rows; $(find "$plots" -name '*.svg' | wc -l) plots in $plots"
