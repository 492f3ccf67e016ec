# SPDX-License-Identifier: MIT
#
# The counting for tap.sh, which says what counts as what. Takes the variables
# logs (names, one a line) and quiet.

function fail(text, context) {
	failed++; all_failed++
	detail = detail "  FAILED " text "\n" context
}
function skip(text, reason) {
	skipped++; all_skipped++
	sub(/^[: -]+/, "", reason)
	detail = detail "  skipped " text \
		(reason == "" ? " (no reason given)" : ": " reason) "\n"
}
function pass() { passed++; all_passed++ }

function open_run(title) {
	run = title; in_run = 1; tap = 0; plan = -1; results = 0; bailed = 0
	passed = failed = skipped = 0; detail = context = took = ""; nr_context = 0
}

# how: empty if the run ended by itself with this exit status
function close_run(how, status,    skip_status) {
	skip_status = status == 4 || status == 77
	if (how != "")
		fail(how (plan >= 0 ? ", after " results " of " plan " tests" : ""), context)
	else if (plan >= 0 && results != plan)
		fail("ended after " results " of " plan " tests", context)
	else if (tap && plan < 0 && !bailed)
		fail("has results but no plan", "")
	else if (status != 0 && !skip_status && !failed)
		fail("exit status " status, context)
	else if (!tap && skip_status)
		skip(run, last_line)
	else if (!tap && status == 0)
		pass()
	print_run()
}

function print_run() {
	if (!quiet || failed)
		printf "%s: %d passed, %d failed, %d skipped%s\n%s", run, passed, failed, \
			skipped, took, detail
	in_run = 0
}

# A failure outside any run.
function lab_failure(text) {
	if (in_run) { fail(text, ""); return }
	open_run(log_name); fail(text, ""); print_run()
}

# The last lines of diagnostics, for the failure that follows them.
function remember(line) {
	if (++nr_context > 20) sub(/^[^\n]*\n/, "", context)
	context = context "    " line "\n"
}

function result(line,    ok, text, reason) {
	tap = 1; results++
	ok = line !~ /^not/
	text = line
	sub(/^(not )?ok[ \t]*/, "", text)
	if (match(text, /#[ \t]*[Ss][Kk][Ii][Pp]/)) {
		reason = substr(text, RSTART + RLENGTH)
		text = substr(text, 1, RSTART - 1)
		sub(/[ \t]+$/, "", text)
		skip(text, reason)
	} else if (ok || text ~ /#[ \t]*(TODO|XFAIL|todo|xfail)/)
		pass()
	else
		fail(text, context)
	context = ""; nr_context = 0
}

function tap_line(line,    n) {
	if (line ~ /^1\.\.[0-9]+/) {
		n = line; sub(/^1\.\./, "", n); tap = 1; plan = n + 0
		if (plan == 0) {
			if (!sub(/.*[Ss][Kk][Ii][Pp]/, "", n)) n = ""
			skip(run, n)
		}
	} else if (line ~ /^(not )?ok([ \t]|$)/)
		result(line)
	else if (line ~ /^Bail out!/) {
		tap = 1; bailed = 1; fail(line, context)
	} else if (line !~ /^TAP version/ && line != "") {
		remember(line); last_line = line
		sub(/^#[ \t]*([Ss][Kk][Ii][Pp])?/, "", last_line)
	}
}

function lab_line(line,    word, n) {
	guest = 1
	n = split(line, word, " ")
	if (word[2] == "begin") {
		if (in_run) close_run("never ended", 0)
		open_run(word[3]); last_line = ""
	} else if (word[2] == "end" && in_run) {
		if (sub(/^seconds=/, "", word[6])) {
			took = sprintf(", %d s", word[6]); log_took += word[6]
		}
		if (line ~ / timeout$/) close_run("killed at its time limit", 0)
		else if (line !~ / signal=0 /) close_run("killed by " word[5], 0)
		else close_run("", substr(word[4], 6) + 0)
	} else if (word[2] == "fail")
		lab_failure(substr(line, 5))
	else if (word[2] == "dmesg" && !(word[3] in dmesg_of)) {
		dmesg_of[word[3]] = 1 # its further lines belong to the same failure
		lab_failure(substr(line, 5))
	} else if (word[2] == "done")
		done = 1
}

function read_log(    line, status) {
	guest = done = in_run = lines = log_took = 0
	split("", dmesg_of)
	while ((status = (getline line < log_name)) > 0) {
		sub(/\r$/, "", line); lines++
		if (line ~ /^#CC /) lab_line(line)
		else {
			if (!in_run && !guest) open_run(log_name)
			if (in_run) tap_line(line)
		}
	}
	if (log_name !~ /^(-|\/dev\/.*)$/) close(log_name) # mawk crashes else
	if (status < 0) lab_failure("cannot be read")
	else if (!lines) lab_failure("is empty")
	else if (in_run) close_run(guest ? "never ended" : tap ? "" : "has no results", 0)
	if (guest && !done) lab_failure("the guest did not carry out its plan to the end")
	if (guest && !quiet) printf "== all of %s: %d s\n", log_name, log_took
}

BEGIN {
	n_logs = split(logs, name, "\n")
	for (l = 1; l <= n_logs; l++) { log_name = name[l]; read_log() }
	printf "%d passed, %d failed, %d skipped\n", all_passed, all_failed, all_skipped
	exit all_failed > 0
}
