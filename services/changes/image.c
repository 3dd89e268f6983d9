#include "services/changes/image.h"

#include "proto/codec/wire.h"

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of changes is too large");
}

static struct jg_status damaged(void) {
  return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a record of the log is damaged");
}

/* A field of which nothing is known stands for no member: it is kept where it is. */
static bool names(const struct jg_entity *entity, uint64_t members, uint32_t number) {
  const struct jg_member *member = jg_entity_member_by_number(entity, number);
  return member != NULL && (members >> member->index & 1) != 0;
}

static void put(struct jg_buf *out, const struct jg_wire_field *field) {
  jg_buf_append_str(out, field->raw);
}

/* Both payloads have their fields ascending, and so has what is made of them: whoever reads it may stop at the last field that
 * it needs. A changed member's fields come from the old payload alone, however many there are. */
static void merge(const struct jg_change *change, struct jg_wire_reader *after, struct jg_wire_reader *old,
                  struct jg_buf *out) {
  const struct jg_entity *entity = jg_entity(change->kind);
  struct jg_wire_field before;
  bool has_before = jg_wire_next(old, &before);
  struct jg_wire_field field;
  while (jg_wire_next(after, &field)) {
    for (; has_before && before.number <= field.number; has_before = jg_wire_next(old, &before)) {
      put(out, &before);
    }
    if (!names(entity, change->changed, field.number)) {
      put(out, &field);
    }
  }
  for (; has_before; has_before = jg_wire_next(old, &before)) {
    put(out, &before);
  }
}

struct jg_status jg_image_before(const struct jg_change *change, struct jg_arena *arena, struct jg_parts *ret_parts) {
  if (change->change == JG_CHANGE_CREATED) {
    *ret_parts = (struct jg_parts){0};
    return JG_STATUS_OK;
  }
  struct jg_str payload = change->old;
  if (change->change == JG_CHANGE_UPDATED) {
    size_t bytes_max = change->payload.len + change->old.len;
    char *memory = jg_arena_alloc(arena, bytes_max + 1);
    if (memory == NULL) {
      return no_memory();
    }
    struct jg_buf out = {.data = memory, .capacity = bytes_max, .bytes_max = bytes_max};
    struct jg_wire_reader after, old;
    jg_wire_reader_init(&after, change->payload);
    jg_wire_reader_init(&old, change->old);
    merge(change, &after, &old, &out);
    if (after.failed || old.failed) {
      return damaged();
    }
    JG_ASSERT(!out.failed);
    payload = jg_buf_str(&out);
  }
  *ret_parts = (struct jg_parts){.entity = jg_entity(change->kind), .payload = payload};
  return JG_STATUS_OK;
}

void jg_image_after(const struct jg_change *change, struct jg_parts *ret_parts) {
  *ret_parts = (struct jg_parts){0};
  if (change->change != JG_CHANGE_DELETED) {
    ret_parts->entity = jg_entity(change->kind);
    ret_parts->payload = change->payload;
  }
}

struct jg_status jg_image_cut(const struct jg_parts *parts, uint64_t members, struct jg_arena *arena,
                              struct jg_str *ret_payload) {
  size_t bytes_max = parts->payload.len;
  char *memory = jg_arena_alloc(arena, bytes_max + 1);
  if (memory == NULL) {
    return no_memory();
  }
  struct jg_buf out = {.data = memory, .capacity = bytes_max, .bytes_max = bytes_max};
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, parts->payload);
  for (struct jg_wire_field field; jg_wire_next(&reader, &field);) {
    if (names(parts->entity, members, field.number)) {
      put(&out, &field);
    }
  }
  if (reader.failed) {
    return damaged();
  }
  JG_ASSERT(!out.failed);
  *ret_payload = jg_buf_str(&out);
  return JG_STATUS_OK;
}
