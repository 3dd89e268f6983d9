#include "proto/codec/proto_encode.h"
#include "proto/codec/proto_fit.h"
#include "proto/codec/wire.h"
#include "services/jobs/jobs_internal.h"

/* A job's tag and length in the response. */
#define FRAME_BYTES 6u
/* Its id among the reduced ones. */
#define ID_FIELD_BYTES (JG_UUID_TEXT_LEN + 2u)

char *jg_jobs_id_text(struct jg_call *call, struct jg_uuid id) {
  char *text = jg_arena_alloc(&call->arena, JG_UUID_TEXT_LEN + 1);
  if (text != NULL) {
    jg_uuid_format(id, text);
    text[JG_UUID_TEXT_LEN] = '\0';
  }
  return text;
}

/* False: out of the call's memory. */
static bool reduce(struct jg_call *call, struct jg_parts *job, struct jg_uuid id, enum jg_proto_fit fit,
                   struct jg_jobs_reduced *reduced) {
  char *text = jg_jobs_id_text(call, id);
  if (text == NULL || !jg_proto_reduce(job, id, fit, &call->arena)) {
    return false;
  }
  reduced->ids[reduced->count++] = text;
  return true;
}

struct jg_status jg_jobs_fit(struct jg_call *call, struct jg_jobs_page *page, bool nodes,
                             struct jg_jobs_reduced *ret_reduced) {
  struct jg_jobs_reduced reduced = {.ids = jg_arena_alloc(&call->arena, (page->count + 1) * sizeof(reduced.ids[0]))};
  if (reduced.ids == NULL) {
    return jg_jobs_out_of_arena();
  }
  size_t bytes = 0;
  size_t frame = FRAME_BYTES + ID_FIELD_BYTES;
  size_t job_bytes_max = page->bytes_max > frame ? page->bytes_max - frame : 0;
  for (size_t i = 0; i < page->count && page->bytes_max != 0; i++) {
    struct jg_parts *job = &page->parts[i];
    // REST writes answers of any size, and its clients take them.
    enum jg_proto_fit fit = call->takes_parts ? JG_PROTO_FIT_WHOLE : jg_proto_fit(job, nodes, job_bytes_max);
    if (fit != JG_PROTO_FIT_WHOLE) {
      bytes += ID_FIELD_BYTES;
      if (!reduce(call, job, page->rows[i].id, fit, &reduced)) {
        return jg_jobs_out_of_arena();
      }
    }
    size_t job_bytes = jg_proto_encode_size(job, nodes);
    bytes += 1 + jg_wire_varint_size(job_bytes) + job_bytes;
    if (bytes > page->bytes_max && i > 0) {
      page->count = i;
      reduced.count -= fit != JG_PROTO_FIT_WHOLE ? 1 : 0;
    }
  }
  *ret_reduced = reduced;
  return JG_STATUS_OK;
}
