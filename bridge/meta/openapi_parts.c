// The "components" of the OpenAPI document: schemas, parameters, responses.

#include <stdio.h>

#include "bridge/meta/meta_internal.h"

static const struct {
  int status;
  const char *name, *description;
} errors[] = {
    {400, "BadRequest", "A malformed request, or members that are missing or wrong; the message names them."},
    {401, "Unauthorized", "The server asks for a credential, and there is none, or it is wrong."},
    {404, "NotFound", "There is nothing of that key; also for a key that is not a GUID."},
    {406, "NotAcceptable", "Accept excludes JSON, or Accept-Encoding every form of the answer."},
    {408, "RequestTimeout", "The request took too long to arrive."},
    {409, "Conflict",
     "The id or the code is taken, the status may not become the other one, or others refer to this one."},
    {410, "Gone", "What changed behind the token is not kept any more, or the record was restored: begin anew."},
    {413, "ContentTooLarge", "The body, decoded, is larger than 1 MiB."},
    {414, "UriTooLong", "The request target is too long."},
    {415, "UnsupportedMediaType",
     "The body is not JSON in UTF-8, or its Content-Encoding is neither gzip nor deflate."},
    {417, "ExpectationFailed", "Expect asks for more than 100-continue."},
    {422, "UnprocessableContent", "An id or code refers to an entity that does not exist; nothing was written."},
    {429, "TooManyRequests", "The request used up what one call may use."},
    {431, "RequestHeaderFieldsTooLarge", "The header fields are too large."},
    {500, "InternalServerError", "A fault of the server."},
    {501, "NotImplemented", "A query option of OData that is not built."},
    {503, "ServiceUnavailable", "The server is overloaded, or its store cannot be reached. Try again."},
    {504, "GatewayTimeout", "The time for the call is over; a write may have happened."},
    {505, "HttpVersionNotSupported", "Neither HTTP/1.1 nor HTTP/1.0."},
};

/* Of what is sent, prefix GIVEN: null stands for a member's default there, unless it is required. */
static void add_type(const char *type, bool null, struct jg_buf *out) {
  if (null) {
    jg_meta_json_key(JG_STR("type"), out);
    jg_buf_printf(out, "[\"%s\",\"null\"]", type);
  } else {
    jg_meta_json_text("type", type, out);
  }
}

static void add_node_type(const struct jg_member *member, const char *prefix, bool null, struct jg_buf *out) {
  struct jg_str name = jg_entity(member->target)->name;
  if (member->type == JG_TYPE_ENTITY_LIST) {
    add_type("array", null, out);
    jg_meta_json_open_under(JG_STR("items"), out);
    jg_meta_json_reference("schemas", prefix, name, out);
    jg_buf_append_char(out, '}');
  } else if (null) {
    jg_meta_json_raw("anyOf", "[{", out);
    jg_meta_json_reference("schemas", prefix, name, out);
    jg_buf_append_str(out, JG_STR("},{\"type\":\"null\"}]"));
  } else {
    jg_meta_json_reference("schemas", prefix, name, out);
  }
}

static void add_member_type(const struct jg_member *member, const char *prefix, struct jg_buf *out) {
  bool null = prefix[0] != '\0' && (member->flags & JG_MEMBER_REQUIRED) == 0;
  switch (member->type) {
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      add_node_type(member, prefix, null, out);
      break;
    case JG_TYPE_GUID:
      add_type("string", null, out);
      jg_meta_json_text("format", "uuid", out);
      break;
    case JG_TYPE_DATE:
      add_type("string", null, out);
      jg_meta_json_text("format", "date-time", out);
      break;
    case JG_TYPE_INTEGER:
      add_type("integer", null, out);
      jg_meta_json_text("format", "int32", out);
      break;
    case JG_TYPE_DECIMAL:
      add_type("number", null, out);
      break;
    case JG_TYPE_BOOL:
      add_type("boolean", null, out);
      break;
    default:
      add_type("string", null, out);
  }
}

static void add_member(const struct jg_member *member, const char *prefix, struct jg_buf *out) {
  jg_meta_json_key(member->name, out);
  jg_buf_append_char(out, '{');
  add_member_type(member, prefix, out);
  if (member->max_utf16 != 0) {
    jg_meta_json_key(JG_STR("maxLength"), out);
    jg_buf_printf(out, "%u", (unsigned)member->max_utf16);
  }
  if (member->flags & (JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED)) {
    jg_meta_json_raw("readOnly", "true", out);
  }
  if (member->doc.len != 0) {
    jg_meta_json_key(JG_STR("description"), out);
    jg_meta_json_string(member->doc, out);
  }
  jg_buf_append_char(out, '}');
}

static void open_schema(const char *prefix, const struct jg_entity *entity, struct jg_buf *out) {
  char name[64];
  int len = snprintf(name, sizeof(name), "%s%.*s", prefix, JG_STR_ARG(entity->name));
  JG_ASSERT(len > 0 && (size_t)len < sizeof(name));
  jg_meta_json_open_under(jg_str_make(name, (size_t)len), out);
}

static void add_entity(const struct jg_entity *entity, const char *prefix, struct jg_buf *out) {
  open_schema(prefix, entity, out);
  jg_meta_json_text("type", "object", out);
  if (entity->doc.len != 0) {
    jg_meta_json_key(JG_STR("description"), out);
    jg_meta_json_string(entity->doc, out);
  }
  jg_meta_json_open_under(JG_STR("properties"), out);
  for (size_t i = 0; i < entity->member_count; i++) {
    add_member(&entity->members[i], prefix, out);
  }
  jg_buf_append_char(out, '}');
  jg_buf_append_char(out, '}');
}

/* {"anyOf":[{"required":["a"]},...]}: one of the group's members. */
static void add_group(const struct jg_entity *entity, size_t first, struct jg_buf *out) {
  jg_meta_json_open(out);
  jg_meta_json_raw("anyOf", "[", out);
  for (size_t i = first; i < entity->member_count; i++) {
    if (jg_str_equal(entity->members[i].group, entity->members[first].group)) {
      jg_meta_json_open(out);
      jg_meta_json_raw("required", "[", out);
      jg_meta_json_string(entity->members[i].name, out);
      jg_buf_append_char(out, ']');
      jg_meta_json_open_under(JG_STR("properties"), out);
      jg_meta_json_open_under(entity->members[i].name, out);
      jg_buf_append_str(out, JG_STR("\"not\":{\"type\":\"null\"}}}}"));
    }
  }
  jg_buf_append_char(out, ']');
  jg_buf_append_char(out, '}');
}

static bool begins_group(const struct jg_entity *entity, size_t index) {
  struct jg_str group = entity->members[index].group;
  bool first = group.len != 0;
  for (size_t i = 0; i < index; i++) {
    first = first && !jg_str_equal(entity->members[i].group, group);
  }
  return first;
}

/* An entity that may be added: its required members and groups. */
static void add_new(const struct jg_entity *entity, struct jg_buf *out) {
  jg_meta_json_open(out);
  jg_meta_json_reference("schemas", JG_META_GIVEN, entity->name, out);
  jg_buf_append_char(out, '}');
  bool first = true;
  for (size_t i = 0; i < entity->member_count; i++) {
    if (entity->members[i].flags & JG_MEMBER_REQUIRED) {
      if (first) {
        jg_meta_json_open(out);
        jg_meta_json_raw("required", "[", out);
      }
      first = false;
      jg_meta_json_string(entity->members[i].name, out);
    }
  }
  jg_buf_append_str(out, first ? JG_STR("") : JG_STR("]}"));
  for (size_t i = 0; i < entity->member_count; i++) {
    if (begins_group(entity, i)) {
      add_group(entity, i, out);
    }
  }
}

/* What answers and bodies of a set hold. */
static void add_set(const struct jg_entity *entity, struct jg_buf *out) {
  open_schema("new_", entity, out);
  jg_meta_json_raw("allOf", "[", out);
  add_new(entity, out);
  jg_buf_append_str(out, JG_STR("]}"));
  open_schema("one_", entity, out);
  jg_meta_json_raw(
      "allOf", "[{\"type\":\"object\",\"properties\":{\"@odata.context\":{\"type\":\"string\",\"format\":\"uri\"}}}",
      out);
  jg_meta_json_open(out);
  jg_meta_json_reference("schemas", "", entity->name, out);
  jg_buf_append_str(out, JG_STR("}]}"));
  open_schema("many_", entity, out);
  jg_buf_append_str(out, JG_STR("\"type\":\"object\",\"required\":[\"@odata.context\",\"value\"],\"properties\":{"
                                "\"@odata.context\":{\"type\":\"string\",\"format\":\"uri\"},"
                                "\"@odata.count\":{\"type\":\"integer\",\"description\":\"With $count=true.\"},"
                                "\"value\":{\"type\":\"array\",\"items\":{"));
  jg_meta_json_reference("schemas", "", entity->name, out);
  jg_buf_append_str(out, JG_STR("}},\"@odata.nextLink\":{\"type\":\"string\",\"format\":\"uri\","
                                "\"description\":\"The next page; missing on the last one.\"}}}"));
}

/* The body of ChangeToVirtualStatus. */
static void add_status_body(struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("virtual_status"), out);
  jg_buf_append_str(out, JG_STR("\"type\":\"object\",\"required\":[\"jobs_id\"],\"anyOf\":[{\"required\":["
                                "\"target_job_status_id\"]},{\"required\":[\"target_job_status_code\"]}],"
                                "\"properties\":{"));
  for (size_t i = 0; i < JG_META_STATUS_BODY_COUNT; i++) {
    jg_meta_json_open_under(jg_str_from_cstr(jg_meta_status_body[i].name), out);
    jg_meta_json_text("type", "string", out);
    if (strcmp(jg_meta_status_body[i].type, "string") != 0) {
      jg_meta_json_text("format", "uuid", out);
    }
    jg_meta_json_text("description", jg_meta_status_body[i].description, out);
    jg_buf_append_char(out, '}');
  }
  jg_buf_append_str(out, JG_STR("}}"));
}

static void add_schemas(const struct jg_meta_api *api, struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("schemas"), out);
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    if (jg_meta_is_type(jg_entity(kind))) {
      add_entity(jg_entity(kind), "", out);
      add_entity(jg_entity(kind), JG_META_GIVEN, out);
    }
  }
  for (size_t i = 0; i < api->count; i++) {
    if (i == 0 || api->operations[i].entity != api->operations[i - 1].entity) {
      add_set(api->operations[i].entity, out);
    }
  }
  add_status_body(out);
  jg_meta_write_stream_schemas(out);
  jg_meta_json_raw("error",
                   "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
                   "\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{\"type\":\"string\"},"
                   "\"message\":{\"type\":\"string\"}}}}}",
                   out);
  jg_buf_append_char(out, '}');
}

static void add_responses(struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("responses"), out);
  for (size_t i = 0; i < JG_COUNT(errors); i++) {
    jg_meta_json_open_under(jg_str_from_cstr(errors[i].name), out);
    jg_meta_json_text("description", errors[i].description, out);
    if (errors[i].status == 401) {
      jg_meta_json_raw("headers", "{\"WWW-Authenticate\":{\"schema\":{\"type\":\"string\"}}}", out);
    }
    if (errors[i].status == 429 || errors[i].status == 503) {
      jg_meta_json_raw("headers", "{\"Retry-After\":{\"schema\":{\"type\":\"integer\"},\"description\":\"Seconds.\"}}",
                       out);
    }
    jg_meta_json_raw("content",
                     "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/error\"}},"
                     "\"text/json\":{\"schema\":{\"$ref\":\"#/components/schemas/error\"}}}",
                     out);
    jg_buf_append_char(out, '}');
  }
  jg_buf_append_char(out, '}');
}

static void add_parameters(struct jg_buf *out) {
  jg_meta_json_raw(
      "parameters",
      "{\"id\":{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"description\":\"Primary Key.\","
      "\"schema\":{\"type\":\"string\",\"format\":\"uuid\"}},"
      "\"member\":{\"name\":\"member\",\"in\":\"path\",\"required\":true,"
      "\"description\":\"Name of a member. One of an embedded entity is named by its path, project/name, with the "
      "slash as it "
      "is.\",\"schema\":{\"type\":\"string\"}},"
      "\"top\":{\"name\":\"$top\",\"in\":\"query\",\"description\":\"How many at most, over all pages.\","
      "\"schema\":{\"type\":\"integer\",\"minimum\":0}},"
      "\"skip\":{\"name\":\"$skip\",\"in\":\"query\",\"description\":\"How many to pass over.\","
      "\"schema\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":0}},"
      "\"skiptoken\":{\"name\":\"$skiptoken\",\"in\":\"query\",\"description\":\"What a nextLink holds.\","
      "\"schema\":{\"type\":\"string\"}},"
      "\"filter\":{\"name\":\"$filter\",\"in\":\"query\",\"description\":\"Which ones: an expression of "
      "OData 4.0. ",
      out);
  jg_buf_append_str(out, jg_str_from_cstr(jg_meta_nulls));
  jg_buf_append_str(
      out,
      JG_STR(
          "\",\"schema\":{\"type\":\"string\"}},"
          "\"orderby\":{\"name\":\"$orderby\",\"in\":\"query\",\"description\":\"Keys between commas, each with asc "
          "or desc; id is the last one.\",\"schema\":{\"type\":\"string\"}},"
          "\"count\":{\"name\":\"$count\",\"in\":\"query\",\"description\":\"true: how many jobs match goes with the "
          "page.\",\"schema\":{\"type\":\"boolean\"}},"
          "\"select\":{\"name\":\"$select\",\"in\":\"query\",\"description\":\"Names of members between commas: "
          "these alone. A path names a member of an embedded entity.\",\"schema\":{\"type\":\"string\"}},"
          "\"expand\":{\"name\":\"$expand\",\"in\":\"query\",\"description\":\"Names of embedded entities between "
          "commas: these too, each with $select and $expand in parentheses; a job's _parent_job comes no other "
          "way.\",\"schema\":{\"type\":\"string\"}},"
          "\"format\":{\"name\":\"$format\",\"in\":\"query\",\"description\":\"The form of the answer, stronger than "
          "Accept; a media type may have ;IEEE754Compatible=true: decimals and counts are strings then.\","
          "\"schema\":{\"type\":\"string\",\"examples\":[\"json\",\"application/json\",\"text/json\"],"
          "\"pattern\":\"^(json|(application|text)/json(;.*)?)$\"}},"
          "\"format_xml\":{\"name\":\"$format\",\"in\":\"query\",\"description\":\"The form of the answer.\","
          "\"schema\":{\"type\":\"string\",\"enum\":[\"xml\",\"application/xml\"]}},"
          "\"format_text\":{\"name\":\"$format\",\"in\":\"query\",\"description\":\"The form of the answer.\","
          "\"schema\":{\"type\":\"string\",\"enum\":[\"text/plain\"]}},"
          "\"prefer\":{\"name\":\"Prefer\",\"in\":\"header\","
          "\"description\":\"return=minimal: the answer holds the id alone.\","
          "\"schema\":{\"type\":\"string\",\"enum\":[\"return=minimal\",\"return=representation\"]}},"
          "\"page_size\":{\"name\":\"Prefer\",\"in\":\"header\","
          "\"description\":\"odata.maxpagesize=N: pages of N at most, where that is less than the server's; to be sent "
          "with "
          "every page. odata.track-changes (Jobs): the last page has an @odata.deltaLink.\","
          "\"schema\":{\"type\":\"string\"},\"example\":\"odata.maxpagesize=50\"}}"));
}

const char *jg_meta_error_name(int status) {
  for (size_t i = 0; i < JG_COUNT(errors); i++) {
    if (errors[i].status == status) {
      return errors[i].name;
    }
  }
  return NULL;
}

void jg_meta_write_components(const struct jg_meta_api *api, struct jg_buf *out) {
  jg_meta_json_open_under(JG_STR("components"), out);
  add_schemas(api, out);
  add_parameters(out);
  add_responses(out);
  jg_meta_json_raw("securitySchemes",
                   "{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"user@domain as the name.\"}}",
                   out);
  jg_buf_append_char(out, '}');
}
