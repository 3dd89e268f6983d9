#include "storage/store_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/codec/wire.h"
#include "proto/schema/members.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)
#define PAYLOAD_BYTES_MAX ((size_t)16 << 20)
/* 2026-01-29T07:13:40Z */
#define TICKS_START (INT64_C(1769670820) * JG_TICKS_PER_SECOND)

static const char *folder_of(const char *variable) {
  return getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
}

void jg_fixture_init(struct jg_fixture *fixture) {
  *fixture = (struct jg_fixture){0};
  const char *root = folder_of("TEST_TMPDIR");
  root = root != NULL ? root : folder_of("TMPDIR");
  root = root != NULL ? root : "/tmp";
  int len = snprintf(fixture->dir, sizeof(fixture->dir), "%s/store-XXXXXX", root);
  JG_ASSERT(len > 0 && (size_t)len < sizeof(fixture->dir));
  JG_ASSERT(mkdtemp(fixture->dir) != NULL);
  (void)snprintf(fixture->path, sizeof(fixture->path), "%s/jobgate.db", fixture->dir);
  (void)snprintf(fixture->url, sizeof(fixture->url), "sqlite:%s", fixture->path);
  jg_clock_manual_init(&fixture->clock, TICKS_START);
  jg_arena_init(&fixture->arena, ARENA_BYTES_MAX);
  fixture->options = (struct jg_store_options){
      .url = jg_str_from_cstr(fixture->url),
      .create = true,
      .exclusive = true,
      .reader_count = 2,
      .clock = &fixture->clock.clock,
  };
}

static int remove_one(const char *path, const struct stat *file JG_UNUSED, int type JG_UNUSED,
                      struct FTW *place JG_UNUSED) {
  return remove(path);
}

void jg_fixture_done(struct jg_fixture *fixture) {
  jg_fixture_close(fixture);
  jg_arena_done(&fixture->arena);
  int left =
      nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);  // NOLINT(concurrency-mt-unsafe): once, at the end
  JG_ASSERT(left == 0);
}

static void must(struct jg_status status) {
  if (!jg_status_ok(status)) {
    (void)fprintf(stderr, "%s %s: %s\n", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
    JG_ASSERT(!"the fixture failed");
  }
}

void jg_fixture_open(struct jg_fixture *fixture) {
  JG_ASSERT(fixture->store == NULL);
  must(jg_store_open(&fixture->options, &fixture->arena, &fixture->store));
  must(jg_store_tenant(fixture->store, JG_TENANT_DEFAULT, !fixture->options.read_only, &fixture->arena,
                       &fixture->tenant));
}

void jg_fixture_close(struct jg_fixture *fixture) {
  jg_store_close(fixture->store);
  fixture->store = NULL;
}

struct jg_status jg_fixture_try(struct jg_fixture *fixture) {
  struct jg_store *store = NULL;
  struct jg_status status = jg_store_open(&fixture->options, &fixture->arena, &store);
  JG_ASSERT(jg_status_ok(status) == (store != NULL));
  jg_store_close(store);
  return status;
}

/* ---- calls that wait ---- */

void jg_fixture_gate_init(struct jg_fixture_gate *gate) {
  *gate = (struct jg_fixture_gate){.status = JG_STATUS_OK};
  jg_queue_init(&gate->queue, 1, NULL, NULL);
}

void jg_fixture_gate_open(struct jg_fixture_gate *gate, struct jg_status status) {
  gate->status = status;
  must(jg_queue_post(&gate->queue, &gate->node));
}

struct jg_status jg_fixture_gate_wait(struct jg_fixture_gate *gate) {
  JG_ASSERT(jg_queue_take(&gate->queue, -1) == &gate->node);
  jg_queue_done(&gate->queue);
  return gate->status;
}

struct call {
  struct jg_fixture_gate gate;
  jg_fixture_run run;
  void *data;
};

static struct jg_status call_run(struct jg_txn *txn, void *data) {
  struct call *call = data;
  return call->run(txn, call->data);
}

static void call_done(struct jg_status status, void *data) {
  struct call *call = data;
  jg_fixture_gate_open(&call->gate, status);
}

static void call_read(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct call *call = data;
  jg_fixture_gate_open(&call->gate, jg_status_ok(begun) ? call->run(txn, call->data) : begun);
}

struct jg_status jg_fixture_write(struct jg_fixture *fixture, int64_t tenant, jg_fixture_run run, void *data) {
  struct call call = {.run = run, .data = data};
  struct jg_store_write write = {.tenant = tenant, .run = call_run, .done = call_done, .data = &call};
  jg_fixture_gate_init(&call.gate);
  struct jg_status status = jg_store_submit(fixture->store, &write);
  if (!jg_status_ok(status)) {
    jg_queue_done(&call.gate.queue);
    return status;
  }
  return jg_fixture_gate_wait(&call.gate);
}

struct jg_status jg_fixture_read_until(struct jg_fixture *fixture, int64_t tenant, int64_t deadline_ns,
                                       jg_fixture_run run, void *data) {
  struct call call = {.run = run, .data = data};
  struct jg_store_read read = {.tenant = tenant, .deadline_ns = deadline_ns, .run = call_read, .data = &call};
  jg_fixture_gate_init(&call.gate);
  must(jg_store_submit_read(fixture->store, &read));
  return jg_fixture_gate_wait(&call.gate);
}

struct jg_status jg_fixture_read(struct jg_fixture *fixture, int64_t tenant, jg_fixture_run run, void *data) {
  return jg_fixture_read_until(fixture, tenant, 0, run, data);
}

static struct jg_status hold_run(struct jg_txn *txn JG_UNUSED, void *data) {
  struct jg_fixture_hold *hold = data;
  jg_fixture_gate_open(&hold->entered, JG_STATUS_OK);
  return jg_fixture_gate_wait(&hold->released);
}

static void hold_done(struct jg_status status, void *data) {
  struct jg_fixture_hold *hold = data;
  jg_fixture_gate_open(&hold->done, status);
}

void jg_fixture_hold_begin(struct jg_fixture *fixture, struct jg_fixture_hold *hold, int64_t deadline_ns) {
  hold->write = (struct jg_store_write){
      .tenant = fixture->tenant, .deadline_ns = deadline_ns, .run = hold_run, .done = hold_done, .data = hold};
  jg_fixture_gate_init(&hold->entered);
  jg_fixture_gate_init(&hold->released);
  jg_fixture_gate_init(&hold->done);
  must(jg_store_submit(fixture->store, &hold->write));
  must(jg_fixture_gate_wait(&hold->entered));
}

void jg_fixture_hold_release(struct jg_fixture_hold *hold) {
  jg_fixture_gate_open(&hold->released, JG_STATUS_OK);
}

struct jg_status jg_fixture_hold_wait(struct jg_fixture_hold *hold) {
  return jg_fixture_gate_wait(&hold->done);
}

/* ---- jobs ---- */

struct jg_uuid jg_fixture_id(uint64_t n) {
  struct jg_uuid id = JG_UUID_ZERO;
  for (size_t i = 0; i < sizeof(n); i++) {
    id.bytes[15 - i] = (uint8_t)(n >> (8 * i));
  }
  return id;
}

static uint32_t number(uint8_t member) {
  return jg_entity(JG_KIND_JOB)->members[member].number;
}

static void put_text(struct jg_buf *out, uint8_t member, const char *text) {
  if (text != NULL) {
    jg_wire_put_bytes(out, number(member), jg_str_from_cstr(text));
  }
}

static void put_id(struct jg_buf *out, uint8_t member, uint64_t n) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(jg_fixture_id(n), text);
  jg_wire_put_bytes(out, number(member), jg_str_make(text, sizeof(text)));
}

struct jg_str jg_fixture_payload(struct jg_arena *arena, const struct jg_fixture_job *job) {
  struct jg_buf out;
  jg_buf_init(&out, PAYLOAD_BYTES_MAX);
  put_id(&out, JG_JOB_ID, job->id);
  if (job->parent != 0) {
    put_id(&out, JG_JOB_PARENT_ID, job->parent);
  }
  put_text(&out, JG_JOB_REFERENCE_BACK_OFFICE, job->reference);
  put_text(&out, JG_JOB_NAME, job->name);
  if (job->bulk > 0) {
    struct jg_str bulk = {jg_arena_alloc_zero(arena, job->bulk), job->bulk};
    JG_ASSERT(bulk.data != NULL);
    jg_wire_put_bytes(&out, number(JG_JOB_DESCRIPTION), bulk);
  }
  jg_wire_put_timestamp(&out, number(JG_JOB_MODIFIED_DATEUTC),
                        job->modified_ticks != 0 ? job->modified_ticks : JG_TICKS_UNSET);
  struct jg_str payload = jg_arena_str(arena, jg_buf_str(&out));
  JG_ASSERT(!out.failed && payload.data != NULL);
  jg_buf_done(&out);
  return payload;
}

struct jg_status jg_fixture_create(struct jg_txn *txn, struct jg_arena *arena, const struct jg_fixture_job *job,
                                   int64_t *ret_revision) {
  struct jg_fixture_job stamped = *job;
  int64_t stamp = jg_txn_stamp(txn, JG_TICKS_UNSET);
  if (stamped.modified_ticks == 0) {
    stamped.modified_ticks = stamp;
  }
  struct jg_job_put put = {
      .id = jg_fixture_id(job->id),
      .payload = jg_fixture_payload(arena, &stamped),
      .commit_ticks = stamp,
      .modified_ticks = stamped.modified_ticks,
  };
  return jg_txn_job_put(txn, &put, arena, ret_revision);
}

struct creation {
  const struct jg_fixture_job *job;
  struct jg_arena *arena;
};

static struct jg_status run_creation(struct jg_txn *txn, void *data) {
  const struct creation *creation = data;
  int64_t revision;
  return jg_fixture_create(txn, creation->arena, creation->job, &revision);
}

struct jg_status jg_fixture_create_one(struct jg_fixture *fixture, const struct jg_fixture_job *job) {
  struct creation creation = {job, &fixture->arena};
  return jg_fixture_write(fixture, fixture->tenant, run_creation, &creation);
}
