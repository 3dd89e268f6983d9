#!/usr/bin/env bash
# `./dev run`: a fresh temporary database with the contract's sample job and 1,000 generated ones, served until interrupted.
# Arguments go to `jobgate serve`. The commands to try go to standard error, the ready line to standard output.
set -euo pipefail
cd "$(dirname "$0")/.."
jobgate=$PWD/out/jobgate
home=$(mktemp -d)
server=
cleanup() {
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
  rm -rf "$home"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

store=sqlite:$home/jobgate.db
"$jobgate" import --store "$store" tests/contract/jobs.sample.consistent.json >&2
"$jobgate" sample --jobs 1000 --seed 1 | "$jobgate" import --store "$store" - >&2

mkfifo "$home/ready"
"$jobgate" serve --store "$store" "$@" >"$home/ready" &
server=$!
if ! read -r ready <"$home/ready"; then
  status=0
  wait "$server" || status=$?
  server=
  exit "$status"
fi
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$ready"; }
id=c4724560-42f6-42a7-8b67-0656dc8d7278
cat >&2 <<EOF

jobgate is ready. Try, in another terminal:

  curl 'http://$(field http)/api/Jobs($id)'
  out/jobgate get --server $(field grpc) $id
  out/jobgate watch --server $(field grpc)
  out/jobgate export --store $store | head -2

Stop it with Ctrl-C; the database goes with it.

EOF
echo "$ready"
wait "$server"
