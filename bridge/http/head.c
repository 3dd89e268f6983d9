// What a complete head must look like (RFC 9112 sections 3, 6 and RFC 9110 sections 7.2, 10.1.1).

#include "bridge/http/http_internal.h"

static int fail(int status, const char *message, const char **ret_message) {
  *ret_message = message;
  return status;
}

static bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || c == '~';
}

static bool is_ipv6_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool jg_http_host_valid(struct jg_str host) {
  size_t i = 0;
  if (host.len != 0 && host.data[0] == '[') {
    for (i = 1; i < host.len && is_ipv6_char(host.data[i]); i++) {
    }
    if (i < 3 || i == host.len || host.data[i] != ']') {
      return false;
    }
    i++;
  } else {
    while (i < host.len && is_host_char(host.data[i])) {
      i++;
    }
    if (i == 0) {
      return false;
    }
  }
  if (i == host.len) {
    return true;
  }
  uint64_t port = 0;
  struct jg_str digits = jg_str_sub(host, i + 1, host.len);
  return host.data[i] == ':' && digits.len <= 5 && jg_parse_u64(digits, &port) && port <= UINT16_MAX;
}

/* Splits the target; what an absolute one (RFC 9112 section 3.2.2) says about the host goes to *ret_authority. */
static bool split_target(struct jg_http_request *request, struct jg_str *ret_authority) {
  struct jg_str target = request->target;
  if (jg_str_find(target, '#', 0) != SIZE_MAX) {
    return false;
  }
  struct jg_str scheme = jg_str_sub(target, 0, 7);
  size_t scheme_len = 0;
  if (jg_str_equal_nocase(scheme, JG_STR("http://"))) {
    scheme_len = 7;
  } else if (jg_str_equal_nocase(jg_str_sub(target, 0, 8), JG_STR("https://"))) {
    scheme_len = 8;
  }
  if (scheme_len != 0) {
    size_t end = scheme_len;
    while (end < target.len && target.data[end] != '/' && target.data[end] != '?') {
      end++;
    }
    *ret_authority = jg_str_sub(target, scheme_len, end - scheme_len);
    target = jg_str_sub(target, end, target.len);
  }
  request->path = jg_str_cut(target, '?', &request->query);
  if (request->path.len == 0 && scheme_len != 0) {
    request->path = JG_STR("/");
  }
  bool asterisk = request->method == JG_HTTP_OPTIONS && jg_str_equal(request->path, JG_STR("*"));
  return asterisk || (request->path.len != 0 && request->path.data[0] == '/');
}

static int check_host(struct jg_http_work *work, struct jg_str authority, const char **ret_message) {
  struct jg_http_request *request = &work->pub;
  size_t index = jg_http_header_next(request, JG_STR("host"), 0);
  bool given = index < request->header_count;
  if (!given && !request->http_1_0) {
    return fail(400, "the Host field is missing", ret_message);
  }
  if (given && jg_http_header_next(request, JG_STR("host"), index + 1) < request->header_count) {
    return fail(400, "the Host field stands there more than once", ret_message);
  }
  struct jg_str host = given ? request->headers[index].value : JG_STR_NONE;
  if (host.len != 0 && !jg_http_host_valid(host)) {
    return fail(400, "the Host field is malformed", ret_message);
  }
  if (authority.data != NULL) {
    if (!jg_http_host_valid(authority)) {
      return fail(400, "the host of the request target is malformed", ret_message);
    }
    host = authority;
  }
  request->host = host.len != 0 ? host : jg_str_from_cstr(work->server->address);
  return 0;
}

/* The parser has refused a length beside a coding, two lengths, and codings that do not end in chunked. */
static int check_framing(const struct jg_http_work *work, const struct jg_http_limits *limits, uint64_t content_length,
                         const char **ret_message) {
  const struct jg_http_request *request = &work->pub;
  struct jg_str coding = jg_http_header(request, JG_STR("transfer-encoding"));
  if (coding.data != NULL) {
    if (request->http_1_0) {
      return fail(400, "Transfer-Encoding is not of HTTP/1.0", ret_message);
    }
    if (jg_http_header(request, JG_STR("content-length")).data != NULL) {
      return fail(400, "Transfer-Encoding and Content-Length exclude each other", ret_message);
    }
    if (jg_str_equal_nocase(coding, JG_STR("chunked"))) {
      return 0;
    }
    // Chunked and coded otherwise is only unknown; not chunked in the end has no length at all.
    size_t from = coding.len > 8 ? coding.len - 8 : 0;
    struct jg_str end = jg_str_sub(coding, from, 8);
    bool chunked = end.len == 8 && jg_str_equal_nocase(jg_str_sub(end, 1, 7), JG_STR("chunked")) &&
                   (end.data[0] == ',' || end.data[0] == ' ' || end.data[0] == '\t');
    return chunked ? fail(501, "the transfer coding is unknown", ret_message)
                   : fail(400, "the length of the body is not stated clearly", ret_message);
  }
  if (content_length > limits->body_bytes_max) {
    return fail(413, "the body is too large", ret_message);
  }
  return 0;
}

bool jg_http_head_expects(const struct jg_http_request *request) {
  return !request->http_1_0 && jg_str_equal_nocase(jg_http_header(request, JG_STR("expect")), JG_STR("100-continue"));
}

int jg_http_head_check(struct jg_http_work *work, const struct jg_http_limits *limits, uint64_t content_length,
                       const char **ret_message) {
  struct jg_http_request *request = &work->pub;
  struct jg_str authority = JG_STR_NONE;
  if (jg_str_equal(request->method_name, JG_STR("CONNECT"))) {
    return fail(501, "CONNECT is not implemented", ret_message);
  }
  if (!split_target(request, &authority)) {
    request->path = request->query = JG_STR_NONE;
    return fail(400, "the request target is malformed", ret_message);
  }
  int status = check_host(work, authority, ret_message);
  if (status == 0) {
    status = check_framing(work, limits, content_length, ret_message);
  }
  if (status != 0) {
    return status;
  }
  // HTTP/1.0 knows no Expect: it is ignored there (RFC 9110 section 10.1.1).
  struct jg_str expect = jg_http_header(request, JG_STR("expect"));
  if (expect.data != NULL && !request->http_1_0 && !jg_http_head_expects(request)) {
    return fail(417, "the expectation cannot be met", ret_message);
  }
  return 0;
}
