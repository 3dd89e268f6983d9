/* Basic credentials (RFC 7617) as the legacy contract spells them: base64("user:password@domain") (section 2.5).
 * The user ends at the first ':', the domain begins behind the last '@'; a password may hold both. Thread: any. */
#ifndef JG_SERVICES_IDENTITY_CREDENTIAL_H
#define JG_SERVICES_IDENTITY_CREDENTIAL_H

#include "base/str.h"

/* Each of the three parts has 1 to this many bytes of UTF-8 without control characters. */
#define JG_CREDENTIAL_PART_BYTES_MAX 255u
#define JG_CREDENTIAL_BYTES_MAX (3 * JG_CREDENTIAL_PART_BYTES_MAX + 2)
/* "Basic " and four characters for three bytes. */
#define JG_CREDENTIAL_HEADER_BYTES_MAX (6 + (JG_CREDENTIAL_BYTES_MAX + 2) / 3 * 4)

/* Plain value; the parts borrow from `text`, so it does not move. Holds a secret: jg_credential_done when it is no longer needed. */
struct jg_credential {
  struct jg_str user, password, domain;
  char text[(JG_CREDENTIAL_BYTES_MAX + 2) / 3 * 3]; /* whole groups of three */
};

/* Reads the value of an authorization header or metadata. False if it is malformed; the credential is then wiped. */
JG_MUST_CHECK bool jg_credential_parse(struct jg_str authorization, struct jg_credential *credential);
/* Wipes it. */
void jg_credential_done(struct jg_credential *credential);

/* Cuts "NAME@DOMAIN" at the last '@'. False unless both are parts of a credential and the name holds no ':'. */
JG_MUST_CHECK bool jg_credential_parse_user(struct jg_str text, struct jg_str *ret_user, struct jg_str *ret_domain);
/* A part of the right length and characters. */
JG_MUST_CHECK bool jg_credential_part_valid(struct jg_str part);
/* Writes the header's value, no NUL; returns its bytes. The parts must be valid. */
size_t jg_credential_format(struct jg_str user, struct jg_str password, struct jg_str domain,
                            char out[JG_CREDENTIAL_HEADER_BYTES_MAX]);

#endif
