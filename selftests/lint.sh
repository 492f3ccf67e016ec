#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/lint.sh [CHECK...]    (make lint: all of them)
#
#   sparse      sparse (C=2) and W=1 on the module, for 6.1 and 6.12
#   checkpatch  the kernel's style check, --strict, on kmod/, uapi/ and Kbuild;
#               on user-space code without the types that belong to the kernel
#   warnings    W=1 on the module, for 7, and as tests can break it on purpose
#   shell       shellcheck on every script
#   cocci       the kernel's own semantic patches on the module
#   kdoc        kernel-doc on the module and its interface
#   tidy        clang-tidy on library, demos and tests, as .clang-tidy says
#   layout      every structure of the interface is the same for 32 and 64 bit
#   abi         library and interface still serve programs made for the last release
#
# TAP on stdout: a result each. Exit status 1 if one failed. Nothing is allowed:
# one warning fails.

set -euo pipefail
cd "$(dirname "$0")/.."
. selftests/lib.sh
. selftests/lint-user.sh
out=$B/lint
n=0
failed=0

# report WHAT LOG: passed if nothing in LOG is a warning or an error.
report() {
	n=$((n + 1))
	if grep -E 'warning:|error:|^(WARNING|ERROR|CHECK):|^In .* line [0-9]+:' "$2" |
		sed 's/^/# /' | grep .; then
		echo "not ok $n - $1"
		failed=1
	else
		echo "ok $n - $1"
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# build_with NAME KERNEL ARGS...: compile the module from scratch, with a log.
build_with() {
	local name=$1 kernel=$2 status=0

	shift 2
	rm -rf "${out:?}/$name"
	make -s B="$out/$name" "modules-$kernel" "$@" >"$out/$name.log" 2>&1 </dev/null ||
		status=$?
	if ! "$lab/kernel.sh" "$kernel" >/dev/null 2>"$out/$name.why"; then
		skip "$name" "$(tail -n 1 "$out/$name.why")"
		return
	fi
	[[ $status = 0 ]] || echo "error: make ended with $status" >>"$out/$name.log"
	report "$name" "$out/$name.log"
}

run_sparse() {
	local k

	for k in 6.1 6.12; do
		build_with "sparse-W1-$k" "$k" W=1 C=2 CF="-D__CHECK_ENDIAN__ -Wcontext"
	done
}

run_warnings() {
	build_with W1-7 7 W=1
	build_with "W1-6.12-test-build" 6.12 W=1 CODECACHE_TEST=1
}

run_checkpatch() {
	local dir
	# User space has its own integer types, and no kernel headers to take
	# helpers from; the harness' macros look like functions and types.
	local user=PREFER_KERNEL_TYPES,CAMELCASE,SPDX_LICENSE_TAG,VOLATILE
	user+=,ARRAY_SIZE,STRCPY,STRLCPY,STRNCPY,MACRO_ARG_REUSE,SPLIT_STRING
	user+=,MACRO_ARG_PRECEDENCE,AVOID_EXTERNS,FUNCTION_ARGUMENTS,NEW_TYPEDEFS
	user+=,COMPLEX_MACRO,MACRO_WITH_FLOW_CONTROL,SPACING,LONG_LINE
	user+=,LONG_LINE_COMMENT,CONST_STRUCT,EMBEDDED_FILENAME,MEMORY_BARRIER
	user+=,ARCH_DEFINES,CONSTANT_COMPARISON,PARENTHESIS_ALIGNMENT
	user+=,OPEN_ENDED_LINE,USE_NEGATIVE_ERRNO,SSCANF_TO_KSTRTO,ASSIGN_IN_IF
	user+=,MULTIPLE_ASSIGNMENTS,PREFER_DEFINED_ATTRIBUTE_MACRO,LINE_SPACING
	user+=,EMBEDDED_FUNCTION_NAME,COMPARISON_TO_NULL,ENOSYS
	user+=,UNNECESSARY_PARENTHESES,LEADING_SPACE
	user+=,MULTISTATEMENT_MACRO_USE_DO_WHILE

	dir=$("$lab/kselftest.sh")
	git ls-files 'kmod/*.[ch]' 'uapi/*.h' Kbuild kmod/compat.mk >"$out/files"
	checkpatch checkpatch-module "$dir" ''
	git ls-files 'userlib/*.[ch]' 'selftests/*.[ch]' 'Documentation/*.[ch]' >"$out/files"
	checkpatch checkpatch-user "$dir" "--ignore=$user"
}

# checkpatch NAME DIR IGNORE: on the files that $out/files lists.
checkpatch() {
	local log=$out/$1.log top=$PWD

	(cd "$out" && sed "s|^|$top/|" files | xargs perl "$2/scripts/checkpatch.pl" \
		--no-tree --strict --terse --show-types --no-summary --max-line-length=100 \
		-f ${3:+"$3"} 2>"$top/$out/$1.why" || true) |
		sed "s|$top/||; s/: \(WARNING\|ERROR\|CHECK\):/: error: \1 /" |
		grep -vEf <(sed '/^#/d; /^$/d; s/^\([^ ]*\) \(.*\)/^\1:[0-9]+: error: [A-Z]+ \2:/' \
			selftests/checkpatch-allow.txt) >"$log" || true
	report "$1" "$log"
}

run_shell() {
	git ls-files '*.sh' .ci/run | xargs shellcheck -x -s bash -e SC1091,SC2317 >"$out/shell.log" 2>&1 || true
	report shellcheck "$out/shell.log"
}

# All that can report: some 70.
run_cocci() {
	local dir patch log=$out/cocci.log

	dir=$("$lab/kselftest.sh")
	: >"$log"
	find "$dir"/scripts/coccinelle -name '*.cocci' | sort |
		xargs -P "$(nproc)" -I{} selftests/cocci.sh {} "$out" >"$out/cocci.nr"
	while read -r patch; do
		cat "$out/$patch.cocci.log"
	done <"$out/cocci.nr" >"$log"
	[[ $(wc -l <"$out/cocci.nr") -gt 50 ]] ||
		echo "error: only $(wc -l <"$out/cocci.nr") semantic patches ran" >>"$log"
	report coccinelle "$log"
}

run_kdoc() {
	local dir log=$out/kdoc.log

	dir=$("$lab/kselftest.sh")
	git ls-files 'kmod/*.[ch]' 'uapi/*.h' |
		xargs perl "$dir/scripts/kernel-doc" -none -Werror >"$log" 2>&1 || true
	report kernel-doc "$log"
}

case ${1:-} in
-h | --help) sed -n '4,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
'') set -- shell checkpatch kdoc layout abi tidy sparse warnings cocci ;;
esac
"$lab/deps.sh" build lint >&2
mkdir -p "$out"
for what; do
	case $what in
	sparse) run_sparse ;;
	warnings) run_warnings ;;
	checkpatch) run_checkpatch ;;
	shell) run_shell ;;
	cocci) run_cocci ;;
	kdoc) run_kdoc ;;
	tidy) run_tidy ;;
	layout) run_layout ;;
	abi) run_abi ;;
	*) echo "lint.sh: no check is called $what" >&2; exit 3 ;;
	esac
done
echo "1..$n"
exit "$failed"
