#!/usr/bin/env bash
# Every check that reads the source and runs nothing of it: clang-tidy, banned calls, the .proto files, shell, portability.
# Ends on "lint: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
mkdir -p out
. tests/support/counts.sh

count_of tests/lint/shell.sh
count_of tests/lint/portable.sh --self-test
count_of tests/lint/portable.sh
count_of tests/layers/banned_calls.sh --self-test
count_of tests/layers/banned_calls.sh
buf=out/node/node_modules/.bin/buf
if [ -x "$buf" ]; then
  # What is promised: the last release; before the first one, what stood a day ago (a change may still mend what it adds).
  base=$(git describe --tags --abbrev=0 2>/dev/null || git rev-list -1 --before='1 day ago' HEAD)
  [ -n "$base" ] || base=$(git rev-list --max-parents=0 HEAD | tail -1)
  count_of tests/proto/buf_lint.sh "$buf" "$base"
else
  skip buf_lint "not in out/node: see ./dev tools"
fi
count_of tests/lint/tidy.sh
finish lint
