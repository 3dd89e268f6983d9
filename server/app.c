#include "server/app.h"

#include <xxhash.h>

#include "base/limits.h"
#include "cache/answers.h"
#include "server/version.h"
#include "services/changes/hub.h"
#include "services/expand/expand.h"

/* What the bytes of a cached entity depend on besides its record: schema, program and style. Programs that differ in any of them
 * share no cached values. */
static uint64_t cache_form(const struct jg_json_style *style) {
  struct jg_str schema = jg_schema_descriptor_set();
  uint64_t seed = XXH3_64bits(JG_VERSION, sizeof(JG_VERSION)) ^ ((uint64_t)style->escape << 8 | (uint64_t)style->date);
  return XXH3_64bits_withSeed(schema.data, schema.len, seed);
}

static struct jg_status open_parts(const struct jg_server_app_options *options, struct jg_arena *arena,
                                   struct jg_server_app *app) {
  const struct jg_store_options store = {
      .url = options->store_url,
      .create = options->create,
      .exclusive = options->exclusive,
      .read_only = options->read_only,
      .reader_count = options->reader_count,
      .clock = app->app.clock,
      .metrics = app->metrics,
      .log = options->log,
  };
  JG_RETURN_IF_ERROR(jg_store_open(&store, arena, &app->app.store));
  const struct jg_cache_options cache = {
      .url = options->cache_url.len > 0 ? options->cache_url : JG_STR("memory:"),
      .bytes_max = options->cache_bytes_max > 0 ? options->cache_bytes_max : JG_LIMIT_CACHE_BYTES,
      .metrics = app->metrics,
      .form = cache_form(&app->style),
      .budget_ms = options->cache_budget_ms,
      .ttl_seconds = options->cache_ttl_seconds,
      .clock = app->app.clock,
      .log = options->log,
  };
  JG_RETURN_IF_ERROR(jg_cache_create(&cache, arena, &app->app.cache));
  app->app.answers = jg_answers_create(JG_LIMIT_ANSWER_BYTES, app->metrics);
  app->app.expander = jg_expander_create(app->app.cache, &app->style, app->metrics);
  struct jg_str tenant = options->tenant.len > 0 ? options->tenant : JG_TENANT_DEFAULT;
  return jg_store_tenant(app->app.store, tenant, options->create, arena, &app->tenant);
}

struct jg_status jg_server_app_open(const struct jg_server_app_options *options, struct jg_arena *arena,
                                    struct jg_server_app *ret_app) {
  *ret_app = (struct jg_server_app){.style = options->style, .metrics = jg_metrics_create()};
  ret_app->app = (struct jg_app){
      .clock = jg_clock_system(),
      .log = options->log,
      .metrics = ret_app->metrics,
      .json_style = &ret_app->style,
  };
  struct jg_status status = open_parts(options, arena, ret_app);
  if (!jg_status_ok(status)) {
    jg_server_app_close(ret_app);
  }
  return status;
}

void jg_server_app_close(struct jg_server_app *app) {
  // The writer still hints while the store closes: the hub stops first and goes last.
  jg_hub_stop(app->app.hub);
  if (app->app.store != NULL) {
    jg_store_close(app->app.store);
  }
  jg_hub_destroy(app->app.hub);
  jg_expander_destroy(app->app.expander);
  jg_answers_destroy(app->app.answers);
  jg_cache_destroy(app->app.cache);
  jg_metrics_destroy(app->metrics);
  *app = (struct jg_server_app){0};
}
