#include "services/jobs/mask.h"

#include "proto/codec/message.h"

static struct jg_status read_path(struct jg_str path, struct jg_arena *arena, uint64_t *present) {
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
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "update_mask",
                           "names \"%.*s\", which is no member of a job", JG_STR_ARG(shown));
  }
  if (rest.data != NULL) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "update_mask",
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
    JG_RETURN_IF_ERROR(read_path(jg_str_from_cstr(paths[i]), arena, &present));
  }
  for (size_t i = 0; i < entity->member_count && count == 0; i++) {
    if (jg_member_filled(job, &entity->members[i])) {
      present |= UINT64_C(1) << i;
    }
  }
  *ret_present = present;
  return JG_STATUS_OK;
}
