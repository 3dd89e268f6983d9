#include "services/jobs/mask.h"

#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

/* field: of the request, for errors. */
static struct jg_status read_path(struct jg_str path, const char *field, struct jg_arena *arena, uint64_t *present) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  if (jg_str_equal(path, JG_STR("*"))) {
    *present = UINT64_MAX;
    return JG_STATUS_OK;
  }
  struct jg_str rest;
  struct jg_str name = jg_str_cut(path, '.', &rest);
  const struct jg_member *member = jg_entity_member_by_proto(job, name);
  struct jg_str shown = jg_str_sub(path, 0, 100);
  if (member == NULL) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field,
                           "names \"%.*s\", which is no member of a job", JG_STR_ARG(shown));
  }
  if (rest.data != NULL) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field,
                           "names \"%.*s\": a path ends at a member of the job, like \"%.*s\"", JG_STR_ARG(shown),
                           JG_STR_ARG(name));
  }
  *present |= UINT64_C(1) << member->index;
  return JG_STATUS_OK;
}

struct jg_status jg_mask_read(char *const *paths, size_t count, const ProtobufCMessage *job, struct jg_arena *arena,
                              uint64_t *ret_present) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  uint64_t present = 0;
  for (size_t i = 0; i < count; i++) {
    JG_RETURN_IF_ERROR(read_path(jg_str_from_cstr(paths[i]), "update_mask", arena, &present));
  }
  for (size_t i = 0; i < entity->member_count && count == 0; i++) {
    if (jg_member_filled(job, &entity->members[i])) {
      present |= UINT64_C(1) << i;
    }
  }
  *ret_present = present;
  return JG_STATUS_OK;
}

/* ---- read_mask ---- */

struct jg_status jg_read_mask_read(char *const *paths, size_t count, struct jg_arena *arena,
                                   struct jg_read_mask *ret_mask) {
  struct jg_read_mask mask = {.all = count == 0};
  for (size_t i = 0; i < count; i++) {
    struct jg_str path = jg_str_from_cstr(paths[i]);
    if (jg_str_equal(path, JG_STR("*"))) {
      mask.all = true;
    } else if (jg_str_equal(path, JG_STR("revision"))) {
      mask.revision = true;
    } else if (jg_str_equal(path, JG_STR("etag"))) {
      mask.etag = true;
    } else {
      JG_RETURN_IF_ERROR(read_path(path, "read_mask", arena, &mask.members));
    }
  }
  *ret_mask = mask;
  return JG_STATUS_OK;
}

static bool names(const struct jg_read_mask *mask, uint8_t member) {
  return member != JG_NO_INDEX && (mask->members >> member & 1) != 0;
}

bool jg_read_mask_has_parent(const struct jg_read_mask *mask) {
  return names(mask, JG_JOB_PARENT_JOB);
}

bool jg_read_mask_has_nodes(const struct jg_read_mask *mask) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  bool any = mask->all;
  for (size_t i = 0; i < job->relation_count; i++) {
    any = any || names(mask, job->relations[i].node_member);
  }
  return any;
}

uint32_t jg_read_mask_unshown(const struct jg_read_mask *mask, bool nodes) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  uint32_t unshown = 0;
  for (size_t i = 0; i < job->relation_count; i++) {
    uint8_t key = job->relations[i].key_member, node = job->relations[i].node_member;
    bool shown = (key != JG_NO_INDEX && (mask->all || names(mask, key))) ||
                 (nodes && node != JG_NO_INDEX && (mask->all || names(mask, node)));
    unshown |= shown ? 0 : UINT32_C(1) << i;
  }
  return unshown;
}

struct jg_status jg_read_mask_view(const struct jg_read_mask *mask, Jobgate__V1__JobView view, bool unspecified_is_full,
                                   struct jg_arena *arena, bool *ret_nodes) {
  switch (view) {
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_UNSPECIFIED:
      *ret_nodes = mask->all ? unspecified_is_full : jg_read_mask_has_nodes(mask);
      return JG_STATUS_OK;
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC:
      *ret_nodes = false;
      return JG_STATUS_OK;
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL:
      *ret_nodes = true;
      return JG_STATUS_OK;
    default:
      return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "view",
                             "must be JOB_VIEW_BASIC or JOB_VIEW_FULL");
  }
}

/* The fields that the mask names, as they stand. */
static bool cut_payload(const struct jg_read_mask *mask, struct jg_parts *job, struct jg_arena *arena) {
  char *bytes = jg_arena_alloc(arena, job->payload.len + 1);
  if (bytes == NULL) {
    return false;
  }
  size_t len = 0;
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, job->payload);
  while (jg_wire_next(&reader, &field)) {
    const struct jg_member *member = jg_entity_member_by_number(job->entity, field.number);
    if (member != NULL && names(mask, member->index)) {
      memcpy(bytes + len, field.raw.data, field.raw.len);
      len += field.raw.len;
    }
  }
  job->payload = jg_str_make(bytes, len);
  return true;
}

static bool cut_relation(const struct jg_read_mask *mask, struct jg_parts *job, size_t index, struct jg_arena *arena) {
  const struct jg_relation *relation = &job->entity->relations[index];
  const struct jg_expanded *whole = job->relations[index];
  bool key = names(mask, relation->key_member), node = names(mask, relation->node_member);
  if (whole == NULL || (key && node)) {
    return true;
  }
  struct jg_expanded *part = NULL;
  if (key || node) {
    part = jg_arena_alloc(arena, sizeof(*part));
    if (part == NULL) {
      return false;
    }
    *part = key ? (struct jg_expanded){JG_STR_NONE, JG_STR_NONE, whole->key}
                : (struct jg_expanded){whole->proto, whole->json, JG_STR_NONE};
  }
  job->relations[index] = part;
  return true;
}

struct jg_status jg_read_mask_apply(const struct jg_read_mask *mask, struct jg_parts *jobs, size_t count,
                                    struct jg_arena *arena) {
  for (size_t i = 0; i < count && !mask->all; i++) {
    struct jg_parts *job = &jobs[i];
    bool fits = cut_payload(mask, job, arena);
    for (size_t r = 0; r < job->entity->relation_count && fits; r++) {
      fits = cut_relation(mask, job, r, arena);
    }
    if (!fits) {
      return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
    }
    job->revision = mask->revision ? job->revision : 0;
    job->etag = mask->etag ? job->etag : JG_STR_NONE;
  }
  return JG_STATUS_OK;
}
