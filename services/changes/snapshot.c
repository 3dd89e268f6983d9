#include "services/changes/snapshot.h"

#include "base/limits.h"
#include "proto/codec/wire.h"
#include "services/changes/fields.h"
#include "services/changes/shown.h"

/* Changes of one read, as for a stream that follows the log. */
#define CHANGES_COUNT 500u
#define CHANGES_BYTES ((size_t)256 << 10)
/* Token, tags and lengths around the jobs. */
#define ENVELOPE_BYTES 256u
#define BODY_BYTES_MAX (JG_LIMIT_RESPONSE_BYTES - ENVELOPE_BYTES)
/* An expanded job is several times its payload: fewer are looked at, so that little is read in vain. */
#define NODES_COUNT 128u
/* Jobs expanded at once: a part that is full early has not expanded much for nothing. */
#define EXPAND_COUNT 32u

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a part of a snapshot is too large");
}

/* What happened since to the jobs that were sent. */
static struct jg_status read_changes(const struct jg_batch_source *source, int64_t after, int64_t newest,
                                     struct jg_arena *arena, struct jg_snapshot_part *part) {
  part->revision = newest;
  if (source->passed_rid == 0 || after == newest) {
    return JG_STATUS_OK;
  }
  struct jg_changes changes;
  JG_RETURN_IF_ERROR(jg_txn_changes(source->txn, after, CHANGES_COUNT, CHANGES_BYTES, arena, &changes));
  struct jg_batches batches;
  JG_RETURN_IF_ERROR(jg_batch_encode(source, &changes, after, 1, arena, &batches));
  part->revision = batches.through;
  if (batches.count > 0) {
    part->has_changes = true;
    part->changes = batches.items[0];
  }
  return JG_STATUS_OK;
}

/* Jobs of a part on their way into its message. */
struct page {
  const struct jg_batch_source *source;
  const struct jg_job_scanned *scanned;
  struct jg_arena *arena;
  struct jg_buf body;
  size_t count; /* of scanned->rows that are in it */
};

/* Appends the jobs of the next rows until the page is full. */
static struct jg_status put_rows(struct page *page, bool *ret_full) {
  const struct jg_batch_source *source = page->source;
  const struct jg_job_row *rows = page->scanned->rows + page->count;
  size_t left = page->scanned->count - page->count;
  size_t count = left < EXPAND_COUNT ? left : EXPAND_COUNT;
  struct jg_parts *parts = jg_arena_alloc(page->arena, count * sizeof(*parts));
  if (parts == NULL) {
    return no_memory();
  }
  const struct jg_expand_options options = {.tenant = source->key->tenant};
  JG_RETURN_IF_ERROR(jg_expand_jobs(source->expander, source->txn, &options, rows, count, page->arena, parts));
  JG_RETURN_IF_ERROR(jg_read_mask_apply(&source->key->view->mask, parts, count, page->arena));
  *ret_full = false;
  for (size_t i = 0; i < count && !*ret_full; i++) {
    struct jg_shown job;
    jg_shown_make(source->key, rows[i].id, &parts[i], BODY_BYTES_MAX, &job);
    if (page->body.len > 0 && page->body.len + jg_shown_size(&job) + 8 > BODY_BYTES_MAX) {
      *ret_full = true;
    } else {
      jg_shown_put(&job, JG_FIELD_SNAPSHOT_JOBS, &page->body);
      page->count++;
      *ret_full = page->body.len >= JG_SNAPSHOT_BYTES;
    }
  }
  return JG_STATUS_OK;
}

static struct jg_bytes *make_message(const struct page *page, const struct jg_token *token) {
  char text[JG_TOKEN_TEXT_MAX];
  size_t text_len = jg_token_format(token, text);
  // A field of so few bytes has a tag and a length of one byte each.
  JG_ASSERT(text_len < 128);
  size_t inner = page->body.len + 2 + text_len;
  size_t len = 1 + jg_wire_varint_size(inner) + inner;
  struct jg_bytes *bytes = jg_bytes_create_room(len);
  struct jg_buf out = {.data = bytes->data, .capacity = len, .bytes_max = len};
  jg_wire_put_tag(&out, JG_FIELD_RESPONSE_SNAPSHOT, JG_WIRE_LEN);
  jg_wire_put_varint(&out, inner);
  jg_buf_append(&out, page->body.data, page->body.len);
  jg_wire_put_bytes(&out, JG_FIELD_SNAPSHOT_TOKEN, jg_str_make(text, text_len));
  JG_ASSERT(!out.failed && out.len == len);
  return bytes;
}

static struct jg_status put_page(struct page *page, struct jg_snapshot_part *part) {
  const struct jg_job_scanned *scanned = page->scanned;
  bool full = false;
  while (!full && page->count < scanned->count) {
    JG_RETURN_IF_ERROR(put_rows(page, &full));
  }
  JG_ASSERT(!page->body.failed);
  bool whole = page->count == scanned->count;
  part->rid = whole ? scanned->through_rid : scanned->rows[page->count - 1].rid;
  part->complete = whole && !scanned->more;
  if (page->count > 0) {
    struct jg_token token = jg_view_token(page->source->key, part->revision);
    token.in_snapshot = true;
    token.rid = part->rid;
    part->page = make_message(page, &token);
  }
  return JG_STATUS_OK;
}

static struct jg_status read_page(const struct jg_batch_source *source, size_t count_max, struct jg_arena *arena,
                                  struct jg_snapshot_part *part) {
  size_t nodes_max = source->key->nodes && count_max > NODES_COUNT ? NODES_COUNT : count_max;
  const struct jg_job_scan scan = {.after_rid = source->passed_rid,
                                   .limit = nodes_max,
                                   .bytes_max = JG_SNAPSHOT_BYTES,
                                   .filter = source->key->view->filter};
  struct jg_job_scanned scanned;
  JG_RETURN_IF_ERROR(jg_txn_job_scan(source->txn, &scan, arena, &scanned));
  struct page page = {.source = source, .scanned = &scanned, .arena = arena};
  jg_buf_init(&page.body, BODY_BYTES_MAX);
  struct jg_status status = put_page(&page, part);
  jg_buf_done(&page.body);
  return status;
}

struct jg_status jg_snapshot_read(const struct jg_batch_source *source, int64_t after, size_t count_max,
                                  struct jg_arena *arena, struct jg_snapshot_part *ret_part) {
  JG_ASSERT(source->in_snapshot && source->passed_rid >= 0 && count_max > 0);
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(source->txn, arena, &state));
  if (state.revision < after) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record is older than the stream");
  }
  struct jg_snapshot_part part = {.rid = source->passed_rid};
  JG_RETURN_IF_ERROR(read_changes(source, after, state.revision, arena, &part));
  if (part.revision == state.revision) {
    struct jg_status status = read_page(source, count_max, arena, &part);
    if (!jg_status_ok(status)) {
      jg_bytes_unref(part.changes.bytes);
      return status;
    }
  }
  *ret_part = part;
  return JG_STATUS_OK;
}
