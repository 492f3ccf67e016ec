#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: kbuild.sh NAME SRCDIR [make arguments]
#
# Runs make -C KDIR M=SRCDIR for the kernel NAME (see kernel.sh; or the path of
# an env file like those that it writes), in that kernel's chroot if it has
# one. Nothing of a calling make's flags or variables is passed on but what
# stands on the command line: V=1 W=1 C=2 CF=... modules clean ... The
# number of jobs is JOBS or the number of CPUs.
#
# In a chroot the repository and SRCDIR appear under their own paths.
# Exit status: make's; 3 usage; 77 this kernel cannot be had here.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Runs in a mount namespace of its own: its mounts end with it.
enter_chroot() {
	local root=$1 ids=$2 dir

	shift 2
	mount --rbind /proc "$root/proc"
	mount -t tmpfs -o mode=1777 codecache "$root/tmp"
	mount --bind /dev/null "$root/dev/null" 2>/dev/null ||
		mount --rbind /dev "$root/dev"
	while [[ $1 != -- ]]; do
		dir=$1
		mkdir -p "$root$dir"
		mount --rbind "$dir" "$root$dir"
		shift
	done
	shift
	exec chroot --userspec="$ids" "$root" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C "$@"
}

if [[ ${1:-} = --enter-chroot ]]; then
	shift
	enter_chroot "$@"
fi
case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
[[ $# -ge 2 ]] || die 3 "which kernel, and which directory? see -h"
name=$1
src=$(realpath -e "$2") || die 3 "$2: no such directory"
shift 2
if [[ $name = */* ]]; then
	env=$name
else
	env=$("$here/kernel.sh" "$name")
fi
CHROOT='' ARCH='' CROSS_COMPILE=''
# shellcheck source=/dev/null
. "$env"

unset MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C
# No BTF, which would need pahole and vmlinux; nor a warning that pahole differs.
pahole=$(sed -n 's/^CONFIG_PAHOLE_VERSION=//p' "$KDIR/include/config/auto.conf")
make=(make --no-print-directory -j"${JOBS:-$(nproc)}" "M=$src"
	CONFIG_DEBUG_INFO_BTF_MODULES= "PAHOLE_VERSION=$pahole" "$@")
# Some of Debian's headers name the cross compiler, without a path.
if [[ -n $ARCH ]]; then
	PATH=${CROSS_COMPILE%/*}:$PATH
	make+=("ARCH=$ARCH" "CROSS_COMPILE=${CROSS_COMPILE##*/}"
		"CC=${CROSS_COMPILE##*/}$GCC")
fi
if [[ -z $CHROOT ]]; then
	exec "${make[@]}" -C "$KDIR"
fi

can_root || die 77 "kernel $name builds in a chroot, which needs root or a sudo without password"
repo=$(realpath "$here/../..")
as_root unshare --mount --propagation private -- \
	bash "$here/kbuild.sh" --enter-chroot "$CHROOT" "$(id -u):$(id -g)" \
	"$repo" "$src" -- "${make[@]}" -C "${KDIR#"$CHROOT"}"
