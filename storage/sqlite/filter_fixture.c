#include "storage/sqlite/filter_fixture.h"

#include <stdio.h>

#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"

static void must(struct jg_status status) {
  if (!jg_status_ok(status)) {
    (void)fprintf(stderr, "%s %s: %s\n", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
    JG_ASSERT(!"the fixture failed");
  }
}

uint64_t jg_filter_fixture_random(struct jg_filter_fixture *fixture, uint64_t below) {
  fixture->random ^= fixture->random << 13;
  fixture->random ^= fixture->random >> 7;
  fixture->random ^= fixture->random << 17;
  return (fixture->random >> 11) % below;
}

/* ---- values: few of each, so that they meet ---- */

static const char *const texts[] = {
    "",   "a", "A",    "ab", "Straße", "\xc3\x84rger", "\xf0\x9f\x98\x80x", " pad ",   "x\xf0\x9f\x98\x80", "\xc4\xb0i",
    "10", "b", "open", "C1", "C2",     "R7",           "it's %_",           "\xc2\xa0"};
static const int64_t integers[] = {0, 1, -1, 2, 7, 60, 100, INT32_MAX, INT32_MIN};
static const int64_t ticks[] = {JG_TICKS_UNSET,
                                0,
                                -1,
                                1,
                                INT64_C(17696708207184075),
                                INT64_C(17696708207184076),
                                INT64_C(17093376000000000), /* 2024-03-02 */
                                INT64_C(17091648000000000), /* 2024-02-29 */
                                INT64_C(17091647999999999),
                                JG_TICKS_MIN,
                                JG_TICKS_MAX};
static const double decimals[] = {0, 0.5, -0.5, 1, 2.5, -2.5, 51.05, 1e15, -1e-9, 3};

#define PICK(fixture, values) ((values)[jg_filter_fixture_random(fixture, JG_COUNT(values))])

static struct jg_uuid random_guid(struct jg_filter_fixture *fixture) {
  uint64_t n = jg_filter_fixture_random(fixture, 9);
  return n == 0 ? JG_UUID_ZERO : jg_fixture_id(n);
}

static struct jg_str guid_text(struct jg_arena *arena, struct jg_uuid uuid) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(uuid, text);
  return jg_uuid_is_zero(uuid) ? JG_STR("") : jg_arena_str(arena, jg_str_make(text, sizeof(text)));
}

/* ---- messages ---- */

static void fill_member(struct jg_filter_fixture *fixture, ProtobufCMessage *message, const struct jg_member *member) {
  struct jg_arena *arena = &fixture->store.arena;
  bool fits = true;
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      fits = jg_member_set_str(message, member, jg_str_from_cstr(PICK(fixture, texts)), arena);
      break;
    case JG_TYPE_GUID:
      fits = jg_member_set_str(message, member, guid_text(arena, random_guid(fixture)), arena);
      break;
    case JG_TYPE_INTEGER:
      jg_member_set_int(message, member, (int32_t)PICK(fixture, integers));
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(message, member, jg_filter_fixture_random(fixture, 2) != 0);
      break;
    case JG_TYPE_DATE:
      fits = jg_member_set_date(message, member, PICK(fixture, ticks), arena);
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(message, member, PICK(fixture, decimals));
      break;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      break;
  }
  JG_ASSERT(fits);
}

static void fill_list(struct jg_filter_fixture *fixture, ProtobufCMessage *message, const struct jg_member *member) {
  const struct jg_entity *target = jg_entity((enum jg_kind)member->target);
  size_t count = jg_filter_fixture_random(fixture, 4);
  ProtobufCMessage **items = jg_arena_alloc(&fixture->store.arena, (count + 1) * sizeof(ProtobufCMessage *));
  JG_ASSERT(items != NULL);
  for (size_t i = 0; i < count; i++) {
    items[i] = jg_message_new(target->descriptor, &fixture->store.arena);
    for (size_t m = 0; m < target->member_count; m++) {
      fill_member(fixture, items[i], &target->members[m]);
    }
  }
  jg_member_set_items(message, member, items, count);
}

static void set_id(struct jg_filter_fixture *fixture, ProtobufCMessage *message, const struct jg_member *member,
                   struct jg_uuid id) {
  JG_ASSERT(jg_member_set_str(message, member, guid_text(&fixture->store.arena, id), &fixture->store.arena));
}

/* One in four is not set. */
static void fill_relation(struct jg_filter_fixture *fixture, const struct jg_entity *entity, ProtobufCMessage *message,
                          const struct jg_relation *relation) {
  const struct jg_entity *target = jg_entity((enum jg_kind)relation->target);
  if (jg_filter_fixture_random(fixture, 4) == 0) {
    return;
  }
  struct jg_str id, key;
  if (target->kind == JG_KIND_JOB_STATUS) {
    const struct jg_status_row *row = &jg_status_rows[jg_filter_fixture_random(fixture, 4)];
    id = row->id;
    key = row->code;
  } else {
    ProtobufCMessage *node =
        fixture->entities[target->kind][jg_filter_fixture_random(fixture, JG_FILTER_FIXTURE_ENTITIES)];
    id = jg_member_str(node, &target->members[target->id_member]);
    key = jg_member_str(node, &target->members[target->key_member]);
    jg_member_set_node(message, &entity->members[relation->node_member], node);
  }
  struct jg_arena *arena = &fixture->store.arena;
  JG_ASSERT(jg_member_set_str(message, &entity->members[relation->id_member], id, arena));
  if (relation->key_member != JG_NO_INDEX) {
    JG_ASSERT(jg_member_set_str(message, &entity->members[relation->key_member], key, arena));
  }
}

/* Random but for id and key; the entities that it embeds are there already. */
static ProtobufCMessage *make_message(struct jg_filter_fixture *fixture, const struct jg_entity *entity, uint64_t n,
                                      const char *key) {
  struct jg_arena *arena = &fixture->store.arena;
  ProtobufCMessage *message = jg_message_new(entity->descriptor, arena);
  JG_ASSERT(message != NULL);
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if (member->type == JG_TYPE_ENTITY_LIST) {
      fill_list(fixture, message, member);
    } else if (member->relation == JG_NO_INDEX && jg_filter_fixture_random(fixture, 3) != 0) {
      fill_member(fixture, message, member);
    }
  }
  for (size_t i = 0; i < entity->relation_count; i++) {
    fill_relation(fixture, entity, message, &entity->relations[i]);
  }
  set_id(fixture, message, &entity->members[entity->id_member], jg_fixture_id(n));
  if (entity->key_member != JG_NO_INDEX) {
    JG_ASSERT(jg_member_set_str(message, &entity->members[entity->key_member], jg_str_from_cstr(key), arena));
  }
  return message;
}

/* One member of a parent, as it stands in the job. */
static void copy_member(ProtobufCMessage *parent, const struct jg_member *to, const ProtobufCMessage *job,
                        const struct jg_member *from, struct jg_arena *arena) {
  bool fits = true;
  JG_ASSERT(from != NULL && from->type == to->type);
  switch ((enum jg_type)to->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID:
      fits = jg_member_set_str(parent, to, jg_member_str(job, from), arena);
      break;
    case JG_TYPE_INTEGER:
      jg_member_set_int(parent, to, jg_member_int(job, from));
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(parent, to, jg_member_bool(job, from));
      break;
    case JG_TYPE_DATE:
      fits = jg_member_set_date(parent, to, jg_member_date(job, from), arena);
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(parent, to, jg_member_decimal(job, from));
      break;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      JG_ASSERT(!"a parent embeds nothing");
  }
  JG_ASSERT(fits);
}

/* Gives the message its parent, if that is among the jobs. */
static void set_parent(struct jg_filter_fixture *fixture, struct jg_filter_job *child) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB), *parent = jg_entity(JG_KIND_PARENT_JOB);
  struct jg_str id = jg_member_str(child->message, &job->members[JG_JOB_PARENT_ID]);
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    const ProtobufCMessage *found = fixture->jobs[i].message;
    if (!jg_str_equal(jg_member_str(found, &job->members[JG_JOB_ID]), id)) {
      continue;
    }
    ProtobufCMessage *message = jg_message_new(parent->descriptor, &fixture->store.arena);
    JG_ASSERT(message != NULL);
    for (size_t m = 0; m < parent->member_count; m++) {
      const struct jg_member *to = &parent->members[m];
      copy_member(message, to, found, jg_entity_member_by_number(job, to->number), &fixture->store.arena);
    }
    jg_member_set_node(child->message, &job->members[JG_JOB_PARENT_JOB], message);
  }
}

/* ---- writing ---- */

static struct jg_str pack(struct jg_filter_fixture *fixture, const struct jg_entity *entity,
                          const ProtobufCMessage *message) {
  struct jg_str payload = jg_message_pack_payload(entity, message, &fixture->store.arena);
  JG_ASSERT(payload.data != NULL);
  return payload;
}

static struct jg_status put_entity(struct jg_filter_fixture *fixture, struct jg_txn *txn,
                                   const struct jg_entity *entity, const ProtobufCMessage *message) {
  struct jg_entity_put put = {.create = true,
                              .kind = entity->kind,
                              .key = jg_member_str(message, &entity->members[entity->key_member]),
                              .payload = pack(fixture, entity, message),
                              .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  JG_ASSERT(jg_uuid_parse(jg_member_str(message, &entity->members[entity->id_member]), &put.id));
  int64_t revision;
  return jg_txn_entity_put(txn, &put, &fixture->store.arena, &revision);
}

static struct jg_status put_job(struct jg_filter_fixture *fixture, struct jg_txn *txn,
                                const struct jg_filter_job *job) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  const struct jg_job_put put = {
      .id = job->id,
      .payload = job->payload,
      .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET),
      .modified_ticks = jg_member_date(job->message, &entity->members[JG_JOB_MODIFIED_DATEUTC])};
  int64_t revision;
  return jg_txn_job_put(txn, &put, &fixture->store.arena, &revision);
}

static struct jg_status write_all(struct jg_txn *txn, void *data) {
  struct jg_filter_fixture *fixture = data;
  for (size_t kind = JG_KIND_JOB + 1; kind < JG_KIND_COUNT; kind++) {
    for (size_t i = 0; i < JG_FILTER_FIXTURE_ENTITIES && fixture->entities[kind][i] != NULL; i++) {
      JG_RETURN_IF_ERROR(put_entity(fixture, txn, jg_entity((enum jg_kind)kind), fixture->entities[kind][i]));
    }
  }
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    JG_RETURN_IF_ERROR(put_job(fixture, txn, &fixture->jobs[i]));
  }
  return JG_STATUS_OK;
}

static void make_all(struct jg_filter_fixture *fixture) {
  /* Embedded ones before those that embed them. */
  static const enum jg_kind kinds[] = {JG_KIND_SALES_ORGANIZATION,
                                       JG_KIND_EQUIPMENT_BRAND,
                                       JG_KIND_EQUIPMENT_FAMILY,
                                       JG_KIND_EQUIPMENT_MODEL,
                                       JG_KIND_PROJECT_STATUS,
                                       JG_KIND_PROJECT,
                                       JG_KIND_JOB_TYPE,
                                       JG_KIND_JOB_PRIORITY,
                                       JG_KIND_USER,
                                       JG_KIND_SKILL};
  static const char *const keys[JG_FILTER_FIXTURE_ENTITIES] = {"C1", "C2", "c1", "\xc3\x84", ""};
  for (size_t k = 0; k < JG_COUNT(kinds); k++) {
    for (size_t i = 0; i < JG_FILTER_FIXTURE_ENTITIES; i++) {
      fixture->entities[kinds[k]][i] = make_message(fixture, jg_entity(kinds[k]), i + 1, keys[i]);
    }
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    char reference[16] = "";
    if (i % 3 != 0) {
      (void)snprintf(reference, sizeof(reference), "R%zu", i);
    }
    struct jg_filter_job *made = &fixture->jobs[i];
    made->id = jg_fixture_id(i + 1);
    made->message = make_message(fixture, job, i + 1, reference);
    if (i % 7 == 0) {
      // One that never came.
      set_id(fixture, made->message, &job->members[JG_JOB_PARENT_ID], jg_fixture_id(JG_FILTER_FIXTURE_JOBS + 1));
    }
    made->payload = pack(fixture, job, made->message);
  }
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    set_parent(fixture, &fixture->jobs[i]);
  }
}

void jg_filter_fixture_init(struct jg_filter_fixture *fixture, uint64_t seed) {
  *fixture = (struct jg_filter_fixture){.random = seed * 2654435761u + 88172645463325252u};
  jg_fixture_init(&fixture->store);
  jg_fixture_open(&fixture->store);
  int64_t other = 0;
  must(jg_store_tenant(fixture->store.store, JG_STR("other"), true, &fixture->store.arena, &other));
  make_all(fixture);
  must(jg_fixture_write(&fixture->store, other, write_all, fixture));
  make_all(fixture);
  must(jg_fixture_write(&fixture->store, fixture->store.tenant, write_all, fixture));
}

void jg_filter_fixture_done(struct jg_filter_fixture *fixture) {
  jg_fixture_done(&fixture->store);
}

/* ---- nodes ---- */

static struct jg_filter *new_node(struct jg_arena *arena, enum jg_filter_kind kind, enum jg_filter_type type) {
  struct jg_filter *node = jg_arena_alloc_zero(arena, sizeof(*node));
  JG_ASSERT(node != NULL);
  node->kind = kind;
  node->type = type;
  return node;
}

struct jg_filter *jg_filter_node(struct jg_arena *arena, enum jg_filter_kind kind, enum jg_filter_type type,
                                 const struct jg_filter *a, const struct jg_filter *b, const struct jg_filter *c) {
  struct jg_filter *node = new_node(arena, kind, type);
  node->args[0] = a;
  node->args[1] = b;
  node->args[2] = c;
  node->arg_count = (uint8_t)((a != NULL) + (b != NULL) + (c != NULL));
  return node;
}

static enum jg_filter_type type_of(const struct jg_member *member) {
  static const enum jg_filter_type types[] = {
      [JG_TYPE_STRING] = JG_VALUE_STRING,   [JG_TYPE_GUID] = JG_VALUE_GUID,
      [JG_TYPE_INTEGER] = JG_VALUE_INTEGER, [JG_TYPE_BOOL] = JG_VALUE_BOOL,
      [JG_TYPE_DATE] = JG_VALUE_DATETIME,   [JG_TYPE_DECIMAL] = JG_VALUE_DECIMAL,
      [JG_TYPE_ENTITY] = JG_VALUE_NULL,     [JG_TYPE_ENTITY_LIST] = JG_VALUE_COLLECTION};
  return types[member->type];
}

struct jg_filter *jg_filter_member(struct jg_arena *arena, const char *path) {
  struct jg_filter *node = new_node(arena, JG_FILTER_MEMBER, JG_VALUE_NULL);
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  struct jg_str rest = jg_str_from_cstr(path);
  while (rest.data != NULL) {
    struct jg_str name = jg_str_cut(rest, '/', &rest);
    if (jg_str_equal(name, JG_STR("$"))) {
      node->path.variable = true;
      entity = jg_entity(JG_KIND_TRANSLATION);
      continue;
    }
    const struct jg_member *member = jg_entity_member(entity, name);
    JG_ASSERT(member != NULL);
    node->path.steps[node->path.count++] = member;
    node->type = type_of(member);
    entity = jg_entity((enum jg_kind)member->target);
  }
  return node;
}

struct jg_filter *jg_filter_integer(struct jg_arena *arena, enum jg_filter_type type, int64_t value) {
  struct jg_filter *node = new_node(arena, JG_FILTER_LITERAL, type);
  node->integer = value;
  return node;
}

struct jg_filter *jg_filter_decimal(struct jg_arena *arena, double value) {
  struct jg_filter *node = new_node(arena, JG_FILTER_LITERAL, JG_VALUE_DECIMAL);
  node->decimal = value;
  return node;
}

struct jg_filter *jg_filter_text(struct jg_arena *arena, const char *text) {
  struct jg_filter *node = new_node(arena, JG_FILTER_LITERAL, JG_VALUE_STRING);
  node->string = jg_str_from_cstr(text);
  return node;
}

struct jg_filter *jg_filter_guid(struct jg_arena *arena, struct jg_uuid uuid) {
  struct jg_filter *node = new_node(arena, JG_FILTER_LITERAL, JG_VALUE_GUID);
  node->uuid = uuid;
  return node;
}

struct jg_filter *jg_filter_null(struct jg_arena *arena) {
  return new_node(arena, JG_FILTER_LITERAL, JG_VALUE_NULL);
}

struct jg_filter *jg_filter_fixture_literal(struct jg_filter_fixture *fixture, struct jg_arena *arena,
                                            enum jg_filter_type type) {
  static const int64_t wide[] = {0, 1, -1, 2, 3, 7, 60, 2024, INT32_MAX, INT64_MAX, INT64_MIN};
  int64_t tick = PICK(fixture, ticks);
  switch (type) {
    case JG_VALUE_BOOL:
      return jg_filter_integer(arena, type, (int64_t)jg_filter_fixture_random(fixture, 2));
    case JG_VALUE_INTEGER:
      return jg_filter_integer(arena, type, PICK(fixture, wide));
    case JG_VALUE_DECIMAL:
      return jg_filter_decimal(arena, PICK(fixture, decimals));
    case JG_VALUE_STRING:
      return jg_filter_text(arena, PICK(fixture, texts));
    case JG_VALUE_GUID:
      return jg_filter_guid(arena, random_guid(fixture));
    case JG_VALUE_DATETIME:
      return jg_filter_integer(arena, type, tick);
    case JG_VALUE_DATE:
      return jg_filter_integer(arena, type, jg_date_midnight(tick));
    case JG_VALUE_TIMEOFDAY:
      return jg_filter_integer(arena, type, tick - jg_date_midnight(tick));
    case JG_VALUE_NULL:
    case JG_VALUE_COLLECTION:
      break;
  }
  return jg_filter_null(arena);
}
