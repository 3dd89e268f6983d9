#include "base/limits.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"
#include "services/changes/batch.h"
#include "services/changes/fields.h"
#include "services/changes/shown.h"

/* Token, tags and lengths around the body. */
#define ENVELOPE_BYTES 256u
#define BODY_BYTES_MAX (JG_LIMIT_RESPONSE_BYTES - ENVELOPE_BYTES)
/* What a JobChange holds beside its jobs, generously: 64 paths of at most 64 bytes, the trace, numbers. */
#define CHANGE_BYTES_MAX 8192u
/* Old values beyond this are left out, so that the job finds room. */
#define BEFORE_BYTES_MAX (BODY_BYTES_MAX / 4)
/* A traceparent has 55 characters (W3C trace context, section 3.2); whatever is much longer is not sent on. */
#define TRACE_BYTES_MAX 256u

#define NS_PER_TICK 100

/* One view's picks on their way into messages. */
struct encoder {
  const struct jg_batch_source *source;
  struct jg_sift *sift;
  const struct jg_picks *picks; /* NULL: they are gathered */
  struct jg_batches *batches;
  size_t batches_max;
  struct jg_buf body; /* of the message that is being filled */
  uint32_t change_count;
  int64_t after;       /* of that message */
  bool whole;          /* it is not closed early, what does not fit is dropped: */
  bool overflowed;     /* something did not */
  struct jg_buf piece; /* one JobChange without its jobs: what stands before them and what stands behind */
};

/* The jobs of one change, or its entity. */
struct content {
  struct jg_shown now;
  size_t bytes; /* of the field that holds it */
  struct jg_parts before;
  bool has_before;
};

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of changes is too large");
}

static size_t field_size(uint32_t number, size_t len) {
  return jg_wire_varint_size((uint64_t)number << 3) + jg_wire_varint_size(len) + len;
}

static void put_mask(struct jg_buf *out, const struct jg_entity *entity, uint64_t changed) {
  size_t len = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    if (changed >> i & 1) {
      len += field_size(JG_FIELD_MASK_PATHS, entity->members[i].proto_name.len);
    }
  }
  if (len == 0) {
    return;
  }
  jg_wire_put_tag(out, JG_FIELD_CHANGE_CHANGED_FIELDS, JG_WIRE_LEN);
  jg_wire_put_varint(out, len);
  for (size_t i = 0; i < entity->member_count; i++) {
    if (changed >> i & 1) {
      jg_wire_put_bytes(out, JG_FIELD_MASK_PATHS, entity->members[i].proto_name);
    }
  }
}

/* What is shown of the pick's job, now and before. */
static struct jg_status content_of(struct encoder *encoder, size_t at, struct content *ret_content) {
  struct jg_sift *sift = encoder->sift;
  const struct jg_view_key *key = encoder->source->key;
  const struct jg_pick *pick = &encoder->picks->items[at];
  const struct jg_change *change = &sift->changes->items[pick->index];
  size_t bytes_max = BODY_BYTES_MAX - CHANGE_BYTES_MAX;
  JG_RETURN_IF_ERROR(jg_sift_before(sift, key->view, pick, &ret_content->before, &ret_content->has_before));
  if (ret_content->has_before) {
    size_t bytes = jg_proto_encode_size(&ret_content->before, false);
    ret_content->has_before = bytes <= BEFORE_BYTES_MAX;
    bytes_max -= ret_content->has_before ? bytes : 0;
  }
  const struct jg_parts *whole = NULL;
  if (change->change != JG_CHANGE_DELETED) {
    JG_RETURN_IF_ERROR(jg_sift_expand(sift, encoder->picks, at, &whole));
  }
  if (change->kind != JG_KIND_JOB) {
    jg_shown_make_entity(key, change, whole, bytes_max, &ret_content->now);
    ret_content->bytes = field_size(JG_FIELD_CHANGE_ENTITY, field_size(change->kind, jg_shown_size(&ret_content->now)));
    return JG_STATUS_OK;
  }
  struct jg_parts masked;
  if (whole != NULL) {
    masked = *whole;
    JG_RETURN_IF_ERROR(jg_read_mask_apply(&key->view->mask, &masked, 1, sift->arena));
  }
  jg_shown_make(key, change->id, whole != NULL ? &masked : NULL, bytes_max, &ret_content->now);
  ret_content->bytes = field_size(JG_FIELD_CHANGE_JOB, jg_shown_size(&ret_content->now));
  return JG_STATUS_OK;
}

static void put_content(const struct content *content, enum jg_kind kind, struct jg_buf *out) {
  if (kind == JG_KIND_JOB) {
    jg_shown_put(&content->now, JG_FIELD_CHANGE_JOB, out);
    return;
  }
  jg_wire_put_tag(out, JG_FIELD_CHANGE_ENTITY, JG_WIRE_LEN);
  jg_wire_put_varint(out, field_size(kind, jg_shown_size(&content->now)));
  jg_shown_put(&content->now, kind, out);
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
        jg_arena_alloc(encoder->sift->arena, (batches->count == 0 ? 1 : 2 * batches->count) * sizeof(*items));
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

static bool shows_members(Jobgate__V1__ChangeKind kind) {
  return kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED ||
         kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_ENTERED || kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT;
}

/* Appends a change, closing the message before it if it would not fit. */
static struct jg_status put_change(struct encoder *encoder, size_t at) {
  const struct jg_pick *pick = &encoder->picks->items[at];
  const struct jg_change *change = &encoder->sift->changes->items[pick->index];
  struct content content;
  JG_RETURN_IF_ERROR(content_of(encoder, at, &content));

  struct jg_buf *piece = &encoder->piece;
  jg_buf_clear(piece);
  jg_wire_put_uint(piece, JG_FIELD_CHANGE_REVISION, (uint64_t)change->revision);
  jg_wire_put_timestamp(piece, JG_FIELD_CHANGE_COMMIT_TIME, change->commit_ticks);
  jg_wire_put_uint(piece, JG_FIELD_CHANGE_KIND, (uint64_t)pick->kind);
  size_t head_len = piece->len;
  put_mask(piece, jg_entity(change->kind), shows_members(pick->kind) ? pick->changed : 0);
  jg_wire_put_uint(piece, JG_FIELD_CHANGE_TRANSACTION_LAST, jg_sift_is_last(encoder->sift, encoder->picks, at));
  if (change->trace.len > 0 && change->trace.len <= TRACE_BYTES_MAX) {
    jg_wire_put_bytes(piece, JG_FIELD_CHANGE_TRACEPARENT, change->trace);
  }
  JG_ASSERT(!piece->failed);

  size_t len = piece->len + content.bytes;
  len += content.has_before ? field_size(JG_FIELD_CHANGE_BEFORE, jg_proto_encode_size(&content.before, false)) : 0;
  bool fits = encoder->body.len + field_size(JG_FIELD_CHANGES_CHANGES, len) <= BODY_BYTES_MAX;
  if (!fits && encoder->whole) {
    encoder->overflowed = true;
    return JG_STATUS_OK;
  }
  if (!fits && encoder->body.len > 0) {
    const struct jg_change *end = &encoder->sift->changes->items[pick->index - 1];
    JG_RETURN_IF_ERROR(flush(encoder, end->revision, end->last));
    if (is_full(encoder)) {
      return JG_STATUS_OK;
    }
  }
  struct jg_buf *body = &encoder->body;
  jg_wire_put_tag(body, JG_FIELD_CHANGES_CHANGES, JG_WIRE_LEN);
  jg_wire_put_varint(body, len);
  jg_buf_append(body, piece->data, head_len);
  put_content(&content, change->kind, body);
  jg_buf_append(body, piece->data + head_len, piece->len - head_len);
  if (content.has_before) {
    jg_proto_encode_field(JG_FIELD_CHANGE_BEFORE, &content.before, false, body);
  }
  encoder->change_count++;
  return JG_STATUS_OK;
}

/* Messages of the picks, the last one left open. */
static struct jg_status put_picks(struct encoder *encoder) {
  const struct jg_sift *sift = encoder->sift;
  for (size_t at = 0; at < encoder->picks->count && !is_full(encoder); at++) {
    JG_RETURN_IF_ERROR(put_change(encoder, at));
    if (!is_full(encoder) && encoder->body.len >= JG_BATCH_BYTES && jg_sift_is_last(sift, encoder->picks, at)) {
      size_t end = sift->request_ends[encoder->picks->items[at].index];
      JG_RETURN_IF_ERROR(flush(encoder, sift->changes->items[end].revision, true));
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status encode_picks(struct encoder *encoder) {
  const struct jg_changes *changes = encoder->sift->changes;
  JG_RETURN_IF_ERROR(put_picks(encoder));
  if (is_full(encoder)) {
    return JG_STATUS_OK;
  }
  if (encoder->body.len > 0) {
    // A page ends with the end of a request (jg_txn_changes), so what is left is whole.
    return flush(encoder, changes->through_revision, true);
  }
  encoder->batches->through = changes->through_revision;
  return JG_STATUS_OK;
}

/* ---- changes of one job as one ---- */

/* Fills a message with what [from, to) shows, unless it would not fit: then it is empty again. */
static struct jg_status try_whole(struct encoder *encoder, size_t from, size_t to) {
  struct jg_picks picks = {0};
  JG_RETURN_IF_ERROR(jg_sift_gather(encoder->sift, encoder->source->key->view, from, to, &picks));
  encoder->picks = &picks;
  encoder->whole = true;
  encoder->overflowed = false;
  struct jg_status status = JG_STATUS_OK;
  for (size_t at = 0; at < picks.count && jg_status_ok(status) && !encoder->overflowed; at++) {
    status = put_change(encoder, at);
  }
  encoder->whole = false;
  encoder->picks = NULL;
  if (encoder->overflowed) {
    jg_buf_clear(&encoder->body);
    encoder->change_count = 0;
  }
  return status;
}

/* A request that does not fit one message comes as it is, in several. */
static struct jg_status put_request(struct encoder *encoder, size_t from, size_t to) {
  struct jg_picks picks = {0};
  for (size_t i = from; i < to; i++) {
    JG_RETURN_IF_ERROR(jg_sift_pick(encoder->sift, encoder->source->key->view, i, &picks));
  }
  encoder->picks = &picks;
  struct jg_status status = put_picks(encoder);
  encoder->picks = NULL;
  return status;
}

/* One message of as many requests from `from` on as fit. A message is the unit: it has all of what it gathers, so that its end,
 * and no place inside it, is one to go on from. */
static struct jg_status put_gathered(struct encoder *encoder, size_t from, size_t to, size_t *ret_end) {
  const size_t *ends = encoder->sift->request_ends;
  for (;;) {
    JG_RETURN_IF_ERROR(try_whole(encoder, from, to));
    *ret_end = to;
    if (!encoder->overflowed) {
      return JG_STATUS_OK;
    }
    size_t first_end = ends[from] + 1;
    if (to == first_end) {
      return put_request(encoder, from, to);
    }
    size_t middle = ends[from + (to - from) / 2] + 1;
    to = middle < to ? middle : first_end;
  }
}

/* Behind the last request that begins within the view's time from the change on. */
static size_t window_end(const struct encoder *encoder, size_t from) {
  const struct jg_changes *changes = encoder->sift->changes;
  int64_t until = changes->items[from].commit_ticks + encoder->source->key->view->coalesce_ns / NS_PER_TICK;
  size_t to = encoder->sift->request_ends[from] + 1;
  while (to < changes->count && changes->items[to].commit_ticks < until) {
    to = encoder->sift->request_ends[to] + 1;
  }
  return to;
}

/* The messages of the first window that shows something; what follows it is left. */
static struct jg_status encode_gathered(struct encoder *encoder) {
  const struct jg_changes *changes = encoder->sift->changes;
  struct jg_batches *batches = encoder->batches;
  size_t from = 0;
  while (from < changes->count && batches->count == 0) {
    size_t to = window_end(encoder, from);
    while (from < to && !is_full(encoder)) {
      JG_RETURN_IF_ERROR(put_gathered(encoder, from, to, &from));
      if (encoder->body.len > 0 && !is_full(encoder)) {
        JG_RETURN_IF_ERROR(flush(encoder, changes->items[from - 1].revision, true));
      }
    }
  }
  if (!is_full(encoder)) {
    batches->through = from < changes->count ? changes->items[from - 1].revision : changes->through_revision;
  }
  return JG_STATUS_OK;
}

static struct jg_status encode(struct encoder *encoder, struct jg_batches *ret_batches) {
  struct jg_batches batches = {.through = encoder->after};
  encoder->batches = &batches;
  jg_buf_init(&encoder->body, BODY_BYTES_MAX);
  jg_buf_init(&encoder->piece, CHANGE_BYTES_MAX);
  struct jg_status status = encoder->picks != NULL ? encode_picks(encoder) : encode_gathered(encoder);
  jg_buf_done(&encoder->piece);
  jg_buf_done(&encoder->body);
  if (!jg_status_ok(status)) {
    for (size_t i = 0; i < batches.count; i++) {
      jg_bytes_unref(batches.items[i].bytes);
    }
    return status;
  }
  *ret_batches = batches;
  return JG_STATUS_OK;
}

struct jg_status jg_batch_encode_picks(const struct jg_batch_source *source, struct jg_sift *sift,
                                       const struct jg_picks *picks, int64_t after, struct jg_batches *ret_batches) {
  JG_ASSERT(sift->changes->through_revision >= after);
  struct encoder encoder = {.source = source, .sift = sift, .picks = picks, .batches_max = SIZE_MAX, .after = after};
  return encode(&encoder, ret_batches);
}

struct jg_status jg_batch_encode(const struct jg_batch_source *source, const struct jg_changes *changes, int64_t after,
                                 size_t batches_max, struct jg_arena *arena, struct jg_batches *ret_batches) {
  JG_ASSERT(batches_max > 0 && changes->through_revision >= after);
  const struct jg_sift_options options = {.expander = source->expander,
                                          .txn = source->txn,
                                          .tenant = source->key->tenant,
                                          .in_snapshot = source->in_snapshot,
                                          .passed_rid = source->passed_rid};
  struct jg_sift sift;
  JG_RETURN_IF_ERROR(jg_sift_init(&sift, &options, changes, arena));
  struct encoder encoder = {.source = source, .sift = &sift, .batches_max = batches_max, .after = after};
  struct jg_picks picks = {0};
  struct jg_status status = JG_STATUS_OK;
  // Within a snapshot every change comes: what was gathered could not be told apart by the jobs that have come.
  if (source->key->view->coalesce_ns == 0 || source->in_snapshot) {
    encoder.picks = &picks;
    status = jg_sift_pick_all(&sift, source->key->view, &picks);
  }
  if (jg_status_ok(status)) {
    status = encode(&encoder, ret_batches);
  }
  jg_sift_done(&sift);
  return status;
}
