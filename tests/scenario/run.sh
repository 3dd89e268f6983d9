#!/usr/bin/env bash
# The scenarios: each starts out/jobgate on free ports in a temporary folder and talks to it with real clients.
# Names on the command line: only these files (test_x.py). Ends on "scenario: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
python=/usr/bin/python3
stubs=$PWD/out/stubs
rm -rf "$stubs" && mkdir -p "$stubs"
protoc -Iproto -I/usr/include -I/usr/share/grpc-proto --python_out="$stubs" --grpc_python_out="$stubs" \
  --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin \
  $(cd proto && ls jobgate/v1/*.proto google/rpc/*.proto) \
  grpc/health/v1/health.proto grpc/reflection/v1alpha/reflection.proto || exit 1
files=()
for name in "$@"; do files+=("tests/scenario/${name#tests/scenario/}"); done
[ ${#files[@]} -eq 0 ] && files=(tests/scenario)
PYTHONPATH=$stubs PYTHONDONTWRITEBYTECODE=1 $python -m pytest -q -rs -p no:cacheprovider --junit-xml=out/scenario.xml "${files[@]}"
counts() {
  $python - out/scenario.xml <<'EOF'
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
number = lambda name: int(suite.get(name, 0))
bad = number("failures") + number("errors")
print("scenario: %d passed, %d failed, %d skipped" % (number("tests") - bad - number("skipped"), bad, number("skipped")))
EOF
}
counts || echo "scenario: 0 passed, 1 failed, 0 skipped"
