/* `jobgate serve`: wires the parts, opens the doors, says ready, drains on SIGTERM, SIGINT or SIGHUP. */
#include "server/serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bridge/rest/rest.h"
#include "cache/cache.h"
#include "server/admin.h"
#include "server/app.h"
#include "server/command/command.h"
#include "server/config/networks.h"
#include "server/grpc/server.h"
#include "server/version.h"
#include "services/changes/compact.h"
#include "services/changes/hub.h"
#include "services/identity/identity.h"
#include "services/jobs/virtual_status.h"
#include "services/method.h"

/* Hashing is rare, and slow on purpose. */
#define HASH_THREADS 2
#define NS_PER_SECOND INT64_C(1000000000)
#define MS_PER_SECOND 1000

struct server {
  const struct jg_options *options;
  struct jg_arena *arena;
  bool authenticated;
  struct jg_log log;
  struct jg_server_app app;
  struct jg_virtual_statuses virtual_statuses;
  const struct jg_ip_net *trusted_proxies; /* in the arena */
  size_t trusted_proxy_count;
  struct jg_admin admin;
  struct jg_compactor *compactor;
  struct jg_identity_service *identity; /* NULL: no authentication */
  struct jg_rest *rest;
  struct jg_http_server *http, *admin_http;
  struct jg_grpc_server *grpc;
  int signals; /* signalfd */
};

static struct jg_str text(const struct server *server, const char *name) {
  return jg_str_from_cstr(jg_options_text(server->options, name));
}

static bool is(const struct server *server, const char *name, const char *value) {
  return jg_str_equal(text(server, name), jg_str_from_cstr(value));
}

/* Authentication is on unless it is off, or nothing is said and every door is loopback. */
static bool is_authenticated(const struct server *server, const char *open_door) {
  return jg_options_given(server->options, "auth") ? is(server, "auth", "on") : open_door != NULL;
}

static struct jg_status check_exposure(struct server *server) {
  static const char *const doors[] = {"grpc", "http"};
  const char *open_door = NULL;
  for (size_t i = 0; i < JG_COUNT(doors); i++) {
    struct jg_str host = JG_STR_NONE;
    uint16_t port;
    bool ok = jg_address_parse(text(server, doors[i]), &host, &port);
    JG_ASSERT(ok); /* the setting's type */
    open_door = jg_address_is_loopback(host) ? open_door : doors[i];
  }
  server->authenticated = is_authenticated(server, open_door);
  if (!server->authenticated && open_door != NULL && jg_options_integer(server->options, "insecure") == 0) {
    return jg_status_printf(server->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "%s is not loopback: without authentication it needs --insecure",
                            jg_options_label(server->options, open_door));
  }
  struct jg_str url = text(server, "public-url");
  if (url.len > 0 && !jg_rest_public_url_valid(url)) {
    return jg_status_printf(server->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "%s must be http[s]://host[:port][/path] without a slash at its end",
                            jg_options_label(server->options, "public-url"));
  }
  JG_RETURN_IF_ERROR(jg_networks_parse(jg_options_label(server->options, "trusted-proxies"),
                                       text(server, "trusted-proxies"), server->arena, &server->trusted_proxies,
                                       &server->trusted_proxy_count));
  struct jg_str origins = text(server, "cors-origins");
  if (origins.len > 0 && !jg_rest_cors_origins_valid(origins)) {
    return jg_status_printf(server->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "%s must be * or a list of http[s]://host[:port], lower case",
                            jg_options_label(server->options, "cors-origins"));
  }
  return JG_STATUS_OK;
}

static enum jg_log_level log_level(const struct server *server) {
  return is(server, "log-level", "debug")   ? JG_LOG_DEBUG
         : is(server, "log-level", "warn")  ? JG_LOG_WARN
         : is(server, "log-level", "error") ? JG_LOG_ERROR
                                            : JG_LOG_INFO;
}

/* The streams of changes, and what becomes of the log behind them. */
static void open_hub(struct server *server) {
  int64_t stall_ns = jg_options_integer(server->options, "stream-stall") * NS_PER_SECOND;
  const struct jg_hub_options hub = {
      .store = server->app.app.store,
      .expander = server->app.app.expander,
      .clock = server->app.app.clock,
      .log = &server->log,
      .metrics = server->app.metrics,
      .ring_bytes_max = JG_LIMIT_HUB_RING_BYTES,
      .streams_max = JG_LIMIT_WATCH_STREAMS,
      .snapshot_reads_max = (size_t)(jg_options_integer(server->options, "readers") + 1) / 2,
      .stall_ns = stall_ns,
      .trim_grace_ns = stall_ns,
      .stream_age_ns = jg_options_integer(server->options, "stream-max-age") * NS_PER_SECOND,
  };
  server->app.app.hub = jg_hub_create(&hub);
  jg_store_listen(server->app.app.store, jg_hub_hint, server->app.app.hub);
  const struct jg_compactor_options compactor = {
      .store = server->app.app.store,
      .hub = server->app.app.hub,
      .clock = server->app.app.clock,
      .metrics = server->app.metrics,
      .retention = {.age_ms = jg_options_integer(server->options, "retention-age") * MS_PER_SECOND,
                    .bytes_max = jg_options_integer(server->options, "retention-bytes")},
  };
  server->compactor = jg_compactor_create(&compactor);
  jg_compactor_start(server->compactor);
}

static struct jg_status open_record(struct server *server) {
  const struct jg_server_app_options options = {
      .store_url = text(server, "store"),
      .cache_url = text(server, "cache"),
      .create = true,
      .exclusive = true,
      .reader_count = (unsigned)jg_options_integer(server->options, "readers"),
      .cache_bytes_max = (size_t)jg_options_integer(server->options, "cache-bytes"),
      .cache_budget_ms = jg_options_integer(server->options, "cache-budget-ms"),
      .cache_ttl_seconds = jg_options_integer(server->options, "cache-ttl-seconds"),
      .style = {.escape = is(server, "escape", "odata") ? JG_JSON_ESCAPE_ODATA : JG_JSON_ESCAPE_JSON,
                .date = is(server, "date-style", "z") ? JG_DATE_Z : JG_DATE_OFFSET},
      .log = &server->log,
  };
  JG_RETURN_IF_ERROR(jg_server_app_open(&options, server->arena, &server->app));
  server->app.app.virtual_statuses = &server->virtual_statuses;
  server->app.app.fold_case = is(server, "string-case", "insensitive");
  if (server->authenticated) {
    const struct jg_identity_options identity = {.store = server->app.app.store,
                                                 .clock = server->app.app.clock,
                                                 .metrics = server->app.metrics,
                                                 .threads = HASH_THREADS};
    server->identity = jg_identity_service_create(&identity);
  }
  open_hub(server);
  return JG_STATUS_OK;
}

static struct jg_status open_http(struct server *server) {
  const struct jg_rest_options rest = {
      .app = &server->app.app,
      .methods = jg_methods,
      .style = &server->app.style,
      .public_url = text(server, "public-url"),
      .trusted_proxies = server->trusted_proxies,
      .trusted_proxy_count = server->trusted_proxy_count,
      .page_size = (size_t)jg_options_integer(server->options, "page-size"),
      .embed = is(server, "embed", "all"),
      .cors_origins = text(server, "cors-origins"),
      .identity = server->identity,
      .tenant = server->app.tenant,
  };
  server->rest = jg_rest_create(&rest);
  struct jg_http_server_options options = {
      .name = "http",
      .address = text(server, "http"),
      .handler = jg_rest_handle,
      .refuse = jg_rest_refuse,
      .done = jg_rest_done,
      .data = server->rest,
      .clock = server->app.app.clock,
      .metrics = server->app.metrics,
      .log = &server->log,
  };
  server->http = jg_http_server_create(&options);
  JG_RETURN_IF_ERROR(jg_http_server_start(server->http, server->arena));
  options.name = "admin";
  options.address = text(server, "admin");
  options.handler = jg_admin_handle;
  options.refuse = NULL;
  options.done = NULL;
  options.data = &server->admin;
  server->admin.metrics = server->app.metrics;
  server->admin_http = jg_http_server_create(&options);
  return jg_http_server_start(server->admin_http, server->arena);
}

static struct jg_status open_grpc(struct server *server) {
  const struct jg_grpc_server_options options = {
      .app = &server->app.app,
      .address = text(server, "grpc"),
      .threads = (unsigned)jg_options_integer(server->options, "grpc-threads"),
      .identity = server->identity,
      .tenant = server->app.tenant,
      .methods = jg_methods,
      .method_count = JG_METHOD_COUNT,
      .descriptor_set = jg_schema_descriptor_set(),
  };
  return jg_grpc_server_start(&options, server->arena, &server->grpc);
}

/* "127.0.0.1:43211": the host as set, the port as bound. */
static const char *grpc_address(struct server *server) {
  struct jg_str set = text(server, "grpc");
  size_t colon = set.len;
  while (set.data[colon - 1] != ':') {
    colon--;
  }
  const char *address =
      jg_arena_printf(server->arena, "%.*s%u", (int)colon, set.data, jg_grpc_server_port(server->grpc));
  return address != NULL ? address : "";
}

static void say_ready(struct server *server) {
  const char *grpc = grpc_address(server);
  struct jg_str http = jg_http_server_address(server->http);
  struct jg_str admin = jg_http_server_address(server->admin_http);
  jg_log(&server->log, JG_LOG_INFO, "ready", JG_LOG_C("grpc", grpc), JG_LOG_S("http", http), JG_LOG_S("admin", admin),
         JG_LOG_C("auth", server->authenticated ? "on" : "off"), JG_LOG_C("version", JG_VERSION));
  printf("{\"event\":\"ready\",\"grpc\":\"%s\",\"http\":\"%.*s\",\"admin\":\"%.*s\"}\n", grpc, JG_STR_ARG(http),
         JG_STR_ARG(admin));
  fflush(stdout);
}

/* Signals come by a descriptor; blocked before any thread is made, so that all inherit the mask. */
static void block_signals(struct server *server) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);  // the terminal that it was started in is gone
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  (void)signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of its write
  server->signals = signalfd(-1, &set, SFD_CLOEXEC);
  JG_ASSERT(server->signals >= 0);
}

static int wait_signal(struct server *server) {
  struct signalfd_siginfo info;
  ssize_t n;
  do {
    n = read(server->signals, &info, sizeof info);
  } while (n != (ssize_t)sizeof info);
  return (int)info.ssi_signo;
}

/* A second signal while draining ends the process at once. */
static void *watch_second_signal(void *data) {
  struct server *server = data;
  (void)wait_signal(server);  // whichever it is
  _exit(JG_EXIT_FAILURE);
}

static void drain(struct server *server) {
  int64_t grace_ms = jg_options_integer(server->options, "drain-seconds") * 1000;
  atomic_store(&server->admin.ready, false);
  pthread_t second;
  if (pthread_create(&second, NULL, watch_second_signal, server) == 0) {
    pthread_detach(second);
  }
  if (server->grpc != NULL) {
    jg_grpc_server_set_serving(server->grpc, false);
  }
  if (server->http != NULL) {
    jg_http_server_drain(server->http, grace_ms);
  }
  if (server->app.app.hub != NULL) {
    jg_hub_drain(server->app.app.hub);
  }
  if (server->grpc != NULL) {
    jg_grpc_server_stop(server->grpc, grace_ms);
  }
  if (server->http != NULL) {
    jg_http_server_stop(server->http);
  }
  if (server->admin_http != NULL) {
    jg_http_server_stop(server->admin_http);
  }
}

static void close_all(struct server *server) {
  jg_grpc_server_destroy(server->grpc);
  jg_http_server_destroy(server->http);
  jg_http_server_destroy(server->admin_http);
  jg_rest_destroy(server->rest);
  jg_identity_service_destroy(server->identity);
  jg_compactor_destroy(server->compactor);
  jg_server_app_close(&server->app);
}

int jg_serve_run(const struct jg_options *options, struct jg_arena *arena) {
  struct server server = {.options = options, .arena = arena};
  struct jg_status status = check_exposure(&server);
  if (jg_status_ok(status)) {
    status = jg_virtual_statuses_parse(text(&server, "virtual-statuses"), arena, &server.virtual_statuses);
  }
  if (!jg_status_ok(status)) {
    return jg_command_usage(status);
  }
  server.log = (struct jg_log){.format = is(&server, "log-format", "json") ? JG_LOG_JSON : JG_LOG_TEXT,
                               .level_min = log_level(&server),
                               .fd = STDERR_FILENO,
                               .clock = jg_clock_system()};
  block_signals(&server);
  status = open_record(&server);
  if (jg_status_ok(status)) {
    status = open_http(&server);
  }
  if (jg_status_ok(status)) {
    status = open_grpc(&server);
  }
  if (jg_status_ok(status)) {
    jg_grpc_server_set_serving(server.grpc, true);
    atomic_store(&server.admin.ready, true);
    say_ready(&server);
    int signal_number = wait_signal(&server);
    jg_log(&server.log, JG_LOG_INFO, "draining", JG_LOG_I("signal", signal_number));
  }
  drain(&server);
  close_all(&server);
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  jg_log(&server.log, JG_LOG_INFO, "stopped", JG_LOG_I("code", JG_EXIT_OK));
  return JG_EXIT_OK;
}
