#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/wire.h"
#include "services/changes/ring.h"
#include "services/changes/token.h"

static const struct jg_view_key key = {.tenant = 3, .epoch = {{7}}, .filter_hash = 11};

/* A batch of the changes (after, last], which are padded to `bytes` each, and of nothing behind them up to `through`. */
static struct jg_batch make_batch(int64_t after, int64_t last, int64_t through, size_t bytes, bool resumable) {
  struct jg_buf body;
  jg_buf_init(&body, 1u << 20);
  char *padding = jg_alloc_zero(1, bytes + 1);
  for (int64_t revision = after + 1; revision <= last; revision++) {
    struct jg_buf change;
    jg_buf_init(&change, 1u << 20);
    jg_wire_put_uint(&change, 1, (uint64_t)revision);
    jg_wire_put_bytes(&change, 7, jg_str_make(padding, bytes));
    jg_wire_put_bytes(&body, 1, jg_buf_str(&change));
    jg_buf_done(&change);
  }
  jg_free(padding);
  struct jg_str text = jg_buf_str(&body);
  const struct jg_token token = jg_view_token(&key, through);
  struct jg_batch batch = jg_batch_join(resumable ? &token : NULL, &text, 1, after, through);
  batch.change_count = (uint32_t)(last - after);
  jg_buf_done(&body);
  return batch;
}

/* Decodes the message: its changes are exactly (from, last], and its token, if it must have one, stands at `through`. */
static void check_message(const struct jg_batch *batch, int64_t from, int64_t last) {
  struct jg_str bytes = jg_bytes_str(batch->bytes);
  Jobgate__V1__WatchJobsResponse *message =
      jobgate__v1__watch_jobs_response__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
  assert_non_null(message);
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES);
  const Jobgate__V1__WatchChanges *changes = message->changes;
  assert_int_equal(changes->n_changes, last - from);
  assert_int_equal(batch->change_count, last - from);
  for (size_t i = 0; i < changes->n_changes; i++) {
    assert_int_equal(changes->changes[i]->revision, from + 1 + (int64_t)i);
  }
  if (batch->resumable) {
    struct jg_token token;
    assert_true(jg_status_ok(jg_token_parse(jg_str_from_cstr(changes->resume_token), &token)));
    assert_int_equal(token.revision, batch->through);
    assert_int_equal(token.tenant, key.tenant);
    assert_true(token.filter_hash == key.filter_hash);
    assert_true(jg_uuid_equal(token.epoch, key.epoch));
  } else {
    assert_string_equal(changes->resume_token, "");
  }
  jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
}

static void an_empty_ring(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 10);
  struct jg_batch batch;
  int64_t cursor = 9;
  assert_int_equal(jg_ring_next(&ring, &cursor, &batch), JG_RING_BEHIND);
  assert_false(jg_ring_at_tip(&ring, cursor));
  cursor = 10;
  assert_int_equal(jg_ring_next(&ring, &cursor, &batch), JG_RING_TIP);
  cursor = 12;  // a reader's snapshot may be newer than the tail
  assert_int_equal(jg_ring_next(&ring, &cursor, &batch), JG_RING_TIP);
  assert_true(jg_ring_at_tip(&ring, cursor));
  assert_int_equal(cursor, 12);
  jg_ring_pass(&ring, 20);
  assert_int_equal(jg_ring_next(&ring, &cursor, &batch), JG_RING_TIP);
  assert_null(jg_ring_over_budget(&budget));
  jg_ring_done(&ring, &budget);
}

static void one_batch_is_shared(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 0);
  struct jg_batch made = make_batch(0, 5, 5, 10, true);
  jg_ring_append(&ring, &budget, &made);
  struct jg_batch got[2];
  for (size_t i = 0; i < 2; i++) {
    int64_t cursor = 0;
    assert_int_equal(jg_ring_next(&ring, &cursor, &got[i]), JG_RING_FOUND);
    check_message(&got[i], 0, 5);
  }
  assert_ptr_equal(got[0].bytes, got[1].bytes);
  assert_ptr_equal(got[0].bytes, made.bytes);
  // Behind the middle of it.
  int64_t cursor = 3;
  struct jg_batch part;
  assert_int_equal(jg_ring_next(&ring, &cursor, &part), JG_RING_FOUND);
  check_message(&part, 3, 5);
  jg_bytes_unref(part.bytes);
  // The messages given out outlive the ring.
  jg_ring_done(&ring, &budget);
  check_message(&got[0], 0, 5);
  jg_bytes_unref(got[0].bytes);
  jg_bytes_unref(got[1].bytes);
  assert_int_equal(budget.bytes, 0);
}

static void small_batches_are_joined_once(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 0);
  for (int64_t i = 0; i < 10; i++) {
    struct jg_batch batch = make_batch(i, i + 1, i + 1, 100, true);
    jg_ring_append(&ring, &budget, &batch);
  }
  int64_t cursor = 2;
  struct jg_batch first, second;
  assert_int_equal(jg_ring_next(&ring, &cursor, &first), JG_RING_FOUND);
  check_message(&first, 2, 10);
  cursor = 2;
  assert_int_equal(jg_ring_next(&ring, &cursor, &second), JG_RING_FOUND);
  assert_ptr_equal(first.bytes, second.bytes);
  jg_bytes_unref(first.bytes);
  jg_bytes_unref(second.bytes);
  // More has come: the message that was kept is not enough any more.
  struct jg_batch batch = make_batch(10, 11, 11, 100, true);
  jg_ring_append(&ring, &budget, &batch);
  cursor = 2;
  assert_int_equal(jg_ring_next(&ring, &cursor, &first), JG_RING_FOUND);
  check_message(&first, 2, 11);
  jg_bytes_unref(first.bytes);
  jg_ring_done(&ring, &budget);
}

static void joining_stops_at_its_limit(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 0);
  for (int64_t i = 0; i < 200; i++) {
    struct jg_batch batch = make_batch(i, i + 1, i + 1, 1000, true);
    jg_ring_append(&ring, &budget, &batch);
  }
  int64_t cursor = 0;
  struct jg_batch batch;
  while (jg_ring_next(&ring, &cursor, &batch) == JG_RING_FOUND) {
    check_message(&batch, cursor, batch.through);
    assert_true(batch.bytes->len <= JG_RING_JOIN_BYTES + 256);
    assert_true(batch.through == 200 || batch.through - cursor > 30);
    cursor = batch.through;
    jg_bytes_unref(batch.bytes);
  }
  assert_int_equal(cursor, 200);
  jg_ring_done(&ring, &budget);
}

static void what_shows_nothing_is_passed_over(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 0);
  struct jg_batch batch = make_batch(0, 3, 6, 10, true);  // 4 to 6 are entities
  jg_ring_append(&ring, &budget, &batch);
  jg_ring_pass(&ring, 9);
  int64_t cursor = 4;
  assert_int_equal(jg_ring_next(&ring, &cursor, &batch), JG_RING_TIP);
  assert_int_equal(cursor, 6);
  batch = make_batch(9, 12, 12, 10, true);
  jg_ring_append(&ring, &budget, &batch);
  for (int64_t start = 6; start <= 9; start++) {
    cursor = start;
    struct jg_batch got;
    assert_int_equal(jg_ring_next(&ring, &cursor, &got), JG_RING_FOUND);
    check_message(&got, 9, 12);
    assert_ptr_equal(got.bytes, batch.bytes);
    jg_bytes_unref(got.bytes);
  }
  jg_ring_done(&ring, &budget);
}

static void the_budget_drops_the_oldest_of_all(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = 4000};
  struct jg_ring rings[2];
  jg_ring_init(&rings[0], &key, 0);
  jg_ring_init(&rings[1], &key, 0);
  for (int64_t i = 0; i < 50; i++) {
    struct jg_batch batch = make_batch(i, i + 1, i + 1, 500, true);
    jg_ring_append(&rings[i % 2], &budget, &batch);
    jg_ring_pass(&rings[1 - i % 2], i + 1);
    for (struct jg_ring *over; (over = jg_ring_over_budget(&budget)) != NULL;) {
      jg_ring_drop_oldest(over, &budget);
    }
    assert_true(budget.bytes <= budget.bytes_max);
  }
  assert_in_range(rings[0].count, 2, 4);
  assert_in_range(rings[1].count, 2, 4);
  assert_in_range(rings[0].start, 42, 48);
  assert_in_range(rings[1].start, 42, 48);
  // One ring goes away in the middle of the list.
  jg_ring_done(&rings[0], &budget);
  int64_t cursor = 0;
  struct jg_batch batch;
  assert_int_equal(jg_ring_next(&rings[1], &cursor, &batch), JG_RING_BEHIND);
  jg_ring_restart(&rings[1], &budget, 60);
  assert_int_equal(budget.bytes, 0);
  cursor = 59;
  assert_int_equal(jg_ring_next(&rings[1], &cursor, &batch), JG_RING_BEHIND);
  cursor = 60;
  assert_int_equal(jg_ring_next(&rings[1], &cursor, &batch), JG_RING_TIP);
  jg_ring_done(&rings[1], &budget);
}

static void a_page_of_the_log_is_recalled(void **state) {
  (void)state;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 100);
  struct jg_batch page = make_batch(10, 20, 20, 10, true);
  jg_ring_remember(&ring, &page);
  jg_bytes_unref(page.bytes);
  struct jg_batch got;
  assert_false(jg_ring_recall(&ring, 11, &got));
  assert_true(jg_ring_recall(&ring, 10, &got));
  check_message(&got, 10, 20);
  jg_bytes_unref(got.bytes);
  // Large ones are not kept.
  page = make_batch(20, 21, 21, JG_RING_RECENT_BYTES, true);
  jg_ring_remember(&ring, &page);
  jg_bytes_unref(page.bytes);
  assert_false(jg_ring_recall(&ring, 20, &got));
  // Only so many are kept.
  for (int64_t i = 0; i < JG_RING_RECENT_COUNT; i++) {
    page = make_batch(30 + i, 31 + i, 31 + i, 10, true);
    jg_ring_remember(&ring, &page);
    jg_bytes_unref(page.bytes);
  }
  assert_false(jg_ring_recall(&ring, 10, &got));
  jg_ring_done(&ring, &budget);
}

/* Random appends and drops: whatever the cursor, what is given is exactly what is behind it, in order. */
static void any_cursor_any_ring(void **state) {
  (void)state;
  uint32_t seed = 12345;
  struct jg_ring_budget budget = {.bytes_max = SIZE_MAX};
  struct jg_ring ring;
  jg_ring_init(&ring, &key, 0);
  int64_t shown[4096] = {0};  // shown[i]: revision i is a change of a job
  int64_t through = 0;
  for (int round = 0; round < 300; round++) {
    seed = seed * 1664525u + 1013904223u;
    int64_t changes = seed >> 30;
    int64_t passed = seed >> 28 & 3;
    if (changes > 0) {
      struct jg_batch batch =
          make_batch(through, through + changes, through + changes + passed, seed >> 10 & 0x3fff, (seed >> 9 & 3) != 0);
      jg_ring_append(&ring, &budget, &batch);
      for (int64_t i = 1; i <= changes; i++) {
        shown[through + i] = 1;
      }
    } else {
      jg_ring_pass(&ring, through + passed);
    }
    through += changes + passed;
    if ((seed >> 8 & 1) != 0 && ring.count > 20) {
      jg_ring_drop_oldest(&ring, &budget);
    }
    int64_t cursor = (int64_t)(seed >> 4) % (through + 1);
    struct jg_batch got;
    enum jg_ring_place place;
    int64_t next = cursor;
    if (cursor < ring.start) {
      assert_int_equal(jg_ring_next(&ring, &cursor, &got), JG_RING_BEHIND);
      continue;
    }
    while ((place = jg_ring_next(&ring, &cursor, &got)) == JG_RING_FOUND) {
      while (!shown[next + 1]) {
        next++;
      }
      int64_t last = next;
      while (last < got.through && shown[last + 1]) {
        last++;
      }
      // Joined messages may have holes inside: count instead of comparing one run.
      uint32_t count = 0;
      for (int64_t i = cursor + 1; i <= got.through; i++) {
        count += shown[i] != 0;
      }
      assert_int_equal(got.change_count, count);
      if (last - next == (int64_t)count) {
        check_message(&got, next, last);
      }
      cursor = got.through;
      next = cursor;
      jg_bytes_unref(got.bytes);
    }
    assert_int_equal(place, JG_RING_TIP);
    for (int64_t i = cursor + 1; i <= through; i++) {
      assert_int_equal(shown[i], 0);
    }
  }
  jg_ring_done(&ring, &budget);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_ring),
      cmocka_unit_test(one_batch_is_shared),
      cmocka_unit_test(small_batches_are_joined_once),
      cmocka_unit_test(joining_stops_at_its_limit),
      cmocka_unit_test(what_shows_nothing_is_passed_over),
      cmocka_unit_test(the_budget_drops_the_oldest_of_all),
      cmocka_unit_test(a_page_of_the_log_is_recalled),
      cmocka_unit_test(any_cursor_any_ring),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
