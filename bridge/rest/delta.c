// OData delta over the log of changes (OData 4.0 part 1 sections 11.3 and 11.4.7; JSON format 4.01 section 15): a collection whose
// last page links to what changes from its first page on, and those links. The tokens are those of streams.

#include "bridge/odata/percent.h"
#include "bridge/rest/rest_internal.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "services/filter/parse.h"

static void tracked(struct jg_call *base, struct jg_status status, const struct jg_answer *answer);

static const struct jg_call_sink track_sink = {.finish = tracked};

/* ---- requests ---- */

struct jg_status jg_rest_stored_filter(const struct jg_app *app, const struct jg_odata_query *query,
                                       struct jg_arena *arena, char **ret_text) {
  struct jg_filter_options options = {.entity = jg_entity(JG_KIND_JOB),
                                      .field = "$filter",
                                      .now_ticks = jg_clock_now_ticks(app->clock),
                                      .stored_only = true,
                                      .fold_case = app->fold_case};
  options.aliases = jg_rest_aliases(query, arena, &options.alias_count);
  struct jg_str text = jg_arena_str(arena, query->filter);
  if (options.aliases == NULL || text.data == NULL) {
    return jg_rest_out_of_memory();
  }
  if (options.alias_count > 0) {
    const struct jg_filter *filter = NULL;
    struct jg_buf canonical;
    JG_RETURN_IF_ERROR(jg_filter_parse(query->filter, &options, arena, &filter));
    jg_buf_init(&canonical, JG_FILTER_CANONICAL_BYTES_MAX);
    if (filter != NULL) {
      jg_filter_canonical(filter, &canonical);
    }
    text = jg_arena_str(arena, jg_buf_str(&canonical));
    bool failed = canonical.failed || text.data == NULL;
    jg_buf_done(&canonical);
    if (failed) {
      return jg_rest_out_of_memory();
    }
  }
  *ret_text = (char *)text.data;
  return JG_STATUS_OK;
}

static struct jg_status refuse(struct jg_rest_call *call, enum jg_code code, enum jg_reason reason,
                               const char *expected) {
  return jg_status_field(&call->call.arena, code, reason, "$deltatoken", "%s", expected);
}

void jg_rest_keep_id(struct jg_rest_call *call) {
  if (call->shape.some) {
    call->shape.members |= UINT64_C(1) << call->entity->id_member;
  }
}

/* token: data NULL: from now on. */
static struct jg_status set_request(struct jg_rest_call *call, struct jg_str token) {
  Jobgate__V1__ListJobChangesRequest *request = (Jobgate__V1__ListJobChangesRequest *)jg_message_new(
      &jobgate__v1__list_job_changes_request__descriptor, &call->call.arena);
  struct jg_str copy = jg_arena_str(&call->call.arena, token);
  if (request == NULL || copy.data == NULL) {
    return jg_rest_out_of_memory();
  }
  JG_RETURN_IF_ERROR(jg_rest_stored_filter(call->call.app, &call->query, &call->call.arena, &request->filter));
  request->resume_token = (char *)copy.data;
  request->page_size = (int32_t)call->rest->page_size;
  request->view = call->shape.nodes ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  call->call.request = &request->base;
  return JG_STATUS_OK;
}

struct jg_status jg_rest_set_delta_request(struct jg_rest_call *call) {
  const struct jg_odata_query *query = &call->query;
  if (query->has_top || query->has_skip || query->orderby.data != NULL || query->has_count) {
    return refuse(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                  "goes with the options that its link has, and no other");
  }
  if (call->shape.parent) {
    return refuse(call, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "with $expand=_parent_job is not built");
  }
  call->delta = true;
  jg_rest_keep_id(call);
  return set_request(call, query->deltatoken);
}

bool jg_rest_track(struct jg_rest_call *call) {
  const char *preference = jg_rest_wants_tracking(call->http);
  const struct jg_odata_query *query = &call->query;
  bool first = query->skiptoken.data == NULL && !query->has_top && !query->has_skip;
  if (preference == NULL || !first || call->shape.parent) {
    return false;
  }
  call->call.method = &call->rest->methods[JG_METHOD_LIST_JOB_CHANGES];
  if (!jg_status_ok(set_request(call, JG_STR_NONE))) {
    return false;  // The list itself tells what is wrong.
  }
  call->tracking = preference;
  call->call.sink = &track_sink;
  call->call.method->handle(&call->call);
  return true;
}

/* The place in the log is known: it is at or before whatever the pages show. */
static void tracked(struct jg_call *base, struct jg_status status, const struct jg_answer *answer) {
  struct jg_rest_call *call = (struct jg_rest_call *)base;
  call->call.sink = &jg_rest_sink;
  if (jg_status_ok(status)) {
    const Jobgate__V1__ListJobChangesResponse *response =
        (const Jobgate__V1__ListJobChangesResponse *)(const void *)answer->message;
    call->delta_token = jg_str_from_cstr(response->resume_token);
    jg_rest_keep_id(call);
  } else if (status.code == JG_INVALID_ARGUMENT || status.code == JG_UNIMPLEMENTED) {
    // A preference may be ignored (RFC 7240 section 2): this filter reads what the log does not have.
    call->tracking = NULL;
  } else {
    jg_call_fail(&call->call, status);
    return;
  }
  jg_rest_list_jobs(call);
}

/* ---- answers ---- */

static void write_link(const struct jg_rest_call *call, struct jg_str token, struct jg_buf *out) {
  const struct jg_odata_query *query = &call->query;
  jg_buf_printf(out, "%.*s/%.*s?", JG_STR_ARG(call->base), JG_STR_ARG(call->entity->entity_set));
  jg_rest_append_option("$filter", query->filter, out);
  jg_rest_append_option("$select", query->select, out);
  jg_rest_append_option("$expand", query->expand, out);
  jg_buf_append_str(out, JG_STR("$deltatoken="));
  jg_percent_encode(token, out);
  jg_rest_append_custom(query, out);
}

static void put_link(const struct jg_rest_call *call, const char *name, struct jg_str token, struct jg_buf *out) {
  struct jg_buf link;
  jg_buf_init(&link, 64u << 10);
  write_link(call, token, &link);
  jg_buf_printf(out, ",\"%s\":", name);
  jg_json_encode_string(call->rest->style->escape, jg_buf_str(&link), out);
  out->failed = out->failed || link.failed;
  jg_buf_done(&link);
}

void jg_rest_write_delta_link(const struct jg_rest_call *call, struct jg_buf *out) {
  put_link(call, "@odata.deltaLink", call->delta_token, out);
}

/* What is gone: in 4.01's form, or, where the client reads that of 4.0 alone, as its JSON format section 14.2 has it. */
struct removals {
  struct jg_str set;
  bool old;
  bool any; /* something stands before the next one */
};

static void put_removed(struct removals *removals, char *const *ids, size_t count, const char *reason,
                        struct jg_buf *out) {
  struct jg_str set = removals->set;
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_str(out, removals->any ? JG_STR(",") : JG_STR(""));
    removals->any = true;
    if (removals->old) {
      jg_buf_printf(out, "{\"@odata.context\":\"#%.*s/$deletedEntity\",\"id\":\"%.*s(%s)\",\"reason\":\"%s\"}",
                    JG_STR_ARG(set), JG_STR_ARG(set), ids[i], reason);
    } else {
      jg_buf_printf(out, "{\"@removed\":{\"reason\":\"%s\"},\"id\":\"%s\"}", reason, ids[i]);
    }
  }
}

void jg_rest_write_delta(const struct jg_rest_call *call, const struct jg_answer *answer, struct jg_str context,
                         struct jg_buf *out) {
  const Jobgate__V1__ListJobChangesResponse *response =
      (const Jobgate__V1__ListJobChangesResponse *)(const void *)answer->message;
  bool nodes = answer->nodes && call->shape.nodes;
  jg_buf_append_str(out, JG_STR("{\"@odata.context\":"));
  jg_json_encode_string(call->rest->style->escape, context, out);
  jg_buf_append_str(out, JG_STR(",\"value\":["));
  for (size_t i = 0; i < answer->job_count; i++) {
    jg_buf_append_str(out, i != 0 ? JG_STR(",") : JG_STR(""));
    jg_rest_write_shaped(call, &answer->jobs[i], JG_STR_NONE, nodes, out);
  }
  struct removals removals = {
      .set = call->entity->entity_set, .old = jg_rest_reads_40_alone(call->http), .any = answer->job_count > 0};
  put_removed(&removals, response->deleted_ids, response->n_deleted_ids, "deleted", out);
  put_removed(&removals, response->left_ids, response->n_left_ids, "changed", out);
  jg_buf_append_char(out, ']');
  const char *link = response->more ? "@odata.nextLink" : "@odata.deltaLink";
  put_link(call, link, jg_str_from_cstr(response->resume_token), out);
  jg_buf_append_char(out, '}');
}

struct jg_status jg_rest_delta_status(struct jg_rest_call *call, struct jg_status status) {
  if (status.reason == JG_REASON_HISTORY_LOST) {
    status.message = "the changes behind this $deltatoken are not kept any more, read the collection anew";
  }
  size_t count = status.details != NULL ? status.details->violation_count : 0;
  struct jg_violation *violations = jg_arena_alloc(&call->call.arena, (count + 1) * sizeof(*violations));
  struct jg_status_details *details = jg_arena_alloc(&call->call.arena, sizeof(*details));
  if (count == 0 || violations == NULL || details == NULL) {
    return status;
  }
  for (size_t i = 0; i < count; i++) {
    violations[i] = status.details->violations[i];
    if (strcmp(violations[i].field, "resume_token") == 0) {
      violations[i].field = "$deltatoken";
    }
  }
  *details = *status.details;
  details->violations = violations;
  status.details = details;
  return status;
}
