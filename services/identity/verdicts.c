#include "services/identity/verdicts.h"

#include <nettle/memops.h>

#define WAYS 8u

struct slot {
  uint8_t digest[JG_VERDICT_DIGEST_BYTES];
  int64_t expires_ns;
  int64_t tenant;
  enum jg_verdict verdict; /* NONE: empty */
};

struct jg_verdicts {
  size_t set_count;
  struct slot slots[];
};

struct jg_verdicts *jg_verdicts_create(size_t count) {
  JG_ASSERT(count > 0 && count % WAYS == 0);
  struct jg_verdicts *verdicts = jg_alloc_zero(1, sizeof(*verdicts) + count * sizeof(struct slot));
  verdicts->set_count = count / WAYS;
  return verdicts;
}

void jg_verdicts_destroy(struct jg_verdicts *verdicts) {
  jg_free(verdicts);
}

static size_t first_of(const struct jg_verdicts *verdicts, const uint8_t *digest) {
  uint64_t head;
  memcpy(&head, digest, sizeof(head));
  return (size_t)(head % verdicts->set_count) * WAYS;
}

static bool is_live(const struct slot *slot, int64_t now_ns) {
  return slot->verdict != JG_VERDICT_NONE && slot->expires_ns > now_ns;
}

static bool is_of(const struct slot *slot, const uint8_t *digest) {
  return slot->verdict != JG_VERDICT_NONE && memeql_sec(slot->digest, digest, JG_VERDICT_DIGEST_BYTES) != 0;
}

enum jg_verdict jg_verdicts_find(const struct jg_verdicts *verdicts, const uint8_t digest[JG_VERDICT_DIGEST_BYTES],
                                 int64_t now_ns, int64_t *ret_tenant, int64_t *ret_expires_ns) {
  const struct slot *set = &verdicts->slots[first_of(verdicts, digest)];
  for (size_t i = 0; i < WAYS; i++) {
    if (is_live(&set[i], now_ns) && is_of(&set[i], digest)) {
      if (set[i].verdict == JG_VERDICT_ACCEPTED) {
        *ret_tenant = set[i].tenant;
        *ret_expires_ns = set[i].expires_ns;
      }
      return set[i].verdict;
    }
  }
  return JG_VERDICT_NONE;
}

/* Its own slot, else one that is over, else the refusal that ends first, else (for an acceptance) what ends first. */
static struct slot *choose(struct slot *set, const uint8_t *digest, enum jg_verdict verdict, int64_t now_ns) {
  struct slot *refused = NULL, *accepted = NULL;
  for (size_t i = 0; i < WAYS; i++) {
    if (is_of(&set[i], digest)) {
      return &set[i];
    }
  }
  for (size_t i = 0; i < WAYS; i++) {
    if (!is_live(&set[i], now_ns)) {
      return &set[i];
    }
    struct slot **earliest = set[i].verdict == JG_VERDICT_REFUSED ? &refused : &accepted;
    if (*earliest == NULL || set[i].expires_ns < (*earliest)->expires_ns) {
      *earliest = &set[i];
    }
  }
  return refused != NULL ? refused : verdict == JG_VERDICT_ACCEPTED ? accepted : NULL;
}

void jg_verdicts_put(struct jg_verdicts *verdicts, const uint8_t digest[JG_VERDICT_DIGEST_BYTES],
                     enum jg_verdict verdict, int64_t tenant, int64_t now_ns, int64_t expires_ns) {
  JG_ASSERT(verdict != JG_VERDICT_NONE);
  struct slot *slot = choose(&verdicts->slots[first_of(verdicts, digest)], digest, verdict, now_ns);
  if (slot == NULL) {
    return;
  }
  memcpy(slot->digest, digest, JG_VERDICT_DIGEST_BYTES);
  slot->expires_ns = expires_ns;
  slot->tenant = tenant;
  slot->verdict = verdict;
}
