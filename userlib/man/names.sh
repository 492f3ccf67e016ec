#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The names that a manual page documents, from its NAME section, one a line. The
# first is the page's own; the others become .so links when it is installed.
#
# Usage: names.sh PAGE
set -eu

awk '
	/^\.SH / { in_name = ($2 == "NAME"); next }
	!in_name || /^\./ { next }
	{
		last = sub(/ *\\-.*/, "")
		gsub(/,/, " ")
		for (i = 1; i <= NF; i++)
			print $i
		if (last)
			exit
	}
' "$1"
