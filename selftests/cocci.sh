#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: selftests/cocci.sh PATCH OUT    (for lint.sh, several at a time)
#
# One of the kernel's semantic patches on the module: findings as warnings in
# OUT/NAME.cocci.log. Prints NAME when it has run. A patch that has no report mode,
# or wants an OCaml compiler, is left out. What is said of a place that selftests/cocci-allow.txt has, with
# the reason, is left out.

set -euo pipefail
cd "$(dirname "$0")/.."
patch=$1
out=$2
name=$(basename "$patch" .cocci)
log=$out/$name.cocci.log

grep -q '^virtual report' "$patch" && ! grep -q '[:@]ocaml' "$patch" || exit 0
# Its options are said in a comment.
read -ra options < <(sed -n 's|^// Options: *||p' "$patch" | tr '\n' ' ') || true
spatch --very-quiet -D report --cocci-file "$patch" "${options[@]}" --jobs 1 \
	-I kmod -I uapi --dir kmod >"$log.raw" 2>"$log.err" || true
{
	grep -E '^[^ ]+:[0-9]+' "$log.raw" |
		grep -vEf <(sed '/^#/d; /^$/d' selftests/cocci-allow.txt) |
		sed "s/^/warning: $name: /" || true
	grep -iE 'fatal error|exception' "$log.err" | sed "s/^/error: $name: /" || true
} >"$log"
echo "$name"
