#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: tap_test.sh   test tap.sh and gate.sh on small logs; prints TAP itself

set -euo pipefail
. "$(dirname "$0")/lib.sh"

case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
nr=0
bad=0

# check DESCRIPTION CONDITION...: one test; shows the output on failure.
check() {
	local what=$1

	shift
	nr=$((nr + 1))
	if "$@"; then
		echo "ok $nr $what"
	else
		bad=$((bad + 1))
		sed 's/^/#   /' "$tmp/out"
		echo "not ok $nr $what"
	fi
}

# count EXPECTED DESCRIPTION <LOG: does tap.sh end with this line, and with
# the exit status that goes with it? Its output stays in out.
count() {
	local status=0 want=0

	cat >"$tmp/log"
	[[ $1 = *' 0 failed'* ]] || want=1
	"$here/tap.sh" "$tmp/log" >"$tmp/out" || status=$?
	[[ $status = "$want" ]] || echo "exit status $status" >>"$tmp/out"
	check "tap.$2" [ "$(tail -n 1 "$tmp/out")" = "$1" ]
}

says() {
	check "tap.$2" grep -qF -- "$1" "$tmp/out"
}

# gate WANT LINE: does gate.sh exit with WANT for a console with this line?
gate() {
	local status=0

	printf '[    0.000000] Linux version 6.12\n[    2.5] %s\n' "$2" >"$tmp/log"
	"$here/gate.sh" "$tmp/log" >"$tmp/out" 2>&1 || status=$?
	check "gate.$([[ $1 = 0 ]] && echo passes || echo catches) ${2//#/}" \
		[ $status = "$1" ]
}

test_tap() {
	count '2 passed, 0 failed, 0 skipped' counts_passes <<-'LOG'
		TAP version 13
		1..2
		ok 1 a
		ok 2 b
	LOG
	count '1 passed, 1 failed, 0 skipped' counts_failures <<-'LOG'
		1..2
		ok 1 a
		# x_test.c:7:b:Expected 1 (1) == 2 (2)
		not ok 2 b
	LOG
	says 'x_test.c:7:b:Expected 1' shows_a_failures_context
	count '1 passed, 0 failed, 2 skipped' counts_skips <<-'LOG'
		1..3
		ok 1 a
		ok 2 b # SKIP needs two CPUs
		ok 3 # SKIP no such device
	LOG
	says 'b: needs two CPUs' shows_a_skips_reason
	count '0 passed, 0 failed, 1 skipped' counts_a_skipped_plan <<-'LOG'
		1..0 # SKIP no /dev/codecache
	LOG
	count '1 passed, 1 failed, 0 skipped' fails_a_truncated_log <<-'LOG'
		1..3
		ok 1 a
	LOG
	count '2 passed, 1 failed, 0 skipped' fails_surplus_results <<-'LOG'
		1..1
		ok 1 a
		ok 2 b
	LOG
	count '1 passed, 1 failed, 0 skipped' fails_a_missing_plan <<<'ok 1 a'
	count '0 passed, 1 failed, 0 skipped' fails_an_empty_log </dev/null
	count '0 passed, 1 failed, 0 skipped' fails_output_without_results <<<hello
	count '0 passed, 1 failed, 0 skipped' fails_a_bail_out <<<'Bail out! no memory'
	count '1 passed, 0 failed, 0 skipped' ignores_subtests <<-'LOG'
		1..1
		# Subtest: a
		    1..2
		    ok 1 x
		    not ok 2 y # TODO
		ok 1 a
	LOG
}

test_guest() {
	count '3 passed, 0 failed, 1 skipped' counts_runs <<-'LOG'
		#CC init 6.12
		#CC insmod /codecache.ko
		#CC begin tap
		1..2
		ok 1 a
		ok 2 b
		#CC end tap exit=0 signal=0 seconds=12.1
		#CC begin plain
		hello
		#CC end plain exit=0 signal=0 seconds=0.1
		#CC begin lacking
		# SKIP no huge pages
		#CC end lacking exit=4 signal=0 seconds=0.1
		#CC rmmod codecache
		#CC done
	LOG
	says 'lacking: no huge pages' shows_why_a_program_skipped
	says 'tap: 2 passed, 0 failed, 0 skipped, 12 s' shows_how_long_a_run_took
	count '1 passed, 3 failed, 0 skipped' fails_killed_runs_once_each <<-'LOG'
		#CC begin killed
		1..3
		ok 1 a
		#CC end killed exit=0 signal=11 seconds=0.1
		#CC begin slow
		#CC end slow exit=0 signal=9 seconds=10.0 timeout
		#CC begin wrong
		#CC end wrong exit=1 signal=0 seconds=0.1
		#CC done
	LOG
	says 'killed by signal=11, after 1 of 3 tests' says_how_a_run_died
	count '1 passed, 1 failed, 0 skipped' fails_bad_exit_after_good_tests <<-'LOG'
		#CC begin a
		1..1
		ok 1 a
		#CC end a exit=1 signal=0 seconds=0.1
		#CC done
	LOG
	count '1 passed, 2 failed, 0 skipped' fails_a_guest_that_died <<-'LOG'
		#CC begin a
		1..2
		ok 1 a
	LOG
	count '1 passed, 2 failed, 0 skipped' fails_modules_and_the_kernel_log <<-'LOG'
		#CC fail insmod /codecache.ko: Invalid argument
		#CC begin a
		1..1
		ok 1 a
		#CC dmesg a: WARNING: CPU: 0
		#CC dmesg a: Call Trace:
		#CC end a exit=0 signal=0 seconds=0.1
		#CC done
	LOG
	check tap.fails_a_missing_log \
		[ "$("$here/tap.sh" "$tmp/none" | tail -n 1)" = '0 passed, 1 failed, 0 skipped' ]
}

test_gate() {
	gate 0 'codecache: loading out-of-tree module taints kernel.'
	gate 0 'codecache: module verification failed: signature and/or required key missing - tainting kernel'
	gate 0 'slub_debug: FZPU, stack hash table entries'
	gate 1 'BUG: kernel NULL pointer dereference, address: 0000000000000008'
	gate 1 'WARNING: CPU: 0 PID: 1 at kmod/view.c:10 codecache_view_fault+0x6d/0xff0'
	gate 1 'Oops: 0002 [#1] PREEMPT SMP NOPTI'
	gate 1 'general protection fault, probably for non-canonical address'
	gate 1 'Kernel panic - not syncing: Fatal exception'
	gate 1 'BUG: KASAN: slab-use-after-free in codecache_zone_release+0x1/0x2'
	gate 1 'BUG: KFENCE: out-of-bounds read in codecache_ioctl+0x1/0x2'
	gate 1 'BUG: KCSAN: data-race in codecache_a / codecache_b'
	gate 1 'UBSAN: shift-out-of-bounds in kmod/prot.c:10:3'
	gate 1 'BUG kmalloc-32 (Tainted: G           OE     ): Poison overwritten'
	gate 1 '[Poison overwritten] 0xff26010682b962a8 @offset=680. First byte 0x1'
	gate 1 'kmem_cache_destroy codecache_zone: Slab cache still has objects'
	gate 1 'WARNING: possible circular locking dependency detected'
	gate 1 'rcu: INFO: rcu_preempt self-detected stall on CPU'
	gate 1 'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:'
	gate 1 'INFO: task view_test:123 blocked for more than 120 seconds.'
	gate 1 'watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [a:1]'
	gate 1 'BUG: scheduling while atomic: view_test/123/0x00000002'
	gate 1 'BUG: Bad page state in process view_test  pfn:12345'
	gate 1 'BUG: Bad page map in process view_test  pte:0 pmd:0'
	gate 1 'BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:2'
	gate 1 'BUG: non-zero pgtables_bytes on freeing mm: 4096'
	gate 1 'kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)'
	gate 1 'refcount_t: underflow; use-after-free.'
	gate 1 'list_del corruption. prev->next should be 0, but was 1'
	gate 1 'Out of memory: Killed process 123 (view_test)'
	check gate.says_where grep -q ':2:.*Out of memory' "$tmp/out"
	gate 0 'Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF'
	check gate.has_one_exception \
		[ "$(grep -cv -e '^#' -e '^$' "$here/dmesg-allow.txt")" = 1 ]
}

echo 'TAP version 13'
test_tap
test_guest
test_gate
echo "1..$nr"
[[ $bad = 0 ]]
