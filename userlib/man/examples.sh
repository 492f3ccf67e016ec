#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each example in a manual page is a file in examples/, which lib-check compiles
# and runs. The page has it between .EX and .EE, after the line
#
#	.\" Example: NAME.c
#
# This script makes sure that both are the same, or with --update copies the
# files into the pages. The SPDX line stays out of the page. No line of an example
# is longer than 80 columns.
#
# Usage: examples.sh [--update]
set -eu

here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A program as roff source that shows it unchanged, and can be copied from. Tabs
# become spaces, because the tab stops of roff are not those of a terminal.
escape() {
	expand "$1" | sed -e '/SPDX-License-Identifier/d' \
	    -e 's/\\/\\e/g' -e 's/-/\\-/g' -e 's/\^/\\(ha/g' -e 's/~/\\(ti/g' \
	    -e "s/'/\\\\(aq/g" -e 's/`/\\(ga/g' -e 's/^\./\\\&./'
}

# Page $1 with what its examples should be; fails for a marker without a file.
expected() {
	awk -v work="$work" '
		/^\.\\" Example: / { file = work "/" $3 }
		/^\.EE$/ { skip = 0 }
		!skip
		/^\.EX$/ && file != "" {
			while ((got = (getline line < file)) > 0)
				print line
			if (got < 0)
				exit 1
			close(file)
			file = ""
			skip = 1
		}
	' "$1"
}

for example in "$here"/examples/*.c; do
	name=$(basename "$example")
	escape "$example" >"$work/$name"
	if expand "$example" | grep -n '.\{81\}' >&2; then
		echo "$name: longer than 80 columns" >&2
		exit 1
	fi
	if ! grep -qF ".\\\" Example: $name" "$here"/*.[347]; then
		echo "$name: in no page" >&2
		exit 1
	fi
done

status=0
for page in "$here"/*.[347]; do
	expected "$page" >"$work/page"
	cmp -s "$work/page" "$page" && continue
	if [ "${1-}" = --update ]; then
		cat "$work/page" >"$page"
	else
		diff -u "$page" "$work/page" || status=1
	fi
done
exit "$status"
