/* For tests: a record in TEST_TMPDIR with cache and expander, and calls whose answers a test waits for.
 * Asserts like a test: what must not fail ends it. */
#ifndef JG_SERVICES_TESTING_APP_H
#define JG_SERVICES_TESTING_APP_H

#include <pthread.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/json_encode.h"
#include "services/call.h"
#include "services/expand/expand.h"

struct jg_entities_memo;

struct jg_test_app {
  struct jg_arena arena;
  struct jg_clock_manual clock; /* stands still; the store's and the calls' */
  struct jg_metrics *metrics;
  struct jg_store *store;
  struct jg_cache *cache;
  struct jg_expander *expander;
  struct jg_json_style style;
  struct jg_app app; /* without a hub */
  int64_t tenant;
  struct jg_entities_memo *memo; /* of jg_test_import; NULL, until a test sets it */
  struct jg_call_sink sink;
};

struct jg_test_app *jg_test_app_create(void);
void jg_test_app_destroy(struct jg_test_app *app);
/* Drops cache and heads, as a restart does. No call may be open. */
void jg_test_app_forget(struct jg_test_app *app);
/* A metric's value: the sum over series whose labels contain `label` ("": all). */
int64_t jg_test_metric(struct jg_test_app *app, const char *name, const char *label);
/* The tenant's newest revision. */
int64_t jg_test_revision(struct jg_test_app *app);
/* Runs a function in a read; jg_test_write: in a write that must succeed, or fail as its status says. */
void jg_test_read(struct jg_test_app *app, void (*run)(struct jg_txn *txn, void *data), void *data);
struct jg_status jg_test_write(struct jg_test_app *app, struct jg_status (*run)(struct jg_txn *txn, void *data),
                               void *data);

/* One call; what it answered stays until it is destroyed. */
struct jg_test_call {
  struct jg_call call;
  pthread_mutex_t mutex;
  pthread_cond_t done;
  bool finished;
  struct jg_status status;
  struct jg_answer answer; /* status OK */
};

struct jg_test_call *jg_test_call_create(struct jg_test_app *app);
/* Calls the handler and waits for the end. request: borrowed. */
void jg_test_call_run(struct jg_test_call *call, void (*handle)(struct jg_call *call), ProtobufCMessage *request);
void jg_test_call_destroy(struct jg_test_call *call);

/* The legacy JSON of the answer's job, NUL-terminated, in the call's arena. */
const char *jg_test_call_json(struct jg_test_call *call, size_t job);
/* The value at a path ("project.equipment_model.code") of the answer's first job: strings unescaped, numbers as written,
 * "{" for an object; NULL if there is no such member. In the call's arena. */
const char *jg_test_get(struct jg_test_call *call, const char *path);
/* The answer as a message on the wire, decoded anew. */
ProtobufCMessage *jg_test_call_proto(struct jg_test_call *call, size_t job);

#endif
