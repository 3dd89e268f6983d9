/* Page tokens of lists: opaque text that binds tenant, filter and order and holds the last row's sort key, so that a page begins
 * behind it whatever was written meanwhile. Where a key is too long to be held, it counts rows instead. Thread: any. */
#ifndef JG_SERVICES_JOBS_PAGE_TOKEN_H
#define JG_SERVICES_JOBS_PAGE_TOKEN_H

#include "base/status.h"
#include "base/uuid.h"

struct jg_page_token {
  uint64_t filter_hash; /* of the canonical filter; 0: no filter */
  uint64_t order_hash;  /* of the canonical order; 0: by id */
  int64_t passed;       /* rows before the page, >= 0 */
  bool by_key;          /* the page begins behind id and keys; else behind so many rows */
  struct jg_uuid id;    /* of the last row */
  struct jg_str keys;   /* its values of the order's keys as bytes; empty if the order is by id */
};

/* Bytes of keys, at most: eight strings of 128 bytes with type and length. */
#define JG_PAGE_TOKEN_KEYS_MAX 1100u
/* Characters of a token with keys of that many bytes. */
#define JG_PAGE_TOKEN_LEN(keys_len) (((size_t)(keys_len) + 52u + 2u) / 3u * 4u)
#define JG_PAGE_TOKEN_LEN_MAX JG_PAGE_TOKEN_LEN(JG_PAGE_TOKEN_KEYS_MAX)

/* base64url without padding, with a check sum, NUL-terminated in the arena; data NULL at its cap. keys: up to KEYS_MAX. */
JG_MUST_CHECK struct jg_str jg_page_token_format(const struct jg_page_token *token, int64_t tenant,
                                                 struct jg_arena *arena);
/* False: garbage, another version, another tenant's, or the arena's cap. The keys live in the arena. */
JG_MUST_CHECK bool jg_page_token_parse(struct jg_str text, int64_t tenant, struct jg_arena *arena,
                                       struct jg_page_token *ret_token);

#endif
