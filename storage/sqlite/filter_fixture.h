/* For the tests of filters: a store of random jobs with their entities, the same jobs as messages, and random trees. The seed
 * makes everything. Failures of the fixture itself end the process. Thread: one. */
#ifndef JG_STORAGE_SQLITE_FILTER_FIXTURE_H
#define JG_STORAGE_SQLITE_FILTER_FIXTURE_H

#include "storage/store_fixture.h"

#define JG_FILTER_FIXTURE_JOBS 240
#define JG_FILTER_FIXTURE_ENTITIES 5 /* of each kind */

struct jg_filter_job {
  struct jg_uuid id;
  ProtobufCMessage *message; /* whole: with embedded entities, the keys emitted from them, and the parent */
  struct jg_str payload;
};

struct jg_filter_fixture {
  struct jg_fixture store;
  uint64_t random;
  ProtobufCMessage *entities[JG_KIND_COUNT][JG_FILTER_FIXTURE_ENTITIES];
  struct jg_filter_job jobs[JG_FILTER_FIXTURE_JOBS]; /* by id */
};

/* Opens the store and fills it. Another tenant has the same ids with other contents. */
void jg_filter_fixture_init(struct jg_filter_fixture *fixture, uint64_t seed);
void jg_filter_fixture_done(struct jg_filter_fixture *fixture);
/* A number below `below`. */
uint64_t jg_filter_fixture_random(struct jg_filter_fixture *fixture, uint64_t below);

/* Nodes in the arena. */
struct jg_filter *jg_filter_node(struct jg_arena *arena, enum jg_filter_kind kind, enum jg_filter_type type,
                                 const struct jg_filter *a, const struct jg_filter *b, const struct jg_filter *c);
/* A path of the job, by names with '/' between ("project/name"); in a lambda's body "$/field_name". */
struct jg_filter *jg_filter_member(struct jg_arena *arena, const char *path);
struct jg_filter *jg_filter_integer(struct jg_arena *arena, enum jg_filter_type type, int64_t value);
struct jg_filter *jg_filter_decimal(struct jg_arena *arena, double value);
struct jg_filter *jg_filter_text(struct jg_arena *arena, const char *text);
struct jg_filter *jg_filter_guid(struct jg_arena *arena, struct jg_uuid uuid);
struct jg_filter *jg_filter_null(struct jg_arena *arena);

/* One of the values that the jobs have, and some at the ends of the type. */
struct jg_filter *jg_filter_fixture_literal(struct jg_filter_fixture *fixture, struct jg_arena *arena,
                                            enum jg_filter_type type);
/* A typed, checked tree as the parser would make it, of that type and at most so deep. */
struct jg_filter *jg_filter_fixture_tree(struct jg_filter_fixture *fixture, struct jg_arena *arena,
                                         enum jg_filter_type type, unsigned depth);

#endif
