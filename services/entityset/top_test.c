/* The first rows of an order against sorting them all. */
#include "services/entityset/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"

#define ROWS 1000

static const struct jg_filter key_node = {.kind = JG_FILTER_MEMBER};
static const struct jg_filter_order orders[] = {{&key_node, false}, {&key_node, true}};

struct row {
  struct jg_filter_value keys[2];
  char text[8];
  struct jg_uuid id;
};

/* Few different keys, so that ids decide too; a third of the second keys are null. */
static void make_rows(struct row *rows) {
  uint64_t state = 7;
  for (size_t i = 0; i < ROWS; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    (void)snprintf(rows[i].text, sizeof(rows[i].text), "k%u", (unsigned)(state >> 60));
    rows[i].keys[0] = (struct jg_filter_value){.type = JG_VALUE_STRING, .string = jg_str_from_cstr(rows[i].text)};
    rows[i].keys[1] = (struct jg_filter_value){.type = JG_VALUE_NULL};
    if ((state >> 40) % 3 != 0) {
      rows[i].keys[1] = (struct jg_filter_value){.type = JG_VALUE_INTEGER, .integer = (int64_t)((state >> 50) % 5)};
    }
    memcpy(rows[i].id.bytes, &state, sizeof(state));
  }
}

static struct jg_entityset_top reference;

static int compare(const void *a, const void *b) {
  return jg_entityset_top_compare(&reference, a, b);
}

static void the_first_rows_are_picked(void **state) {
  (void)state;
  static struct row rows[ROWS];
  static struct jg_entityset_top_row all[ROWS];
  make_rows(rows);
  for (size_t i = 0; i < ROWS; i++) {
    all[i] = (struct jg_entityset_top_row){rows[i].keys, rows[i].id};
  }
  reference = (struct jg_entityset_top){.orders = orders, .order_count = 2};
  qsort(all, ROWS, sizeof(all[0]), compare);
  static const size_t wanted[] = {1, 2, 31, 32, 33, 100, 499, 999, ROWS, ROWS + 1, (size_t)INT32_MAX + 1001};
  for (size_t w = 0; w < JG_COUNT(wanted); w++) {
    struct jg_entityset_top top;
    jg_entityset_top_init(&top, orders, 2, wanted[w]);
    for (size_t i = 0; i < ROWS; i++) {
      const struct jg_entityset_top_row row = {rows[i].keys, rows[i].id};
      assert_true(jg_status_ok(jg_entityset_top_add(&top, &row)));
    }
    jg_entityset_top_sort(&top);
    assert_int_equal(top.count, wanted[w] < ROWS ? wanted[w] : ROWS);
    for (size_t i = 0; i < top.count; i++) {
      assert_int_equal(jg_entityset_top_compare(&top, &top.rows[i], &all[i]), 0);
    }
    // What is kept is bounded by what is wanted.
    assert_true(top.capacity <= 64 || top.capacity <= 4 * wanted[w]);
    jg_entityset_top_done(&top);
  }
}

static void no_rows_are_no_rows(void **state) {
  (void)state;
  struct jg_entityset_top top;
  jg_entityset_top_init(&top, orders, 1, 5);
  jg_entityset_top_sort(&top);
  assert_int_equal(top.count, 0);
  jg_entityset_top_done(&top);
}

static void keys_beyond_memory_are_refused(void **state) {
  (void)state;
  const size_t len = (size_t)1 << 20;
  char *text = jg_alloc(len);
  memset(text, 'x', len);
  const struct jg_filter_value key = {.type = JG_VALUE_STRING, .string = jg_str_make(text, len)};
  struct jg_entityset_top_row row = {&key, JG_UUID_ZERO};
  struct jg_entityset_top top;
  jg_entityset_top_init(&top, orders, 1, 10000);
  struct jg_status status = JG_STATUS_OK;
  for (size_t i = 0; i < 1000 && jg_status_ok(status); i++) {
    row.id.bytes[0] = (uint8_t)i;
    status = jg_entityset_top_add(&top, &row);
  }
  assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  jg_entityset_top_done(&top);
  jg_free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_rows_are_picked),
      cmocka_unit_test(no_rows_are_no_rows),
      cmocka_unit_test(keys_beyond_memory_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
