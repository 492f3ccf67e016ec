# SPDX-License-Identifier: MIT
#
# The pictures of gc.sh, which makes the data and runs this in the folder of it.

set terminal svg size 900,600 dynamic enhanced background "white" font "sans,13"
set datafile separator "\t"
set key top right
set grid
workloads = "lists trees kallsyms json"

# What is left of a distribution above each duration.
set logscale xy
set format x "10^{%L}"
set xlabel "instructions"
set ylabel "part that takes longer"
do for [w in workloads] {
	set output "steps-".w.".svg"
	set title "Steps of 64 small operations with all that they wait for: ".w
	plot for [i=0:6] "steps-".w.".dat" index i using 1:2 with steps lw 2 title columnhead(1)
}

# Flips by the number of ranges.
set format x "%g"
set xlabel "ranges in which 2048 of 4096 pages are granted"
set ylabel "instructions"
set key top left
set output "revoke.svg"
set title "Revoking all pages at a flip"
plot for [i=0:3] "revoke.dat" index i using 1:2 with linespoints lw 2 title columnhead(1)
set output "grant.svg"
set title "Granting the pages, in groups of 16"
plot for [i=0:3] "grant.dat" index i using 1:2 with linespoints lw 2 title columnhead(1)

# Remembered sets by the number of pages that were written.
set xlabel "pages of 4096 that were written to"
set output "write.svg"
set title "Writing to old pages for the first time since the last collection"
plot for [i=0:2] "write.dat" index i using 1:2 with linespoints lw 2 title columnhead(1)
set output "take.svg"
set title "Taking the remembered set"
plot for [i=0:2] "take.dat" index i using 1:2 with linespoints lw 2 title columnhead(1)

# How long the same work takes.
unset logscale
unset xlabel
set format x
set style data histograms
set style histogram clustered gap 2
set style fill solid 0.8 border -1
set yrange [0:*]
set ylabel "instructions of the whole run, 10^9"
set output "throughput.svg"
set title "The same work behind each barrier"
plot for [i=2:8] "throughput.dat" using (column(i) / 1e9):xtic(1) title columnheader(i)
set key top right
set output "young.svg"
set title "The same work with each remembered set"
plot for [i=2:5] "young.dat" using (column(i) / 1e9):xtic(1) title columnheader(i)
