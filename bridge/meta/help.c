// The help pages: sections, tables and texts of the page of old (contract section 0), made from the schema tables.

#include "bridge/meta/meta_internal.h"

static const char style[] =
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:1rem;color:#1b1b1b;background:#fff}"
    "table{border-collapse:collapse;width:100%}"
    "caption{text-align:left;font-weight:bold;padding:.5rem 0}"
    "th,td{border:1px solid #767676;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "thead th{background:#eee}"
    "tr:target{background:#fff3bf}"
    "pre{background:#f4f4f4;border:1px solid #767676;padding:.5rem;overflow:auto}"
    "a{color:#0b57d0}";

const char jg_meta_nulls[] =
    "Nothing that is stored is null: a member that was not set is an empty text, 0, false, the zero GUID or "
    "1980-01-01. "
    "Null is only what an embedded entity or a parent that is not there would hold: eq null and ne anything else are "
    "true "
    "of it, every other condition is false. Behind not a condition is simply turned around: "
    "not contains(suggested_user/lastname,'x') also takes jobs without a user, which OData's null would leave out.";

/* By enum jg_type; entities go by their name. */
static const char *const type_names[] = {
    [JG_TYPE_STRING] = "string",   [JG_TYPE_GUID] = "globally unique identifier",
    [JG_TYPE_INTEGER] = "integer", [JG_TYPE_BOOL] = "boolean",
    [JG_TYPE_DATE] = "date",       [JG_TYPE_DECIMAL] = "decimal number",
    [JG_TYPE_ENTITY] = "",         [JG_TYPE_ENTITY_LIST] = "Collection of ",
};

static void open_page(struct jg_str title, struct jg_str root, struct jg_buf *out) {
  jg_buf_append_str(out, JG_STR("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>"));
  jg_meta_escape(title, out);
  jg_buf_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n", style);
  jg_buf_printf(out, "<nav aria-label=\"Help\"><a href=\"%.*s/Help\">Help</a></nav>\n<h1>", JG_STR_ARG(root));
  jg_meta_escape(title, out);
  jg_buf_append_str(out, JG_STR("</h1>\n</header>\n<main>\n"));
}

static void close_page(struct jg_str root, struct jg_buf *out) {
  jg_buf_printf(out,
                "</main>\n<footer>\n<p>Machines read <a href=\"%.*s/api/$metadata\">$metadata</a> and "
                "<a href=\"%.*s/openapi.json\">openapi.json</a>.</p>\n</footer>\n</body>\n</html>\n",
                JG_STR_ARG(root), JG_STR_ARG(root));
}

static void write_type(const struct jg_member *member, struct jg_str root, struct jg_buf *out) {
  jg_buf_append_str(out, jg_str_from_cstr(type_names[member->type]));
  if (member->type == JG_TYPE_ENTITY || member->type == JG_TYPE_ENTITY_LIST) {
    struct jg_str name = jg_entity(member->target)->name;
    jg_buf_printf(out, "<a href=\"%.*s/Help/ResourceModel/%.*s\">%.*s</a>", JG_STR_ARG(root), JG_STR_ARG(name),
                  JG_STR_ARG(name));
  }
}

/* "a", "a or b", "a, b or c" of the members of a group. */
static void write_group(const struct jg_entity *entity, struct jg_str group, struct jg_buf *out) {
  size_t count = 0, at = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    count += jg_str_equal(entity->members[i].group, group);
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    if (!jg_str_equal(entity->members[i].group, group)) {
      continue;
    }
    const char *before = "";
    if (at != 0) {
      before = at + 1 == count ? " or " : ", ";
    }
    jg_buf_printf(out, "%s%.*s", before, JG_STR_ARG(entity->members[i].name));
    at++;
  }
}

static void write_rules(const struct jg_entity *entity, const struct jg_member *member, struct jg_buf *out) {
  const char *space = "";
  if (member->group.len != 0) {
    jg_buf_append_str(out, JG_STR("Optionally required : "));
    write_group(entity, member->group, out);
    jg_buf_append_str(out, JG_STR(" must be provided"));
    space = " ";
  }
  if (member->flags & JG_MEMBER_REQUIRED) {
    jg_buf_printf(out, "%sRequired", space);
    space = " ";
  }
  if (member->max_utf16 != 0) {
    jg_buf_printf(out, "%sMax length: %u", space, (unsigned)member->max_utf16);
  }
}

static void open_table(struct jg_str caption, struct jg_buf *out) {
  jg_buf_printf(out,
                "<table>\n<caption>%.*s</caption>\n<thead><tr><th scope=\"col\">Name</th>"
                "<th scope=\"col\">Description</th><th scope=\"col\">Type</th>"
                "<th scope=\"col\">Additional information</th></tr></thead>\n<tbody>\n",
                JG_STR_ARG(caption));
}

/* anchor: goes in front of each row's id, so that two tables of a page differ. */
static void write_table(const struct jg_entity *entity, const char *anchor, struct jg_str root, struct jg_buf *out) {
  open_table(entity->name, out);
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    jg_buf_printf(out, "<tr id=\"%s%.*s\"><th scope=\"row\">%.*s</th><td>", anchor, JG_STR_ARG(member->name),
                  JG_STR_ARG(member->name));
    jg_meta_escape(jg_meta_doc(member->doc), out);
    jg_buf_append_str(out, JG_STR("</td><td>"));
    write_type(member, root, out);
    jg_buf_append_str(out, JG_STR("</td><td>"));
    write_rules(entity, member, out);
    jg_buf_append_str(out, JG_STR("</td></tr>\n"));
  }
  jg_buf_append_str(out, JG_STR("</tbody>\n</table>\n"));
}

static void write_formats(const struct jg_entity *entity, const char *heading, struct jg_buf *out) {
  struct jg_buf sample;
  jg_buf_init(&sample, 1u << 20);
  jg_meta_write_sample(entity, &sample);
  JG_ASSERT(!sample.failed);
  jg_buf_printf(out, "<h3>%s</h3>\n<h4>application/json, text/json</h4>\n<pre><code>", heading);
  jg_meta_escape(jg_buf_str(&sample), out);
  jg_buf_append_str(out, JG_STR("</code></pre>\n"));
  jg_buf_done(&sample);
}

static void write_status_body(struct jg_buf *out) {
  open_table(JG_STR("ChangeToVirtualStatus"), out);
  for (size_t i = 0; i < JG_META_STATUS_BODY_COUNT; i++) {
    const struct jg_meta_parameter *row = &jg_meta_status_body[i];
    jg_buf_printf(out, "<tr id=\"body-%s\"><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n",
                  row->name, row->name, row->description, row->type, row->rules);
  }
  jg_buf_append_str(out, JG_STR("</tbody>\n</table>\n"));
}

static void write_none(const char *heading, struct jg_buf *out) {
  jg_buf_printf(out, "<h3>%s</h3>\n<p>None.</p>\n", heading);
}

static void write_request(const struct jg_meta_operation *operation, struct jg_str root, struct jg_buf *out) {
  const struct jg_entity *entity = operation->entity;
  jg_buf_append_str(out, JG_STR("<h2>Request Information</h2>\n"));
  if (operation->answer == JG_META_ANSWER_STREAM) {
    jg_buf_append_str(out, JG_STR("<h3>URI Parameters :</h3>\n"));
    open_table(JG_STR("URI Parameters"), out);
    jg_meta_write_stream_rows(out);
    jg_buf_append_str(out, JG_STR("</tbody>\n</table>\n"));
  } else if (operation->key) {
    jg_buf_append_str(out, JG_STR("<h3>URI Parameters :</h3>\n"));
    open_table(JG_STR("URI Parameters"), out);
    jg_buf_append_str(out, JG_STR("<tr id=\"uri-id\"><th scope=\"row\">id</th><td>Primary Key</td>"
                                  "<td>globally unique identifier</td><td>Required</td></tr>\n</tbody>\n</table>\n"));
  } else {
    write_none("URI Parameters :", out);
  }
  if (operation->body == JG_META_BODY_NONE) {
    write_none("Body Parameters :", out);
    return;
  }
  jg_buf_append_str(out, JG_STR("<h3>Body Parameters :</h3>\n"));
  if (operation->body == JG_META_BODY_STATUS) {
    write_status_body(out);
    return;
  }
  write_table(entity, "body-", root, out);
  write_formats(entity, "Request Formats", out);
}

void jg_meta_write_help_page(const struct jg_meta_operation *operation, struct jg_str root, struct jg_buf *out) {
  const struct jg_entity *entity = operation->entity;
  struct jg_buf title;
  jg_buf_init(&title, 256);
  jg_buf_printf(&title, "%s api/%s", operation->method, operation->path);
  open_page(jg_buf_str(&title), root, out);
  jg_buf_done(&title);
  jg_buf_append_str(out, JG_STR("<p>"));
  jg_meta_escape(jg_str_from_cstr(operation->summary), out);
  jg_buf_append_str(out, JG_STR("</p>\n"));
  write_request(operation, root, out);
  jg_buf_append_str(out, JG_STR("<h2>Response Information</h2>\n"));
  if (operation->answer == JG_META_ANSWER_NUMBER) {
    jg_buf_append_str(out, JG_STR("<h3>Resource Description :</h3>\n<p>integer</p>\n<h3>Response Formats</h3>\n"
                                  "<h4>text/plain</h4>\n<pre><code>1</code></pre>\n"));
  } else if (operation->answer == JG_META_ANSWER_STREAM) {
    jg_meta_write_stream_answer(out);
  } else if (operation->answer != JG_META_ANSWER_NONE) {
    jg_buf_append_str(out, JG_STR("<h3>Resource Description :</h3>\n<p>IHttpActionResult</p>\n"));
    write_table(entity, "", root, out);
    write_formats(entity, "Response Formats", out);
  } else {
    write_none("Resource Description :", out);
  }
  close_page(root, out);
}

void jg_meta_write_help_type(const struct jg_entity *entity, struct jg_str root, struct jg_buf *out) {
  open_page(entity->name, root, out);
  jg_buf_append_str(out, JG_STR("<p>"));
  jg_meta_escape(jg_meta_doc(entity->doc), out);
  jg_buf_append_str(out, JG_STR("</p>\n"));
  write_table(entity, "", root, out);
  write_formats(entity, "Sample", out);
  close_page(root, out);
}

/* The operations of one set, from the first one on. Returns the index behind them. */
static size_t write_set(const struct jg_meta_api *api, size_t first, struct jg_str root, struct jg_buf *out) {
  const struct jg_entity *entity = api->operations[first].entity;
  struct jg_str set = entity->entity_set;
  jg_buf_printf(out,
                "<h2 id=\"%.*s\">%.*s</h2>\n<table>\n<thead><tr><th scope=\"col\">API</th>"
                "<th scope=\"col\">Description</th></tr></thead>\n<tbody>\n",
                JG_STR_ARG(set), JG_STR_ARG(set));
  size_t i = first;
  for (; i < api->count && api->operations[i].entity == entity; i++) {
    const struct jg_meta_operation *operation = &api->operations[i];
    jg_buf_printf(out, "<tr><th scope=\"row\"><a href=\"%.*s/Help/Api/%s\">%s api/%s</a></th><td>", JG_STR_ARG(root),
                  operation->page, operation->method, operation->path);
    jg_meta_escape(jg_str_from_cstr(operation->summary), out);
    jg_buf_append_str(out, JG_STR("</td></tr>\n"));
  }
  jg_buf_append_str(out, JG_STR("</tbody>\n</table>\n"));
  return i;
}

void jg_meta_write_help_index(const struct jg_meta_api *api, struct jg_str root, struct jg_buf *out) {
  open_page(JG_STR("Help"), root, out);
  for (size_t i = 0; i < api->count;) {
    i = write_set(api, i, root, out);
  }
  jg_buf_printf(out, "<h2 id=\"filters\">Filters</h2>\n<p>$filter is an expression of OData 4.0. %s</p>\n",
                jg_meta_nulls);
  jg_buf_append_str(out, JG_STR("<h2 id=\"types\">Types</h2>\n<ul>\n"));
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity(kind);
    if (jg_meta_is_type(entity)) {
      jg_buf_printf(out, "<li><a href=\"%.*s/Help/ResourceModel/%.*s\">%.*s</a></li>\n", JG_STR_ARG(root),
                    JG_STR_ARG(entity->name), JG_STR_ARG(entity->name));
    }
  }
  jg_buf_append_str(out, JG_STR("</ul>\n"));
  close_page(root, out);
}
