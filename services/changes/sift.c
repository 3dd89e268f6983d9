#include "services/changes/sift.h"

#include "base/hash.h"
#include "services/changes/image.h"

/* Of strings that a filter makes of one job: as much as the record gives a list's filter. */
#define SCRATCH_BYTES_MAX ((size_t)64 << 20)
#define UNSPECIFIED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED
#define CREATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED
#define UPDATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED
#define DELETED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED
#define ENTERED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_ENTERED
#define LEFT JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT

/* Jobs expanded at once: few enough that a message which is full early has not expanded much for nothing. */
#define EXPAND_COUNT 32u
#define PICKS_FIRST 8u

_Static_assert((int)JG_CHANGE_CREATED == (int)CREATED, "an entity's kinds are sent as stored");
_Static_assert((int)JG_CHANGE_UPDATED == (int)UPDATED, "an entity's kinds are sent as stored");
_Static_assert((int)JG_CHANGE_DELETED == (int)DELETED, "an entity's kinds are sent as stored");

/* A job on one side of a change, as far as filters have looked at it. */
struct jg_sift_side {
  bool known;
  uint32_t relations; /* those that were looked up */
  struct jg_parts parts;
};

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of changes is too large");
}

struct jg_status jg_sift_init(struct jg_sift *sift, const struct jg_sift_options *options,
                              const struct jg_changes *changes, struct jg_arena *arena) {
  JG_ASSERT(changes->count == 0 || changes->items[changes->count - 1].last);
  *sift = (struct jg_sift){.options = *options, .changes = changes, .arena = arena};
  sift->expanded = jg_arena_alloc_zero(arena, changes->count * sizeof(const struct jg_parts *));
  sift->request_ends = jg_arena_alloc(arena, changes->count * sizeof(sift->request_ends[0]));
  if (sift->expanded == NULL || sift->request_ends == NULL) {
    return no_memory();
  }
  size_t end = 0;
  for (size_t i = changes->count; i > 0; i--) {
    end = changes->items[i - 1].last ? i - 1 : end;
    sift->request_ends[i - 1] = end;
  }
  jg_arena_init(&sift->scratch, SCRATCH_BYTES_MAX);
  jg_arena_init(&sift->value, SCRATCH_BYTES_MAX);
  return JG_STATUS_OK;
}

void jg_sift_done(struct jg_sift *sift) {
  jg_arena_done(&sift->value);
  jg_arena_done(&sift->scratch);
}

static struct jg_status append(struct jg_sift *sift, struct jg_picks *picks, const struct jg_pick *pick) {
  if (picks->count == picks->capacity) {
    size_t capacity = picks->capacity == 0 ? PICKS_FIRST : 2 * picks->capacity;
    struct jg_pick *items = jg_arena_alloc(sift->arena, capacity * sizeof(*items));
    if (items == NULL) {
      return no_memory();
    }
    if (picks->count > 0) {
      memcpy(items, picks->items, picks->count * sizeof(*items));
    }
    picks->items = items;
    picks->capacity = capacity;
  }
  picks->items[picks->count++] = *pick;
  return JG_STATUS_OK;
}

/* ---- filters ---- */

/* Looks up those relations whose keys are read, and no others: what an embedded entity holds does not count. */
static struct jg_status add_relations(struct jg_sift *sift, struct jg_sift_side *side, uint32_t relations) {
  const struct jg_entity *job = side->parts.entity;
  struct jg_entity_ref refs[JG_RELATIONS_MAX];
  JG_RETURN_IF_ERROR(jg_expand_refs(job, side->parts.payload, refs));
  const struct jg_expand_options options = {.tenant = sift->options.tenant};
  for (size_t i = 0; i < job->relation_count; i++) {
    if ((relations >> i & 1) != 0 && refs[i].kind != JG_KIND_NONE) {
      JG_RETURN_IF_ERROR(jg_expand_entities(sift->options.expander, sift->options.txn, &options, &refs[i], 1,
                                            sift->arena, &side->parts.relations[i]));
    }
  }
  side->relations |= relations;
  return JG_STATUS_OK;
}

/* *ret_parts: NULL: there is no job on that side. */
static struct jg_status side_of(struct jg_sift *sift, size_t index, bool is_before, uint32_t relations,
                                const struct jg_parts **ret_parts) {
  struct jg_sift_side **sides = is_before ? &sift->before : &sift->after;
  if (*sides == NULL) {
    *sides = jg_arena_alloc_zero(sift->arena, sift->changes->count * sizeof(**sides));
    if (*sides == NULL) {
      return no_memory();
    }
  }
  struct jg_sift_side *side = &(*sides)[index];
  const struct jg_change *change = &sift->changes->items[index];
  if (!side->known && is_before) {
    JG_RETURN_IF_ERROR(jg_image_before(change, sift->arena, &side->parts));
  } else if (!side->known) {
    jg_image_after(change, &side->parts);
  }
  side->known = true;
  if (side->parts.entity != NULL && (relations & ~side->relations) != 0) {
    JG_RETURN_IF_ERROR(add_relations(sift, side, relations & ~side->relations));
  }
  *ret_parts = side->parts.entity != NULL ? &side->parts : NULL;
  return JG_STATUS_OK;
}

static struct jg_status matches(struct jg_sift *sift, const struct jg_view *view, size_t index, bool is_before,
                                bool *ret_matches) {
  const struct jg_parts *parts = NULL;
  JG_RETURN_IF_ERROR(side_of(sift, index, is_before, view->filter_relations, &parts));
  *ret_matches = false;
  if (parts == NULL) {
    return JG_STATUS_OK;
  }
  jg_arena_reset(&sift->scratch);
  return jg_filter_matches(view->program, parts, &sift->scratch, ret_matches);
}

/* Did the job match before the change, and does it after it? */
static struct jg_status match_both(struct jg_sift *sift, const struct jg_view *view, size_t index, bool *ret_before,
                                   bool *ret_after) {
  const struct jg_change *change = &sift->changes->items[index];
  if (view->filter == NULL) {
    *ret_before = change->change != JG_CHANGE_CREATED;
    *ret_after = change->change != JG_CHANGE_DELETED;
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(matches(sift, view, index, false, ret_after));
  if (change->change == JG_CHANGE_UPDATED && (change->changed & view->filter_members) == 0) {
    // Nothing that the filter reads has changed.
    *ret_before = *ret_after;
    return JG_STATUS_OK;
  }
  return matches(sift, view, index, true, ret_before);
}

struct jg_status jg_sift_pick(struct jg_sift *sift, const struct jg_view *view, size_t index, struct jg_picks *picks) {
  const struct jg_change *change = &sift->changes->items[index];
  bool hidden = sift->options.in_snapshot && change->rid > sift->options.passed_rid;
  if (hidden || (change->kind != JG_KIND_JOB && !view->entity_changes)) {
    return JG_STATUS_OK;
  }
  struct jg_pick pick = {.index = index, .first = index, .changed = change->changed};
  if (change->kind != JG_KIND_JOB) {
    pick.kind = (Jobgate__V1__ChangeKind)change->change;
    return append(sift, picks, &pick);
  }
  bool before = false;
  bool after = false;
  JG_RETURN_IF_ERROR(match_both(sift, view, index, &before, &after));
  if (!before && !after) {
    return JG_STATUS_OK;
  }
  pick.kind = UPDATED;
  if (!before) {
    pick.kind = change->change == JG_CHANGE_CREATED ? CREATED : ENTERED;
  } else if (!after) {
    pick.kind = change->change == JG_CHANGE_DELETED ? DELETED : LEFT;
  }
  return append(sift, picks, &pick);
}

/* The place of the job in the table, which is large enough: its own, or the empty one where it belongs. Rids, not ids: an id may be
 * given to another job once its own is gone. */
static struct jg_pick **place_of(const struct jg_sift *sift, struct jg_pick **table, size_t size, int64_t rid) {
  size_t at = (size_t)jg_hash_mix((uint64_t)rid) & (size - 1);
  while (table[at] != NULL && sift->changes->items[table[at]->first].rid != rid) {
    at = (at + 1) & (size - 1);
  }
  return &table[at];
}

/* Puts what came later behind what the pick holds of the same job. UNSPECIFIED: it came and went. */
static void fold(const struct jg_sift *sift, struct jg_pick *pick, const struct jg_pick *later) {
  bool was_in = pick->kind == UPDATED || pick->kind == DELETED || pick->kind == LEFT;
  bool is_in = later->kind != DELETED && later->kind != LEFT;
  pick->index = later->index;
  pick->changed |= later->changed;
  if (was_in) {
    pick->kind = is_in ? UPDATED : later->kind;
  } else if (is_in) {
    pick->kind = sift->changes->items[pick->first].change == JG_CHANGE_CREATED ? CREATED : ENTERED;
  } else {
    pick->kind = UNSPECIFIED;
  }
}

struct jg_status jg_sift_gather(struct jg_sift *sift, const struct jg_view *view, size_t from, size_t to,
                                struct jg_picks *picks) {
  struct jg_picks single = {0};
  for (size_t i = from; i < to; i++) {
    JG_RETURN_IF_ERROR(jg_sift_pick(sift, view, i, &single));
  }
  size_t size = 2;
  while (size < 2 * single.count) {
    size *= 2;
  }
  struct jg_pick **table = jg_arena_alloc_zero(sift->arena, size * sizeof(struct jg_pick *));
  struct jg_pick *jobs = jg_arena_alloc(sift->arena, single.count * sizeof(*jobs));
  if (table == NULL || jobs == NULL) {
    return no_memory();
  }
  size_t count = 0;
  for (size_t i = 0; i < single.count; i++) {
    const struct jg_change *change = &sift->changes->items[single.items[i].index];
    struct jg_pick **job = place_of(sift, table, size, change->rid);
    if (change->kind == JG_KIND_JOB && *job == NULL) {
      *job = &jobs[count++];
      **job = single.items[i];
    } else if (change->kind == JG_KIND_JOB) {
      fold(sift, *job, &single.items[i]);
    }
  }
  for (size_t i = 0; i < single.count; i++) {
    const struct jg_pick *pick = &single.items[i];
    const struct jg_change *change = &sift->changes->items[pick->index];
    if (change->kind == JG_KIND_JOB) {
      // Where the newest of the job's changes stands.
      const struct jg_pick *job = *place_of(sift, table, size, change->rid);
      pick = job->index == pick->index && job->kind != UNSPECIFIED ? job : NULL;
    }
    if (pick != NULL) {
      JG_RETURN_IF_ERROR(append(sift, picks, pick));
    }
  }
  return JG_STATUS_OK;
}

struct jg_status jg_sift_value(struct jg_sift *sift, size_t index, bool is_before, const struct jg_sift_key *key,
                               struct jg_filter_value *ret_value, bool *ret_there) {
  const struct jg_parts *parts = NULL;
  JG_RETURN_IF_ERROR(side_of(sift, index, is_before, key->relations, &parts));
  *ret_there = parts != NULL;
  if (parts == NULL) {
    return JG_STATUS_OK;
  }
  jg_arena_reset(&sift->value);
  return jg_filter_keys(key->program, parts, &sift->value, ret_value);
}

struct jg_status jg_sift_pick_all(struct jg_sift *sift, const struct jg_view *view, struct jg_picks *picks) {
  for (size_t i = 0; i < sift->changes->count; i++) {
    JG_RETURN_IF_ERROR(jg_sift_pick(sift, view, i, picks));
  }
  return JG_STATUS_OK;
}

/* ---- what is sent of a pick ---- */

static const struct jg_change *change_of(const struct jg_sift *sift, const struct jg_picks *picks, size_t at) {
  JG_ASSERT(at < picks->count);
  return &sift->changes->items[picks->items[at].index];
}

/* An entity as it was put, with what it embeds. */
static struct jg_status expand_entity(struct jg_sift *sift, const struct jg_change *change,
                                      const struct jg_parts **ret_parts) {
  const struct jg_entity *entity = jg_entity(change->kind);
  struct jg_entity_ref refs[JG_RELATIONS_MAX];
  JG_RETURN_IF_ERROR(jg_expand_refs(entity, change->payload, refs));
  struct jg_parts *parts = jg_arena_alloc(sift->arena, sizeof(*parts));
  if (parts == NULL) {
    return no_memory();
  }
  *parts = (struct jg_parts){.entity = entity, .payload = change->payload};
  const struct jg_expand_options options = {.tenant = sift->options.tenant};
  JG_RETURN_IF_ERROR(jg_expand_entities(sift->options.expander, sift->options.txn, &options, refs,
                                        entity->relation_count, sift->arena, parts->relations));
  *ret_parts = parts;
  return JG_STATUS_OK;
}

struct jg_status jg_sift_expand(struct jg_sift *sift, const struct jg_picks *picks, size_t at,
                                const struct jg_parts **ret_parts) {
  JG_ASSERT(change_of(sift, picks, at)->change != JG_CHANGE_DELETED);
  size_t index = picks->items[at].index;
  if (sift->expanded[index] != NULL) {
    *ret_parts = sift->expanded[index];
    return JG_STATUS_OK;
  }
  const struct jg_change *wanted = change_of(sift, picks, at);
  if (wanted->kind != JG_KIND_JOB) {
    JG_RETURN_IF_ERROR(expand_entity(sift, wanted, &sift->expanded[index]));
    *ret_parts = sift->expanded[index];
    return JG_STATUS_OK;
  }
  struct jg_job_row rows[EXPAND_COUNT];
  size_t indexes[EXPAND_COUNT];
  size_t count = 0;
  for (; at < picks->count && count < EXPAND_COUNT; at++) {
    const struct jg_change *change = change_of(sift, picks, at);
    if (change->kind == JG_KIND_JOB && change->change != JG_CHANGE_DELETED &&
        sift->expanded[picks->items[at].index] == NULL) {
      indexes[count] = picks->items[at].index;
      rows[count++] = (struct jg_job_row){
          .rid = change->rid, .revision = change->revision, .id = change->id, .payload = change->payload};
    }
  }
  struct jg_parts *parts = jg_arena_alloc(sift->arena, count * sizeof(*parts));
  if (parts == NULL) {
    return no_memory();
  }
  const struct jg_expand_options options = {.tenant = sift->options.tenant};
  JG_RETURN_IF_ERROR(
      jg_expand_jobs(sift->options.expander, sift->options.txn, &options, rows, count, sift->arena, parts));
  for (size_t i = 0; i < count; i++) {
    sift->expanded[indexes[i]] = &parts[i];
  }
  *ret_parts = sift->expanded[index];
  return JG_STATUS_OK;
}

bool jg_sift_is_last(const struct jg_sift *sift, const struct jg_picks *picks, size_t at) {
  JG_ASSERT(at < picks->count);
  return at + 1 == picks->count || picks->items[at + 1].index > sift->request_ends[picks->items[at].index];
}

struct jg_status jg_sift_before(struct jg_sift *sift, const struct jg_view *view, const struct jg_pick *pick,
                                struct jg_parts *ret_parts, bool *ret_has) {
  const struct jg_change *last = &sift->changes->items[pick->index];
  uint64_t changed = last->change == JG_CHANGE_DELETED ? UINT64_MAX : pick->changed;
  *ret_has = view->filter != NULL && last->kind == JG_KIND_JOB && pick->kind != CREATED &&
             (changed & view->filter_members) != 0;
  if (!*ret_has) {
    return JG_STATUS_OK;
  }
  const struct jg_parts *whole = NULL;
  JG_RETURN_IF_ERROR(side_of(sift, pick->first, true, view->filter_relations, &whole));
  JG_ASSERT(whole != NULL);
  *ret_parts = (struct jg_parts){.entity = whole->entity};
  for (size_t i = 0; i < whole->entity->relation_count; i++) {
    // A key that is emitted is old if the id that it is emitted for is.
    bool old = (changed >> whole->entity->relations[i].id_member & 1) != 0;
    ret_parts->relations[i] = old && (view->filter_relations >> i & 1) != 0 ? whole->relations[i] : NULL;
  }
  return jg_image_cut(whole, changed & view->filter_members, sift->arena, &ret_parts->payload);
}
