#include "server/admin.h"

#include <stdatomic.h>

#define METRICS_BYTES_MAX (4u << 20)

static void respond_text(struct jg_http_request *request, int status, struct jg_str text) {
  const struct jg_http_header headers[] = {
      {JG_STR("Content-Type"), JG_STR("text/plain; charset=utf-8")},
      {JG_STR("Allow"), JG_STR("GET, HEAD")},
  };
  struct jg_http_response response = {
      .status = status, .headers = headers, .header_count = status == 405 ? 2 : 1, .text = text};
  jg_http_respond(request, &response);
}

static void respond_metrics(struct jg_http_request *request, struct jg_admin *admin) {
  const struct jg_http_header headers[] = {
      {JG_STR("Content-Type"), JG_STR("text/plain; version=0.0.4; charset=utf-8")},
  };
  struct jg_http_response response = {.status = 200, .headers = headers, .header_count = 1};
  jg_buf_init(&response.buf, METRICS_BYTES_MAX);
  jg_metrics_write(admin->metrics, &response.buf);
  jg_http_respond(request, &response);
}

void jg_admin_handle(struct jg_http_request *request, void *data) {
  struct jg_admin *admin = data;
  bool live = jg_str_equal(request->path, JG_STR("/livez"));
  bool ready = jg_str_equal(request->path, JG_STR("/readyz"));
  bool metrics = jg_str_equal(request->path, JG_STR("/metrics"));
  request->route = live ? "/livez" : ready ? "/readyz" : metrics ? "/metrics" : "none";
  if (!live && !ready && !metrics) {
    respond_text(request, 404, JG_STR("not found\n"));
  } else if (request->method != JG_HTTP_GET && request->method != JG_HTTP_HEAD) {
    respond_text(request, 405, JG_STR("method not allowed\n"));
  } else if (metrics) {
    respond_metrics(request, admin);
  } else if (live || atomic_load(&admin->ready)) {
    respond_text(request, 200, JG_STR("ok\n"));
  } else {
    respond_text(request, 503, JG_STR("not ready\n"));
  }
}
