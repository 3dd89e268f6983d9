#!/usr/bin/env bash
# Fuzzes every target of this folder for MINUTES in total, two at a time. usage: run.sh [MINUTES (1)] [TARGET...]
# What covers something new is kept in out/fuzz/corpus, what fails in out/fuzz/TARGET-crash-...: make a unit test of it and add it
# to corpus/. Ends on "fuzz: N passed, N failed, 0 skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }

if [ "${1:-}" = --one ]; then
  name=$2 seconds=$3
  mkdir -p "out/fuzz/corpus/$name"
  dictionary=tests/fuzz/${name%_fuzz}.dict
  [ -e "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
  if "out/fuzz/$name" ${dictionary:+"$dictionary"} -max_total_time="$seconds" -max_len=16384 -timeout=25 -rss_limit_mb=2048 \
    -artifact_prefix="out/fuzz/$name-" -print_final_stats=1 "out/fuzz/corpus/$name" "tests/fuzz/corpus/$name" \
    >"out/fuzz/$name.log" 2>&1; then
    echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "out/fuzz/$name.log") inputs," \
      "$(grep -oE 'cov: [0-9]+' "out/fuzz/$name.log" | tail -1)"
  else
    echo "FAIL $name"
    grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|RELOAD)' "out/fuzz/$name.log" | tail -40
  fi
  exit 0
fi

. tests/support/counts.sh
minutes=${1:-1}
if ! [[ $minutes =~ ^[0-9]+$ ]] || [ "$minutes" -eq 0 ]; then
  echo "usage: tests/fuzz/run.sh [MINUTES] [TARGET...]" >&2
  exit 2
fi
shift
mkdir -p out/fuzz
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(bazel_ query --noshow_progress 'attr(tags, fuzz, //tests/fuzz:*)' 2>/dev/null | sed 's/.*://')
if ! bazel_ build --config=fuzz "${names[@]/#///tests/fuzz:}" >out/fuzz/build.log 2>&1 || [ ${#names[@]} -eq 0 ]; then
  verdict build "$(tail -30 out/fuzz/build.log)"
  finish fuzz
  exit
fi
bin=$(bazel_ info --config=fuzz bazel-bin 2>/dev/null)
for name in "${names[@]}"; do
  install -m 755 "$bin/tests/fuzz/$name" "out/fuzz/$name"
done
# Two share the time of one after the other.
seconds=$((minutes * 60 * 2 / ${#names[@]}))
[ "$seconds" -le $((minutes * 60)) ] || seconds=$((minutes * 60))
report=$(printf '%s\n' "${names[@]}" | xargs -P 2 -I '{}' tests/fuzz/run.sh --one '{}' "$seconds")
echo "$report"
passed=$(grep -c '^ok ' <<<"$report")
failed=$((${#names[@]} - passed))
finish fuzz
