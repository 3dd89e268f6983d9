#!/usr/bin/env bash
# buf lint over proto/, and buf breaking (rules of proto/buf.yaml) against proto/ at a git ref, if that ref has it.
# usage: buf_lint.sh BUF [REF]     BUF: path of a buf binary (npm's @bufbuild/buf carries one)
# Needs no network. Ends on "buf_lint: N passed, N failed, N skipped".
set -uo pipefail
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: buf_lint.sh BUF [REF]" >&2
  exit 2
fi
buf=$(realpath "$1")
if [ ! -f "$buf" ] || [ ! -x "$buf" ]; then
  echo "no program: $1" >&2
  exit 2
fi
ref=${2:-}
cd "$(dirname "$0")/../.."
passed=0 failed=0 skipped=0
verdict() { # name, status
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $1"
  fi
}

"$buf" lint proto
verdict lint $?

if [ -z "$ref" ]; then
  skipped=1
elif ! git rev-parse --quiet --verify "$ref^{commit}" >/dev/null; then
  echo "no such ref: $ref"
  verdict breaking 1
elif ! git cat-file -e "$ref:proto" 2>/dev/null; then
  echo "$ref has no proto/: nothing to break"
  skipped=1
else
  before=$(mktemp -d)
  trap 'rm -rf "$before"' EXIT
  git archive "$ref" proto | tar -x -C "$before" && "$buf" breaking proto --against "$before/proto"
  verdict breaking $?
fi
echo "buf_lint: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
