/* Jobs a second that one core encodes: prints a table `what jobs/s bytes`. Not a test. */
#include <stdio.h>
#include <time.h>

#include "proto/codec/json_decode.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/json_split.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/sample.h"

#define ARENA_BYTES (8u << 20)
#define OUT_BYTES (1u << 20)
#define ROUNDS 5
#define ROUND_NS INT64_C(300000000)

struct bench {
  struct jg_sample sample;
  struct jg_json_style style;
  struct jg_buf out;
  struct jg_arena scratch;
  struct jg_str text;
  ProtobufCMessage *message;
};

static void json_fragments(struct bench *bench) {
  jg_json_encode(&bench->style, jg_sample_job_parts(&bench->sample), JG_STR_NONE, true, &bench->out);
}

static void json_flat(struct bench *bench) {
  jg_json_encode(&bench->style, jg_sample_job_parts(&bench->sample), JG_STR_NONE, false, &bench->out);
}

static void json_all(struct bench *bench) {
  for (size_t i = 0; i + 1 < bench->sample.count; i++) {
    struct jg_sample_node *node = &bench->sample.nodes[i];
    jg_buf_clear(&node->json);
    jg_json_encode(&bench->style, &node->parts, JG_STR_NONE, true, &node->json);
    node->expanded.json = jg_buf_str(&node->json);
  }
  json_fragments(bench);
}

static void proto_fragments(struct bench *bench) {
  jg_proto_encode(jg_sample_job_parts(&bench->sample), true, &bench->out);
}

static void json_decode(struct bench *bench) {
  struct jg_json_decoded decoded;
  jg_arena_reset(&bench->scratch);
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), bench->text, &bench->scratch, &decoded);
  JG_ASSERT(jg_status_ok(status));
  bench->out.len = bench->text.len;
}

static struct jg_status count_job(struct jg_str text, int64_t number, int64_t line, void *data) {
  (void)number;
  (void)line;
  *(size_t *)data = text.len;
  return JG_STATUS_OK;
}

static void json_split(struct bench *bench) {
  struct jg_json_split *split = jg_json_split_create(OUT_BYTES);
  struct jg_status status = jg_json_split_feed(split, bench->text, &bench->scratch, count_job, &bench->out.len);
  JG_ASSERT(jg_status_ok(status));
  jg_json_split_destroy(split);
}

static void proto_unpack(struct bench *bench) {
  jg_arena_reset(&bench->scratch);
  struct jg_buf *out = &bench->out;
  struct jg_str packed = jg_buf_str(&bench->sample.nodes[bench->sample.count - 1].proto);
  ProtobufCMessage *message = NULL;
  struct jg_status status = jg_message_unpack(jg_entity(JG_KIND_JOB)->descriptor, packed, &bench->scratch, &message);
  JG_ASSERT(jg_status_ok(status));
  out->len = packed.len;
}

/* Time on a core: on a shared machine the clock on the wall counts the neighbours too. */
static int64_t cpu_ns(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);  // Cannot fail for this clock.
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The best of some rounds, for the neighbours also take caches. */
static void measure(const char *what, void (*run)(struct bench *bench), struct bench *bench) {
  double best = 0;
  size_t bytes = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int64_t start = cpu_ns();
    int64_t elapsed = 0;
    int64_t count = 0;
    while (elapsed < ROUND_NS) {
      for (int i = 0; i < 64; i++, count++) {
        jg_buf_clear(&bench->out);
        run(bench);
        bytes = bench->out.len;
      }
      elapsed = cpu_ns() - start;
    }
    double rate = (double)count * 1e9 / (double)elapsed;
    best = rate > best ? rate : best;
  }
  (void)printf("%-44s %10.0f jobs/s %7zu bytes\n", what, best, bytes);
}

int main(void) {
  static struct bench bench;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  jg_arena_init(&bench.scratch, ARENA_BYTES);
  jg_buf_init(&bench.out, OUT_BYTES);
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  bench.text = jg_sample_compact(text, &arena);
  jg_sample_init(&bench.sample, text, &arena);
  jg_sample_expand(&bench.sample, &bench.style);
  jg_proto_encode(jg_sample_job_parts(&bench.sample), true, &bench.sample.nodes[bench.sample.count - 1].proto);
  measure("JSON, embedded entities spliced", json_fragments, &bench);
  measure("JSON, every entity encoded", json_all, &bench);
  measure("JSON, without embedded entities", json_flat, &bench);
  measure("protobuf, embedded entities spliced", proto_fragments, &bench);
  measure("JSON decoded", json_decode, &bench);
  measure("JSON split", json_split, &bench);
  measure("protobuf unpacked", proto_unpack, &bench);
  bench.style.escape = JG_JSON_ESCAPE_ODATA;
  bench.style.date = JG_DATE_Z;
  measure("JSON spliced, OData escapes, Z dates", json_fragments, &bench);
  jg_sample_done(&bench.sample);
  jg_buf_done(&bench.out);
  jg_arena_done(&bench.scratch);
  jg_arena_done(&arena);
  return 0;
}
