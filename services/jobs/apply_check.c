#include "base/compiler.h"
#include "proto/codec/message.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"
#include "services/jobs/given.h"

/* Address members of a Job are fewer. */
#define VIOLATIONS_MAX 8u

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

struct jg_status jg_job_check_required(const struct jg_job_work *work) {
  const struct jg_job_given given = {
      .job = work->given,
      .present = work->present,
      .before = work->before,
      .is_parent = work->is_parent,
      .path = work->path,
      .proto_names = work->apply->proto_names,
  };
  return jg_job_check_given(&given, JG_STATUS_OK, work->apply->arena);
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
    if ((member->flags & JG_MEMBER_MOBILE_REQUIRED) != 0 && jg_job_is_blank(jg_member_str(work->after, member)) &&
        (all || !jg_member_equal(work->before, work->after, member))) {
      add(&violations, jg_job_path(work, member), "is required on mobile equipment");
    }
  }
  return violations_status(&violations);
}
