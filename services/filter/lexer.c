#include "services/filter/lexer.h"

#include "base/uuid.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Letters beyond ASCII count as such: what they spell is then unknown by its whole name. */
static bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c) {
  return is_word_start(c) || is_digit(c);
}

static char char_at(struct jg_str text, size_t at) {
  return (char)(at < text.len ? text.data[at] : '\0');
}

/* Does a literal that ends before `at` end there? */
static bool is_boundary(struct jg_str text, size_t at) {
  char c = char_at(text, at);
  return at >= text.len ||
         !(is_word(c) || c == '.' || c == ':' || c == '-' || c == '+' || c == '\'' || c == '@' || c == '$');
}

static size_t skip_digits(struct jg_str text, size_t at) {
  while (is_digit(char_at(text, at))) {
    at++;
  }
  return at;
}

/* Characters of `shape` at `at`: '0' stands for a digit, anything else for itself. */
static bool has_shape(struct jg_str text, size_t at, const char *shape) {
  for (; *shape != '\0'; shape++, at++) {
    char c = char_at(text, at);
    if (at >= text.len || !(*shape == '0' ? is_digit(c) : c == *shape)) {
      return false;
    }
  }
  return true;
}

/* The end of what looks like hh:mm:ss.f. */
static size_t skip_time(struct jg_str text, size_t at) {
  while (is_digit(char_at(text, at)) || char_at(text, at) == ':' || char_at(text, at) == '.') {
    at++;
  }
  return at;
}

/* The end of an offset: Z, +hh:mm, -hh:mm, or " hh:mm", a '+' that a URL turned into a space (contract statement 35). */
static size_t skip_offset(struct jg_str text, size_t at) {
  char c = char_at(text, at);
  if (c == 'Z' || c == 'z') {
    return at + 1;
  }
  if ((c == '+' || c == '-' || c == ' ') && has_shape(text, at + 1, "00:00") && is_boundary(text, at + 6)) {
    return at + 6;
  }
  return at;
}

/* A number's end, or `at` if there is none. */
static size_t skip_number(struct jg_str text, size_t at, enum jg_lex_kind *ret_kind) {
  size_t first = at + (char_at(text, at) == '-' || char_at(text, at) == '+');
  size_t end = skip_digits(text, first);
  *ret_kind = JG_LEX_INTEGER;
  if (char_at(text, end) == '.' && is_digit(char_at(text, end + 1))) {
    end = skip_digits(text, end + 1);
    *ret_kind = JG_LEX_DECIMAL;
  }
  if (char_at(text, end) == 'e' || char_at(text, end) == 'E') {
    size_t digits = end + 1 + (char_at(text, end + 1) == '-' || char_at(text, end + 1) == '+');
    if (is_digit(char_at(text, digits))) {
      end = skip_digits(text, digits);
      *ret_kind = JG_LEX_DECIMAL;
    }
  }
  return end;
}

/* A literal that begins with a digit, a sign before one, or the letters of a GUID; its end, or `at` if there is none. */
static size_t skip_literal(struct jg_str text, size_t at, enum jg_lex_kind *ret_kind) {
  struct jg_uuid uuid;
  if (jg_uuid_parse(jg_str_sub(text, at, JG_UUID_TEXT_LEN), &uuid)) {
    *ret_kind = JG_LEX_GUID;
    return at + JG_UUID_TEXT_LEN;
  }
  char c = char_at(text, at);
  if (!is_digit(c) && !((c == '-' || c == '+') && is_digit(char_at(text, at + 1)))) {
    return at;
  }
  if (has_shape(text, at, "0000-00-00")) {
    size_t end = at + 10;
    *ret_kind = JG_LEX_DATE;
    if (char_at(text, end) == 'T' || char_at(text, end) == 't') {
      *ret_kind = JG_LEX_DATETIME;
      end = skip_offset(text, skip_time(text, end + 1));
    }
    return end;
  }
  if (has_shape(text, at, "00:00")) {
    *ret_kind = JG_LEX_TIMEOFDAY;
    return skip_time(text, at);
  }
  return skip_number(text, at, ret_kind);
}

/* Behind the closing quote; 0 if there is none. */
static size_t skip_string(struct jg_str text, size_t at) {
  for (at++; at < text.len; at++) {
    if (text.data[at] == '\'') {
      if (char_at(text, at + 1) != '\'') {
        return at + 1;
      }
      at++;
    }
  }
  return 0;
}

static size_t skip_word(struct jg_str text, size_t at) {
  while (is_word(char_at(text, at)) || (char_at(text, at) == '.' && is_word_start(char_at(text, at + 1)))) {
    at++;
  }
  return at;
}

/* What is no word, up to where one could begin; whole characters, and one at least. */
static size_t skip_other(struct jg_str text, size_t at) {
  do {
    at++;
  } while (at < text.len && !is_blank(text.data[at]) && strchr("'(),/@$", text.data[at]) == NULL);
  return at;
}

static const struct {
  char c;
  enum jg_lex_kind kind;
} marks[] = {{'(', JG_LEX_OPEN},  {')', JG_LEX_CLOSE}, {',', JG_LEX_COMMA},
             {'-', JG_LEX_MINUS}, {'/', JG_LEX_SLASH}, {':', JG_LEX_COLON}};

static size_t skip_token(struct jg_str text, size_t at, bool operand, enum jg_lex_kind *ret_kind) {
  char c = text.data[at];
  if (operand) {
    size_t end = skip_literal(text, at, ret_kind);
    if (end != at) {
      if (is_boundary(text, end)) {
        return end;
      }
      *ret_kind = JG_LEX_OTHER;
      return skip_other(text, at);
    }
  }
  if (is_word_start(c)) {
    *ret_kind = JG_LEX_WORD;
    return skip_word(text, at);
  }
  if (c == '\'') {
    size_t end = skip_string(text, at);
    *ret_kind = end != 0 ? JG_LEX_STRING : JG_LEX_OPEN_STRING;
    return end != 0 ? end : text.len;
  }
  for (size_t i = 0; i < JG_COUNT(marks); i++) {
    if (c == marks[i].c) {
      *ret_kind = marks[i].kind;
      return at + 1;
    }
  }
  if ((c == '@' || c == '$') && is_word_start(char_at(text, at + 1))) {
    *ret_kind = c == '@' ? JG_LEX_ALIAS : JG_LEX_DOLLAR;
    return skip_word(text, at + 1);
  }
  *ret_kind = JG_LEX_OTHER;
  return skip_other(text, at);
}

void jg_lexer_next(struct jg_lexer *lexer, bool operand, struct jg_lex_token *ret_token) {
  struct jg_str text = lexer->text;
  size_t at = lexer->at;
  while (at < text.len && is_blank(text.data[at])) {
    at++;
  }
  struct jg_lex_token token = {.kind = JG_LEX_END, .at = at};
  size_t end = at < text.len ? skip_token(text, at, operand, &token.kind) : at;
  token.text = jg_str_sub(text, at, end - at);
  lexer->at = end;
  *ret_token = token;
}

char jg_lexer_peek(const struct jg_lexer *lexer) {
  size_t at = lexer->at;
  while (at < lexer->text.len && is_blank(lexer->text.data[at])) {
    at++;
  }
  return char_at(lexer->text, at);
}
