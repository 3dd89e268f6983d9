#!/usr/bin/env bash
# Benchmarks against peers and against small records, as ratios in one run; needs what `./dev bench` installs. Arguments: these
# sections only (peers, fanout, scale, cache). ROUNDS=5 sets how often each pair runs; the large record of scale has JOBS=1000000 jobs.
set -euo pipefail
cd "$(dirname "$0")/../.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
[ $# -gt 0 ] || set -- peers fanout scale cache
bin=
programs() { # labels...
  bazel_ build --config=opt "$@" >&2
  bin=$(bazel_ info --config=opt bazel-bin 2>/dev/null)
}
stubs() {
  mkdir -p out/stubs
  protoc -Iproto -I/usr/include --python_out=out/stubs $(cd proto && ls jobgate/v1/*.proto)
}
for section in "$@"; do
  case $section in
    peers)
      programs //server/grpc/bench:echo_server //storage/sqlite:bench
      stubs
      /usr/bin/python3 tests/bench/bench.py "$bin/server/grpc/bench/echo_server" "$bin/storage/sqlite/bench"
      ;;
    fanout)
      programs //tests/bench/fanout
      stubs
      /usr/bin/python3 tests/bench/fanout.py "$bin/tests/bench/fanout/fanout"
      ;;
    scale) /usr/bin/python3 tests/bench/scale.py ;;
    cache) /usr/bin/python3 tests/bench/cache.py ;;
    *)
      echo "no section $section: peers, fanout, scale, cache" >&2
      exit 2
      ;;
  esac
  echo
done
