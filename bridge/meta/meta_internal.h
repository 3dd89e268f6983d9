/* For the .c files and tests of bridge/meta alone. */
#ifndef JG_BRIDGE_META_META_INTERNAL_H
#define JG_BRIDGE_META_META_INTERNAL_H

#include "bridge/meta/meta.h"

enum jg_meta_body {
  JG_META_BODY_NONE,
  JG_META_BODY_NEW,     /* an entity of the set */
  JG_META_BODY_CHANGED, /* some members of it */
  JG_META_BODY_STATUS   /* jg_meta_status_body */
};
enum jg_meta_answer {
  JG_META_ANSWER_NONE,
  JG_META_ANSWER_ONE,
  JG_META_ANSWER_MANY, /* the help page shows one, as the pages of old do */
  JG_META_ANSWER_NUMBER,
  JG_META_ANSWER_STREAM /* stream.c */
};

/* One route and method of the API, as help pages and OpenAPI tell of it. */
struct jg_meta_operation {
  const struct jg_entity *entity; /* of the set */
  const char *method;             /* "GET" */
  char page[64];                  /* of its help page: "GET-api-Jobs(id)" */
  char path[64];                  /* below the API's root: "Jobs({id})" */
  char summary[128];              /* without a full stop */
  bool key;                       /* the id in the path */
  enum jg_meta_body body;
  enum jg_meta_answer answer;
  /* HTTP statuses that it gives, but for those of every request (jg_meta_common_statuses). 0 ends both. */
  const int *statuses;
};

#define JG_META_OPERATIONS_MAX 128
/* Sets one after the other. Freed by jg_free. */
struct jg_meta_api {
  size_t count;
  struct jg_meta_operation operations[JG_META_OPERATIONS_MAX];
};
/* Its set takes no writes. */
bool jg_meta_is_read_only(const struct jg_entity *entity);
struct jg_meta_api *jg_meta_api_create(const enum jg_kind *sets, size_t set_count);
/* Of every request. */
extern const int jg_meta_common_statuses[];

/* The body of ChangeToVirtualStatus, which is no entity: in the words of the help page. */
struct jg_meta_parameter {
  const char *name, *type, *description, *rules;
};
#define JG_META_STATUS_BODY_COUNT 3
extern const struct jg_meta_parameter jg_meta_status_body[JG_META_STATUS_BODY_COUNT];

/* An entity without an id is a value: a complex type. */
static inline bool jg_meta_is_value(const struct jg_entity *entity) {
  return entity->id_member == JG_NO_INDEX;
}
/* A type of its own in the documents: a ParentJob goes as the jobs that it is. */
static inline bool jg_meta_is_type(const struct jg_entity *entity) {
  return entity != NULL && entity->kind != JG_KIND_PARENT_JOB;
}
/* The comment of the .proto file without the full stop that was added there. */
struct jg_str jg_meta_doc(struct jg_str doc);
/* Text for XML and HTML, attribute values too. */
void jg_meta_escape(struct jg_str text, struct jg_buf *out);

void jg_meta_write_csdl(const enum jg_kind *sets, size_t set_count, struct jg_buf *out);

/* How filters take nulls, in words that need no escapes in HTML and JSON texts. */
extern const char jg_meta_nulls[];

/* root: the path in front of /Help and /api; escaped already. */
void jg_meta_write_help_index(const struct jg_meta_api *api, struct jg_str root, struct jg_buf *out);
void jg_meta_write_help_page(const struct jg_meta_operation *operation, struct jg_str root, struct jg_buf *out);
void jg_meta_write_help_type(const struct jg_entity *entity, struct jg_str root, struct jg_buf *out);
/* The object that the help-page generator of old makes of a type: two spaces an indent, no newline at the end. */
void jg_meta_write_sample(const struct jg_entity *entity, struct jg_buf *out);

/* url: of the API's root. */
void jg_meta_write_openapi(const struct jg_meta_api *api, struct jg_str url, struct jg_buf *out);
/* Prefix of the schemas of what is sent: as those of answers, but for null. */
#define JG_META_GIVEN "given_"
/* openapi_parts.c: the document's "components". */
void jg_meta_write_components(const struct jg_meta_api *api, struct jg_buf *out);
/* openapi_parts.c: name of the response of an error; NULL: the status is none. */
const char *jg_meta_error_name(int status);

/* stream.c: the stream of changes. Rows of a help page's table of parameters, and what stands below "Response Information". */
void jg_meta_write_stream_rows(struct jg_buf *out);
void jg_meta_write_stream_answer(struct jg_buf *out);
/* Items of "parameters"; members of the response, and of "schemas". */
void jg_meta_write_stream_parameters(struct jg_buf *out);
void jg_meta_write_stream_content(struct jg_buf *out);
void jg_meta_write_stream_schemas(struct jg_buf *out);

/* json.c: appends JSON; a comma goes in front unless an object or a list has just begun. */
void jg_meta_json_string(struct jg_str text, struct jg_buf *out);
void jg_meta_json_key(struct jg_str key, struct jg_buf *out);
void jg_meta_json_text(const char *key, const char *value, struct jg_buf *out);
void jg_meta_json_raw(const char *key, const char *json, struct jg_buf *out);
/* {"$ref":"#/components/<folder>/<prefix><name>"} without its braces. */
void jg_meta_json_reference(const char *folder, const char *prefix, struct jg_str name, struct jg_buf *out);
void jg_meta_json_open(struct jg_buf *out);                          /* an object of a list */
void jg_meta_json_open_under(struct jg_str key, struct jg_buf *out); /* an object behind its key */

#endif
