#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: kernel.sh NAME     fetch a kernel, print the path of its env file
#        kernel.sh --list   the names, and what is cached for each
#        kernel.sh --prune  remove what newer versions have replaced
#
# NAME is 6.1, 6.12 (Debian bookworm's cloud kernels), 6.12-rt (PREEMPT_RT),
# 6.1-arm64, 6.12-arm64 (likewise, with a cross compiler, see cross.sh), 7 (the one
# in trixie-backports, with a trixie chroot to build modules in; needs root or
# sudo), debug or kcsan (compiled here by debug-kernel.sh, once). Image and headers
# of the others are downloaded and unpacked into
# ${CODECACHE_CACHE:-~/.cache/codecache}/kernels; nothing is installed.
#
# The env file is shell: KNAME, VERSION (the package's), KVER (uname -r), KDIR,
# VMLINUZ, MODULES (lib/modules/KVER); for a chroot CHROOT (KDIR lies in it); for
# another architecture ARCH, CROSS_COMPILE and the LD_LIBRARY_PATH that this needs.
#
# Versions are resolved from the archive's index at most once a day. When the
# archive cannot be reached, the cached kernel is used and a warning given.
# Exit status: 0; 1 failure; 3 usage; 77 this kernel cannot be had here.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

names=(6.1 6.12 6.12-rt 6.1-arm64 6.12-arm64 7 debug kcsan)
tmp=
cleanup() {
	[[ -z $tmp ]] || rm -rf --one-file-system "$tmp" 2>/dev/null ||
		as_root rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT

# Sets apt_dir to an apt that sees this kernel, meta to its package's middle.
select_apt() {
	local apt=bookworm

	case $1 in
	6.1) meta=cloud-amd64 ;;
	6.12) meta=6.12-cloud-amd64 ;;
	6.12-rt) meta=6.12-rt-amd64 ;;
	6.1-arm64) meta=cloud-arm64 apt=bookworm-arm64 ;;
	6.12-arm64) meta=6.12-cloud-arm64 apt=bookworm-arm64 ;;
	7) meta=cloud-amd64; apt_private trixie-backports trixie-backports; return ;;
	esac
	apt_private $apt bookworm bookworm-updates bookworm-security
}

# Sets version, kver and packages from the index.
resolve() {
	local image headers dep

	image=$(apt_depends "linux-image-$meta" | grep -m1 '^linux-image-[0-9]') || return 1
	headers=$(apt_depends "linux-headers-$meta" | grep -m1 '^linux-headers-[0-9]') || return 1
	version=$(apt_field "$image" Version)
	kver=${image#linux-image-}
	[[ $version = "${1%%-*}".* ]] ||
		die 77 "the archive has $kver now, which is no $1 kernel"
	packages=("$image" "$headers")
	for dep in $(apt_depends "$image") $(apt_depends "$headers"); do
		case $dep in
		linux-kbuild-*) packages+=("$dep:amd64") ;; # runs here
		linux-headers-*-common* | linux-modules-*"$kver" | linux-binary-*"$kver" | linux-base-[0-9]*"$kver")
			packages+=("$dep") ;;
		gcc-[0-9]*) gcc=${dep%-for-host} ;;
		linux-compiler-gcc-*-x86) gcc=${dep#linux-compiler-} gcc=${gcc%-x86} ;;
		esac
	done
}

# The packages refer to each other by absolute path: point them at root instead.
fix_paths() {
	local root=$1 final=$2 file

	for file in "$root"/usr/src/linux-headers-*/Makefile "$root"/usr/src/linux-headers-*/.kernelvariables; do
		[[ ! -f $file ]] ||
			sed -i -E "s#(^|[ =])(/usr/(src|lib)/linux-)#\1$final\2#g" "$file"
	done
	find "$root/usr/src" "$root/usr/lib" "$root/lib" -maxdepth 4 -type l \
		-lname '/usr/*' 2>/dev/null |
		while read -r file; do
			ln -sfn "$final$(readlink "$file")" "$file"
		done
}

chroot_ready() {
	"$here/deps.sh" kernel7 >&2 || :
	command -v mmdebstrap >/dev/null ||
		die 77 "no mmdebstrap here, and it cannot be installed"
	can_root || die 77 "a chroot needs root or a sudo without password"
}

# A trixie with just the tools that modules need; no package scripts are run.
make_chroot() {
	local mirror

	mirror=$(apt_mirror '^[a-z]+$')
	say "making a trixie chroot with $gcc (30 s)"
	as_root mmdebstrap --quiet --variant=extract --include="$gcc,make,libelf1t64,dash,coreutils,bash,sed,grep,gawk,perl-base,findutils,diffutils,dpkg" \
		trixie "$1" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >&2 ||
		return 1
	as_root ln -sf gawk "$1/usr/bin/awk"
}

write_env() {
	local root=$1 final=$2 vmlinuz

	vmlinuz=$(cd "$root" && find boot usr/lib/modules lib/modules -name 'vmlinuz*' -type f 2>/dev/null | head -n 1) || :
	[[ -n $vmlinuz ]] || die 1 "no vmlinuz in ${packages[0]}"
	cat <<-ENV
		KNAME=$name
		VERSION=$version
		KVER=$kver
		GCC=$gcc
		KDIR=$final/usr/src/linux-headers-$kver
		VMLINUZ=$final/$vmlinuz
		MODULES=$final/lib/modules/$kver
	ENV
	[[ $name != 7 ]] || echo "CHROOT=$final"
	[[ $name = *-arm64 ]] || return 0
	# Its binutils have shared libraries of their own.
	cat <<-ENV
		ARCH=arm64
		CROSS_COMPILE=$cross
		export LD_LIBRARY_PATH=${cross%/bin/*}/lib/x86_64-linux-gnu
	ENV
}

# unpack DIR ROOT: every package in DIR. Not by dpkg -x, which would replace a
# chroot's links like lib -> usr/lib.
unpack() {
	local deb

	for deb in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			as_root_if_chroot tar -x --keep-directory-symlink -C "$2" ||
			return 1
		rm "$deb"
	done
}

# Fill kernels/NAME-VERSION; it appears whole or not at all. (A caller's ||
# turns set -e off, hence the explicit checks.)
fill() {
	local root

	[[ $name != 7 ]] || chroot_ready
	cleanup
	tmp=$(mktemp -d "$cache/kernels/.tmp-$name.XXXXXX") || return 1
	root=$tmp/root
	chmod 755 "$tmp" && apt_fetch "$tmp" "${packages[@]}" || return 1
	if [[ $name = 7 ]]; then
		make_chroot "$root" || return 1
	else
		mkdir "$root"
	fi
	unpack "$tmp" "$root" || return 1
	[[ $name = 7 ]] || fix_paths "$root" "$final/root" || return 1
	write_env "$root" "$final/root" >"$tmp/env" || return 1
	mv -T "$tmp" "$final" || return 1
	tmp=
}

as_root_if_chroot() {
	if [[ $name = 7 ]]; then as_root "$@"; else "$@"; fi
}

list() {
	local n env

	for n in "${names[@]}"; do
		env=$cache/kernels/$n-current/env
		printf '%-10s %s\n' "$n" "$(sed -n 's/^KVER=//p' "$env" 2>/dev/null || echo '(not cached)')"
	done
}

# Sets final, and fills it unless it is there. cross.sh uses the same apt, which is
# locked from select_apt() on.
obtain() {
	[[ $name != *-arm64 ]] || cross=$("$here/cross.sh") || return 1
	select_apt "$name" && resolve "$name" || return 1
	final=$cache/kernels/$name-${version//[~:]/-}
	[[ -e $final/env ]] || fill
}

prune() {
	local dir

	for dir in "$cache"/kernels/*-*/; do
		dir=${dir%/}
		name=$(sed -n 's/^KNAME=//p' "$dir/env")
		[[ ! -L $dir && ! $dir -ef $cache/kernels/$name-current ]] ||
			continue
		say "removing ${dir##*/}"
		rm -rf --one-file-system "$dir" 2>/dev/null ||
			as_root rm -rf --one-file-system "$dir"
	done
}

unreachable() {
	local status=1

	[[ $name != 7 ]] || status=77
	[[ -e $current/env ]] || die $status "kernel $name is not cached, and $1"
	say "WARNING: $1; using the cached $(readlink "$current") for the next hour"
	touch -d '-23 hours' "$current/resolved"
	printf '%s/env\n' "$(realpath "$current")"
	exit 0
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
--list) list; exit 0 ;;
--prune) prune; exit 0 ;;
6.1 | 6.12 | 6.12-rt | 6.1-arm64 | 6.12-arm64 | 7)
	[[ $# = 1 ]] || die 3 "one name only; see -h" ;;
debug | kcsan) exec "$here/debug-kernel.sh" "$1" ;;
*) die 3 "which kernel? one of: ${names[*]}; see -h" ;;
esac
name=$1
gcc="gcc-12"
cross=
current=$cache/kernels/$name-current
mkdir -p "$cache/kernels"
cache_lock "kernel-$name"

if fresh "$current/resolved"; then
	printf '%s/env\n' "$(realpath "$current")"
	exit 0
fi
obtain || {
	say "once more, with a new index"
	apt_stale
	obtain
} || unreachable "the archive cannot be reached or has no kernel $name"
touch "$final/resolved"
ln -sfn "${final##*/}" "$current"
printf '%s/env\n' "$final"
