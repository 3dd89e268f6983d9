/* The legacy REST contract over the method table: routes, negotiation, query options, JSON in and out, OData errors.
 * Plugs into bridge/http as its handler; every call runs through the same methods that gRPC uses. */
#ifndef JG_BRIDGE_REST_REST_H
#define JG_BRIDGE_REST_REST_H

#include "bridge/http/server.h"
#include "proto/codec/json_encode.h"
#include "services/identity/identity.h"
#include "services/method.h"

struct jg_rest;

/* Borrowed until destroy, but for public_url. */
struct jg_rest_options {
  const struct jg_app *app;        /* its clock, log and metrics are used here too */
  const struct jg_method *methods; /* JG_METHOD_COUNT rows: jg_methods, or a test's own */
  const struct jg_json_style *style;
  /* Base of @odata.context, nextLink and Location: "https://jobs.example.com" or with a path before "/api"; no slash at its
   * end. Empty: "http://" and the request's host (statement 29), or what a trusted proxy says instead. Copied. */
  struct jg_str public_url;
  /* Peers whose X-Forwarded-Proto, -Host and -Prefix count; of everybody else they are ignored. */
  const struct jg_ip_net *trusted_proxies;
  size_t trusted_proxy_count;
  size_t page_size; /* 1 to JG_LIMIT_PAGE_SIZE; 0: JG_LIMIT_PAGE_SIZE_DEFAULT (statement 23) */
  bool embed;       /* embedded entities in answers (contract section 6, question 1) */
  /* Asks every caller for a credential, which names the tenant: else 401 before anything else. NULL: nobody is asked. */
  struct jg_identity_service *identity;
  int64_t tenant; /* of callers whom nobody asks */
  /* Origins whose pages may read answers in a browser: "*", or "https://a.example, http://localhost:3000". Empty: none. Copied. */
  struct jg_str cors_origins;
  /* Streams of changes at a time, each of which holds a connection: 429. 0: four fifths of JG_LIMIT_HTTP_CONNECTIONS, so that
   * others get in. */
  size_t streams_max;
  int64_t call_timeout_ms; /* a call's deadline; 0: 30,000 */
};

/* False if public_url is not "http[s]://host[:port][/path]". Thread: any. */
JG_MUST_CHECK bool jg_rest_public_url_valid(struct jg_str public_url);
/* False if cors_origins is neither "*" nor a list of origins, lower case. Thread: any. */
JG_MUST_CHECK bool jg_rest_cors_origins_valid(struct jg_str origins);
/* Never fails; public_url and cors_origins must be empty or valid. Thread: any. */
struct jg_rest *jg_rest_create(const struct jg_rest_options *options);
/* After the server that it is plugged into has stopped. NULL is allowed. */
void jg_rest_destroy(struct jg_rest *rest);

/* The three callbacks of struct jg_http_server_options; data is the struct jg_rest. Thread: the server's loop. */
void jg_rest_handle(struct jg_http_request *request, void *data);
void jg_rest_refuse(struct jg_http_request *request, int status, const char *message, void *data);
void jg_rest_done(struct jg_http_request *request, int status, size_t body_bytes, void *data);

#endif
