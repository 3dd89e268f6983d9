/* Any query string: numbers are in range, the token is UTF-8 without NUL, refusals say why; decoding undoes escaping. */
#include "bridge/odata/query.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "bridge/odata/percent.h"
#include "tests/fuzz/target.h"

static void check_escape(struct jg_str text, struct jg_arena *arena) {
  struct jg_buf escaped;
  jg_buf_init(&escaped, JG_FUZZ_ARENA_BYTES);
  jg_percent_encode(text, &escaped);
  JG_ASSERT(!escaped.failed);
  struct jg_str decoded = JG_STR_NONE;
  bool valid = jg_percent_decode(arena, jg_buf_str(&escaped), true, &decoded);
  JG_ASSERT(valid && jg_str_equal(decoded, text));
  jg_buf_done(&escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_odata_query query;
  struct jg_status status = jg_odata_query_parse(jg_str_make((const char *)data, size), &arena, &query);
  if (jg_status_ok(status)) {
    JG_ASSERT(!query.has_top || query.top >= 0);
    JG_ASSERT(!query.has_skip || (query.skip >= 0 && query.skip <= INT32_MAX));
    JG_ASSERT(jg_utf8_valid(query.skiptoken) && jg_str_find(query.skiptoken, '\0', 0) == SIZE_MAX);
    check_escape(query.skiptoken, &arena);
    for (size_t i = 0; i < query.custom_count; i++) {
      check_escape(query.custom[i].name, &arena);
      check_escape(query.custom[i].value, &arena);
    }
  } else {
    JG_ASSERT((status.code == JG_INVALID_ARGUMENT || status.code == JG_UNIMPLEMENTED) && status.message[0] != '\0');
  }
  jg_arena_done(&arena);
  return 0;
}
