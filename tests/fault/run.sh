#!/usr/bin/env bash
# The fault tests: out/jobgate against real Redis servers that the tests start on free ports, kill, pause, cut off and spoil.
# Needs the Python stubs that tests/scenario/run.sh makes, and makes them if they are not there.
# Names on the command line: only these files (test_x.py). Ends on "fault: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
python=/usr/bin/python3
stubs=$PWD/out/stubs
if [ ! -e "$stubs/jobgate/v1/job_service_pb2_grpc.py" ]; then
  mkdir -p "$stubs"
  protoc -Iproto -I/usr/include -I/usr/share/grpc-proto --python_out="$stubs" --grpc_python_out="$stubs" \
    --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin \
    $(cd proto && ls jobgate/v1/*.proto google/rpc/*.proto) \
    grpc/health/v1/health.proto grpc/reflection/v1alpha/reflection.proto || exit 1
fi
files=()
for name in "$@"; do files+=("tests/fault/${name#tests/fault/}"); done
[ ${#files[@]} -eq 0 ] && files=(tests/fault)
PYTHONPATH=$stubs PYTHONDONTWRITEBYTECODE=1 $python -m pytest -q -rs -p no:cacheprovider --junit-xml=out/fault.xml "${files[@]}"
$python tests/support/junit_counts.py fault out/fault.xml || echo "fault: 0 passed, 1 failed, 0 skipped"
