// Pages of other origins (Fetch standard, "CORS protocol"): which of them a browser lets read the answers. Off unless it is set.

#include "bridge/rest/rest_internal.h"

#define ALLOW_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE"
#define ALLOW_HEADERS                                                                                       \
  "Authorization, Content-Type, Accept, Prefer, Last-Event-ID, If-Match, OData-Version, OData-MaxVersion, " \
  "X-Api-Version, traceparent"
#define EXPOSE_HEADERS "OData-Version, Location, Preference-Applied, Retry-After"
#define ADDED_MAX 4u

static bool is_any(struct jg_str origins) {
  return jg_str_equal(origins, JG_STR("*"));
}

/* "https://host[:port]", as browsers spell it (RFC 6454 section 6.2). */
static bool is_origin(struct jg_str text) {
  size_t scheme = 0;
  if (jg_str_starts_with(text, JG_STR("http://"))) {
    scheme = 7;
  } else if (jg_str_starts_with(text, JG_STR("https://"))) {
    scheme = 8;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] >= 'A' && text.data[i] <= 'Z') {
      return false;  // It would never equal what a browser sends.
    }
  }
  return scheme != 0 && jg_http_host_valid(jg_str_sub(text, scheme, text.len));
}

bool jg_rest_cors_origins_valid(struct jg_str origins) {
  if (is_any(origins)) {
    return true;
  }
  struct jg_str rest = origins;
  bool valid = origins.len > 0;
  while (valid && rest.data != NULL) {
    valid = is_origin(jg_str_trim(jg_str_cut(rest, ',', &rest)));
  }
  return valid;
}

static bool is_listed(struct jg_str origins, struct jg_str origin) {
  struct jg_str rest = origins;
  bool found = false;
  while (!found && rest.data != NULL) {
    found = jg_str_equal(jg_str_trim(jg_str_cut(rest, ',', &rest)), origin);
  }
  return found;
}

/* A browser asks what it may send; it does so without credentials. */
static bool answer_preflight(struct jg_http_request *request) {
  if (request->method != JG_HTTP_OPTIONS ||
      jg_http_header(request, JG_STR("access-control-request-method")).data == NULL) {
    return false;
  }
  static const struct jg_http_header headers[] = {
      {JG_STR("Access-Control-Allow-Methods"), JG_STR(ALLOW_METHODS)},
      {JG_STR("Access-Control-Allow-Headers"), JG_STR(ALLOW_HEADERS)},
      {JG_STR("Access-Control-Max-Age"), JG_STR("7200")},
  };
  struct jg_http_response response = {.status = 204, .headers = headers, .header_count = JG_COUNT(headers)};
  jg_http_respond(request, &response);
  return true;
}

bool jg_rest_cors(const struct jg_rest *rest, struct jg_http_request *request) {
  struct jg_str origin = jg_http_header(request, JG_STR("origin"));
  bool any = is_any(rest->cors_origins);
  if (rest->cors_origins.len == 0 || request->added_headers != NULL) {
    return false;
  }
  struct jg_http_header *added = jg_arena_alloc(&request->arena, ADDED_MAX * sizeof(*added));
  JG_ASSERT(added != NULL);  // Among the first in an arena of 1 MiB.
  size_t count = 0;
  if (!any) {
    added[count++] = (struct jg_http_header){JG_STR("Vary"), JG_STR("Origin")};
  }
  bool allowed = origin.len > 0 && (any || is_listed(rest->cors_origins, origin));
  if (allowed) {
    added[count++] = (struct jg_http_header){JG_STR("Access-Control-Allow-Origin"), any ? JG_STR("*") : origin};
    added[count++] = (struct jg_http_header){JG_STR("Access-Control-Expose-Headers"), JG_STR(EXPOSE_HEADERS)};
  }
  if (allowed && !any) {
    added[count++] = (struct jg_http_header){JG_STR("Access-Control-Allow-Credentials"), JG_STR("true")};
  }
  request->added_headers = added;
  request->added_header_count = count;
  return allowed && answer_preflight(request);
}
