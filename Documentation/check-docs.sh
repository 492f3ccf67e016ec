#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: Documentation/check-docs.sh [--update] [LIBCODECACHE.A]    (make docs-check)
#
# Do README and the documents agree with the sources? Prints TAP; exits with 1 if a
# check failed. Programs are linked with the library if it is given, else only
# compiled. With --update the examples are copied into the documents instead.
#
# What it goes by:
#   - A program is shown after a line ".. Example: FILE" and ".. code-block:: c",
#     as it is in FILE but for its SPDX line, indented by a tab.
#   - The text on a structure begins with "NAME``, N bytes" and ends at the next
#     heading, that on an ioctl says "``NAME`` is 0xNUMBER".
#   - Links are `text <file>`__ or `text <file#section>`__; there are no others.

# shellcheck disable=SC2016 # the back quotes are those of reStructuredText

set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL

CC=${CC:-cc}
warnings="-std=c11 -Wall -Wextra -Werror"
uapi=(uapi/linux/*.h)
reference=(Documentation/uapi.rst Documentation/uapi-reclaim.rst)
documents=(README Documentation/*.rst)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nr=0
failed=0

# check NAME COMMAND...: passed if the command succeeds and prints nothing.
check() {
	local name=$1 status=0

	shift
	nr=$((nr + 1))
	"$@" >"$work/said" 2>&1 || status=$?
	if [[ $status = 0 && ! -s $work/said ]]; then
		echo "ok $nr - $name"
	else
		sed 's/^/# /' "$work/said"
		echo "not ok $nr - $name"
		failed=$((failed + 1))
	fi
}

# ---- examples --------------------------------------------------------------------

# The document with its examples as their files are now.
with_examples() {
	awk '
		skip && /^[^ \t]/ { skip = 0; print "" }
		skip { next }
		{ print }
		/^\.\. Example: / { file = $3; next }
		file != "" && /^\.\. code-block:: c$/ {
			print ""
			while ((got = (getline line < file)) > 0)
				if (line !~ /SPDX-License-Identifier/)
					print line == "" ? "" : "\t" line
			if (got < 0) {
				print FILENAME ": no " file > "/dev/stderr"
				exit 1
			}
			close(file)
			skip = 1
		}
		{ file = "" }
	' "$1"
}

update_examples() {
	local doc

	for doc in "${documents[@]}"; do
		with_examples "$doc" >"$work/doc"
		cmp -s "$work/doc" "$doc" || cat "$work/doc" >"$doc"
	done
}

examples_are_their_files() {
	with_examples "$1" >"$work/doc" && diff -u "$1" "$work/doc"
}

shown_examples() {
	sed -n 's/^\.\. Example: //p' "${documents[@]}" | sort -u
}

# Every C program in the documents has a file, and every file is in a document.
examples_are_all_marked() {
	local file

	awk '
		FNR == 1 { marked = 0 }
		/^\.\. (code|code-block|sourcecode):: c$/ {
			if (!marked)
				print FILENAME ":" FNR ": which file is this?"
			program = 1
		}
		/^[^ \t]/ && !/^\.\. code-block/ { program = 0 }
		/^[ \t]+#include/ && !program {
			print FILENAME ":" FNR ": a program that is no code-block"
		}
		{ marked = /^\.\. Example: / }
	' "${documents[@]}"
	for file in Documentation/examples/*.c; do
		grep -qxF ".. Example: $file" "${documents[@]}" || echo "$file is shown nowhere"
	done
}

compiles() {
	local library=${2:-}

	if [[ -n $library ]]; then
		# shellcheck disable=SC2086 # flags
		$CC $warnings -Iuapi -Iuserlib/include -pthread -o "$work/program" "$1" \
			"$library"
	else
		# shellcheck disable=SC2086 # flags
		$CC $warnings -Iuapi -Iuserlib/include -fsyntax-only "$1"
	fi
}

# ---- what the sources have is documented ------------------------------------------

# all_in WHAT FILE...: each word on stdin is in one of the files, as a word.
all_in() {
	local what=$1 word

	shift
	while read -r word; do
		cat "$@" | grep -wF -- "$word" >/dev/null || echo "$* lacks the $what $word"
	done
}

uapi_macros() {
	grep -hoE '^(#define[[:space:]]+|[[:space:]]+)CODECACHE_[A-Z0-9_]+' "${uapi[@]}" |
		grep -oE 'CODECACHE_[A-Z0-9_]+' | sort -u
}

uapi_enums() {
	sed -n 's/^enum \(codecache_[a-z_]*\) {/\1/p' "${uapi[@]}"
}

# Lines "STRUCT MEMBER".
uapi_members() {
	awk '
		/^struct codecache_.* \{/ { struct = $2 }
		/^}/ { struct = "" }
		struct != "" && /;$/ { sub(/(\[[0-9]+\])?;/, ""); print struct, $NF }
	' "${uapi[@]}"
}

# A section of the reference, with the heading of the next one.
section() {
	awk -v name="$1" '
		/^=+$/ { on = (last == name) }
		on
		{ last = $0 }
	' "${reference[@]}"
}

# The text on a structure.
about() {
	awk -v name="$1" '
		index($0, name "``, ") && /``, [0-9]+ bytes/ { on = 1 }
		/^(=+|-+)$/ { on = 0 }
		on
	' "${reference[@]}"
}

members_are_documented() {
	local struct member

	while read -r struct member; do
		about "$struct" >"$work/about"
		[[ -s $work/about ]] || echo "no text on struct $struct"
		grep -qF "\`\`$member\`\`" "$work/about" || echo "no text on $struct.$member"
	done < <(uapi_members)
}

# What the reference says about sizes and numbers, as assertions.
numbers_are_true() {
	{
		echo '#include <linux/codecache.h>'
		grep -hoE 'codecache_[a-z_]+``, [0-9]+ bytes' "${reference[@]}" |
			sed -E 's/(.*)``, (.*) bytes/_Static_assert(sizeof(struct \1) == \2, "\1");/'
		grep -hoE '``CODECACHE_[A-Z_]+`` is 0x[0-9a-f]+' "${reference[@]}" |
			sed -E 's/``(.*)`` is (.*)/_Static_assert(\1 == \2, "\1");/'
		grep -hoE '``CODECACHE_[A-Z_]+`` \([0-9]+\)' "${reference[@]}" |
			sed -E 's/``(.*)`` (.*)/_Static_assert(\1 == \2, "\1");/'
	} >"$work/numbers.c"
	[[ $(grep -c sizeof "$work/numbers.c") -ge $(uapi_members | cut -d' ' -f1 | sort -u | wc -l) ]] ||
		echo "a structure has no size"
	[[ $(grep -c '== 0x' "$work/numbers.c") -ge $(uapi_macros | grep -c '_IOC_[A-LN-Z]') ]] ||
		echo "an ioctl has no number"
	$CC -std=c11 -Iuapi -fsyntax-only "$work/numbers.c"
}

# Lines "NAME MODE".
parameters() {
	tr '\n' ' ' <<<"$(cat kmod/*.c)" |
		grep -oE 'module_param(_named)?\([^)]*\)' |
		sed -E 's/.*\(([a-z_]+),.*[ ,](0[0-7]+)\)/\1 \2/'
}

parameters_are_documented() {
	local name mode

	while read -r name mode; do
		case $name in
		test_*) all_in parameter Documentation/testing.rst <<<"$name" ;;
		*) grep -qE "^\`\`$name\`\` +$mode " "${reference[@]}" ||
			echo "${reference[*]} lacks the parameter $name, mode $mode" ;;
		esac
	done < <(parameters)
}

tracepoints() {
	sed -nE 's/^(TRACE_EVENT\(|DEFINE_EVENT\([a-z_]+, )(codecache_[a-z_]+),$/\2/p' kmod/trace.h
}

tracepoints_are_documented() {
	tracepoints | all_in tracepoint "${reference[@]}"
	sed -nE 's/.*__field\([^,]*, ([a-z_]+)\).*/``\1``/p' kmod/trace.h | sort -u |
		while read -r field; do
			section Tracepoints | grep -F "$field" >/dev/null ||
				echo "no text on the tracepoints' field $field"
		done
}

debugfs_is_documented() {
	cat kmod/debugfs.c kmod/stats.c >"$work/seq"
	sed -nE 's/.*debugfs_create_file\("([a-z_]+)".*/\1/p' kmod/debugfs.c |
		all_in file "${reference[@]}"
	sed -nE 's/.*codecache_debugfs_dir\("([a-z]+)".*/\1-ID/p' kmod/debugfs.c |
		all_in folder "${reference[@]}"
	sed -nE 's/.*seq_printf\(m, "([a-z_]+):.*/\1/p' "$work/seq" | sort -u |
		while read -r name; do
			{ section fdinfo && section debugfs; } |
				grep -F "\`\`$name\`\`" >/dev/null || echo "no text on the line $name"
		done
}

errors_are_documented() {
	grep -hoE '\bE[A-Z0-9]{3,}\b' "${uapi[@]}" | grep -vE '^(EXEC|EVENT)$' | sort -u |
		sed 's/.*/``&``/' |
		while read -r error; do
			grep -qF "$error" "${reference[@]}" || echo "no text on $error"
		done
}

tests_are_documented() {
	local test

	for test in selftests/*_test.c selftests/unit/*_test.c; do
		[[ -e $test && $test != */cc_test.c ]] || continue
		basename "$test" .c
	done | all_in test Documentation/testing.rst
}

# Lines of the module of which testing.rst says why they do not run.
uncovered_lines_exist() {
	awk -f selftests/uncovered.awk Documentation/testing.rst kmod/*.c || true
}

# git knows what belongs to the tree. Without it there is nothing to compare with.
top_level_is_documented() {
	git ls-files 2>/dev/null |
		sed 's|/.*|/|' | sort -u | grep -v '^\.' |
		while read -r entry; do
			grep -qF "\`\`$entry\`\`" README || [[ $entry = README ]] ||
				echo "README lacks $entry"
		done
}

# ---- what the documents name exists -------------------------------------------------

# mentioned REGEX: what matches in the documents, each once.
mentioned() {
	cat "${documents[@]}" | grep -oP "$1" | sort -u
}

names_exist() {
	local name

	find Kbuild Makefile kmod uapi userlib selftests -type f -exec cat {} + >"$work/sources"
	for name in $(mentioned '\bCODECACHE_[A-Z0-9_]+|(?<![\w-])codecache_[a-z0-9_]+|\btest_[a-z_]+\b'); do
		case $name in
		*_) grep -qF -- "$name" "$work/sources" ;;
		*) grep -qwF -- "$name" "$work/sources" ;;
		esac || echo "no source has $name"
	done
}

parameters_exist() {
	local name

	parameters | cut -d' ' -f1 >"$work/names"
	for name in $(mentioned '^``\K(test_\w+(?=`` +\w)|(device_mode|\w*max_\w+)(?=`` +0\d))' |
		grep -v '^out_'); do
		grep -qxF "$name" "$work/names" || echo "no parameter is called $name"
	done
}

tracepoints_exist() {
	tracepoints | sort >"$work/names"
	section Tracepoints | sed -n 's/^``\(codecache_[a-z_]*\)``.*/\1/p' | sort | comm -23 - "$work/names" | sed 's/^/no tracepoint is called /'
}

debugfs_exists() {
	section debugfs | sed -n 's/^``\([^`]*\)``.*/\1/p' | sed 's|.*/||' |
		while read -r name; do
			grep -qF "debugfs_create_file(\"$name\"" kmod/debugfs.c ||
				echo "debugfs has no file $name"
		done
}

members_exist() {
	uapi_members | sed 's/.* //' | sort -u >"$work/names"
	sed -sn '/^CODECACHE_IOC_[A-Z_]*$/,/^\(Signals\|With the library\)$/p' "${reference[@]}" |
		grep -oE '``out_[a-z_]+``' |
		tr -d '`' | sort -u | comm -23 - "$work/names" | sed 's/^/no structure has /'
}

tests_exist() {
	local name

	for name in $(mentioned '``\K\w+_test(?=``)'); do
		[[ -e selftests/$name.c || -e selftests/unit/$name.c ]] ||
			echo "no test is called $name"
	done
}

files_exist() {
	local name

	for name in $(mentioned '(?<![\w/.-])(kmod|uapi|userlib|selftests|Documentation)/[\w./*-]*\w'); do
		compgen -G "$name" >/dev/null || echo "no file $name"
	done
	for name in $(mentioned '\bcodecache\w*\([347]\)'); do
		[[ -e userlib/man/$(tr '(' '.' <<<"${name%)}") ]] || echo "no page $name"
	done
}

# Commands in the text, and lines of shell.
make_commands() {
	cat "${documents[@]}" | grep -oP '(``|^\t(sudo )?)\Kmake( [^`]*)' | sed 's/#.*//'
}

targets_exist() {
	make -qp 2>/dev/null | sed -n 's/^\([a-z][A-Za-z0-9_.-]*\):.*/\1/p' | sort -u >"$work/names"
	make_commands | tr ' ' '\n' | grep -vE '^$|^make$|[=$]|^-' | sort -u |
		comm -23 - "$work/names" | sed 's/^/make has no target /'
}

# ---- form ----------------------------------------------------------------------------

parses() {
	local html

	html=$work/html/$1.html
	mkdir -p "${html%/*}"
	"$rst2html" --report=1 --halt=5 --syntax-highlight=none "$1" "$html"
}

# Each link leads to a file, and to a section of it.
links_resolve() {
	local target file section

	while read -r target; do
		file=${target%%#*}
		section=
		[[ $target != *'#'* ]] || section=${target#*#}
		file=${file:+$(dirname "$1")/}${file:-$1}
		file=${file#./}
		[[ -e $file ]] || echo "$1: no file $target"
		[[ -z $section ]] || grep -qE "(id|name)=\"$section\"" "$work/html/$(realpath \
			--relative-to=. "$file").html" || echo "$1: no section $target"
	done < <(grep -oP '`[^`]*<\K[^>`]+(?=>`__)' "$1")
}

all_are_reached() {
	local doc

	for doc in Documentation/*.rst; do
		grep -qF "<${doc#*/}>" Documentation/index.rst || [[ $doc = */index.rst ]] ||
			echo "index.rst does not lead to $doc"
		grep -qF "<$doc>" README || echo "README does not lead to $doc"
	done
}

names_no_machine() {
	grep -nE '(^|[^A-Za-z0-9_.$~{}])/(home|root|work|tmp|mnt|opt|srv)(/|\b)|[a-z]://|TODO|FIXME|XXX' \
		"${documents[@]}" Documentation/examples/*.c || true
}

has_licences() {
	grep -L 'SPDX-License-Identifier' "${documents[@]}" Documentation/*.mk Documentation/*.sh \
		Documentation/examples/*.c || true
}

# ---- all of it -----------------------------------------------------------------------

if [[ ${1:-} = --update ]]; then
	update_examples
	exit 0
fi
rst2html=$(command -v rst2html || command -v rst2html.py || true)

echo "TAP version 13"
for doc in "${documents[@]}"; do
	check "$doc: examples are as their files are" examples_are_their_files "$doc"
done
check "every program that is shown has a file, and the other way round" examples_are_all_marked
for example in $(shown_examples); do
	check "$example compiles" compiles "$example" "${1:-}"
done

check "macros and constants are documented" all_in name "${reference[@]}" < <(uapi_macros)
check "enumerations are documented" all_in enum "${reference[@]}" < <(uapi_enums)
check "members of structures are documented" members_are_documented
check "sizes and numbers are true" numbers_are_true
check "errors are documented" errors_are_documented
check "module parameters are documented" parameters_are_documented
check "tracepoints are documented" tracepoints_are_documented
check "debugfs and fdinfo are documented" debugfs_is_documented
check "tests are documented" tests_are_documented
check "the top level is documented" top_level_is_documented

check "names exist" names_exist
check "members exist" members_exist
check "module parameters exist" parameters_exist
check "tracepoints exist" tracepoints_exist
check "debugfs files exist" debugfs_exists
check "tests exist" tests_exist
check "lines that do not run exist" uncovered_lines_exist
check "files and manual pages exist" files_exist
check "targets of make exist" targets_exist

for doc in "${documents[@]}"; do
	if [[ -n $rst2html ]]; then
		check "$doc parses" parses "$doc"
	else
		nr=$((nr + 1))
		echo "ok $nr - $doc parses # SKIP no rst2html (package python3-docutils)"
	fi
done
if [[ -n $rst2html ]]; then
	for doc in "${documents[@]}"; do
		check "$doc: links lead somewhere" links_resolve "$doc"
	done
fi
check "every document can be reached" all_are_reached
check "no document names a machine" names_no_machine
check "every file has a licence" has_licences

echo "1..$nr"
[[ $failed = 0 ]]
