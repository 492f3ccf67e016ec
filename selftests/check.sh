#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/check.sh [KERNEL...]    (make check)
#
# Everything: static checks, tests of the pure logic and of the library on this
# machine, the model of grace periods, the documents' examples, and guests: the core of
# the suite (guest.sh --core) on each kernel, the rest of it on the first: 6.12 6.1 7
# 6.12-arm64 6.12-rt debug unless said. And what codecache's calls cost on the kernel that
# selftests/bench has a baseline for. Installs, fetches and compiles what is missing.
#
# What runs on this machine and each guest are jobs, of which CHECK_JOBS run at a time (2
# where there is more than one processor, else 1), debug first, since it takes the longest.
# The rest of the suite, which is mostly races, has the machine for itself, in the end.
#
# A kernel that cannot be had here is skipped, with the reason; so are all but the first
# whose turn comes after CHECK_SECONDS (3000; 0: no limit), so that a slow machine comes
# to an end.
# Logs are kept below build/check. The last line is "N passed, N failed, N skipped".

set -euo pipefail
set -m	# a job is a process group, and can be ended as one
cd "$(dirname "$0")/.."
. selftests/lib.sh
[[ $# -gt 0 ]] || set -- 6.12 6.1 7 6.12-arm64 6.12-rt debug
limit=${CHECK_SECONDS:-3000}
max=${CHECK_JOBS:-$(($(nproc) > 1 ? 2 : 1))}
first=$1
declare -A running=()

# ---- jobs ------------------------------------------------------------------------

# result LOG: TAP that counts in the end.
result() {
	echo "$1" >>"$B/check/$job.logs"
}

# Wait until one of the jobs has ended; those that say nothing of it have failed.
reap() {
	local pid status=0

	wait -n -p pid "${!running[@]}" || status=$?
	if [[ $status != 0 ]]; then
		job=${running[$pid]}
		printf '1..1\nnot ok 1 - %s comes to its end: %s\n' "$job" "$status" \
			>"$B/check/$job-end.tap"
		result "$B/check/$job-end.tap"
	fi
	unset "running[$pid]"
}

# start NAME COMMAND...: as soon as it is its turn.
start() {
	while [[ ${#running[@]} -ge $max ]]; do
		reap
	done
	job=$1
	shift
	"$@" </dev/null &
	running[$!]=$job
}

# Until no job runs any more.
end() {
	while [[ ${#running[@]} -gt 0 ]]; do
		reap
	done
}

# shellcheck disable=SC2317 # the trap calls it
end_all() {
	local pid

	for pid in "${!running[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
}
trap end_all EXIT
trap 'exit 130' INT TERM

# ---- on this machine ---------------------------------------------------------------

# tap NAME COMMAND...: keep what it prints, which is TAP.
tap() {
	local log=$B/check/$1.tap

	shift
	"$@" >"$log" 2>"$log.err" </dev/null || true
	result "$log"
	grep -E '^not ok' "$log" || true
}

on_this_machine() {
	step "the lab's own tests"
	tap lab "$lab/tap_test.sh"
	step "static checks: sparse, coccinelle, clang-tidy, checkpatch, ..."
	tap lint selftests/lint.sh
	step "pure logic of the module, in user space, under ASan and UBSan"
	for test in range_test protmap_test extmap_test extfit_test; do
		tap "unit-$test" "$B/selftests/unit/$test"
	done
	step "the compiler of the demo jit, against its interpreter, likewise"
	for test in jit_parse_test jit_code_test jit_arm64_test; do
		tap "unit-$test" "$B/selftests/unit/$test"
	done
	step "the model of grace periods, and mistakes that spin must find"
	tap model selftests/model/run.sh
	step "the description for syzkaller"
	tap syzlang selftests/fuzz/syzlang-check.sh
	step "the library without a module"
	tap lib make -s lib-check
	step "the documents' examples and references"
	tap docs make -s docs-check
	step "static checks and tests on this machine are done"
}

# ---- guests ----------------------------------------------------------------------------

# skip KERNEL REASON
skip() {
	step "guest suite on $1: SKIP $2"
	printf '1..1\nok 1 - guest suite on %s # SKIP %s\n' "$1" "$2" >"$B/check/$1.tap"
	result "$B/check/$1.tap"
}

# gate NAME LOG...: everything that a kernel has printed, as a test of its own.
gate() {
	local name=$1 part consoles=()

	shift
	for part; do
		[[ -e $B/check/$part ]] || continue
		result "$B/check/$part/results.log"
		consoles+=("$B/check/$part/console.log")
	done
	if [[ ${#consoles[@]} = 0 ]]; then
		sed 's/^/# /' "$B/check/$name.err"
		printf '1..1\nnot ok 1 - guests of %s boot\n' "$name"
	elif "$lab/gate.sh" "${consoles[@]}" >"$B/check/$name-gate.log" 2>&1; then
		printf '1..1\nok 1 - kernel log of %s is clean\n' "$name"
	else
		sed 's/^/# /' "$B/check/$name-gate.log"
		printf '1..1\nnot ok 1 - kernel log of %s is clean\n' "$name"
	fi >"$B/check/$name-gate.tap"
	result "$B/check/$name-gate.tap"
}

guest() {
	local kernel=$1 status=0

	if [[ $limit != 0 && $SECONDS -gt $limit && $kernel != "$first" ]]; then
		skip "$kernel" "there is no time left; make check-guest KERNEL=$kernel"
		return
	fi
	step "guest suite on $kernel, its core"
	selftests/guest.sh --core "$kernel" 2>"$B/check/$kernel.err" || status=$?
	if [[ $status = 77 ]]; then
		skip "$kernel" "$(tail -n 1 "$B/check/$kernel.err")"
		return
	fi
	gate "$kernel" "$kernel" "$kernel-oom"
	step "guest suite on $kernel, its core, is done"
}

# What the core leaves out, where there is such a kernel.
guest_rest() {
	local kernel=$1 name=$1-rest

	[[ -e $B/check/$kernel-gate.tap ]] || return 0
	step "guest suite on $kernel, the rest"
	selftests/guest.sh --rest "$kernel" 2>"$B/check/$name.err" || :
	gate "$name" "$name" "$kernel-nohz" "$kernel-test" "$kernel-kmemleak"
	step "guest suite on $kernel, the rest, is done"
}

# Only where there is something to compare with.
bench() {
	local kernel=$1

	step "costs on $kernel, against selftests/bench/baseline-$kernel.tsv"
	if make -s bench-gate KERNEL="$kernel" >"$B/check/$kernel-bench.log" 2>&1; then
		printf '1..1\nok 1 - no row of the benchmarks is 3 %% worse on %s\n' "$kernel"
	else
		grep -E '^(FAIL|NOTE)' "$B/check/$kernel-bench.log" | sed 's/^/# /' || :
		printf '1..1\nnot ok 1 - no row of the benchmarks is 3 %% worse on %s\n' "$kernel"
	fi >"$B/check/$kernel-bench.tap"
	result "$B/check/$kernel-bench.tap"
	grep '^#' "$B/check/$kernel-bench.tap" || :
	step "costs on $kernel are compared"
}

# ---- all of it -------------------------------------------------------------------------

step "what is needed: compiler, QEMU, linters, spin"
"$lab/deps.sh" build lab demo bench lint model
rm -rf "$B/check"
mkdir -p "$B/check"

# It takes the longest, so it begins now, and has what the others leave; who wants this
# kernel waits for it.
if [[ " $* " = *" debug "* ]]; then
	step "the debug kernel, meanwhile: is there, or is compiled"
	nice -n 10 "$lab/debug-kernel.sh" >/dev/null 2>"$B/check/debug-kernel.err" </dev/null &
	compiling=$!
	trap 'end_all; kill -- "-$compiling" 2>/dev/null || :' EXIT
fi

# What more than one job uses is made before the first begins.
step "library, tests and demos are compiled, $max jobs begin"
quietly "$B/check/programs.log" make -j"$max" lib selftests demos lib-examples doc-examples unit-programs
[[ " $* " != *" debug "* ]] || start debug guest debug
start machine on_this_machine
for kernel; do
	[[ $kernel = debug ]] || start "$kernel" guest "$kernel"
done
for kernel; do
	[[ ! -r selftests/bench/baseline-$kernel.tsv ]] || start "$kernel-bench" bench "$kernel"
done
end
start "$first-rest" guest_rest "$first"
end

step "results"
cat "$B"/check/*.logs >"$B/check/all"
mapfile -t logs <"$B/check/all"
"$lab/tap.sh" "${logs[@]}"
