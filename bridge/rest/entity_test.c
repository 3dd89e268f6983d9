// The sets beside Jobs from outside: a real server over the real methods and a record.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/http/test_client.h"
#include "bridge/rest/rest.h"
#include "services/testing/app.h"

#define ID1 "11111111-1111-4111-8111-111111111111"
#define ID2 "22222222-2222-4222-8222-222222222222"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define BASE "http://a.example/api"
#define TYPE "/api/JobType(" ID1 ")"

static struct door {
  struct jg_test_app *app;
  struct jg_rest *rest;
  struct jg_http_server *http;
  struct jg_test_client client;
} door;

static int set_up(void **state) {
  (void)state;
  door.app = jg_test_app_create();
  // The record's times are those of a clock that stands still; the door's deadlines are real ones.
  door.app->app.clock = jg_clock_system();
  const struct jg_rest_options options = {.app = &door.app->app,
                                          .methods = jg_methods,
                                          .style = &door.app->style,
                                          .page_size = 7,
                                          .embed = true,
                                          .tenant = door.app->tenant};
  door.rest = jg_rest_create(&options);
  const struct jg_http_server_options http = {.name = "http",
                                              .address = JG_STR("127.0.0.1:0"),
                                              .handler = jg_rest_handle,
                                              .refuse = jg_rest_refuse,
                                              .done = jg_rest_done,
                                              .data = door.rest,
                                              .clock = jg_clock_system(),
                                              .metrics = door.app->metrics};
  door.http = jg_http_server_create(&http);
  assert_true(jg_status_ok(jg_http_server_start(door.http, &door.app->arena)));
  jg_test_client_open(&door.client, jg_http_server_port(door.http));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_test_client_close(&door.client);
  jg_http_server_stop(door.http);
  jg_rest_destroy(door.rest);
  jg_http_server_destroy(door.http);
  jg_test_app_destroy(door.app);
  return 0;
}

struct row {
  const char *method, *target, *body; /* NULL: none */
  int status;
  const char *piece; /* of the answer's body or fields; "" or NULL: any */
};

static struct jg_test_answer send(const char *method, const char *target, const char *fields, const char *body) {
  char text[8192];
  int len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: a.example\r\n%s", method, target, fields);
  if (body != NULL) {
    len += snprintf(text + len, sizeof(text) - (size_t)len,
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  } else {
    len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n");
  }
  assert_true(len > 0 && (size_t)len < sizeof(text));
  jg_test_client_send_text(&door.client, text);
  struct jg_test_answer answer;
  jg_test_client_read(&door.client, strcmp(method, "HEAD") == 0, &answer);
  jg_buf_append_char(&answer.head, '\0');
  jg_buf_append_char(&answer.body, '\0');
  return answer;
}

static void run(const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct jg_test_answer answer = send(rows[i].method, rows[i].target, "", rows[i].body);
    const char *piece = rows[i].piece != NULL ? rows[i].piece : "";
    if (answer.status != rows[i].status ||
        (strstr(answer.body.data, piece) == NULL && strstr(answer.head.data, piece) == NULL)) {
      fail_msg("%s %s: %s\n%s", rows[i].method, rows[i].target, answer.head.data, answer.body.data);
    }
    assert_non_null(strstr(answer.head.data, "OData-Version: 4.0"));
    jg_test_answer_done(&answer);
  }
}

#define TYPE_JSON(name)                 \
  "\"id\":\"" ID1 "\",\"name\":\"" name \
  "\",\"sales_organization_id\":\"00000000-0000-0000-0000-000000000000\",\"description\":\"\""

static void an_entity_is_made_read_changed_and_deleted(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"GET", TYPE, NULL, 404, "there is no job_type " ID1},
      {"PUT", TYPE, "{\"name\":\"n\"}", 404, "there is no job_type " ID1},
      {"POST", "/api/JobType", "{\"ID\":\"" ID1 "\",\"code\":\"T\",\"name\":\"n\",\"other\":[1]}", 201,
       "{\"@odata.context\":\"" BASE "/$metadata#JobType/$entity\"," TYPE_JSON("n")},
      {"POST", "/api/jobtype", "{\"id\":\"" ID2 "\",\"code\":\"U\",\"name\":\"m\"}", 201,
       "Location: " BASE "/JobType(" ID2 ")\r\n"},
      {"POST", "/api/JobType", "{\"id\":\"" ID1 "\",\"name\":\"n\"}", 409, "id belongs to a job_type already"},
      {"POST", "/api/JobType", "{\"code\":\"T\",\"name\":\"n\"}", 409, "code belongs to another id already"},
      {"GET", TYPE, NULL, 200, "{\"@odata.context\":\"" BASE "/$metadata#JobType/$entity\"," TYPE_JSON("n")},
      {"HEAD", TYPE, NULL, 200, ""},
      {"GET", TYPE "?$select=code,name", NULL, 200,
       "{\"@odata.context\":\"" BASE "/$metadata#JobType(name,code)/$entity\",\"name\":\"n\",\"code\":\"T\"}"},
      {"GET", TYPE "/code", NULL, 200,
       "{\"@odata.context\":\"" BASE "/$metadata#JobType(" ID1 ")/code\",\"value\":\"T\"}"},
      {"GET", TYPE "/code/$value", NULL, 200, "T"},
      {"PATCH", TYPE, "{\"name\":\"o\"}", 200, TYPE_JSON("o")},
      {"PUT", TYPE, "{\"id\":\"" ID1 "\",\"code\":\"\",\"modified_dateutc\":\"2001-01-01\"}", 200, "\"code\":\"\"}"},
      {"PUT", TYPE, "{\"code\":\"U\"}", 409, "code belongs to another id already"},
      {"PUT", TYPE, "{\"id\":\"" ID2 "\"}", 400, "id must be the key of the URL"},
      {"PUT", TYPE, "{\"name\":\"\"}", 400, "name is required"},
      {"DELETE", TYPE, NULL, 204, NULL},
      {"DELETE", TYPE, NULL, 404, "there is no job_type " ID1},
      {"GET", TYPE "/code", NULL, 404, "there is no job_type " ID1},
  };
  run(rows, JG_COUNT(rows));
}

static void minimal_answers_hold_the_id(void **state) {
  (void)state;
  struct jg_test_answer answer =
      send("POST", "/api/JobType", "Prefer: return=minimal\r\n", "{\"id\":\"" ID1 "\",\"name\":\"n\"}");
  assert_int_equal(answer.status, 201);
  assert_string_equal(answer.body.data,
                      "{\"@odata.context\":\"" BASE "/$metadata#JobType/$entity\",\"id\":\"" ID1 "\"}");
  assert_non_null(strstr(answer.head.data, "Preference-Applied: return=minimal"));
  jg_test_answer_done(&answer);
}

static void what_is_embedded_follows_the_options(void **state) {
  (void)state;
  static const char brand[] = "{\"id\":\"" ID1 "\",\"code\":\"B\",\"name\":\"n\",\"sales_organization\":{\"id\":\"" ID2
                              "\",\"code\":\"S\",\"name\":\"s\"}}";
#define BRAND "/api/EquipmentBrand(" ID1 ")"
#define WITH \
  "\"sales_organization_id\":\"" ID2 "\",\"sales_organization_code\":\"S\",\"sales_organization\":{\"id\":\"" ID2
#define WITHOUT "\"sales_organization_id\":\"" ID2 "\",\"sales_organization_code\":\"S\",\"modified_dateutc\":"
  static const struct row rows[] = {
      {"POST", "/api/EquipmentBrand", brand, 201, WITH},
      {"GET", BRAND, NULL, 200, WITH},
      {"GET", "/api/EquipmentBrand", NULL, 200, WITH},
      {"GET", BRAND "?$select=name,sales_organization_code", NULL, 200,
       "{\"@odata.context\":\"" BASE "/$metadata#EquipmentBrand(name,sales_organization_code)/$entity\",\"name\":\"n\","
       "\"sales_organization_code\":\"S\"}"},
      {"GET", BRAND "?$select=id&$expand=sales_organization", NULL, 200, ",\"sales_organization\":{\"id\":\"" ID2},
      {"GET", BRAND "/sales_organization?$select=id", NULL, 200, "#SalesOrganization(id)/$entity\",\"id\":\"" ID2},
      {"GET", "/api/EquipmentBrand?$filter=sales_organization/name%20eq%20'x'", NULL, 200, "\"value\":[]}"},
      {"PUT", BRAND, "{\"sales_organization_code\":\"nope\"}", 422, "sales_organization_code "},
      {"DELETE", "/api/SalesOrganization(" ID2 ")", NULL, 409, "cannot be deleted"},
      {"DELETE", BRAND, NULL, 204, NULL},
      {"DELETE", "/api/SalesOrganization(" ID2 ")", NULL, 204, NULL},
  };
  run(rows, JG_COUNT(rows));
}

static void lists_take_the_options_of_jobs(void **state) {
  (void)state;
  char body[200];
  for (int i = 0; i < 7; i++) {
    (void)snprintf(body, sizeof(body),
                   "{\"id\":\"%08d-0000-4000-8000-000000000000\",\"code\":\"S%d\",\"name\":\"n%d\"}", i, i, i % 2);
    struct jg_test_answer answer = send("POST", "/api/Skill", "", body);
    assert_int_equal(answer.status, 201);
    jg_test_answer_done(&answer);
  }
#define LIST "{\"@odata.context\":\"" BASE "/$metadata#Skill(code)\","
  static const struct row rows[] = {
      {"GET", "/api/Skill?$select=code&$orderby=name%20desc,code%20desc&$top=2&$skip=1&$count=true", NULL, 200,
       LIST "\"@odata.count\":7,\"value\":[{\"code\":\"S3\"},{\"code\":\"S1\"}]}"},
      {"GET", "/api/Skill?$select=code&$filter=name%20eq%20@p&@p='n1'", NULL, 200,
       LIST "\"value\":[{\"code\":\"S1\"},{\"code\":\"S3\"},{\"code\":\"S5\"}]}"},
      {"GET", "/api/Skill?$select=code&$top=0", NULL, 200, LIST "\"value\":[]}"},
      {"GET", "/api/Skill/$count", NULL, 200, "7"},
      {"GET", "/api/Skill/$count?$filter=name%20eq%20'n0'", NULL, 200, "4"},
      {"GET", "/api/Skill?$filter=nope%20eq%201", NULL, 400, "nope"},
      {"GET", "/api/Skill?$orderby=nope", NULL, 400, "nope"},
      {"GET", "/api/Skill?$select=nope", NULL, 400, "Could not find a property named 'nope' on type 'skill'."},
      {"GET", "/api/Skill?$expand=name", NULL, 400, "$expand"},
      {"GET", "/api/Skill?$top=x", NULL, 400, "$top"},
      {"GET", "/api/Skill?$skiptoken=x", NULL, 400, "$skiptoken must be"},
      {"GET", "/api/Skill?$search=x", NULL, 501, "$search"},
      {"GET", "/api/Skill/$count?$top=1", NULL, 400, "$top"},
      {"POST", "/api/Skill?$select=id", "{}", 400, "$select"},
      {"GET", "/api/Skill(" NOBODY ")", NULL, 404, "there is no skill " NOBODY},
      {"GET", "/api/Skill(x)", NULL, 404, "not a GUID"},
      {"GET", "/api/Skill(" NOBODY ")/sales_organization", NULL, 404, ""},
      {"GET", "/api/Skill(" NOBODY ")/sales_organization/name", NULL, 404, "there is no skill"},
      {"GET", "/api/Skill(" NOBODY ")/sales_organization/$value", NULL, 501, "not built"},
      {"POST", "/api/Skill", "{\"code\":1", 400, "JSON"},
      {"POST", "/api/Skill", "[]", 400, "object"},
      {"PUT", "/api/Skill(" ID1 ")", "{\"name\":{}}", 400, "name"},
  };
  run(rows, JG_COUNT(rows));
}

static void links_lead_through_a_list(void **state) {
  (void)state;
  char target[1024] = "/api/JobStatus?$orderby=name&$top=100&$select=name&x=y";
  size_t seen = 0, pages = 0;
  for (; target[0] != '\0'; pages++) {
    struct jg_test_answer answer = send("GET", target, "", NULL);
    assert_int_equal(answer.status, 200);
    for (const char *at = answer.body.data; (at = strstr(at, "{\"name\":")) != NULL; at++) {
      seen++;
    }
    const char *link = strstr(answer.body.data, "\"@odata.nextLink\":\"" BASE);
    assert_true(link == NULL || strstr(link, "/JobStatus?$top=") != NULL);
    target[0] = '\0';
    if (link != NULL) {
      (void)snprintf(target, sizeof(target), "/api%.*s",
                     (int)(strrchr(link, '"') - link - (long)strlen("\"@odata.nextLink\":\"" BASE)),
                     link + strlen("\"@odata.nextLink\":\"" BASE));
    }
    jg_test_answer_done(&answer);
  }
  assert_int_equal(pages, 3);
  assert_int_equal(seen, JG_STATUS_ROW_COUNT);
}

static void some_sets_are_read_alone(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"GET", "/api/JobStatus?$filter=code%20eq%20'Open'&$select=code", NULL, 200, "\"value\":[{\"code\":\"Open\"}]}"},
      {"GET", "/api/JobStatus/$count", NULL, 200, "18"},
      {"GET", "/api/JobStatus(" NOBODY ")", NULL, 404, "there is no job_status"},
      {"GET", "/api/JobPlanning", NULL, 200, "{\"@odata.context\":\"" BASE "/$metadata#JobPlanning\",\"value\":[]}"},
      {"GET", "/api/JobPlanning/$count?$filter=jobs_id%20eq%20" ID1, NULL, 200, "0"},
      {"GET", "/api/JobPlanning(" NOBODY ")", NULL, 404, "there is no job_planning " NOBODY},
      {"POST", "/api/JobStatus", "{}", 405, "Allow: GET, HEAD\r\n"},
      {"PUT", "/api/JobStatus(" ID1 ")", "{}", 405, "Allow: GET, HEAD\r\n"},
      {"DELETE", "/api/JobPlanning(" ID1 ")", NULL, 405, "Allow: GET, HEAD\r\n"},
      {"POST", "/api/JobPlanning", "{}", 405, "Allow: GET, HEAD\r\n"},
      {"DELETE", "/api/JobType", NULL, 405, "Allow: GET, HEAD, POST\r\n"},
      {"POST", TYPE, "{}", 405, "Allow: GET, HEAD, PUT, PATCH, DELETE\r\n"},
      {"PUT", TYPE "/name", "{}", 405, "Allow: GET, HEAD\r\n"},
  };
  run(rows, JG_COUNT(rows));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(an_entity_is_made_read_changed_and_deleted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(minimal_answers_hold_the_id, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_embedded_follows_the_options, set_up, tear_down),
      cmocka_unit_test_setup_teardown(lists_take_the_options_of_jobs, set_up, tear_down),
      cmocka_unit_test_setup_teardown(links_lead_through_a_list, set_up, tear_down),
      cmocka_unit_test_setup_teardown(some_sets_are_read_alone, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
