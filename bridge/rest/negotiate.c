// Content negotiation (contract section 2.4): JSON unless it is excluded, text/json when asked for.

#include "bridge/rest/rest_internal.h"

/* Cuts *rest at the first separator outside quotes (RFC 9110 section 5.6.4); data NULL at the end. */
static struct jg_str next_piece(struct jg_str *rest, char separator) {
  struct jg_str text = *rest;
  if (text.data == NULL) {
    return JG_STR_NONE;
  }
  bool quoted = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (quoted && c == '\\') {
      i++;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      *rest = jg_str_sub(text, i + 1, text.len);
      return jg_str_trim(jg_str_sub(text, 0, i));
    }
  }
  *rest = JG_STR_NONE;
  return jg_str_trim(text);
}

/* "name=value" with the quotes off the value. */
static struct jg_str parameter(struct jg_str text, struct jg_str *ret_value) {
  struct jg_str name = jg_str_trim(jg_str_cut(text, '=', ret_value));
  struct jg_str value = jg_str_trim(*ret_value);
  if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"') {
    value = jg_str_sub(value, 1, value.len - 2);
  }
  *ret_value = value;
  return name;
}

/* Thousandths; malformed counts as 1000. */
static int quality(struct jg_str text) {
  if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1')) {
    return 1000;
  }
  int value = text.data[0] == '1' ? 1000 : 0;
  int scale = 100;
  for (size_t i = 2; i < text.len; i++) {
    if (text.data[1] != '.' || text.data[i] < '0' || text.data[i] > '9') {
      return 1000;
    }
    value += (text.data[i] - '0') * scale;
    scale /= 10;
  }
  return value < 1000 ? value : 1000;
}

/* The best quality of each kind of range; -1: not there. */
struct accepted {
  int json, text_json, wildcard, xml, unknown;
  bool json_ieee754, text_ieee754; /* of the best ranges of these */
  bool text_json_first;            /* it stands before application/json */
};

static void raise(int *best, int q) {
  *best = *best > q ? *best : q;
}

/* The parameter is there, and true. */
static bool is_ieee754(struct jg_str parameters) {
  bool wanted = false;
  for (struct jg_str piece; (piece = next_piece(&parameters, ';')).data != NULL;) {
    struct jg_str value;
    if (jg_str_equal_nocase(parameter(piece, &value), JG_STR("IEEE754Compatible"))) {
      wanted = jg_str_equal_nocase(value, JG_STR("true"));
    }
  }
  return wanted;
}

static int range_quality(struct jg_str parameters) {
  int q = 1000;
  for (struct jg_str piece; (piece = next_piece(&parameters, ';')).data != NULL;) {
    struct jg_str value;
    if (jg_str_equal_nocase(parameter(piece, &value), JG_STR("q"))) {
      q = quality(value);
    }
  }
  return q;
}

static void take_range(struct jg_str range, struct accepted *accepted) {
  struct jg_str parameters = range;
  struct jg_str type = next_piece(&parameters, ';');
  int q = range_quality(parameters);
  if (jg_str_equal_nocase(type, JG_STR("application/json"))) {
    accepted->json_ieee754 = q > accepted->json ? is_ieee754(parameters) : accepted->json_ieee754;
    raise(&accepted->json, q);
  } else if (jg_str_equal_nocase(type, JG_STR("text/json"))) {
    accepted->text_json_first = accepted->text_json_first || accepted->json < 0;
    accepted->text_ieee754 = q > accepted->text_json ? is_ieee754(parameters) : accepted->text_ieee754;
    raise(&accepted->text_json, q);
  } else if (jg_str_equal(type, JG_STR("*/*")) || jg_str_equal_nocase(type, JG_STR("application/*"))) {
    raise(&accepted->wildcard, q);
  } else if (jg_str_equal_nocase(type, JG_STR("application/xml")) || jg_str_equal_nocase(type, JG_STR("text/xml")) ||
             (type.len > 4 && jg_str_equal_nocase(jg_str_sub(type, type.len - 4, 4), JG_STR("+xml")))) {
    raise(&accepted->xml, q);
  } else if (type.len != 0) {
    raise(&accepted->unknown, q);
  }
}

int jg_rest_check_accept(const struct jg_http_request *request, struct jg_rest_wishes *wishes,
                         const char **ret_message) {
  struct accepted accepted = {-1, -1, -1, -1, -1, false, false, false};
  struct jg_str name = JG_STR("accept");
  for (size_t i = 0; (i = jg_http_header_next(request, name, i)) < request->header_count; i++) {
    struct jg_str rest = request->headers[i].value;
    for (struct jg_str range; (range = next_piece(&rest, ',')).data != NULL;) {
      take_range(range, &accepted);
    }
  }
  // A range that says q=0 for application/json overrules a wildcard (RFC 9110 section 12.5.1).
  int json = accepted.json >= 0 ? accepted.json : accepted.wildcard;
  wishes->text_json =
      accepted.text_json > 0 && (accepted.text_json > json || (accepted.text_json == json && accepted.text_json_first));
  wishes->ieee754 = wishes->text_json ? accepted.text_ieee754 : accepted.json > 0 && accepted.json_ieee754;
  if (json > 0 || accepted.text_json > 0) {
    return 0;
  }
  // What nobody asked about falls back to JSON, as the servers of old do; what was asked for must not be XML alone.
  bool excluded = json == 0 || accepted.text_json == 0 || accepted.unknown == 0;
  if (accepted.unknown > 0 || (accepted.xml < 0 && !excluded)) {
    return 0;
  }
  *ret_message = "only JSON is served: Accept must allow application/json";
  return 406;
}

int jg_rest_check_format(struct jg_str format, enum jg_rest_route route, struct jg_rest_wishes *wishes,
                         const char **ret_message) {
  struct jg_str parameters = format;
  struct jg_str type = next_piece(&parameters, ';');
  bool bare = parameters.data == NULL;  // Short names have no parameters.
  if (route == JG_REST_METADATA) {
    *ret_message = "$format must be xml or application/xml: there is no other form of the metadata";
    return (bare && jg_str_equal_nocase(type, JG_STR("xml"))) || jg_str_equal_nocase(type, JG_STR("application/xml"))
               ? 0
               : 406;
  }
  if (route == JG_REST_VALUE || route == JG_REST_COUNT) {
    *ret_message = "$format must be text/plain: this is bare text";
    return jg_str_equal_nocase(type, JG_STR("text/plain")) ? 0 : 406;
  }
  wishes->text_json = jg_str_equal_nocase(type, JG_STR("text/json"));
  wishes->ieee754 = is_ieee754(parameters);
  *ret_message = "$format must be json, application/json or text/json: only JSON is served";
  bool json = (bare && jg_str_equal_nocase(type, JG_STR("json"))) ||
              jg_str_equal_nocase(type, JG_STR("application/json")) || wishes->text_json;
  return json ? 0 : 406;
}

int jg_rest_quality(const struct jg_http_request *request, struct jg_str type, struct jg_str subtype) {
  int best = -1;
  size_t best_exactness = 0;
  struct jg_str name = JG_STR("accept");
  for (size_t i = 0; (i = jg_http_header_next(request, name, i)) < request->header_count; i++) {
    struct jg_str rest = request->headers[i].value;
    for (struct jg_str range; (range = next_piece(&rest, ',')).data != NULL;) {
      struct jg_str parameters = range, below;
      struct jg_str above = jg_str_cut(next_piece(&parameters, ';'), '/', &below);
      bool all = jg_str_equal(above, JG_STR("*")) && jg_str_equal(below, JG_STR("*"));
      bool of_type = jg_str_equal_nocase(above, type);
      bool exact = of_type && jg_str_equal_nocase(below, subtype);
      of_type = of_type && jg_str_equal(below, JG_STR("*"));
      size_t exactness = exact ? 3 : of_type ? 2 : all ? 1 : 0;
      int q = range_quality(parameters);
      if (exactness > best_exactness || (exactness != 0 && exactness == best_exactness && q > best)) {
        best = q;
        best_exactness = exactness;
      }
    }
  }
  return best;
}

/* The quality of each coding, of "identity" and of "*"; -1: not there. */
struct codings {
  int of[JG_CODING_COUNT];
  int any;
};

static void take_coding(struct jg_str piece, struct codings *codings) {
  struct jg_str parameters = piece, value;
  struct jg_str name = next_piece(&parameters, ';');
  int q = 1000;
  for (struct jg_str p; (p = next_piece(&parameters, ';')).data != NULL;) {
    if (jg_str_equal_nocase(parameter(p, &value), JG_STR("q"))) {
      q = quality(value);
    }
  }
  enum jg_coding coding;
  if (jg_str_equal(name, JG_STR("*"))) {
    raise(&codings->any, q);
  } else if (jg_coding_by_name(name, &coding)) {
    raise(&codings->of[coding], q);
  }
}

int jg_rest_check_coding(const struct jg_http_request *request, struct jg_rest_wishes *wishes,
                         const char **ret_message) {
  struct codings codings = {{-1, -1, -1}, -1};
  struct jg_str name = JG_STR("accept-encoding");
  for (size_t i = 0; (i = jg_http_header_next(request, name, i)) < request->header_count; i++) {
    struct jg_str rest = request->headers[i].value;
    for (struct jg_str piece; (piece = next_piece(&rest, ',')).data != NULL;) {
      take_coding(piece, &codings);
    }
  }
  int best = 0;
  wishes->coding = JG_CODING_IDENTITY;
  for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
    int q = codings.of[coding] >= 0 ? codings.of[coding] : codings.any;
    if (q > best) {
      best = q;
      wishes->coding = coding;
    }
  }
  // Uncoded is always good enough, unless it is named as worse than something else, or as not good at all.
  int plain = codings.of[JG_CODING_IDENTITY];
  if (plain > best) {
    wishes->coding = JG_CODING_IDENTITY;
  }
  wishes->coded = plain == 0 || (plain < 0 && codings.any == 0);
  if (wishes->coded && wishes->coding == JG_CODING_IDENTITY) {
    *ret_message = "Accept-Encoding excludes every form of the answer: gzip, deflate and identity are served";
    return 406;
  }
  return 0;
}

int jg_rest_check_body_coding(const struct jg_http_request *request, enum jg_coding *ret_coding,
                              const char **ret_message) {
  struct jg_str header = JG_STR("content-encoding");
  enum jg_coding coding = JG_CODING_IDENTITY;
  bool known = true, coded = false;
  for (size_t i = 0; (i = jg_http_header_next(request, header, i)) < request->header_count; i++) {
    struct jg_str rest = request->headers[i].value;
    for (struct jg_str piece; (piece = next_piece(&rest, ',')).data != NULL;) {
      enum jg_coding one = JG_CODING_IDENTITY;
      known = known && (piece.len == 0 || jg_coding_by_name(piece, &one)) && !(coded && one != JG_CODING_IDENTITY);
      coded = coded || one != JG_CODING_IDENTITY;
      coding = one != JG_CODING_IDENTITY ? one : coding;
    }
  }
  if (!known) {
    *ret_message = "the Content-Encoding of the body must be gzip or deflate, once";
    return 415;
  }
  *ret_coding = coding;
  return 0;
}

int jg_rest_check_body_type(const struct jg_http_request *request, const char **ret_message) {
  struct jg_str rest = jg_http_header(request, JG_STR("content-type"));
  if (rest.data == NULL && request->body.len == 0) {
    return 0;  // There is nothing that has a type; the decoder says what is missing.
  }
  struct jg_str type = next_piece(&rest, ';');
  if (!jg_str_equal_nocase(type, JG_STR("application/json")) && !jg_str_equal_nocase(type, JG_STR("text/json"))) {
    *ret_message = "the body must be application/json or text/json";
    return 415;
  }
  for (struct jg_str piece; (piece = next_piece(&rest, ';')).data != NULL;) {
    struct jg_str value;
    bool charset = jg_str_equal_nocase(parameter(piece, &value), JG_STR("charset"));
    if (charset && !jg_str_equal_nocase(value, JG_STR("utf-8")) && !jg_str_equal_nocase(value, JG_STR("utf8"))) {
      *ret_message = "the charset of the body must be utf-8";
      return 415;
    }
  }
  return 0;
}

/* "4.0", "4.01", "4": major and minor; false if malformed. Behind a semicolon stands who calls: the .NET client library writes
 * "4.0;NetFx" in every request. */
static bool parse_version(struct jg_str text, uint64_t *ret_major, uint64_t *ret_minor) {
  struct jg_str minor;
  struct jg_str major = jg_str_cut(next_piece(&text, ';'), '.', &minor);
  *ret_minor = 0;
  return jg_parse_u64(major, ret_major) && (minor.data == NULL || jg_parse_u64(minor, ret_minor));
}

int jg_rest_check_versions(const struct jg_http_request *request, const char **ret_message) {
  uint64_t major = 0, minor = 0;
  struct jg_str max = jg_http_header(request, JG_STR("odata-maxversion"));
  if (max.data != NULL && (!parse_version(max, &major, &minor) || major < 4)) {
    *ret_message = "OData-MaxVersion must be 4.0 or later";
    return 400;
  }
  struct jg_str version = jg_http_header(request, JG_STR("odata-version"));
  if (version.data != NULL && (!parse_version(version, &major, &minor) || major != 4)) {
    *ret_message = "OData-Version must be 4.0";
    return 400;
  }
  return 0;
}

bool jg_rest_reads_40_alone(const struct jg_http_request *request) {
  uint64_t major = 0, minor = 0;
  struct jg_str max = jg_http_header(request, JG_STR("odata-maxversion"));
  return max.data != NULL && parse_version(max, &major, &minor) && major == 4 && minor == 0;
}

/* Walks over the fields Prefer. Zero, but for the request, before the first one. */
struct preferences {
  const struct jg_http_request *request;
  size_t next;
  struct jg_str rest;
};

/* False at the end. value: data NULL of one that has none. */
static bool next_preference(struct preferences *preferences, struct jg_str *ret_name, struct jg_str *ret_value) {
  const struct jg_http_request *request = preferences->request;
  struct jg_str piece;
  while ((piece = next_piece(&preferences->rest, ',')).data == NULL) {
    size_t at = jg_http_header_next(request, JG_STR("prefer"), preferences->next);
    if (at >= request->header_count) {
      return false;
    }
    preferences->rest = request->headers[at].value;
    preferences->next = at + 1;
  }
  *ret_name = parameter(next_piece(&piece, ';'), ret_value);
  return true;
}

/* That one of the names, spelled so; NULL: none of them. */
static const char *spelled(struct jg_str name, const char *const names[2]) {
  for (size_t n = 0; n < 2; n++) {
    if (jg_str_equal_nocase(name, jg_str_from_cstr(names[n]))) {
      return names[n];
    }
  }
  return NULL;
}

const char *jg_rest_wants_tracking(const struct jg_http_request *request) {
  static const char *const names[] = {"odata.track-changes", "track-changes"};
  struct preferences preferences = {.request = request};
  const char *found = NULL;
  struct jg_str name, value;
  while (found == NULL && next_preference(&preferences, &name, &value)) {
    found = spelled(name, names);
  }
  return found;
}

const char *jg_rest_wants_page(const struct jg_http_request *request, size_t most, size_t *ret_size) {
  static const char *const names[] = {"odata.maxpagesize", "maxpagesize"};
  struct preferences preferences = {.request = request};
  const char *found = NULL;
  struct jg_str name, value;
  while (found == NULL && next_preference(&preferences, &name, &value)) {
    found = spelled(name, names);
  }
  uint64_t size = 0;
  if (found == NULL || !jg_parse_u64(value, &size) || size == 0 || size > most) {
    return NULL;
  }
  *ret_size = (size_t)size;
  return found;
}

void jg_rest_read_prefer(const struct jg_http_request *request, struct jg_rest_wishes *wishes) {
  struct preferences preferences = {.request = request};
  struct jg_str name, value;
  // Of a repeated one the first counts (RFC 7240 section 2).
  while (!wishes->minimal && !wishes->representation && next_preference(&preferences, &name, &value)) {
    bool answers = jg_str_equal_nocase(name, JG_STR("return"));
    wishes->minimal = answers && jg_str_equal_nocase(value, JG_STR("minimal"));
    wishes->representation = answers && jg_str_equal_nocase(value, JG_STR("representation"));
  }
}
