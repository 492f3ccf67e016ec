#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: initramfs.sh OUTPUT BUILDDIR PLAN [SRC[:DST]]...
#
# Makes an initramfs of init (compiled once into BUILDDIR), the plan, the bad
# patterns and the files; DST is /bin/NAME unless given. Executables
# are stripped, modules of debug sections only; what a dynamic program loads
# comes along at its own path. Uncompressed: unpacking takes longer than copying.
# CROSS_COMPILE in the environment is for files of another architecture.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

tmp=
trap '[[ -z $tmp ]] || rm -rf "$tmp"' EXIT

# Also brings the loader and the libraries of a dynamic program.
add_libraries() {
	local lib

	readelf -lW "$1" | grep -q ' INTERP ' || return 0
	ldd "$1" | grep -oE '/[^ ]+' | sort -u | while read -r lib; do
		install -D -m 755 "$(realpath "$lib")" "$tmp$lib"
	done
}

add() {
	local src=${1%%:*} dst=

	[[ $1 != *:* ]] || dst=${1#*:}
	dst=$tmp${dst:-/bin/${src##*/}}
	[[ -f $src ]] || die 3 "$src: no such file"
	[[ ! -e $dst ]] || die 3 "two files would become ${dst#"$tmp"}"
	install -D -m 755 "$src" "$dst"
	[[ $(head -c 4 "$src" | tr -d '\0') = $'\x7fELF' ]] || return 0
	case $src in
	*.ko) "$strip" --strip-debug "$dst" ;;
	*)
		"$strip" "$dst"
		add_libraries "$src"
		;;
	esac
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
[[ $# -ge 3 ]] || die 3 "see -h"
cc=${CC:-${CROSS_COMPILE:-}gcc} strip=${CROSS_COMPILE:-}strip
need_tool "$cc" "$strip" readelf cpio
output=$(realpath "$1")
mkdir -p "$2"
build=$(realpath "$2")
plan=$3
shift 3

compile_own "$build/init" "$cc"
tmp=$(mktemp -d "$build/.initramfs.XXXXXX")
chmod 755 "$tmp"
mkdir "$tmp"/{dev,proc,sys,tmp,run,bin}
install -m 755 "$build/init" "$tmp/init"
install -m 644 "$plan" "$tmp/plan"
install -m 644 "$here"/dmesg-{bad,allow}.txt "$tmp"
for file; do
	add "$file"
done
# The same input gives the same bytes: an --icount boot counts on that.
find "$tmp" -exec touch -h -d @0 {} +
(cd "$tmp" && find . -print0 | LC_ALL=C sort -z |
	cpio --quiet --null --create --format=newc --owner=0:0 --reproducible) >"$output"
