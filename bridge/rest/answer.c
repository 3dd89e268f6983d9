// From a method's answer to JSON on the wire. Runs on whatever thread ends the call.

#include "bridge/rest/rest_internal.h"
#include "proto/codec/wire.h"

/* An answer's text; lists stop long before (call.c). */
#define ANSWER_BYTES_MAX (256u << 20)
/* What a job's text takes beside its payload and its embedded entities, and what the encoder wants free behind it. */
#define JOB_BYTES 2560u
#define SLACK_BYTES (16u << 10)

static void finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer);

/* REST has no streams: the methods behind its routes are unary. */
const struct jg_call_sink jg_rest_sink = {.finish = finish};

/* suffix: behind the set and its selection. */
static void write_context(struct jg_rest_call *call, const char *suffix, struct jg_buf *out) {
  jg_buf_printf(out, "%.*s/$metadata#%.*s", JG_STR_ARG(call->base), JG_STR_ARG(call->entity->entity_set));
  if (call->shape.tree != NULL) {
    jg_odata_write_selection(call->shape.tree, out);
  }
  jg_buf_printf(out, "%s", suffix);
}

/* A guess that is seldom too small: growing a megabyte copies it. */
static size_t text_bytes(const struct jg_answer *answer, size_t count, bool nodes) {
  size_t bytes = SLACK_BYTES;
  for (size_t i = 0; i < count; i++) {
    const struct jg_parts *parts = &answer->jobs[i];
    bytes += JOB_BYTES + parts->payload.len + parts->payload.len / 4;
    bytes += parts->parent != NULL ? parts->parent->json.len : 0;
    for (size_t r = 0; r < parts->entity->relation_count; r++) {
      const struct jg_expanded *expanded = parts->relations[r];
      bytes += expanded != NULL ? expanded->key.len + (nodes ? expanded->json.len : 0) : 0;
    }
  }
  return bytes < ANSWER_BYTES_MAX ? bytes : ANSWER_BYTES_MAX;
}

static void write_list(struct jg_rest_call *call, const struct jg_answer *answer, struct jg_buf *out) {
  const struct jg_json_style *style = call->rest->style;
  const struct jg_odata_query *query = &call->query;
  bool nodes = answer->nodes && call->shape.nodes;
  size_t count = answer->job_count;
  if (query->has_top && (uint64_t)query->top < count) {
    count = (size_t)query->top;
  }
  struct jg_buf text; /* of a link */
  jg_buf_init(&text, 64u << 10);
  (void)jg_buf_reserve(out, text_bytes(answer, count, nodes));  // Failing is sticky.
  write_context(call, "", &text);
  jg_buf_append_str(out, JG_STR("{\"@odata.context\":"));
  jg_json_encode_string(style->escape, jg_buf_str(&text), out);
  if (answer->has_total) {
    jg_buf_printf(out, ",\"@odata.count\":%lld", (long long)answer->total);
  }
  jg_buf_append_str(out, JG_STR(",\"value\":["));
  for (size_t i = 0; i < count; i++) {
    if (i != 0) {
      jg_buf_append_char(out, ',');
    }
    jg_rest_write_shaped(call, &answer->jobs[i], JG_STR_NONE, nodes, out);
  }
  jg_buf_append_char(out, ']');
  bool more = answer->next_page_token.len != 0 && (!query->has_top || (uint64_t)query->top > count);
  if (more) {
    jg_buf_clear(&text);
    const struct jg_rest_page page = {call->entity, query, (int64_t)count, answer->next_page_token, call->delta_token};
    jg_rest_next_link(call->base, &page, &text);
    out->failed = out->failed || text.failed;
    jg_buf_append_str(out, JG_STR(",\"@odata.nextLink\":"));
    jg_json_encode_string(style->escape, jg_buf_str(&text), out);
  } else if (call->delta_token.data != NULL) {
    jg_rest_write_delta_link(call, out);
  }
  jg_buf_append_char(out, '}');
  jg_buf_done(&text);
}

static void write_delta(struct jg_rest_call *call, const struct jg_answer *answer, struct jg_buf *out) {
  struct jg_buf context;
  jg_buf_init(&context, 64u << 10);
  write_context(call, "/$delta", &context);
  (void)jg_buf_reserve(out, text_bytes(answer, answer->job_count, answer->nodes));  // Failing is sticky.
  jg_rest_write_delta(call, answer, jg_buf_str(&context), out);
  jg_buf_done(&context);
}

/* The id stands first in the payload: its fields ascend. */
static struct jg_str id_of(const struct jg_parts *parts) {
  const struct jg_member *id = &parts->entity->members[parts->entity->id_member];
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, parts->payload);
  bool found = jg_wire_next(&reader, &field) && field.number == id->number;
  return found ? field.bytes : JG_STR_NONE;
}

static void write_job(struct jg_rest_call *call, const struct jg_answer *answer, struct jg_buf *out) {
  const struct jg_json_style *style = call->rest->style;
  bool nodes = answer->nodes && call->shape.nodes;
  struct jg_buf context;
  jg_buf_init(&context, 64u << 10);
  write_context(call, "/$entity", &context);
  if (call->wishes.minimal) {
    jg_buf_append_str(out, JG_STR("{\"@odata.context\":"));
    jg_json_encode_string(style->escape, jg_buf_str(&context), out);
    jg_buf_append_str(out, JG_STR(",\"id\":"));
    jg_json_encode_string(style->escape, id_of(answer->jobs), out);
    jg_buf_append_char(out, '}');
  } else {
    (void)jg_buf_reserve(out, text_bytes(answer, 1, nodes));  // Failing is sticky.
    jg_rest_write_shaped(call, answer->jobs, jg_buf_str(&context), nodes, out);
  }
  jg_buf_done(&context);
}

static void end_call(struct jg_rest_call *call) {
  call->call.magic = 0;
  jg_arena_done(&call->call.arena);
}

/* In one field, since clients read the first one. False at the cap of the request's arena. */
static bool set_page_preferences(struct jg_rest_call *call, struct jg_rest_headers *headers) {
  struct jg_str applied = jg_str_from_cstr(call->tracking != NULL ? call->tracking : "");
  if (call->page_preference != NULL) {
    applied = jg_str_from_cstr(jg_arena_printf(&call->http->arena, "%.*s%s%s=%zu", JG_STR_ARG(applied),
                                               applied.len != 0 ? ", " : "", call->page_preference, call->page_size));
  }
  if (applied.len != 0) {
    jg_rest_add_header(headers, JG_STR("Preference-Applied"), applied);
  }
  return applied.data != NULL;
}

/* The answer's fields; texts that are made go to the request's arena. False at its cap. */
static bool set_headers(struct jg_rest_call *call, const struct jg_answer *answer, int status,
                        struct jg_rest_headers *headers) {
  jg_rest_add_header(headers, JG_STR("OData-Version"), JG_STR("4.0"));
  if (status != 204 && (call->raw || call->count)) {
    jg_rest_add_header(headers, JG_STR("Content-Type"), JG_STR("text/plain; charset=utf-8"));
  } else if (status != 204 && call->wishes.ieee754) {
    jg_rest_add_compatible_type(headers, call->wishes.text_json);
  } else if (status != 204) {
    jg_rest_add_content_type(headers, call->wishes.text_json);
  }
  if (!set_page_preferences(call, headers)) {
    return false;
  }
  if (answer->kind != JG_ANSWER_JOB) {
    return true;
  }
  if (call->wishes.minimal || call->wishes.representation) {
    jg_rest_add_header(headers, JG_STR("Preference-Applied"),
                       call->wishes.minimal ? JG_STR("return=minimal") : JG_STR("return=representation"));
  }
  if (answer->created) {
    struct jg_str location = jg_rest_location(call->base, call->entity, id_of(answer->jobs), &call->http->arena);
    if (location.data == NULL) {
      return false;
    }
    jg_rest_add_header(headers, JG_STR("Location"), location);
  }
  return true;
}

static void finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer) {
  JG_ASSERT(base->magic == JG_CALL_MAGIC);
  struct jg_rest_call *call = (struct jg_rest_call *)base;
  struct jg_http_request *http = call->http;
  struct jg_http_response response = {.status = 200};
  struct jg_rest_headers headers = {.count = 0};
  jg_buf_init(&response.buf, ANSWER_BYTES_MAX);
  if (jg_status_ok(status)) {
    JG_ASSERT(answer != NULL);
    if (call->count) {
      JG_ASSERT(answer->has_total);
      jg_buf_printf(&response.buf, "%lld", (long long)answer->total);
    } else if (call->delta) {
      response.buf = jg_http_take_buf(http, ANSWER_BYTES_MAX);
      write_delta(call, answer, &response.buf);
    } else if (answer->kind == JG_ANSWER_JOBS) {
      response.buf = jg_http_take_buf(http, ANSWER_BYTES_MAX);
      write_list(call, answer, &response.buf);
    } else if (call->property != NULL) {
      bool there = jg_rest_write_property(call, answer->jobs, id_of(answer->jobs), &response.buf);
      response.status = there ? 200 : 204;
    } else if (answer->kind == JG_ANSWER_JOB) {
      write_job(call, answer, &response.buf);
      response.status = answer->created ? 201 : 200;
    } else {
      response.status = 204;
    }
    if (call->wishes.ieee754 && !call->raw && !call->count) {
      jg_rest_quote_numbers(call, &response.buf);
    }
    if (response.buf.failed || !set_headers(call, answer, response.status, &headers)) {
      status = jg_status_make(JG_INTERNAL, JG_REASON_LIMIT_EXCEEDED, "the answer is too large");
    }
  }
  if (jg_status_ok(status)) {
    struct jg_rest_wishes wishes = call->wishes;
    end_call(call);
    jg_rest_respond(http, wishes, &headers, &response);
    return;
  }
  // The status' texts live in the call's arena, the call in the request's: written, ended and answered in this order.
  struct jg_rest_failure failure;
  jg_buf_done(&response.buf);
  status = call->delta ? jg_rest_delta_status(call, status) : status;
  jg_rest_write_status(call->rest, http, status, call->wishes.text_json, &failure);
  end_call(call);
  jg_http_respond(http, &failure.response);
}
