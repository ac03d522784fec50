#!/usr/bin/env bash
# Everything that CI runs. The last line is `N passed, N failed`; a step that fails before the tests counts as one failure,
# and so does anything that keeps the tests from being counted. `make test` runs it, with the project's Node in PATH.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

step() {
  echo "── make $1"
  make --no-print-directory "$1" </dev/null && return
  echo "── make $1 FAILED"
  failed=$((failed + 1))
  return 1
}

# Without these nothing can be tested.
step install || finish
step tools || finish
step build || finish
# Without this it can, and whoever mends the one wants to know of the other.
step check

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "── vitest run"
# The pipe hides the terminal from vitest.
if [ -t 1 ]; then export FORCE_COLOR=1; else export NO_COLOR=1; fi
vitest run </dev/null 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

if [[ "$(tail -n 1 "$log")" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
  passed=${BASH_REMATCH[1]}
  failed=$((failed + BASH_REMATCH[2]))
  # An error outside of any test.
  if [ "$status" -ne 0 ] && [ "${BASH_REMATCH[2]}" -eq 0 ]; then failed=$((failed + 1)); fi
else
  failed=$((failed + 1))
fi
finish
