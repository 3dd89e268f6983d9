/* `jobgate verify-stream`: writes and watches jobs of its own on a server, and tells whether the stream kept its promises. */
#include <stdio.h>
#include <unistd.h>

#include "server/command/remote.h"
#include "server/verify/run.h"

#define NS_PER_SECOND INT64_C(1000000000)

static const struct jg_option verify_options[] = {
    JG_OPTION_SERVER,
    JG_OPTION_USER,
    JG_OPTION_PASSWORD_FILE,
    {.name = "other-user",
     .type = JG_OPTION_TEXT,
     .metavar = "NAME@DOMAIN",
     .help = "a caller of another tenant, for tenant-tight; its password: JOBGATE_OTHER_PASSWORD, or as below"},
    {.name = "other-password-file", .type = JG_OPTION_TEXT, .metavar = "FILE", .help = "the other caller's password"},
    {.name = "writers", .type = JG_OPTION_INTEGER, .value = "4", .min = 1, .max = 1000, .help = "writers at once"},
    {.name = "watchers", .type = JG_OPTION_INTEGER, .value = "200", .min = 3, .max = 10000, .help = "streams at once"},
    {.name = "seconds", .type = JG_OPTION_INTEGER, .value = "60", .min = 1, .max = 86400, .help = "time of writing"},
    {.name = "rate",
     .type = JG_OPTION_INTEGER,
     .value = "200",
     .min = 1,
     .max = 1000000,
     .help = "writes a second, over all writers; each watcher's changes are kept in memory, 32 bytes each"},
    {.name = "reconnect",
     .type = JG_OPTION_INTEGER,
     .value = "5000",
     .min = 10,
     .max = 86400000,
     .metavar = "MS",
     .help = "mean time of a connection"},
    {.name = "patience",
     .type = JG_OPTION_INTEGER,
     .value = "60",
     .min = 1,
     .max = 3600,
     .metavar = "SECONDS",
     .help = "how long to wait for a server that is away: until a write is answered, and until all streams are open"},
    {.name = "seed", .type = JG_OPTION_INTEGER, .value = "1", .min = 0, .max = INT64_MAX, .help = "of the choices"},
    {.name = "plant",
     .type = JG_OPTION_CHOICE,
     .value = "none",
     .choices = JG_VERIFY_FAULT_CHOICES,
     .help = "damage what was received, to see that the checker finds it"},
};

static void print_report(const struct jg_verify_report *report, bool has_other) {
  for (size_t i = 0; i < JG_VERIFY_PROMISE_COUNT; i++) {
    const struct jg_verify_count *count = &report->verdict.promises[i];
    const char *name = jg_verify_promise_name((enum jg_verify_promise)i);
    if (i == JG_VERIFY_TENANT_TIGHT && !has_other && count->failed == 0) {
      printf("%-13s skipped: it needs --other-user\n", name);
    } else if (count->looked_at == 0) {
      printf("%-13s not tested\n", name);
    } else if (count->failed == 0) {
      printf("%-13s held, %llu looks\n", name, (unsigned long long)count->looked_at);
    } else {
      printf("%-13s BROKEN, %llu times of %llu; first: %s\n", name, (unsigned long long)count->failed,
             (unsigned long long)count->looked_at, count->first);
    }
  }
  printf(
      "%llu writes, %llu jobs, %llu events received, %llu connections, %llu retries, %llu lost histories, revision "
      "%lld\n",
      (unsigned long long)report->writes, (unsigned long long)report->jobs, (unsigned long long)report->changes,
      (unsigned long long)report->connections, (unsigned long long)report->retries,
      (unsigned long long)report->lost_histories, (long long)report->final_revision);
}

static int verify(const struct jg_options *options, struct jg_grpc_client **clients, size_t client_count,
                  struct jg_arena *arena) {
  const struct jg_verify_settings settings = {
      .writers = (unsigned)jg_options_integer(options, "writers"),
      .watchers = (unsigned)jg_options_integer(options, "watchers"),
      .rate = jg_options_integer(options, "rate"),
      .duration_ns = jg_options_integer(options, "seconds") * NS_PER_SECOND,
      .patience_ns = jg_options_integer(options, "patience") * NS_PER_SECOND,
      .reconnect_ns = jg_options_integer(options, "reconnect") * 1000000,
      .seed = (uint64_t)jg_options_integer(options, "seed"),
      .fault = jg_verify_fault_parse(jg_options_text(options, "plant")),
  };
  struct jg_verify_report report;
  struct jg_status status = jg_verify_run(&settings, clients, client_count, arena, &report);
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  print_report(&report, client_count > 1);
  return jg_verify_failures(&report.verdict) == 0 ? JG_EXIT_OK : JG_EXIT_FAILURE;
}

static int run_verify_stream(const struct jg_options *options, struct jg_arena *arena) {
  static const struct jg_remote_caller other = {"other-user", "other-password-file", "JOBGATE_OTHER_PASSWORD"};
  struct jg_grpc_client *clients[2] = {NULL, NULL};
  size_t client_count = jg_options_text(options, "other-user") != NULL ? 2 : 1;
  struct jg_status status = jg_remote_open(options, arena, &clients[0]);
  if (jg_status_ok(status) && client_count > 1) {
    status = jg_remote_open_as(options, &other, arena, &clients[1]);
  }
  int code = jg_status_ok(status) ? verify(options, clients, client_count, arena) : jg_command_usage(status);
  jg_grpc_client_destroy(clients[1]);
  jg_grpc_client_destroy(clients[0]);
  return code;
}

const struct jg_command jg_command_verify_stream = {
    .name = "verify-stream",
    .operands = "",
    .help = "write and watch on a server, and judge the promises of its change stream",
    .options = verify_options,
    .option_count = JG_COUNT(verify_options),
    .run = run_verify_stream,
};
