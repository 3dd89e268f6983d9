#include "bridge/rest/change.h"

#include "base/compiler.h"
#include "proto/codec/json_reader.h"

static struct jg_status not_text(struct jg_arena *arena, const char *name) {
  return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name, "must be a string");
}

/* The value behind a name of ours. */
static struct jg_status take_text(struct jg_json_reader *reader, const char *name, struct jg_str *text) {
  enum jg_json_token token = jg_json_next(reader);
  if (token == JG_JSON_ERROR) {
    return jg_json_reader_status(reader);
  }
  if (token == JG_JSON_NULL) {
    return JG_STATUS_OK;
  }
  if (token != JG_JSON_STRING || jg_str_find(reader->text, '\0', 0) != SIZE_MAX) {
    return not_text(reader->arena, name);
  }
  *text = reader->text;
  return JG_STATUS_OK;
}

static struct jg_status take_member(struct jg_json_reader *reader, struct jg_rest_change *change) {
  static const char *const names[] = {"jobs_id", "target_job_status_id", "target_job_status_code"};
  struct jg_str *const texts[] = {&change->jobs_id, &change->target_id, &change->target_code};
  struct jg_str name = reader->text;
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    if (jg_str_equal_nocase(name, jg_str_from_cstr(names[i]))) {
      return take_text(reader, names[i], texts[i]);
    }
  }
  return jg_json_skip(reader, jg_json_next(reader)) ? JG_STATUS_OK : jg_json_reader_status(reader);
}

struct jg_status jg_rest_read_change(struct jg_str body, struct jg_arena *arena, struct jg_rest_change *ret_change) {
  struct jg_rest_change change = {.jobs_id = JG_STR_NONE};
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, body, arena);
  enum jg_json_token token = jg_json_next(&reader);
  if (token != JG_JSON_OBJECT_BEGIN) {
    return token == JG_JSON_ERROR
               ? jg_json_reader_status(&reader)
               : jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "the body must be a JSON object");
  }
  while ((token = jg_json_next(&reader)) == JG_JSON_NAME) {
    JG_RETURN_IF_ERROR(take_member(&reader, &change));
  }
  if (token != JG_JSON_OBJECT_END || jg_json_next(&reader) != JG_JSON_END) {
    return jg_json_reader_status(&reader);
  }
  if (reader.oddities != 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "the body holds text that is no Unicode");
  }
  *ret_change = change;
  return JG_STATUS_OK;
}
