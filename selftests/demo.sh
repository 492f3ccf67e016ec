#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/demo.sh [KERNEL]    (make demo)
#
# Boots a stock kernel (6.12 unless said) in QEMU, loads codecache.ko and runs
# the demos on it. Installs and fetches what is missing; nothing is loaded into
# the kernel of this machine. Exit status 0 only if every demo verified its work.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
kernel=${1:-6.12}

step "what is needed: compiler, QEMU"
"$lab/deps.sh" build lab demo
step "kernel $kernel from Debian's archive"
"$lab/kernel.sh" "$kernel" >/dev/null
step "the module for $kernel, the library, the demos"
quietly "$B/demo/build.log" make "modules-$kernel" lib demos
step "booting $kernel under emulation, 2 CPUs; then eleven runs:"
cat <<'TEXT'
   sqrt      a table of square roots far larger than its memory, filled by traps
   gc        a concurrent copying collector behind userfaultfd and the module, and then
             behind its rivals: lists, trees, an index of the guest's own kernel
             symbols, and JSON
   revoke    gc with its barrier left open on purpose: the damage must be noticed
   order     gc that opens pages before it has scanned them: likewise
   cross     gc that forgets objects that lie across two pages: likewise
   young     gc, generational: what refers to young objects, found by the module's dirty
             bits, by write traps, by cards
   forget    the same, which forgets a page that was written to: likewise
   snapshots a concurrent checkpointer: block and signal traps, mprotect and fork
   uncopied  checkpoint that opens pages which it has not copied: likewise noticed
   jit       threads that run code while others recompile it, within a limit: code is
             retired, or all stop and flush, or membarrier and munmap
   early     jit whose threads do not say that they run code: it goes too early, noticed
TEXT
mapfile -t documents < <(gc_documents)
"$lab/run.sh" --kernel "$kernel" --smp 2 --mem 2G --timeout 1800 \
	--build "$B/selftests" --log "$B/demo" \
	--module "$B/kmod-$kernel/codecache.ko" \
	--add "$B/demos/sqrt" --add "$B/demos/gc" --add "$B/demos/checkpoint" \
	--add "$B/demos/jit" \
	--run "sqrt 200 /bin/sqrt" \
	"${documents[@]}" --run "gc 600 /bin/gc --barrier all" \
	--run "revoke 200 /bin/gc --barrier all --sabotage revoke --workload lists,trees" \
	--run "order 200 /bin/gc --barrier all --sabotage order --workload trees" \
	--run "cross 200 /bin/gc --barrier all --sabotage cross --workload lists,trees" \
	--run "young 300 /bin/gc --generational --barrier all --workload lists,trees,json" \
	--run "forget 200 /bin/gc --generational --barrier all --sabotage forget --workload lists,trees" \
	--run "snapshots 300 /bin/checkpoint" \
	--run "uncopied 120 /bin/checkpoint --sabotage copy --engine block,signal --pages 4096 --rounds 3" \
	--run "jit 300 /bin/jit" \
	--run "early 200 /bin/jit --sabotage early" ||
	{ echo "demo: FAILED, see $B/demo/console.log" >&2; exit 1; }
step "done: every demo verified its work"
