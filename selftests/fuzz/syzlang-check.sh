#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/fuzz/syzlang-check.sh [DESCRIPTION]
#
# Is the description for syzkaller what the uapi headers say? Every ioctl, every
# structure with every member at its offset and of its size, every flag: TAP on stdout.

set -euo pipefail
cd "$(dirname "$0")/../.."
description=${1:-selftests/fuzz/codecache.txt}
headers=(uapi/linux/codecache*.h)
CC=${CC:-cc}
n=0
failed=0

# report WHAT: passed if nothing comes in on stdin.
report() {
	n=$((n + 1))
	if sed 's/^/# /' | grep .; then
		echo "not ok $n - $1"
		failed=1
	else
		echo "ok $n - $1"
	fi
}

# The names on stdin that the description has not.
missing() {
	sort -u | while read -r name; do
		grep -qw "$name" "$description" || echo "$name is not described"
	done
}

# Structures of the description as C, to be compared by the compiler. What follows
# "_args" in a name tells variants of one structure apart.
as_c() {
	awk '
	function width(type) {
		if (type ~ /^ptr64|^codecache_cookie/) return "__aligned_u64"
		if (type ~ /^fd_/) return "__s32"
		if (type ~ /^codecache_slot/) return "__u32"
		match(type, /int(8|16|32|64)/)
		type = substr(type, RSTART + 3, RLENGTH - 3)
		return type == 64 ? "__aligned_u64" : "__u" type
	}
	/^codecache_[a-z_]* \{$/ {
		name = $1; of = name
		sub(/_args_.*/, "_args", of)
		print "struct syz_" name " {"
		checks = "_Static_assert(sizeof(struct syz_" name ") == sizeof(struct " \
			 of "), \"" name ": size\");\n"
		inside = 1
		next
	}
	inside && /^\}/ { print "};\n" checks; inside = 0 }
	inside {
		member = $1; type = $0
		sub(/^[\t ]*[a-z_]+[\t ]+/, "", type)
		dim = ""
		if (match(type, /^array\[int8, [0-9]+/))
			dim = "[" substr(type, 13, RLENGTH - 12) "]"
		print "\t" width(type) " " member dim ";"
		checks = checks "_Static_assert(offsetof(struct syz_" name ", " member \
			 ") == offsetof(struct " of ", " member ") && sizeof(((struct syz_" \
			 name " *)0)->" member ") == sizeof(((struct " of " *)0)->" member \
			 "), \"" name "." member "\");\n"
	}
	' "$description"
}

ioctls() {
	grep -hoE '^#define CODECACHE_IOC_[A-Z_]+' "${headers[@]}" | awk '{ print $2 }' |
		grep -v MAGIC
}

# But for those that are read in shared memory.
structs() {
	grep -hoE '^struct codecache_[a-z_]+ \{' "${headers[@]}" | awk '{ print $2 }' |
		grep -vE '_(control|reader_slot|log_ring|log_entry)$'
}

# But for those that only the kernel sets.
flags() {
	grep -hoE '^#define CODECACHE_[A-Z]+_(F|EVENT)_[A-Z_]+' "${headers[@]}" |
		awk '{ print $2 }' | grep -v '^CODECACHE_EVENT_F_'
}

unequal() {
	{ printf '#include <stddef.h>\n#include <linux/codecache.h>\n'; as_c; } |
		{ "$CC" -std=gnu11 -Iuapi -fsyntax-only -x c - 2>&1 || true; } |
		grep error || true
}

unknown() {
	grep -oE '\[CODECACHE_IOC_[A-Z_]+' "$description" | tr -d '[' | sort -u |
		while read -r name; do
			grep -qwh "$name" "${headers[@]}" || echo "$name is in no header"
		done
}

report "every ioctl is described" < <(ioctls | missing)
report "every structure is described" < <(structs | missing)
report "every flag is described" < <(flags | missing)
report "sizes and offsets are those of the headers" < <(unequal)
report "nothing is described that is not there" < <(unknown)
echo "1..$n"
exit "$failed"
