#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: debug-kernel.sh [NAME]           build it, print its env file's path
#        debug-kernel.sh NAME --config    only configure it; print that
#
# Compiles the kernel of Debian bookworm's linux-source-6.12 from tinyconfig and
# the fragments in debug/: base.config (what a guest needs), trim.config (what is
# left out), and for NAME debug, the default, checks.config (KASAN, lockdep and all
# the others), for NAME kcsan kcsan.config (data races). An option that the
# kernel's configuration does not take as it stands there is an error.
#
# The image, and what modules need to be built for it, are put into
# ${CODECACHE_CACHE:-~/.cache/codecache}/kernels/NAME-VERSION-HASH, where HASH is
# that of the fragments and of trusted.pem, a certificate that it trusts; nothing
# is installed. The source is downloaded (150 MB) and removed again (2 GB while it
# compiles). It takes half an hour of processor time, and a minute if ccache has seen
# it. When it is there already, that is all: the archive is asked for a newer version
# at most once a day.
#
# The env file is as kernel.sh has it. JOBS is the number of make's jobs.
# Exit status: 0; 1 failure; 3 usage; 77: the archive cannot be reached.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

package=linux-source-6.12
gcc="gcc-12"
name=${1:-debug}
current=$cache/kernels/$name-current
work=$cache/.build-$name	# always the same, for ccache
tree=$work/linux
log=$cache/kernels/$name-build.log
trusted=$here/debug/trusted.pem
# Count up when what is cached, or how, changes.
layout=1
pid=

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || :
	rm -rf --one-file-system "$work"
}

# Replaces the shell that calls it, so that a kill finds make and not its parent.
kernel_make() {
	local cc=$gcc

	! command -v ccache >/dev/null || cc="ccache $gcc"
	exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL LC_ALL=C ARCH=x86_64 \
		CCACHE_DIR="${CCACHE_DIR:-$cache/ccache}" \
		KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=codecache \
		KBUILD_BUILD_HOST=lab make --no-print-directory -C "$tree" \
		CC="$cc" HOSTCC="$cc" "$@"
}

extract() {
	rm -rf --one-file-system "$work"
	mkdir -p "$tree" && chmod 755 "$work" || return 1
	apt_fetch "$work" "$package" || return 1
	say "extracting the source"
	dpkg-deb --fsys-tarfile "$work"/*.deb |
		tar -xO "./usr/src/$package.tar.xz" | xz -dc -T0 |
		tar -x -C "$tree" --strip-components=1 --exclude='*.rst' \
			--exclude='*/drivers/gpu/drm/*.[ch]' || return 1
	grep -v '^#' "$trusted" >"$tree/certs/trusted.pem" || return 1
	rm "$work"/*.deb
	exec 8>&-	# apt is free again
}

# What the fragments ask for and the configuration has not.
missing_options() {
	local line option

	grep -hE '^(# )?CONFIG_' "${fragments[@]}" | while read -r line; do
		if [[ $line = \#* ]]; then
			option=${line#\# } option=${option% is not set}
			! grep "^$option=" "$tree/.config" || :
		else
			grep -qxF "$line" "$tree/.config" || echo "no $line"
		fi
	done
}

configure() {
	local missing

	{
		(kernel_make tinyconfig) &&
			(cd "$tree" && scripts/kconfig/merge_config.sh -m .config "${fragments[@]}") &&
			(kernel_make olddefconfig)
	} >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; return 1; }
	missing=$(missing_options)
	[[ -z $missing ]] ||
		die 1 "the kernel's configuration has not what debug/*.config ask for:
$missing"
}

compile() {
	local status=0

	say "compiling with -j${JOBS:-$(nproc)}; the log is $log"
	kernel_make -j"${JOBS:-$(nproc)}" bzImage modules \
		>>"$log" 2>&1 </dev/null &
	pid=$!
	while sleep 20; kill -0 "$pid" 2>/dev/null; do
		say "$SECONDS s, $(grep -c '^  CC ' "$log") of some 1,300 files"
	done
	wait "$pid" || status=$?
	pid=
	[[ $status = 0 ]] || { tail -n 30 "$log" >&2; return 1; }
}

# The kernel's own script knows what modules need; the compiler is noted as
# Debian's headers note it.
pack() {
	local root=$1

	mkdir -p "$root/boot" "$root/headers" || return 1
	(cd "$tree" && cp arch/x86/boot/bzImage "$root/boot/vmlinuz" &&
		cp System.map .config "$root/boot" &&
		srctree=. SRCARCH=x86 CC=$gcc HOSTCC=$gcc MAKE=make \
			sh scripts/package/install-extmod-build "$root/headers" &&
		cp .config "$root/headers") >>"$log" 2>&1 || return 1
	echo "CC = $gcc" >"$root/headers/.kernelvariables"
}

# The folder of what is kept of a build.
image=root

write_env() {
	cat <<-ENV
		KNAME=$name
		VERSION=$version
		KVER=$(cat "$tree/include/config/kernel.release")
		GCC=$gcc
		KDIR=$final/$image/headers
		VMLINUZ=$final/$image/boot/vmlinuz
		MODULES=
	ENV
}

# It appears whole or not at all.
fill() {
	"$here/deps.sh" debug >&2 || return 1
	say "building the kernel $name, $version"
	extract && configure && compile || return 1
	pack "$work/out/$image" && write_env >"$work/out/env" || return 1
	mv -T "$work/out" "$final" || return 1
	rm -rf --one-file-system "$work"
	say "ready after $SECONDS s: $(du -sh "$final" | cut -f1) in $final"
}

select_version() {
	apt_private bookworm bookworm bookworm-updates bookworm-security || return 1
	version=$(apt_field "$package" Version)
	[[ -n $version ]]
}

print_env() {
	printf '%s/env\n' "$(realpath "$current")"
	exit 0
}

unreachable() {
	[[ $(readlink "$current") = *-$hash ]] ||
		die 1 "no kernel $name of this configuration is cached, and $1"
	say "WARNING: $1; using the cached $(readlink "$current") for the next hour"
	touch -d '-23 hours' "$current/resolved"
	print_env
}

case $name in
-h | --help) usage; exit 0 ;;
debug) checks=checks ;;
kcsan) checks=kcsan ;;
*) die 3 "what is $1? see -h" ;;
esac
[[ $# -le 1 || $2 = --config ]] || die 3 "what is $2? see -h"
fragments=("$here"/debug/{base,"$checks",trim}.config)
hash=$({ echo "$layout"; cat "${fragments[@]}" "$trusted"; } | sha256sum | cut -c 1-12)
mkdir -p "$cache/kernels"
cache_lock "kernel-$name"

if [[ ${2:-} = --config ]]; then
	trap cleanup EXIT
	"$here/deps.sh" debug >&2
	if ! { select_version && extract && configure; }; then
		die 1 "see $log"
	fi
	cat "$tree/.config"
	exit 0
fi
if fresh "$current/resolved" && [[ $(readlink "$current") = *-$hash ]]; then
	print_env
fi
select_version || {
	say "once more, with a new index"
	apt_stale
	select_version
} || unreachable "the archive cannot be reached"
final=$cache/kernels/$name-${version//[~:]/-}-$hash
if [[ ! -e $final/env ]]; then
	trap cleanup EXIT
	trap 'exit 130' INT TERM
	fill || die 1 "no kernel $name; see $log"
fi
touch "$final/resolved"
ln -sfn "${final##*/}" "$current"
print_env
