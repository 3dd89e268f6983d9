#!/usr/bin/env bash
# Prints the tracked files that buildifier formats.
cd "$(dirname "$0")/../.." && git ls-files -- WORKSPACE '*/WORKSPACE' BUILD.bazel '*/BUILD.bazel' '*.BUILD' '*.bzl'
