#!/usr/bin/env bash
# Every shell script parses, and those that are run are executable. Ends on "shell: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/support/counts.sh

while read -r mode _ _ file; do
  [ -e "$file" ] || continue
  case $(head -c 64 "$file" | head -1 | tr -d '\0') in
    '#!'*bash | '#!'*sh)
      verdict_of "$file" bash -n "$file"
      [ "$mode" = 100755 ] || verdict "$file" "begins with #! and is not executable"
      ;;
    *)
      case $file in *.sh) verdict_of "$file" bash -n "$file" ;; esac
      ;;
  esac
done < <(git ls-files -s)
finish shell
