/* A server on a free loopback port with a handler for tests. Its paths:
 *   /echo   the request's body            /later  the same, answered by another thread
 *   /what   method, path, query, host, HTTP/1.0 or not, and fields as text
 *   /big/N  N bytes, shared               /hold   nothing until jg_test_server_release
 *   /close  ends the connection           /nothing  204
 *   /again  the body, by the handler's second call
 *   any other: as /what */
#ifndef JG_BRIDGE_HTTP_TEST_SERVER_H
#define JG_BRIDGE_HTTP_TEST_SERVER_H

#include "bridge/http/test_client.h"
#include "bridge/http/server.h"

struct jg_test_server;

/* clock: NULL for the system's. */
struct jg_test_server *jg_test_server_start(const struct jg_http_limits *limits, const struct jg_clock *clock);
void jg_test_server_stop(struct jg_test_server *test); /* stops, frees */
uint16_t jg_test_server_port(const struct jg_test_server *test);
struct jg_http_server *jg_test_server_http(const struct jg_test_server *test);
/* Waits until `count` requests are held in all, then answers the newest of them (or the oldest) from this thread. */
void jg_test_server_wait_held(struct jg_test_server *test, size_t count);
void jg_test_server_release(struct jg_test_server *test, bool newest);
/* Waits until so many clients were noticed gone. */
void jg_test_server_wait_gone(struct jg_test_server *test, int64_t count);
/* Calls that were handed to the handler so far; requests that have ended; those with status 499; clients gone. */
int64_t jg_test_server_calls(struct jg_test_server *test);
int64_t jg_test_server_ended(struct jg_test_server *test);
int64_t jg_test_server_lost(struct jg_test_server *test);
int64_t jg_test_server_gone(struct jg_test_server *test);
/* The metrics' text; the caller ends the buffer. */
void jg_test_server_metrics(struct jg_test_server *test, struct jg_buf *ret_text);

#endif
