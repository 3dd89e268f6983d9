#include "storage/columns.h"

#include "base/clock.h"
#include "proto/codec/date.h"
#include "proto/codec/wire.h"

/* Field numbers of members stay below this; beyond it are gRPC's own. */
#define NUMBER_MAX 100

static enum jg_column_type column_type(const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      return JG_COLUMN_TEXT;
    case JG_TYPE_GUID:
      return JG_COLUMN_GUID;
    case JG_TYPE_INTEGER:
    case JG_TYPE_BOOL:
    case JG_TYPE_DATE:
      return JG_COLUMN_INTEGER;
    case JG_TYPE_DECIMAL:
      return JG_COLUMN_REAL;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      break;
  }
  JG_ASSERT(!"an embedded entity has no column");
  return JG_COLUMN_INTEGER;
}

static struct jg_column absent(const struct jg_member *member) {
  return (struct jg_column){
      .member = member,
      .type = column_type(member),
      .integer = member->type == JG_TYPE_DATE ? JG_TICKS_UNSET : 0,
      .text = JG_STR(""),
  };
}

void jg_columns_init(const struct jg_entity *entity, struct jg_columns *ret_columns) {
  size_t count = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if ((member->flags & JG_MEMBER_COLUMN) == 0) {
      continue;
    }
    ret_columns->items[count++] = absent(member);
  }
  ret_columns->count = count;
}

static bool take_date(struct jg_str timestamp, int64_t *ret_ticks) {
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, timestamp);
  struct jg_wire_field field;
  int64_t seconds = 0;
  int32_t nanos = 0;
  while (jg_wire_next(&reader, &field)) {
    if (field.number == 1 && field.type == JG_WIRE_VARINT) {
      seconds = (int64_t)field.value;
    } else if (field.number == 2 && field.type == JG_WIRE_VARINT) {
      nanos = (int32_t)field.value;
    } else {
      return false;
    }
  }
  return !reader.failed && jg_date_from_timestamp(seconds, nanos, ret_ticks);
}

/* False if the field cannot be a value of that column. */
static bool take_field(struct jg_column *column, const struct jg_wire_field *field) {
  switch ((enum jg_type)column->member->type) {
    case JG_TYPE_STRING:
      column->text = field->bytes.len > 0 ? field->bytes : JG_STR("");
      return field->type == JG_WIRE_LEN;
    case JG_TYPE_GUID:
      column->guid = JG_UUID_ZERO;
      return field->type == JG_WIRE_LEN && (field->bytes.len == 0 || jg_uuid_parse(field->bytes, &column->guid));
    case JG_TYPE_INTEGER:
      column->integer = (int32_t)field->value;
      return field->type == JG_WIRE_VARINT;
    case JG_TYPE_BOOL:
      column->integer = field->value != 0;
      return field->type == JG_WIRE_VARINT;
    case JG_TYPE_DATE:
      return field->type == JG_WIRE_LEN && take_date(field->bytes, &column->integer);
    case JG_TYPE_DECIMAL:
      memcpy(&column->real, &field->value, sizeof(column->real));
      return field->type == JG_WIRE_FIXED64;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      break;
  }
  return false;
}

static struct jg_status malformed_value(void) {
  return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "a payload holds a malformed value of a filter column");
}

static struct jg_status malformed_payload(void) {
  return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "a payload is not well-formed");
}

struct jg_status jg_columns_take(const struct jg_entity *entity, struct jg_str payload,
                                 struct jg_columns *ret_columns) {
  jg_columns_init(entity, ret_columns);
  uint8_t slots[NUMBER_MAX];
  memset(slots, JG_NO_INDEX, sizeof(slots));
  for (size_t i = 0; i < ret_columns->count; i++) {
    uint32_t number = ret_columns->items[i].member->number;
    JG_ASSERT(number < NUMBER_MAX);
    slots[number] = (uint8_t)i;
  }
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, payload);
  struct jg_wire_field field;
  while (jg_wire_next(&reader, &field)) {
    if (field.number >= NUMBER_MAX || slots[field.number] == JG_NO_INDEX) {
      continue;
    }
    if (!take_field(&ret_columns->items[slots[field.number]], &field)) {
      return malformed_value();
    }
  }
  return reader.failed ? malformed_payload() : JG_STATUS_OK;
}

struct jg_status jg_columns_member(const struct jg_member *member, struct jg_str payload,
                                   struct jg_column *ret_column) {
  struct jg_column column = absent(member);
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, payload);
  struct jg_wire_field field;
  while (jg_wire_next(&reader, &field) && field.number <= member->number) {
    if (field.number == member->number && !take_field(&column, &field)) {
      return malformed_value();
    }
  }
  if (reader.failed) {
    return malformed_payload();
  }
  *ret_column = column;
  return JG_STATUS_OK;
}

const struct jg_column *jg_columns_find(const struct jg_columns *columns, uint8_t member_index) {
  for (size_t i = 0; i < columns->count; i++) {
    if (columns->items[i].member->index == member_index) {
      return &columns->items[i];
    }
  }
  return NULL;
}
