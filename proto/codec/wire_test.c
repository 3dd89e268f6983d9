#include "proto/codec/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#define BYTES(literal) JG_STR(literal)

static void assert_bytes(const struct jg_buf *buf, struct jg_str expected) {
  assert_false(buf->failed);
  assert_int_equal(buf->len, expected.len);
  assert_memory_equal(buf->data, expected.data, expected.len);
}

static void next_reads_every_wire_type(void **state) {
  (void)state;
  struct jg_str bytes = BYTES(
      "\x08\x96\x01"
      "\x11\x01\x02\x03\x04\x05\x06\x07\x08"
      "\x1a\x03"
      "abc"
      "\x25\x01\x00\x00\x80"
      "\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
      "\x1a\x00");
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, bytes);
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 1);
  assert_int_equal(field.type, JG_WIRE_VARINT);
  assert_int_equal(field.value, 150);
  assert_ptr_equal(field.raw.data, bytes.data);
  assert_int_equal(field.raw.len, 3);
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 2);
  assert_int_equal(field.type, JG_WIRE_FIXED64);
  assert_true(field.value == UINT64_C(0x0807060504030201));
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 3);
  assert_int_equal(field.type, JG_WIRE_LEN);
  assert_true(jg_str_equal(field.bytes, JG_STR("abc")));
  assert_int_equal(field.raw.len, 5);
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 4);
  assert_int_equal(field.type, JG_WIRE_FIXED32);
  assert_true(field.value == 0x80000001u);
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, JG_WIRE_NUMBER_MAX);
  assert_true(field.value == UINT64_MAX);
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.bytes.len, 0);
  assert_false(jg_wire_next(&reader, &field));
  assert_false(reader.failed);
  jg_wire_reader_init(&reader, JG_STR_NONE);
  assert_false(jg_wire_next(&reader, &field));
  assert_false(reader.failed);
}

static void malformed_bytes_fail_and_stay_failed(void **state) {
  (void)state;
  static const struct jg_str rows[] = {
      {"\x00\x01", 2},                                          /* field 0 */
      {"\x80", 1},                                              /* half a tag */
      {"\x80\x80\x80\x80\x80\x01\x00", 7},                      /* a tag of six bytes */
      {"\xf8\xff\xff\xff\x1f\x00", 6},                          /* a field number of 30 bits */
      {"\x08", 1},                                              /* no varint */
      {"\x08\xff", 2},                                          /* half a varint */
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* eleven bytes */
      {"\x09\x01\x02\x03\x04\x05\x06\x07", 8},                  /* seven of eight */
      {"\x0d\x01\x02\x03", 4},                                  /* three of four */
      {"\x0a", 1},                                              /* no length */
      {"\x0a\x02x", 3},                                         /* one of two */
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12},    /* a length of 2^64 - 1 */
      {"\x0b\x0c", 2},                                          /* a group */
      {"\x0c", 1},                                              /* its end */
      {"\x0e\x00", 2},                                          /* wire type 6 */
      {"\x0f\x00", 2},                                          /* wire type 7 */
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_wire_reader reader;
    struct jg_wire_field field = {.number = 77};
    jg_wire_reader_init(&reader, rows[i]);
    assert_false(jg_wire_next(&reader, &field));
    assert_true(reader.failed);
    assert_int_equal(field.number, 77);
    assert_false(jg_wire_next(&reader, &field));
    assert_true(reader.failed);
  }
}

static void overlong_varints_are_read(void **state) {
  (void)state;
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, BYTES("\x88\x80\x00\x85\x80\x80\x00\x0a\x82\x00hi"));
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 1);
  assert_int_equal(field.value, 5);
  assert_true(jg_wire_next(&reader, &field));
  assert_true(jg_str_equal(field.bytes, JG_STR("hi")));
}

static void varint_sizes(void **state) {
  (void)state;
  static const struct {
    uint64_t value;
    size_t size;
  } rows[] = {{0, 1}, {1, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {UINT32_MAX, 5}, {UINT64_MAX, 10}};
  struct jg_buf buf;
  jg_buf_init(&buf, 64);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_wire_varint_size(rows[i].value), rows[i].size);
    jg_buf_clear(&buf);
    jg_wire_put_varint(&buf, rows[i].value);
    assert_int_equal(buf.len, rows[i].size);
  }
  for (unsigned bit = 0; bit < 64; bit++) {
    jg_buf_clear(&buf);
    jg_wire_put_varint(&buf, UINT64_C(1) << bit);
    assert_int_equal(buf.len, jg_wire_varint_size(UINT64_C(1) << bit));
  }
  jg_buf_done(&buf);
}

static void writers_write_the_wire_format(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 1000);
  jg_wire_put_uint(&buf, 1, 150);
  jg_wire_put_uint(&buf, 1, 0);
  jg_wire_put_bytes(&buf, 16, JG_STR("ab"));
  jg_wire_put_bytes(&buf, 2, JG_STR_NONE);
  assert_bytes(&buf, BYTES("\x08\x96\x01\x82\x01\x02"
                           "ab\x12\x00"));
  jg_buf_clear(&buf);
  jg_wire_put_timestamp(&buf, 1, JG_TICKS_UNSET);
  assert_int_equal(buf.len, 0);
  jg_wire_put_timestamp(&buf, 1, 0);
  assert_bytes(&buf, BYTES("\x0a\x00"));
  jg_buf_clear(&buf);
  jg_wire_put_timestamp(&buf, 1, 150 * JG_TICKS_PER_SECOND + 1);
  assert_bytes(&buf, BYTES("\x0a\x05\x08\x96\x01\x10\x64"));
  jg_buf_clear(&buf);
  jg_wire_put_timestamp(&buf, 1, -1);
  assert_bytes(&buf, BYTES("\x0a\x11\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x9c\x93\xeb\xdc\x03"));
  jg_buf_done(&buf);
}

static void writers_stop_at_the_maximum(void **state) {
  (void)state;
  for (size_t max = 0; max < 7; max++) {
    struct jg_buf buf;
    jg_buf_init(&buf, max);
    jg_wire_put_bytes(&buf, 1, JG_STR("hello"));
    assert_true(buf.failed);
    assert_in_range(buf.len, 0, max);
    jg_buf_done(&buf);
  }
}

static void doubles_keep_their_bits(void **state) {
  (void)state;
  assert_true(jg_wire_double(UINT64_C(0x4048800000000000)) == 49.0);
  assert_true(jg_wire_double(0) == 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(next_reads_every_wire_type),    cmocka_unit_test(malformed_bytes_fail_and_stay_failed),
      cmocka_unit_test(overlong_varints_are_read),     cmocka_unit_test(varint_sizes),
      cmocka_unit_test(writers_write_the_wire_format), cmocka_unit_test(writers_stop_at_the_maximum),
      cmocka_unit_test(doubles_keep_their_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
