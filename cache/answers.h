/* Ready answers: a job's whole encoded response message, kept in process with the revision at which it was read. Whoever asks
 * must know whether the job or anything it embeds changed since (jg_store_unchanged); an answer of which that is not certain is
 * not used. So an entry is never wrong, only useless.
 * A fixed number of slots in sets of four; a set's lock is held for a look-up. Thread: any. */
#ifndef JG_CACHE_ANSWERS_H
#define JG_CACHE_ANSWERS_H

#include "base/bytes.h"
#include "base/metric.h"
#include "base/uuid.h"

struct jg_answers;

struct jg_answer_key {
  int64_t tenant;
  struct jg_uuid id;
  bool nodes; /* with embedded entities */
};

/* bytes_max: of the messages kept. Borrows metrics until destroy; NULL allowed. */
struct jg_answers *jg_answers_create(size_t bytes_max, struct jg_metrics *metrics);
void jg_answers_destroy(struct jg_answers *answers); /* NULL is allowed; messages given out stay valid */
/* A reference that the caller owns, or NULL. *ret_revision: as of which revision it was read. */
struct jg_bytes *jg_answers_get(struct jg_answers *answers, const struct jg_answer_key *key, int64_t *ret_revision);
/* Keeps a reference of its own; an older answer of the key is replaced. What is too large for its share is not kept. */
void jg_answers_put(struct jg_answers *answers, const struct jg_answer_key *key, int64_t revision,
                    struct jg_bytes *message);

#endif
