// Addresses as settings: "H:P".

#include <netdb.h>
#include <sys/socket.h>

#include "server/config/options.h"

bool jg_address_parse(struct jg_str text, struct jg_str *ret_host, uint16_t *ret_port) {
  size_t colon = jg_str_find_last(text, ':');
  if (colon == SIZE_MAX || colon == 0) {
    return false;
  }
  struct jg_str host = jg_str_sub(text, 0, colon);
  int64_t port;
  if (!jg_parse_i64(jg_str_sub(text, colon + 1, text.len), &port) || port < 0 || port > UINT16_MAX) {
    return false;
  }
  if (host.data[0] == '[') {
    if (host.len < 3 || host.data[host.len - 1] != ']') {
      return false;
    }
    host = jg_str_sub(host, 1, host.len - 2);
  } else if (jg_str_find(host, ':', 0) != SIZE_MAX) {
    return false;
  }
  *ret_host = host;
  *ret_port = (uint16_t)port;
  return true;
}

bool jg_address_is_loopback(struct jg_str host) {
  return jg_str_equal(host, JG_STR("localhost")) || jg_str_equal(host, JG_STR("::1")) ||
         jg_str_starts_with(host, JG_STR("127."));
}

struct jg_status jg_option_check_filled(struct jg_str text, struct jg_arena *arena) {
  (void)arena;
  return text.len > 0 ? JG_STATUS_OK
                      : jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "must not be empty");
}

struct jg_status jg_option_check_listen(struct jg_str text, struct jg_arena *arena) {
  struct jg_str host = JG_STR_NONE;
  uint16_t port = 0;
  if (!jg_address_parse(text, &host, &port)) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "is no address");
  }
  host = jg_arena_str(arena, host);
  if (host.data == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the settings are too long");
  }
  // The doors resolve it again when they open: here nothing is open yet, and the setting can be named.
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  struct addrinfo *found = NULL;
  int error = getaddrinfo(host.data, NULL, &hints, &found);
  if (error != 0) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "the host '%.80s' is neither an address nor a name that is known here: %s", host.data,
                            gai_strerror(error));
  }
  freeaddrinfo(found);
  return JG_STATUS_OK;
}
