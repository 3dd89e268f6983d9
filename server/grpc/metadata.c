#include "server/grpc/metadata.h"

#include <grpc/slice.h>
#include <grpc/support/time.h>

#define PAIR_BYTES 32u
#define TRACEPARENT_LEN 55u
#define NS_PER_SECOND INT64_C(1000000000)
/* Beyond ten years a deadline is none: the sum stays within int64_t nanoseconds. */
#define DEADLINE_SECONDS_MAX (INT64_C(10) * 366 * 24 * 3600)

static struct jg_str slice_str(const grpc_slice *slice) {
  return jg_str_make((const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

struct jg_grpc_metadata jg_grpc_metadata_read(const grpc_metadata_array *array) {
  struct jg_grpc_metadata result = {0};
  for (size_t i = 0; i < array->count; i++) {
    // Borrowed from the array's element, not from a copy: a short slice holds its bytes itself.
    const grpc_metadata *pair = &array->metadata[i];
    struct jg_str key = slice_str(&pair->key);
    struct jg_str value = slice_str(&pair->value);
    result.bytes += key.len + value.len + PAIR_BYTES;
    if (jg_str_equal(key, JG_STR("traceparent")) && jg_grpc_traceparent_valid(value)) {
      result.traceparent = value;
    } else if (jg_str_equal(key, JG_STR("authorization"))) {
      result.authorization = result.authorization.data == NULL ? value : JG_STR("");
    }
  }
  return result;
}

static bool is_hex(struct jg_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
      return false;
    }
  }
  return true;
}

static bool is_zero(struct jg_str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] != '0') {
      return false;
    }
  }
  return true;
}

bool jg_grpc_traceparent_valid(struct jg_str text) {
  if (text.len != TRACEPARENT_LEN || text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-') {
    return false;
  }
  struct jg_str trace = jg_str_sub(text, 3, 32);
  struct jg_str parent = jg_str_sub(text, 36, 16);
  return jg_str_starts_with(text, JG_STR("00")) && is_hex(trace) && !is_zero(trace) && is_hex(parent) &&
         !is_zero(parent) && is_hex(jg_str_sub(text, 53, 2));
}

int64_t jg_grpc_deadline_ns(gpr_timespec deadline, int64_t now_ns) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return 0;
  }
  gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  if (left.tv_sec > DEADLINE_SECONDS_MAX) {
    return 0;
  }
  int64_t left_ns = left.tv_sec < 0 ? 0 : left.tv_sec * NS_PER_SECOND + left.tv_nsec;
  int64_t result = now_ns + left_ns;
  return result > 0 ? result : 1;  // 0 would say that there is none.
}

/* Digits and dots alone: no name that only begins like an address. */
static bool is_ipv4_loopback(struct jg_str host) {
  for (size_t i = 0; i < host.len; i++) {
    if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9')) {
      return false;
    }
  }
  return jg_str_starts_with(host, JG_STR("127."));
}

static bool host_is_loopback(struct jg_str host) {
  return is_ipv4_loopback(host) || jg_str_equal(host, JG_STR("[::1]")) || jg_str_equal(host, JG_STR("%5B::1%5D"));
}

static struct jg_str without_port(struct jg_str address) {
  return jg_str_sub(address, 0, jg_str_find_last(address, ':'));  // all of it if there is none
}

bool jg_grpc_peer_is_loopback(struct jg_str peer) {
  struct jg_str rest = JG_STR_NONE;
  struct jg_str scheme = jg_str_cut(peer, ':', &rest);
  if (jg_str_equal(scheme, JG_STR("unix"))) {
    return true;
  }
  bool internet = jg_str_equal(scheme, JG_STR("ipv4")) || jg_str_equal(scheme, JG_STR("ipv6"));
  return internet && host_is_loopback(without_port(rest));
}

bool jg_grpc_address_is_loopback(struct jg_str address) {
  return host_is_loopback(without_port(address));
}
