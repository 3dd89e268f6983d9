// What a message of WatchJobs becomes on the wire of HTTP.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rest/changes_internal.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/sample.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

#define ID "c4724560-42f6-42a7-8b67-0656dc8d7278"
#define OUT_BYTES (1u << 20)

static const struct jg_json_style json_style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
static const struct jg_rest_changes_style events = {.json = &json_style, .framing = JG_REST_EVENTS};
static const struct jg_rest_changes_style lines = {.json = &json_style, .framing = JG_REST_LINES};

static struct jg_arena arena;
static struct jg_buf message; /* the bytes of one */

static int set_up(void **state) {
  (void)state;
  jg_arena_init(&arena, 64u << 20);
  jg_buf_init(&message, OUT_BYTES);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_buf_done(&message);
  jg_arena_done(&arena);
  return 0;
}

static void put_response(const Jobgate__V1__WatchJobsResponse *response) {
  jg_buf_clear(&message);
  size_t len = protobuf_c_message_get_packed_size(&response->base);
  char *room = jg_buf_reserve(&message, len);
  assert_non_null(room);
  message.len += protobuf_c_message_pack(&response->base, (uint8_t *)room);
}

static void expect(const struct jg_rest_changes_style *style, const char *text) {
  struct jg_bytes *piece = jg_rest_changes_print(style, jg_buf_str(&message), 1500);
  assert_non_null(piece);
  if (!jg_str_equal(jg_bytes_str(piece), jg_str_from_cstr(text))) {
    fail_msg("%.*s", JG_STR_ARG(jg_bytes_str(piece)));
  }
  jg_bytes_unref(piece);
}

static void positions_have_an_id(void **state) {
  (void)state;
  Google__Protobuf__Duration heartbeat = GOOGLE__PROTOBUF__DURATION__INIT;
  heartbeat.seconds = 5;
  heartbeat.nanos = 500000000;
  Jobgate__V1__WatchOpened opened = JOBGATE__V1__WATCH_OPENED__INIT;
  opened.stream_id = (char *)"s";
  opened.epoch = (char *)"e";
  opened.heartbeat_interval = &heartbeat;
  opened.resume_token = (char *)"t-1";
  opened.revision = 7;
  Jobgate__V1__WatchJobsResponse response = JOBGATE__V1__WATCH_JOBS_RESPONSE__INIT;
  response.event_case = JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED;
  response.opened = &opened;
  put_response(&response);
#define OPENED                                                                                                       \
  "{\"event\":\"opened\",\"stream_id\":\"s\",\"heartbeat_ms\":5500,\"epoch\":\"e\",\"revision\":7,\"resume_token\":" \
  "\"t-1\"}\n"
  expect(&events, "event: opened\nid: t-1\nretry: 1500\ndata: " OPENED "\n");
  expect(&lines, OPENED);

  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = 1700000000;
  Jobgate__V1__WatchBookmark bookmark = JOBGATE__V1__WATCH_BOOKMARK__INIT;
  bookmark.resume_token = (char *)"t-2";
  bookmark.revision = 8;
  bookmark.time = &time;
  response.event_case = JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK;
  response.bookmark = &bookmark;
  put_response(&response);
#define BOOKMARK \
  "{\"event\":\"bookmark\",\"revision\":8,\"time\":\"2023-11-14T22:13:20+00:00\",\"resume_token\":\"t-2\"}\n"
  expect(&events, ": heartbeat\nevent: bookmark\nid: t-2\ndata: " BOOKMARK "\n");
  expect(&lines, BOOKMARK);
}

static void ends_and_marks(void **state) {
  (void)state;
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  delay.seconds = 1;
  delay.nanos = 250000000;
  Jobgate__V1__WatchDrain drain = JOBGATE__V1__WATCH_DRAIN__INIT;
  drain.resume_token = (char *)"t";
  drain.retry_delay = &delay;
  Jobgate__V1__WatchJobsResponse response = JOBGATE__V1__WATCH_JOBS_RESPONSE__INIT;
  response.event_case = JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN;
  response.drain = &drain;
  put_response(&response);
  expect(&events,
         "event: drain\nid: t\nretry: 1250\ndata: {\"event\":\"drain\",\"retry_delay_ms\":1250,"
         "\"resume_token\":\"t\"}\n\n");
  Jobgate__V1__WatchSynced synced = JOBGATE__V1__WATCH_SYNCED__INIT;
  synced.resume_token = (char *)"t";
  synced.revision = 9;
  response.event_case = JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED;
  response.synced = &synced;
  put_response(&response);
  expect(&lines, "{\"event\":\"synced\",\"revision\":9,\"resume_token\":\"t\"}\n");
  Jobgate__V1__WatchReset reset = JOBGATE__V1__WATCH_RESET__INIT;
  reset.reason = (char *)"HISTORY_LOST";
  reset.oldest_revision = 5;
  reset.newest_revision = 9;
  response.event_case = JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET;
  response.reset = &reset;
  put_response(&response);
  expect(&events,
         "event: reset\ndata: {\"event\":\"reset\",\"reason\":\"HISTORY_LOST\",\"oldest_revision\":5,"
         "\"newest_revision\":9}\n\n");
  struct jg_status_details details = {.oldest_revision = 5, .newest_revision = 9};
  struct jg_status lost = {JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "gone \"for good\"", &details};
  struct jg_bytes *piece = jg_rest_changes_print_error(&events, lost);
  assert_true(jg_str_equal(jg_bytes_str(piece),
                           JG_STR("event: error\ndata: {\"event\":\"error\",\"status\":410,\"reason\":\"HISTORY_LOST\","
                                  "\"oldest_revision\":5,\"newest_revision\":9,\"error\":{\"code\":\"\",\"message\":"
                                  "\"gone \\\"for good\\\"\"}}\n\n")));
  jg_bytes_unref(piece);
  details = (struct jg_status_details){.retry_delay_ms = 700, .resume_token = "t"};
  struct jg_status slow = {JG_RESOURCE_EXHAUSTED, JG_REASON_SLOW_CONSUMER, "slow", &details};
  piece = jg_rest_changes_print_error(&events, slow);
  assert_true(
      jg_str_equal(jg_bytes_str(piece),
                   JG_STR("event: error\nid: t\nretry: 700\ndata: {\"event\":\"error\",\"status\":429,\"reason\":"
                          "\"SLOW_CONSUMER\",\"retry_delay_ms\":700,\"error\":{\"code\":\"\",\"message\":\"slow\"},"
                          "\"resume_token\":\"t\"}\n\n")));
  jg_bytes_unref(piece);
  piece = jg_rest_changes_print_error(&lines, jg_status_make(JG_UNAUTHENTICATED, JG_REASON_NONE, "who?"));
  assert_true(
      jg_str_equal(jg_bytes_str(piece),
                   JG_STR("{\"event\":\"error\",\"status\":401,\"error\":{\"code\":\"\",\"message\":\"who?\"}}\n")));
  jg_bytes_unref(piece);
}

/* A response of WatchChanges with one change, whose job is given in bytes. token: "" for none. */
static void put_change(const Jobgate__V1__JobChange *change, struct jg_str job, const char *token) {
  struct jg_buf inner, outer;
  jg_buf_init(&inner, OUT_BYTES);
  jg_buf_init(&outer, OUT_BYTES);
  size_t len = protobuf_c_message_get_packed_size(&change->base);
  char *room = jg_buf_reserve(&inner, len + 1);
  assert_non_null(room);
  inner.len += protobuf_c_message_pack(&change->base, (uint8_t *)room);
  if (job.data != NULL) {
    jg_wire_put_bytes(&inner, 4, job);
  }
  jg_wire_put_bytes(&outer, 1, jg_buf_str(&inner));
  if (token[0] != '\0') {
    jg_wire_put_bytes(&outer, 2, jg_str_from_cstr(token));
  }
  jg_buf_clear(&message);
  jg_wire_put_bytes(&message, 2, jg_buf_str(&outer));
  jg_buf_done(&inner);
  jg_buf_done(&outer);
}

/* Its job's JSON within `head` and `tail` is what the codec makes of the same job. */
static void expect_job(const struct jg_rest_changes_style *style, const char *head, struct jg_str json,
                       const char *tail) {
  struct jg_buf text;
  jg_buf_init(&text, OUT_BYTES);
  jg_buf_printf(&text, "%s%.*s%s", head, JG_STR_ARG(json), tail);
  jg_buf_append_char(&text, '\0');
  expect(style, text.data);
  jg_buf_done(&text);
}

#define TIME "\"commit_time\":\"2023-11-14T22:13:20+00:00\""

static void jobs_are_as_pages_show_them(void **state) {
  (void)state;
  static struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &arena);
  jg_sample_expand(&sample, &json_style);
  struct jg_parts parts = *jg_sample_job_parts(&sample);
  parts.revision = 12;
  parts.etag = JG_STR("etag");
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = 1700000000;
  char *paths[] = {(char *)"name", (char *)"parent_id"};
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.n_paths = 2;
  mask.paths = paths;
  Jobgate__V1__JobChange change = JOBGATE__V1__JOB_CHANGE__INIT;
  change.revision = 12;
  change.commit_time = &time;
  change.kind = JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED;
  change.changed_fields = &mask;
  change.transaction_last = true;
  change.traceparent = (char *)"00-1";
  struct jg_rest_nodes *kept = jg_rest_nodes_create();
  struct jg_rest_changes_style splicing = lines;
  splicing.nodes = kept;
  for (int nodes = 0; nodes < 2; nodes++) {
    struct jg_buf proto, json;
    jg_buf_init(&proto, OUT_BYTES);
    jg_buf_init(&json, OUT_BYTES);
    jg_proto_encode(&parts, nodes != 0, &proto);
    jg_json_encode(&json_style, &parts, JG_STR_NONE, nodes != 0, &json);
    put_change(&change, jg_buf_str(&proto), "t");
    expect_job(&lines,
               "{\"event\":\"changes\",\"changes\":[{\"revision\":12,\"kind\":\"UPDATED\"," TIME
               ",\"transaction_last\":true,\"job\":",
               jg_buf_str(&json),
               ",\"changed_fields\":[\"name\",\"_parent_id\"],\"traceparent\":\"00-1\"}],\"resume_token\":\"t\"}\n");
    for (int time_again = 0; time_again < 2; time_again++) {  // The second time from what is kept.
      expect_job(&splicing,
                 "{\"event\":\"changes\",\"changes\":[{\"revision\":12,\"kind\":\"UPDATED\"," TIME
                 ",\"transaction_last\":true,\"job\":",
                 jg_buf_str(&json),
                 ",\"changed_fields\":[\"name\",\"_parent_id\"],\"traceparent\":\"00-1\"}],\"resume_token\":\"t\"}\n");
    }
    const uint64_t some = UINT64_C(1) << JG_JOB_ID | UINT64_C(1) << JG_JOB_NAME | UINT64_C(1) << JG_JOB_JOB_TYPE;
    const struct jg_rest_changes_style few = {&json_style, JG_REST_EVENTS, true, some, NULL};
    jg_buf_clear(&json);
    jg_json_encode_members(&json_style, &parts, JG_STR_NONE,
                           nodes != 0 ? some : some & ~(UINT64_C(1) << JG_JOB_JOB_TYPE), &json);
    expect_job(
        &few,
        "event: changes\nid: t\ndata: {\"event\":\"changes\",\"changes\":[{\"revision\":12,\"kind\":\"UPDATED\"," TIME
        ",\"transaction_last\":true,\"job\":",
        jg_buf_str(&json),
        ",\"changed_fields\":[\"name\",\"_parent_id\"],\"traceparent\":\"00-1\"}],\"resume_token\":\"t\"}\n\n");
    jg_buf_done(&proto);
    jg_buf_done(&json);
  }
  jg_rest_nodes_destroy(kept);
  jg_sample_done(&sample);
}

static struct jg_str id_alone(void) {
  static char bytes[64];
  struct jg_buf buf = {.data = bytes, .capacity = sizeof(bytes), .bytes_max = sizeof(bytes)};
  jg_wire_put_bytes(&buf, 1, JG_STR(ID));
  return jg_buf_str(&buf);
}

/* A job that was deleted, and one that did not fit its message: no member is made up. */
static void bare_ids_stay_bare(void **state) {
  (void)state;
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = 1700000000;
  Jobgate__V1__JobChange change = JOBGATE__V1__JOB_CHANGE__INIT;
  change.revision = 3;
  change.commit_time = &time;
  change.kind = JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
  put_change(&change, id_alone(), "");  // Without a token: the rest of its request follows.
  expect(&events, "event: changes\ndata: {\"event\":\"changes\",\"changes\":[{\"revision\":3,\"kind\":\"DELETED\"," TIME
                  ",\"transaction_last\":false,\"job\":{\"id\":\"" ID "\"},\"changed_fields\":[]}]}\n\n");
  change.kind = JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED;
  put_change(&change, id_alone(), "t");
  expect(&lines,
         "{\"event\":\"changes\",\"changes\":[{\"revision\":3,\"kind\":\"CREATED\"," TIME
         ",\"transaction_last\":false,\"job\":{\"id\":\"" ID "\"},\"changed_fields\":[]}],\"resume_token\":\"t\"}\n");
}

static void entities_and_old_values(void **state) {
  (void)state;
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = 1700000000;
  Jobgate__V1__Skill skill = JOBGATE__V1__SKILL__INIT;
  skill.id = (char *)ID;
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_SKILL;
  any.skill = &skill;
  Jobgate__V1__JobChange change = JOBGATE__V1__JOB_CHANGE__INIT;
  change.revision = 3;
  change.commit_time = &time;
  change.kind = JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
  change.entity = &any;
  put_change(&change, JG_STR_NONE, "t");
  expect(&lines, "{\"event\":\"changes\",\"changes\":[{\"revision\":3,\"kind\":\"DELETED\"," TIME
                 ",\"transaction_last\":false,\"entity_kind\":\"skill\",\"entity\":{\"id\":\"" ID
                 "\"},\"changed_fields\":[]}],\"resume_token\":\"t\"}\n");
  Jobgate__V1__Job before = JOBGATE__V1__JOB__INIT;
  before.name = (char *)"old";
  before.id2 = 5;
  change.entity = NULL;
  change.kind = JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT;
  change.before = &before;
  put_change(&change, id_alone(), "t");
  expect(&lines, "{\"event\":\"changes\",\"changes\":[{\"revision\":3,\"kind\":\"LEFT\"," TIME
                 ",\"transaction_last\":false,\"job\":{\"id\":\"" ID
                 "\"},\"changed_fields\":[],\"before\":{\"name\":\"old\",\"id2\":5}}],\"resume_token\":\"t\"}\n");
}

static void pages_of_a_snapshot(void **state) {
  (void)state;
  struct jg_buf page;
  jg_buf_init(&page, OUT_BYTES);
  jg_wire_put_bytes(&page, 1, id_alone());
  jg_wire_put_bytes(&page, 1, id_alone());
  jg_wire_put_bytes(&page, 2, JG_STR("t"));
  jg_buf_clear(&message);
  jg_wire_put_bytes(&message, 5, jg_buf_str(&page));
  expect(&lines,
         "{\"event\":\"snapshot\",\"jobs\":[{\"id\":\"" ID "\"},{\"id\":\"" ID "\"}],\"resume_token\":\"t\"}\n");
  jg_buf_done(&page);
}

static void what_is_no_message_is_not_printed(void **state) {
  (void)state;
  static const struct jg_str bad[] = {JG_STR(""), JG_STR("\x0a"), JG_STR("\x0a\x05x"), JG_STR("\x7a\x00"),
                                      JG_STR("\x12\x02\x0a\x05")};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    assert_null(jg_rest_changes_print(&lines, bad[i], 0));
  }
}

static void kept_entities_are_those_of_their_bytes(void **state) {
  (void)state;
  struct jg_rest_nodes *nodes = jg_rest_nodes_create();
  struct jg_bytes *json = jg_bytes_create(JG_STR("{}"));
  assert_null(jg_rest_nodes_find(nodes, JG_KIND_SKILL, JG_STR("a")));
  jg_rest_nodes_keep(nodes, JG_KIND_SKILL, JG_STR("a"), json);
  struct jg_bytes *found = jg_rest_nodes_find(nodes, JG_KIND_SKILL, JG_STR("a"));
  assert_ptr_equal(found, json);
  jg_bytes_unref(found);
  assert_null(jg_rest_nodes_find(nodes, JG_KIND_USER, JG_STR("a")));
  assert_null(jg_rest_nodes_find(nodes, JG_KIND_SKILL, JG_STR("b")));
  // Many more than there is room for, and one that is too large.
  for (uint32_t i = 0; i < 5000; i++) {
    jg_rest_nodes_keep(nodes, JG_KIND_USER, jg_str_make((const char *)&i, sizeof(i)), json);
  }
  struct jg_bytes *large = jg_bytes_create_room(40000);
  jg_rest_nodes_keep(nodes, JG_KIND_PROJECT, JG_STR("a"), large);
  assert_null(jg_rest_nodes_find(nodes, JG_KIND_PROJECT, JG_STR("a")));
  jg_bytes_unref(large);
  jg_bytes_unref(json);
  jg_rest_nodes_destroy(nodes);
}

static void shared_messages_are_printed_once(void **state) {
  (void)state;
  struct jg_buf page;
  jg_buf_init(&page, OUT_BYTES);
  jg_wire_put_bytes(&page, 1, id_alone());
  jg_buf_clear(&message);
  jg_wire_put_bytes(&message, 5, jg_buf_str(&page));
  jg_buf_done(&page);
  struct jg_rest_changes_cache *cache = jg_rest_changes_cache_create();
  struct jg_bytes *alone = jg_bytes_create(jg_buf_str(&message));
  struct jg_bytes *first = jg_rest_changes_cache_print(cache, &lines, alone, 0);
  struct jg_bytes *second = jg_rest_changes_cache_print(cache, &lines, alone, 0);
  assert_ptr_not_equal(first, second);  // Nobody else has it: it was not kept.
  jg_bytes_unref(first);
  jg_bytes_unref(second);
  struct jg_bytes *shared = jg_bytes_ref(alone);
  first = jg_rest_changes_cache_print(cache, &lines, shared, 0);
  second = jg_rest_changes_cache_print(cache, &lines, shared, 0);
  struct jg_bytes *other = jg_rest_changes_cache_print(cache, &events, shared, 0);
  assert_ptr_equal(first, second);
  assert_ptr_not_equal(first, other);
  jg_bytes_unref(first);
  jg_bytes_unref(second);
  jg_bytes_unref(other);
  // The oldest go as others come.
  for (int i = 0; i < 200; i++) {
    struct jg_bytes *next = jg_bytes_create(jg_buf_str(&message));
    jg_bytes_unref(jg_rest_changes_cache_print(cache, &lines, jg_bytes_ref(next), 0));
    jg_bytes_unref(next);
    jg_bytes_unref(next);
  }
  jg_bytes_unref(shared);
  jg_bytes_unref(alone);
  jg_rest_changes_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(positions_have_an_id, set_up, tear_down),
      cmocka_unit_test_setup_teardown(ends_and_marks, set_up, tear_down),
      cmocka_unit_test_setup_teardown(jobs_are_as_pages_show_them, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bare_ids_stay_bare, set_up, tear_down),
      cmocka_unit_test_setup_teardown(entities_and_old_values, set_up, tear_down),
      cmocka_unit_test_setup_teardown(pages_of_a_snapshot, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_no_message_is_not_printed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(kept_entities_are_those_of_their_bytes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(shared_messages_are_printed_once, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
