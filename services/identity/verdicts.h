/* What was found out about credentials, by a keyed digest of them, for a while: a table of fixed size. Sets of a few slots by the
 * digest's first bytes, which nobody outside can choose. What a full set forgets is found out again. Thread: one at a time. */
#ifndef JG_SERVICES_IDENTITY_VERDICTS_H
#define JG_SERVICES_IDENTITY_VERDICTS_H

#include "base/str.h"

#define JG_VERDICT_DIGEST_BYTES 32u

struct jg_verdicts;

enum jg_verdict { JG_VERDICT_NONE, JG_VERDICT_REFUSED, JG_VERDICT_ACCEPTED };

/* count: credentials it can hold, a multiple of 8. */
struct jg_verdicts *jg_verdicts_create(size_t count);
void jg_verdicts_destroy(struct jg_verdicts *verdicts);
/* ACCEPTED sets *ret_tenant and *ret_expires_ns. */
enum jg_verdict jg_verdicts_find(const struct jg_verdicts *verdicts, const uint8_t digest[JG_VERDICT_DIGEST_BYTES],
                                 int64_t now_ns, int64_t *ret_tenant, int64_t *ret_expires_ns);
/* Keeps it until expires_ns. A refusal never displaces what was accepted, so wrong passwords cannot push right ones out. */
void jg_verdicts_put(struct jg_verdicts *verdicts, const uint8_t digest[JG_VERDICT_DIGEST_BYTES],
                     enum jg_verdict verdict, int64_t tenant, int64_t now_ns, int64_t expires_ns);

#endif
