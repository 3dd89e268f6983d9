#include "services/changes/batch.h"

#include "base/limits.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/wire.h"
#include "services/changes/shown.h"

/* Field numbers of job_service.proto. */
enum { RESPONSE_CHANGES = 2 };
enum { CHANGES_CHANGES = 1, CHANGES_RESUME_TOKEN = 2 };
enum {
  CHANGE_REVISION = 1,
  CHANGE_COMMIT_TIME = 2,
  CHANGE_KIND = 3,
  CHANGE_JOB = 4,
  CHANGE_CHANGED_FIELDS = 5,
  CHANGE_TRANSACTION_LAST = 6,
  CHANGE_TRACEPARENT = 7
};
enum { MASK_PATHS = 1 };

_Static_assert((int)JG_CHANGE_CREATED == (int)JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED,
               "kinds are sent as stored");
_Static_assert((int)JG_CHANGE_UPDATED == (int)JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED,
               "kinds are sent as stored");
_Static_assert((int)JG_CHANGE_DELETED == (int)JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED,
               "kinds are sent as stored");

/* Token, tags and lengths around the body. */
#define ENVELOPE_BYTES 256u
#define BODY_BYTES_MAX (JG_LIMIT_RESPONSE_BYTES - ENVELOPE_BYTES)
/* What a JobChange holds beside its job, generously: 64 paths of at most 64 bytes, the trace, numbers. */
#define CHANGE_BYTES_MAX 8192u
/* A traceparent has 55 characters (W3C trace context, section 3.2); whatever is much longer is not sent on. */
#define TRACE_BYTES_MAX 256u
/* Jobs expanded at once: few enough that a message which is full early has not expanded much for nothing. */
#define EXPAND_COUNT 32u

/* One page on its way into messages. */
struct encoder {
  const struct jg_batch_source *source;
  const struct jg_changes *changes;
  struct jg_arena *arena;
  struct jg_batches *batches;
  size_t batches_max;
  struct jg_buf body; /* of the message that is being filled */
  uint32_t change_count;
  int64_t after;       /* of that message */
  struct jg_buf piece; /* one JobChange without its job: what stands before it and what stands behind */
  /* The jobs expanded ahead: those of the changes in [expanded_from, expanded_to). */
  size_t expanded_to;
  const struct jg_parts *parts;
  size_t part_next;
};

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of changes is too large");
}

/* Appends into room that was made for exactly this. */
static struct jg_buf window(struct jg_bytes *bytes) {
  return (struct jg_buf){.data = bytes->data, .capacity = bytes->len, .bytes_max = bytes->len};
}

static size_t field_size(uint32_t number, size_t len) {
  return jg_wire_varint_size((uint64_t)number << 3) + jg_wire_varint_size(len) + len;
}

struct jg_batch jg_batch_join(const struct jg_token *token, const struct jg_str *bodies, size_t count, int64_t after,
                              int64_t through) {
  JG_ASSERT(after < through && (token == NULL || token->revision == through));
  char memory[JG_TOKEN_TEXT_MAX];
  struct jg_str text = JG_STR_NONE;
  if (token != NULL) {
    text = jg_str_make(memory, jg_token_format(token, memory));
  }
  size_t body_len = 0;
  for (size_t i = 0; i < count; i++) {
    body_len += bodies[i].len;
  }
  size_t inner = body_len + (token != NULL ? field_size(CHANGES_RESUME_TOKEN, text.len) : 0);
  struct jg_bytes *bytes = jg_bytes_create_room(field_size(RESPONSE_CHANGES, inner));
  struct jg_buf out = window(bytes);
  jg_wire_put_tag(&out, RESPONSE_CHANGES, JG_WIRE_LEN);
  jg_wire_put_varint(&out, inner);
  size_t body_at = out.len;
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_str(&out, bodies[i]);
  }
  if (token != NULL) {
    jg_wire_put_bytes(&out, CHANGES_RESUME_TOKEN, text);
  }
  JG_ASSERT(!out.failed && out.len == bytes->len);
  return (struct jg_batch){.after = after,
                           .through = through,
                           .resumable = token != NULL,
                           .body_at = body_at,
                           .body_len = body_len,
                           .bytes = bytes};
}

struct jg_str jg_batch_body_behind(const struct jg_batch *batch, int64_t revision, uint32_t *ret_change_count) {
  struct jg_str body = jg_str_sub(jg_bytes_str(batch->bytes), batch->body_at, batch->body_len);
  uint32_t count = batch->change_count;
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, body);
  struct jg_wire_field change;
  while (jg_wire_next(&reader, &change)) {
    struct jg_wire_reader inner;
    jg_wire_reader_init(&inner, change.bytes);
    struct jg_wire_field first;
    // Each change begins with its revision: put_change wrote it so.
    JG_ASSERT(jg_wire_next(&inner, &first) && first.number == CHANGE_REVISION);
    if ((int64_t)first.value > revision) {
      break;
    }
    body = reader.rest;
    count--;
  }
  JG_ASSERT(!reader.failed);
  *ret_change_count = count;
  return body;
}

static void put_mask(struct jg_buf *out, uint64_t changed) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  size_t len = 0;
  for (size_t i = 0; i < job->member_count; i++) {
    if (changed >> i & 1) {
      len += field_size(MASK_PATHS, job->members[i].proto_name.len);
    }
  }
  if (len == 0) {
    return;
  }
  jg_wire_put_tag(out, CHANGE_CHANGED_FIELDS, JG_WIRE_LEN);
  jg_wire_put_varint(out, len);
  for (size_t i = 0; i < job->member_count; i++) {
    if (changed >> i & 1) {
      jg_wire_put_bytes(out, MASK_PATHS, job->members[i].proto_name);
    }
  }
}

/* Is the change sent? */
static bool is_shown(const struct jg_batch_source *source, const struct jg_change *change) {
  return change->kind == JG_KIND_JOB && (!source->in_snapshot || change->rid <= source->passed_rid);
}

/* Last change that the stream sees of its request: what is not shown behind it does not count. */
static bool is_last(const struct encoder *encoder, size_t index) {
  const struct jg_changes *changes = encoder->changes;
  while (!changes->items[index].last && index + 1 < changes->count) {
    index++;
    if (is_shown(encoder->source, &changes->items[index])) {
      return false;
    }
  }
  return true;
}

/* Expands the jobs of the next changes from `index` on. */
static struct jg_status expand_ahead(struct encoder *encoder, size_t index) {
  const struct jg_changes *changes = encoder->changes;
  struct jg_job_row *rows = jg_arena_alloc(encoder->arena, EXPAND_COUNT * sizeof(*rows));
  struct jg_parts *parts = jg_arena_alloc(encoder->arena, EXPAND_COUNT * sizeof(*parts));
  if (rows == NULL || parts == NULL) {
    return no_memory();
  }
  size_t count = 0;
  size_t i = index;
  for (; i < changes->count && count < EXPAND_COUNT; i++) {
    const struct jg_change *change = &changes->items[i];
    if (is_shown(encoder->source, change) && change->change != JG_CHANGE_DELETED) {
      rows[count++] = (struct jg_job_row){
          .rid = change->rid, .revision = change->revision, .id = change->id, .payload = change->payload};
    }
  }
  const struct jg_expand_options options = {.tenant = encoder->source->key->tenant};
  JG_RETURN_IF_ERROR(
      jg_expand_jobs(encoder->source->expander, encoder->source->txn, &options, rows, count, encoder->arena, parts));
  encoder->expanded_to = i;
  encoder->parts = parts;
  encoder->part_next = 0;
  return JG_STATUS_OK;
}

/* The job of a change. */
static struct jg_status job_of(struct encoder *encoder, size_t index, struct jg_shown *ret_shown) {
  const struct jg_change *change = &encoder->changes->items[index];
  const struct jg_parts *job = NULL;
  if (change->change != JG_CHANGE_DELETED) {
    if (index >= encoder->expanded_to) {
      JG_RETURN_IF_ERROR(expand_ahead(encoder, index));
    }
    job = &encoder->parts[encoder->part_next++];
  }
  jg_shown_make(encoder->source->key, change->id, job, BODY_BYTES_MAX - CHANGE_BYTES_MAX, ret_shown);
  return JG_STATUS_OK;
}

static bool is_full(const struct encoder *encoder) {
  return encoder->batches->count == encoder->batches_max;
}

/* Closes the message that is being filled. */
static struct jg_status flush(struct encoder *encoder, int64_t through, bool resumable) {
  struct jg_batches *batches = encoder->batches;
  // Capacities are the powers of two: it is full when the count is one.
  if ((batches->count & (batches->count - 1)) == 0) {
    struct jg_batch *items =
        jg_arena_alloc(encoder->arena, (batches->count == 0 ? 1 : 2 * batches->count) * sizeof(*items));
    if (items == NULL) {
      return no_memory();
    }
    if (batches->count > 0) {
      memcpy(items, batches->items, batches->count * sizeof(*items));
    }
    batches->items = items;
  }
  JG_ASSERT(!encoder->body.failed);
  const struct jg_str body = jg_buf_str(&encoder->body);
  struct jg_batch *batch = &batches->items[batches->count++];
  struct jg_token token = jg_view_token(encoder->source->key, through);
  token.in_snapshot = encoder->source->in_snapshot;
  token.rid = encoder->source->passed_rid;
  *batch = jg_batch_join(resumable ? &token : NULL, &body, 1, encoder->after, through);
  batch->change_count = encoder->change_count;
  batches->through = through;
  encoder->after = through;
  encoder->change_count = 0;
  jg_buf_clear(&encoder->body);
  return JG_STATUS_OK;
}

/* Appends the change of a job, closing the message before it if it would not fit. */
static struct jg_status put_change(struct encoder *encoder, size_t index) {
  const struct jg_change *change = &encoder->changes->items[index];
  struct jg_shown job;
  JG_RETURN_IF_ERROR(job_of(encoder, index, &job));

  struct jg_buf *piece = &encoder->piece;
  jg_buf_clear(piece);
  jg_wire_put_uint(piece, CHANGE_REVISION, (uint64_t)change->revision);
  jg_wire_put_timestamp(piece, CHANGE_COMMIT_TIME, change->commit_ticks);
  jg_wire_put_uint(piece, CHANGE_KIND, (uint64_t)change->change);
  size_t head_len = piece->len;
  put_mask(piece, change->change == JG_CHANGE_UPDATED ? change->changed : 0);
  jg_wire_put_uint(piece, CHANGE_TRANSACTION_LAST, is_last(encoder, index));
  if (change->trace.len > 0 && change->trace.len <= TRACE_BYTES_MAX) {
    jg_wire_put_bytes(piece, CHANGE_TRACEPARENT, change->trace);
  }
  JG_ASSERT(!piece->failed);

  size_t len = piece->len + field_size(CHANGE_JOB, jg_shown_size(&job));
  if (encoder->body.len > 0 && encoder->body.len + field_size(CHANGES_CHANGES, len) > BODY_BYTES_MAX) {
    const struct jg_change *before = &encoder->changes->items[index - 1];
    JG_RETURN_IF_ERROR(flush(encoder, before->revision, before->last));
    if (is_full(encoder)) {
      return JG_STATUS_OK;
    }
  }
  struct jg_buf *body = &encoder->body;
  jg_wire_put_tag(body, CHANGES_CHANGES, JG_WIRE_LEN);
  jg_wire_put_varint(body, len);
  jg_buf_append(body, piece->data, head_len);
  jg_shown_put(&job, CHANGE_JOB, body);
  jg_buf_append(body, piece->data + head_len, piece->len - head_len);
  encoder->change_count++;
  return JG_STATUS_OK;
}

static struct jg_status encode_page(struct encoder *encoder) {
  const struct jg_changes *changes = encoder->changes;
  for (size_t i = 0; i < changes->count; i++) {
    const struct jg_change *change = &changes->items[i];
    if (is_shown(encoder->source, change)) {
      JG_RETURN_IF_ERROR(put_change(encoder, i));
    }
    if (!is_full(encoder) && change->last && encoder->body.len >= JG_BATCH_BYTES) {
      JG_RETURN_IF_ERROR(flush(encoder, change->revision, true));
    }
    if (is_full(encoder)) {
      return JG_STATUS_OK;
    }
  }
  if (encoder->body.len > 0) {
    // A page ends with the end of a request (jg_txn_changes), so what is left is whole.
    return flush(encoder, changes->through_revision, true);
  }
  encoder->batches->through = changes->through_revision;
  return JG_STATUS_OK;
}

struct jg_status jg_batch_encode(const struct jg_batch_source *source, const struct jg_changes *changes, int64_t after,
                                 size_t batches_max, struct jg_arena *arena, struct jg_batches *ret_batches) {
  JG_ASSERT(batches_max > 0 && changes->through_revision >= after);
  JG_ASSERT(changes->count == 0 || changes->items[changes->count - 1].last);
  struct jg_batches batches = {.through = after};
  struct encoder encoder = {.source = source,
                            .changes = changes,
                            .arena = arena,
                            .batches = &batches,
                            .batches_max = batches_max,
                            .after = after};
  jg_buf_init(&encoder.body, BODY_BYTES_MAX);
  jg_buf_init(&encoder.piece, CHANGE_BYTES_MAX);
  struct jg_status status = encode_page(&encoder);
  jg_buf_done(&encoder.piece);
  jg_buf_done(&encoder.body);
  if (!jg_status_ok(status)) {
    for (size_t i = 0; i < batches.count; i++) {
      jg_bytes_unref(batches.items[i].bytes);
    }
    return status;
  }
  *ret_batches = batches;
  return JG_STATUS_OK;
}
