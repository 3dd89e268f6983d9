#!/usr/bin/env bash
# No tracked file holds a path of one machine or names a host of the outside world: what a clone needs comes by package name.
# Ends on "portable: N passed, N failed, N skipped". --self-test proves that it finds what it should and nothing else.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/support/counts.sh

# Letters in brackets, so that this file does not find itself.
paths='(^|[^A-Za-z0-9_.}])/([w]ork|[r]oot|[h]ome/[a-z]+)(/|[^A-Za-z0-9_-]|$)'
# A host is named by a URL, or by an ending that only registries and forges have.
urls='https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+'
registries='\b(registry|deb|pypi|files|proxy|static|repo1?|index)\.[a-z]+\.(org|io|com|net)\b'
# Ours, examples (RFC 2606, RFC 6761), and names that are identifiers, not addresses: type URLs and XML namespaces.
allowed='https?://(127\.|0\.0\.0\.0|localhost|([A-Za-z0-9-]+\.)*example(\.com|\.org|\.net)?([^A-Za-z0-9.-]|$)|docs\.oasis-open\.org/odata/|www\.w3\.org/|type\.googleapis\.com/)'

find_paths() { grep -nIE "$paths" -- "$@" /dev/null; }
find_hosts() { grep -noIE "$urls[^ ]*|$registries" -- "$@" /dev/null | grep -vE "^[^:]*:[0-9]+:$allowed"; }

if [ "${1:-}" = --self-test ]; then
  file=$(mktemp)
  trap 'rm -f "$file"' EXIT
  # %s keeps the samples out of this file's own reach.
  printf 'a /%s/main\nb "/%s"\nc /%s/ann/x\nd bin/%s/x\ne ./%s.c\nf $x/%s/y\n' work root home work root home >"$file"
  verdict "machine paths" "$(diff <(find_paths "$file" | cut -d: -f2 | tr '\n' ' ') <(echo -n '1 2 3 '))"
  printf 'http%s://jobs.%s.com/x\nhttp://127.0.0.1:1/\nhttps://%s.npmjs.%s/x\n%s.debian.%s\nhttps://example.%s.%s.org\n' \
    s example registry org deb org com evil >"$file"
  verdict "hosts" "$(diff <(find_hosts "$file" | cut -d: -f2 | uniq | tr '\n' ' ') <(echo -n '3 4 5 '))"
  finish portable
  exit
fi

mapfile -t files < <(git ls-files)
verdict "paths of a machine" "$(find_paths "${files[@]}" 2>/dev/null)"
verdict "outside hosts" "$(find_hosts "${files[@]}" 2>/dev/null)"
finish portable
