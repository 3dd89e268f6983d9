#include "services/changes/token.h"

#include "base/base64url.h"
#include "base/compiler.h"

/* Bytes of a token, integers big-endian: version, flags, tenant, epoch, revision, filter hash, rid, check sum of what stands
 * before. A multiple of 3, so that base64url has no spare bits and each token has one spelling. */
#define TOKEN_VERSION 2
#define FLAGS_AT 1
#define TENANT_AT 2
#define EPOCH_AT 10
#define REVISION_AT 26
#define FILTER_AT 34
#define RID_AT 42
#define SUM_AT 50
#define TOKEN_BYTES 54
#define FLAG_IN_SNAPSHOT 1u
#define TOKEN_TEXT_LEN ((size_t)TOKEN_BYTES / 3 * 4)
_Static_assert(TOKEN_BYTES % 3 == 0, "no spare bits");
_Static_assert(TOKEN_TEXT_LEN <= JG_TOKEN_TEXT_MAX, "a token fits its buffer");

/* A dead token stays dead: whoever retries it in a loop is asked to do so slowly. */
#define HISTORY_LOST_RETRY_MS 5000

/* FNV-1a, folded: finds slips of copy and paste. It is no signature: a token opens nothing that its caller may not read. */
static uint32_t sum_of(const uint8_t bytes[SUM_AT]) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < SUM_AT; i++) {
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  }
  return (uint32_t)(hash ^ hash >> 32);
}

static void put_sum(uint8_t bytes[TOKEN_BYTES]) {
  uint32_t sum = sum_of(bytes);
  for (int i = 0; i < 4; i++) {
    bytes[SUM_AT + i] = (uint8_t)(sum >> (24 - 8 * i));
  }
}

size_t jg_token_format(const struct jg_token *token, char out[JG_TOKEN_TEXT_MAX]) {
  JG_ASSERT(token->revision >= 0 && token->rid >= 0 && (token->in_snapshot || token->rid == 0));
  uint8_t bytes[TOKEN_BYTES] = {TOKEN_VERSION, token->in_snapshot ? FLAG_IN_SNAPSHOT : 0};
  jg_put_be64(bytes + TENANT_AT, (uint64_t)token->tenant);
  memcpy(bytes + EPOCH_AT, token->epoch.bytes, sizeof(token->epoch.bytes));
  jg_put_be64(bytes + REVISION_AT, (uint64_t)token->revision);
  jg_put_be64(bytes + FILTER_AT, token->filter_hash);
  jg_put_be64(bytes + RID_AT, (uint64_t)token->rid);
  put_sum(bytes);
  jg_base64url_encode(bytes, sizeof(bytes), out);
  return TOKEN_TEXT_LEN;
}

/* Static texts: parsing has no arena, and none of the caller's bytes are repeated. */
#define INVALID_TOKEN_STATUS(name, text)                                                                          \
  static const struct jg_violation name##_violation = {.field = "resume_token", .message = text};                 \
  static const struct jg_status_details name##_details = {.violations = &name##_violation, .violation_count = 1}; \
  static const struct jg_status name = {JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "resume_token " text,       \
                                        &name##_details}

INVALID_TOKEN_STATUS(not_a_token, "must be a token of this server as it was sent");
INVALID_TOKEN_STATUS(other_version, "has a version that this server does not know");
INVALID_TOKEN_STATUS(other_tenant, "belongs to another tenant");
INVALID_TOKEN_STATUS(other_filter, "belongs to a stream with another filter");

struct jg_status jg_token_parse(struct jg_str text, struct jg_token *ret_token) {
  uint8_t bytes[TOKEN_BYTES];
  if (text.len != TOKEN_TEXT_LEN || !jg_base64url_decode(text, bytes)) {
    return not_a_token;
  }
  uint8_t again[TOKEN_BYTES];
  memcpy(again, bytes, sizeof(again));
  put_sum(again);
  if (memcmp(again, bytes, sizeof(again)) != 0) {
    return not_a_token;
  }
  if (bytes[0] != TOKEN_VERSION) {
    return other_version;
  }
  struct jg_token token = {.tenant = (int64_t)jg_take_be64(bytes + TENANT_AT),
                           .revision = (int64_t)jg_take_be64(bytes + REVISION_AT),
                           .filter_hash = jg_take_be64(bytes + FILTER_AT),
                           .in_snapshot = bytes[FLAGS_AT] == FLAG_IN_SNAPSHOT,
                           .rid = (int64_t)jg_take_be64(bytes + RID_AT)};
  memcpy(token.epoch.bytes, bytes + EPOCH_AT, sizeof(token.epoch.bytes));
  bool known = (bytes[FLAGS_AT] & ~FLAG_IN_SNAPSHOT) == 0 && (token.in_snapshot || token.rid == 0);
  if (!known || token.revision < 0 || token.rid < 0) {
    return not_a_token;
  }
  *ret_token = token;
  return JG_STATUS_OK;
}

static struct jg_status history_lost(struct jg_arena *arena, const char *message, int64_t oldest, int64_t newest) {
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (details != NULL) {
    details->retry_delay_ms = HISTORY_LOST_RETRY_MS;
    details->oldest_revision = oldest;
    details->newest_revision = newest;
  }
  return (struct jg_status){JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, message, details};
}

struct jg_status jg_token_check(const struct jg_token *token, const struct jg_token *expected, int64_t oldest_revision,
                                int64_t newest_revision, struct jg_arena *arena) {
  JG_ASSERT(oldest_revision >= 1 && newest_revision >= 0);
  if (token->tenant != expected->tenant) {
    return other_tenant;
  }
  if (token->filter_hash != expected->filter_hash) {
    return other_filter;
  }
  if (!jg_uuid_equal(token->epoch, expected->epoch)) {
    return history_lost(arena, "resume_token is of another history of this record, start anew", oldest_revision,
                        newest_revision);
  }
  if (token->revision > newest_revision) {
    return history_lost(arena, "resume_token is ahead of the log, start anew", oldest_revision, newest_revision);
  }
  // The first change that is wanted is the one behind the token's revision.
  if (token->revision < oldest_revision - 1) {
    return history_lost(arena, "resume_token is older than the log reaches, start anew", oldest_revision,
                        newest_revision);
  }
  return JG_STATUS_OK;
}
