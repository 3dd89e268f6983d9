#include "services/changes/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/hub_internal.h"
#include "services/changes/list_changes.h"

#define ARENA_BYTES ((size_t)64 << 20)

/* ---- the transport ---- */

/* Under the mutex: gives the client to its thread. */
static void make_ready(struct client *client) {
  if (client->ready) {
    return;
  }
  client->ready = true;
  client->next_ready = NULL;
  // Its address picks its thread: constant, so its callbacks come on one thread.
  struct transport *transport = &client->fixture->transports[((uintptr_t)client >> 6) % TRANSPORT_COUNT];
  *(transport->last != NULL ? &transport->last->next_ready : &transport->first) = client;
  transport->last = client;
  JG_ASSERT(pthread_cond_signal(&transport->wake) == 0);
}

/* Under the mutex, which it leaves for the callbacks. */
static void serve(struct client *client) {
  struct fixture *fixture = client->fixture;
  client->in_callback = true;
  if (client->cancel && !client->finished) {
    client->cancel = false;
    atomic_store(&client->call.cancelled, true);
    fixture_unlock(fixture);
    client->call.on_cancelled(&client->call);
    fixture_lock(fixture);
  }
  if (client->out && (!client->hold || client->step) && !client->finished) {
    client->out = false;
    client->step = false;
    fixture_unlock(fixture);
    client->call.on_sent(&client->call, true);
    fixture_lock(fixture);
  }
  client->in_callback = false;
  fixture_tell(fixture);
}

void *transport_main(void *data) {
  struct transport *transport = data;
  struct fixture *fixture = transport->fixture;
  fixture_lock(fixture);
  for (;;) {
    struct client *client = transport->first;
    if (client != NULL) {
      transport->first = client->next_ready;
      transport->last = transport->first != NULL ? transport->last : NULL;
      client->ready = false;
      serve(client);
    } else if (fixture->stopping) {
      break;
    } else {
      JG_ASSERT(pthread_cond_wait(&transport->wake, &fixture->mutex) == 0);
    }
  }
  fixture_unlock(fixture);
  return NULL;
}

struct client *client_of(struct jg_call *call) {
  return (struct client *)(void *)((char *)call - offsetof(struct client, call));
}

/* The client has the message. Returns whether it takes it at once: the transport's thread will then say so, unless the caller does. */
static bool deliver(struct jg_call *call, struct jg_bytes *bytes, bool here) {
  Jobgate__V1__WatchJobsResponse *message =
      jobgate__v1__watch_jobs_response__unpack(NULL, bytes->len, (const uint8_t *)bytes->data);
  JG_ASSERT(message != NULL && message->base.n_unknown_fields == 0);
  JG_ASSERT(bytes->len <= 3u << 20);
  jg_bytes_unref(bytes);
  struct client *client = client_of(call);
  struct fixture *fixture = client->fixture;
  fixture_lock(fixture);
  JG_ASSERT(!client->out && !client->finished);
  if (client->message_count == client->message_capacity) {
    client->message_capacity = client->message_capacity == 0 ? 16 : client->message_capacity * 2;
    client->messages =
        jg_realloc(client->messages, client->message_capacity * sizeof(Jobgate__V1__WatchJobsResponse *));
  }
  client->messages[client->message_count++] = message;
  bool takes = !client->hold;
  client->out = !takes || !here;
  if (takes && !here) {
    make_ready(client);
  }
  fixture_tell(fixture);
  fixture_unlock(fixture);
  return takes;
}

static void sink_send(struct jg_call *call, struct jg_bytes *bytes) {
  (void)deliver(call, bytes, false);
}

static void sink_finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer) {
  JG_ASSERT(answer == NULL);
  struct client *client = client_of(call);
  fixture_lock(client->fixture);
  JG_ASSERT(!client->finished);
  client->status = jg_status_copy(&client->memory, status);
  client->finished = true;
  client->out = false;
  fixture_tell(client->fixture);
  fixture_unlock(client->fixture);
}

/* As a transport that sends from the caller's thread: half of the clients have taken theirs when it returns. */
static void sink_send_all(struct jg_send *sends, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (deliver(sends[i].call, sends[i].message, i % 2 == 0) && i % 2 == 0) {
      sends[i].call->on_sent(sends[i].call, true);
    }
  }
  struct fixture *fixture = client_of(sends[0].call)->fixture;
  if (fixture->on_send_all != NULL) {
    fixture->on_send_all(fixture, sends, count);
  }
}

static const struct jg_call_sink sink = {.finish = sink_finish, .send = sink_send, .send_all = sink_send_all};

/* ---- clients ---- */

/* Decoded from its bytes, as a transport does. */
static ProtobufCMessage *decode_again(const ProtobufCMessage *request) {
  size_t len = protobuf_c_message_get_packed_size(request);
  uint8_t *bytes = jg_alloc(len + 1);
  protobuf_c_message_pack(request, bytes);
  ProtobufCMessage *decoded = protobuf_c_message_unpack(request->descriptor, NULL, len, bytes);
  jg_free(bytes);
  JG_ASSERT(decoded != NULL);
  return decoded;
}

static struct client *make_client(struct fixture *fixture, int64_t tenant, const ProtobufCMessage *request, bool hold) {
  struct client *client = jg_alloc_zero(1, sizeof(*client));
  client->fixture = fixture;
  client->hold = hold;
  jg_arena_init(&client->memory, ARENA_BYTES);
  struct jg_call *call = &client->call;
  call->magic = JG_CALL_MAGIC;
  jg_arena_init(&call->arena, ARENA_BYTES);
  call->app = &fixture->app;
  call->sink = &sink;
  call->identity.tenant = tenant;
  call->started_ns = jg_clock_mono_ns(&fixture->clock.clock);
  call->request = decode_again(request);
  return client;
}

struct client *client_open(struct fixture *fixture, int64_t tenant, const Jobgate__V1__WatchJobsRequest *request,
                           bool hold) {
  struct client *client = make_client(fixture, tenant, &request->base, hold);
  jg_hub_watch(&client->call);
  return client;
}

struct client *list_from(struct fixture *fixture, const char *token) {
  Jobgate__V1__ListJobChangesRequest request = JOBGATE__V1__LIST_JOB_CHANGES_REQUEST__INIT;
  request.resume_token = (char *)(uintptr_t)token;
  struct client *client = make_client(fixture, fixture->tenant, &request.base, false);
  jg_changes_list(&client->call);
  return client;
}

struct client *refuse_within(struct fixture *fixture, const struct jg_token *token, int64_t left_ns) {
  static const struct jg_status_details details = {.oldest_revision = 6, .newest_revision = 9};
  const struct jg_status lost = {JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "lost", &details};
  Jobgate__V1__ListJobChangesRequest request = JOBGATE__V1__LIST_JOB_CHANGES_REQUEST__INIT;
  struct client *client = make_client(fixture, fixture->tenant, &request.base, false);
  client->call.deadline_ns = jg_clock_mono_ns(&fixture->clock.clock) + left_ns;
  jg_hub_refuse_call(&client->call, token, lost);
  return client;
}

struct client *watch_now(struct fixture *fixture) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  return client;
}

struct client *watch_snapshot(struct fixture *fixture, bool hold) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty snapshot = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
  request.snapshot = &snapshot;
  return client_open(fixture, fixture->tenant, &request, hold);
}

struct client *watch_filter(struct fixture *fixture, const char *filter) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  request.filter = (char *)(uintptr_t)filter;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  return client;
}

struct client *watch_from(struct fixture *fixture, const char *token, Jobgate__V1__JobView view) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
  request.resume_token = (char *)(uintptr_t)token;
  request.view = view;
  return client_open(fixture, fixture->tenant, &request, false);
}

void client_cancel(struct client *client) {
  fixture_lock(client->fixture);
  client->cancel = true;
  make_ready(client);
  fixture_unlock(client->fixture);
}

bool client_is_finished(struct client *client) {
  fixture_lock(client->fixture);
  bool finished = client->finished;
  fixture_unlock(client->fixture);
  return finished;
}

void client_hold(struct client *client) {
  fixture_lock(client->fixture);
  client->hold = true;
  fixture_unlock(client->fixture);
}

void client_release(struct client *client) {
  fixture_lock(client->fixture);
  client->hold = false;
  make_ready(client);
  fixture_unlock(client->fixture);
}

void client_step(struct client *client) {
  fixture_lock(client->fixture);
  JG_ASSERT(client->hold && client->out);
  client->step = true;
  make_ready(client);
  fixture_unlock(client->fixture);
}

void client_close(struct client *client) {
  struct fixture *fixture = client->fixture;
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  if (!client->finished) {
    client->cancel = true;
    client->hold = false;
    make_ready(client);
  }
  while (!client->finished || client->ready || client->in_callback) {
    fixture_await_change(fixture, &until);
  }
  fixture_unlock(fixture);
  for (size_t i = 0; i < client->message_count; i++) {
    jobgate__v1__watch_jobs_response__free_unpacked(client->messages[i], NULL);
  }
  jg_free(client->messages);
  protobuf_c_message_free_unpacked(client->call.request, NULL);
  jg_arena_done(&client->call.arena);
  jg_arena_done(&client->memory);
  jg_free(client);
}

void wait_for_messages(struct client *client, size_t count) {
  const struct timespec until = fixture_deadline();
  fixture_lock(client->fixture);
  while (client->message_count < count) {
    JG_ASSERT(!client->finished);
    fixture_await_change(client->fixture, &until);
  }
  fixture_unlock(client->fixture);
}

static int64_t newest_of(const struct client *client) {
  for (size_t i = client->message_count; i > 0; i--) {
    const Jobgate__V1__WatchJobsResponse *message = client->messages[i - 1];
    if (message->event_case == JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK) {
      return message->bookmark->revision;
    }
    if (message->event_case == JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES) {
      return message->changes->changes[message->changes->n_changes - 1]->revision;
    }
  }
  return 0;
}

void wait_for_revision(struct client *client, int64_t revision) {
  const struct timespec until = fixture_deadline();
  fixture_lock(client->fixture);
  while (newest_of(client) < revision) {
    JG_ASSERT(!client->finished);
    fixture_await_change(client->fixture, &until);
  }
  fixture_unlock(client->fixture);
}

void pass_time_to_revision(struct client *client, int64_t revision) {
  struct timespec now;
  const struct timespec until = fixture_deadline();
  bool seen = false;
  while (!seen) {
    pass_time(client->fixture, INT64_C(16000000000));
    fixture_lock(client->fixture);
    const Jobgate__V1__WatchJobsResponse *last = client->messages[client->message_count - 1];
    seen = last->event_case == JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK && last->bookmark->revision >= revision;
    JG_ASSERT(!client->finished);
    fixture_unlock(client->fixture);
    JG_ASSERT(sched_yield() == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec <= until.tv_sec);
  }
}

void wait_for_finish(struct client *client) {
  const struct timespec until = fixture_deadline();
  fixture_lock(client->fixture);
  while (!client->finished) {
    fixture_await_change(client->fixture, &until);
  }
  fixture_unlock(client->fixture);
}

/* The thread that gave a message to the sink may not have gone on yet, though the message was taken. */
static bool is_giving(struct client *client) {
  struct jg_hub_stream *stream = client->call.stream;
  if (stream == NULL) {
    return false;
  }
  jg_hub_lock(&stream->mutex);
  bool giving = stream->state == JG_HUB_SENDING || stream->state == JG_HUB_SENT;
  jg_hub_unlock(&stream->mutex);
  return giving;
}

void wait_for_rest(struct client *client) {
  const struct timespec until = fixture_deadline();
  struct timespec now = {0};
  bool giving = true;
  while (giving) {
    fixture_lock(client->fixture);
    while (client->out || client->ready || client->in_callback) {
      fixture_await_change(client->fixture, &until);
    }
    bool finished = client->finished;
    fixture_unlock(client->fixture);
    giving = !finished && is_giving(client);
    JG_ASSERT(sched_yield() == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec <= until.tv_sec);
  }
}

size_t message_count(struct client *client) {
  fixture_lock(client->fixture);
  size_t count = client->message_count;
  fixture_unlock(client->fixture);
  return count;
}

const Jobgate__V1__WatchJobsResponse *message_at(struct client *client, size_t index) {
  fixture_lock(client->fixture);
  JG_ASSERT(index < client->message_count);
  const Jobgate__V1__WatchJobsResponse *message = client->messages[index];
  fixture_unlock(client->fixture);
  return message;
}

size_t check_changes(struct client *client, int64_t after, int64_t *ret_revisions, const char **ret_token) {
  size_t count = 0;
  fixture_lock(client->fixture);
  for (size_t i = 0; i < client->message_count; i++) {
    const Jobgate__V1__WatchJobsResponse *message = client->messages[i];
    if (message->event_case != JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES) {
      continue;
    }
    const Jobgate__V1__WatchChanges *changes = message->changes;
    assert_true(changes->n_changes > 0);
    for (size_t j = 0; j < changes->n_changes; j++) {
      assert_true(changes->changes[j]->revision > after);
      after = changes->changes[j]->revision;
      if (ret_revisions != NULL) {
        ret_revisions[count] = after;
      }
      count++;
    }
    // A token stands after the last change of a request, and nowhere else.
    assert_int_equal(changes->resume_token[0] != '\0', changes->changes[changes->n_changes - 1]->transaction_last);
    if (changes->resume_token[0] != '\0') {
      assert_true(parse_token(changes->resume_token).revision >= after);
      if (ret_token != NULL) {
        *ret_token = changes->resume_token;
      }
    }
  }
  fixture_unlock(client->fixture);
  return count;
}

const Jobgate__V1__WatchSnapshot *part_at(struct client *client, size_t index) {
  assert_int_equal(message_at(client, index)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SNAPSHOT);
  return message_at(client, index)->snapshot;
}

const Jobgate__V1__WatchChanges *changes_at(struct client *client, size_t index) {
  assert_int_equal(message_at(client, index)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES);
  return message_at(client, index)->changes;
}

const Jobgate__V1__WatchSynced *synced_at(struct client *client, size_t index) {
  assert_int_equal(message_at(client, index)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED);
  return message_at(client, index)->synced;
}
