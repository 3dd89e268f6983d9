// OpenAPI 3.1 of the REST API, from the routes and the schema tables.

#include <stdio.h>

#include "bridge/meta/meta_internal.h"

/* Of answers and of bodies. */
static const char *const media_types[] = {"application/json", "text/json"};

static void add_success(const struct jg_meta_operation *operation, int status, struct jg_buf *out) {
  JG_ASSERT(operation != NULL);
  static const char *const descriptions[] = {[0] = "The entity.", [1] = "The new entity.", [4] = "It is deleted."};
  JG_ASSERT(status == 200 || status == 201 || status == 204);
  if (operation->answer == JG_META_ANSWER_NUMBER) {
    jg_meta_json_text("description", "The number, as bare text.", out);
    jg_meta_json_raw("content", "{\"text/plain\":{\"schema\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"}}}", out);
    return;
  }
  if (operation->answer == JG_META_ANSWER_STREAM) {
    jg_meta_write_stream_content(out);
    return;
  }
  bool many = operation->answer == JG_META_ANSWER_MANY;
  jg_meta_json_text("description", many ? "A page of them." : descriptions[status - 200], out);
  if (status == 201) {
    jg_meta_json_raw("headers", "{\"Location\":{\"schema\":{\"type\":\"string\",\"format\":\"uri\"}}}", out);
  }
  if (operation->answer == JG_META_ANSWER_NONE) {
    return;
  }
  jg_meta_json_open_under(JG_STR("content"), out);
  for (size_t i = 0; i < JG_COUNT(media_types); i++) {
    jg_meta_json_open_under(jg_str_from_cstr(media_types[i]), out);
    jg_meta_json_open_under(JG_STR("schema"), out);
    jg_meta_json_reference("schemas", many ? "many_" : "one_", operation->entity->name, out);
    jg_buf_append_str(out, JG_STR("}}"));
  }
  jg_buf_append_char(out, '}');
}

static void open_status(int status, struct jg_buf *out) {
  char key[16];
  (void)snprintf(key, sizeof(key), "%d", status);  // Three digits.
  jg_meta_json_open_under(jg_str_from_cstr(key), out);
}

/* Those of the statuses that are errors. */
static void add_errors(const int *statuses, struct jg_buf *out) {
  for (size_t i = 0; statuses[i] != 0; i++) {
    const char *name = jg_meta_error_name(statuses[i]);
    if (name != NULL) {
      open_status(statuses[i], out);
      jg_meta_json_reference("responses", "", jg_str_from_cstr(name), out);
      jg_buf_append_char(out, '}');
    }
  }
}

static void add_responses(const struct jg_meta_operation *operation, struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("responses"), out);
  for (size_t i = 0; operation->statuses[i] != 0; i++) {
    if (jg_meta_error_name(operation->statuses[i]) == NULL) {
      open_status(operation->statuses[i], out);
      add_success(operation, operation->statuses[i], out);
      jg_buf_append_char(out, '}');
    }
  }
  add_errors(operation->statuses, out);
  add_errors(jg_meta_common_statuses, out);
  jg_buf_append_char(out, '}');
}

static void add_parameter(const char *name, struct jg_buf *out) {
  jg_meta_json_open(out);
  jg_meta_json_reference("parameters", "", jg_str_from_cstr(name), out);
  jg_buf_append_char(out, '}');
}

static bool has_entities(const struct jg_entity *entity) {
  bool found = false;
  for (size_t i = 0; i < entity->member_count; i++) {
    found = found || entity->members[i].type == JG_TYPE_ENTITY;
  }
  return found;
}

static void add_parameters(const struct jg_meta_operation *operation, struct jg_buf *out) {
  static const char *const page[] = {"top", "skip", "skiptoken", "filter", "orderby", "count", "page_size"};
  jg_meta_json_raw("parameters", "[", out);
  for (size_t i = 0; operation->answer == JG_META_ANSWER_MANY && i < JG_COUNT(page); i++) {
    add_parameter(page[i], out);
  }
  if (operation->answer == JG_META_ANSWER_STREAM) {
    jg_meta_write_stream_parameters(out);
  } else if (operation->answer == JG_META_ANSWER_NUMBER) {
    add_parameter("filter", out);
  } else if (strcmp(operation->method, "GET") == 0) {
    add_parameter("select", out);
    if (has_entities(operation->entity)) {
      add_parameter("expand", out);
    }
  }
  if (operation->key) {
    add_parameter("id", out);
  }
  if (operation->body != JG_META_BODY_NONE) {
    add_parameter("prefer", out);
  }
  if (operation->answer == JG_META_ANSWER_NUMBER) {
    add_parameter("format_text", out);
  } else if (operation->answer == JG_META_ANSWER_ONE || operation->answer == JG_META_ANSWER_MANY) {
    add_parameter("format", out);
  }
  jg_buf_append_char(out, ']');
}

/* A body that is accepted as it stands by a server that has no jobs yet; NULL: none. */
static const char *example_of(const struct jg_meta_operation *operation) {
  if (operation->entity->kind == JG_KIND_JOB && operation->body == JG_META_BODY_NEW) {
    return "{\"name\":\"Yearly maintenance\",\"project\":{\"reference_back_office\":\"P-1\",\"name\":\"Lift 1\"},"
           "\"job_type\":{\"code\":\"SERVICE\"},\"job_status_code\":\"Open\"}";
  }
  if (operation->entity->kind == JG_KIND_JOB && operation->body == JG_META_BODY_CHANGED) {
    return "{\"description\":\"Ring twice.\",\"working_sequence\":2}";
  }
  return NULL;
}

static void add_body_type(const struct jg_meta_operation *operation, const char *media_type, struct jg_buf *out) {
  jg_meta_json_open_under(jg_str_from_cstr(media_type), out);
  jg_meta_json_open_under(JG_STR("schema"), out);
  if (operation->body == JG_META_BODY_STATUS) {
    jg_meta_json_reference("schemas", "", JG_STR("virtual_status"), out);
  } else {
    jg_meta_json_reference("schemas", operation->body == JG_META_BODY_NEW ? "new_" : JG_META_GIVEN,
                           operation->entity->name, out);
  }
  jg_buf_append_char(out, '}');
  const char *example = example_of(operation);
  if (example != NULL) {
    jg_meta_json_raw("example", example, out);
  }
  jg_buf_append_char(out, '}');
}

static void add_body(const struct jg_meta_operation *operation, struct jg_buf *out) {
  if (operation->body == JG_META_BODY_NONE) {
    return;
  }
  jg_meta_json_open_under(JG_STR("requestBody"), out);
  jg_meta_json_raw("required", "true", out);
  jg_meta_json_open_under(JG_STR("content"), out);
  for (size_t i = 0; i < JG_COUNT(media_types); i++) {
    add_body_type(operation, media_types[i], out);
  }
  jg_buf_append_str(out, JG_STR("}}"));
}

static void add_tags(struct jg_str set, struct jg_buf *out) {
  jg_meta_json_raw("tags", "[", out);
  jg_meta_json_string(set, out);
  jg_buf_append_char(out, ']');
}

static void add_operation(const struct jg_meta_operation *operation, struct jg_buf *out) {
  static const struct {
    const char *method, *key;
  } keys[] = {{"GET", "get"}, {"POST", "post"}, {"PUT", "put"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
  for (size_t k = 0; k < JG_COUNT(keys); k++) {
    if (strcmp(keys[k].method, operation->method) == 0) {
      jg_meta_json_open_under(jg_str_from_cstr(keys[k].key), out);
    }
  }
  jg_meta_json_text("summary", operation->summary, out);
  jg_meta_json_text("operationId", operation->page, out);
  add_tags(operation->entity->entity_set, out);
  add_parameters(operation, out);
  add_body(operation, out);
  add_responses(operation, out);
  jg_buf_append_char(out, '}');
}

/* What is read without a body and has no help page: type and schema are of its answer. */
struct read {
  const char *path; /* behind the set's name, or below the root */
  const char *id;   /* of the operation, likewise */
  const char *summary, *type, *schema;
  const char *format; /* the parameter */
  bool shapes;        /* $select and $expand */
};

static const struct read documents[] = {
    {"/", "service-document", "The service document of OData", "application/json", "{\"type\":\"object\"}", "format",
     false},
    {"/$metadata", "metadata", "The types, as CSDL", "application/xml", "{\"type\":\"string\"}", "format_xml", false},
};
static const struct read members[] = {
    {"({id})/{member}", "(id)-member", "Retrieves a member: its value, or the embedded entity", "application/json",
     "{\"type\":\"object\",\"required\":[\"@odata.context\"],\"properties\":{\"@odata.context\":"
     "{\"type\":\"string\"},\"value\":{\"type\":[\"string\",\"number\",\"boolean\",\"array\"]}}}",
     "format", true},
    {"({id})/{member}/$value", "(id)-member-value", "Retrieves a member as bare text", "text/plain",
     "{\"type\":\"string\"}", "format_text", false},
};

/* entity: of the set; NULL: the read is of none. */
static void add_read(const struct read *read, const struct jg_entity *entity, struct jg_buf *out) {
  static const int found[] = {406, 0}, searched[] = {404, 406, 0};
  struct jg_str set = entity != NULL ? entity->entity_set : JG_STR("");
  char text[96];
  (void)snprintf(text, sizeof(text), "%s%.*s%s", entity != NULL ? "/" : "", JG_STR_ARG(set), read->path);
  jg_meta_json_open_under(jg_str_from_cstr(text), out);
  jg_meta_json_open_under(JG_STR("get"), out);
  jg_meta_json_text("summary", read->summary, out);
  (void)snprintf(text, sizeof(text), "%s%.*s%s", entity != NULL ? "GET-api-" : "", JG_STR_ARG(set), read->id);
  jg_meta_json_text("operationId", text, out);
  jg_meta_json_raw("parameters", "[", out);
  if (entity != NULL) {
    add_parameter("id", out);
    add_parameter("member", out);
  }
  if (read->shapes) {
    add_parameter("select", out);
    add_parameter("expand", out);
  }
  add_parameter(read->format, out);
  jg_buf_append_char(out, ']');
  if (entity != NULL) {
    add_tags(set, out);
  }
  jg_meta_json_open_under(JG_STR("responses"), out);
  jg_meta_json_open_under(JG_STR("200"), out);
  jg_meta_json_text("description", read->summary, out);
  jg_meta_json_open_under(JG_STR("content"), out);
  bool json = strcmp(read->type, media_types[0]) == 0;
  for (size_t i = 0; i < (json ? JG_COUNT(media_types) : 1); i++) {
    jg_meta_json_open_under(jg_str_from_cstr(json ? media_types[i] : read->type), out);
    jg_meta_json_raw("schema", read->schema, out);
    jg_buf_append_char(out, '}');
  }
  jg_buf_append_str(out, JG_STR("}}"));
  if (entity != NULL) {
    jg_buf_append_str(out, JG_STR(",\"204\":{\"description\":\"It is, or would be in, an embedded entity that is not "
                                  "there.\"}"));
  }
  add_errors(entity != NULL ? searched : found, out);
  add_errors(jg_meta_common_statuses, out);
  jg_buf_append_str(out, JG_STR("}}}"));
}

/* All operations of a path, if this one is its first. */
static void add_path(const struct jg_meta_api *api, size_t first, struct jg_buf *out) {
  const char *path = api->operations[first].path;
  for (size_t i = 0; i < first; i++) {
    if (strcmp(api->operations[i].path, path) == 0) {
      return;
    }
  }
  char text[sizeof(api->operations[0].path) + 1];
  (void)snprintf(text, sizeof(text), "/%s", path);
  jg_meta_json_open_under(jg_str_from_cstr(text), out);
  for (size_t i = first; i < api->count; i++) {
    if (strcmp(api->operations[i].path, path) == 0) {
      add_operation(&api->operations[i], out);
    }
  }
  jg_buf_append_char(out, '}');
}

static void add_paths(const struct jg_meta_api *api, struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("paths"), out);
  for (size_t i = 0; i < JG_COUNT(documents); i++) {
    add_read(&documents[i], NULL, out);
  }
  for (size_t i = 0; i < api->count; i++) {
    const struct jg_entity *entity = api->operations[i].entity;
    add_path(api, i, out);
    bool last = i + 1 == api->count || api->operations[i + 1].entity != entity;
    for (size_t m = 0; last && m < JG_COUNT(members); m++) {
      add_read(&members[m], entity, out);
    }
  }
  jg_buf_append_char(out, '}');
}

void jg_meta_write_openapi(const struct jg_meta_api *api, struct jg_str url, struct jg_buf *out) {
  jg_buf_append_char(out, '{');
  jg_meta_json_text("openapi", "3.1.0", out);
  jg_meta_json_open_under(JG_STR("info"), out);
  jg_meta_json_text("title", "jobgate", out);
  jg_meta_json_text("version", "1", out);
  jg_meta_json_text(
      "description",
      "Work orders and what they refer to, over the legacy REST contract. Each GET may be a HEAD; other methods on a "
      "path are 405 with Allow, and OPTIONS is 204 with it. Answers are coded by gzip or deflate when Accept-Encoding "
      "asks for it; bodies may be. "
      "Lengths "
      "count UTF-16 code units. Members that are not set are answered as \"\", 0, false, the zero GUID or 1980-01-01, "
      "never as null; a null in a body stands for that. GET /Jobs with Prefer: "
      "odata.track-changes ends with an @odata.deltaLink, which gives what has changed since.",
      out);
  jg_buf_append_char(out, '}');
  jg_meta_json_raw("servers", "[{", out);
  jg_meta_json_key(JG_STR("url"), out);
  jg_meta_json_string(url, out);
  jg_buf_append_str(out, JG_STR("}]"));
  add_paths(api, out);
  jg_meta_write_components(api, out);
  jg_meta_json_raw("security", "[{},{\"basic\":[]}]", out);
  jg_buf_append_char(out, '}');
}
