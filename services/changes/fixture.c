#include "services/changes/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/codec/json_encode.h"
#include "proto/codec/wire.h"
#include "services/expand/expand.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define RING_BYTES ((size_t)64 << 20)
#define STREAMS_MAX 1000
/* 2026-01-01 */
#define START_TICKS (INT64_C(1767225600) * JG_TICKS_PER_SECOND)

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static void ok(struct jg_status status) {
  if (!jg_status_ok(status)) {
    fprintf(stderr, "%s/%s: %s\n", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
  JG_ASSERT(jg_status_ok(status));
}

static void remove_files(const struct fixture *fixture) {
  const char *const suffixes[] = {"", "-wal", "-shm", "-lock", ".lock"};
  for (size_t i = 0; i < JG_COUNT(suffixes); i++) {
    char path[600];
    (void)snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
    (void)unlink(path);  // most of them are not there
  }
}

static void open_record(struct fixture *fixture) {
  static int number;
  const char *folder = getenv("TEST_TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  (void)snprintf(fixture->path, sizeof(fixture->path), "%s/hub-%d-%d.db", folder != NULL ? folder : "/tmp",
                 (int)getpid(), number++);
  remove_files(fixture);
  char url[600];
  int len = snprintf(url, sizeof(url), "sqlite:%s", fixture->path);
  const struct jg_store_options options = {.url = jg_str_make(url, (size_t)len),
                                           .create = true,
                                           .exclusive = true,
                                           .reader_count = READER_COUNT,
                                           .clock = jg_clock_system(),
                                           .metrics = fixture->metrics};
  ok(jg_store_open(&options, &fixture->arena, &fixture->store));
  ok(jg_store_tenant(fixture->store, JG_TENANT_DEFAULT, true, &fixture->arena, &fixture->tenant));
}

static void start_transports(struct fixture *fixture) {
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    struct transport *transport = &fixture->transports[i];
    transport->fixture = fixture;
    JG_ASSERT(pthread_cond_init(&transport->wake, NULL) == 0);
    JG_ASSERT(pthread_create(&transport->thread, NULL, transport_main, transport) == 0);
  }
}

struct fixture *fixture_create(const struct fixture_options *options) {
  struct fixture *fixture = jg_alloc_zero(1, sizeof(*fixture));
  jg_arena_init(&fixture->arena, ARENA_BYTES);
  JG_ASSERT(pthread_mutex_init(&fixture->mutex, NULL) == 0);
  JG_ASSERT(pthread_cond_init(&fixture->changed, NULL) == 0);
  fixture->metrics = jg_metrics_create();
  jg_clock_manual_init(&fixture->clock, START_TICKS);
  open_record(fixture);
  const struct jg_cache_options cache = {
      .url = JG_STR("memory:"), .bytes_max = (size_t)16 << 20, .metrics = fixture->metrics};
  ok(jg_cache_create(&cache, &fixture->arena, &fixture->cache));
  fixture->expander = jg_expander_create(fixture->cache, &style, fixture->metrics);
  const struct jg_hub_options hub = {
      .store = fixture->store,
      .expander = fixture->expander,
      .clock = &fixture->clock.clock,
      .metrics = fixture->metrics,
      .ring_bytes_max = options->ring_bytes_max != 0 ? options->ring_bytes_max : RING_BYTES,
      .streams_max = options->streams_max != 0 ? options->streams_max : STREAMS_MAX,
      .snapshot_reads_max = options->snapshot_reads_max,
      .snapshot_page_jobs = options->snapshot_page_jobs,
      .stall_ns = options->stall_ns,
      .stream_age_ns = options->stream_age_ns,
      .trim_grace_ns = options->trim_grace_ns,
      .out_bytes_max = options->out_bytes_max};
  fixture->hub = jg_hub_create(&hub);
  jg_store_listen(fixture->store, jg_hub_hint, fixture->hub);
  fixture->app = (struct jg_app){.store = fixture->store,
                                 .cache = fixture->cache,
                                 .expander = fixture->expander,
                                 .hub = fixture->hub,
                                 .clock = &fixture->clock.clock,
                                 .metrics = fixture->metrics,
                                 .json_style = &style};
  start_transports(fixture);
  return fixture;
}

void fixture_destroy(struct fixture *fixture) {
  fixture_lock(fixture);
  fixture->stopping = true;
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    JG_ASSERT(pthread_cond_signal(&fixture->transports[i].wake) == 0);
  }
  fixture_unlock(fixture);
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    JG_ASSERT(pthread_join(fixture->transports[i].thread, NULL) == 0);
    JG_ASSERT(pthread_cond_destroy(&fixture->transports[i].wake) == 0);
  }
  jg_hub_stop(fixture->hub);
  jg_store_close(fixture->store);
  jg_hub_destroy(fixture->hub);
  jg_expander_destroy(fixture->expander);
  jg_cache_destroy(fixture->cache);
  jg_metrics_destroy(fixture->metrics);
  jg_arena_done(&fixture->arena);
  JG_ASSERT(pthread_cond_destroy(&fixture->changed) == 0);
  JG_ASSERT(pthread_mutex_destroy(&fixture->mutex) == 0);
  remove_files(fixture);
  jg_free(fixture);
}

const char *token_at(struct fixture *fixture, int64_t revision) {
  struct client *client = watch_now(fixture);
  struct jg_token token = parse_token(message_at(client, 0)->opened->resume_token);
  client_close(client);
  token.revision = revision;
  char text[JG_TOKEN_TEXT_MAX];
  struct jg_str copy = jg_arena_str(&fixture->arena, jg_str_make(text, jg_token_format(&token, text)));
  JG_ASSERT(copy.data != NULL);
  return copy.data;
}

struct jg_token parse_token(const char *text) {
  struct jg_token token;
  ok(jg_token_parse(jg_str_from_cstr(text), &token));
  return token;
}

int64_t metric(struct fixture *fixture, const char *name) {
  struct jg_buf text;
  jg_buf_init(&text, 1u << 20);
  jg_metrics_write(fixture->metrics, &text);
  jg_buf_append_char(&text, '\0');
  char line[128];
  (void)snprintf(line, sizeof(line), "\n%s ", name);
  const char *found = strstr(text.data, line);
  JG_ASSERT(found != NULL);
  struct jg_str rest;
  int64_t value = 0;
  JG_ASSERT(jg_parse_i64(jg_str_cut(jg_str_from_cstr(found + strlen(line)), '\n', &rest), &value));
  jg_buf_done(&text);
  return value;
}

/* ---- the record ---- */

struct jg_uuid job_id(uint64_t number) {
  struct jg_uuid id = {{0xa0}};
  for (int i = 0; i < 8; i++) {
    id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
  }
  return id;
}

struct write {
  uint64_t first;
  size_t count, size;
  struct jg_buf payload;
  struct jg_arena arena;
  int64_t revision;
  bool job_first;
};

static void put_id(struct jg_buf *out, uint32_t number, struct jg_uuid id) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  jg_wire_put_bytes(out, number, jg_str_make(text, sizeof(text)));
}

static uint32_t number_of(enum jg_kind kind, const char *member) {
  return jg_entity_member(jg_entity(kind), jg_str_from_cstr(member))->number;
}

static struct jg_uuid project_id(uint64_t number) {
  struct jg_uuid id = job_id(number);
  id.bytes[0] = 0xb0;
  return id;
}

/* project: 0: none. */
static struct jg_status put_job(struct jg_txn *txn, struct write *write, uint64_t number, uint64_t project) {
  struct jg_job_put put = {.id = job_id(number), .modified_ticks = JG_TICKS_UNSET};
  struct jg_job_row row;
  struct jg_status status = jg_txn_job_get(txn, put.id, &write->arena, &row);
  if (jg_status_ok(status)) {
    put.rid = row.rid;
    put.changed = UINT64_C(1) << jg_entity_member(jg_entity(JG_KIND_JOB), JG_STR("description"))->index;
    put.modified_ticks = row.modified_ticks;
  } else if (status.code != JG_NOT_FOUND) {
    return status;
  }
  put.commit_ticks = jg_txn_stamp(txn, put.modified_ticks);
  put.modified_ticks = put.commit_ticks;
  struct jg_buf *payload = &write->payload;
  jg_buf_clear(payload);
  put_id(payload, number_of(JG_KIND_JOB, "id"), put.id);
  if (project != 0) {
    put_id(payload, number_of(JG_KIND_JOB, "project_id"), project_id(project));
  }
  jg_wire_put_bytes(payload, number_of(JG_KIND_JOB, "name"), JG_STR("a job"));
  char *text = jg_alloc(write->size + 1);
  memset(text, 'x', write->size);
  jg_wire_put_bytes(payload, number_of(JG_KIND_JOB, "description"), jg_str_make(text, write->size));
  jg_free(text);
  jg_wire_put_timestamp(payload, number_of(JG_KIND_JOB, "modified_dateutc"), put.modified_ticks);
  put.payload = jg_buf_str(payload);
  return jg_txn_job_put(txn, &put, &write->arena, &write->revision);
}

static struct jg_status run_jobs(struct jg_txn *txn, void *data) {
  struct write *write = data;
  jg_txn_set_trace(txn, JG_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  for (size_t i = 0; i < write->count; i++) {
    JG_RETURN_IF_ERROR(put_job(txn, write, write->first + i, 0));
  }
  return JG_STATUS_OK;
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  struct write *write = data;
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, job_id(write->first), &write->arena, &row));
  return jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, row.modified_ticks), &write->revision);
}

static struct jg_status run_trim(struct jg_txn *txn, void *data) {
  struct write *write = data;
  return jg_txn_log_trim(txn, (int64_t)write->first, SIZE_MAX, &write->revision);
}

static struct jg_status run_project(struct jg_txn *txn, void *data) {
  struct write *write = data;
  struct jg_buf *payload = &write->payload;
  jg_buf_clear(payload);
  struct jg_entity_put put = {.kind = JG_KIND_PROJECT, .id = project_id(write->first)};
  struct jg_entity_row row;
  put.create = !jg_status_ok(jg_txn_entity_get(txn, put.kind, put.id, &write->arena, &row));
  put.changed = put.create ? 0 : 2;
  put.commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET);
  char key[32];
  put.key = jg_str_make(key, (size_t)snprintf(key, sizeof(key), "P%llu", (unsigned long long)write->first));
  put_id(payload, number_of(JG_KIND_PROJECT, "id"), put.id);
  jg_wire_put_bytes(payload, number_of(JG_KIND_PROJECT, "reference_back_office"), put.key);
  put.payload = jg_buf_str(payload);
  return jg_txn_entity_put(txn, &put, &write->arena, &write->revision);
}

static struct jg_status run_project_and_job(struct jg_txn *txn, void *data) {
  struct write *write = data;
  if (!write->job_first) {
    JG_RETURN_IF_ERROR(run_project(txn, data));
  }
  JG_RETURN_IF_ERROR(put_job(txn, write, write->first, write->first));
  return write->job_first ? run_project(txn, data) : JG_STATUS_OK;
}

/* A write that is waited for. */
struct waited {
  struct jg_store_write write;
  struct fixture *fixture;
  struct jg_status (*run)(struct jg_txn *txn, void *data);
  void *data;
  struct jg_status status;
  bool done;
};

static struct jg_status run_waited(struct jg_txn *txn, void *data) {
  struct waited *waited = data;
  return waited->run(txn, waited->data);
}

static void write_done(struct jg_status status, void *data) {
  struct waited *waited = data;
  struct fixture *fixture = waited->fixture;
  fixture_lock(fixture);
  waited->status = status;
  waited->done = true;
  fixture_tell(fixture);
  fixture_unlock(fixture);
}

void write_request(struct fixture *fixture, int64_t tenant, struct jg_status (*run)(struct jg_txn *txn, void *data),
                   void *data) {
  struct waited waited = {.fixture = fixture, .run = run, .data = data};
  waited.write = (struct jg_store_write){.tenant = tenant, .run = run_waited, .done = write_done, .data = &waited};
  ok(jg_store_submit(fixture->store, &waited.write));
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  while (!waited.done) {
    fixture_await_change(fixture, &until);
  }
  fixture_unlock(fixture);
  ok(waited.status);
}

static int64_t submit(struct fixture *fixture, int64_t tenant, struct write *write,
                      struct jg_status (*run)(struct jg_txn *txn, void *data)) {
  jg_buf_init(&write->payload, 64u << 20);
  jg_arena_init(&write->arena, (size_t)256 << 20);
  write_request(fixture, tenant, run, write);
  jg_arena_done(&write->arena);
  jg_buf_done(&write->payload);
  return write->revision;
}

int64_t write_jobs(struct fixture *fixture, int64_t tenant, uint64_t first, size_t count, size_t size) {
  struct write write = {.first = first, .count = count, .size = size};
  return submit(fixture, tenant, &write, run_jobs);
}

int64_t delete_job(struct fixture *fixture, uint64_t number) {
  struct write write = {.first = number};
  return submit(fixture, fixture->tenant, &write, run_delete);
}

void trim_log(struct fixture *fixture, int64_t through) {
  struct write write = {.first = (uint64_t)through};
  int64_t oldest = submit(fixture, fixture->tenant, &write, run_trim);
  JG_ASSERT(oldest == through + 1);
}

int64_t write_project(struct fixture *fixture, uint64_t number) {
  struct write write = {.first = number};
  return submit(fixture, fixture->tenant, &write, run_project);
}

int64_t write_project_and_job(struct fixture *fixture, uint64_t number, bool job_first) {
  struct write write = {.first = number, .size = 10, .job_first = job_first};
  return submit(fixture, fixture->tenant, &write, run_project_and_job);
}

void pass_time(struct fixture *fixture, int64_t ns) {
  jg_clock_manual_advance_ns(&fixture->clock, ns);
  jg_hub_hint(fixture->tenant, 0, fixture->hub);
}

void run_sql(struct fixture *fixture, const char *sql) {
  sqlite3 *db = NULL;
  JG_ASSERT(sqlite3_open(fixture->path, &db) == SQLITE_OK);
  JG_ASSERT(sqlite3_busy_timeout(db, 5000) == SQLITE_OK);
  JG_ASSERT(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
  JG_ASSERT(sqlite3_close(db) == SQLITE_OK);
}

static void block(struct jg_txn *txn, struct jg_status begun, void *data) {
  (void)txn;
  ok(begun);
  struct fixture *fixture = data;
  fixture_lock(fixture);
  fixture->blocked++;
  fixture_tell(fixture);
  while (fixture->blocking) {
    JG_ASSERT(pthread_cond_wait(&fixture->changed, &fixture->mutex) == 0);
  }
  fixture->blocked--;
  fixture_tell(fixture);
  fixture_unlock(fixture);
}

void block_readers(struct fixture *fixture) {
  fixture->blocking = true;
  for (size_t i = 0; i < READER_COUNT; i++) {
    fixture->blockers[i] = (struct jg_store_read){.tenant = fixture->tenant, .run = block, .data = fixture};
    ok(jg_store_submit_read(fixture->store, &fixture->blockers[i]));
  }
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  while (fixture->blocked < READER_COUNT) {
    fixture_await_change(fixture, &until);
  }
  fixture_unlock(fixture);
}

void unblock_readers(struct fixture *fixture) {
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  fixture->blocking = false;
  fixture_tell(fixture);
  while (fixture->blocked > 0) {
    fixture_await_change(fixture, &until);
  }
  fixture_unlock(fixture);
}
