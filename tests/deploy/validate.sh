#!/usr/bin/env bash
# The files of deploy/ against the Kubernetes API's schemas, the program and each other. Needs no cluster and no network.
# Ends on "deploy: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
mkdir -p out
rm -f out/deploy.xml
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q --tb=short -rs -p no:cacheprovider --junit-xml=out/deploy.xml tests/deploy
status=$?
/usr/bin/python3 tests/support/junit_counts.py deploy out/deploy.xml 2>/dev/null || echo "deploy: 0 passed, 1 failed, 0 skipped"
exit "$status"
