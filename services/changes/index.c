#include "services/changes/index.h"

#include <xxhash.h>

#include "base/hash.h"

#define BUCKETS_FIRST 64u
/* Of one key's program. */
#define KEY_BYTES_MAX ((size_t)64 << 10)
/* Values of one view: as many as a filter can name outside of lists. One with a longer list is not filed: each value is memory of
 * the server. */
#define VALUES_MAX (JG_FILTER_NODES_MAX / 2)

/* One value that a view is filed under. */
struct jg_index_entry {
  struct jg_index_entry *before, *after; /* in its bucket */
  struct jg_index_entry *sibling;        /* of the same view */
  struct jg_index_item *item;
  uint64_t hash;
  uint8_t key;                  /* index into keys */
  struct jg_filter_value value; /* borrows the view's filter */
};

/* A member, or tolower() of it, that views are filed under, and how its value is read. */
struct key {
  size_t entry_count;
  uint64_t members; /* those of the log whose change may change it */
  uint32_t relations;
  struct jg_filter node, member;
  struct jg_filter_order order;
  const struct jg_filter_program *program;
  struct jg_arena arena;
};

/* Each member twice: as it is, and in lower case. */
#define KEYS_MAX ((size_t)2 * JG_MEMBERS_MAX)
_Static_assert(KEYS_MAX <= UINT8_MAX + 1, "an entry's key fits its member");

struct jg_index {
  struct jg_index_entry **buckets;
  size_t bucket_count, entry_count;
  struct key *keys[KEYS_MAX];
  struct jg_index_item *unfiled, *entities;
  uint64_t tick;
};

/* What a condition demands of one member. */
struct demand {
  const struct jg_filter *member; /* NULL: nothing that can be filed */
  bool lower;                     /* of its text in lower case */
  size_t count;
  const struct jg_filter *literals[VALUES_MAX];
};

struct jg_index *jg_index_create(void) {
  return jg_alloc_zero(1, sizeof(struct jg_index));
}

void jg_index_destroy(struct jg_index *index) {
  if (index == NULL) {
    return;
  }
  JG_ASSERT(index->entry_count == 0 && index->unfiled == NULL && index->entities == NULL);
  for (size_t i = 0; i < KEYS_MAX; i++) {
    if (index->keys[i] != NULL) {
      jg_arena_done(&index->keys[i]->arena);
      jg_free(index->keys[i]);
    }
  }
  jg_free(index->buckets);
  jg_free(index);
}

/* ---- what a filter demands ---- */

static bool is_value(enum jg_filter_type type) {
  return type == JG_VALUE_STRING || type == JG_VALUE_GUID || type == JG_VALUE_INTEGER || type == JG_VALUE_DATETIME ||
         type == JG_VALUE_BOOL;
}

static bool take_value(const struct jg_filter *member, const struct jg_filter *literal, struct demand *demand) {
  bool lower = member->kind == JG_FILTER_TOLOWER;
  member = lower ? member->args[0] : member;
  // Equal types compare by value; where they differ something is converted, which is left to the filter.
  if (member->kind != JG_FILTER_MEMBER || literal->kind != JG_FILTER_LITERAL || member->type != literal->type ||
      !is_value(member->type) || member->path.count != 1 || member->path.variable) {
    return false;
  }
  bool other =
      demand->member != NULL && (demand->lower != lower || demand->member->path.steps[0] != member->path.steps[0]);
  if (other) {
    return false;
  }
  if (demand->count == VALUES_MAX) {
    return false;
  }
  demand->member = member;
  demand->lower = lower;
  demand->literals[demand->count++] = literal;
  return true;
}

/* Takes "member eq literal" or "tolower(member) eq literal", either way round, or a list; false if it is anything else, or of
 * another member. */
static bool take_equality(const struct jg_filter *node, struct demand *demand) {
  if (node->kind == JG_FILTER_IN) {
    bool taken = true;
    for (size_t i = 0; i < node->item_count && taken; i++) {
      taken = take_value(node->args[0], node->items[i], demand);
    }
    return taken;
  }
  if (node->kind != JG_FILTER_EQ) {
    return false;
  }
  const struct jg_filter *member = node->args[0];
  const struct jg_filter *literal = node->args[1];
  if (member->kind == JG_FILTER_LITERAL) {
    member = node->args[1];
    literal = node->args[0];
  }
  return take_value(member, literal, demand);
}

/* A condition that is one equality, or several of one member with "or" between them. */
static bool take_condition(const struct jg_filter *condition, struct demand *demand) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0;
  stack[count++] = condition;
  while (count > 0) {
    const struct jg_filter *node = stack[--count];
    if (node->kind == JG_FILTER_OR) {
      JG_ASSERT(count + 2 <= JG_COUNT(stack));
      stack[count++] = node->args[0];
      stack[count++] = node->args[1];
    } else if (!take_equality(node, demand)) {
      return false;
    }
  }
  return true;
}

/* How many jobs such a demand leaves, by its kind: the lowest is taken. */
static size_t weight(const struct demand *demand) {
  static const size_t of_type[] = {[JG_VALUE_GUID] = 1,
                                   [JG_VALUE_STRING] = 4,
                                   [JG_VALUE_DATETIME] = 2,
                                   [JG_VALUE_INTEGER] = 8,
                                   [JG_VALUE_BOOL] = 1000};
  const struct jg_member *member = demand->member->path.steps[0];
  if (member->index == jg_entity(JG_KIND_JOB)->id_member) {
    return 0;
  }
  return of_type[demand->member->type] * demand->count;
}

/* The best demand among the conditions that must all hold. */
static void find_demand(const struct jg_filter *filter, struct demand *best) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0;
  if (filter != NULL) {
    stack[count++] = filter;
  }
  while (count > 0) {
    const struct jg_filter *node = stack[--count];
    if (node->kind == JG_FILTER_AND) {
      JG_ASSERT(count + 2 <= JG_COUNT(stack));
      stack[count++] = node->args[0];
      stack[count++] = node->args[1];
      continue;
    }
    struct demand demand = {0};
    if (take_condition(node, &demand) && (best->member == NULL || weight(&demand) < weight(best))) {
      *best = demand;
    }
  }
}

/* ---- entries ---- */

static uint64_t hash_of(uint8_t key, const struct jg_filter_value *value) {
  uint64_t hash = 0;
  if (value->type == JG_VALUE_STRING) {
    hash = XXH3_64bits(value->string.data != NULL ? value->string.data : "", value->string.len);
  } else if (value->type == JG_VALUE_GUID) {
    hash = XXH3_64bits(value->uuid.bytes, sizeof(value->uuid.bytes));
  } else {
    hash = jg_hash_mix((uint64_t)value->integer);
  }
  return jg_hash_mix(hash + key);
}

static struct jg_index_entry **bucket_of(const struct jg_index *index, uint64_t hash) {
  return &index->buckets[hash & (index->bucket_count - 1)];
}

static void link_entry(struct jg_index *index, struct jg_index_entry *entry) {
  struct jg_index_entry **bucket = bucket_of(index, entry->hash);
  entry->before = NULL;
  entry->after = *bucket;
  if (*bucket != NULL) {
    (*bucket)->before = entry;
  }
  *bucket = entry;
}

static void grow(struct jg_index *index) {
  struct jg_index_entry **old = index->buckets;
  size_t old_count = index->bucket_count;
  index->bucket_count = old_count == 0 ? BUCKETS_FIRST : 2 * old_count;
  index->buckets = jg_alloc_zero(index->bucket_count, sizeof(struct jg_index_entry *));
  for (size_t i = 0; i < old_count; i++) {
    for (struct jg_index_entry *entry = old[i]; entry != NULL;) {
      struct jg_index_entry *after = entry->after;
      link_entry(index, entry);
      entry = after;
    }
  }
  jg_free(old);
}

static uint8_t key_index(const struct demand *demand) {
  return (uint8_t)(2 * demand->member->path.steps[0]->index + demand->lower);
}

static struct key *key_of(struct jg_index *index, const struct demand *demand) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_member *member = demand->member->path.steps[0];
  struct key *key = index->keys[key_index(demand)];
  if (key != NULL) {
    return key;
  }
  key = jg_alloc_zero(1, sizeof(*key));
  key->member = *demand->member;
  key->node = key->member;
  if (demand->lower) {
    key->node =
        (struct jg_filter){.kind = JG_FILTER_TOLOWER, .type = JG_VALUE_STRING, .arg_count = 1, .args = {&key->member}};
  }
  key->order = (struct jg_filter_order){.key = &key->node};
  jg_arena_init(&key->arena, KEY_BYTES_MAX);
  struct jg_status status = jg_filter_compile_order(job, &key->order, 1, &key->arena, &key->program);
  JG_ASSERT(jg_status_ok(status));
  key->relations = jg_filter_program_relations(key->program, false);
  key->members = jg_filter_program_members(key->program);
  if ((member->flags & JG_MEMBER_DERIVED_KEY) != 0) {
    key->members |= UINT64_C(1) << job->relations[member->relation].id_member;
  }
  index->keys[key_index(demand)] = key;
  return key;
}

static void file(struct jg_index *index, struct jg_index_item *item, const struct demand *demand) {
  struct key *key = key_of(index, demand);
  for (size_t i = 0; i < demand->count; i++) {
    if (index->entry_count == index->bucket_count) {
      grow(index);
    }
    struct jg_index_entry *entry = jg_alloc(sizeof(*entry));
    *entry = (struct jg_index_entry){.item = item,
                                     .sibling = item->entries,
                                     .key = key_index(demand),
                                     .value = jg_filter_literal_value(demand->literals[i])};
    entry->hash = hash_of(entry->key, &entry->value);
    item->entries = entry;
    link_entry(index, entry);
    index->entry_count++;
    key->entry_count++;
  }
}

void jg_index_add(struct jg_index *index, struct jg_index_item *item) {
  *item = (struct jg_index_item){.view = item->view};
  struct demand demand = {0};
  find_demand(item->view->filter, &demand);
  if (demand.member != NULL) {
    file(index, item, &demand);
  } else {
    item->after = index->unfiled;
    if (index->unfiled != NULL) {
      index->unfiled->before = item;
    }
    index->unfiled = item;
  }
  if (item->view->entity_changes) {
    item->entity_after = index->entities;
    if (index->entities != NULL) {
      index->entities->entity_before = item;
    }
    index->entities = item;
  }
}

static void unfile(struct jg_index *index, struct jg_index_item *item) {
  while (item->entries != NULL) {
    struct jg_index_entry *entry = item->entries;
    item->entries = entry->sibling;
    *(entry->before != NULL ? &entry->before->after : bucket_of(index, entry->hash)) = entry->after;
    if (entry->after != NULL) {
      entry->after->before = entry->before;
    }
    index->entry_count--;
    index->keys[entry->key]->entry_count--;
    jg_free(entry);
  }
}

void jg_index_remove(struct jg_index *index, struct jg_index_item *item) {
  if (item->entries != NULL) {
    unfile(index, item);
  } else {
    *(item->before != NULL ? &item->before->after : &index->unfiled) = item->after;
    if (item->after != NULL) {
      item->after->before = item->before;
    }
  }
  if (item->view->entity_changes) {
    *(item->entity_before != NULL ? &item->entity_before->entity_after : &index->entities) = item->entity_after;
    if (item->entity_after != NULL) {
      item->entity_after->entity_before = item->entity_before;
    }
  }
}

struct jg_index_item *jg_index_unfiled(const struct jg_index *index) {
  return index->unfiled;
}

struct jg_index_item *jg_index_entities(const struct jg_index *index) {
  return index->entities;
}

/* ---- search ---- */

struct search {
  struct jg_index *index;
  struct jg_sift *sift;
  size_t change;
  struct jg_status (*found)(struct jg_index_item *item, size_t change, void *data);
  void *data;
};

static struct jg_status search_side(struct search *search, uint8_t key_at, bool is_before) {
  struct jg_index *index = search->index;
  const struct key *key = index->keys[key_at];
  struct jg_filter_value value;
  bool there = false;
  const struct jg_sift_key read = {key->program, key->relations};
  JG_RETURN_IF_ERROR(jg_sift_value(search->sift, search->change, is_before, &read, &value, &there));
  if (!there) {
    return JG_STATUS_OK;
  }
  uint64_t hash = hash_of(key_at, &value);
  for (struct jg_index_entry *entry = *bucket_of(index, hash); entry != NULL; entry = entry->after) {
    bool same = entry->hash == hash && entry->key == key_at && entry->item->tick != index->tick &&
                jg_filter_compare_values(&entry->value, &value) == 0;
    if (same) {
      entry->item->tick = index->tick;
      JG_RETURN_IF_ERROR(search->found(entry->item, search->change, search->data));
    }
  }
  return JG_STATUS_OK;
}

struct jg_status jg_index_search(struct jg_index *index, struct jg_sift *sift, size_t change,
                                 struct jg_status (*found)(struct jg_index_item *item, size_t change, void *data),
                                 void *data) {
  const struct jg_change *record = &sift->changes->items[change];
  JG_ASSERT(record->kind == JG_KIND_JOB);
  struct search search = {.index = index, .sift = sift, .change = change, .found = found, .data = data};
  index->tick++;
  for (size_t i = 0; i < KEYS_MAX && index->entry_count > 0; i++) {
    const struct key *key = index->keys[i];
    if (key == NULL || key->entry_count == 0) {
      continue;
    }
    JG_RETURN_IF_ERROR(search_side(&search, (uint8_t)i, false));
    // Most changes leave most members as they were.
    if (record->change != JG_CHANGE_UPDATED || (record->changed & key->members) != 0) {
      JG_RETURN_IF_ERROR(search_side(&search, (uint8_t)i, true));
    }
  }
  return JG_STATUS_OK;
}
