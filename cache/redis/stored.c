#include "cache/redis/stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/base64url.h"
#include "base/compiler.h"

/* Big-endian: magic and format 8, form 8, tenant 8, kind 8, tree_revision 8, made 8, epoch 16, id 16, three lengths of 8; then
 * the three texts, and XXH3 of everything before. */
#define FORMAT JG_STR("jobgate\1")
#define HEADER_BYTES 104
#define CHECKSUM_BYTES 8

size_t jg_redis_key_print(const struct jg_cache_key *key, uint64_t form, char out[JG_REDIS_KEY_BYTES]) {
  char epoch[JG_UUID_TEXT_LEN], id[JG_UUID_TEXT_LEN];
  jg_uuid_format(key->epoch, epoch);
  jg_uuid_format(key->id, id);
  int len = snprintf(out, JG_REDIS_KEY_BYTES, "jobgate:1:%016" PRIx64 ":%" PRId64 ":%.*s:%d:%.*s:%" PRId64, form,
                     key->tenant, JG_UUID_TEXT_LEN, epoch, (int)key->kind, JG_UUID_TEXT_LEN, id, key->tree_revision);
  JG_ASSERT(len > 0 && len < JG_REDIS_KEY_BYTES);
  return (size_t)len;
}

/* Everything that must be as the reader expects it. */
static void write_header(const struct jg_cache_key *key, uint64_t form, uint8_t header[HEADER_BYTES]) {
  memcpy(header, FORMAT.data, FORMAT.len);
  jg_put_be64(header + 8, form);
  jg_put_be64(header + 16, (uint64_t)key->tenant);
  jg_put_be64(header + 24, (uint64_t)key->kind);
  jg_put_be64(header + 32, (uint64_t)key->tree_revision);
  memcpy(header + 48, key->epoch.bytes, sizeof(key->epoch.bytes));
  memcpy(header + 64, key->id.bytes, sizeof(key->id.bytes));
}

void jg_redis_stored_write(const struct jg_cache_value *value, uint64_t form, int64_t now_ticks, struct jg_buf *out) {
  const struct jg_expanded *expanded = &value->expanded;
  uint8_t header[HEADER_BYTES];
  uint8_t checksum[CHECKSUM_BYTES];
  size_t begin = out->len;
  write_header(&value->key, form, header);
  jg_put_be64(header + 40, (uint64_t)now_ticks);
  jg_put_be64(header + 80, expanded->proto.len);
  jg_put_be64(header + 88, expanded->json.len);
  jg_put_be64(header + 96, expanded->key.len);
  jg_buf_append(out, header, sizeof(header));
  jg_buf_append_str(out, expanded->proto);
  jg_buf_append_str(out, expanded->json);
  jg_buf_append_str(out, expanded->key);
  if (!out->failed) {
    jg_put_be64(checksum, XXH3_64bits(out->data + begin, out->len - begin));
    jg_buf_append(out, checksum, sizeof(checksum));
  }
}

struct jg_cache_value *jg_redis_stored_read(struct jg_str stored, const struct jg_cache_key *key, uint64_t form,
                                            int64_t *ret_made_ticks) {
  if (stored.len < HEADER_BYTES + CHECKSUM_BYTES) {
    return NULL;
  }
  const uint8_t *bytes = (const uint8_t *)stored.data;
  uint8_t expected[HEADER_BYTES];
  write_header(key, form, expected);
  if (memcmp(bytes, expected, 40) != 0 || memcmp(bytes + 48, expected + 48, 32) != 0) {
    return NULL;
  }
  size_t body = stored.len - CHECKSUM_BYTES;
  if (jg_take_be64(bytes + body) != XXH3_64bits(bytes, body)) {
    return NULL;
  }
  uint64_t proto = jg_take_be64(bytes + 80), json = jg_take_be64(bytes + 88), text = jg_take_be64(bytes + 96);
  size_t left = body - HEADER_BYTES;
  if (proto > left || json > left - proto || text != left - proto - json) {
    return NULL;
  }
  const char *next = stored.data + HEADER_BYTES;
  const struct jg_expanded expanded = {
      {next, (size_t)proto}, {next + proto, (size_t)json}, {next + proto + json, (size_t)text}};
  *ret_made_ticks = (int64_t)jg_take_be64(bytes + 40);
  return jg_cache_value_create(key, &expanded);
}
