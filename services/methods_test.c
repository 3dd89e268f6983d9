#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "services/method.h"

/* The table has the services' methods, under their names and with their messages. */
static void test_table_fits_the_services(void **state) {
  (void)state;
  const ProtobufCServiceDescriptor *jobs = &jobgate__v1__job_service__descriptor;
  const ProtobufCServiceDescriptor *entities = &jobgate__v1__entity_service__descriptor;
  assert_int_equal(jobs->n_methods + entities->n_methods, JG_METHOD_COUNT);
  for (size_t i = 0; i < JG_METHOD_COUNT; i++) {
    const struct jg_method *method = &jg_methods[i];
    const ProtobufCServiceDescriptor *service =
        i >= JG_METHOD_GET_ENTITY && i <= JG_METHOD_DELETE_ENTITY ? entities : jobs;
    const ProtobufCMethodDescriptor *descriptor =
        protobuf_c_service_descriptor_get_method_by_name(service, method->name.data);
    assert_non_null(descriptor);
    assert_ptr_equal(descriptor->input, method->request);
    assert_ptr_equal(descriptor->output, method->response);
    char path[128];
    (void)snprintf(path, sizeof(path), "/%s/%s", service->name, descriptor->name);
    assert_string_equal(path, method->path);
    assert_non_null(method->handle);
    assert_true(method->request_bytes_max > 0);
  }
  assert_int_equal(jg_methods[JG_METHOD_IMPORT_JOBS].type, JG_METHOD_CLIENT_STREAM);
  assert_int_equal(jg_methods[JG_METHOD_WATCH_JOBS].type, JG_METHOD_SERVER_STREAM);
  assert_true(jg_methods[JG_METHOD_IMPORT_JOBS].loopback_only);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table_fits_the_services),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
