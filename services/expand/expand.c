#include "services/expand/expand.h"

#include <xxhash.h>

#include "base/compiler.h"
#include "proto/schema/members.h"
#include "services/expand/expand_internal.h"

/* 48 bytes each; touched as it fills. */
#define HEADS_MAX ((size_t)1 << 18)
#define NO_REF UINT32_MAX
#define FUTILE_LOOKS_MAX 2

/* The entities that a batch of jobs refers to, each once. */
struct batch {
  struct jg_head_key *refs;
  size_t ref_count;
  uint32_t (*of_row)[JG_JOB_REL_COUNT]; /* index into refs, or NO_REF */
  uint32_t unshown;                     /* relations that it leaves out */
};

/* References to be dropped when the arena ends. */
struct held {
  size_t count;
  struct jg_cache_value *values[];
};

static struct jg_status view_init(struct jg_expander *expander, struct jg_txn *txn,
                                  const struct jg_expand_options *options, struct jg_arena *arena,
                                  struct jg_expand_view *view);
static struct jg_status collect(struct batch *batch, const struct jg_job_row *rows, size_t count,
                                struct jg_arena *arena);
static struct jg_status load(struct jg_expand_view *view, const struct batch *batch, struct held **ret_held);

struct jg_expander *jg_expander_create(struct jg_cache *cache, const struct jg_json_style *style,
                                       struct jg_metrics *metrics) {
  struct jg_expander *expander = jg_alloc(sizeof(*expander));
  *expander = (struct jg_expander){
      .cache = cache,
      .heads = jg_heads_create(HEADS_MAX),
      .style = *style,
      .builds = jg_metrics_counter(metrics, "jobgate_expand_builds_total", "Embedded entities expanded anew.", ""),
  };
  // The scan for ids goes through a payload once: relations must come in the order of their id members.
  for (unsigned kind = 1; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity((enum jg_kind)kind);
    for (size_t i = 1; entity != NULL && i < entity->relation_count; i++) {
      JG_ASSERT(entity->relations[i - 1].id_member < entity->relations[i].id_member);
    }
  }
  return expander;
}

void jg_expander_destroy(struct jg_expander *expander) {
  if (expander == NULL) {
    return;
  }
  jg_heads_destroy(expander->heads);
  jg_free(expander);
}

// NOLINTNEXTLINE(readability-function-size): rows and their count are one argument, and so are arena and result.
struct jg_status jg_expand_jobs(struct jg_expander *expander, struct jg_txn *txn,
                                const struct jg_expand_options *options, const struct jg_job_row *rows, size_t count,
                                struct jg_arena *arena, struct jg_parts *ret_parts) {
  if (count == 0) {
    return JG_STATUS_OK;
  }
  struct jg_expand_view view;
  struct batch batch = {.unshown = options->unshown};
  struct held *held = NULL;
  JG_RETURN_IF_ERROR(collect(&batch, rows, count, arena));
  if (batch.ref_count > 0) {
    JG_RETURN_IF_ERROR(view_init(expander, txn, options, arena, &view));
    JG_RETURN_IF_ERROR(load(&view, &batch, &held));
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < count; i++) {
    struct jg_parts *parts = &ret_parts[i];
    *parts = (struct jg_parts){.entity = job, .payload = rows[i].payload, .revision = rows[i].revision};
    parts->etag = jg_expand_etag(arena, rows[i].id, rows[i].revision);
    if (parts->etag.data == NULL) {
      return jg_expand_out_of_arena();
    }
    for (size_t r = 0; r < JG_JOB_REL_COUNT; r++) {
      uint32_t ref = batch.of_row[i][r];
      // A relation whose entity is not in the record counts as not set.
      bool known = held != NULL && ref != NO_REF && held->values[ref] != NULL;
      parts->relations[r] = known ? &held->values[ref]->expanded : NULL;
    }
  }
  return JG_STATUS_OK;
}

// NOLINTNEXTLINE(readability-function-size): references and their count are one argument, and so are arena and result.
struct jg_status jg_expand_entities(struct jg_expander *expander, struct jg_txn *txn,
                                    const struct jg_expand_options *options, const struct jg_entity_ref *refs,
                                    size_t count, struct jg_arena *arena, const struct jg_expanded **ret_expanded) {
  if (count == 0) {
    return JG_STATUS_OK;
  }
  struct jg_expand_view view;
  struct held *held = NULL;
  struct batch batch = {.refs = jg_arena_alloc(arena, count * sizeof(batch.refs[0])), .ref_count = count};
  if (batch.refs == NULL) {
    return jg_expand_out_of_arena();
  }
  for (size_t i = 0; i < count; i++) {
    batch.refs[i] = (struct jg_head_key){refs[i].id, refs[i].kind};
  }
  JG_RETURN_IF_ERROR(view_init(expander, txn, options, arena, &view));
  JG_RETURN_IF_ERROR(load(&view, &batch, &held));
  for (size_t i = 0; i < count; i++) {
    ret_expanded[i] = held->values[i] != NULL ? &held->values[i]->expanded : NULL;
  }
  return JG_STATUS_OK;
}

struct jg_status jg_expand_refs(const struct jg_entity *entity, struct jg_str payload,
                                struct jg_entity_ref ret_refs[JG_RELATIONS_MAX]) {
  struct jg_head_key keys[JG_RELATIONS_MAX];
  JG_RETURN_IF_ERROR(jg_expand_ids(entity, payload, keys));
  for (size_t i = 0; i < entity->relation_count; i++) {
    ret_refs[i] = (struct jg_entity_ref){keys[i].kind, keys[i].id};
  }
  return JG_STATUS_OK;
}

static struct jg_status view_init(struct jg_expander *expander, struct jg_txn *txn,
                                  const struct jg_expand_options *options, struct jg_arena *arena,
                                  struct jg_expand_view *view) {
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &state));
  *view = (struct jg_expand_view){
      .expander = expander,
      .txn = txn,
      .arena = arena,
      .tenant = options->tenant,
      .entity_revision = state.entity_revision,
      .committed_revision = options->in_write ? state.committed_revision : state.revision,
      .memory_only = options->memory_only,
      .in_write = options->in_write,
  };
  return jg_uuid_parse(state.epoch, &view->epoch)
             ? JG_STATUS_OK
             : jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the tenant's epoch is unreadable");
}

/* Finds a reference among those of the batch, or adds it. slots: hash table of indexes + 1, a power of two. */
static uint32_t add_ref(struct batch *batch, uint32_t *slots, size_t slot_mask, const struct jg_head_key *key) {
  size_t at = XXH3_64bits_withSeed(key->id.bytes, sizeof(key->id.bytes), key->kind) & slot_mask;
  for (; slots[at] != 0; at = (at + 1) & slot_mask) {
    const struct jg_head_key *other = &batch->refs[slots[at] - 1];
    if (other->kind == key->kind && jg_uuid_equal(other->id, key->id)) {
      return slots[at] - 1;
    }
  }
  batch->refs[batch->ref_count] = *key;
  slots[at] = (uint32_t)++batch->ref_count;
  return slots[at] - 1;
}

static struct jg_status collect(struct batch *batch, const struct jg_job_row *rows, size_t count,
                                struct jg_arena *arena) {
  size_t ref_max = count * JG_JOB_REL_COUNT;
  batch->refs = jg_arena_alloc(arena, ref_max * sizeof(batch->refs[0]));
  batch->of_row = jg_arena_alloc(arena, count * sizeof(batch->of_row[0]));
  // The relations of one job are of different kinds: nothing to find twice.
  uint32_t *slots = NULL;
  size_t slot_count = 1;
  if (count > 1) {
    while (slot_count < ref_max * 2) {
      slot_count *= 2;
    }
    slots = jg_arena_alloc_zero(arena, slot_count * sizeof(slots[0]));
  }
  if (batch->refs == NULL || batch->of_row == NULL || (count > 1 && slots == NULL)) {
    return jg_expand_out_of_arena();
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < count; i++) {
    struct jg_head_key ids[JG_RELATIONS_MAX];
    JG_RETURN_IF_ERROR(jg_expand_ids(job, rows[i].payload, ids));
    for (size_t r = 0; r < JG_JOB_REL_COUNT; r++) {
      if (ids[r].kind == JG_KIND_NONE || (batch->unshown >> r & 1) != 0) {
        batch->of_row[i][r] = NO_REF;
      } else if (slots != NULL) {
        batch->of_row[i][r] = add_ref(batch, slots, slot_count - 1, &ids[r]);
      } else {
        batch->of_row[i][r] = (uint32_t)batch->ref_count;
        batch->refs[batch->ref_count++] = ids[r];
      }
    }
  }
  return JG_STATUS_OK;
}

static void drop_held(void *data) {
  struct held *held = data;
  for (size_t i = 0; i < held->count; i++) {
    jg_cache_value_unref(held->values[i]);
  }
}

size_t jg_expand_look(struct jg_expand_view *view, const struct jg_cache_key *keys, size_t count,
                      struct jg_cache_value **ret_values) {
  struct jg_cache *cache = view->expander->cache;
  if (view->memory_only || view->in_write || view->futile_looks > FUTILE_LOOKS_MAX) {
    return jg_cache_peek(cache, keys, count, ret_values);
  }
  size_t found = jg_cache_get(cache, keys, count, ret_values);
  view->futile_looks += found < count;
  return found;
}

/* Builds what is missing and, where `mine` says so of it, this process' to build. */
static struct jg_status build(struct jg_expand_view *view, const struct jg_cache_key *keys, size_t count,
                              const bool *mine, struct jg_cache_value **values) {
  for (size_t i = 0; i < count; i++) {
    if (values[i] == NULL && (mine == NULL || mine[i])) {
      JG_RETURN_IF_ERROR(jg_expand_build(view, &keys[i], &values[i]));
    }
  }
  return JG_STATUS_OK;
}

/* What was not found: leases are asked for in one batch, those won are built, and the others' builders are given a moment. A
 * write, and a process with no shared cache, builds all. */
static struct jg_status load_missing(struct jg_expand_view *view, const struct jg_cache_key *keys, size_t count,
                                     struct jg_cache_value **values) {
  struct jg_cache *cache = view->expander->cache;
  bool *mine = jg_arena_alloc(view->arena, count * sizeof(*mine));
  struct jg_cache_key *missing = jg_arena_alloc(view->arena, count * sizeof(*missing));
  struct jg_cache_value **found = jg_arena_alloc_zero(view->arena, count * sizeof(struct jg_cache_value *));
  uint32_t *places = jg_arena_alloc(view->arena, count * sizeof(*places));
  if (mine == NULL || missing == NULL || found == NULL || places == NULL) {
    return jg_expand_out_of_arena();
  }
  size_t missing_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] == NULL) {
      places[missing_count] = (uint32_t)i;
      missing[missing_count++] = keys[i];
    }
  }
  jg_cache_claim(cache, missing, missing_count, mine);
  struct jg_status status = build(view, missing, missing_count, mine, found);
  if (jg_status_ok(status)) {
    (void)jg_cache_await(cache, missing, missing_count, found);  // what did not come is built
    status = build(view, missing, missing_count, NULL, found);
  }
  for (size_t i = 0; i < missing_count; i++) {
    values[places[i]] = found[i];
  }
  return status;
}

/* keys[0..key_count) belong to the places of `held`; whatever is found or built goes there, also when the rest fails. */
static struct jg_status fill(struct jg_expand_view *view, const struct jg_cache_key *keys, const uint32_t *places,
                             size_t key_count, struct held *held) {
  struct jg_cache_value **values = jg_arena_alloc(view->arena, key_count * sizeof(struct jg_cache_value *));
  if (values == NULL) {
    return jg_expand_out_of_arena();
  }
  struct jg_status status = JG_STATUS_OK;
  if (jg_expand_look(view, keys, key_count, values) < key_count) {
    status = view->memory_only ? jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "an entity is not in memory")
             : view->in_write  ? build(view, keys, key_count, NULL, values)
                               : load_missing(view, keys, key_count, values);
  }
  for (size_t i = 0; i < key_count; i++) {
    held->values[places[i]] = values[i];
  }
  return status;
}

static struct jg_status load(struct jg_expand_view *view, const struct batch *batch, struct held **ret_held) {
  size_t count = batch->ref_count;
  int64_t *heads = jg_arena_alloc(view->arena, count * sizeof(heads[0]));
  struct jg_cache_key *keys = jg_arena_alloc(view->arena, count * sizeof(keys[0]));
  uint32_t *places = jg_arena_alloc(view->arena, count * sizeof(places[0]));
  struct held *held = jg_arena_alloc_zero(view->arena, sizeof(*held) + count * sizeof(struct jg_cache_value *));
  if (heads == NULL || keys == NULL || places == NULL || held == NULL) {
    return jg_expand_out_of_arena();
  }
  held->count = count;
  if (!jg_arena_defer(view->arena, drop_held, held)) {
    return jg_expand_out_of_arena();  // nothing is held yet
  }
  JG_RETURN_IF_ERROR(jg_expand_heads(view, batch->refs, count, heads));
  size_t key_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (heads[i] != JG_HEAD_MISSING) {
      places[key_count] = (uint32_t)i;
      keys[key_count++] = jg_expand_cache_key(view, batch->refs[i], heads[i]);
    }
  }
  JG_RETURN_IF_ERROR(fill(view, keys, places, key_count, held));
  *ret_held = held;
  return JG_STATUS_OK;
}

/* A bijection (splitmix64's), so that two revisions of a job never share an etag; the id keeps jobs apart. */
struct jg_str jg_expand_etag(struct jg_arena *arena, struct jg_uuid id, int64_t revision) {
  uint64_t x = 0;
  memcpy(&x, id.bytes + 8, sizeof(x));
  x ^= (uint64_t)revision;
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  x ^= x >> 31;
  char *text = jg_arena_alloc(arena, 17);
  if (text == NULL) {
    return JG_STR_NONE;
  }
  for (size_t i = 0; i < 16; i++) {
    text[i] = "0123456789abcdef"[(x >> (60 - 4 * i)) & 15];
  }
  text[16] = '\0';
  return jg_str_make(text, 16);
}
