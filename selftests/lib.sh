# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts of this folder share: to be sourced, from the top folder.

B=${B:-build}
# shellcheck disable=SC2034
lab=selftests/qemu

# A headline, with the seconds since the script began.
step() {
	printf '== %4d s  %s\n' "$SECONDS" "$*"
}

# quietly LOG COMMAND...: its output goes to LOG, and is shown if it fails.
quietly() {
	local log=$1

	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null && return
	local status=$?
	tail -n 60 "$log"
	return "$status"
}

# What run.sh needs to give a guest the JSON that the demo gc works on, a word a line.
gc_documents() {
	local file

	for file in /usr/share/iso-codes/json/iso_*.json; do
		printf '%s\n' --add "$file:$file"
	done
}
