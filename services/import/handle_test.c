/* ImportJobs behind a transport that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "services/import/import_fixture.h"

#define TEXT_BYTES ((size_t)8 << 20)
#define IMPORTS_MAX 4

/* A call and what the handler did with it: events in order. */
struct transport {
  struct jg_call call; /* first: the sink casts */
  struct jg_queue wants, ends;
  struct jg_queue_node want, end;
  struct jg_status status;
  Jobgate__V1__ImportJobsResponse *response; /* unpacked on the heap; NULL: none */
};

static void sink_finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer) {
  struct transport *transport = (struct transport *)call;
  transport->status = status;
  if (answer != NULL) {
    JG_ASSERT(answer->kind == JG_ANSWER_MESSAGE && answer->job_count == 0);
    uint8_t *bytes = jg_alloc(protobuf_c_message_get_packed_size(answer->message) + 1);
    size_t len = protobuf_c_message_pack(answer->message, bytes);
    transport->response = jobgate__v1__import_jobs_response__unpack(NULL, len, bytes);
    jg_free(bytes);
  }
  JG_ASSERT(jg_status_ok(jg_queue_post(&transport->ends, &transport->end)));
}

static void sink_receive(struct jg_call *call) {
  struct transport *transport = (struct transport *)call;
  JG_ASSERT(jg_status_ok(jg_queue_post(&transport->wants, &transport->want)));
}

static const struct jg_call_sink sink = {.finish = sink_finish, .receive = sink_receive};

static void begin(struct transport *transport, struct import_fixture *fixture) {
  *transport = (struct transport){.status = JG_STATUS_OK};
  transport->call = (struct jg_call){.magic = JG_CALL_MAGIC,
                                     .app = &fixture->app,
                                     .sink = &sink,
                                     .identity = {.tenant = fixture->tenant, .loopback = true}};
  jg_arena_init(&transport->call.arena, (size_t)64 << 20);
  jg_queue_init(&transport->wants, 1, NULL, NULL);
  jg_queue_init(&transport->ends, 1, NULL, NULL);
  jg_import_handle(&transport->call);
}

/* Delivers a message once the handler asks for it. */
static void deliver(struct transport *transport, struct jg_str json, Jobgate__V1__ImportOnError on_error) {
  Jobgate__V1__ImportJobsRequest request = JOBGATE__V1__IMPORT_JOBS_REQUEST__INIT;
  request.json.data = (uint8_t *)(uintptr_t)json.data;
  request.json.len = json.len;
  request.on_error = on_error;
  assert_non_null(jg_queue_take(&transport->wants, -1));
  uint8_t *bytes = jg_alloc(protobuf_c_message_get_packed_size(&request.base) + 1);
  size_t len = protobuf_c_message_pack(&request.base, bytes);
  transport->call.on_received(&transport->call, jg_str_make((const char *)bytes, len), false);
  jg_free(bytes);
}

static void deliver_end(struct transport *transport) {
  assert_non_null(jg_queue_take(&transport->wants, -1));
  transport->call.on_received(&transport->call, JG_STR(""), true);
}

/* Waits for the handler's finish. */
static struct jg_status wait_end(struct transport *transport) {
  assert_non_null(jg_queue_take(&transport->ends, -1));
  return transport->status;
}

static void close_call(struct transport *transport) {
  if (transport->response != NULL) {
    jobgate__v1__import_jobs_response__free_unpacked(transport->response, NULL);
  }
  jg_arena_done(&transport->call.arena);
  jg_queue_done(&transport->wants);
  jg_queue_done(&transport->ends);
}

#define STOP JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_STOP
#define SKIP JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_SKIP
#define UNSAID JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_UNSPECIFIED

static void messages_are_any_cut_of_the_text(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_str text = import_fixture_file(&fixture, "tests/contract/jobs.sample.consistent.json");
  static const size_t chunks[] = {1 << 20, 1000, 97};
  for (size_t i = 0; i < JG_COUNT(chunks); i++) {
    struct transport transport;
    begin(&transport, &fixture);
    for (size_t at = 0; at < text.len; at += chunks[i]) {
      deliver(&transport, jg_str_sub(text, at, chunks[i]), UNSAID);
    }
    deliver_end(&transport);
    assert_string_equal(wait_end(&transport).message, "");
    assert_non_null(transport.response);
    assert_int_equal(transport.response->created, i == 0);
    assert_int_equal(transport.response->unchanged, i != 0);
    assert_int_equal(transport.response->entities_written > 0, i == 0);
    assert_int_equal(transport.response->n_problems, 0);
    close_call(&transport);
  }
  import_fixture_done(&fixture);
}

static void nothing_is_an_import_of_nothing(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  for (int messages = 0; messages < 2; messages++) {
    struct transport transport;
    begin(&transport, &fixture);
    for (int i = 0; i < messages; i++) {
      deliver(&transport, JG_STR(""), SKIP);
    }
    deliver_end(&transport);
    assert_string_equal(wait_end(&transport).message, "");
    assert_non_null(transport.response);
    assert_int_equal(transport.response->created, 0);
    close_call(&transport);
  }
  import_fixture_done(&fixture);
}

static void stop_answers_before_the_client_ends(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct transport transport;
  begin(&transport, &fixture);
  deliver(&transport, JG_STR("{\"name\":\"\"}\n{\"name\":1,\"id2\":\"x\"}\n{\"name\":\"\"}"), UNSAID);
  assert_string_equal(wait_end(&transport).message, "");
  const Jobgate__V1__ImportJobsResponse *response = transport.response;
  assert_non_null(response);
  assert_int_equal(response->created, 1);
  assert_int_equal(response->rejected, 1);
  assert_int_equal(response->n_problems, 2);
  assert_string_equal(response->problems[0]->field, "name");
  assert_string_equal(response->problems[0]->message, "must be a string");
  assert_int_equal(response->problems[0]->number, 2);
  assert_int_equal(response->problems[0]->line, 2);
  assert_false(response->problems[0]->warning);
  assert_string_equal(response->problems[1]->field, "id2");
  close_call(&transport);
  import_fixture_done(&fixture);
}

static void at_most_100_problems_come_refusals_first(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  for (unsigned i = 1; i <= 150; i++) {
    jg_buf_printf(&text, "{\"skill_id\":\"00000000-0000-4000-8000-%012u\"}\n", i);
    jg_buf_append_str(&text, i <= 30 ? JG_STR("{\"skill_code\":\"nope\"}\n") : JG_STR(""));
  }
  struct transport transport;
  begin(&transport, &fixture);
  deliver(&transport, jg_buf_str(&text), SKIP);
  deliver_end(&transport);
  assert_string_equal(wait_end(&transport).message, "");
  const Jobgate__V1__ImportJobsResponse *response = transport.response;
  assert_int_equal(response->created, 150);
  assert_int_equal(response->rejected, 30);
  assert_int_equal(response->warnings, 150);
  assert_int_equal(response->n_problems, 100);
  for (size_t i = 0; i < response->n_problems; i++) {
    assert_int_equal(response->problems[i]->warning, i >= 30);
    assert_string_equal(response->problems[i]->field, i < 30 ? "skill_code" : "skill_id");
  }
  close_call(&transport);
  jg_buf_done(&text);
  import_fixture_done(&fixture);
}

static void an_unreadable_text_fails_and_tells_how_far_it_came(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    bool ends;
    const char *message;
  } rows[] = {
      {JG_STR("{\"name\":\"\"}\n{\"name\":\"\"}\n]"), false, "value 3 at line 3: a JSON object or array was expected"},
      {JG_STR("{\"name\":\"\"}{\"name\":\"\"}{"), true, "value 3 at line 1: the text ends within it"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    struct transport transport;
    begin(&transport, &fixture);
    deliver(&transport, rows[i].text, STOP);
    if (rows[i].ends) {
      deliver_end(&transport);
    }
    struct jg_status status = wait_end(&transport);
    assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    assert_string_equal(
        status.message,
        jg_arena_printf(&fixture.arena,
                        "%s; before that 2 jobs were created, 0 updated, 0 left unchanged and 0 rejected",
                        rows[i].message));
    assert_null(transport.response);
    assert_int_equal(import_fixture_jobs(&fixture).count, 2);
    close_call(&transport);
    import_fixture_done(&fixture);
  }
}

static void a_bad_message_fails_the_call(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct transport transport;
  begin(&transport, &fixture);
  deliver(&transport, JG_STR("{\"name\":\"\"}"), (Jobgate__V1__ImportOnError)7);
  struct jg_status status = wait_end(&transport);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_string_equal(status.details->violations[0].field, "on_error");
  close_call(&transport);

  begin(&transport, &fixture);
  deliver(&transport, JG_STR("{\"name\":\"\"}"), STOP);
  assert_non_null(jg_queue_take(&transport.wants, -1));
  transport.call.on_received(&transport.call, JG_STR("\x0a\xff"), false);
  status = wait_end(&transport);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_non_null(strstr(status.message, "before that 1 jobs were created"));
  close_call(&transport);
  import_fixture_done(&fixture);
}

static void a_client_that_goes_away_ends_it(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct transport transport;
  begin(&transport, &fixture);
  deliver(&transport, JG_STR("{\"name\":\"\"}{\"name\":\"\"}{"), STOP);
  assert_non_null(jg_queue_take(&transport.wants, -1));
  atomic_store_explicit(&transport.call.cancelled, true, memory_order_release);
  transport.call.on_cancelled(&transport.call);
  assert_int_equal(wait_end(&transport).code, JG_CANCELLED);
  assert_int_equal(import_fixture_jobs(&fixture).count, 2);
  close_call(&transport);
  import_fixture_done(&fixture);
}

static void more_than_four_at_once_are_refused(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct transport transports[IMPORTS_MAX];
  struct transport refused;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < IMPORTS_MAX; i++) {
      begin(&transports[i], &fixture);
      deliver(&transports[i], JG_STR("{\"name\":\"\"}"), STOP);
    }
    begin(&refused, &fixture);
    struct jg_status status = wait_end(&refused);
    assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
    assert_int_equal(status.reason, JG_REASON_OVERLOADED);
    close_call(&refused);
    for (size_t i = 0; i < IMPORTS_MAX; i++) {
      deliver_end(&transports[i]);
      assert_string_equal(wait_end(&transports[i]).message, "");
      assert_int_equal(transports[i].response->created, 1);
      close_call(&transports[i]);
    }
  }
  import_fixture_done(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_any_cut_of_the_text),
      cmocka_unit_test(nothing_is_an_import_of_nothing),
      cmocka_unit_test(stop_answers_before_the_client_ends),
      cmocka_unit_test(at_most_100_problems_come_refusals_first),
      cmocka_unit_test(an_unreadable_text_fails_and_tells_how_far_it_came),
      cmocka_unit_test(a_bad_message_fails_the_call),
      cmocka_unit_test(a_client_that_goes_away_ends_it),
      cmocka_unit_test(more_than_four_at_once_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
