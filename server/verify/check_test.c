/* The checker finds nothing in a true history, and each planted fault under the promise that it breaks. */
#include "server/verify/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/verify/plant.h"

#define JOBS 12
#define REVISIONS 400
#define GROUPS 4
#define WATCHERS 6
#define GONE (-1)
#define DELETED (-2)

/* A log as a server would make it: every third request brings an entity before its job. */
struct fixture {
  struct jg_verify_event log[REVISIONS];       /* as a stream without filter and with entities shows it */
  int32_t before[REVISIONS], after[REVISIONS]; /* groups of the job */
  struct jg_verify_write writes[REVISIONS];
  size_t log_count, write_count;
  struct jg_verify_watcher watchers[WATCHERS];
  struct jg_verify_plant plants[WATCHERS];
  struct jg_verify_verdict verdict;
  struct jg_verify_history history;
};

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525 + 1013904223;
  return *state >> 8;
}

static void log_one(struct fixture *fixture, uint32_t *random, int32_t *groups) {
  size_t at = fixture->log_count++;
  struct jg_verify_event *event = &fixture->log[at];
  *event = (struct jg_verify_event){
      .type = JG_VERIFY_CHANGE, .revision = (int64_t)at + 1, .ticks = (int64_t)at * 10, .job = JG_VERIFY_FOREIGN};
  fixture->before[at] = fixture->after[at] = GONE;
  bool in_request = at > 0 && !fixture->log[at - 1].last;
  if (!in_request && next_random(random) % 3 == 0 && at + 1 < REVISIONS) {
    event->entity = true;
    return;
  }
  event->last = event->token = true;
  uint32_t job = next_random(random) % JOBS;
  while (groups[job] == DELETED) {  // deleted for good
    job = (job + 1) % JOBS;
  }
  event->job = job;
  fixture->before[at] = groups[job];
  bool deletes = groups[job] != GONE && job > 2 && next_random(random) % 60 == 0;
  int32_t group = (int32_t)(next_random(random) % GROUPS);
  struct jg_verify_write *write = &fixture->writes[fixture->write_count++];
  *write = (struct jg_verify_write){
      .revision = event->revision, .job = job, .group = group, .deletes = deletes, .outcome = JG_VERIFY_DONE};
  if (deletes) {
    event->kind = JG_VERIFY_DELETED;
    write->revision = 0;
    groups[job] = DELETED;
  } else {
    event->kind = groups[job] == GONE ? JG_VERIFY_CREATED : JG_VERIFY_UPDATED;
    event->version = fixture->write_count;
    fixture->after[at] = groups[job] = group;
  }
}

static bool in_view(const struct jg_verify_view *view, int32_t group) {
  return group >= view->low && group <= view->high;
}

/* The change as a view shows it; false: not at all. */
static bool shown(const struct fixture *fixture, const struct jg_verify_view *view, size_t at,
                  struct jg_verify_event *ret_event) {
  *ret_event = fixture->log[at];
  if (ret_event->entity) {
    return view->entities;
  }
  bool before = in_view(view, fixture->before[at]), after = in_view(view, fixture->after[at]);
  if (!view->filtered) {
    return true;
  }
  if (ret_event->kind == JG_VERIFY_UPDATED && before != after) {
    ret_event->kind = after ? JG_VERIFY_ENTERED : JG_VERIFY_LEFT;
  }
  return before || after;
}

static void receive(struct fixture *fixture, size_t watcher, const struct jg_verify_event *event) {
  jg_verify_plant_record(&fixture->plants[watcher], &fixture->watchers[watcher], event);
}

static void position(struct fixture *fixture, size_t watcher, enum jg_verify_event_type type, int kind,
                     int64_t revision) {
  const struct jg_verify_event event = {
      .type = (uint8_t)type, .kind = (uint8_t)kind, .revision = revision, .job = JG_VERIFY_FOREIGN};
  receive(fixture, watcher, &event);
}

/* Everything behind `after` up to and with `through`. */
static void stream(struct fixture *fixture, size_t watcher, int64_t after, int64_t through) {
  struct jg_verify_event event;
  for (int64_t revision = after + 1; revision <= through; revision++) {
    if (shown(fixture, &fixture->watchers[watcher].view, (size_t)revision - 1, &event)) {
      receive(fixture, watcher, &event);
    }
  }
}

/* The jobs that the view shows at a revision. */
static void snapshot(struct fixture *fixture, size_t watcher, int64_t revision) {
  for (uint32_t job = 0; job < JOBS; job++) {
    for (size_t at = (size_t)revision; at-- > 0;) {
      if (fixture->log[at].job == job) {
        struct jg_verify_event event = {.type = JG_VERIFY_JOB, .job = job, .version = fixture->log[at].version};
        bool there = fixture->after[at] != GONE;
        if (there && (!fixture->watchers[watcher].view.filtered ||
                      in_view(&fixture->watchers[watcher].view, fixture->after[at]))) {
          receive(fixture, watcher, &event);
        }
        break;
      }
    }
  }
}

/* A request's end at or behind the revision. */
static int64_t request_end(const struct fixture *fixture, int64_t revision) {
  while (!fixture->log[revision - 1].last) {
    revision++;
  }
  return revision;
}

static void play(struct fixture *fixture) {
  int64_t end = (int64_t)fixture->log_count;
  int64_t cut = request_end(fixture, end / 3), later = request_end(fixture, cut + 6);
  int64_t much_later = request_end(fixture, cut + 40);
  // 0 and 1 see everything, 2 and 3 a group each, one of them with a reconnect, 4 begins with snapshots.
  for (size_t i = 0; i < 4; i++) {
    position(fixture, i, JG_VERIFY_OPENED, JG_VERIFY_NOW, 0);
    stream(fixture, i, 0, cut);
    position(fixture, i, JG_VERIFY_BOOKMARK, 0, cut);
    position(fixture, i, JG_VERIFY_OPENED, JG_VERIFY_TOKEN, cut);
    stream(fixture, i, cut, end);
    position(fixture, i, JG_VERIFY_BOOKMARK, 0, end);
  }
  position(fixture, 4, JG_VERIFY_OPENED, JG_VERIFY_SNAPSHOT, cut);
  snapshot(fixture, 4, cut);
  stream(fixture, 4, cut, later);
  position(fixture, 4, JG_VERIFY_SYNCED, 0, later);
  stream(fixture, 4, later, end);
  position(fixture, 4, JG_VERIFY_BOOKMARK, 0, end);
  // 5 too, and sees entities: while its snapshot goes on, the jobs of requests come later, with their pages.
  position(fixture, 5, JG_VERIFY_OPENED, JG_VERIFY_SNAPSHOT, cut);
  for (int64_t revision = cut + 1; revision <= much_later; revision++) {
    struct jg_verify_event event = fixture->log[revision - 1];
    event.last = event.token = true;
    if (event.entity) {
      receive(fixture, 5, &event);
    }
  }
  snapshot(fixture, 5, much_later);
  position(fixture, 5, JG_VERIFY_SYNCED, 0, much_later);
  stream(fixture, 5, much_later, end);
  position(fixture, 5, JG_VERIFY_BOOKMARK, 0, end);
}

static void fixture_init(struct fixture *fixture) {
  *fixture = (struct fixture){0};
  uint32_t random = 7;
  int32_t groups[JOBS];
  for (size_t i = 0; i < JOBS; i++) {
    groups[i] = GONE;
  }
  while (fixture->log_count < REVISIONS) {
    log_one(fixture, &random, groups);
  }
  for (size_t i = 0; i < WATCHERS; i++) {
    jg_buf_init(&fixture->watchers[i].events, 1u << 20);
    fixture->plants[i].period = 20;
  }
  fixture->watchers[0].view.entities = fixture->watchers[1].view.entities = true;
  fixture->watchers[5].view.entities = true;
  for (size_t i = 2; i < 5; i++) {
    fixture->watchers[i].view =
        (struct jg_verify_view){.filtered = true, .low = (int32_t)i - 2, .high = (int32_t)i - 1};
  }
  fixture->history = (struct jg_verify_history){.watchers = fixture->watchers,
                                                .watcher_count = WATCHERS,
                                                .writes = fixture->writes,
                                                .job_count = JOBS,
                                                .final_revision = REVISIONS};
}

static void judge(struct fixture *fixture) {
  fixture->history.write_count = fixture->write_count;
  jg_verify_check(&fixture->history, &fixture->verdict);
}

static void fixture_done(struct fixture *fixture) {
  for (size_t i = 0; i < WATCHERS; i++) {
    jg_buf_done(&fixture->watchers[i].events);
  }
}

static void finds_nothing_in_a_true_history(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  play(&fixture);
  judge(&fixture);
  for (size_t i = 0; i < JG_VERIFY_PROMISE_COUNT; i++) {
    assert_string_equal(fixture.verdict.promises[i].first, "");
    assert_int_equal(fixture.verdict.promises[i].failed, 0);
    assert_true(fixture.verdict.promises[i].looked_at > 0);
  }
  fixture_done(&fixture);
}

static void finds_each_planted_fault(void **state) {
  (void)state;
  static const struct {
    enum jg_verify_fault fault;
    enum jg_verify_promise promise;
    size_t places;
  } rows[] = {
      {JG_VERIFY_FAULT_DROP, JG_VERIFY_RELIABLE, 3},       {JG_VERIFY_FAULT_REPEAT, JG_VERIFY_UNIQUE, 3},
      {JG_VERIFY_FAULT_REORDER, JG_VERIFY_ORDERED, 3},     {JG_VERIFY_FAULT_TEAR, JG_VERIFY_ATOMIC, 3},
      {JG_VERIFY_FAULT_SPOIL, JG_VERIFY_INTACT, 3},        {JG_VERIFY_FAULT_LEAK, JG_VERIFY_TENANT_TIGHT, 3},
      {JG_VERIFY_FAULT_REWIND, JG_VERIFY_RESUMABLE, 2},    {JG_VERIFY_FAULT_BOAST, JG_VERIFY_BOOKMARKABLE, 3},
      {JG_VERIFY_FAULT_RELABEL, JG_VERIFY_FILTER_VIEW, 3},
  };
  // In a stream that sees everything, in one with a filter, and in one that begins with a snapshot, which does not resume.
  static const size_t places[] = {1, 2, 4};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    for (size_t k = 0; k < rows[i].places; k++) {
      struct fixture fixture;
      fixture_init(&fixture);
      fixture.plants[places[k]].fault = rows[i].fault;
      play(&fixture);
      judge(&fixture);
      assert_true(fixture.verdict.promises[rows[i].promise].failed > 0);
      assert_true(fixture.verdict.promises[rows[i].promise].first[0] != '\0');
      fixture_done(&fixture);
    }
  }
}

/* What the plants cannot do: positions that lie. */
static void finds_positions_that_lie(void **state) {
  (void)state;
  enum { BOOKMARK, SYNCED, RESUME_EARLY, RESUME_LATE, TOKEN, LOST_WRITE, VIEW, SHORT, CASES };
  static const enum jg_verify_promise promises[CASES] = {
      [BOOKMARK] = JG_VERIFY_BOOKMARKABLE, [SYNCED] = JG_VERIFY_RELIABLE, [RESUME_EARLY] = JG_VERIFY_RESUMABLE,
      [RESUME_LATE] = JG_VERIFY_RELIABLE,  [TOKEN] = JG_VERIFY_ATOMIC,    [LOST_WRITE] = JG_VERIFY_RELIABLE,
      [VIEW] = JG_VERIFY_FILTER_VIEW,      [SHORT] = JG_VERIFY_RELIABLE,
  };
  for (int i = 0; i < CASES; i++) {
    struct fixture fixture;
    fixture_init(&fixture);
    play(&fixture);
    int64_t end = (int64_t)fixture.log_count;
    struct jg_verify_watcher *all = &fixture.watchers[1];
    struct jg_verify_event *events = (struct jg_verify_event *)(void *)all->events.data;
    size_t count = jg_verify_event_count(all);
    switch (i) {
      case BOOKMARK:  // the last change is left out, and the bookmark behind it says that it was sent
        events[count - 2] = events[count - 1];
        all->events.len -= sizeof(*events);
        break;
      case SYNCED:  // the jobs of the snapshot are not those that there were
        events = (struct jg_verify_event *)(void *)fixture.watchers[4].events.data;
        for (size_t k = 0; k < jg_verify_event_count(&fixture.watchers[4]); k++) {
          events[k].version += events[k].type == JG_VERIFY_JOB ? 1000 : 0;
        }
        break;
      case RESUME_EARLY:  // opens before its token
        for (size_t k = 1; k < count; k++) {
          events[k].revision -= events[k].type == JG_VERIFY_OPENED ? 3 : 0;
        }
        break;
      case RESUME_LATE:  // what is between is lost
        for (size_t k = 1; k + 1 < count; k++) {
          if (events[k].type == JG_VERIFY_OPENED) {
            events[k].revision = events[k + 1].revision;
            memmove(&events[k + 1], &events[k + 2], (count - k - 2) * sizeof(*events));
            all->events.len -= sizeof(*events);
            break;
          }
        }
        break;
      case TOKEN:  // a token inside a request
        for (size_t k = 0; k < count; k++) {
          events[k].token = events[k].token || events[k].entity;
        }
        break;
      case LOST_WRITE:  // acknowledged, and in no stream
        fixture.writes[fixture.write_count++] =
            (struct jg_verify_write){.revision = end + 5, .job = 0, .group = 0, .outcome = JG_VERIFY_DONE};
        break;
      case VIEW:  // a change of a group that was not asked for
        fixture.watchers[2].view.high = fixture.watchers[2].view.low;
        break;
      case SHORT:  // a stream that stops before the end
        fixture.history.final_revision = end + 1;
        break;
      default:
        break;
    }
    judge(&fixture);
    if (fixture.verdict.promises[promises[i]].failed == 0) {
      fail_msg("case %d", i);
    }
    fixture_done(&fixture);
  }
}

/* What is known of one watcher must not pass for another. */
static void finds_a_stream_that_never_came(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  play(&fixture);
  fixture.watchers[WATCHERS - 1].events.len = 0;
  judge(&fixture);
  assert_int_equal(fixture.verdict.promises[JG_VERIFY_RELIABLE].failed, 1);
  fixture_done(&fixture);
}

/* The token of a message whose last change is the other tenant's leads behind its own changes all the same. */
static void blames_a_stranger_for_nothing_else(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  play(&fixture);
  struct jg_verify_event *events = (struct jg_verify_event *)(void *)fixture.watchers[1].events.data;
  size_t opened = 1;
  while (events[opened].type != JG_VERIFY_OPENED) {
    opened++;
  }
  // In the place of the bookmark before it.
  events[opened - 2].token = false;
  events[opened - 1] = (struct jg_verify_event){.type = JG_VERIFY_CHANGE,
                                                .revision = events[opened].revision,
                                                .job = JG_VERIFY_FOREIGN,
                                                .last = true,
                                                .token = true,
                                                .stranger = true};
  judge(&fixture);
  for (size_t i = 0; i < JG_VERIFY_PROMISE_COUNT; i++) {
    assert_int_equal(fixture.verdict.promises[i].failed, i == JG_VERIFY_TENANT_TIGHT ? 1 : 0);
  }
  fixture_done(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_nothing_in_a_true_history),    cmocka_unit_test(finds_each_planted_fault),
      cmocka_unit_test(finds_positions_that_lie),           cmocka_unit_test(finds_a_stream_that_never_came),
      cmocka_unit_test(blames_a_stranger_for_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
