#include "services/jobs/given.h"

#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"

/* Required members, groups and entities of a Job are fewer; a decoder finds at most 20. */
#define VIOLATIONS_MAX 48u

struct check {
  const struct jg_job_given *given;
  const struct jg_status_details *found; /* by decoding; NULL: nothing */
  struct jg_arena *arena;
  bool out_of_arena;
  size_t count;
  struct jg_violation items[VIOLATIONS_MAX];
};

static const struct jg_member *job_member(size_t index) {
  return &jg_entity(JG_KIND_JOB)->members[index];
}

static bool is_given(const struct check *check, const struct jg_member *member) {
  return (check->given->present >> member->index & 1) != 0;
}

static struct jg_str name_of(const struct check *check, const struct jg_member *member) {
  return check->given->proto_names ? member->proto_name : member->name;
}

/* NULL at the arena's cap. */
static const char *path_of(const struct check *check, const struct jg_member *member) {
  const char *path = check->given->path;
  return jg_arena_printf(check->arena, path[0] != '\0' ? "%s.%.*s" : "%s%.*s", path,
                         JG_STR_ARG(name_of(check, member)));
}

static void add(struct check *check, const char *field, const char *message) {
  if (field == NULL || message == NULL) {
    check->out_of_arena = true;
    return;
  }
  JG_ASSERT(check->count < VIOLATIONS_MAX);
  check->items[check->count++] = (struct jg_violation){field, message};
}

/* Decoding has something to say about it: whether it is filled cannot be told. */
static bool was_found(struct check *check, const struct jg_member *member) {
  if (check->found == NULL) {
    return false;
  }
  const char *path = path_of(check, member);
  for (size_t i = 0; i < check->found->violation_count && path != NULL; i++) {
    if (strcmp(check->found->violations[i].field, path) == 0) {
      return true;
    }
  }
  check->out_of_arena = check->out_of_arena || path == NULL;
  return false;
}

bool jg_job_is_blank(struct jg_str text) {
  for (size_t i = 0; i < text.len;) {
    uint32_t c = jg_utf8_next(text, &i);
    bool space = c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                 (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
                 c == 0x3000;
    if (!space) {
      return false;
    }
  }
  return true;
}

static void check_required(struct check *check, const struct jg_member *member) {
  if (is_given(check, member) && jg_job_is_blank(jg_member_str(check->given->job, member)) &&
      !was_found(check, member)) {
    add(check, path_of(check, member), "is required");
  }
}

/* Will the job have something of that group? Members of a group belong to one relation. */
static bool group_ends_filled(struct check *check, struct jg_str group) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const ProtobufCMessage *before = check->given->before;
  bool touched = false, before_filled = false;
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    if (!jg_str_equal(member->group, group)) {
      continue;
    }
    if (is_given(check, member)) {
      touched = true;
      if (jg_member_filled(check->given->job, member) || was_found(check, member)) {
        return true;
      }
    }
    before_filled = before_filled || (before != NULL && jg_member_filled(before, member));
  }
  return !touched && before_filled;
}

/* The members of a group but its first one, as the client names them: "project_reference_back_office or project". NULL at the
 * arena's cap. */
static const char *alternatives(const struct check *check, const struct jg_member *first) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const char *text = "";
  for (size_t i = first->index + 1u; i < job->member_count && text != NULL; i++) {
    const struct jg_member *member = &job->members[i];
    if (!jg_str_equal(member->group, first->group) || (check->given->is_parent && member->type == JG_TYPE_ENTITY)) {
      continue;
    }
    text = jg_arena_printf(check->arena, "%s%s%.*s", text, text[0] != '\0' ? " or " : "",
                           JG_STR_ARG(name_of(check, member)));
  }
  return text;
}

/* `first` is the group's first member: the path of the violation, whose text lists the others and is a sentence by itself (58). */
static void check_group(struct check *check, const struct jg_member *first) {
  if (group_ends_filled(check, first->group)) {
    return;
  }
  const char *others = alternatives(check, first);
  add(check, path_of(check, first),
      others != NULL ? jg_arena_printf(check->arena, "is required unless %s is given", others) : NULL);
}

static bool is_first_of_group(const struct jg_entity *job, const struct jg_member *member) {
  for (size_t i = 0; i < member->index; i++) {
    if (jg_str_equal(job->members[i].group, member->group)) {
      return false;
    }
  }
  return true;
}

/* A parent's node names its entities, and its own parent, by id or key; with the id the node does not count (68). */
static void check_parent_node(struct check *check, const struct jg_member *node) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const ProtobufCMessage *parent = jg_member_node(check->given->job, job_member(JG_JOB_PARENT_JOB));
  const struct jg_relation *relation = node->relation != JG_NO_INDEX ? &job->relations[node->relation] : NULL;
  const struct jg_member *id = job_member(relation != NULL ? relation->id_member : JG_JOB_PARENT_ID);
  const struct jg_member *key =
      job_member(relation != NULL ? relation->key_member : JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE);
  // A ParentJob's members have the numbers of a Job's.
  if (parent == NULL ||
      jg_member_filled(parent, jg_entity_member_by_number(jg_entity(JG_KIND_PARENT_JOB), id->number))) {
    return;
  }
  const char *path = path_of(check, job_member(JG_JOB_PARENT_JOB));
  add(check, path != NULL ? jg_arena_printf(check->arena, "%s.%.*s", path, JG_STR_ARG(name_of(check, node))) : NULL,
      jg_arena_printf(check->arena, "is not taken in a parent: give %.*s or %.*s", JG_STR_ARG(name_of(check, id)),
                      JG_STR_ARG(name_of(check, key))));
}

static void check_parent_nodes(struct check *check) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_member *parent_id = job_member(JG_JOB_PARENT_ID);
  if (check->given->parent_nodes == 0 ||
      (is_given(check, parent_id) && jg_member_filled(check->given->job, parent_id))) {
    return;
  }
  for (size_t i = 0; i < job->member_count; i++) {
    if ((check->given->parent_nodes >> i & 1) != 0) {
      check_parent_node(check, &job->members[i]);
    }
  }
}

struct jg_status jg_job_check_given(const struct jg_job_given *given, struct jg_status found, struct jg_arena *arena) {
  if (!jg_status_ok(found) && (found.reason != JG_REASON_INVALID_MEMBER || found.details == NULL)) {
    return found;
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct check check = {.given = given, .found = found.details, .arena = arena};
  for (size_t i = 0; check.found != NULL && i < check.found->violation_count && i < VIOLATIONS_MAX / 2; i++) {
    check.items[check.count++] = check.found->violations[i];
  }
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    if ((member->flags & JG_MEMBER_REQUIRED) != 0) {
      check_required(&check, member);
    }
    if (!given->is_change && member->group.len != 0 && is_first_of_group(job, member)) {
      check_group(&check, member);
    }
  }
  const struct jg_member *minutes = job_member(JG_JOB_ESTIMATED_TIME);
  if (is_given(&check, minutes) && jg_member_int(given->job, minutes) < 0) {
    add(&check, path_of(&check, minutes), "must not be negative");
  }
  check_parent_nodes(&check);
  if (check.count == 0 && !check.out_of_arena) {
    return JG_STATUS_OK;
  }
  struct jg_status status = {.details = NULL};
  if (!check.out_of_arena) {
    status = jg_status_violations(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, check.items, check.count);
  }
  return status.details != NULL
             ? status
             : jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}
