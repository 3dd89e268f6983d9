#include "services/sample/sample.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "proto/codec/date.h"
#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "services/sample/words.h"

#define ARENA_BYTES (8u << 20)
/* A relation inside a relation inside a job: project -> model -> brand -> sales organization. */
#define DEPTH_MAX 5
/* 2024-01-01T00:00:00Z, and the two years that dates fall into. */
#define DATE_FIRST (INT64_C(1704067200) * JG_TICKS_PER_SECOND)
#define DATE_SPAN (INT64_C(63072000) * JG_TICKS_PER_SECOND)

/* How many things of a kind there are for a job of that index: entities are shared, and grow with the jobs. */
static uint64_t population(enum jg_kind kind, uint64_t job_index) {
  switch (kind) {
    case JG_KIND_PROJECT:
      return 20 + job_index / 25;
    case JG_KIND_USER:
      return 10 + job_index / 500;
    case JG_KIND_EQUIPMENT_MODEL:
      return 40;
    case JG_KIND_EQUIPMENT_FAMILY:
    case JG_KIND_EQUIPMENT_BRAND:
    case JG_KIND_JOB_TYPE:
    case JG_KIND_SKILL:
      return 12;
    default:
      return 5;
  }
}

/* One thing that is being made: all its random numbers come from (seed, kind, index, member). */
struct maker {
  struct jg_arena *arena;
  uint64_t seed;
  uint64_t job_index; /* of the job it belongs to: bounds the populations */
};

/* splitmix64, by its author's public-domain constants. */
static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static uint64_t number_of(uint64_t seed, enum jg_kind kind, uint64_t index, unsigned member) {
  return mix(mix(mix(seed ^ ((uint64_t)kind << 56)) ^ index) + member);
}

static struct jg_uuid id_of(uint64_t seed, enum jg_kind kind, uint64_t index) {
  uint64_t high = number_of(seed, kind, index, 1000);
  uint64_t low = number_of(seed, kind, index, 1001);
  struct jg_uuid id;
  memcpy(id.bytes, &high, 8);
  memcpy(id.bytes + 8, &low, 8);
  id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 10 */
  id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

struct jg_str jg_sample_id(uint64_t seed, enum jg_kind kind, uint64_t index, char out[36]) {
  jg_uuid_format(id_of(seed, kind, index), out);
  return jg_str_make(out, JG_UUID_TEXT_LEN);
}

static bool ends(struct jg_str name, const char *suffix) {
  return jg_str_ends_with(name, jg_str_from_cstr(suffix));
}

/* A text of exactly `units` UTF-16 units with characters of 1 to 4 bytes in it: the edge of a maximal length. */
static const char *maximal_text(struct jg_arena *arena, size_t units, uint64_t n) {
  static const char *const pieces[] = {"x", "é", "漢", "🔧"};
  char *text = jg_arena_alloc(arena, units * 4 + 1);
  JG_ASSERT(text != NULL);
  size_t len = 0;
  for (size_t left = units; left > 0;) {
    const char *piece = pieces[left < 2 ? 0 : (n + left) % JG_COUNT(pieces)];
    size_t bytes = strlen(piece);
    memcpy(text + len, piece, bytes);
    len += bytes;
    left -= bytes == 4 ? 2 : 1;
  }
  text[len] = '\0';
  return text;
}

/* The lookup key of a thing, unique within its kind: the initials of the kind and a number, "JT-000003". */
static const char *key_of(struct jg_arena *arena, const struct jg_entity *entity, uint64_t index) {
  struct jg_str name = entity->name;
  size_t second = jg_str_find(name, '_', 0);
  char initials[3] = {(char)(name.data[0] - 'a' + 'A')};
  if (second != SIZE_MAX) {
    initials[1] = (char)(name.data[second + 1] - 'a' + 'A');
  }
  return jg_arena_printf(arena, "%s-%06llu", initials, (unsigned long long)index);
}

/* A text that fits the member's name; NULL: leave it empty. */
static const char *text_for(struct jg_arena *arena, const struct jg_entity *entity, const struct jg_member *member,
                            uint64_t index, uint64_t n) {
  struct jg_str name = member->name;
  if ((member->flags & JG_MEMBER_LOOKUP_KEY) != 0) {
    bool none = entity->kind == JG_KIND_JOB && index % 10 == 9;
    return none ? NULL : key_of(arena, entity, index);
  }
  if (n % 11 == 0 && (member->flags & JG_MEMBER_REQUIRED) == 0) {
    return NULL;
  }
  if (member->max_utf16 > 0 && n % 97 == 1) {
    return maximal_text(arena, member->max_utf16, n);
  }
  if (ends(name, "email")) {
    return jg_arena_printf(arena, "desk%llu@example.com", (unsigned long long)(n % 1000));
  }
  if (ends(name, "phone") || ends(name, "fax") || ends(name, "mobile")) {
    return jg_arena_printf(arena, "+32 2 555 %04llu", (unsigned long long)(n % 10000));
  }
  if (ends(name, "street")) {
    return jg_word(JG_WORDS_STREET, n);
  }
  if (ends(name, "street_number") || ends(name, "zip")) {
    return jg_arena_printf(arena, "%llu", (unsigned long long)(1 + n % 9999));
  }
  if (ends(name, "city") || ends(name, "location") || ends(name, "place_of_birth")) {
    return jg_word(JG_WORDS_PLACE, n);
  }
  if (ends(name, "firstname")) {
    return jg_word(JG_WORDS_FIRST_NAME, n);
  }
  if (ends(name, "lastname")) {
    return jg_word(JG_WORDS_LAST_NAME, n);
  }
  if (ends(name, "username")) {
    return jg_arena_printf(arena, "user%llu", (unsigned long long)index);
  }
  if (ends(name, "description") || ends(name, "memo") || ends(name, "information") || ends(name, "remark") ||
      ends(name, "notes") || ends(name, "consequence")) {
    return jg_arena_printf(arena, "%s %s", jg_word(JG_WORDS_SENTENCE, n), jg_word(JG_WORDS_SENTENCE, n / 13));
  }
  if (ends(name, "url")) {
    return jg_arena_printf(arena, "https://example.com/%llu", (unsigned long long)index);
  }
  if (ends(name, "name") && entity->kind == JG_KIND_JOB) {
    return jg_arena_printf(arena, "%s %s", jg_word(JG_WORDS_TASK, n), jg_word(JG_WORDS_THING, n / 17));
  }
  if (ends(name, "name")) {
    return jg_arena_printf(arena, "%s %s", jg_word(JG_WORDS_COMPANY, n), jg_word(JG_WORDS_THING, n / 17));
  }
  return jg_arena_printf(arena, "%.3s-%llu", name.data[0] == '_' ? name.data + 1 : name.data,
                         (unsigned long long)(n % 100000));
}

/* Whole seconds, milliseconds, or 100 ns. */
static int64_t date_for(uint64_t n) {
  static const int64_t precisions[] = {JG_TICKS_PER_SECOND, JG_TICKS_PER_SECOND / 1000, 1};
  int64_t precision = precisions[n % 3];
  int64_t ticks = DATE_FIRST + (int64_t)(mix(n) % (uint64_t)DATE_SPAN);
  return n % 7 == 0 ? JG_TICKS_UNSET : ticks / precision * precision;
}

static void set_str(const struct maker *maker, ProtobufCMessage *message, const struct jg_member *member,
                    const char *text) {
  bool ok = jg_member_set_str(message, member, jg_str_from_cstr(text), maker->arena);
  JG_ASSERT(ok);
}

static void set_id(const struct maker *maker, ProtobufCMessage *message, const struct jg_member *member,
                   enum jg_kind kind, uint64_t index) {
  char text[JG_UUID_TEXT_LEN];
  bool ok = jg_member_set_str(message, member, jg_sample_id(maker->seed, kind, index, text), maker->arena);
  JG_ASSERT(ok);
}

/* Translations of an equipment model: 0 to 2 of them. */
static void set_translations(const struct maker *maker, ProtobufCMessage *message, const struct jg_member *member,
                             uint64_t n) {
  static const char *const languages[] = {"fr", "nl", "de"};
  const struct jg_entity *entity = jg_entity(member->target);
  size_t count = n % 3;
  ProtobufCMessage **items = jg_arena_alloc(maker->arena, (count + 1) * sizeof(ProtobufCMessage *));
  JG_ASSERT(items != NULL);
  for (size_t i = 0; i < count; i++) {
    items[i] = jg_message_new(entity->descriptor, maker->arena);
    JG_ASSERT(items[i] != NULL);
    set_str(maker, items[i], &entity->members[0], "name");
    set_str(maker, items[i], &entity->members[1], languages[(n + i) % JG_COUNT(languages)]);
    set_str(maker, items[i], &entity->members[2], jg_word(JG_WORDS_THING, n / 5 + i));
  }
  memcpy((char *)message + member->count_offset, &count, sizeof count);
  memcpy((char *)message + member->offset, &items, sizeof(ProtobufCMessage **));
}

static void set_member(const struct maker *maker, const struct jg_entity *entity, ProtobufCMessage *message,
                       const struct jg_member *member, uint64_t index) {
  uint64_t n = number_of(maker->seed, entity->kind, index, member->index);
  bool ok = true;
  const char *text;
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      text = text_for(maker->arena, entity, member, index, n);
      set_str(maker, message, member, text != NULL ? text : "");
      break;
    case JG_TYPE_GUID:
      if (n % 5 != 0) {
        set_id(maker, message, member, JG_KIND_NONE, n % 500);
      }
      break;
    case JG_TYPE_INTEGER:
      jg_member_set_int(message, member, (int32_t)(n % 480));
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(message, member, n % 3 == 0);
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(message, member, n % 9 == 0 ? 0 : (double)(int64_t)(n % 180000000 - 90000000) / 1e6);
      break;
    case JG_TYPE_DATE:
      ok = jg_member_set_date(message, member,
                              (member->flags & JG_MEMBER_DATE_ONLY) != 0 ? jg_date_midnight(date_for(n)) : date_for(n),
                              maker->arena);
      break;
    case JG_TYPE_ENTITY_LIST:
      set_translations(maker, message, member, n);
      break;
    case JG_TYPE_ENTITY:
      break;
  }
  JG_ASSERT(ok);
}

/* What the record and the contract want of a job beyond plausible members. */
static void set_job_facts(const struct maker *maker, ProtobufCMessage *message, uint64_t index) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_status_row *status = &jg_status_rows[index % JG_STATUS_ROW_COUNT];
  bool ok = jg_member_set_str(message, jg_entity_member(job, JG_STR("job_status_id")), status->id, maker->arena) &&
            jg_member_set_str(message, jg_entity_member(job, JG_STR("job_status_code")), status->code, maker->arena);
  JG_ASSERT(ok);
  jg_member_set_int(message, jg_entity_member(job, JG_STR("id2")), (int32_t)(index + 1));
  const struct jg_member *parent = jg_entity_member(job, JG_STR("_parent_id"));
  const struct jg_member *reference = jg_entity_member(job, JG_STR("_parent_jobs_reference_back_office"));
  jg_member_clear(message, parent);
  jg_member_clear(message, reference);
  if (index % 20 == 7) {
    set_id(maker, message, parent, JG_KIND_JOB, index - 1);
    set_str(maker, message, reference, key_of(maker->arena, job, index - 1));
  }
  int64_t modified = DATE_FIRST + (int64_t)index * JG_TICKS_PER_SECOND + (int64_t)(index % 10000);
  ok = jg_member_set_date(message, &job->members[job->modified_member], modified, maker->arena);
  JG_ASSERT(ok);
}

struct frame {
  const struct jg_entity *entity;
  uint64_t index;
  ProtobufCMessage *message;
  uint8_t relation; /* the next one to look at */
};

static void begin(const struct maker *maker, struct frame *frame, enum jg_kind kind, uint64_t index) {
  const struct jg_entity *entity = jg_entity(kind);
  *frame = (struct frame){.entity = entity, .index = index};
  frame->message = jg_message_new(entity->descriptor, maker->arena);
  JG_ASSERT(frame->message != NULL);
  for (uint8_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if (i == entity->id_member) {
      set_id(maker, frame->message, member, kind, index);
    } else if (member->relation == JG_NO_INDEX && (member->flags & JG_MEMBER_EXPAND_ONLY) == 0) {
      set_member(maker, entity, frame->message, member, index);
    }
  }
  if (kind == JG_KIND_JOB) {
    set_job_facts(maker, frame->message, index);
  }
}

/* The id, the key and the node of a relation. */
static void set_relation(const struct maker *maker, struct frame *frame, const struct jg_relation *relation,
                         uint64_t target, ProtobufCMessage *node) {
  const struct jg_member *members = frame->entity->members;
  set_id(maker, frame->message, &members[relation->id_member], relation->target, target);
  jg_member_set_node(frame->message, &members[relation->node_member], node);
  if (relation->key_member != JG_NO_INDEX) {
    set_str(maker, frame->message, &members[relation->key_member],
            key_of(maker->arena, jg_entity(relation->target), target));
  }
}

/* Makes a job with everything it embeds, depth first, without recursion. */
static ProtobufCMessage *make_job(const struct maker *maker, uint64_t index) {
  struct frame stack[DEPTH_MAX];
  size_t depth = 0;
  begin(maker, &stack[0], JG_KIND_JOB, index);
  for (;;) {
    struct frame *top = &stack[depth];
    if (top->relation == top->entity->relation_count) {
      if (depth == 0) {
        return top->message;
      }
      depth--;
      continue;
    }
    const struct jg_relation *relation = &top->entity->relations[top->relation];
    uint64_t n = number_of(maker->seed, top->entity->kind, top->index, 500u + top->relation);
    bool optional = relation->target == JG_KIND_SKILL || relation->target == JG_KIND_USER;
    top->relation++;
    if (relation->node_member == JG_NO_INDEX || (optional && n % 4 == 0)) {
      continue;
    }
    uint64_t target = n % population(relation->target, maker->job_index);
    JG_ASSERT(depth + 1 < DEPTH_MAX);
    begin(maker, &stack[++depth], relation->target, target);
    set_relation(maker, top, relation, target, stack[depth].message);
  }
}

void jg_sample_job(uint64_t seed, uint64_t index, struct jg_buf *out) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct maker maker = {.arena = &arena, .seed = seed, .job_index = index};
  static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
  struct jg_status status =
      jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), make_job(&maker, index), &arena, out);
  JG_ASSERT(jg_status_ok(status));
  jg_buf_append_char(out, '\n');
  jg_arena_done(&arena);
}
