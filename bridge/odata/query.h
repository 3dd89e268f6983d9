/* The query options of a request (OData 4.0 part 1 section 11.2). System options begin with '$' and are case-sensitive
 * (contract statement 47); those of OData 4.0 that are not built are refused by name, never ignored; options without '$' are
 * the caller's own (statement 46). Thread: any. */
#ifndef JG_BRIDGE_ODATA_QUERY_H
#define JG_BRIDGE_ODATA_QUERY_H

#include "base/status.h"

/* Decoded. */
struct jg_odata_option {
  struct jg_str name, value;
};

struct jg_odata_query {
  bool has_top, has_skip;
  int64_t top;  /* 0 and up */
  int64_t skip; /* 0 to INT32_MAX */
  /* Valid UTF-8 without NUL; data NULL if it is not given. What a format may be depends on the resource. */
  struct jg_str skiptoken, deltatoken, filter, orderby, select, expand, format;
  bool count;     /* $count=true */
  bool has_count; /* $count was given */
  /* Options without '$', in their order, for links that must keep them. */
  const struct jg_odata_option *custom;
  size_t custom_count;
};

/* query: raw, without '?'; data NULL is an empty one. INVALID_ARGUMENT naming the option: malformed, unknown or repeated;
 * UNIMPLEMENTED/NOT_BUILT naming it. What is decoded lives in the arena. */
JG_MUST_CHECK struct jg_status jg_odata_query_parse(struct jg_str query, struct jg_arena *arena,
                                                    struct jg_odata_query *ret_query);

#endif
