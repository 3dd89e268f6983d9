/* The admin port: /livez, /readyz and /metrics. No job data, no authentication. */
#ifndef JG_SERVER_ADMIN_H
#define JG_SERVER_ADMIN_H

#include "bridge/http/server.h"

/* What the endpoints tell. Plain so that serve.c fills it; constant but for `ready`. */
struct jg_admin {
  struct jg_metrics *metrics;
  _Atomic bool ready; /* 503 at /readyz before the doors are open and while draining */
};

/* jg_http_handler; data is the struct jg_admin. Thread: the admin server's loop. */
void jg_admin_handle(struct jg_http_request *request, void *data);

#endif
