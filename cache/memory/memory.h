/* The in-process level: hash tables in shards, bounded by bytes, emptied by CLOCK. A shard's lock is held for a look-up, an
 * insertion or the removal of a few entries; values are freed outside of it. Thread: any. */
#ifndef JG_CACHE_MEMORY_MEMORY_H
#define JG_CACHE_MEMORY_MEMORY_H

#include "base/metric.h"
#include "cache/level.h"

/* bytes_max: of all values and their entries, > 0. Each shard has its part; a value that does not fit into one is not kept.
 * metrics: borrows until destroy; NULL allowed. */
struct jg_cache_level *jg_cache_memory_create(size_t bytes_max, struct jg_metrics *metrics);

#endif
