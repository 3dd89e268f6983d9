#include "base/limits.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/hub.h"
#include "services/changes/list_changes.h"
#include "services/entityset/entityset.h"
#include "services/import/import.h"
#include "services/jobs/jobs.h"
#include "services/method.h"
#include "services/plannings/plannings.h"

#define PATH(name) "/jobgate.v1.JobService/" name
#define ENTITY_PATH(name) "/jobgate.v1.EntityService/" name

const struct jg_method jg_methods[JG_METHOD_COUNT] = {
    [JG_METHOD_GET_JOB] = {JG_STR("GetJob"), PATH("GetJob"), JG_METHOD_UNARY, &jobgate__v1__get_job_request__descriptor,
                           &jobgate__v1__job__descriptor, .idempotent = true, .request_bytes_max = JG_LIMIT_BODY_BYTES,
                           .handle = jg_jobs_get},
    [JG_METHOD_BATCH_GET_JOBS] = {JG_STR("BatchGetJobs"), PATH("BatchGetJobs"), JG_METHOD_UNARY,
                                  &jobgate__v1__batch_get_jobs_request__descriptor,
                                  &jobgate__v1__batch_get_jobs_response__descriptor, .idempotent = true,
                                  .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_batch_get},
    [JG_METHOD_LIST_JOBS] = {JG_STR("ListJobs"), PATH("ListJobs"), JG_METHOD_UNARY,
                             &jobgate__v1__list_jobs_request__descriptor, &jobgate__v1__list_jobs_response__descriptor,
                             .idempotent = true, .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_list},
    [JG_METHOD_CREATE_JOB] = {JG_STR("CreateJob"), PATH("CreateJob"), JG_METHOD_UNARY,
                              &jobgate__v1__create_job_request__descriptor, &jobgate__v1__job__descriptor,
                              .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_create},
    [JG_METHOD_UPDATE_JOB] = {JG_STR("UpdateJob"), PATH("UpdateJob"), JG_METHOD_UNARY,
                              &jobgate__v1__update_job_request__descriptor, &jobgate__v1__job__descriptor,
                              .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_update},
    [JG_METHOD_DELETE_JOB] = {JG_STR("DeleteJob"), PATH("DeleteJob"), JG_METHOD_UNARY,
                              &jobgate__v1__delete_job_request__descriptor, &google__protobuf__empty__descriptor,
                              .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_delete},
    [JG_METHOD_CHANGE_JOB_STATUS] = {JG_STR("ChangeJobStatus"), PATH("ChangeJobStatus"), JG_METHOD_UNARY,
                                     &jobgate__v1__change_job_status_request__descriptor, &jobgate__v1__job__descriptor,
                                     .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_jobs_change_status},
    [JG_METHOD_GET_JOB_PLANNING] = {JG_STR("GetJobPlanning"), PATH("GetJobPlanning"), JG_METHOD_UNARY,
                                    &jobgate__v1__get_job_planning_request__descriptor,
                                    &jobgate__v1__job_planning__descriptor, .idempotent = true,
                                    .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_plannings_get},
    [JG_METHOD_LIST_JOB_PLANNINGS] = {JG_STR("ListJobPlannings"), PATH("ListJobPlannings"), JG_METHOD_UNARY,
                                      &jobgate__v1__list_job_plannings_request__descriptor,
                                      &jobgate__v1__list_job_plannings_response__descriptor, .idempotent = true,
                                      .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_plannings_list},
    [JG_METHOD_IMPORT_JOBS] = {JG_STR("ImportJobs"), PATH("ImportJobs"), JG_METHOD_CLIENT_STREAM,
                               &jobgate__v1__import_jobs_request__descriptor,
                               &jobgate__v1__import_jobs_response__descriptor, .loopback_only = true,
                               .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_import_handle},
    [JG_METHOD_WATCH_JOBS] = {JG_STR("WatchJobs"), PATH("WatchJobs"), JG_METHOD_SERVER_STREAM,
                              &jobgate__v1__watch_jobs_request__descriptor,
                              &jobgate__v1__watch_jobs_response__descriptor, .idempotent = true,
                              .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_hub_watch},
    [JG_METHOD_LIST_JOB_CHANGES] = {JG_STR("ListJobChanges"), PATH("ListJobChanges"), JG_METHOD_UNARY,
                                    &jobgate__v1__list_job_changes_request__descriptor,
                                    &jobgate__v1__list_job_changes_response__descriptor, .idempotent = true,
                                    .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_changes_list},
    [JG_METHOD_GET_ENTITY] = {JG_STR("GetEntity"), ENTITY_PATH("GetEntity"), JG_METHOD_UNARY,
                              &jobgate__v1__get_entity_request__descriptor, &jobgate__v1__any_entity__descriptor,
                              .idempotent = true, .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_entityset_get},
    [JG_METHOD_LIST_ENTITIES] = {JG_STR("ListEntities"), ENTITY_PATH("ListEntities"), JG_METHOD_UNARY,
                                 &jobgate__v1__list_entities_request__descriptor,
                                 &jobgate__v1__list_entities_response__descriptor, .idempotent = true,
                                 .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_entityset_list},
    [JG_METHOD_UPSERT_ENTITY] = {JG_STR("UpsertEntity"), ENTITY_PATH("UpsertEntity"), JG_METHOD_UNARY,
                                 &jobgate__v1__upsert_entity_request__descriptor, &jobgate__v1__any_entity__descriptor,
                                 .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_entityset_upsert},
    [JG_METHOD_DELETE_ENTITY] = {JG_STR("DeleteEntity"), ENTITY_PATH("DeleteEntity"), JG_METHOD_UNARY,
                                 &jobgate__v1__delete_entity_request__descriptor, &google__protobuf__empty__descriptor,
                                 .request_bytes_max = JG_LIMIT_BODY_BYTES, .handle = jg_entityset_delete},
};
