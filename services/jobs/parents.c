// Parents of the jobs of an answer (_parent_job): read in the jobs' own transaction, one level, each once.

#include <xxhash.h>

#include "base/buf.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"
#include "services/jobs/apply.h"
#include "services/jobs/jobs_internal.h"

#define NO_PARENT UINT32_MAX
/* A parent's payload and its two forms, and what all of them may take of a call's memory: the jobs themselves take as much. */
#define FORM_COUNT 3u
#define FORMS_BYTES_MAX ((size_t)24 << 20)
/* Of one form; escapes of JSON make a payload six times as long. */
#define FORM_BYTES_MAX ((size_t)64 << 20)

/* The parents of a page, each once. */
struct family {
  struct jg_call *call;
  struct jg_txn *txn;
  struct jg_job_row *rows; /* those that are in the record */
  uint32_t row_count;
  struct jg_uuid *ids; /* all that were asked for, and the index of each in rows, or NO_PARENT */
  uint32_t *row_of;
  uint32_t id_count;
  uint32_t *slots; /* hash table of indexes of ids + 1 */
  size_t slot_mask;
  size_t forms_bytes;
};

static struct jg_status family_init(struct family *family, size_t count) {
  struct jg_arena *arena = &family->call->arena;
  size_t slot_count = 1;
  while (slot_count < count * 2) {
    slot_count *= 2;
  }
  family->rows = jg_arena_alloc(arena, count * sizeof(family->rows[0]));
  family->ids = jg_arena_alloc(arena, count * sizeof(family->ids[0]));
  family->row_of = jg_arena_alloc(arena, count * sizeof(family->row_of[0]));
  family->slots = jg_arena_alloc_zero(arena, slot_count * sizeof(family->slots[0]));
  family->slot_mask = slot_count - 1;
  bool fits = family->rows != NULL && family->ids != NULL && family->row_of != NULL && family->slots != NULL;
  return fits ? JG_STATUS_OK : jg_jobs_out_of_arena();
}

/* The parent's place among the rows, read unless it was before. */
static struct jg_status read_parent(struct family *family, struct jg_uuid id, uint32_t *ret_row) {
  size_t at = XXH3_64bits(id.bytes, sizeof(id.bytes)) & family->slot_mask;
  for (; family->slots[at] != 0; at = (at + 1) & family->slot_mask) {
    uint32_t index = family->slots[at] - 1;
    if (jg_uuid_equal(family->ids[index], id)) {
      *ret_row = family->row_of[index];
      return JG_STATUS_OK;
    }
  }
  struct jg_job_row *row = &family->rows[family->row_count];
  struct jg_status status = jg_txn_job_get(family->txn, id, &family->call->arena, row);
  if (!jg_status_ok(status) && status.code != JG_NOT_FOUND) {
    return status;
  }
  // Imports may name a parent that never comes: the job then shows none, as it shows no entity that is not there.
  *ret_row = NO_PARENT;
  if (jg_status_ok(status)) {
    *ret_row = family->row_count++;
    family->forms_bytes += FORM_COUNT * row->payload.len;
  }
  family->ids[family->id_count] = id;
  family->row_of[family->id_count] = *ret_row;
  family->slots[at] = ++family->id_count;
  return JG_STATUS_OK;
}

static struct jg_status keep_form(struct jg_call *call, const struct jg_buf *form, struct jg_str *ret_text) {
  *ret_text = form->failed ? JG_STR_NONE : jg_arena_str(&call->arena, jg_buf_str(form));
  return ret_text->data != NULL ? JG_STATUS_OK : jg_jobs_out_of_arena();
}

/* Both forms of every parent: a ParentJob, so without embedded entities, but with their keys. */
static struct jg_status make_forms(struct family *family, struct jg_expanded **ret_forms) {
  struct jg_call *call = family->call;
  const struct jg_expand_options options = {.tenant = call->identity.tenant};
  struct jg_parts *parts = jg_arena_alloc(&call->arena, family->row_count * sizeof(parts[0]));
  struct jg_expanded *forms = jg_arena_alloc_zero(&call->arena, family->row_count * sizeof(forms[0]));
  if (parts == NULL || forms == NULL) {
    return jg_jobs_out_of_arena();
  }
  JG_RETURN_IF_ERROR(
      jg_expand_jobs(call->app->expander, family->txn, &options, family->rows, family->row_count, &call->arena, parts));
  struct jg_buf proto, json;
  jg_buf_init(&proto, FORM_BYTES_MAX);
  jg_buf_init(&json, FORM_BYTES_MAX);
  struct jg_status status = JG_STATUS_OK;
  for (uint32_t i = 0; i < family->row_count && jg_status_ok(status); i++) {
    // Its relations are the job's, in the same order (a test of the schema keeps the two alike).
    parts[i].entity = jg_entity(JG_KIND_PARENT_JOB);
    jg_buf_clear(&proto);
    jg_buf_clear(&json);
    jg_proto_encode(&parts[i], false, &proto);
    jg_json_encode(call->app->json_style, &parts[i], JG_STR_NONE, false, &json);
    status = keep_form(call, &proto, &forms[i].proto);
    if (jg_status_ok(status)) {
      status = keep_form(call, &json, &forms[i].json);
    }
  }
  jg_buf_done(&proto);
  jg_buf_done(&json);
  *ret_forms = forms;
  return status;
}

struct jg_status jg_jobs_parents(struct jg_call *call, struct jg_txn *txn, struct jg_jobs_page *page) {
  struct family family = {.call = call, .txn = txn};
  JG_RETURN_IF_ERROR(family_init(&family, page->count));
  uint32_t *row_of = jg_arena_alloc(&call->arena, page->count * sizeof(row_of[0]));
  if (row_of == NULL) {
    return jg_jobs_out_of_arena();
  }
  size_t bytes = 0, count = 0;
  for (; count < page->count; count++) {
    struct jg_uuid id = jg_job_parent_of(page->rows[count].payload);
    row_of[count] = NO_PARENT;
    if (!jg_uuid_is_zero(id)) {
      JG_RETURN_IF_ERROR(read_parent(&family, id, &row_of[count]));
    }
    bytes += page->rows[count].payload.len;
    bytes += row_of[count] != NO_PARENT ? family.rows[row_of[count]].payload.len : 0;
    if (count > 0 && (bytes > page->bytes_max || family.forms_bytes > FORMS_BYTES_MAX)) {
      break;
    }
  }
  struct jg_expanded *forms = NULL;
  JG_RETURN_IF_ERROR(make_forms(&family, &forms));
  for (size_t i = 0; i < count; i++) {
    page->parts[i].parent = row_of[i] != NO_PARENT ? &forms[row_of[i]] : NULL;
  }
  page->count = count;
  return JG_STATUS_OK;
}
