/* The parts that every command over a store needs: record, cache, expansion, and the table entry that handlers see. */
#ifndef JG_SERVER_APP_H
#define JG_SERVER_APP_H

#include "proto/codec/json_encode.h"
#include "services/call.h"

struct jg_server_app_options {
  struct jg_str store_url;
  struct jg_str cache_url;           /* empty: "memory:" */
  struct jg_str tenant;              /* empty: JG_TENANT_DEFAULT */
  bool create, exclusive, read_only; /* as in jg_store_options */
  unsigned reader_count;
  size_t cache_bytes_max;    /* 0: JG_LIMIT_CACHE_BYTES */
  int64_t cache_budget_ms;   /* of one look into a shared cache; 0: its default */
  int64_t cache_ttl_seconds; /* of a shared value; 0: its default */
  struct jg_json_style style;
  const struct jg_log *log;
};

/* A plain value; `app` is what handlers borrow. */
struct jg_server_app {
  struct jg_app app;
  struct jg_json_style style;
  struct jg_metrics *metrics;
  int64_t tenant;
};

/* Opens everything, or nothing. Statuses of jg_store_open, jg_cache_create and jg_store_tenant. Stays put until close. */
JG_MUST_CHECK struct jg_status jg_server_app_open(const struct jg_server_app_options *options, struct jg_arena *arena,
                                                  struct jg_server_app *ret_app);
/* Destroys app.hub too, if there is one. A zeroed one is allowed. */
void jg_server_app_close(struct jg_server_app *app);

#endif
