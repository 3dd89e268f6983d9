// Absolute URLs of answers (statements 21, 23-26, 29).

#include <inttypes.h>

#include "bridge/odata/percent.h"
#include "bridge/rest/rest_internal.h"

/* Of a path that a proxy puts before ours. */
#define PREFIX_BYTES_MAX 1024u

static bool is_trusted(const struct jg_rest *rest, struct jg_ip peer) {
  for (size_t i = 0; i < rest->trusted_proxy_count; i++) {
    if (jg_ip_net_has(&rest->trusted_proxies[i], peer)) {
      return true;
    }
  }
  return false;
}

/* What the proxy before us says: the last element of the last such field, since those before it may be anybody's. */
static struct jg_str forwarded(const struct jg_http_request *request, struct jg_str name) {
  struct jg_str last = JG_STR_NONE;
  for (size_t i = 0; (i = jg_http_header_next(request, name, i)) < request->header_count; i++) {
    struct jg_str rest = request->headers[i].value;
    while (rest.data != NULL) {
      last = jg_str_trim(jg_str_cut(rest, ',', &rest));
    }
  }
  return last;
}

/* Where the client sees us, by a proxy that is trusted. What is missing or malformed leaves what the request itself says. */
struct origin {
  struct jg_str scheme, host, prefix;
};

static void take_forwarded(const struct jg_http_request *request, struct origin *origin) {
  if (jg_str_equal_nocase(forwarded(request, JG_STR("x-forwarded-proto")), JG_STR("https"))) {
    origin->scheme = JG_STR("https");
  }
  struct jg_str host = forwarded(request, JG_STR("x-forwarded-host"));
  if (jg_http_host_valid(host)) {
    origin->host = host;
  }
  struct jg_str prefix = forwarded(request, JG_STR("x-forwarded-prefix"));
  if (prefix.len != 0 && prefix.data[prefix.len - 1] == '/') {
    prefix.len--;
  }
  if (prefix.len <= PREFIX_BYTES_MAX && jg_rest_path_valid(prefix)) {
    origin->prefix = prefix;
  }
}

struct jg_str jg_rest_base(const struct jg_rest *rest, const struct jg_http_request *request, struct jg_arena *arena) {
  if (rest->public_url.len != 0) {
    return jg_str_from_cstr(jg_arena_printf(arena, "%.*s/api", JG_STR_ARG(rest->public_url)));
  }
  struct origin origin = {.scheme = JG_STR("http"), .host = request->host};
  if (is_trusted(rest, request->peer)) {
    take_forwarded(request, &origin);
  }
  return jg_str_from_cstr(jg_arena_printf(arena, "%.*s://%.*s%.*s/api", JG_STR_ARG(origin.scheme),
                                          JG_STR_ARG(origin.host), JG_STR_ARG(origin.prefix)));
}

struct jg_str jg_rest_location(struct jg_str base, const struct jg_entity *entity, struct jg_str id,
                               struct jg_arena *arena) {
  return jg_str_from_cstr(
      jg_arena_printf(arena, "%.*s/%.*s(%.*s)", JG_STR_ARG(base), JG_STR_ARG(entity->entity_set), JG_STR_ARG(id)));
}

/* An option that later pages need too (statement 24). */
void jg_rest_append_option(const char *name, struct jg_str value, struct jg_buf *out) {
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
  jg_rest_append_option("$filter", query->filter, out);
  jg_rest_append_option("$orderby", query->orderby, out);
  jg_rest_append_option("$select", query->select, out);
  jg_rest_append_option("$expand", query->expand, out);
  jg_rest_append_option("$format", query->format, out);
  jg_rest_append_option("$count", query->count ? JG_STR("true") : JG_STR_NONE, out);
  jg_rest_append_option("$deltatoken", page->delta_token, out);
  // $skip tells people where they are; the token beside it is what is followed. It stops at the option's own maximum.
  int64_t skip = query->skip + page->served;
  jg_buf_printf(out, "$skip=%" PRId64 "&$skiptoken=", skip < INT32_MAX ? skip : INT32_MAX);
  jg_percent_encode(page->token, out);
  jg_rest_append_custom(query, out);
}

void jg_rest_append_custom(const struct jg_odata_query *query, struct jg_buf *out) {
  for (size_t i = 0; i < query->custom_count; i++) {
    jg_buf_append_char(out, '&');
    jg_percent_encode(query->custom[i].name, out);
    if (query->custom[i].value.data != NULL) {
      jg_buf_append_char(out, '=');
      jg_percent_encode(query->custom[i].value, out);
    }
  }
}
