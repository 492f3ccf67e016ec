#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: kselftest.sh        print a directory with the kernel's test sources
#
# Fetches Debian bookworm's linux-source-6.12 and keeps of it, laid out as in
# the kernel tree and unmodified, only:
#
#   tools/testing/selftests/{kselftest.h,kselftest_harness.h,lib.mk,...}
#   scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch,kernel-doc,
#   coccinelle/...}
#   tools/lib/rbtree.c and its headers: the red-black trees, for user space
#
# in ${CODECACHE_CACHE:-~/.cache/codecache}/kselftest-LAYOUT-VERSION. A newer
# version is looked for at most once a day; without the archive the cached one
# serves.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

package=linux-source-6.12
# Counts up when more is kept, so that no cache that lacks it serves.
layout=3
current=$cache/kselftest-$layout-current
tmp=
cleanup() {
	[[ -z $tmp ]] || rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT

unreachable() {
	[[ -e $current/.complete ]] || die 1 "nothing is cached, and $1"
	say "WARNING: $1; using the cached $(readlink "$current") for the next hour"
	touch -d '-23 hours' "$current/.complete"
	realpath "$current"
	exit 0
}

fill() {
	local top=linux-source-6.12

	cleanup
	tmp=$(mktemp -d "$cache/.tmp-kselftest.XXXXXX") || return 1
	chmod 755 "$tmp" && apt_fetch "$tmp" "$package" || return 1
	say "extracting test headers, scripts and red-black trees (13 s)"
	dpkg-deb --fsys-tarfile "$tmp"/*.deb |
		tar -xO "./usr/src/$top.tar.xz" | xz -dc -T0 |
		tar -x -C "$tmp" --strip-components=1 --wildcards \
			--no-wildcards-match-slash \
			"$top/COPYING" "$top/.clang-format" \
			"$top/scripts/checkpatch.pl" "$top/scripts/spelling.txt" \
			"$top/scripts/const_structs.checkpatch" \
			"$top/scripts/kernel-doc" "$top/scripts/coccinelle" \
			"$top/Documentation/dev-tools/checkpatch.rst" \
			"$top/tools/include/linux/export.h" \
			"$top/tools/include/linux/rbtree*.h" \
			"$top/tools/lib/rbtree.c" \
			"$top/tools/testing/selftests/*.h" \
			"$top/tools/testing/selftests/*.mk" \
			"$top/tools/testing/selftests/*.sh" \
			"$top/tools/testing/selftests/kselftest" ||
		return 1
	rm "$tmp"/*.deb
	touch "$tmp/.complete" && mv -T "$tmp" "$final" || return 1
	tmp=
}

# Sets final, and fills it unless it is there.
obtain() {
	local version

	apt_private bookworm bookworm bookworm-updates bookworm-security &&
		version=$(apt_field $package Version) && [[ -n $version ]] ||
		return 1
	final=$cache/kselftest-$layout-${version//[~:]/-}
	[[ -e $final/.complete ]] || fill
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
?*) die 3 "no argument is taken; see -h" ;;
esac
need_tool apt-get dpkg-deb xz flock
cache_lock kselftest

if fresh "$current/.complete"; then
	realpath "$current"
	exit 0
fi
obtain || {
	say "once more, with a new index"
	apt_stale
	obtain
} || unreachable "the archive cannot be reached or has no $package"
touch "$final/.complete"
ln -sfn "${final##*/}" "$current"
echo "$final"
