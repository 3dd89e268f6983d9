#include "server/config/networks.h"

/* Of what a message quotes: no network is longer. */
#define QUOTED_BYTES_MAX 50u

struct jg_status jg_networks_parse(const char *label, struct jg_str text, struct jg_arena *arena,
                                   const struct jg_ip_net **ret_nets, size_t *ret_count) {
  size_t count = text.len != 0;
  for (size_t i = 0; i < text.len; i++) {
    count += text.data[i] == ',';
  }
  struct jg_ip_net *nets = jg_arena_alloc(arena, count * sizeof(nets[0]));
  if (nets == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the settings are too long");
  }
  struct jg_str rest = text;
  for (size_t i = 0; i < count; i++) {
    struct jg_str item = jg_str_trim(jg_str_cut(rest, ',', &rest));
    if (!jg_ip_net_parse(item, &nets[i])) {
      return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                              "%s must be addresses or networks between commas, like 10.0.0.0/8,::1: \"%.*s\" is none",
                              label, (int)(item.len < QUOTED_BYTES_MAX ? item.len : QUOTED_BYTES_MAX), item.data);
    }
  }
  *ret_nets = nets;
  *ret_count = count;
  return JG_STATUS_OK;
}
