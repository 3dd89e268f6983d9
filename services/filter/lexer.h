/* The words of a filter (OData 4.0 ABNF). Which literal a text is depends on where it stands, so the parser says whether it
 * expects an operand. Only for the modules of this folder. Thread: any. */
#ifndef JG_SERVICES_FILTER_LEXER_H
#define JG_SERVICES_FILTER_LEXER_H

#include "base/str.h"

enum jg_lex_kind {
  JG_LEX_END,
  JG_LEX_WORD,   /* an identifier, or several joined by dots: member, operator, function, variable */
  JG_LEX_STRING, /* with its quotes, inner ones still doubled */
  JG_LEX_INTEGER,
  JG_LEX_DECIMAL,
  JG_LEX_GUID,
  JG_LEX_DATE,
  JG_LEX_DATETIME,
  JG_LEX_TIMEOFDAY,
  JG_LEX_ALIAS, /* with its @ */
  JG_LEX_OPEN,
  JG_LEX_CLOSE,
  JG_LEX_COMMA,
  JG_LEX_MINUS,
  JG_LEX_SLASH,
  JG_LEX_COLON,
  JG_LEX_DOLLAR,      /* with the word behind it: $it, $count */
  JG_LEX_OPEN_STRING, /* a string without its end */
  JG_LEX_OTHER        /* what begins no word: one run of it */
};

struct jg_lexer {
  struct jg_str text; /* valid UTF-8 */
  size_t at;
};

struct jg_lex_token {
  enum jg_lex_kind kind;
  struct jg_str text; /* borrowed from the lexer's text */
  size_t at;          /* its first byte */
};

/* Reads the next word. Literals are recognised by their shape alone and only if `operand`; a text that begins as a number and
 * goes on as none is OTHER. */
void jg_lexer_next(struct jg_lexer *lexer, bool operand, struct jg_lex_token *ret_token);
/* The next character that is no white space, or 0; nothing is read. */
char jg_lexer_peek(const struct jg_lexer *lexer);
/* The very next character, or 0. */
static inline char jg_lexer_peek_close(const struct jg_lexer *lexer) {
  return (char)(lexer->at < lexer->text.len ? lexer->text.data[lexer->at] : '\0');
}

#endif
