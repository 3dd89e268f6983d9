#include "server/grpc/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/wire.h"
#include "proto/schema/schema.h"

static void count_one(struct jg_str descriptor, void *data) {
  assert_true(descriptor.len > 0);
  ++*(size_t *)data;
}

static size_t closure_count(const struct jg_grpc_descriptors *index, size_t file) {
  size_t count = 0;
  jg_grpc_descriptors_closure(index, file, count_one, &count);
  return count;
}

static void indexes_the_schema(void **state) {
  (void)state;
  struct jg_grpc_descriptors *index = NULL;
  assert_true(jg_status_ok(jg_grpc_descriptors_create(jg_schema_descriptor_set(), &index)));
  size_t service = jg_grpc_descriptors_file(index, JG_STR("jobgate/v1/job_service.proto"));
  assert_int_not_equal(service, SIZE_MAX);
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("jobgate.v1.JobService.WatchJobs")), service);
  assert_true(closure_count(index, service) > 10);
  size_t timestamp = jg_grpc_descriptors_symbol(index, JG_STR("google.protobuf.Timestamp"));
  assert_int_not_equal(timestamp, SIZE_MAX);
  assert_int_equal(closure_count(index, timestamp), 1);
  jg_grpc_descriptors_destroy(index);
}

/* A file with an import ("" for none) and a message that has `depth` messages nested in each other, all named M. */
static void put_file(struct jg_buf *set, const char *name, const char *import, int depth) {
  struct jg_buf file, message, outer;
  jg_buf_init(&file, 1u << 20);
  jg_buf_init(&message, 1u << 20);
  jg_buf_init(&outer, 1u << 20);
  jg_wire_put_bytes(&message, 1, JG_STR("M"));
  for (int i = 0; i < depth; i++) {
    jg_buf_clear(&outer);
    jg_wire_put_bytes(&outer, 1, JG_STR("M"));
    jg_wire_put_bytes(&outer, 3, jg_buf_str(&message));
    struct jg_buf swap = outer;
    outer = message;
    message = swap;
  }
  jg_wire_put_bytes(&file, 1, jg_str_from_cstr(name));
  jg_wire_put_bytes(&file, 2, jg_str_from_cstr(name));
  if (import[0] != '\0') {
    jg_wire_put_bytes(&file, 3, jg_str_from_cstr(import));
  }
  jg_wire_put_bytes(&file, 4, jg_buf_str(&message));
  jg_wire_put_bytes(set, 1, jg_buf_str(&file));
  jg_buf_done(&file);
  jg_buf_done(&message);
  jg_buf_done(&outer);
}

static void takes_deep_nesting_and_circles(void **state) {
  (void)state;
  struct jg_buf set;
  jg_buf_init(&set, 1u << 20);
  put_file(&set, "a", "b", 2);
  put_file(&set, "b", "a", 1000);
  struct jg_grpc_descriptors *index = NULL;
  assert_true(jg_status_ok(jg_grpc_descriptors_create(jg_buf_str(&set), &index)));
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("a.M")), 0);
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("a.M.M.M")), 0);
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("a.M.M.M.M")), SIZE_MAX);
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("b.M.M.M.M.M.M")), 1);
  assert_int_equal(closure_count(index, 0), 2);
  assert_int_equal(closure_count(index, 1), 2);
  jg_grpc_descriptors_destroy(index);
  jg_buf_done(&set);
}

static void refuses_malformed_sets(void **state) {
  (void)state;
  struct jg_grpc_descriptors *index = NULL;
  struct jg_buf set;
  jg_buf_init(&set, 1u << 20);
  put_file(&set, "a", "missing", 1);
  assert_int_equal(jg_grpc_descriptors_create(jg_buf_str(&set), &index).code, JG_INTERNAL);
  jg_buf_clear(&set);
  put_file(&set, "a", "", 3);
  // Any cut of it, and any byte of it changed to a group, is refused or indexed, but never read beyond.
  for (size_t len = 1; len < set.len; len++) {
    assert_int_equal(jg_grpc_descriptors_create(jg_str_make(set.data, len), &index).code, JG_INTERNAL);
  }
  for (size_t i = 0; i < set.len; i++) {
    char before = set.data[i];
    set.data[i] = 0x0b;
    if (jg_status_ok(jg_grpc_descriptors_create(jg_buf_str(&set), &index))) {
      jg_grpc_descriptors_destroy(index);
    }
    set.data[i] = before;
  }
  jg_buf_done(&set);
  assert_true(jg_status_ok(jg_grpc_descriptors_create(JG_STR(""), &index)));
  assert_int_equal(jg_grpc_descriptors_symbol(index, JG_STR("x")), SIZE_MAX);
  assert_int_equal(jg_grpc_descriptors_file(index, JG_STR("x")), SIZE_MAX);
  jg_grpc_descriptors_destroy(index);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(indexes_the_schema),
      cmocka_unit_test(takes_deep_nesting_and_circles),
      cmocka_unit_test(refuses_malformed_sets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
