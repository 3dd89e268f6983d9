/* Hashes of passwords: yescrypt by libxcrypt, as crypt(5) spells them ("$y$..."). Slow on purpose (some 100 ms and 16 MB), so
 * never on a loop or a completion queue. Thread: any. */
#ifndef JG_SERVICES_IDENTITY_PASSWORD_H
#define JG_SERVICES_IDENTITY_PASSWORD_H

#include "base/str.h"

#define JG_PASSWORD_HASH_BYTES_MAX 384 /* CRYPT_OUTPUT_SIZE */

/* Makes a hash with a new salt; NUL-terminated. cost: 1 (tests) to 11; 0: the library's own. password: 1 to 255 bytes, no NUL. */
void jg_password_hash(struct jg_str password, unsigned cost, char out[JG_PASSWORD_HASH_BYTES_MAX]);
/* True if it is the password behind the hash; false too if the hash is none of crypt's. Compares in constant time. */
JG_MUST_CHECK bool jg_password_matches(struct jg_str password, struct jg_str hash);

#endif
