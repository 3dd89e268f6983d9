#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/message.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"

/* Required members, groups and address members of a Job are fewer. */
#define VIOLATIONS_MAX 16u

struct violations {
  const struct jg_job_work *work;
  bool out_of_arena;
  size_t count;
  struct jg_violation items[VIOLATIONS_MAX];
};

static void add(struct violations *violations, const char *field, const char *message) {
  if (field == NULL || message == NULL || field[0] == '\0') {
    violations->out_of_arena = true;
    return;
  }
  JG_ASSERT(violations->count < VIOLATIONS_MAX);
  violations->items[violations->count++] = (struct jg_violation){field, message};
}

static struct jg_status violations_status(const struct violations *violations) {
  struct jg_arena *arena = violations->work->apply->arena;
  if (violations->out_of_arena) {
    return jg_diff_out_of_arena();
  }
  if (violations->count == 0) {
    return JG_STATUS_OK;
  }
  struct jg_status status =
      jg_status_violations(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, violations->items, violations->count);
  return status.details != NULL ? status : jg_diff_out_of_arena();
}

/* .NET's Required refuses white space (56). */
static bool is_blank(struct jg_str text) {
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

static void check_required(struct violations *violations, const struct jg_member *member) {
  const struct jg_job_work *work = violations->work;
  if (jg_job_given(work, member->index) && is_blank(jg_member_str(work->given, member))) {
    add(violations, jg_job_path(work, member), "is required");
  }
}

/* Will the job have something of that group? Members of a group belong to one relation. */
static bool group_ends_filled(const struct jg_job_work *work, struct jg_str group) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  bool touched = false, before_filled = false;
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    if (!jg_str_equal(member->group, group)) {
      continue;
    }
    if (jg_job_given(work, i)) {
      touched = true;
      if (jg_member_filled(work->given, member)) {
        return true;
      }
    }
    before_filled = before_filled || (work->before != NULL && jg_member_filled(work->before, member));
  }
  return !touched && before_filled;
}

/* The members of a group but its first one, as the client names them: "project_reference_back_office or project". NULL at the
 * arena's cap. */
static const char *alternatives(const struct jg_job_work *work, const struct jg_member *first) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const char *text = "";
  for (size_t i = first->index + 1u; i < job->member_count && text != NULL; i++) {
    const struct jg_member *member = &job->members[i];
    if (!jg_str_equal(member->group, first->group) || (work->is_parent && member->type == JG_TYPE_ENTITY)) {
      continue;
    }
    struct jg_str name = work->apply->proto_names ? member->proto_name : member->name;
    text = jg_arena_printf(work->apply->arena, "%s%s%.*s", text, text[0] != '\0' ? " or " : "", JG_STR_ARG(name));
  }
  return text;
}

/* `first` is the group's first member: the path of the violation, whose text lists the others and is a sentence by itself (58). */
static void check_group(struct violations *violations, const struct jg_member *first) {
  const struct jg_job_work *work = violations->work;
  if (group_ends_filled(work, first->group)) {
    return;
  }
  const char *others = alternatives(work, first);
  add(violations, jg_job_path(work, first),
      others != NULL ? jg_arena_printf(work->apply->arena, "is required unless %s is given", others) : NULL);
}

static bool is_first_of_group(const struct jg_entity *job, const struct jg_member *member) {
  for (size_t i = 0; i < member->index; i++) {
    if (jg_str_equal(job->members[i].group, member->group)) {
      return false;
    }
  }
  return true;
}

struct jg_status jg_job_check_required(const struct jg_job_work *work) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct violations violations = {.work = work};
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    if ((member->flags & JG_MEMBER_REQUIRED) != 0) {
      check_required(&violations, member);
    }
    if (member->group.len != 0 && is_first_of_group(job, member)) {
      check_group(&violations, member);
    }
  }
  const struct jg_member *minutes = jg_job_member(JG_JOB_ESTIMATED_TIME);
  if (jg_job_given(work, JG_JOB_ESTIMATED_TIME) && jg_member_int(work->given, minutes) < 0) {
    add(&violations, jg_job_path(work, minutes), "must not be negative");
  }
  return violations_status(&violations);
}

struct jg_status jg_job_check_address(const struct jg_job_work *work) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  if (!work->project.is_mobile_installation) {
    return JG_STATUS_OK;
  }
  // A job that came without its address, by an import or before its project was mobile, may change in other respects.
  bool all = work->moves || !work->project_before.is_mobile_installation;
  struct violations violations = {.work = work};
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    if ((member->flags & JG_MEMBER_MOBILE_REQUIRED) != 0 && is_blank(jg_member_str(work->after, member)) &&
        (all || !jg_member_equal(work->before, work->after, member))) {
      add(&violations, jg_job_path(work, member), "is required on mobile equipment");
    }
  }
  return violations_status(&violations);
}
