#!/usr/bin/env bash
# The format of every tracked file: clang-format for C, buildifier for Bazel's. `./dev fmt` mends both.
# Ends on "format: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/support/counts.sh

if command -v clang-format >/dev/null; then
  while read -r file; do
    [ -e "$file" ] && verdict_of "$file" clang-format --dry-run -Werror "$file"
  done < <(git ls-files -- '*.c' '*.h' ':!third_party')
else
  skip clang-format "not installed"
fi

buildifier=out/node/node_modules/.bin/buildifier
if [ -x "$buildifier" ]; then
  # The rules that Bazel 4.2 has built in are global there: nothing to load.
  natives=-native-cc-binary,-native-cc-library,-native-cc-test,-native-sh-binary,-native-sh-test
  while read -r file; do
    [ -e "$file" ] && verdict_of "$file" "$buildifier" -mode=check -lint=warn -warnings="$natives" "$file"
  done < <(tests/lint/bazel_files.sh)
else
  skip buildifier "not in out/node: see ./dev tools"
fi
finish format
