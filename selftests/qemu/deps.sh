#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: deps.sh GROUP...   install the Debian packages that are missing
#
#   build     compile the module (for given headers), library and tests
#   lab       fetch kernels and run them in QEMU
#   arm64     the same for arm64 guests; the compiler is cross.sh's business
#   kernel7   make the chroot in which modules for kernel 7 are built
#   debug     compile a debug kernel from Debian's source package
#   model     spin, and a compiler for what it generates
#   bench     what the benchmarks compare with, and what plots them
#   demo      documents that a demo reads
#   lint      sparse, coccinelle, clang-tidy, shellcheck and their like
#
# Silent when nothing is missing. Without root, and without a sudo that asks
# for no password, it prints the command to run instead and exits with 1.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages_of() {
	case $1 in
	build) echo gcc gcc-12 gcc-multilib make binutils libc6-dev libelf-dev libssl-dev pkgconf xz-utils ;;
	lab) echo qemu-system-x86 cpio gcc libc6-dev binutils xz-utils ;;
	arm64) echo qemu-system-arm ;;
	kernel7) echo mmdebstrap debian-archive-keyring ;;
	debug) echo gcc-12 make bc bison flex libelf-dev libssl-dev xz-utils ccache ;;
	model) echo spin gcc libc6-dev ;;
	bench) echo liburcu-dev gnuplot-nox ;;
	demo) echo iso-codes ;;
	lint) echo sparse perl codespell shellcheck make gcc-12 python3-docutils \
		coccinelle clang-tidy pahole abigail-tools mandoc man-db ;;
	*) die 3 "no group $1; see -h" ;;
	esac
}

installed() {
	[[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) = ?i* ]]
}

install_packages() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
		</dev/null >/dev/null
}

update() {
	say "updating apt's lists"
	as_root apt-get update -qq >&2 || {
		sleep 5
		as_root apt-get update -qq >&2
	}
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
'') die 3 "which group? see -h" ;;
esac
missing=()
for group; do
	list=$(packages_of "$group")
	for package in $list; do
		installed "$package" || [[ " ${missing[*]} " = *" $package "* ]] ||
			missing+=("$package")
	done
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

can_root || die 1 "missing packages; as root, run:
  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
say "installing ${missing[*]}"
# Lists that are absent know no package, old ones name files that are gone.
if ! apt-get install -s -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
	update || die 1 "apt-get update failed twice"
	install_packages "${missing[@]}" || die 1 "apt-get install failed"
else
	install_packages "${missing[@]}" || {
		update && install_packages "${missing[@]}"
	} || die 1 "apt-get install failed"
fi
