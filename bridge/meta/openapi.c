// OpenAPI 3.1 of the REST API, from the routes and the schema tables.

#include <stdio.h>

#include "bridge/meta/meta_internal.h"
#include "proto/codec/json_encode.h"

static const struct {
  int status;
  const char *name, *description;
} errors[] = {
    {400, "BadRequest", "A malformed request, or members that are missing or wrong; the message names them."},
    {401, "Unauthorized", "The server asks for a credential, and there is none, or it is wrong."},
    {404, "NotFound", "There is no such job; also for a key that is not a GUID."},
    {406, "NotAcceptable", "Accept excludes JSON, or Accept-Encoding every form of the answer."},
    {408, "RequestTimeout", "The request took too long to arrive."},
    {409, "Conflict", "The id is taken, the status may not become the other one, or other jobs refer to this one."},
    {413, "ContentTooLarge", "The body, decoded, is larger than 1 MiB."},
    {414, "UriTooLong", "The request target is too long."},
    {415, "UnsupportedMediaType",
     "The body is not JSON in UTF-8, or its Content-Encoding is neither gzip nor deflate."},
    {422, "UnprocessableContent", "An id or code refers to an entity that does not exist; nothing was written."},
    {429, "TooManyRequests", "The request used up what one call may use."},
    {431, "RequestHeaderFieldsTooLarge", "The header fields are too large."},
    {500, "InternalServerError", "A fault of the server."},
    {501, "NotImplemented", "A query option of OData that is not built."},
    {503, "ServiceUnavailable", "The server is overloaded, or its store cannot be reached. Try again."},
    {504, "GatewayTimeout", "The time for the call is over; a write may have happened."},
};

/* Appends JSON; a comma goes in front unless an object or a list has just begun. */
static void separate(struct jg_buf *out) {
  char last = '{';
  if (out->len != 0) {
    last = out->data[out->len - 1];
  }
  if (last != '{' && last != '[' && last != ':') {
    jg_buf_append_char(out, ',');
  }
}

static void add_string(struct jg_str text, struct jg_buf *out) {
  separate(out);
  jg_json_encode_string(JG_JSON_ESCAPE_JSON, text, out);
}

static void add_key(struct jg_str key, struct jg_buf *out) {
  add_string(key, out);
  jg_buf_append_char(out, ':');
}

static void add_text(const char *key, const char *value, struct jg_buf *out) {
  add_key(jg_str_from_cstr(key), out);
  add_string(jg_str_from_cstr(value), out);
}

/* value: JSON. */
static void add_json(const char *key, const char *value, struct jg_buf *out) {
  add_key(jg_str_from_cstr(key), out);
  jg_buf_append_str(out, jg_str_from_cstr(value));
}

static void open_object(struct jg_buf *out) {
  separate(out);
  jg_buf_append_char(out, '{');
}

static void open_under(const char *key, struct jg_buf *out) {
  add_key(jg_str_from_cstr(key), out);
  jg_buf_append_char(out, '{');
}

static void end(char bracket, struct jg_buf *out) {
  jg_buf_append_char(out, bracket);
}

static void add_reference(const char *folder, struct jg_str name, struct jg_buf *out) {
  add_key(JG_STR("$ref"), out);
  jg_buf_printf(out, "\"#/components/%s/%.*s\"", folder, JG_STR_ARG(name));
}

static void add_member_type(const struct jg_member *member, struct jg_buf *out) {
  switch (member->type) {
    case JG_TYPE_ENTITY:
      add_reference("schemas", jg_entity(member->target)->name, out);
      break;
    case JG_TYPE_ENTITY_LIST:
      add_text("type", "array", out);
      open_under("items", out);
      add_reference("schemas", jg_entity(member->target)->name, out);
      end('}', out);
      break;
    case JG_TYPE_GUID:
      add_text("type", "string", out);
      add_text("format", "uuid", out);
      break;
    case JG_TYPE_DATE:
      add_text("type", "string", out);
      add_text("format", "date-time", out);
      break;
    case JG_TYPE_INTEGER:
      add_text("type", "integer", out);
      add_text("format", "int32", out);
      break;
    case JG_TYPE_DECIMAL:
      add_text("type", "number", out);
      break;
    case JG_TYPE_BOOL:
      add_text("type", "boolean", out);
      break;
    default:
      add_text("type", "string", out);
  }
}

static void add_member(const struct jg_member *member, struct jg_buf *out) {
  add_key(member->name, out);
  jg_buf_append_char(out, '{');
  add_member_type(member, out);
  if (member->max_utf16 != 0) {
    add_key(JG_STR("maxLength"), out);
    jg_buf_printf(out, "%u", (unsigned)member->max_utf16);
  }
  if (member->flags & (JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED)) {
    add_json("readOnly", "true", out);
  }
  if (member->flags & JG_MEMBER_EXPAND_ONLY) {
    add_json("writeOnly", "true", out);
  }
  if (member->doc.len != 0) {
    add_key(JG_STR("description"), out);
    add_string(member->doc, out);
  }
  end('}', out);
}

static void add_entity(const struct jg_entity *entity, struct jg_buf *out) {
  add_key(entity->name, out);
  jg_buf_append_char(out, '{');
  add_text("type", "object", out);
  if (entity->doc.len != 0) {
    add_key(JG_STR("description"), out);
    add_string(entity->doc, out);
  }
  open_under("properties", out);
  for (size_t i = 0; i < entity->member_count; i++) {
    add_member(&entity->members[i], out);
  }
  end('}', out);
  end('}', out);
}

/* {"anyOf":[{"required":["a"]},...]}: one of the group's members. */
static void add_group(const struct jg_entity *entity, size_t first, struct jg_buf *out) {
  open_object(out);
  add_json("anyOf", "[", out);
  for (size_t i = first; i < entity->member_count; i++) {
    if (jg_str_equal(entity->members[i].group, entity->members[first].group)) {
      open_object(out);
      add_json("required", "[", out);
      add_string(entity->members[i].name, out);
      end(']', out);
      end('}', out);
    }
  }
  end(']', out);
  end('}', out);
}

static bool begins_group(const struct jg_entity *entity, size_t index) {
  struct jg_str group = entity->members[index].group;
  bool first = group.len != 0;
  for (size_t i = 0; i < index; i++) {
    first = first && !jg_str_equal(entity->members[i].group, group);
  }
  return first;
}

/* A job that may be added: its required members and groups. */
static void add_new_job(struct jg_buf *out) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  open_under("new_jobs", out);
  add_json("allOf", "[", out);
  open_object(out);
  add_reference("schemas", entity->name, out);
  end('}', out);
  open_object(out);
  add_json("required", "[", out);
  for (size_t i = 0; i < entity->member_count; i++) {
    if (entity->members[i].flags & JG_MEMBER_REQUIRED) {
      add_string(entity->members[i].name, out);
    }
  }
  end(']', out);
  end('}', out);
  for (size_t i = 0; i < entity->member_count; i++) {
    if (begins_group(entity, i)) {
      add_group(entity, i, out);
    }
  }
  end(']', out);
  end('}', out);
}

static void add_schemas(struct jg_buf *out) {
  open_under("schemas", out);
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    if (jg_meta_is_type(jg_entity(kind))) {
      add_entity(jg_entity(kind), out);
    }
  }
  add_new_job(out);
  add_json(
      "one_job",
      "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"@odata.context\":{\"type\":\"string\",\"format\":\"uri\"}}},"
      "{\"$ref\":\"#/components/schemas/jobs\"}]}",
      out);
  add_json("many_jobs",
           "{\"type\":\"object\",\"required\":[\"@odata.context\",\"value\"],\"properties\":{"
           "\"@odata.context\":{\"type\":\"string\",\"format\":\"uri\"},"
           "\"@odata.count\":{\"type\":\"integer\",\"description\":\"With $count=true.\"},"
           "\"value\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/jobs\"}},"
           "\"@odata.nextLink\":{\"type\":\"string\",\"format\":\"uri\","
           "\"description\":\"The next page; missing on the last one.\"}}}",
           out);
  add_json("error",
           "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
           "\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{\"type\":\"string\"},"
           "\"message\":{\"type\":\"string\"}}}}}",
           out);
  end('}', out);
}

static void add_responses(struct jg_buf *out) {
  open_under("responses", out);
  for (size_t i = 0; i < JG_COUNT(errors); i++) {
    open_under(errors[i].name, out);
    add_text("description", errors[i].description, out);
    if (errors[i].status == 401) {
      add_json("headers", "{\"WWW-Authenticate\":{\"schema\":{\"type\":\"string\"}}}", out);
    }
    if (errors[i].status == 429 || errors[i].status == 503) {
      add_json("headers", "{\"Retry-After\":{\"schema\":{\"type\":\"integer\"},\"description\":\"Seconds.\"}}", out);
    }
    add_json("content", "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/error\"}}}", out);
    end('}', out);
  }
  end('}', out);
}

static void add_parameters(struct jg_buf *out) {
  add_json("parameters",
           "{\"id\":{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"description\":\"Primary Key.\","
           "\"schema\":{\"type\":\"string\",\"format\":\"uuid\"}},"
           "\"member\":{\"name\":\"member\",\"in\":\"path\",\"required\":true,"
           "\"description\":\"Name of a member that is no embedded entity.\",\"schema\":{\"type\":\"string\"}},"
           "\"top\":{\"name\":\"$top\",\"in\":\"query\",\"description\":\"How many jobs at most, over all pages.\","
           "\"schema\":{\"type\":\"integer\",\"minimum\":0}},"
           "\"skip\":{\"name\":\"$skip\",\"in\":\"query\",\"description\":\"How many jobs to pass over.\","
           "\"schema\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":0}},"
           "\"skiptoken\":{\"name\":\"$skiptoken\",\"in\":\"query\",\"description\":\"What a nextLink holds.\","
           "\"schema\":{\"type\":\"string\"}},"
           "\"filter\":{\"name\":\"$filter\",\"in\":\"query\",\"description\":\"Which jobs: an expression of "
           "OData 4.0.\",\"schema\":{\"type\":\"string\"}},"
           "\"orderby\":{\"name\":\"$orderby\",\"in\":\"query\",\"description\":\"Keys between commas, each with asc "
           "or desc; id is the last one.\",\"schema\":{\"type\":\"string\"}},"
           "\"count\":{\"name\":\"$count\",\"in\":\"query\",\"description\":\"true: how many jobs match goes with the "
           "page.\",\"schema\":{\"type\":\"boolean\"}},"
           "\"select\":{\"name\":\"$select\",\"in\":\"query\",\"description\":\"Names of members between commas: "
           "these alone.\",\"schema\":{\"type\":\"string\"}},"
           "\"expand\":{\"name\":\"$expand\",\"in\":\"query\",\"description\":\"Names of embedded entities between "
           "commas: these too.\",\"schema\":{\"type\":\"string\"}},"
           "\"prefer\":{\"name\":\"Prefer\",\"in\":\"header\","
           "\"description\":\"return=minimal: the answer holds the id alone.\","
           "\"schema\":{\"type\":\"string\",\"enum\":[\"return=minimal\",\"return=representation\"]}}}",
           out);
}

static const char *error_name(int status) {
  for (size_t i = 0; i < JG_COUNT(errors); i++) {
    if (errors[i].status == status) {
      return errors[i].name;
    }
  }
  return NULL;
}

static void add_success(const struct jg_meta_operation *operation, int status, struct jg_buf *out) {
  static const char *const descriptions[] = {[0] = "The job.", [1] = "The new job.", [4] = "The job is deleted."};
  JG_ASSERT(status == 200 || status == 201 || status == 204);
  add_text("description", operation->list ? "A page of jobs." : descriptions[status - 200], out);
  if (status == 201) {
    add_json("headers", "{\"Location\":{\"schema\":{\"type\":\"string\",\"format\":\"uri\"}}}", out);
  }
  if (operation->answer) {
    const char *schema = operation->list ? "many_jobs" : "one_job";
    open_under("content", out);
    for (size_t i = 0; i < 2; i++) {
      open_under(i == 0 ? "application/json" : "text/json", out);
      open_under("schema", out);
      add_reference("schemas", jg_str_from_cstr(schema), out);
      end('}', out);
      end('}', out);
    }
    end('}', out);
  }
}

static void add_statuses(const struct jg_meta_operation *operation, const int *statuses, struct jg_buf *out) {
  for (size_t i = 0; statuses[i] != 0; i++) {
    char key[16];
    (void)snprintf(key, sizeof(key), "%d", statuses[i]);  // Three digits.
    add_key(jg_str_from_cstr(key), out);
    jg_buf_append_char(out, '{');
    const char *name = error_name(statuses[i]);
    if (name != NULL) {
      add_reference("responses", jg_str_from_cstr(name), out);
    } else {
      add_success(operation, statuses[i], out);
    }
    end('}', out);
  }
}

static void add_operation(const struct jg_meta_operation *operation, const char *key, struct jg_buf *out) {
  open_under(key, out);
  add_text("summary", operation->summary, out);
  add_text("operationId", operation->page, out);
  add_json("tags", "[\"Jobs\"]", out);
  add_json("parameters", "[", out);
  // The last two go with single jobs too.
  static const char *const options[] = {"top", "skip", "skiptoken", "filter", "orderby", "count", "select", "expand"};
  bool one = operation->key && strcmp(operation->method, "GET") == 0;
  for (size_t i = operation->list ? 0 : 6; (operation->list || one) && i < JG_COUNT(options); i++) {
    open_object(out);
    add_reference("parameters", jg_str_from_cstr(options[i]), out);
    end('}', out);
  }
  if (operation->key) {
    open_object(out);
    add_reference("parameters", JG_STR("id"), out);
    end('}', out);
  }
  if (operation->body) {
    open_object(out);
    add_reference("parameters", JG_STR("prefer"), out);
    end('}', out);
  }
  end(']', out);
  if (operation->body) {
    const char *schema = operation->key ? "jobs" : "new_jobs";
    open_under("requestBody", out);
    add_json("required", "true", out);
    open_under("content", out);
    open_under("application/json", out);
    open_under("schema", out);
    add_reference("schemas", jg_str_from_cstr(schema), out);
    jg_buf_append_str(out, JG_STR("}}}}"));
  }
  open_under("responses", out);
  add_statuses(operation, operation->statuses, out);
  add_statuses(operation, jg_meta_common_statuses, out);
  end('}', out);
  end('}', out);
}

/* What is read without a body and has nothing of the tables: type and schema are JSON's. */
static const struct {
  const char *path, *id, *summary, *type, *schema;
  bool key, member;
} reads[] = {
    {"/", "service-document", "The service document of OData", "application/json", "{\"type\":\"object\"}", false,
     false},
    {"/$metadata", "metadata", "The types, as CSDL", "application/xml", "{\"type\":\"string\"}", false, false},
    {"/Jobs({id})/{member}", "GET-api-Jobs(id)-member", "Retrieves a member of a work order", "application/json",
     "{\"type\":\"object\",\"required\":[\"@odata.context\",\"value\"],\"properties\":{\"@odata.context\":"
     "{\"type\":\"string\"},\"value\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}",
     true, true},
    {"/Jobs({id})/{member}/$value", "GET-api-Jobs(id)-member-value", "Retrieves a member of a work order as bare text",
     "text/plain", "{\"type\":\"string\"}", true, true},
};

static void add_read(size_t index, struct jg_buf *out) {
  const struct jg_meta_operation operation = {.key = reads[index].key};
  static const int found[] = {406, 0}, searched[] = {404, 406, 0};
  open_under(reads[index].path, out);
  open_under("get", out);
  add_text("summary", reads[index].summary, out);
  add_text("operationId", reads[index].id, out);
  add_json("parameters", "[", out);
  if (reads[index].member) {
    jg_buf_append_str(out, JG_STR("{\"$ref\":\"#/components/parameters/id\"},"
                                  "{\"$ref\":\"#/components/parameters/member\"}"));
  }
  end(']', out);
  open_under("responses", out);
  open_under("200", out);
  add_text("description", reads[index].summary, out);
  open_under("content", out);
  open_under(reads[index].type, out);
  add_json("schema", reads[index].schema, out);
  jg_buf_append_str(out, JG_STR("}}}"));
  add_statuses(&operation, reads[index].key ? searched : found, out);
  add_statuses(&operation, jg_meta_common_statuses, out);
  jg_buf_append_str(out, JG_STR("}}}"));
}

static void add_paths(struct jg_buf *out) {
  static const struct {
    const char *method, *key;
  } keys[] = {{"GET", "get"}, {"POST", "post"}, {"PUT", "put"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
  static const char *const paths[] = {"Jobs", "Jobs({id})"};
  open_under("paths", out);
  for (size_t p = 0; p < JG_COUNT(paths); p++) {
    jg_buf_printf(out, "%s\"/%s\":{", p != 0 ? "," : "", paths[p]);
    for (size_t i = 0; i < JG_META_OPERATION_COUNT; i++) {
      const struct jg_meta_operation *operation = &jg_meta_operations[i];
      for (size_t k = 0; k < JG_COUNT(keys) && strcmp(operation->path, paths[p]) == 0; k++) {
        if (strcmp(keys[k].method, operation->method) == 0) {
          add_operation(operation, keys[k].key, out);
        }
      }
    }
    end('}', out);
  }
  for (size_t i = 0; i < JG_COUNT(reads); i++) {
    add_read(i, out);
  }
  end('}', out);
}

void jg_meta_write_openapi(struct jg_str api, struct jg_buf *out) {
  jg_buf_append_char(out, '{');
  add_text("openapi", "3.1.0", out);
  open_under("info", out);
  add_text("title", "jobgate", out);
  add_text("version", "1", out);
  add_text(
      "description",
      "Work orders over the legacy REST contract. Each GET may be a HEAD; other methods on a path are 405 with Allow. "
      "Answers are coded by gzip or deflate when Accept-Encoding asks for it; bodies may be. Lengths count UTF-16 "
      "code units. Members that are not set are answered as \"\", 0, false, the zero GUID or 1980-01-01, never as "
      "null.",
      out);
  end('}', out);
  add_json("servers", "[{", out);
  add_key(JG_STR("url"), out);
  add_string(api, out);
  jg_buf_append_str(out, JG_STR("}]"));
  add_paths(out);
  open_under("components", out);
  add_schemas(out);
  add_parameters(out);
  add_responses(out);
  add_json("securitySchemes",
           "{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"user@domain as the name.\"}}", out);
  end('}', out);
  add_json("security", "[{},{\"basic\":[]}]", out);
  jg_buf_append_char(out, '}');
}
