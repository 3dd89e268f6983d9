/* How a server stops beside connections and callers that do not stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/grpc/fake_server.h"

#define TIMEOUT_MS 60000
/* Far more than a stop takes on a busy machine, far less than what the core waits for a connection (20 s). */
#define QUICK_NS (INT64_C(10) * 1000 * 1000 * 1000)
#define CALLER_COUNT 6
#define CALLS_BEFORE 300

static int64_t stop_ns(struct fake_server *fake) {
  int64_t start_ns = jg_clock_mono_ns(jg_clock_system());
  fake_server_stop(fake, TIMEOUT_MS);
  return jg_clock_mono_ns(jg_clock_system()) - start_ns;
}

static int connect_to(const struct fake_server *fake) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)jg_grpc_server_port(fake->server))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  return fd;
}

static void an_idle_connection_is_not_waited_for(void **state) {
  struct fake_server *fake = *state;
  int silent = connect_to(fake);
  struct jg_str response = JG_STR_NONE;
  assert_true(jg_status_ok(fake_call(fake, "Echo", JG_STR(""), &response)));
  assert_true(stop_ns(fake) < QUICK_NS);
  char bytes[256];
  ssize_t len = 1;
  while (len > 0) {
    len = read(silent, bytes, sizeof(bytes));  // Settings, and the word to go away; then its end.
  }
  (void)close(silent);
}

struct caller {
  struct fake_server *fake;
  pthread_t thread;
  enum jg_code code;
  bool reached; /* the failed call */
};

static _Atomic int answered;

/* Calls again as soon as it is answered, until that fails. */
static void *call_on(void *data) {
  struct caller *caller = data;
  struct jg_grpc_client *client = jg_grpc_client_create(jg_str_from_cstr(caller->fake->address));
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 16);
  struct jg_status status = JG_STATUS_OK;
  while (jg_status_ok(status)) {
    jg_arena_reset(&arena);
    struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Thread", .timeout_ms = TIMEOUT_MS};
    struct jg_str response = JG_STR_NONE;
    status = jg_grpc_client_unary(client, &request, JG_STR(""), &arena, &response);
    (void)atomic_fetch_add(&answered, 1);
  }
  caller->code = status.code;
  caller->reached = strstr(status.message, "cannot reach") == NULL;
  jg_arena_done(&arena);
  jg_grpc_client_destroy(client);
  return NULL;
}

static void start(struct fake_server *fake, struct caller callers[CALLER_COUNT]) {
  atomic_store(&answered, 0);
  for (size_t i = 0; i < CALLER_COUNT; i++) {
    callers[i] = (struct caller){.fake = fake};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
  }
  while (atomic_load(&answered) < CALLS_BEFORE) {
    (void)sched_yield();
  }
}

static void no_call_on_its_way_fails(void **state) {
  struct fake_server *fake = *state;
  struct caller callers[CALLER_COUNT];
  start(fake, callers);
  assert_true(stop_ns(fake) < QUICK_NS);
  for (size_t i = 0; i < CALLER_COUNT; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    // The call behind the last answer finds nobody: it may be made elsewhere.
    assert_int_equal(callers[i].code, JG_UNAVAILABLE);
    assert_false(callers[i].reached);
  }
}

static void calls_of_a_stop_without_grace_end(void **state) {
  struct fake_server *fake = *state;
  struct caller callers[CALLER_COUNT];
  start(fake, callers);
  fake_server_stop(fake, 0);
  for (size_t i = 0; i < CALLER_COUNT; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_int_not_equal(callers[i].code, JG_OK);
  }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_server_setup, fake_server_teardown)
  const struct CMUnitTest tests[] = {
      CASE(an_idle_connection_is_not_waited_for),
      CASE(no_call_on_its_way_fails),
      CASE(calls_of_a_stop_without_grace_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
