#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/check.sh [KERNEL...]    (make check)
#
# Everything: static checks, tests of the pure logic and of the library on this
# machine, the model of grace periods, the documents' examples, and guests: the whole
# suite on the first kernel, its core (guest.sh --core) on the others: 6.12 6.1 7
# 6.12-arm64 debug 6.12-rt unless said. And what codecache's calls cost on the kernel that
# selftests/bench has a baseline for. Installs, fetches and compiles what is missing.
#
# A kernel that cannot be had here is skipped, with the reason; so are those whose turn
# comes after CHECK_SECONDS (2400; 0: no limit), so that a slow machine comes to an end.
# Logs are kept below build/check. The last line is "N passed, N failed, N skipped".

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
[[ $# -gt 0 ]] || set -- 6.12 6.1 7 6.12-arm64 debug 6.12-rt
limit=${CHECK_SECONDS:-2400}
first=$1
compiling=
logs=()

# tap NAME COMMAND...: keep what it prints, which is TAP.
tap() {
	local log=$B/check/$1.tap

	shift
	mkdir -p "$B/check"
	"$@" >"$log" 2>"$log.err" </dev/null || true
	logs+=("$log")
	grep -E '^not ok' "$log" || true
}

step "what is needed: compiler, QEMU, linters, spin"
"$lab/deps.sh" build lab lint model
rm -rf "$B/check"
mkdir -p "$B/check"

# It takes the longest, so it begins now, and has what the others leave.
if [[ " $* " = *" debug "* ]]; then
	step "the debug kernel, meanwhile: is there, or is compiled"
	nice -n 19 "$lab/debug-kernel.sh" >/dev/null 2>"$B/check/debug-kernel.err" &
	compiling=$!
fi

step "the lab's own tests"
tap lab "$lab/tap_test.sh"
step "static checks: sparse, coccinelle, clang-tidy, checkpatch, ..."
tap lint selftests/lint.sh
step "pure logic of the module, in user space, under ASan and UBSan"
quietly "$B/check/unit-build.log" make unit-programs
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

# skip KERNEL REASON
skip() {
	step "guest suite on $1: SKIP $2"
	printf '1..1\nok 1 - guest suite on %s # SKIP %s\n' "$1" "$2" >"$B/check/$1.tap"
	logs+=("$B/check/$1.tap")
}

# Everything that a kernel has printed, as a test of its own.
gate() {
	local kernel=$1 part consoles=()

	for part in "$kernel" "$kernel-oom" "$kernel-nohz" "$kernel-test"; do
		[[ -e $B/check/$part ]] || continue
		logs+=("$B/check/$part/results.log")
		consoles+=("$B/check/$part/console.log")
	done
	if [[ ${#consoles[@]} = 0 ]]; then
		sed 's/^/# /' "$B/check/$kernel.err"
		printf '1..1\nnot ok 1 - guests of %s boot\n' "$kernel"
	elif "$lab/gate.sh" "${consoles[@]}" >"$B/check/$kernel-gate.log" 2>&1; then
		printf '1..1\nok 1 - kernel log of %s is clean\n' "$kernel"
	else
		sed 's/^/# /' "$B/check/$kernel-gate.log"
		printf '1..1\nnot ok 1 - kernel log of %s is clean\n' "$kernel"
	fi >"$B/check/$kernel-gate.tap"
	logs+=("$B/check/$kernel-gate.tap")
}

guest() {
	local kernel=$1 status=0 core=(--core)

	if [[ $limit != 0 && $SECONDS -gt $limit ]]; then
		skip "$kernel" "there is no time left; make check-guest KERNEL=$kernel"
		return
	fi
	if [[ $kernel = debug && -n $compiling ]]; then
		step "the debug kernel is waited for"
		wait "$compiling" || :
		compiling=
	fi
	[[ $kernel != "$first" ]] || core=()
	step "guest suite on $kernel${core:+, its core}"
	selftests/guest.sh "${core[@]}" "$kernel" 2>"$B/check/$kernel.err" || status=$?
	if [[ $status = 77 ]]; then
		skip "$kernel" "$(tail -n 1 "$B/check/$kernel.err")"
		return
	fi
	gate "$kernel"
}

trap '[[ -z $compiling ]] || kill "$compiling" 2>/dev/null || :' EXIT
for kernel; do
	guest "$kernel"
done

# Only where there is something to compare with, and on its kernel.
for kernel; do
	[[ -r selftests/bench/baseline-$kernel.tsv && -r $B/check/$kernel/results.log ]] || continue
	step "costs on $kernel, against selftests/bench/baseline-$kernel.tsv"
	if make -s bench-gate KERNEL="$kernel" >"$B/check/$kernel-bench.log" 2>&1 </dev/null; then
		printf '1..1\nok 1 - no row of the benchmarks is 3 %% worse on %s\n' "$kernel"
	else
		grep -E '^(FAIL|NOTE)' "$B/check/$kernel-bench.log" | tee /dev/stderr | sed 's/^/# /' || :
		printf '1..1\nnot ok 1 - no row of the benchmarks is 3 %% worse on %s\n' "$kernel"
	fi >"$B/check/$kernel-bench.tap"
	logs+=("$B/check/$kernel-bench.tap")
done

step "results"
"$lab/tap.sh" "${logs[@]}"
