/* A cached value as it lies in Redis, and its key's text. C7: a value says its format, what it was made by and its whole key,
 * and ends on a checksum; what does not fit in any of it is no value of ours. Thread: any. */
#ifndef JG_CACHE_REDIS_STORED_H
#define JG_CACHE_REDIS_STORED_H

#include "base/buf.h"
#include "cache/cache.h"

/* Room for the longest key. */
#define JG_REDIS_KEY_BYTES 192
/* Of a whole value; what is larger is not shared. */
#define JG_REDIS_VALUE_BYTES_MAX (1u << 20)

/* "jobgate:1:<form>:<tenant>:<epoch>:<kind>:<id>:<tree_revision>". Two programs that would write other bytes for the same entity
 * (another schema, another JSON style) have other forms, and so never see each other's values. Returns its length. */
size_t jg_redis_key_print(const struct jg_cache_key *key, uint64_t form, char out[JG_REDIS_KEY_BYTES]);

/* Appends the value. now_ticks: when it was made. */
void jg_redis_stored_write(const struct jg_cache_value *value, uint64_t form, int64_t now_ticks, struct jg_buf *out);
/* A new value that the caller owns, or NULL: damaged, of another format, form or key. *ret_made_ticks: when it was made. */
struct jg_cache_value *jg_redis_stored_read(struct jg_str stored, const struct jg_cache_key *key, uint64_t form,
                                            int64_t *ret_made_ticks);

#endif
