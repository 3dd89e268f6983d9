// The documents, made once and kept in each coding.

#include "bridge/meta/meta.h"

#include "bridge/meta/meta_internal.h"

/* Pages of operations and types, and four more. */
#define DOCUMENTS_MAX (JG_META_OPERATIONS_MAX + JG_KIND_COUNT + 4u)
#define DOCUMENT_BYTES_MAX (4u << 20)

#define CSDL_TYPE JG_STR("application/xml; charset=utf-8")
#define HTML_TYPE JG_STR("text/html; charset=utf-8")
#define OPENAPI_TYPE JG_STR("application/json; charset=utf-8")

struct jg_meta {
  struct jg_meta_document documents[DOCUMENTS_MAX];
  size_t count;
  struct jg_buf service; /* what stands behind the base in the service document */
};

/* "/path" of "https://host/path"; empty if there is none. */
static struct jg_str path_of(struct jg_str url) {
  size_t scheme = jg_str_find(url, ':', 0);
  size_t slash = scheme != SIZE_MAX ? jg_str_find(url, '/', scheme + 3) : SIZE_MAX;
  return slash != SIZE_MAX ? jg_str_sub(url, slash, url.len) : JG_STR("");
}

/* Takes what is in the buffer and clears it. */
static void add(struct jg_meta *meta, const char *folder, struct jg_str name, struct jg_str content_type,
                struct jg_buf *text) {
  JG_ASSERT(meta->count < DOCUMENTS_MAX && !text->failed);
  struct jg_meta_document *document = &meta->documents[meta->count++];
  struct jg_buf out;
  jg_buf_init(&out, DOCUMENT_BYTES_MAX);
  jg_buf_printf(&out, "%s%.*s", folder, JG_STR_ARG(name));
  document->path = jg_buf_str(&out);  // The document's from here on.
  document->content_type = content_type;
  document->forms[JG_CODING_IDENTITY] = jg_bytes_create(jg_buf_str(text));
  // A hundred pages for people, each seldom read: the best effort for all of them would double the time that a start takes.
  enum jg_coding_effort effort = jg_str_equal(content_type, HTML_TYPE) ? JG_CODING_FAST : JG_CODING_BEST;
  for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
    jg_buf_init(&out, DOCUMENT_BYTES_MAX);
    jg_coding_compress(coding, effort, jg_buf_str(text), &out);
    JG_ASSERT(!out.failed);
    document->forms[coding] = jg_bytes_create(jg_buf_str(&out));
    jg_buf_done(&out);
  }
  jg_buf_clear(text);
}

static void add_help(struct jg_meta *meta, const struct jg_meta_api *api, struct jg_str root, struct jg_buf *text) {
  jg_meta_write_help_index(api, root, text);
  add(meta, "/Help", JG_STR(""), HTML_TYPE, text);
  for (size_t i = 0; i < api->count; i++) {
    const struct jg_meta_operation *operation = &api->operations[i];
    jg_meta_write_help_page(operation, root, text);
    add(meta, "/Help/Api/", jg_str_from_cstr(operation->page), HTML_TYPE, text);
  }
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity(kind);
    if (jg_meta_is_type(entity)) {
      jg_meta_write_help_type(entity, root, text);
      add(meta, "/Help/ResourceModel/", entity->name, HTML_TYPE, text);
    }
  }
}

static void add_openapi(struct jg_meta *meta, const struct jg_meta_api *api, struct jg_str public_url,
                        struct jg_buf *text) {
  struct jg_buf url;
  jg_buf_init(&url, 4096);
  jg_buf_printf(&url, "%.*s/api", JG_STR_ARG(public_url));
  JG_ASSERT(!url.failed);
  jg_meta_write_openapi(api, jg_buf_str(&url), text);
  jg_buf_done(&url);
  add(meta, "/openapi.json", JG_STR(""), OPENAPI_TYPE, text);
}

static void write_sets(const struct jg_meta_options *options, struct jg_buf *out) {
  jg_buf_append_str(out, JG_STR("/$metadata\",\"value\":["));
  for (size_t i = 0; i < options->set_count; i++) {
    struct jg_str set = jg_entity(options->sets[i])->entity_set;
    jg_buf_printf(out, "%s{\"name\":\"%.*s\",\"kind\":\"EntitySet\",\"url\":\"%.*s\"}", i != 0 ? "," : "",
                  JG_STR_ARG(set), JG_STR_ARG(set));
  }
  jg_buf_append_str(out, JG_STR("]}"));
  JG_ASSERT(!out->failed);
}

struct jg_meta *jg_meta_create(const struct jg_meta_options *options) {
  JG_ASSERT(options->sets != NULL && options->set_count != 0);
  struct jg_meta *meta = jg_alloc_zero(1, sizeof(*meta));
  struct jg_meta_api *api = jg_meta_api_create(options->sets, options->set_count);
  struct jg_buf text;
  jg_buf_init(&text, DOCUMENT_BYTES_MAX);
  jg_meta_write_csdl(options->sets, options->set_count, &text);
  add(meta, "/api/$metadata", JG_STR(""), CSDL_TYPE, &text);
  add_help(meta, api, path_of(options->public_url), &text);
  add_openapi(meta, api, options->public_url, &text);
  jg_buf_done(&text);
  jg_free(api);
  jg_buf_init(&meta->service, DOCUMENT_BYTES_MAX);
  write_sets(options, &meta->service);
  return meta;
}

void jg_meta_destroy(struct jg_meta *meta) {
  if (meta == NULL) {
    return;
  }
  for (size_t i = 0; i < meta->count; i++) {
    for (enum jg_coding coding = JG_CODING_IDENTITY; coding < JG_CODING_COUNT; coding++) {
      jg_bytes_unref(meta->documents[i].forms[coding]);
    }
    jg_free((void *)meta->documents[i].path.data);
  }
  jg_buf_done(&meta->service);
  jg_free(meta);
}

const struct jg_meta_document *jg_meta_find(const struct jg_meta *meta, struct jg_str path) {
  if (path.len > 1 && path.data[path.len - 1] == '/') {
    path.len--;
  }
  for (size_t i = 0; i < meta->count; i++) {
    if (jg_str_equal_nocase(meta->documents[i].path, path)) {
      return &meta->documents[i];
    }
  }
  return NULL;
}

void jg_meta_write_service(const struct jg_meta *meta, struct jg_str base, struct jg_buf *out) {
  jg_buf_append_str(out, JG_STR("{\"@odata.context\":\""));
  jg_buf_append_str(out, base);
  jg_buf_append_str(out, jg_buf_str(&meta->service));
}
