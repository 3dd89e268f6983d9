#include "server/grpc/details.h"

#include <inttypes.h>
#include <stdio.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/codec/message.h"

#define TYPE_PREFIX "type.googleapis.com/"
/* ErrorInfo, ResourceInfo, RetryInfo, PreconditionFailure, BadRequest */
#define DETAIL_COUNT_MAX 5
#define ENTRY_COUNT_MAX 3
#define KEY_OLDEST "oldest_revision"
#define KEY_NEWEST "newest_revision"
#define KEY_TOKEN "resume_token"
#define MS_PER_SECOND 1000
#define NS_PER_MS 1000000

struct packer {
  struct jg_arena *arena;
  Google__Protobuf__Any details[DETAIL_COUNT_MAX];
  Google__Protobuf__Any *list[DETAIL_COUNT_MAX];
  size_t count;
  bool failed;
};

/* The generated structs want pointers that could be written through; packing only reads. */
static char *mutable(const char *text) {
  return (char *)(uintptr_t)text;
}

struct jg_str jg_grpc_details_message(struct jg_status status) {
  struct jg_str message = jg_str_from_cstr(status.message);
  if (message.len > JG_GRPC_MESSAGE_BYTES_MAX) {
    message.len = JG_GRPC_MESSAGE_BYTES_MAX;
    while (message.len > 0 && ((unsigned char)message.data[message.len] & 0xC0) == 0x80) {
      message.len--;
    }
  }
  return message;
}

static void add(struct packer *packer, const char *type_url, const ProtobufCMessage *message) {
  struct jg_str bytes = jg_message_pack(message, packer->arena);
  if (bytes.data == NULL) {
    packer->failed = true;
    return;
  }
  JG_ASSERT(packer->count < DETAIL_COUNT_MAX);
  Google__Protobuf__Any *any = &packer->details[packer->count];
  google__protobuf__any__init(any);
  any->type_url = mutable(type_url);
  any->value = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
  packer->list[packer->count++] = any;
}

/* Texts of an ErrorInfo. */
struct metadata {
  Google__Rpc__ErrorInfo__MetadataEntry entries[ENTRY_COUNT_MAX];
  Google__Rpc__ErrorInfo__MetadataEntry *list[ENTRY_COUNT_MAX];
  size_t count;
};

static void add_entry(struct metadata *metadata, const char *key, const char *value) {
  JG_ASSERT(metadata->count < ENTRY_COUNT_MAX);
  Google__Rpc__ErrorInfo__MetadataEntry *entry = &metadata->entries[metadata->count];
  google__rpc__error_info__metadata_entry__init(entry);
  entry->key = mutable(key);
  entry->value = mutable(value);
  metadata->list[metadata->count++] = entry;
}

static void add_error_info(struct packer *packer, struct jg_status status) {
  char oldest[24];
  char newest[24];
  struct metadata metadata = {.count = 0};
  Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
  info.reason = mutable(jg_reason_name(status.reason));
  info.domain = mutable(JG_GRPC_DETAILS_DOMAIN);
  if (status.reason == JG_REASON_HISTORY_LOST && status.details != NULL) {
    // 20 characters at most.
    (void)snprintf(oldest, sizeof(oldest), "%" PRId64, status.details->oldest_revision);
    (void)snprintf(newest, sizeof(newest), "%" PRId64, status.details->newest_revision);
    add_entry(&metadata, KEY_OLDEST, oldest);
    add_entry(&metadata, KEY_NEWEST, newest);
  }
  if (status.details != NULL && status.details->resume_token != NULL) {
    add_entry(&metadata, KEY_TOKEN, status.details->resume_token);
  }
  info.metadata = metadata.list;
  info.n_metadata = metadata.count;
  add(packer, TYPE_PREFIX "google.rpc.ErrorInfo", &info.base);
}

static void add_retry_info(struct packer *packer, int64_t delay_ms) {
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  delay.seconds = delay_ms / MS_PER_SECOND;
  delay.nanos = (int32_t)(delay_ms % MS_PER_SECOND * NS_PER_MS);
  Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
  info.retry_delay = &delay;
  add(packer, TYPE_PREFIX "google.rpc.RetryInfo", &info.base);
}

/* description: borrowed. */
static void add_resource_info(struct packer *packer, const struct jg_status_details *details, const char *description) {
  Google__Rpc__ResourceInfo info = GOOGLE__RPC__RESOURCE_INFO__INIT;
  info.resource_type = mutable(details->resource_type);
  info.resource_name = mutable(details->resource_name);
  info.description = mutable(description);
  add(packer, TYPE_PREFIX "google.rpc.ResourceInfo", &info.base);
}

/* A list that ends before its bytes reach a limit. */
struct packed_list {
  size_t bytes, bytes_max;
};

static bool fits(struct packed_list *list, const ProtobufCMessage *item) {
  // A tag and a length of at most three bytes stand before each.
  list->bytes += protobuf_c_message_get_packed_size(item) + 4;
  return list->bytes <= list->bytes_max;
}

/* What of the state stands in the way: members whose value it does not allow, else the resource. */
static void add_preconditions(struct packer *packer, struct jg_status status, const char *message, size_t bytes_max) {
  const struct jg_status_details *details = status.details;
  bool by_members = details != NULL && details->violation_count > 0;
  size_t count = by_members ? details->violation_count : 1;
  Google__Rpc__PreconditionFailure__Violation *violations = jg_arena_alloc(packer->arena, count * sizeof(*violations));
  Google__Rpc__PreconditionFailure__Violation **list = jg_arena_alloc(packer->arena, count * sizeof(void *));
  if (violations == NULL || list == NULL) {
    packer->failed = true;
    return;
  }
  Google__Rpc__PreconditionFailure failure = GOOGLE__RPC__PRECONDITION_FAILURE__INIT;
  struct packed_list room = {.bytes_max = bytes_max};
  const char *resource = details != NULL && details->resource_type != NULL ? details->resource_name : "";
  failure.violations = list;
  for (size_t i = 0; i < count; i++) {
    google__rpc__precondition_failure__violation__init(&violations[i]);
    violations[i].type = mutable(jg_reason_name(status.reason));
    violations[i].subject = mutable(by_members ? details->violations[i].field : resource);
    violations[i].description = mutable(by_members ? details->violations[i].message : message);
    list[i] = &violations[i];
    if (!fits(&room, &violations[i].base)) {
      break;
    }
    failure.n_violations++;
  }
  if (failure.n_violations > 0) {
    add(packer, TYPE_PREFIX "google.rpc.PreconditionFailure", &failure.base);
  }
}

/* As many of the first violations as fit into bytes_max. */
static void add_violations(struct packer *packer, const struct jg_status_details *details, size_t bytes_max) {
  size_t count = details->violation_count;
  Google__Rpc__BadRequest__FieldViolation *violations = jg_arena_alloc(packer->arena, count * sizeof(*violations));
  Google__Rpc__BadRequest__FieldViolation **list = jg_arena_alloc(packer->arena, count * sizeof(void *));
  if (violations == NULL || list == NULL) {
    packer->failed = true;
    return;
  }
  Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;
  struct packed_list room = {.bytes_max = bytes_max};
  request.field_violations = list;
  for (size_t i = 0; i < count; i++) {
    google__rpc__bad_request__field_violation__init(&violations[i]);
    violations[i].field = mutable(details->violations[i].field);
    violations[i].description = mutable(details->violations[i].message);
    list[i] = &violations[i];
    if (!fits(&room, &violations[i].base)) {
      break;
    }
    request.n_field_violations++;
  }
  if (request.n_field_violations > 0) {
    add(packer, TYPE_PREFIX "google.rpc.BadRequest", &request.base);
  }
}

/* What the parts so far leave of the limit for one more and its type's name. */
static size_t room_left(Google__Rpc__Status *packed, const struct packer *packer) {
  packed->n_details = packer->count;
  size_t used = google__rpc__status__get_packed_size(packed) + 64;
  JG_ASSERT(used < JG_GRPC_DETAILS_BYTES_MAX);  // The fixed parts and the message are far below, the lists stop before.
  return JG_GRPC_DETAILS_BYTES_MAX - used;
}

struct jg_str jg_grpc_details_pack(struct jg_status status, struct jg_arena *arena) {
  JG_ASSERT(!jg_status_ok(status));
  struct packer packer = {.arena = arena};
  const struct jg_status_details *details = status.details;
  bool has_violations = details != NULL && details->violation_count > 0;
  bool has_resource = details != NULL && details->resource_type != NULL;
  if (status.reason == JG_REASON_NONE && !has_violations && !has_resource &&
      (details == NULL || details->retry_delay_ms <= 0)) {
    return JG_STR_NONE;
  }
  struct jg_str message = jg_arena_str(arena, jg_grpc_details_message(status));
  if (message.data == NULL) {
    return JG_STR_NONE;
  }
  if (status.reason != JG_REASON_NONE) {
    add_error_info(&packer, status);
  }
  if (has_resource) {
    add_resource_info(&packer, details, message.data);
  }
  if (details != NULL && details->retry_delay_ms > 0) {
    add_retry_info(&packer, details->retry_delay_ms);
  }
  Google__Rpc__Status packed = GOOGLE__RPC__STATUS__INIT;
  packed.code = (int32_t)status.code;
  packed.message = mutable(message.data);
  packed.details = packer.list;
  if (!packer.failed && status.code == JG_FAILED_PRECONDITION && status.reason != JG_REASON_NONE) {
    add_preconditions(&packer, status, message.data, room_left(&packed, &packer) / 2);
  }
  if (!packer.failed && has_violations) {
    add_violations(&packer, details, room_left(&packed, &packer));
  }
  packed.n_details = packer.count;
  return packer.failed || packer.count == 0 ? JG_STR_NONE : jg_message_pack(&packed.base, arena);
}

static enum jg_reason reason_by_name(const char *name) {
  static const enum jg_reason reasons[] = {
#define REASON_VALUE(reason, http) JG_REASON_##reason,
      JG_REASON_TABLE(REASON_VALUE)
#undef REASON_VALUE
  };
  for (size_t i = 0; i < JG_COUNT(reasons); i++) {
    if (strcmp(jg_reason_name(reasons[i]), name) == 0) {
      return reasons[i];
    }
  }
  return JG_REASON_NONE;
}

static void read_error_info(const Google__Rpc__ErrorInfo *info, struct jg_status *status,
                            struct jg_status_details *details) {
  status->reason = reason_by_name(info->reason);
  for (size_t i = 0; i < info->n_metadata; i++) {
    struct jg_str value = jg_str_from_cstr(info->metadata[i]->value);
    bool oldest = strcmp(info->metadata[i]->key, KEY_OLDEST) == 0;
    bool newest = strcmp(info->metadata[i]->key, KEY_NEWEST) == 0;
    int64_t revision = 0;
    if (strcmp(info->metadata[i]->key, KEY_TOKEN) == 0) {
      details->resume_token = info->metadata[i]->value;
    } else if ((oldest || newest) && jg_parse_i64(value, &revision)) {
      *(oldest ? &details->oldest_revision : &details->newest_revision) = revision;
    }
  }
}

static void read_violations(const Google__Rpc__BadRequest *request, struct jg_status_details *details,
                            struct jg_arena *arena) {
  size_t count = request->n_field_violations;
  struct jg_violation *violations = jg_arena_alloc(arena, count * sizeof(*violations));
  if (violations == NULL) {
    return;
  }
  for (size_t i = 0; i < count; i++) {
    violations[i] =
        (struct jg_violation){request->field_violations[i]->field, request->field_violations[i]->description};
  }
  details->violations = violations;
  details->violation_count = count;
}

/* One detail, if it is of a known type and well-formed. */
static void read_detail(const Google__Protobuf__Any *any, struct jg_status *status, struct jg_status_details *details,
                        struct jg_arena *arena) {
  static const ProtobufCMessageDescriptor *const known[] = {
      &google__rpc__error_info__descriptor, &google__rpc__retry_info__descriptor,
      &google__rpc__resource_info__descriptor, &google__rpc__bad_request__descriptor};
  struct jg_str type = jg_str_from_cstr(any->type_url);
  struct jg_str value = jg_str_make((const char *)any->value.data, any->value.len);
  for (size_t i = 0; i < JG_COUNT(known); i++) {
    ProtobufCMessage *message = NULL;
    if (!jg_str_starts_with(type, JG_STR(TYPE_PREFIX)) ||
        !jg_str_equal(jg_str_sub(type, sizeof(TYPE_PREFIX) - 1, type.len), jg_str_from_cstr(known[i]->name)) ||
        !jg_status_ok(jg_message_unpack(known[i], value, arena, &message))) {
      continue;
    }
    if (known[i] == &google__rpc__error_info__descriptor) {
      read_error_info((const Google__Rpc__ErrorInfo *)message, status, details);
    } else if (known[i] == &google__rpc__bad_request__descriptor) {
      read_violations((const Google__Rpc__BadRequest *)message, details, arena);
    } else if (known[i] == &google__rpc__resource_info__descriptor) {
      details->resource_type = ((const Google__Rpc__ResourceInfo *)message)->resource_type;
      details->resource_name = ((const Google__Rpc__ResourceInfo *)message)->resource_name;
    } else if (((const Google__Rpc__RetryInfo *)message)->retry_delay != NULL) {
      const Google__Protobuf__Duration *delay = ((const Google__Rpc__RetryInfo *)message)->retry_delay;
      bool sane = delay->seconds >= 0 && delay->seconds < INT32_MAX && delay->nanos >= 0;
      details->retry_delay_ms = sane ? delay->seconds * MS_PER_SECOND + delay->nanos / NS_PER_MS : 0;
    }
  }
}

struct jg_status jg_grpc_details_unpack(enum jg_code code, struct jg_str message, struct jg_str bytes,
                                        struct jg_arena *arena) {
  struct jg_str text = jg_arena_str(arena, message);
  struct jg_status status = jg_status_make(code, JG_REASON_NONE, text.data != NULL ? text.data : jg_code_name(code));
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  ProtobufCMessage *packed = NULL;
  if (bytes.len == 0 || details == NULL ||
      !jg_status_ok(jg_message_unpack(&google__rpc__status__descriptor, bytes, arena, &packed))) {
    return status;
  }
  const Google__Rpc__Status *known = (const Google__Rpc__Status *)packed;
  for (size_t i = 0; i < known->n_details; i++) {
    read_detail(known->details[i], &status, details, arena);
  }
  status.details = details;
  return status;
}
