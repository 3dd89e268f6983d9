#include "services/changes/batch.h"

#include "proto/codec/wire.h"
#include "services/changes/fields.h"

/* Appends into room that was made for exactly this. */
static struct jg_buf window(struct jg_bytes *bytes) {
  return (struct jg_buf){.data = bytes->data, .capacity = bytes->len, .bytes_max = bytes->len};
}

static size_t field_size(uint32_t number, size_t len) {
  return jg_wire_varint_size((uint64_t)number << 3) + jg_wire_varint_size(len) + len;
}

struct jg_batch jg_batch_join(const struct jg_token *token, const struct jg_str *bodies, size_t count, int64_t after,
                              int64_t through) {
  JG_ASSERT(after < through && (token == NULL || token->revision == through));
  char memory[JG_TOKEN_TEXT_MAX];
  struct jg_str text = JG_STR_NONE;
  if (token != NULL) {
    text = jg_str_make(memory, jg_token_format(token, memory));
  }
  size_t body_len = 0;
  for (size_t i = 0; i < count; i++) {
    body_len += bodies[i].len;
  }
  size_t inner = body_len + (token != NULL ? field_size(JG_FIELD_CHANGES_TOKEN, text.len) : 0);
  struct jg_bytes *bytes = jg_bytes_create_room(field_size(JG_FIELD_RESPONSE_CHANGES, inner));
  struct jg_buf out = window(bytes);
  jg_wire_put_tag(&out, JG_FIELD_RESPONSE_CHANGES, JG_WIRE_LEN);
  jg_wire_put_varint(&out, inner);
  size_t body_at = out.len;
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_str(&out, bodies[i]);
  }
  if (token != NULL) {
    jg_wire_put_bytes(&out, JG_FIELD_CHANGES_TOKEN, text);
  }
  JG_ASSERT(!out.failed && out.len == bytes->len);
  return (struct jg_batch){.after = after,
                           .through = through,
                           .resumable = token != NULL,
                           .body_at = body_at,
                           .body_len = body_len,
                           .bytes = bytes};
}

struct jg_str jg_batch_body_behind(const struct jg_batch *batch, int64_t revision, uint32_t *ret_change_count) {
  struct jg_str body = jg_str_sub(jg_bytes_str(batch->bytes), batch->body_at, batch->body_len);
  uint32_t count = batch->change_count;
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, body);
  struct jg_wire_field change;
  while (jg_wire_next(&reader, &change)) {
    struct jg_wire_reader inner;
    jg_wire_reader_init(&inner, change.bytes);
    struct jg_wire_field first;
    // Each change begins with its revision: encode.c writes it so.
    JG_ASSERT(jg_wire_next(&inner, &first) && first.number == JG_FIELD_CHANGE_REVISION);
    if ((int64_t)first.value > revision) {
      break;
    }
    body = reader.rest;
    count--;
  }
  JG_ASSERT(!reader.failed);
  *ret_change_count = count;
  return body;
}
