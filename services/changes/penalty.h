/* How long a caller who repeats what cannot succeed waits for its answer: the first one comes at once, then each is held back for
 * twice as long, up to some seconds, so that an endless loop of reconnections costs little. A bounded table by a hash of what is
 * repeated. Thread: its owner's, or under its owner's lock. */
#ifndef JG_SERVICES_CHANGES_PENALTY_H
#define JG_SERVICES_CHANGES_PENALTY_H

#include <stdint.h>

#define JG_PENALTY_MS_FIRST 100
#define JG_PENALTY_MS_MAX 6400
/* Whoever stays away so long beyond what it was told begins anew. */
#define JG_PENALTY_FORGET_MS 60000

struct jg_penalties;

struct jg_penalties *jg_penalties_create(void);
void jg_penalties_destroy(struct jg_penalties *penalties); /* NULL is allowed */
/* It happened again. Returns how long this answer is to be held back, in ms; *ret_next_ms: what is to be waited for after it.
 * Whoever did wait that long is answered at once. Of very many things at once those seen longest ago are forgotten. */
int64_t jg_penalties_add(struct jg_penalties *penalties, uint64_t hash, int64_t now_ns, int64_t *ret_next_ms);

#endif
