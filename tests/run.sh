#!/usr/bin/env bash
# All tests: the unit tests under Bazel, JSONTestSuite, then the scenarios from outside with clients nobody here wrote,
# and the faults of Redis.
# Names on the command line: only these files of tests/scenario. Set CONFIG=asan (ubsan, tsan, clang) for another build.
# Each runner ends on a line "NAME: N passed, N failed, N skipped"; the last line has the totals.
set -uo pipefail
cd "$(dirname "$0")/.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
config=${CONFIG:+--config=$CONFIG}
passed=0 failed=0 skipped=0
total() { # name passed failed skipped
  echo "$1: $2 passed, $3 failed, $4 skipped"
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

if [ $# -eq 0 ]; then
  bazel_ test $config --test_summary=short --keep_going //... >out/unit.log 2>&1
  status=$?
  grep -E '^(//|ERROR|FAIL|  )' out/unit.log
  p=$(grep -cE '^//.* PASSED' out/unit.log)
  f=$(grep -cE '^//.* (FAILED|TIMEOUT|NO STATUS)' out/unit.log)
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    tail -40 out/unit.log
    f=1
  fi
  total unit "$p" "$f" 0
fi

# A script of tests/ that ends on a line of its own.
runner() { # name script arguments...
  local name=$1 line
  "${@:2}" 2>&1 | tee "out/$name.log"
  line=$(grep -E "^$name: [0-9]+ passed" "out/$name.log" | tail -1)
  if [ -n "$line" ]; then
    read -r p f s <<<"$(sed -E 's/^[a-z_]+: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped/\1 \2 \3/' <<<"$line")"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  else
    total "$name" 0 1 0
  fi
}

[ $# -ne 0 ] || runner json_suite tests/jsonsuite/run.sh
[ -n "${CONFIG:-}" ] || runner scenario tests/scenario/run.sh "$@"
[ -n "${CONFIG:-}" ] || [ $# -ne 0 ] || runner fault tests/fault/run.sh

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
