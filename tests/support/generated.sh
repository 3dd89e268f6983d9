#!/usr/bin/env bash
# Builds every generated header and prints the folder that holds them (bazel-bin); for tools that run outside Bazel.
set -euo pipefail
cd "$(dirname "$0")/../.."
bazel_() { /usr/bin/bazel ${BAZEL_OUTPUT_ROOT:+--output_user_root="$BAZEL_OUTPUT_ROOT"} "$@"; }
bazel_ build //proto:messages //proto:plugin_messages //proto/schema:schema >&2
bazel_ info bazel-bin 2>/dev/null
