#include <xxhash.h>

#include "base/compiler.h"
#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"
#include "services/jobs/jobs_internal.h"

/* How long a first answer is given again. */
#define KEPT_TICKS (INT64_C(24) * 60 * 60 * JG_TICKS_PER_SECOND)
/* One encoded form of a job. */
#define FORM_BYTES_MAX ((size_t)256 << 20)

struct jg_status jg_jobs_request_read(struct jg_call *call, const char *text, const ProtobufCMessage *message,
                                      struct jg_jobs_request *ret_request) {
  struct jg_jobs_request request = {.given = text[0] != '\0'};
  if (request.given) {
    JG_RETURN_IF_ERROR(jg_jobs_parse_id(call, text, "request_id", &request.id));
    struct jg_str bytes = jg_message_pack(message, &call->arena);
    if (bytes.data == NULL) {
      return jg_jobs_out_of_arena();
    }
    // No secret: who makes two requests collide deceives himself alone.
    XXH128_canonical_t hash;
    _Static_assert(sizeof(hash.digest) == sizeof(request.hash), "the hash fits");
    XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes.data, bytes.len));
    memcpy(request.hash, hash.digest, sizeof(request.hash));
  }
  *ret_request = request;
  return JG_STATUS_OK;
}

/* What the buffer holds, moved to the arena; the buffer is done. */
static struct jg_status take_buffer(struct jg_buf *buffer, struct jg_arena *arena, struct jg_str *ret_bytes) {
  struct jg_str bytes = buffer->failed ? JG_STR_NONE : jg_arena_str(arena, jg_buf_str(buffer));
  jg_buf_done(buffer);
  if (bytes.data == NULL) {
    return jg_jobs_out_of_arena();
  }
  *ret_bytes = bytes;
  return JG_STATUS_OK;
}

/* ---- an answer, whole, from its bytes ---- */

/* An embedded entity as it was then, in both forms. */
static struct jg_status expand_node(struct jg_call *call, const struct jg_entity *entity, const ProtobufCMessage *node,
                                    struct jg_expanded *expanded) {
  expanded->proto = jg_message_pack(node, &call->arena);
  if (expanded->proto.data == NULL) {
    return jg_jobs_out_of_arena();
  }
  struct jg_buf json;
  jg_buf_init(&json, FORM_BYTES_MAX);
  struct jg_status status = jg_json_encode_message(call->app->json_style, entity, node, &call->arena, &json);
  if (!jg_status_ok(status)) {
    jg_buf_done(&json);
    return status;
  }
  return take_buffer(&json, &call->arena, &expanded->json);
}

static struct jg_status read_answer(struct jg_call *call, struct jg_str bytes, struct jg_parts *ret_parts) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_arena *arena = &call->arena;
  ProtobufCMessage *message = NULL;
  struct jg_status status = jg_message_unpack(job->descriptor, bytes, arena, &message);
  if (!jg_status_ok(status)) {
    return arena->failed ? jg_jobs_out_of_arena()
                         : jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a kept answer is unreadable");
  }
  const Jobgate__V1__Job *typed = (const Jobgate__V1__Job *)message;
  struct jg_parts parts = {.entity = job,
                           .payload = jg_message_pack_payload(job, message, arena),
                           .revision = typed->revision,
                           .etag = jg_str_from_cstr(typed->etag)};
  struct jg_expanded *expanded = jg_arena_alloc_zero(arena, job->relation_count * sizeof(*expanded));
  if (parts.payload.data == NULL || expanded == NULL) {
    return jg_jobs_out_of_arena();
  }
  for (size_t i = 0; i < job->relation_count; i++) {
    const struct jg_relation *relation = &job->relations[i];
    expanded[i].key = jg_member_str(message, &job->members[relation->key_member]);
    const ProtobufCMessage *node =
        relation->node_member != JG_NO_INDEX ? jg_member_node(message, &job->members[relation->node_member]) : NULL;
    if (node != NULL) {
      JG_RETURN_IF_ERROR(expand_node(call, jg_entity((enum jg_kind)relation->target), node, &expanded[i]));
    }
    parts.relations[i] = node != NULL || expanded[i].key.len != 0 ? &expanded[i] : NULL;
  }
  *ret_parts = parts;
  return JG_STATUS_OK;
}

/* ---- in a write's run ---- */

struct jg_status jg_jobs_request_find(struct jg_call *call, struct jg_txn *txn, const struct jg_jobs_request *request,
                                      struct jg_parts *ret_parts) {
  struct jg_kept_answer answer;
  JG_RETURN_IF_ERROR(jg_txn_answer_get(txn, request->id, &call->arena, &answer));
  if (answer.created_ticks + KEPT_TICKS <= jg_clock_now_ticks(call->app->clock)) {
    return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "that answer is too old");
  }
  if (memcmp(answer.hash, request->hash, sizeof(answer.hash)) != 0) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "request_id",
                           "was used for another request");
  }
  return read_answer(call, answer.bytes, ret_parts);
}

struct jg_status jg_jobs_request_keep(struct jg_call *call, struct jg_txn *txn, const struct jg_jobs_request *request,
                                      const struct jg_parts *parts) {
  int64_t now = jg_clock_now_ticks(call->app->clock);
  struct jg_kept_answer answer = {.created_ticks = now};
  memcpy(answer.hash, request->hash, sizeof(answer.hash));
  struct jg_buf bytes;
  jg_buf_init(&bytes, FORM_BYTES_MAX);
  jg_proto_encode(parts, true, &bytes);
  JG_RETURN_IF_ERROR(take_buffer(&bytes, &call->arena, &answer.bytes));
  return jg_txn_answer_put(txn, request->id, &answer, now - KEPT_TICKS);
}
