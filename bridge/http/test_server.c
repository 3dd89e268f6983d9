#include "bridge/http/test_server.h"

#include <pthread.h>

#include "base/queue.h"

#define HELD_MAX 128u

struct job {
  struct jg_queue_node node;
  struct jg_http_request *request;
  bool again;
};

struct jg_test_server {
  struct jg_http_server *http;
  struct jg_metrics *metrics;
  struct jg_queue queue; /* to the answering thread */
  pthread_t thread;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t changed;
  struct jg_http_request *held[HELD_MAX];
  size_t held_count, held_total;
  int64_t calls, ended, lost, gone;
};

static void lock(struct jg_test_server *test) {
  JG_ASSERT(pthread_mutex_lock(&test->mutex) == 0);
}

static void unlock(struct jg_test_server *test) {
  JG_ASSERT(pthread_cond_broadcast(&test->changed) == 0);
  JG_ASSERT(pthread_mutex_unlock(&test->mutex) == 0);
}

static void answer_text(struct jg_http_request *request, struct jg_str text) {
  const struct jg_http_header type = {JG_STR("Content-Type"), JG_STR("text/plain")};
  struct jg_http_response response = {.status = 200, .headers = &type, .header_count = 1, .text = text};
  jg_http_respond(request, &response);
}

static void *answer_later(void *data) {
  struct jg_test_server *test = data;
  struct jg_queue_node *node;
  while ((node = jg_queue_take(&test->queue, -1)) != NULL) {
    struct jg_http_request *request = ((struct job *)node)->request;
    if (((struct job *)node)->again) {
      jg_http_resume(request);
      continue;
    }
    struct jg_http_response response = {.status = 200};
    jg_buf_init(&response.buf, 1u << 20);
    jg_buf_append_str(&response.buf, request->body);
    jg_http_respond(request, &response);
  }
  return NULL;
}

static void describe(struct jg_http_request *request) {
  struct jg_http_response response = {.status = 200};
  jg_buf_init(&response.buf, 1u << 20);
  jg_buf_printf(&response.buf, "%.*s|%.*s|%s%.*s|%.*s|%d", JG_STR_ARG(request->method_name), JG_STR_ARG(request->path),
                request->query.data != NULL ? "?" : "-", JG_STR_ARG(request->query), JG_STR_ARG(request->host),
                request->http_1_0);
  for (size_t i = 0; i < request->header_count; i++) {
    jg_buf_printf(&response.buf, "|%.*s=%.*s", JG_STR_ARG(request->headers[i].name),
                  JG_STR_ARG(request->headers[i].value));
  }
  jg_http_respond(request, &response);
}

static void answer_big(struct jg_http_request *request) {
  uint64_t bytes = 0;
  JG_ASSERT(jg_parse_u64(jg_str_sub(request->path, 5, request->path.len), &bytes));
  struct jg_http_response response = {.status = 200, .shared = jg_bytes_create_room(bytes)};
  // Doubling a piece whose length is a multiple of the pattern's keeps the pattern, and is fast under sanitizers.
  char *data = response.shared->data;
  for (size_t i = 0; i < bytes && i < 23; i++) {
    data[i] = (char)('a' + i);
  }
  for (size_t done = 23; done < bytes;) {
    size_t more = done < bytes - done ? done : bytes - done;
    memcpy(data + done, data, more);
    done += more;
  }
  jg_http_respond(request, &response);
}

static void hold(struct jg_test_server *test, struct jg_http_request *request) {
  lock(test);
  JG_ASSERT(test->held_count < HELD_MAX);
  test->held[test->held_count++] = request;
  test->held_total++;
  unlock(test);
}

static void on_gone(struct jg_http_request *request) {
  struct jg_test_server *test = request->context;
  lock(test);
  test->gone++;
  unlock(test);
}

static void handle(struct jg_http_request *request, void *data) {
  struct jg_test_server *test = data;
  bool again = jg_str_equal(request->path, JG_STR("/again"));
  if (again && request->context != NULL) {
    answer_text(request, request->body);
    return;
  }
  lock(test);
  test->calls++;
  unlock(test);
  request->route = "test";
  request->context = test;
  request->on_gone = on_gone;
  if (jg_str_equal(request->path, JG_STR("/echo"))) {
    answer_text(request, request->body);
  } else if (again || jg_str_equal(request->path, JG_STR("/later"))) {
    struct job *job = jg_arena_alloc(&request->arena, sizeof(*job));
    JG_ASSERT(job != NULL);
    *job = (struct job){.request = request, .again = again};
    struct jg_status status = jg_queue_post(&test->queue, &job->node);
    JG_ASSERT(jg_status_ok(status));
  } else if (jg_str_starts_with(request->path, JG_STR("/big/"))) {
    answer_big(request);
  } else if (jg_str_equal(request->path, JG_STR("/hold"))) {
    hold(test, request);
  } else if (jg_str_equal(request->path, JG_STR("/close"))) {
    struct jg_http_response response = {.status = 200, .text = JG_STR("bye"), .close = true};
    jg_http_respond(request, &response);
  } else if (jg_str_equal(request->path, JG_STR("/nothing"))) {
    struct jg_http_response response = {.status = 204, .text = JG_STR("dropped")};
    jg_http_respond(request, &response);
  } else {
    describe(request);
  }
}

static void done(struct jg_http_request *request, int status, size_t body_bytes, void *data) {
  (void)request;
  (void)body_bytes;
  struct jg_test_server *test = data;
  lock(test);
  test->ended++;
  test->lost += status == 499;
  unlock(test);
}

struct jg_test_server *jg_test_server_start(const struct jg_http_limits *limits, const struct jg_clock *clock) {
  struct jg_test_server *test = jg_alloc_zero(1, sizeof(*test));
  JG_ASSERT(pthread_mutex_init(&test->mutex, NULL) == 0);
  JG_ASSERT(pthread_cond_init(&test->changed, NULL) == 0);
  test->metrics = jg_metrics_create();
  jg_queue_init(&test->queue, 1024, NULL, NULL);
  struct jg_http_server_options options = {.name = "test",
                                           .address = JG_STR("127.0.0.1:0"),
                                           .handler = handle,
                                           .done = done,
                                           .data = test,
                                           .clock = clock != NULL ? clock : jg_clock_system(),
                                           .metrics = test->metrics};
  if (limits != NULL) {
    options.limits = *limits;
  }
  test->http = jg_http_server_create(&options);
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_status status = jg_http_server_start(test->http, &arena);
  JG_ASSERT(jg_status_ok(status));
  jg_arena_done(&arena);
  JG_ASSERT(pthread_create(&test->thread, NULL, answer_later, test) == 0);
  return test;
}

void jg_test_server_stop(struct jg_test_server *test) {
  jg_http_server_stop(test->http);
  jg_queue_close(&test->queue);
  JG_ASSERT(pthread_join(test->thread, NULL) == 0);
  JG_ASSERT(test->held_count == 0 && test->calls <= test->ended);
  jg_http_server_destroy(test->http);
  jg_queue_done(&test->queue);
  jg_metrics_destroy(test->metrics);
  JG_ASSERT(pthread_cond_destroy(&test->changed) == 0);
  JG_ASSERT(pthread_mutex_destroy(&test->mutex) == 0);
  jg_free(test);
}

uint16_t jg_test_server_port(const struct jg_test_server *test) {
  return jg_http_server_port(test->http);
}

struct jg_http_server *jg_test_server_http(const struct jg_test_server *test) {
  return test->http;
}

void jg_test_server_wait_held(struct jg_test_server *test, size_t count) {
  lock(test);
  while (test->held_total < count) {
    JG_ASSERT(pthread_cond_wait(&test->changed, &test->mutex) == 0);
  }
  unlock(test);
}

void jg_test_server_wait_gone(struct jg_test_server *test, int64_t count) {
  lock(test);
  while (test->gone < count) {
    JG_ASSERT(pthread_cond_wait(&test->changed, &test->mutex) == 0);
  }
  unlock(test);
}

void jg_test_server_release(struct jg_test_server *test, bool newest) {
  lock(test);
  JG_ASSERT(test->held_count > 0);
  size_t index = newest ? test->held_count - 1 : 0;
  struct jg_http_request *request = test->held[index];
  test->held_count--;
  memmove(&test->held[index], &test->held[index + 1], (test->held_count - index) * sizeof(struct jg_http_request *));
  unlock(test);
  answer_text(request, request->query);
}

static int64_t read_count(struct jg_test_server *test, const int64_t *count) {
  lock(test);
  int64_t value = *count;
  unlock(test);
  return value;
}

int64_t jg_test_server_calls(struct jg_test_server *test) {
  return read_count(test, &test->calls);
}

int64_t jg_test_server_ended(struct jg_test_server *test) {
  return read_count(test, &test->ended);
}

int64_t jg_test_server_lost(struct jg_test_server *test) {
  return read_count(test, &test->lost);
}

int64_t jg_test_server_gone(struct jg_test_server *test) {
  return read_count(test, &test->gone);
}

void jg_test_server_metrics(struct jg_test_server *test, struct jg_buf *ret_text) {
  jg_buf_init(ret_text, 1u << 20);
  jg_metrics_write(test->metrics, ret_text);
}
