/* A setting that lists IP networks. Thread: main. */
#ifndef JG_SERVER_CONFIG_NETWORKS_H
#define JG_SERVER_CONFIG_NETWORKS_H

#include "base/ip.h"
#include "base/status.h"

/* text: addresses and networks of both versions between commas, "10.0.0.0/8,::1"; empty: none. Blanks around them are passed
 * over. INVALID_ARGUMENT quotes the one that is wrong; label: where the setting stands, as "--name". In the arena. */
JG_MUST_CHECK struct jg_status jg_networks_parse(const char *label, struct jg_str text, struct jg_arena *arena,
                                                 const struct jg_ip_net **ret_nets, size_t *ret_count);

#endif
