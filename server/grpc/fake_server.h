/* For tests: a server of the fake methods on a free port, and a client of it. Thread: the test's. */
#ifndef JG_SERVER_GRPC_FAKE_SERVER_H
#define JG_SERVER_GRPC_FAKE_SERVER_H

#include "server/grpc/client.h"
#include "server/grpc/fake_methods.h"

#define FAKE_TENANT 42
#define FAKE_RECEIVE_BYTES_MAX 200000u
#define FAKE_METADATA_BYTES_MAX 16384u

struct fake_server {
  struct jg_app app;
  struct jg_log log;
  struct jg_arena arena;
  struct jg_grpc_server *server;
  struct jg_grpc_client *client;
  char address[64]; /* "127.0.0.1:4711" */
  bool stopped;
};

/* For cmocka: a server of two threads for unary calls, and two for streams, on 127.0.0.1 in *state. */
int fake_server_setup(void **state);
int fake_server_teardown(void **state);
/* On another address; log_fd -1: silent. guarded: with that service, whose users are the test's. */
struct fake_server *fake_server_create(const char *address, unsigned threads, int log_fd);
struct fake_server *fake_server_create_guarded(struct jg_identity_service *identity);
void fake_server_stop(struct fake_server *fake, int64_t grace_ms);
void fake_server_destroy(struct fake_server *fake);

/* A ListJobsRequest's bytes in the arena. */
struct jg_str fake_request(struct fake_server *fake, const char *filter, int page_size);
/* Calls "/jobgate.test.Fake/" and the name. */
struct jg_status fake_call(struct fake_server *fake, const char *method, struct jg_str message, struct jg_str *ret);
/* Opens a stream; sends the message (unless its data is NULL) and closes the sending side. */
struct jg_grpc_stream *fake_open(struct fake_server *fake, const char *method, struct jg_str message,
                                 int64_t timeout_ms);

#endif
