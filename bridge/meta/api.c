// The routes of the API, for the documents that tell of them.

#include <stdio.h>

#include "bridge/meta/meta_internal.h"

const int jg_meta_common_statuses[] = {400, 401, 408, 413, 414, 417, 429, 431, 500, 501, 503, 504, 505, 0};

static const int list_statuses[] = {200, 406, 0};
static const int get_statuses[] = {200, 404, 406, 0};
static const int post_statuses[] = {201, 406, 409, 415, 422, 0};
static const int put_statuses[] = {200, 404, 406, 409, 415, 422, 0};
static const int delete_statuses[] = {204, 404, 409, 0};
static const int stream_statuses[] = {200, 406, 410, 0};

/* What people call the entities of a set: one, and all. */
static const struct {
  const char *one, *many;
  bool read_only;
} nouns[JG_KIND_COUNT] = {
    [JG_KIND_JOB] = {"a work order", "work orders", false},
    [JG_KIND_PROJECT] = {"a project", "projects", false},
    [JG_KIND_EQUIPMENT_FAMILY] = {"an equipment family", "equipment families", false},
    [JG_KIND_EQUIPMENT_MODEL] = {"an equipment model", "equipment models", false},
    [JG_KIND_EQUIPMENT_BRAND] = {"an equipment brand", "equipment brands", false},
    [JG_KIND_PROJECT_STATUS] = {"a project status", "project statuses", false},
    [JG_KIND_JOB_TYPE] = {"a job type", "job types", false},
    [JG_KIND_JOB_PRIORITY] = {"a job priority", "job priorities", false},
    [JG_KIND_USER] = {"a user", "users", false},
    [JG_KIND_SKILL] = {"a skill", "skills", false},
    [JG_KIND_SALES_ORGANIZATION] = {"a sales organization", "sales organizations", false},
    [JG_KIND_JOB_STATUS] = {"a job status", "job statuses", true},
    [JG_KIND_JOB_PLANNING] = {"a planned visit", "planned visits", true},
};

bool jg_meta_is_read_only(const struct jg_entity *entity) {
  return nouns[entity->kind].read_only;
}

/* Of every set, in the order of the documents. */
static const struct {
  const char *method, *page, *path; /* behind the set's name */
  const char *before, *after;       /* of the noun */
  bool many;                        /* the noun */
  bool write, key;
  enum jg_meta_body body;
  enum jg_meta_answer answer;
  const int *statuses;
} templates[] = {
    {"GET", "", "", "Retrieves all the", "", true, false, false, JG_META_BODY_NONE, JG_META_ANSWER_MANY, list_statuses},
    {"GET", "(id)", "({id})", "Retrieves", "", false, false, true, JG_META_BODY_NONE, JG_META_ANSWER_ONE, get_statuses},
    {"POST", "", "", "Adds", "", false, true, false, JG_META_BODY_NEW, JG_META_ANSWER_ONE, post_statuses},
    {"PUT", "(id)", "({id})", "Updates", ": what is left out of the body stays as it is", false, true, true,
     JG_META_BODY_CHANGED, JG_META_ANSWER_ONE, put_statuses},
    {"PATCH", "(id)", "({id})", "Updates", ", just as PUT", false, true, true, JG_META_BODY_CHANGED, JG_META_ANSWER_ONE,
     put_statuses},
    {"DELETE", "(id)", "({id})", "Deletes", "", false, true, true, JG_META_BODY_NONE, JG_META_ANSWER_NONE,
     delete_statuses},
    {"GET", "-$count", "/$count", "Retrieves the number of", "", true, false, false, JG_META_BODY_NONE,
     JG_META_ANSWER_NUMBER, list_statuses},
};

/* What jobs alone have. */
static void add_jobs(struct jg_meta_api *api) {
  JG_ASSERT(api->count + 2 <= JG_META_OPERATIONS_MAX);
  api->operations[api->count++] = (struct jg_meta_operation){
      .entity = jg_entity(JG_KIND_JOB),
      .method = "GET",
      .page = "GET-api-Jobs-$changes",
      .path = "Jobs/$changes",
      .summary = "Streams each change of a work order as it is committed",
      .body = JG_META_BODY_NONE,
      .answer = JG_META_ANSWER_STREAM,
      .statuses = stream_statuses,
  };
  api->operations[api->count++] = (struct jg_meta_operation){
      .entity = jg_entity(JG_KIND_JOB),
      .method = "PUT",
      .page = "PUT-api-Jobs-ChangeToVirtualStatus",
      .path = "Jobs/ChangeToVirtualStatus",
      .summary = "Gives a Completed work order one of the virtual statuses below Completed",
      .body = JG_META_BODY_STATUS,
      .answer = JG_META_ANSWER_ONE,
      .statuses = put_statuses,
  };
}

static void add_set(const struct jg_entity *entity, struct jg_meta_api *api) {
  struct jg_str set = entity->entity_set;
  JG_ASSERT(set.len != 0 && nouns[entity->kind].one != NULL);
  for (size_t i = 0; i < JG_COUNT(templates); i++) {
    if (templates[i].write && jg_meta_is_read_only(entity)) {
      continue;
    }
    JG_ASSERT(api->count < JG_META_OPERATIONS_MAX);
    struct jg_meta_operation *operation = &api->operations[api->count++];
    *operation = (struct jg_meta_operation){.entity = entity,
                                            .method = templates[i].method,
                                            .key = templates[i].key,
                                            .body = templates[i].body,
                                            .answer = templates[i].answer,
                                            .statuses = templates[i].statuses};
    const char *noun = templates[i].many ? nouns[entity->kind].many : nouns[entity->kind].one;
    int page = snprintf(operation->page, sizeof(operation->page), "%s-api-%.*s%s", templates[i].method, JG_STR_ARG(set),
                        templates[i].page);
    int path = snprintf(operation->path, sizeof(operation->path), "%.*s%s", JG_STR_ARG(set), templates[i].path);
    int summary = snprintf(operation->summary, sizeof(operation->summary), "%s %s%s", templates[i].before, noun,
                           templates[i].after);
    JG_ASSERT(page > 0 && (size_t)page < sizeof(operation->page));
    JG_ASSERT(path > 0 && (size_t)path < sizeof(operation->path));
    JG_ASSERT(summary > 0 && (size_t)summary < sizeof(operation->summary));
  }
  if (entity->kind == JG_KIND_JOB) {
    add_jobs(api);
  }
}

struct jg_meta_api *jg_meta_api_create(const enum jg_kind *sets, size_t set_count) {
  struct jg_meta_api *api = jg_alloc_zero(1, sizeof(*api));
  for (size_t i = 0; i < set_count; i++) {
    add_set(jg_entity(sets[i]), api);
  }
  return api;
}

const struct jg_meta_parameter jg_meta_status_body[JG_META_STATUS_BODY_COUNT] = {
    {"jobs_id", "globally unique identifier", "Primary key of the work order", "Required"},
    {"target_job_status_id", "globally unique identifier", "Primary key of the virtual status",
     "Optionally required : target_job_status_id or target_job_status_code must be provided"},
    {"target_job_status_code", "string", "Code of the virtual status",
     "Optionally required : target_job_status_id or target_job_status_code must be provided"},
};
