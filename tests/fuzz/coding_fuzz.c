/* Any bytes as a coded body: nothing beyond the cap is made, a refusal says why, and what is expanded comes back from our own
 * coding of it. */
#include "base/buf.h"
#include "bridge/coding/coding.h"
#include "tests/fuzz/target.h"

#define TEXT_BYTES_MAX ((size_t)64 << 10)

static void check_round_trip(enum jg_coding coding, struct jg_str text) {
  struct jg_buf coded, again;
  jg_buf_init(&coded, (size_t)4 * TEXT_BYTES_MAX);
  jg_buf_init(&again, TEXT_BYTES_MAX);
  jg_coding_compress(coding, JG_CODING_FAST, text, &coded);
  JG_ASSERT(!coded.failed);
  struct jg_status status = jg_coding_expand(coding, jg_buf_str(&coded), &again);
  JG_ASSERT(jg_status_ok(status) && jg_str_equal(text, jg_buf_str(&again)));
  jg_buf_done(&coded);
  jg_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const enum jg_coding codings[] = {JG_CODING_GZIP, JG_CODING_DEFLATE};
  struct jg_str coded = jg_str_make((const char *)data, size);
  enum jg_coding coding = codings[jg_fuzz_choice(&coded, JG_COUNT(codings))];
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES_MAX);
  struct jg_status status = jg_coding_expand(coding, coded, &text);
  JG_ASSERT(text.len <= TEXT_BYTES_MAX);
  if (jg_status_ok(status)) {
    check_round_trip(coding, jg_buf_str(&text));
  } else {
    JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.message[0] != '\0');
  }
  jg_buf_done(&text);
  return 0;
}
