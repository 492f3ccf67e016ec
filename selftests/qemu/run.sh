#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: run.sh --kernel NAME [options] --run "NAME SECONDS CMD ARGS..." ...
#
# Boots a kernel in QEMU, loads modules, runs programs, unloads the modules.
#
#   --kernel NAME       as in kernel.sh, or the path of an env file
#   --module FILE.ko    load it (repeatable; unloaded in reverse order)
#   --params "a=b c=d"  parameters of the last --module
#   --add SRC[:DST]     put a file into the guest, as /bin/NAME unless said
#   --run "NAME SECONDS CMD ARGS..."  run a program of the guest
#   --plan FILE         the whole plan (see init.c) instead of --run; modules
#                       are then put into the guest's / and not loaded unasked
#   --smp N             CPUs, 2 (1 with --icount)
#   --mem SIZE          2G
#   --append "WORDS"    more kernel command line
#   --kmemleak          look for leaked memory before and after the modules are
#                       unloaded (the debug kernel only)
#   --timeout SECONDS   for the whole guest, 600
#   --icount            deterministic: 1 ns is one instruction
#   --thread single|multi   QEMU's threads
#   --kvm               trust this host's KVM (the default is emulation)
#   --log DIR           keep console.log, results.log, qemu.cmd there; without
#                       it they are kept after a failure only, in BUILD/failed-NAME
#   --build DIR         for init and initramfs: build/selftests
#   --quiet             do not show the results as they come
#
# Shows what init.c reports, and last on stdout one line:
#   #CC summary kernel=NAME version=PACKAGE runs=N passed=N failed=N skipped=N gate=clean|hit seconds=N
# A run passes with exit status 0 and skips with 4 or 77. The gate is gate.sh on
# the console's log. A boot that dies before it gets to a module is tried again, once.
#
# CODECACHE_SLOW=N in the environment: all time-outs, those of --run and that of the
# guest, are N times as long, and the programs get the variable too.
#
# Exit status: 0 nothing failed, gate clean; 1 something failed; 2 the guest died,
# hung or the gate hit; 3 usage or setup; 77 this kernel cannot be had here.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

kernel='' smp='' mem=2G append='' limit=600 icount='' thread='' accel=tcg
logs='' build=$here/../../build/selftests quiet='' plan='' kmemleak=''
slow=${CODECACHE_SLOW:-1}
modules=() params=() runs=() files=()
tmp='' guest=''

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[[ -z $guest ]] || kill "$guest" 2>/dev/null || :
	[[ -z $tmp ]] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

parse() {
	while [[ $# -gt 0 ]]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--icount) icount=yes; shift; continue ;;
		--kvm) accel=kvm; shift; continue ;;
		--kmemleak) kmemleak=yes append+=" kmemleak=on"; shift; continue ;;
		--quiet) quiet=yes; shift; continue ;;
		--*) [[ $# -ge 2 ]] || die 3 "$1 needs a value; see -h" ;;
		*) die 3 "what is $1? see -h" ;;
		esac
		case $1 in
		--kernel) kernel=$2 ;;
		--module) modules+=("$2") params+=('') ;;
		--params)
			[[ ${#modules[@]} -gt 0 ]] || die 3 "--params follows its --module"
			params[-1]+=" $2" ;;
		--add) files+=("$2") ;;
		--run) runs+=("$2") ;;
		--plan) plan=$2 ;;
		--smp) smp=$2 ;;
		--mem) mem=$2 ;;
		--append) append+=" $2" ;;
		--timeout) limit=$2 ;;
		--thread) thread=$2 ;;
		--log) logs=$2 ;;
		--build) build=$2 ;;
		*) die 3 "what is $1? see -h" ;;
		esac
		shift 2
	done
	[[ -n $kernel ]] || die 3 "which --kernel? see -h"
	[[ -n $plan || ${#modules[@]} -gt 0 || ${#runs[@]} -gt 0 ]] ||
		die 3 "nothing to do: give --module, --run or --plan"
	[[ -z $plan || ${#runs[@]} = 0 ]] || die 3 "--plan or --run, not both"
}

write_plan() {
	local i mod name seconds command

	if [[ -n $plan ]]; then
		cat "$plan"
		return
	fi
	for i in "${!modules[@]}"; do
		echo "insmod /${modules[i]##*/}${params[i]}"
	done
	[[ $slow = 1 ]] || echo "env CODECACHE_SLOW=$slow"
	for i in "${runs[@]}"; do
		read -r name seconds command <<<"$i"
		echo "run $name $((seconds * slow)) $command"
	done
	[[ -z $kmemleak ]] || echo kmemleak
	for ((i = ${#modules[@]} - 1; i >= 0; i--)); do
		mod=$(basename "${modules[i]}" .ko)
		echo "rmmod ${mod//-/_}"
	done
	[[ -z $kmemleak ]] || echo kmemleak
}

# Sets qemu to the command and its arguments.
compose() {
	local cmdline="loglevel=7 panic=-1 printk.devkmsg=on" khz

	if [[ $ARCH = arm64 ]]; then
		# The machine has one port of its own. Pointer authentication by
		# the architected algorithm takes most of an emulator's time.
		qemu=(qemu-system-aarch64 -M virt -cpu 'max,pauth-impdef=on'
			-serial chardev:console -device 'pci-serial,chardev=results')
		cmdline+=" console=ttyAMA0"
	else
		qemu=(qemu-system-x86_64 -M pc -cpu max
			-serial chardev:console -serial chardev:results)
		cmdline+=" console=ttyS0 tsc=reliable"
	fi
	qemu+=(-nodefaults -no-user-config -nographic -no-reboot
		-m "$mem" -kernel "$VMLINUZ" -initrd "$tmp/initramfs"
		-chardev "file,id=console,path=$logs/console.log"
		-chardev "stdio,id=results,signal=off,logfile=$logs/results.log")
	if [[ -n $icount ]]; then
		qemu+=(-accel "tcg,thread=${thread:-single}" -icount 'shift=0,sleep=off'
			-rtc 'clock=vm,base=2026-01-01' -seed 1 -smp "${smp:-1}")
		cmdline+=" nokaslr norandmaps random.trust_cpu=off lpj=1000000"
	else
		qemu+=(-accel "$accel${thread:+,thread=$thread}" -smp "${smp:-2}")
		# See tsc_khz.c: what the guest measures itself may be wrong.
		khz=$("$build/tsc_khz")
		[[ -z $khz || $accel != tcg || $ARCH = arm64 ]] ||
			cmdline+=" tsc_early_khz=$khz"
	fi
	need_tool "${qemu[0]}"
	qemu+=(-append "$cmdline$append")
}

# Kernels hang in an emulator before init, rarely: end such a guest, which is tried again.
watch_boot() {
	local i

	for ((i = 0; i < 180 * slow; i++)); do
		sleep 1
		! seen init || return 0
		kill -0 "$1" 2>/dev/null || return 0
	done
	say "WARNING: the guest has not come to init in $i s"
	kill "$1"
}

# One boot, its results on descriptor 3. Returns the status of timeout or of QEMU.
boot() {
	local status=0 shown watch

	# By way of cat: QEMU makes its stdout non-blocking, for all who share it.
	exec 4> >(exec cat >&3)
	shown=$!
	rm -f "$logs"/{console,results}.log
	printf '%q ' "${qemu[@]}" >"$logs/qemu.cmd"
	timeout -k 5 "$limit" "${qemu[@]}" </dev/null >&4 2>"$logs/qemu.err" &
	guest=$!
	exec 4>&-
	watch_boot "$guest" 3>&- &
	watch=$!
	wait "$guest" || status=$?
	guest=
	kill "$watch" 2>/dev/null || :
	wait "$shown" || :
	return $status
}

seen() {
	grep -aqE "^#CC ($1)" "$logs/results.log" 2>/dev/null
}

# judge STATUS SECONDS: look through the logs, print the last line, and exit.
judge() {
	local status=0 gate=clean counts

	# A run that began and did not end has failed; so has the lab's own.
	counts=$(awk '
		/^#CC begin / { runs++ }
		/^#CC end / {
			match($0, /exit=[0-9]+/); code = substr($0, RSTART + 5, RLENGTH - 5)
			if (/ signal=[1-9]/ || / timeout$/) next
			if (code == 0) passed++
			else if (code == 4 || code == 77) skipped++
		}
		/^#CC fail / { other++ }
		END {
			printf "runs=%d passed=%d failed=%d skipped=%d", runs, passed,
				runs - passed - skipped + other, skipped
		}' "$logs/results.log" 2>/dev/null) || counts="runs=0 passed=0 failed=1 skipped=0"
	[[ $counts = *failed=0* ]] || status=1
	if ! (cd "$logs" && touch console.log && "$here/gate.sh" console.log) >"$logs/gate.txt"; then
		say "the kernel's log has:"
		head -n 40 "$logs/gate.txt" >&2
		gate=hit status=2
	fi
	if [[ $1 = 124 || $1 = 137 ]]; then
		say "the guest was killed after $limit s; its console ends so:"
		tail -n 15 "$logs/console.log" >&2 || :
		status=2
	elif ! seen 'done'; then
		say "the guest died before the end of its plan (QEMU: $1); its console ends so:"
		tail -n 15 "$logs/console.log" >&2 || :
		cat "$logs/qemu.err" >&2
		status=2
	fi
	if [[ $status != 0 && $logs = "$tmp/logs" ]]; then
		logs=$build/failed-$kernel
		rm -rf "$logs"
		mv -T "$tmp/logs" "$logs" 2>/dev/null || : # another run was quicker
		say "the logs are in $logs"
	fi
	echo "#CC summary kernel=$kernel version=$VERSION $counts gate=$gate seconds=$2"
	exit $status
}

parse "$@"
[[ $slow = [1-9]* && $slow != *[!0-9]* ]] || die 3 "CODECACHE_SLOW=$slow is no number"
limit=$((limit * slow))
need_tool timeout awk
if [[ $kernel = */* ]]; then
	env=$kernel
else
	env=$("$here/kernel.sh" "$kernel")
fi
VERSION='' VMLINUZ='' ARCH='' CROSS_COMPILE=''
# shellcheck source=/dev/null
. "$env"
export CROSS_COMPILE
kernel=${KNAME:-$kernel}
mkdir -p "$build"
build=$(realpath "$build")
tmp=$(mktemp -d "$build/.run.XXXXXX")
logs=${logs:-$tmp/logs}
mkdir -p "$logs"
write_plan >"$tmp/plan"
for module in "${modules[@]}"; do
	files+=("$module:/${module##*/}")
done
"$here/initramfs.sh" "$tmp/initramfs" "$build" "$tmp/plan" "${files[@]}"
compile_own "$build/tsc_khz" "${HOSTCC:-gcc}"
compose

exec 3>&1
[[ -z $quiet ]] || exec 3>/dev/null
status=0
SECONDS=0
boot || status=$?
if ! seen 'done|insmod|fail|begin|end'; then
	say "WARNING: the guest died before it got to a module; trying once more"
	for log in console results; do
		[[ ! -e $logs/$log.log ]] || mv "$logs/$log.log" "$logs/$log.log.1"
	done
	status=0
	boot || status=$?
fi
judge $status $SECONDS
