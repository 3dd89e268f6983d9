#!/usr/bin/env bash
# Calls that our C sources must not make, each with what to use instead. Comments and string literals do not count.
# With arguments: checks these files instead of the tree. Ends on "banned_calls: N passed, N failed, 0 skipped" (files).
# --self-test proves that the check finds what it should and nothing else.
set -uo pipefail
cd "$(dirname "$0")/../.."

check() { # files; prints FILE:LINE: what, returns 1 if there is any
  perl -e '
    my %instead = (
      (map { $_ => "jg_buf, jg_arena_str or memcpy with a length" } qw(strcpy strcat strncpy strncat stpcpy)),
      (map { $_ => "snprintf or jg_buf_printf" } qw(sprintf vsprintf)),
      (map { $_ => "read" } qw(gets)),
      (map { $_ => "jg_str_cut" } qw(strtok strtok_r)),
      (map { $_ => "gmtime_r, or ticks" } qw(gmtime localtime ctime asctime)),
      (map { $_ => "jg_parse_i64 or jg_parse_u64" } qw(atoi atol atoll atof strtol strtoll strtoul strtoull)),
      (map { $_ => "an arena" } qw(alloca)),
      (map { $_ => "an arena, or jg_alloc and jg_free" } qw(malloc calloc realloc free strdup strndup asprintf)),
      (map { $_ => "a status (cmocka needs it in tests)" } qw(setjmp sigsetjmp longjmp siglongjmp)),
    );
    my $heap = qr/^(?:(?:m|c|re)alloc|free|strn?dup|asprintf)$/;
    my $names = join "|", sort keys %instead;
    my $failed = 0;
    for my $file (@ARGV) {
      open(my $in, "<", $file) or do { print "$file:0: cannot read: $!\n"; $failed = 1; next; };
      local $/;
      my $text = <$in>;
      # Comments and literals become blanks; line ends stay, so that line numbers hold.
      $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)}{(my $blank = $1) =~ tr/\n/ /c; $blank}gse;
      while ($text =~ /(?<![\w.])(?<!->)($names)\s*\(/g) {
        my ($name, $at) = ($1, $-[1]);
        next if $file =~ /_test\.c$/ && $name =~ /jmp$/;
        # base/ is where the heap is; tests and the generator, which runs at build time, have their own lives.
        next if $name =~ $heap && $file =~ m{^(?:base|tests|proto/schema/plugin\w*\.c)|_test\.c$};
        my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
        print "$file:$line: $name is banned: use $instead{$name}\n";
        $failed = 1;
      }
    }
    exit $failed;
  ' "$@"
}

if [ "${1:-}" = --self-test ]; then
  file=$(mktemp --suffix=.c)
  trap 'rm -f "$file"' EXIT
  cat >"$file" <<'SOURCE'
/* strcpy(a, b) in a comment
   atoi(x) */
// sprintf(a, "b");
const char *text = "gets(\"x\")";
char quote = '"';
int my_atoi(int x);
int y = table.atoi(1) + table->atoi(2);
void f(void) { strcpy(a, b); }
int z = atoi (text); /* strcat( */ char *t = strtok(a, b);
int w = quote == '\'' || snprintf(a, 1, "%s", "") || gmtime_r(a, b);
void g(void) { allocator->free(a); jg_free(b); free(c); }
SOURCE
  expected="8 strcpy 9 atoi 9 strtok 11 free"
  found=$(check "$file" | sed -E 's/^[^:]*:([0-9]+): (\w+).*/\1 \2/' | tr '\n' ' ')
  if [ "$found" = "$expected " ]; then
    echo "banned_calls: 1 passed, 0 failed, 0 skipped"
    exit 0
  fi
  echo "expected: $expected"
  echo "found:    $found"
  echo "banned_calls: 0 passed, 1 failed, 0 skipped"
  exit 1
fi

if [ $# -gt 0 ]; then
  files=("$@")
else
  files=()
  while read -r file; do
    [ -e "$file" ] && files+=("$file") # else deleted, not yet committed
  done < <(git ls-files -- '*.c' '*.h' ':!third_party')
fi
findings=$(check "${files[@]}")
failures=$(sed '/^$/d' <<<"$findings" | cut -d: -f1 | sort -u | wc -l)
[ -z "$findings" ] || echo "$findings"
echo "banned_calls: $((${#files[@]} - failures)) passed, $failures failed, 0 skipped"
[ "${#files[@]}" -gt 0 ] && [ "$failures" -eq 0 ]
