#include "proto/codec/wire_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fields_are_found_in_ascending_order(void **state) {
  (void)state;
  struct jg_str payload = JG_STR(
      "\x08\x05"                                         /* 1: 5 */
      "\x1a\x02hi"                                       /* 3: "hi" */
      "\x21\x01\x00\x00\x00\x00\x00\x00\x80"             /* 4: fixed64 */
      "\x2d\x01\x02\x03\x04"                             /* 5: fixed32 */
      "\x82\x01\x00"                                     /* 16: "" */
      "\x98\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* 19: -1 */
      "\xa0\x06\x96\x01");                               /* 100: 150 */
  struct jg_wire_walk walk;
  jg_wire_walk_start(&walk, payload);
  assert_true(jg_wire_walk_find(&walk, 1, JG_WIRE_VARINT));
  assert_int_equal(jg_wire_walk_take_varint(&walk), 5);
  assert_false(jg_wire_walk_find(&walk, 2, JG_WIRE_LEN));
  assert_false(jg_wire_walk_find(&walk, 3, JG_WIRE_VARINT));
  assert_true(jg_wire_walk_find(&walk, 3, JG_WIRE_LEN));
  assert_true(jg_str_equal(jg_wire_walk_take_bytes(&walk), JG_STR("hi")));
  assert_true(jg_wire_walk_find(&walk, 4, JG_WIRE_FIXED64));
  assert_true(jg_wire_walk_take_fixed64(&walk) == UINT64_C(0x8000000000000001));
  assert_true(jg_wire_walk_find(&walk, 16, JG_WIRE_LEN));
  assert_int_equal(jg_wire_walk_take_bytes(&walk).len, 0);
  assert_true(jg_wire_walk_find(&walk, 19, JG_WIRE_VARINT));
  assert_true(jg_wire_walk_take_varint(&walk) == UINT64_MAX);
  assert_true(jg_wire_walk_find(&walk, 100, JG_WIRE_VARINT));
  assert_int_equal(jg_wire_walk_take_varint(&walk), 150);
  assert_false(jg_wire_walk_find(&walk, 101, JG_WIRE_VARINT));
  assert_true(walk.tag == JG_WIRE_WALK_END);
}

static void varints_of_every_length(void **state) {
  (void)state;
  for (unsigned bit = 0; bit < 64; bit++) {
    for (int more = 0; more < 2; more++) {
      struct jg_buf buf;
      jg_buf_init(&buf, 64);
      jg_wire_put_uint(&buf, 1, UINT64_C(1) << bit | 1);
      if (more) {
        jg_wire_put_bytes(&buf, 2, JG_STR("more"));
      }
      struct jg_wire_walk walk;
      jg_wire_walk_start(&walk, jg_buf_str(&buf));
      assert_true(jg_wire_walk_find(&walk, 1, JG_WIRE_VARINT));
      assert_true(jg_wire_walk_take_varint(&walk) == (UINT64_C(1) << bit | 1));
      assert_int_equal(jg_wire_walk_find(&walk, 2, JG_WIRE_LEN), more);
      jg_buf_done(&buf);
    }
  }
}

static void lengths_of_every_size(void **state) {
  (void)state;
  static char text[40000];
  static const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 40000};
  memset(text, 'x', sizeof(text));
  for (size_t i = 0; i < JG_COUNT(lengths); i++) {
    struct jg_buf buf;
    jg_buf_init(&buf, 100000);
    jg_wire_put_bytes(&buf, 2047, jg_str_make(text, lengths[i]));
    jg_wire_put_bytes(&buf, 2048, jg_str_make(text, lengths[i]));
    struct jg_wire_walk walk;
    jg_wire_walk_start(&walk, jg_buf_str(&buf));
    assert_true(jg_wire_walk_find(&walk, 2047, JG_WIRE_LEN));
    assert_int_equal(jg_wire_walk_take_bytes(&walk).len, lengths[i]);
    assert_true(jg_wire_walk_find(&walk, 2048, JG_WIRE_LEN));
    assert_int_equal(jg_wire_walk_take_bytes(&walk).len, lengths[i]);
    assert_true(walk.tag == JG_WIRE_WALK_END);
    jg_buf_done(&buf);
  }
}

/* Whatever is asked for at each step, every cut of a payload ends the walk within its bytes. */
static void cut_bytes_end_the_walk(void **state) {
  (void)state;
  struct jg_str payload = JG_STR(
      "\x08\xff\xff\xff\xff\x0f\x12\x03"
      "abc\x19\x01\x02\x03\x04\x05\x06\x07\x08\xa2\x06\x01x");
  for (size_t len = 0; len <= payload.len; len++) {
    struct jg_buf copy;
    jg_buf_init(&copy, 64);
    jg_buf_append(&copy, payload.data, len);
    struct jg_wire_walk walk;
    jg_wire_walk_start(&walk, jg_buf_str(&copy));
    uint64_t number = jg_wire_walk_find(&walk, 1, JG_WIRE_VARINT) ? jg_wire_walk_take_varint(&walk) : 0;
    struct jg_str bytes = jg_wire_walk_find(&walk, 2, JG_WIRE_LEN) ? jg_wire_walk_take_bytes(&walk) : JG_STR_NONE;
    uint64_t fixed = jg_wire_walk_find(&walk, 3, JG_WIRE_FIXED64) ? jg_wire_walk_take_fixed64(&walk) : 0;
    assert_true(number == (len >= 6 ? UINT32_MAX : 0));
    assert_int_equal(bytes.len, len >= 11 ? 3 : 0);
    assert_true(fixed == (len >= 20 ? UINT64_C(0x0807060504030201) : 0));
    assert_false(jg_wire_walk_find(&walk, 200, JG_WIRE_LEN));
    assert_true(walk.tag == JG_WIRE_WALK_END);
    jg_buf_done(&copy);
  }
}

static void malformed_bytes_end_the_walk(void **state) {
  (void)state;
  static const struct jg_str rows[] = {
      {"\x00\x01", 2},                                              /* field 0 */
      {"\xff\xff\xff\xff\x0f\x01", 6},                              /* the tag that stands for the end */
      {"\xff\xff\xff\xff\x1f\x01", 6},                              /* a tag of 33 bits */
      {"\x80\x80\x80\x80\x80\x01", 6},                              /* a tag of six bytes */
      {"\x0b\x0c", 2},                                              /* a group */
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 13}, /* a varint of eleven bytes */
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xx", 13},       /* a length of 2^64 - 1 */
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_wire_walk walk;
    jg_wire_walk_start(&walk, rows[i]);
    assert_false(jg_wire_walk_find(&walk, 2, JG_WIRE_LEN));
    assert_true(walk.tag == JG_WIRE_WALK_END);
    jg_wire_walk_start(&walk, rows[i]);
    if (jg_wire_walk_find(&walk, 1, JG_WIRE_VARINT)) {
      assert_int_equal(jg_wire_walk_take_varint(&walk), 0);
    } else if (jg_wire_walk_find(&walk, 1, JG_WIRE_LEN)) {
      assert_int_equal(jg_wire_walk_take_bytes(&walk).len, 0);
    }
    assert_false(jg_wire_walk_find(&walk, 2, JG_WIRE_LEN));
    assert_true(walk.tag == JG_WIRE_WALK_END);
  }
  struct jg_wire_walk walk;
  jg_wire_walk_start(&walk, JG_STR_NONE);
  assert_true(walk.tag == JG_WIRE_WALK_END);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_found_in_ascending_order),
      cmocka_unit_test(varints_of_every_length),
      cmocka_unit_test(lengths_of_every_size),
      cmocka_unit_test(cut_bytes_end_the_walk),
      cmocka_unit_test(malformed_bytes_end_the_walk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
