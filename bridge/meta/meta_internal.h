/* For the .c files and tests of bridge/meta alone. */
#ifndef JG_BRIDGE_META_META_INTERNAL_H
#define JG_BRIDGE_META_META_INTERNAL_H

#include "bridge/meta/meta.h"

/* One route and method of the API, as help pages and OpenAPI tell of it. */
struct jg_meta_operation {
  const char *page;    /* of its help page: "GET-api-Jobs(id)" */
  const char *method;  /* "GET" */
  const char *path;    /* below the API's root: "Jobs({id})" */
  const char *summary; /* without a full stop */
  bool key;            /* the id in the path */
  bool body;           /* takes a job */
  bool list;           /* answers many; the help page shows one, as the pages of old do */
  bool answer;         /* answers with a job */
  /* HTTP statuses that it gives, but for those of every request (jg_meta_common_statuses). 0 ends both. */
  int statuses[12];
};

#define JG_META_OPERATION_COUNT 6
extern const struct jg_meta_operation jg_meta_operations[JG_META_OPERATION_COUNT];
/* Of every request. */
extern const int jg_meta_common_statuses[];

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

/* root: the path in front of /Help and /api; escaped already. */
void jg_meta_write_help_index(struct jg_str root, struct jg_buf *out);
void jg_meta_write_help_page(const struct jg_meta_operation *operation, struct jg_str root, struct jg_buf *out);
void jg_meta_write_help_type(const struct jg_entity *entity, struct jg_str root, struct jg_buf *out);
/* The object that the help-page generator of old makes of a type: two spaces an indent, no newline at the end. */
void jg_meta_write_sample(const struct jg_entity *entity, struct jg_buf *out);

/* api: URL of the API's root. */
void jg_meta_write_openapi(struct jg_str api, struct jg_buf *out);

#endif
