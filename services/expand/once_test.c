/* C3: many threads expand jobs that share entities, all cold, through several levels: each entity is built once, and nobody waits
 * for somebody who waits for him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "base/compiler.h"
#include "services/expand/expand.h"
#include "services/testing/jobs.h"

#define JOBS 12
#define THREADS 12
#define ROUNDS 30

static struct jg_test_app *app;
static struct jg_uuid ids[JOBS];
static pthread_barrier_t barrier;

/* Each job has a project of its own; models, families and organizations are shared, and named at several levels. */
static void make_jobs(void) {
  for (size_t i = 0; i < JOBS; i++) {
    const char *json = jg_arena_printf(
        &app->arena,
        "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P%zu\",\"equipment_family\":{\"code\":\"F%zu\"},"
        "\"equipment_model\":{\"code\":\"M%zu\",\"equipment_family\":{\"code\":\"F%zu\","
        "\"sales_organization\":{\"code\":\"O%zu\"}}}},\"skill\":{\"code\":\"S%zu\","
        "\"sales_organization\":{\"code\":\"O%zu\"}},\"job_type\":{\"code\":\"T1\"},\"job_status_code\":\"Open\"}",
        i, i % 2, i % 3, (i + 1) % 2, i % 2, i % 4, (i + 1) % 2);
    assert_true(jg_uuid_parse(jg_str_from_cstr(jg_test_must_post(app, json)), &ids[i]));
  }
}

static struct jg_status expand_one(struct jg_txn *txn, void *data) {
  struct jg_arena arena;
  struct jg_job_row row;
  struct jg_parts parts;
  const struct jg_expand_options options = {.tenant = app->tenant};
  jg_arena_init(&arena, (size_t)1 << 20);
  struct jg_status status = jg_txn_job_get(txn, *(struct jg_uuid *)data, &arena, &row);
  if (jg_status_ok(status)) {
    status = jg_expand_jobs(app->expander, txn, &options, &row, 1, &arena, &parts);
  }
  JG_ASSERT(!jg_status_ok(status) || parts.relations[0] != NULL);
  jg_arena_done(&arena);
  return status;
}

/* On a connection of the thread's own, so that all of them are at it at once. */
static void *reader(void *data) {
  size_t first = (size_t)(uintptr_t)data;
  for (size_t round = 0; round < ROUNDS; round++) {
    (void)pthread_barrier_wait(&barrier);  // the main thread has made all cold
    for (size_t i = 0; i < JOBS; i++) {
      struct jg_uuid *id = &ids[(first + i * (1 + round % 5)) % JOBS];
      JG_ASSERT(jg_status_ok(jg_store_read_inline(app->store, app->tenant, expand_one, id)));
    }
    (void)pthread_barrier_wait(&barrier);  // all have read
  }
  return NULL;
}

static int64_t builds(void) {
  return jg_test_metric(app, "jobgate_expand_builds_total", "");
}

static void each_entity_is_built_once(void **state) {
  (void)state;
  app = jg_test_app_create();
  make_jobs();
  jg_test_app_forget(app);
  int64_t before = builds();
  for (size_t i = 0; i < JOBS; i++) {
    assert_true(jg_status_ok(jg_store_read_inline(app->store, app->tenant, expand_one, &ids[i])));
  }
  int64_t needed = builds() - before;
  assert_true(needed > JOBS + 8);
  assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS + 1), 0);
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)(uintptr_t)i), 0);
  }
  for (size_t round = 0; round < ROUNDS; round++) {
    jg_test_app_forget(app);
    before = builds();
    (void)pthread_barrier_wait(&barrier);
    (void)pthread_barrier_wait(&barrier);
    assert_int_equal(builds() - before, needed);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  // No wait ended by its time: somebody always went on.
  assert_int_equal(jg_test_metric(app, "jobgate_cache_load_waits_total", "result=\"given_up\""), 0);
  assert_int_equal(pthread_barrier_destroy(&barrier), 0);
  jg_test_app_destroy(app);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_entity_is_built_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
