#include "services/identity/password.h"

#include <crypt.h>
#include <nettle/memops.h>

_Static_assert(JG_PASSWORD_HASH_BYTES_MAX == CRYPT_OUTPUT_SIZE, "room for any hash");

#define PASSWORD_BYTES_MAX 255

/* Runs crypt; false if it cannot. */
static bool run(struct jg_str password, const char *setting, char out[JG_PASSWORD_HASH_BYTES_MAX]) {
  JG_ASSERT(password.len > 0 && password.len <= PASSWORD_BYTES_MAX);
  JG_ASSERT(memchr(password.data, '\0', password.len) == NULL);
  char phrase[PASSWORD_BYTES_MAX + 1];
  memcpy(phrase, password.data, password.len);
  phrase[password.len] = '\0';
  struct crypt_data *data = jg_alloc_zero(1, sizeof(*data));
  const char *hash = crypt_r(phrase, setting, data);
  // On a failure it returns NULL or a text that begins with '*' (crypt(3)).
  bool ok = hash != NULL && hash[0] == '$';
  if (ok) {
    memcpy(out, hash, strlen(hash) + 1);
  }
  explicit_bzero(phrase, sizeof(phrase));
  explicit_bzero(data, sizeof(*data));
  jg_free(data);
  return ok;
}

void jg_password_hash(struct jg_str password, unsigned cost, char out[JG_PASSWORD_HASH_BYTES_MAX]) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  // Without bytes of ours it takes the system's random ones.
  const char *made = crypt_gensalt_rn("$y$", cost, NULL, 0, setting, sizeof(setting));
  JG_ASSERT(made != NULL);
  JG_ASSERT(run(password, setting, out));
}

bool jg_password_matches(struct jg_str password, struct jg_str hash) {
  char setting[JG_PASSWORD_HASH_BYTES_MAX], made[JG_PASSWORD_HASH_BYTES_MAX];
  if (hash.len == 0 || hash.len >= sizeof(setting) || memchr(hash.data, '\0', hash.len) != NULL) {
    return false;
  }
  memcpy(setting, hash.data, hash.len);
  setting[hash.len] = '\0';
  bool same = run(password, setting, made) && strlen(made) == hash.len && memeql_sec(made, hash.data, hash.len) != 0;
  explicit_bzero(made, sizeof(made));
  return same;
}
