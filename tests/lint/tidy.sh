#!/usr/bin/env bash
# clang-tidy by .clang-tidy over every C file, two at a time. A file that passed is not read again until it, a header it
# includes, .clang-tidy or the program changes: out/tidy/ holds one empty file a hash.
# With arguments: these files only. Ends on "tidy: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."

# A test is one process that reads its environment before it has threads: getenv is no danger there.
checks_of() {
  case $1 in
    *_test.c | *_fixture.c | */fixture*.c) echo --checks=-concurrency-mt-unsafe ;;
  esac
}

if [ "${1:-}" = --one ]; then
  file=$2
  log=out/tidy/$(tr / _ <<<"$file").log
  # What the verdict rests on: the text of the file and of all it includes, system and generated headers too.
  dependencies=$(clang -M "${@:3}" "$file" 2>"$log" | sed -e 's/^[^:]*: *//' -e 's/\\$//' | tr -s ' ' '\n' | sed '/^$/d')
  key=$({
    echo "$TIDY_VERSION $(checks_of "$file")"
    xargs -r sha256sum <<<"$dependencies"
  } | sha256sum | cut -d' ' -f1)
  if [ -n "$dependencies" ] && [ -e "out/tidy/$key" ]; then
    touch "out/tidy/$key"
    echo "ok $file"
  elif clang-tidy --quiet $(checks_of "$file") "$file" -- "${@:3}" >"$log" 2>&1; then
    touch "out/tidy/$key"
    echo "ok $file"
  else
    echo "failed $file"
  fi
  exit 0
fi

. tests/support/counts.sh
if ! command -v clang-tidy >/dev/null; then
  skip tidy "no clang-tidy"
  finish tidy
  exit
fi
if ! bin=$(tests/support/generated.sh 2>out/tidy.err); then
  verdict "generated headers" "$(tail -20 out/tidy.err)"
  finish tidy
  exit
fi
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files -- '*.c' ':!third_party')
flags=(-std=c17 -D_GNU_SOURCE -DLLHTTP_STRICT_MODE=1 -I. -isystem "$bin" -isystem "$bin/proto"
  -isystem /usr/share/include -isystem /usr/share/include/llhttp)
mkdir -p out/tidy
find out/tidy -type f -mtime +14 -delete
TIDY_VERSION=$(clang-tidy --version && sha256sum .clang-tidy && printf '%s ' "${flags[@]}")
export TIDY_VERSION
# No argument of ours holds white space, so xargs may cut at it.
for file in "${files[@]}"; do
  [ -e "$file" ] && echo "$file"
done | xargs -P 2 -I '{}' tests/lint/tidy.sh --one '{}' "${flags[@]}" | sort >out/tidy.verdicts
while read -r word file; do
  if [ "$word" = ok ]; then
    verdict "$file" ""
  else
    verdict "$file" "$(grep -hE -A2 '(error|warning):' "out/tidy/$(tr / _ <<<"$file").log" || echo "clang-tidy ended early")"
  fi
done <out/tidy.verdicts
finish tidy
