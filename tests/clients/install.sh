#!/usr/bin/env bash
# Installs the clients that package-lock.json and requirements.txt pin into out/clients. Where a registry cannot be had, it
# says so, and the tests that need those clients are named skips.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=tests/clients
mkdir -p out/clients

if ! cmp -s "$here/package-lock.json" out/clients/node/installed.json; then
  rm -rf out/clients/node && mkdir -p out/clients/node
  cp "$here/package.json" "$here/package-lock.json" out/clients/node/
  if (command -v npm >/dev/null || deploy/install.sh node) &&
    npm ci --prefix out/clients/node --ignore-scripts --no-audit --no-fund >out/clients/npm.log 2>&1; then
    cp "$here/package-lock.json" out/clients/node/installed.json
  else
    rm -rf out/clients/node
    [ ! -e out/clients/npm.log ] || tail -5 out/clients/npm.log >&2
    echo "SKIP clients of npm: npm cannot install them" >&2
  fi
fi

if ! cmp -s "$here/requirements.txt" out/clients/python/installed.txt; then
  rm -rf out/clients/python
  if /usr/bin/python3 -m pip install --no-deps --only-binary :all: --require-hashes --target out/clients/python \
    -r "$here/requirements.txt" >out/clients/pip.log 2>&1; then
    cp "$here/requirements.txt" out/clients/python/installed.txt
  else
    rm -rf out/clients/python
    tail -5 out/clients/pip.log >&2
    echo "SKIP clients of PyPI: pip cannot install them" >&2
  fi
fi
