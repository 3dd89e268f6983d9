#include "cache/redis/url.h"

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/compiler.h"

#define HOST_BYTES_MAX 255
#define DATABASE_MAX 1000000
#define PORT 6379
#define SENTINEL_PORT 26379
#define SCHEME_REDIS JG_STR("redis://")
#define SCHEME_TLS JG_STR("rediss://")
#define SCHEME_SENTINEL JG_STR("redis+sentinel://")

static struct jg_status invalid(const char *what) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, what);
}

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the cache's address is too long");
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* RFC 3986 section 2.1. */
static struct jg_status unescape(struct jg_str text, struct jg_arena *arena, struct jg_str *ret_text) {
  char *out = jg_arena_alloc(arena, text.len + 1);
  if (out == NULL) {
    return out_of_arena();
  }
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (c == '%') {
      int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
      int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return invalid("the cache's user or password has a % that begins no escape");
      }
      c = (char)(high << 4 | low);
      i += 2;
    }
    out[len++] = c;
  }
  out[len] = '\0';
  *ret_text = jg_str_make(out, len);
  return JG_STATUS_OK;
}

/* Cuts "[[user]:password@]" off; the last @ ends it. A text before it without a colon is the password, as redis-cli has it. */
static struct jg_status take_credentials(struct jg_str *rest, struct jg_arena *arena, struct jg_redis_url *url) {
  size_t at = SIZE_MAX;
  for (size_t i = 0; i < rest->len && rest->data[i] != '/'; i++) {
    at = rest->data[i] == '@' ? i : at;
  }
  if (at == SIZE_MAX) {
    return JG_STATUS_OK;
  }
  struct jg_str both = jg_str_sub(*rest, 0, at), password;
  *rest = jg_str_sub(*rest, at + 1, rest->len);
  struct jg_str user = jg_str_cut(both, ':', &password);
  if (password.data == NULL) {
    password = user;
    user = JG_STR_NONE;
  }
  if (password.len == 0) {
    return invalid("the cache's address has a user without a password");
  }
  JG_RETURN_IF_ERROR(unescape(user, arena, &url->user));
  return unescape(password, arena, &url->password);
}

static bool host_valid(struct jg_str host) {
  for (size_t i = 0; i < host.len; i++) {
    unsigned char c = (unsigned char)host.data[i];
    if (c <= ' ' || c == 0x7f || c == '@' || c == '?' || c == '#' || c == '%' || c == '[' || c == ']') {
      return false;
    }
  }
  return host.len > 0 && host.len <= HOST_BYTES_MAX;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static struct jg_status take_endpoint(struct jg_str text, uint16_t default_port, struct jg_arena *arena,
                                      struct jg_redis_endpoint *ret_endpoint) {
  struct jg_str host, port = JG_STR_NONE;
  if (text.len > 0 && text.data[0] == '[') {
    size_t end = jg_str_find(text, ']', 0);
    if (end == SIZE_MAX || (end + 1 < text.len && text.data[end + 1] != ':')) {
      return invalid("the cache's host must be a name, an IPv4 address or [an IPv6 address]");
    }
    host = jg_str_sub(text, 1, end - 1);
    port = end + 1 < text.len ? jg_str_sub(text, end + 2, text.len) : JG_STR_NONE;
  } else {
    host = jg_str_cut(text, ':', &port);
  }
  int64_t number = default_port;
  if (port.data != NULL && (!jg_parse_i64(port, &number) || number < 1 || number > UINT16_MAX)) {
    return invalid("the cache's port must be a number from 1 to 65535");
  }
  if (!host_valid(host)) {
    return invalid("the cache's host must be a name, an IPv4 address or [an IPv6 address]");
  }
  struct jg_str copy = jg_arena_str(arena, host);
  if (copy.data == NULL) {
    return out_of_arena();
  }
  *ret_endpoint = (struct jg_redis_endpoint){copy.data, (uint16_t)number};
  return JG_STATUS_OK;
}

static struct jg_status take_database(struct jg_str text, struct jg_redis_url *url) {
  if (text.len > 0 && (!jg_parse_i64(text, &url->database) || url->database < 0 || url->database > DATABASE_MAX)) {
    return invalid("the cache's database must be a number from 0 to 1000000");
  }
  return JG_STATUS_OK;
}

static struct jg_status take_sentinels(struct jg_str rest, struct jg_arena *arena, struct jg_redis_url *url) {
  struct jg_str path, database;
  struct jg_str hosts = jg_str_cut(rest, '/', &path);
  struct jg_str master = jg_str_cut(path, '/', &database);
  if (master.len == 0 || master.len > HOST_BYTES_MAX) {
    return invalid("the cache's address must be redis+sentinel://host:port,.../master-name");
  }
  url->master = jg_arena_str(arena, master);
  if (url->master.data == NULL) {
    return out_of_arena();
  }
  while (hosts.data != NULL) {
    if (url->endpoint_count == JG_REDIS_ENDPOINTS_MAX) {
      return invalid("the cache's address names more than 16 Sentinels");
    }
    struct jg_str one = jg_str_cut(hosts, ',', &hosts);
    JG_RETURN_IF_ERROR(take_endpoint(one, SENTINEL_PORT, arena, &url->endpoints[url->endpoint_count++]));
  }
  return take_database(database, url);
}

/* What follows the scheme. */
static struct jg_status take_rest(struct jg_str rest, bool sentinel, struct jg_arena *arena, struct jg_redis_url *url) {
  JG_RETURN_IF_ERROR(take_credentials(&rest, arena, url));
  if (sentinel) {
    return take_sentinels(rest, arena, url);
  }
  struct jg_str database;
  struct jg_str host = jg_str_cut(rest, '/', &database);
  url->endpoint_count = 1;
  JG_RETURN_IF_ERROR(take_endpoint(host, PORT, arena, &url->endpoints[0]));
  return take_database(database, url);
}

/* An '@' behind the first '/': what is meant to be a password was taken for the host, and any other complaint would mislead. */
static bool cuts_password(struct jg_str rest) {
  size_t slash = jg_str_find(rest, '/', 0);
  return slash != SIZE_MAX && jg_str_find(rest, '@', slash) != SIZE_MAX;
}

struct jg_status jg_redis_url_parse(struct jg_str text, struct jg_arena *arena, struct jg_redis_url *ret_url) {
  struct jg_redis_url url = {0};
  bool sentinel = jg_str_starts_with(text, SCHEME_SENTINEL);
  if (jg_str_starts_with(text, SCHEME_TLS)) {
    return jg_status_printf(
        arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT,
        "rediss:// needs TLS, which this build (hiredis %d.%d) does not have; use redis:// on a network "
        "that you trust, or a TLS proxy beside jobgate",
        HIREDIS_MAJOR, HIREDIS_MINOR);
  }
  if (!sentinel && !jg_str_starts_with(text, SCHEME_REDIS)) {
    return invalid("the cache must be memory:, redis://... or redis+sentinel://...");
  }
  struct jg_str rest = jg_str_sub(text, sentinel ? SCHEME_SENTINEL.len : SCHEME_REDIS.len, text.len);
  struct jg_status status = take_rest(rest, sentinel, arena, &url);
  if (status.code == JG_INVALID_ARGUMENT && cuts_password(rest)) {
    return invalid("a '/' in the cache's user or password must be written %2F");
  }
  JG_RETURN_IF_ERROR(status);
  *ret_url = url;
  return JG_STATUS_OK;
}

const char *jg_redis_url_print(const struct jg_redis_url *url, struct jg_arena *arena) {
  struct jg_buf out;
  jg_buf_init(&out, 16 << 10);
  jg_buf_append_str(&out, url->master.len > 0 ? SCHEME_SENTINEL : SCHEME_REDIS);
  jg_buf_append_str(&out, url->password.len > 0 ? JG_STR("***@") : JG_STR_NONE);
  for (size_t i = 0; i < url->endpoint_count; i++) {
    const struct jg_redis_endpoint *endpoint = &url->endpoints[i];
    bool ipv6 = jg_str_find(jg_str_from_cstr(endpoint->host), ':', 0) != SIZE_MAX;
    jg_buf_printf(&out, ipv6 ? "%s[%s]:%u" : "%s%s:%u", i > 0 ? "," : "", endpoint->host, endpoint->port);
  }
  if (url->master.len > 0) {
    jg_buf_append_char(&out, '/');
    jg_buf_append_str(&out, url->master);
  }
  jg_buf_printf(&out, "/%lld", (long long)url->database);
  struct jg_str copy = jg_arena_str(arena, jg_buf_str(&out));
  jg_buf_done(&out);
  return copy.data != NULL ? copy.data : "redis";
}
