// Content negotiation and preferences, from header fields alone.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rest/rest_internal.h"

#define FIELDS_MAX 4

/* "Name: value\n..." to a request. */
static struct jg_http_request request_of(const char *fields, struct jg_http_header storage[FIELDS_MAX]) {
  struct jg_http_request request = {.headers = storage};
  struct jg_str rest = jg_str_from_cstr(fields);
  while (rest.data != NULL && rest.len != 0) {
    struct jg_str line = jg_str_cut(rest, '\n', &rest);
    struct jg_str value;
    struct jg_str name = jg_str_cut(line, ':', &value);
    assert_true(request.header_count < FIELDS_MAX);
    storage[request.header_count++] = (struct jg_http_header){name, jg_str_trim(value)};
  }
  return request;
}

static const struct {
  const char *fields;
  int status; /* 0: taken */
  bool text_json;
} accepts[] = {
    {"", 0, false},
    {"Accept:", 0, false},
    {"Accept: application/json", 0, false},
    {"Accept: APPLICATION/JSON", 0, false},
    {"accept: */*", 0, false},
    {"Accept: application/*", 0, false},
    {"Accept: application/json;odata.metadata=none", 0, false},
    {"Accept: application/json;odata.metadata=full;odata.streaming=true;IEEE754Compatible=true;charset=utf-8", 0,
     false},
    {"Accept: application/json; q=0.001", 0, false},
    {"Accept: text/json", 0, true},
    {"Accept: text/json;charset=\"utf-8\"", 0, true},
    {"Accept: text/json, application/json", 0, true},
    {"Accept: application/json, text/json", 0, false},
    {"Accept: application/json;q=0.5, text/json", 0, true},
    {"Accept: application/json, text/json;q=0.9", 0, false},
    {"Accept: text/json;q=0.5, */*", 0, false},
    {"Accept: text/json, */*;q=0.1", 0, true},
    {"Accept: text/json;q=0, */*", 0, false},
    {"Accept: application/json;q=0, text/json", 0, true},
    {"Accept: application/xml\nAccept: application/json", 0, false},
    {"Accept: application/xml, application/json", 0, false},
    {"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0, false},
    // What nobody serves falls back to JSON, but not XML alone.
    {"Accept: text/plain", 0, false},
    {"Accept: image/png, application/xml", 0, false},
    {"Accept: text/*", 0, false},
    {"Accept: nonsense", 0, false},
    {"Accept: \"", 0, false},
    {"Accept: application/xml", 406, false},
    {"Accept: text/xml", 406, false},
    {"Accept: application/atom+xml, application/xml;q=0.5", 406, false},
    {"Accept: application/json;q=0", 406, false},
    {"Accept: application/json;q=0.0, */*", 406, false},
    {"Accept: */*;q=0", 406, false},
    {"Accept: application/xml, */*;q=0.000", 406, false},
};

static void accept_is_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(accepts); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(accepts[i].fields, storage);
    struct jg_rest_wishes wishes = {.minimal = false};
    const char *message = NULL;
    int status = jg_rest_check_accept(&request, &wishes, &message);
    if (status != accepts[i].status || (status == 0 && wishes.text_json != accepts[i].text_json)) {
      fail_msg("%s: %d %d", accepts[i].fields, status, wishes.text_json);
    }
    assert_int_equal(message != NULL, status != 0);
  }
}

static const struct {
  const char *fields;
  bool ieee754;
} numbers[] = {
    {"", false},
    {"Accept: application/json;IEEE754Compatible=true", true},
    {"Accept: application/json;odata.metadata=minimal;ieee754compatible=\"true\";q=0.5, application/xml", true},
    {"Accept: application/json;IEEE754Compatible=false", false},
    {"Accept: application/json;IEEE754Compatible", false},
    {"Accept: application/json;q=0.5, application/json;IEEE754Compatible=true", true},
    {"Accept: application/json, application/json;IEEE754Compatible=true;q=0.5", false},
    {"Accept: text/json, application/json;IEEE754Compatible=true;q=0.5", false},
    {"Accept: text/json;IEEE754Compatible=true, application/json;q=0.5", true},
};

static void number_forms_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(numbers); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(numbers[i].fields, storage);
    struct jg_rest_wishes wishes = {.minimal = false};
    const char *message = NULL;
    assert_int_equal(jg_rest_check_accept(&request, &wishes, &message), 0);
    if (wishes.ieee754 != numbers[i].ieee754) {
      fail_msg("%s", numbers[i].fields);
    }
  }
}

static const struct {
  const char *fields, *body;
  int status;
} types[] = {
    {"Content-Type: application/json", "{}", 0},
    {"Content-Type: text/json", "{}", 0},
    {"Content-Type: Application/JSON; charset=UTF-8", "{}", 0},
    {"Content-Type: application/json;charset=\"utf-8\"", "{}", 0},
    {"Content-Type: application/json; charset=utf8;odata.metadata=minimal;IEEE754Compatible=false", "{}", 0},
    {"Content-Type: application/json;", "{}", 0},
    {"Content-Type: application/json\nContent-Encoding: identity", "{}", 0},
    {"", "", 0},
    {"", "{}", 415},
    {"Content-Type:", "{}", 415},
    {"Content-Type: application/xml", "<a/>", 415},
    {"Content-Type: application/xml", "", 415},
    {"Content-Type: text/plain", "{}", 415},
    {"Content-Type: application/json2", "{}", 415},
    {"Content-Type: application/json, text/json", "{}", 415},
    {"Content-Type: application/json; charset=iso-8859-1", "{}", 415},
    {"Content-Type: text/json; charset=utf-16", "{}", 415},
    {"Content-Type: application/x-www-form-urlencoded", "a=b", 415},
};

static void body_types_are_checked(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(types); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(types[i].fields, storage);
    request.body = jg_str_from_cstr(types[i].body);
    const char *message = NULL;
    int status = jg_rest_check_body_type(&request, &message);
    if (status != types[i].status) {
      fail_msg("%s: %d", types[i].fields, status);
    }
  }
}

static const struct {
  const char *fields;
  int status;
  enum jg_coding coding;
  bool coded;
} codings[] = {
    {"", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding:", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding: gzip", 0, JG_CODING_GZIP, false},
    {"accept-encoding: X-GZIP", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: deflate", 0, JG_CODING_DEFLATE, false},
    {"Accept-Encoding: gzip, deflate", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: deflate, gzip", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: gzip, deflate, br, zstd", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: br", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding: *", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: deflate;q=0.9, gzip;q=0.8", 0, JG_CODING_DEFLATE, false},
    {"Accept-Encoding: gzip;q=0, *", 0, JG_CODING_DEFLATE, false},
    {"Accept-Encoding: gzip;q=0.001", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: gzip;q=0", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding: gzip\nAccept-Encoding: deflate;q=0.5", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: identity, gzip;q=0.5", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding: identity;q=0.5, gzip;q=0.5", 0, JG_CODING_GZIP, false},
    {"Accept-Encoding: identity;q=0.5, *;q=0", 0, JG_CODING_IDENTITY, false},
    {"Accept-Encoding: identity;q=0, gzip", 0, JG_CODING_GZIP, true},
    {"Accept-Encoding: deflate, *;q=0", 0, JG_CODING_DEFLATE, true},
    {"Accept-Encoding: identity;q=0", 406, JG_CODING_IDENTITY, true},
    {"Accept-Encoding: *;q=0", 406, JG_CODING_IDENTITY, true},
    {"Accept-Encoding: br, identity;q=0.000", 406, JG_CODING_IDENTITY, true},
};

static void codings_are_chosen(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(codings); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(codings[i].fields, storage);
    struct jg_rest_wishes wishes = {.minimal = false};
    const char *message = NULL;
    int status = jg_rest_check_coding(&request, &wishes, &message);
    if (status != codings[i].status || wishes.coding != codings[i].coding || wishes.coded != codings[i].coded) {
      fail_msg("%s: %d %d %d", codings[i].fields, status, wishes.coding, wishes.coded);
    }
    assert_int_equal(message != NULL, status != 0);
  }
}

static const struct {
  const char *fields;
  int status;
  enum jg_coding coding;
} body_codings[] = {
    {"", 0, JG_CODING_IDENTITY},
    {"Content-Encoding:", 0, JG_CODING_IDENTITY},
    {"Content-Encoding: identity", 0, JG_CODING_IDENTITY},
    {"content-encoding: GZIP", 0, JG_CODING_GZIP},
    {"Content-Encoding: x-gzip", 0, JG_CODING_GZIP},
    {"Content-Encoding: deflate", 0, JG_CODING_DEFLATE},
    {"Content-Encoding: identity, gzip,", 0, JG_CODING_GZIP},
    {"Content-Encoding: br", 415, JG_CODING_IDENTITY},
    {"Content-Encoding: gzip;q=1", 415, JG_CODING_IDENTITY},
    {"Content-Encoding: *", 415, JG_CODING_IDENTITY},
    {"Content-Encoding: gzip, gzip", 415, JG_CODING_IDENTITY},
    {"Content-Encoding: deflate\nContent-Encoding: gzip", 415, JG_CODING_IDENTITY},
};

static void body_codings_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(body_codings); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(body_codings[i].fields, storage);
    enum jg_coding coding = JG_CODING_IDENTITY;
    const char *message = NULL;
    int status = jg_rest_check_body_coding(&request, &coding, &message);
    if (status != body_codings[i].status || coding != body_codings[i].coding) {
      fail_msg("%s: %d %d", body_codings[i].fields, status, coding);
    }
  }
}

static const struct {
  const char *fields;
  int status;
} versions[] = {
    {"", 0},
    {"OData-MaxVersion: 4.0", 0},
    {"OData-MaxVersion: 4.01", 0},
    {"OData-MaxVersion: 5.0", 0},
    {"odata-maxversion: 4", 0},
    {"OData-Version: 4.0\nOData-MaxVersion: 4.0", 0},
    {"OData-Version: 4.01", 0},
    {"OData-Version: 4.0;NetFx\nOData-MaxVersion: 4.0;NetFx", 0},
    {"OData-MaxVersion: 4.0 ; NetFx", 0},
    {"OData-MaxVersion: 3.0", 400},
    {"OData-MaxVersion: 2.0", 400},
    {"OData-MaxVersion: x", 400},
    {"OData-MaxVersion:", 400},
    {"OData-MaxVersion: 4.x", 400},
    {"OData-MaxVersion: 3.0;NetFx", 400},
    {"OData-MaxVersion: ;NetFx", 400},
    {"OData-Version: 3.0", 400},
    {"OData-Version: 5.0", 400},
};

static void versions_are_checked(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(versions); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(versions[i].fields, storage);
    const char *message = NULL;
    if (jg_rest_check_versions(&request, &message) != versions[i].status) {
      fail_msg("%s", versions[i].fields);
    }
  }
}

static const struct {
  const char *fields;
  bool minimal, representation;
} prefers[] = {
    {"", false, false},
    {"Prefer: return=minimal", true, false},
    {"prefer: Return=Minimal", true, false},
    {"PREFER: RETURN = \"minimal\"", true, false},
    {"Prefer: return=representation", false, true},
    {"Prefer: respond-async, return=minimal; foo=bar, wait=10", true, false},
    {"Prefer: odata.maxpagesize=10\nPrefer: return=minimal", true, false},
    {"Prefer: return=representation, return=minimal", false, true},
    {"Prefer: return=something", false, false},
    {"Prefer: return", false, false},
    {"Prefer: x=\"return=minimal, return=minimal\"", false, false},
    {"Prefer: return=minimalist", false, false},
};

static void preferences_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(prefers); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(prefers[i].fields, storage);
    struct jg_rest_wishes wishes = {.minimal = false};
    jg_rest_read_prefer(&request, &wishes);
    if (wishes.minimal != prefers[i].minimal || wishes.representation != prefers[i].representation) {
      fail_msg("%s", prefers[i].fields);
    }
  }
}

static const struct {
  const char *fields, *preference;
  size_t size;
} page_sizes[] = {
    {"", NULL, 0},
    {"Prefer: odata.maxpagesize=10", "odata.maxpagesize", 10},
    {"prefer: OData.MaxPageSize = \"7\"; x=y", "odata.maxpagesize", 7},
    {"Prefer: return=minimal\nPrefer: maxpagesize=1", "maxpagesize", 1},
    {"Prefer: odata.maxpagesize=100", "odata.maxpagesize", 100},
    {"Prefer: odata.maxpagesize=2, odata.maxpagesize=3", "odata.maxpagesize", 2},
    {"Prefer: odata.maxpagesize=101", NULL, 0},
    {"Prefer: odata.maxpagesize=99999999999999999999", NULL, 0},
    {"Prefer: odata.maxpagesize=0", NULL, 0},
    {"Prefer: odata.maxpagesize=-1", NULL, 0},
    {"Prefer: odata.maxpagesize", NULL, 0},
    {"Prefer: x=\"maxpagesize=3, maxpagesize=3\"", NULL, 0},
};

static void page_sizes_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(page_sizes); i++) {
    struct jg_http_header storage[FIELDS_MAX];
    struct jg_http_request request = request_of(page_sizes[i].fields, storage);
    size_t size = 0;
    const char *preference = jg_rest_wants_page(&request, 100, &size);
    const char *wanted = page_sizes[i].preference;
    bool same = wanted == NULL ? preference == NULL : preference != NULL && strcmp(preference, wanted) == 0;
    if (!same || size != page_sizes[i].size) {
      fail_msg("%s: %zu", page_sizes[i].fields, size);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accept_is_read),         cmocka_unit_test(number_forms_are_read),
      cmocka_unit_test(codings_are_chosen),     cmocka_unit_test(body_codings_are_read),
      cmocka_unit_test(body_types_are_checked), cmocka_unit_test(versions_are_checked),
      cmocka_unit_test(preferences_are_read),   cmocka_unit_test(page_sizes_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
