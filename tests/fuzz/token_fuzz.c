/* Any text as a resume token: what is taken is exactly what we would write. Any token: its text is taken, and means it again. */
#include "services/changes/token.h"

#include "tests/fuzz/target.h"

static void check_text(struct jg_str text) {
  struct jg_token token;
  struct jg_status status = jg_token_parse(text, &token);
  if (jg_status_ok(status)) {
    char again[JG_TOKEN_TEXT_MAX];
    size_t len = jg_token_format(&token, again);
    JG_ASSERT(jg_str_equal(text, jg_str_make(again, len)));
  } else {
    JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.reason == JG_REASON_INVALID_TOKEN);
  }
}

/* bytes: of the members, cut or filled with zeros, then a place and a byte that goes there. */
static void check_token(struct jg_str bytes) {
  struct {
    uint64_t tenant, revision, filter_hash, rid;
    struct jg_uuid epoch;
    uint8_t in_snapshot, place, byte;
  } from = {0};
  memcpy(&from, bytes.data, bytes.len < sizeof from ? bytes.len : sizeof from);
  const struct jg_token token = {.tenant = (int64_t)from.tenant,
                                 .epoch = from.epoch,
                                 .revision = (int64_t)(from.revision & INT64_MAX),
                                 .filter_hash = from.filter_hash,
                                 .in_snapshot = (from.in_snapshot & 1) != 0,
                                 .rid = (from.in_snapshot & 1) != 0 ? (int64_t)(from.rid & INT64_MAX) : 0};
  char text[JG_TOKEN_TEXT_MAX];
  size_t len = jg_token_format(&token, text);
  struct jg_token again;
  struct jg_status status = jg_token_parse(jg_str_make(text, len), &again);
  JG_ASSERT(jg_status_ok(status) && again.tenant == token.tenant && again.revision == token.revision);
  JG_ASSERT(again.in_snapshot == token.in_snapshot && again.rid == token.rid);
  JG_ASSERT(again.filter_hash == token.filter_hash && memcmp(&again.epoch, &token.epoch, sizeof again.epoch) == 0);
  text[from.place % len] = (char)from.byte;
  check_text(jg_str_make(text, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str bytes = jg_str_make((const char *)data, size);
  if (jg_fuzz_choice(&bytes, 2) == 0 || bytes.len == 0) {
    check_text(bytes);
  } else {
    check_token(bytes);
  }
  return 0;
}
