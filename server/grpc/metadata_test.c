#include "server/grpc/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "base/compiler.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void takes_valid_traceparents_only(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool valid;
  } rows[] = {
      {TRACEPARENT, true},
      {"00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-00", true},
      {"", false},
      {"00", false},
      {TRACEPARENT "-", false},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
      {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false},
      {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", false},
      {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false},
      {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01", false},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (jg_grpc_traceparent_valid(jg_str_from_cstr(rows[i].text)) != rows[i].valid) {
      fail_msg("%s", rows[i].text);
    }
  }
}

static void reads_metadata(void **state) {
  (void)state;
  grpc_metadata pairs[] = {
      {.key = grpc_slice_from_static_string("short"), .value = grpc_slice_from_static_string("")},
      {.key = grpc_slice_from_static_string("traceparent"), .value = grpc_slice_from_static_string(TRACEPARENT)},
      {.key = grpc_slice_from_static_string("traceparent"), .value = grpc_slice_from_static_string("bad")},
  };
  grpc_metadata_array array = {.count = JG_COUNT(pairs), .capacity = JG_COUNT(pairs), .metadata = pairs};
  struct jg_grpc_metadata metadata = jg_grpc_metadata_read(&array);
  assert_int_equal(metadata.bytes, (5 + 32) + (11 + 55 + 32) + (11 + 3 + 32));
  assert_true(jg_str_equal(metadata.traceparent, JG_STR(TRACEPARENT)));
  assert_null(metadata.authorization.data);
  array.count = 0;
  metadata = jg_grpc_metadata_read(&array);
  assert_int_equal(metadata.bytes, 0);
  assert_int_equal(metadata.traceparent.len, 0);
}

static void knows_loopback(void **state) {
  (void)state;
  static const struct {
    const char *peer;
    bool loopback;
  } peers[] = {
      {"ipv4:127.0.0.1:4711", true},
      {"ipv4:127.8.9.10:1", true},
      {"ipv4:10.0.0.1:4711", false},
      {"ipv4:1.127.0.1:4711", false},
      {"ipv6:%5B::1%5D:4711", true},
      {"ipv6:[::1]:4711", true},
      {"ipv6:%5B::2%5D:4711", false},
      {"ipv6:%5Bfe80::1%5D:1", false},
      {"unix:/tmp/x", true},
      {"unix:", true},
      {"", false},
      {"127.0.0.1:4711", false},
      {"dns:127.0.0.1:4711", false},
      {"ipv6:%5B2001::1%5D:80", false},
  };
  for (size_t i = 0; i < JG_COUNT(peers); i++) {
    if (jg_grpc_peer_is_loopback(jg_str_from_cstr(peers[i].peer)) != peers[i].loopback) {
      fail_msg("%s", peers[i].peer);
    }
  }
  assert_true(jg_grpc_address_is_loopback(JG_STR("127.0.0.1:0")));
  assert_false(jg_grpc_address_is_loopback(JG_STR("localhost:9090")));
  assert_true(jg_grpc_address_is_loopback(JG_STR("[::1]:9090")));
  assert_false(jg_grpc_address_is_loopback(JG_STR("0.0.0.0:9090")));
  assert_false(jg_grpc_address_is_loopback(JG_STR("[::]:9090")));
  assert_false(jg_grpc_address_is_loopback(JG_STR("127.evil.example:9090")));
}

static void moves_deadlines_to_the_clock(void **state) {
  (void)state;
  const int64_t now_ns = INT64_C(5000000000);
  assert_int_equal(jg_grpc_deadline_ns(gpr_inf_future(GPR_CLOCK_MONOTONIC), now_ns), 0);
  assert_int_equal(jg_grpc_deadline_ns(gpr_inf_past(GPR_CLOCK_MONOTONIC), now_ns), now_ns);
  assert_int_equal(jg_grpc_deadline_ns(gpr_inf_past(GPR_CLOCK_MONOTONIC), 0), 1);
  gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);
  int64_t deadline_ns = jg_grpc_deadline_ns(gpr_time_add(now, gpr_time_from_seconds(3600, GPR_TIMESPAN)), now_ns);
  assert_true(deadline_ns <= now_ns + INT64_C(3600000000000) && deadline_ns > now_ns + INT64_C(3000000000000));
  gpr_timespec far = gpr_time_from_seconds(INT64_C(1) << 40, GPR_TIMESPAN);
  assert_int_equal(jg_grpc_deadline_ns(gpr_time_add(now, far), now_ns), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_valid_traceparents_only),
      cmocka_unit_test(reads_metadata),
      cmocka_unit_test(knows_loopback),
      cmocka_unit_test(moves_deadlines_to_the_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
