#!/usr/bin/env bash
# The layers, proven on the build graph: server -> bridge -> services -> {storage, cache} -> proto -> base.
# No path may lead from a layer to one above it, or sideways between storage and cache. Also: only server/grpc includes gRPC,
# only the engine includes its library, and no header is included from outside its layer by a way around Bazel.
# Ends on "layers: N passed, N failed, 0 skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
passed=0 failed=0
verdict() { # name, output that must be empty
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL $1"
    head -5 <<<"$2"
  fi
}

no_path() { # from, to...
  local from=$1 to
  shift
  for to in "$@"; do
    if ! out=$(bazel_ query --noshow_progress "somepath(//$from/..., //$to/...)" 2>out/layers.err); then
      out=$(cat out/layers.err)
    fi
    verdict "$from must not reach $to" "$out"
  done
}
no_path base proto storage cache services bridge server
no_path proto storage cache services bridge server
no_path storage cache services bridge server
no_path cache storage services bridge server
no_path services bridge server
no_path bridge server

includes() { # pattern, allowed folders (regular expression)
  git grep -nE "^#include <($1)" -- '*.c' '*.h' | grep -vE "^($2)/" || true
}
verdict "only server/grpc includes gRPC" "$(includes 'grpc/' 'server/grpc')"
verdict "only storage/sqlite includes SQLite" "$(includes 'sqlite3' 'storage/sqlite|tests')"
verdict "only cache/redis includes hiredis" "$(includes 'hiredis/' 'cache/redis')"
verdict "only bridge/http and server include libuv" "$(includes 'uv\.h' 'bridge/http|server')"
verdict "only bridge/http includes llhttp" "$(includes 'llhttp' 'bridge/http')"
verdict "no malloc outside base" \
  "$(git grep -nE '\b(malloc|calloc|realloc|free|strdup)\(' -- '*.c' ':!base' ':!*_test.c' ':!proto/schema/plugin*' | grep -vE 'jg_|//|\*' || true)"

for header in $(git ls-files '*.h'); do
  if ! bazel_bin=${bazel_bin:-$(bazel_ info bazel-bin 2>/dev/null)}; then
    break
  fi
  out=$(gcc -std=c17 -D_GNU_SOURCE -I. -I"$bazel_bin" -I"$bazel_bin/proto" -fsyntax-only -x c "$header" 2>&1)
  verdict "$header compiles alone" "$out"
done
echo "layers: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
