#include "proto/codec/message.h"

#include "google/protobuf/timestamp.pb-c.h"
#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message_internal.h"

/* Where the member's value lies in the message. */
#define FIELD(type, message, member) ((type *)(void *)((char *)(message) + (member)->offset))
#define FIELD_CONST(type, message, member) ((type const *)(const void *)((const char *)(message) + (member)->offset))
#define COUNT(message, member) ((size_t *)(void *)((char *)(message) + (member)->count_offset))
#define COUNT_CONST(message, member) ((const size_t *)(const void *)((const char *)(message) + (member)->count_offset))

static const char zero_guid[] = "00000000-0000-0000-0000-000000000000";

static void *arena_alloc(void *data, size_t bytes) {
  return jg_arena_alloc(data, bytes);
}

static void arena_free(void *data, void *memory) {
  (void)data;  // The arena ends as a whole.
  (void)memory;
}

ProtobufCAllocator *jg_message_allocator(struct jg_arena *arena) {
  ProtobufCAllocator *allocator = jg_arena_alloc(arena, sizeof(*allocator));
  if (allocator != NULL) {
    *allocator = (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
  }
  return allocator;
}

ProtobufCMessage *jg_message_new(const ProtobufCMessageDescriptor *descriptor, struct jg_arena *arena) {
  ProtobufCMessage *message = jg_arena_alloc(arena, descriptor->sizeof_message);
  if (message != NULL) {
    protobuf_c_message_init(descriptor, message);
  }
  return message;
}

struct jg_status jg_message_unpack(const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes,
                                   struct jg_arena *arena, ProtobufCMessage **ret_message) {
  struct jg_str checked = JG_STR_NONE;
  JG_RETURN_IF_ERROR(jg_message_check(descriptor, bytes, arena, &checked));
  ProtobufCAllocator allocator = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
  bool failed_before = arena->failed;
  arena->failed = false;
  ProtobufCMessage *message =
      protobuf_c_message_unpack(descriptor, &allocator, checked.len, (const uint8_t *)checked.data);
  bool met_cap = arena->failed;
  arena->failed = met_cap || failed_before;
  if (message == NULL) {
    return met_cap ? jg_message_too_large()
                   : jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the message is malformed");
  }
  *ret_message = message;
  return JG_STATUS_OK;
}

struct jg_str jg_message_pack(const ProtobufCMessage *message, struct jg_arena *arena) {
  size_t bytes = protobuf_c_message_get_packed_size(message);
  uint8_t *data = jg_arena_alloc(arena, bytes);
  if (data == NULL) {
    return JG_STR_NONE;
  }
  size_t written = protobuf_c_message_pack(message, data);
  JG_ASSERT(written == bytes);
  return jg_str_make((const char *)data, bytes);
}

/* Items without the fields that we don't know: those would come back under a later schema's numbers. */
static bool drop_unknown_of_items(ProtobufCMessage *message, const struct jg_member *member, struct jg_arena *arena) {
  size_t count = *COUNT(message, member);
  ProtobufCMessage **items = *FIELD(ProtobufCMessage **, message, member);
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    any = any || items[i]->n_unknown_fields != 0;
  }
  if (!any) {
    return true;
  }
  ProtobufCMessage **copies = jg_arena_alloc(arena, count * sizeof(ProtobufCMessage *));
  for (size_t i = 0; i < count && copies != NULL; i++) {
    size_t bytes = items[i]->descriptor->sizeof_message;
    copies[i] = jg_arena_alloc(arena, bytes);
    if (copies[i] == NULL) {
      return false;
    }
    memcpy(copies[i], items[i], bytes);
    copies[i]->n_unknown_fields = 0;
  }
  *FIELD(ProtobufCMessage **, message, member) = copies;
  return copies != NULL;
}

struct jg_str jg_message_pack_payload(const struct jg_entity *entity, const ProtobufCMessage *message,
                                      struct jg_arena *arena) {
  JG_ASSERT(message->descriptor == entity->descriptor);
  size_t bytes = entity->descriptor->sizeof_message;
  ProtobufCMessage *copy = jg_arena_alloc(arena, bytes);
  if (copy == NULL) {
    return JG_STR_NONE;
  }
  memcpy(copy, message, bytes);
  copy->n_unknown_fields = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if (member->type == JG_TYPE_ENTITY || (member->flags & JG_MEMBER_DERIVED_KEY) != 0) {
      jg_member_clear(copy, member);
    } else if (member->type == JG_TYPE_ENTITY_LIST && !drop_unknown_of_items(copy, member, arena)) {
      return JG_STR_NONE;
    }
  }
  if (entity->kind == JG_KIND_JOB) {
    Jobgate__V1__Job *job = (Jobgate__V1__Job *)copy;
    job->revision = 0;
    job->etag = (char *)protobuf_c_empty_string;
  }
  return jg_message_pack(copy, arena);
}

struct jg_str jg_member_str(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_STRING || member->type == JG_TYPE_GUID);
  return jg_str_from_cstr(*FIELD_CONST(char *, message, member));
}

int32_t jg_member_int(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_INTEGER);
  return *FIELD_CONST(int32_t, message, member);
}

bool jg_member_bool(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_BOOL);
  return *FIELD_CONST(protobuf_c_boolean, message, member) != 0;
}

double jg_member_decimal(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_DECIMAL);
  return *FIELD_CONST(double, message, member);
}

const Google__Protobuf__Timestamp *jg_member_timestamp(const ProtobufCMessage *message,
                                                       const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_DATE);
  return *FIELD_CONST(Google__Protobuf__Timestamp *, message, member);
}

int64_t jg_member_date(const ProtobufCMessage *message, const struct jg_member *member) {
  const Google__Protobuf__Timestamp *timestamp = jg_member_timestamp(message, member);
  int64_t ticks = 0;
  return timestamp != NULL && jg_date_from_timestamp(timestamp->seconds, timestamp->nanos, &ticks) ? ticks
                                                                                                   : JG_TICKS_UNSET;
}

ProtobufCMessage *jg_member_node(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_ENTITY);
  return *FIELD_CONST(ProtobufCMessage *, message, member);
}

size_t jg_member_count(const ProtobufCMessage *message, const struct jg_member *member) {
  JG_ASSERT(member->type == JG_TYPE_ENTITY_LIST);
  return *COUNT_CONST(message, member);
}

ProtobufCMessage *jg_member_item(const ProtobufCMessage *message, const struct jg_member *member, size_t index) {
  JG_ASSERT(index < jg_member_count(message, member));
  return (*FIELD_CONST(ProtobufCMessage **, message, member))[index];
}

bool jg_member_set_str(ProtobufCMessage *message, const struct jg_member *member, struct jg_str value,
                       struct jg_arena *arena) {
  JG_ASSERT(member->type == JG_TYPE_STRING || member->type == JG_TYPE_GUID);
  char *text = (char *)protobuf_c_empty_string;
  if (value.len != 0) {
    JG_ASSERT(memchr(value.data, '\0', value.len) == NULL);
    struct jg_str copy = jg_arena_str(arena, value);
    if (copy.data == NULL) {
      return false;
    }
    text = (char *)copy.data;
  }
  *FIELD(char *, message, member) = text;
  return true;
}

void jg_member_set_int(ProtobufCMessage *message, const struct jg_member *member, int32_t value) {
  JG_ASSERT(member->type == JG_TYPE_INTEGER);
  *FIELD(int32_t, message, member) = value;
}

void jg_member_set_bool(ProtobufCMessage *message, const struct jg_member *member, bool value) {
  JG_ASSERT(member->type == JG_TYPE_BOOL);
  *FIELD(protobuf_c_boolean, message, member) = value;
}

void jg_member_set_decimal(ProtobufCMessage *message, const struct jg_member *member, double value) {
  JG_ASSERT(member->type == JG_TYPE_DECIMAL);
  *FIELD(double, message, member) = value;
}

bool jg_member_set_date(ProtobufCMessage *message, const struct jg_member *member, int64_t ticks,
                        struct jg_arena *arena) {
  JG_ASSERT(member->type == JG_TYPE_DATE);
  JG_ASSERT(ticks >= JG_TICKS_MIN && ticks <= JG_TICKS_MAX);
  Google__Protobuf__Timestamp *timestamp = NULL;
  if (ticks != JG_TICKS_UNSET) {
    timestamp = jg_arena_alloc(arena, sizeof(*timestamp));
    if (timestamp == NULL) {
      return false;
    }
    google__protobuf__timestamp__init(timestamp);
    jg_date_to_timestamp(ticks, &timestamp->seconds, &timestamp->nanos);
  }
  *FIELD(Google__Protobuf__Timestamp *, message, member) = timestamp;
  return true;
}

void jg_member_set_node(ProtobufCMessage *message, const struct jg_member *member, ProtobufCMessage *node) {
  JG_ASSERT(member->type == JG_TYPE_ENTITY);
  *FIELD(ProtobufCMessage *, message, member) = node;
}

void jg_member_set_items(ProtobufCMessage *message, const struct jg_member *member, ProtobufCMessage **items,
                         size_t count) {
  JG_ASSERT(member->type == JG_TYPE_ENTITY_LIST);
  *FIELD(ProtobufCMessage **, message, member) = count > 0 ? items : NULL;
  *COUNT(message, member) = count;
}

void jg_member_clear(ProtobufCMessage *message, const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID:
      *FIELD(char *, message, member) = (char *)protobuf_c_empty_string;
      break;
    case JG_TYPE_INTEGER:
      jg_member_set_int(message, member, 0);
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(message, member, false);
      break;
    case JG_TYPE_DATE:
      *FIELD(Google__Protobuf__Timestamp *, message, member) = NULL;
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(message, member, 0);
      break;
    case JG_TYPE_ENTITY:
      jg_member_set_node(message, member, NULL);
      break;
    case JG_TYPE_ENTITY_LIST:
      jg_member_set_items(message, member, NULL, 0);
      break;
  }
}

bool jg_member_filled(const ProtobufCMessage *message, const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      return jg_member_str(message, member).len != 0;
    case JG_TYPE_GUID: {
      struct jg_str guid = jg_member_str(message, member);
      return guid.len != 0 && !jg_str_equal(guid, jg_str_make(zero_guid, sizeof(zero_guid) - 1));
    }
    case JG_TYPE_INTEGER:
      return jg_member_int(message, member) != 0;
    case JG_TYPE_BOOL:
      return jg_member_bool(message, member);
    case JG_TYPE_DATE:
      return jg_member_date(message, member) != JG_TICKS_UNSET;
    case JG_TYPE_DECIMAL:
      return jg_member_decimal(message, member) != 0;
    case JG_TYPE_ENTITY:
      return jg_member_node(message, member) != NULL;
    case JG_TYPE_ENTITY_LIST:
      return jg_member_count(message, member) != 0;
  }
  return false;
}

static bool equal_scalar(const ProtobufCMessage *a, const ProtobufCMessage *b, const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      return jg_str_equal(jg_member_str(a, member), jg_member_str(b, member));
    case JG_TYPE_GUID:
      return jg_str_equal(jg_member_str(a, member), jg_member_str(b, member)) ||
             (!jg_member_filled(a, member) && !jg_member_filled(b, member));
    case JG_TYPE_INTEGER:
      return jg_member_int(a, member) == jg_member_int(b, member);
    case JG_TYPE_BOOL:
      return jg_member_bool(a, member) == jg_member_bool(b, member);
    case JG_TYPE_DATE:
      return jg_member_date(a, member) == jg_member_date(b, member);
    case JG_TYPE_DECIMAL:
      return jg_member_decimal(a, member) == jg_member_decimal(b, member);
    default:
      return true;  // Nodes are never compared, and the items of a list hold no list.
  }
}

bool jg_member_equal(const ProtobufCMessage *a, const ProtobufCMessage *b, const struct jg_member *member) {
  if (member->type != JG_TYPE_ENTITY_LIST) {
    return equal_scalar(a, b, member);
  }
  size_t count = jg_member_count(a, member);
  if (count != jg_member_count(b, member)) {
    return false;
  }
  const struct jg_entity *target = jg_entity((enum jg_kind)member->target);
  JG_ASSERT(target != NULL);
  for (size_t item = 0; item < count; item++) {
    for (size_t i = 0; i < target->member_count; i++) {
      if (!equal_scalar(jg_member_item(a, member, item), jg_member_item(b, member, item), &target->members[i])) {
        return false;
      }
    }
  }
  return true;
}

void jg_member_share(ProtobufCMessage *to, const ProtobufCMessage *from, const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID:
      *FIELD(char *, to, member) = *FIELD_CONST(char *, from, member);
      break;
    case JG_TYPE_INTEGER:
      jg_member_set_int(to, member, jg_member_int(from, member));
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(to, member, jg_member_bool(from, member));
      break;
    case JG_TYPE_DATE:
      *FIELD(Google__Protobuf__Timestamp *, to, member) = *FIELD_CONST(Google__Protobuf__Timestamp *, from, member);
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(to, member, jg_member_decimal(from, member));
      break;
    case JG_TYPE_ENTITY:
      jg_member_set_node(to, member, jg_member_node(from, member));
      break;
    case JG_TYPE_ENTITY_LIST:
      jg_member_set_items(to, member, *FIELD_CONST(ProtobufCMessage **, from, member), jg_member_count(from, member));
      break;
  }
}
