// JSON as the documents need it: appended piece by piece, commas where they belong.

#include "bridge/meta/meta_internal.h"
#include "proto/codec/json_encode.h"

static void separate(struct jg_buf *out) {
  char last = '{';
  if (out->len != 0) {
    last = out->data[out->len - 1];
  }
  if (last != '{' && last != '[' && last != ':') {
    jg_buf_append_char(out, ',');
  }
}

void jg_meta_json_string(struct jg_str text, struct jg_buf *out) {
  separate(out);
  jg_json_encode_string(JG_JSON_ESCAPE_JSON, text, out);
}

void jg_meta_json_key(struct jg_str key, struct jg_buf *out) {
  jg_meta_json_string(key, out);
  jg_buf_append_char(out, ':');
}

void jg_meta_json_text(const char *key, const char *value, struct jg_buf *out) {
  jg_meta_json_key(jg_str_from_cstr(key), out);
  jg_meta_json_string(jg_str_from_cstr(value), out);
}

void jg_meta_json_raw(const char *key, const char *json, struct jg_buf *out) {
  jg_meta_json_key(jg_str_from_cstr(key), out);
  jg_buf_append_str(out, jg_str_from_cstr(json));
}

void jg_meta_json_reference(const char *folder, const char *prefix, struct jg_str name, struct jg_buf *out) {
  jg_meta_json_key(JG_STR("$ref"), out);
  jg_buf_printf(out, "\"#/components/%s/%s%.*s\"", folder, prefix, JG_STR_ARG(name));
}

void jg_meta_json_open(struct jg_buf *out) {
  separate(out);
  jg_buf_append_char(out, '{');
}

void jg_meta_json_open_under(struct jg_str key, struct jg_buf *out) {
  jg_meta_json_key(key, out);
  jg_buf_append_char(out, '{');
}
