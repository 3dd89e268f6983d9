#!/usr/bin/env bash
# The layers, proven on the build graph: server -> bridge -> services -> {storage, cache} -> proto -> base.
# No path may lead from a layer to one above it, or sideways between storage and cache. Also: only server/grpc includes gRPC,
# only an engine includes its library, sources include only headers of direct deps, each header compiles alone, and all that
# the program exports is named jg_.
# Ends on "layers: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/support/counts.sh
mkdir -p out
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
query() { # arguments of bazel query; its errors where the answer would stand
  bazel_ query --noshow_progress "$@" 2>out/layers.err || cat out/layers.err
}

if ! bazel_ query --noshow_progress 'deps(//...)' >/dev/null 2>out/layers.err; then
  verdict "the build graph loads" "$(sort -u out/layers.err)"
  finish layers
  exit
fi
no_path() { # from, to...
  local from=$1 to
  shift
  for to in "$@"; do
    verdict "$from must not reach $to" "$(query "somepath(//$from/..., //$to/...)")"
  done
}
no_path base proto storage cache services bridge server
no_path proto storage cache services bridge server
no_path storage cache services bridge server
no_path cache storage services bridge server
no_path services bridge server
no_path bridge server
verdict "deps name what is included" \
  "$(query 'kind("cc_(library|binary|test) rule", //...)' --output=xml | python3 tests/layers/deps.py 2>&1)"

includes() { # pattern, allowed folders (regular expression); tests may look behind a seam
  git grep -nE "^# *include [<\"]($1)" -- '*.c' '*.h' ':!third_party' ':!tests' ':!*_test.c' ':!*fixture*.c' | grep -vE "^($2)/" || true
}
verdict "only server/grpc includes gRPC" "$(includes 'grpc/' 'server/grpc')"
verdict "only storage/sqlite includes SQLite" "$(includes 'sqlite3' 'storage/sqlite')"
verdict "only storage/postgres includes libpq" "$(includes '(postgresql/)?libpq' 'storage/postgres')"
verdict "only cache/redis includes hiredis" "$(includes 'hiredis/' 'cache/redis')"
verdict "only bridge/http, cache/redis and server include libuv" "$(includes 'uv\.h' 'bridge/http|cache/redis|server')"
verdict "only bridge/http includes llhttp" "$(includes '(llhttp/)?llhttp\.h' 'bridge/http')"
verdict "no header from around the root" "$(git grep -nE '^# *include "\.\.?/' -- '*.c' '*.h')"

if bin=$(tests/support/generated.sh 2>out/layers.err); then
  while read -r header; do
    [ -e "$header" ] && verdict "$header compiles alone" "$(gcc -std=c17 -D_GNU_SOURCE -I. -isystem "$bin" -isystem "$bin/proto" \
      -isystem /usr/share/include -isystem /usr/share/include/llhttp -Wall -Wextra -fsyntax-only -x c "$header" 2>&1)"
  done < <(git ls-files -- '*.h' ':!third_party')
else
  verdict "generated headers" "$(tail -20 out/layers.err)"
fi

# What protoc-c, llhttp and the linker make keeps its own names; the linker copies variables of shared libraries.
if [ -x out/jobgate ]; then
  verdict "exported names begin with jg_" \
    "$(nm -g --defined-only out/jobgate | awk '{ print $3 }' | grep -vE '^(jg_|jobgate__|google__|grpc__|llhttp_|protobuf_c_|main$|_|data_start$|std(in|out|err)(@|$))')"
else
  skip "exported names" "no out/jobgate: see ./dev build"
fi
finish layers
