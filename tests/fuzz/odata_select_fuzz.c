/* Any $select and $expand of any entity: refusals say why; what is shown is JSON, all of it if the shape says so, and the same
 * when it is cut again. */
#include "bridge/odata/select.h"

#include "base/compiler.h"
#include "bridge/odata/cut.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/sample.h"
#include "tests/fuzz/target.h"

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

/* A job with everything in it; of other kinds an entity that holds nothing. */
static void write_entity(const struct jg_entity *entity, struct jg_arena *arena, struct jg_buf *out) {
  if (entity->kind != JG_KIND_JOB) {
    const struct jg_parts parts = {.entity = entity};
    jg_json_encode(&style, &parts, JG_STR_NONE, true, out);
    return;
  }
  struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), arena);
  jg_sample_expand(&sample, &style);
  jg_json_encode(&style, jg_sample_job_parts(&sample), JG_STR_NONE, true, out);
  jg_sample_done(&sample);
}

static void check_json(struct jg_str json, struct jg_arena *arena) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, json, arena);
  enum jg_json_token token = jg_json_next(&reader);
  JG_ASSERT(token == JG_JSON_OBJECT_BEGIN);
  bool skipped = jg_json_skip(&reader, token);
  JG_ASSERT(skipped && jg_json_next(&reader) == JG_JSON_END);
}

static void check_shape(const struct jg_odata_shape *shape, struct jg_arena *arena) {
  struct jg_buf json, once, twice, list;
  jg_buf_init(&json, JG_FUZZ_ARENA_BYTES);
  jg_buf_init(&once, JG_FUZZ_ARENA_BYTES);
  jg_buf_init(&twice, JG_FUZZ_ARENA_BYTES);
  jg_buf_init(&list, JG_FUZZ_ARENA_BYTES);
  write_entity(shape->entity, arena, &json);
  jg_odata_cut(jg_buf_str(&json), shape, &once);
  jg_odata_cut(jg_buf_str(&once), shape, &twice);
  JG_ASSERT(!once.failed && jg_str_equal(jg_buf_str(&once), jg_buf_str(&twice)));
  JG_ASSERT(!shape->whole || jg_str_equal(jg_buf_str(&once), jg_buf_str(&json)));
  check_json(jg_buf_str(&once), arena);
  jg_odata_write_selection(shape, &list);
  JG_ASSERT((list.len != 0) == shape->listed && (list.len == 0 || list.data[list.len - 1] == ')'));
  jg_buf_done(&list);
  jg_buf_done(&twice);
  jg_buf_done(&once);
  jg_buf_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_str text = jg_str_make((const char *)data, size), expand;
  size_t choice = jg_fuzz_choice(&text, (size_t)(JG_KIND_COUNT - 1) * 2);
  struct jg_str select = jg_str_cut(text, '\n', &expand);
  const struct jg_odata_wish wish = {.select = select.len != 0 ? select : JG_STR_NONE,
                                     .expand = expand.len != 0 ? expand : JG_STR_NONE,
                                     .embed = (choice & 1) != 0};
  const struct jg_odata_shape *shape = NULL;
  struct jg_status status = jg_odata_shape_parse(&wish, jg_entity((enum jg_kind)(1 + choice / 2)), &arena, &shape);
  if (jg_status_ok(status)) {
    check_shape(shape, &arena);
  } else {
    JG_ASSERT((status.code == JG_INVALID_ARGUMENT || status.code == JG_UNIMPLEMENTED) && status.message[0] != '\0');
  }
  jg_arena_done(&arena);
  return 0;
}
