# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Shared by the scripts of the lab; sourced, never run: messages, the cache
# directory, filling it atomically, and a private apt that leaves the
# system's own lists and configuration alone and needs no root.

me=${0##*/}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=~ # set even where HOME is not
cache=$(realpath -m "${CODECACHE_CACHE:-${XDG_CACHE_HOME:-$home/.cache}/codecache}")
apt_dir=

say() { echo "$me: $*" >&2; }

# die STATUS MESSAGE...
die() {
	local status=$1

	shift
	echo "$me: $*" >&2
	exit "$status"
}

# Print the comment at the head of the calling script as its help text.
usage() {
	sed -n '4,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"
}

need_tool() {
	local tool

	for tool; do
		command -v "$tool" >/dev/null ||
			die 3 "no $tool here: run $here/deps.sh lab"
	done
}

# compile_own DIR/NAME CC: one of the lab's own programs, NAME.c, unless that is done already.
compile_own() {
	local src=$here/${1##*/}.c part

	[[ ! $1 -nt $src ]] || return 0
	part=$(mktemp "${1%/*}/.${1##*/}.XXXXXX")
	"$2" -std=gnu11 -O2 -static -Wall -Wextra "$src" -o "$part" || {
		rm -f "$part"
		die 3 "$src does not compile"
	}
	chmod 755 "$part"
	mv "$part" "$1"
}

# Run a command as root, if that is possible without asking for a password.
as_root() {
	if [[ $(id -u) = 0 ]]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

can_root() {
	[[ $(id -u) = 0 ]] ||
		{ command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Serialise callers that fill the same part of the cache. The lock is
# dropped when the script ends.
cache_lock() {
	mkdir -p "$cache"
	exec 9>"$cache/.lock-$1"
	flock -w 3 9 || { say "waiting for another $me $1"; flock 9; }
}

# fresh FILE: does it exist, and was it written less than a day ago?
fresh() {
	[[ -n $(find "$1" -maxdepth 0 -mmin -1440 2>/dev/null) ]]
}

# The mirror from which the system takes the suite that matches a pattern.
apt_mirror() {
	# shellcheck disable=SC2016 # the $() are apt's
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v re="$1" '$1 ~ re && $2 ~ /debian/ { print $2; exit }'
}

apt_source() {
	local uri=$1 keys=/usr/share/keyrings/debian-archive-keyring.gpg

	shift
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$*"
	[[ ! -e $keys ]] || printf 'Signed-By: %s\n' "$keys"
	printf '\n'
}

# apt_private NAME SUITE...: prepare an apt of our own for these suites, from
# the mirrors that the system uses. Fetches the indexes at most once a day;
# fails if that is due and cannot be done. Holds a lock until the script ends.
# For another architecture, NAME ends with it: packages are then of that one,
# unless their name ends with :amd64.
apt_private() {
	local main security suite arch=amd64

	[[ $1 != *-arm64 ]] || arch=arm64

	apt_dir=$cache/apt/$1
	shift
	mkdir -p "$apt_dir"/{lists/partial,archives/partial}
	exec 8>"$apt_dir/lock"
	flock 8
	main=$(apt_mirror '^([a-z]+|[a-z]+-updates)$')
	security=$(apt_mirror '^[a-z]+[-/](security|updates/security)')
	[[ -n $main ]] || { say "apt knows no Debian mirror"; return 1; }
	for suite; do
		case $suite in
		*-security) [[ -z $security ]] || apt_source "$security" "$suite" ;;
		*) apt_source "$main" "$suite" ;;
		esac
	done >"$apt_dir/debian.sources"
	cat >"$apt_dir/apt.conf" <<-CONF
		Dir::State::lists "$apt_dir/lists";
		Dir::Cache "$apt_dir";
		Dir::Etc::sourcelist "$apt_dir/debian.sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; "amd64"; };
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Acquire::Retries "1";
		Acquire::http::Timeout "15";
		Acquire::https::Timeout "15";
	CONF
	fresh "$apt_dir/updated" && return
	say "fetching the package index of $*"
	apt_do get -qq --error-on=any update >&2 || return 1
	touch "$apt_dir/updated"
}

# Make the next apt_private fetch the indexes again.
apt_stale() {
	rm -f "$apt_dir/updated"
}

# apt_do get|cache ARGS...: apt-get or apt-cache with that configuration.
apt_do() {
	local tool=$1

	shift
	APT_CONFIG=$apt_dir/apt.conf "apt-$tool" "$@"
}

# apt_field PACKAGE FIELD: one field of its newest version.
apt_field() {
	apt_do cache show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# The real packages of PACKAGE's Depends, one a line, first alternatives only.
apt_depends() {
	apt_field "$1" Depends | tr ',' '\n' | sed 's/^ *//; s/[ |(].*//'
}

# apt_fetch DIR PACKAGE...: download into DIR, signatures checked.
apt_fetch() {
	local dir=$1

	shift
	say "downloading $*"
	(cd "$dir" && apt_do get -qq download "$@" >&2)
}
