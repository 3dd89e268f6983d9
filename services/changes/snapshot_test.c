/* The promise of a snapshot, as a property: whatever is written while its parts come, however its client breaks off and resumes,
 * after `synced` at R the client has the state at R, no more and no less; and so it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/codec/wire.h"
#include "services/changes/fixture.h"

#define WRITERS 2
#define WRITES 250
#define CLIENTS 6
#define ROUNDS 600
/* Of each writer. */
#define NUMBERS 40u
#define NUMBER_MAX ((size_t)WRITERS * NUMBERS)
#define LOG_MAX 4000
#define FILTER "name eq 'in'"
#define STEPS_MAX 4

/* Revisions of the jobs that a client has, or that the record had; 0: it has it not. */
struct set {
  int64_t revisions[NUMBER_MAX];
};

/* ---- the record ---- */

struct entry {
  uint64_t number;
  bool deleted, is_in;
};

struct history {
  struct entry entries[LOG_MAX]; /* of revision i + 1 */
  int64_t newest;
};

static uint64_t number_of_id(struct jg_uuid id) {
  uint64_t number = 0;
  for (int i = 8; i < 16; i++) {
    number = number << 8 | id.bytes[i];
  }
  assert_true(number < NUMBER_MAX);
  return number;
}

static uint64_t number_of_text(const char *text) {
  struct jg_uuid id;
  assert_true(jg_uuid_parse(jg_str_from_cstr(text), &id));
  return number_of_id(id);
}

static bool is_in(struct jg_str payload) {
  uint32_t wanted = jg_entity_member(jg_entity(JG_KIND_JOB), JG_STR("name"))->number;
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, payload);
  while (jg_wire_next(&reader, &field)) {
    if (field.number == wanted) {
      return jg_str_equal(field.bytes, JG_STR("in"));
    }
  }
  return false;
}

struct log_read {
  struct history *history;
  struct jg_arena arena;
};

/* As a write that writes nothing: the fixture waits for those. */
static struct jg_status read_log(struct jg_txn *txn, void *data) {
  struct log_read *read = data;
  struct history *history = read->history;
  history->newest = 0;
  struct jg_changes changes;
  do {
    JG_RETURN_IF_ERROR(jg_txn_changes(txn, history->newest, LOG_MAX, SIZE_MAX, &read->arena, &changes));
    for (size_t i = 0; i < changes.count; i++) {
      const struct jg_change *change = &changes.items[i];
      assert_true(history->newest < LOG_MAX);
      assert_int_equal(change->revision, history->newest + 1);
      history->entries[history->newest++] =
          (struct entry){number_of_id(change->id), change->change == JG_CHANGE_DELETED, is_in(change->payload)};
    }
  } while (changes.count > 0);
  return JG_STATUS_OK;
}

static void read_history(struct fixture *fixture, struct history *history) {
  struct log_read read = {.history = history};
  jg_arena_init(&read.arena, (size_t)64 << 20);
  write_request(fixture, fixture->tenant, read_log, &read);
  jg_arena_done(&read.arena);
}

static void check_set(const struct set *set, const struct history *history, int64_t revision, bool filtered) {
  struct set expected = {0};
  for (int64_t i = 0; i < revision; i++) {
    const struct entry *entry = &history->entries[i];
    expected.revisions[entry->number] = entry->deleted || (filtered && !entry->is_in) ? 0 : i + 1;
  }
  assert_memory_equal(set, &expected, sizeof(expected));
}

/* ---- writers ---- */

struct writer {
  struct fixture *fixture;
  pthread_t thread;
  uint64_t first;
  uint32_t seed;
  bool there[NUMBERS];
  size_t count;
};

static uint32_t roll(uint32_t *seed, uint32_t sides) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % sides;
}

static void write_once(struct writer *writer) {
  struct job_step steps[STEPS_MAX];
  uint32_t first = roll(&writer->seed, NUMBERS - STEPS_MAX);
  uint32_t count = 1 + roll(&writer->seed, STEPS_MAX);
  writer->count++;
  for (uint32_t j = 0; j < count; j++) {
    bool remove = writer->there[first + j] && roll(&writer->seed, 3) == 0;
    const char *name = roll(&writer->seed, 2) == 0 ? "in" : "out";
    steps[j] = (struct job_step){.number = writer->first + first + j,
                                 .name = remove ? NULL : name,
                                 .id2 = remove ? 0 : (int32_t)writer->count,
                                 .remove = remove};
    writer->there[first + j] = !remove;
  }
  (void)write_steps(writer->fixture, steps, count);
}

static void *write_at_random(void *data) {
  for (size_t i = 0; i < WRITES; i++) {
    write_once(data);
  }
  return NULL;
}

/* ---- clients ---- */

/* What a client had when it was told that it was all. */
struct synced {
  struct set set;
  int64_t revision;
};

/* What a client keeps over all its streams. */
struct model {
  bool filtered, gathers;
  struct set set;
  int64_t newest; /* of what it was told of */
  bool is_synced;
  struct synced synced[ROUNDS];
  size_t synced_count;
  char token[JG_TOKEN_TEXT_MAX + 1]; /* empty: none yet */
  struct client *client;
  size_t applied; /* its messages */
};

static void apply_changes(struct model *model, const Jobgate__V1__WatchChanges *changes) {
  for (size_t i = 0; i < changes->n_changes; i++) {
    const Jobgate__V1__JobChange *change = changes->changes[i];
    uint64_t number = number_of_text(change->job->id);
    int64_t *had = &model->set.revisions[number];
    assert_true(change->revision > *had);
    assert_true(change->revision > model->newest);
    model->newest = change->revision;
    switch (change->kind) {
      case JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED:
      case JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_ENTERED:
        assert_int_equal(*had, 0);
        *had = change->revision;
        break;
      case JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED:
        assert_true(*had > 0);
        *had = change->revision;
        break;
      default:
        assert_true(*had > 0);
        *had = 0;
    }
  }
}

static void apply(struct model *model, const Jobgate__V1__WatchJobsResponse *message) {
  const char *token = "";
  switch (message->event_case) {
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED:
      token = message->opened->resume_token;
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SNAPSHOT:
      for (size_t i = 0; i < message->snapshot->n_jobs; i++) {
        const Jobgate__V1__Job *job = message->snapshot->jobs[i];
        int64_t *had = &model->set.revisions[number_of_text(job->id)];
        assert_int_equal(*had, 0);  // a job comes once
        *had = job->revision;
      }
      token = message->snapshot->resume_token;
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES:
      apply_changes(model, message->changes);
      token = message->changes->resume_token;
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED:
      assert_false(model->is_synced);
      model->is_synced = true;
      assert_true(message->synced->revision >= model->newest);
      model->synced[model->synced_count++] = (struct synced){model->set, message->synced->revision};
      token = message->synced->resume_token;
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK:
      token = message->bookmark->resume_token;
      break;
    default:
      fail();
  }
  assert_true(token[0] != '\0');  // requests are small here
  (void)snprintf(model->token, sizeof(model->token), "%s", token);
}

static void apply_all(struct model *model) {
  size_t count = message_count(model->client);
  for (; model->applied < count; model->applied++) {
    apply(model, message_at(model->client, model->applied));
  }
}

static void open_stream(struct fixture *fixture, struct model *model) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty snapshot = GOOGLE__PROTOBUF__EMPTY__INIT;
  if (model->token[0] != '\0') {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
    request.resume_token = model->token;
  } else {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
    request.snapshot = &snapshot;
  }
  Google__Protobuf__Duration window = GOOGLE__PROTOBUF__DURATION__INIT;
  window.nanos = model->gathers ? 200000000 : 0;
  request.coalesce_window = &window;
  request.filter = model->filtered ? (char *)(uintptr_t)FILTER : request.filter;
  model->client = client_open(fixture, fixture->tenant, &request, false);
  model->applied = 0;
}

/* Goes on where it was, or forgets everything and begins anew. */
static void breaks_off(struct fixture *fixture, struct model *model, bool forgets) {
  client_hold(model->client);
  wait_for_messages(model->client, 1);
  apply_all(model);
  client_cancel(model->client);
  client_close(model->client);
  if (forgets && model->is_synced) {
    model->is_synced = false;
    model->newest = 0;
    model->token[0] = '\0';
    model->set = (struct set){0};
  }
  open_stream(fixture, model);
}

/* writers: those that do not write by themselves write one request a round; time goes on with them. */
static void run_clients(struct fixture *fixture, struct model *models, const struct model *kind,
                        struct writer *writers) {
  uint32_t seed = 5;
  for (size_t round = 0; round < ROUNDS; round++) {
    struct model *model = &models[roll(&seed, CLIENTS)];
    if (kind->gathers) {
      write_once(&writers[round % WRITERS]);
      pass_time(fixture, INT64_C(10000000));
    }
    if (model->client == NULL) {
      *model = *kind;
      open_stream(fixture, model);
      continue;
    }
    // Streams that gather must last longer to be sent anything.
    switch (roll(&seed, kind->gathers ? 12 : 4)) {
      case 0:
        breaks_off(fixture, model, roll(&seed, 2) == 0);
        break;
      case 1:
        client_hold(model->client);
        break;
      case 2:
        client_release(model->client);
        break;
      default:
        wait_for_messages(model->client, 1);
    }
  }
}

static void finish_client(struct model *model, const struct history *history) {
  client_release(model->client);
  // A filter may show nothing of the last changes; a bookmark tells that it was looked at.
  struct client *client = model->client;
  const struct timespec until = fixture_deadline();
  struct timespec now = {0};
  bool done = false;
  while (!done) {
    apply_all(model);
    done = model->is_synced && parse_token(model->token).revision >= history->newest;
    if (!done) {
      size_t seen = message_count(client);
      wait_for_rest(client);
      if (message_count(client) == seen) {
        // One that is reading is looked at again later, so that once may not do.
        pass_time(client->fixture, INT64_C(15000000000));
        JG_ASSERT(sched_yield() == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec <= until.tv_sec);
      }
    }
  }
}

/* kind: what its members say of all models. */
static void check(const struct model *kind, size_t page_jobs) {
  bool filtered = kind->filtered;
  const struct fixture_options options = {
      // Where changes are gathered it is about the messages in rings, elsewhere about reading beside them.
      .ring_bytes_max = kind->gathers ? 0 : 2000,
      .snapshot_page_jobs = page_jobs,
      .snapshot_reads_max = 1};
  struct fixture *fixture = fixture_create(&options);
  struct writer writers[WRITERS];
  for (size_t i = 0; i < WRITERS; i++) {
    writers[i] = (struct writer){.fixture = fixture, .first = i * NUMBERS, .seed = (uint32_t)i + 1};
    JG_ASSERT(kind->gathers || pthread_create(&writers[i].thread, NULL, write_at_random, &writers[i]) == 0);
  }
  struct model *models = jg_alloc_zero(CLIENTS, sizeof(*models));
  run_clients(fixture, models, kind, writers);
  for (size_t i = 0; i < WRITERS; i++) {
    JG_ASSERT(kind->gathers || pthread_join(writers[i].thread, NULL) == 0);
  }
  struct history *history = jg_alloc_zero(1, sizeof(*history));
  read_history(fixture, history);
  size_t before_the_end = 0;
  for (size_t i = 0; i < CLIENTS; i++) {
    struct model *model = &models[i];
    if (model->client == NULL) {
      continue;
    }
    finish_client(model, history);
    for (size_t j = 0; j < model->synced_count; j++) {
      check_set(&model->synced[j].set, history, model->synced[j].revision, filtered);
      before_the_end += model->synced[j].revision < history->newest;
    }
    check_set(&model->set, history, history->newest, filtered);
    client_close(model->client);
  }
  jg_free(models);
  print_message("%zu snapshots while writers wrote, at %lld revisions\n", before_the_end, (long long)history->newest);
  jg_free(history);
  fixture_destroy(fixture);
}

static void check_pages(const struct model *kind) {
  for (size_t page_jobs = 1; page_jobs <= 16; page_jobs *= 2) {
    check(kind, page_jobs);
  }
}

static void all_jobs(void **state) {
  (void)state;
  static const struct model kind = {0};
  check_pages(&kind);
}

static void some_jobs(void **state) {
  (void)state;
  static const struct model kind = {.filtered = true};
  check_pages(&kind);
}

/* Streams begin, break off and go on inside of what others are sent as one. */
static void gathered(void **state) {
  (void)state;
  static const struct model kind = {.gathers = true};
  check_pages(&kind);
  static const struct model filtered = {.gathers = true, .filtered = true};
  check(&filtered, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_jobs),
      cmocka_unit_test(some_jobs),
      cmocka_unit_test(gathered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
