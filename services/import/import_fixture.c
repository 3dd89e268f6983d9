#include "services/import/import_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/queue.h"

#define ARENA_BYTES ((size_t)512 << 20)
#define LOG_BYTES (16u << 20)
#define NOW_TICKS (INT64_C(1769670820) * JG_TICKS_PER_SECOND) /* 2026-01-29 */

void import_fixture_init(struct import_fixture *fixture) {
  *fixture = (struct import_fixture){.tenant = 0};
  jg_arena_init(&fixture->arena, ARENA_BYTES);
  jg_buf_init(&fixture->log, LOG_BYTES);
  jg_clock_manual_init(&fixture->clock, NOW_TICKS);
  const char *parent = getenv("TEST_TMPDIR");
  int len = snprintf(fixture->folder, sizeof(fixture->folder), "%s/importXXXXXX", parent != NULL ? parent : "/tmp");
  assert_true(len > 0 && (size_t)len < sizeof(fixture->folder));
  assert_non_null(mkdtemp(fixture->folder));
  fixture->app = (struct jg_app){.clock = &fixture->clock.clock, .metrics = jg_metrics_create()};
  const struct jg_store_options options = {
      .url = jg_str_from_cstr(jg_arena_printf(&fixture->arena, "sqlite:%s/a.db", fixture->folder)),
      .create = true,
      .exclusive = true,
      .reader_count = 1,
      .clock = fixture->app.clock,
      .metrics = fixture->app.metrics,
  };
  struct jg_status status = jg_store_open(&options, &fixture->arena, &fixture->app.store);
  assert_string_equal(status.message, "");
  status = jg_store_tenant(fixture->app.store, JG_TENANT_DEFAULT, true, &fixture->arena, &fixture->tenant);
  assert_string_equal(status.message, "");
}

void import_fixture_done(struct import_fixture *fixture) {
  jg_store_close(fixture->app.store);
  jg_metrics_destroy(fixture->app.metrics);
  static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "a.db.lock"};
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    (void)unlink(jg_arena_printf(&fixture->arena, "%s/%s", fixture->folder, names[i]));  // some may not be there
  }
  assert_int_equal(rmdir(fixture->folder), 0);
  jg_buf_done(&fixture->log);
  jg_arena_done(&fixture->arena);
}

void import_fixture_problem(const struct jg_import_problem *problem, void *data) {
  struct import_fixture *fixture = data;
  jg_buf_printf(&fixture->log, "%s%lld@%lld %s: %s\n", problem->warning ? "warning " : "", (long long)problem->number,
                (long long)problem->line, problem->field, problem->message);
}

const char *import_fixture_take_log(struct import_fixture *fixture) {
  struct jg_str text = jg_arena_str(&fixture->arena, jg_buf_str(&fixture->log));
  assert_non_null(text.data);
  jg_buf_clear(&fixture->log);
  return text.data;
}

/* One question on a reader thread; the test waits for the answer. */
struct question {
  struct jg_store_read read;
  struct import_fixture *fixture;
  void (*ask)(struct question *question, struct jg_txn *txn);
  struct jg_status status;
  struct jg_queue answered;
  struct jg_queue_node node;
  struct jg_tenant_state state;
  struct jg_job_rows jobs;
  struct jg_entity_row entity;
  enum jg_kind kind;
  struct jg_str key;
};

static void run_question(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct question *question = data;
  question->status = begun;
  if (jg_status_ok(begun)) {
    question->ask(question, txn);
  }
  JG_ASSERT(jg_status_ok(jg_queue_post(&question->answered, &question->node)));
}

static void ask(struct import_fixture *fixture, struct question *question) {
  question->fixture = fixture;
  question->read = (struct jg_store_read){.tenant = fixture->tenant, .run = run_question, .data = question};
  jg_queue_init(&question->answered, 1, NULL, NULL);
  assert_true(jg_status_ok(jg_store_submit_read(fixture->app.store, &question->read)));
  assert_non_null(jg_queue_take(&question->answered, -1));
  jg_queue_done(&question->answered);
}

static void ask_state(struct question *question, struct jg_txn *txn) {
  question->status = jg_txn_tenant_state(txn, &question->fixture->arena, &question->state);
}

struct jg_tenant_state import_fixture_state(struct import_fixture *fixture) {
  struct question question = {.ask = ask_state};
  ask(fixture, &question);
  assert_string_equal(question.status.message, "");
  return question.state;
}

static void ask_jobs(struct question *question, struct jg_txn *txn) {
  const struct jg_job_query query = {.order = JG_ORDER_ID, .limit = 100000, .bytes_max = ARENA_BYTES};
  question->status = jg_txn_job_list(txn, &query, &question->fixture->arena, &question->jobs);
}

struct jg_job_rows import_fixture_jobs(struct import_fixture *fixture) {
  struct question question = {.ask = ask_jobs};
  ask(fixture, &question);
  assert_string_equal(question.status.message, "");
  return question.jobs;
}

static void ask_entity(struct question *question, struct jg_txn *txn) {
  question->status =
      jg_txn_entity_find(txn, question->kind, question->key, &question->fixture->arena, &question->entity);
}

bool import_fixture_entity(struct import_fixture *fixture, enum jg_kind kind, struct jg_str key,
                           struct jg_entity_row *ret_row) {
  struct question question = {.ask = ask_entity, .kind = kind, .key = key};
  ask(fixture, &question);
  assert_true(jg_status_ok(question.status) || question.status.code == JG_NOT_FOUND);
  *ret_row = question.entity;
  return jg_status_ok(question.status);
}

struct jg_str import_fixture_file(struct import_fixture *fixture, const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  struct jg_buf text;
  jg_buf_init(&text, 1u << 20);
  size_t room = 1u << 16;
  for (size_t len = 1; len > 0;) {
    char *place = jg_buf_reserve(&text, room);
    assert_non_null(place);
    len = fread(place, 1, room, file);
    text.len += len;
  }
  assert_int_equal(fclose(file), 0);
  struct jg_str copy = jg_arena_str(&fixture->arena, jg_buf_str(&text));
  jg_buf_done(&text);
  assert_true(copy.len > 0);
  return copy;
}

void import_fixture_job(struct jg_buf *out, unsigned number, const char *members) {
  jg_buf_printf(out, "{\"id\":\"00000000-0000-4000-8000-%012u\",\"name\":\"job %u\"%s%s}\n", number, number,
                members[0] != '\0' ? "," : "", members);
  assert_false(out->failed);
}
