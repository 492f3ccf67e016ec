#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Everything about libcodecache that can be told without a kernel module: it
# builds clean, exports what it says, installs, behaves, and is documented.
#
# Usage: make lib-check, or userlib/lib-check.sh from the top folder. Prints TAP,
# and exits with 1 if a check failed. Environment: B, the build folder, in which
# lib-check is replaced; CC, CXX, MAKE, PKG_CONFIG. What is not installed here is
# skipped.
set -u

B=${B:-build}/lib-check
CC=${CC:-cc}
CXX=${CXX:-c++}
MAKE=${MAKE:-make}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
unset MAKEFLAGS MAKEOVERRIDES MFLAGS CFLAGS CPPFLAGS LDFLAGS DESTDIR PREFIX LIBDIR \
	INCLUDEDIR MANDIR PKGCONFIGDIR LIB_WARN LIB_HARDEN LIB_WERROR

prefix=/opt/codecache
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
headers="-Iuserlib/include -Iuapi"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
checked_flags="-std=c11 -O1 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $headers"
# What fake.c stands in for.
wraps=
for call in open open64 close read ioctl mmap mmap64 munmap calloc; do
	wraps="$wraps -Wl,--wrap=$call"
done

rm -rf "$B" && mkdir -p "$B" && B=$(cd "$B" && pwd) || exit 1
log=$B/log
nr=0
failed=0

ok() {
	nr=$((nr + 1))
	echo "ok $nr - $1"
}

not_ok() {
	nr=$((nr + 1))
	failed=$((failed + 1))
	echo "not ok $nr - $1"
}

# check NAME COMMAND...: a result, with what the command said if it failed.
check() {
	check_name=$1
	shift
	if "$@" >"$log" 2>&1; then
		ok "$check_name"
	else
		not_ok "$check_name"
		sed 's/^/# /' "$log"
	fi
}

skip() {
	ok "$1 # SKIP $2"
}

# Can this compiler make programs with these flags here?
works() {
	echo 'int main(void) { return 0; }' >"$B/works.c"
	"$@" -o "$B/works" "$B/works.c" >/dev/null 2>&1
}

# A command must say nothing: for tools that warn and exit with 0.
silent() {
	silent_said=$("$@" 2>&1)
	silent_status=$?
	[ -z "$silent_said" ] || echo "$silent_said"
	[ "$silent_status" -eq 0 ] && [ -z "$silent_said" ]
}

# make_lib FOLDER TARGET... VARIABLE=VALUE...: in a folder below ours.
make_lib() {
	make_folder=$B/$1
	shift
	"$MAKE" -s -f userlib/userlib.mk B="$make_folder" V=1 LIB_WERROR=-Werror "$@"
}

# ---- headers ----------------------------------------------------------------

check_headers() {
	for header in codecache.h codecache_reclaim.h linux/codecache.h \
		linux/codecache_reclaim.h linux/codecache_stats.h; do
		echo "#include <$header>" >"$B/header.c"
		for compiler in "$@"; do
			name="<$header> alone: $compiler"
			# shellcheck disable=SC2086 # a compiler and its flags
			if works $compiler -c; then
				check "$name" $compiler $warnings $headers \
					-fsyntax-only "$B/header.c"
			else
				skip "$name" "does not work here"
			fi
		done
	done
}

# ---- builds -----------------------------------------------------------------

# check_build FOLDER COMPILER CFLAGS
check_build() {
	name="builds without a warning: $2 $3"
	# shellcheck disable=SC2086 # a compiler and its flags
	if works $2 $3; then
		check "$name" make_lib "$1" lib CC="$2" CFLAGS="$3"
	else
		skip "$name" "does not work here"
	fi
}

check_layout() {
	# shellcheck disable=SC2086 # flags
	if works $CC $1; then
		check "one layout for all: $CC $1" $CC $1 $warnings $headers \
			-std=c11 -fsyntax-only userlib/check/layout.c
	else
		skip "one layout for all: $CC $1" "does not work here"
	fi
}

# ---- symbols ----------------------------------------------------------------

public_in_header() {
	cat userlib/include/*.h | tr '\n' ' ' | grep -o 'CODECACHE_API [^(;]*(' |
		grep -o 'codecache_[a-z0-9_]*($' | tr -d '(' | sort
}

public_in_map() {
	sed -n 's/^\t\(codecache_[a-z0-9_]*\);$/\1/p' userlib/libcodecache.map | sort
}

public_in_so() {
	nm -D --defined-only "$B/default/lib/libcodecache.so" |
		awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

# Each symbol with its visibility: hidden ones cannot leave the final program.
in_static() {
	readelf -sW "$B/default/lib/libcodecache.a" |
		awk -v want="$1" '$5 == "GLOBAL" && $7 != "UND" && $6 == want { print $8 }' |
		sort
}

same() {
	"$1" >"$B/same.1"
	shift
	"$@" >"$B/same.2"
	[ -s "$B/same.1" ] && diff "$B/same.1" "$B/same.2"
}

hidden_names() {
	! in_static HIDDEN | grep -v '^codecache__'
}

versioned() {
	! nm -D --defined-only --with-symbol-versions "$B/default/lib/libcodecache.so" |
		awk '$2 != "A"' | grep -v '@@CODECACHE_1\.'
}

dynamic() {
	readelf -dW "$B/default/lib/libcodecache.so" >"$B/dynamic"
	grep -q 'SONAME.*\[libcodecache\.so\.1\]' "$B/dynamic" &&
		! grep NEEDED "$B/dynamic" | grep -vE '\[(libc\.|ld-)' &&
		! grep TEXTREL "$B/dynamic"
}

check_symbols() {
	check "the version map has what the header declares" same public_in_header public_in_map
	check "the shared library exports just that" same public_in_header public_in_so
	check "... each with a version" versioned
	check "the static library exports just that" same public_in_header in_static DEFAULT
	check "... and what is hidden is called codecache__*" hidden_names
	check "soname, nothing needed but libc, no text relocations" dynamic
}

# ---- installation -----------------------------------------------------------

install_lib() {
	make_lib default install-lib CC="$CC" CFLAGS='-O2 -g' PREFIX=$prefix \
		DESTDIR="$B/root"
}

pc() {
	PKG_CONFIG_LIBDIR=$B/root$prefix/lib/pkgconfig \
	PKG_CONFIG_SYSROOT_DIR=$B/root "$PKG_CONFIG" "$@" codecache
}

# build_installed PROGRAM SOURCE [--static]: as a user of the library would.
build_installed() {
	if [ $# -eq 3 ]; then
		libs="-static $(pc --static --libs)" || return
	else
		libs=$(pc --libs) || return
	fi
	# shellcheck disable=SC2046,SC2086 # flags
	$CC $warnings $(pc --cflags) -o "$1" "$2" $libs
}

run_installed() {
	LD_LIBRARY_PATH=$B/root$prefix/lib "$@"
}

same_version() {
	run_installed "$B/version" >"$B/said" 2>&1
	cat "$B/said"
	grep -qx "libcodecache $(pc --modversion)" "$B/said"
}

pages_installed() {
	for name in $(public_in_header); do
		page=$B/root$prefix/share/man/man3/$name.3
		[ -f "$page" ] || { echo "$name has no page"; return 1; }
		target=$(sed -n 's/^\.so //p' "$page")
		[ -z "$target" ] || [ -f "$B/root$prefix/share/man/$target" ] ||
			{ echo "$name: no $target"; return 1; }
	done
}

uninstalled() {
	make_lib default uninstall-lib PREFIX=$prefix DESTDIR="$B/root" &&
		[ -z "$(find "$B/root" ! -type d | tee /dev/stderr)" ]
}

check_install() {
	example=userlib/man/examples/codecache_strerror.c

	check "installs" install_lib
	check "each function has a page" pages_installed
	if ! "$PKG_CONFIG" --version >/dev/null 2>&1; then
		skip "a program builds and runs by pkg-config" "no $PKG_CONFIG"
		return
	fi
	check "a program builds by pkg-config" build_installed "$B/version" $example
	check "... runs, and tells the version of the .pc file" same_version
	check "... builds statically" build_installed "$B/version" $example --static
	check "... runs, too" same_version
	check_examples
	check "uninstalls without a rest" uninstalled
}

# ---- manual pages -----------------------------------------------------------

# With a module an example succeeds, without one it says so.
example_runs() {
	run_installed "$1" >"$B/said" 2>&1
	example_status=$?
	cat "$B/said"
	if [ -e /dev/codecache ] || ! grep -q codecache_open "$2"; then
		[ $example_status -eq 0 ]
	else
		[ $example_status -eq 1 ] && grep -q 'module is not loaded' "$B/said"
	fi
}

check_examples() {
	check "the pages have the examples as they are" userlib/man/examples.sh
	for example in userlib/man/examples/*.c; do
		name=$(basename "$example" .c)
		check "example $name builds" build_installed "$B/$name" "$example"
		check "example $name runs" example_runs "$B/$name" "$example"
	done
}

groff_says() {
	# shellcheck disable=SC2069 # what is wanted is stderr alone
	LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 "$1" 2>&1 >/dev/null
}

check_pages() {
	for page in userlib/man/*.[347]; do
		name=$(basename "$page")
		if command -v mandoc >/dev/null; then
			check "mandoc likes $name" silent mandoc -T lint -W style "$page"
		else
			skip "mandoc likes $name" "no mandoc"
		fi
		if man --version >/dev/null 2>&1; then
			check "groff likes $name" silent groff_says "$page"
		else
			skip "groff likes $name" "no man"
		fi
	done
}

# ---- behaviour --------------------------------------------------------------

# Give the results of a check program numbers, and make sure that it got to the end.
run_program() {
	"$2" >"$log" 2>&1
	run_status=$?
	while IFS= read -r line; do
		case $line in
		"ok - "*)	ok "$1: ${line#ok - }" ;;
		"not ok - "*)	not_ok "$1: ${line#not ok - }" ;;
		"done")		;;
		*)		echo "# $line" ;;
		esac
	done <"$log"
	if ! grep -qx "done" "$log" || [ $run_status -gt 1 ]; then
		not_ok "$1 ends with status $run_status"
	fi
}

# build_program FOLDER PROGRAM COMPILER... : the flags come with the compiler.
build_program() {
	build_folder=$B/$1
	build_name=$2
	shift 2
	build_more=
	[ "$build_name" = plain ] ||
		build_more="userlib/check/fake.c userlib/check/clock.c $wraps"
	# shellcheck disable=SC2086 # flags
	"$@" $checked_flags $warnings -pthread -o "$build_folder/$build_name" \
		"userlib/check/$build_name.c" $build_more \
		"$build_folder/lib/libcodecache.a"
}

# check_behaviour FOLDER COMPILER FLAGS [PROGRAMS]
check_behaviour() {
	# shellcheck disable=SC2086 # a compiler and its flags
	if ! works $2 $3; then
		skip "behaviour: $2 $3" "does not work here"
		return
	fi
	check "builds to be checked: $2 $3" make_lib "$1" \
		"$B/$1/lib/libcodecache.a" CC="$2" CFLAGS="-O1 -g $3"
	for program in ${4:-plain wire traps reclaim defer}; do
		# shellcheck disable=SC2086 # a compiler and its flags
		check "$program.c builds: $2 $3" build_program "$1" $program $2 $3
		run_program "$program, $1" "$B/$1/$program"
	done
}

# ---- all of it --------------------------------------------------------------

echo "TAP version 13"
check_headers "$CC -std=c11" "gcc -std=c11" "clang -std=c11" "gcc -m32 -std=c11" \
	"$CXX -xc++ -std=c++17" "clang++ -xc++ -std=c++17" "g++ -m32 -xc++ -std=c++17"
check_layout ""
check_layout -m32

check_build default "$CC" "-O2 -g"
check_build gcc gcc "-O3"
check_build clang clang "-O2"
check_build O0 "$CC" "-O0"
check_build m32 gcc "-O2 -m32"
check_build analyzer gcc "-O2 -fanalyzer"

check_symbols
check_install
check_pages

check_behaviour native "$CC" ""
check_behaviour asan-gcc gcc "$sanitizers"
check_behaviour asan-clang clang "$sanitizers"
check_behaviour behave32 gcc -m32
check_behaviour asan32 gcc "-m32 $sanitizers"
check_behaviour tsan-gcc gcc -fsanitize=thread defer
check_behaviour tsan-clang clang -fsanitize=thread defer

echo "1..$nr"
echo "# $failed of $nr failed"
[ $failed -eq 0 ]
