#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: cross.sh     fetch a cross compiler for arm64, print its CROSS_COMPILE
#
# Debian bookworm's gcc-12 for arm64 with binutils and C library, unpacked into
# ${CODECACHE_CACHE:-~/.cache/codecache}/cross-arm64-VERSION. They are not
# installed: beside gcc-multilib, which the tests of 32-bit programs want, dpkg
# refuses them. A newer version is looked for only when the cache has none.
#
# Exit status: 0; 1 failure; 3 usage.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

triplet=aarch64-linux-gnu
packages=("gcc-12-$triplet:amd64" "cpp-12-$triplet:amd64" "binutils-$triplet:amd64"
	libgcc-12-dev-arm64-cross libgcc-s1-arm64-cross libatomic1-arm64-cross
	libc6-arm64-cross libc6-dev-arm64-cross linux-libc-dev-arm64-cross)
current=$cache/cross-arm64-current
tmp=
cleanup() {
	[[ -z $tmp ]] || rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT

print() {
	printf '%s/usr/bin/%s-\n' "$(realpath "$current")" "$triplet"
	exit 0
}

# It appears whole or not at all.
fill() {
	local deb

	cleanup
	tmp=$(mktemp -d "$cache/.tmp-cross.XXXXXX") || return 1
	chmod 755 "$tmp" && apt_fetch "$tmp" "${packages[@]}" || return 1
	for deb in "$tmp"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$tmp" --exclude='./usr/share' || return 1
		rm "$deb"
	done
	# The C library's linker scripts have absolute paths.
	sed -i -E "s#/usr/$triplet/lib/##g" \
		"$tmp/usr/$triplet/lib/libc.so" || return 1
	ln -s "$triplet-gcc-12" "$tmp/usr/bin/$triplet-gcc" || return 1
	mv -T "$tmp" "$final" || return 1
	tmp=
}

# Sets final, and fills it unless it is there.
obtain() {
	local version

	apt_private bookworm-arm64 bookworm bookworm-updates bookworm-security &&
		version=$(apt_field "${packages[0]}" Version) && [[ -n $version ]] ||
		return 1
	final=$cache/cross-arm64-${version//[~:]/-}
	[[ -e $final ]] || fill
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
?*) die 3 "no argument is taken; see -h" ;;
esac
need_tool apt-get dpkg-deb flock
cache_lock cross
[[ ! -e $current/usr ]] || print
obtain || {
	say "once more, with a new index"
	apt_stale
	obtain
} || die 1 "the archive cannot be reached or has no ${packages[0]}"
ln -sfn "${final##*/}" "$current"
print
