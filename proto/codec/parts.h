/* An entity as it lies ready: its stored payload, and the expanded entities that go into it. What every encoder takes. */
#ifndef JG_PROTO_CODEC_PARTS_H
#define JG_PROTO_CODEC_PARTS_H

#include "base/str.h"
#include "proto/schema/schema.h"

/* One expanded embedded entity in both forms; the value of a cache entry, or a job's parent (without key). Borrowed. */
struct jg_expanded {
  struct jg_str proto; /* the message's bytes, without a field tag */
  struct jg_str json;  /* the JSON object, compact */
  struct jg_str key;   /* its lookup key (code, reference_back_office), UTF-8 */
};

struct jg_parts {
  const struct jg_entity *entity;
  struct jg_str payload; /* bytes without embedded messages and without DERIVED_KEY members, fields ascending */
  /* By relation index; NULL: the relation is not set. Its node and its key member come from here. */
  const struct jg_expanded *relations[JG_RELATIONS_MAX];
  /* Job only: its parent, as a ParentJob, where that was asked for and there is one; else NULL. */
  const struct jg_expanded *parent;
  /* Job only: gRPC's own members; revision 0 is left out. */
  int64_t revision;
  struct jg_str etag;
};

#endif
