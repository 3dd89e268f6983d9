/* Who calls: from a Basic credential to a tenant. Both doors ask here before anything else of a call is looked at.
 * I1 A verified credential is remembered for 60 s (a refused one for 2 s) by its HMAC under a key of this process, so hashing does
 *    not cost every call, and no password is kept. A removed user, or an old password, ends within 60 s.
 * I2 Hashing runs on threads of its own, behind a bounded queue: never on a loop or a completion queue.
 * I3 Concurrent calls with the same credential share one verification.
 * I4 Nobody learns from time or answer what was wrong: an unknown user or domain costs a hash too, and every refusal is the same.
 * I5 Only a credential that was refused is UNAUTHENTICATED; a record that cannot be read is UNAVAILABLE. */
#ifndef JG_SERVICES_IDENTITY_IDENTITY_H
#define JG_SERVICES_IDENTITY_IDENTITY_H

#include "storage/store.h"

struct jg_identity_service;
struct jg_identity_check;

#define JG_IDENTITY_REMEMBERED_MS 60000
#define JG_IDENTITY_REFUSED_MS 2000
/* Different credentials that wait for a hash; then UNAVAILABLE/OVERLOADED. */
#define JG_IDENTITY_QUEUE_MAX 64

struct jg_identity_options {
  struct jg_store *store;       /* borrows until destroy */
  const struct jg_clock *clock; /* borrows until destroy */
  struct jg_metrics *metrics;   /* borrows until destroy; NULL allowed */
  unsigned threads;             /* that hash: 1 to 16 */
  unsigned cost; /* of the hash that stands for unknown users: as in jg_password_hash; 0: as users have it */
};

/* Makes the key and starts the threads. Hashes once: some 100 ms. Thread: main. */
struct jg_identity_service *jg_identity_service_create(const struct jg_identity_options *options);
/* After what is queued. Nobody may ask any more. NULL is allowed. Thread: main. */
void jg_identity_service_destroy(struct jg_identity_service *service);

/* OK and the tenant; UNAUTHENTICATED: no credential, or not a valid one; UNAVAILABLE. Texts are static. */
struct jg_identity_verdict {
  struct jg_status status;
  int64_t tenant;
  int64_t until_ns; /* OK: monotonic; whoever stays longer is asked for again (I1) */
};
/* One question that waits; the caller's, stays put until done was called. */
struct jg_identity_wait {
  struct jg_identity_wait *next; /* the service's */
  /* Once, on a hashing thread, maybe before verify returns; must not block. The wait may be gone as soon as it was called. */
  void (*done)(struct jg_identity_wait *wait, struct jg_identity_verdict verdict);
};
/* authorization: the header's value; data NULL if there is none. Borrowed during the call. True: *ret_verdict is the answer.
 * False: wait->done will be called. Thread: any; does not block. */
JG_MUST_CHECK bool jg_identity_verify(struct jg_identity_service *service, struct jg_str authorization,
                                      struct jg_identity_wait *wait, struct jg_identity_verdict *ret_verdict);

#endif
