/* OData 4.0 $filter and $orderby (part 2, 5.1.1 and 5.1.4; ABNF) as typed, checked trees (storage/filter.h): the same language
 * over REST and gRPC. README.md tells the subset. No I/O; linear in the text; no recursion. Thread: any. */
#ifndef JG_SERVICES_FILTER_PARSE_H
#define JG_SERVICES_FILTER_PARSE_H

#include "base/buf.h"
#include "base/status.h"
#include "storage/filter.h"

/* Characters (code points) of a filter or an order, its aliases counted wherever they stand in it. */
#define JG_FILTER_CHARACTERS_MAX 10000
/* Bytes of a canonical text, at most. */
#define JG_FILTER_CANONICAL_BYTES_MAX (256u << 10)

/* A parameter alias (OData 4.0 part 1, 11.2.5.1.3): "@p" and the expression that stands for it, both decoded. */
struct jg_filter_alias {
  struct jg_str name, text;
};

struct jg_filter_options {
  const struct jg_entity *entity; /* what the members are of: jg_entity(JG_KIND_JOB) */
  const char *field;              /* how errors name the text: "$filter", "filter", "order_by" */
  int64_t now_ticks;              /* the moment of now() */
  /* An alias that is not here is null, as OData has it. */
  const struct jg_filter_alias *aliases;
  size_t alias_count;
  /* Only what the entity's own record holds: no paths into embedded entities and no keys emitted from them. For change
   * streams and delta links: another entity's change would move rows in and out at revisions that the log cannot replay. */
  bool stored_only;
  /* Strings compare, are found and are sorted without case (contract statement 37): both sides stand in tolower, and the canonical
   * text says so. */
  bool fold_case;
};

/* text: borrowed; empty: *ret_filter is NULL, no filter. The tree, of type BOOL, lives in the arena.
 * INVALID_ARGUMENT/INVALID_MEMBER: syntax, an unknown name, a type error; UNIMPLEMENTED/NOT_BUILT: OData that we lack;
 * INVALID_ARGUMENT/LIMIT_EXCEEDED: too long, too deep, too many nodes, the arena's cap. The message, and one violation of
 * options->field, name what is wrong and the position, a column in characters from 1. */
JG_MUST_CHECK struct jg_status jg_filter_parse(struct jg_str text, const struct jg_filter_options *options,
                                               struct jg_arena *arena, const struct jg_filter **ret_filter);
/* The same for an order: keys with asc (the default) or desc. A key that is a literal orders nothing and is left out. Statuses
 * as above; more than JG_FILTER_ORDER_MAX keys are LIMIT_EXCEEDED. */
JG_MUST_CHECK struct jg_status jg_filter_parse_order(struct jg_str text, const struct jg_filter_options *options,
                                                     struct jg_arena *arena,
                                                     struct jg_filter_order ret_orders[JG_FILTER_ORDER_MAX],
                                                     size_t *ret_count);

/* One text for all spellings of one tree: single spaces, the fewest parentheses, aliases put in, literals by type. Parsing it
 * makes the same tree. out's maximum: JG_FILTER_CANONICAL_BYTES_MAX. */
void jg_filter_canonical(const struct jg_filter *filter, struct jg_buf *out);
void jg_filter_canonical_order(const struct jg_filter_order *orders, size_t count, struct jg_buf *out);
/* XXH3 of the canonical text, for tokens; never 0, but for no filter (NULL) and no keys. */
uint64_t jg_filter_hash(const struct jg_filter *filter);
uint64_t jg_filter_hash_order(const struct jg_filter_order *orders, size_t count);

#endif
