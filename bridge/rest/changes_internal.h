/* The stream of changes over HTTP, WatchJobs as server-sent events (WHATWG HTML, "Server-sent events") or as lines of JSON.
 * For the .c files and tests of bridge/rest alone. */
#ifndef JG_BRIDGE_REST_CHANGES_INTERNAL_H
#define JG_BRIDGE_REST_CHANGES_INTERNAL_H

#include "bridge/rest/rest_internal.h"
#include "jobgate/v1/job_service.pb-c.h"

enum jg_rest_framing {
  JG_REST_EVENTS, /* text/event-stream */
  JG_REST_LINES   /* application/x-ndjson */
};

/* changes_query.c */

/* From Accept: the better of the two, server-sent events of equals and without one. 0, or 406 with *ret_message (static). */
int jg_rest_changes_framing(const struct jg_http_request *request, enum jg_rest_framing *ret_framing,
                            const char **ret_message);

struct jg_rest_changes_query {
  Jobgate__V1__WatchJobsRequest *request;
  bool some;        /* jobs show these members alone: */
  uint64_t members; /* bit i: member i */
};
/* From the query and Last-Event-ID. INVALID_ARGUMENT naming the option; what is made lives in the arena. Thread: any. */
JG_MUST_CHECK struct jg_status jg_rest_changes_read(const struct jg_app *app, const struct jg_http_request *http,
                                                    const struct jg_rest_plan *plan, struct jg_arena *arena,
                                                    struct jg_rest_changes_query *ret_query);

/* changes_nodes.c: embedded entities as JSON, of all streams. Thread: any. */
struct jg_rest_nodes;
struct jg_rest_nodes *jg_rest_nodes_create(void);
void jg_rest_nodes_destroy(struct jg_rest_nodes *nodes); /* NULL is allowed */
/* The text of these bytes, of an entity of that kind, if it was kept; the caller owns one reference. NULL: it was not. */
struct jg_bytes *jg_rest_nodes_find(struct jg_rest_nodes *nodes, enum jg_kind kind, struct jg_str proto);
/* Borrows both. */
void jg_rest_nodes_keep(struct jg_rest_nodes *nodes, enum jg_kind kind, struct jg_str proto, struct jg_bytes *json);

/* changes_json.c */

/* How messages are printed. */
struct jg_rest_changes_style {
  const struct jg_json_style *json;
  enum jg_rest_framing framing;
  bool some; /* as in the query */
  uint64_t members;
  struct jg_rest_nodes *nodes; /* NULL: none are kept */
};
/* One message of WatchJobs, encoded, as a piece of the answer, which the caller owns. retry_ms: what a client of server-sent
 * events is told with `opened` to wait before it reconnects. NULL if the message is none that we know, or too large to print.
 * Thread: any. */
struct jg_bytes *jg_rest_changes_print(const struct jg_rest_changes_style *style, struct jg_str message,
                                       int64_t retry_ms);
/* The end of a stream that failed. Borrows the status. */
struct jg_bytes *jg_rest_changes_print_error(const struct jg_rest_changes_style *style, struct jg_status status);

/* changes_cache.c: messages that several streams share are printed once. Thread: any. */
struct jg_rest_changes_cache;
struct jg_rest_changes_cache *jg_rest_changes_cache_create(void);
void jg_rest_changes_cache_destroy(struct jg_rest_changes_cache *cache); /* NULL is allowed */
/* As jg_rest_changes_print; the caller owns one reference. */
struct jg_bytes *jg_rest_changes_cache_print(struct jg_rest_changes_cache *cache,
                                             const struct jg_rest_changes_style *style, struct jg_bytes *message,
                                             int64_t retry_ms);

#endif
