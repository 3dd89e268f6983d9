#include "bridge/odata/query.h"

#include "base/utf8.h"
#include "bridge/odata/percent.h"

/* Of a name that is quoted in a message. */
#define QUOTED_BYTES_MAX 40u

/* OData 4.0 part 1 section 11.2, and the extensions that clients of it send: aggregation, $compute, delta. */
static const char *const not_built[] = {"$search", "$apply", "$id", "$compute"};

struct parser {
  struct jg_arena *arena;
  struct jg_odata_query *query;
  struct jg_odata_option *custom;
  size_t custom_count;
};

static struct jg_status take_option(struct parser *parser, struct jg_str name, struct jg_str value);

static struct jg_status too_large(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the query string is too large");
}

struct jg_status jg_odata_query_parse(struct jg_str query, struct jg_arena *arena, struct jg_odata_query *ret_query) {
  struct jg_odata_query result = {.skiptoken = JG_STR_NONE};
  struct parser parser = {.arena = arena, .query = &result};
  size_t count = 1;
  for (size_t i = 0; i < query.len; i++) {
    count += query.data[i] == '&';
  }
  size_t bytes = 0;
  parser.custom = jg_size_mul(count, sizeof(*parser.custom), &bytes) ? jg_arena_alloc(arena, bytes) : NULL;
  if (parser.custom == NULL) {
    return too_large();
  }
  struct jg_str rest = query;
  while (rest.data != NULL && rest.len != 0) {
    struct jg_str piece = jg_str_cut(rest, '&', &rest);
    if (piece.len == 0) {
      continue;
    }
    struct jg_str raw_value, name, value;
    struct jg_str raw_name = jg_str_cut(piece, '=', &raw_value);
    if (!jg_percent_decode(arena, raw_name, true, &name) || !jg_percent_decode(arena, raw_value, true, &value)) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "the query string holds a malformed percent escape");
    }
    if (name.data == NULL || (value.data == NULL && raw_value.len != 0)) {
      return too_large();
    }
    JG_RETURN_IF_ERROR(take_option(&parser, name, value));
  }
  result.custom = parser.custom;
  result.custom_count = parser.custom_count;
  *ret_query = result;
  return JG_STATUS_OK;
}

/* For a message: capped, and nothing but printable ASCII. */
static const char *quotable(struct parser *parser, struct jg_str name) {
  size_t len = name.len < QUOTED_BYTES_MAX ? name.len : QUOTED_BYTES_MAX;
  char *text = jg_arena_alloc(parser->arena, len + 1);
  if (text == NULL) {
    return "$?";
  }
  for (size_t i = 0; i < len; i++) {
    bool plain = name.data[i] > ' ' && name.data[i] < 0x7f;
    text[i] = '?';
    if (plain) {
      text[i] = name.data[i];
    }
  }
  text[len] = '\0';
  return text;
}

static struct jg_status repeated(struct parser *parser, const char *name) {
  return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name,
                         "stands in the query more than once");
}

static struct jg_status take_number(struct parser *parser, const char *name, struct jg_str value, int64_t max,
                                    bool *has, int64_t *number) {
  if (*has) {
    return repeated(parser, name);
  }
  // jg_parse_i64 takes "-0", which is no non-negative integer of the ABNF.
  if (value.len == 0 || value.data[0] == '-' || !jg_parse_i64(value, number) || *number > max) {
    return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name,
                           "must be a non-negative integer%s", max == INT32_MAX ? ", at most 2147483647" : "");
  }
  *has = true;
  return JG_STATUS_OK;
}

/* expected: what is wrong with one that is none. */
static struct jg_status take_token(struct parser *parser, const char *name, struct jg_str value, const char *expected,
                                   struct jg_str *token) {
  if (token->data != NULL) {
    return repeated(parser, name);
  }
  if (value.len == 0 || !jg_utf8_valid(value) || jg_str_find(value, '\0', 0) != SIZE_MAX) {
    return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, name, "%s", expected);
  }
  *token = value;
  return JG_STATUS_OK;
}

static struct jg_status take_expression(struct parser *parser, const char *name, struct jg_str value,
                                        struct jg_str *expression) {
  if (expression->data != NULL) {
    return repeated(parser, name);
  }
  if (value.len == 0) {
    return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name,
                           "is empty: give it a value, or leave it out");
  }
  if (!jg_utf8_valid(value) || jg_str_find(value, '\0', 0) != SIZE_MAX) {
    return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name,
                           "must be UTF-8 without a NUL");
  }
  *expression = value;
  return JG_STATUS_OK;
}

static struct jg_status take_count(struct parser *parser, struct jg_str value) {
  if (parser->query->has_count) {
    return repeated(parser, "$count");
  }
  parser->query->has_count = true;
  parser->query->count = jg_str_equal(value, JG_STR("true"));
  if (!parser->query->count && !jg_str_equal(value, JG_STR("false"))) {
    return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "$count",
                           "must be true or false");
  }
  return JG_STATUS_OK;
}

static struct jg_status take_option(struct parser *parser, struct jg_str name, struct jg_str value) {
  if (name.len == 0 || name.data[0] != '$') {
    parser->custom[parser->custom_count++] = (struct jg_odata_option){name, value};
    return JG_STATUS_OK;
  }
  if (jg_str_equal(name, JG_STR("$top"))) {
    return take_number(parser, "$top", value, INT64_MAX, &parser->query->has_top, &parser->query->top);
  }
  if (jg_str_equal(name, JG_STR("$skip"))) {
    return take_number(parser, "$skip", value, INT32_MAX, &parser->query->has_skip, &parser->query->skip);
  }
  if (jg_str_equal(name, JG_STR("$skiptoken"))) {
    return take_token(parser, "$skiptoken", value, "is not one that a nextLink holds", &parser->query->skiptoken);
  }
  if (jg_str_equal(name, JG_STR("$deltatoken"))) {
    return take_token(parser, "$deltatoken", value, "is not one that a deltaLink holds", &parser->query->deltatoken);
  }
  if (jg_str_equal(name, JG_STR("$filter"))) {
    return take_expression(parser, "$filter", value, &parser->query->filter);
  }
  if (jg_str_equal(name, JG_STR("$orderby"))) {
    return take_expression(parser, "$orderby", value, &parser->query->orderby);
  }
  if (jg_str_equal(name, JG_STR("$select"))) {
    return take_expression(parser, "$select", value, &parser->query->select);
  }
  if (jg_str_equal(name, JG_STR("$expand"))) {
    return take_expression(parser, "$expand", value, &parser->query->expand);
  }
  if (jg_str_equal(name, JG_STR("$format"))) {
    return take_expression(parser, "$format", value, &parser->query->format);
  }
  if (jg_str_equal(name, JG_STR("$count"))) {
    return take_count(parser, value);
  }
  for (size_t i = 0; i < JG_COUNT(not_built); i++) {
    if (jg_str_equal(name, jg_str_from_cstr(not_built[i]))) {
      return jg_status_field(parser->arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, not_built[i], "is not built yet");
    }
  }
  return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, quotable(parser, name),
                         "is not a query option");
}
