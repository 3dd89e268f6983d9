#include "services/entityset/scan.h"

#include "services/expand/expand.h"

/* Rows and payload bytes that are read together. */
#define CHUNK_ROWS 200
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
/* Of a chunk with all that it embeds. */
#define ARENA_BYTES_MAX ((size_t)256 << 20)

void jg_entityset_scan_init(struct jg_entityset_scan *scan) {
  scan->relations |= scan->filter != NULL ? jg_filter_program_relations(scan->filter, false) : 0;
  jg_arena_init(&scan->arena, ARENA_BYTES_MAX);
}

void jg_entityset_scan_done(struct jg_entityset_scan *scan) {
  jg_arena_done(&scan->arena);
}

/* False: there is none. */
static struct jg_status read_chunk(struct jg_entityset_scan *scan, bool *ret_read) {
  *ret_read = !scan->begun || scan->chunk.more;
  if (!*ret_read) {
    return JG_STATUS_OK;
  }
  // Relaxed: a hint; nothing else is read on the strength of it.
  if (atomic_load_explicit(&scan->call->cancelled, memory_order_relaxed)) {
    return jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller is gone");
  }
  const struct jg_entityset_want want = {
      .has_after = scan->has_last, .id = scan->last, .limit = CHUNK_ROWS, .bytes_max = CHUNK_BYTES_MAX};
  jg_arena_reset(&scan->arena);
  scan->begun = true;
  scan->next = 0;
  return scan->list->read(scan->txn, &want, &scan->arena, &scan->chunk, scan->list->data);
}

static struct jg_status look_at(struct jg_entityset_scan *scan, const struct jg_entity_row *row,
                                struct jg_parts *ret_parts, bool *ret_matches) {
  const struct jg_entity *entity = scan->list->entity;
  *ret_parts = (struct jg_parts){.entity = entity, .payload = row->payload};
  if (scan->relations != 0) {
    const struct jg_expand_options options = {.tenant = scan->call->identity.tenant};
    struct jg_entity_ref refs[JG_RELATIONS_MAX];
    JG_RETURN_IF_ERROR(jg_expand_refs(entity, row->payload, refs));
    JG_RETURN_IF_ERROR(jg_expand_entities(scan->call->app->expander, scan->txn, &options, refs, entity->relation_count,
                                          &scan->arena, ret_parts->relations));
  }
  *ret_matches = true;
  return scan->filter != NULL ? jg_filter_matches(scan->filter, ret_parts, &scan->arena, ret_matches) : JG_STATUS_OK;
}

struct jg_status jg_entityset_scan_next(struct jg_entityset_scan *scan, struct jg_parts *ret_parts, bool *ret_found) {
  *ret_found = false;
  for (;;) {
    while (scan->next < scan->chunk.count) {
      if (scan->left == 0) {
        scan->ended_early = true;
        return JG_STATUS_OK;
      }
      const struct jg_entity_row *row = &scan->chunk.rows[scan->next++];
      scan->left -= scan->left != SIZE_MAX;
      scan->has_last = true;
      scan->last = row->id;
      JG_RETURN_IF_ERROR(look_at(scan, row, ret_parts, ret_found));
      if (*ret_found) {
        return JG_STATUS_OK;
      }
    }
    bool read = false;
    JG_RETURN_IF_ERROR(read_chunk(scan, &read));
    if (!read) {
      return JG_STATUS_OK;
    }
  }
}
