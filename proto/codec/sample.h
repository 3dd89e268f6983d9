/* The contract's sample job as a record and a cache would hold it; for the tests and the benchmark of this folder.
 * Thread: its owner's. */
#ifndef JG_PROTO_CODEC_SAMPLE_H
#define JG_PROTO_CODEC_SAMPLE_H

#include "base/arena.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/parts.h"

/* tests/contract/jobs.sample.consistent.json and jobs.sample.json: a NUL follows the text. */
extern const unsigned char jg_sample_job[];
extern const size_t jg_sample_job_len;
extern const unsigned char jg_sample_raw_job[];
extern const size_t jg_sample_raw_job_len;

#define JG_SAMPLE_NODES_MAX 32

/* One entity of the job: its payload, and what was made of it. */
struct jg_sample_node {
  struct jg_parts parts;
  struct jg_expanded expanded;
  struct jg_buf json, proto;
};

struct jg_sample {
  struct jg_arena *arena;
  struct jg_sample_node nodes[JG_SAMPLE_NODES_MAX]; /* embedded entities first, the job last */
  struct jg_expanded keys[JG_SAMPLE_NODES_MAX];     /* of relations without a node */
  size_t count, key_count;
};

/* Decodes the text and takes it apart; aborts if it is no job. Nothing is expanded yet. */
void jg_sample_init(struct jg_sample *sample, struct jg_str text, struct jg_arena *arena);
void jg_sample_done(struct jg_sample *sample);
/* Makes JSON and protobuf of every embedded entity, each from its payload and what it embeds. */
void jg_sample_expand(struct jg_sample *sample, const struct jg_json_style *style);
/* The job, with all its relations. */
const struct jg_parts *jg_sample_job_parts(const struct jg_sample *sample);
/* The text without the white space between its tokens; lives in the arena. */
struct jg_str jg_sample_compact(struct jg_str text, struct jg_arena *arena);

#endif
