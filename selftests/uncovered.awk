# SPDX-License-Identifier: MIT
#
# Usage: awk -f selftests/uncovered.awk Documentation/testing.rst kmod/*.c [UNCOVERED]
#
# The list of lines that the guest suite does not run, in testing.rst after the comment
# ".. uncovered", against the source: each entry names a function, what lines of it, by
# pieces of their text, and why:
#
#	file.c function(): reason, which may go on
#		| piece of a line
#		| piece of another one
#
# An entry without pieces stands for the whole function. Prints each piece that is not
# in its function, and each line FILE:NUMBER of UNCOVERED that no entry names, with its
# function and text. Exit status 1 if there was any.

function trim(s) {
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}

# The list: a block of lines that are indented by a tab.
FNR == 1 { part = FILENAME ~ /\.rst$/ ? "list" : FILENAME ~ /\.c$/ ? "source" : "lines" }
part == "list" && /^\.\. uncovered/ { inside = 1; next }
part == "list" && inside && /^[^\t]/ && nr { inside = 0 }
part == "list" && inside && match($0, /^\t[a-z]+\.c [a-z_0-9]+\(\): ./) {
	entry = "kmod/" $1 " " substr($2, 1, index($2, "(") - 1)
	listed[entry] = 1
	nr++
}
part == "list" && inside && /^\t\t\| / {
	pieces[entry, ++nr_pieces[entry]] = substr($0, 5)
}

# The source: which line is in which function.
part == "source" && FNR == 1 { function_name = "" }
part == "source" && /^[a-z].*\(/ && !/;[ \t]*$/ {
	function_name = substr($0, 1, index($0, "(") - 1)
	sub(/.*[ *\t]/, "", function_name)
}
part == "source" {
	entry = FILENAME " " function_name
	text[FILENAME ":" FNR] = trim($0)
	at[FILENAME ":" FNR] = entry
	exists[entry] = 1
	for (i = 1; i <= nr_pieces[entry]; i++)
		if (index($0, pieces[entry, i]))
			found[entry, i] = 1
}

part == "lines" {
	entry = at[$0]
	covered_by = entry in listed && !nr_pieces[entry]
	for (i = 1; i <= nr_pieces[entry]; i++)
		if (index(text[$0], pieces[entry, i]))
			covered_by = 1
	if (!covered_by) {
		print "not run, and not in Documentation/testing.rst: " $0 " " \
			substr(entry, index(entry, " ") + 1) "(): " text[$0]
		bad = 1
	}
}

END {
	for (entry in listed) {
		if (!(entry in exists)) {
			print "Documentation/testing.rst: there is no " entry "()"
			bad = 1
		}
		for (i = 1; i <= nr_pieces[entry]; i++) {
			if ((entry, i) in found)
				continue
			print "Documentation/testing.rst: " entry "() has no line " pieces[entry, i]
			bad = 1
		}
	}
	exit bad
}
