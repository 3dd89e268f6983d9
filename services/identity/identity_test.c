/* The service over a real record, with users of the cheapest hash and a clock that stands still. */
#include "services/identity/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "services/identity/credential.h"
#include "services/identity/password.h"
#include "services/testing/app.h"

#define COST 1
#define NS_PER_MS INT64_C(1000000)

static struct jg_test_app *app;
static struct jg_identity_service *service;
static int64_t test_tenant;

struct user_change {
  const char *name, *password; /* password NULL: remove */
};

static struct jg_status run_change(struct jg_txn *txn, void *data) {
  const struct user_change *change = data;
  if (change->password == NULL) {
    return jg_txn_user_remove(txn, jg_str_from_cstr(change->name));
  }
  char hash[JG_PASSWORD_HASH_BYTES_MAX];
  jg_password_hash(jg_str_from_cstr(change->password), COST, hash);
  const struct jg_user_row row = {jg_str_from_cstr(change->name), jg_str_from_cstr(hash), 0};
  return jg_txn_user_put(txn, &row, true);
}

static void change_user(int64_t tenant, const char *name, const char *password) {
  struct user_change change = {name, password};
  int64_t own = app->tenant;
  app->tenant = tenant;
  assert_true(jg_status_ok(jg_test_write(app, run_change, &change)));
  app->tenant = own;
}

static struct jg_identity_service *create(unsigned threads) {
  const struct jg_identity_options options = {
      .store = app->store, .clock = &app->clock.clock, .metrics = app->metrics, .threads = threads, .cost = COST};
  return jg_identity_service_create(&options);
}

static int setup(void **state JG_UNUSED) {
  app = jg_test_app_create();
  assert_true(jg_status_ok(jg_store_tenant(app->store, JG_STR("TestApi"), true, &app->arena, &test_tenant)));
  change_user(test_tenant, "APIUser", "123456");
  service = create(2);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_identity_service_destroy(service);
  jg_test_app_destroy(app);
  return 0;
}

/* ---- asking ---- */

struct question {
  struct jg_identity_wait wait; /* first */
  struct jg_queue done;
  struct jg_queue_node node;
  struct jg_identity_verdict verdict;
  bool waited;
};

static void answered(struct jg_identity_wait *wait, struct jg_identity_verdict verdict) {
  struct question *question = (struct question *)wait;
  question->verdict = verdict;
  assert_true(jg_status_ok(jg_queue_post(&question->done, &question->node)));
}

static void ask(struct question *question, struct jg_str authorization) {
  *question = (struct question){.wait = {.done = answered}};
  jg_queue_init(&question->done, 1, NULL, NULL);
  question->waited = !jg_identity_verify(service, authorization, &question->wait, &question->verdict);
}

static enum jg_code answer(struct question *question) {
  if (question->waited) {
    assert_ptr_equal(jg_queue_take(&question->done, -1), &question->node);
  }
  jg_queue_done(&question->done);
  return question->verdict.status.code;
}

static struct jg_str header_of(const char *user, const char *password, const char *domain) {
  char *out = jg_arena_alloc(&app->arena, JG_CREDENTIAL_HEADER_BYTES_MAX);
  assert_non_null(out);
  return jg_str_make(
      out, jg_credential_format(jg_str_from_cstr(user), jg_str_from_cstr(password), jg_str_from_cstr(domain), out));
}

static enum jg_code verdict_of(struct jg_str authorization, struct question *question) {
  ask(question, authorization);
  return answer(question);
}

static void test_verdicts(void **state JG_UNUSED) {
  const struct {
    struct jg_str header;
    enum jg_code code;
    bool waits;
  } rows[] = {
      {JG_STR_NONE, JG_UNAUTHENTICATED, false},
      {JG_STR(""), JG_UNAUTHENTICATED, false},
      {JG_STR("Bearer x"), JG_UNAUTHENTICATED, false},
      {header_of("APIUser", "123456", "TESTAPI"), JG_OK, true},  // statement 93
      {header_of("APIUser", "123456", "testapi"), JG_OK, true},
      {header_of("apiuser", "123456", "TESTAPI"), JG_UNAUTHENTICATED, true},
      {header_of("APIUser", "123457", "TESTAPI"), JG_UNAUTHENTICATED, true},
      {header_of("APIUser", "123456", "default"), JG_UNAUTHENTICATED, true},
      {header_of("APIUser", "123456", "nowhere"), JG_UNAUTHENTICATED, true},
      {header_of("nobody", "unknown", "TESTAPI"), JG_UNAUTHENTICATED, true},  // the stand-in's own password
  };
  const char *message = NULL;
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct question question;
    assert_int_equal(verdict_of(rows[i].header, &question), rows[i].code);
    assert_int_equal(question.waited, rows[i].waits);
    if (rows[i].code == JG_OK) {
      assert_int_equal(question.verdict.tenant, test_tenant);
    } else {
      // I4: all alike.
      message = message != NULL ? message : question.verdict.status.message;
      assert_string_equal(question.verdict.status.message, message);
    }
  }
  assert_int_equal(jg_test_metric(app, "jobgate_identity_refusals_total", "missing"), 1);
  assert_int_equal(jg_test_metric(app, "jobgate_identity_refusals_total", "malformed"), 2);
  assert_int_equal(jg_test_metric(app, "jobgate_identity_refusals_total", "wrong"), 5);
  assert_int_equal(jg_test_metric(app, "jobgate_identity_verify_seconds_count", ""), 7);
  struct question question;
  static const char long_header[JG_CREDENTIAL_HEADER_BYTES_MAX + 1] = "Basic ";
  assert_int_equal(verdict_of(jg_str_make(long_header, sizeof(long_header)), &question), JG_UNAUTHENTICATED);
  assert_false(question.waited);
}

static void test_memory(void **state JG_UNUSED) {
  struct jg_str header = header_of("APIUser", "123456", "TESTAPI");
  struct question question;
  assert_int_equal(verdict_of(header, &question), JG_OK);
  assert_true(question.waited);
  change_user(test_tenant, "APIUser", NULL);
  jg_clock_manual_advance_ns(&app->clock, JG_IDENTITY_REMEMBERED_MS * NS_PER_MS - 1);
  assert_int_equal(verdict_of(header, &question), JG_OK);
  assert_false(question.waited);
  assert_int_equal(question.verdict.tenant, test_tenant);
  jg_clock_manual_advance_ns(&app->clock, 1);
  assert_int_equal(verdict_of(header, &question), JG_UNAUTHENTICATED);
  assert_true(question.waited);
  // Refusals are remembered for a shorter time.
  change_user(test_tenant, "APIUser", "123456");
  assert_int_equal(verdict_of(header, &question), JG_UNAUTHENTICATED);
  assert_false(question.waited);
  jg_clock_manual_advance_ns(&app->clock, JG_IDENTITY_REFUSED_MS * NS_PER_MS);
  assert_int_equal(verdict_of(header, &question), JG_OK);
  assert_true(question.waited);
}

/* ---- while a verification is held: its read stands behind one that waits for the test ---- */

struct hold {
  struct jg_store_read read;
  struct jg_queue entered, released, left;
  struct jg_queue_node entered_node, released_node, left_node;
};

static void run_hold(struct jg_txn *txn JG_UNUSED, struct jg_status begun JG_UNUSED, void *data) {
  struct hold *hold = data;
  assert_true(jg_status_ok(jg_queue_post(&hold->entered, &hold->entered_node)));
  (void)jg_queue_take(&hold->released, -1);
  assert_true(jg_status_ok(jg_queue_post(&hold->left, &hold->left_node)));
}

static void hold_begin(struct hold *hold) {
  *hold = (struct hold){.read = {.tenant = app->tenant, .run = run_hold, .data = hold}};
  jg_queue_init(&hold->entered, 1, NULL, NULL);
  jg_queue_init(&hold->released, 1, NULL, NULL);
  jg_queue_init(&hold->left, 1, NULL, NULL);
  assert_true(jg_status_ok(jg_store_submit_read(app->store, &hold->read)));
  (void)jg_queue_take(&hold->entered, -1);
}

static void hold_release(struct hold *hold) {
  assert_true(jg_status_ok(jg_queue_post(&hold->released, &hold->released_node)));
}

static void hold_done(struct hold *hold) {
  (void)jg_queue_take(&hold->left, -1);
  jg_queue_done(&hold->left);
  jg_queue_done(&hold->entered);
  jg_queue_done(&hold->released);
}

static void test_shared_and_bounded(void **state JG_UNUSED) {
  enum { SAME = 50 };
  static struct question same[SAME], others[JG_IDENTITY_QUEUE_MAX + 8];
  struct hold holds[2]; /* the record has two readers */
  hold_begin(&holds[0]);
  hold_begin(&holds[1]);
  struct jg_str header = header_of("APIUser", "123456", "TESTAPI");
  for (size_t i = 0; i < SAME; i++) {
    ask(&same[i], header);
    assert_true(same[i].waited);
  }
  // Different ones until the queue is full; two of those before are on the threads, maybe.
  size_t refused = 0, count = 0;
  for (; count < JG_COUNT(others) && refused == 0; count++) {
    char user[16];
    (void)snprintf(user, sizeof(user), "user%zu", count);
    ask(&others[count], header_of(user, "x", "TESTAPI"));
    refused += !others[count].waited;
  }
  assert_int_equal(refused, 1);
  assert_in_range(count, JG_IDENTITY_QUEUE_MAX - 1, JG_IDENTITY_QUEUE_MAX + 2);
  assert_int_equal(others[count - 1].verdict.status.reason, JG_REASON_OVERLOADED);
  assert_int_equal(jg_test_metric(app, "jobgate_identity_overloaded_total", ""), 1);
  // What shares needs no room.
  struct question late;
  ask(&late, header);
  assert_true(late.waited);
  hold_release(&holds[0]);
  hold_release(&holds[1]);
  for (size_t i = 0; i < SAME; i++) {
    assert_int_equal(answer(&same[i]), JG_OK);
  }
  assert_int_equal(answer(&late), JG_OK);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(answer(&others[i]), i + 1 < count ? JG_UNAUTHENTICATED : JG_UNAVAILABLE);
  }
  // One hash for all that were the same.
  assert_int_equal(jg_test_metric(app, "jobgate_identity_verify_seconds_count", ""), count);
  hold_done(&holds[0]);
  hold_done(&holds[1]);
}

/* ---- threads ---- */

static void *asker(void *data) {
  const struct jg_str *headers = data;
  for (int i = 0; i < 200; i++) {
    struct question question;
    bool right = i % 2 == 0;
    enum jg_code code = verdict_of(headers[right ? 0 : 1], &question);
    assert_int_equal(code, right ? JG_OK : JG_UNAUTHENTICATED);
    if (i % 50 == 0) {
      jg_clock_manual_advance_ns(&app->clock, JG_IDENTITY_REMEMBERED_MS * NS_PER_MS / 2);
    }
  }
  return NULL;
}

static void test_threads(void **state JG_UNUSED) {
  struct jg_str headers[] = {header_of("APIUser", "123456", "TESTAPI"), header_of("APIUser", "wrong", "TESTAPI")};
  pthread_t threads[4];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, asker, headers), 0);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
      cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
      cmocka_unit_test_setup_teardown(test_shared_and_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
