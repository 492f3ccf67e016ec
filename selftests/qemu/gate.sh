#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Usage: gate.sh LOG...   look for trouble in kernel logs
#
# Prints the lines that match dmesg-bad.txt and not dmesg-allow.txt, as
# LOG:NUMBER:LINE. Exit status: 0 none; 1 some; 3 usage, or a log is missing.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

case ${1:-} in
-h | --help) usage; exit 0 ;;
'') die 3 "which log? see -h" ;;
esac
bad=$(grep -v -e '^#' -e '^$' "$here/dmesg-bad.txt")
allow=$(grep -v -e '^#' -e '^$' "$here/dmesg-allow.txt") || :
status=0
for log; do
	[[ -r $log ]] || die 3 "$log: cannot read it"
	hits=$(grep -anE "$bad" "$log") || [[ $? = 1 ]]
	if [[ -n $hits && -n $allow ]]; then
		hits=$(grep -avE "$allow" <<<"$hits") || [[ $? = 1 ]]
	fi
	[[ -n $hits ]] || continue
	status=1
	printf '%s\n' "$log:${hits//$'\n'/$'\n'$log:}"
done
exit $status
