#!/usr/bin/env bash
# Benchmarks against peers, as ratios in one run; needs what `./dev bench` installs. ROUNDS=5 sets how often each pair runs.
set -euo pipefail
cd "$(dirname "$0")/../.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
bazel_ build --config=opt //server/grpc/bench:echo_server //storage/sqlite:bench //tests/bench/fanout >&2
bin=$(bazel_ info --config=opt bazel-bin 2>/dev/null)
mkdir -p out/stubs
protoc -Iproto -I/usr/include --python_out=out/stubs $(cd proto && ls jobgate/v1/*.proto)
/usr/bin/python3 tests/bench/bench.py "$bin/server/grpc/bench/echo_server" "$bin/storage/sqlite/bench"
/usr/bin/python3 tests/bench/fanout.py "$bin/tests/bench/fanout/fanout"
