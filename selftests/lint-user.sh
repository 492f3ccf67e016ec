# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # lint.sh sets out and lab
#
# The checks of lint.sh that are about user space and what it shares with the kernel:
# to be sourced by it.

# tidy_some NAME CHECKS FLAGS FILE...: findings in $out/tidy-NAME.log.
tidy_some() {
	local name=$1 checks=$2 flags=$3

	shift 3
	# shellcheck disable=SC2016 # sh expands them
	printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 4 sh -c '
		checks=$1 flags=$2 && shift 2 &&
			clang-tidy --quiet "--checks=$checks" "$@" -- $flags' \
		sh "$checks" "$flags" \
		>"$out/tidy-$name.log" 2>"$out/tidy-$name.err" || true
	grep -E '^Error while|fatal error' "$out/tidy-$name.err" |
		sed 's/^/error: /' >>"$out/tidy-$name.log" || true
	report "clang-tidy-$name" "$out/tidy-$name.log"
}

run_tidy() {
	local common="-std=gnu11 -D_GNU_SOURCE -Iuapi -Iuserlib/include"
	local harness files

	harness=$("$lab/kselftest.sh")/tools/testing/selftests
	mapfile -t files < <(git ls-files 'userlib/src/*.c')
	tidy_some library 'clang-analyzer-*,-clang-analyzer-security.insecureAPI.*' "$common -D_FILE_OFFSET_BITS=64 -DCODECACHE_VERSION_NUMBER=1" \
		"${files[@]}"
	mapfile -t files < <(git ls-files 'userlib/demos/*.c' 'userlib/man/examples/*.c' \
		'Documentation/examples/*.c')
	tidy_some demos '' "$common -Iuserlib/demos -Iuserlib/demos/jit" "${files[@]}"
	# One is for 32 bit only; another has atomics that clang's typeof keeps so.
	mapfile -t files < <(git ls-files 'selftests/*.c' ':!selftests/*/*' \
		':!selftests/compat_test.c' ':!selftests/seal_race_test.c')
	tidy_some tests '' "$common -Iselftests -isystem $harness" "${files[@]}"
}

# layout_of INCLUDEDIR OUTPUT FLAGS...: for every structure of the interface, a line
# with its size and one for each member: offset, size, name.
layout_of() {
	local include=$1 output=$2 name

	shift 2
	{
		(cd "$include" && ls linux/*.h) | sed 's/.*/#include <&>/'
		cat "$include"/linux/*.h |
			sed -n 's/^struct \(codecache_[a-z0-9_]*\) {$/struct \1 \1_;/p'
	} >"$output.c"
	gcc "$@" -g -I"$include" -c -o "$output.o" "$output.c" || return
	sed -n 's/^struct \([a-z0-9_]*\) .*/\1/p' "$output.c" | sort |
		while read -r name; do
			pahole -C "$name" "$output.o" | awk -v "name=$name" '
				match($0, /\/\* *[0-9]+ +[0-9]+ \*\//) {
					split(substr($0, RSTART, RLENGTH), at, / +/)
					print name, at[2], at[3]
				}
				/size:/ { print name, "size", $3 }
				/XXX/ { print "error: " name " has a hole" }'
		done >"$output"
}

run_layout() {
	local log=$out/layout.log

	: >"$log"
	layout_of uapi "$out/layout64" -m64 2>>"$log" || echo "error: does not compile" >>"$log"
	layout_of uapi "$out/layout32" -m32 2>>"$log" || echo "error: does not compile" >>"$log"
	grep '^error' "$out/layout64" >>"$log" || true
	diff "$out/layout64" "$out/layout32" | sed 's/^/error: 64, 32 bit: /' >>"$log" || true
	[[ $(wc -l <"$out/layout64") -gt 100 ]] || echo "error: no structures seen" >>"$log"
	report "layout-32-64" "$log"
}

# Against the last tag, or ABI_BASE. What programs had then must be there still, where
# it was; there may be more.
run_abi() {
	local base=${ABI_BASE:-} old=$out/abi-old log=$out/abi.log status=0

	[[ -n $base ]] || base=$(git describe --tags --abbrev=0 2>/dev/null) || {
		skip abi-library "no release is tagged yet"
		skip abi-uapi "no release is tagged yet"
		return
	}
	rm -rf "$old" && mkdir -p "$old"
	git archive "$base" uapi userlib | tar -x -C "$old"
	{
		make -s -C "$old" -f userlib/userlib.mk lib "CFLAGS=-O0 -g" B=build &&
			make -s -f userlib/userlib.mk lib "CFLAGS=-O0 -g" "B=$out/abi-new"
	} >"$out/abi-build.log" 2>&1 </dev/null || echo "error: the library does not build" >"$log"
	abidiff --no-added-syms --headers-dir1 "$old/userlib/include" \
		--headers-dir2 userlib/include "$old/build/lib/libcodecache.so" \
		"$out/abi-new/lib/libcodecache.so" >"$log" 2>&1 || status=$?
	# Bits: 1, 2 trouble; 4 a change; 8 one that is sure to break programs. A
	# structure that has grown is a change, which the next check judges.
	[[ $((status & 11)) = 0 ]] || echo "error: abidiff ended with $status" >>"$log"
	report "abi-library since $base" "$log"
	layout_of "$old/uapi" "$out/layout-old" -m64 2>"$log" ||
		echo "error: does not compile" >>"$log"
	layout_of uapi "$out/layout-new" -m64 2>>"$log" || echo "error: does not compile" >>"$log"
	grep -v ' size ' "$out/layout-old" | grep -vxFf "$out/layout-new" |
		sed 's/^/error: was there: /' >>"$log" || true
	report "abi-uapi since $base" "$log"
}
