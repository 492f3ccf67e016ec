#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/check.sh [KERNEL...]    (make check)
#
# Everything: static checks, tests of the pure logic and of the library on this
# machine, the model of grace periods, the documents' examples, and the guest suite
# on each kernel (6.1 6.12 7 unless said), and what codecache's calls cost on the kernel
# that selftests/bench has a baseline for. Installs and fetches what is missing. A
# kernel that cannot be had here is skipped, with the reason. Logs are kept below
# build/check. The last line is "N passed, N failed, N skipped".

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
[[ $# -gt 0 ]] || set -- 6.1 6.12 7
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

for kernel; do
	step "guest suite on $kernel"
	status=0
	consoles=()
	selftests/guest.sh "$kernel" 2>"$B/check/$kernel.err" || status=$?
	if [[ $status = 77 ]]; then
		printf '1..1\nok 1 - guest suite on %s # SKIP %s\n' "$kernel" \
			"$(tail -n 1 "$B/check/$kernel.err")" >"$B/check/$kernel.tap"
		logs+=("$B/check/$kernel.tap")
		continue
	fi
	for part in "$kernel" "$kernel-oom" "$kernel-nohz" "$kernel-test"; do
		[[ -e $B/check/$part/results.log || $part != *-nohz ]] || continue
		logs+=("$B/check/$part/results.log")
		consoles+=("$B/check/$part/console.log")
	done
	# The gate on the kernel's log counts as a test of its own.
	if "$lab/gate.sh" "${consoles[@]}" >"$B/check/$kernel-gate.log" 2>&1; then
		printf '1..1\nok 1 - kernel log of %s is clean\n' "$kernel"
	else
		sed 's/^/# /' "$B/check/$kernel-gate.log"
		printf '1..1\nnot ok 1 - kernel log of %s is clean\n' "$kernel"
	fi >"$B/check/$kernel-gate.tap"
	logs+=("$B/check/$kernel-gate.tap")
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
exec "$lab/tap.sh" "${logs[@]}"
