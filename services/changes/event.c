#include "services/changes/event.h"

#include "proto/codec/wire.h"
#include "services/changes/fields.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
/* Ids, token and numbers of the largest of them, and the tag around it. */
#define EVENT_BYTES_MAX 512

static void put_token(struct jg_buf *out, uint32_t number, const struct jg_token *token) {
  char text[JG_TOKEN_TEXT_MAX];
  jg_wire_put_bytes(out, number, jg_str_make(text, jg_token_format(token, text)));
}

static void put_uuid(struct jg_buf *out, uint32_t number, struct jg_uuid id) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  jg_wire_put_bytes(out, number, jg_str_make(text, sizeof(text)));
}

static void put_duration(struct jg_buf *out, uint32_t number, int64_t ns) {
  char memory[32];
  struct jg_buf duration = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  jg_wire_put_uint(&duration, JG_FIELD_SECONDS, (uint64_t)(ns / NS_PER_SECOND));
  jg_wire_put_uint(&duration, JG_FIELD_NANOS, (uint64_t)(ns % NS_PER_SECOND));
  jg_wire_put_bytes(out, number, jg_buf_str(&duration));
}

static struct jg_bytes *wrap(uint32_t number, const struct jg_buf *event) {
  JG_ASSERT(!event->failed);
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  jg_wire_put_bytes(&out, number, jg_buf_str(event));
  JG_ASSERT(!out.failed);
  return jg_bytes_create(jg_buf_str(&out));
}

struct jg_bytes *jg_event_opened(const struct jg_token *token, const struct jg_token *at, struct jg_uuid stream_id,
                                 int64_t heartbeat_ns) {
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  put_uuid(&out, JG_FIELD_OPENED_STREAM_ID, stream_id);
  put_duration(&out, JG_FIELD_OPENED_HEARTBEAT, heartbeat_ns);
  put_uuid(&out, JG_FIELD_OPENED_EPOCH, at->epoch);
  put_token(&out, JG_FIELD_OPENED_TOKEN, token);
  jg_wire_put_uint(&out, JG_FIELD_OPENED_REVISION, (uint64_t)at->revision);
  return wrap(JG_FIELD_RESPONSE_OPENED, &out);
}

struct jg_bytes *jg_event_bookmark(const struct jg_token *token, int64_t now_ticks) {
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  put_token(&out, JG_FIELD_BOOKMARK_TOKEN, token);
  jg_wire_put_uint(&out, JG_FIELD_BOOKMARK_REVISION, (uint64_t)token->revision);
  jg_wire_put_timestamp(&out, JG_FIELD_BOOKMARK_TIME, now_ticks);
  return wrap(JG_FIELD_RESPONSE_BOOKMARK, &out);
}

struct jg_bytes *jg_event_drain(const struct jg_token *token, int64_t retry_delay_ms) {
  JG_ASSERT(retry_delay_ms > 0);
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  put_token(&out, JG_FIELD_DRAIN_TOKEN, token);
  put_duration(&out, JG_FIELD_DRAIN_RETRY_DELAY, retry_delay_ms * NS_PER_MS);
  return wrap(JG_FIELD_RESPONSE_DRAIN, &out);
}

struct jg_bytes *jg_event_reset(int64_t oldest_revision, int64_t newest_revision) {
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  jg_wire_put_bytes(&out, JG_FIELD_RESET_REASON, jg_str_from_cstr(jg_reason_name(JG_REASON_HISTORY_LOST)));
  jg_wire_put_uint(&out, JG_FIELD_RESET_OLDEST, (uint64_t)oldest_revision);
  jg_wire_put_uint(&out, JG_FIELD_RESET_NEWEST, (uint64_t)newest_revision);
  return wrap(JG_FIELD_RESPONSE_RESET, &out);
}

struct jg_bytes *jg_event_synced(const struct jg_token *token) {
  char memory[EVENT_BYTES_MAX];
  struct jg_buf out = {.data = memory, .capacity = sizeof(memory), .bytes_max = sizeof(memory)};
  put_token(&out, JG_FIELD_SYNCED_TOKEN, token);
  jg_wire_put_uint(&out, JG_FIELD_SYNCED_REVISION, (uint64_t)token->revision);
  return wrap(JG_FIELD_RESPONSE_SYNCED, &out);
}
