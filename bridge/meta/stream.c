// The stream of changes as the documents tell of it: what a request may say, and what comes (bridge/rest/CHANGES.md).

#include "bridge/meta/meta_internal.h"

static const struct {
  const char *name, *type, *description, *rules; /* in the words of help pages */
  const char *schema;                            /* of OpenAPI */
  bool header;                                   /* not in the query */
} parameters[] = {
    {"now", "boolean", "Begin with what changes from now on",
     "Of now, snapshot, resume_token and since one; now is the default", "{\"type\":\"boolean\"}", false},
    {"snapshot", "boolean", "Begin with all jobs that match, then what changes", "", "{\"type\":\"boolean\"}", false},
    {"resume_token", "string", "Go on behind this token, which a stream or an @odata.deltaLink brought", "",
     "{\"type\":\"string\"}", false},
    {"since", "date", "Begin with what changed from this time on", "", "{\"type\":\"string\",\"format\":\"date-time\"}",
     false},
    {"Last-Event-ID", "string",
     "The header that EventSource sends when it reconnects: a token, which beats the options above", "",
     "{\"type\":\"string\"}", true},
    {"$filter", "string", "Which jobs: an expression of OData 4.0", "Members that a job itself holds, no paths",
     "{\"type\":\"string\"}", false},
    {"view", "string", "full: jobs come with their embedded entities",
     "basic (the default) or full; not beside $select and $expand",
     "{\"type\":\"string\",\"enum\":[\"basic\",\"full\"],\"default\":\"basic\"}", false},
    {"$select", "string", "Names of members between commas: these alone, and the id", "No paths",
     "{\"type\":\"string\"}", false},
    {"$expand", "string", "Names of embedded entities between commas: these too, whole", "No options in parentheses",
     "{\"type\":\"string\"}", false},
    {"heartbeat", "decimal number", "Seconds between bookmarks while nothing happens", "5 to 300; 15 is the default",
     "{\"type\":\"number\",\"minimum\":5,\"maximum\":300,\"default\":15}", false},
    {"entity_changes", "boolean", "Tell also of changed entities that jobs embed", "", "{\"type\":\"boolean\"}", false},
    {"coalesce", "decimal number", "Seconds: changes of one job within them come as one", "Up to 60",
     "{\"type\":\"number\",\"minimum\":0,\"maximum\":60}", false},
    {"snapshot_on_reset", "boolean", "Where the history behind the token is lost: reset and a snapshot instead of 410",
     "", "{\"type\":\"boolean\"}", false},
};

static const struct {
  const char *name, *members, *description;
} events[] = {
    {"opened", "stream_id, heartbeat_ms, epoch, revision", "The stream has begun"},
    {"snapshot", "jobs", "Some of the jobs that there are"},
    {"synced", "revision", "The jobs of the snapshot and the changes so far are the state at this revision"},
    {"changes", "changes",
     "Each has revision, kind (CREATED, UPDATED, DELETED, ENTERED, LEFT), commit_time, transaction_last, "
     "changed_fields, and job or "
     "entity_kind and entity; before and traceparent where there are any"},
    {"bookmark", "revision, time", "Everything up to this revision was sent"},
    {"reset", "reason, oldest_revision, newest_revision", "Forget what you have, a snapshot follows"},
    {"drain", "retry_delay_ms", "The server ends the stream: go on with the token, elsewhere or later"},
    {"error", "status, reason, error", "The stream ends"},
};

static const char event_sample[] =
    "event: bookmark\nid: AgAB\ndata: {\"event\":\"bookmark\",\"revision\":7,"
    "\"time\":\"2026-01-29T07:13:40.7184075+00:00\",\"resume_token\":\"AgAB\"}\n\n";
static const char line_sample[] =
    "{\"event\":\"bookmark\",\"revision\":7,\"time\":\"2026-01-29T07:13:40.7184075+00:00\",\"resume_token\":\"AgAB\"}"
    "\n";

/* ---- help pages ---- */

void jg_meta_write_stream_rows(struct jg_buf *out) {
  for (size_t i = 0; i < JG_COUNT(parameters); i++) {
    jg_buf_printf(out, "<tr id=\"uri-%s\"><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n",
                  parameters[i].name, parameters[i].name, parameters[i].description, parameters[i].type,
                  parameters[i].rules);
  }
}

void jg_meta_write_stream_answer(struct jg_buf *out) {
  jg_buf_append_str(
      out, JG_STR("<h3>Resource Description :</h3>\n<p>One document an event, in both formats: its event, what stands "
                  "here, and the resume_token behind which a client goes on. The answer does not end.</p>\n"
                  "<table>\n<caption>Events</caption>\n<thead><tr><th scope=\"col\">Event</th>"
                  "<th scope=\"col\">Members</th><th scope=\"col\">Description</th></tr></thead>\n<tbody>\n"));
  for (size_t i = 0; i < JG_COUNT(events); i++) {
    jg_buf_printf(out, "<tr id=\"%s\"><th scope=\"row\">%s</th><td>%s</td><td>%s</td></tr>\n", events[i].name,
                  events[i].name, events[i].members, events[i].description);
  }
  jg_buf_printf(
      out,
      "</tbody>\n</table>\n<h3>Response Formats</h3>\n<h4>text/event-stream</h4>\n<pre><code>%s</code></pre>\n"
      "<h4>application/x-ndjson</h4>\n<pre><code>%s</code></pre>\n",
      event_sample, line_sample);
}

/* ---- OpenAPI ---- */

void jg_meta_write_stream_parameters(struct jg_buf *out) {
  for (size_t i = 0; i < JG_COUNT(parameters); i++) {
    struct jg_buf text;
    jg_buf_init(&text, 1024);
    jg_buf_printf(&text, "%s.%s%s%s", parameters[i].description, parameters[i].rules[0] != '\0' ? " " : "",
                  parameters[i].rules, parameters[i].rules[0] != '\0' ? "." : "");
    jg_buf_append_char(&text, '\0');
    JG_ASSERT(!text.failed);
    jg_meta_json_open(out);
    jg_meta_json_text("name", parameters[i].name, out);
    jg_meta_json_text("in", parameters[i].header ? "header" : "query", out);
    jg_meta_json_text("description", text.data, out);
    jg_meta_json_raw("schema", parameters[i].schema, out);
    jg_buf_append_char(out, '}');
    jg_buf_done(&text);
  }
}

void jg_meta_write_stream_content(struct jg_buf *out) {
  jg_meta_json_text(
      "description",
      "The stream, which does not end: a document of the schema change_event for each event. Errors before "
      "the first one are ordinary answers.",
      out);
  jg_meta_json_raw(
      "content",
      "{\"text/event-stream\":{\"schema\":{\"type\":\"string\",\"description\":\"Events whose data is a "
      "change_event, whose event is that of the document, and whose id is the resume_token.\"}},"
      "\"application/x-ndjson\":{\"schema\":{\"type\":\"string\",\"description\":\"A change_event a line.\"}}}",
      out);
}

void jg_meta_write_stream_schemas(struct jg_buf *out) {
  jg_meta_json_raw(
      "change",
      "{\"type\":\"object\",\"required\":[\"revision\",\"kind\",\"commit_time\",\"transaction_last\",\"changed_"
      "fields\"],"
      "\"properties\":{\"revision\":{\"type\":\"integer\",\"format\":\"int64\"},"
      "\"kind\":{\"type\":\"string\",\"enum\":[\"CREATED\",\"UPDATED\",\"DELETED\",\"ENTERED\",\"LEFT\"]},"
      "\"commit_time\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"transaction_last\":{\"type\":\"boolean\",\"description\":\"The last one of its request.\"},"
      "\"job\":{\"$ref\":\"#/components/schemas/jobs\"},\"entity_kind\":{\"type\":\"string\"},"
      "\"entity\":{\"type\":\"object\"},\"changed_fields\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"before\":{\"type\":\"object\",\"description\":\"Old values of the members that the filter reads.\"},"
      "\"traceparent\":{\"type\":\"string\"}}}",
      out);
  jg_meta_json_open_under(JG_STR("change_event"), out);
  jg_buf_append_str(out, JG_STR("\"type\":\"object\",\"required\":[\"event\"],\"properties\":{"));
  jg_meta_json_open_under(JG_STR("event"), out);
  jg_meta_json_text("type", "string", out);
  jg_meta_json_raw("enum", "[", out);
  for (size_t i = 0; i < JG_COUNT(events); i++) {
    jg_meta_json_string(jg_str_from_cstr(events[i].name), out);
  }
  jg_buf_append_str(
      out,
      JG_STR(
          "]},\"resume_token\":{\"type\":\"string\"},\"stream_id\":{\"type\":\"string\"},"
          "\"heartbeat_ms\":{\"type\":\"integer\"},\"epoch\":{\"type\":\"string\"},"
          "\"revision\":{\"type\":\"integer\",\"format\":\"int64\"},"
          "\"jobs\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/jobs\"}},"
          "\"changes\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/change\"}},"
          "\"time\":{\"type\":\"string\",\"format\":\"date-time\"},\"reason\":{\"type\":\"string\"},"
          "\"oldest_revision\":{\"type\":\"integer\",\"format\":\"int64\"},"
          "\"newest_revision\":{\"type\":\"integer\",\"format\":\"int64\"},"
          "\"retry_delay_ms\":{\"type\":\"integer\"},\"status\":{\"type\":\"integer\"},\"error\":{\"type\":\"object\","
          "\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}}}"));
}
