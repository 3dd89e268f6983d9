/* ListEntities' orders, skips and counts on a real record, and its other form of answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "services/entityset/entityset.h"
#include "services/jobs/page_token.h"
#include "services/testing/jobs.h"

#define ROWS 250
#define SKILL JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_SKILL
#define LONG_NAME 200

static struct jg_test_app *app;

/* Skills of seven names, codes that ascend and descriptions that descend; a few names are too long for tokens. */
static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  for (int i = 0; i < ROWS; i++) {
    char code[16], description[16], name[LONG_NAME + 1];
    (void)snprintf(code, sizeof(code), "S%03d", i);
    (void)snprintf(description, sizeof(description), "%03d", ROWS - i);
    memset(name, 'a' + i % 7, sizeof(name));
    name[i % 7 == 6 ? LONG_NAME : 3] = '\0';
    Jobgate__V1__Skill skill = JOBGATE__V1__SKILL__INIT;
    skill.code = code;
    skill.name = name;
    skill.description = description;
    Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
    any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_SKILL;
    any.skill = &skill;
    Jobgate__V1__UpsertEntityRequest request = JOBGATE__V1__UPSERT_ENTITY_REQUEST__INIT;
    request.entity = &any;
    struct jg_test_call *call = jg_test_call_create(app);
    jg_test_call_run(call, jg_entityset_upsert, &request.base);
    assert_true(jg_status_ok(call->status));
    jg_test_call_destroy(call);
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

struct ask {
  const char *filter, *order;
  int size, skip;
  bool count, parts, odata_names;
  size_t bytes_max; /* of the response; 0: no such limit */
};

#define ASK(f, o, rows, passed, counted) \
  { .filter = (f), .order = (o), .size = (rows), .skip = (passed), .count = (counted) }

static struct jg_test_call *list(const struct ask *ask, const char *token) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ListEntitiesRequest request = JOBGATE__V1__LIST_ENTITIES_REQUEST__INIT;
  request.kind = SKILL;
  request.filter = (char *)ask->filter;
  request.order_by = (char *)ask->order;
  request.page_size = ask->size;
  request.page_token = (char *)token;
  request.skip = ask->skip;
  request.count = ask->count;
  call->call.takes_parts = ask->parts;
  call->call.response_bytes_max = ask->bytes_max;
  call->call.odata_names = ask->odata_names;
  jg_test_call_run(call, jg_entityset_list, &request.base);
  return call;
}

/* The codes of all pages, one after the other; each page's total is checked. */
static size_t read_all(const struct ask *ask, int64_t total, char codes[ROWS + 1][8]) {
  char token[2000] = "";
  size_t count = 0;
  do {
    struct jg_test_call *call = list(ask, token);
    if (!jg_status_ok(call->status)) {
      fail_msg("%s", call->status.message);
    }
    const Jobgate__V1__ListEntitiesResponse *page = (const Jobgate__V1__ListEntitiesResponse *)call->answer.message;
    for (size_t i = 0; i < page->n_entities; i++) {
      assert_true(count < ROWS);
      (void)snprintf(codes[count++], 8, "%s", page->entities[i]->skill->code);
    }
    assert_int_equal(page->total_size, ask->count ? total : 0);
    // A page that is not the last one is full, and the last one of more than one is not empty.
    assert_true(page->n_entities == (size_t)ask->size || page->next_page_token[0] == '\0');
    assert_true(page->n_entities > 0 || count == 0);
    (void)snprintf(token, sizeof(token), "%s", page->next_page_token);
    jg_test_call_destroy(call);
  } while (token[0] != '\0');
  return count;
}

static int by_name(const void *a, const void *b) {
  int64_t left = 0, right = 0;
  assert_true(jg_parse_i64(jg_str_from_cstr((const char *)a + 1), &left));
  assert_true(jg_parse_i64(jg_str_from_cstr((const char *)b + 1), &right));
  int64_t order = left % 7 != right % 7 ? left % 7 - right % 7 : left - right;
  return (order > 0) - (order < 0);
}

static void every_row_comes_once_and_in_order(void **state) {
  (void)state;
  static char expected[ROWS][8], codes[ROWS + 1][8];
  static const int sizes[] = {1, 7, 100, 249, 250, 251};
  for (size_t s = 0; s < JG_COUNT(sizes); s++) {
    for (int i = 0; i < ROWS; i++) {
      (void)snprintf(expected[i], 8, "S%03u", (unsigned)i % 1000);
    }
    assert_int_equal(read_all(&(struct ask)ASK("", "description desc", sizes[s], 0, false), 0, codes), ROWS);
    assert_memory_equal(codes, expected, sizeof(expected));
    qsort(expected, ROWS, sizeof(expected[0]), by_name);
    assert_int_equal(read_all(&(struct ask)ASK("", "name,code", sizes[s], 0, true), ROWS, codes), ROWS);
    assert_memory_equal(codes, expected, sizeof(expected));
    assert_int_equal(read_all(&(struct ask)ASK("", "name,code", sizes[s], 10, false), 0, codes), ROWS - 10);
    assert_memory_equal(codes, expected[10], sizeof(expected[0]) * (ROWS - 10));
    // By id: made one after the other, by a clock that stands still, they have no order that is known.
    assert_int_equal(read_all(&(struct ask)ASK("", "id", sizes[s], 0, true), ROWS, codes), ROWS);
    qsort(codes, ROWS, sizeof(codes[0]), by_name);
    assert_memory_equal(codes, expected, sizeof(expected));
  }
}

static void skips_and_counts_go_with_filters(void **state) {
  (void)state;
  static char codes[ROWS + 1][8];
  static const struct {
    struct ask ask;
    int64_t total;
    size_t count;
  } rows[] = {
      {ASK("", "", 100, 240, true), ROWS, 10},
      {ASK("", "", 100, 250, true), ROWS, 0},
      {ASK("", "", 100, INT32_MAX, true), ROWS, 0},
      {ASK("", "code", 100, INT32_MAX, true), ROWS, 0},
      {ASK("name eq 'aaa'", "", 5, 0, true), 36, 36},
      {ASK("name eq 'aaa'", "", 36, 0, false), 0, 36},
      {ASK("name eq 'aaa'", "", 5, 30, true), 36, 6},
      {ASK("name eq 'aaa'", "description", 5, 30, true), 36, 6},
      {ASK("name eq 'none'", "", 5, 0, true), 0, 0},
      {ASK("name eq 'none'", "name desc", 5, 0, true), 0, 0},
      {ASK("code gt 'S245'", "sales_organization/name,code desc", 3, 0, true), 4, 4},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (read_all(&rows[i].ask, rows[i].total, codes) != rows[i].count) {
      fail_msg("row %zu", i);
    }
  }
}

/* What is found by an index is what the predicate finds. */
static void one_row_is_found_by_its_id_or_key(void **state) {
  (void)state;
  static char codes[ROWS + 1][8];
  struct jg_test_call *call = list(&(struct ask)ASK("code eq 'S123'", "", 1, 0, false), "");
  const char *id = ((const Jobgate__V1__ListEntitiesResponse *)call->answer.message)->entities[0]->skill->id;
  static const struct {
    const char *filter; /* %s: the id of S123 */
    int64_t total;
  } rows[] = {
      {"code eq 'S123'", 1},
      {"'S123' eq code", 1},
      {"code eq 's123'", 0},
      {"code eq 'nope'", 0},
      {"code eq ''", 0},
      {"code eq 'S123' and code eq 'S124'", 0},
      {"code eq 'S123' and name eq 'eee'", 1},
      {"code eq 'S123' and name eq 'aaa'", 0},
      {"code eq 'S123' or code eq 'S124'", 2},
      {"not (code eq 'S123')", ROWS - 1},
      {"code eq 'S123' and (name eq 'aaa' or id eq %s)", 1},
      {"code eq 'S124' and id eq %s", 0},
      {"id eq %s and code eq 'S124'", 0},
      {"%s eq id", 1},
      {"id eq 99999999-9999-4999-8999-999999999999", 0},
      {"sales_organization_id eq %s", 0},
      {"sales_organization/code eq 'S123'", 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char filter[200];
    const char *hole = strstr(rows[i].filter, "%s");
    size_t head = hole != NULL ? (size_t)(hole - rows[i].filter) : strlen(rows[i].filter);
    (void)snprintf(filter, sizeof(filter), "%.*s%s%s", (int)head, rows[i].filter, hole != NULL ? id : "",
                   hole != NULL ? hole + 2 : "");
    for (int ordered = 0; ordered < 2; ordered++) {
      const struct ask ask = ASK(filter, ordered != 0 ? "name" : "", 100, 0, true);
      if (read_all(&ask, rows[i].total, codes) != (size_t)rows[i].total) {
        fail_msg("%s", filter);
      }
    }
    const struct ask passed = ASK(filter, "", 100, 1, true);
    assert_int_equal(read_all(&passed, rows[i].total, codes), rows[i].total > 0 ? rows[i].total - 1 : 0);
  }
  // Where strings compare without case, the record's index is of no use (37).
  app->app.fold_case = true;
  assert_int_equal(read_all(&(struct ask)ASK("code eq 's123'", "", 100, 0, true), 1, codes), 1);
  app->app.fold_case = false;
  jg_test_call_destroy(call);
}

static void a_page_of_parts_is_the_same_page(void **state) {
  (void)state;
  struct jg_test_call *call =
      list(&(struct ask){.filter = "", .order = "code desc", .size = 2, .skip = 1, .count = true, .parts = true}, "");
  assert_true(jg_status_ok(call->status));
  assert_int_equal(call->answer.kind, JG_ANSWER_JOBS);
  assert_int_equal(call->answer.job_count, 2);
  assert_true(call->answer.has_total && call->answer.total == ROWS && call->answer.next_page_token.len != 0);
  assert_non_null(strstr(jg_test_call_json(call, 0), "\"code\":\"S248\",\"sales_organization_id\":"));
  assert_non_null(strstr(jg_test_call_json(call, 1), "\"code\":\"S247\""));
  jg_test_call_destroy(call);
}

static void refusals_name_what_is_wrong(void **state) {
  (void)state;
  struct jg_test_call *first = list(&(struct ask)ASK("", "code", 1, 0, false), "");
  char token[2000];
  (void)snprintf(token, sizeof(token), "%s",
                 ((const Jobgate__V1__ListEntitiesResponse *)first->answer.message)->next_page_token);
  jg_test_call_destroy(first);
  const struct {
    struct ask ask;
    const char *token;
    enum jg_code code;
    enum jg_reason reason;
    const char *field;
  } rows[] = {
      {ASK("", "nope", 0, 0, false), "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "order_by"},
      {{.filter = "", .order = "nope", .odata_names = true},
       "",
       JG_INVALID_ARGUMENT,
       JG_REASON_INVALID_MEMBER,
       "$orderby"},
      {{.filter = "nope", .order = "", .odata_names = true},
       "",
       JG_INVALID_ARGUMENT,
       JG_REASON_INVALID_MEMBER,
       "$filter"},
      {ASK("", "", 0, -1, false), "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "skip"},
      {ASK("", "name", 1, 0, false), token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {ASK("", "code desc", 1, 0, false), token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {ASK("", "", 1, 0, false), token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(list(&rows[i].ask, rows[i].token), rows[i].code, rows[i].reason, rows[i].field);
  }
}

/* One that is more than a response comes as its id, marked, and the list goes on. */
static void large_ones_are_reduced(void **state) {
  (void)state;
  // Enough for a few skills with a short name, not for one with a long name.
  const struct ask ask = {
      .filter = "", .order = "code", .size = 1000, .bytes_max = JG_PAGE_TOKEN_LEN_MAX + LONG_NAME + 50};
  char token[2000] = "";
  int count = 0;
  do {
    struct jg_test_call *call = list(&ask, token);
    assert_true(jg_status_ok(call->status));
    const Jobgate__V1__ListEntitiesResponse *page = (const Jobgate__V1__ListEntitiesResponse *)call->answer.message;
    assert_true(page->n_entities > 0);
    assert_in_range(protobuf_c_message_get_packed_size(&page->base), 1, ask.bytes_max);
    size_t told = 0;
    for (size_t i = 0; i < page->n_entities; i++, count++) {
      const Jobgate__V1__Skill *skill = page->entities[i]->skill;
      bool large = count % 7 == 6;
      assert_int_equal(skill->code[0] == '\0', large);
      assert_int_equal(strlen(skill->name), large ? 0 : 3);
      if (large) {
        assert_string_equal(page->reduced_ids[told++], skill->id);
      }
    }
    assert_int_equal(told, page->n_reduced_ids);
    (void)snprintf(token, sizeof(token), "%s", page->next_page_token);
    jg_test_call_destroy(call);
  } while (token[0] != '\0');
  assert_int_equal(count, ROWS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_comes_once_and_in_order), cmocka_unit_test(skips_and_counts_go_with_filters),
      cmocka_unit_test(one_row_is_found_by_its_id_or_key), cmocka_unit_test(a_page_of_parts_is_the_same_page),
      cmocka_unit_test(refusals_name_what_is_wrong),       cmocka_unit_test(large_ones_are_reduced),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
