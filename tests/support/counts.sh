# Sourced by the checks: counts verdicts. `finish NAME` prints "NAME: N passed, N failed, N skipped" as the last line.
# shellcheck shell=bash
passed=0 failed=0 skipped=0

# verdict NAME FINDINGS: passes if there are none; of many the first few are shown.
verdict() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $1"
    head -20 <<<"$2"
  fi
}

# verdict_of NAME COMMAND...: passes if the command does; its output is shown if not.
verdict_of() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
  else
    verdict "$name" "${output:-exit status not 0}"
  fi
}

# skip NAME WHY: counted and named, never silent.
skip() {
  skipped=$((skipped + 1))
  echo "SKIP $1: $2"
}

# count_of COMMAND...: runs a check that ends on a line of its own and adds its counts. No such line is a failure.
count_of() {
  local output status p f s
  output=$("$@" 2>&1)
  status=$?
  echo "$output"
  if read -r p f s < <(sed -nE '$s/^[a-z_-]+: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' <<<"$output"); then
    [ "$status" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  else
    failed=$((failed + 1))
    echo "FAIL $1: no closing line"
  fi
}

finish() {
  echo "$1: $passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
}
