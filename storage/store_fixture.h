/* For the tests and the benchmark of storage/: a store in a temporary folder, calls that wait, and payloads of jobs.
 * Failures of the fixture itself end the process. Thread: any, but init, open, close and done. */
#ifndef JG_STORAGE_STORE_FIXTURE_H
#define JG_STORAGE_STORE_FIXTURE_H

#include "storage/store.h"

#define JG_FIXTURE_PATH_MAX 512

struct jg_fixture {
  char dir[JG_FIXTURE_PATH_MAX];
  char path[JG_FIXTURE_PATH_MAX + 16];
  char url[JG_FIXTURE_PATH_MAX + 32];
  struct jg_clock_manual clock; /* of the options, unless they name another one */
  struct jg_store_options options;
  struct jg_arena arena; /* texts and rows of the test */
  struct jg_store *store;
  int64_t tenant; /* "default", once open */
};

/* Makes the folder, below TEST_TMPDIR or TMPDIR. options: create, exclusive, 2 readers. */
void jg_fixture_init(struct jg_fixture *fixture);
/* Closes, and removes the folder with its files. */
void jg_fixture_done(struct jg_fixture *fixture);
/* Opens with the options and makes the default tenant (reads it, if read_only). */
void jg_fixture_open(struct jg_fixture *fixture);
void jg_fixture_close(struct jg_fixture *fixture);
/* Opens with the options; what is refused is returned, what opens is closed. */
struct jg_status jg_fixture_try(struct jg_fixture *fixture);

typedef struct jg_status (*jg_fixture_run)(struct jg_txn *txn, void *data);
/* Submits and waits. Statuses of a full queue included. */
struct jg_status jg_fixture_write(struct jg_fixture *fixture, int64_t tenant, jg_fixture_run run, void *data);
struct jg_status jg_fixture_read(struct jg_fixture *fixture, int64_t tenant, jg_fixture_run run, void *data);
struct jg_status jg_fixture_read_until(struct jg_fixture *fixture, int64_t tenant, int64_t deadline_ns,
                                       jg_fixture_run run, void *data);
/* Waits for writes that the test submits itself: done = jg_fixture_gate_done, data begins with a gate. */
struct jg_fixture_gate {
  struct jg_queue_node node;
  struct jg_queue queue;
  struct jg_status status;
};
void jg_fixture_gate_init(struct jg_fixture_gate *gate);
void jg_fixture_gate_open(struct jg_fixture_gate *gate, struct jg_status status);
struct jg_status jg_fixture_gate_wait(struct jg_fixture_gate *gate); /* and ends it */

/* A write in which the writer stands until it is released, so that what is queued meanwhile becomes one batch. */
struct jg_fixture_hold {
  struct jg_store_write write;
  struct jg_fixture_gate entered, released, done;
};
/* Returns when the writer stands in it. deadline_ns as in jg_store_write. */
void jg_fixture_hold_begin(struct jg_fixture *fixture, struct jg_fixture_hold *hold, int64_t deadline_ns);
void jg_fixture_hold_release(struct jg_fixture_hold *hold);
struct jg_status jg_fixture_hold_wait(struct jg_fixture_hold *hold); /* of the write itself */

/* A UUID that sorts by n. */
struct jg_uuid jg_fixture_id(uint64_t n);

struct jg_fixture_job {
  uint64_t id, parent; /* jg_fixture_id; parent 0: none */
  const char *reference, *name;
  int64_t modified_ticks; /* 0: JG_TICKS_UNSET */
  size_t bulk;            /* bytes of description */
};
struct jg_str jg_fixture_payload(struct jg_arena *arena, const struct jg_fixture_job *job);
/* In a write: creates that job, its modified_dateutc as given or else the write's stamp. */
struct jg_status jg_fixture_create(struct jg_txn *txn, struct jg_arena *arena, const struct jg_fixture_job *job,
                                   int64_t *ret_revision);
/* jg_fixture_create as a write of its own. */
struct jg_status jg_fixture_create_one(struct jg_fixture *fixture, const struct jg_fixture_job *job);

#endif
