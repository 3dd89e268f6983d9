// Absolute URLs of answers (statements 21, 23-26, 29).

#include <inttypes.h>

#include "bridge/odata/percent.h"
#include "bridge/rest/rest_internal.h"

struct jg_str jg_rest_base(const struct jg_rest *rest, struct jg_str host, struct jg_arena *arena) {
  const char *base = rest->public_url.len != 0 ? jg_arena_printf(arena, "%.*s/api", JG_STR_ARG(rest->public_url))
                                               : jg_arena_printf(arena, "http://%.*s/api", JG_STR_ARG(host));
  return jg_str_from_cstr(base);
}

struct jg_str jg_rest_location(struct jg_str base, const struct jg_entity *entity, struct jg_str id,
                               struct jg_arena *arena) {
  return jg_str_from_cstr(
      jg_arena_printf(arena, "%.*s/%.*s(%.*s)", JG_STR_ARG(base), JG_STR_ARG(entity->entity_set), JG_STR_ARG(id)));
}

/* An option that later pages need too (statement 24). */
static void append_option(const char *name, struct jg_str value, struct jg_buf *out) {
  if (value.data != NULL) {
    jg_buf_printf(out, "%s=", name);
    jg_percent_encode(value, out);
    jg_buf_append_char(out, '&');
  }
}

void jg_rest_next_link(struct jg_str base, const struct jg_rest_page *page, struct jg_buf *out) {
  const struct jg_odata_query *query = page->query;
  jg_buf_printf(out, "%.*s/%.*s?", JG_STR_ARG(base), JG_STR_ARG(page->entity->entity_set));
  if (query->has_top) {
    JG_ASSERT(query->top > page->served);
    jg_buf_printf(out, "$top=%" PRId64 "&", query->top - page->served);
  }
  append_option("$filter", query->filter, out);
  append_option("$orderby", query->orderby, out);
  append_option("$select", query->select, out);
  append_option("$expand", query->expand, out);
  append_option("$count", query->count ? JG_STR("true") : JG_STR_NONE, out);
  // $skip tells people where they are; the token beside it is what is followed. It stops at the option's own maximum.
  int64_t skip = query->skip + page->served;
  jg_buf_printf(out, "$skip=%" PRId64 "&$skiptoken=", skip < INT32_MAX ? skip : INT32_MAX);
  jg_percent_encode(page->token, out);
  for (size_t i = 0; i < query->custom_count; i++) {
    jg_buf_append_char(out, '&');
    jg_percent_encode(query->custom[i].name, out);
    if (query->custom[i].value.data != NULL) {
      jg_buf_append_char(out, '=');
      jg_percent_encode(query->custom[i].value, out);
    }
  }
}
