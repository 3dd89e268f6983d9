#include "services/expand/expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define P_ID "11111111-1111-4111-8111-111111111111"
#define S_ID "22222222-2222-4222-8222-222222222222"
#define NOBODY "99999999-9999-4999-8999-999999999999"

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static struct jg_uuid uuid(const char *text) {
  struct jg_uuid id;
  assert_true(jg_uuid_parse(jg_str_from_cstr(text), &id));
  return id;
}

static int64_t builds(void) {
  return jg_test_metric(app, "jobgate_expand_builds_total", "");
}

/* One expansion in a read. */
struct look {
  bool memory_only;
  uint32_t unshown;
  size_t arena_bytes_max;
  size_t count; /* rows, of the first job */
  struct jg_arena arena;
  struct jg_status status;
  struct jg_parts parts[200];
};

static void look_run(struct jg_txn *txn, void *data) {
  struct look *look = data;
  jg_arena_init(&look->arena, look->arena_bytes_max);
  struct jg_job_row rows[200];
  struct jg_arena row_arena;
  jg_arena_init(&row_arena, (size_t)1 << 20);
  assert_true(jg_status_ok(jg_txn_job_get(txn, uuid(ID), &row_arena, &rows[0])));
  for (size_t i = 1; i < look->count; i++) {
    rows[i] = rows[0];
  }
  const struct jg_expand_options options = {
      .tenant = app->tenant, .memory_only = look->memory_only, .unshown = look->unshown};
  look->status = jg_expand_jobs(app->expander, txn, &options, rows, look->count, &look->arena, look->parts);
  jg_arena_done(&row_arena);
}

static void look_at(struct look *look) {
  look->arena_bytes_max = look->arena_bytes_max != 0 ? look->arena_bytes_max : (size_t)1 << 20;
  look->count = look->count != 0 ? look->count : 1;
  jg_test_read(app, look_run, look);
}

static void make_job(void) {
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\",\"skill\":{\"id\":\"" S_ID
                                           "\",\"code\":\"S\",\"sales_organization\":{\"code\":\"SO\"}}"));
}

static void test_memory_only(void **state) {
  (void)state;
  make_job();
  jg_test_app_forget(app);
  struct look look = {.memory_only = true};
  look_at(&look);
  assert_int_equal(look.status.code, JG_UNAVAILABLE);
  jg_arena_done(&look.arena);
  assert_int_equal(builds(), 5);  // by the write's answer: project, type, status, organization, skill

  look = (struct look){.memory_only = false};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  jg_arena_done(&look.arena);
  assert_int_equal(builds(), 10);

  look = (struct look){.memory_only = true};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  assert_true(jg_str_equal(look.parts[0].relations[0]->key, JG_STR("P1")));
  jg_arena_done(&look.arena);
  // An entity's change anywhere puts the heads in doubt, and an unchanged entity is still in the cache.
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"job_priority\":{\"code\":\"PR\"}"));
  int64_t before = builds();
  look_at(&look);
  assert_int_equal(look.status.code, JG_UNAVAILABLE);
  jg_arena_done(&look.arena);
  look = (struct look){.memory_only = false};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  assert_int_equal(builds(), before);
  jg_arena_done(&look.arena);
}

/* Many jobs that share their entities: each is asked for and built once. */
static void test_batches_share(void **state) {
  (void)state;
  make_job();
  jg_test_app_forget(app);
  int64_t before = builds();
  int64_t asked = jg_test_metric(app, "jobgate_cache_misses_total", "kind=\"project\"");
  struct look look = {.count = 200};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  for (size_t i = 1; i < look.count; i++) {
    assert_ptr_equal(look.parts[i].relations[0], look.parts[0].relations[0]);
    assert_int_equal(look.parts[i].revision, look.parts[0].revision);
  }
  assert_int_equal(builds(), before + 5);
  assert_int_equal(jg_test_metric(app, "jobgate_cache_misses_total", "kind=\"project\""), asked + 1);
  jg_arena_done(&look.arena);
}

/* What no answer shows is not built, nor looked up. */
static void test_unshown(void **state) {
  (void)state;
  make_job();
  jg_test_app_forget(app);
  int64_t before = builds();
  struct look look = {.memory_only = true, .unshown = UINT32_MAX, .count = 2};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  assert_true(look.parts[1].payload.len > 0 && look.parts[1].etag.len > 0);
  for (size_t i = 0; i < JG_JOB_REL_COUNT; i++) {
    assert_null(look.parts[1].relations[i]);
  }
  jg_arena_done(&look.arena);
  assert_int_equal(builds(), before);

  look = (struct look){.unshown = UINT32_MAX & ~(UINT32_C(1) << JG_JOB_REL_PROJECT), .count = 2};
  look_at(&look);
  assert_true(jg_status_ok(look.status));
  assert_true(jg_str_equal(look.parts[1].relations[JG_JOB_REL_PROJECT]->key, JG_STR("P1")));
  jg_arena_done(&look.arena);
  assert_int_equal(builds(), before + 1);
}

/* An arena at any cap: a clear status, and no reference is lost (the leak checker tells). */
static void test_arena_caps(void **state) {
  (void)state;
  make_job();
  jg_test_app_forget(app);
  size_t failures = 0;
  for (size_t cap = 64;; cap += 64) {
    struct look look = {.arena_bytes_max = cap, .count = 3};
    look_at(&look);
    bool done = jg_status_ok(look.status);
    if (!done) {
      failures++;
      assert_true(look.status.code == JG_RESOURCE_EXHAUSTED || look.status.code == JG_INVALID_ARGUMENT);
    }
    jg_arena_done(&look.arena);
    if (done) {
      break;
    }
  }
  assert_true(failures > 5);
}

/* ---- what a job refers to that is not there ---- */

static struct jg_status put_bare_job(struct jg_txn *txn, void *data) {
  (void)data;
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = (char *)ID;
  job.project_id = (char *)NOBODY;
  job.job_status_id = (char *)NOBODY;
  job.skill_id = (char *)"00000000-0000-0000-0000-000000000000";
  struct jg_job_put put = {.id = uuid(ID),
                           .payload = jg_message_pack_payload(entity, &job.base, &app->arena),
                           .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET),
                           .modified_ticks = JG_TICKS_UNSET};
  int64_t revision = 0;
  return jg_txn_job_put(txn, &put, &app->arena, &revision);
}

static void test_missing_entities_count_as_not_set(void **state) {
  (void)state;
  assert_true(jg_status_ok(jg_test_write(app, put_bare_job, NULL)));
  for (int round = 0; round < 2; round++) {
    struct jg_test_call *call = jg_test_fetch(app, ID);
    jg_test_assert_get(call, "project_id", NOBODY);
    jg_test_assert_get(call, "project_reference_back_office", "");
    jg_test_assert_get(call, "project", NULL);
    jg_test_assert_get(call, "job_status_code", "");
    jg_test_call_destroy(call);
  }
  // It is seen as soon as it is there.
  (void)jg_test_must_post(app, "{\"name\":\"n\",\"project\":{\"id\":\"" NOBODY
                               "\",\"reference_back_office\":\"now\"},\"job_type\":{\"code\":\"T\"},"
                               "\"job_status_code\":\"Open\"}");
  struct jg_test_call *call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "project_reference_back_office", "now");
  jg_test_call_destroy(call);
}

static struct jg_status put_garbage(struct jg_txn *txn, void *data) {
  (void)data;
  struct jg_buf payload;
  jg_buf_init(&payload, 256);
  jg_wire_put_bytes(&payload, 1, JG_STR(ID));
  jg_wire_put_bytes(&payload, 5, JG_STR("not a guid"));
  struct jg_job_put put = {.id = uuid(ID),
                           .payload = jg_buf_str(&payload),
                           .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET),
                           .modified_ticks = JG_TICKS_UNSET};
  int64_t revision = 0;
  struct jg_status status = jg_txn_job_put(txn, &put, &app->arena, &revision);
  jg_buf_done(&payload);
  return status;
}

static void test_damaged_payload(void **state) {
  (void)state;
  if (jg_status_ok(jg_test_write(app, put_garbage, NULL))) {
    jg_test_assert_fails(jg_test_fetch(app, ID), JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "");
  }
}

/* ---- C1: nothing uncommitted is ever in the cache ---- */

struct rename_then_fail {
  const char *name;
  bool fail;
};

/* Renames the skill, looks at the job in the same write, and maybe fails. */
static struct jg_status rename_run(struct jg_txn *txn, void *data) {
  const struct rename_then_fail *rename = data;
  const struct jg_entity *entity = jg_entity(JG_KIND_SKILL);
  Jobgate__V1__Skill skill = JOBGATE__V1__SKILL__INIT;
  skill.id = (char *)S_ID;
  skill.code = (char *)"S";
  skill.name = (char *)rename->name;
  const struct jg_entity_put put = {.kind = JG_KIND_SKILL,
                                    .id = uuid(S_ID),
                                    .key = JG_STR("S"),
                                    .payload = jg_message_pack_payload(entity, &skill.base, &app->arena),
                                    .changed = 2,
                                    .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  int64_t revision = 0;
  JG_RETURN_IF_ERROR(jg_txn_entity_put(txn, &put, &app->arena, &revision));
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, uuid(ID), &app->arena, &row));
  struct jg_arena arena;
  jg_arena_init(&arena, (size_t)1 << 20);
  const struct jg_expand_options options = {.tenant = app->tenant, .in_write = true};
  struct jg_parts parts;
  struct jg_status status = jg_expand_jobs(app->expander, txn, &options, &row, 1, &arena, &parts);
  assert_true(jg_status_ok(status));
  struct jg_str json = parts.relations[5]->json;
  const char *expected = jg_arena_printf(&arena, "\"name\":\"%s\"", rename->name);
  assert_non_null(memmem(json.data, json.len, expected, strlen(expected)));
  jg_arena_done(&arena);
  return rename->fail ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "on purpose") : JG_STATUS_OK;
}

static void test_c1_committed_data_only(void **state) {
  (void)state;
  make_job();
  int64_t revision = jg_test_revision(app);
  struct rename_then_fail undone = {"undone", true}, kept = {"kept", false};
  assert_int_equal(jg_test_write(app, rename_run, &undone).code, JG_ABORTED);
  assert_int_equal(jg_test_revision(app), revision);
  struct jg_test_call *call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "skill.name", "");
  jg_test_call_destroy(call);
  // The number that was given back is used again, for other content: the same key as the undone one would have had.
  assert_true(jg_status_ok(jg_test_write(app, rename_run, &kept)));
  assert_int_equal(jg_test_revision(app), revision + 1);
  call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "skill.name", "kept");
  jg_test_call_destroy(call);
}

/* Changes an entity and looks at a job whose project is not there, then fails. */
static struct jg_status look_then_fail(struct jg_txn *txn, void *data) {
  (void)data;
  const struct jg_entity *entity = jg_entity(JG_KIND_SKILL);
  Jobgate__V1__Skill skill = JOBGATE__V1__SKILL__INIT;
  skill.id = (char *)S_ID;
  const struct jg_entity_put put = {.create = true,
                                    .kind = JG_KIND_SKILL,
                                    .id = uuid(S_ID),
                                    .payload = jg_message_pack_payload(entity, &skill.base, &app->arena),
                                    .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  int64_t revision = 0;
  JG_RETURN_IF_ERROR(jg_txn_entity_put(txn, &put, &app->arena, &revision));
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, uuid(ID), &app->arena, &row));
  const struct jg_expand_options options = {.tenant = app->tenant, .in_write = true};
  struct jg_parts parts;
  JG_RETURN_IF_ERROR(jg_expand_jobs(app->expander, txn, &options, &row, 1, &app->arena, &parts));
  assert_null(parts.relations[0]);
  return jg_status_make(JG_ABORTED, JG_REASON_NONE, "on purpose");
}

static struct jg_status make_project(struct jg_txn *txn, void *data) {
  (void)data;
  const struct jg_entity *entity = jg_entity(JG_KIND_PROJECT);
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  project.id = (char *)NOBODY;
  project.reference_back_office = (char *)"now";
  const struct jg_entity_put put = {.create = true,
                                    .kind = JG_KIND_PROJECT,
                                    .id = uuid(NOBODY),
                                    .key = JG_STR("now"),
                                    .payload = jg_message_pack_payload(entity, &project.base, &app->arena),
                                    .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  int64_t revision = 0;
  return jg_txn_entity_put(txn, &put, &app->arena, &revision);
}

/* What an undone write saw of the heads is forgotten with it, though its revision is given to the next one. */
static void test_c2_heads_of_an_undone_write(void **state) {
  (void)state;
  assert_true(jg_status_ok(jg_test_write(app, put_bare_job, NULL)));
  assert_int_equal(jg_test_write(app, look_then_fail, NULL).code, JG_ABORTED);
  assert_true(jg_status_ok(jg_test_write(app, make_project, NULL)));
  assert_int_equal(jg_test_revision(app), 2);
  struct jg_test_call *call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "project_reference_back_office", "now");
  jg_test_call_destroy(call);
}

/* A write that changed no entity warms the cache: a process that only writes does not build the same thing each time. */
static void test_writes_share_what_was_committed(void **state) {
  (void)state;
  make_job();
  (void)jg_test_must_post(app, JG_TEST_JOB(""));
  int64_t before = builds();
  (void)jg_test_must_post(app, JG_TEST_JOB(""));
  (void)jg_test_must_post(app, JG_TEST_JOB(""));
  assert_int_equal(builds(), before);
}

/* ---- threads ---- */

static void *reader(void *data) {
  const char *last = "";
  char seen[64];
  (void)data;
  for (size_t i = 0; i < 100; i++) {
    struct jg_test_call *call = jg_test_fetch(app, ID);
    const char *name = jg_test_get(call, "skill.name");
    // Names rise: a read after a commit is never older than one before it.
    if (strcmp(name, last) < 0) {
      return (void *)"a step back";
    }
    (void)snprintf(seen, sizeof(seen), "%s", name);
    last = seen;
    jg_test_call_destroy(call);
  }
  return NULL;
}

static void test_readers_beside_a_writer(void **state) {
  (void)state;
  make_job();
  pthread_t threads[3];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, reader, NULL), 0);
  }
  for (size_t i = 0; i < 40; i++) {
    struct rename_then_fail rename = {jg_arena_printf(&app->arena, "n%03zu", i), false};
    assert_true(jg_status_ok(jg_test_write(app, rename_run, &rename)));
    struct jg_test_call *call = jg_test_fetch(app, ID);
    jg_test_assert_get(call, "skill.name", rename.name);
    jg_test_call_destroy(call);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    void *error = NULL;
    assert_int_equal(pthread_join(threads[i], &error), 0);
    assert_null(error);
  }
}

static void test_etags(void **state) {
  (void)state;
  struct jg_str seen[200];
  size_t count = 0;
  for (size_t i = 0; i < 100; i++) {
    seen[count++] = jg_expand_etag(&app->arena, uuid(ID), (int64_t)i + 1);
    seen[count++] = jg_expand_etag(&app->arena, uuid(P_ID), (int64_t)i + 1);
  }
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(seen[i].len, 16);
    for (size_t j = 0; j < i; j++) {
      assert_false(jg_str_equal(seen[i], seen[j]));
    }
  }
  assert_true(jg_str_equal(jg_expand_etag(&app->arena, uuid(ID), 1), seen[0]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_memory_only),
      TEST(test_batches_share),
      TEST(test_unshown),
      TEST(test_arena_caps),
      TEST(test_missing_entities_count_as_not_set),
      TEST(test_damaged_payload),
      TEST(test_c1_committed_data_only),
      TEST(test_c2_heads_of_an_undone_write),
      TEST(test_writes_share_what_was_committed),
      TEST(test_readers_beside_a_writer),
      TEST(test_etags),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
