#!/usr/bin/env bash
# Installs the Debian packages of sections of packages.txt that are missing. usage: install.sh SECTION...
# ./dev, CI and the container image all come here. As another user than root it asks sudo.
set -euo pipefail
here=$(dirname "$0")

packages() {
  local section
  for section in "$@"; do
    awk -v s="[$section]" '/^\[/ { on = ($1 == s); next } on && NF && $1 !~ /^#/ { print $1 }' "$here/packages.txt"
  done
}

missing=()
for name in $(packages "$@"); do
  dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}" >&2
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
  >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "cannot install: ${missing[*]}" >&2
  exit 1
fi
