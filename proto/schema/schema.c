#include "proto/schema/schema.h"

#include "base/compiler.h"
#include "proto/schema/schema_internal.h"

_Static_assert(JG_MEMBERS_MAX < JG_NO_INDEX, "an index is never JG_NO_INDEX");
_Static_assert(JG_KIND_COUNT < JG_NO_INDEX, "a kind fits jg_member.target");

static unsigned char lower_ascii(char c) {
  unsigned char byte = (unsigned char)c;
  return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : byte;
}

/* As jg_str_compare(lower-case a, b). */
static int compare_folded(struct jg_str a, struct jg_str b) {
  size_t common = a.len < b.len ? a.len : b.len;
  for (size_t i = 0; i < common; i++) {
    unsigned char left = lower_ascii(a.data[i]);
    unsigned char right = (unsigned char)b.data[i];
    if (left != right) {
      return left < right ? -1 : 1;
    }
  }
  return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

const struct jg_entity *jg_entity(enum jg_kind kind) {
  size_t index = (size_t)kind;
  if (index >= JG_KIND_COUNT || jg_schema_entities[index].kind == JG_KIND_NONE) {
    return NULL;
  }
  return &jg_schema_entities[index];
}

const struct jg_entity *jg_entity_by_descriptor(const ProtobufCMessageDescriptor *descriptor) {
  for (size_t i = 0; descriptor != NULL && i < JG_KIND_COUNT; i++) {
    if (jg_schema_entities[i].descriptor == descriptor) {
      return &jg_schema_entities[i];
    }
  }
  return NULL;
}

const struct jg_entity *jg_entity_by_set(struct jg_str set) {
  for (size_t i = 0; set.len > 0 && i < JG_KIND_COUNT; i++) {
    if (jg_str_equal_nocase(jg_schema_entities[i].entity_set, set)) {
      return &jg_schema_entities[i];
    }
  }
  return NULL;
}

const struct jg_member *jg_entity_member(const struct jg_entity *entity, struct jg_str name) {
  size_t low = 0;
  size_t high = entity->member_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct jg_member *member = &entity->members[entity->by_name[middle]];
    int order = compare_folded(name, member->name);
    if (order == 0) {
      return member;
    }
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}

const struct jg_member *jg_entity_member_by_proto(const struct jg_entity *entity, struct jg_str proto_name) {
  for (size_t i = 0; i < entity->member_count; i++) {
    if (jg_str_equal(entity->members[i].proto_name, proto_name)) {
      return &entity->members[i];
    }
  }
  return NULL;
}

const struct jg_member *jg_entity_member_by_number(const struct jg_entity *entity, uint32_t number) {
  JG_ASSERT(entity->member_count > 0);
  /* Numbers grow with the index and start at 1: a member's index is never above its number - 1. */
  uint32_t at = number < entity->member_count ? number : entity->member_count;
  while (at > 0 && entity->members[at - 1].number > number) {
    at--;
  }
  return at > 0 && entity->members[at - 1].number == number ? &entity->members[at - 1] : NULL;
}

struct jg_str jg_schema_descriptor_set(void) {
  return jg_str_make((const char *)jg_schema_descriptor_bytes, jg_schema_descriptor_bytes_len);
}
