/* One load per key at a time in a process (C3): who comes first loads, who comes while it does waits for it, for a while.
 * A lock is held for a look-up in a short list; nothing is called under it. Thread: any that may block. */
#ifndef JG_CACHE_FLIGHT_H
#define JG_CACHE_FLIGHT_H

#include "cache/cache.h"

struct jg_flights;

struct jg_flights *jg_flights_create(struct jg_metrics *metrics);
void jg_flights_destroy(struct jg_flights *flights); /* NULL is allowed; nobody may load or wait */

/* True: the caller loads, and ends it by jg_flight_end, whatever comes of it. False: another thread was loading; *ret_value is
 * what came of it, a reference that the caller owns, or NULL: it failed or took longer than wait_ns (0: does not wait), and the
 * caller then loads for itself without telling anybody. */
bool jg_flight_begin(struct jg_flights *flights, const struct jg_cache_key *key, int64_t wait_ns,
                     struct jg_cache_value **ret_value);
/* value: NULL if nothing came of it. Borrows. */
void jg_flight_end(struct jg_flights *flights, const struct jg_cache_key *key, struct jg_cache_value *value);

#endif
