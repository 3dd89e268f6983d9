/* `jobgate check`: reads every page of the record, beside a server too, and asks the shared cache for a sign of life. */
#include <stdio.h>

#include "cache/cache.h"
#include "server/command/command.h"
#include "server/command/record.h"
#include "storage/store.h"

#define TENANTS_SHOWN_MAX 100

static const struct jg_option check_options[] = {
    JG_OPTION_STORE,
    {.name = "cache",
     .type = JG_OPTION_TEXT,
     .value = "memory:",
     .metavar = "URL",
     .help = "the entity cache, as for serve",
     .secret = true,
     .check = jg_cache_check_url},
    {.name = "cache-budget-ms",
     .type = JG_OPTION_INTEGER,
     .value = "50",
     .min = 1,
     .max = 10000,
     .metavar = "N",
     .help = "longest wait for the shared cache, as for serve"},
};

struct look {
  struct jg_arena *arena;
  struct jg_tenant_state state;
};

static struct jg_status look_at_state(struct jg_txn *txn, void *data) {
  struct look *look = data;
  return jg_txn_tenant_state(txn, look->arena, &look->state);
}

static struct jg_status print_tenants(struct jg_store *store, struct jg_arena *arena) {
  struct jg_str name = JG_STR_NONE;
  for (size_t shown = 0; shown < TENANTS_SHOWN_MAX; shown++) {
    int64_t tenant;
    struct jg_status status = jg_store_tenant_next(store, name, arena, &name, &tenant);
    if (status.code == JG_NOT_FOUND) {
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(status);
    struct look look = {.arena = arena};
    JG_RETURN_IF_ERROR(jg_store_read_inline(store, tenant, look_at_state, &look));
    // The number is what the log of the server calls it.
    printf("  tenant %.*s: number %lld, epoch %.*s, revision %lld, log from %lld\n", JG_STR_ARG(name),
           (long long)tenant, JG_STR_ARG(look.state.epoch), (long long)look.state.revision,
           (long long)look.state.oldest_revision);
  }
  puts("  (more tenants are not shown)");
  return JG_STATUS_OK;
}

static struct jg_status check_store(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_str url = jg_str_from_cstr(jg_options_text(options, "store"));
  struct jg_store_report report;
  JG_RETURN_IF_ERROR(jg_store_check(url, jg_clock_system(), arena, &report));
  printf("store: ok, schema %lld, %lld tenants, %lld jobs, %lld entities, %lld changes\n",
         (long long)report.schema_version, (long long)report.tenants, (long long)report.jobs,
         (long long)report.entities, (long long)report.changes);
  const struct jg_store_options store_options = {
      .url = url, .read_only = true, .reader_count = 1, .clock = jg_clock_system()};
  struct jg_store *store = NULL;
  JG_RETURN_IF_ERROR(jg_store_open(&store_options, arena, &store));
  struct jg_status status = print_tenants(store, arena);
  jg_store_close(store);
  return status;
}

static void print_side(const char *side, bool works, const char *meaning) {
  printf("  %s: %s\n", side, works ? "ok" : meaning);
}

/* Both ways: a value is written and one is read. */
static struct jg_status check_cache(const struct jg_options *options, struct jg_arena *arena) {
  const struct jg_cache_options cache_options = {.url = jg_str_from_cstr(jg_options_text(options, "cache")),
                                                 .bytes_max = 1 << 20,
                                                 .budget_ms = jg_options_integer(options, "cache-budget-ms"),
                                                 .clock = jg_clock_system()};
  struct jg_cache *cache = NULL;
  JG_RETURN_IF_ERROR(jg_cache_create(&cache_options, arena, &cache));
  struct jg_cache_health health;
  jg_cache_health(cache, &health);
  bool works = health.address == NULL || (health.readable && health.writable);
  if (health.address == NULL) {
    puts("cache: ok, in process");
  } else {
    printf("cache: %s, %s", works ? "ok" : "FAILED", health.address);
    if (health.readable) {
      printf(", %.3f ms", (double)health.round_trip_ns / 1e6);
    }
    putchar('\n');
    print_side("read", health.readable, health.read_meaning);
    print_side("write", health.writable, health.write_meaning);
  }
  jg_cache_destroy(cache);
  return works ? JG_STATUS_OK : jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "the cache cannot be used");
}

static int run_check(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_status store = check_store(options, arena);
  int code = jg_status_ok(store) ? JG_EXIT_OK : jg_command_fail(store);
  struct jg_status cache = check_cache(options, arena);
  code = jg_status_ok(cache) ? code : jg_command_fail(cache);
  return code;
}

const struct jg_command jg_command_check = {
    .name = "check",
    .operands = "",
    .help = "read the whole record for damage, beside a server too, and probe the cache",
    .options = check_options,
    .option_count = JG_COUNT(check_options),
    .run = run_check,
};
